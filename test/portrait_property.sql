-- Metrics and tags, refreshed step by step while events come (late and dated
-- ahead), change and go, tags are given and taken, customers come, merge and
-- split and the clock steps on, equal plain SQL over the source tables after
-- every step, and equal a full rebuild.
SELECT plan(4);
SET search_path = public, customer_data;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
\set seed 23
\ir include/seed.sql

CREATE TABLE account (id int PRIMARY KEY, name text, joined timestamptz);
CREATE TABLE event (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int, at timestamptz, what text, amount float8, category text);
INSERT INTO account SELECT i, 'name ' || i, '2026-01-01'::timestamptz - random() * interval '20 days' FROM generate_series(1, 30) i;
SELECT add_source('shop', 'account', 'id', '{"full_name": "name", "registered_at": "joined"}') \g /dev/null
SELECT resolve() \g /dev/null
SELECT add_event_source('shop', 'event', 'shop', 'account', 'at', 'what', value => 'amount', event_id => 'id',
                        properties => '{"category": "category"}', mode => 'trigger') \g /dev/null

SELECT add_metric('is_new', $$within_last(registered_at, '7 days')$$) \g /dev/null
SELECT add_metric('count_30', $$event_count(events, 'purchase', last => '30 days')$$) \g /dev/null
SELECT add_metric('sum_month', $$event_sum(events, 'purchase', last => '1 month')$$) \g /dev/null
SELECT add_metric('quiet', $$recency > 20$$) \g /dev/null
SELECT add_metric('mixed', $$CASE WHEN count_30 >= 2 THEN monetary ELSE -1 END$$) \g /dev/null
SELECT add_tag('active', $$event_count(events, '*', last => '10 days') >= 2$$) \g /dev/null
SELECT add_tag('active_and_new', $$has_tag(tags, 'active') AND is_new$$) \g /dev/null
SELECT add_tag('interest.tea', $$decayed_sum(events, 'view[category=tea]', '10 days')$$, 'behaviour', half_life => '10 days', min_score => 0.2) \g /dev/null
SELECT add_tag('keen', $$tag_score(tags, 'interest.tea') > 0.8$$) \g /dev/null
SELECT add_tag('size.big', $$count_30 > 3$$, exclusive_group => 'size') \g /dev/null
SELECT add_tag('size.given', kind => 'manual', valid_for => '6 days', exclusive_group => 'size') \g /dev/null
SELECT add_tag('size.some', $$count_30 > 0$$, exclusive_group => 'size') \g /dev/null
SELECT add_tag('told', kind => 'manual', valid_for => '9 days') \g /dev/null
SELECT add_tag('told_twice', $$has_tag(tags, 'told') AND (tags @@ 'size.given' OR active_days > 4)$$) \g /dev/null
SELECT add_metric('marks', $$has_tag(tags, 'told')::int + has_tag(tags, 'active')::int + (tags @@ 'size.*')::int$$) \g /dev/null
SELECT add_tag('marked', 'marks >= 2') \g /dev/null
SELECT add_tag('taste', $$affinity(events, 'purchase', 'category', prior => 0)$$, 'affinity') \g /dev/null

-- What the raw tables say at a moment.
CREATE FUNCTION pg_temp.expected(moment timestamptz) RETURNS TABLE (id bigint, is_new bool, count_30 float8, sum_month float8, quiet bool,
    mixed float8, monetary float8, frequency float8, last_purchase_at timestamptz, active bool, active_and_new bool, tea float8, keen bool, size text, tea_share float8,
    told bool, told_twice bool, marks float8, marked bool)
LANGUAGE sql AS $$
    WITH mine AS (SELECT r.customer_id, r.record_id, r.key::int AS account FROM source_record r WHERE r.gone_at IS NULL),
    known AS (SELECT m.customer_id, e.* FROM event e JOIN mine m USING (account) WHERE e.at <= moment),
    facts AS (
        SELECT c.customer_id AS id,
               c.registered_at > moment - interval '7 days' AND c.registered_at <= moment AS is_new,
               (SELECT count(*) FROM known e WHERE e.customer_id = c.customer_id AND what = 'purchase' AND at > moment - interval '30 days') AS count_30,
               (SELECT coalesce(sum(amount), 0) FROM known e WHERE e.customer_id = c.customer_id AND what = 'purchase' AND at > moment - interval '1 month') AS sum_month,
               (SELECT max(at) FROM known e WHERE e.customer_id = c.customer_id AND what = 'purchase') AS last_purchase_at,
               (SELECT count(*) FROM known e WHERE e.customer_id = c.customer_id AND what = 'purchase') AS frequency,
               (SELECT count(DISTINCT at::date) FROM known e WHERE e.customer_id = c.customer_id) AS active_days,
               (SELECT coalesce(sum(CASE what WHEN 'purchase' THEN amount WHEN 'refund' THEN -amount END), 0) FROM known e WHERE e.customer_id = c.customer_id) AS monetary,
               (SELECT count(*) >= 2 FROM known e WHERE e.customer_id = c.customer_id AND at > moment - interval '10 days') AS active,
               (SELECT sum(2 ^ (-extract(epoch FROM moment - at)::float8 / 86400 / 10)) FROM known e WHERE e.customer_id = c.customer_id AND what = 'view' AND category = 'tea') AS tea,
               (SELECT count(*) FILTER (WHERE category = 'tea')::float8 / nullif(count(category), 0) FROM known e WHERE e.customer_id = c.customer_id AND what = 'purchase') AS tea_share,
               (SELECT coalesce(bool_or(g.path = 'told'), false) FROM given_tag g JOIN mine m USING (record_id) WHERE m.customer_id = c.customer_id AND g.until > moment) AS told,
               (SELECT coalesce(bool_or(g.path = 'size.given'), false) FROM given_tag g JOIN mine m USING (record_id) WHERE m.customer_id = c.customer_id AND g.until > moment) AS sized
        FROM customer c),
    more AS (
        SELECT f.*, CASE WHEN f.count_30 > 3 THEN 'size.big' WHEN f.sized THEN 'size.given' WHEN f.count_30 > 0 THEN 'size.some' END AS size FROM facts f)
    SELECT f.id, f.is_new, f.count_30, f.sum_month,
           floor(extract(epoch FROM moment - f.last_purchase_at) / 86400) > 20,
           CASE WHEN f.count_30 >= 2 THEN f.monetary ELSE -1 END, f.monetary, f.frequency, f.last_purchase_at,
           f.active, f.active AND coalesce(f.is_new, false),
           CASE WHEN f.tea >= 0.2 THEN f.tea END, f.tea > 0.8, f.size, nullif(f.tea_share, 0),
           f.told, f.told AND (coalesce(f.size = 'size.given', false) OR f.active_days > 4), n.marks, n.marks >= 2
    FROM more f, LATERAL (SELECT f.told::int + f.active::int + (f.size IS NOT NULL)::int AS marks) n
$$;
-- What is stored.
CREATE FUNCTION pg_temp.stored() RETURNS TABLE (id bigint, is_new bool, count_30 float8, sum_month float8, quiet bool,
    mixed float8, monetary float8, frequency float8, last_purchase_at timestamptz, active bool, active_and_new bool, tea float8, keen bool, size text, tea_share float8,
    told bool, told_twice bool, marks float8, marked bool)
LANGUAGE sql AS $$
    SELECT c.customer_id, m.is_new, m.count_30, coalesce(m.sum_month, 0), m.quiet, m.mixed, m.monetary, m.frequency, m.last_purchase_at,
           has_tag(t.tags, 'active'), has_tag(t.tags, 'active_and_new'), tag_score(t.tags, 'interest.tea'), has_tag(t.tags, 'keen'),
           (SELECT string_agg(g.path, ',') FROM tags(t.tags) g WHERE g.path LIKE 'size.%' AND g.score_now IS NOT NULL), tag_score(t.tags, 'taste.tea'),
           has_tag(t.tags, 'told'), has_tag(t.tags, 'told_twice'), m.marks, has_tag(t.tags, 'marked')
    FROM customer c
    LEFT JOIN customer_metric m USING (customer_id)
    LEFT JOIN LATERAL (SELECT coalesce((SELECT g.tags FROM customer_tag g WHERE g.customer_id = c.customer_id), '{}') AS tags) t ON true
$$;
CREATE FUNCTION pg_temp.differences(moment timestamptz) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(format('%s: expected %s, stored %s', e.id, e, s))
    FROM pg_temp.expected(moment) e FULL JOIN pg_temp.stored() s ON s.id = e.id
    WHERE e.id IS NULL OR s.id IS NULL
       OR (e.is_new, e.count_30, e.quiet, e.frequency, e.last_purchase_at, e.active, e.active_and_new, e.size, e.told, e.told_twice, e.marks, e.marked)
          IS DISTINCT FROM (s.is_new, s.count_30, s.quiet, s.frequency, s.last_purchase_at, s.active, s.active_and_new, s.size, s.told, s.told_twice, s.marks, s.marked)
       OR abs(e.sum_month - s.sum_month) > 1e-6 OR abs(e.mixed - s.mixed) > 1e-6 OR abs(e.monetary - s.monetary) > 1e-6
       -- scores are kept in single precision and whole seconds: near a threshold either answer will do
       OR (coalesce(abs(e.tea - 0.2) > 1e-4, true) AND (e.tea IS NULL) <> (s.tea IS NULL)) OR abs(e.tea - s.tea) > 1e-4
       OR (coalesce(abs(e.tea - 0.8) > 1e-4, true) AND coalesce(e.keen, false) <> s.keen)
       OR (e.tea_share IS NULL) <> (s.tea_share IS NULL) OR abs(e.tea_share - s.tea_share) > 1e-6
$$;

CREATE FUNCTION pg_temp.add_events(n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO event (account, at, what, amount, category)
    SELECT 1 + floor(random() * (SELECT max(id) FROM account)), date_trunc('second', as_of() - (random() ^ 3 * 60 - 3) * interval '1 day'),
           (ARRAY['purchase', 'purchase', 'view', 'view', 'refund', 'click'])[1 + floor(random() * 6)],
           round((random() * 100)::numeric, 2), (ARRAY['tea', 'tea', 'outdoor', NULL])[1 + floor(random() * 4)]
    FROM generate_series(1, n)
$$;

-- Queries that the index by tag, as refreshes left it, answers otherwise than the tags do.
CREATE FUNCTION pg_temp.index_differences() RETURNS text[] LANGUAGE sql SET customer_data.recompute_past = off AS $$
    SELECT array_agg(format('%s: index %s, tags %s', q, tag_members(q), x.members))
    FROM unnest('{active,!active,"interest.tea>0.5 & !keen","interest.tea","size.* | taste.tea>=0.5","active_and_new | size.big & taste.*","told & !told_twice | size.given & marked"}'::tag_query[]) q,
         LATERAL (SELECT customer_set_agg(p.customer_id) AS members FROM profile p WHERE p.tags @@ q) x
    WHERE tag_members(q) <> x.members
$$;

-- One step; late is how much too late answers expire, to see that it shows.
CREATE FUNCTION pg_temp.run_steps(steps int, late interval) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    wrong text[] := '{}';
    found text[];
    moment timestamptz := as_of();
    dice float8;
BEGIN
    FOR i IN 1 .. steps LOOP
        dice := random();
        moment := date_trunc('second', moment) + CASE WHEN dice < 0.3 THEN random() * interval '1 hour' WHEN dice < 0.9 THEN random() * interval '3 days' ELSE random() * interval '40 days' END;
        PERFORM set_config('customer_data.as_of', moment::text, false);
        IF random() < 0.5 THEN
            PERFORM pg_temp.add_events((random() * 6)::int);
        END IF;
        IF random() < 0.1 THEN
            DELETE FROM event WHERE id = (SELECT id FROM event ORDER BY random() LIMIT 1);
        END IF;
        IF random() < 0.1 THEN
            UPDATE event SET at = at - interval '5 days', category = 'tea' WHERE id = (SELECT id FROM event ORDER BY random() LIMIT 1);
        END IF;
        PERFORM set_config('customer_data.as_of', '', false);
        IF random() < 0.1 THEN
            INSERT INTO account SELECT max(id) + 1, 'name ' || max(id) + 1, date_trunc('second', moment + (random() * 2 - 1) * interval '5 days') FROM account;
            PERFORM resolve();
        END IF;
        -- Some are found to be one, and not to be one after all.
        IF random() < 0.08 THEN
            PERFORM must_link('shop', min(id)::text, 'shop', max(id)::text) FROM (SELECT id FROM account ORDER BY random() LIMIT 2) x;
        ELSIF random() < 0.05 THEN
            DELETE FROM match_decision WHERE ctid = (SELECT ctid FROM match_decision ORDER BY random() LIMIT 1);
            PERFORM resolve(rebuild => true);
        END IF;
        IF random() < 0.3 THEN
            PERFORM tag_customer(customer_id, (ARRAY['told', 'size.given'])[1 + floor(random() * 2)], at => date_trunc('second', moment)) FROM (SELECT customer_id FROM customer ORDER BY random() LIMIT 2) c;
        ELSIF random() < 0.1 THEN
            PERFORM untag_customer(x.customer_id, x.path) FROM (SELECT r.customer_id, g.path FROM given_tag g JOIN source_record r USING (record_id) ORDER BY random() LIMIT 1) x;
        END IF;
        PERFORM refresh_timelines();
        PERFORM set_config('customer_data.as_of', moment::text, false);
        PERFORM bring_metrics(false);
        PERFORM bring_tags(false);
        UPDATE metric_due SET due = due + late WHERE late > interval '0';
        UPDATE tag_due SET due = due + late WHERE late > interval '0';
        found := coalesce(pg_temp.differences(moment), pg_temp.index_differences());
        IF found IS NOT NULL THEN
            wrong := wrong || format('step %s, at %s: %s', i, moment, found[1]);
            EXIT WHEN cardinality(wrong) >= 3;
        END IF;
    END LOOP;
    RETURN wrong;
END
$$;
CREATE FUNCTION pg_temp.step_count() RETURNS int LANGUAGE sql AS $$
    SELECT CASE current_setting('test.long', true) WHEN 'on' THEN 10000 ELSE 80 END
$$;

SET customer_data.as_of = '2026-01-01';
SELECT pg_temp.add_events(200) \g /dev/null
SELECT is(pg_temp.run_steps(pg_temp.step_count(), '0'), '{}', 'after every step metrics and tags are what the source tables say');

-- nothing was left to a rebuild
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.stored();
SELECT bring_metrics(true) \g /dev/null
SELECT bring_tags(true) \g /dev/null
SELECT is((SELECT array_agg(b.id) FROM before b JOIN pg_temp.stored() s USING (id)
           WHERE (b.is_new, b.count_30, b.quiet, b.frequency, b.last_purchase_at, b.active, b.active_and_new, b.size, b.keen, b.told, b.told_twice, b.marks, b.marked)
                 IS DISTINCT FROM (s.is_new, s.count_30, s.quiet, s.frequency, s.last_purchase_at, s.active, s.active_and_new, s.size, s.keen, s.told, s.told_twice, s.marks, s.marked)
              OR abs(b.tea - s.tea) > 1e-4), NULL, 'a rebuild changes nothing');
SELECT ok((SELECT bool_and(coalesce(s.evaluated, 0) = (SELECT count(*) FROM customer)) FROM metric m LEFT JOIN metric_state s USING (metric_id) WHERE NOT m.moving),
          'and it looked at everyone');

-- the test can tell: answers that expire a day late are found out
SELECT ok(cardinality(pg_temp.run_steps(60, '1 day')) > 0, 'expiry that comes late is found');
SELECT * FROM finish();
