-- tags @@ query through the GIN class gives what a sequential scan gives, for
-- random tagsets (decaying, expiring, negative scores) and random queries.
SELECT plan(2);
SET search_path = public, customer_data;
SELECT diag('seed ' || seed)
FROM (SELECT coalesce(nullif(current_setting('test.seed', true), '')::int, 31) AS seed) s, setseed(seed % 1000 / 1000.0);

CREATE TABLE tagged AS
SELECT i AS id, coalesce(g.tags, '{}') AS tags
FROM generate_series(1, 4000) i
LEFT JOIN LATERAL (
    SELECT tagset_agg(CASE WHEN random() < 0.5 THEN 'p' ELSE 'q' END || '.' || chr(97 + (random() * 8)::int) || CASE WHEN random() < 0.3 THEN '.z' ELSE '' END,
                      CASE WHEN random() < 0.3 THEN 1 ELSE exp(random() * 8 - 4) * CASE WHEN random() < 0.05 THEN -1 ELSE 1 END END,
                      now() - random() * interval '100 days', CASE WHEN random() < 0.5 THEN interval '20 days' END,
                      CASE WHEN random() < 0.2 THEN now() + (random() - 0.5) * interval '10 days' END) AS tags
    FROM generate_series(1, i % 7)) g ON true;
CREATE INDEX ON tagged USING gin (tags);
ANALYZE tagged;

CREATE FUNCTION pg_temp.random_query(leaves int) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN random() < 0.3 THEN '(' || string_agg(leaf, CASE WHEN random() < 0.5 THEN ' & ' ELSE ' | ' END) || ') & p.a'
                ELSE string_agg(leaf, CASE WHEN random() < 0.5 THEN ' & ' ELSE ' | ' END) END
    FROM (SELECT CASE WHEN random() < 0.25 THEN '!' ELSE '' END
              || CASE WHEN random() < 0.2 THEN (ARRAY['*', 'p.*', 'q.*', 'p.a.*', 'z.*'])[1 + floor(random() * 5)]
                      ELSE CASE WHEN random() < 0.5 THEN 'p' ELSE 'q' END || '.' || chr(97 + (random() * 8)::int) || CASE WHEN random() < 0.3 THEN '.z' ELSE '' END END
              || CASE WHEN random() < 0.5 THEN (ARRAY['>', '>=', '<', '<=', '='])[1 + floor(random() * 5)] || (ARRAY['0.5', '1', '0', '-0.3', '7.25'])[1 + floor(random() * 5)] ELSE '' END AS leaf
          FROM generate_series(1, leaves)) l
$$;
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
SELECT * FROM finish();
