#!/usr/bin/env bash
# bench/timeline.sh [EVENTS]: bytes and time of timelines beside plain SQL on the same rows, at 20,
# 100 and 5,000 events a customer, one core; answers are checked to be equal. Times are whole
# seconds; bytes are measured with random microseconds, too, and with a property of four values.
# With PYTHON naming an interpreter that has the modules duckdb and chdb, beside these, too.
#
# Needs a running server with customer_data installed; connects as psql does (PGHOST, PGPORT, ...)
# as a superuser and works in a database of its own, which it drops. Best of three runs each.
set -euo pipefail
events=${1:-1000000}
here=$(cd "$(dirname "$0")" && pwd)
database=customer_data_bench_timeline
folder=$(mktemp -d)
chmod 777 "$folder"
psql -qXd postgres -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database ENCODING 'UTF8' TEMPLATE template0"
trap 'psql -qXd postgres -c "DROP DATABASE IF EXISTS $database"; rm -rf "$folder"' EXIT
sql() { psql -qXd "$database" -v ON_ERROR_STOP=1 -v events="$events" -v folder="$folder" "$@"; }

sql -o /dev/null <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION customer_data;
SELECT setseed(0.42);
-- A year of a shop in whole seconds, one event in ten at midnight: three views in four, amounts
-- with cents, 1,000 products in Zipf proportion.
CREATE TABLE ev AS
SELECT i, timestamptz '2025-01-01+00' + CASE WHEN random() < 0.1 THEN floor(random() * 365) * 86400 ELSE floor(random() * 31536000) END * interval '1 second' AS at,
	CASE WHEN r < 0.75 THEN 'view' WHEN r < 0.9 THEN 'cart' WHEN r < 0.98 THEN 'purchase' ELSE 'refund' END AS kind,
	CASE WHEN r >= 0.9 THEN round((random() * random() * 500)::numeric, 2)::float8 END AS value,
	'product-' || floor(1000 ^ random())::int AS product,
	(ARRAY['web', 'app', 'shop', 'mail'])[1 + floor(random() * 4)] AS channel
FROM (SELECT i, random() AS r FROM generate_series(1, :events) i) s;
CREATE TABLE result (n int GENERATED ALWAYS AS IDENTITY, per int, what text, whose text, ms float8, answer text);

CREATE FUNCTION measure(per int, what text, whose text, query text) RETURNS void LANGUAGE plpgsql
SET search_path = customer_data, public SET max_parallel_workers_per_gather = 0 SET jit = off SET work_mem = '1GB' SET timezone = 'UTC' AS $$
DECLARE
	best float8;
	began timestamptz;
	answer text;
BEGIN
	PERFORM set_config('customer_data.as_of', '2025-12-31 00:00+00', true);
	FOR run IN 1 .. 3 LOOP
		began := clock_timestamp();
		EXECUTE query INTO answer;
		best := least(best, 1000 * extract(epoch FROM clock_timestamp() - began));
	END LOOP;
	INSERT INTO public.result(per, what, whose, ms, answer) VALUES (per, what, whose, best, answer);
END $$;

CREATE TABLE question (n int GENERATED ALWAYS AS IDENTITY, what text, ours text, plain text);
INSERT INTO question(what, ours, plain) VALUES
('reading every row', 'SELECT count(events) FROM t', 'SELECT count(at) FROM e'),
('event_count, everything', $$SELECT sum(event_count(events, 'purchase')) FROM t$$, $$SELECT count(*) FROM e WHERE kind = 'purchase'$$),
('event_count, 60 days', $$SELECT sum(event_count(events, 'view', last => '60 days')) FROM t$$,
	$$SELECT count(*) FROM e WHERE kind = 'view' AND at > customer_data.as_of() - interval '60 days' AND at <= customer_data.as_of()$$),
('event_count, one product', $$SELECT sum(event_count(events, 'view[product=product-7]')) FROM t$$, $$SELECT count(*) FROM e WHERE kind = 'view' AND product = 'product-7'$$),
('event_sum', $$SELECT round(sum(event_sum(events, 'purchase'))::numeric, 2) FROM t$$, $$SELECT round(sum(value)::numeric, 2) FROM e WHERE kind = 'purchase'$$),
('no purchase in 60 days', $$SELECT count(*) FROM t WHERE NOT happened(events, 'purchase', last => '60 days')$$,
	$$SELECT count(*) - count(p) FROM (SELECT max(CASE WHEN kind = 'purchase' AND at > customer_data.as_of() - interval '60 days' AND at <= customer_data.as_of() THEN 1 END) AS p FROM e GROUP BY c) s$$),
('viewed within a week of registering, bought none',
	$$SELECT count(*) FROM t WHERE happened(events, 'view', since => registered, until => registered + interval '7 days')
		AND NOT happened(events, 'purchase', since => registered, until => registered + interval '7 days')$$,
	$$SELECT count(*) FROM (SELECT c FROM e JOIN r USING (c) WHERE at >= registered AND at < registered + interval '7 days'
		GROUP BY c HAVING bool_or(kind = 'view') AND NOT bool_or(kind = 'purchase')) s$$),
('carted, not ordered', $$SELECT count(*) FROM t WHERE unanswered(events, 'cart', 'purchase', same => 'product', last => '30 days')$$,
	$$SELECT count(DISTINCT c) FROM e a WHERE kind = 'cart' AND at > customer_data.as_of() - interval '30 days' AND at <= customer_data.as_of()
		AND NOT EXISTS (SELECT FROM e b WHERE b.c = a.c AND b.kind = 'purchase' AND b.product = a.product AND b.at >= a.at AND b.at <= customer_data.as_of())$$),
('four-step funnel, 7 days', $$SELECT string_agg(l || ':' || n, ' ' ORDER BY l) FROM (SELECT window_funnel(events, '{view,cart,purchase,refund}', '7 days') AS l, count(*) AS n FROM t GROUP BY 1) s$$,
	$$WITH x AS (SELECT c, at, CASE kind WHEN 'view' THEN 1 WHEN 'cart' THEN 2 WHEN 'purchase' THEN 3 ELSE 4 END AS step FROM e),
	a AS (SELECT *, max(CASE WHEN step = 1 THEN at END) OVER w AS s1 FROM x WINDOW w AS (PARTITION BY c ORDER BY at, step ROWS UNBOUNDED PRECEDING)),
	b AS (SELECT *, max(CASE WHEN step = 2 AND at <= s1 + interval '7 days' THEN s1 END) OVER w AS s2 FROM a WINDOW w AS (PARTITION BY c ORDER BY at, step ROWS UNBOUNDED PRECEDING)),
	d AS (SELECT *, max(CASE WHEN step = 3 AND at <= s2 + interval '7 days' THEN s2 END) OVER w AS s3 FROM b WINDOW w AS (PARTITION BY c ORDER BY at, step ROWS UNBOUNDED PRECEDING))
	SELECT string_agg(l || ':' || n, ' ' ORDER BY l) FROM (SELECT l, count(*) AS n FROM (
		SELECT c, coalesce(max(CASE WHEN step = 4 AND at <= s3 + interval '7 days' THEN 4 WHEN step = 3 AND at <= s2 + interval '7 days' THEN 3 WHEN step = 2 AND at <= s1 + interval '7 days' THEN 2 WHEN step = 1 THEN 1 END), 0) AS l
		FROM d GROUP BY c) s GROUP BY l) s$$),
('timeline_agg beside count and sum', $$SELECT sum(event_total(tl)) FROM (SELECT timeline_agg(at, kind, value, properties) AS tl FROM h GROUP BY c) s$$,
	$$SELECT sum(CASE WHEN v < -1e9 THEN 0 ELSE n END) FROM (SELECT count(*) AS n, sum(value) AS v FROM h GROUP BY c) s$$),
('timeline_columns_agg beside count and sum', 'SELECT sum(event_total(tl)) FROM (SELECT timeline_columns_agg(at, kind, value, ''product'', product) AS tl FROM e GROUP BY c) s',
	$$SELECT sum(CASE WHEN v < -1e9 THEN 0 ELSE n END) FROM (SELECT count(*) AS n, sum(value) AS v FROM e GROUP BY c) s$$),
('timeline_agg without properties', 'SELECT sum(event_total(tl)) FROM (SELECT timeline_agg(at, kind, value) AS tl FROM h GROUP BY c) s',
	$$SELECT sum(CASE WHEN v < -1e9 THEN 0 ELSE n END) FROM (SELECT count(*) AS n, sum(value) AS v FROM h GROUP BY c) s$$);
SQL

for per in 20 100 5000; do
	sql -v per=$per -o /dev/null <<'SQL'
SET client_min_messages = warning;
SET timezone = 'UTC';
DROP TABLE IF EXISTS e, t, h, r, four, micro;
CREATE TABLE e AS SELECT i % greatest(1, :events / :per) AS c, at, kind, value, product FROM ev ORDER BY 1, 2;
CREATE INDEX ON e (c, kind, product, at);
CREATE TABLE h AS SELECT i % greatest(1, :events / :per) AS c, at, kind, value, jsonb_build_object('product', product) AS properties FROM ev;
CREATE TABLE r AS SELECT DISTINCT c, timestamptz '2025-01-01+00' + c::bigint * 7919 % 30000000 * interval '1 second' AS registered FROM h;
-- What a history takes, by what is in it.
CREATE TABLE t AS SELECT c, customer_data.timeline_agg(at, kind, value, properties) AS events FROM h GROUP BY c;
INSERT INTO result(per, what, whose, ms) SELECT :per, 'bytes an event, a product of 1,000', 'customer_data', pg_total_relation_size('t')::float8 / :events;
INSERT INTO result(per, what, whose, ms) SELECT :per, 'bytes an event, a product of 1,000', 'plain SQL', pg_total_relation_size('e')::float8 / :events;
CREATE TABLE micro AS SELECT i % greatest(1, :events / :per) AS c, customer_data.timeline_agg(at + random() * interval '1 second', kind, value, jsonb_build_object('product', product)) AS events FROM ev GROUP BY 1;
INSERT INTO result(per, what, whose, ms) SELECT :per, 'bytes an event, and random microseconds', 'customer_data', pg_total_relation_size('micro')::float8 / :events;
CREATE TABLE four AS SELECT i % greatest(1, :events / :per) AS c, customer_data.timeline_agg(at, kind, value, jsonb_build_object('channel', channel)) AS events FROM ev GROUP BY 1;
INSERT INTO result(per, what, whose, ms) SELECT :per, 'bytes an event, a channel of four', 'customer_data', pg_total_relation_size('four')::float8 / :events;
DROP TABLE t, micro, four;
CREATE TABLE t AS SELECT c, registered, customer_data.timeline_agg(at, kind, value, properties) AS events FROM h JOIN r USING (c) GROUP BY c, registered;
VACUUM ANALYZE e; VACUUM ANALYZE t; VACUUM ANALYZE h; VACUUM ANALYZE r;
SELECT measure(:per, what, 'customer_data', ours), measure(:per, what, 'plain SQL', plain) FROM question ORDER BY n;
-- One later event for each customer: what || takes beyond reading both sides.
SELECT measure(:per, 'reading both', 'customer_data', $$SELECT sum(event_total(events) + event_total('2026-01-01 view value=1 {"product": "product-1"}')) FROM t$$),
	measure(:per, 'joined', 'customer_data', $$SELECT sum(event_total(events || '2026-01-01 view value=1 {"product": "product-1"}')) FROM t$$);
INSERT INTO result(per, what, whose, ms)
SELECT :per, 'appending an event, µs', 'customer_data', (max(ms) FILTER (WHERE what = 'joined') - max(ms) FILTER (WHERE what = 'reading both')) * 1000 / (SELECT count(*) FROM t)
FROM result WHERE per = :per;
DELETE FROM result WHERE what IN ('joined', 'reading both');
SQL
	if [ -n "${PYTHON:-}" ]; then
		sql -c "COPY (SELECT c, extract(epoch FROM at)::bigint AS moment, kind, value, product FROM e) TO '$folder/e.csv' (FORMAT csv, HEADER)"
		"$PYTHON" "$here/timeline_peers.py" "$folder/e.csv" | while IFS=$'\t' read -r whose what ms answer; do
			sql -v per=$per -v whose="$whose" -v what="$what" -v ms="$ms" -v answer="$answer" <<<"INSERT INTO result(per, what, whose, ms, answer) VALUES (:per, :'what', :'whose', :'ms', :'answer');"
		done
	fi
done

sql <<SQL
\echo $events events, $(nproc) cores, $(psql -XAtd postgres -c 'SHOW server_version')
\pset null ''
SELECT per AS "events a customer", what,
	max(ms) FILTER (WHERE whose = 'customer_data')::numeric(12,2) AS "customer_data",
	max(ms) FILTER (WHERE whose = 'plain SQL')::numeric(12,1) AS "plain SQL",
	max(ms) FILTER (WHERE whose = 'DuckDB')::numeric(12,1) AS "DuckDB",
	max(ms) FILTER (WHERE whose = 'chDB')::numeric(12,1) AS "chDB",
	round((max(ms) FILTER (WHERE whose = 'plain SQL') / max(ms) FILTER (WHERE whose = 'customer_data'))::numeric, 1) AS "times",
	CASE WHEN what LIKE 'bytes%' OR what LIKE 'reading%' THEN '' WHEN what LIKE 'event%' THEN round($events / max(ms) FILTER (WHERE whose = 'customer_data') / 1000)::text || ' M events/s' END AS speed,
	CASE WHEN count(DISTINCT answer) FILTER (WHERE what NOT LIKE 'reading%') > 1 THEN 'NO: ' || string_agg(whose || ' ' || answer, ', ') WHEN count(answer) > 0 AND what NOT LIKE 'reading%' THEN 'yes' END AS equal
FROM result GROUP BY per, what ORDER BY per, min(n);
SQL
