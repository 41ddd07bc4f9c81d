-- Segments that ask for stages: asked again of whom a refresh of journeys
-- moved, and of nobody else; always what plain SQL says.
\ir include/seed.sql
SELECT plan(15);
SET search_path = customer_data, public;
SET TimeZone = 'UTC';

CREATE TABLE public.contact (id int PRIMARY KEY, name text, since timestamptz);
CREATE TABLE public.event (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, contact int, at timestamptz, kind text);
INSERT INTO public.contact SELECT i, 'Person ' || i, '2025-01-01 00:00+00' FROM generate_series(1, 40) i;
INSERT INTO public.event (contact, at, kind) VALUES (1, '2025-01-02 00:00+00', 'view');
SELECT add_source('crm', 'public.contact', 'id', '{"full_name": "name", "registered_at": "since"}') IS NOT NULL AS added;
SELECT customers FROM resolve();
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', cursor_column => 'id') IS NOT NULL AS added;
SELECT add_journey('buying');
SELECT add_stage('buying', 'known', 'true');
SELECT add_stage('buying', 'interested', $$happened(events, 'view', last => '10 days')$$);
SELECT add_stage('buying', 'customer', $$happened(events, 'purchase', last => '20 days')$$);

SELECT throws_ok($$SELECT add_segment('x', $c$in_stage(customer_id, 'bying', 'customer')$c$)$$, '42704', 'journey "bying" does not exist');
SELECT throws_ok($$SELECT add_segment('x', $c$in_stage(customer_id, 'buying', 'fan')$c$)$$, '42704', 'journey "buying" has no stage "fan"');
SELECT throws_ok($$SELECT add_segment('x', $c$in_stage(7, 'buying', 'customer')$c$)$$, '0A000', 'in_stage() must be asked of the customer itself');
SELECT throws_ok($$SELECT add_segment('x', $c$in_stage(customer_id, full_name, 'customer')$c$)$$, '0A000', 'the journey''s name must be written as a constant in a condition');
SELECT throws_ok($$SELECT add_segment('x', $c$stage_of(customer_id, 'buying') = 'customer'$c$)$$, '0A000');
SELECT throws_ok($$SELECT add_stage('buying', 'fan', $c$in_stage(customer_id, 'buying', 'customer')$c$)$$, '0A000', 'the condition of a stage cannot ask for a stage');

SELECT add_segment('interested', $$in_stage(customer_id, 'buying', 'interested')$$);
SELECT add_segment('recent', $$NOT in_stage(customer_id, 'buying', 'known') AND happened(events, '*', last => '5 days')$$);
SELECT is((SELECT string_agg(name, ', ') FROM segment WHERE note LIKE '%everyone%'), NULL, 'no such segment is asked of everyone');

-- A circle by way of the journey is refused from either end.
SELECT throws_ok($$SELECT add_stage('buying', 'fan', $c$in_segment(customer_id, 'interested')$c$)$$, '42P17', 'segments would ask for each other in a circle');
SELECT add_segment('any', 'true');
SELECT add_stage('buying', 'any', $$in_segment(customer_id, 'any') AND happened(events, 'refund')$$);
SELECT throws_ok($$SELECT alter_segment('any', $c$in_stage(customer_id, 'buying', 'customer')$c$)$$, '42P17', 'segments would ask for each other in a circle');
SELECT drop_stage('buying', 'any');
SELECT drop_segment('any');
SELECT throws_ok($$SELECT drop_stage('buying', 'interested')$$, '2BP01', 'stage "interested" of journey "buying" is still asked for');
SELECT throws_ok($$SELECT drop_journey('buying')$$, '2BP01', 'journey "buying" is still asked for');
SELECT throws_ok($$SELECT alter_stage('buying', 'interested', new_name => 'keen')$$, '2BP01', 'stage "interested" of journey "buying" is still asked for');

-- Random events and steps of the clock, beside plain SQL over the table of events.
CREATE TABLE wrong (step int, segment text, customer_id bigint);
CREATE TABLE asked (step int, everyone bigint);
CREATE FUNCTION steps(n int, seed float8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := '2025-02-01 00:00+00';
BEGIN
    PERFORM setseed(seed);
    FOR i IN 1 .. n LOOP
        moment := moment + random() * interval '4 days';
        INSERT INTO public.event (contact, at, kind)
        SELECT 1 + floor(random() * 40), moment - random() * interval '12 days', CASE WHEN random() < 0.3 THEN 'purchase' ELSE 'view' END
        FROM generate_series(1, floor(random() * 6)::int);
        PERFORM customer_data.refresh_timelines();
        PERFORM customer_data.touch('segment', customer_data.take_touched('portrait'));
        PERFORM customer_data.refresh_conditions(false, moment);
        PERFORM customer_data.refresh_walks(false, moment);
        INSERT INTO wrong
        WITH stage AS (
            SELECT r.customer_id,
                   EXISTS (SELECT FROM public.event e WHERE e.contact = r.key::int AND e.kind = 'view' AND e.at > moment - interval '10 days') AS viewed,
                   EXISTS (SELECT FROM public.event e WHERE e.contact = r.key::int AND e.kind = 'purchase' AND e.at > moment - interval '20 days') AS bought,
                   EXISTS (SELECT FROM public.event e WHERE e.contact = r.key::int AND e.at > moment - interval '5 days') AS lately
            FROM customer_data.source_record r
        ), truth AS (
            SELECT 'interested' AS segment, s.customer_id FROM stage s WHERE viewed AND NOT bought
            UNION ALL
            SELECT 'recent', s.customer_id FROM stage s WHERE (viewed OR bought) AND lately
        ), kept AS (
            SELECT d.name, customer_data.members(customer_data.members_of(d.condition_id)) FROM customer_data.segment_definition d
            WHERE d.name IN ('interested', 'recent')
        )
        SELECT i, x.* FROM ((TABLE truth EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE truth)) x;
        INSERT INTO asked SELECT i, count(*) FROM customer_data.condition_change c WHERE i > 1
            AND c.refresh_id = (SELECT max(refresh_id) FROM customer_data.segment_refresh) AND c.why IN ('time', 'rebuild')
            AND c.condition_id = (SELECT condition_id FROM customer_data.segment_definition WHERE name = 'interested');
    END LOOP;
END
$$;
SELECT steps(60, (:seed % 1000) / 1000.0);
SELECT is((SELECT string_agg(format('step %s: %s, customer %s', step, segment, customer_id), '; ') FROM (SELECT * FROM wrong LIMIT 5) w), NULL,
          'the segments are what plain SQL says after each of 60 steps');
SELECT is((SELECT sum(everyone) FROM asked), 0::numeric, 'whoever is let in or out moved: time alone asks nobody about a stage');
SELECT cmp_ok((SELECT count(*) FROM condition_change c JOIN segment_definition d USING (condition_id) WHERE d.name = 'interested' AND c.why = 'data'),
              '>=', 10::bigint, 'and many did');
SELECT * FROM finish();
