-- Rows that are inserted as COPY would do it are the same that statements
-- insert where a table has triggers or further columns, and checks hold there.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET check_function_bodies = off;

SELECT plan(10);

CREATE TABLE contact AS SELECT n AS id, format('Person %s', n) AS name, format('p%s@example.com', n) AS mail FROM generate_series(1, 700) n;
CREATE TABLE event AS SELECT n AS id, 1 + n % 700 AS contact, timestamptz '2026-01-01' + n * interval '1 hour' AS at,
    CASE n % 3 WHEN 0 THEN 'purchase' ELSE 'view' END AS kind FROM generate_series(1, 4000) n;

CREATE TABLE seen (name text);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
CREATE FUNCTION watch(tables text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY tables LOOP
        EXECUTE format('CREATE TRIGGER look BEFORE INSERT ON customer_data.%I FOR EACH ROW EXECUTE FUNCTION public.look()', t);
    END LOOP;
END
$$;

-- What a company has in the end: everything but the layout of the index by tag.
CREATE PROCEDURE build(watched text[]) LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM source) THEN
        PERFORM add_source('crm', 'public.contact', 'id', '{"full_name": "name", "email": "mail"}');
    END IF;
    PERFORM watch(watched);
    PERFORM add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind');
    PERFORM resolve();
    PERFORM refresh_timelines();
    PERFORM add_tag('buyer', $x$event_count(events, 'purchase') > 1$x$);
    PERFORM add_tag('looks', $x$event_count(events, 'view')$x$, 'metric', min_score => 1);
    PERFORM refresh_tags();
    PERFORM add_journey('way');
    PERFORM add_stage('way', 'looking', $x$happened(events, 'view')$x$, 1);
    PERFORM add_stage('way', 'buying', $x$happened(events, 'purchase')$x$, 2);
    PERFORM refresh_journeys();
END
$$;
CREATE FUNCTION result() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(x, E'\n' ORDER BY x)) FROM (
        SELECT format('record %s %s', r.key, c.email) FROM source_record r JOIN customer c USING (customer_id)
        UNION ALL SELECT format('value %s', v) FROM (SELECT r.key, v.given, v.standard FROM record_value v JOIN source_record r USING (record_id)) v
        UNION ALL SELECT format('tags %s %s', c.email, t.tags) FROM customer_tag t JOIN customer c USING (customer_id)
        UNION ALL SELECT format('stay %s %s %s %s %s', c.email, s.name, y.entered_at, y.left_at, y.why)
                  FROM stage_stay y JOIN customer c USING (customer_id) JOIN journey_stage s USING (stage_id)
        UNION ALL SELECT format('index %s %s', c.email, tag_members('looks>=4') @> c.customer_id) FROM customer c WHERE tag_members('buyer') @> c.customer_id) w(x)
$$;

CALL build('{}');
SELECT result() AS direct \gset
SELECT isnt(:'direct'::text, NULL, 'a company is built');

-- The same again where every row that is inserted is looked at, and one table has a column more.
DROP EXTENSION customer_data CASCADE;
DROP SCHEMA IF EXISTS customer_data CASCADE;
CREATE EXTENSION customer_data;
SET search_path = public, customer_data;
-- customer and customer_tag are made by the first source.
CREATE PROCEDURE widen(tables text[]) LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY tables LOOP
        EXECUTE format('ALTER TABLE customer_data.%I ADD made_by text DEFAULT current_user', t);
    END LOOP;
END
$$;
CALL widen('{tag_posting}');
CALL build('{source_record,record_value,customer_tag,stage_stay}');
SELECT is(result(), :'direct'::text, 'statements insert the same');
SELECT is((SELECT count(*) FROM seen WHERE name = 'source_record'), 700::bigint, 'each record was looked at');
SELECT is((SELECT count(*) FROM seen WHERE name = 'record_value'), 700::bigint, 'each record''s values');
SELECT is((SELECT count(*) FROM seen WHERE name = 'customer_tag'), (SELECT count(*) FROM customer_tag), 'each row of tags');
SELECT is((SELECT count(*) FROM seen WHERE name = 'stage_stay'), (SELECT count(*) FROM stage_stay), 'each stay');
SELECT is((SELECT array_agg(DISTINCT made_by::name) FROM tag_posting), ARRAY[current_user], 'a column that is not given takes its default');

-- A check that somebody adds is honoured by rows that no statement inserts.
ALTER TABLE stage_stay ADD CONSTRAINT no_second_stage CHECK (entered_at < '2026-01-10') NOT VALID;
DROP TRIGGER look ON stage_stay;
SELECT count(add_journey('again')) \gset
SELECT count(add_stage('again', 'buying', $$happened(events, 'purchase', last => '1 day')$$, 1)) \gset
SELECT throws_ok('SELECT refresh_journeys()', '23514', NULL, 'a check is honoured');

-- And once more where each of our tables that rows are inserted into has a column more.
DROP EXTENSION customer_data CASCADE;
DROP SCHEMA IF EXISTS customer_data CASCADE;
CREATE EXTENSION customer_data;
SET search_path = public, customer_data;
SELECT count(add_source('crm', 'public.contact', 'id', '{"full_name": "name", "email": "mail"}')) \gset
CALL widen('{source_record,match_link,match_posting,arriving_record,record_value,customer_origin,customer,customer_tag,tag_posting,stage_stay}');
CALL build('{}');
SELECT is(result(), :'direct'::text, 'tables with a column more hold the same');
SELECT is((SELECT array_agg(DISTINCT made_by::name) FROM (SELECT made_by FROM source_record UNION ALL SELECT made_by FROM match_posting UNION ALL SELECT made_by FROM record_value
           UNION ALL SELECT made_by FROM customer_origin UNION ALL SELECT made_by FROM customer UNION ALL SELECT made_by FROM customer_tag UNION ALL SELECT made_by FROM stage_stay) t),
          ARRAY[current_user], 'and its default in it');
SELECT * FROM finish();
