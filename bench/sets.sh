#!/usr/bin/env bash
# bench/sets.sh [SEGMENTS] [CUSTOMERS]: set operations on one core, beside pg_roaringbitmap where
# it is installed, and the overlap of all pairs of segments.
#
# Needs a running server with customer_data installed; connects as psql does (PGHOST, PGPORT, ...)
# as a superuser and works in a database of its own, which it drops. CPU seconds of the server
# process, the least of five runs that alternate between both; both read the same bytes, lying in
# memory, and must give the same answers.
set -euo pipefail
segments=${1:-500} customers=${2:-1000000}
database=customer_data_bench_sets
psql -qXd postgres -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database ENCODING 'UTF8' TEMPLATE template0"
trap 'psql -qXd postgres -c "DROP DATABASE IF EXISTS $database"' EXIT

psql -qXd "$database" -v ON_ERROR_STOP=1 -v segments="$segments" -v customers="$customers" <<'SQL'
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET work_mem = '512MB';
SET search_path = customer_data, public;
CREATE EXTENSION customer_data;
SELECT format('CREATE EXTENSION %I SCHEMA public', name) FROM pg_available_extensions WHERE name = 'roaringbitmap' \gexec
SELECT count(*) > 0 AS peer FROM pg_extension WHERE extname = 'roaringbitmap' \gset
SELECT setseed(0.5) \g /dev/null

-- Ten sets of each shape; the peer keeps the form it is given, ours is the smaller one.
CREATE TABLE shaped AS
SELECT shape, s AS id, customer_set_agg(c) AS members
FROM (VALUES ('dense', 0.1, 0.6), ('sparse', 0.001, 0.05), ('tiny', 0.000001, 0.00002)) v(shape, least, greatest), generate_series(1, 10) s,
LATERAL (SELECT (hashint8extended(g, s * 7919 + length(shape)) & 2147483647) % :customers AS c
         FROM generate_series(1, greatest(1, ((least + (greatest - least) * (s - 1) / 9.0) * :customers)::bigint)) g) y
GROUP BY 1, 2
UNION ALL
SELECT 'runs', s, customer_set_or_agg(format('{%s-%s}', f, f + (random() * 40 * s * s)::int)::customer_set)
FROM generate_series(1, 10) s, LATERAL (SELECT (random() * :customers)::int + s * 0 AS f FROM generate_series(1, 3000 / s)) y
GROUP BY s;
INSERT INTO shaped SELECT 'mixed', row_number() OVER (ORDER BY shape, id), members FROM shaped WHERE id % 3 = 1;
CREATE TABLE pair AS
SELECT a.shape, a.members AS a, b.members AS b FROM shaped a JOIN shaped b USING (shape) WHERE a.id <> b.id AND (a.id * 7 + b.id * 3) % 5 < 2;
\if :peer
ALTER TABLE pair ADD ra roaringbitmap, ADD rb roaringbitmap;
UPDATE pair SET ra = customer_set_send(a)::roaringbitmap, rb = customer_set_send(b)::roaringbitmap;
\endif
CREATE TABLE result (n int, what text, shape text, whose text, seconds float8, answer text);

CREATE FUNCTION cpu() RETURNS float8 LANGUAGE sql VOLATILE AS $$ SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 / 1e9 $$;
CREATE FUNCTION measure(n int, what text, shape text, ours text, theirs text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	query text[] := ARRAY[ours, theirs];
	best float8[] := '{NULL,NULL}';
	answer text[] := '{NULL,NULL}';
	began float8;
	said text;
BEGIN
	FOR run IN 1 .. 5 LOOP
		FOR k IN 1 .. 2 LOOP
			CONTINUE WHEN query[k] IS NULL;
			began := cpu();
			EXECUTE query[k] INTO said;
			answer[k] := said;
			best[k] := least(best[k], cpu() - began);
		END LOOP;
	END LOOP;
	INSERT INTO result SELECT n, what, shape, w, best[i], answer[i] FROM unnest('{customer_data,pg_roaringbitmap}'::text[]) WITH ORDINALITY x(w, i);
END $$;

CREATE TABLE operation (n int, what text, ours text, theirs text);
INSERT INTO operation VALUES
	(1, 'a & b', 'sum(length(customer_set_send(a & b)))', 'sum(length((a & b)::bytea))'),
	(2, 'a | b', 'sum(length(customer_set_send(a | b)))', 'sum(length((a | b)::bytea))'),
	(3, 'a - b', 'sum(length(customer_set_send(a - b)))', 'sum(length((a - b)::bytea))'),
	(4, 'a # b', 'sum(length(customer_set_send(a # b)))', 'sum(length((a # b)::bytea))'),
	(5, 'size of a & b', 'sum(and_cardinality(a, b))', 'sum(rb_and_cardinality(a, b))'),
	(6, 'size of a | b', 'sum(or_cardinality(a, b))', 'sum(rb_or_cardinality(a, b))'),
	(7, 'size of a - b', 'sum(andnot_cardinality(a, b))', 'sum(rb_andnot_cardinality(a, b))'),
	(8, 'size of a # b', 'sum(xor_cardinality(a, b))', 'sum(rb_xor_cardinality(a, b))'),
	(9, 'a && b', 'sum((a && b)::int)', 'sum((a && b)::int)'),
	(10, 'a @> b', 'sum((a @> b)::int)', 'sum((a @> b)::int)'),
	(11, 'a @> a', 'sum((a @> a)::int)', 'sum((a @> a)::int)'),
	(12, 'a = b', 'sum((a = b)::int)', 'sum((a = b)::int)'),
	(13, 'a = a', 'sum((a = a)::int)', 'sum((a = a)::int)'),
	(14, 'a @> one customer', 'sum((a @> i::bigint)::int)', 'sum((a @> i::int)::int)'),
	(15, 'size of a', 'sum(cardinality(a))', 'sum(rb_cardinality(a))'),
	(16, 'least and greatest of a', 'sum(set_min(a) + set_max(a))', 'sum(rb_min(a)::bigint + rb_max(a))'),
	(17, 'a without one customer', 'sum(cardinality(remove_member(a, i)))', 'sum(rb_cardinality(rb_remove(a, i::int)))'),
	(18, 'array of a', 'sum(array_length(a::bigint[], 1))', 'sum(array_length(rb_to_array(a), 1))'),
	(19, 'a of an array', 'sum(cardinality(ids::customer_set))', 'sum(rb_cardinality(rb_build(ids)))'),
	(20, 'rows of a', 'sum((SELECT count(*) FROM members(a)))', 'sum((SELECT count(*) FROM rb_iterate(a)))'),
	(21, 'union of all', 'cardinality(customer_set_or_agg(a))', 'rb_cardinality(rb_or_agg(a))'),
	(22, 'size of the union', 'customer_set_or_count_agg(a)', 'rb_or_cardinality_agg(a)'),
	(23, 'intersection of all', 'cardinality(customer_set_and_agg(a))', 'rb_cardinality(rb_and_agg(a))'),
	(24, 'a set of rows', 'cardinality(customer_set_agg(x))', 'rb_cardinality(rb_build_agg(x))');

\o /dev/null
-- So often that each takes a while; arrays and rows take longer by themselves.
SELECT measure(n, what, shape,
	format('WITH p AS MATERIALIZED (SELECT a | ''{}'' AS a, b | ''{}'' AS b%s FROM pair WHERE shape = %L) SELECT %s FROM %s',
		CASE WHEN n = 19 THEN ', a::bigint[] AS ids' END, shape, ours, CASE WHEN n = 24 THEN '(SELECT members(a) AS x FROM p LIMIT 1000000) r' ELSE format('generate_series(1, %s) i, p', times) END),
	CASE WHEN :'peer'::boolean THEN format('WITH p AS MATERIALIZED (SELECT ra | ''{}'' AS a, rb | ''{}'' AS b%s FROM pair WHERE shape = %L) SELECT %s FROM %s',
		CASE WHEN n = 19 THEN ', rb_to_array(ra) AS ids' END, shape, theirs, CASE WHEN n = 24 THEN '(SELECT rb_iterate(a) AS x FROM p LIMIT 1000000) r' ELSE format('generate_series(1, %s) i, p', times) END) END)
FROM operation, (SELECT shape, count(*) AS pairs, avg(cardinality(a)) AS ids FROM pair GROUP BY 1) z,
LATERAL (SELECT CASE WHEN n BETWEEN 18 AND 20 THEN 1 + (1000000 / pairs / greatest(ids, 30))::int WHEN n BETWEEN 8 AND 17 THEN 1 + (100000 / pairs)::int
	ELSE 1 + (CASE shape WHEN 'tiny' THEN 200000 WHEN 'runs' THEN 40000 ELSE 10000 END / pairs)::int END AS times) t
ORDER BY n, shape;
\o
\pset border 2
\pset null ''
SELECT count(*) > 0 AS disagree FROM result o JOIN result p USING (n, shape) WHERE o.whose = 'customer_data' AND p.whose = 'pg_roaringbitmap'
	AND p.answer IS NOT NULL AND NOT (o.answer IS NOT DISTINCT FROM p.answer OR o.n <= 4 AND o.answer::bigint <= p.answer::bigint) \gset
SELECT what AS "times as long as pg_roaringbitmap", max(ratio) FILTER (WHERE shape = 'dense') AS dense, max(ratio) FILTER (WHERE shape = 'sparse') AS sparse,
	max(ratio) FILTER (WHERE shape = 'runs') AS runs, max(ratio) FILTER (WHERE shape = 'tiny') AS tiny, max(ratio) FILTER (WHERE shape = 'mixed') AS mixed,
	round(max(ms) FILTER (WHERE shape = 'mixed')::numeric, 1) AS "mixed, CPU ms", round(max(theirs) FILTER (WHERE shape = 'mixed')::numeric, 1) AS "the peer's"
FROM (SELECT o.n, o.what, o.shape, o.seconds * 1000 AS ms, p.seconds * 1000 AS theirs, round((o.seconds / nullif(p.seconds, 0))::numeric, 2) AS ratio
	FROM result o JOIN result p USING (n, shape) WHERE o.whose = 'customer_data' AND p.whose = 'pg_roaringbitmap') r
GROUP BY n, what ORDER BY n;

-- All pairs of segments, as segment_overlap() does it, on members kept in chunks: of 0.01 % to 60 % of
-- the customers, most scattered, some of the newest or oldest customers.
CREATE TABLE audience AS
SELECT s AS id, share, customer_set_agg(c) AS members
FROM (SELECT s, CASE s % 7 WHEN 0 THEN 0.0001 WHEN 1 THEN 0.001 WHEN 2 THEN 0.01 WHEN 3 THEN 0.03 WHEN 4 THEN 0.1 WHEN 5 THEN 0.3 ELSE 0.6 END AS share
      FROM generate_series(1, :segments) s) x,
LATERAL (SELECT CASE WHEN s % 10 = 0 THEN g WHEN s % 10 = 1 THEN :customers - g ELSE (hashint8extended(g, s) & 2147483647) % :customers END AS c
         FROM generate_series(1, greatest((share * :customers)::bigint, 1)) g) y
GROUP BY 1, 2;
INSERT INTO condition (room, expression) SELECT 'segment', 's' || id FROM audience ORDER BY id;
INSERT INTO segment_definition (name, condition_id) SELECT expression, condition_id FROM condition WHERE room = 'segment';
INSERT INTO condition_member SELECT c.condition_id, k.chunk, k.part
FROM condition c JOIN audience s ON c.expression = 's' || s.id, chunks(s.members) k WHERE c.room = 'segment';
\if :peer
ALTER TABLE audience ADD roaring roaringbitmap;
UPDATE audience SET roaring = customer_set_send(members)::roaringbitmap;
\endif
VACUUM ANALYZE condition_member, segment_definition, audience;
SET work_mem = '4MB';
\o /dev/null
SELECT measure(30, 'counted', 'overlap', 'SELECT sum(shared) FILTER (WHERE condition_a <> condition_b) FROM overlap_of(ARRAY(SELECT condition_id FROM segment_definition))',
	CASE WHEN :'peer'::boolean THEN 'WITH one AS MATERIALIZED (SELECT id, rb_or(roaring, ''{}'') AS r FROM audience) SELECT sum(rb_and_cardinality(a.r, b.r)) FROM one a JOIN one b ON a.id < b.id' END);
SELECT measure(31, 'segment_overlap()', 'overlap', 'SELECT sum(shared) FROM segment_overlap()', NULL);
\o
SELECT format('overlap of %s segments of %s customers, all pairs', :segments, :customers) AS title \gset
\pset title :title
SELECT o.what, round(o.seconds::numeric, 2) AS "CPU s", round(p.seconds::numeric, 2) AS "pg_roaringbitmap, pair by pair", o.answer = coalesce(p.answer, o.answer) AS agree
FROM result o JOIN result p USING (n) WHERE o.n >= 30 AND o.whose = 'customer_data' AND p.whose = 'pg_roaringbitmap' ORDER BY n;
SELECT :'disagree'::boolean OR count(*) > 0 AS disagree FROM result o JOIN result p USING (n) WHERE n = 30 AND o.answer <> p.answer \gset
\if :disagree
DO $$ BEGIN RAISE EXCEPTION 'the answers differ'; END $$;
\endif
SQL
