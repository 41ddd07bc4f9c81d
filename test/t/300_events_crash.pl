# A server killed in the middle of refresh_timelines(): whatever the moment,
# starting again and refreshing again leaves every event stored once.  Then a
# database restored into another cluster: cursors made of transaction ids are
# not trusted there.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $node = PostgreSQL::Test::Cluster->new('events');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "TimeZone = 'UTC'\n");
$node->start;

my $setup = <<'SQL';
CREATE EXTENSION customer_data;
CREATE SCHEMA shop;
CREATE TABLE shop.account (id int PRIMARY KEY, name text);
INSERT INTO shop.account SELECT n, 'person ' || n FROM generate_series(1, 2000) n;
CREATE TABLE shop.by_xid (id bigserial, who int, at timestamptz, kind text, loaded_by xid8 DEFAULT pg_current_xact_id());
CREATE TABLE shop.by_sequence (id bigserial PRIMARY KEY, who int, at timestamptz, kind text);
CREATE TABLE shop.by_trigger (who int, at timestamptz, kind text);
CREATE TABLE shop.by_time (who int, at timestamptz, kind text, loaded_at timestamptz DEFAULT clock_timestamp());
SELECT customer_data.add_source('shop', 'shop.account', 'id', '{"full_name": "name"}');
SELECT customer_data.add_event_source(t, 'shop.' || t, 'shop', 'who', 'at', 'kind', mode => m, cursor_column => c)
FROM (VALUES ('by_xid', 'xid', 'loaded_by'), ('by_sequence', 'sequence', 'id'),
             ('by_trigger', 'trigger', NULL), ('by_time', 'timestamp', 'loaded_at')) AS v (t, m, c);
SQL
$node->safe_psql('postgres', $setup);

my $write = join '', map {
	"INSERT INTO shop.$_ (who, at, kind) SELECT 1 + (random() * 2500)::int, now() - random() * interval '1 year', 'view' FROM generate_series(1, 8000);\n"
} qw(by_xid by_sequence by_trigger by_time);
my $changes = "DELETE FROM shop.by_trigger WHERE random() < 0.05; UPDATE shop.by_trigger SET kind = 'click' WHERE random() < 0.05;";
my $difference = <<'SQL';
SELECT count(*) FROM
  (SELECT d.name, r.key, e.at, e.kind, count(*)
   FROM customer_data.timeline_chunk c JOIN customer_data.event_source_definition d USING (event_source_id)
   JOIN customer_data.source_record r USING (record_id), customer_data.events(c.events) e GROUP BY 1, 2, 3, 4) s
FULL JOIN
  (SELECT name, who::text AS key, at, kind, count(*)
   FROM (SELECT 'by_xid' AS name, who, at, kind FROM shop.by_xid UNION ALL SELECT 'by_sequence', who, at, kind FROM shop.by_sequence
         UNION ALL SELECT 'by_trigger', who, at, kind FROM shop.by_trigger UNION ALL SELECT 'by_time', who, at, kind FROM shop.by_time) u
   GROUP BY 1, 2, 3, 4) t USING (name, key, at, kind, count)
WHERE s.key IS NULL OR t.key IS NULL
SQL

# How long one takes that is let be: the others are cut off after parts of it, the first before it has well begun.
sub refresh_takes
{
	$node->safe_psql('postgres', $write . $changes);
	my $began = time;
	$node->safe_psql('postgres', 'SELECT events FROM customer_data.refresh_timelines()');
	return time - $began;
}
refresh_takes();
my $whole = refresh_takes();
my $killed = 0;
my @parts = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8);
for my $part (@parts)
{
	my $wait = int($part * $whole * 1_000_000);
	$node->safe_psql('postgres', $write . $changes);
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
		'-c', 'SELECT events FROM customer_data.refresh_timelines()' ], '<', \'', '>', \$out, '2>', \$err);
	usleep($wait);
	$node->stop('immediate');
	eval { $run->finish };
	$killed++ if $out eq '';
	$node->start;
	$node->safe_psql('postgres', 'SELECT events FROM customer_data.refresh_timelines()');
	is($node->safe_psql('postgres', $difference), '0', "nothing lost or doubled after a crash $wait microseconds into a refresh");
	is($node->safe_psql('postgres', 'SELECT sum(events) FROM customer_data.refresh_timelines()'), '0', 'and nothing is left to do');
}
cmp_ok($killed, '>=', 2, "$killed of " . scalar(@parts) . ' refreshes were cut off in the middle');

# The worker that refreshes is killed alone; the server restarts by itself.
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
$node->safe_psql('postgres', $write);
my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
	'-c', 'SELECT events FROM customer_data.refresh_timelines()' ], '<', \'', '>', \my $o, '2>', \my $e);
my $pid = '';
for (1 .. 200)
{
	$pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query LIKE '%refresh_timelines%' AND pid <> pg_backend_pid() AND state = 'active'});
	last if $pid ne '';
	usleep(5_000);
}
# The checkpointer is another one once the server has begun anew, not merely not noticed yet.
my $before = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'});
if ($pid ne '' && kill 'KILL', $pid)
{
	eval { $run->finish };
	$node->poll_query_until('postgres', "SELECT pid <> $before FROM pg_stat_activity WHERE backend_type = 'checkpointer'") or die 'the server did not come back';
}
else
{
	eval { $run->finish };
}
$node->safe_psql('postgres', 'SELECT events FROM customer_data.refresh_timelines()');
is($node->safe_psql('postgres', $difference), '0', 'nothing lost or doubled after kill -9 of the backend');

# Into another cluster: the transaction ids in the rows mean nothing there.
my $other = PostgreSQL::Test::Cluster->new('elsewhere');
$other->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$other->append_conf('postgresql.conf', "TimeZone = 'UTC'\n");
$other->start;
$node->safe_psql('postgres', 'SELECT pg_current_xact_id()') for 1 .. 50;
$node->safe_psql('postgres', q{INSERT INTO shop.by_xid (who, at, kind) SELECT 1, now(), 'last ids'});
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dumped');
$other->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $other->connstr('postgres') ], 'restored');
$other->psql('postgres', 'SELECT events FROM customer_data.refresh_timelines()', stderr => \my $warning);
like($warning, qr/transaction ids of another cluster/, 'said that the ids are another cluster\'s');
is($other->safe_psql('postgres', $difference), '0', 'restored: every event stored once');
for my $round (1 .. 3)
{
	$other->safe_psql('postgres', 'SELECT pg_current_xact_id()') for 1 .. 20;
	$other->safe_psql('postgres', $write . $changes);
	$other->psql('postgres', 'SELECT events FROM customer_data.refresh_timelines()');
	is($other->safe_psql('postgres', $difference), '0', "and while ids of both clusters overlap, round $round");
}
$other->safe_psql('postgres', "UPDATE shop.by_xid SET loaded_by = '3'");
$other->psql('postgres', 'SELECT events FROM customer_data.refresh_timelines()');
$other->psql('postgres', $write . 'SELECT events FROM customer_data.refresh_timelines()', stderr => \$warning);
unlike($warning, qr/another cluster/, 'cured by the hint');
$other->psql('postgres', 'SELECT events FROM customer_data.refresh_timelines()');
is($other->safe_psql('postgres', $difference), '0', 'still every event once');
$other->stop;
$node->stop;
done_testing();
