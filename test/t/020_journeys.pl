# Journeys through dump and restore by an owner who is no superuser: stages and
# settings are kept, and the next refresh finds the same histories.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('journeys');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "TimeZone = 'UTC'\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE keeper LOGIN;
	CREATE DATABASE first OWNER keeper;
	CREATE DATABASE second OWNER keeper;
});

# Run as the owner, who is no superuser.
sub keeper
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, "SET client_min_messages = warning;\n$sql", extra_params => [ '-U', 'keeper' ]);
}

keeper('first', q{
	CREATE EXTENSION customer_data;
	CREATE TABLE public.person (id int PRIMARY KEY, since timestamptz);
	CREATE TABLE public.event (id int PRIMARY KEY, person int, at timestamptz, kind text);
	INSERT INTO public.person SELECT i, timestamptz '2024-01-01' + i * interval '1 day' FROM generate_series(1, 50) i;
	INSERT INTO public.event SELECT i, 1 + i * 7 % 50, timestamptz '2024-01-05' + i * interval '7 hours', (ARRAY['view', 'cart', 'purchase', 'review'])[1 + i * 11 % 4] FROM generate_series(1, 600) i;
	SELECT customer_data.add_source('crm', 'public.person', 'id', '{"cookie_id": "id::text", "registered_at": "since"}', kind => 'anonymous');
	SELECT customer_data.resolve();
	SELECT customer_data.add_event_source('shop', 'public.event', 'crm', 'person', 'at', 'kind', cursor_column => 'id');
	SELECT customer_data.refresh_timelines();
	SELECT customer_data.add_journey('adoption', model => 'adoption');
	SELECT customer_data.add_journey('own', description => 'a way of our own');
	SELECT customer_data.add_stage('own', 'here', 'true', label => '在這裡', content => '{guide}');
	SELECT customer_data.add_stage('own', 'looks', $$happened(events, 'view', last => '3 days')$$, minimum_stay => '1 day', lapse => '2 days');
	SELECT customer_data.add_stage('own', 'bought', $$happened(events, 'purchase')$$, fall_back => false);
	SELECT customer_data.add_stage('own', 'between', $$event_count(events, 'view') >= 2$$, place => 3);
	SELECT customer_data.refresh_segments();
	SELECT customer_data.refresh_journeys();
});

my $file = $node->basedir . '/first.sql';
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', 'keeper', '-d', 'first', '-f', $file ], 'the owner dumps');
my ($out, $err) = ('', '');
$node->psql('second', "\\i $file", stdout => \$out, stderr => \$err, on_error_stop => 0, extra_params => [ '-U', 'keeper' ]);
unlike($err, qr/ERROR/, 'the owner restores without an error') or diag($err);

my %same = (
	'journeys' => 'SELECT journey_id, name, description, model, version, owner, time_zone FROM customer_data.journey_definition ORDER BY 1',
	'stages'   => 'SELECT * FROM customer_data.journey_stage ORDER BY 1',
	'models'   => 'SELECT * FROM customer_data.journey_model ORDER BY 1, 2',
);
is(keeper('second', $same{$_}), keeper('first', $same{$_}), "the same $_") foreach sort keys %same;
is(keeper('second', q{SELECT DISTINCT error FROM customer_data.journey}), 'not refreshed yet', 'histories are derived, and the view says so');

# Timelines are derived, too: nothing is concluded from there being none.
foreach my $call (qw(refresh_metrics() refresh_tags() refresh_segments() refresh_journeys()), "stage_of(1, 'own')", "explain_stage(1, 'own')")
{
	my ($rc, $stdout, $stderr) = $node->psql('second', "SELECT customer_data.$call", extra_params => [ '-U', 'keeper' ]);
	like($stderr, qr/event source "\w+" has not been read since it was restored.*HINT:  SELECT customer_data.refresh_timelines/s, "$call waits for them");
}
# The whole run once.
keeper('second', 'SELECT customer_data.resolve(); SELECT customer_data.refresh_timelines(); SELECT customer_data.refresh_segments(); SELECT customer_data.refresh_journeys();');
my $history = 'SELECT customer_id, journey, stage, entered_at, left_at, why FROM customer_data.stage_history ORDER BY 1, 2, 4';
cmp_ok(keeper('first', "SELECT count(*) FROM ($history) h"), '>', 200, 'there is a history');
is(keeper('second', $history), keeper('first', $history), 'the same histories');
is(keeper('second', 'SELECT * FROM customer_data.journey_dwell(\'own\')'), keeper('first', 'SELECT * FROM customer_data.journey_dwell(\'own\')'), 'the same dwell times');

# New journeys and stages do not take numbers that are in use.
keeper('second', q{SELECT customer_data.add_journey('later', model => 'activity')});
is(keeper('second', q{SELECT count(*) FROM customer_data.journey WHERE name = 'later'}), '5', 'and further journeys can be added');

# Another role's segment cannot be asked by one who is no member of that role: it says so, all else goes on.
$node->safe_psql('first', q{
	CREATE ROLE stranger LOGIN;
	GRANT ALL ON ALL TABLES IN SCHEMA customer_data TO stranger;
	GRANT ALL ON ALL SEQUENCES IN SCHEMA customer_data TO stranger;
});
$node->safe_psql('first', q{SELECT customer_data.add_segment('theirs', 'true')}, extra_params => [ '-U', 'stranger' ]);
keeper('first', q{SELECT customer_data.add_segment('ours', 'true'); SELECT customer_data.refresh_segments()});
like(keeper('first', q{SELECT error FROM customer_data.segment WHERE name = 'theirs'}), qr/may not run expressions of role "stranger"/, 'a segment of another role fails with the reason');
is(keeper('first', q{SELECT size FROM customer_data.segment WHERE name = 'ours'}), '50', 'and stops no other');
$node->stop;
done_testing();
