# A server for tests of the background workers: preloaded, with the extension
# in a database "shop", and words for what these tests keep asking.
package WorkerServer;
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Exporter 'import';

our @EXPORT = qw(server revive ask try_ask wait_for wait_for_end log_lines wait_for_lines pids hold release);

# A started server with these further settings.
sub server
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ], allows_streaming => 1);
	$node->append_conf('postgresql.conf', join("\n",
		"shared_preload_libraries = 'customer_data'", "TimeZone = 'UTC'", "autovacuum = off",
		"max_worker_processes = 24", "max_connections = 40", "restart_after_crash = on",
		"client_min_messages = warning", "log_statement = none", @conf, ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE shop');
	$node->safe_psql('shop', 'CREATE EXTENSION customer_data');
	return $node;
}

# Start again after the postmaster was killed: its children have to notice first.
sub revive
{
	my ($node) = @_;
	for (1 .. 100)
	{
		if (system('pg_ctl', '-s', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start') == 0)
		{
			$node->_update_pid(1);
			return 1;
		}
		sleep 0.1;
	}
	return 0;
}

# The answer to a query in database shop.
sub ask
{
	my ($node, $sql, $database) = @_;
	return $node->safe_psql($database || 'shop', $sql);
}

# The answer, or undef from a server that is down: a psql that finds nobody may
# leave before it has read its input, and that breaks the pipe to it.
sub try_ask
{
	my ($node, $sql, $database) = @_;
	my ($rc, $out) = eval { $node->psql($database || 'shop', $sql) };
	return defined $rc && $rc == 0 ? $out : undef;
}

# Ask until the answer is true; how long it took in seconds, undef if it never was.
# A server that is down for the moment is asked again.  Seconds are those of a
# machine with nothing else to do, where a question and its answer take less than
# a tenth: on one that is slower or busy with others they last for longer, as what
# is waited for does.
sub wait_for
{
	my ($node, $sql, $seconds, $database) = @_;
	my ($began, $asked) = (time, 0);
	my $took = sub { my $passed = time - $began; return $passed < 0.1 * $asked ? $passed : 0.1 * $asked; };
	while ($took->() < ($seconds || 20))
	{
		my $out = try_ask($node, $sql, $database);
		$asked++;
		return $took->() if defined $out && $out eq 't';
		sleep 0.05;
	}
	return undef;
}

# Wait until a killed process of ours is no more: its place in shared memory is
# free only after the server has begun anew.
sub wait_for_end
{
	my ($node, $pid, $seconds) = @_;
	return wait_for($node, "SELECT NOT EXISTS (SELECT FROM customer_data.worker WHERE pid = $pid)", $seconds || 30);
}

# How many lines of the server's log match, from an offset on.
sub log_lines
{
	my ($node, $pattern, $offset) = @_;
	my $log = slurp_file($node->logfile, $offset || 0);
	my $count = () = $log =~ /^.*$pattern.*$/mg;
	return $count;
}

# How many do once there are so many: a line is written after what it tells of is seen.
sub wait_for_lines
{
	my ($node, $pattern, $offset, $least) = @_;
	for (1 .. 400)
	{
		last if log_lines($node, $pattern, $offset) >= $least;
		sleep 0.05;
	}
	return log_lines($node, $pattern, $offset);
}

# A session that holds what jobs of the command 'SELECT pg_advisory_xact_lock_shared(N)'
# wait for, so that they are at work for as long as a test needs them to be.
sub hold
{
	my ($node, @numbers) = @_;
	my $session = $node->background_psql('shop');
	$session->query_safe("SELECT pg_advisory_lock($_)") foreach @numbers;
	return $session;
}

sub release
{
	my ($session, $number) = @_;
	return $session->query_safe("SELECT pg_advisory_unlock($number)");
}

# Process ids of a kind: launcher, scheduler, job.
sub pids
{
	my ($node, $kind) = @_;
	return split /\n/, ask($node, "SELECT pid FROM customer_data.worker WHERE kind = '$kind' AND pid IS NOT NULL");
}

1;
