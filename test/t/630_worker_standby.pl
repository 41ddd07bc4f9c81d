# Standby, promotion, binary upgrade, and a server that does not preload.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use WorkerServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $primary = server('primary', 'fsync = off');
ask($primary, 'CREATE TABLE public.done (at timestamptz DEFAULT clock_timestamp(), run bigint)');
ask($primary, q{SELECT customer_data.schedule('tick', '1 second', 'INSERT INTO public.done (run) VALUES (customer_data.run_id())')});
ok(defined wait_for($primary, 'SELECT count(*) > 1 FROM public.done'), 'the primary ticks');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
sleep 3;
is(ask($standby, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'customer_data%'}, 'postgres'), '0', 'nothing runs on a standby');
is(ask($standby, q{SELECT why_not_running FROM customer_data.job WHERE name = 'tick'}), 'this server is a standby: jobs run on the primary', 'and the view says why');
ok(defined wait_for($standby, q{SELECT count(*) > 0 FROM customer_data.job_run WHERE status = 'succeeded'}), 'history is there to read');
my ($rc, $out, $err) = $standby->psql('shop', q{SELECT customer_data.run_job('tick')});
like($err, qr/read-only|recovery/, 'a run by hand is refused there');

$primary->stop('fast');
my $before = ask($standby, 'SELECT count(*) FROM public.done');
my $offset = -s $standby->logfile;
$standby->promote;
my $took = wait_for($standby, "SELECT count(*) > $before FROM public.done", 30);
cmp_ok($took // 99, '<', 5, 'after promotion jobs run within seconds');
is(ask($standby, q{SELECT count(*) FROM (SELECT run FROM public.done GROUP BY run HAVING count(*) > 1) t}), '0', 'none of them twice');
# until it is promoted, the receiver asks for the primary again and again, and says so
is(log_lines($standby, '(ERROR|FATAL):(?!.*(primary server|WAL stream|replication))', $offset), 0, 'and the log is clean');
$standby->stop;

# binary upgrade: pg_upgrade starts the servers with -b
$primary->start;
ok(defined wait_for($primary, q{SELECT true}), 'the old primary is up');
$primary->stop;
my $log = $primary->basedir . '/upgrade.log';
command_ok([ 'pg_ctl', '-w', '-D', $primary->data_dir, '-l', $log, '-o', '-b', 'start' ], 'started for a binary upgrade');
sleep 2;
is($primary->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'customer_data%'}), '0', 'no worker runs in a binary upgrade');
command_ok([ 'pg_ctl', '-w', '-D', $primary->data_dir, 'stop' ], 'stopped');

# dump and restore as an ordinary owner: jobs come along and run
$primary->start;
ask($primary, q{CREATE ROLE keeper LOGIN; GRANT CREATE ON DATABASE shop TO keeper}, 'postgres');
ask($primary, q{CREATE DATABASE kept OWNER keeper}, 'postgres');
$primary->safe_psql('kept', 'SET ROLE keeper; CREATE EXTENSION customer_data', extra_params => []);
$primary->safe_psql('kept', q{SET ROLE keeper; CREATE TABLE done (run bigint); SELECT customer_data.schedule('tick', '1 second', 'INSERT INTO public.done VALUES (customer_data.run_id())')});
ok(defined wait_for($primary, 'SELECT count(*) > 1 FROM done', 20, 'kept'), 'a database owner\'s jobs run');
my $dump = $primary->basedir . '/kept.dump';
$primary->command_ok([ 'pg_dump', '-U', 'keeper', '-Fc', '-f', $dump, 'kept' ], 'its owner dumps it');
ask($primary, q{CREATE DATABASE kept2 OWNER keeper}, 'postgres');
$primary->command_ok([ 'pg_restore', '-U', 'keeper', '-d', 'kept2', '--exit-on-error', $dump ], 'and restores it');
my $restored = ask($primary, 'SELECT max(run_id) FROM customer_data.job_run', 'kept2');
cmp_ok(wait_for($primary, "SELECT max(run) > $restored FROM done", 20, 'kept2') // 99, '<', 8, 'the restored job runs by itself');
is(ask($primary, q{SELECT count(*) = count(DISTINCT (run_id, attempt)) AND count(*) > 2 FROM customer_data.job_run}, 'kept2'), 't', 'with its history');
$primary->stop;

# without preload: everything by hand, and a hint where a worker is asked for
$primary->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$primary->start;
($rc, $out, $err) = $primary->psql('shop', q{SET client_min_messages = notice; SELECT customer_data.schedule('by hand', '1 second', 'INSERT INTO public.done (run) VALUES (customer_data.run_id())')});
is($rc, 0, 'jobs are defined without preload');
like($err, qr/nothing starts this job by itself/, 'with a word that nothing starts them');
like($err, qr/shared_preload_libraries = 'customer_data'/, 'and which line to add');
($rc, $out, $err) = $primary->psql('shop', q{SELECT customer_data.run_job('by hand', in_worker => true)});
like($err, qr/has no background workers.*HINT:.*shared_preload_libraries = 'customer_data'/s, 'asking for a worker names the line to add');
is(ask($primary, q{SELECT status, rows_changed FROM customer_data.run_job('by hand')}), 'succeeded|1', 'run_job runs in this session');
like(ask($primary, q{SELECT why_not_running FROM customer_data.job WHERE name = 'by hand'}), qr/shared_preload_libraries/, 'the view says what to do');
sleep 1.2;
$before = ask($primary, q{SELECT count(*) FROM customer_data.job_run WHERE job = 'by hand'});
ask($primary, 'CALL customer_data.run_due_jobs()');
is(ask($primary, qq{SELECT count(*) - $before FROM customer_data.job_run WHERE job = 'by hand'}), '1', 'run_due_jobs() runs what is due, as pg_cron or a timer would call it');
is(ask($primary, q{SELECT count(*) FROM customer_data.progress_of_all()}), '0', 'progress does no harm');
$primary->stop;
done_testing();
