-- How a timeline keeps what events carry: texts as numbers or front-coded, kinds
-- that share the description of their columns or have one of their own. Whatever
-- is chosen, the events come back as they went in and conditions hold as in SQL.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SET timezone = 'UTC';
SELECT plan(33);
\set seed 77
\ir include/seed.sql

-- Texts of many shapes: how they begin, of which characters, how many follow
CREATE FUNCTION pg_temp.text_of(shape int) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT (ARRAY['p', '', 'sku-', 'AB', '商品', '', 'x', '', '🛒', 'a beginning of more than sixteen bytes ', '', 'é'])[1 + shape % 12] ||
        CASE shape % 7
            WHEN 0 THEN floor(exp(random() * ln(1000)))::text                     -- 1 to 3 digits
            WHEN 1 THEN lpad(floor(random() * 1000)::text, 4, '0')                -- leading zeros
            WHEN 2 THEN floor(random() * 1e13)::bigint::text                      -- more than eight digits
            WHEN 3 THEN to_hex(floor(random() * 1e6)::int)
            WHEN 4 THEN (SELECT coalesce(string_agg(chr(97 + floor(random() * 26)::int), ''), '') FROM generate_series(1, floor(random() * 12)::int) WHERE shape >= 0)
            WHEN 5 THEN (SELECT coalesce(string_agg(chr(19968 + floor(random() * 40)::int), ''), '') FROM generate_series(1, floor(random() * 4)::int) WHERE shape >= 0)
            ELSE md5(random()::text) || repeat('z', (random() * 40)::int)         -- too long for numbers
        END $$;
CREATE TEMP TABLE ev AS
SELECT c, i, timestamptz '2026-01-01+00' + floor(random() * 3000) * interval '1 minute' AS at, (ARRAY['view', 'cart', 'buy'])[1 + floor(random() * 3)] AS kind,
       CASE WHEN random() < 0.9 THEN pg_temp.text_of(c) END AS p
FROM generate_series(0, 251) c, generate_series(1, 150) i WHERE i <= 1 + (c * 7) % 151 AND i <= CASE WHEN c % 5 = 0 THEN 3 ELSE 150 END;
CREATE INDEX ON ev (c); ANALYZE ev;
CREATE TEMP TABLE tl AS SELECT c, timeline_columns_agg(at, kind, NULL::float8, 'p', p ORDER BY i) AS t FROM ev GROUP BY c;
SELECT is((SELECT count(*) FROM tl WHERE (SELECT array_agg((at, kind, properties->>'p')::text ORDER BY n) FROM events(t) WITH ORDINALITY e(at, kind, value, quantity, event_id, properties, n))
    IS DISTINCT FROM (SELECT array_agg((at, kind, p)::text ORDER BY at, i) FROM ev WHERE ev.c = tl.c)), 0::bigint, 'texts come back');
SELECT is((SELECT count(*) FROM tl WHERE t::text::timeline <> t OR timeline_send(t::text::timeline) <> timeline_send(t)), 0::bigint, 'same texts, same bytes');
SELECT is((SELECT count(*) FROM tl WHERE event_distinct(t, '*', 'p') <> (SELECT count(DISTINCT p) FROM ev WHERE ev.c = tl.c)), 0::bigint, 'texts are told apart');

-- Texts to ask for: those there are, parts of them, with more behind them, and their neighbours
CREATE TEMP TABLE asked AS
SELECT DISTINCT c, q FROM (
    SELECT c, unnest(ARRAY[p, left(p, -1), left(p, 3), p || '0', p || '!', p || 'zz', left(p, -1) || chr(ascii(right(p, 1)) + 1), left(p, -1) || '/', left(p, -1) || ':', left(p, -1) || '￿', upper(p)]) AS q
    FROM (SELECT c, p, row_number() OVER (PARTITION BY c ORDER BY random()) AS n FROM ev WHERE p <> '') s WHERE n <= 3
    UNION ALL SELECT c, unnest(ARRAY['', 'p', 'p1', '9', 'zzz', '品', '商品0', 'sku', 'sku-', E'\x01']) FROM tl) s
WHERE q IS NOT NULL;
CREATE FUNCTION pg_temp.quoted(q text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '''' || q || '''' $$;
SELECT cmp_ok((SELECT count(*) FROM asked), '>', 5000::bigint, 'many texts are asked for');
SELECT is((SELECT count(*) FROM asked JOIN tl USING (c) WHERE event_count(t, format('*[p=%s]', pg_temp.quoted(q))::event_pattern) <> (SELECT count(*) FROM ev WHERE ev.c = tl.c AND p = q)), 0::bigint, 'equal');
SELECT is((SELECT count(*) FROM asked JOIN tl USING (c) WHERE event_count(t, format('*[p!=%s]', pg_temp.quoted(q))::event_pattern) <> (SELECT count(*) FROM ev WHERE ev.c = tl.c AND p <> q)), 0::bigint, 'different');
SELECT is((SELECT count(*) FROM asked JOIN tl USING (c) WHERE event_count(t, format('*[p in (%s, %s)]', pg_temp.quoted(q), pg_temp.quoted('7' || q))::event_pattern) <> (SELECT count(*) FROM ev WHERE ev.c = tl.c AND p IN (q, '7' || q))), 0::bigint, 'one of two');
SELECT is((SELECT count(*) FROM asked JOIN tl USING (c) WHERE event_count(t, format('*[p not in (%s, %s)]', pg_temp.quoted(q), pg_temp.quoted('7' || q))::event_pattern) <> (SELECT count(*) FROM ev WHERE ev.c = tl.c AND p NOT IN (q, '7' || q))), 0::bigint, 'none of two');
SELECT is((SELECT count(*) FROM asked JOIN tl USING (c) WHERE event_count(t, format('*[p~%s]', pg_temp.quoted(q || '*'))::event_pattern) <> (SELECT count(*) FROM ev WHERE ev.c = tl.c AND starts_with(p, q))), 0::bigint, 'beginning with');
SELECT is((SELECT count(*) FROM asked JOIN tl USING (c) WHERE event_count(t, format('*[p~%s]', pg_temp.quoted('*' || q || '*'))::event_pattern) <> (SELECT count(*) FROM ev WHERE ev.c = tl.c AND position(q IN p) > 0)), 0::bigint, 'containing');
SELECT is((SELECT count(*) FROM asked JOIN tl USING (c) WHERE q !~ '^[0-9]' AND event_count(t, format('*[p<%s]', pg_temp.quoted(q))::event_pattern) <> (SELECT count(*) FROM ev WHERE ev.c = tl.c AND p < q COLLATE "C")), 0::bigint, 'before');

-- Both ways of keeping texts occur, and numbers are the shorter one
CREATE FUNCTION pg_temp.bytes(texts text[]) RETURNS int LANGUAGE sql AS $$
    SELECT pg_column_size(timeline_columns_agg('2026-01-01+00', 'view', NULL::float8, 'p', u)) FROM unnest(texts) u $$;
SELECT cmp_ok(pg_temp.bytes(ARRAY(SELECT 'sku-' || i FROM generate_series(1000, 1999) i)), '<', 1000 * 2, '1,000 numbered texts take less than two bytes each, codes included');
SELECT cmp_ok(pg_temp.bytes(ARRAY(SELECT 'sku-' || i * 7919 % 100000 FROM generate_series(1, 1000) i)), '<', 1000 * 3, 'so do some of many');
SELECT cmp_ok(pg_temp.bytes(ARRAY(SELECT md5(i::text) FROM generate_series(1, 1000) i)), '>', 1000 * 30, 'texts at random take their length');

-- Event ids that are texts are kept the same way
SELECT is((SELECT count(*) FROM (SELECT timeline_agg(at, kind, NULL::float8, NULL::float8, 'o-' || i, NULL::jsonb) AS t FROM ev GROUP BY c) x
    WHERE (SELECT count(*) FROM events(t) e WHERE event_id !~ '^o-[0-9]+$') > 0 OR (t || t) <> t), 0::bigint, 'event ids');

-- Numbers: whole and with cents, tiny and huge, negative, some absent; kinds alike and unlike
CREATE TEMP TABLE num AS
SELECT c, i, timestamptz '2026-01-01+00' + floor(random() * 30000) * interval '1 s' AS at, 'k' || floor(random() * (1 + c % 12)) AS kind,
       CASE WHEN random() < 0.2 AND c % 3 = 0 THEN NULL
            ELSE CASE floor(random() * 3 + c % 9)
                WHEN 0 THEN 1 WHEN 1 THEN floor(random() * 20000) / 100 WHEN 2 THEN 0 - floor(random() * 50) WHEN 3 THEN floor(random() * 1e6) / 1e6
                WHEN 4 THEN floor(random() * 1e15) WHEN 5 THEN random() WHEN 6 THEN 9007199254740991 WHEN 7 THEN 1e300 * random() WHEN 8 THEN 0 - floor(random() * 1e10) / 10 ELSE 1125899906842.623 END END AS value
FROM generate_series(1, 240) c, generate_series(1, 120) i WHERE i <= 1 + c % 120;
-- In some histories each kind has its own sort of numbers.
UPDATE num SET value = CASE kind WHEN 'k0' THEN 1 WHEN 'k1' THEN i / 4.0 WHEN 'k2' THEN i * 1e12 WHEN 'k3' THEN random() WHEN 'k4' THEN NULL ELSE value END WHERE c % 4 = 1;
CREATE INDEX ON num (c); ANALYZE num;
CREATE TEMP TABLE numbers AS SELECT c, timeline_columns_agg(at, kind, value, 'n', CASE WHEN kind <> 'k2' THEN value END, 'flag', CASE WHEN i % 3 > 0 THEN i % 2 = 0 END ORDER BY i) AS t FROM num GROUP BY c;
SELECT is((SELECT count(*) FROM numbers WHERE (SELECT array_agg((at, kind, value, (properties->>'n')::float8, properties->>'flag')::text ORDER BY o) FROM events(t) WITH ORDINALITY e(at, kind, value, quantity, event_id, properties, o))
    IS DISTINCT FROM (SELECT array_agg((at, kind, value, CASE WHEN kind <> 'k2' THEN value END, CASE WHEN i % 3 > 0 THEN i % 2 = 0 END::text)::text ORDER BY at, i) FROM num WHERE num.c = numbers.c)), 0::bigint, 'numbers come back to the last digit');
SELECT is((SELECT count(*) FROM numbers WHERE t::text::timeline <> t OR timeline_send(t::text::timeline) <> timeline_send(t)), 0::bigint, 'same numbers, same bytes');
SELECT is((SELECT count(*) FROM numbers, (VALUES ('value>=0.5', 0.5::float8), ('n>=0.5', 0.5), ('value>=100', 100)) v(p, b), unnest(ARRAY['*', 'k1', 'k2']) k
    WHERE event_count(t, format('%s[%s]', k, p)::event_pattern) <> (SELECT count(*) FROM num WHERE num.c = numbers.c AND value >= b AND (k = '*' OR kind = k) AND (p !~ '^n' OR kind <> 'k2'))), 0::bigint, 'numbers compared');
SELECT is((SELECT count(*) FROM numbers WHERE (event_min(t, '*'), event_max(t, 'k1')) IS DISTINCT FROM (SELECT (min(value), max(value) FILTER (WHERE kind = 'k1')) FROM num WHERE num.c = numbers.c)), 0::bigint, 'least and greatest');
SELECT is((SELECT event_sum(timeline_agg(timestamptz '2026-01-01+00' + i * interval '1 s', 'k' || i % 5, (CASE WHEN i % 5 = 0 THEN i ELSE i + 0.01 * (i % 100) END)::float8), '*') FROM generate_series(1, 1000) i),
    (SELECT sum(CASE WHEN i % 5 = 0 THEN i ELSE i + 0.01 * (i % 100) END)::float8 FROM generate_series(1, 1000) i), 'kinds with and without cents sum exactly');

-- More kinds than are compared with each other, each with other columns
CREATE TEMP TABLE wide AS
SELECT timeline_agg(timestamptz '2026-01-01+00' + i * interval '1 s', 'kind' || i % 300, CASE WHEN i % 3 = 0 THEN i END, jsonb_build_object('p' || i % 17, i, 'q' || i % 5, 'v' || i, 'r', i % 2 = 0)) AS t FROM generate_series(1, 3000) i;
SELECT is((SELECT count(*) FROM wide, events(t) WITH ORDINALITY e(at, kind, value, quantity, event_id, properties, i)
    WHERE kind <> 'kind' || i % 300 OR value IS DISTINCT FROM CASE WHEN i % 3 = 0 THEN i END OR properties <> jsonb_build_object('p' || i % 17, i, 'q' || i % 5, 'v' || i, 'r', i % 2 = 0)), 0::bigint, 'three hundred kinds with columns of their own');
SELECT is((SELECT event_sum(t, 'kind7', 'p7') FROM wide), (SELECT sum(i)::float8 FROM generate_series(1, 3000) i WHERE i % 300 = 7 AND i % 17 = 7), 'one of them asked');
SELECT cmp_ok((SELECT pg_column_size(timeline_agg(timestamptz '2026-01-01+00' + i * interval '1 s', 'k' || i % 20, i / 100.0::float8, jsonb_build_object('a', i % 2, 'b', i % 3, 'c', i % 4)) ) FROM generate_series(1, 40) i), '<', 40 * 10,
    'twenty kinds of two events are described once');

-- Ends: one event, before 1900 and before Christ, the last year, moments that are none
SELECT is(t::timeline::text::timeline, t::timeline, 'as it was: ' || left(t, 30))
FROM unnest(ARRAY['1850-03-01 view {"p": "p1"}', '-0044-03-15 ides value=-1; 1899-12-31T23:59:59.999999Z view {"p": "p2"}; 2026-01-01 view {"p": "p10"}', '+294276-12-31T23:59:59.999999Z end; -4712-01-01 start {"p": ""}']) t;
SELECT is((SELECT array_agg(at ORDER BY at) FROM events('-0044-03-15 ides; 1899-12-31T23:59:59.999999Z view; 1850-03-01 view'::timeline)), '{"0045-03-15 00:00:00+00 BC","1850-03-01 00:00:00+00","1899-12-31 23:59:59.999999+00"}'::timestamptz[], 'long ago');
SELECT throws_ok($$SELECT timeline_agg('infinity', 'view')$$, '22008', NULL, 'infinity is no moment');

-- Appended at the last instant, one after it, and as many as make it whole again
CREATE TEMP TABLE grown AS
WITH RECURSIVE a AS (
    SELECT 0 AS n, timeline_agg(timestamptz '2026-01-01+00' + i * interval '1 minute', (ARRAY['view', 'buy'])[1 + i % 2], i / 4.0::float8, jsonb_build_object('p', 'p' || i % 30)) AS t FROM generate_series(1, 100) i
    UNION ALL
    SELECT n + 1, t || format('%s %s value=%s {"p": "p%s"}', timeline_last(t) + (n % 3) * interval '1 microsecond', (ARRAY['buy', 'view', 'late'])[1 + n % 3], n, n * 37 % 1000)::timeline FROM a WHERE n < 150
) SELECT * FROM a;
SELECT is((SELECT count(*) FROM grown WHERE event_total(t) <> 100 + n OR t::text::timeline <> t), 0::bigint, 'appended one by one');
SELECT is((SELECT count(*) FROM grown a JOIN grown b ON b.n = a.n + 1 WHERE timeline_slice(b.t, '-infinity', timeline_last(a.t)) <> timeline_slice(a.t, '-infinity', timeline_last(a.t))), 0::bigint, 'what was there stays as it was');

-- Bytes of an earlier format are refused
CREATE CAST (bytea AS timeline) WITHOUT FUNCTION;
SELECT throws_ok($$SELECT event_count('\x0101000100'::bytea::timeline, '*')$$, 'XX001', 'unknown timeline format 1', 'an earlier format');

-- More texts than a query keeps for all its groups: those beyond stay in their rows, with the same result.
CREATE TEMP TABLE many AS
    SELECT i, i % 10 AS c, timestamptz '2026-01-01+00' + i * interval '1 s' AS at, 'session ' || i % 290000 AS session FROM generate_series(1, 300000) i;
SELECT is((SELECT count(*) FROM (SELECT c, e.at, e.properties ->> 's' FROM (SELECT c, timeline_columns_agg(at, 'view', NULL::float8, 's', session) AS t FROM many GROUP BY c) g, events(t) e
                                 EXCEPT ALL SELECT c, at, session FROM many) x), 0::bigint, 'texts that do not repeat are those of the rows');
SELECT is((SELECT t || t = t AND event_distinct(t, 'view', 's') = 290000
           FROM (SELECT timeline_agg(at, 'view', NULL, NULL, i::text, jsonb_build_object('s', session)) AS t FROM many) x), true, 'and joining twice the same adds nothing');
DROP TABLE many;

SELECT * FROM finish();
