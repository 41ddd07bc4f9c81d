# Segments: 200 different ones (two thirds on events) kept by refresh_segments(), beside 200
# plain SQL queries over the events table with the indexes they like, and beside 200 queries
# over a table of timelines. Full refresh, refresh after 1 % of the customers changed, after a
# passing day; segments_of() over 1,000 segments. Every membership is compared.
# BENCH_SAMPLE=N asks plain SQL every Nth segment only (default 1: all) and scales its time up.

sample=${BENCH_SAMPLE:-1}
say "generating $BENCH_EVENTS events of $BENCH_CUSTOMERS customers"
psql -qX -v ON_ERROR_STOP=1 -v events="$BENCH_EVENTS" -v customers="$BENCH_CUSTOMERS" -v seed="$BENCH_SEED" -v list="$project/bench/segments.sql" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION customer_data;
SELECT format('ALTER DATABASE %I SET search_path = pg_catalog, public, customer_data', current_database()) \gexec
SELECT setseed(1.0 / (1 + :seed)) \g /dev/null
CREATE SCHEMA shop;
-- The moment everything is asked at; the clock then goes on by hand.
CREATE TABLE shop.clock AS SELECT date_trunc('day', now()) - interval '3 days' + interval '9 hours' AS moment;
CREATE FUNCTION shop.moment() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT moment FROM shop.clock';

CREATE TABLE shop.person AS
    SELECT n AS id, (ARRAY['Brno', 'Bern', 'Graz', 'Linz', 'Nice', 'Gent', 'Oslo', 'Turku'])[1 + floor(power(random(), 2) * 8)::int] AS city,
           CASE WHEN random() < 0.8 THEN date '1950-01-01' + floor(random() * 20000)::int END AS born,
           shop.moment() - power(random(), 1.5) * interval '1500 days' AS since
    FROM generate_series(1, :customers) n;
ALTER TABLE shop.person ADD PRIMARY KEY (id);
-- Some customers have a few events, some have many; most of what happened is recent.
CREATE TABLE shop.event (customer int NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, amount numeric(10,2), category text, channel text,
    loaded_by xid8 DEFAULT pg_current_xact_id());
INSERT INTO shop.event
    SELECT customer, at, (ARRAY['view', 'view', 'view', 'view', 'view', 'view', 'view', 'view', 'view', 'search', 'search', 'cart', 'cart', 'cart', 'purchase', 'purchase', 'purchase', 'visit', 'visit', 'refund'])[1 + floor(random() * 20)],
           round((random() * random() * 200)::numeric, 2), (ARRAY['tea', 'coffee', 'bread', 'wine', 'books', 'music', 'garden', 'toys', 'shoes', 'coats'])[1 + floor(power(random(), 2) * 10)],
           (ARRAY['web', 'web', 'app', 'store'])[1 + floor(random() * 4)]
    FROM (SELECT 1 + floor(power(random(), 1.3) * :customers)::int AS customer, date_trunc('second', shop.moment() - power(random(), 1.5) * interval '720 days') AS at
          FROM generate_series(1, :events) ORDER BY 1, 2) e;
CREATE INDEX event_customer ON shop.event (customer, at);
CREATE INDEX event_kind ON shop.event (kind, at) INCLUDE (customer, amount, channel);
CREATE INDEX event_category ON shop.event (kind, category, at) INCLUDE (customer);
CREATE INDEX event_loaded ON shop.event (loaded_by);
VACUUM (ANALYZE, FREEZE) shop.event;
VACUUM (ANALYZE, FREEZE) shop.person;

\i :list
SELECT format('%s segments, %s on events', count(*), count(*) FILTER (WHERE on_events)) FROM shop.segment;
SQL

say "loading"
psql -qXAt -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
SELECT customer_data.add_source('shop', 'shop.person', 'id', '{"city": "city", "birth_date": "born", "registered_at": "since"}') \g /dev/null
SELECT customer_data.add_event_source('shop', 'shop.event', 'shop', 'customer', 'at', 'kind', value => 'amount', properties => '{"category": "category", "channel": "channel"}') \g /dev/null
SELECT count(*) FROM customer_data.resolve() \g /dev/null
SELECT count(*) FROM customer_data.refresh_timelines() \g /dev/null
SELECT customer_data.refresh_metrics() \g /dev/null
SELECT customer_data.touch('segment', customer_data.take_touched('tag')) \g /dev/null
VACUUM (ANALYZE, FREEZE) customer_data.timeline_chunk;
VACUUM (ANALYZE, FREEZE) customer_data.source_record;
VACUUM (ANALYZE, FREEZE) customer_data.customer;
VACUUM (ANALYZE, FREEZE) customer_data.customer_metric;
-- Which customer a person is, to compare answers.
CREATE TABLE shop.known AS SELECT r.key::int AS id, r.customer_id FROM customer_data.source_record r;
ALTER TABLE shop.known ADD PRIMARY KEY (id);
ANALYZE shop.known;
SELECT count(customer_data.add_segment(name, condition)) FROM shop.segment \g /dev/null

CREATE TABLE shop.answer (name text, engine text, seconds float8, cpu float8, members customer_data.customer_set, plan text);
-- Ask plain SQL one segment and keep time, members and plan.
CREATE FUNCTION shop.ask_plain(segment shop.segment, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t0    timestamptz := clock_timestamp();
    c0    float8 := bench.cpu();
    ids   int[];
    query text := 'SELECT array_agg(x.c) FROM (' || replace(segment.plain, '$1', quote_literal(moment) || '::timestamptz') || ') x(c)';
    tree  jsonb;
BEGIN
    EXECUTE query INTO ids;
    INSERT INTO shop.answer (name, engine, seconds, cpu) VALUES (segment.name, 'plain SQL', extract(epoch FROM clock_timestamp() - t0), bench.cpu() - c0);
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO tree;
    UPDATE shop.answer a
    SET members = (SELECT coalesce(customer_data.customer_set_agg(k.customer_id), '{}') FROM unnest(ids) i JOIN shop.known k ON k.id = i),
        plan = (SELECT string_agg(p, ', ') FROM (
            SELECT (n ->> 'Node Type') || coalesce(' ' || (n ->> 'Index Name'), ' ' || (n ->> 'Relation Name'), '') AS p
            FROM jsonb_path_query(tree, 'strict $.** ? (exists (@."Node Type"))') n WHERE (n ->> 'Strategy') IS DISTINCT FROM 'Plain') x)
    WHERE a.name = segment.name AND a.engine = 'plain SQL';
END
$$;
-- Members as the last refresh left them, all in one text to compare.
CREATE FUNCTION shop.kept() RETURNS TABLE (name text, members customer_data.customer_set) LANGUAGE sql AS
    'SELECT s.name, customer_data.segment_members(s.name) FROM shop.segment s';
-- Refresh as of a moment; answers seconds and CPU.
CREATE FUNCTION shop.refresh(everyone boolean, at timestamptz, OUT seconds float8, OUT cpu float8) LANGUAGE plpgsql AS $$
DECLARE
    t0 timestamptz := clock_timestamp();
    c0 float8 := bench.cpu();
BEGIN
    PERFORM customer_data.refresh_conditions(everyone, at);
    seconds := extract(epoch FROM clock_timestamp() - t0);
    cpu := bench.cpu() - c0;
END
$$;
SQL

say "full refresh"
psql -qXAt -v ON_ERROR_STOP=1 -v runs="$BENCH_RUNS" <<'SQL'
SELECT format('first %s s', round(seconds::numeric, 2)) FROM shop.refresh(true, shop.moment());
VACUUM (ANALYZE) customer_data.condition_member;
CREATE TABLE shop.spent (what text, seconds float8, cpu float8);
INSERT INTO shop.spent SELECT 'full', r.seconds, r.cpu FROM generate_series(1, :runs) n, LATERAL (SELECT * FROM shop.refresh(true, shop.moment() + n * interval '0')) r;
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT '200 segments asked of everyone', 'segments', percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu), ''
FROM shop.spent WHERE what = 'full';
INSERT INTO shop.answer (name, engine, members) SELECT name, 'segments', members FROM shop.kept();
SELECT name, error, note FROM customer_data.segment WHERE error IS NOT NULL OR note IS NOT NULL;
SQL

say "the same as queries over timelines"
psql -qXAt -v ON_ERROR_STOP=1 <<'SQL'
SELECT set_config('customer_data.as_of', shop.moment()::text, false) \g /dev/null
SET customer_data.recompute_past = off;
SET search_path = customer_data, public;
-- Timelines put together, beside all columns: the best case for one query after another.
CREATE TABLE shop.flat AS SELECT * FROM profile;
VACUUM (ANALYZE, FREEZE) shop.flat;
DO $$
DECLARE
    s       shop.segment;
    t0      timestamptz;
    c0      float8;
    members customer_set;
    words   text;
BEGIN
    FOR s IN SELECT * FROM shop.segment ORDER BY n LOOP
        -- Thresholds and other segments are given.
        words := regexp_replace(s.condition, 'in_segment\(customer_id, ''lives in (\w+)''\)', 'city = ''\1''');
        IF words ~ 'top_percent' THEN
            words := regexp_replace(words, 'top_percent\(.*\)', (SELECT value::text FROM condition_threshold WHERE words LIKE '%, ' || percent || ')'));
        END IF;
        t0 := clock_timestamp();
        c0 := bench.cpu();
        EXECUTE 'SELECT coalesce(customer_set_agg(customer_id), ''{}'') FROM shop.flat WHERE ' || words INTO members;
        INSERT INTO shop.answer VALUES (s.name, 'timelines', extract(epoch FROM clock_timestamp() - t0), bench.cpu() - c0, members);
    END LOOP;
END $$;
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT '200 segments asked of everyone', 'timelines', sum(seconds), sum(cpu), '' FROM shop.answer WHERE engine = 'timelines';
SQL

say "the same as plain SQL"
psql -qXAt -v ON_ERROR_STOP=1 -v sample="$sample" <<'SQL'
SELECT count(shop.ask_plain(s, shop.moment())) FROM (SELECT * FROM shop.segment WHERE n % :sample = 0 ORDER BY n) s \g /dev/null
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT '200 segments asked of everyone', CASE WHEN count(*) = total THEN 'plain SQL' ELSE format('plain SQL (%s of them, scaled up)', count(*)) END,
       sum(seconds) * total / count(*), sum(cpu) * total / count(*), ''
FROM shop.answer, (SELECT count(*) AS total FROM shop.segment) t WHERE engine = 'plain SQL' GROUP BY total;
SELECT format('%s: %s s; %s', name, round(seconds::numeric, 2), plan) FROM shop.answer JOIN shop.segment USING (name) WHERE engine = 'plain SQL' ORDER BY n;
-- Every membership is compared.
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT 'members of ' || a.name, a.engine, a.seconds, a.cpu, customer_data.cardinality(a.members)::text || ' ' || md5(a.members::text)
FROM shop.answer a WHERE EXISTS (SELECT FROM shop.answer b WHERE b.name = a.name AND b.members <> a.members);
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'memberships compared', count(*), format('%s equal', count(*) FILTER (WHERE equal)), 'all equal'
FROM (SELECT bool_and(a.members = s.members) AS equal FROM shop.answer a JOIN shop.answer s ON s.name = a.name AND s.engine = 'segments' WHERE a.engine <> 'segments' GROUP BY a.name, a.engine) x;
WITH r AS (SELECT engine, seconds, cpu FROM bench.result WHERE what = '200 segments asked of everyone'),
     o AS (SELECT * FROM r WHERE engine = 'segments'), n AS (SELECT count(*) AS customers FROM customer_data.customer)
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'full refresh beside plain SQL', round((r.seconds / o.seconds)::numeric, 1), format('times as fast; %s by CPU', round((r.cpu / o.cpu)::numeric, 1)), 'at least 50' FROM r, o WHERE r.engine LIKE 'plain SQL%'
UNION ALL
SELECT 'full refresh beside queries over timelines', round((r.seconds / o.seconds)::numeric, 1), format('times as fast; %s by CPU', round((r.cpu / o.cpu)::numeric, 1)), 'at least 5' FROM r, o WHERE r.engine = 'timelines'
UNION ALL
SELECT 'full refresh, reading and writing included', round((o.cpu * 1e9 / customers / (SELECT count(*) FROM shop.segment))::numeric, 1), 'CPU ns per condition and customer', 'at most 45' FROM o, n;
SQL

say "one customer in a hundred changes"
psql -qXAt -v ON_ERROR_STOP=1 -v runs="$BENCH_RUNS" <<'SQL'
SET client_min_messages = warning;
CREATE TABLE shop.changed (round int, seconds float8, cpu float8, touched bigint, expired bigint);
-- One customer in a hundred, others in each round, does something; only the refresh of segments is measured.
CREATE PROCEDURE shop.change(round int) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shop.event (customer, at, kind, amount, category, channel)
    SELECT id, shop.moment() + random() * interval '1 hour', (ARRAY['view', 'cart', 'purchase'])[1 + floor(random() * 3)], round((random() * 100)::numeric, 2), 'tea', 'web'
    FROM shop.person WHERE (hashint4(id) & 2147483647) % 100 = change.round;
    COMMIT;
    PERFORM customer_data.refresh_timelines();
    PERFORM customer_data.refresh_metrics();
    PERFORM customer_data.touch('segment', customer_data.take_touched('tag'));
    COMMIT;
    INSERT INTO shop.changed (round, seconds, cpu) SELECT change.round, * FROM shop.refresh(false, shop.moment() + interval '1 hour');
    UPDATE shop.changed c SET touched = r.touched, expired = r.expired
    FROM (SELECT * FROM customer_data.segment_refresh WHERE NOT rebuild ORDER BY refresh_id DESC LIMIT 1) r WHERE c.round = change.round;
    COMMIT;
END
$$;
-- The first one in a session that has read nothing yet, as an hour has passed; then as many as of the
-- full refresh, after one of these, which the session had read before those, too.
CALL shop.change(0);
CREATE TABLE shop.incremental AS SELECT * FROM shop.kept();
SELECT count(*) FROM shop.refresh(true, shop.moment() + interval '1 hour') \g /dev/null
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT 'after the first change: ' || k.name, e, 0, 0, customer_data.cardinality(m)::text || ' ' || md5(m::text)
FROM shop.kept() k JOIN shop.incremental i USING (name), LATERAL (VALUES ('refresh of everyone', k.members), ('refresh of those who changed', i.members)) x(e, m) WHERE k.members <> i.members;
SELECT format('CALL shop.change(%s)', n) FROM generate_series(1, :runs) n \gexec
TRUNCATE shop.incremental;
INSERT INTO shop.incremental SELECT * FROM shop.kept();
SELECT count(*) FROM shop.refresh(true, shop.moment() + interval '1 hour') \g /dev/null
WITH spent AS (
    SELECT round > 0 AS warm, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds, percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu) AS cpu,
           min(cpu) AS least, max(cpu) AS most, round(avg(touched)) AS touched, round(avg(expired)) AS expired
    FROM shop.changed GROUP BY 1)
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT CASE WHEN warm THEN format('refresh after %s customers changed', touched)
            ELSE format('the same, the first in a session: %s changed, %s answers expired in an hour', touched, expired) END,
       round((s.seconds * 100 / f.seconds)::numeric, 1),
       format('%% of a full refresh; %s %% by CPU (%s s%s)', round((s.cpu * 100 / f.cpu)::numeric, 1), round(s.cpu::numeric, 2),
              CASE WHEN warm THEN format(', median; from %s to %s', round(least::numeric, 2), round(most::numeric, 2)) END), 'at most 4'
FROM spent s, bench.result f WHERE f.what LIKE '200%' AND f.engine = 'segments' ORDER BY warm DESC;
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT 'after the change: ' || k.name, e, 0, 0, customer_data.cardinality(m)::text || ' ' || md5(m::text)
FROM shop.kept() k JOIN shop.incremental i USING (name), LATERAL (VALUES ('refresh of everyone', k.members), ('refresh of those who changed', i.members)) x(e, m) WHERE k.members <> i.members;
SQL

say "a day passes"
psql -qXAt -v ON_ERROR_STOP=1 <<'SQL'
INSERT INTO shop.spent SELECT 'day', * FROM shop.refresh(false, shop.moment() + interval '1 day');
TRUNCATE shop.incremental;
INSERT INTO shop.incremental SELECT * FROM shop.kept();
SELECT count(*) FROM shop.refresh(true, shop.moment() + interval '1 day') \g /dev/null
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT format('refresh after a day: %s answers had expired, %s changed', r.expired, r.entered + r.exited), round((s.seconds * 100 / f.seconds)::numeric, 1),
       format('%% of a full refresh; %s CPU us per expired answer (%s s)', round((s.cpu * 1e6 / greatest(r.expired, 1))::numeric, 2), round(s.seconds::numeric, 2)), 'proportional to what expired'
FROM shop.spent s, bench.result f, (SELECT * FROM customer_data.segment_refresh WHERE NOT rebuild ORDER BY refresh_id DESC LIMIT 1) r
WHERE s.what = 'day' AND f.what LIKE '200%' AND f.engine = 'segments';
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT 'after a day: ' || k.name, e, 0, 0, customer_data.cardinality(m)::text || ' ' || md5(m::text)
FROM shop.kept() k JOIN shop.incremental i USING (name), LATERAL (VALUES ('refresh of everyone', k.members), ('refresh of those expired', i.members)) x(e, m) WHERE k.members <> i.members;
-- And some of them against plain SQL as of the later moment.
DELETE FROM shop.answer WHERE engine = 'plain SQL';
SELECT count(shop.ask_plain(s, shop.moment() + interval '1 day')) FROM (SELECT * FROM shop.segment WHERE n % 20 = 7 ORDER BY n) s \g /dev/null
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT 'after a day: ' || i.name, e, 0, 0, customer_data.cardinality(m)::text || ' ' || md5(m::text)
FROM shop.answer a JOIN shop.incremental i USING (name), LATERAL (VALUES ('plain SQL', a.members), ('refresh of those expired', i.members)) x(e, m) WHERE a.engine = 'plain SQL' AND a.members <> i.members;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'memberships compared after the change and the day', count(*), 'with a full refresh, some with plain SQL', 'all equal' FROM shop.incremental;
SQL

say "segments_of() over 1,000 segments"
psql -qXAt -v ON_ERROR_STOP=1 <<'SQL'
SELECT count(customer_data.add_segment(s.name || ', not in ' || city, format('(%s) AND city <> %L', s.condition, city)))
FROM shop.segment s, unnest('{Brno,Bern,Graz,Oslo}'::text[]) city \g /dev/null
DO $$
DECLARE
    t0   timestamptz;
    ms   float8[];
    most int := (SELECT max(customer_id) FROM customer_data.customer);
BEGIN
    PERFORM customer_data.segments_of(1), customer_data.segments_of(2);
    FOR i IN 1 .. 1000 LOOP
        t0 := clock_timestamp();
        PERFORM customer_data.segments_of(1 + floor(random() * most)::int);
        ms := ms || 1000 * extract(epoch FROM clock_timestamp() - t0)::float8;
    END LOOP;
    INSERT INTO bench.figure (what, figure, unit, aim)
    SELECT format('segments_of() over %s segments in a warm backend', (SELECT count(*) FROM customer_data.segment_definition)), round((percentile_cont(0.5) WITHIN GROUP (ORDER BY m))::numeric, 2),
           format('ms (median; 95 of 100 within %s)', round((percentile_cont(0.95) WITHIN GROUP (ORDER BY m))::numeric, 2)), 'under 2' FROM unnest(ms) m;
END $$;
SQL
