-- The timeline as a value: joining, aggregating in parallel, binary COPY, long
-- histories, and what its bytes promise.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(53);

\set seed 77
\ir include/seed.sql

-- Few moments, so that many events share one; ids on some.
CREATE TABLE ev AS
SELECT c, i AS ord, timestamptz '2026-01-01+00' + floor(random() * 12) * interval '1 s' AS at,
       (ARRAY['a', 'b', 'c', '丁'])[1 + floor(random() * 4)] AS kind,
       CASE WHEN random() < 0.5 THEN floor(random() * 3) / 8 END AS value,
       CASE WHEN random() < 0.5 THEN (i + c)::text END AS event_id,
       CASE WHEN random() < 0.5 THEN jsonb_build_object('p', floor(random() * 3)) WHEN random() < 0.3 THEN jsonb_build_object('p', 'x', 'q', true) END AS properties
FROM generate_series(1, 300) c, generate_series(1, 24) i
WHERE i <= c % 25;
CREATE TABLE tl AS
SELECT c, timeline_agg(at, kind, value, NULL, event_id, properties ORDER BY ord) AS t,
       timeline_agg(at, kind, value, NULL, event_id, properties ORDER BY ord) FILTER (WHERE ord % 3 <> 0) AS first_part,
       timeline_agg(at, kind, value, NULL, event_id, properties ORDER BY ord) FILTER (WHERE ord % 3 <> 1) AS second_part
FROM ev GROUP BY c;

-- order and identity
SELECT is((SELECT count(*) FROM tl WHERE (SELECT array_agg((at, kind, value, event_id, coalesce(properties, '{}'))::text ORDER BY n) FROM events(t) WITH ORDINALITY e(at, kind, value, quantity, event_id, properties, n))
    IS DISTINCT FROM (SELECT array_agg((at, kind, value, event_id, coalesce(properties, '{}'))::text ORDER BY at, ord) FROM ev WHERE ev.c = tl.c)), 0::bigint, 'events at the same instant keep their order');
SELECT is((SELECT count(*) FROM tl WHERE (t || empty_timeline()) <> t OR (empty_timeline() || t) <> t), 0::bigint, 'nothing added changes nothing');
SELECT is((SELECT count(*) FROM tl WHERE t::text::timeline <> t OR timeline_send(t::text::timeline) <> timeline_send(t)), 0::bigint, 'same events, same bytes');
SELECT is((SELECT count(DISTINCT timeline_hash(t)) FROM tl) > 250, true, 'hashes differ');
SELECT is((SELECT count(*) FROM tl WHERE NOT t = t OR t <> t), 0::bigint, 'equal to itself');

-- joining: a multiset union, but for identical events with an id
CREATE FUNCTION pg_temp.bag(timeline) RETURNS TABLE (e text, n bigint) LANGUAGE sql AS $$
    SELECT (at, kind, value, quantity, event_id, properties)::text, count(*) FROM events($1) GROUP BY 1 $$;
SELECT is((SELECT count(*) FROM tl WHERE EXISTS (
    SELECT FROM pg_temp.bag(first_part) a FULL JOIN pg_temp.bag(second_part) b USING (e) FULL JOIN pg_temp.bag(first_part || second_part) c USING (e)
    WHERE c.n IS DISTINCT FROM CASE WHEN e ~ '^\("[^"]*",[^,]*,[^,]*,,[0-9]+,' THEN greatest(coalesce(a.n, 0), coalesce(b.n, 0)) ELSE coalesce(a.n, 0) + coalesce(b.n, 0) END)), 0::bigint, '|| unites');
CREATE TEMP TABLE identified AS SELECT c, timeline_agg(at, kind, value, NULL, event_id, properties ORDER BY ord) AS t,
    timeline_agg(at, kind, value, NULL, event_id, properties ORDER BY ord) FILTER (WHERE ord % 2 = 0) AS half FROM ev WHERE event_id IS NOT NULL GROUP BY c;
SELECT is((SELECT count(*) FROM identified WHERE (t || t) <> t OR (t || half) <> t), 0::bigint, 'joining again what is there changes nothing');
SELECT is((SELECT count(*) FROM tl WHERE (first_part || second_part) || t <> first_part || (second_part || t)), 0::bigint, '|| is associative');
SELECT is((SELECT event_total(timeline_merge_agg(t)) FROM tl WHERE c <= 24), (SELECT count(*)::int FROM ev WHERE c <= 24) - (SELECT coalesce(sum(n - m), 0)::int FROM (
    SELECT sum(k) AS n, max(k) AS m FROM (SELECT c, at, kind, value, event_id, properties, count(*) AS k FROM ev WHERE c <= 24 AND event_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6) x GROUP BY at, kind, value, event_id, properties) y), 'timeline_merge_agg joins all');

-- long groups, long texts, rows out of order, names of properties that are no constants
CREATE TABLE many AS SELECT i, timestamptz '2026-01-01+00' + i * 17.000001 * interval '1 s' AS at, CASE WHEN i % 7 = 0 THEN 'a kind of more than sixteen bytes ' || i % 3 ELSE 'k' || i % 5 END AS kind,
    CASE WHEN i % 3 = 0 THEN (i % 1000) / 100.0 END AS value, 'name' || i % 2 AS name,
    CASE i % 4 WHEN 0 THEN 'a text of middling length ' || i % 100 WHEN 1 THEN repeat('x', 65 + i % 200) WHEN 2 THEN 'v' || i % 100 END AS property
FROM generate_series(1, 6000) i;
CREATE TEMP TABLE built AS SELECT g, timeline_agg(at, kind, value, jsonb_build_object(name, property, 'n', i % 10) ORDER BY i * 7919 % 6007) AS t,
    timeline_columns_agg(at, kind, value, name, property, 'n', i % 10 ORDER BY i * 7919 % 6007) AS columns FROM many, generate_series(1, 2) g WHERE g = 1 OR i < 40 GROUP BY g;
SELECT is((SELECT count(*) FROM built WHERE t <> columns), 0::bigint, 'properties as JSON and as columns are the same');
SELECT is((SELECT count(*) FROM (SELECT at, kind, value, properties FROM built, events(t) WHERE g = 1) e
    FULL JOIN (SELECT at, kind, value, jsonb_strip_nulls(jsonb_build_object(name, property, 'n', i % 10)) AS properties FROM many) r USING (at, kind, properties)
    WHERE e.value IS DISTINCT FROM r.value OR e.at IS NULL OR r.at IS NULL), 0::bigint, 'a long group has all its rows');
DROP TABLE many;

-- parallel aggregation gives the same events
CREATE TABLE big AS SELECT i % 3000 AS c, timestamptz '2026-01-01+00' + i * 17.000001 * interval '1 s' AS at, 'k' || i % 5 AS kind, (i % 1000) / 100.0 AS value, jsonb_build_object('p', 'v' || i % 100, 'long', CASE WHEN i % 50 = 0 THEN repeat('x', 100) || i % 200 END) AS properties
FROM generate_series(1, 120000) i;
ANALYZE big;
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE serial AS SELECT c, timeline_agg(at, kind, value, properties) AS t FROM big GROUP BY c;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION pg_temp.plan(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; all_lines text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || q LOOP all_lines := all_lines || line || E'\n'; END LOOP;
    RETURN all_lines;
END $$;
SELECT matches(pg_temp.plan('SELECT c, timeline_agg(at, kind, value, properties) FROM big GROUP BY c'), 'Partial', 'the aggregate runs in parallel');
CREATE TEMP TABLE par AS SELECT c, timeline_agg(at, kind, value, properties) AS t FROM big GROUP BY c;
SELECT is((SELECT count(*) FROM serial FULL JOIN par USING (c) WHERE serial.t IS DISTINCT FROM par.t), 0::bigint, 'parallel and serial agree');
SELECT is((SELECT timeline_merge_agg(t) FROM (SELECT t FROM tl WHERE c > 300) s), empty_timeline(), 'no input, no events');
SELECT is((SELECT timeline_agg(at, kind) FROM big WHERE c < 0), empty_timeline(), 'an aggregate of nothing is empty');
-- properties out of columns: as out of the JSON object they would make
CREATE TABLE col AS
SELECT i % 97 AS c, timestamptz '2026-01-01+00' + i * interval '1 minute' AS at, (ARRAY['a', 'b'])[1 + i % 2] AS kind, CASE WHEN i % 3 = 0 THEN i / 4.0::float8 END AS value,
       CASE WHEN random() < 0.8 THEN repeat('é' || i % 13, i % 60) END AS t, CASE WHEN random() < 0.8 THEN i % 7 = 0 END AS b, (i % 300)::int2 AS i2, i AS i4,
       CASE WHEN i % 5 = 0 THEN 9007199254740993 + i ELSE i::bigint * 1000000 END AS i8, (i / 8.0)::float4 AS f4, random() AS f8,
       CASE i % 3 WHEN 0 THEN i / 100.0 WHEN 1 THEN 123456789012345678.123456789 END AS n, date '2026-01-01' + i % 30 AS d, timestamp '2026-01-01' + i * interval '1 second' AS ts,
       CASE i % 4 WHEN 0 THEN '{"x": [1, 2]}' WHEN 1 THEN '3.5' WHEN 2 THEN '"s"' WHEN 3 THEN 'null' END::jsonb AS j, gen_random_uuid() AS u
FROM generate_series(1, 20000) i;
ALTER TABLE col SET (parallel_workers = 2);
ANALYZE col;
CREATE TEMP TABLE out_of_json AS SELECT c, timeline_agg(at, kind, value, jsonb_build_object('t', t, 'b', b, 'i2', i2, 'i4', i4, 'i8', i8, 'f4', f4, 'f8', f8, 'n', n, 'd', d, 'ts', ts, 'j', j, 'u', u, 'const', 'same')) AS tl FROM col GROUP BY c;
CREATE TEMP TABLE out_of_columns AS SELECT c, timeline_columns_agg(at, kind, value, 't', t, 'b', b, 'i2', i2, 'i4', i4, 'i8', i8, 'f4', f4, 'f8', f8, 'n', n, 'd', d, 'ts', ts, 'j', j, 'u', u, 'const', 'same') AS tl FROM col GROUP BY c;
SELECT is((SELECT count(*) FROM out_of_json JOIN out_of_columns USING (c) WHERE out_of_json.tl = out_of_columns.tl), 97::bigint, 'properties out of columns');
SELECT throws_ok($$SELECT timeline_columns_agg(now(), 'a', 1, 'p', 1, 'q')$$, '22023', 'a property is a name and a column', 'a name without a column');
SELECT throws_ok($$SELECT timeline_columns_agg(now(), 'a', 1, 1, 'p')$$, '42804', 'the name of a property must be text, not integer', 'a column without a name');
SELECT throws_ok($$SELECT timeline_columns_agg(now(), 'a', 1, NULL::text, 'p')$$, '22004', 'the name of a property must not be null', 'a null name');
-- numeric columns as they are: as after the cast, whatever their digits
CREATE TABLE num AS
SELECT i % 89 AS c, timestamptz '2026-01-01+00' + i * interval '1 minute' AS at, CASE i % 9
           WHEN 0 THEN NULL WHEN 1 THEN i % 1000 WHEN 2 THEN round((random() * 400 - 200)::numeric, 2) WHEN 3 THEN round((random() * 1e9)::numeric, 1 + i % 4)
           WHEN 4 THEN trunc(random() * 1e15) * (CASE WHEN i % 2 = 0 THEN 1e-5 ELSE 1e4 END) WHEN 5 THEN round((random() - 0.5)::numeric * 1e-7, 12) WHEN 6 THEN trunc(random()::numeric * 1e18) - 5e17
           WHEN 7 THEN (random()::numeric * 1e-20) WHEN 8 THEN (random() * 10 ^ (i % 40 - 20))::numeric END AS v
FROM generate_series(1, 30000) i;
INSERT INTO num SELECT 1, timestamptz '2027-01-01+00' + i * interval '1 minute', v FROM unnest('{0,0.00,-0.0,9999,10000,-10000.0001,9007199254740991,9007199254740992,9007199254740993,999999999999999.9,0.000001,1e-16,1e-24,1e20,1e22,12345678901234567890.123,1e-300,1e300}'::numeric[]) WITH ORDINALITY u (v, i);
SELECT is((SELECT count(*) FROM (SELECT c, timeline_agg(at, 'a', v) AS a, timeline_agg(at, 'a', v::float8) AS b FROM num GROUP BY c) s WHERE a IS DISTINCT FROM b), 0::bigint, 'numeric values');
SELECT is((SELECT count(*) FROM (SELECT c, timeline_agg(at, 'a', v, '{"x": 1}') AS a, timeline_agg(at, 'a', v::float8, '{"x": 1}') AS b FROM num GROUP BY c) s WHERE a IS DISTINCT FROM b), 0::bigint, 'numeric values, and properties');
SELECT is((SELECT count(*) FROM (SELECT c, timeline_agg(at, 'a', v, v / 2, 'i' || c, NULL) AS a, timeline_agg(at, 'a', v::float8, (v / 2)::float8, 'i' || c, NULL) AS b FROM num GROUP BY c) s WHERE a IS DISTINCT FROM b), 0::bigint, 'numeric values and quantities');
SELECT is((SELECT count(*) FROM (SELECT c, timeline_columns_agg(at, 'a', v, 'p', v) AS a, timeline_agg(at, 'a', v::float8, jsonb_strip_nulls(jsonb_build_object('p', v))) AS b FROM num GROUP BY c) s WHERE a IS DISTINCT FROM b), 0::bigint, 'numeric values and properties out of columns');
SELECT throws_ok($$SELECT timeline_agg(now(), 'a', 'NaN'::numeric)$$, '22003', 'value of an event must be a finite number', 'a numeric that is none');
SELECT is(timeline_agg(timestamptz '2026-01-01+00', 'a', NULL, NULL), '2026-01-01T00:00:00Z a', 'values and properties that are not given mean no overload in particular');
SET max_parallel_workers_per_gather = 0;
SELECT is((SELECT count(*) FROM (SELECT c, timeline_agg(at, kind, value, properties) AS t FROM (SELECT * FROM big ORDER BY random()) r GROUP BY c) s JOIN serial USING (c) WHERE s.t <> serial.t), 0::bigint, 'order of arrival does not matter where moments differ');

-- binary COPY
CREATE TABLE copied (LIKE tl);
SELECT lives_ok(format('COPY tl TO %L (FORMAT binary)', current_setting('data_directory') || '/timeline_type.bin'), 'COPY out');
SELECT lives_ok(format('COPY copied FROM %L (FORMAT binary)', current_setting('data_directory') || '/timeline_type.bin'), 'COPY in');
SELECT is((SELECT count(*) FROM tl JOIN copied USING (c) WHERE tl.t IS DISTINCT FROM copied.t), 0::bigint, 'nothing is lost on the way');

-- a long history: 100,000 events, counted without reading all of it
CREATE TABLE long AS SELECT timeline_agg(timestamptz '2020-01-01+00' + i * interval '25 minutes 1 second', CASE WHEN i % 20 = 0 THEN 'purchase' ELSE 'view' END, CASE WHEN i % 20 = 0 THEN (i % 9999) / 100.0 END,
    jsonb_build_object('product', 'p' || i % 777)) AS t FROM generate_series(1, 100000) i;
SELECT is(event_total(t), 100000, 'a long history') FROM long;
SELECT cmp_ok(pg_column_size(t), '<', 500000, 'takes less than five bytes an event') FROM long;
SELECT is(event_count(t, p), event_count(t || empty_timeline(), p), 'read in parts: ' || p::text)
FROM long, (VALUES ('purchase'::event_pattern), ('purchase[product=p40]'), ('purchase[product~p7*, value>50]'), ('nothing'), ('view[product=p1]')) v(p);
SELECT is(event_distinct(t, 'view', 'product'), 777, 'different texts of it, without reading the texts') FROM long;
SELECT is(event_sum(t, 'purchase', since => '2021-01-01', until => '2022-01-01'), event_sum(t || '', 'purchase', since => '2021-01-01', until => '2022-01-01'), 'sums, too') FROM long;

-- limits
SELECT throws_ok($$SELECT timeline_agg(now(), repeat('k', 256))$$, '22026', 'event kind of 256 bytes is too long', 'a kind that is too long');
SELECT throws_ok($$SELECT timeline_agg(now(), 'k' || i) FROM generate_series(1, 4097) i$$, '54000', 'a timeline cannot hold more than 4096 kinds of events', 'too many kinds');

-- an event has each field once: given twice, with different types, it could not be read back
SELECT throws_ok(format('SELECT %L::timeline', text), '22P02', NULL, 'given twice: ' || text)
FROM unnest('{2026-01-01 x value=1 value=2,2026-01-01 x quantity=1 quantity=1,2026-01-01 x id=1 value=3 id=2,"2026-01-01 x {\"a\": 1} {\"a\": \"x\"}"}'::text[]) text;
SELECT throws_ok($$SELECT timeline_columns_agg(timestamptz '2026-01-01', 'x', NULL::float8, 'a', 1, 'a', 'x'::text)$$, '22023', 'an event is given the property "a" twice', 'a property in two columns');
SELECT throws_ok($$SELECT timeline_columns_agg(timestamptz '2026-01-01', 'x', 1.5, n, 1, m, 2) FROM (VALUES ('a', 'b'), ('c', 'c')) v (n, m)$$, '22023', 'an event is given the property "c" twice', 'the names of which meet in one row');
-- Events that are equal in everything and have the same id are one, however they come together; those without an id are as many as they are.
CREATE TEMP TABLE often AS
SELECT g, i, timestamptz '2026-01-01+00' + floor(random() * (1 + g % 5)) * interval '1 day' AS at, (ARRAY['a', 'b'])[1 + floor(random() * 2)] AS kind, floor(random() * 3) AS value,
       CASE WHEN random() < 0.3 THEN 1 END AS quantity, CASE WHEN random() < 0.7 THEN floor(random() * (2 + g))::text END AS id,
       jsonb_strip_nulls(jsonb_build_object('p', CASE WHEN random() < 0.5 THEN floor(random() * 2) END, 'long one', CASE WHEN random() < 0.5 THEN (ARRAY['质量', repeat('x', 90)])[1 + floor(random() * 2)] END)) AS properties, floor(random() * 3) AS part
FROM generate_series(1, 30) g, generate_series(1, 60) i WHERE i <= g * 2;
CREATE TEMP TABLE union_of AS
SELECT g, at, kind, value, quantity, id, properties, CASE WHEN id IS NULL THEN count(*) ELSE 1 END AS n FROM often GROUP BY 1, 2, 3, 4, 5, 6, 7;
CREATE FUNCTION pg_temp.not_alike(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE answer bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT g, e.at, e.kind, e.value, e.quantity, e.event_id AS id, coalesce(e.properties, ''{}'') AS properties, count(*) AS n FROM (%s) q (g, t), events(t) e GROUP BY 1, 2, 3, 4, 5, 6, 7) x
                    FULL JOIN union_of u ON (x.g, x.at, x.kind, x.value, x.properties, x.n) = (u.g, u.at, u.kind, u.value, u.properties, u.n) AND x.quantity IS NOT DISTINCT FROM u.quantity AND x.id IS NOT DISTINCT FROM u.id
                    WHERE x.g IS NULL OR u.g IS NULL', query) INTO answer;
    RETURN answer;
END $$;
CREATE TEMP TABLE apart AS SELECT g, part, timeline_agg(at, kind, value, quantity, id, properties ORDER BY random()) AS t FROM often GROUP BY 1, 2;
SELECT is(pg_temp.not_alike(query), 0::bigint, query) FROM unnest(ARRAY[
    'SELECT g, timeline_agg(at, kind, value, quantity, id, properties ORDER BY random()) FROM often GROUP BY 1',
    'SELECT g, (timeline_agg(at, kind, value, quantity, id, properties)::text || '';'' || timeline_agg(at, kind, value, quantity, id, properties ORDER BY random())::text)::timeline FROM often WHERE id IS NOT NULL GROUP BY 1 UNION ALL SELECT g, timeline_agg(at, kind, value, quantity, id, properties) FROM often WHERE id IS NULL GROUP BY 1',
    'SELECT g, string_agg(t::text, '';'')::timeline FROM apart GROUP BY 1']) query;
SELECT is((SELECT count(*) FROM apart a JOIN apart b USING (g) WHERE a.t || a.t || b.t IS DISTINCT FROM a.t || b.t AND NOT EXISTS (SELECT FROM events(a.t || b.t) e WHERE event_id IS NULL)), 0::bigint, 'joining twice is joining once where all have ids');
SELECT is((SELECT count(*) FROM (SELECT g, timeline_merge_agg(t) AS t FROM apart GROUP BY 1) m JOIN LATERAL (SELECT sum(n) AS n FROM union_of u WHERE u.g = m.g) u ON true WHERE event_total(t) <> u.n), 0::bigint, 'timeline_merge_agg()');
SELECT is((SELECT count(*) FROM apart WHERE '2020-01-01 z {"p": 1}; 2020-01-02 a {"long one": "x"}'::timeline || t || t IS DISTINCT FROM '2020-01-01 z {"p": 1}; 2020-01-02 a {"long one": "x"}'::timeline || (t || t)), 0::bigint, 'in any order');
-- Twenty thousand at one instant, as sources of dates have them, are no trouble.
SELECT is((SELECT (event_total(a || b), event_total(b || a), (a || b) || a = a || b)::text FROM (SELECT timeline_agg(timestamptz '2026-01-01', 'a', 1::float8, NULL::float8, (i % 30000)::text, NULL) FILTER (WHERE i % 2 = 0) AS a,
    timeline_agg(timestamptz '2026-01-01', 'a', 1::float8, NULL::float8, (i % 30000)::text, NULL) FILTER (WHERE i % 3 = 1) AS b FROM generate_series(1, 60000) i) x), '(20000,20000,t)', 'many at one instant');

SELECT * FROM finish();
