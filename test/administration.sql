-- What a database's administrator may do to our tables changes no answer:
-- indexes of other kinds, of some rows only, or made anew.  Rows that go to a
-- table without a statement lock it as those of one do.  And sets that hold
-- what is no customer, or hardly any, are asked all the same.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SELECT plan(16);
CREATE TABLE account (id int PRIMARY KEY, name text);
CREATE TABLE event (id int PRIMARY KEY, account int, at timestamptz, what text);
INSERT INTO account SELECT i, 'name ' || i FROM generate_series(1, 500) i;
INSERT INTO event SELECT i, 1 + i % 500, '2026-01-01'::timestamptz + i * interval '1 minute', 'view' FROM generate_series(1, 3000) i;
SELECT add_source('shop', 'account', 'id', '{"full_name": "name"}') \g /dev/null
SELECT resolve() \g /dev/null
SELECT add_event_source('shop', 'event', 'shop', 'account', 'at', 'what', event_id => 'id') \g /dev/null
SELECT refresh_timelines() \g /dev/null

CREATE FUNCTION events_read() RETURNS bigint[] LANGUAGE sql AS $$
    SELECT ARRAY[(SELECT sum(event_count(events, '*')) FROM profile),
                 (SELECT sum(event_count(p.events, '*')) FROM generate_series(1, 500) i, LATERAL (SELECT * FROM profile WHERE customer_id = i) p),
                 (SELECT sum(value::int) FROM try_expression($e$event_count(events, '*')$e$)),
                 (SELECT sum(value::int) FROM try_expression($e$event_count(events, '*')$e$, '{1,90,200,333,480}'))]
$$;
SELECT is(events_read(), '{3000,3000,3000,30}', 'all events are read');
CREATE INDEX CONCURRENTLY even ON timeline_chunk (record_id) WHERE record_id % 2 = 0;
REINDEX TABLE CONCURRENTLY timeline_chunk;
REINDEX INDEX CONCURRENTLY source_record_customer;
SELECT is(events_read(), '{3000,3000,3000,30}', 'after the index on customers was made anew, too, so that one of some rows is the older');
DROP INDEX source_record_customer;
CREATE INDEX other ON source_record USING brin (customer_id);
CREATE INDEX another ON source_record USING hash (customer_id);
SELECT is(events_read(), '{3000,3000,3000,30}', 'and with indexes of other kinds only');
CREATE INDEX source_record_customer ON source_record (customer_id);
DROP INDEX other, another, even;

-- Few customers among all that a set can hold
SET statement_timeout = '20s';
SELECT is((SELECT count(*) FROM try_expression('true', '{0-4294967295}')), 500::bigint, 'of a set of all ids those that are customers are asked');
SELECT is((SELECT array_agg(customer_id) FROM try_expression('true', '{0,77,400,10000-20000,1000000-4294967295}')), '{77,400}', 'and of parts of it');
-- Batches of 256 and 512: the second finds nobody and ends with the last id there is.
SELECT is((SELECT count(*) FROM try_expression('true', '{1-256,4294966784-4294967295}')), 256::bigint, 'and each once, up to the last id');
SELECT refresh_metrics() \g /dev/null
SELECT is((SELECT count(*) FROM customer WHERE customer_id <@ '{2-4294967295}'::customer_set), 499::bigint, 'nor does an index need them one by one');
INSERT INTO customer_metric (customer_id) VALUES (1000000), (200000000), (4294967295);
INSERT INTO customer_tag VALUES (1000000, '{gone}'), (77, '{here}'), (4294967295, '{gone}');
SELECT ok((evaluate_metrics(array_agg(metric_id), array_agg('{0-4294967295}'::customer_set))).evaluated > 0, 'metrics are evaluated for them') FROM metric WHERE name IN ('frequency', 'last_event_at');
SELECT ok((SELECT count(*) = 500 AND max(customer_id) = 500 FROM customer_metric), 'and whoever is none is taken out of the table');
SELECT evaluate_tags('{}', '{}', '{0-4294967295}') \g /dev/null
SELECT is((SELECT array_agg(customer_id) FROM customer_tag WHERE customer_id > 500), NULL, 'so are their tags');
DELETE FROM customer_tag;
RESET statement_timeout;

SELECT add_tag('early', $$event_count(events, '*') > 1$$, 'rule') \g /dev/null
BEGIN;
SELECT refresh_tags() \g /dev/null
SELECT is((SELECT count(*) FROM customer_tag), 500::bigint, 'tags are written the first time');
SELECT ok(EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'customer_tag'::regclass AND mode = 'RowExclusiveLock'),
    'and lock their table until the end of the transaction');
ROLLBACK;
BEGIN READ ONLY;
SELECT throws_ok('SELECT refresh_tags()', '25006', NULL, 'nothing is written in a transaction that only reads');
ROLLBACK;
BEGIN READ ONLY;
DO $$ BEGIN PERFORM evaluate_tags('{}', '{}', '{}'); EXCEPTION WHEN read_only_sql_transaction THEN NULL; END $$;
SELECT pg_current_xact_id_if_assigned() IS NULL AS untouched \gset
ROLLBACK;
SELECT ok(:'untouched', 'nor does writing without a statement take a transaction id before it is refused: a standby has none to give');

-- Ranges of parallel workers where there are fewer customers than workers, from the least id on
INSERT INTO condition (room, expression) VALUES ('segment', 'true');
SET customer_data.segment_workers = 8;
SELECT is((SELECT array_agg(x.id ORDER BY x.id) FROM condition c, evaluate_conditions(ARRAY[c.condition_id], ARRAY[asked::customer_set]) e, members(e.customers) x (id)
           WHERE c.expression = 'true' AND c.room = 'segment' AND e.what = 'true'), there::bigint[], format('workers ask %s, each once', asked))
FROM (VALUES ('{0,1,2}', '{1,2}'), ('{7}', '{7}')) v (asked, there);
SELECT * FROM finish();
