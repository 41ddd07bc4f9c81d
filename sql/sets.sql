SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
--
-- customer_set: a compressed set of customer ids
--
SELECT '{3, 1,2,2, 7-9}'::customer_set;
SELECT '{1-9,20-29,65530-70000}'::customer_set AS ranges, '{0-4294967295}'::customer_set AS everyone;
SELECT '{}'::customer_set, ' { } '::customer_set, '{0,4294967295}'::customer_set;
SELECT ARRAY[5,3,5]::bigint[]::customer_set, '{3,5}'::customer_set::bigint[], '{}'::customer_set::bigint[];

-- what is refused says where and how to write it
SELECT '{1,2'::customer_set;
SELECT '{1,,2}'::customer_set;
SELECT '{-1}'::customer_set;
SELECT '{4294967296}'::customer_set;
SELECT '{9-7}'::customer_set;
SELECT '{1} x'::customer_set;
SELECT ARRAY[1, NULL]::bigint[]::customer_set;
SELECT ARRAY[-1]::bigint[]::customer_set;

-- union, intersection, difference, symmetric difference; parentheses where they mix
SELECT '{1-5}'::customer_set | '{4-8}' AS "or", '{1-5}'::customer_set & '{4-8}' AS "and",
       '{1-5}'::customer_set - '{4-8}' AS andnot, '{1-5}'::customer_set # '{4-8}' AS xor;

-- membership and comparison
SELECT '{1,2}'::customer_set @> 2::bigint AS has, 3::bigint <@ '{1,2}'::customer_set AS has_not,
       '{1,2}'::customer_set @> -1::bigint AS never,
       '{1-9}'::customer_set @> '{2,3}'::customer_set AS holds, '{2,3}'::customer_set <@ '{3,4}'::customer_set AS held,
       '{2,3}'::customer_set && '{3,4}'::customer_set AS overlap, '{}'::customer_set && '{}'::customer_set AS no_overlap;
SELECT '{1,2}'::customer_set = '{2,1}'::customer_set AS same, '{1}'::customer_set < '{1,2}'::customer_set AS prefix_first,
       '{2}'::customer_set > '{1,9}'::customer_set AS by_least;
SELECT s FROM (VALUES ('{2}'::customer_set), ('{1,2}'), ('{2}'), ('{}'), ('{1-3}')) v(s) GROUP BY s ORDER BY s;

-- counting without making a set
SELECT cardinality('{1-100000}'::customer_set), is_empty('{}'::customer_set),
       and_cardinality('{1-100000}', '{99999-200000}'), or_cardinality('{1-100000}', '{99999-200000}'),
       andnot_cardinality('{1-100000}', '{99999-200000}'), xor_cardinality('{1-100000}', '{99999-200000}'),
       jaccard('{1,2,3}', '{2,3,4}');

-- parts
SELECT set_min('{5,70000,9}'), set_max('{5,70000,9}'), set_min('{}') IS NULL AS none;
SELECT add_member('{1,3}', 2), remove_member('{1,2,3}', 2), members_between('{1,5,9,12}', 5, 9);
SELECT add_member('{}', 4294967296);
SELECT members('{3,1,65536}');
SELECT chunk, part FROM chunks('{1,65535,65536,200000}');
EXPLAIN (COSTS) SELECT * FROM members('{1-42}');

-- aggregates
SELECT customer_set_agg(i) FROM generate_series(1, 5) i;
SELECT customer_set_agg(i) FROM unnest(NULL::bigint[]) i;
SELECT customer_set_or_agg(s), customer_set_and_agg(s), customer_set_or_count_agg(s)
FROM (VALUES ('{1,2,3}'::customer_set), (NULL), ('{2,3,4}')) v(s);
SELECT customer_set_and_agg(NULL::customer_set) IS NULL AS nothing_to_intersect;

-- the binary form is the portable Roaring format, read by other libraries
SELECT encode(customer_set_send('{1,2,3}'), 'hex');
SELECT encode(customer_set_send('{1-1000}'), 'hex');

-- what a room has yet to look at
SELECT touch('{1,2}');
SELECT touch('{2,3}');
SELECT touch('segment', '{7}');
SELECT touch('{}');
SELECT room, customers FROM touched ORDER BY touched_id;
SELECT take_touched('portrait'), take_touched('segment'), take_touched('journey');
SELECT take_touched('portrait');

-- The rows of a set's customers are found through an index on the customer.
CREATE TABLE public.orders AS SELECT i::bigint AS customer_id, i * 2 AS total FROM generate_series(1, 20000) i;
CREATE INDEX ON public.orders (customer_id);
ANALYZE public.orders;
EXPLAIN (COSTS OFF) SELECT total FROM public.orders WHERE customer_id <@ '{5,7,19999,4000000000}'::customer_set;
SELECT total FROM public.orders WHERE customer_id <@ '{5,7,19999,4000000000}'::customer_set ORDER BY 1;
SELECT total FROM public.orders WHERE '{5,7}'::customer_set @> customer_id ORDER BY 1;
SELECT count(*) FROM public.orders WHERE customer_id <@ '{}'::customer_set;
SELECT count(*) FROM public.orders WHERE customer_id <@ NULL::customer_set;
SELECT count(*) FROM public.orders o, (VALUES ('{1,2}'::customer_set), ('{3}')) s(members) WHERE o.customer_id <@ s.members;
PREPARE of_set(customer_set) AS SELECT count(*) FROM public.orders WHERE customer_id <@ $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE of_set('{1,2}');
EXECUTE of_set('{1,2,10-30}');
EXECUTE of_set('{20000,20001}');
RESET plan_cache_mode;
-- so are those of a set that a query or a stable function gives, of either spelling, and in a join
CREATE FUNCTION public.some_set() RETURNS customer_set LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN '{3,4,19000}'; END $$;
EXPLAIN (COSTS OFF) SELECT total FROM public.orders WHERE customer_id <@ public.some_set();
SELECT total FROM public.orders WHERE customer_id <@ public.some_set() ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT total FROM public.orders WHERE '{5,7}'::customer_set @> customer_id;
EXPLAIN (COSTS OFF) SELECT total FROM public.orders WHERE customer_id <@ segment_members('everyone else');
SELECT count(*) FROM public.orders WHERE customer_id <@ segment_members('everyone else');
SELECT total FROM public.orders WHERE customer_id <@ (SELECT '{8,9}'::customer_set & '{9,10}');
CREATE TABLE public.audience AS SELECT 'vip' AS name, '{1,2,300}'::customer_set AS members;
ANALYZE public.audience;
EXPLAIN (COSTS OFF) SELECT o.total FROM public.audience a JOIN public.orders o ON o.customer_id <@ a.members WHERE a.name = 'vip';
SELECT o.total FROM public.audience a JOIN public.orders o ON o.customer_id <@ a.members WHERE a.name = 'vip' ORDER BY 1;
EXPLAIN (COSTS OFF) UPDATE public.orders SET total = 0 WHERE customer_id <@ '{5,7}'::customer_set;
DROP TABLE public.orders, public.audience;
DROP FUNCTION public.some_set();
