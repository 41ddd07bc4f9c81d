-- Event sources over foreign tables (another server, a file), of other roles, and
-- over relations that change their columns or names: what can be promised is
-- kept, what cannot is refused, and nothing is lost.
SELECT plan(49);
SET client_min_messages = warning;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION file_fdw;
SET search_path = public, customer_data;
CREATE SCHEMA shop;
CREATE SCHEMA far;
CREATE TABLE shop.account (id int PRIMARY KEY, name text);
INSERT INTO shop.account SELECT n, 'person ' || n FROM generate_series(1, 5) n;
SELECT count(*) FROM add_source('shop', 'shop.account', 'id', '{"full_name": "name"}') \g /dev/null
CREATE TABLE shop.orders (id bigserial PRIMARY KEY, who int, at timestamptz, amount numeric, note text,
    loaded_at timestamptz DEFAULT clock_timestamp(), loaded_by xid8 DEFAULT pg_current_xact_id());

-- This database, seen through another connection.
DO $$ BEGIN
    EXECUTE format('CREATE SERVER self FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L, port %L)',
        current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'));
    EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER self OPTIONS (user %L)', current_user);
END $$;
IMPORT FOREIGN SCHEMA shop LIMIT TO (orders) FROM SERVER self INTO far;
CREATE VIEW far.seen AS SELECT * FROM far.orders WHERE amount > 0;

CREATE VIEW stored AS
    SELECT d.name AS source, r.key, e.at, e.kind, e.value, e.properties
    FROM timeline_chunk c JOIN event_source_definition d USING (event_source_id) JOIN source_record r USING (record_id), LATERAL events(c.events) e;
CREATE FUNCTION added(name text, relation text, mode text, cursor_column text DEFAULT NULL) RETURNS text LANGUAGE sql
    RETURN customer_data.add_event_source(name, relation, 'shop', 'who', 'at', $$'purchase'$$, value => 'amount', properties => '{"note": "note"}',
                                          mode => mode, cursor_column => cursor_column);
CREATE FUNCTION refusal(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text; hint text;
BEGIN
    EXECUTE call;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN message || ' | ' || hint;
END $$;
SELECT is(refusal($$SELECT added('x', 'far.orders', 'xid', 'loaded_by')$$),
    'mode "xid" of event source "x" cannot read a foreign table | Choose mode timestamp, with a cursor_column that says when a row arrived or changed, or full.', 'xid is refused');
SELECT is(refusal($$SELECT added('x', 'far.orders', 'sequence', 'id')$$),
    'mode "sequence" of event source "x" needs a table, not a foreign table | Choose mode timestamp, with a cursor_column that says when a row arrived or changed, or full.', 'sequence is refused');
SELECT is(refusal($$SELECT added('x', 'far.orders', 'trigger')$$),
    'mode "trigger" of event source "x" needs a table, not a foreign table | Choose mode timestamp, with a cursor_column that says when a row arrived or changed, or full.', 'trigger is refused');
SELECT matches(refusal($$SELECT added('x', 'far.seen', 'xid', 'loaded_by')$$), 'cannot read a foreign table', 'xid is refused through a view');
SELECT matches(refusal($$SELECT added('x', 'SELECT * FROM far.seen UNION ALL SELECT * FROM shop.orders', 'xid', 'loaded_by')$$), 'cannot read a foreign table', 'and through a query');
CREATE TABLE shop.parted (LIKE shop.orders INCLUDING DEFAULTS) PARTITION BY LIST (note);
CREATE TABLE shop.parted_here PARTITION OF shop.parted FOR VALUES IN ('here');
CREATE FOREIGN TABLE far.parted_there PARTITION OF shop.parted FOR VALUES IN ('there') SERVER self OPTIONS (schema_name 'shop', table_name 'parted_store');
CREATE TABLE shop.parted_store (LIKE shop.orders INCLUDING DEFAULTS);
SELECT matches(refusal($$SELECT added('x', 'shop.parted', 'trigger')$$), 'cannot read a foreign table', 'trigger is refused where a partition is foreign');
SELECT matches(added('parted', 'shop.parted', NULL), 'equal to the relation', 'such a table is read in full by default');
INSERT INTO shop.parted (who, at, amount, note) VALUES (1, '2026-01-01', 1, 'here'), (2, '2026-01-02', 2, 'there');
SELECT is((SELECT events FROM refresh_timelines('parted')), 2::bigint, 'both partitions are read');

-- The modes that can work, several sources at once.
SELECT matches(added('far_time', 'far.orders', NULL, 'loaded_at'), 'at most 01:00:00 after', 'a timestamp works');
SELECT matches(added('far_full', 'far.orders', NULL), 'equal to the relation', 'without a cursor everything is read');
SELECT matches(added('far_query', 'SELECT * FROM far.seen WHERE who < 3', 'full'), 'equal to the relation', 'a query over a foreign table');
SELECT matches(added('near', 'shop.orders', 'xid', 'loaded_by'), 'exactly once, those committed late', 'beside the table itself');
CREATE VIEW twin AS
    SELECT s.name AS source, o.who::text AS key, o.at, 'purchase'::text AS kind, o.amount::float8 AS value, jsonb_strip_nulls(jsonb_build_object('note', o.note)) AS properties
    FROM shop.orders o, (VALUES ('far_time'), ('far_full'), ('far_query'), ('near')) s (name)
    WHERE s.name <> 'far_query' OR o.amount > 0 AND o.who < 3;
CREATE FUNCTION same(what text, sources text[] DEFAULT '{far_time,far_full,far_query,near}') RETURNS text LANGUAGE sql AS $$
    SELECT is((SELECT count(*) FROM (SELECT source, key, at, kind, value, properties, count(*) FROM stored WHERE source = ANY (sources) GROUP BY 1, 2, 3, 4, 5, 6) s
               FULL JOIN (SELECT source, key, at, kind, value, properties, count(*) FROM twin WHERE source = ANY (sources) GROUP BY 1, 2, 3, 4, 5, 6) t
                   USING (source, key, at, kind, value, properties, count)
               WHERE s.source IS NULL OR t.source IS NULL), 0::bigint, what)
$$;
INSERT INTO shop.orders (who, at, amount, note) SELECT n % 6, '2026-01-01'::timestamptz + n * interval '1 hour', n % 7, 'n' || n % 3 FROM generate_series(1, 300) n;
SELECT is((SELECT (sources, events, failed)::text FROM refresh_timelines()), (SELECT format('(5,%s,0)', count(*)) FROM twin), 'first read of all');
SELECT same('each equals its relation');
INSERT INTO shop.orders (who, at, amount, note) VALUES (1, '2026-03-01', 5, '晚'), (2, '2026-03-01', 5, NULL);
INSERT INTO shop.orders (who, at, amount, note, loaded_at) VALUES (3, '2026-03-02', 5, 'late', clock_timestamp() - interval '50 minutes');
SELECT is((SELECT events FROM refresh_timelines()), 11::bigint, 'what is new, late inside the overlap too');
SELECT same('each equals its relation again');
DELETE FROM shop.orders WHERE amount = 3;
UPDATE shop.orders SET note = 'changed' WHERE amount = 4;
SELECT is((SELECT failed FROM refresh_timelines()), 0, 'rows change');
SELECT same('what is read in full, and the overlap, follow at once', '{far_time,far_full,far_query}');
SELECT is((SELECT failed FROM refresh_timelines('near', reconcile => true)), 0, 'the other mode is reconciled');
SELECT same('and then follows, too');

-- The other server cannot be reached: its sources fail, the others do not, nothing is lost.
INSERT INTO shop.orders (who, at, amount, note) VALUES (1, '2026-03-03', 9, 'while it was away');
SELECT postgres_fdw_disconnect_all() \g /dev/null
ALTER SERVER self OPTIONS (SET port '1');
SELECT is((SELECT (sources, events, failed)::text FROM refresh_timelines()), '(1,1,4)', 'sources of a server that is away fail alone');
SELECT is((SELECT array_agg(name::text ORDER BY name) FROM event_source WHERE error LIKE 'could not connect to server%'), '{far_full,far_query,far_time,parted}', 'each says why');
DO $$ BEGIN EXECUTE format('ALTER SERVER self OPTIONS (SET port %L)', current_setting('port')); END $$;
SELECT is((SELECT (sources, events, failed)::text FROM refresh_timelines()), '(5,3,0)', 'when it is back they catch up');
SELECT is((SELECT count(*) FROM event_source WHERE error IS NOT NULL), 0::bigint, 'and the errors are gone');
SELECT same('nothing lost or doubled');

-- A file.
SELECT current_setting('data_directory') || '/customer_data_events.csv' AS file \gset
SET test.file = :'file';
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
DO $$ BEGIN
    EXECUTE format('CREATE FOREIGN TABLE far.file (who int, at timestamptz, amount numeric, note text, loaded_at timestamptz) SERVER files OPTIONS (filename %L, format ''csv'')', current_setting('test.file'));
    EXECUTE format('COPY (SELECT who, at, amount, note, loaded_at FROM shop.orders ORDER BY id LIMIT 20) TO %L (FORMAT csv)', current_setting('test.file'));
END $$;
SELECT matches(added('file_time', 'far.file', NULL, 'loaded_at'), 'at most 01:00:00 after', 'a file with times of arrival');
SELECT matches(added('file_full', 'far.file', NULL), 'equal to the relation', 'a file');
SELECT is((SELECT sum(e) FROM (SELECT (refresh_timelines(n)).events AS e FROM unnest('{file_time,file_full}'::text[]) n) x), 40::numeric, 'the file is read');
DO $$ BEGIN EXECUTE format('COPY (SELECT who, at, amount, note, loaded_at FROM shop.orders ORDER BY id LIMIT 30) TO %L (FORMAT csv)', current_setting('test.file')); END $$;
SELECT is((SELECT sum(e) FROM (SELECT (refresh_timelines(n)).events AS e FROM unnest('{file_time,file_full}'::text[]) n) x), 20::numeric, 'a longer file brings only what is new');
DO $$ BEGIN EXECUTE format('COPY (SELECT 1, now(), 1, NULL, now() LIMIT 0) TO %L (FORMAT csv)', current_setting('test.file')); END $$;
SELECT is((SELECT sum(r) FROM (SELECT (refresh_timelines(n)).removed AS r FROM unnest('{file_time,file_full}'::text[]) n) x), 60::numeric, 'an empty file leaves none');
SELECT is((SELECT (sources, failed)::text FROM refresh_timelines('file_full')), '(1,0)', 'and is no error');

-- Sources of another role: read with its rights and its connection, whoever refreshes.
CREATE ROLE cd_foreign_web LOGIN;
CREATE ROLE cd_foreign_admin;
CREATE ROLE cd_foreign_guest;
GRANT USAGE ON SCHEMA far, shop, customer_data TO cd_foreign_web, cd_foreign_admin, cd_foreign_guest;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA customer_data TO cd_foreign_web, cd_foreign_admin, cd_foreign_guest;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA customer_data TO cd_foreign_web, cd_foreign_admin, cd_foreign_guest;
GRANT SELECT ON far.orders TO cd_foreign_web;
GRANT SELECT ON shop.orders TO cd_foreign_web;
GRANT USAGE ON FOREIGN SERVER self TO cd_foreign_web;
CREATE USER MAPPING FOR cd_foreign_web SERVER self OPTIONS (user 'cd_foreign_web', password_required 'false');
SET ROLE cd_foreign_web;
SELECT matches(add_event_source('web', 'far.orders', 'shop', 'who', 'at', 'current_user::text', value => 'amount', mode => 'full'), 'equal to the relation', 'a department declares a foreign table');
RESET ROLE;
GRANT cd_foreign_web TO cd_foreign_admin;
SET ROLE cd_foreign_admin;
SELECT is((SELECT (sources, failed)::text FROM refresh_timelines('web')), '(1,0)', 'a member refreshes it');
RESET ROLE;
SELECT is((SELECT array_agg(DISTINCT kind) FROM stored WHERE source = 'web'), '{cd_foreign_web}', 'with the rights of whoever declared it');
SET ROLE cd_foreign_guest;
SELECT is(refusal($$SELECT refresh_timelines('web')$$), 'event source "web" belongs to role cd_foreign_web | GRANT cd_foreign_web TO cd_foreign_guest;', 'somebody else cannot');
RESET ROLE;
DROP USER MAPPING FOR cd_foreign_web SERVER self;
INSERT INTO shop.orders (who, at, amount) VALUES (1, '2026-03-04', 1);
SELECT is((SELECT (sources, failed)::text FROM refresh_timelines('web')), '(0,1)', 'without its user mapping it fails, whoever refreshes');
SELECT matches((SELECT error FROM event_source WHERE name = 'web'), 'user mapping not found', 'and says why');
SELECT drop_event_source('web') \g /dev/null
DROP OWNED BY cd_foreign_web, cd_foreign_admin, cd_foreign_guest;
DROP ROLE cd_foreign_web, cd_foreign_admin, cd_foreign_guest;

-- Columns and tables that change their names.
CREATE TABLE shop.visit (id bigserial PRIMARY KEY, who int, at timestamptz, page text, loaded_at timestamptz DEFAULT clock_timestamp(), loaded_by xid8 DEFAULT pg_current_xact_id());
SELECT count(add_event_source('visit_' || m, 'shop.visit', 'shop', 'who', 'at', $$'view'$$, properties => '{"page": "page"}', mode => m, cursor_column => c))
FROM (VALUES ('xid', 'loaded_by'), ('sequence', 'id'), ('trigger', NULL), ('timestamp', 'loaded_at'), ('full', NULL)) v (m, c) \g /dev/null
CREATE FUNCTION visits() RETURNS text LANGUAGE sql STABLE
    RETURN (SELECT string_agg(DISTINCT n || ' ' || pages, '; ') FROM (SELECT count(*) AS n, string_agg(properties ->> 'page', ',' ORDER BY at) AS pages FROM stored WHERE source LIKE 'visit%' GROUP BY source) x);
CREATE FUNCTION refreshed() RETURNS text LANGUAGE sql
    RETURN (SELECT (sum(sources), sum(events), sum(failed))::text FROM (SELECT (refresh_timelines(name)).* FROM event_source WHERE name LIKE 'visit%' ORDER BY name) x);
INSERT INTO shop.visit (who, at, page) VALUES (1, '2026-01-01', '/a');
SELECT is(refreshed(), '(5,5,0)', 'a table in every mode');
ALTER TABLE shop.visit RENAME page TO path;
INSERT INTO shop.visit (who, at, path) VALUES (1, '2026-01-02', '/b');
SELECT is(refreshed(), '(0,0,5)', 'a renamed column fails each source');
SELECT is((SELECT array_agg(DISTINCT error) FROM event_source WHERE name LIKE 'visit%'), '{"column \"page\" does not exist"}', 'that names the column');
SELECT is(visits(), '1 /a', 'and loses nothing');
ALTER TABLE shop.visit RENAME path TO page;
INSERT INTO shop.visit (who, at, page) VALUES (1, '2026-01-03', '/c');
SELECT is(refreshed(), '(5,10,0)', 'named back, everything since comes in');
SELECT is(visits(), '3 /a,/b,/c', 'rows captured under the other name, too');
ALTER TABLE shop.visit RENAME TO visit_old;
INSERT INTO shop.visit_old (who, at, page) VALUES (1, '2026-01-04', '/d');
SELECT is(refreshed(), '(0,0,5)', 'a renamed table fails each source');
SELECT matches((SELECT string_agg(DISTINCT error, ' ') FROM event_source WHERE name LIKE 'visit%'), 'shop.visit', 'and is named');
ALTER TABLE shop.visit_old RENAME TO visit;
SELECT is(refreshed(), '(5,5,0)', 'named back, everything since comes in');
SELECT is(visits(), '4 /a,/b,/c,/d', 'once');
-- A foreign table takes the name of one that was read by transaction ids.
ALTER TABLE shop.orders RENAME TO orders_store;
DO $$ BEGIN
    EXECUTE 'CREATE FOREIGN TABLE shop.orders (id bigint, who int, at timestamptz, amount numeric, note text, loaded_at timestamptz, loaded_by xid8) SERVER self OPTIONS (schema_name ''shop'', table_name ''orders_store'')';
END $$;
SELECT is((SELECT (sources, failed)::text FROM refresh_timelines('near')), '(0,1)', 'a foreign table under the name of a table is not read in a mode that cannot work');
SELECT matches((SELECT error FROM event_source WHERE name = 'near'), 'mode "xid" of event source "near" cannot read a foreign table', 'and says so');
SELECT * FROM finish();
