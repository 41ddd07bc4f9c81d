# Databases, extensions and roles come and go under the workers.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use WorkerServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = server('databases', 'max_worker_processes = 9', 'customer_data.max_workers = 8');

# Set up a job that ticks in a database.
sub tick
{
	my ($database, $every) = @_;
	ask($node, 'CREATE TABLE IF NOT EXISTS public.done (at timestamptz DEFAULT clock_timestamp())', $database);
	ask($node, "SELECT customer_data.schedule('tick', '" . ($every || '1 second') . "', 'INSERT INTO public.done DEFAULT VALUES', backoff => '1 second')", $database);
}
sub ticks_on
{
	my ($database, $seconds) = @_;
	my $before = ask($node, 'SELECT count(*) FROM public.done', $database);
	return wait_for($node, "SELECT count(*) > $before FROM public.done", $seconds || 15, $database);
}
my $offset = -s $node->logfile;

# --- a new database, a new extension -------------------------------------------
tick('shop');
ok(defined ticks_on('shop'), 'the first database ticks');
ask($node, 'CREATE DATABASE branch');
ask($node, 'CREATE EXTENSION customer_data', 'branch');
tick('branch');
cmp_ok(ticks_on('branch') // 99, '<', 5, 'a new database and extension: runs within seconds');
is(ask($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'customer_data%' AND datname = 'postgres'}), '0', 'no worker stays in a database without the extension');

# from a template that has the extension and a job already
ask($node, q{SELECT customer_data.pause('tick')}, 'branch');
ok(defined wait_for($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'branch'}, 15), 'an idle scheduler leaves');
ask($node, 'CREATE DATABASE copied TEMPLATE branch');
ask($node, q{SELECT customer_data.resume('tick')}, 'copied');
cmp_ok(ticks_on('copied') // 99, '<', 8, 'a database copied with its jobs: runs within seconds');
# copying a database whose jobs are at work: the workers make way
ask($node, q{SELECT customer_data.resume('tick')}, 'branch');
ok(defined ticks_on('branch'), 'the template ticks again');
my ($rc, $out, $err) = $node->psql('postgres', 'CREATE DATABASE copied2 TEMPLATE branch');
is($rc, 0, 'a busy database can be copied') or diag $err;

# --- templates and databases that allow no connection ---------------------------
ask($node, q{ALTER DATABASE copied2 IS_TEMPLATE true});
ask($node, q{ALTER DATABASE copied ALLOW_CONNECTIONS false});
ok(defined wait_for($node, q{SELECT count(*) = 0 FROM customer_data.worker WHERE database IN ('copied', 'copied2')}), 'the workers leave templates and databases that allow no connection');
sleep 6;
is(ask($node, q{SELECT count(*) FROM customer_data.worker WHERE database IN ('copied', 'copied2')}), '0', 'and none comes');
ask($node, q{ALTER DATABASE copied ALLOW_CONNECTIONS true}, 'postgres');
cmp_ok(ticks_on('copied') // 99, '<', 15, 'connections allowed again: runs again');

# --- DROP, RENAME ------------------------------------------------------------------
ask($node, q{SELECT customer_data.schedule('long', '1 hour', 'SELECT pg_sleep(60)')}, 'copied');
ask($node, q{SELECT customer_data.run_job('long')}, 'copied');
($rc, $out, $err) = $node->psql('postgres', 'ALTER DATABASE copied RENAME TO moved');
is($rc, 0, 'a busy database can be renamed') or diag $err;
cmp_ok(ticks_on('moved', 25) // 99, '<', 20, 'and ticks under its new name');
is(ask($node, q{SELECT status FROM customer_data.job_run WHERE job = 'long' ORDER BY attempt LIMIT 1}, 'moved'), 'lost', 'the run that had to make way is written as lost');
ok(defined wait_for($node, q{SELECT count(*) = 2 FROM customer_data.job_run WHERE job = 'long'}, 30, 'moved'), 'and is tried again');
ask($node, 'CREATE DATABASE idle');
my $before = time;
ask($node, 'DROP DATABASE idle');
my $idle = time - $before;
ok(defined ticks_on('moved'), 'it ticks on');
$before = time;
($rc, $out, $err) = $node->psql('postgres', 'DROP DATABASE moved');
is($rc, 0, 'a busy database can be dropped') or diag $err;
cmp_ok(time - $before - $idle, '<', 5, 'hardly later than an idle one');
($rc, $out, $err) = $node->psql('postgres', 'ALTER DATABASE copied2 IS_TEMPLATE false');
($rc, $out, $err) = $node->psql('postgres', 'DROP DATABASE copied2 WITH (FORCE)');
is($rc, 0, 'DROP DATABASE WITH (FORCE)') or diag $err;
ok(defined ticks_on('shop'), 'the others go on');

# --- DROP EXTENSION -----------------------------------------------------------------
ask($node, q{SELECT customer_data.schedule('during', '1 hour', 'SELECT pg_sleep(2); INSERT INTO public.done DEFAULT VALUES')}, 'branch');
ask($node, q{SELECT customer_data.run_job('during')}, 'branch');
my $log = -s $node->logfile;
ask($node, 'DROP EXTENSION customer_data CASCADE', 'branch');
my $count = ask($node, 'SELECT count(*) FROM public.done', 'branch');
ok(defined wait_for($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'branch' AND backend_type LIKE 'customer_data%'}), 'DROP EXTENSION: the workers leave by themselves');
is(ask($node, 'SELECT count(*) FROM public.done', 'branch'), $count, 'what could not be recorded is rolled back');
cmp_ok(log_lines($node, '(ERROR|FATAL|LOG):', $log), '<=', 6, 'and hardly anything is logged');
ask($node, 'CREATE EXTENSION customer_data', 'branch');
tick('branch');
cmp_ok(ticks_on('branch') // 99, '<', 5, 'and comes back with it');

# --- ALTER EXTENSION UPDATE while jobs are due ---------------------------------------
my $share = `pg_config --sharedir`;
chomp $share;
my $version = ask($node, q{SELECT extversion FROM pg_extension WHERE extname = 'customer_data'});
ok(-e "$share/extension/customer_data--$version--${version}next.sql", 'there is a next version (test/run installs update.sql)');
$log = -s $node->logfile;
ask($node, "ALTER EXTENSION customer_data UPDATE TO '${version}next'", 'branch');
cmp_ok(ticks_on('branch') // 99, '<', 3, 'ALTER EXTENSION UPDATE: the next run is on time');
is(log_lines($node, 'ERROR:', $log), 0, 'nothing went wrong meanwhile');
is(ask($node, q{SELECT bool_and(status <> 'lost') FROM customer_data.job_run}, 'branch'), 't', 'no run was lost');

# --- out of worker processes: other users of them ------------------------------------
ask($node, q{SELECT customer_data.schedule('fill ' || i, '1 hour', 'SELECT pg_sleep(4)') FROM generate_series(1, 12) i});
ask($node, q{UPDATE customer_data.job_state SET next_run = now() WHERE job_id IN (SELECT job_id FROM customer_data.job WHERE name LIKE 'fill%'); SELECT customer_data.note_start('-infinity')});
sleep 1;
$log = -s $node->logfile;
my $took = ticks_on('branch', 20);
cmp_ok($took // 99, '<', 10, 'a database full of due jobs does not starve another');
ok(defined wait_for($node, q{SELECT count(*) = 12 FROM customer_data.job_run WHERE job LIKE 'fill%' AND status = 'succeeded'}, 40), 'none of them is lost for want of a worker');
cmp_ok(log_lines($node, '(ERROR|FATAL|WARNING|LOG):', $log), '<=', 12, 'without a flood in the log');

# --- many databases, few workers: idle schedulers leave -------------------------------
ask($node, q{SELECT customer_data.pause('tick')});
ask($node, q{SELECT customer_data.pause('tick')}, 'branch');
for my $i (1 .. 12)
{
	ask($node, "CREATE DATABASE many$i");
	ask($node, 'CREATE EXTENSION customer_data', "many$i");
	tick("many$i", '5 seconds');
}
# A machine that stands still for a moment makes them late: then the next 15 seconds are taken.
sleep 16;
my $late;
for (1 .. 10)
{
	$late = 0;
	for my $i (1 .. 12)
	{
		$late++ if ask($node, 'SELECT count(*) FROM customer_data.job_run WHERE status = \'succeeded\' AND started_at > now() - interval \'15 seconds\' AND started_at - due_at < interval \'2 seconds\'', "many$i") < 2;
	}
	last if $late == 0;
	diag("$late of 12 databases late");
	sleep 5;
}
is($late, 0, 'each of 12 databases had its runs on time');
cmp_ok(ask($node, q{SELECT count(*) FROM customer_data.worker WHERE kind = 'scheduler'}), '<=', 2, 'with two schedulers at most');
cmp_ok(log_lines($node, '(ERROR|FATAL|PANIC):', $offset), '<', 25, 'the whole log is short of errors') or diag slurp_file($node->logfile, $offset);

$node->stop;
done_testing();
