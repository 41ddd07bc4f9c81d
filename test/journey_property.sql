-- Stages, walked incrementally, equal those of a full recomputation and those
-- of a walk in plain SQL that shares no C with it, after every step: late,
-- changed and withdrawn events, merges, splits, new definitions, and a clock
-- that stops where answers expire.  And the stage of a past moment is the one
-- that was written down then, where nothing arrived late.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;

\ir include/seed.sql
SELECT CASE WHEN current_setting('test.long', true) = 'on' THEN 2000 ELSE 40 END AS steps \gset

CREATE TABLE contact (id int PRIMARY KEY, city text, born date, since timestamptz);
CREATE TABLE event (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, contact int, at timestamptz, kind text, amount numeric, category text, product text);
CREATE INDEX ON event (contact);

-- The stages, and what plain SQL says of customer c at the moment t; k are the
-- events of c that are known at t.
CREATE TABLE twin (journey text, place int, stage text, condition text, oracle text,
                   fall_back boolean DEFAULT true, minimum_stay interval, lapse interval, PRIMARY KEY (journey, stage));
INSERT INTO twin VALUES
('plain', 1, 'known', 'true', 'true', true, NULL, NULL),
('plain', 2, 'interested', $$happened(events, 'view', last => '10 days')$$, $$EXISTS (SELECT FROM k WHERE kind = 'view' AND at > t - interval '10 days')$$, true, NULL, NULL),
('plain', 3, 'cart', $$unanswered(events, 'cart', 'purchase', same => 'product', last => '7 days')$$,
 $$EXISTS (SELECT FROM k a WHERE a.kind = 'cart' AND a.at > t - interval '7 days' AND NOT EXISTS (SELECT FROM k p WHERE p.kind = 'purchase' AND p.product = a.product AND p.at > a.at))$$, true, NULL, NULL),
('plain', 4, 'customer', $$happened(events, 'purchase')$$, $$EXISTS (SELECT FROM k WHERE kind = 'purchase')$$, true, NULL, NULL),
('plain', 5, 'regular', $$event_count(events, 'purchase', last => '1 month') >= 2$$, $$(SELECT count(*) FROM k WHERE kind = 'purchase' AND at > t - interval '1 month') >= 2$$, true, NULL, NULL),
('plain', 6, 'fan', $$event_count(events, 'view|cart|purchase', last => '72 hours') > 3 AND NOT happened(events, 'refund')$$,
 $$(SELECT count(*) FROM k WHERE kind IN ('view', 'cart', 'purchase') AND at > t - interval '72 hours') > 3 AND NOT EXISTS (SELECT FROM k WHERE kind = 'refund')$$, true, NULL, NULL),
('sticky', 1, 'new', $$within_last(registered_at, '7 days')$$, $$c.since > t - interval '7 days' AND c.since <= t$$, true, NULL, NULL),
('sticky', 2, 'looking', $$happened(events, 'view', last => '2 days')$$, $$EXISTS (SELECT FROM k WHERE kind = 'view' AND at > t - interval '2 days')$$, true, NULL, '5 days'),
('sticky', 3, 'trying', $$event_sum(events, 'purchase', last => '20 days') > 30$$, $$(SELECT coalesce(sum(amount), 0) FROM k WHERE kind = 'purchase' AND at > t - interval '20 days') > 30$$, true, '3 days', NULL),
('sticky', 4, 'outdoor', $$happened(events, 'view[category=outdoor]', last => '36 hours')$$,
 $$EXISTS (SELECT FROM k WHERE kind = 'view' AND category = 'outdoor' AND at > t - interval '36 hours')$$, true, '60 hours', '1 day'),
('sticky', 5, 'big', $$event_sum(events, 'purchase') >= 100$$, $$(SELECT coalesce(sum(amount), 0) FROM k WHERE kind = 'purchase') >= 100$$, false, NULL, NULL),
('sticky', 6, 'gone', $$event_last(events, '*') < as_of() - interval '1 month'$$, $$(SELECT max(at) FROM k) < t - interval '1 month'$$, true, NULL, NULL),
('mixed', 1, 'first steps', $$event_count(events, '*') BETWEEN 1 AND 3$$, $$(SELECT count(*) FROM k) BETWEEN 1 AND 3$$, true, NULL, NULL),
('mixed', 2, 'quiet', $$recency > 20$$, $$floor(extract(epoch FROM t - (SELECT max(at) FROM k WHERE kind = 'purchase')) / 86400) > 20$$, true, NULL, NULL),
('mixed', 3, 'busy days', $$event_days(events, '*', last => '5 days') >= 2$$, $$(SELECT count(DISTINCT at::date) FROM k WHERE at > t - interval '5 days') >= 2$$, true, NULL, '12 hours'),
('mixed', 4, 'odd', $$event_count(events, 'view', last => '3 days') % 2 = 1$$, $$(SELECT count(*) FROM k WHERE kind = 'view' AND at > t - interval '3 days') % 2 = 1$$, true, '1 day', NULL),
('mixed', 5, 'spent twice', $$event_avg(events, 'purchase') < 20 AND event_distinct(events, '*', 'category') >= 2$$,
 $$(SELECT avg(amount) FROM k WHERE kind = 'purchase') < 20 AND (SELECT count(DISTINCT category) FROM k) >= 2$$, true, NULL, NULL),
('mixed', 6, 'after joining', $$happened(events, 'purchase', since => registered_at, until => registered_at + interval '7 days') AND city = 'Brno'$$,
 $$EXISTS (SELECT FROM k WHERE kind = 'purchase' AND at >= c.since AND at < c.since + interval '7 days') AND c.city = 'Brno'$$, true, NULL, NULL),
('mixed', 7, 'changed mind', $$window_funnel(events, '{view,refund}', '1 day') = 2$$,
 $$EXISTS (SELECT FROM k a JOIN k b ON b.kind = 'refund' AND b.at > a.at AND b.at <= a.at + interval '24 hours' WHERE a.kind = 'view')$$, true, NULL, '2 days');

SELECT plan(7);
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city", "birth_date": "born", "registered_at": "since"}') IS NOT NULL AS done \gset
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', value => 'amount', event_id => 'id',
                        properties => '{"category": "category", "product": "product"}', mode => 'trigger') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT refresh_metrics() IS NOT NULL AS done \gset
SELECT count(add_journey(journey)) FROM (SELECT DISTINCT journey FROM twin) j \gset
SELECT count(add_stage(journey, stage, condition, place, fall_back, minimum_stay, lapse)) FROM (SELECT * FROM twin ORDER BY journey, place) s \gset

-- Who is who, and who did what: from the source tables and the golden rows.
CREATE VIEW truth AS
SELECT c.customer_id, c.city, c.birth_date AS born, c.registered_at AS since FROM customer_data.customer c;
CREATE VIEW truth_event AS
SELECT r.customer_id, e.* FROM public.event e
JOIN customer_data.source_record r ON r.key = e.contact::text AND r.source_id = (SELECT source_id FROM customer_data.source WHERE name = 'crm');

-- Moments at which some answer may change, and more: what a window of a month
-- lets go, it lets go near at + 1 month.
CREATE TABLE known (customer_id bigint, id bigint, at timestamptz, kind text, amount numeric, category text, product text);
CREATE INDEX ON known (customer_id, at);
CREATE TABLE moment (customer_id bigint, at timestamptz, PRIMARY KEY (customer_id, at));
CREATE TABLE answer (journey text, customer_id bigint, t timestamptz, timeless boolean, holds boolean[]);
CREATE TABLE walked (journey text, customer_id bigint, stage text, entered_at timestamptz, left_at timestamptz);

DO $make$
DECLARE
    body text := '';
    w    record;
BEGIN
    FOR w IN SELECT journey, string_agg(format('coalesce((%s), false)', oracle), ', ' ORDER BY place) AS holds FROM twin GROUP BY 1 LOOP
        body := body || format($q$
            INSERT INTO answer SELECT %L, m.customer_id, t, NULL, (WITH k AS (SELECT * FROM known e WHERE e.customer_id = m.customer_id AND e.at <= t) SELECT ARRAY[%s])
            FROM moment m JOIN truth c USING (customer_id), LATERAL (SELECT m.at) x (t);
            $q$, w.journey, w.holds);
    END LOOP;
    EXECUTE $q$CREATE FUNCTION ask(now timestamptz) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $body$
    BEGIN
        DELETE FROM known; DELETE FROM moment; DELETE FROM answer;
        INSERT INTO known SELECT e.customer_id, e.id, e.at, e.kind, e.amount, e.category, e.product FROM truth_event e JOIN truth USING (customer_id) WHERE e.at <= ask.now;
        INSERT INTO moment
        SELECT customer_id, t FROM (
            SELECT o.customer_id, o.at + s AS t
            FROM (SELECT customer_id, at FROM known UNION SELECT customer_id, since FROM truth WHERE since <= ask.now) o,
                 unnest('{0,1 microsecond,10 days,7 days,72 hours,2 days,20 days,36 hours,5 days,3 days,504 hours,480 hours,1 day}'::interval[]) s
            UNION
            SELECT o.customer_id, u FROM (SELECT customer_id, at FROM known) o, LATERAL (VALUES (o.at + interval '1 month' + interval '1 microsecond'), (o.at + interval '1 month')) v (m),
                 generate_series(0, 3) d, LATERAL (VALUES (v.m + d * interval '1 day'), (date_trunc('day', v.m + d * interval '1 day'))) w (u)
        ) x WHERE t <= ask.now
        UNION
        -- where clocks skip an hour, a window that ends in it ends with the gap, and
        -- one that begins in it begins an hour later than the clock's time says
        SELECT o.customer_id, x.t
        FROM (SELECT customer_id, at FROM known UNION SELECT customer_id, since FROM truth WHERE since <= ask.now) o,
             (SELECT h FROM generate_series(date_trunc('hour', (SELECT min(at) FROM (SELECT at FROM known UNION ALL SELECT since FROM truth WHERE since > '2023-01-01') f)), ask.now, '1 hour') h
              WHERE h::timestamp - (h - interval '1 hour')::timestamp > interval '1 hour') gap,
             unnest('{0,10 days,7 days,2 days,20 days,5 days,3 days,1 day,1 month}'::interval[]) s,
             LATERAL (VALUES (gap.h), (gap.h + s), (CASE WHEN o.at::date = gap.h::date THEN o.at + s - interval '1 hour' END)) x (t)
        WHERE x.t <= ask.now
        UNION
        SELECT customer_id, ask.now FROM truth;
        -- Nobody is followed before the first thing known of them by now.
        DELETE FROM moment m USING (SELECT c.customer_id, least(CASE WHEN c.since <= ask.now THEN c.since END, (SELECT min(at) FROM known k WHERE k.customer_id = c.customer_id)) AS first FROM truth c) f
        WHERE f.customer_id = m.customer_id AND m.at < f.first;
        $q$ || body || $q$
        UPDATE answer a SET timeless = NOT EXISTS (SELECT FROM known k WHERE k.customer_id = a.customer_id)
            AND NOT EXISTS (SELECT FROM truth c WHERE c.customer_id = a.customer_id AND c.since <= ask.now);
    END $body$$q$;
END
$make$;

-- The walk itself: a customer is in the last stage whose condition holds, stays
-- the minimum, and falls back once the condition has not held for the lapse.
CREATE FUNCTION walk(now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c record;
    names text[]; stays interval[]; lapses interval[]; falls boolean[];
    at timestamptz; until timestamptz; entered timestamptz; ceased timestamptz; free timestamptz; ends timestamptz;
    stage int; best int; next int; i int; n int; holds boolean[];
BEGIN
    DELETE FROM walked;
    FOR c IN SELECT x.journey, x.customer_id, x.timeless, array_agg(x.t ORDER BY x.t) AS times, array_agg(x.holds ORDER BY x.t) AS answers
             FROM answer x GROUP BY 1, 2, 3 LOOP
        SELECT array_agg(w.stage ORDER BY place), array_agg(minimum_stay ORDER BY place), array_agg(CASE WHEN fall_back THEN coalesce(lapse, '0') ELSE lapse END ORDER BY place)
        INTO names, stays, lapses FROM twin w WHERE w.journey = c.journey;
        stage := 0; n := cardinality(names); i := 1; at := c.times[1]; entered := NULL; ceased := NULL;
        LOOP
            WHILE i < cardinality(c.times) AND c.times[i + 1] <= at LOOP
                i := i + 1;
            END LOOP;
            until := CASE WHEN i < cardinality(c.times) THEN c.times[i + 1] ELSE 'infinity' END;
            holds := ARRAY(SELECT c.answers[i][g] FROM generate_series(1, n) g);
            best := coalesce((SELECT max(g) FROM generate_series(1, n) g WHERE holds[g]), 0);
            next := stage;
            IF stage = 0 THEN
                next := best;
            ELSE
                ceased := CASE WHEN holds[stage] THEN NULL ELSE coalesce(ceased, at) END;
                free := CASE WHEN isfinite(entered) THEN entered + coalesce(stays[stage], '0') ELSE entered END;
                ends := ceased + lapses[stage];
                IF at < free THEN
                    until := least(until, free);
                ELSIF best > stage THEN
                    next := best;
                ELSIF ends <= at THEN
                    next := best;
                ELSIF ends IS NOT NULL THEN
                    until := least(until, ends);
                END IF;
            END IF;
            IF next <> stage THEN
                IF stage > 0 THEN
                    INSERT INTO walked VALUES (c.journey, c.customer_id, names[stage], entered, at);
                END IF;
                stage := next;
                entered := CASE WHEN c.timeless THEN '-infinity' ELSE at END;
                ceased := NULL;
                CONTINUE WHEN stage > 0;
            END IF;
            EXIT WHEN until > now;
            at := until;
        END LOOP;
        IF stage > 0 THEN
            INSERT INTO walked VALUES (c.journey, c.customer_id, names[stage], entered, NULL);
        END IF;
    END LOOP;
END
$$;

-- Metrics are refreshed at the test's moment, not at that of the wall clock.
CREATE FUNCTION metrics_at(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    body  text := pg_get_functiondef('customer_data.refresh_metrics(boolean)'::regprocedure);
    guard text := $g$PERFORM customer_data.refuse_as_of('metrics');$g$;
BEGIN
    IF strpos(body, guard) = 0 THEN
        RAISE EXCEPTION 'refresh_metrics() has another guard than this test removes';
    END IF;
    IF to_regprocedure('public.refresh_metrics_freely(boolean)') IS NULL THEN
        EXECUTE replace(replace(body, 'customer_data.refresh_metrics(', 'public.refresh_metrics_freely('), guard, '');
    END IF;
    PERFORM set_config('customer_data.as_of', moment::text, true);
    PERFORM public.refresh_metrics_freely();
    PERFORM set_config('customer_data.as_of', '', true);
END
$$;

CREATE VIEW stored AS
SELECT journey, customer_id, stage, entered_at, left_at, why FROM customer_data.stage_history;

-- Bring everything up to a moment.
CREATE FUNCTION refresh(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM metrics_at(moment);
    PERFORM customer_data.touch('segment', customer_data.take_touched('tag'));
    PERFORM customer_data.refresh_conditions(false, moment);
    PERFORM customer_data.refresh_walks(false, moment);
END
$$;

CREATE FUNCTION random_int(n int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT floor(random() * n)::int';

CREATE TABLE done (step int, moment timestamptz);
CREATE TABLE found (step int, moment timestamptz, what text, beside text, journey text, customer_id bigint, stage text, entered_at timestamptz, left_at timestamptz, stored boolean);
CREATE TABLE kept (step int, moment timestamptz, journey text, customer_id bigint, stage text);

-- One run of random steps; without surprises, nothing happens before the moment
-- of the refresh before, and nobody is merged.
CREATE PROCEDURE run(steps int, seed double precision, surprises boolean) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := coalesce((SELECT max(d.moment) FROM done d), '2024-02-22 06:00:00+00');
    before timestamptz;
    goal   timestamptz;
    stops  timestamptz[];
    what   text;
    i      int;
    n      int := 0;
    spans  interval[] := '{10 days,7 days,1 month,72 hours,2 days,20 days,36 hours,5 days,3 days,504 hours,60 hours,1 day,12 hours,0}';
BEGIN
    PERFORM setseed(seed);
    FOR i IN 1 .. steps LOOP
        what := '';
        before := moment;
        -- The clock goes on: a little, a lot, or to just where something expires.
        stops := NULL;
        IF random() < 0.7 THEN
            SELECT x.at + s INTO goal
            FROM (SELECT e.at FROM event e UNION ALL SELECT since FROM contact WHERE since IS NOT NULL UNION ALL SELECT entered_at FROM stored WHERE isfinite(entered_at)) x, unnest(spans) s
            WHERE x.at + s > moment + interval '2 minutes' AND x.at + s < moment + interval '4 days' ORDER BY random() LIMIT 1;
            IF FOUND THEN
                stops := ARRAY[goal - interval '1 microsecond', goal];
                what := what || ' boundary';
            END IF;
        END IF;
        IF stops IS NULL THEN
            stops := ARRAY[moment + (ARRAY[interval '0', random() * interval '1 minute', random() * interval '1 day', random() * random() * interval '9 days'])[1 + random_int(4)]];
        END IF;
        FOR n IN 1 .. random_int(6) LOOP
            CASE random_int(13)
            WHEN 0 THEN
                INSERT INTO contact SELECT coalesce(max(id), 0) + 1, (ARRAY['Brno', 'Bern', NULL])[1 + random_int(3)], NULL,
                    CASE WHEN random() < 0.8 THEN CASE WHEN surprises THEN date_trunc('second', moment - random() * interval '30 days' + interval '4 days') ELSE before + random() * interval '3 days' END END
                FROM contact HAVING count(*) < 25;
                what := what || ' contact';
            WHEN 1 THEN
                CONTINUE WHEN NOT surprises;
                UPDATE contact SET city = (ARRAY['Brno', 'Bern', NULL])[1 + random_int(3)] WHERE id = (SELECT id FROM contact ORDER BY random() LIMIT 1);
                what := what || ' city';
            WHEN 2 THEN
                CONTINUE WHEN NOT surprises;
                UPDATE event SET at = at - interval '1 day', amount = amount + 5 WHERE id = (SELECT id FROM event ORDER BY random() LIMIT 1);
                what := what || ' changed';
            WHEN 3 THEN
                CONTINUE WHEN NOT surprises;
                DELETE FROM event WHERE id = (SELECT id FROM event ORDER BY random() LIMIT 1);
                what := what || ' withdrawn';
            WHEN 4 THEN
                CONTINUE WHEN NOT surprises OR random() < 0.7;
                DELETE FROM contact WHERE id = (SELECT id FROM contact ORDER BY random() LIMIT 1);
                what := what || ' gone';
            ELSE
                -- Mostly of now, some late, some ahead of the clock; some at the instant
                -- of another, but no refunds, whose order beside views matters.
                INSERT INTO event (contact, at, kind, amount, category, product)
                SELECT id, CASE WHEN NOT surprises THEN before + interval '1 microsecond' + random() * random() * interval '5 days'
                                WHEN r < 0.2 THEN coalesce((SELECT e.at FROM event e WHERE e.contact = one.id AND e.kind <> 'refund' ORDER BY random() LIMIT 1), moment)
                                WHEN r < 0.3 THEN moment + random() * interval '5 days'
                                ELSE moment - random() * random() * interval '40 days' END,
                    (ARRAY['view', 'view', 'view', 'cart', 'purchase', 'purchase', 'refund'])[1 + random_int(CASE WHEN r < 0.2 THEN 6 ELSE 7 END)], 5 * random_int(10),
                    (ARRAY['outdoor', 'tea', NULL])[1 + random_int(3)], 'p' || random_int(3)
                FROM (SELECT id, random() AS r FROM contact ORDER BY random() LIMIT 1) one;
                what := what || ' event';
            END CASE;
        END LOOP;
        PERFORM customer_data.resolve();
        IF surprises AND random() < 0.06 AND (SELECT count(*) FROM contact) > 3 THEN
            PERFORM customer_data.must_link('crm', (min(x.id))::text, 'crm', (max(x.id))::text)
            FROM (SELECT id FROM contact ORDER BY random() LIMIT 2) x;
            what := what || ' merge';
        ELSIF surprises AND random() < 0.04 THEN
            DELETE FROM customer_data.match_decision WHERE ctid = (SELECT ctid FROM customer_data.match_decision ORDER BY random() LIMIT 1);
            PERFORM customer_data.resolve(rebuild => true);
            what := what || ' split';
        ELSIF surprises AND random() < 0.06 THEN
            -- Another minimum stay.
            UPDATE twin SET minimum_stay = random_int(50) * interval '1 hour' WHERE journey = 'sticky' AND stage = 'trying';
            PERFORM customer_data.alter_stage('sticky', 'trying', minimum_stay => (SELECT minimum_stay FROM twin WHERE journey = 'sticky' AND stage = 'trying'));
            what := what || ' redefined';
        END IF;

        PERFORM customer_data.resolve();
        PERFORM customer_data.refresh_timelines();
        FOREACH goal IN ARRAY stops LOOP
            CONTINUE WHEN goal < moment;
            moment := goal;
            PERFORM refresh(moment);
            PERFORM ask(moment);
            PERFORM walk(moment);
            INSERT INTO found
            SELECT i, moment, what, 'plain SQL', x.* FROM (
                (SELECT journey, customer_id, stage, entered_at, left_at, true FROM stored
                 EXCEPT SELECT journey, customer_id, stage, entered_at, left_at, true FROM walked)
                UNION ALL
                (SELECT journey, customer_id, stage, entered_at, left_at, false FROM walked
                 EXCEPT SELECT journey, customer_id, stage, entered_at, left_at, false FROM stored)) x;
            CREATE TEMP TABLE incremental AS SELECT * FROM stored;
            PERFORM customer_data.refresh_walks(true, moment);
            INSERT INTO found
            SELECT i, moment, what, 'full', x.* FROM (
                (SELECT journey, customer_id, stage, entered_at, left_at, false FROM (TABLE stored EXCEPT TABLE incremental) a)
                UNION ALL
                (SELECT journey, customer_id, stage, entered_at, left_at, true FROM (TABLE incremental EXCEPT TABLE stored) b)) x;
            DROP TABLE incremental;
        END LOOP;
        IF NOT surprises THEN
            INSERT INTO kept SELECT i, moment, j.name, c.customer_id, s.stage
            FROM customer_data.customer c CROSS JOIN customer_data.journey_definition j
            LEFT JOIN customer_data.customer_stage s ON s.customer_id = c.customer_id AND s.journey = j.name;
        END IF;
        INSERT INTO done VALUES (i, moment);
        EXIT WHEN EXISTS (SELECT FROM found);
        COMMIT;
    END LOOP;
END
$$;

SET TimeZone = 'America/New_York';
UPDATE journey_definition SET time_zone = 'America/New_York';
-- Some are there from the beginning, else a short run may meet hardly anybody.
INSERT INTO contact SELECT i, 'Brno', NULL, '2024-02-01 00:00+00'::timestamptz + i * interval '1 day' FROM generate_series(1, 12) i;
CALL run(:steps, (:seed % 1000) / 1000.0, true);
SELECT is((SELECT count(*) FROM found), 0::bigint, 'stages equal plain SQL and a full walk after each of ' || :steps || ' steps');
SELECT is((SELECT count(*) FROM done), :steps::bigint, 'all steps were taken');
SELECT diag(format('step %s at %s (%s), beside %s: %s, customer %s, %s from %s to %s, stored %s', step, moment, what, beside, journey, customer_id, stage, entered_at, left_at, stored)) FROM found LIMIT 8;
SELECT cmp_ok((SELECT count(DISTINCT (journey, stage)) FROM stored), '>=', 10::bigint, 'most stages were reached');
SELECT is((SELECT string_agg(DISTINCT error, '; ') FROM journey), NULL, 'no stage failed');

-- From here on nothing arrives late.
DELETE FROM found; DELETE FROM done;
INSERT INTO done SELECT 0, max(t.refreshed_at) FROM journey_state t;
DELETE FROM event WHERE at > (SELECT max(moment) FROM done);
UPDATE contact SET since = (SELECT max(moment) FROM done) WHERE since > (SELECT max(moment) FROM done);
CALL run(:steps / 2, (:seed % 997) / 1000.0, false);
SELECT is((SELECT count(*) FROM found), 0::bigint, 'stages equal plain SQL also where nothing arrives late');
SELECT diag(format('step %s at %s (%s), beside %s: %s, customer %s, %s from %s to %s, stored %s', step, moment, what, beside, journey, customer_id, stage, entered_at, left_at, stored)) FROM found LIMIT 8;
SELECT is((SELECT string_agg(format('%s at %s: customer %s was %s, is %s', journey, moment, customer_id, stage, now), '; ')
           FROM (SELECT k.*, stage_of(k.customer_id, k.journey, k.moment) AS now FROM kept k JOIN customer c USING (customer_id)
                 WHERE c.registered_at <= k.moment OR EXISTS (SELECT FROM truth_event e WHERE e.customer_id = k.customer_id AND e.at <= k.moment)
                 ORDER BY md5(k::text) LIMIT 400) x WHERE now IS DISTINCT FROM stage), NULL,
          'the stage of a past moment is the one written down then');
SELECT is((SELECT string_agg(format('%s at %s: customer %s was %s', k.journey, k.moment, k.customer_id, k.stage), '; ')
           FROM kept k JOIN customer c USING (customer_id)
           LEFT JOIN stored s ON s.journey = k.journey AND s.customer_id = k.customer_id AND s.entered_at <= k.moment AND (s.left_at > k.moment OR s.left_at IS NULL)
           WHERE s.stage IS DISTINCT FROM k.stage
             AND (c.registered_at <= k.moment OR EXISTS (SELECT FROM truth_event e WHERE e.customer_id = k.customer_id AND e.at <= k.moment))), NULL,
          'and the one that the history has at that moment');
SELECT * FROM finish();
