-- customer_set against arrays and plain SQL, on random sets of all densities.
SELECT plan(10);
SET search_path = customer_data, public;
\set seed 17
\ir include/seed.sql

-- some scattered ids, some in a row, in few or many chunks, some beside the ends of their chunks
CREATE FUNCTION pg_temp.random_ids() RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    chunks int := 1 + floor(random() * 6);
    n int := (ARRAY[0, 3, 200, 6000, 30000])[1 + floor(random() * 5)];
    spread int := (ARRAY[100, 5000, 65536])[1 + floor(random() * 3)];
    run_from bigint := floor(random() * 300000);
    run_length int := (ARRAY[-1, 0, 10, 5000, 70000])[1 + floor(random() * 5)];
    base bigint := CASE WHEN random() < 0.1 THEN 4294500000 ELSE 0 END;
BEGIN
    RETURN (SELECT coalesce(array_agg(DISTINCT v), '{}')
            FROM (SELECT base + (floor(random() * chunks) * 65536 + floor(random() * spread))::bigint AS v FROM generate_series(1, n)
                  UNION ALL SELECT r FROM generate_series(run_from, run_from + run_length) r
                  UNION ALL SELECT run_from + i * 7 + j FROM generate_series(1, CASE WHEN random() < 0.3 THEN 400 ELSE 0 END) i, generate_series(0, 4) j
                  UNION ALL SELECT c * 65536 + e FROM generate_series(0, CASE WHEN random() < 0.2 THEN 3 ELSE -1 END) c, unnest(ARRAY[0, 1, 65534, 65535]) e
                  UNION ALL SELECT 4294967295 WHERE random() < 0.1) z);
END
$$;

CREATE FUNCTION pg_temp.check_sets(rounds int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    wrong text[] := '{}';
    a bigint[]; b bigint[]; sa customer_set; sb customer_set; one bigint;
BEGIN
    FOR i IN 1 .. rounds LOOP
        a := pg_temp.random_ids(); b := pg_temp.random_ids();
        sa := a::customer_set; sb := b::customer_set;
        one := coalesce(CASE WHEN random() < 0.5 THEN a[1 + floor(random() * array_length(a, 1))::int] END, floor(random() * 400000)::bigint);
        wrong := wrong || ARRAY(SELECT format('round %s: %s', i, c.what) FROM (VALUES
            ('array', sa::bigint[] = (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM unnest(a) x)),
            ('text', sa::text::customer_set = sa),
            ('or', (sa | sb)::bigint[] = (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT unnest(a) x UNION SELECT unnest(b)) q)),
            ('and', (sa & sb)::bigint[] = (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT unnest(a) x INTERSECT SELECT unnest(b)) q)),
            ('andnot', (sa - sb)::bigint[] = (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT unnest(a) x EXCEPT SELECT unnest(b)) q)),
            ('xor', (sa # sb)::bigint[] = (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT x FROM (SELECT unnest(a) x UNION ALL SELECT unnest(b)) p GROUP BY x HAVING count(*) = 1) q)),
            ('smallest form', (SELECT bool_and(customer_set_send(r) = customer_set_send(r::text::customer_set) AND customer_set_send(r) = customer_set_send(r::bigint[]::customer_set))
                       FROM unnest(ARRAY[sa | sb, sa & sb, sa - sb, sa # sb, members_between(sa, 1000, 70000)]) r)),
            ('and_cardinality', and_cardinality(sa, sb) = cardinality(sa & sb)),
            ('or_cardinality', or_cardinality(sa, sb) = cardinality(sa | sb)),
            ('andnot_cardinality', andnot_cardinality(sa, sb) = cardinality(sa - sb)),
            ('xor_cardinality', xor_cardinality(sa, sb) = cardinality(sa # sb)),
            ('overlap', (sa && sb) = (and_cardinality(sa, sb) > 0)),
            ('contains', (sa @> sb) = NOT EXISTS (SELECT unnest(b) EXCEPT SELECT unnest(a)) AND (sb <@ sa) = (sa @> sb) AND (sa | sb) @> sa AND (sa & sb) <@ sb
                       AND (sa && sb) = EXISTS (SELECT unnest(a) INTERSECT SELECT unnest(b))),
            ('equal', (sa = sb) = (sa::bigint[] = sb::bigint[]) AND (sa <> sb) = (sa::bigint[] <> sb::bigint[]) AND sa = (sb # (sb # sa))),
            ('jaccard', jaccard(sa, sb) IS NOT DISTINCT FROM cardinality(sa & sb)::float8 / nullif(cardinality(sa | sb), 0)),
            ('one more or less', add_member(sa, one) = (sa | ARRAY[one]::customer_set) AND remove_member(sa, one) = (sa - ARRAY[one]::customer_set)),
            ('member', (SELECT bool_and((sa @> v) = (v = ANY (a))) FROM (SELECT floor(random() * 400000)::bigint AS v FROM generate_series(1, 20)) q)),
            ('hash', customer_set_hash((sa | sb) - sb) = customer_set_hash(sa - sb)),
            ('order', customer_set_cmp(sa, sb) = CASE WHEN sa::bigint[] < sb::bigint[] THEN -1 WHEN sa::bigint[] = sb::bigint[] THEN 0 ELSE 1 END),
            ('bounds', (set_min(sa), set_max(sa)) IS NOT DISTINCT FROM (SELECT (min(x), max(x)) FROM unnest(a) x)),
            ('slice', members_between(sa, 1000, 70000) = (SELECT customer_set_agg(x) FROM unnest(a) x WHERE x BETWEEN 1000 AND 70000)),
            ('chunks', (SELECT customer_set_or_agg(part) FROM chunks(sa)) = sa
                       AND (SELECT coalesce(bool_and(chunk_of(set_min(part)) = chunk AND chunk_of(set_max(part)) = chunk), true) FROM chunks(sa))),
            ('aggregates', (SELECT customer_set_agg(x) FROM unnest(a) x) = sa
                       AND (SELECT customer_set_and_agg(s) FROM unnest(ARRAY[sa, sb]) s) = (sa & sb)
                       AND (SELECT customer_set_or_count_agg(s) FROM unnest(ARRAY[sa, sb]) s) = or_cardinality(sa, sb)),
            ('members', ARRAY(SELECT members(sa)) = sa::bigint[])
        ) c(what, holds) WHERE c.holds IS NOT TRUE);
    END LOOP;
    RETURN wrong;
END
$$;
SELECT is(pg_temp.check_sets(CASE current_setting('test.long', true) WHEN 'on' THEN 5000 ELSE 100 END), '{}',
          'operators, counts, order and aggregates agree with arrays');

-- the aggregates of many sets, in several ways: one after the other, by groups, by workers that hand on what they have
CREATE TABLE many AS SELECT g % 7 AS part, pg_temp.random_ids() AS ids FROM generate_series(1, CASE current_setting('test.long', true) WHEN 'on' THEN 2000 ELSE 120 END) g;
ALTER TABLE many ADD s customer_set;
UPDATE many SET s = ids::customer_set;
INSERT INTO many VALUES (0, NULL, NULL), (7, NULL, NULL);
VACUUM ANALYZE many;
ALTER TABLE many SET (parallel_workers = 2);
CREATE VIEW answers AS
SELECT part, customer_set_or_agg(s) AS joined, customer_set_and_agg(s) AS shared, customer_set_or_count_agg(s) AS counted FROM many GROUP BY part;
CREATE VIEW twin AS
SELECT p.part,
    (SELECT coalesce(array_agg(DISTINCT x), '{}') FROM many m, unnest(m.ids) x WHERE m.part = p.part) AS joined,
    CASE WHEN p.part < 7 THEN (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT x FROM many m, unnest(m.ids) x WHERE m.part = p.part
        GROUP BY x HAVING count(*) = (SELECT count(ids) FROM many n WHERE n.part = p.part)) q) END AS shared
FROM generate_series(0, 7) p(part);
CREATE TABLE expected AS SELECT * FROM twin;
SELECT is((SELECT count(*) FROM answers a JOIN expected e USING (part)
           WHERE a.joined::bigint[] = e.joined AND a.shared::bigint[] IS NOT DISTINCT FROM e.shared AND a.counted = cardinality(e.joined)), 8::bigint, 'union, intersection and size of groups of sets');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE TEMP TABLE plans AS SELECT ''::text AS plan WHERE false;
DO $$ DECLARE line text; BEGIN FOR line IN EXPLAIN (COSTS OFF) SELECT * FROM answers LOOP INSERT INTO plans VALUES (line); END LOOP; END $$;
SELECT ok(count(*) > 0, 'workers have a part in it') FROM plans WHERE plan LIKE '%Partial%Aggregate%';
SELECT is((SELECT count(*) FROM answers a JOIN expected e USING (part)
           WHERE a.joined::bigint[] = e.joined AND a.shared::bigint[] IS NOT DISTINCT FROM e.shared AND a.counted = cardinality(e.joined)), 8::bigint, 'the same of workers: combined, serialised and read again');

-- rows looked up through an index by a set, against a scan that asks row by row; NULLs and ids that no set holds among them
RESET ALL;
SET search_path = customer_data, public;
CREATE TABLE purchase AS SELECT CASE floor(random() * 50) WHEN 0 THEN NULL WHEN 1 THEN 4294967295 WHEN 2 THEN 4294967296 + i WHEN 3 THEN -i ELSE floor(random() * 400000)::bigint END AS customer_id, i
FROM generate_series(1, 30000) i;
CREATE INDEX ON purchase (customer_id);
ANALYZE purchase;
CREATE FUNCTION pg_temp.bought(members customer_set, by_index boolean) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('enable_seqscan', CASE WHEN by_index THEN 'off' ELSE 'on' END, true);
    PERFORM set_config('enable_indexscan', by_index::text, true), set_config('enable_bitmapscan', by_index::text, true), set_config('enable_indexonlyscan', by_index::text, true);
    RETURN coalesce((SELECT array_agg(p.i ORDER BY p.i) FROM purchase p WHERE p.customer_id <@ members), '{}');
END
$$;
CREATE TABLE lookup AS SELECT pg_temp.random_ids()::customer_set AS members FROM generate_series(1, CASE current_setting('test.long', true) WHEN 'on' THEN 500 ELSE 25 END);
INSERT INTO lookup VALUES ('{}'), ('{4294967295}');
SELECT is((SELECT count(*) FROM lookup WHERE pg_temp.bought(members, true) <> pg_temp.bought(members, false)), 0::bigint, 'an index finds what a scan finds');
SELECT ok((SELECT bool_or(pg_temp.bought(members, true) <> '{}') FROM lookup) AND (SELECT count(*) FROM lookup WHERE members @> 4294967295) > 0, 'among it rows, and the last id');
-- A union that comes to hold all ids of a chunk, and goes on.
SELECT is((SELECT customer_set_or_agg(s ORDER BY n) FROM unnest('{"{0-40000}","{30000-65535}","{7,65535,65536-131071}","{65540,131072}"}'::customer_set[]) WITH ORDINALITY x (s, n)),
          '{0-131072}'::customer_set, 'runs that come to cover a chunk, and more after them');
SELECT is((SELECT customer_set_or_agg(s ORDER BY n) FROM (SELECT g % 3, customer_set_agg(g) FROM generate_series(0, 131071) g GROUP BY 1 UNION ALL SELECT 3, '{5,131072}') x (n, s)),
          '{0-131072}'::customer_set, 'scattered ids that come to cover a chunk, and more after them');
-- Unions of sets that are nothing but stretches, few or many, short or long, among them such as come to cover all.
CREATE TABLE stretch AS
SELECT part, n, f, f + floor(random() * longest)::bigint AS t
FROM generate_series(1, CASE current_setting('test.long', true) WHEN 'on' THEN 100 ELSE 8 END) part, generate_series(1, 12) n,
LATERAL (SELECT (ARRAY[4, 40, 3000])[1 + floor(random() * 3)] AS longest, (ARRAY[2, 30, 400, 1500])[1 + floor(random() * 4)] AS many WHERE part + n > 0) d,
LATERAL (SELECT floor(random() * 90000)::bigint AS f FROM generate_series(1, many) WHERE part + n > 0) x;
CREATE TABLE stretches AS SELECT part, n, ('{' || string_agg(f || '-' || t, ',') || '}')::customer_set AS s FROM stretch GROUP BY 1, 2;
SELECT is((SELECT count(*) FROM (SELECT part, customer_set_or_agg(s ORDER BY n) AS joined, customer_set_or_count_agg(s ORDER BY n) AS counted FROM stretches GROUP BY 1) o
           JOIN (SELECT part, range_agg(int8range(f, t, '[]')) AS ranges FROM stretch GROUP BY 1) e USING (part)
           WHERE (SELECT range_agg(int8range(m, m, '[]')) FROM members(joined) m) IS DISTINCT FROM ranges OR counted <> cardinality(joined)), 0::bigint,
          'unions of stretches cover what multiranges do');
SELECT is((SELECT count(*) FROM (SELECT part, customer_set_or_agg(s ORDER BY n) AS joined FROM stretches GROUP BY 1) o
           WHERE customer_set_send(joined) <> customer_set_send(joined::bigint[]::customer_set)), 0::bigint, 'and take the smallest form');
SELECT * FROM finish();
