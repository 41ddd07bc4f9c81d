-- tags @@ query through the GIN class gives what a sequential scan gives, for
-- random tagsets (decaying, expiring, negative scores) and random queries.
SELECT plan(10);
SET search_path = public, customer_data;
\set seed 31
\ir include/seed.sql

-- Some paths have numbers, some are written out.
SELECT ok(number_tags(ARRAY(SELECT l || '.' || chr(97 + i) FROM unnest(ARRAY['p', 'q']) l, generate_series(0, 7) i WHERE random() < 0.5)) > 0, 'some paths have numbers');
CREATE TABLE tagged AS
SELECT i AS id, coalesce(g.tags, '{}') AS tags
FROM generate_series(1, 4000) i
LEFT JOIN LATERAL (
    SELECT tagset_agg(CASE WHEN random() < 0.5 THEN 'p' ELSE 'q' END || '.' || chr(97 + (random() * 8)::int) || CASE WHEN random() < 0.3 THEN '.z' ELSE '' END,
                      CASE WHEN random() < 0.3 THEN 1 WHEN random() < 0.4 THEN round(random()::numeric, 1) ELSE exp(random() * 8 - 4) * CASE WHEN random() < 0.05 THEN -1 ELSE 1 END END,
                      now() - random() * interval '100 days', CASE WHEN random() < 0.5 THEN interval '20 days' END,
                      CASE WHEN random() < 0.2 THEN now() + (random() - 0.5) * interval '10 days' END) AS tags
    FROM generate_series(1, i % 7)) g ON true;
CREATE INDEX ON tagged USING gin (tags);
ANALYZE tagged;
-- Scores fall and tags end while the clock goes on: here it stands still.
SELECT set_config('customer_data.as_of', now()::text, false) <> '' AS done \gset

\ir include/tag_query.sql
CREATE FUNCTION pg_temp.compare(rounds int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    wrong text[] := '{}';
    q text;
    by_index int[];
    by_scan int[];
BEGIN
    FOR i IN 1 .. rounds LOOP
        q := pg_temp.random_query(1 + i % 4);
        IF q::tag_query::text::tag_query::text <> q::tag_query::text THEN
            wrong := wrong || format('text of %s', q);
        END IF;
        SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = on;
        EXECUTE format('SELECT array_agg(id ORDER BY id) FROM tagged WHERE tags @@ %L', q) INTO by_index;
        SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = off;
        EXECUTE format('SELECT array_agg(id ORDER BY id) FROM tagged WHERE tags @@ %L', q) INTO by_scan;
        IF by_index IS DISTINCT FROM by_scan THEN
            wrong := wrong || format('%s: %s by index, %s by scan', q, cardinality(by_index), cardinality(by_scan));
        END IF;
    END LOOP;
    RETURN wrong;
END
$$;
SELECT is(pg_temp.compare(CASE current_setting('test.long', true) WHEN 'on' THEN 5000 ELSE 150 END), '{}', 'index and scan agree');
SELECT is((SELECT count(*) FROM tagged WHERE tags @@ 'p.a>0.5'),
          (SELECT count(*) FROM tagged g WHERE EXISTS (SELECT FROM tags(g.tags) t WHERE t.path = 'p.a' AND t.score_now > 0.5)),
          'and a query agrees with the tags as rows');
-- The planner's estimates, from what ANALYZE keeps.
CREATE FUNCTION pg_temp.estimate(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM tagged WHERE tags @@ %L', query) INTO plan;
    RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8;
END
$$;
SELECT is((SELECT array_agg(q) FROM unnest('{p.a,q.c.z,!q.b,p.a | q.a,p.*,p.a & q.a,!(p.a | !q.b)}'::text[]) q, LATERAL (SELECT count(*) AS n FROM tagged WHERE tags @@ q::tag_query) c
           WHERE NOT pg_temp.estimate(q) BETWEEN c.n * 0.4 - 5 AND c.n * 2 + 5), NULL, 'estimates are near');
SELECT cmp_ok(pg_temp.estimate('no.such.tag'), '<', 60::float8, 'of a path that hardly anybody has few rows are expected');
SELECT ok((SELECT most_common_elems::text::text[] @> '{p.a}' FROM pg_stats WHERE tablename = 'tagged' AND attname = 'tags'), 'statistics show the paths');
-- Aggregates, put together by workers, against rows.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
CREATE TEMP TABLE sums AS
SELECT t.path, sum(t.score_now) AS sum, count(*) AS n FROM tagged g, tags(g.tags) t WHERE t.score_now IS NOT NULL GROUP BY 1;
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    lines text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        lines := lines || line;
    END LOOP;
    RETURN lines;
END
$$;
SELECT matches(pg_temp.plan_of('SELECT tagset_sum(tags), tagset_top(tags, 5) FROM tagged'), 'Partial Aggregate', 'workers sum');
SELECT is((SELECT count(*) FROM (SELECT tagset_sum(tags) AS s, tagset_mean(tags) AS m, tag_counts(tags) AS c FROM tagged) a, sums x
           WHERE abs(tag_score(a.s, x.path) - x.sum) <= 1e-5 * (1 + abs(x.sum)) AND abs(tag_score(a.m, x.path) - x.sum / 4000) <= 1e-5 * (1 + abs(x.sum))
             AND tag_score(a.c, x.path) = x.n),
          (SELECT count(*) FROM sums), 'sum, mean and count of each tag');
SELECT is((SELECT array_agg(t.path ORDER BY t.score DESC) FROM (SELECT tagset_top(tags, 5) AS best FROM tagged) a, tags(a.best) t),
          (SELECT array_agg(path ORDER BY sum DESC) FROM (SELECT * FROM sums ORDER BY sum DESC LIMIT 5) x), 'the five highest sums');
RESET max_parallel_workers_per_gather;

-- Numbers change nothing but the size.
SELECT number_tags(ARRAY(SELECT DISTINCT t.path FROM tagged g, tags(g.tags) t)) > 0 AS more \gset
CREATE TABLE compacted AS SELECT id, compact_tags(tags) AS tags, tags::text::tagset AS again FROM tagged;
SELECT is((SELECT count(*) FROM tagged g JOIN compacted c USING (id)
           WHERE g.tags <> c.tags OR g.tags::text <> c.tags::text OR tagset_send(g.tags) <> tagset_send(c.tags) OR c.again <> g.tags
              OR tagset_hash(g.tags) <> tagset_hash(c.tags) OR pg_column_size(c.tags) > pg_column_size(g.tags)
              OR has_tag(g.tags, 'p.a') <> has_tag(c.tags, 'p.a') OR has_tag(g.tags, 'p.*', 0.5) <> has_tag(c.tags, 'p.*', 0.5)
              OR tag_score(g.tags, 'q.c') IS DISTINCT FROM tag_score(c.tags, 'q.c') OR cosine_similarity(g.tags, c.tags) NOT BETWEEN 0.999999 AND 1.000001),
          0::bigint, 'tagsets with other numbers are equal in every way');
SELECT * FROM finish();
