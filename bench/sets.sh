#!/usr/bin/env bash
# bench/sets.sh [SEGMENTS] [CUSTOMERS]: set operations on one core, beside pg_roaringbitmap where
# it is installed, and the overlap of all pairs of segments.
#
# Needs a running server with customer_data installed; connects as psql does (PGHOST, PGPORT, ...)
# as a superuser and works in a database of its own, which it drops. CPU seconds of the server
# process, best of three runs; both must give the same answers.
set -euo pipefail
segments=${1:-500} customers=${2:-1000000}
database=customer_data_bench_sets
psql -qXd postgres -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database ENCODING 'UTF8' TEMPLATE template0"
trap 'psql -qXd postgres -c "DROP DATABASE IF EXISTS $database"' EXIT

psql -qXd "$database" -v ON_ERROR_STOP=1 -v segments="$segments" -v customers="$customers" <<'SQL'
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET work_mem = '256MB';
CREATE EXTENSION customer_data;
SELECT format('CREATE EXTENSION %I SCHEMA public', name) FROM pg_available_extensions WHERE name = 'roaringbitmap' \gexec
SELECT count(*) > 0 AS peer FROM pg_extension WHERE extname = 'roaringbitmap' \gset

-- Segments of 0.01 % to 60 % of the customers: most scattered, some of the newest or oldest customers, some of neighbours.
CREATE TABLE segment AS
SELECT s AS id, share, customer_data.customer_set_agg(c) AS members
FROM (SELECT s, CASE s % 7 WHEN 0 THEN 0.0001 WHEN 1 THEN 0.001 WHEN 2 THEN 0.01 WHEN 3 THEN 0.03 WHEN 4 THEN 0.1 WHEN 5 THEN 0.3 ELSE 0.6 END AS share
      FROM generate_series(1, :segments) s) x,
LATERAL (SELECT CASE WHEN s % 10 = 0 THEN g WHEN s % 10 = 1 THEN :customers - g
                ELSE (hashint8extended(g, s) & 2147483647) % :customers END AS c
         FROM generate_series(1, greatest((share * :customers)::bigint, 1)) g) y
GROUP BY 1, 2;
ALTER TABLE segment ADD PRIMARY KEY (id);
CREATE TABLE member_row AS SELECT customer_data.members(members) AS id FROM segment WHERE share = 0.6 ORDER BY id LIMIT 1000000;
CREATE TABLE result (n int GENERATED ALWAYS AS IDENTITY, what text, whose text, seconds float8, answer text);
\if :peer
ALTER TABLE segment ADD roaring roaringbitmap;
UPDATE segment SET roaring = rb_build(ARRAY(SELECT m::int FROM customer_data.members(members) m));
\endif
VACUUM FULL ANALYZE segment;
-- Pairs of all sizes.
CREATE TABLE pair AS SELECT 1 + (i * 7919) % :segments AS a, 1 + (i * 104729) % :segments AS b FROM generate_series(1, 300) i;
VACUUM ANALYZE;

CREATE FUNCTION cpu() RETURNS float8 LANGUAGE sql VOLATILE AS $$
	SELECT (f[12]::float8 + f[13]::float8) / 100 FROM string_to_array(regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', ''), ' ') AS f
$$;
CREATE FUNCTION measure(what text, whose text, query text, times int DEFAULT 20) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	best float8;
	began float8;
	answer text;
BEGIN
	FOR run IN 1 .. 3 LOOP
		began := cpu();
		FOR i IN 1 .. times LOOP
			EXECUTE query INTO answer;
		END LOOP;
		best := least(best, (cpu() - began) / times);
	END LOOP;
	INSERT INTO result (what, whose, seconds, answer) VALUES (what, whose, best, answer);
END $$;

CREATE TABLE operation (n int, what text, ours text, theirs text, rel text);
INSERT INTO operation VALUES
	(0, 'reading both sets', 'sum(length(customer_data.customer_set_send(a.members)) + length(customer_data.customer_set_send(b.members)))', NULL, 'pair'),
	(1, 'a & b', 'sum(customer_data.cardinality(a.members OPERATOR(customer_data.&) b.members))', 'sum(rb_cardinality(a.roaring & b.roaring))', 'pair'),
	(2, 'a | b', 'sum(customer_data.cardinality(a.members OPERATOR(customer_data.|) b.members))', 'sum(rb_cardinality(a.roaring | b.roaring))', 'pair'),
	(3, 'a - b', 'sum(customer_data.cardinality(a.members OPERATOR(customer_data.-) b.members))', 'sum(rb_cardinality(a.roaring - b.roaring))', 'pair'),
	(4, 'a # b', 'sum(customer_data.cardinality(a.members OPERATOR(customer_data.#) b.members))', 'sum(rb_cardinality(a.roaring # b.roaring))', 'pair'),
	(5, 'size of a & b', 'sum(customer_data.and_cardinality(a.members, b.members))', 'sum(rb_and_cardinality(a.roaring, b.roaring))', 'pair'),
	(6, 'size of a | b', 'sum(customer_data.or_cardinality(a.members, b.members))', 'sum(rb_or_cardinality(a.roaring, b.roaring))', 'pair'),
	(7, 'size of a - b', 'sum(customer_data.andnot_cardinality(a.members, b.members))', 'sum(rb_andnot_cardinality(a.roaring, b.roaring))', 'pair'),
	(8, 'a && b', 'count(*) FILTER (WHERE a.members OPERATOR(customer_data.&&) b.members)', 'count(*) FILTER (WHERE a.roaring && b.roaring)', 'pair'),
	(9, 'a @> b', 'count(*) FILTER (WHERE a.members OPERATOR(customer_data.@>) b.members)', 'count(*) FILTER (WHERE a.roaring @> b.roaring)', 'pair'),
	(10, 'a @> one customer', 'count(*) FILTER (WHERE a.members OPERATOR(customer_data.@>) 424242::bigint)', 'count(*) FILTER (WHERE a.roaring @> 424242)', 'pair'),
	(11, 'size', 'sum(customer_data.cardinality(a.members))', 'sum(rb_cardinality(a.roaring))', 'pair'),
	(12, 'members as rows', '(SELECT sum(m) FROM segment s, customer_data.members(s.members) m WHERE s.id <= 21)', '(SELECT sum(m) FROM segment s, rb_iterate(s.roaring) m WHERE s.id <= 21)', 'one'),
	(13, 'members as array', 'sum(array_length(s.members::bigint[], 1))', 'sum(array_length(rb_to_array(s.roaring), 1))', 'few'),
	(14, 'union of all', 'customer_data.cardinality(customer_data.customer_set_or_agg(s.members))', 'rb_cardinality(rb_or_agg(s.roaring))', 'all'),
	(15, 'intersection of 70', 'coalesce(customer_data.cardinality(customer_data.customer_set_and_agg(s.members) FILTER (WHERE s.share = 0.6)), 0)', 'coalesce(rb_cardinality(rb_and_agg(s.roaring) FILTER (WHERE s.share = 0.6)), 0)', 'all'),
	(16, 'a set of rows', 'customer_data.cardinality(customer_data.customer_set_agg(r.id))', 'rb_cardinality(rb_build_agg(r.id::int))', 'rows');

\o /dev/null
SELECT measure(what, whose, format('SELECT %s FROM %s', expression,
	CASE rel WHEN 'pair' THEN 'pair p JOIN segment a ON a.id = p.a JOIN segment b ON b.id = p.b' WHEN 'one' THEN '(SELECT) o' WHEN 'few' THEN 'segment s WHERE s.id <= 70'
	WHEN 'all' THEN 'segment s' ELSE 'member_row r' END), CASE WHEN n BETWEEN 12 AND 16 THEN 2 ELSE 20 END)
FROM (SELECT n, what, 'customer_data' AS whose, ours AS expression, rel FROM operation
	UNION ALL SELECT n, what, 'pg_roaringbitmap', theirs, rel FROM operation WHERE theirs IS NOT NULL AND :'peer'::boolean) o ORDER BY n, whose;

-- All pairs of segments, as segment_overlap() does it: on members kept in chunks.
INSERT INTO customer_data.condition (room, expression) SELECT 'segment', 's' || id FROM segment ORDER BY id;
INSERT INTO customer_data.segment_definition (name, condition_id) SELECT c.expression, c.condition_id FROM customer_data.condition c WHERE c.room = 'segment';
INSERT INTO customer_data.condition_member SELECT c.condition_id, k.chunk, k.part
FROM customer_data.condition c JOIN segment s ON c.expression = 's' || s.id, customer_data.chunks(s.members) k WHERE c.room = 'segment';
VACUUM ANALYZE customer_data.condition_member, customer_data.segment_definition;
SELECT measure('overlap of all pairs, segment_overlap()', 'customer_data', 'SELECT sum(shared) FROM customer_data.segment_overlap()', 1);
RESET work_mem;
SELECT measure('the same, with 4 MB of work_mem', 'customer_data', 'SELECT sum(shared) FROM customer_data.segment_overlap()', 1);
SET work_mem = '256MB';
\if :peer
SELECT measure('overlap of all pairs, segment_overlap()', 'pg_roaringbitmap',
	'WITH one AS MATERIALIZED (SELECT id, rb_or(roaring, ''{}'') AS r FROM segment) SELECT sum(rb_and_cardinality(a.r, b.r)) FROM one a JOIN one b ON a.id < b.id', 1);
\endif
\o
\pset border 2
SELECT format('%s segments of %s customers, %s', :segments, :customers, pg_size_pretty(sum(length(customer_data.customer_set_send(members))))) AS title FROM segment \gset
\pset title :title
SELECT o.what, round((o.seconds * 1000)::numeric, 1) AS "customer_data, CPU ms", round((p.seconds * 1000)::numeric, 1) AS "pg_roaringbitmap, CPU ms",
	round((o.seconds / nullif(p.seconds, 0))::numeric, 2) AS "times the peer", CASE WHEN p.answer IS NULL OR p.answer = o.answer THEN 'yes' ELSE 'NO' END AS agree
FROM result o LEFT JOIN result p ON p.what = o.what AND p.whose = 'pg_roaringbitmap' WHERE o.whose = 'customer_data' ORDER BY o.n;
SELECT count(*) > 0 AS disagree FROM result o JOIN result p USING (what) WHERE o.answer <> p.answer \gset
\if :disagree
DO $$ BEGIN RAISE EXCEPTION 'the answers differ'; END $$;
\endif
SQL
