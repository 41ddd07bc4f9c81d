-- Reports against plain SQL over the rows the events came from, on random data
-- of several sources, in several time zones.
SELECT plan(69);
SET search_path = public, customer_data;
SET client_min_messages = warning;
\ir include/seed.sql
CREATE TABLE person (id int PRIMARY KEY, name text);
INSERT INTO person SELECT n, 'person ' || n FROM generate_series(1, 300) n;
CREATE TABLE ev (id bigserial PRIMARY KEY, who int, at timestamptz UNIQUE, kind text, amount numeric, channel text);
-- Of moments 20 microseconds apart, medians and 90th percentiles are whole microseconds: nothing is left to rounding.
INSERT INTO ev (who, at, kind, amount, channel)
SELECT 1 + floor(random() * 300), '2026-03-15'::timestamptz + n * interval '11 minutes' + floor(random() * 30000000) * interval '20 microseconds',
       (ARRAY['view', 'view', 'cart', 'purchase'])[1 + floor(random() * 4)], CASE WHEN random() < 0.6 THEN round((random() * 50)::numeric, 2) END,
       (ARRAY['web', 'app', '门店', NULL])[1 + floor(random() * 4)]
FROM generate_series(1, 6000) n;
CREATE INDEX ON ev (who, at);
ANALYZE ev;
SELECT count(*) FROM add_source('person', 'person', 'id', '{"full_name": "name"}') \g /dev/null
-- Two sources, so that histories are joined; and in three batches.
CREATE TABLE ev_odd (LIKE ev INCLUDING ALL);
CREATE TABLE ev_even (LIKE ev INCLUDING ALL);
SELECT count(add_event_source(s, 'public.ev_' || s, 'person', 'who', 'at', 'kind', value => 'amount', properties => '{"channel": "channel"}', mode => 'full'))
FROM (VALUES ('odd'), ('even')) v (s) \g /dev/null
INSERT INTO ev_odd SELECT * FROM ev WHERE id % 2 = 1;
SELECT count(*) FROM refresh_timelines() \g /dev/null
INSERT INTO ev_even SELECT * FROM ev WHERE id % 2 = 0;
SELECT count(*) FROM refresh_timelines() \g /dev/null
CREATE TABLE id_of AS SELECT key::int AS who, customer_id FROM source_record;
CREATE FUNCTION whos(low int, high int) RETURNS customer_set LANGUAGE sql STABLE
    RETURN (SELECT customer_set_agg(customer_id) FROM id_of WHERE who BETWEEN low AND high);

-- event_report
CREATE FUNCTION check_events(grain text, zone text, since timestamptz, until timestamptz, low int, high int) RETURNS text LANGUAGE sql AS $$
    SELECT results_eq(
        format($q$SELECT period, breakdown, events, customers, total FROM event_report('view|purchase[value>=10]', grain => %L, time_zone => %L,
                   since => %L, until => %L, among => whos(%s, %s), property => 'channel') ORDER BY 1, 2$q$, grain, zone, since, until, low, high),
        format($q$SELECT date_trunc(%1$L, at AT TIME ZONE %2$L), channel, count(*), count(DISTINCT who), sum(amount)::float8 FROM ev
                   WHERE (kind = 'view' OR kind = 'purchase' AND amount >= 10) AND at >= %3$L AND at < %4$L AND who BETWEEN %5$s AND %6$s
                   GROUP BY 1, 2 ORDER BY 1, 2$q$, grain, zone, since, until, low, high),
        format('events by %s in %s', grain, zone))
$$;
SELECT check_events('day', 'UTC', '2026-03-01', '2026-12-01', 1, 300);
SELECT check_events('day', 'America/New_York', '2026-03-20 13:00', '2026-04-20 05:30', 10, 250);
SELECT check_events('hour', 'Asia/Kolkata', '2026-03-28', '2026-04-01', 1, 300);
SELECT check_events('hour', 'Europe/Berlin', '2026-03-28', '2026-03-30', 1, 300);
SELECT check_events('week', 'Asia/Shanghai', '2026-03-20', '2026-05-02', 50, 60);
SELECT check_events('month', 'Pacific/Auckland', '2026-03-01', '2026-12-01', 1, 300);
SELECT check_events('quarter', 'Pacific/Auckland', '2026-03-20', '2026-12-01', 1, 300);
SELECT check_events('year', 'America/St_Johns', '2026-03-01', '2026-12-01', 1, 300);
-- Hours that come twice: clocks are set back by an hour, and by half an hour.
SELECT check_events('hour', 'Australia/Sydney', '2026-04-04', '2026-04-06', 1, 300);
SELECT check_events('hour', 'Australia/Lord_Howe', '2026-04-04', '2026-04-06', 1, 300);
SELECT check_events('day', 'Australia/Lord_Howe', '2026-04-03', '2026-04-08', 1, 300);
-- A few customers are read by index.
SELECT check_events('day', 'UTC', '2026-03-01', '2026-12-01', 10, 12);
SELECT check_events('week', 'UTC', '2026-03-01', '2026-12-01', 1000, 2000);
-- Little memory makes many passes.
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT results_eq($$SELECT period, breakdown, events, customers FROM event_report_rows('view', '-infinity', 'infinity', 'week', 'UTC', NULL, 'channel', NULL, 'value') ORDER BY 1, 2$$,
    $$SELECT date_trunc('week', at AT TIME ZONE 'UTC'), channel, count(*), count(DISTINCT who) FROM ev WHERE kind = 'view' GROUP BY 1, 2 ORDER BY 1, 2$$, 'in several passes');
RESET work_mem;
RESET hash_mem_multiplier;
SELECT results_eq($$SELECT set_name, breakdown, events, customers FROM event_report(grain => NULL, property => 'kind', by_set => ARRAY[whos(1, 100), whos(50, 300)], set_names => '{a,b}') ORDER BY 1, 2$$,
    $$SELECT s, kind, count(*), count(DISTINCT who) FROM ev JOIN (VALUES ('a', 1, 100), ('b', 50, 300)) v (s, low, high) ON who BETWEEN low AND high GROUP BY 1, 2 ORDER BY 1, 2$$,
    'events by sets that overlap');

-- funnel_report: a chain of three, each within the window after the first.
CREATE FUNCTION check_funnel(within interval, since timestamptz, until timestamptz, low int, high int) RETURNS text LANGUAGE sql AS $$
    SELECT results_eq(
        format($q$SELECT step, customers FROM funnel_report('{view,cart,purchase}', within => %L, since => %L, until => %L, among => whos(%s, %s)) ORDER BY 1$q$, within, since, until, low, high),
        format($q$WITH r AS (SELECT * FROM ev WHERE at >= %2$L AND at < %3$L AND who BETWEEN %4$s AND %5$s),
                   reach AS (SELECT a.who, max(CASE WHEN c.who IS NOT NULL THEN 3 WHEN b.who IS NOT NULL THEN 2 ELSE 1 END) AS s
                     FROM r a LEFT JOIN r b ON b.who = a.who AND b.kind = 'cart' AND b.at > a.at AND b.at <= a.at + %1$L::interval
                     LEFT JOIN r c ON c.who = a.who AND c.kind = 'purchase' AND c.at > b.at AND c.at <= a.at + %1$L::interval
                     WHERE a.kind = 'view' GROUP BY 1)
                   SELECT n, count(*) FILTER (WHERE s >= n) FROM reach, generate_series(1, 3) n GROUP BY 1 ORDER BY 1$q$, within, since, until, low, high),
        'funnel within ' || within)
$$;
SELECT check_funnel('1 day', '2026-03-01', '2026-12-01', 1, 300);
SELECT check_funnel('10 days', '2026-03-01', '2026-12-01', 1, 300);
SELECT check_funnel('3 days', '2026-03-22 10:00', '2026-04-10', 20, 200);
SELECT check_funnel('30 days', '2026-04-01', '2026-04-20', 1, 300);


-- Breakdowns and times: the chain of each customer, grouped by plain SQL.
CREATE FUNCTION check_chains(within text, grain text, zone text, property boolean, sets boolean, since timestamptz, until timestamptz, mode text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT results_eq(
        format($q$SELECT period, breakdown, set_name, step, pattern, customers, round(of_first::numeric, 9), round(of_previous::numeric, 9),
                         round(extract(epoch FROM median_time), 6), round(extract(epoch FROM p90_time), 6)
                  FROM funnel_report('{view,cart[channel!=app],purchase}', within => %1$L, grain => %2$L, time_zone => %3$L, property => %4$L, since => %6$L, until => %7$L, mode => %8$L
                       %5$s) ORDER BY 1, 2, 3, 4$q$, within, grain, zone, CASE WHEN property THEN 'channel' END,
               CASE WHEN sets THEN ', by_set => ARRAY[whos(1, 150), whos(100, 300)], set_names => ''{a,b}''' ELSE '' END, since, until, mode),
        format($q$WITH chain AS (
                      SELECT i.who, funnel_times(timeline_slice(customer_events(i.customer_id), %6$L, %7$L), '{view,cart[channel!=app],purchase}', %1$L, %8$L) AS t FROM id_of i),
                  grp AS (
                      SELECT CASE WHEN %2$L::text IS NOT NULL THEN date_trunc(%2$L, c.t[1] AT TIME ZONE %3$L) END AS period,
                             CASE WHEN %4$L THEN (SELECT channel FROM ev WHERE ev.who = c.who AND ev.at = c.t[1]) END AS breakdown, s.name, c.t
                      FROM chain c JOIN (VALUES ('a', 1, 150), ('b', 100, 300), (NULL, 1, 300)) s (name, low, high) ON c.who BETWEEN s.low AND s.high AND (s.name IS NOT NULL) = %5$L
                      WHERE cardinality(c.t) > 0),
                  n AS (
                      SELECT g.period, g.breakdown, g.name, n.step, (ARRAY['view', 'cart[channel!=app]', 'purchase'])[n.step] AS pattern, count(*) FILTER (WHERE cardinality(g.t) >= n.step) AS customers,
                             percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM g.t[n.step] - g.t[n.step - 1])::float8) AS median,
                             percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM g.t[n.step] - g.t[n.step - 1])::float8) AS p90
                      FROM grp g, generate_series(1, 3) AS n (step) GROUP BY 1, 2, 3, 4)
                  SELECT period, breakdown, name, step, pattern, customers, round((customers::float8 / first_value(customers) OVER w)::numeric, 9),
                         round((customers::float8 / nullif(lag(customers) OVER w, 0))::numeric, 9), round(median::numeric, 6), round(p90::numeric, 6)
                  FROM n WINDOW w AS (PARTITION BY period, breakdown, name ORDER BY step) ORDER BY 1, 2, 3, 4$q$, within, grain, zone, property, sets, since, until, mode),
        format('funnel within %s by %s in %s%s%s %s', within, grain, zone, CASE WHEN property THEN ', property' END, CASE WHEN sets THEN ', sets' END, mode))
$$;
SELECT check_chains('5 days', NULL, 'UTC', false, false, '-infinity', 'infinity');
SELECT check_chains('5 days', 'week', 'Australia/Sydney', true, false, '-infinity', 'infinity');
SELECT check_chains('5 days', 'day', 'America/New_York', false, true, '2026-03-20', '2026-04-20');
SELECT check_chains('20 days', 'month', 'Asia/Tokyo', true, true, '2026-03-18', '2026-04-28', 'strict_order');

-- retention_report
CREATE FUNCTION check_retention(mode text, grain text, zone text, periods int, brackets int[]) RETURNS text LANGUAGE sql AS $$
    SELECT results_eq(
        format($q$SELECT cohort_at, period, size, retained FROM retention_report('view', 'purchase', mode => %L, grain => %L, time_zone => %L, periods => %s, brackets => %L,
                    since => '2026-03-18', until => '2026-04-12') ORDER BY 1, 2$q$, mode, grain, zone, periods, brackets),
        format($q$WITH c AS (SELECT who, min(at) AS first, date_trunc(%2$L, min(at) AT TIME ZONE %3$L) AS c FROM ev WHERE kind = 'view' AND at >= '2026-03-18' AND at < '2026-04-12' GROUP BY 1),
                   e AS (SELECT n, b[n] AS low, CASE WHEN %1$L <> 'unbounded' THEN b[n + 1] END AS high
                         FROM (SELECT coalesce(%5$L::int[], ARRAY(SELECT generate_series(0, %4$s + 1))) AS b) x, generate_series(1, cardinality(b) - 1) n)
                   SELECT c.c, e.low, count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM ev WHERE ev.who = c.who AND ev.kind = 'purchase'
                        AND ev.at >= c.first AND ev.at >= (c.c + e.low * ('1 ' || %2$L)::interval) AT TIME ZONE %3$L
                        AND (e.high IS NULL OR ev.at < (c.c + e.high * ('1 ' || %2$L)::interval) AT TIME ZONE %3$L)))
                   FROM c, e GROUP BY c.c, e.low ORDER BY 1, 2$q$, mode, grain, zone, periods, brackets),
        format('retention %s by %s in %s', mode, grain, zone))
$$;
SELECT check_retention('n-day', 'day', 'UTC', 10, NULL);
SELECT check_retention('n-day', 'day', 'America/Los_Angeles', 5, NULL);
SELECT check_retention('n-day', 'week', 'Europe/Berlin', 4, NULL);
SELECT check_retention('unbounded', 'day', 'Asia/Tokyo', 6, NULL);
SELECT check_retention('unbounded', 'week', 'UTC', 3, NULL);
SELECT check_retention('bracket', 'day', 'Australia/Sydney', 1, '{0,1,3,7,14}');
SELECT check_retention('bracket', 'week', 'UTC', 1, '{1,2,4}');

SELECT results_eq($$SELECT cohort_at, breakdown, set_name, period, size, retained, round(share::numeric, 9) FROM retention_report('view', 'cart|purchase', grain => 'week', periods => 3, time_zone => 'Pacific/Auckland',
        property => 'channel', by_set => ARRAY[whos(1, 150), whos(100, 300)], set_names => '{a,b}', among => whos(20, 280)) ORDER BY 1, 2, 3, 4$$,
    $$WITH c AS (SELECT DISTINCT ON (who) who, at, channel, date_trunc('week', at AT TIME ZONE 'Pacific/Auckland') AS c FROM ev WHERE kind = 'view' AND who BETWEEN 20 AND 280 ORDER BY who, at)
      SELECT c.c, c.channel, s.name, n, count(*), count(*) FILTER (WHERE r.came), round((count(*) FILTER (WHERE r.came)::float8 / count(*))::numeric, 9)
      FROM c JOIN (VALUES ('a', 1, 150), ('b', 100, 300)) s (name, low, high) ON c.who BETWEEN s.low AND s.high CROSS JOIN generate_series(0, 3) n
      CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM ev WHERE ev.who = c.who AND ev.kind IN ('cart', 'purchase') AND ev.at >= c.at
          AND date_trunc('week', ev.at AT TIME ZONE 'Pacific/Auckland') = c.c + n * interval '1 week') AS came) r GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4$$, 'retention by property and sets');

-- path_report: the first step after an event, in a session, repeats taken as one.
CREATE FUNCTION check_paths(gap interval) RETURNS text LANGUAGE sql AS $$
    SELECT results_eq(
        format($q$SELECT to_kind, sum(paths) FROM path_report('cart', steps => 2, gap => %L, edges => 1000) WHERE step = 1 GROUP BY 1 ORDER BY 1$q$, gap),
        format($q$SELECT (SELECT n.kind FROM ev n WHERE n.who = e.who AND n.at > e.at AND n.kind <> 'cart'
                            AND NOT EXISTS (SELECT FROM (SELECT at, lag(at) OVER (ORDER BY at) AS before FROM ev s WHERE s.who = e.who AND s.at >= e.at AND s.at <= n.at) g
                                            WHERE g.at - g.before > %1$L::interval)
                          ORDER BY n.at LIMIT 1), count(*)::numeric
                   FROM (SELECT *, lag(kind) OVER w AS before, lag(at) OVER w AS before_at FROM ev WINDOW w AS (PARTITION BY who ORDER BY at)) e
                   WHERE kind = 'cart' AND NOT (before IS NOT DISTINCT FROM 'cart' AND at - before_at <= %1$L::interval) GROUP BY 1 ORDER BY 1$q$, gap),
        'paths with sessions of ' || gap)
$$;
SELECT check_paths('30 minutes');
SELECT check_paths('1 day');
SELECT check_paths('10 days');

-- All steps, with breakdowns: the paths of each customer, grouped by plain SQL.
CREATE FUNCTION check_edges(direction text, grain text, zone text, property boolean, sets boolean, since timestamptz, until timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT results_eq(
        format($q$SELECT period, breakdown, set_name, step, from_kind, to_kind, paths, customers, round(share::numeric, 9)
                  FROM path_report('cart|purchase', steps => 4, direction => %1$L, grain => %2$L, time_zone => %3$L, property => %4$L, since => %6$L, until => %7$L, gap => '2 days', edges => 10000
                       %5$s) ORDER BY 1, 2, 3, 4, 5, 6$q$, direction, grain, zone, CASE WHEN property THEN 'channel' END,
               CASE WHEN sets THEN ', by_set => ARRAY[whos(1, 150), whos(100, 300)], set_names => ''{a,b}''' ELSE '' END, since, until),
        format($q$WITH p AS (
                      SELECT i.who, p.at, p.path FROM id_of i, LATERAL event_paths(timeline_slice(customer_events(i.customer_id), %6$L, %7$L), 'cart|purchase', 4, '2 days', %1$L = 'before') p),
                  e AS (
                      SELECT CASE WHEN %2$L::text IS NOT NULL THEN date_trunc(%2$L, p.at AT TIME ZONE %3$L) END AS period,
                             CASE WHEN %4$L THEN (SELECT channel FROM ev WHERE ev.who = p.who AND ev.at = p.at) END AS breakdown, s.name, n.step, p.path[n.step] AS a, p.path[n.step + 1] AS b,
                             count(*) AS paths, count(DISTINCT p.who) AS customers
                      FROM p JOIN (VALUES ('a', 1, 150), ('b', 100, 300), (NULL, 1, 300)) s (name, low, high) ON p.who BETWEEN s.low AND s.high AND (s.name IS NOT NULL) = %5$L
                      CROSS JOIN LATERAL generate_series(1, least(cardinality(p.path), 3)) AS n (step) GROUP BY 1, 2, 3, 4, 5, 6)
                  SELECT period, breakdown, name, step, a, b, paths, customers, round((paths::float8 / sum(paths) OVER (PARTITION BY period, breakdown, name, step))::numeric, 9) FROM e ORDER BY 1, 2, 3, 4, 5, 6$q$,
               direction, grain, zone, property, sets, since, until),
        format('edges %s by %s in %s%s%s', direction, grain, zone, CASE WHEN property THEN ', property' END, CASE WHEN sets THEN ', sets' END))
$$;
SELECT check_edges('after', NULL, 'UTC', false, false, '-infinity', 'infinity');
SELECT check_edges('before', 'week', 'Asia/Kolkata', false, false, '-infinity', 'infinity');
SELECT check_edges('after', 'day', 'Australia/Sydney', true, false, '2026-03-20 10:00', '2026-04-12');
SELECT check_edges('before', 'month', 'America/New_York', true, true, '2026-03-20', '2026-04-12 05:00');

SELECT is((SELECT sum(customers) FROM funnel_report('{view}', grain => 'day')), (SELECT count(DISTINCT who) FROM ev WHERE kind = 'view')::numeric, 'everyone enters a funnel once');

-- Totals of cents are exact, whoever adds them up.
SELECT is((SELECT (count(*) > 0, count(*) FILTER (WHERE m.total IS DISTINCT FROM e.total))::text
           FROM customer_measures('view|purchase', '-infinity', 'infinity', 'day', 'UTC', NULL, 'value') m
           JOIN (SELECT i.customer_id, sum(amount)::float8 AS total FROM ev JOIN id_of i USING (who) WHERE kind IN ('view', 'purchase') GROUP BY 1) e USING (customer_id)), '(t,0)', 'totals of customers');
SELECT is((SELECT sum(total)::numeric FROM event_buckets('2026-01-01 a value=0.1; 2026-01-02 b value=0.7; 2026-01-03 a', '*', '{2026-01-01,2026-01-09}', NULL, 'value')), 0.8, 'of one customer');
SELECT is((SELECT string_agg(format('%s %s', total, event_sum(t, '*')), ' ') FROM (VALUES ('2026-01-01 a value=0.1; 2026-01-02 b value=0.7'::timeline), ('2026-01-01 a value=1e300; 2026-01-02 a value=-1e300; 2026-01-03 b value=0.25'), ('2026-01-01 a value=123456789.25; 2026-01-03 b value=0.3333333333333333')) v (t),
           event_buckets(t, '*', '{2026-01-01,2026-01-09}', NULL, 'value')), '0.8 0.8 0.25 0.25 123456789.58333333 123456789.58333333', 'the same as event_sum()');
SELECT throws_ok(format('SELECT * FROM event_buckets(%L, ''*'', ''{2026-01-01,2026-01-09}'', NULL, ''value'')', '2026-01-01 a value=1.7e308; 2026-01-02 a value=1.7e308'), '22003', 'sum of events is out of range', 'a total beyond double precision');
-- As many values as events
CREATE TABLE long_tail AS SELECT timestamptz '2026-01-01' + i * interval '1 minute' AS at, i % 40 AS value, CASE WHEN random() < 0.9 THEN 'v' || floor(random() * 40000) END AS p FROM generate_series(1, 40000) i;
SELECT is((SELECT count(*) FROM (SELECT timeline_agg(at, 'a', value, jsonb_build_object('p', p) ORDER BY at) AS t FROM long_tail) x, event_buckets(t, '*', '{2026-01-01,2026-01-15,2027-01-01}', 'p', 'value') b
           FULL JOIN (SELECT CASE WHEN at < '2026-01-15' THEN 1 ELSE 2 END AS bucket, p, count(*), sum(value)::float8 AS total FROM long_tail GROUP BY 1, 2) s
               ON (s.bucket, s.count, s.total) = (b.bucket, b.event_count, b.total) AND s.p IS NOT DISTINCT FROM b.label WHERE b.bucket IS NULL OR s.bucket IS NULL), 0::bigint, 'a value for each event');
-- What must be said is asked for by its name.
SELECT throws_ok(format('SELECT * FROM %s', call), '22004', format('argument "%s" of a report must not be NULL', argument), call)
FROM (VALUES ('event_report(NULL)', 'pattern'), ('event_report(of => NULL)', 'of'), ('funnel_report(''{a,b}'', within => NULL)', 'within'), ('funnel_report(''{a,b}'', mode => NULL)', 'mode'),
             ('retention_report(NULL)', 'cohort'), ('retention_report(''a'', NULL)', 'returned'), ('path_report(NULL)', 'pattern'), ('path_report(''a'', steps => NULL)', 'steps'), ('path_report(''a'', gap => NULL)', 'gap'),
             ('distribution_report(NULL)', 'pattern'), ('distribution_report(of => NULL)', 'of')) v (call, argument);
SELECT is((SELECT count(*) FROM retention_report('view', until => NULL, since => NULL)), (SELECT count(*) FROM retention_report('view')), 'no bounds are no bounds');
SELECT ok((SELECT count(*) FROM path_report('view', edges => NULL)) >= (SELECT count(*) FROM path_report('view', edges => 1000000)), 'nor is there one to the edges');

-- An array may be numbered from anywhere.
SELECT results_eq($$SELECT * FROM retention_report('view', mode => 'bracket', brackets => '[5:7]={0,1,7}')$$, $$SELECT * FROM retention_report('view', mode => 'bracket', brackets => '{0,1,7}')$$, 'brackets');
SELECT results_eq($$SELECT * FROM distribution_report('view', by_set => ('[0:1]=' || ARRAY[whos(1, 150), whos(100, 300)]::text)::customer_set[], set_names => '[3:4]={a,b}', buckets => '[-1:1]={0,5,10}')$$,
                  $$SELECT * FROM distribution_report('view', by_set => ARRAY[whos(1, 150), whos(100, 300)], set_names => '{a,b}', buckets => '{0,5,10}')$$, 'buckets and sets');
SELECT throws_ok($$SELECT * FROM distribution_report(buckets => '{NaN}')$$, '22023', 'buckets must be growing numbers', 'nothing is above not-a-number');

-- distribution_report
SELECT results_eq($$SELECT set_name, lower, customers, round(share::numeric, 9), or_more FROM distribution_report('view|cart', since => '2026-03-20', until => '2026-04-10', by_set => ARRAY[whos(1, 150), whos(100, 300)], set_names => '{a,b}') ORDER BY 1, 2$$,
    $$WITH c AS (SELECT who, count(*)::float8 AS n FROM ev WHERE kind IN ('view', 'cart') AND at >= '2026-03-20' AND at < '2026-04-10' GROUP BY 1)
      SELECT s.name, n, count(*), round(count(*)::numeric / sum(count(*)) OVER (PARTITION BY s.name), 9), (sum(count(*)) OVER (PARTITION BY s.name ORDER BY n DESC))::bigint
      FROM c JOIN (VALUES ('a', 1, 150), ('b', 100, 300)) s (name, low, high) ON who BETWEEN low AND high GROUP BY 1, 2 ORDER BY 1, 2$$, 'customers by their number of events');
SELECT results_eq($$SELECT lower, customers FROM distribution_report('view|purchase[value>=10]', measure => 'periods', grain => 'week', time_zone => 'Australia/Sydney') ORDER BY 1$$,
    $$SELECT n, count(*) FROM (SELECT count(DISTINCT date_trunc('week', at AT TIME ZONE 'Australia/Sydney'))::float8 AS n FROM ev WHERE kind = 'view' OR kind = 'purchase' AND amount >= 10 GROUP BY who) c GROUP BY 1 ORDER BY 1$$, 'by their active weeks');
SELECT results_eq($$SELECT lower, upper, customers FROM distribution_report('purchase', measure => 'total', buckets => '{20,50,100}', among => whos(10, 200)) ORDER BY 1 NULLS FIRST$$,
    $$SELECT (ARRAY[20, 50, 100]::float8[])[b], (ARRAY[20, 50, 100]::float8[])[b + 1], count(*) FROM (SELECT width_bucket(sum(amount), ARRAY[20, 50, 100]::numeric[]) AS b FROM ev WHERE kind = 'purchase' AND who BETWEEN 10 AND 200 GROUP BY who HAVING count(amount) > 0) c GROUP BY b ORDER BY b$$, 'by what they spent');

-- Long histories, in several chunks, stored out of line; and dates of all centuries.
CREATE TABLE ev_more (LIKE ev INCLUDING DEFAULTS);
INSERT INTO ev_more (who, at, kind, amount, channel)
SELECT 1 + n % 3, '2026-03-15'::timestamptz + n * interval '5 minutes', (ARRAY['view', 'cart', 'purchase'])[1 + n % 3], 0.10, md5((n % 700)::text) FROM generate_series(1, 30000) n;
INSERT INTO ev_more (who, at, kind, amount, channel)
SELECT 5, '0044-03-15 BC'::timestamptz + n * interval '41 days 3:17:00.000001', 'view', 0.01, 'web' FROM generate_series(1, 18000) n;
SELECT count(add_event_source('more', 'public.ev_more', 'person', 'who', 'at', 'kind', value => 'amount', properties => '{"channel": "channel"}', mode => 'full')) \g /dev/null
SELECT count(*) FROM refresh_timelines() \g /dev/null
ALTER TABLE ev DROP CONSTRAINT ev_at_key, DROP CONSTRAINT ev_pkey;
INSERT INTO ev SELECT * FROM ev_more;
SELECT cmp_ok((SELECT max(n) FROM (SELECT count(*) AS n FROM timeline_chunk GROUP BY record_id) x), '>', 3::bigint, 'histories of several chunks');
SELECT check_events('hour', 'Europe/Amsterdam', '-infinity', 'infinity', 0, 300);
SELECT check_events('quarter', 'Asia/Kathmandu', '-infinity', 'infinity', 0, 300);
SELECT check_events('day', 'America/Caracas', '1400-01-01', '2026-04-01', 0, 5);
SELECT check_chains('1 day', 'week', 'UTC', false, true, '-infinity', 'infinity');
SELECT results_eq($$SELECT total FROM event_report('view[value=0.01]', grain => NULL)$$,
    $$SELECT sum(amount)::float8 FROM ev WHERE kind = 'view' AND amount = 0.01 AND at <= now()$$, 'totals are sums of decimals');
SELECT * FROM finish();
