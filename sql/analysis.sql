SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
SET TimeZone = 'UTC';
SET customer_data.as_of = '';
CREATE SCHEMA shop;
CREATE TABLE shop.visitor (id int PRIMARY KEY, city text);
INSERT INTO shop.visitor VALUES (1, 'Lyon'), (2, 'Lyon'), (3, 'Graz'), (4, 'Graz');
CREATE TABLE shop.click (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, who int, at timestamptz, kind text, amount numeric, channel text);
INSERT INTO shop.click (who, at, kind, amount, channel) VALUES
    (1, '2026-03-02 09:00', 'view', NULL, 'web'), (1, '2026-03-02 09:10', 'cart', NULL, 'web'), (1, '2026-03-03 10:00', 'purchase', 20, 'web'),
    (2, '2026-03-02 12:00', 'view', NULL, 'app'), (2, '2026-03-02 12:05', 'cart', NULL, 'app'), (2, '2026-03-20 12:00', 'purchase', 5, 'app'),
    (3, '2026-03-02 23:30', 'view', NULL, 'web'), (3, '2026-03-03 23:40', 'view', NULL, 'app'), (3, '2026-03-09 08:00', 'view', NULL, NULL),
    (4, '2026-03-09 08:00', 'cart', NULL, 'web'), (4, '2026-03-09 08:20', 'purchase', 7.5, 'web'), (4, '2026-03-09 08:25', 'view', NULL, 'web');
SELECT count(*) FROM add_source('visitor', 'shop.visitor', 'id', '{"city": "city"}');
SELECT count(*) FROM add_event_source('click', 'shop.click', 'visitor', 'who', 'at', 'kind', value => 'amount', properties => '{"channel": "channel"}');
SELECT events, customers FROM refresh_timelines();
CREATE FUNCTION shop.who(VARIADIC keys int[]) RETURNS customer_set LANGUAGE sql STABLE
    RETURN (SELECT customer_data.customer_set_agg(customer_id) FROM customer_data.source_record WHERE key::int = ANY (keys));

\set SHOW_CONTEXT never
-- Events by day, in a time zone: what happens at 23:30 in London is the next day in Graz.
SELECT * FROM event_report('view', since => '2026-03-01');
SELECT period, events, customers FROM event_report('view', since => '2026-03-01', time_zone => 'Europe/Vienna');
SELECT period, breakdown, events, per_customer, total FROM event_report('purchase|cart', grain => 'week', property => 'channel');
SELECT breakdown, events, customers FROM event_report(grain => NULL, property => 'kind') ORDER BY breakdown;
SELECT set_name, events FROM event_report('*', grain => NULL, by_set => ARRAY[shop.who(1, 2), shop.who(3), shop.who(0)], set_names => '{Lyon,three,nobody}');
SELECT period, events FROM event_report('view', grain => 'month', among => shop.who(3));
SELECT count(*) FROM event_report('nothing');
SELECT set_name, events, customers, per_customer, total FROM event_report('nothing', grain => NULL);
SELECT event_report(grain => 'fortnight');
SELECT event_report(time_zone => 'Mars/Olympus');

-- Funnel.
SELECT step, pattern, customers, of_first, of_previous, median_time, p90_time FROM funnel_report('{view,cart,purchase}');
SELECT step, customers FROM funnel_report('{view,cart,purchase}', within => '30 days');
SELECT breakdown, step, customers FROM funnel_report('{view,cart}', property => 'channel');
SELECT set_name, step, customers FROM funnel_report('{view,purchase}', within => '1 month', by_set => ARRAY[shop.who(1), shop.who(2, 3)]);
SELECT period, step, customers FROM funnel_report('{view,cart}', grain => 'day', time_zone => 'Europe/Vienna');
SELECT step, customers FROM funnel_report('{view,cart}', since => '2026-03-02 12:00', until => '2026-03-03');
SELECT step, customers, of_first, of_previous, median_time FROM funnel_report('{view,cart}', among => '{}');
SELECT set_name, step, customers FROM funnel_report('{view,cart}', by_set => ARRAY[shop.who(1), '{}'], set_names => '{Lyon,nobody}');
SELECT funnel_report('{}');

-- Retention.
SELECT cohort_at, size, period, retained, share, complete FROM retention_report('view', 'view', periods => 7, until => '2026-03-04');
SELECT cohort_at, period, retained FROM retention_report('view', mode => 'unbounded', periods => 2, grain => 'week');
SELECT size, period, period_until, retained FROM retention_report('view', mode => 'bracket', brackets => '{0,1,7,30}', until => '2026-03-03');
SELECT breakdown, size, retained FROM retention_report('view', 'purchase', mode => 'bracket', brackets => '{0,30}', until => '2026-03-03', property => 'channel');
SELECT retention_report('view', mode => 'bracket');
SELECT retention_report('view', mode => 'bracket', brackets => '{3,1}');

-- Paths.
SELECT step, from_kind, to_kind, paths, customers, share FROM path_report('view');
SELECT step, from_kind, to_kind, paths FROM path_report('purchase', direction => 'before');

-- By the channel, and by the local day of what they begin with.
SELECT breakdown, step, from_kind, to_kind, paths FROM path_report('view', steps => 2, property => 'channel');
SELECT period, from_kind, to_kind, paths FROM path_report('view', steps => 2, grain => 'day', time_zone => 'Europe/Vienna');
SELECT set_name, to_kind, paths FROM path_report('view', steps => 2, by_set => ARRAY[shop.who(1, 2), shop.who(3)], set_names => '{Lyon,three}');

-- Distribution: customers by their number of events; by active days (stickiness); by what they spent.
SELECT lower AS events, customers, share, or_more FROM distribution_report('view');
SELECT lower AS days, customers, or_more FROM distribution_report(measure => 'periods', time_zone => 'Europe/Vienna');
SELECT set_name, lower, upper, customers FROM distribution_report('purchase', measure => 'total', buckets => '{0,10}', by_set => ARRAY[shop.who(1, 2), shop.who(3, 4)], set_names => '{Lyon,Graz}');
SELECT distribution_report(measure => 'total');
SELECT distribution_report(measure => 'mood');
SELECT distribution_report(buckets => '{2,1}');

-- By where customers live: any grouping of them makes sets.
SELECT set_name, events, customers FROM (SELECT array_agg(members ORDER BY city) AS sets, array_agg(city ORDER BY city) AS cities
    FROM (SELECT v.city, customer_set_agg(r.customer_id) AS members FROM shop.visitor v JOIN source_record r ON r.key = v.id::text GROUP BY v.city) c) g, event_report('view', grain => NULL, by_set => g.sets, set_names => g.cities);

-- Odd things asked.
SELECT * FROM event_report(since => NULL, until => NULL, time_zone => NULL, grain => NULL);
SELECT count(*) FROM event_report(since => '2027-01-01', until => '2020-01-01');
SELECT count(*) FROM event_report(among => '{}');
SELECT breakdown, total, events FROM event_report(of => 'nothing', property => 'nothing', grain => NULL);
SELECT event_report(by_set => ARRAY[shop.who(1)], set_names => '{one,two}');
SELECT retention_report('view', periods => -1);
SELECT path_report('view', steps => 1000);
SELECT path_report('view', direction => 'sideways');
SELECT path_report('view', gap => '-1 day');

-- Dates of all centuries: the first year of all begins before time does.
INSERT INTO shop.click (who, at, kind, channel) VALUES (1, '4714-11-24 00:00+00 BC', 'dawn', 'web'), (1, '1899-12-31 23:50+00', 'dawn', 'web'), (2, '9999-12-31', 'dusk', 'web');
SELECT events FROM refresh_timelines();
SELECT period, events FROM event_report('dawn|dusk', grain => 'year', time_zone => 'Europe/Amsterdam');

-- At a past moment, what came later is not there.
SET customer_data.as_of = '2026-03-02 12:01+00';
SELECT period, events, customers FROM event_report('view|cart');
SELECT step, customers FROM funnel_report('{view,cart,purchase}');
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
