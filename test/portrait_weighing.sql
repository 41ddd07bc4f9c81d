-- Ready-made metrics, and affinities in each weighing, on random events (some
-- refunds, some without a category, ties, customers who did nothing) equal
-- plain SQL over the source tables.
SELECT plan(6);
SET search_path = public, customer_data;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
\set seed 11
\ir include/seed.sql

CREATE TABLE account (id int PRIMARY KEY, name text);
CREATE TABLE event (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int, at timestamptz, what text, amount float8, category text, channel text, loaded_by xid8 DEFAULT pg_current_xact_id());
INSERT INTO account SELECT i, 'name ' || i FROM generate_series(1, 300) i;
INSERT INTO event (account, at, what, amount, category, channel)
SELECT 1 + floor(random() ^ 2 * 280), now() - floor(random() ^ 2 * 5000) * interval '1 hour' - interval '1 minute',
       (ARRAY['purchase', 'purchase', 'view', 'cart', 'refund'])[1 + floor(random() * 5)], round((random() * 100)::numeric, 2),
       (ARRAY['tea', 'tea', 'tea', 'outdoor', 'outdoor', '茶', 'home.garden', '🎁', NULL])[1 + floor(random() * 9)],
       (ARRAY['web', 'app', NULL])[1 + floor(random() * 3)]
FROM generate_series(1, 3000);
SELECT add_source('shop', 'account', 'id', '{"full_name": "name"}') \g /dev/null
SELECT resolve() \g /dev/null
SELECT add_event_source('shop', 'event', 'shop', 'account', 'at', 'what', value => 'amount', event_id => 'id',
                        properties => '{"category": "category", "channel": "channel"}') \g /dev/null
SELECT refresh_timelines() \g /dev/null
SELECT add_tag('plain', $$affinity(events, 'purchase|view', 'category', prior => 2, top => 100)$$, 'affinity') \g /dev/null
SELECT add_tag('share', $$value_counts(events, 'purchase|view', 'category')$$, 'affinity', weighing => 'share', prior => 2, top => 100) \g /dev/null
SELECT add_tag('tfidf', $$value_counts(events, 'purchase|view', 'category')$$, 'affinity', weighing => 'tfidf', prior => 2, top => 100) \g /dev/null
SELECT add_tag('lift', $$value_counts(events, 'purchase|view', 'category')$$, 'affinity', weighing => 'lift', prior => 2, top => 100) \g /dev/null
SELECT add_tag('low', $$value_counts(events, 'purchase|view', 'category')$$, 'affinity', weighing => 'lift_low', prior => 2, top => 100) \g /dev/null
SELECT add_tag('faded', $$affinity(events, '*', 'category', half_life => '30 days', prior => 1, top => 100)$$, 'affinity') \g /dev/null
SELECT add_tag('worth', $$monetary$$, 'metric', min_score => 50) \g /dev/null
SELECT add_tag('danger', $$inactivity > 100$$, 'risk') \g /dev/null
SELECT refresh_metrics() \g /dev/null
SELECT refresh_tags() \g /dev/null
SELECT is((SELECT string_agg(error, '; ') FROM (SELECT error FROM metric_state UNION ALL SELECT error FROM tag_state) x), NULL, 'nothing failed');

CREATE TEMP VIEW ours AS SELECT r.key::int AS account, m.*, t.tags FROM source_record r JOIN customer_metric m USING (customer_id) LEFT JOIN customer_tag t USING (customer_id);
CREATE TEMP VIEW theirs AS
SELECT a.id AS account, count(*) FILTER (WHERE what = 'purchase')::float8 AS frequency,
       coalesce(sum(CASE what WHEN 'purchase' THEN amount WHEN 'refund' THEN -amount END), 0) AS monetary,
       avg(amount) FILTER (WHERE what = 'purchase') AS average_order,
       extract(epoch FROM max(at) FILTER (WHERE what = 'purchase') - min(at) FILTER (WHERE what = 'purchase'))::float8 / 86400
           / nullif(count(*) FILTER (WHERE what = 'purchase') - 1, 0) AS interpurchase_time,
       count(DISTINCT at::date)::float8 AS active_days,
       count(*) FILTER (WHERE what = 'refund')::float8 / nullif(count(*) FILTER (WHERE what = 'purchase'), 0) AS return_rate,
       min(at) AS customer_since, max(at) AS last_event_at, max(at) FILTER (WHERE what = 'purchase') AS last_purchase_at,
       (SELECT count(*) FILTER (WHERE extract(hour FROM h.at) = o.favourite_hour) = max(n) AND min(hour) FILTER (WHERE n = most) = o.favourite_hour
        FROM (SELECT at, extract(hour FROM at) AS hour, count(*) OVER (PARTITION BY extract(hour FROM at)) AS n FROM event WHERE account = a.id) h,
             LATERAL (SELECT max(c) AS most FROM (SELECT count(*) AS c FROM event WHERE account = a.id GROUP BY extract(hour FROM at)) y) z
        ) IS NOT FALSE AS hour_is_right,
       (SELECT category FROM event e WHERE e.account = a.id AND what IN ('view', 'cart', 'purchase') AND category IS NOT NULL
        GROUP BY 1 ORDER BY count(*) DESC, max(at) DESC, category COLLATE "C" LIMIT 1) AS favourite_category,
       (SELECT channel FROM event e WHERE e.account = a.id AND channel IS NOT NULL
        GROUP BY 1 ORDER BY count(*) DESC, max(at) DESC, channel COLLATE "C" LIMIT 1) AS favourite_channel
FROM account a JOIN ours o ON o.account = a.id LEFT JOIN event e ON e.account = a.id
GROUP BY a.id, o.favourite_hour;
SELECT is((SELECT string_agg(format('%s: %s, stored %s', t.account, t, o), E'\n') FROM theirs t JOIN ours o USING (account)
           WHERE (t.frequency, nullif(t.active_days, 0), t.customer_since, t.last_event_at, t.last_purchase_at, t.favourite_category, t.favourite_channel)
                 IS DISTINCT FROM (o.frequency, nullif(o.active_days, 0), o.customer_since, o.last_event_at, o.last_purchase_at, o.favourite_category, o.favourite_channel)
              OR (t.average_order IS NULL) <> (o.average_order IS NULL) OR abs(t.average_order - o.average_order) > 1e-9
              OR (t.interpurchase_time IS NULL) <> (o.interpurchase_time IS NULL) OR abs(t.interpurchase_time - o.interpurchase_time) > 1e-9
              OR (t.return_rate IS NULL) <> (o.return_rate IS NULL) OR abs(t.return_rate - o.return_rate) > 1e-9
              OR abs(t.monetary - o.monetary) > 1e-6 OR NOT t.hour_is_right), NULL, 'ready-made metrics are what the source table says');
SELECT is((SELECT count(*) FROM ours), (SELECT count(*) FROM account), 'of everyone');

CREATE TEMP TABLE counted AS
SELECT account, category, count(*)::float8 AS n, sum(count(*)) OVER (PARTITION BY account)::float8 AS total
FROM event WHERE what IN ('purchase', 'view') AND category IS NOT NULL GROUP BY 1, 2;
CREATE TEMP TABLE scored AS
WITH population AS (SELECT count(DISTINCT account) AS everyone FROM counted),
     value AS (SELECT category, count(*) AS customers, sum(n / total) / (SELECT everyone FROM population) AS mean FROM counted GROUP BY 1)
SELECT c.account, w.root || '.' || replace(c.category, '.', '_') AS path, w.score
FROM counted c JOIN value v USING (category), population p,
     LATERAL (SELECT (n + 2) / (total * v.mean + 2) AS lift) l,
     LATERAL (VALUES ('plain', n / (total + 2)), ('share', n / (total + 2)),
                     ('tfidf', n / (total + 2) * ln((1.0 + p.everyone) / (1.0 + v.customers))),
                     ('lift', lift), ('low', lift * exp(-1.96 / sqrt(n + 2)))) w (root, score)
UNION ALL
SELECT e.account, 'faded.' || replace(e.category, '.', '_'), sum(e.weight) / (max(e.total) + 1)
FROM (SELECT x.*, sum(weight) OVER (PARTITION BY account) AS total
      FROM (SELECT account, category, 2 ^ (-extract(epoch FROM max(at) OVER (PARTITION BY account) - at)::float8 / 86400 / 30) AS weight FROM event) x
      WHERE category IS NOT NULL) e
GROUP BY 1, 2;
CREATE TEMP TABLE kept AS SELECT o.account, g.path, g.score FROM ours o, tags(o.tags) g;
SELECT is((SELECT string_agg(format('%s %s: %s, stored %s', account, path, s.score, k.score), E'\n')
           FROM scored s FULL JOIN (SELECT * FROM kept WHERE path ~ '^(plain|share|tfidf|lift|low|faded)\.') k USING (account, path)
           -- a lift of up to 1 says nothing
           WHERE coalesce(s.score > CASE WHEN path ~ '^l' THEN 1 ELSE 0 END, false) <> (k.score IS NOT NULL) OR abs(s.score - k.score) > 1e-4 * (1 + s.score)), NULL,
          'affinities are what their formulas say in each weighing');
SELECT is((SELECT string_agg(t.account || ': ' || t.monetary, '; ') FROM theirs t LEFT JOIN kept k ON k.account = t.account AND k.path = 'worth'
           WHERE t.monetary >= 50 IS DISTINCT FROM (k.score IS NOT NULL) OR abs(t.monetary - k.score) > 1e-4 * t.monetary), NULL, 'a metric with a threshold');
SELECT is((SELECT string_agg(t.account::text, '; ') FROM theirs t LEFT JOIN kept k ON k.account = t.account AND k.path = 'danger'
           WHERE coalesce(extract(epoch FROM now() - t.last_event_at) >= 101 * 86400, false) <> (k.score IS NOT NULL)), NULL, 'a risk');
SELECT * FROM finish();
