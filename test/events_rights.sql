-- Mode trigger: whoever writes to a source table runs what the table's owner
-- put into the types of its columns, and the owner of the queue does not.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(10);
DROP ROLE IF EXISTS events_owner, events_writer;
CREATE ROLE events_owner;
CREATE ROLE events_writer;
CREATE SCHEMA shop AUTHORIZATION events_owner;

SET ROLE events_owner;
CREATE TYPE shop.mood AS ENUM ('good', 'bad');
CREATE FUNCTION shop.mood_json(shop.mood) RETURNS json LANGUAGE sql AS $$ SELECT json_build_object('by', current_user) $$;
CREATE CAST (shop.mood AS json) WITH FUNCTION shop.mood_json(shop.mood);
CREATE TABLE shop.visit (id int GENERATED ALWAYS AS IDENTITY, gone text, at timestamptz DEFAULT '2026-01-01', mood shop.mood, "Row" shop.mood[], note text);
ALTER TABLE shop.visit DROP gone;
GRANT USAGE ON SCHEMA shop TO events_writer;
GRANT INSERT, DELETE, UPDATE, SELECT, TRUNCATE ON shop.visit TO events_writer;
CREATE TRIGGER came AFTER INSERT ON shop.visit REFERENCING NEW TABLE AS anything FOR EACH STATEMENT EXECUTE FUNCTION customer_data.capture_events('7');
CREATE TRIGGER went AFTER DELETE ON shop.visit REFERENCING OLD TABLE AS "Any Thing" FOR EACH STATEMENT EXECUTE FUNCTION customer_data.capture_events('7');
CREATE TRIGGER changed AFTER UPDATE ON shop.visit REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION customer_data.capture_events('7');
CREATE TRIGGER emptied AFTER TRUNCATE ON shop.visit FOR EACH STATEMENT EXECUTE FUNCTION customer_data.capture_events('7');
RESET ROLE;
CREATE VIEW queued AS SELECT sign, source_row FROM event_queue WHERE relation_oid = 'shop.visit'::regclass AND event_source_id = 7 ORDER BY queue_id;

SET ROLE events_writer;
INSERT INTO shop.visit (mood, "Row") VALUES ('good', '{bad}');
SELECT throws_ok('SELECT * FROM customer_data.event_queue', '42501', NULL, 'the writer may not read the queue');
SELECT throws_ok('INSERT INTO customer_data.event_queue (relation_oid, event_source_id, sign) VALUES (1, 7, 0)', '42501', NULL, 'nor write into it');
RESET ROLE;
SELECT results_eq('SELECT sign::int, source_row FROM queued',
    $$VALUES (1, '{"id": 1, "at": "2026-01-01T00:00:00+00:00", "mood": {"by": "events_writer"}, "Row": [{"by": "events_writer"}], "note": null}'::jsonb)$$,
    'a cast to json runs as the writer, not as the owner of the queue');
SELECT is(current_user::text, 'postgres', 'and afterwards everybody is who they were');
TRUNCATE event_queue;

-- More rows than are handed on at a time, and long ones.
SET ROLE events_writer;
SET TimeZone = 'UTC';
INSERT INTO shop.visit (note) SELECT repeat(md5(i::text), CASE WHEN i % 100 = 0 THEN 20000 ELSE 1 END) FROM generate_series(1, 2500) i;
RESET ROLE;
SELECT results_eq('SELECT sign::int, source_row FROM queued', 'SELECT 1, to_jsonb(v) FROM shop.visit v WHERE note IS NOT NULL ORDER BY id', 'all rows of a large statement, in their order');
TRUNCATE event_queue;
SET ROLE events_writer;
UPDATE shop.visit SET note = 'new' WHERE id = 1;
DELETE FROM shop.visit WHERE id = 1;
DELETE FROM shop.visit WHERE id = 1;
TRUNCATE shop.visit;
RESET ROLE;
SELECT results_eq($$SELECT sign::int, source_row ->> 'note' FROM queued$$, $$VALUES (-1, NULL), (1, 'new'), (-1, 'new'), (0, NULL)$$, 'updates, deletes and the emptying of the table');

-- Triggers of another make.
SET ROLE events_owner;
CREATE TABLE shop.other (id int);
CREATE TRIGGER bare AFTER INSERT ON shop.other FOR EACH STATEMENT EXECUTE FUNCTION customer_data.capture_events('7');
SELECT throws_ok('INSERT INTO shop.other VALUES (1)', '39P01', NULL, 'one without a transition table is refused');
CREATE OR REPLACE TRIGGER bare AFTER INSERT ON shop.other FOR EACH ROW EXECUTE FUNCTION customer_data.capture_events('7');
SELECT throws_ok('INSERT INTO shop.other VALUES (1)', '39P01', NULL, 'so is one for each row');
CREATE OR REPLACE TRIGGER bare AFTER INSERT ON shop.other REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION customer_data.capture_events();
SELECT throws_ok('INSERT INTO shop.other VALUES (1)', '39P01', NULL, 'and one that names no event source');
CREATE OR REPLACE TRIGGER bare AFTER INSERT ON shop.other REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION customer_data.capture_events('x');
SELECT throws_ok('INSERT INTO shop.other VALUES (1)', '22P02', NULL, 'or none that could be one');
RESET ROLE;

DROP SCHEMA shop CASCADE;
DROP ROLE events_owner, events_writer;
SELECT * FROM finish();
