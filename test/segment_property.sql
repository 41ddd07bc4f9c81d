-- Incremental refresh equals plain SQL over the source tables after every step:
-- late, changed and withdrawn events, merges, splits, new definitions, and a
-- clock that stops exactly where answers expire.  And the other way round: the
-- same steps with every expiry one second late must be found out, segment by
-- segment.
\set QUIET on
SET client_min_messages = warning;
SET jit = off;  -- the oracle is one large query, asked anew at each step
SET search_path = public, customer_data;
SET TimeZone = 'America/New_York';

\ir include/seed.sql
SELECT CASE WHEN current_setting('test.long', true) = 'on' THEN 10000 ELSE 60 END AS steps \gset

CREATE TABLE contact (id int PRIMARY KEY, city text, born date, since timestamptz);
CREATE TABLE event (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, contact int, at timestamptz, kind text,
                    amount numeric, quantity int, category text, product text);
CREATE INDEX ON event (contact);

-- All that segments stand on, and then they, at the test's moment and not at that of the wall clock.
CREATE FUNCTION refresh_at(everyone boolean, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('customer_data.as_of', moment::text, true);
    PERFORM customer_data.bring_metrics(false);
    PERFORM customer_data.bring_tags(false);
    PERFORM set_config('customer_data.as_of', '', true);
    PERFORM customer_data.refresh_conditions(everyone, moment);
END
$$;

-- Each segment with its condition and what plain SQL says about customer c at
-- the moment t; c is one row of truth, ev the events of that customer.  Scores of
-- tags have single precision, so where no oracle stands a refresh of everyone is one.
CREATE TABLE twin (name text PRIMARY KEY, condition text, oracle text, moves boolean);
INSERT INTO twin VALUES
('week',        $$within_last(registered_at, '7 days')$$, $$c.since > t - interval '7 days' AND c.since <= t$$, true),
('month',       $$within_last(registered_at, '1 month')$$, $$c.since > t - interval '1 month' AND c.since <= t$$, true),
('old',         $$older_than(registered_at, '3 months')$$, $$c.since <= t - interval '3 months'$$, true),
('not new',     $$NOT coalesce(within_last(registered_at, '30 days'), false)$$, $$NOT coalesce(c.since > t - interval '30 days' AND c.since <= t, false)$$, true),
('birthday',    $$is_anniversary(birth_date)$$, $$birthday_near(c.born, t, 0, 0)$$, true),
('near birthday', $$is_anniversary(birth_date, before => 3, after => 2)$$, $$birthday_near(c.born, t, 3, 2)$$, true),
('viewed',      $$happened(events, 'view', last => '3 days')$$, $$EXISTS (SELECT FROM ev WHERE kind = 'view' AND at > t - interval '3 days')$$, true),
('viewed, month', $$happened(events, 'view', last => '1 month')$$, $$EXISTS (SELECT FROM ev WHERE kind = 'view' AND at > t - interval '1 month')$$, true),
('quiet',       $$NOT happened(events, 'purchase', last => '60 days')$$, $$NOT EXISTS (SELECT FROM ev WHERE kind = 'purchase' AND at > t - interval '60 days')$$, true),
('twice',       $$event_count(events, 'purchase', last => '30 days') >= 2$$, $$(SELECT count(*) FROM ev WHERE kind = 'purchase' AND at > t - interval '30 days') >= 2$$, true),
('exactly once', $$1 = event_count(events, 'view|cart', last => '48 hours')$$, $$(SELECT count(*) FROM ev WHERE kind IN ('view', 'cart') AND at > t - interval '48 hours') = 1$$, true),
('few',         $$event_count(events, 'view', last => '10 days') < 2$$, $$(SELECT count(*) FROM ev WHERE kind = 'view' AND at > t - interval '10 days') < 2$$, true),
('spender',     $$event_sum(events, 'purchase', last => '1 month') > 50$$, $$(SELECT coalesce(sum(amount), 0) FROM ev WHERE kind = 'purchase' AND at > t - interval '1 month') > 50$$, true),
('outdoor',     $$event_sum(events, 'purchase[category=outdoor]', of => 'quantity', last => '2 months') >= 2$$,
                $$(SELECT coalesce(sum(quantity), 0) FROM ev WHERE kind = 'purchase' AND category = 'outdoor' AND at > t - interval '2 months') >= 2$$, true),
('cart',        $$unanswered(events, 'cart', 'purchase', same => 'product', last => '7 days')$$,
                $$EXISTS (SELECT FROM ev a WHERE a.kind = 'cart' AND a.at > t - interval '7 days' AND NOT EXISTS (SELECT FROM ev p WHERE p.kind = 'purchase' AND p.product = a.product AND p.at > a.at))$$, true),
('cart, patient', $$unanswered(events, 'cart', 'purchase', same => 'product', after => '1 day', last => '7 days')$$,
                $$EXISTS (SELECT FROM ev a WHERE a.kind = 'cart' AND a.at > t - interval '7 days' AND a.at <= t - interval '1 day' AND NOT EXISTS (SELECT FROM ev p WHERE p.kind = 'purchase' AND p.product = a.product AND p.at > a.at))$$, true),
('by hand',     $$registered_at > as_of() - interval '36 hours' AND registered_at <= as_of()$$, $$c.since > t - interval '36 hours' AND c.since <= t$$, true),
('elapsed',     $$as_of() - registered_at < '10 days'$$, $$t - c.since < interval '10 days'$$, true),
('view is old', $$event_last(events, 'view') < as_of() - interval '5 days'$$, $$(SELECT max(at) FROM ev WHERE kind = 'view') < t - interval '5 days'$$, true),
('this month',  $$registered_at >= date_trunc('month', as_of()) AND registered_at <= as_of()$$, $$c.since >= date_trunc('month', t) AND c.since <= t$$, true),
('weekend',     $$extract(isodow FROM as_of()) > 5 AND city = 'Brno'$$, $$extract(isodow FROM t) > 5 AND c.city = 'Brno'$$, true),
('recent buyer', $$recency < 20$$, $$floor(extract(epoch FROM t - (SELECT max(at) FROM ev WHERE kind = 'purchase')) / 86400) < 20$$, true),
('odd views',   $$event_count(events, 'view', last => '5 days') % 2 = 1$$, $$(SELECT count(*) FROM ev WHERE kind = 'view' AND at > t - interval '5 days') % 2 = 1$$, true),
('average',     $$event_avg(events, 'purchase', last => '14 days') < 20$$, $$(SELECT avg(amount) FROM ev WHERE kind = 'purchase' AND at > t - interval '14 days') < 20$$, true),
('active days', $$event_days(events, '*', last => '7 days') >= 2$$, $$(SELECT count(DISTINCT at::date) FROM ev WHERE at > t - interval '7 days') >= 2$$, true),
('varied',      $$event_distinct(events, '*', 'category', last => '20 days') >= 2$$, $$(SELECT count(DISTINCT category) FROM ev WHERE at > t - interval '20 days') >= 2$$, true),
('after joining', $$happened(events, 'purchase', since => registered_at, until => registered_at + interval '7 days')$$,
                $$EXISTS (SELECT FROM ev WHERE kind = 'purchase' AND at >= c.since AND at < c.since + interval '7 days')$$, false),
('ever',        $$event_count(events, 'purchase') > 3$$, $$(SELECT count(*) FROM ev WHERE kind = 'purchase') > 3$$, false),
('net',         $$monetary > 60$$, $$(SELECT coalesce(sum(amount) FILTER (WHERE kind = 'purchase'), 0) - coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) FROM ev) > 60$$, false),
('city',        $$city = 'Brno' OR city IS NULL$$, $$c.city = 'Brno' OR c.city IS NULL$$, false),
('case',        $$CASE WHEN city = 'Brno' THEN happened(events, 'view', last => '4 days') ELSE within_last(registered_at, '4 days') END$$,
                $$CASE WHEN c.city = 'Brno' THEN EXISTS (SELECT FROM ev WHERE kind = 'view' AND at > t - interval '4 days') ELSE c.since > t - interval '4 days' AND c.since <= t END$$, true),
('nested',      $$in_segment(customer_id, 'week') AND NOT in_segment(customer_id, 'viewed')$$,
                $$c.since > t - interval '7 days' AND c.since <= t AND NOT EXISTS (SELECT FROM ev WHERE kind = 'view' AND at > t - interval '3 days')$$, false),
('nested twice', $$in_segment(customer_id, 'nested') OR in_segment(customer_id, 'twice')$$,
                $$(c.since > t - interval '7 days' AND c.since <= t AND NOT EXISTS (SELECT FROM ev WHERE kind = 'view' AND at > t - interval '3 days'))
                  OR (SELECT count(*) FROM ev WHERE kind = 'purchase' AND at > t - interval '30 days') >= 2$$, false),
('just a week', $$registered_at = as_of() - interval '7 days'$$, $$c.since = t - interval '7 days'$$, true),
('lately, at least', $$registered_at >= as_of() - interval '36 hours' AND registered_at <= as_of()$$, $$c.since >= t - interval '36 hours' AND c.since <= t$$, true),
('long ago',    $$registered_at < as_of() - interval '2 months'$$, $$c.since < t - interval '2 months'$$, true),
('joined today', $$registered_at::date = as_of()::date$$, $$c.since::date = t::date$$, true),
('either or',   $$within_last(registered_at, '5 days') IS DISTINCT FROM older_than(last_event_at, '3 days')$$,
                $$(c.since > t - interval '5 days' AND c.since <= t) IS DISTINCT FROM ((SELECT max(at) FROM ev) <= t - interval '3 days')$$, true),
('cheap lately', $$event_min(events, 'purchase', last => '10 days') < 20$$, $$(SELECT min(amount) FROM ev WHERE kind = 'purchase' AND at > t - interval '10 days') < 20$$, true),
('dear lately', $$event_max(events, 'view|purchase', last => '10 days') >= 30$$, $$(SELECT max(amount) FROM ev WHERE kind IN ('view', 'purchase') AND at > t - interval '10 days') >= 30$$, true),
('began lately', $$event_first(events, '*', last => '10 days') > as_of() - interval '3 days'$$, $$(SELECT min(at) FROM ev WHERE at > t - interval '10 days') > t - interval '3 days'$$, true),
('still carting', $$event_last(events, 'cart', last => '5 days') IS NOT NULL$$, $$EXISTS (SELECT FROM ev WHERE kind = 'cart' AND at > t - interval '5 days')$$, true),
('in the red',  $$event_sum(events, 'purchase|cart', of => 'delta', last => '14 days') < 0$$, $$(SELECT coalesce(sum(amount - 20), 0) FROM ev WHERE kind IN ('purchase', 'cart') AND at > t - interval '14 days') < 0$$, true),
('even',        $$event_sum(events, 'purchase', of => 'delta', last => '14 days') = 0$$, $$(SELECT coalesce(sum(amount - 20), 0) FROM ev WHERE kind = 'purchase' AND at > t - interval '14 days') = 0$$, true),
('thrifty',     $$event_sum(events, 'purchase', last => '20 days') <= 40$$, $$(SELECT coalesce(sum(amount), 0) FROM ev WHERE kind = 'purchase' AND at > t - interval '20 days') <= 40$$, true),
('just 25.1',   $$event_sum(events, 'purchase', last => '20 days') = 25.1$$, $$(SELECT coalesce(sum(amount), 0) FROM ev WHERE kind = 'purchase' AND at > t - interval '20 days') = 25.1$$, false),
('carts outweigh', $$event_sum(events, 'cart', last => '5 days') > event_sum(events, 'view', last => '5 days')$$,
                $$(SELECT coalesce(sum(amount), 0) FROM ev WHERE kind = 'cart' AND at > t - interval '5 days') > (SELECT coalesce(sum(amount), 0) FROM ev WHERE kind = 'view' AND at > t - interval '5 days')$$, true),
('odd days',    $$event_days(events, '*', last => '4 days') % 2 = 1$$, $$(SELECT count(DISTINCT at::date) FROM ev WHERE at > t - interval '4 days') % 2 = 1$$, true),
('odd products', $$event_distinct(events, '*', 'product', last => '4 days') % 2 = 1$$, $$(SELECT count(DISTINCT product) FROM ev WHERE at > t - interval '4 days') % 2 = 1$$, true),
('viewed or carted', $$happened(events, 'view', last => '4 days') <> happened(events, 'cart', last => '4 days')$$,
                $$EXISTS (SELECT FROM ev WHERE kind = 'view' AND at > t - interval '4 days') <> EXISTS (SELECT FROM ev WHERE kind = 'cart' AND at > t - interval '4 days')$$, true),
('cart, ever',  $$unanswered(events, 'cart', 'purchase', after => '1 day')$$,
                $$EXISTS (SELECT FROM ev a WHERE a.kind = 'cart' AND a.at <= t - interval '1 day' AND NOT EXISTS (SELECT FROM ev p WHERE p.kind = 'purchase' AND p.at > a.at))$$, true),
('inactive',    $$inactivity >= 3$$, $$floor(extract(epoch FROM t - (SELECT max(at) FROM ev)) / 86400) >= 3$$, true),
('settled',     $$days_since(registered_at) BETWEEN 10 AND 20$$, $$floor(extract(epoch FROM t - c.since) / 86400) BETWEEN 10 AND 20$$, true),
('a metric',    $$views_lately >= 2$$, $$(SELECT count(*) FROM ev WHERE kind = 'view' AND at > t - interval '5 days') >= 2$$, false),
('a tag',       $$has_tag(tags, 'active')$$, $$(SELECT count(*) FROM ev WHERE at > t - interval '10 days') >= 2$$, false),
('a tag for a while', $$has_tag(tags, 'crm.guest')$$, NULL, true),
('to come',     $$event_count(events, 'visit') = 1$$, $$(SELECT count(*) FROM ev WHERE kind = 'visit') = 1$$, true),
('to come, by customer', $$event_count(customer_events(customer_id), 'visit') = 1$$, $$(SELECT count(*) FROM ev WHERE kind = 'visit') = 1$$, true),
('steps to come', $$window_funnel(events, ARRAY['view', 'visit']::event_pattern[], '72 hours') = 2$$,
                $$EXISTS (SELECT FROM ev a JOIN ev b ON a.kind = 'view' AND b.kind = 'visit' AND b.at >= a.at AND b.at <= a.at + interval '72 hours')$$, true),
('often enough', $$event_count_at_least(events, 'view', 2, '10 days')$$, $$(SELECT count(*) FROM ev WHERE kind = 'view' AND at > t - interval '10 days') >= 2$$, true),
('enough in all', $$event_sum_at_least(events, 'purchase', 25.1, '1 month')$$, $$(SELECT coalesce(sum(amount), 0) FROM ev WHERE kind = 'purchase' AND at > t - interval '1 month') >= 25.1$$, true),
-- Halved every thirteen hours, so that mutate() meets a sum of just a half.
('fading',      $$decayed_sum(events, 'view', '13 hours') > 0.5$$, $$(SELECT coalesce(sum(power(2::float8, -extract(epoch FROM t - at)::float8 / 46800)), 0) FROM ev WHERE kind = 'view') > 0.5$$, true),
('a tag, present', $$has_tag(tag_presence(tags), 'crm.guest')$$, NULL, true),
('a tag, compact', $$has_tag(compact_tags(tags), 'crm.guest')$$, NULL, true),
('a score above, by function', $$tag_score_gt(tags, 'interest.tea', 0.7)$$, NULL, true),
('a score of at least, by function', $$tag_score_ge(tags, 'interest.tea', 0.3)$$, NULL, true),
('a tag that fades', $$has_tag(tags, 'interest.tea', 0.5)$$, NULL, true),
('a score above', $$tag_score(tags, 'interest.tea') > 0.8$$, NULL, true),
('a score of at least', $$tag_score(tags, 'interest.tea') >= 0.25$$, NULL, true),
('tags beside each other', $$tags @@ 'crm.guest & !interest.tea>0.7'$$, NULL, true),
('top',         $$frequency >= top_percent('frequency', 20)$$,
                $$(SELECT count(*) FROM ev WHERE kind = 'purchase') >= (SELECT f FROM (SELECT (SELECT count(*) FROM known e WHERE e.customer_id = x.customer_id AND e.kind = 'purchase') AS f FROM truth x) r
                   ORDER BY f DESC OFFSET greatest((SELECT ceil(count(*) * 0.2) FROM truth)::int - 1, 0) LIMIT 1)$$, false),
('upper half',  $$monetary > metric_percentile('monetary', 50)$$,
                $$(SELECT coalesce(sum(amount) FILTER (WHERE kind = 'purchase'), 0) - coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) FROM ev)
                  > (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY m) FROM (SELECT coalesce(sum(e.amount) FILTER (WHERE e.kind = 'purchase'), 0) - coalesce(sum(e.amount) FILTER (WHERE e.kind = 'refund'), 0) AS m
                     FROM truth x LEFT JOIN known e ON e.customer_id = x.customer_id GROUP BY x.customer_id) r)$$, false),
('top, quiet',  $$monetary >= top_percent('monetary', 10, among => 'frequency > 0') AND NOT happened(events, 'purchase', last => '20 days')$$,
                $$(SELECT coalesce(sum(amount) FILTER (WHERE kind = 'purchase'), 0) - coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) FROM ev)
                  >= (SELECT m FROM (SELECT e.customer_id, coalesce(sum(amount) FILTER (WHERE kind = 'purchase'), 0) - coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS m
                                     FROM known e GROUP BY 1 HAVING count(*) FILTER (WHERE kind = 'purchase') > 0) r
                      ORDER BY m DESC OFFSET greatest((SELECT ceil(count(*) * 0.1) FROM (SELECT FROM known e WHERE kind = 'purchase' GROUP BY e.customer_id) n)::int - 1, 0) LIMIT 1)
                  AND NOT EXISTS (SELECT FROM ev WHERE kind = 'purchase' AND at > t - interval '20 days')$$, true);

-- 29 February is kept on the 28th in common years; the day itself is none.
CREATE FUNCTION birthday_near(born date, t timestamptz, before int, after int) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(bool_or(t::date BETWEEN d - before AND d + after), false)
    FROM generate_series(-1, 1) y, LATERAL (SELECT (born + make_interval(years => extract(year FROM t)::int + y - extract(year FROM born)::int))::date AS d) x
    WHERE x.d > born
$$;

SELECT plan(7);
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city", "birth_date": "born", "registered_at": "since"}') IS NOT NULL AS done \gset
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', value => 'amount', quantity => 'quantity',
                        properties => '{"category": "category", "product": "product", "delta": "amount - 20"}', mode => 'trigger') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT add_metric('views_lately', $$event_count(events, 'view', last => '5 days')$$) IS NULL AS done \gset
SELECT add_tag('active', $$event_count(events, '*', last => '10 days') >= 2$$) IS NULL AS done \gset
SELECT add_tag('crm.guest', kind => 'manual', valid_for => '6 days') IS NULL AS done \gset
SELECT add_tag('interest.tea', $$decayed_sum(events, 'view[category=tea]', '9 days')$$, 'behaviour', half_life => '9 days', min_score => 0.2) IS NULL AS done \gset
SELECT count(add_segment(name, condition)) FROM twin \gset

-- Who is who, and who did what: from the source tables and the golden rows.
CREATE VIEW truth AS
SELECT c.customer_id, c.city, c.birth_date AS born, c.registered_at AS since FROM customer_data.customer c;
CREATE VIEW truth_event AS
SELECT r.customer_id, e.* FROM public.event e
JOIN customer_data.source_record r ON r.key = e.contact::text AND r.source_id = (SELECT source_id FROM customer_data.source WHERE name = 'crm');

-- What is known at the moment asked about, so that the oracle need not join.
CREATE TABLE known (LIKE event);
ALTER TABLE known ADD customer_id bigint;
CREATE INDEX ON known (customer_id);

-- The members that differ from what plain SQL says: all twins in one query, so
-- that each customer's events are put together once.
DO $make$
DECLARE
    body text := format($q$
        RETURN QUERY
        WITH oracle AS (
            SELECT n.name, c.customer_id
            FROM truth c, LATERAL (SELECT moment AS t) x,
            LATERAL (WITH ev AS MATERIALIZED (SELECT e.* FROM known e WHERE e.customer_id = c.customer_id) SELECT ARRAY[%s] AS answers) o,
            unnest(%L::text[], o.answers) AS n (name, answer)
            WHERE n.answer
        ), kept AS (
            SELECT w.name, customer_data.members(customer_data.segment_members(w.name)) AS customer_id FROM twin w WHERE w.oracle IS NOT NULL
        )
        SELECT coalesce(o.name, k.name), coalesce(o.customer_id, k.customer_id), k.customer_id IS NOT NULL
        FROM oracle o FULL JOIN kept k USING (name, customer_id) WHERE o.customer_id IS NULL OR k.customer_id IS NULL;
        $q$,
        (SELECT string_agg(format('(SELECT (%s))', w.oracle), ', ' ORDER BY w.name) FROM twin w WHERE w.oracle IS NOT NULL),
        (SELECT array_agg(w.name ORDER BY w.name) FROM twin w WHERE w.oracle IS NOT NULL));
BEGIN
    body := body || $q$
        PERFORM set_config('customer_data.as_of', moment::text, true);
        RETURN QUERY
        WITH asked AS (
            SELECT d.name, d.condition_id FROM customer_data.segment_definition d JOIN twin USING (name) WHERE oracle IS NULL
        ), oracle AS (
            SELECT a.name, customer_data.members(e.customers) AS customer_id
            FROM customer_data.evaluate_conditions(ARRAY(SELECT a.condition_id FROM asked a), array_fill(NULL::customer_data.customer_set, ARRAY[(SELECT count(*)::int FROM asked)])) e
            JOIN asked a USING (condition_id) WHERE e.what = 'true'
        ), kept AS (
            SELECT a.name, customer_data.members(customer_data.members_of(a.condition_id)) AS customer_id FROM asked a
        )
        SELECT coalesce(o.name, k.name), coalesce(o.customer_id, k.customer_id), k.customer_id IS NOT NULL
        FROM oracle o FULL JOIN kept k USING (name, customer_id) WHERE o.customer_id IS NULL OR k.customer_id IS NULL;
        PERFORM set_config('customer_data.as_of', '', true);
        $q$;
    EXECUTE 'CREATE FUNCTION compare(moment timestamptz) RETURNS TABLE (segment text, customer_id bigint, stored boolean)'
        || ' LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $body$ #variable_conflict use_column'
        || E'\nBEGIN DELETE FROM known; INSERT INTO known SELECT e.id, e.contact, e.at, e.kind, e.amount, e.quantity, e.category, e.product, e.customer_id'
        || ' FROM truth_event e JOIN truth c USING (customer_id) WHERE e.at <= moment; ' || body || ' END $body$';
END
$make$;

CREATE FUNCTION random_int(n int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT floor(random() * n)::int';

-- One run of random steps.
CREATE TABLE done (step int, moment timestamptz);
CREATE TABLE found (step int, moment timestamptz, what text, segment text, customer_id bigint, stored boolean);
-- Steps from a first to a last one: a hundred at a time, so that the server
-- hears of what is left behind and clears it away.
CREATE PROCEDURE run(first int, last int, seed double precision) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := coalesce((SELECT max(d.moment) FROM done d), '2024-02-20 06:00:00+00');
    goal   timestamptz;
    stops  timestamptz[];
    what   text;
    i      int;
    n      int := 0;
    spans  interval[] := '{3 days,7 days,30 days,60 days,1 month,48 hours,10 days,2 months,36 hours,5 days,14 days,20 days,1 day,4 days,3 months,480 hours}';
BEGIN
    FOR i IN first .. last LOOP
        EXIT WHEN EXISTS (SELECT FROM found);
        what := '';
        IF i % 100 = 1 THEN
            -- Begin again with another seed, and with little, so that long runs stay quick.
            PERFORM setseed((seed + i / 1e6) / 2);
            DELETE FROM contact WHERE id NOT IN (SELECT id FROM contact ORDER BY random() LIMIT 5);
            DELETE FROM event WHERE contact NOT IN (SELECT id FROM contact) OR random() < 0.5;
            what := ' anew';
        END IF;
        -- Something happens.
        FOR n IN 1 .. random_int(6) LOOP
            CASE random_int(14)
            WHEN 0, 1 THEN
                INSERT INTO contact SELECT coalesce(max(id), 0) + 1, (ARRAY['Brno', 'Bern', NULL])[1 + random_int(3)],
                    (ARRAY[date '2000-02-29', date '1990-03-01', moment::date - 7300 + random_int(5), NULL])[1 + random_int(4)],
                    CASE WHEN random() < 0.9 THEN date_trunc('second', moment - random() * interval '40 days' + interval '2 days') END FROM contact;
                what := what || ' contact';
            WHEN 2 THEN
                UPDATE contact SET city = (ARRAY['Brno', 'Bern', NULL])[1 + random_int(3)]
                WHERE id = (SELECT id FROM contact ORDER BY random() LIMIT 1);
                what := what || ' city';
            WHEN 3 THEN
                UPDATE event SET at = at - interval '1 day', amount = amount + 5 WHERE id = (SELECT id FROM event ORDER BY random() LIMIT 1);
                what := what || ' changed';
            WHEN 4 THEN
                DELETE FROM event WHERE id = (SELECT id FROM event ORDER BY random() LIMIT 1);
                what := what || ' withdrawn';
            WHEN 5 THEN
                IF random() < 0.2 THEN
                    DELETE FROM contact WHERE id = (SELECT id FROM contact ORDER BY random() LIMIT 1);
                    what := what || ' gone';
                END IF;
            WHEN 6 THEN
                PERFORM customer_data.tag_customer(c.customer_id, 'crm.guest', at => moment - random() * interval '7 days')
                FROM (SELECT customer_id FROM truth ORDER BY random() LIMIT 1) c;
                what := what || ' tagged';
            ELSE
                -- Mostly of now, some late, some ahead of the clock.
                INSERT INTO event (contact, at, kind, amount, quantity, category, product)
                SELECT id, CASE WHEN random() < 0.1 THEN moment + random() * interval '5 days' ELSE moment - random() * random() * interval '50 days' END,
                    (ARRAY['view', 'view', 'cart', 'purchase', 'purchase', 'refund', 'visit'])[1 + random_int(7)], 5 * random_int(10) + (ARRAY[0, 0.1, 0.2])[1 + random_int(3)], 1 + random_int(2),
                    (ARRAY['outdoor', 'tea'])[1 + random_int(2)], 'p' || random_int(3)
                FROM (SELECT id FROM contact ORDER BY random() LIMIT 1) one;
                what := what || ' event';
            END CASE;
        END LOOP;
        IF random() < 0.05 AND (SELECT count(*) FROM contact) > 3 THEN
            PERFORM customer_data.must_link('crm', (min(x.id))::text, 'crm', (max(x.id))::text)
            FROM (SELECT c.id FROM contact c JOIN customer_data.source_record r ON r.key = c.id::text ORDER BY random() LIMIT 2) x
            HAVING count(*) = 2;
            what := what || ' merge';
        ELSIF random() < 0.03 THEN
            DELETE FROM customer_data.match_decision WHERE ctid = (SELECT ctid FROM customer_data.match_decision ORDER BY random() LIMIT 1);
            PERFORM customer_data.resolve(rebuild => true);
            what := what || ' split';
        ELSIF random() < 0.03 THEN
            PERFORM customer_data.alter_segment('few', (SELECT condition FROM twin WHERE name = 'few'));
            what := what || ' redefined';
        END IF;

        -- The clock goes on: a little, a lot, or to just where something expires.
        stops := NULL;
        IF random() < 0.8 THEN
            SELECT x.at + s INTO goal
            FROM (SELECT e.at FROM event e UNION ALL SELECT since FROM contact WHERE since IS NOT NULL) x, unnest(spans) s
            WHERE x.at + s > moment + interval '2 minutes' AND x.at + s < moment + interval '5 days' ORDER BY random() LIMIT 1;
            IF FOUND THEN
                stops := ARRAY[goal - interval '1 minute', goal];
                what := what || ' boundary';
            END IF;
        ELSIF random() < 0.5 THEN
            goal := date_trunc('day', moment + interval '1 day');
            IF goal > moment + interval '2 minutes' THEN
                stops := ARRAY[goal - interval '1 minute', goal];
            END IF;
        END IF;
        IF stops IS NULL THEN
            stops := ARRAY[moment + (ARRAY[interval '0', random() * interval '1 minute', random() * interval '1 day', random() * random() * interval '9 days'])[1 + random_int(4)]];
        END IF;
        IF what ~ 'anew|contact|city|gone|merge|split' THEN
            PERFORM customer_data.resolve();
        END IF;
        PERFORM customer_data.refresh_timelines();
        FOREACH goal IN ARRAY stops LOOP
            moment := goal;
            PERFORM refresh_at(false, moment);
            INSERT INTO found SELECT i, moment, what, c.* FROM compare(moment) c;
        END LOOP;
        INSERT INTO done VALUES (i, moment);
        COMMIT;
    END LOOP;
END
$$;

-- The mutation: with every expiry noted one second late, go for each segment
-- from expiry to expiry until its members are wrong; answer which never were.
CREATE TABLE survived (segment text);
CREATE PROCEDURE mutate() LANGUAGE plpgsql AS $$
DECLARE
    w      record;
    moment timestamptz := (SELECT max(d.moment) FROM done d);
    goal   timestamptz;
    before interval;
    wrong  boolean;
    i      int;
BEGIN
    FOR w IN SELECT t.name, d.condition_id, t.oracle IS NULL AS scored, t.condition ~ 'decayed_sum' AS never_holds FROM twin t JOIN customer_data.segment_definition d USING (name) WHERE t.moves ORDER BY 1 LOOP
        wrong := false;
        FOR i IN 1 .. 400 LOOP
            IF i % 40 = 1 THEN
                -- Little happens, so that there is little to go for.
                DELETE FROM event;
                INSERT INTO event (contact, at, kind, amount, quantity, category, product)
                SELECT id, date_trunc('minute', moment) + interval '37 seconds' - (1 + random_int(3)) * interval '13 hours', (ARRAY['view', 'cart', 'purchase'])[1 + random_int(3)], 5 * random_int(20), 1 + random_int(2),
                       (ARRAY['outdoor', 'tea'])[1 + random_int(2)], 'p' || random_int(3)
                FROM (SELECT id FROM contact ORDER BY random() LIMIT 15) few, generate_series(1, 3);
                INSERT INTO event (contact, at, kind)
                SELECT id, date_trunc('minute', moment) + interval '37 seconds' + (1 + random_int(3)) * interval '13 hours', 'visit' FROM contact ORDER BY random() LIMIT 10;
                INSERT INTO contact SELECT (SELECT max(id) FROM contact) + g, 'Brno', moment::date - 9000 - 365 * (g + (SELECT max(id) FROM contact) % 37) + 12, date_trunc('minute', moment) - (2 - g) * interval '3 hours' + interval '37 seconds'
                FROM generate_series(1, 4) g;
                PERFORM customer_data.resolve();
                PERFORM customer_data.refresh_timelines();
                PERFORM customer_data.tag_customer(c.customer_id, 'crm.guest', at => date_trunc('minute', moment) - (1 + random_int(3)) * interval '13 hours')
                FROM (SELECT customer_id FROM truth ORDER BY random() LIMIT 5) c;
                PERFORM refresh_at(true, moment);
                UPDATE customer_data.condition_due SET due = due + interval '1 second';
            END IF;
            -- To where the answer expired, and then to where that is noticed; a
            -- score is asked again and again shortly before it is too low, and a sum
            -- that fades always: half a second before it comes to something.
            SELECT min(d.due) INTO goal FROM customer_data.condition_due d WHERE w.condition_id = ANY (d.conditions) AND d.due > moment;
            IF w.never_holds THEN
                SELECT min(e.at + k * interval '13 hours') + interval '1 second' INTO goal
                FROM event e, generate_series(1, 5) k WHERE e.at + k * interval '13 hours' > moment + interval '1 second';
            END IF;
            CONTINUE WHEN goal IS NULL;
            FOREACH before IN ARRAY CASE WHEN w.never_holds THEN '{00:00:01.5,00:00:01}'::interval[] WHEN w.scored THEN '{00:00:01,00:00:00.000001}'::interval[] ELSE '{00:00:01}' END LOOP
                CONTINUE WHEN goal - before <= moment;
                moment := goal - before;
                PERFORM customer_data.refresh_conditions(false, moment);
                UPDATE customer_data.condition_due SET due = due + interval '1 second' WHERE age(xmin) <= age(pg_current_xact_id()::xid);
                PERFORM set_config('customer_data.as_of', moment::text, true);
                wrong := customer_data.members_of(w.condition_id) <> coalesce((SELECT customer_data.customer_set_or_agg(e.customers)
                    FROM customer_data.evaluate_conditions(ARRAY[w.condition_id], ARRAY[NULL]::customer_data.customer_set[]) e WHERE e.what = 'true'), '{}');
                COMMIT;
                EXIT WHEN wrong;
            END LOOP;
            EXIT WHEN wrong;
            moment := goal;
            PERFORM customer_data.refresh_conditions(false, moment);
            UPDATE customer_data.condition_due SET due = due + interval '1 second' WHERE age(xmin) <= age(pg_current_xact_id()::xid);
            COMMIT;
        END LOOP;
        IF NOT wrong THEN
            INSERT INTO survived VALUES (w.name);
        END IF;
    END LOOP;
END
$$;

SELECT format('CALL run(%s, %s, %s)', f, least(f + 99, :steps), (:seed % 1000) / 1000.0) FROM generate_series(1, :steps, 100) f \gexec
SELECT is((SELECT count(*) FROM found), 0::bigint, 'members equal plain SQL after each of ' || :steps || ' steps');
SELECT is((SELECT count(*) FROM done), :steps::bigint, 'all steps were taken');
SELECT diag(format('step %s at %s (%s): %s, customer %s, stored %s', step, moment, what, segment, customer_id, stored)) FROM found LIMIT 5;
SELECT cmp_ok((SELECT count(DISTINCT segment) FROM segment_change), '>', 20::bigint, 'most segments had members');
SELECT is((SELECT count(*) FROM segment WHERE error IS NOT NULL OR note IS NOT NULL), 0::bigint, 'no segment failed, none is asked of everyone');
CALL mutate();
SELECT is((SELECT string_agg(segment, ', ' ORDER BY segment) FROM survived), NULL,
          'with expiries one second late every segment that moves with time is found wrong');

-- Which functions of time there are: of those that a condition may use without
-- being asked of everyone each time, every one has been found out above, holds
-- for no time at all, or has nothing to do with the moment.
CREATE TABLE tracked (name text PRIMARY KEY);
DO $find$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.proname, format('%I(%s) IS NULL', p.proname, (SELECT string_agg(format('NULL::%s', replace(t::regtype::text, 'anyelement', 'float8')), ', ' ORDER BY n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a (t, n))) AS call
             FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
             WHERE p.pronamespace = 'customer_data'::regnamespace AND p.provolatile = 's' AND p.prokind = 'f' AND l.lanname = 'c'
               AND NOT p.proretset AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype) AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[]) LOOP
        BEGIN
            INSERT INTO tracked SELECT f.proname FROM customer_data.check_condition(f.call) c WHERE c.untracked IS NULL ON CONFLICT DO NOTHING;
        EXCEPTION WHEN OTHERS THEN
            -- What wants constants is one, too.
            INSERT INTO tracked VALUES (f.proname) ON CONFLICT DO NOTHING;
        END;
    END LOOP;
END
$find$;
SELECT is((SELECT string_agg(f.name, ', ' ORDER BY f.name) FROM tracked f
           WHERE NOT EXISTS (SELECT FROM twin t WHERE t.moves AND (t.condition ~ ('\m' || f.name || '\(') OR f.name = 'tags_match' AND t.condition ~ '@@'))
             AND f.name <> ALL ('{as_of_day,compare_events,compare_with_as_of,days_since_reached}'::text[])  -- what conditions above are turned into
             AND f.name <> ALL ('{dot_product,cosine_similarity,top_tags}'::text[])  -- asked next
             AND f.name <> ALL ('{favourite_hour,funnel_times,plus_span,text_words,timeline_cut,word_counts}'::text[])  -- of events and arguments only
             AND f.name <> ALL ('{in_segment,in_stage,metric_percentile,top_percent}'::text[])), NULL,  -- followed by what they name
          'every function of time that is followed was found out');
SELECT is((SELECT string_agg(what, ', ') FROM (SELECT set_tag('{crm.guest}', 'interest.tea', 0.5, at => as_of() - interval '3 days', half_life => '30 days') AS tags) faded,
           LATERAL (VALUES ('dot product', holds_until(dot_product(tags, tags) > 0)), ('cosine', holds_until(cosine_similarity(tags, tags) > 0)), ('top', holds_until(has_tag(top_tags(tags, 5), 'interest.tea')))) c (what, until)
           WHERE until > as_of() + interval '1 microsecond'), NULL, 'what compares scores that fade holds for no time at all');
SELECT * FROM finish();
