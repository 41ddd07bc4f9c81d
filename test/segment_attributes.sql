-- Conditions that read attributes only are not asked of customers of whom but
-- events are new, and are of those whose attributes changed, who are new, and
-- who were joined; conditions that read more are asked of all of these.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET TimeZone = 'UTC';
SELECT plan(7);

CREATE TABLE contact (id int PRIMARY KEY, city text, email text);
INSERT INTO contact SELECT i, 'c' || i % 3, 'contact' || i || '@example.com' FROM generate_series(1, 60) i;
CREATE TABLE deed (contact int, at timestamptz, kind text, loaded_by xid8 DEFAULT pg_current_xact_id());
INSERT INTO deed SELECT i, '2026-03-01', 'view' FROM generate_series(1, 60) i;
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city", "email": "email"}') IS NOT NULL AS done \gset
SELECT add_event_source('deeds', 'public.deed', 'crm', 'contact', 'at', 'kind') IS NOT NULL AS done \gset
CREATE FUNCTION bring_all(at timestamptz) RETURNS void LANGUAGE sql AS $$
    SELECT count(*) FROM resolve();
    SELECT count(*) FROM refresh_timelines();
    SELECT refresh_metrics();
    SELECT touch('segment', take_touched('tag'));
    SELECT count(*) FROM refresh_conditions(false, at);
$$;
SELECT bring_all('2026-03-02') \g /dev/null
SELECT add_segment('in c1', 'city = ''c1'''), add_segment('in c1 and seen', 'city = ''c1'' AND event_count(events, ''view'') >= 2'), add_segment('in in c1', 'in_segment(customer_id, ''in c1'')') \g /dev/null
SELECT bring_all('2026-03-03') \g /dev/null
CREATE FUNCTION of_city(text) RETURNS customer_set LANGUAGE sql AS 'SELECT coalesce(customer_set_agg(customer_id), ''{}'') FROM customer WHERE city = $1';
SELECT is(segment_members('in c1'), of_city('c1'), 'all are asked of a new condition');
SELECT is((SELECT array_agg(d.name ORDER BY d.name) FROM segment_definition d JOIN attribute_condition USING (condition_id)), '{in c1}',
          'which conditions read attributes only');

-- An answer that is wrong shows who is asked.
UPDATE condition_member SET members = '{}' WHERE condition_id = (SELECT condition_id FROM segment_definition WHERE name = 'in c1');
INSERT INTO deed SELECT i, '2026-03-02 12:00', 'view' FROM generate_series(1, 30) i;
SELECT bring_all('2026-03-04') \g /dev/null
SELECT is(segment_members('in c1'), '{}', 'whoever did something is not asked where attributes alone matter');
SELECT is(segment_members('in c1 and seen'), (SELECT customer_set_agg(customer_id) FROM customer c JOIN source_record r USING (customer_id) WHERE city = 'c1' AND r.key::int <= 30),
          'but is where events do');
UPDATE contact SET city = 'c1' WHERE id IN (2, 3, 50);
INSERT INTO contact VALUES (61, 'c1', 'contact61@example.com'), (62, 'c2', 'contact62@example.com');
SELECT bring_all('2026-03-05') \g /dev/null
SELECT is(segment_members('in c1'), (SELECT customer_set_agg(customer_id) FROM source_record WHERE key IN ('2', '3', '50', '61')), 'whose attributes changed are, and who is new');
SELECT is(segment_members('in in c1') & segment_members('in c1'), segment_members('in c1'), 'and those who ask for the segment follow');
-- Two become one, who has the city of one of them.
UPDATE contact SET email = 'contact61@example.com' WHERE id = 1;
SELECT bring_all('2026-03-06') \g /dev/null
SELECT is(segment_members('in c1') - of_city('c1'), '{}', 'nobody stays who is no customer any more');
SELECT * FROM finish();
