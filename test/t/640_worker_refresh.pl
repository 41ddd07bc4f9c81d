# One call, schedule_refresh(), and a change in a source comes through to its
# segment and its stage; NOTIFY tells of it; two refreshes never run at once.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use WorkerServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = server('refresh', 'fsync = off');
ask($node, q{
	CREATE SCHEMA shop;
	CREATE TABLE shop.account (id int PRIMARY KEY, name text, email text);
	INSERT INTO shop.account SELECT i, 'Customer ' || i, 'c' || i || '@shop.test' FROM generate_series(1, 500) i;
	CREATE TABLE shop.event (id bigint GENERATED ALWAYS AS IDENTITY, account int, kind text, product text, at timestamptz DEFAULT now(), loaded_by xid8 DEFAULT pg_current_xact_id());
	CREATE INDEX ON shop.event (loaded_by);
	SET search_path = customer_data, public;
	SELECT add_source('shop', 'shop.account', 'id', '{"full_name": "name", "email": "email"}');
	SELECT add_event_source('events', 'shop.event', source => 'shop', key => 'account', at => 'at', kind => 'kind', event_id => 'id', properties => '{"product": "product"}');
	SELECT add_segment('cart', $$happened(events, 'cart') AND NOT happened(events, 'purchase')$$);
	SELECT add_journey('path');
	SELECT add_stage('path', 'interested', $$happened(events, 'cart')$$);
	SELECT add_stage('path', 'buyer', $$happened(events, 'purchase')$$);
});
my $listener = $node->background_psql('shop');
$listener->query_safe('LISTEN changes');
my $every = 2;
ask($node, "SELECT customer_data.schedule_refresh('$every seconds', notify => 'changes')");
ok(defined wait_for($node, q{SELECT last_result = 'succeeded' FROM customer_data.job WHERE name = 'refresh'}, 30), 'the first refresh succeeds')
	or BAIL_OUT(ask($node, q{SELECT error, error_context FROM customer_data.job_run}));
is(ask($node, 'SELECT count(*) FROM customer_data.customer'), '500', 'the customers are there');

my $duration = ask($node, q{SELECT max(extract(epoch FROM duration)) FROM customer_data.job_run});
ask($node, q{INSERT INTO shop.event (account, kind, product) VALUES (7, 'cart', 'tent')});
my $took = wait_for($node, q{SELECT customer_data.is_member('cart', customer_data.customer_id_of('shop', '7'))}, 30);
cmp_ok($took // 99, '<', $every + $duration + 2, sprintf('an event brings its customer into the segment (%.1f s)', $took // 99));
$took = wait_for($node, q{SELECT customer_data.stage_of(customer_data.customer_id_of('shop', '7'), 'path') = 'interested'}, 30);
ok(defined $took, 'and to the stage');
ask($node, q{INSERT INTO shop.event (account, kind, product) VALUES (7, 'purchase', 'tent')});
$took = wait_for($node, q{SELECT NOT customer_data.is_member('cart', customer_data.customer_id_of('shop', '7'))}, 30);
ok(defined $took, 'a purchase takes it out');
$took = wait_for($node, q{SELECT customer_data.stage_of(customer_data.customer_id_of('shop', '7'), 'path') = 'buyer'}, 30);
ok(defined $took, 'and on to the next stage');
ask($node, q{INSERT INTO shop.account VALUES (501, 'Newcomer', 'n@shop.test'); INSERT INTO shop.event (account, kind) VALUES (501, 'cart')});
ok(defined wait_for($node, q{SELECT customer_data.is_member('cart', customer_data.customer_id_of('shop', '501'))}, 30), 'a new row in a source comes through in one refresh or two');

sleep 2.5;
my $heard = $listener->query('SELECT 1');
like($heard, qr/"left": 0, "entered": 1, "segment": "cart"|"segment": "cart".*"entered": 1/, 'NOTIFY tells who entered');
like($heard, qr/"left": 1/, 'and who left');
my $count = () = $heard =~ /notification "changes"/g;
cmp_ok($count, '<', 20, 'and is silent where nothing changed');
is(ask($node, q{SELECT count(*) FROM customer_data.job_run WHERE status NOT IN ('succeeded', 'running')}), '0', 'no refresh failed');

# a refresh by hand beside the worker's: refused, not doubled
ask($node, q{SELECT customer_data.pause('refresh')});
ok(defined wait_for($node, q{SELECT count(*) = 0 FROM customer_data.job_run WHERE status = 'running'}), 'at rest');
my $holder = $node->background_psql('shop');
$holder->query_safe('BEGIN; LOCK TABLE shop.event');
ask($node, q{SELECT customer_data.run_job('refresh')});
ok(defined wait_for($node, q{SELECT string_agg(phase || ' ' || done, ', ' ORDER BY level) LIKE 'refresh_all 1, refresh_timelines%' FROM customer_data.progress WHERE job = 'refresh'}), 'progress shows the step it is at');
my ($rc, $out, $err) = $node->psql('shop', 'CALL customer_data.refresh_all()');
like($err, qr/a refresh is already running.*It runs in process \d+.*customer_data.progress/s, 'a second refresh is refused while one runs');
$holder->query_safe('COMMIT');
ok(defined wait_for($node, q{SELECT last_result = 'succeeded' FROM customer_data.job WHERE name = 'refresh'}), 'the refresh ends well');
is(ask($node, 'CALL customer_data.refresh_all(); SELECT 1'), '1', 'and by hand it runs, also inside a transaction');
is(ask($node, q{SELECT status FROM customer_data.run_job('refresh', in_worker => false)}), 'succeeded', 'and as a job of this session');
# the lock goes with an error, also where the session stays
my $session = $node->background_psql('shop', on_error_stop => 0);
$holder->query_safe('BEGIN; LOCK TABLE shop.event');
$session->query(q{SET statement_timeout = '300 ms'; CALL customer_data.refresh_all()});
$session->query('RESET statement_timeout');
$holder->query_safe('COMMIT');
is(ask($node, 'SELECT count(*) FROM customer_data.progress'), '0', 'an error ends the progress');
is(ask($node, 'CALL customer_data.refresh_all(); SELECT 2'), '2', 'an error leaves no lock behind');
$node->stop;
done_testing();
