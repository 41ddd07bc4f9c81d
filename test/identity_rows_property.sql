-- Sources whose rows tell what was written since, against a comparison of all:
-- batches of inserts, updates and deletes, in transactions and parts of them,
-- and what may happen to a table between two runs.
SET client_min_messages = error;
SET search_path = customer_data, public;
SELECT plan(36);

\ir include/seed.sql

CREATE TABLE public.person (id int PRIMARY KEY, name text, born timestamptz, phone text);
CREATE FUNCTION public.word() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT substr(md5(random()::text), 1, 2 + floor(random() * 4)::int) $$;
INSERT INTO public.person SELECT i, word() || ' ' || word(), now() - i * interval '1 day', nullif(floor(random() * 5)::int, 0) FROM generate_series(1, 300) AS i;
SELECT add_source('plain', 'public.person', 'id', '{"full_name": "name", "birth_date": "born::date", "registered_at": "born", "phone": "lower(phone)"}') IS NOT NULL AS added \gset
SELECT resolve() \g /dev/null

CREATE VIEW public.wanted AS
    SELECT p.id::text AS key, nullif(p.name, '') AS name, nullif(lower(to_jsonb(p) ->> 'phone'), '') AS phone FROM public.person p;
CREATE VIEW public.found AS
    SELECT r.key, v.given[a.ordinal] AS name, v.given[b.ordinal] AS phone
    FROM source_record r JOIN record_value v USING (record_id), attribute a, attribute b WHERE r.gone_at IS NULL AND a.name = 'full_name' AND b.name = 'phone';
CREATE FUNCTION public.same(what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is_empty('(SELECT * FROM public.wanted EXCEPT SELECT * FROM public.found) UNION ALL (SELECT * FROM public.found EXCEPT SELECT * FROM public.wanted)', what)
$$;
-- How a run read: in part, or compared all.
CREATE FUNCTION public.whole_run() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    whole boolean;
BEGIN
    UPDATE customer_data.source SET compared_at = compared_at - interval '1 hour';
    PERFORM resolve();
    SELECT s.compared_at = now() INTO whole FROM customer_data.source s;
    RETURN whole;
END
$$;
SELECT isnt((SELECT read_mark FROM source), NULL, 'rows of a table tell');

-- Batches. Some are committed with the run, some by themselves, some in parts that fail.
CREATE PROCEDURE public.batch() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. floor(random() * 4)::int LOOP
        BEGIN
            CASE floor(random() * 5)::int
                WHEN 0 THEN INSERT INTO public.person SELECT 1000 + floor(random() * 100000)::int, word(), now(), NULL ON CONFLICT DO NOTHING;
                WHEN 1 THEN UPDATE public.person SET name = word() WHERE id % 31 = floor(random() * 31)::int;
                WHEN 2 THEN DELETE FROM public.person WHERE random() < 0.01;
                WHEN 3 THEN
                    -- as many rows as before
                    WITH gone AS (DELETE FROM public.person WHERE id = (SELECT min(id) FROM public.person) RETURNING *)
                    INSERT INTO public.person SELECT 200000 + g.id + floor(random() * 1e9)::int, g.name, g.born, g.phone FROM gone g;
                ELSE UPDATE public.person SET id = id + 500000 WHERE id = (SELECT min(id) FROM public.person);
            END CASE;
            IF random() < 0.2 THEN
                RAISE EXCEPTION 'not so';
            END IF;
        EXCEPTION WHEN raise_exception THEN
            NULL;
        END;
        IF random() < 0.3 THEN
            COMMIT;
        END IF;
    END LOOP;
END
$$;
CREATE PROCEDURE public.runs(n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        CALL public.batch();
        PERFORM customer_data.resolve();
        IF EXISTS (SELECT * FROM public.wanted EXCEPT SELECT * FROM public.found) OR EXISTS (SELECT * FROM public.found EXCEPT SELECT * FROM public.wanted) THEN
            RAISE EXCEPTION 'run % differs', i;
        END IF;
        COMMIT;
    END LOOP;
END
$$;
SELECT setseed(random()) \g /dev/null
\set ON_ERROR_STOP off
CALL public.runs(30);
SELECT is(:'SQLSTATE'::text, '00000', 'thirty runs after batches find what is there');
\set ON_ERROR_STOP on
SELECT same('in the end, too');

UPDATE person SET name = 'Wilhelmina' WHERE id = (SELECT max(id) FROM person);
SELECT is(whole_run(), false, 'a changed row is found in part');
SELECT same('and taken');
INSERT INTO person VALUES (-1, 'Ottilie', now(), '1');
SELECT is(whole_run(), false, 'so is a new one');
SELECT same('and taken');
DELETE FROM person WHERE id = -1;
SELECT is(whole_run(), true, 'a row that is missing makes all compared');
SELECT same('and is gone');
SELECT is((SELECT records FROM resolve()), 0::bigint, 'nothing is new');

ALTER TABLE person DROP COLUMN phone;
ALTER TABLE person ADD COLUMN phone text DEFAULT '4711';
SELECT is(whole_run(), true, 'a column of the same name, filled without a row being written');
SELECT same('is read');
ALTER TABLE person ALTER COLUMN phone TYPE varchar USING phone || '0';
SELECT is(whole_run(), true, 'a column of another type');
SELECT same('is read');
CREATE TEMP TABLE kept AS SELECT * FROM person;
TRUNCATE person;
INSERT INTO person SELECT * FROM kept WHERE id % 2 = 0;
SELECT resolve() \g /dev/null
SELECT same('a table that was filled anew');
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
SELECT resolve() \g /dev/null
SELECT is((SELECT read_mark FROM source), NULL, 'where rows may be hidden they do not tell');
ALTER TABLE person DISABLE ROW LEVEL SECURITY;
SELECT is(whole_run(), true, 'the first run after that compares all');
ALTER TABLE person DROP CONSTRAINT person_pkey;
UPDATE person SET id = (SELECT max(id) FROM person) WHERE id = (SELECT min(id) FROM person);
SELECT throws_ok('SELECT resolve()', '23505', NULL, 'a row that takes another''s key in the place of its own');
DELETE FROM person WHERE id = (SELECT max(id) FROM person);
SELECT resolve() \g /dev/null
SELECT same('both gone');
SELECT upsert_record('plain', 'pushed', '{"full_name": "Bartholomew"}') IS NOT NULL AS pushed \gset
SELECT is(whole_run(), true, 'records that did not come from the table make all compared');

-- Links: a relation that nobody wrote to is not read again.
CREATE TABLE public.seen_by (who text, visitor text);
CREATE TABLE public.visitor (id text PRIMARY KEY);
INSERT INTO visitor SELECT 'v' || i FROM generate_series(1, 30) AS i;
SELECT add_source('web', 'public.visitor', 'id', '{"cookie_id": "id"}', kind => 'anonymous') IS NOT NULL AS added \gset
SELECT add_identity_link('seen', 'public.seen_by', 'web', 'visitor', 'plain', 'who') \g /dev/null
CREATE PROCEDURE public.link_runs(n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        CASE floor(random() * 5)::int
            WHEN 0 THEN INSERT INTO public.seen_by SELECT p.id::text, 'v' || 1 + floor(random() * 40)::int FROM public.person p ORDER BY random() LIMIT 5;
            WHEN 1 THEN DELETE FROM public.seen_by WHERE random() < 0.2;
            WHEN 2 THEN UPDATE public.seen_by SET visitor = 'v' || 1 + floor(random() * 40)::int WHERE random() < 0.1;
            WHEN 3 THEN
                -- as many rows as before
                WITH gone AS (DELETE FROM public.seen_by WHERE ctid = (SELECT min(ctid) FROM public.seen_by) RETURNING *)
                INSERT INTO public.seen_by SELECT g.who, 'v' || 1 + floor(random() * 40)::int FROM gone g;
            ELSE NULL;
        END CASE;
        IF random() < 0.3 THEN
            COMMIT;
        END IF;
        PERFORM customer_data.resolve();
        IF EXISTS (SELECT visitor, who FROM public.seen_by EXCEPT SELECT key_a, key_b FROM customer_data.identity_evidence)
           OR EXISTS (SELECT key_a, key_b FROM customer_data.identity_evidence EXCEPT SELECT visitor, who FROM public.seen_by) THEN
            RAISE EXCEPTION 'run % differs', i;
        END IF;
        COMMIT;
    END LOOP;
END
$$;
\set ON_ERROR_STOP off
CALL public.link_runs(25);
SELECT is(:'SQLSTATE'::text, '00000', 'twenty-five runs find the links that are there');
\set ON_ERROR_STOP on
INSERT INTO seen_by SELECT id::text, 'v1' FROM person LIMIT 1;
SELECT resolve() \g /dev/null
SELECT bag_eq('SELECT key_a, key_b FROM identity_evidence', 'SELECT DISTINCT visitor, who FROM seen_by', 'in the end, too');
-- What is not read again shows in evidence that is changed by hand.
SELECT record_id AS one FROM source_record LIMIT 1 \gset
INSERT INTO identity_evidence (link_id, key_a, key_b, record_a, record_b) SELECT link_id, 'by', 'hand', :one, :one FROM identity_link;
SELECT resolve() \g /dev/null
SELECT is((SELECT count(*) FROM identity_evidence WHERE key_a = 'by'), 1::bigint, 'nobody wrote: the relation was not read');
UPDATE seen_by SET who = who WHERE ctid = (SELECT min(ctid) FROM seen_by);
SELECT resolve() \g /dev/null
SELECT is((SELECT count(*) FROM identity_evidence WHERE key_a = 'by'), 0::bigint, 'somebody wrote: it was');

-- Which expressions rows alone decide.
CREATE FUNCTION public.own(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT t $$;
CREATE VIEW public.seen AS SELECT * FROM person;
CREATE TYPE public.mood AS ENUM ('glad');
CREATE TABLE public.parent (id int, name text);
CREATE TABLE public.child () INHERITS (public.parent);
CREATE FUNCTION public.marked(query text) RETURNS boolean LANGUAGE sql AS $$ SELECT row_mark(current_user::regrole, 'UTC', query) IS NOT NULL $$;
SELECT ok(marked('SELECT (id)::text, NULL::timestamptz, ARRAY[name, upper(name) || ''x'', ((born)::timestamptz)::text, coalesce(phone, ''a'')] FROM public.person'), 'columns, casts and functions of the server');
SELECT is_empty($$SELECT q FROM unnest(ARRAY['now()::text', 'age(born)::text', 'current_date::text', 'random()::text', 'public.own(name)', '(SELECT max(name) FROM public.person)',
                                            'ctid::text', 'xmin::text', 'person::text', 'clock_timestamp()::text', 'current_user::text', 'current_setting(''TimeZone'')', 'name::public.mood::text']) AS q
                  WHERE marked(format('SELECT %s FROM public.person', q))$$, 'not what moves, looks elsewhere or can be replaced');
-- Words for moments are moments by the time a query is parsed.
CREATE TABLE public.dated (name text, born timestamptz);
CREATE TABLE public.noted AS SELECT q, row_mark(current_user::regrole, 'UTC', q) AS mark
    FROM unnest(ARRAY[$$SELECT (born > 'now'::timestamptz)::text FROM public.dated$$, $$SELECT (born > '2026-01-01'::timestamptz)::text FROM public.dated$$,
                      'SELECT upper(name) FROM public.dated']) AS q;
CREATE FUNCTION public.still() RETURNS SETOF text LANGUAGE sql AS $$ SELECT q FROM noted WHERE mark = row_mark(current_user::regrole, 'UTC', q) $$;
SELECT bag_eq('SELECT * FROM still()', $$SELECT q FROM noted WHERE q NOT LIKE '%now%'$$, 'the mark is another one when a word for a moment means another');
ALTER TABLE dated ALTER COLUMN name TYPE text COLLATE "C";
SELECT bag_eq('SELECT * FROM still()', $$SELECT q FROM noted WHERE q LIKE '%2026%'$$, 'and when letters become capitals by other rules');
SELECT is_empty($$SELECT q FROM unnest(ARRAY['(id::oid)::regclass::text', 'name::regrole::oid::text', 'id::oid::regtype::text', 'phone::regproc::oid::text']) AS q
                  WHERE marked(format('SELECT %s FROM public.person', q))$$, 'not what names of objects have a say in');
SELECT is(marked('SELECT name FROM public.seen WHERE false'), false, 'not a view of some rows');
SELECT is(marked('SELECT name FROM (SELECT * FROM public.person) q'), false, 'not a query');
SELECT is(marked('SELECT name FROM public.parent'), false, 'not a table with others below it');
SELECT is(marked('SELECT person.name FROM public.person, public.parent'), false, 'not two tables');
SELECT is(marked('SELECT name FROM public.person WHERE id > 3'), false, 'not a part of one');
SELECT is(marked('SELECT name FROM pg_catalog.pg_class c, LATERAL (SELECT c.relname::text AS name) n'), false, 'not what is joined');
SELECT is(marked('SELECT DISTINCT name FROM public.person'), false, 'not rows put together');
SELECT * FROM finish();
