-- Appending: what || puts behind a timeline is answered for like one packed whole.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SET timezone = 'UTC';
SELECT plan(14);
\set seed 77
\ir include/seed.sql
SET customer_data.as_of = '2026-03-20 00:00+00';

-- Bytes as they are stored: the first one says whether there are parts.
CREATE CAST (timeline AS bytea) WITHOUT FUNCTION;

-- Random events, many at the same instant, in batches that come one after the other
CREATE TEMP TABLE ev AS
SELECT c, b, i, timestamptz '2026-01-01+00' + b * interval '1 day' + floor(random() * 20) * interval '1 hour' AS at,
       (ARRAY['view', 'cart', 'buy', 'an event kind with a long name'])[1 + floor(random() * (2 + c % 3))] AS kind,
       CASE WHEN random() < 0.7 THEN round((random() * 100)::numeric, c % 4)::float8 WHEN c % 10 = 3 THEN random() END AS value,
       CASE WHEN c % 5 = 0 THEN (b * 100 + i)::text WHEN c % 5 = 1 THEN 'id ' || i END AS id,
       CASE WHEN random() < 0.8 THEN jsonb_build_object('product', 'p' || floor(random() * 40), 'n', floor(random() * 5), 'new', random() < 0.5) END AS properties
FROM generate_series(1, 60) c, generate_series(0, 70) b, generate_series(1, 200) i
WHERE i <= CASE WHEN b = 0 THEN 5 + c * 3 WHEN c % 7 = 0 THEN 1 ELSE 1 + (b * c) % 4 END;
CREATE TEMP TABLE batch AS
SELECT c, b, timeline_agg(at, kind, value, NULL, id, properties ORDER BY at, i) AS t FROM ev GROUP BY c, b;
CREATE TEMP TABLE appended AS
WITH RECURSIVE a AS (
    SELECT c, b, t FROM batch WHERE b = 0
    UNION ALL
    SELECT a.c, batch.b, a.t || batch.t FROM a JOIN batch ON batch.c = a.c AND batch.b = a.b + 1
) SELECT * FROM a;
CREATE TEMP TABLE pair AS
SELECT a.c, a.b, a.t, w.t AS whole
FROM appended a JOIN LATERAL (SELECT timeline_agg(at, kind, value, NULL, id, properties ORDER BY ev.b, at, i) AS t FROM ev WHERE ev.c = a.c AND ev.b <= a.b) w ON a.b % 9 IN (1, 5) OR a.b = 70;
SELECT cmp_ok((SELECT count(*) FILTER (WHERE get_byte(t::bytea, 0) = 4)::float8 / count(*) FROM pair), '>', 0.4::float8, 'many are in parts');
SELECT is((SELECT count(*) FROM pair WHERE get_byte(whole::bytea, 0) <> 3), 0::bigint, 'an aggregate is not');
SELECT is((SELECT count(*) FROM pair WHERE t <> whole OR timeline_hash(t) <> timeline_hash(whole)), 0::bigint, 'equal, with equal hashes');
SELECT is((SELECT count(*) FROM pair WHERE t::text <> whole::text OR timeline_send(t) <> timeline_send(whole)), 0::bigint, 'the same text and binary form');
SELECT is((SELECT count(*) FROM pair WHERE (event_total(t), timeline_first(t), timeline_last(t)) IS DISTINCT FROM (event_total(whole), timeline_first(whole), timeline_last(whole))), 0::bigint, 'total, first and last');
SELECT is((SELECT count(*) FROM pair WHERE EXISTS (SELECT * FROM events(t) EXCEPT ALL SELECT * FROM events(whole))), 0::bigint, 'the same events');

CREATE FUNCTION pg_temp.answers(t timeline, p event_pattern, w interval) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM validity_reset();
    RETURN jsonb_build_array(event_count(t, p), event_count(t, p, last => w), event_count(t, p, since => '2026-01-09 03:00', until => '2026-02-01'),
        happened(t, p), happened(t, p, last => w), event_first(t, p), event_last(t, p), event_last(t, p, last => w), event_days(t, p), event_days(t, p, last => w),
        event_min(t, p), event_max(t, p), event_sum(t, p, 'n'), event_avg(t, p, 'n'), event_distinct(t, p, 'product'), event_distinct(t, p, 'event_id'), event_distinct(t, p, 'value', last => w),
        unanswered(t, p, 'buy', same => 'product', last => w),
        event_count_at_least(t, p, 3, w), event_sum_at_least(t, p, 150, w), validity());
END $$;
SELECT is((SELECT count(*) FROM pair WHERE pg_temp.answers(t, p::event_pattern, w) IS DISTINCT FROM pg_temp.answers(whole, p::event_pattern, w)), 0::bigint, format('counting, %s, %s', p, w))
FROM (VALUES ('view', '20 days'::interval), ('*[new=true]', '300 hours'), ('cart[n>2, product in (p1,p2,p3)]|buy|a*', '1 month')) v(p, w);
SELECT is((SELECT count(*) FROM pair WHERE abs(event_sum(t, 'view') - event_sum(whole, 'view')) > 1e-9), 0::bigint, 'sums');
SELECT is((SELECT count(*) FROM pair WHERE (window_funnel(t, s::event_pattern[], '2 days', m), funnel_times(t, s::event_pattern[], '5 days', m)) IS DISTINCT FROM (window_funnel(whole, s::event_pattern[], '2 days', m), funnel_times(whole, s::event_pattern[], '5 days', m))), 0::bigint, 'funnels')
FROM (VALUES ('{view,cart,buy}', '')) v(s, m);
SELECT is((SELECT count(*) FROM pair, unnest(ARRAY['strict_order', 'strict_increase', 'strict_once', 'strict_deduplication']) m
           WHERE window_funnel(t, ARRAY['view', 'cart[n>1]', 'buy|view']::event_pattern[], '30 hours', m) <> window_funnel(whole, ARRAY['view', 'cart[n>1]', 'buy|view']::event_pattern[], '30 hours', m)), 0::bigint, 'funnels with modes');
SELECT is((SELECT count(*) FROM pair WHERE (sequence_count(t, '(?1)(?t<=90000)(?2)', '{view,cart}'), sequence_match(t, '(?1).*(?2).(?1)', '{view,cart}'), retention(t, '{view,cart,buy}'))
           IS DISTINCT FROM (sequence_count(whole, '(?1)(?t<=90000)(?2)', '{view,cart}'), sequence_match(whole, '(?1).*(?2).(?1)', '{view,cart}'), retention(whole, '{view,cart,buy}'))), 0::bigint, 'sequences and retention');
SELECT is((SELECT count(*) FROM pair WHERE (timeline_slice(t, '2026-01-05', '2026-02-10'), timeline_cut(t, '2026-02-01 05:00')) IS DISTINCT FROM (timeline_slice(whole, '2026-01-05', '2026-02-10'), timeline_cut(whole, '2026-02-01 05:00'))), 0::bigint, 'slices');
SELECT * FROM finish();
