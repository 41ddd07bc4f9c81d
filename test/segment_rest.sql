-- "everyone else" is everyone less the members of all other segments, after
-- whatever happens: customers that come, change and go, segments defined,
-- altered, dropped and failing, days that pass, rebuilds.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET jit = off;
SELECT plan(4);
\ir include/seed.sql
SELECT CASE WHEN current_setting('test.long', true) = 'on' THEN 1500 ELSE 80 END AS steps \gset

CREATE TABLE contact (id int PRIMARY KEY, city text, since timestamptz);
INSERT INTO contact SELECT i, 'c' || i % 5, timestamptz '2024-03-01 00:00:00+00' - i * interval '5 hours' FROM generate_series(1, 40) i;
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city", "registered_at": "since"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT add_segment('first', $$city = 'c1'$$) IS NULL AS done, add_segment('new', $$within_last(registered_at, '4 days')$$) IS NULL AS done,
       add_segment('fragile', $$1 / (length(city) - 3) < 0 AND city = 'c2'$$) IS NULL AS done \gset

CREATE TABLE step (n int, what text, good boolean, sized boolean, size bigint, turned bigint);
CREATE PROCEDURE go_on(steps int) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := '2024-03-01 06:00:00+00';
    what   text;
    rest   customer_set;
BEGIN
    FOR n IN 1 .. steps LOOP
        what := (ARRAY['moves', 'moves', 'comes', 'goes', 'adds', 'drops', 'alters', 'breaks', 'waits', 'rebuilds'])[1 + floor(random() * 10)];
        CASE what
        WHEN 'moves' THEN UPDATE contact SET city = 'c' || floor(random() * 5) WHERE random() < 0.1;
        WHEN 'comes' THEN INSERT INTO contact SELECT max(id) + 1, 'c' || floor(random() * 5), moment - random() * interval '6 days' FROM contact;
        WHEN 'goes' THEN DELETE FROM contact WHERE id = (SELECT id FROM contact ORDER BY random() LIMIT 1);
        WHEN 'adds' THEN PERFORM customer_data.add_segment('added ' || n, format('city = %L', 'c' || floor(random() * 5)));
        WHEN 'drops' THEN PERFORM customer_data.drop_segment(name) FROM (SELECT name FROM customer_data.segment_definition WHERE name LIKE 'added%' ORDER BY random() LIMIT 1) s;
        WHEN 'alters' THEN PERFORM customer_data.alter_segment('first', format('city = %L', 'c' || floor(random() * 5)));
        -- The condition of "fragile" fails at a city of three letters.
        WHEN 'breaks' THEN UPDATE contact SET city = CASE WHEN city = 'odd' THEN 'c2' ELSE 'odd' END WHERE id = (SELECT min(id) FROM contact);
        ELSE NULL;
        END CASE;
        moment := moment + (ARRAY[interval '1 minute', interval '7 hours', interval '1 day'])[1 + floor(random() * 3)];
        PERFORM customer_data.resolve();
        PERFORM customer_data.touch('segment', customer_data.take_touched('portrait') | customer_data.take_touched('tag'));
        PERFORM customer_data.refresh_conditions(what = 'rebuilds', moment);
        rest := customer_data.segment_members('everyone else');
        INSERT INTO step
        SELECT n, what, rest = (SELECT customer_data.customer_set_agg(c.customer_id) FROM customer_data.customer c)
                             - (SELECT customer_data.customer_set_or_agg(customer_data.segment_members(d.name)) FROM customer_data.segment_definition d WHERE d.name <> 'everyone else'),
               (SELECT s.size = customer_data.cardinality(rest) FROM customer_data.segment s WHERE s.name = 'everyone else'),
               customer_data.cardinality(rest),
               (SELECT count(*) FROM customer_data.segment_change g WHERE g.segment = 'everyone else' AND g.at = moment);
        COMMIT;
    END LOOP;
END
$$;
CALL go_on(:steps);
SELECT is((SELECT array_agg(n || ' ' || what) FROM step WHERE good IS NOT TRUE), NULL, 'those in no other segment, after each of ' || :steps || ' steps');
SELECT is((SELECT array_agg(n || ' ' || what) FROM step WHERE sized IS NOT TRUE), NULL, 'and as many as the segment says');
SELECT cmp_ok((SELECT count(DISTINCT size) FROM step), '>', 3::bigint, 'they are not always as many');
SELECT cmp_ok((SELECT count(*) FROM step WHERE turned > 0 AND what IN ('drops', 'moves', 'waits')), '>', 0::bigint, 'who enters and leaves is written down');
SELECT * FROM finish();
