-- Decayed scores and affinities of many tags, computed in one walk over each
-- timeline, are what decayed_sum() and affinity() say of each, and what plain SQL says.
SELECT plan(14);
SET search_path = public, customer_data;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
\set seed 5
\ir include/seed.sql

CREATE TABLE account (id int PRIMARY KEY);
INSERT INTO account SELECT generate_series(1, 300);
-- Properties that are texts, numbers, truth values or all of these, kinds that begin alike.
CREATE TABLE every_event AS
SELECT n AS id, 1 + floor(random() * 290)::int AS account, '2026-01-01'::timestamptz - random() * interval '90 days' AS at,
       (ARRAY['view', 'view_page', 'purchase', 'cart'])[1 + floor(random() * 4)] AS what,
       (ARRAY['"tea"', '"outdoor"', '"5"', '"t ea"', NULL])[1 + floor(random() * 5)]::jsonb AS category,
       (ARRAY['"5"', '5', '5.0', 'true', '"x"', NULL, '{"a": 1}'])[1 + floor(random() * 7)]::jsonb AS mixed,
       -- Some are no labels as they are, some become the same one.
       (ARRAY['a.b', 'a_b', ' a', 'a ', '', '*', 'plain', 'red', 'blue', 'green', repeat('long', 40), E'a\tb', '茶'])[1 + floor(random() * (2 + n % 12))] AS odd
FROM generate_series(1, 4000) n;
-- They come in three parts: of some accounts later and later ones, of others at random.
CREATE TABLE event AS SELECT *, pg_current_xact_id() AS loaded_by FROM every_event
WHERE CASE WHEN account % 3 = 0 THEN id % 3 = 0 ELSE at < '2025-11-15' END;
ALTER TABLE event ALTER loaded_by SET DEFAULT pg_current_xact_id();
CREATE INDEX ON event (loaded_by);
SELECT add_source('shop', 'account', 'id', '{"cookie_id": "id::text"}', kind => 'anonymous') \g /dev/null
SELECT resolve() \g /dev/null
SELECT add_event_source('shop', 'event', 'shop', 'account', 'at', 'what', properties => '{"category": "category", "mixed": "mixed", "odd": "odd"}') \g /dev/null
SELECT refresh_timelines() \g /dev/null
INSERT INTO event SELECT * FROM every_event WHERE CASE WHEN account % 3 = 0 THEN id % 3 = 1 ELSE at >= '2025-11-15' AND at < '2025-12-15' END;
SELECT refresh_timelines() \g /dev/null
INSERT INTO event SELECT * FROM every_event WHERE CASE WHEN account % 3 = 0 THEN id % 3 = 2 ELSE at >= '2025-12-15' END;
SELECT refresh_timelines() \g /dev/null
SELECT is((SELECT count(*) > 100 FROM (SELECT record_id FROM timeline_chunk GROUP BY 1 HAVING count(*) = 3) r), true, 'timelines come in parts');
-- Some records are found by the index alone, some pages are looked at.
VACUUM source_record;
UPDATE source_record SET changed_at = now() WHERE customer_id <= 40;

CREATE TABLE asked (n int GENERATED ALWAYS AS IDENTITY, pattern event_pattern, half_life interval);
INSERT INTO asked (pattern, half_life)
SELECT p.pattern::event_pattern, h.half_life
FROM unnest(ARRAY['*', 'view', 'view*', 'view|cart', 'view[category=tea]', 'view[category=tea]|purchase', 'view*[category=tea]', '*[category=tea]',
    '*[category=5]', '*[category in (tea, outdoor)]', '*[category in (tea, tea)]', '*[category in (tea, outdoor)]|nothing', '*[category=''t ea'']',
    '*[mixed=5]', '*[mixed=true]', 'purchase[mixed=x]', 'purchase[mixed=x]|cart[category=tea]', '*[category!=tea]', '*[!category]', '*[category~''t*'']',
    'view|view', 'view|*[category=tea]', '*[category=tea, mixed=5]', '*[value>3]', '*[other=tea]', 'cart[category=outdoor]|cart']) p(pattern)
CROSS JOIN unnest(ARRAY['10 days', '1 day']::interval[]) h(half_life);
SELECT add_tag('score.t' || n, format('decayed_sum(events, %L, %L)', pattern::text, half_life::text), 'behaviour', half_life => half_life, min_score => 0.0001) FROM asked \g /dev/null
SELECT add_tag('both', $$decayed_sum(events, 'view', '10 days') + 3 * decayed_sum(events, 'purchase[category=tea]', '10 days')$$, 'behaviour', half_life => '10 days', min_score => 0.0001) \g /dev/null
CREATE TABLE liked (n int GENERATED ALWAYS AS IDENTITY, pattern event_pattern, property text, half_life interval, prior float8, top int);
INSERT INTO liked (pattern, property, half_life, prior, top)
SELECT p.pattern::event_pattern, o.property, h.half_life, o.prior, o.top
FROM unnest(ARRAY['*', 'view', 'view*', 'view|cart', 'purchase|nothing', 'view*|cart', '*[category=tea]', 'nothing']) p(pattern)
CROSS JOIN (VALUES ('category', 3, 25), ('category', 0, 2), ('mixed', 3, 10), ('odd', 1.5, 25), ('odd', 3, 3), ('none', 3, 10)) o(property, prior, top)
CROSS JOIN (VALUES (NULL::interval), ('10 days')) h(half_life)
WHERE h.half_life IS NULL OR o.top > 3;
SELECT add_tag('like.t' || n, format('affinity(events, %L, %L, %L, %L, %L)', pattern::text, property, half_life::text, prior, top), 'affinity') FROM liked \g /dev/null
SET customer_data.as_of = '2026-01-01';
SELECT bring_metrics(false) \g /dev/null
SELECT failed FROM bring_tags(false) \gset
SELECT is(:failed, 0, 'no tag fails');

CREATE TEMP TABLE compared AS
SELECT a.n, a.pattern, c.customer_id, tag_score(t.tags, 'score.t' || a.n) AS kept, decayed_sum(customer_events(c.customer_id), a.pattern, a.half_life) AS direct
FROM asked a CROSS JOIN customer c LEFT JOIN customer_tag t USING (customer_id);
SELECT is((SELECT array_agg(DISTINCT pattern::text) FROM compared
           WHERE abs(coalesce(kept, 0) - direct) > 1e-5 * direct + 0.00011 OR kept IS NULL AND direct > 0.00011), NULL, 'each score is that of its pattern alone');
SELECT ok((SELECT count(DISTINCT n) FROM compared WHERE direct > 0.01) >= 36, 'most patterns find something');
SELECT is((SELECT count(*) FROM customer c LEFT JOIN customer_tag t USING (customer_id)
           JOIN (SELECT r.customer_id, sum(CASE WHEN e.what = 'view' THEN 1 WHEN e.what = 'purchase' AND e.category = '"tea"' THEN 3 END
                                           * 2 ^ (-extract(epoch FROM as_of() - e.at)::float8 / 86400 / 10)) AS score
                 FROM event e JOIN source_record r ON r.key = e.account::text GROUP BY 1) e USING (customer_id)
           WHERE abs(coalesce(tag_score(t.tags, 'both'), 0) - coalesce(e.score, 0)) > 1e-5 * e.score + 0.00011), 0::bigint, 'and sums of them are what plain SQL says');

CREATE TEMP VIEW found AS
SELECT l.n, c.customer_id, split_part(g.path, '.', 3) AS label, g.score
FROM customer c JOIN customer_tag t USING (customer_id), tags(t.tags) g JOIN liked l ON l.n = substring(g.path FROM '^like\.t(\d+)\.')::int;
CREATE TEMP VIEW alone AS
SELECT l.n, c.customer_id, a.path AS label, a.score
FROM liked l CROSS JOIN customer c, tags(affinity(customer_events(c.customer_id), l.pattern, l.property, l.half_life, l.prior, l.top)) a;
SELECT is((SELECT array_agg(DISTINCT n) FROM (TABLE found EXCEPT ALL TABLE alone) x), NULL, 'no affinity is found but what its call alone says');
SELECT is((SELECT array_agg(DISTINCT n) FROM (TABLE alone EXCEPT ALL TABLE found) x), NULL, 'and all of that is');
SELECT ok((SELECT count(DISTINCT n) FROM found) >= 55, 'most affinities find something');
SELECT is((SELECT count(*) FROM (
               SELECT r.customer_id, e.category #>> '{}' AS label,
                      count(*) / (sum(count(*)) OVER (PARTITION BY r.customer_id) + 3.0) AS score
               FROM event e JOIN source_record r ON r.key = e.account::text WHERE e.category IS NOT NULL GROUP BY 1, 2) x
           FULL JOIN (SELECT f.* FROM found f JOIN liked l USING (n) WHERE l.pattern::text = '*' AND l.property = 'category' AND l.half_life IS NULL AND l.top = 25) f
               USING (customer_id, label)
           WHERE abs(x.score - f.score) < 1e-6 IS NOT TRUE), 0::bigint, 'an affinity of all events is the share that plain SQL counts');

-- The same of few customers that are far from each other.
INSERT INTO event (id, account, at, what, category, mixed, odd)
SELECT 10000 + n, n * 20, '2025-12-31', 'view', '"tea"', '5', 'green' FROM generate_series(1, 14) n;
RESET customer_data.as_of;
SELECT refresh_timelines() \g /dev/null
SET customer_data.as_of = '2026-01-01';
SELECT bring_metrics(false) \g /dev/null
SELECT (bring_tags(false)).customers AS few \gset
SELECT is(:few, 14, 'few have other tags after few events');
SELECT is((SELECT array_agg(DISTINCT n) FROM ((TABLE found EXCEPT ALL TABLE alone) UNION ALL (TABLE alone EXCEPT ALL TABLE found)) x), NULL, 'and they are what they are alone');

-- Where nothing else looks at events, timelines stay in parts.
DELETE FROM tag;
DELETE FROM customer_tag;
SELECT add_tag('score.t' || n, format('decayed_sum(events, %L, %L)', pattern::text, half_life::text), 'behaviour', half_life => half_life, min_score => 0.0001)
FROM asked WHERE pattern::text IN ('*', 'view', 'view*', 'view|cart', 'view[category=tea]', '*[category=5]', '*[mixed=5]', '*[other=tea]') \g /dev/null
SELECT add_tag('like.t' || n, format('affinity(events, %L, %L, %L, %L, %L)', pattern::text, property, half_life::text, prior, top), 'affinity')
FROM liked WHERE half_life IS NULL AND pattern::text NOT IN ('*[category=tea]') \g /dev/null
SELECT failed FROM bring_tags(false) \gset
SELECT is(:failed, 0, 'again no tag fails');
SELECT is((SELECT array_agg(DISTINCT a.pattern::text) FROM asked a JOIN tag d ON d.path = 'score.t' || a.n CROSS JOIN customer c LEFT JOIN customer_tag t USING (customer_id),
                  LATERAL (SELECT tag_score(t.tags, d.path) AS kept, decayed_sum(customer_events(c.customer_id), a.pattern, a.half_life) AS direct) s
           WHERE abs(coalesce(kept, 0) - direct) > 1e-5 * direct + 0.00011 OR kept IS NULL AND direct > 0.00011), NULL, 'scores of timelines in parts are those of the whole');
SELECT is((SELECT array_agg(DISTINCT n) FROM ((TABLE found EXCEPT ALL (SELECT a.* FROM alone a JOIN tag d ON d.path = 'like.t' || a.n))
                                              UNION ALL ((SELECT a.* FROM alone a JOIN tag d ON d.path = 'like.t' || a.n) EXCEPT ALL TABLE found)) x), NULL, 'and so are affinities');
SELECT * FROM finish();
