SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
--
-- Tags from texts, and scores weighed against everybody's
--
SET client_min_messages = warning; DROP SCHEMA IF EXISTS review_shop CASCADE; RESET client_min_messages;
CREATE SCHEMA review_shop;
SET TimeZone = 'UTC';
\set SHOW_CONTEXT never

-- words: stems of a language, dictionaries of ICU where no blanks part words
SELECT text_words('The batteries died; battery life is poor. 12 hours, see http://example.org or me@example.org', 'english');
SELECT text_words('我们觉得这个电池续航太差了，屏幕很好。iPhone手机');
SELECT text_words('このバッテリーは東京で買いました。');
SELECT text_words('배터리가 빨리 닳아요');
SELECT text_words(''), text_words('... 1 2 3'), text_words(NULL);

-- topics: named lists of keywords
SELECT add_topic('battery', ARRAY['battery life', 'charger', '电池', 'バッテリー', '배터리'], 'english');
SELECT add_topic('screen', ARRAY['screen', 'display', '屏幕'], 'english', 'What is seen');
SELECT add_topic('service.delivery', ARRAY['courier', 'delivered late', '快递']);
SELECT text, text_topics(text) FROM (VALUES
    ('Poor BATTERY LIFE'), ('life of the battery'), ('two chargers'), ('電池不行'), ('我的快遞呢'), ('delivered very late'), ('Screens and couriers'), ('the courier')) v(text);
SELECT text_topics('the courier dropped the screen', ARRAY['service.*']);
SELECT add_topic('battery', ARRAY['x1']);
SELECT add_topic('empty', ARRAY['the'], 'english');
SELECT add_topic('empty', '{}');
SELECT alter_topic('batery', ARRAY['x1']);
SELECT drop_topic('screan');

-- customers who write
CREATE TABLE review_shop.account (id int PRIMARY KEY, name text, work text);
CREATE TABLE review_shop.event (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int, at timestamptz, what text, category text, words text);
INSERT INTO review_shop.account SELECT i, 'Person ' || i, (ARRAY['Design of screens', 'Courier', NULL])[1 + i % 3] FROM generate_series(1, 60) i;
INSERT INTO review_shop.event (account, at, what, category, words)
SELECT i, '2026-01-01'::timestamptz + i * interval '1 hour', 'review', NULL,
       CASE WHEN i % 2 = 0 THEN 'The battery of this phone is good' ELSE '手机的电池很耐用' END FROM generate_series(1, 60) i
UNION ALL SELECT i, '2026-02-01', 'review', NULL, 'Hiking boots, hiking socks, a tent' FROM generate_series(1, 3) i
UNION ALL SELECT 1, '2026-02-02', 'review', NULL, 'Boots and tents again, with one rare wurzelpeter'
UNION ALL SELECT i, '2026-01-03', 'view', CASE WHEN i % 10 = 0 AND n = 1 THEN 'rare' WHEN i <= 3 AND n > 1 THEN 'tea' ELSE 'common' END, NULL
    FROM generate_series(1, 60) i, generate_series(1, 8) n;
SELECT add_source('shop', 'review_shop.account', 'id', '{"full_name": "name", "occupation": "work"}') IS NOT NULL AS added;
SELECT count(*) AS customers FROM (SELECT resolve()) r;
SELECT add_event_source('shop', 'review_shop.event', 'shop', 'account', 'at', 'what', event_id => 'id',
                        properties => '{"category": "category", "text": "words"}') IS NOT NULL AS added;
SELECT count(*) AS refreshed FROM (SELECT refresh_timelines()) r;
CREATE VIEW review_shop.who AS SELECT r.key::int AS id, r.customer_id FROM customer_data.source_record r;

SELECT add_tag('about', $$topics(events, 'review', 'text')$$, 'text');
SELECT add_tag('work', 'text_topics(occupation)', 'text');
SELECT add_tag('says', $$word_counts(events, 'review', 'text', 'english')$$, 'text', weighing => 'tfidf', top => 3);
SELECT add_tag('taste.share', $$value_counts(events, 'view', 'category')$$, 'affinity', weighing => 'share');
SELECT add_tag('taste.tfidf', $$value_counts(events, 'view', 'category')$$, 'affinity', weighing => 'tfidf');
SELECT add_tag('taste.lift', $$value_counts(events, 'view', 'category')$$, 'affinity', weighing => 'lift');
SELECT add_tag('taste.sure', $$value_counts(events, 'view', 'category')$$, 'affinity', weighing => 'lift_low');
SELECT add_tag('x', 'frequency', 'metric', weighing => 'lift');
SELECT add_tag('x', $$value_counts(events, 'view', 'category')$$, 'affinity', weighing => 'guess');
SELECT add_tag('x', $$value_counts(events, 'view', 'category')$$, 'affinity', weighing => 'lift', prior => 0);
SELECT failed FROM refresh_metrics();
SELECT failed FROM refresh_tags();
SELECT w.id, t.path, round(t.score::numeric, 3) AS score
FROM customer_tag c JOIN review_shop.who w USING (customer_id), tags(c.tags) t
WHERE w.id IN (1, 2, 10) ORDER BY w.id, t.path;

-- the formulas, in plain SQL
WITH n AS (SELECT account, category, count(*)::float8 AS n FROM review_shop.event WHERE what = 'view' GROUP BY 1, 2),
total AS (SELECT account, sum(n) AS total FROM n GROUP BY 1),
population AS (SELECT category, count(*) AS customers, sum(n / total) / (SELECT count(*) FROM total) AS share FROM n JOIN total USING (account) GROUP BY 1),
expected AS (SELECT account, category, n / (total + 3) AS share,
                    n / (total + 3) * ln((1.0 + (SELECT count(*) FROM total)) / (1.0 + customers)) AS tfidf,
                    (n + 3) / (total * share + 3) AS lift, (n + 3) / (total * share + 3) / exp(1.959964 / sqrt(n + 3)) AS low
             FROM n JOIN total USING (account) JOIN population USING (category))
SELECT count(*) AS compared,
       count(*) FILTER (WHERE abs(tag_score(c.tags, 'taste.share.' || category) - share) > 1e-6) AS share,
       count(*) FILTER (WHERE abs(coalesce(tag_score(c.tags, 'taste.tfidf.' || category), 0) - tfidf) > 1e-6) AS tfidf,
       count(*) FILTER (WHERE abs(coalesce(tag_score(c.tags, 'taste.lift.' || category), 1) - greatest(lift, 1)) > 1e-6) AS lift,
       count(*) FILTER (WHERE abs(coalesce(tag_score(c.tags, 'taste.sure.' || category), 1) - greatest(low, 1)) > 1e-6) AS low
FROM expected e JOIN review_shop.who w ON w.id = e.account JOIN customer_tag c USING (customer_id);

-- what a score rests on
SELECT tag, count, round(share::numeric, 3) AS share, customers, round(population_share::numeric, 4) AS population_share,
       round(tfidf::numeric, 3) AS tfidf, round(lift::numeric, 2) AS lift, round(lift_low::numeric, 2) AS low, round(lift_high::numeric, 2) AS high
FROM explain_weighing((SELECT customer_id FROM review_shop.who WHERE id = 1), 'taste.lift');
SELECT tag, count, round(lift::numeric, 2) AS lift FROM explain_weighing((SELECT customer_id FROM review_shop.who WHERE id = 1), 'taste.lift.tea');
SELECT explain_weighing(0, 'about');

-- a changed topic reaches everyone at the next refresh, a rebuild changes nothing
SELECT alter_topic('screen', ARRAY['tent']);
SELECT failed FROM refresh_tags();
SELECT count(*) FROM customer_tag WHERE has_tag(tags, 'about.screen');
SELECT drop_topic('screen');
SELECT failed FROM refresh_tags();
SELECT count(*) FROM customer_tag WHERE has_tag(tags, 'about.screen');
CREATE TEMP TABLE before AS SELECT * FROM customer_tag;
SELECT failed FROM refresh_tags(rebuild => true);
SELECT count(*) AS changed FROM before b FULL JOIN customer_tag c USING (customer_id) WHERE b.tags IS DISTINCT FROM c.tags;

-- the population is learned anew when it has grown by more than a fifth
SELECT t.path, s.customers, s.everyone FROM tag_population_state s JOIN tag t USING (tag_id) ORDER BY 1;
INSERT INTO review_shop.account SELECT i, 'Person ' || i FROM generate_series(61, 80) i;
INSERT INTO review_shop.event (account, at, what, category) SELECT i, '2026-01-03', 'view', 'tea' FROM generate_series(61, 80) i;
SELECT count(*) AS customers FROM (SELECT resolve()) r;
SELECT count(*) AS refreshed FROM (SELECT refresh_timelines()) r;
SELECT failed FROM refresh_metrics();
SELECT failed FROM refresh_tags();
SELECT t.path, s.customers, s.everyone FROM tag_population_state s JOIN tag t USING (tag_id) ORDER BY 1;
SELECT train_tag('taste.lift'), train_tag('says');
SELECT train_tag('about');
