# Journeys: the stage history of every customer through six stages, recomputed
# from timelines; refreshed after 1 % of the customers changed and after a day
# passed; a customer of 100,000 events.  Beside plain SQL over a table sorted
# by customer and time, at a size where that ends: one window aggregate per
# condition, asked at every event and whenever a window lets one go.

peers=$((BENCH_CUSTOMERS < 50000 ? BENCH_CUSTOMERS : 50000))
now="'2026-05-01 00:00+00'"
day="'2026-05-02 00:00+00'"

say "generating $BENCH_EVENTS events of $BENCH_CUSTOMERS customers"
psql -qX -v ON_ERROR_STOP=1 -v events="$BENCH_EVENTS" -v customers="$BENCH_CUSTOMERS" -v seed="$BENCH_SEED" -v peers="$peers" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS customer_data;
SELECT setseed(1.0 / (1 + :seed)) \g /dev/null
CREATE SCHEMA way;
CREATE TABLE way.event (id bigint GENERATED ALWAYS AS IDENTITY, customer int NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, loaded_by xid8 DEFAULT pg_current_xact_id());
INSERT INTO way.event (customer, at, kind)
    SELECT 1 + floor(power(random(), 1.3) * :customers)::int AS customer,
           date_trunc('second', timestamptz '2025-01-01' + random() * interval '485 days') AS at,
           (ARRAY['view', 'view', 'view', 'view', 'view', 'view', 'search', 'search', 'cart', 'cart', 'login', 'purchase', 'review', 'share'])[1 + floor(random() * 14)] AS kind
    FROM generate_series(1, :events);
CREATE TABLE way.peer AS SELECT customer, at, kind FROM way.event WHERE customer <= :peers ORDER BY customer, at;
CREATE INDEX ON way.peer (customer, at);
CREATE INDEX ON way.event (loaded_by);
CREATE TABLE way.customer AS SELECT n AS customer, timestamptz '2025-01-01' + n % 100 * interval '1 day' AS since FROM generate_series(1, :customers) n;
VACUUM (ANALYZE, FREEZE) way.peer;
ANALYZE way.event;
ANALYZE way.customer;
SELECT customer_data.add_source('way', 'way.customer', 'customer', '{"cookie_id": "customer::text", "registered_at": "since"}', kind => 'anonymous') \g /dev/null
SELECT customer_data.add_event_source('way', 'way.event', 'way', 'customer', 'at', 'kind') \g /dev/null
SELECT count(*) FROM customer_data.resolve() \g /dev/null
SELECT count(*) FROM customer_data.refresh_timelines() \g /dev/null
DELETE FROM customer_data.touched;
VACUUM (ANALYZE, FREEZE) customer_data.timeline_chunk;
VACUUM (ANALYZE, FREEZE) customer_data.source_record;
VACUUM (ANALYZE, FREEZE) customer_data.customer;
SET search_path = customer_data, pg_catalog;
SELECT add_journey('way') \g /dev/null
SELECT add_stage('way', 'known', 'true') \g /dev/null
SELECT add_stage('way', 'looking', $$happened(events, 'view|search', last => '30 days')$$) \g /dev/null
SELECT add_stage('way', 'deciding', $$event_count(events, 'cart', last => '14 days') >= 2$$) \g /dev/null
SELECT add_stage('way', 'customer', $$happened(events, 'purchase')$$) \g /dev/null
SELECT add_stage('way', 'regular', $$event_count(events, 'purchase', last => '90 days') >= 2$$) \g /dev/null
SELECT add_stage('way', 'fan', $$happened(events, 'review|share', last => '60 days') AND happened(events, 'purchase')$$) \g /dev/null
SQL

say "beside plain SQL"
what="stage history of $peers customers"
BENCH_RUNS=0 measure "$what" "plain SQL" "
WITH probe AS (
    SELECT customer, at AS t, kind FROM way.peer WHERE at <= $now
    UNION ALL
    SELECT e.customer, e.at + x.span, NULL FROM way.peer e
    JOIN (VALUES ('view', interval '30 days'), ('search', '30 days'), ('cart', '14 days'), ('purchase', '90 days'), ('review', '60 days'), ('share', '60 days')) x (kind, span) USING (kind)
    WHERE e.at + x.span <= $now
    UNION ALL
    SELECT customer, since, NULL FROM way.customer WHERE customer <= $peers AND since <= $now
), counted AS (
    SELECT customer, t,
           count(*) FILTER (WHERE kind IN ('view', 'search')) OVER (w RANGE BETWEEN interval '30 days' - interval '1 microsecond' PRECEDING AND CURRENT ROW) AS looks,
           count(*) FILTER (WHERE kind = 'cart') OVER (w RANGE BETWEEN interval '14 days' - interval '1 microsecond' PRECEDING AND CURRENT ROW) AS carts,
           count(*) FILTER (WHERE kind = 'purchase') OVER (w RANGE UNBOUNDED PRECEDING) AS bought,
           count(*) FILTER (WHERE kind = 'purchase') OVER (w RANGE BETWEEN interval '90 days' - interval '1 microsecond' PRECEDING AND CURRENT ROW) AS lately,
           count(*) FILTER (WHERE kind IN ('review', 'share')) OVER (w RANGE BETWEEN interval '60 days' - interval '1 microsecond' PRECEDING AND CURRENT ROW) AS praise
    FROM probe WINDOW w AS (PARTITION BY customer ORDER BY t)
), placed AS (
    SELECT DISTINCT customer, t, CASE WHEN praise > 0 AND bought > 0 THEN 'fan' WHEN lately >= 2 THEN 'regular' WHEN bought > 0 THEN 'customer'
                                      WHEN carts >= 2 THEN 'deciding' WHEN looks > 0 THEN 'looking' ELSE 'known' END AS stage
    FROM counted
), turned AS (
    SELECT customer, t, stage, lag(stage) OVER (PARTITION BY customer ORDER BY t) AS before FROM placed
), stay AS (
    SELECT customer, stage, t AS entered_at, lead(t) OVER (PARTITION BY customer ORDER BY t) AS left_at FROM turned WHERE stage IS DISTINCT FROM before
)
SELECT format('%s stays, %s', count(*), sum(hashtextextended(concat_ws('|', customer, stage, extract(epoch FROM entered_at)::bigint, extract(epoch FROM left_at)::bigint), 0)::numeric)) FROM stay"
psql -qX -v ON_ERROR_STOP=1 <<SQL
CREATE FUNCTION way.fingerprint() RETURNS text LANGUAGE sql VOLATILE AS \$\$
    SELECT format('%s stays, %s', count(*), sum(hashtextextended(concat_ws('|', r.key, s.name, extract(epoch FROM w.entered_at)::bigint, extract(epoch FROM w.left_at)::bigint), 0)::numeric))
    FROM customer_data.walk_journey((SELECT journey_id FROM customer_data.journey_definition),
                                    (SELECT customer_data.customer_set_agg(r.customer_id) FROM customer_data.source_record r WHERE r.key::int <= $peers)) w
    JOIN customer_data.journey_stage s USING (stage_id) JOIN customer_data.source_record r USING (customer_id)
    WHERE w.entered_at IS NOT NULL
\$\$;
SQL
BENCH_RUNS=0 measure "$what" "timelines" "SELECT way.fingerprint()" "customer_data.as_of = $now"

say "everyone, and what changed"
psql -qXAt -v ON_ERROR_STOP=1 -v now="$now" <<SQL
SET client_min_messages = warning;
CREATE FUNCTION way.spend(label text, query text, aim text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE t0 timestamptz := clock_timestamp(); c0 float8 := bench.cpu(); s float8; c float8; answer text;
BEGIN
    EXECUTE query INTO answer;
    s := extract(epoch FROM clock_timestamp() - t0); c := bench.cpu() - c0;
    INSERT INTO way.spent VALUES (label, s, c);
    INSERT INTO bench.figure (what, figure, unit, aim)
    VALUES (label, format('%s s, %s CPU s', round(s::numeric, 2), round(c::numeric, 2)),
            CASE WHEN label LIKE 'refreshed%' THEN format('%s; %s %% of the full one', answer, round((100 * c / (SELECT f.cpu FROM way.spent f WHERE f.label LIKE 'full%' LIMIT 1))::numeric, 1))
                 ELSE answer END, aim);
    RETURN format('%s: %s s, %s', label, round(s::numeric, 2), answer);
END \$\$;
CREATE TABLE way.spent (label text, seconds float8, cpu float8);
SELECT way.spend('full stage history of ' || (SELECT count(*) FROM way.customer) || ' customers through six stages, written',
    \$q\$SELECT format('%s customers', customers) FROM customer_data.refresh_walks(false, $now)\$q\$, 'under 60 s for a million of 20 events');
UPDATE bench.figure SET unit = format('%s, %s stays', unit, (SELECT count(*) FROM customer_data.stage_stay)) WHERE what LIKE 'full stage history%';
VACUUM (ANALYZE) customer_data.stage_stay;
-- One event more for every hundredth customer.
INSERT INTO way.event (customer, at, kind) SELECT customer, timestamptz $now - customer % 1000 * interval '1 minute', (ARRAY['view', 'cart', 'purchase'])[1 + customer % 3] FROM way.customer WHERE customer % 100 = 7;
SELECT count(*) FROM customer_data.refresh_timelines() \g /dev/null
SELECT customer_data.touch('journey', customer_data.take_touched('portrait')) \g /dev/null
SELECT way.spend('refreshed after 1 % of the customers changed',
    \$q\$SELECT format('%s customers, %s histories changed', customers, changed) FROM customer_data.refresh_walks(false, $now)\$q\$, 'at most 4 %');
SELECT way.spend('refreshed after a day passed and nothing happened',
    \$q\$SELECT format('%s customers, %s histories changed', customers, changed) FROM customer_data.refresh_walks(false, $day)\$q\$, 'in proportion to those due');
SELECT way.spend('everyone walked with again, to check',
    \$q\$SELECT format('%s histories differ', changed) FROM customer_data.refresh_walks(true, $day)\$q\$, '0');
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT 'histories that differ from a full walk', e.engine, 0, 0, e.answer
FROM (VALUES ('refreshed', (SELECT substring(unit FROM '^\d+') FROM bench.figure WHERE what LIKE 'everyone walked%')), ('wanted', '0')) e (engine, answer);
-- A long history.
INSERT INTO way.event (customer, at, kind)
SELECT 2000000001, timestamptz '2020-01-01' + n * interval '20 minutes', (ARRAY['view', 'view', 'search', 'cart', 'purchase', 'login', 'review'])[1 + n * 7919 % 7] FROM generate_series(1, 100000) n;
SELECT count(*) FROM customer_data.refresh_timelines() \g /dev/null
SET customer_data.as_of = $now;
SELECT way.spend('the history of one customer of 100,000 events',
    \$q\$SELECT format('%s stays', count(w.entered_at)) FROM customer_data.walk_journey((SELECT journey_id FROM customer_data.journey_definition),
        ARRAY[customer_data.customer_id_of('way', '2000000001')]::bigint[]::customer_data.customer_set) w\$q\$, '');
SQL
