SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
SET timezone = 'UTC'; SET datestyle = 'ISO, YMD';
--
-- timeline: everything one customer did, in one value
--
-- events in any order go in, in order of time they come out; times are UTC
SELECT '2026-03-02 10:00+01 purchase value=120.5 quantity=2 id=o-17 {"product": "sachet", "gift": true}; 2026-03-01T08:15:00.25Z view {"product": "sachet"}'::timeline;
SELECT * FROM events('2026-03-02T09:00:00Z purchase value=120.5 quantity=2 id=o-17 {"product": "sachet", "gift": true, "box": {"w": 3}}; 2026-03-01T08:15:00.25Z view {"product": "sachet"}; 2026-03-02T09:00:00Z 浏览 {"类别": "帐篷"}');
SELECT ''::timeline = empty_timeline() AS empty, event_total('') AS events, timeline_first('') AS first;

-- the text form does not depend on settings
SET timezone = 'America/New_York'; SET datestyle = 'German';
SELECT '2026-03-01 view; 2026-07-01 12:00 view'::timeline;
RESET datestyle; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD';

-- events at the same instant stay as they came
SELECT '2026-03-01 b; 2026-03-01 a; 2026-03-01 b; 2026-03-01 c'::timeline;

-- what is refused says where, and what was expected
SELECT '2026-03-01'::timeline;
SELECT '2026-02-29 view'::timeline;
SELECT '2026-03-01 view value=much'::timeline;
SELECT '2026-03-01 view; yesterday view'::timeline;
SELECT '2026-03-01 view {"product": "sachet"'::timeline;
SELECT timeline_agg('infinity', 'view');
SELECT timeline_agg('2026-03-01', '');
SELECT timeline_agg('2026-03-01', 'view', 'NaN');
SELECT timeline_agg('2026-03-01', 'view', NULL, '["no object"]');

-- from rows; a row without time or kind is no event
CREATE TEMP TABLE shop (customer int, at timestamptz, kind text, amount numeric, product text);
INSERT INTO shop VALUES
    (1, '2026-03-01 10:00', 'view', NULL, 'sachet'), (1, '2026-03-01 10:05', 'cart', NULL, 'sachet'), (1, '2026-03-01 10:09', 'purchase', 12.40, 'sachet'),
    (1, '2026-03-20 18:00', 'view', NULL, 'tent'), (1, '2026-03-20 18:01', 'cart', NULL, 'tent'), (1, NULL, 'view', NULL, 'lost'),
    (2, '2026-03-15 09:00', 'view', NULL, 'sock'), (2, '2026-03-15 09:30', 'purchase', 7.60, 'sock'), (2, '2026-03-16 09:30', 'refund', 7.60, 'sock');
CREATE TEMP TABLE history AS
SELECT customer, timeline_agg(at, kind, amount, jsonb_build_object('product', product)) AS events FROM shop GROUP BY customer;
SELECT customer, event_total(events), timeline_first(events), timeline_last(events) FROM history ORDER BY customer;
SELECT customer, k.* FROM history, timeline_kinds(events) k ORDER BY customer, first_at;

-- || joins histories: an event that both hold under one id is there once
SELECT '2026-03-01 view; 2026-03-03 purchase id=7 value=5'::timeline || '2026-03-02 cart; 2026-03-03 purchase id=7 value=5';
SELECT '2026-03-01 view'::timeline || '2026-03-01 view' AS "without an id there are two";
SELECT '2026-03-03 purchase id=7 value=5'::timeline || '2026-03-03 purchase id=7 value=6' AS "not identical";
SELECT timeline_merge_agg(events) = (SELECT timeline_agg(at, kind, amount, jsonb_build_object('product', product)) FROM shop) AS all_customers FROM history;

-- parts of it: since <= at < until
SELECT timeline_slice('2026-03-01 a; 2026-03-02 b; 2026-03-03 c', '2026-03-02', '2026-03-03');
SELECT timeline_cut('2026-03-01 a; 2026-03-02 b; 2026-03-03 c', as_of => '2026-03-02');

-- equality, grouping, binary form
SELECT count(*) FROM (SELECT DISTINCT t FROM (VALUES ('2026-03-01 a; 2026-03-02 b'::timeline), ('2026-03-02 b; 2026-03-01 a'), ('2026-03-01 a')) v(t)) d;
SELECT '2026-03-01 a; 2026-03-01 b'::timeline = '2026-03-01 b; 2026-03-01 a'::timeline AS "order at the same instant counts";
SELECT bool_and(timeline_send(events) = timeline_send(events::text::timeline)) AS same_bytes FROM history;

-- counting: everything, a window that ends at as_of(), between two moments
SET customer_data.as_of = '2026-03-21 00:00+00';
SELECT customer, event_count(events, 'purchase') AS purchases, event_count(events, 'view|cart') AS looked,
       event_count(events, '*', last => '7 days') AS week, event_count(events, '*', since => '2026-03-15', until => '2026-03-16') AS day,
       event_days(events, '*') AS days, event_distinct(events, '*', 'product') AS products
FROM history ORDER BY customer;
SELECT customer, event_sum(events, 'purchase') AS spent, event_sum(events, 'purchase') - event_sum(events, 'refund') AS net,
       event_avg(events, 'purchase') AS average, event_max(events, 'purchase', last => '1 day') AS none,
       event_last(events, 'purchase') AS last_purchase, happened(events, 'refund') AS gave_back
FROM history ORDER BY customer;
SELECT event_count(events, 'purchase', last => NULL) AS "NULL in, NULL out" FROM history WHERE customer = 1;
SELECT event_sum(events, 'purchase', '60 days') FROM history;

-- sums of decimals are exact
SELECT event_sum(timeline_agg('2026-01-01', 'x', 0.1), 'x') * 0 + event_sum(timeline_agg(at, 'x', 0.1), 'x') AS ten_times_a_tenth
FROM generate_series(timestamptz '2026-01-01', '2026-01-01 00:09', '1 minute') at;

-- carted and not ordered
SELECT customer, unanswered(events, 'cart', 'purchase', same => 'product', last => '7 days') FROM history ORDER BY customer;
SELECT unanswered('2026-03-20 purchase {"product": "a"}; 2026-03-20 01:00 cart {"product": "a"}', 'cart', 'purchase', same => 'product') AS "a purchase before its cart",
       unanswered('2026-03-20 cart {"product": "a"}; 2026-03-20 cart {"product": "b"}; 2026-03-20 01:00 purchase {"product": "a"}', 'cart', 'purchase', same => 'product') AS "a second product",
       unanswered('2026-03-20 23:30 cart', 'cart', 'purchase', after => '1 hour') AS "not yet";

-- the boundary of a window: last => i means as_of() - i < at <= as_of()
SELECT event_count('2026-03-14T00:00:00Z a; 2026-03-14T00:00:00.000001Z a; 2026-03-21T00:00:00Z a; 2026-03-21T00:00:00.000001Z a', 'a', last => '7 days');
-- until when an answer holds, if nothing new arrives
SELECT validity_reset(), event_count('2026-03-18 a; 2026-03-19 a', 'a', last => '7 days'), validity();
SELECT validity_reset(), event_count_at_least('2026-03-18 a; 2026-03-19 a', 'a', 1, last => '7 days'), validity();
SELECT validity_reset(), event_count('2026-03-01 a', 'a', last => '7 days'), validity();

-- behaviour
SELECT customer, window_funnel(events, '{view,cart,purchase}', '1 hour'), funnel_times(events, '{view,cart,purchase}', '1 hour') FROM history ORDER BY customer;
SELECT customer, sequence_match(events, '(?1)(?t<=600)(?2)', '{view,purchase}') AS bought_at_once, sequence_count(events, '(?1).*(?2)', '{view,cart}') FROM history ORDER BY customer;
SELECT customer, s.* FROM history, sessions(events) s ORDER BY customer, session;
SELECT customer, p.* FROM history, event_paths(events, 'view') p ORDER BY customer, at;
SELECT customer, n.* FROM history, next_event(events, 'view', 'purchase|refund') n ORDER BY customer, at;
SELECT customer, retention(events, '{view,purchase,refund}') FROM history ORDER BY customer;
-- the same over the rows of any table
SELECT customer, window_funnel_agg('1 hour', '', at, kind = 'view', kind = 'cart', kind = 'purchase'),
       sequence_count_agg('(?1).*(?2)', at, kind = 'view', kind = 'cart'), retention_agg(kind = 'view', kind = 'purchase', kind = 'refund')
FROM shop GROUP BY customer ORDER BY customer;
