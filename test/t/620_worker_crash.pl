# Crashes in the middle of anything: what is one transaction happens exactly
# once, whatever is killed and whenever.  TEST_SEED repeats a sequence of kills.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use WorkerServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{TEST_SEED} || int(time * 1000) % 1_000_000;
srand($seed);
diag("seed $seed");
my $kills = ($ENV{TEST_LONG} // '') eq 'on' ? 250 : 50;

# Each kill ends all that runs, and each loss of a run doubles its wait: unbounded,
# the tenth in a row would wait for a minute.
my $node = server('crash', 'restart_after_crash = on', 'fsync = off', 'log_min_messages = warning', 'customer_data.max_backoff = 5s');
ask($node, q{CREATE TABLE public.effect (run bigint, attempt int, job text, at timestamptz DEFAULT clock_timestamp())});

# The promise: an effect for each success, no effect without, none twice.
sub check_promise
{
	my ($when) = @_;
	is(ask($node, q{SELECT count(*) FROM (SELECT run FROM public.effect WHERE job <> 'steps' GROUP BY run HAVING count(*) > 1) t}), '0', "$when: nothing happened twice");
	is(ask($node, q{SELECT count(*) FROM customer_data.job_run r WHERE r.job LIKE 'once%' AND r.status = 'succeeded'
		AND NOT EXISTS (SELECT FROM public.effect e WHERE e.run = r.run_id AND e.attempt = r.attempt)}), '0', "$when: each success has its effect");
	is(ask($node, q{SELECT count(*) FROM public.effect e WHERE job LIKE 'once%' AND NOT EXISTS (SELECT FROM customer_data.job_run r WHERE r.run_id = e.run AND r.attempt = e.attempt AND r.status = 'succeeded')}), '0', "$when: each effect has its success");
	is(ask($node, q{SELECT count(*) FROM (SELECT job, due_at FROM customer_data.job_run WHERE status = 'succeeded' GROUP BY 1, 2 HAVING count(*) > 1) t}), '0', "$when: no due moment succeeded twice");
}
sub next_success
{
	my ($job, $seconds) = @_;
	my $last = ask($node, "SELECT coalesce(max(started_at), '-infinity') FROM customer_data.job_run WHERE job = '$job' AND status = 'succeeded'");
	return wait_for($node, "SELECT count(*) > 0 FROM customer_data.job_run WHERE job = '$job' AND status = 'succeeded' AND started_at > '$last'", $seconds || 30);
}

# The middle of a run: its statement sleeps.
sub asleep
{
	my ($job) = @_;
	return wait_for($node, "SELECT count(*) = 1 FROM customer_data.worker JOIN pg_stat_activity USING (pid) WHERE job = '$job' AND worker.state = 'running' AND wait_event = 'PgSleep'", 30);
}

# --- kill -9 of a worker in the middle of a run ---------------------------------
my $effect = q{INSERT INTO public.effect SELECT customer_data.run_id(), customer_data.run_attempt(), '%s'};
ask($node, sprintf(q{SELECT customer_data.schedule('once long', '@yearly', $$%s; SELECT pg_sleep(CASE customer_data.run_attempt() WHEN 1 THEN 30 ELSE 0 END)$$, backoff => '1 second')}, sprintf($effect, 'once long')));
my $run = ask($node, q{SELECT run_id FROM customer_data.run_job('once long')});
ok(defined asleep('once long'), 'a run sleeps');
kill 'KILL', pids($node, 'job');
ok(defined wait_for($node, "SELECT count(*) = 1 FROM customer_data.job_run WHERE run_id = $run AND status = 'lost'", 30), 'a killed worker: its attempt is written as lost');
ok(defined wait_for($node, "SELECT count(*) = 1 FROM customer_data.job_run WHERE run_id = $run AND attempt = 2 AND status = 'succeeded'", 30), 'and the run is tried again under its number');
check_promise('after the kill of a worker');
like(ask($node, "SELECT error FROM customer_data.job_run WHERE run_id = $run AND attempt = 1"), qr/the process or the server ended during the run/, 'the record says why');

# an attempt that takes the server down each time is parked in the end
ask($node, sprintf(q{SELECT customer_data.schedule('once deadly', '@yearly', $$%s; SELECT pg_sleep(600)$$, max_retries => 2, backoff => '200 ms')}, sprintf($effect, 'once deadly')));
ask($node, q{SELECT customer_data.run_job('once deadly')});
for (1 .. 3)
{
	ok(defined wait_for($node, q{SELECT count(*) = 1 FROM customer_data.worker WHERE job = 'once deadly' AND state = 'running'}, 30), "the deadly job runs ($_)");
	kill 'KILL', pids($node, 'job');
	# the next attempt may run before this is asked
	ok(defined wait_for($node, "SELECT count(*) = $_ FROM customer_data.job_run WHERE job = 'once deadly' AND status = 'lost'", 30), "and is lost ($_)");
}
ok(defined wait_for($node, q{SELECT parked AND consecutive_failures = 3 FROM customer_data.job WHERE name = 'once deadly'}, 30), 'each crash counts, and it is parked');
ask($node, q{SELECT customer_data.unschedule('once deadly')});

# --- terminate: a run that is ended politely is tried again too ------------------
$run = ask($node, q{SELECT run_id FROM customer_data.run_job('once long')});
ok(defined asleep('once long'), 'a run sleeps');
kill 'TERM', pids($node, 'job');
ok(defined wait_for($node, "SELECT count(*) = 1 FROM customer_data.job_run WHERE run_id = $run AND attempt = 2 AND status = 'succeeded'", 30), 'a terminated worker: tried again');
like(ask($node, "SELECT error FROM customer_data.job_run WHERE run_id = $run AND attempt = 1"), qr/administrator command/, 'with the reason');

# --- the server restarts in the middle of a run ----------------------------------
ask($node, q{SELECT customer_data.schedule('at boot', '@reboot', 'SELECT 1'), customer_data.schedule('once tick', '1 second', 'SELECT 1'), customer_data.schedule('forgets', '1 second', 'SELECT 1', catch_up => false)});
ok(defined next_success('once tick'), 'ticking') ;
ask($node, q{SELECT customer_data.pause('once tick')});
ask($node, sprintf(q{SELECT customer_data.schedule('once tick', '1 second', '%s')}, sprintf($effect =~ s/'/''/gr, 'once tick')));
ask($node, q{DELETE FROM customer_data.job_run_entry WHERE job_name = 'once tick'});
ok(defined next_success('once tick'), 'ticking with effect');
$run = ask($node, q{SELECT run_id FROM customer_data.run_job('once long')});
ok(defined asleep('once long'), 'a run sleeps');
$node->stop('fast');
my $stopped = time;
sleep 3;
$node->start;
ok(defined wait_for($node, "SELECT count(*) = 1 FROM customer_data.job_run WHERE run_id = $run AND attempt = 2 AND status = 'succeeded'", 30), 'a restart in the middle of a run: tried again');
ok(defined next_success('once tick'), 'the next run is on time after a restart');
cmp_ok(ask($node, q{SELECT max(missed) FROM customer_data.job_run WHERE job = 'once tick'}), '>=', 2, 'what was missed became one run');
is(ask($node, qq{SELECT count(*) FROM customer_data.job_run WHERE job = 'forgets'
	AND due_at > to_timestamp($stopped) AND due_at - missed * interval '1 second' < pg_postmaster_start_time()}), '0', 'or nothing, with catch_up => false');
ok(defined wait_for($node, q{SELECT count(*) = 1 FROM customer_data.job_run WHERE job = 'at boot' AND status = 'succeeded'}), '@reboot ran once');
ask($node, q{SELECT customer_data.unschedule('forgets')});
check_promise('after a restart');

# --- kill -9 of the postmaster -----------------------------------------------------
$run = ask($node, q{SELECT run_id FROM customer_data.run_job('once long')});
ok(defined asleep('once long'), 'a run sleeps');
$node->kill9;
ok(revive($node), 'the server starts again');
ok(defined wait_for($node, "SELECT count(*) = 1 FROM customer_data.job_run WHERE run_id = $run AND attempt = 2 AND status = 'succeeded'", 30), 'kill -9 of the postmaster: the run is tried again');
ok(defined next_success('once tick'), 'and the ticks go on');
ok(defined wait_for($node, q{SELECT count(*) = 2 FROM customer_data.job_run WHERE job = 'at boot' AND status = 'succeeded'}), '@reboot ran once more');
check_promise('after the kill of the postmaster');

# --- kills at random points ----------------------------------------------------------
ask($node, q{CREATE PROCEDURE public.steps() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 5 LOOP
		CONTINUE WHEN EXISTS (SELECT FROM public.effect e WHERE e.run = customer_data.run_id() AND e.attempt = i AND e.job = 'steps');
		INSERT INTO public.effect VALUES (customer_data.run_id(), i, 'steps');
		PERFORM pg_sleep(0.05);
		COMMIT;
	END LOOP;
END $$});
ask($node, sprintf(q{SELECT customer_data.schedule('once ' || i, '1 second', $$%s; SELECT pg_sleep(random() * 0.6)$$, max_retries => NULL, backoff => '100 ms') FROM generate_series(1, 4) i}, sprintf($effect, 'once')));
ask($node, q{SELECT customer_data.schedule('steps', '1 second', 'CALL public.steps()', max_retries => NULL, backoff => '100 ms')});
# so many kills in a row may meet one run that none may be the last attempt
ask($node, q{SELECT customer_data.alter_job(name, unset => '{max_retries}', backoff => '100 ms') FROM unnest('{once tick,at boot,once long}'::text[]) name});
# the short phases made longer, so that kills land in them too
ask($node, q{CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_catalog.pg_sleep(random() * 0.1); RETURN new; END$$;
	CREATE TRIGGER dawdle BEFORE INSERT OR UPDATE ON customer_data.job_run_entry FOR EACH ROW EXECUTE FUNCTION public.dawdle();
	CREATE TRIGGER dawdle_after AFTER INSERT OR UPDATE ON customer_data.job_run_entry FOR EACH ROW EXECUTE FUNCTION public.dawdle()});
my %killed;
my $tries = 0;
my $done = 0;
while ($done < $kills && $tries++ < $kills * 20)
{
	sleep rand(0.35);
	# half the time wait for a particular phase, so that each is met
	my ($rarest) = sort { ($killed{$a} // 0) <=> ($killed{$b} // 0) } 'job taking', 'job running', 'job recording', 'scheduler', 'launcher';
	my $wanted = rand() < 0.6 ? $rarest : 'any';
	my $out;
	for (1 .. 150)
	{
		$out = try_ask($node, "SELECT pid, kind, state FROM customer_data.worker WHERE pid IS NOT NULL
			AND '$wanted' IN ('any', CASE kind WHEN 'job' THEN 'job ' || state ELSE kind END) ORDER BY random() LIMIT 1");
		last if !defined $out || $out ne '';
		sleep 0.005;
	}
	next unless defined $out && $out ne '';
	my ($pid, $kind, $state) = split /\|/, $out;
	next unless kill 'KILL', $pid;
	$killed{ $kind eq 'job' ? "job $state" : $kind }++;
	$done++;
	# sometimes the postmaster itself
	if ($done % 17 == 0)
	{
		$node->kill9;
		revive($node) or BAIL_OUT('the server does not start');
		$killed{postmaster}++;
	}
	wait_for_end($node, $pid);
}
is($done, $kills, "$kills kills");
diag(join(', ', map { "$_ $killed{$_}" } sort keys %killed));
cmp_ok($killed{$_} // 0, '>=', 2, "kills in the phase: $_") foreach 'job taking', 'job running', 'job recording', 'scheduler', 'launcher';
ask($node, q{DROP TRIGGER dawdle ON customer_data.job_run_entry; DROP TRIGGER dawdle_after ON customer_data.job_run_entry});
ok(defined next_success('once 1', 40), 'after all of them the next run comes');
ok(defined wait_for($node, q{SELECT count(*) = 0 FROM customer_data.job WHERE consecutive_failures > 0}, 60), 'and what was pending has been made up for');
ask($node, q{SELECT customer_data.pause(name) FROM customer_data.job});
ok(defined wait_for($node, q{SELECT count(*) = 0 FROM customer_data.job_run WHERE status = 'running'}, 30), 'nothing is left as running');
check_promise('after random kills');
is(ask($node, q{SELECT count(*) FROM (SELECT r.run_id FROM customer_data.job_run r LEFT JOIN public.effect e ON e.run = r.run_id WHERE r.job = 'steps' AND r.status = 'succeeded' GROUP BY r.run_id HAVING count(DISTINCT e.attempt) <> 5 OR count(*) <> 5 * count(DISTINCT r.attempt)) t}), '0', 'a procedure with steps did each of its steps once per run');
is(ask($node, q{SELECT count(DISTINCT r.run_id) FROM customer_data.job_run r WHERE r.status = 'lost' AND NOT EXISTS (SELECT FROM customer_data.job_run s WHERE s.run_id = r.run_id AND s.status = 'succeeded')
	AND r.job NOT IN ('once deadly')}), '0', 'each lost run succeeded in the end');
diag(ask($node, q{SELECT string_agg(status || ' ' || n, ', ') FROM (SELECT status, count(*) AS n FROM customer_data.job_run GROUP BY 1) t}));

$node->stop;
done_testing();
