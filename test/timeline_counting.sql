-- Every counting function, in each of its three forms, against SQL over the
-- rows the timelines were made of; and until when the answers hold.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(204);

-- The first question of a session, before anything was reset: its answer notes until when it holds.
SET customer_data.as_of = '2026-03-20 00:00+00';
SELECT is(holds_until(event_count('2026-03-18 00:00 a; 2026-03-19 00:00 a', 'a', last => '7 days') > 0), '2026-03-25 00:00+00'::timestamptz, 'holds_until() in a new session');
RESET customer_data.as_of;

\set seed 1917
\ir include/seed.sql

-- Random events: ties, months around clock changes and leap days, all types.
CREATE TEMP TABLE ev AS
SELECT c, i AS ord,
       CASE WHEN random() < 0.2 THEN timestamptz '2024-02-28 12:00+00' + floor(random() * 4) * interval '12 hours'
            WHEN random() < 0.5 THEN timestamptz '2024-01-01+00' + floor(random() * 140) * interval '1 day'
            ELSE timestamptz '2024-01-01+00' + random() * interval '140 days' END AS at,
       (ARRAY['view', 'view', 'view', 'cart', 'purchase', 'purchase', 'email.open', 'email.click', '浏览'])[1 + floor(random() * 9)] AS kind,
       CASE WHEN random() < 0.6 THEN round((random() * 300)::numeric - 20, (c % 4))::float8
            WHEN random() < 0.2 AND c % 5 = 0 THEN random() END AS value,
       CASE WHEN random() < 0.3 THEN floor(random() * 4) END AS quantity,
       CASE WHEN random() < 0.3 THEN CASE WHEN random() < 0.5 THEN floor(random() * 50)::text ELSE 'o-' || floor(random() * 50) END END AS event_id,
       jsonb_strip_nulls(jsonb_build_object(
           'product', CASE WHEN random() < 0.8 THEN (ARRAY['sachet', 'sock', 'tent', '帐篷', 'x', ''])[1 + floor(random() * 6)] END,
           'n', CASE WHEN random() < 0.4 THEN to_jsonb(floor(random() * 20) / 4)
                     WHEN random() < 0.3 THEN to_jsonb(floor(random() * 20)::text) END,
           'vip', CASE WHEN random() < 0.3 THEN random() < 0.5 END,
           'text', CASE WHEN random() < 0.2 THEN (ARRAY['质量很差', 'Good quality', 'QUALITY!', repeat('long ', 30) || c])[1 + floor(random() * 4)] END)) AS properties
FROM generate_series(1, 60) c, generate_series(1, 40) i
WHERE i <= c * 2 % 41;
CREATE TEMP TABLE tl AS
SELECT c, coalesce(t, empty_timeline()) AS t
FROM generate_series(1, 61) c
LEFT JOIN (SELECT c, timeline_agg(at, kind, value, quantity, event_id, properties ORDER BY at, ord) AS t FROM ev GROUP BY c) e USING (c);
ANALYZE ev;

-- The timeline gives back its events, in order, whichever way it is passed on.
SELECT results_eq(
    $$SELECT c, e.* FROM tl, events(t) WITH ORDINALITY e(at, kind, value, quantity, event_id, properties, n) ORDER BY c, n$$,
    $$SELECT c, at, kind, value, quantity, event_id, properties, row_number() OVER (PARTITION BY c ORDER BY at, ord) FROM ev ORDER BY c, at, ord$$,
    'events() gives back every event in order');
SELECT is((SELECT count(*) FROM tl WHERE t::text::timeline IS DISTINCT FROM t), 0::bigint, 'text form reads back');
SELECT is((SELECT count(*) FROM tl WHERE event_total(t) <> (SELECT count(*) FROM ev WHERE ev.c = tl.c)), 0::bigint, 'event_total');
SELECT is((SELECT count(*) FROM tl WHERE (timeline_first(t), timeline_last(t)) IS DISTINCT FROM (SELECT (min(at), max(at)) FROM ev WHERE ev.c = tl.c)), 0::bigint, 'timeline_first and timeline_last');
SELECT is((SELECT count(*) FROM tl, generate_series(timestamptz '2023-12-31', '2024-06-01', '7 days 3 hours') cut
           WHERE (timeline_slice(t, '-infinity', cut) || timeline_slice(t, cut, 'infinity')) IS DISTINCT FROM t), 0::bigint, 'cut in two and joined again');
SELECT is((SELECT count(*) FROM tl, generate_series(timestamptz '2024-01-15', '2024-06-01', '19 days') s
           WHERE timeline_slice(t, s, s + interval '30 days') IS DISTINCT FROM
                 (SELECT timeline_agg(at, kind, value, quantity, event_id, properties ORDER BY at, ord) FROM ev
                  WHERE ev.c = tl.c AND at >= s AND at < s + interval '30 days')), 0::bigint, 'timeline_slice');

-- Patterns, and what they mean in SQL
CREATE TEMP TABLE pattern (p event_pattern, predicate text);
INSERT INTO pattern VALUES
    ('*', 'true'),
    ('purchase', $$kind = 'purchase'$$),
    ('view|cart', $$kind IN ('view', 'cart')$$),
    ('email.*', $$kind LIKE 'email.%'$$),
    ('浏览[product=帐篷]', $$kind = '浏览' AND properties->>'product' = '帐篷'$$),
    ('purchase[value>=100]', $$kind = 'purchase' AND value >= 100$$),
    ('purchase[value<12.5]|view[value!=0]', $$(kind = 'purchase' AND value < 12.5) OR (kind = 'view' AND value <> 0)$$),
    ('*[quantity in (1, 3)]', 'quantity IN (1, 3)'),
    ('*[product in (sock, tent), n]', $$properties->>'product' IN ('sock', 'tent') AND properties ? 'n'$$),
    ($$*[product!='', !n]$$, $$properties->>'product' <> '' AND NOT properties ? 'n'$$),
    ('*[product~s*]', $$properties->>'product' LIKE 's%'$$),
    ($$*[product!~'*e*']$$, $$properties->>'product' NOT LIKE '%e%'$$),
    ($$*[text~'*质量*']$$, $$properties->>'text' LIKE '%质量%'$$),
    ($$*[text~~'*quality*']$$, $$properties->>'text' ILIKE '%quality%'$$),
    ('view[n>2]', $$kind = 'view' AND (properties->>'n')::float8 > 2$$),
    ('*[vip=true]', $$properties->'vip' = 'true'$$),
    ('*[product>=sock]', $$(properties->>'product') COLLATE "C" >= 'sock'$$),
    ('*[product not in (sock,x), event_id~o-*]', $$properties->>'product' NOT IN ('sock', 'x') AND event_id LIKE 'o-%'$$),
    ('*[event_id=7]', $$event_id = '7'$$),
    ('nothing', 'false');

-- Compare one function with one query, for every customer and pattern.
CREATE FUNCTION pg_temp.differing(ours text, twin text, form text, since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    r record;
    n bigint;
    total bigint := 0;
BEGIN
    FOR r IN SELECT * FROM pattern LOOP
        EXECUTE format('SELECT count(*) FROM tl
            LEFT JOIN LATERAL (SELECT %s AS answer FROM ev WHERE ev.c = tl.c AND (%s) AND at >= %L AND at < %L) s ON true
            WHERE %s IS DISTINCT FROM s.answer',
            twin, r.predicate, since, until, format(ours, r.p, form)) INTO n;
        IF n > 0 THEN
            RAISE WARNING '% differ: %', n, format(ours, r.p, form);
        END IF;
        total := total + n;
    END LOOP;
    RETURN total;
END
$$;

CREATE TEMP TABLE twin (ours text, twin text);
INSERT INTO twin VALUES
    ('event_count(t, %1$L%2$s)', 'count(*)'),
    ('happened(t, %1$L%2$s)', 'count(*) > 0'),
    ('event_first(t, %1$L%2$s)', 'min(at)'),
    ('event_last(t, %1$L%2$s)', 'max(at)'),
    ('event_days(t, %1$L%2$s)', $$count(DISTINCT (at AT TIME ZONE current_setting('TimeZone'))::date)$$),
    ('round(event_sum(t, %1$L%2$s)::numeric, 6)', 'round(coalesce(sum(value::numeric), 0), 6)'),
    ('event_sum(t, %1$L%2$s, of => ''quantity'')', 'coalesce(sum(quantity), 0)'),
    ('event_sum(t, %1$L%2$s, of => ''n'')', $$coalesce(sum(CASE WHEN jsonb_typeof(properties->'n') = 'number' THEN (properties->>'n')::float8 END), 0)$$),
    ('round(event_avg(t, %1$L%2$s)::numeric, 6)', 'round(avg(value::numeric), 6)'),
    ('event_min(t, %1$L%2$s)', 'min(value)'),
    ('event_max(t, %1$L%2$s)', 'max(value)'),
    ('event_max(t, %1$L%2$s, of => ''n'')', $$max(CASE WHEN jsonb_typeof(properties->'n') = 'number' THEN (properties->>'n')::float8 END)$$),
    ('event_distinct(t, %1$L, ''product''%2$s)', $$count(DISTINCT properties->'product')$$),
    ('event_distinct(t, %1$L, ''n''%2$s)', $$count(DISTINCT properties->'n')$$),
    ('event_distinct(t, %1$L, ''vip''%2$s)', $$count(DISTINCT properties->'vip')$$),
    ('event_distinct(t, %1$L, ''value''%2$s)', 'count(DISTINCT value)'),
    ('event_distinct(t, %1$L, ''event_id''%2$s)', 'count(DISTINCT event_id)');

SET customer_data.as_of = '2024-04-10 12:00+00';
SET timezone = 'UTC';
SELECT is(pg_temp.differing(ours, twin, form, since, until), 0::bigint, 'UTC: ' || replace(ours, '%1$L%2$s', 'pattern' || form))
FROM twin,
     (VALUES ('', timestamptz '-infinity', timestamptz 'infinity'),
             (', last => ''30 days''', timestamptz '2024-04-10 12:00+00' - interval '30 days' + interval '1 microsecond', '2024-04-10 12:00:00.000001+00'),
             (', last => ''1 month 5 days 3 hours''', timestamptz '2024-04-10 12:00+00' - interval '1 month 5 days 3 hours' + interval '1 microsecond', '2024-04-10 12:00:00.000001+00'),
             (', since => ''2024-02-28 12:00+00'', until => ''2024-03-01+00''', '2024-02-28 12:00+00', '2024-03-01+00'),
             (', since => ''2024-02-29+00''', '2024-02-29+00', 'infinity')) f(form, since, until);
SET timezone = 'Europe/Berlin';
SELECT is(pg_temp.differing(ours, twin, form, since, until), 0::bigint, 'Berlin: ' || replace(ours, '%1$L%2$s', 'pattern' || form))
FROM twin,
     (VALUES ('', timestamptz '-infinity', timestamptz 'infinity'),
             (', last => ''30 days''', timestamptz '2024-04-10 12:00+00' - interval '30 days' + interval '1 microsecond', '2024-04-10 12:00:00.000001+00'::timestamptz)) f(form, since, until)
WHERE ours LIKE 'event_days%' OR ours LIKE 'event_count%';

-- unanswered, with and without a common property, a grace period, a window
SELECT is((SELECT count(*) FROM tl WHERE unanswered(t, 'cart', 'purchase') IS DISTINCT FROM EXISTS (
    SELECT FROM ev a WHERE a.c = tl.c AND kind = 'cart' AND NOT EXISTS (
        SELECT FROM ev b WHERE b.c = tl.c AND kind = 'purchase' AND b.at >= a.at))), 0::bigint, 'unanswered');
SELECT is((SELECT count(*) FROM tl WHERE unanswered(timeline_cut(t, as_of()), 'cart', 'purchase', same => 'product', last => '40 days') IS DISTINCT FROM EXISTS (
    SELECT FROM ev a WHERE a.c = tl.c AND kind = 'cart' AND at > as_of() - interval '40 days' AND at <= as_of() AND NOT EXISTS (
        SELECT FROM ev b WHERE b.c = tl.c AND kind = 'purchase' AND b.at >= a.at AND b.at <= as_of() AND b.properties->'product' = a.properties->'product'))), 0::bigint, 'unanswered, same product, in a window');
SELECT is((SELECT count(*) FROM tl WHERE unanswered(timeline_cut(t, as_of()), 'view', 'purchase|cart', same => 'n', after => '10 days 2 hours') IS DISTINCT FROM EXISTS (
    SELECT FROM ev a WHERE a.c = tl.c AND kind = 'view' AND at <= as_of() - interval '10 days 2 hours' AND NOT EXISTS (
        SELECT FROM ev b WHERE b.c = tl.c AND kind IN ('purchase', 'cart') AND b.at >= a.at AND b.at <= as_of() AND b.properties->'n' = a.properties->'n'))), 0::bigint, 'unanswered after a grace period');

-- An answer noted to hold until a moment holds at every moment before it.
CREATE TEMP TABLE question AS
SELECT format(q, span) AS question FROM
    (VALUES ('event_count(t, ''view'', last => %L)'), ('happened(t, ''purchase'', last => %L)'), ('event_last(t, ''cart'', last => %L)'),
            ('event_first(t, ''cart|view'', last => %L)'), ('event_sum(t, ''purchase[value>50]'', last => %L)'), ('event_days(t, ''*'', last => %L)'),
            ('event_distinct(t, ''view'', ''product'', last => %L)'), ('event_count_at_least(t, ''view'', 2, last => %L)'),
            ('event_sum_at_least(t, ''purchase'', 200, last => %L)'), ('event_max(t, ''*'', last => %L)'),
            ('unanswered(t, ''cart'', ''purchase'', same => ''product'', last => %L)'), ('unanswered(t, ''view'', ''purchase'', after => %L)')) f(q),
    (VALUES ('5 days'), ('1 month'), ('36 hours'), ('1 month 2 days 3 hours'), ('1 day')) s(span);
CREATE FUNCTION pg_temp.late(question text, n int, OUT late int, OUT past int) LANGUAGE plpgsql AS $$
DECLARE
    r record;
    before text;
    after text;
    until timestamptz;
    moment timestamptz;
BEGIN
    late := 0;
    past := 0;
    FOR r IN SELECT c, t, timestamptz '2024-01-10+00' + random() * interval '100 days' AS moment FROM tl, generate_series(1, n) WHERE c % 3 = n % 3 LOOP
        PERFORM set_config('customer_data.as_of', r.moment::text, false);
        PERFORM validity_reset();
        EXECUTE format('SELECT (%s)::text FROM (SELECT $1 AS t) tl', question) INTO before USING r.t;
        until := validity();
        past := past + (until <= r.moment)::int;
        -- the moment before the expiry, anywhere before it, the days that follow
        FOR moment IN SELECT m FROM (
                SELECT least(until, timestamptz '2024-06-30+00') - interval '1 microsecond' AS m
                UNION ALL SELECT r.moment + random() * (least(until, timestamptz '2024-06-30+00') - r.moment) FROM generate_series(1, 4)
                UNION ALL SELECT date_trunc('day', r.moment + interval '1 day' * g) + (r.moment - date_trunc('day', r.moment)) * random() FROM generate_series(1, 3) g) x
                WHERE m > r.moment AND m < until LOOP
            PERFORM set_config('customer_data.as_of', moment::text, false);
            EXECUTE format('SELECT (%s)::text FROM (SELECT $1 AS t) tl', question) INTO after USING r.t;
            IF before IS DISTINCT FROM after THEN
                late := late + 1;
                RAISE WARNING '%: % at %, % at %, said to hold until %, customer %', question, before, r.moment, after, moment, until, r.c;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
SET timezone = 'UTC';
SELECT is(l, (0, 0), 'holds as long as noted: ' || question) FROM question, pg_temp.late(question, 1) l;
SET timezone = 'America/New_York';
SELECT is(l, (0, 0), 'New York: ' || question) FROM question, pg_temp.late(question, 2) l WHERE question ~ '(event_count|happened|unanswered)';

-- Where hours alone count, the expiry is exact: the answer is another one there.
SET timezone = 'UTC';
CREATE FUNCTION pg_temp.unchanged(question text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r record;
    before text;
    after text;
    until timestamptz;
    same bigint := 0;
BEGIN
    FOR r IN SELECT t, timestamptz '2024-01-10+00' + random() * interval '100 days' AS moment FROM tl LOOP
        PERFORM set_config('customer_data.as_of', r.moment::text, false);
        PERFORM validity_reset();
        EXECUTE format('SELECT (%s)::text FROM (SELECT timeline_slice($1, ''-infinity'', as_of()) AS t) tl', question) INTO before USING r.t;
        until := validity();
        IF until < 'infinity' THEN
            PERFORM set_config('customer_data.as_of', until::text, false);
            EXECUTE format('SELECT (%s)::text FROM (SELECT timeline_slice($1, ''-infinity'', $2) AS t) tl', question) INTO after USING r.t, r.moment;
            same := same + (before IS NOT DISTINCT FROM after)::int;
        END IF;
    END LOOP;
    RETURN same;
END
$$;
SELECT is(pg_temp.unchanged(question), 0::bigint, 'expires exactly: ' || question)
FROM (VALUES ('event_count(t, ''view'', last => ''200 hours'')'), ('happened(t, ''view'', last => ''200 hours'')'),
             ('event_count_at_least(t, ''*'', 3, last => ''200 hours'')'), ('event_sum_at_least(t, ''*'', 4, of => ''quantity'', last => ''200 hours'')'),
             ('event_last(t, ''*'', last => ''200 hours'')')) q(question);

-- A moment of a window that is a column plus an interval is computed by plus_span(): as the operator does,
-- in zones with and without summer time, at clock changes, month ends, the ends of the calendar, infinity.
RESET customer_data.as_of;
CREATE TEMP TABLE moment AS
SELECT CASE WHEN random() < 0.3 THEN timestamptz '2024-03-29 20:00+00' + random() * interval '4 days'
            WHEN random() < 0.3 THEN timestamptz '2023-10-27 20:00+00' + floor(random() * 96) * interval '1 hour'
            WHEN random() < 0.3 THEN timestamptz '2024-01-28 12:00+00' + floor(random() * 40) * interval '1 day'
            ELSE timestamptz '1890-01-01+00' + random() * interval '300 years' END AS at,
       make_interval(months => CASE WHEN random() < 0.3 THEN floor(random() * 30 - 15)::int ELSE 0 END,
                     days => CASE WHEN random() < 0.7 THEN floor(random() * 800 - 400)::int ELSE 0 END,
                     secs => CASE WHEN random() < 0.5 THEN random() * 400000 - 200000 ELSE 0 END) AS span
FROM generate_series(1, 5000)
UNION ALL VALUES (timestamptz '-infinity', interval '1 day'), ('infinity', '-1 day'), ('infinity', '1 month'), ('4713-01-03 BC', '-1 day'), ('294276-12-30', '1 day');
CREATE FUNCTION pg_temp.sums(zone text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('timezone', zone, false);
    RETURN (SELECT count(*) FROM moment WHERE plus_span(at, span) IS DISTINCT FROM at + span);
END
$$;
SELECT is((SELECT sum(pg_temp.sums(zone)) FROM unnest('{UTC,Asia/Shanghai,Europe/Vienna,America/New_York,Australia/Lord_Howe,+05:30}'::text[]) zone), 0::numeric, 'plus_span() is the operator');
SET timezone = 'UTC';
SELECT throws_ok($$SELECT plus_span('294276-12-31 12:00+00', '100000 days')$$, '22008', NULL, 'plus_span() beyond the calendar');
SELECT throws_ok($$SELECT plus_span('2020-01-01', '213503983 days')$$, '22008', NULL, 'and beyond what an integer counts');
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query; END $$;
CREATE TEMP TABLE since AS SELECT c, t, min(at) + random() * interval '60 days' AS registered FROM tl JOIN ev USING (c) GROUP BY 1, 2;
SELECT ok((SELECT bool_or(line LIKE '%plus_span(registered%plus_span(registered%') FROM pg_temp.plan_of($$SELECT event_count(t, 'view', since => registered + interval '1 day', until => registered + interval '9 days') FROM since$$) line),
          'the planner puts plus_span() where a window begins or ends at a column and an interval');
SELECT is((SELECT count(*) FROM since WHERE (event_count(t, 'view', since => registered, until => registered + interval '7 days'), happened(t, 'purchase', since => registered + interval '1 day', until => registered + interval '1 month'),
                                             event_sum(t, '*', since => registered, until => registered + interval '30 hours'), event_last(t, '*', since => registered - interval '3 days', until => registered + interval '3 days'))
           IS DISTINCT FROM (SELECT (count(*) FILTER (WHERE kind = 'view' AND at < registered + interval '7 days')::int, coalesce(bool_or(kind = 'purchase' AND at >= registered + interval '1 day' AND at < registered + interval '1 month'), false),
                                     event_sum(t, '*', since => registered, until => (SELECT registered + interval '30 hours')),
                                     greatest(max(at) FILTER (WHERE at < registered + interval '3 days'), (SELECT max(at) FROM ev e WHERE e.c = since.c AND e.at >= registered - interval '3 days' AND e.at < registered + interval '3 days')))
                             FROM ev WHERE ev.c = since.c AND at >= registered)), 0::bigint, 'windows between a column and a column plus an interval');

-- A sum that double precision cannot hold is an error, as it is in SQL, wherever it is asked for.
CREATE TEMP TABLE enormous (t timeline);
INSERT INTO enormous VALUES ('2026-03-10 a value=1.5e308 quantity=-1.5e308; 2026-03-11 a value=1.5e308 quantity=-1.5e308; 2026-03-12 b value=1 quantity=1');
SET customer_data.as_of = '2026-03-13 00:00+00';
SELECT throws_ok(format('SELECT %s FROM enormous', question), '22003', 'sum of events is out of range', question)
FROM unnest(ARRAY['event_sum(t, ''*'')', 'event_sum(t, ''a'', of => ''quantity'')', 'event_avg(t, ''a'')', 'event_sum(t, ''a'', last => ''7 days'')', 'event_sum(t, ''a'', since => ''2026-01-01'')',
                  'event_sum_at_least(t, ''a'', 5, NULL, ''value'')', 'event_sum_at_least(t, ''a'', 5, ''7 days'', ''quantity'')']) question;
SELECT throws_ok('SELECT sum(v) FROM (VALUES (1.5e308::float8), (1.5e308)) x (v)', '22003', NULL, 'sum() does the same');
SELECT is((SELECT (event_sum(t, 'b'), event_sum(t, 'a[value<1e300]'), event_max(t, 'a'), event_min(t, '*', of => 'quantity'), event_sum(t, 'a', last => '60 hours'))::text FROM enormous), '(1,0,1.5e+308,-1.5e+308,1.5e+308)', 'what can be told is told');
RESET customer_data.as_of;

-- Patience has an end: a glob that almost matches everywhere takes minutes in a long text.
CREATE FUNCTION pg_temp.cancelled(q text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE q;
    RETURN false;
EXCEPTION WHEN query_canceled THEN
    RETURN true;
END $$;
SET statement_timeout = '5s';
SELECT ok(pg_temp.cancelled($$SELECT event_matches(('x[t ~ ''*' || repeat('a', 20000) || 'b*'']')::event_pattern, 'x', 1, NULL, NULL, jsonb_build_object('t', repeat('a', 1000000)))$$),
    'a search in a long text can be cancelled');
RESET statement_timeout;

SELECT * FROM finish();
