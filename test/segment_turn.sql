-- What becomes of a chunk of members, beside plain arrays: whoever was asked
-- and found is in it, whoever was asked and not found is not, all others stay;
-- however large it is, however little changes, again and again.
\set QUIET on
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(5);
\ir include/seed.sql
SELECT CASE WHEN current_setting('test.long', true) = 'on' THEN 3000 ELSE 100 END AS steps \gset

CREATE TABLE public.step (n int, kept boolean, beside int, good boolean, named boolean, apart boolean);
CREATE PROCEDURE public.turn_about(steps int) LANGUAGE plpgsql AS $$
DECLARE
    members customer_set;           -- as a row of condition_member holds them
    joined  customer_set;
    gone    customer_set;
    truth   bigint[] := '{}';       -- the same as plain ids
    asked   bigint[];
    found   bigint[];
    after   bigint[];
    t       record;
BEGIN
    FOR n IN 1 .. steps LOOP
        IF n % 25 = 1 THEN
            -- A chunk of another size: nobody, few, half of all, nearly all.
            SELECT coalesce(array_agg(i), '{}') INTO truth
            FROM generate_series(0, 65535) i, (SELECT (ARRAY[0.5, 0.002, 0.99, 0])[1 + n / 25 % 4] AS share) s WHERE random() < s.share;
            members := truth::customer_set;
            joined := NULL;
            gone := NULL;
        END IF;
        SELECT coalesce(array_agg(a ORDER BY a), '{}'), coalesce(array_agg(a ORDER BY a) FILTER (WHERE stays), '{}') INTO asked, found
        FROM (SELECT a, random() < share AS stays FROM (SELECT DISTINCT floor(random() * 65536)::bigint AS a
              FROM generate_series(1, (ARRAY[0, 1, 10, 100, 1000, 5000])[1 + floor(random() * 6)::int]) LIMIT 5000) x, (SELECT random() AS share) s) y;
        SELECT coalesce(array_agg(x ORDER BY x), '{}') INTO after
        FROM (SELECT unnest(truth) AS x EXCEPT SELECT unnest(asked) UNION SELECT unnest(found)) y;
        SELECT m.* INTO t FROM member_turn(members, joined, gone, asked::customer_set, found::customer_set) m;
        IF t.entered IS NOT NULL THEN
            members := coalesce(t.members, members);
            joined := CASE WHEN t.members IS NULL THEN t.joined END;
            gone := CASE WHEN t.members IS NULL THEN t.gone END;
        END IF;
        INSERT INTO public.step VALUES (n, t.entered IS NOT NULL AND t.members IS NULL,
            coalesce(pg_column_size(joined), 0) + coalesce(pg_column_size(gone), 0),
            member_set(members, joined, gone) = after::customer_set,
            (t.entered IS NULL AND truth = after)
                OR (t.entered = (SELECT coalesce(customer_set_agg(x), '{}') FROM (SELECT unnest(after) AS x EXCEPT SELECT unnest(truth)) y)
                    AND t.exited = (SELECT coalesce(customer_set_agg(x), '{}') FROM (SELECT unnest(truth) AS x EXCEPT SELECT unnest(after)) y)
                    AND NOT is_empty(t.entered | t.exited)),
            coalesce(is_empty(joined & members), true) AND coalesce(members @> gone, true));
        truth := after;
    END LOOP;
END
$$;
CALL public.turn_about(:steps);
SELECT is((SELECT array_agg(n) FROM public.step WHERE good IS NOT TRUE), NULL, 'the members are those of the plain ids after each of ' || :steps || ' turns');
SELECT is((SELECT array_agg(n) FROM public.step WHERE named IS NOT TRUE), NULL, 'who entered and who left is named, and nobody where nothing changed');
SELECT is((SELECT array_agg(n) FROM public.step WHERE apart IS NOT TRUE), NULL, 'who joined is not in the members, who is gone is');
SELECT cmp_ok((SELECT count(*) FROM public.step WHERE kept), '>', :steps::bigint / 10, 'large sets stay as they are written');
SELECT cmp_ok((SELECT max(beside) FROM public.step), '<=', 2100, 'and what is noted beside them stays small');
SELECT * FROM finish();
