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

our @EXPORT = qw(server revive ask try_ask wait_for log_lines pids);

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
# A server that is down for the moment is asked again.
sub wait_for
{
	my ($node, $sql, $seconds, $database) = @_;
	my $began = time;
	while (time - $began < ($seconds || 20))
	{
		my $out = try_ask($node, $sql, $database);
		return time - $began if defined $out && $out eq 't';
		sleep 0.05;
	}
	return undef;
}

# How many lines of the server's log match, from an offset on.
sub log_lines
{
	my ($node, $pattern, $offset) = @_;
	my $log = slurp_file($node->logfile, $offset || 0);
	my $count = () = $log =~ /^.*$pattern.*$/mg;
	return $count;
}

# Process ids of a kind: launcher, scheduler, job.
sub pids
{
	my ($node, $kind) = @_;
	return split /\n/, ask($node, "SELECT pid FROM customer_data.worker WHERE kind = '$kind' AND pid IS NOT NULL");
}

1;
