# Runs in background workers: on time, once, with their record; overlap,
# timeout, retry and parking, settings on reload, rights, progress, NOTIFY.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use WorkerServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = server('runs');
ask($node, 'CREATE TABLE public.done (run bigint, attempt int, at timestamptz DEFAULT clock_timestamp(), note text)');

# --- on time, each due moment once -----------------------------------------
ask($node, q{SELECT customer_data.schedule('tick', '1 second', $$INSERT INTO public.done SELECT customer_data.run_id(), customer_data.run_attempt(), clock_timestamp(), 'tick'$$)});
ok(defined wait_for($node, q{SELECT count(*) >= 5 FROM customer_data.job_run WHERE job = 'tick' AND status = 'succeeded'}), 'a job runs each second');
# of a machine that stands still for a moment the next five runs are taken
my $on_time = q{FROM (SELECT bool_and(missed = 0) AS each, max(started_at - due_at) AS latest, count(*) AS runs
	FROM (SELECT * FROM customer_data.job_run WHERE job = 'tick' ORDER BY run_id DESC LIMIT 5) l) t WHERE runs = 5};
ok(defined wait_for($node, "SELECT each AND latest < interval '0.5 seconds' $on_time", 60), 'five in a row started within half a second, no due moment among them was missed');
ask($node, q{SELECT customer_data.pause('tick')});
ok(defined wait_for($node, q{SELECT count(*) = 0 FROM customer_data.job_run WHERE job = 'tick' AND status = 'running'}), 'the last one ends');
is(ask($node, q{SELECT count(*) = count(DISTINCT due_at) FROM customer_data.job_run WHERE job = 'tick'}), 't', 'each due moment ran once');
is(ask($node, q{SELECT (SELECT array_agg(run ORDER BY run) FROM public.done) = (SELECT array_agg(run_id ORDER BY run_id) FROM customer_data.job_run WHERE job = 'tick' AND status = 'succeeded')}), 't', 'effects and records agree, and run_id() says which run it is');
is(ask($node, q{SELECT bool_and(rows_changed = 1) FROM customer_data.job_run WHERE job = 'tick'}), 't', 'rows changed are counted');
is(ask($node, q{SELECT why_not_running LIKE 'paused%' AND NOT enabled FROM customer_data.job WHERE name = 'tick'}), 't', 'a paused job says so');

# rows changed inside functions count as well
ask($node, q{CREATE FUNCTION public.fill() RETURNS void LANGUAGE sql AS $$INSERT INTO public.done SELECT 0, 0, now(), 'fill' FROM generate_series(1, 7); UPDATE public.done SET attempt = 1 WHERE note = 'fill'$$});
ask($node, q{SELECT customer_data.schedule('fill', '@yearly', 'SELECT public.fill()')});
is(ask($node, q{SELECT status, rows_changed FROM customer_data.run_job('fill', wait => true)}), 'succeeded|14', 'run_job waits for a worker; rows changed by functions are counted');

# --- overlap -----------------------------------------------------------------
my $holder = hold($node, 1, 2, 3);
ask($node, q{SELECT customer_data.schedule('slow', '1 second', 'SELECT pg_advisory_xact_lock_shared(1)')});
ask($node, q{SELECT customer_data.schedule('queued', '@yearly', 'SELECT pg_advisory_xact_lock_shared(2)', on_overlap => 'queue_one')});
my $due = q{UPDATE customer_data.job_state SET next_run = now() WHERE job_id = (SELECT job_id FROM customer_data.job WHERE name = 'queued'); SELECT customer_data.note_start('-infinity')};
ask($node, $due);
ok(defined wait_for($node, q{SELECT count(*) = 1 FROM customer_data.job_run WHERE job = 'queued' AND status = 'running'}), 'the job that queues runs');
my $seen_due = 0;
for (1 .. 3)
{
	ask($node, $due);
	# the scheduler has taken note of it once the next moment lies ahead again
	$seen_due++ if defined wait_for($node, q{SELECT next_run > now() AND requested_at IS NOT NULL FROM customer_data.job_state WHERE job_id = (SELECT job_id FROM customer_data.job WHERE name = 'queued')});
}
is($seen_due, 3, 'it is due three times while it runs');
is(ask($node, q{SELECT count(*) FROM customer_data.job_run WHERE job = 'queued'}), '1', 'and is not started beside itself');
release($holder, 2);
ok(defined wait_for($node, q{SELECT count(*) = 2 FROM customer_data.job_run WHERE job = 'queued' AND status = 'succeeded'}), 'queue_one: due three times meanwhile, it runs once more');
sleep 2;
is(ask($node, q{SELECT count(*), max(cause) FROM customer_data.job_run WHERE job = 'queued'}), '2|schedule', 'and no more');
is(ask($node, q{SELECT count(*) FROM customer_data.job_run WHERE job = 'queued' AND cause = 'queue'}), '1', 'its cause is the queue');
ok(defined wait_for($node, q{SELECT count(*) = 1 AND bool_and(status = 'running' AND skipped >= 1) FROM customer_data.job_run WHERE job = 'slow'}), 'skip: the moments that passed are counted');
release($holder, 1);
ok(defined wait_for($node, q{SELECT count(*) >= 2 FROM customer_data.job_run WHERE job = 'slow' AND status = 'succeeded'}), 'and a slow job goes on');
ask($node, q{SELECT customer_data.pause('slow')});
is(ask($node, q{SELECT count(*) FROM customer_data.job_run a JOIN customer_data.job_run b ON a.job = 'slow' AND b.job = 'slow' AND b.run_id > a.run_id AND b.started_at < a.finished_at}), '0', 'its runs never overlap');

# by hand and in a worker, one job is never run twice at once
ask($node, q{SELECT customer_data.schedule('alone', '@yearly', 'SELECT pg_advisory_xact_lock_shared(3)')});
ask($node, q{SELECT customer_data.run_job('alone')});
my ($rc, $out, $err) = $node->psql('shop', q{SELECT customer_data.run_job('alone', in_worker => false)});
like($err, qr/job "alone" is running already/, 'not by hand while a worker runs it');
is(ask($node, q{SELECT status FROM customer_data.run_job('alone', wait => true)}), 'not started', 'nor in a second worker');
is(ask($node, q{SELECT why_not_running LIKE 'runs in process %' FROM customer_data.job WHERE name = 'alone'}), 't', 'the view says where it runs');
release($holder, 3);

# --- timeout, retries, parking -----------------------------------------------
my $offset = -s $node->logfile;
ask($node, q{SELECT customer_data.schedule('sleeper', '@yearly', 'SELECT pg_sleep(60)', timeout => '300 ms', max_retries => 0)});
is(ask($node, q{SELECT status, error FROM customer_data.run_job('sleeper', wait => true)}), 'timed out|did not finish within its timeout of 300 ms', 'a timeout ends the attempt');
is(ask($node, q{SELECT parked, consecutive_failures FROM customer_data.job WHERE name = 'sleeper'}), 't|1', 'and counts as a failure');

# how long each attempt is put off is written down when it is: when it comes is also the machine's doing; it is
# settled after the transaction began and before this is written
ask($node, q{CREATE TABLE public.put_off (job int, attempt int, most interval, least interval);
	CREATE FUNCTION public.note_put_off() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.put_off VALUES (new.job_id, new.retry_attempt + 1, new.retry_at - now(), new.retry_at - clock_timestamp()); RETURN new; END$$;
	CREATE TRIGGER note_put_off AFTER UPDATE ON customer_data.job_state FOR EACH ROW WHEN (new.retry_at IS NOT NULL AND new.retry_at IS DISTINCT FROM old.retry_at) EXECUTE FUNCTION public.note_put_off()});
ask($node, q{SELECT customer_data.schedule('fails', '1 second', $$INSERT INTO public.done VALUES (customer_data.run_id(), customer_data.run_attempt(), clock_timestamp(), 'never'); SELECT 1 / 0$$, max_retries => 3, backoff => '200 ms')});
ok(defined wait_for($node, q{SELECT parked FROM customer_data.job WHERE name = 'fails'}), 'a failing job is parked after its retries');
is(ask($node, q{SELECT count(*), count(DISTINCT run_id), max(attempt), min(error_code) FROM customer_data.job_run WHERE job = 'fails'}), '4|1|4|22012', 'four attempts at one run, each with its error');
is(ask($node, q{WITH gap AS (SELECT attempt, extract(epoch FROM started_at - lag(finished_at) OVER (ORDER BY attempt)) AS s FROM customer_data.job_run WHERE job = 'fails')
	SELECT bool_and(s >= 0.14 * 2 ^ (attempt - 2)) AND count(*) = 3 FROM gap WHERE attempt > 1}), 't', 'each attempt comes after its wait');
is(ask($node, q{SELECT bool_and(extract(epoch FROM most) >= 0.1499 * 2 ^ (attempt - 2) AND extract(epoch FROM least) <= 0.2501 * 2 ^ (attempt - 2)) AND array_agg(attempt ORDER BY attempt) = '{2,3,4}'
	FROM public.put_off JOIN customer_data.job ON job_id = put_off.job WHERE name = 'fails'}), 't', 'the waits double, give or take a quarter');
ask($node, q{DROP TRIGGER note_put_off ON customer_data.job_state});
is(ask($node, q{SELECT count(*) FROM public.done WHERE note = 'never'}), '0', 'what a failed attempt did is rolled back');
is(ask($node, q{SELECT why_not_running LIKE '%division by zero; SELECT customer_data.resume(''fails'')%' FROM customer_data.job WHERE name = 'fails'}), 't', 'the view says why and what to call');
is(wait_for_lines($node, 'job "fails" \(run \d+, attempt \d\) failed: division by zero', $offset, 4), 4, 'the log names job, run and attempt, once each');
cmp_ok(log_lines($node, "It is parked. SELECT customer_data.resume\\('fails'\\)", $offset), '==', 1, 'and the hint when it is parked');
sleep 1.5;
is(ask($node, q{SELECT count(*) FROM customer_data.job_run WHERE job = 'fails'}), '4', 'a parked job is not started');

# the wait doubles no further than customer_data.max_backoff, which takes a reload
ask($node, q{SELECT customer_data.schedule('waits', '@yearly', 'SELECT 1 / 0', max_retries => NULL, backoff => '1 hour')});
$node->append_conf('postgresql.conf', 'customer_data.max_backoff = 1s');
$node->reload;
ok(defined wait_for($node, q{SELECT setting = '1' FROM pg_settings WHERE name = 'customer_data.max_backoff'}), 'max_backoff is set');
my $run = ask($node, q{SELECT run_id FROM customer_data.run_job('waits')});
ok(defined wait_for($node, "SELECT max(attempt) >= 3 FROM customer_data.job_run WHERE run_id = $run"), 'an hour of backoff is cut to max_backoff');
ask($node, q{SELECT customer_data.unschedule('waits')});
$node->append_conf('postgresql.conf', 'customer_data.max_backoff = 1h');
$node->reload;
ask($node, q{SELECT customer_data.alter_job('fails', command => $$INSERT INTO public.done VALUES (customer_data.run_id(), customer_data.run_attempt(), clock_timestamp(), 'mended')$$)});
ask($node, q{SELECT customer_data.resume('fails')});
ok(defined wait_for($node, q{SELECT count(*) > 0 FROM public.done WHERE note = 'mended' AND attempt = 5}), 'resume takes the same run up again');
ask($node, q{SELECT customer_data.pause('fails')});

# a procedure's steps stay, its run's number tells it where it was
ask($node, q{CREATE PROCEDURE public.steps() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 4 LOOP
		CONTINUE WHEN EXISTS (SELECT FROM public.done d WHERE d.run = customer_data.run_id() AND d.note = 'step ' || i);
		INSERT INTO public.done VALUES (customer_data.run_id(), customer_data.run_attempt(), clock_timestamp(), 'step ' || i);
		COMMIT;
		IF i = 2 AND customer_data.run_attempt() = 1 THEN
			RAISE EXCEPTION 'halfway' USING DETAIL = 'two of four';
		END IF;
	END LOOP;
END $$});
ask($node, q{SELECT customer_data.schedule('steps', '@yearly', 'CALL public.steps()', backoff => '200 ms')});
ask($node, q{SELECT customer_data.run_job('steps')});
ok(defined wait_for($node, q{SELECT last_result = 'succeeded' FROM customer_data.job WHERE name = 'steps'}), 'a procedure that commits is tried again');
is(ask($node, q{SELECT string_agg(note || ' at ' || attempt, ', ' ORDER BY note), count(DISTINCT run) FROM public.done WHERE note LIKE 'step%'}), 'step 1 at 1, step 2 at 1, step 3 at 2, step 4 at 2|1', 'its steps happened once, under one run_id()');
is(ask($node, q{SELECT error, error_detail, error_context ~ 'function (public\.)?steps' FROM customer_data.job_run WHERE job = 'steps' AND attempt = 1}), 'halfway|two of four|t', 'the error is kept with detail and context');
ask($node, q{SELECT customer_data.schedule('vacuum', '@yearly', 'VACUUM public.done')});
is(ask($node, q{SELECT status FROM customer_data.run_job('vacuum', wait => true)}), 'succeeded', 'VACUUM is possible');

# --- NOTIFY: at the first failure and at the parking, not for each retry ------
my $listener = $node->background_psql('shop');
$listener->query_safe('LISTEN alarm');
ask($node, q{SELECT customer_data.schedule('alarms', '@yearly', 'SELECT 1 / 0', max_retries => 3, backoff => '100 ms', notify => 'alarm')});
ask($node, q{SELECT customer_data.run_job('alarms')});
ok(defined wait_for($node, q{SELECT parked FROM customer_data.job WHERE name = 'alarms'}), 'the job with notify is parked');
my ($heard, @alarms) = ('');
for (1 .. 200)
{
	# a commit is seen before those who listen are told; after the second none may follow
	sleep(@alarms < 2 ? 0.1 : 1);
	my $enough = @alarms >= 2;
	$heard .= $listener->query('SELECT 1');
	@alarms = $heard =~ /Asynchronous notification "alarm" with payload "(.*?)" received/g;
	last if $enough;
}
is(scalar @alarms, 2, 'two notifications for four failures');
like($alarms[0] // '', qr/"job": "alarms"/, 'they name the job');
like(join('', @alarms), qr/"parked": true/, 'the second says that it is parked');

# --- settings take effect on reload ------------------------------------------
ask($node, q{SELECT customer_data.resume('tick')});
$node->append_conf('postgresql.conf', "customer_data.workers = off\n");
$node->reload;
ok(defined wait_for($node, q{SELECT count(*) = 0 FROM customer_data.worker WHERE kind <> 'launcher'}), 'customer_data.workers = off: schedulers leave');
my $before = ask($node, q{SELECT max(run_id) FROM customer_data.job_run WHERE job = 'tick'});
sleep 2.5;
is(ask($node, q{SELECT max(run_id) FROM customer_data.job_run WHERE job = 'tick'}), $before, 'and no new run begins');
is(ask($node, q{SELECT why_not_running FROM customer_data.job WHERE name = 'tick'}), 'customer_data.workers is off', 'and the view says so');
$node->append_conf('postgresql.conf', "customer_data.workers = on\ncustomer_data.log_runs = on\ncustomer_data.job_run_keep_count = 3\ncustomer_data.max_workers = 3\n");
$offset = -s $node->logfile;
$node->reload;
ok(defined wait_for($node, qq{SELECT max(run_id) > $before FROM customer_data.job_run WHERE job = 'tick'}), 'on starts them again');
is(ask($node, q{SELECT max(missed) >= 1 FROM customer_data.job_run WHERE job = 'tick'}), 't', 'the missed moments became one run');
cmp_ok(wait_for_lines($node, 'job "tick" \(run \d+, attempt 1\) succeeded after', $offset, 1), '>=', 1, 'log_runs logs successes');

# out of workers: three at most, the others wait their turn and none is lost
ask($node, q{SELECT customer_data.pause('tick')});
$holder->query_safe('SELECT pg_advisory_lock(6)');
ask($node, q{SELECT customer_data.schedule('crowd ' || i, '@yearly', 'SELECT pg_advisory_xact_lock_shared(6), pg_sleep(0.3)') FROM generate_series(1, 12) i});
ask($node, q{UPDATE customer_data.job_state SET next_run = now() WHERE job_id IN (SELECT job_id FROM customer_data.job WHERE name LIKE 'crowd%'); SELECT customer_data.note_start('-infinity')});
ok(defined wait_for($node, q{SELECT count(*) = 2 FROM customer_data.job_run WHERE job LIKE 'crowd%' AND status = 'running'}), 'two of twelve run');
sleep 0.3;
is(ask($node, q{SELECT count(*) FROM customer_data.worker WHERE kind <> 'launcher'}), '3', 'never more workers than customer_data.max_workers');
like(ask($node, q{SELECT coalesce(min(why_not_running), '-') FROM customer_data.job WHERE name LIKE 'crowd%' AND why_not_running LIKE 'due%' OR name = 'crowd 12'}), qr/waits for|due since|runs/, 'a waiting job says what for');
release($holder, 6);
ok(defined wait_for($node, q{SELECT count(*) = 12 FROM customer_data.job_run WHERE job LIKE 'crowd%' AND status = 'succeeded'}), 'twelve jobs through two places');
is(ask($node, q{SELECT customer_data.prune_job_runs(10000); SELECT max(n) FROM (SELECT count(*) AS n FROM customer_data.job_run GROUP BY job) c}), "\n3", 'history is kept by count');
ask($node, q{UPDATE customer_data.job_run_entry SET started_at = started_at - interval '31 days' WHERE job_name LIKE 'crowd%'; SELECT customer_data.prune_job_runs(10000)});
is(ask($node, q{SELECT count(*) FROM customer_data.job_run WHERE job LIKE 'crowd%'}), '0', 'and by age');

# overload: jobs that are always due do not starve one that seldom is
ask($node, q{SELECT customer_data.schedule('greedy ' || i, '1 second', 'SELECT pg_sleep(0.7)') FROM generate_series(1, 8) i;
	SELECT customer_data.schedule('modest', '5 seconds', 'SELECT 1')});
ok(defined wait_for($node, q{SELECT count(*) >= 3 FROM customer_data.job_run WHERE job = 'modest' AND status = 'succeeded'}, 40), 'a seldom due job is not starved by eight that are always due');
is(ask($node, q{SELECT coalesce(max(turns), 0) <= 2 FROM (SELECT count(*) AS turns FROM customer_data.job_run m JOIN customer_data.job_run g ON g.started_at > m.due_at AND g.started_at < m.started_at
	WHERE m.job = 'modest' AND g.job LIKE 'greedy%' GROUP BY m.run_id, g.job) t}), 't', 'it waits for its turn only: no other goes more than twice before it');
ok(defined wait_for($node, q{SELECT count(DISTINCT job) = 8 FROM customer_data.job_run WHERE job LIKE 'greedy%'}), 'and each of the eight has its turn');
ask($node, q{SELECT customer_data.unschedule(name) FROM customer_data.job WHERE name LIKE 'greedy%' OR name = 'modest'});
$node->append_conf('postgresql.conf', "customer_data.max_workers = 8\n");
$node->reload;

# --- rights: the owner's and nobody else's ------------------------------------
ask($node, q{CREATE ROLE clerk LOGIN; CREATE ROLE guest NOLOGIN; CREATE ROLE boss LOGIN;
	CREATE TABLE public.secret (i int); INSERT INTO public.secret VALUES (1);
	CREATE TABLE public.rows_of (who name, what text); ALTER TABLE public.rows_of ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON public.rows_of USING (who = current_user); GRANT ALL ON public.rows_of TO clerk;
	INSERT INTO public.rows_of VALUES ('boss', 'x'), ('clerk', 'y')});
sub as_clerk { my ($sql) = @_; return $node->psql('shop', "SET ROLE clerk; $sql"); }
as_clerk(q{SELECT customer_data.schedule('reads secret', '@yearly', 'SELECT * FROM public.secret')});
like(ask($node, q{SELECT status || ': ' || error FROM customer_data.run_job('reads secret', wait => true)}), qr/failed: permission denied for table secret/, 'a job has no more rights than its owner, whoever starts it');
as_clerk(q{SELECT customer_data.schedule('climbs', '@yearly', 'SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; SELECT * FROM public.secret')});
like(ask($node, q{SELECT error FROM customer_data.run_job('climbs', wait => true)}), qr/permission denied for table secret/, 'nor after RESET ROLE');
as_clerk(q{SELECT customer_data.schedule('grabs', '@yearly', 'SET SESSION AUTHORIZATION postgres')});
like(ask($node, q{SELECT error FROM customer_data.run_job('grabs', wait => true)}), qr/permission denied to set session authorization/, 'nor by SET SESSION AUTHORIZATION');
as_clerk(q{SELECT customer_data.schedule('deletes', '@yearly', 'DELETE FROM public.rows_of')});
is(ask($node, q{SELECT status, rows_changed FROM customer_data.run_job('deletes', wait => true)}), 'succeeded|1', 'row security is respected');
as_clerk(q{SELECT customer_data.schedule('path', '@yearly', $$SET search_path = nowhere; SELECT set_config('customer_data.x', '', true); DO 'BEGIN CREATE TEMP TABLE job_run_entry (i int); CREATE TEMP TABLE job_state (i int); END'$$)});
is(ask($node, q{SELECT status FROM customer_data.run_job('path', wait => true)}), 'failed', 'an unknown setting under our prefix is refused');
as_clerk(q{SELECT customer_data.schedule('path', '@yearly', $$CREATE TEMP TABLE job_run_entry (i int); CREATE TEMP TABLE job_state (i int); SET search_path = pg_temp; SET TimeZone = 'Asia/Tokyo'$$)});
is(ask($node, q{SELECT status FROM customer_data.run_job('path', wait => true)}), 'succeeded', 'a command cannot stand between us and our tables');
is(ask($node, q{SELECT count(*) FROM customer_data.job_run WHERE job = 'path' AND status = 'succeeded' AND finished_at < now() + interval '1 minute'}), '1', 'its record is right');
is((as_clerk(q{SELECT count(*) FROM customer_data.job WHERE owner <> 'clerk'::regrole}))[1], '0', 'nobody sees others\' jobs');
as_clerk(q{SELECT customer_data.report_progress('x', 1, 2)});

ask($node, q{GRANT INSERT ON public.done TO clerk; ALTER ROLE clerk SET search_path = nowhere});
as_clerk(q{SELECT customer_data.schedule('whoami', '@yearly', $$INSERT INTO public.done (note) SELECT concat_ws('|', current_user, session_user, current_setting('search_path'), current_setting('TimeZone'))$$, time_zone => 'Asia/Taipei')});
ask($node, q{SELECT customer_data.run_job('whoami', wait => true)});
is(ask($node, q{SELECT note FROM public.done WHERE note LIKE 'clerk%'}), 'clerk|clerk|pg_catalog, customer_data, public, pg_temp|Asia/Taipei', 'user, search_path and time zone are those of the job');

# what a role or a database has as its defaults does not keep a run from its record
ask($node, q{ALTER ROLE clerk SET default_transaction_read_only = on; ALTER DATABASE shop SET default_transaction_isolation = 'serializable'; ALTER DATABASE shop SET statement_timeout = '10 ms'});
{
	# of the session that asks they are not wanted
	local $ENV{PGOPTIONS} = '-c statement_timeout=0';
	is(ask($node, q{SELECT status FROM customer_data.run_job('whoami', wait => true)}), 'succeeded', 'defaults of role and database do not break a run');
	ask($node, q{ALTER ROLE clerk RESET ALL; ALTER DATABASE shop RESET ALL});
}

# an owner that may not log in: parked with the reason before 17, run from 17 on
ask($node, q{SELECT customer_data.schedule('guest', '1 second', 'SELECT 1', run_as => 'guest')});
my $version = ask($node, 'SHOW server_version_num');
if ($version < 170000)
{
	ok(defined wait_for($node, q{SELECT parked AND why_not_running LIKE '%may not log in%' FROM customer_data.job WHERE name = 'guest'}), 'an owner without LOGIN is named as the reason');
}
else
{
	ok(defined wait_for($node, q{SELECT last_result = 'succeeded' FROM customer_data.job WHERE name = 'guest'}), 'an owner without LOGIN will do');
}
ask($node, q{SELECT customer_data.unschedule('guest')});

# an owner that may not connect: a failed attempt with the server's own words
ask($node, q{REVOKE CONNECT ON DATABASE shop FROM PUBLIC; SELECT customer_data.schedule('shut out', '@yearly', 'SELECT 1', run_as => 'boss', max_retries => 0)});
ask($node, q{UPDATE customer_data.job_state SET next_run = now() WHERE job_id = (SELECT job_id FROM customer_data.job WHERE name = 'shut out'); SELECT customer_data.note_start('-infinity')});
ok(defined wait_for($node, q{SELECT parked FROM customer_data.job WHERE name = 'shut out'}), 'a role that may not connect: parked');
like(ask($node, q{SELECT error FROM customer_data.job_run WHERE job = 'shut out'}), qr/permission denied for database "shop"/, 'with the server\'s reason');
ask($node, q{GRANT CONNECT ON DATABASE shop TO PUBLIC});

# a dropped owner stops its own job and no other
ask($node, q{SELECT customer_data.schedule('orphan', '1 second', 'SELECT 1', run_as => 'boss')});
ask($node, q{DROP ROLE boss});
ask($node, q{SELECT customer_data.resume('tick')});
ok(defined wait_for($node, q{SELECT parked AND why_not_running LIKE '%owner no longer exists%' FROM customer_data.job WHERE name = 'orphan'}), 'a dropped owner: parked with that reason');
$before = ask($node, q{SELECT max(run_id) FROM customer_data.job_run WHERE job = 'tick'});
ok(defined wait_for($node, qq{SELECT max(run_id) > $before FROM customer_data.job_run WHERE job = 'tick'}), 'the others go on');
ask($node, q{SELECT customer_data.alter_job('orphan', run_as => 'postgres'); SELECT customer_data.resume('orphan')});
ok(defined wait_for($node, q{SELECT last_result = 'succeeded' FROM customer_data.job WHERE name = 'orphan'}), 'and with another owner it runs again');
ask($node, q{SELECT customer_data.unschedule('orphan')});

# a broken row, as only the tables' owner could make it, stops no other
ask($node, q{UPDATE customer_data.job_entry SET schedule = 'nonsense' WHERE name = 'fill'; UPDATE customer_data.job_state SET next_run = now() WHERE job_id = (SELECT job_id FROM customer_data.job_entry WHERE name = 'fill')});
$before = ask($node, q{SELECT max(run_id) FROM customer_data.job_run WHERE job = 'tick'});
ok(defined wait_for($node, qq{SELECT max(run_id) > $before + 2 FROM customer_data.job_run WHERE job = 'tick'}), 'a broken row stops no other job');
ok(defined wait_for($node, q{SELECT parked AND why_not_running LIKE '%invalid schedule%' FROM customer_data.job WHERE name = 'fill'}), 'and is parked with what is wrong');
ask($node, q{SELECT customer_data.unschedule('fill')});

# --- progress, seen from another session while it runs --------------------------
ask($node, q{SELECT customer_data.pause('tick'); CREATE FUNCTION public.counts() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 100000 LOOP
		PERFORM customer_data.report_progress('counting', i, 100000);
		PERFORM pg_sleep(0.02);
		EXIT WHEN pg_try_advisory_xact_lock_shared(4);
	END LOOP;
	PERFORM customer_data.report_progress('cooling down', 0, NULL);
	PERFORM pg_advisory_xact_lock_shared(5);
END $$});
$holder->query_safe('SELECT pg_advisory_lock(4), pg_advisory_lock(5)');
ask($node, q{SELECT customer_data.schedule('counts', '@yearly', 'SELECT public.counts()')});
ask($node, q{SELECT customer_data.run_job('counts')});
my @seen;
my %phases;
my $began = time;
while (time - $began < 60)
{
	my $row = ask($node, q{SELECT phase, done, coalesce(total, -1), rate > 0, estimated_end > now() FROM customer_data.progress WHERE job = 'counts'});
	last if $row eq '' && @seen;
	next if $row eq '';
	my ($phase, $done) = split /\|/, $row;
	$phases{$phase}++;
	push @seen, $done if $phase eq 'counting';
	release($holder, 4) if $phase eq 'counting' && @seen == 8;
	release($holder, 5) if $phase eq 'cooling down' && $phases{$phase} == 1;
	sleep 0.03;
}
cmp_ok(scalar @seen, '>', 5, 'progress is seen from another session');
is_deeply(\@seen, [ sort { $a <=> $b } @seen ], 'and never goes back');
ok($phases{'cooling down'}, 'a new phase takes the place of the old');
is(ask($node, q{SELECT count(*) FROM customer_data.progress}), '0', 'when the work ends nothing is left of it');
is(ask($node, q{SELECT application_name FROM pg_stat_activity WHERE backend_type = 'customer_data launcher'}), 'customer_data launcher', 'the launcher is in pg_stat_activity');

# --- one role's long jobs leave room for another role's ------------------------
ask($node, q{CREATE ROLE hog LOGIN; CREATE ROLE patient LOGIN; GRANT hog, patient TO CURRENT_USER});
ask($node, q{SELECT customer_data.schedule('hog ' || i, '@yearly', 'SELECT pg_sleep(600)', run_as => 'hog') FROM generate_series(1, 30) i});
ask($node, q{SELECT customer_data.schedule('patient ' || i, '@yearly', 'SELECT 1', run_as => 'patient') FROM generate_series(1, 2) i});
ask($node, q{UPDATE customer_data.job_state SET next_run = now() - interval '5 minutes' WHERE job_id IN (SELECT job_id FROM customer_data.job WHERE name LIKE 'hog%'); SELECT customer_data.note_start('-infinity')});
ok(defined wait_for($node, q{SELECT count(*) = 6 FROM customer_data.job_run WHERE job LIKE 'hog%' AND status = 'running'}), 'a role fills all places for runs but one');
ask($node, q{UPDATE customer_data.job_state SET next_run = now() WHERE job_id IN (SELECT job_id FROM customer_data.job WHERE name LIKE 'patient%'); SELECT customer_data.note_start('-infinity')});
ok(defined wait_for($node, q{SELECT count(*) = 2 FROM customer_data.job_run WHERE job LIKE 'patient%' AND status = 'succeeded'}, 10), 'and another role\'s jobs run beside them, though due later');
is(ask($node, q{SELECT count(*) FROM customer_data.job_run WHERE job LIKE 'hog%' AND status = 'running'}), '6', 'which takes none of the places it has');
ask($node, q{SELECT customer_data.unschedule(name) FROM customer_data.job WHERE owner = 'hog'::regrole; SELECT pg_terminate_backend(pid) FROM customer_data.worker WHERE job LIKE 'hog%' OR state = 'running' AND kind = 'job'});

$node->stop;
done_testing();
