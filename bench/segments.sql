-- The 200 segments that bench/segments.sh measures and test/segment_everyone.sql reads:
-- each with its condition and as plain SQL over shop.event and shop.person, $1 being
-- the moment asked about.
-- 1969-12-31 and 1970-01-01 stand for no date in standard forms.
CREATE TABLE shop.segment (n int GENERATED ALWAYS AS IDENTITY, name text, condition text, plain text, on_events boolean);
INSERT INTO shop.segment (name, condition, plain, on_events)
WITH kinds(kind) AS (VALUES ('view'), ('cart'), ('purchase'), ('search'), ('visit')),
     spans(days) AS (VALUES (3), (7), (14), (30), (60), (90), (180)),
     categories(category) AS (VALUES ('tea'), ('coffee'), ('wine'), ('books'), ('garden'), ('shoes'))
SELECT format('%s in %s days', kind, days), format('happened(events, %L, last => %L)', kind, days || ' days'),
       format('SELECT DISTINCT customer FROM shop.event WHERE kind = %L AND at > $1 - interval %L AND at <= $1', kind, days || ' days'), true
FROM kinds, spans WHERE kind <> 'refund' AND days IN (3, 7, 30, 90)
UNION ALL
SELECT format('no %s in %s days', kind, days), format('NOT happened(events, %L, last => %L)', kind, days || ' days'),
       format('SELECT p.id FROM shop.person p WHERE NOT EXISTS (SELECT FROM shop.event e WHERE e.customer = p.id AND e.kind = %L AND e.at > $1 - interval %L AND e.at <= $1)', kind, days || ' days'), true
FROM kinds, spans WHERE kind IN ('purchase', 'view') AND days IN (14, 60, 90, 180)
UNION ALL
SELECT format('%s times %s in %s days', n, kind, days), format('event_count(events, %L, last => %L) >= %s', kind, days || ' days', n),
       format('SELECT customer FROM shop.event WHERE kind = %L AND at > $1 - interval %L AND at <= $1 GROUP BY 1 HAVING count(*) >= %s', kind, days || ' days', n), true
FROM kinds, spans, (VALUES (2), (4)) x(n) WHERE days IN (14, 30, 60) AND kind IN ('view', 'cart', 'purchase', 'search')
UNION ALL
SELECT format('%s times %s of %s in %s days', n, kind, category, days), format('event_count(events, %L, last => %L) >= %s', kind || '[category=' || category || ']', days || ' days', n),
       format('SELECT customer FROM shop.event WHERE kind = %L AND category = %L AND at > $1 - interval %L AND at <= $1 GROUP BY 1 HAVING count(*) >= %s', kind, category, days || ' days', n), true
FROM kinds, categories, (VALUES (30, 2), (90, 3)) x(days, n) WHERE kind IN ('view', 'purchase')
UNION ALL
SELECT format('spent %s in %s days', n, days), format('event_sum(events, ''purchase'', last => %L) > %s', days || ' days', n),
       format('SELECT customer FROM shop.event WHERE kind = ''purchase'' AND at > $1 - interval %L AND at <= $1 GROUP BY 1 HAVING sum(amount) > %s', days || ' days', n), true
FROM spans, (VALUES (50), (100), (200)) x(n) WHERE days IN (30, 60, 90, 180)
UNION ALL
SELECT format('%s viewed in %s days, not bought', category, days),
       format('happened(events, %L, last => %L) AND NOT happened(events, %L)', 'view[category=' || category || ']', days || ' days', 'purchase[category=' || category || ']'),
       format('SELECT DISTINCT customer FROM shop.event v WHERE kind = ''view'' AND category = %1$L AND at > $1 - interval %2$L AND at <= $1 AND NOT EXISTS (SELECT FROM shop.event p WHERE p.customer = v.customer AND p.kind = ''purchase'' AND p.category = %1$L AND p.at <= $1)', category, days || ' days'), true
FROM categories, spans WHERE days IN (7, 30, 60, 90)
UNION ALL
SELECT format('active on %s of %s days', n, days), format('event_days(events, ''*'', last => %L) >= %s', days || ' days', n),
       format('SELECT customer FROM shop.event WHERE at > $1 - interval %L AND at <= $1 GROUP BY 1 HAVING count(DISTINCT (at AT TIME ZONE ''UTC'')::date) >= %s', days || ' days', n), true
FROM (VALUES (7, 2), (14, 3), (30, 4), (30, 8)) x(days, n)
UNION ALL
SELECT format('%s categories in %s days', n, days), format('event_distinct(events, ''view'', ''category'', last => %L) >= %s', days || ' days', n),
       format('SELECT customer FROM shop.event WHERE kind = ''view'' AND at > $1 - interval %L AND at <= $1 GROUP BY 1 HAVING count(DISTINCT category) >= %s', days || ' days', n), true
FROM (VALUES (14, 2), (30, 3), (60, 3), (90, 5)) x(days, n)
UNION ALL
SELECT format('last %s over %s days ago', kind, days), format('event_last(events, %L) < as_of() - interval %L', kind, days || ' days'),
       format('SELECT customer FROM shop.event WHERE kind = %L AND at <= $1 GROUP BY 1 HAVING max(at) < $1 - interval %L', kind, days || ' days'), true
FROM kinds, spans WHERE kind IN ('view', 'purchase') AND days IN (30, 60, 180)
UNION ALL
SELECT format('bought over %s times', n), format('event_count(events, ''purchase'') > %s', n),
       format('SELECT customer FROM shop.event WHERE kind = ''purchase'' AND at <= $1 GROUP BY 1 HAVING count(*) > %s', n), true
FROM (VALUES (1), (3), (5), (10)) x(n)
UNION ALL
SELECT format('bought in %s only', channel), format('happened(events, ''purchase'') AND NOT happened(events, %L)', 'purchase[channel!=' || channel || ']'),
       format('SELECT customer FROM shop.event WHERE kind = ''purchase'' AND at <= $1 GROUP BY 1 HAVING bool_and(channel = %L)', channel), true
FROM (VALUES ('web'), ('app'), ('store')) x(channel)
UNION ALL
SELECT format('cart open in %s days', days), format('unanswered(events, ''cart'', ''purchase'', same => ''category'', last => %L)', days || ' days'),
       format('SELECT DISTINCT customer FROM shop.event a WHERE kind = ''cart'' AND at > $1 - interval %L AND at <= $1 AND NOT EXISTS (SELECT FROM shop.event p WHERE p.customer = a.customer AND p.kind = ''purchase'' AND p.category = a.category AND p.at > a.at AND p.at <= $1)', days || ' days'), true
FROM spans WHERE days IN (7, 30)
UNION ALL
SELECT 'lives in ' || city, format('city = %L', city), format('SELECT id FROM shop.person WHERE city = %L', city), false
FROM unnest('{Brno,Bern,Graz,Linz,Nice,Gent,Oslo,Turku}'::text[]) city
UNION ALL
SELECT format('joined %s days ago', days), format('within_last(registered_at, %L)', days || ' days'),
       format('SELECT id FROM shop.person WHERE since > $1 - interval %L AND since <= $1', days || ' days'), false
FROM spans
UNION ALL
SELECT format('with us for %s', span), format('older_than(registered_at, %L)', span), format('SELECT id FROM shop.person WHERE since <= $1 - interval %L', span), false
FROM unnest('{1 month,3 months,6 months,1 year,2 years,3 years}'::text[]) span
UNION ALL
SELECT format('birthday, %s days around', n), format('is_anniversary(birth_date, before => %s, after => %s)', n, n),
       format('SELECT id FROM shop.person WHERE born NOT IN (''1969-12-31'', ''1970-01-01'') AND (SELECT bool_or(($1 AT TIME ZONE ''UTC'')::date BETWEEN d - %1$s AND d + %1$s) FROM generate_series(-1, 1) y, LATERAL (SELECT (born + make_interval(years => extract(year FROM $1)::int + y - extract(year FROM born)::int))::date AS d) x WHERE d > born)', n), false
FROM (VALUES (0), (3), (7)) x(n)
UNION ALL
SELECT 'bought at least ' || n, format('frequency >= %s', n), format('SELECT customer FROM shop.event WHERE kind = ''purchase'' AND at <= $1 GROUP BY 1 HAVING count(*) >= %s', n), false
FROM (VALUES (1), (2), (3), (5), (8)) x(n)
UNION ALL
SELECT 'worth over ' || n, format('monetary > %s', n),
       format('SELECT customer FROM shop.event WHERE kind IN (''purchase'', ''refund'') AND at <= $1 GROUP BY 1 HAVING coalesce(sum(amount) FILTER (WHERE kind = ''purchase''), 0) - coalesce(sum(amount) FILTER (WHERE kind = ''refund''), 0) > %s', n), false
FROM (VALUES (10), (50), (100), (200), (300), (400)) x(n)
UNION ALL
SELECT format('bought less than %s days ago', n), format('recency < %s', n),
       format('SELECT customer FROM shop.event WHERE kind = ''purchase'' AND at <= $1 GROUP BY 1 HAVING floor(extract(epoch FROM $1 - max(at)) / 86400) < %s', n), false
FROM (VALUES (5), (10), (20), (45), (100), (365)) x(n)
UNION ALL
SELECT format('%s, worth over %s', city, n), format('city = %L AND monetary > %s', city, n),
       format('SELECT customer FROM shop.event JOIN shop.person p ON p.id = customer WHERE p.city = %L AND kind IN (''purchase'', ''refund'') AND at <= $1 GROUP BY 1 HAVING coalesce(sum(amount) FILTER (WHERE kind = ''purchase''), 0) - coalesce(sum(amount) FILTER (WHERE kind = ''refund''), 0) > %s', city, n), false
FROM unnest('{Brno,Bern,Graz,Linz,Nice}'::text[]) city, (VALUES (50), (150)) x(n)
UNION ALL
SELECT format('top %s percent', n), format('frequency >= top_percent(''frequency'', %s)', n),
       format('WITH f AS (SELECT p.id, count(e.customer) AS f FROM shop.person p LEFT JOIN shop.event e ON e.customer = p.id AND e.kind = ''purchase'' AND e.at <= $1 GROUP BY 1) SELECT id FROM f WHERE f >= (SELECT f FROM f ORDER BY f DESC OFFSET (SELECT ceil(count(*) * %s / 100.0)::int - 1 FROM f) LIMIT 1)', n), false
FROM (VALUES (1), (5), (10), (20)) x(n)
UNION ALL
SELECT format('born since %s', year), format('birth_date >= %L', year || '-01-01'), format('SELECT id FROM shop.person WHERE born >= %L AND born NOT IN (''1969-12-31'', ''1970-01-01'')', year || '-01-01'), false
FROM (VALUES (1960), (1970), (1980), (1990)) x(year)
UNION ALL
SELECT format('%s, joined lately', city), format('in_segment(customer_id, %L) AND within_last(registered_at, ''60 days'')', 'lives in ' || city),
       format('SELECT id FROM shop.person WHERE city = %L AND since > $1 - interval ''60 days'' AND since <= $1', city), false
FROM unnest('{Brno,Bern,Graz,Linz,Nice,Gent}'::text[]) city;
