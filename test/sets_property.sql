-- customer_set against arrays and plain SQL, on random sets of all densities.
SELECT plan(1);
SET search_path = customer_data, public;
SELECT diag('seed ' || seed)
FROM (SELECT coalesce(nullif(current_setting('test.seed', true), '')::int, 17) AS seed) s, setseed(seed % 1000 / 1000.0);

-- some scattered ids, some in a row, in few or many chunks
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
                  UNION ALL SELECT r FROM generate_series(run_from, run_from + run_length) r) z);
END
$$;

CREATE FUNCTION pg_temp.check_sets(rounds int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    wrong text[] := '{}';
    a bigint[]; b bigint[]; sa customer_set; sb customer_set;
BEGIN
    FOR i IN 1 .. rounds LOOP
        a := pg_temp.random_ids(); b := pg_temp.random_ids();
        sa := a::customer_set; sb := b::customer_set;
        wrong := wrong || ARRAY(SELECT format('round %s: %s', i, c.what) FROM (VALUES
            ('array', sa::bigint[] = (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM unnest(a) x)),
            ('text', sa::text::customer_set = sa),
            ('or', (sa | sb)::bigint[] = (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT unnest(a) x UNION SELECT unnest(b)) q)),
            ('and', (sa & sb)::bigint[] = (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT unnest(a) x INTERSECT SELECT unnest(b)) q)),
            ('andnot', (sa - sb)::bigint[] = (SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (SELECT unnest(a) x EXCEPT SELECT unnest(b)) q)),
            ('xor', (sa # sb) = ((sa | sb) - (sa & sb))),
            ('and_cardinality', and_cardinality(sa, sb) = cardinality(sa & sb)),
            ('or_cardinality', or_cardinality(sa, sb) = cardinality(sa | sb)),
            ('andnot_cardinality', andnot_cardinality(sa, sb) = cardinality(sa - sb)),
            ('xor_cardinality', xor_cardinality(sa, sb) = cardinality(sa # sb)),
            ('overlap', (sa && sb) = (and_cardinality(sa, sb) > 0)),
            ('contains', (sa @> sb) = is_empty(sb - sa) AND (sa | sb) @> sa AND (sa & sb) <@ sb),
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
SELECT * FROM finish();
