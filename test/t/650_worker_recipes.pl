# The recipes of doc/reference/worker.md for servers that do not preload the
# library, as they stand there: pg_cron and a systemd timer.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use WorkerServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $text = slurp_file("$FindBin::RealBin/../../doc/reference/worker.md");
my ($cron) = $text =~ /With pg_cron:\s+```sql\n(.*?)```/s or die 'no recipe for pg_cron';
my ($units) = $text =~ /With a systemd timer:\s+```\n(.*?)```/s or die 'no recipe for systemd';

my $node = server('recipes', "shared_preload_libraries = ''");
ask($node, 'CREATE TABLE public.done (run bigint, by text DEFAULT current_user)');
ask($node, 'CREATE ROLE clerk LOGIN; GRANT INSERT ON public.done TO clerk');
# due when this test says so, lest a slow machine comes to the next moment
ask($node, q{SELECT customer_data.schedule('tick', '@yearly', 'INSERT INTO public.done (run) VALUES (customer_data.run_id())', run_as => 'clerk')});
ask($node, q{SELECT customer_data.schedule('broken', '@yearly', 'SELECT 1 / 0', max_retries => NULL, backoff => '1 hour')});
my $due = q{UPDATE customer_data.job_state SET next_run = now()};

# --- systemd: what its service starts, as it stands in the unit ---------------
my ($command) = $units =~ /^ExecStart=(.*)$/m or die 'no ExecStart';
$command =~ s{^/usr/bin/psql}{psql} or die "the service does not start psql: $command";
ask($node, $due);
is(system("PGHOST=" . $node->host . " PGPORT=" . $node->port . " PGUSER=" . ($ENV{PGUSER} || getpwuid($<)) . " $command >/dev/null 2>&1"), 0, 'the service ends well, though a job fails');
is(ask($node, q{SELECT count(*), min(by) FROM public.done}), '1|clerk', 'the job that was due ran, as its owner');
is(ask($node, q{SELECT last_result, consecutive_failures FROM customer_data.job WHERE name = 'broken'}), 'failed|1', 'the broken one is recorded as failed');
ask($node, $due);
my @both = map { IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('shop'), '-c', 'CALL customer_data.run_due_jobs()' ], '>', \my $out, '2>', \my $err) } 1 .. 2;
$_->finish foreach @both;
is(ask($node, q{SELECT count(*), count(DISTINCT run) FROM public.done}), '2|2', 'two timers at once run a job once');
if (system('command -v systemd-analyze >/dev/null 2>&1') == 0)
{
	my $folder = PostgreSQL::Test::Utils::tempdir();
	(my $there = $units) =~ s{/usr/bin/psql}{/bin/sh}g;    # verify wants the program to exist
	my ($service, $timer) = $there =~ /^# \S+\.service\n(.*?)\n# \S+\.timer\n(.*)/s or die 'no units';
	append_to_file("$folder/customer-data.service", $service);
	append_to_file("$folder/customer-data.timer", $timer);
	my $said = `systemd-analyze verify --man=no $folder/customer-data.timer 2>&1`;
	unlike($said, qr{customer-data\.(service|timer):}, 'systemd finds nothing wrong with the units') or diag $said;
}

# --- pg_cron --------------------------------------------------------------------
my $share = `$ENV{PG_CONFIG} --sharedir`;
chomp $share;
SKIP:
{
	skip 'pg_cron is not installed (package postgresql-NN-cron)', 3 if !-e "$share/extension/pg_cron.control";
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'shop'\ncron.use_background_workers = on\n");
	$node->restart;
	ask($node, 'CREATE EXTENSION pg_cron');
	ask($node, q{SELECT customer_data.alter_job('tick', schedule => '2 seconds')});
	my $before = ask($node, 'SELECT count(*) FROM public.done');
	ask($node, $cron);
	ok(defined wait_for($node, "SELECT count(*) > $before FROM public.done", 75), 'pg_cron starts what is due');
	ok(defined wait_for($node, q{SELECT bool_and(status = 'succeeded') FROM cron.job_run_details WHERE status NOT IN ('starting', 'running')}), 'its own record says succeeded');
	is(ask($node, q{SELECT count(*) FROM (SELECT run FROM public.done GROUP BY run HAVING count(*) > 1) t}), '0', 'nothing ran twice');
}
$node->stop;
done_testing();
