-- tag_members(query), answered from the index by tag, gives whom the view
-- profile gives, for random tagsets and queries, while tags change step by step
-- and customers come and go; and the index is kept by refreshes.
SELECT plan(21);
SET search_path = public, customer_data;
SET client_min_messages = warning;
\set seed 37
\ir include/seed.sql

SELECT is(rebuild_tag_index(), 0::bigint, 'without customers there is nothing to index');
CREATE TABLE person AS SELECT i AS id, 'person' || i || '@posten.org' AS email FROM generate_series(1, 20) i;
SELECT add_source('person', 'public.person', 'id', '{"email": "email"}') \g /dev/null
SELECT count(*) FROM (SELECT resolve()) r \g /dev/null
SELECT rebuild_profile() \g /dev/null
-- Ids of three chunks of the index, with gaps.
INSERT INTO customer SELECT i * 40 FROM generate_series(1, 4000) i WHERE i * 40 > 20;
SELECT is((SELECT array_agg(DISTINCT customer_id >> 16 ORDER BY customer_id >> 16) FROM customer), ARRAY[0, 1, 2]::bigint[], 'customers of several chunks');
SELECT is(tag_members('p.a'), '{}', 'without an index everyone is asked');
SELECT is(cardinality(tag_members('!p.a')), (SELECT count(*) FROM customer), 'also who has no tags');

SELECT ok(number_tags(ARRAY(SELECT l || '.' || chr(97 + i) FROM unnest(ARRAY['p', 'q']) l, generate_series(0, 7) i WHERE random() < 0.5)) > 0, 'some paths have numbers');
CREATE FUNCTION pg_temp.random_tags(n int) RETURNS tagset LANGUAGE sql AS $$
    -- All of those that end with h decay, of most others some.
    SELECT coalesce(tagset_agg(CASE WHEN random() < 0.5 THEN 'p' ELSE 'q' END || '.' || chr(97 + letter) || CASE WHEN random() < 0.3 THEN '.z' ELSE '' END,
                      CASE WHEN random() < 0.3 THEN 1 WHEN random() < 0.4 THEN round(random()::numeric, 1) WHEN random() < 0.3 THEN round(random()::numeric * 3, 2)
                           ELSE exp(random() * 8 - 4) * CASE WHEN random() < 0.05 THEN -1 ELSE 1 END END,
                      CASE WHEN letter = 7 OR random() < 0.7 THEN '2026-01-01'::timestamptz - random() * interval '100 days' END,
                      CASE WHEN letter = 7 OR random() < 0.5 THEN interval '20 days' END,
                      CASE WHEN random() < 0.2 THEN '2026-01-01'::timestamptz + (random() - 0.5) * interval '10 days' END), '{}')
    FROM (SELECT (random() * 8)::int AS letter FROM generate_series(1, n)) l
$$;
INSERT INTO customer_tag SELECT customer_id, pg_temp.random_tags((customer_id / 40 % 7)::int) FROM customer WHERE random() < 0.9;
SELECT is(rebuild_tag_index(), (SELECT count(*) FROM customer_tag), 'made for all that have tags');

\ir include/tag_query.sql
CREATE FUNCTION pg_temp.compare(rounds int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    wrong text[] := '{}';
    q tag_query;
    by_index customer_set;
    by_scan customer_set;
BEGIN
    SET LOCAL customer_data.recompute_past = off;
    FOR i IN 1 .. rounds LOOP
        PERFORM set_config('customer_data.as_of', ('2026-01-01'::timestamptz + (random() - 0.5) * interval '20 days')::text, true);
        q := pg_temp.random_query(1 + i % 4);
        by_index := tag_members(q);
        by_scan := (SELECT customer_set_agg(customer_id) FROM profile WHERE tags @@ q);
        IF by_index <> by_scan THEN
            wrong := wrong || format('%s at %s: %s by index, %s by scan', q, as_of(), cardinality(by_index), cardinality(by_scan));
        END IF;
    END LOOP;
    PERFORM set_config('customer_data.as_of', '', true);
    RETURN wrong;
END
$$;
CREATE FUNCTION pg_temp.rounds() RETURNS int LANGUAGE sql AS $$ SELECT CASE current_setting('test.long', true) WHEN 'on' THEN 3000 ELSE 100 END $$;
SELECT is(pg_temp.compare(pg_temp.rounds()), '{}', 'index and scan agree');
SELECT ok(bool_and(moving IS NULL = (path ~ '^.[.]h')), 'whose tag moves is written apart where some do not')
FROM tag_posting WHERE times IS NOT NULL;
BEGIN;
CREATE FUNCTION pg_temp.scans() RETURNS bigint[] LANGUAGE sql AS $$
    SELECT ARRAY[pg_stat_get_xact_numscans('tag_posting'::regclass), pg_stat_get_xact_numscans('tag_posting_pkey'::regclass)]
$$;
SELECT pg_temp.scans() AS before, cardinality(tag_members('p.a & !q.* & p.b>0.5')) AS members, pg_temp.scans() AS after \gset
SELECT is(ARRAY[(:'after'::bigint[])[1] - (:'before'::bigint[])[1], (:'after'::bigint[])[2] - (:'before'::bigint[])[2]], ARRAY[0, 3]::bigint[],
          'rows of the index by tag are found by path, not by reading all');
COMMIT;

-- Changes of few and many, and customers that go: more and fewer layers.
CREATE FUNCTION pg_temp.run_steps(steps int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    wrong text[] := '{}';
    changed customer_set;
    gone customer_set;
    seen int[] := '{}';
    newest bigint := (SELECT max(customer_id) FROM customer);
BEGIN
    FOR i IN 1 .. steps LOOP
        SELECT customer_set_agg(c.customer_id) INTO changed
        FROM customer c WHERE random() < (ARRAY[0.001, 0.002, 0.01, 0.1, 0.3, 0.6])[1 + floor(random() * 6)::int];
        DELETE FROM customer_tag t WHERE t.customer_id <@ changed;
        WITH d AS (DELETE FROM customer c WHERE c.customer_id <@ changed AND c.customer_id > 20 AND random() < 0.02 RETURNING customer_id)
        SELECT customer_set_agg(customer_id) INTO gone FROM d;
        -- An id is not given again when its customer is gone.
        newest := newest + 3;
        WITH n AS (INSERT INTO customer VALUES (newest) RETURNING customer_id)
        SELECT changed | customer_set_agg(customer_id) INTO changed FROM n;
        INSERT INTO customer_tag SELECT m, pg_temp.random_tags((random() * 6)::int) FROM members(changed) m
            WHERE random() < 0.9 AND EXISTS (SELECT FROM customer c WHERE c.customer_id = m);
        PERFORM index_tags(changed - gone, changed, gone);
        seen := seen || (SELECT count(*) FROM tag_layer)::int;
        wrong := wrong || pg_temp.compare(pg_temp.rounds() / 10);
        EXIT WHEN cardinality(wrong) > 3;
    END LOOP;
    IF cardinality(wrong) = 0 AND (SELECT max(n) < 2 OR max(n) > 20 FROM unnest(seen) n) THEN
        wrong := wrong || format('layers: %s', seen);
    END IF;
    RETURN wrong;
END
$$;
SELECT is(pg_temp.run_steps(CASE current_setting('test.long', true) WHEN 'on' THEN 200 ELSE 30 END), '{}', 'also after changes, with a few layers');
SELECT is(index_tags('{}', '{}', '{}'), 0::bigint, 'nothing changed, nothing is written');

-- Counts and sums of scores, of all and of some, are those of the tags as rows.
CREATE FUNCTION pg_temp.compare_counts(among customer_set) RETURNS text[] LANGUAGE sql SET customer_data.recompute_past = off AS $$
    SELECT array_agg(format('%s: %s, %s by index, %s, %s by rows', path, m.customers, m.score, r.customers, r.score))
    FROM tag_member_counts(compare_counts.among, 'p.*', true) m
    FULL JOIN (SELECT t.path, count(*) AS customers, sum(t.score_now) AS score FROM customer_tag c, tags(c.tags) t
               WHERE t.path LIKE 'p.%' AND t.score_now IS NOT NULL AND (compare_counts.among IS NULL OR c.customer_id <@ compare_counts.among) GROUP BY 1) r USING (path)
    WHERE m.customers IS DISTINCT FROM r.customers OR abs(m.score - r.score) > 1e-6 * (1 + abs(r.score)) OR m.score IS NULL
$$;
SELECT is(pg_temp.compare_counts(NULL) || pg_temp.compare_counts((SELECT customer_set_agg(customer_id) FROM customer WHERE customer_id % 80 = 0)), NULL, 'counts and sums agree');
SELECT ok((SELECT count(*) > 0 FROM tag_posting_counts(NULL, NULL, NULL)), 'without arguments all are counted');

-- The test can tell: a change that the index does not hear of is found.
UPDATE customer_tag SET tags = set_tag(tags, 'p.a', 0.9);
SELECT ok(cardinality(pg_temp.compare(pg_temp.rounds())) > 0, 'tags changed behind its back are found out');
DELETE FROM customer_tag;
DELETE FROM customer WHERE customer_id > 20;

-- Many customers with scores in hundredths: as bitmaps, as runs, in several chunks.
INSERT INTO customer SELECT i FROM generate_series(21, 150000) i;
INSERT INTO customer_tag
SELECT i, tagset_agg(p, round((hashint4(i) & 255)::numeric / 200, 2)::float8, NULL, NULL, NULL)
FROM generate_series(21, 150000) i, LATERAL (VALUES ('all'), (CASE WHEN hashint4(i * 7) & 1 = 0 THEN 'half' END)) v (p) WHERE p IS NOT NULL GROUP BY 1;
SELECT rebuild_tag_index() \g /dev/null
SELECT is((SELECT array_agg(q) FROM unnest('{all>0.5,all<=0.01,half>=0.3,half<0.02,all=1,half>5,all>=0}'::tag_query[]) q
           WHERE tag_members(q) <> (SELECT customer_set_agg(customer_id) FROM customer_tag WHERE tags @@ q)), NULL, 'many customers by their scores');
SELECT ok((SELECT bool_and(cardinality(tag_members(q)) > 0) FROM unnest('{all>0.5,all<=0.01,half>=0.3,half<0.02,all=1}'::tag_query[]) q), 'of whom there are some');
DELETE FROM customer_tag;
DELETE FROM customer WHERE customer_id > 20;

-- Refreshes keep it.
SELECT add_tag('even', $$customer_id % 2 = 0$$) \g /dev/null
SELECT add_tag('told', kind => 'manual', valid_for => '1 day') \g /dev/null
SELECT refresh_metrics(), refresh_tags(rebuild => true) \g /dev/null
SELECT is(tag_members('even'), (SELECT customer_set_agg(customer_id) FROM customer WHERE customer_id % 2 = 0), 'a refresh writes the index');
SELECT tag_customer(3, 'told') \g /dev/null
SELECT refresh_tags() \g /dev/null
SELECT is(tag_members('told | even & !even'), '{3}', 'and brings it up to date');
SELECT drop_tag('even') \g /dev/null
SELECT is(tag_members('even | told'), '{3}', 'a dropped tag is gone at once');
SET customer_data.as_of = '2020-01-01';
SELECT is(tag_members('told'), '{}', 'of the past the tags of then count');
RESET customer_data.as_of;
CREATE ROLE tag_reader;
SET ROLE tag_reader;
SELECT throws_ok($$SELECT customer_data.tag_members('told')$$, '42501', NULL, 'not everybody may ask');
RESET ROLE;
DROP ROLE tag_reader;
SELECT * FROM finish();
