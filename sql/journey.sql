SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
SET TimeZone = 'UTC';

CREATE TABLE public.contact (id int PRIMARY KEY, name text, since timestamptz);
CREATE TABLE public.event (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, contact int, at timestamptz, kind text);
INSERT INTO public.contact VALUES
    (1, 'Ada', '2025-01-01 00:00+00'), (2, 'Boris', '2025-01-05 00:00+00'), (3, 'Chen', NULL), (4, 'Dora', NULL);
INSERT INTO public.event (contact, at, kind) VALUES
    (1, '2025-01-02 00:00+00', 'view'), (1, '2025-01-03 00:00+00', 'view'), (1, '2025-01-04 00:00+00', 'purchase'),
    (1, '2025-03-01 00:00+00', 'review'),
    (2, '2025-01-06 00:00+00', 'purchase'),
    (3, '2025-02-01 00:00+00', 'view');
SELECT add_source('crm', 'public.contact', 'id', '{"full_name": "name", "registered_at": "since"}') IS NOT NULL AS added;
SELECT customers FROM resolve();
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', cursor_column => 'id') IS NOT NULL AS added;
SELECT events FROM refresh_timelines();

-- A journey is a list of stages; a customer is in the last one that holds.
SELECT add_journey('buying', description => 'from first contact to recommending us');
SELECT add_stage('buying', 'known', 'true');
SELECT add_stage('buying', 'interested', $$happened(events, 'view', last => '30 days')$$);
SELECT add_stage('buying', 'customer', $$happened(events, 'purchase')$$);
SELECT add_stage('buying', 'fan', $$happened(events, 'review', last => '10 days')$$, label => '推薦');

-- refresh_walks() is refresh_journeys() at a given moment, as tests need it.
SELECT touch('journey', take_touched('portrait'));
SELECT journeys, changed, failed FROM refresh_walks(false, '2025-03-05 00:00+00');
SELECT name, stage, label, position, size, percent FROM journey;
SELECT c.full_name, h.stage, h.entered_at, h.left_at, h.stayed, h.why
FROM stage_history h JOIN customer c USING (customer_id) ORDER BY 1, 3;

-- Now, at any past moment, and for one with no data.
SELECT c.full_name, stage_of(customer_id, 'buying', '2025-01-03 12:00+00') AS on_3_january,
       stage_of(customer_id, 'buying', '2025-01-20 00:00+00') AS on_20_january,
       stage_of(customer_id, 'buying', '2025-03-02 00:00+00') AS on_2_march
FROM customer c ORDER BY 1;

-- Time alone moves people; so does an event that arrives late.
SELECT changed FROM refresh_walks(false, '2025-03-12 00:00+00');
SELECT c.full_name, s.stage, s.entered_at, s.why FROM customer_stage s JOIN customer c USING (customer_id) ORDER BY 1;
INSERT INTO public.event (contact, at, kind) VALUES (3, '2025-02-10 00:00+00', 'purchase');
SELECT events FROM refresh_timelines();
SELECT touch('journey', take_touched('portrait'));
SELECT customers, changed FROM refresh_walks(false, '2025-03-12 00:00+00');
SELECT c.full_name, h.stage, h.entered_at, h.left_at, h.why
FROM stage_history h JOIN customer c USING (customer_id) WHERE c.full_name = 'Chen' ORDER BY 1, 3;

-- Who is in a stage, as a set and one by one.
SELECT stage, cardinality(stage_members('buying', stage)) AS members FROM journey WHERE name = 'buying';
SELECT full_name, in_stage(customer_id, 'buying', 'customer') FROM customer ORDER BY 1;

-- Reports over the history.
SELECT * FROM journey_transitions('buying');
SELECT * FROM journey_dwell('buying');
SELECT stage, customers, percent, median, p90, from_previous FROM journey_velocity('buying');
SELECT step, source, target, value FROM journey_flow WHERE journey = 'buying' ORDER BY step, source, target;
SELECT c.full_name, r.from_stage, r.to_stage, r.at FROM journey_regressions('buying') r JOIN customer c USING (customer_id) ORDER BY 1, 4;
SET customer_data.as_of = '2025-06-01 00:00+00';
SELECT c.full_name, s.stage, s.entered_at, s.stayed, s.usual FROM journey_stuck('buying', longer_than => '30 days') s JOIN customer c USING (customer_id) ORDER BY 1;
SELECT e.stage, e.is_here, e.holds, e.entered_at, e.why, e.because FROM customer c, explain_stage(c.customer_id, 'buying') e WHERE full_name = 'Chen';
RESET customer_data.as_of;

-- Ready-made journeys.
SELECT model, string_agg(stage || ' ' || label, ' → ' ORDER BY position) FROM journey_model GROUP BY 1 ORDER BY 1;
SELECT add_journey('lifecycle', model => 'activity');
SELECT add_journey('customer journey', model => 'adoption');
SELECT add_journey('pirate', model => 'aarrr');
SELECT add_journey('funnel', model => 'advocacy');
SELECT journeys, failed FROM refresh_walks(false, '2025-03-12 00:00+00');
SELECT c.full_name, j.name AS journey, stage_of(c.customer_id, j.name, '2025-03-12 00:00+00') AS march,
       stage_of(c.customer_id, j.name, '2025-05-12 00:00+00') AS may, stage_of(c.customer_id, j.name, '2025-09-12 00:00+00') AS september
FROM customer c, journey_definition j WHERE c.full_name = 'Ada' AND j.model IS NOT NULL ORDER BY 1, 2;
SELECT drop_journey(name) FROM journey_definition WHERE model IS NOT NULL;

-- Stages that are kept, that are left late, and that hold for a while.
SELECT add_journey('moods');
SELECT add_stage('moods', 'quiet', 'true');
SELECT add_stage('moods', 'looking', $$happened(events, 'view', last => '1 day')$$, lapse => '5 days');
SELECT add_stage('moods', 'reviewer', $$happened(events, 'review', last => '1 day')$$, fall_back => false);
SELECT add_journey('patient');
SELECT add_stage('patient', 'seen', 'true', minimum_stay => '36 hours');
SELECT add_stage('patient', 'viewed', $$happened(events, 'view')$$, minimum_stay => '36 hours');
SELECT add_stage('patient', 'bought', $$happened(events, 'purchase')$$);
SELECT failed FROM refresh_walks(false, '2025-03-12 00:00+00');
SELECT h.journey, h.stage, h.entered_at, h.left_at, h.why
FROM stage_history h JOIN customer c USING (customer_id) WHERE c.full_name = 'Ada' AND journey <> 'buying' ORDER BY 1, 3;

-- What cannot be a stage is refused.
\set SHOW_CONTEXT never
SELECT add_stage('buying', 'x', 'now() > registered_at');
SELECT add_stage('buying', 'x', 'EXISTS (SELECT FROM public.event)');
SELECT add_stage('buying', 'x', 'registerd_at IS NULL');
SELECT add_stage('buying', '', 'true');
SELECT add_journey(NULL);
SELECT add_stage('buying', 'x', 'monetary >= top_percent(''monetary'', 10)');
SELECT add_stage('buying', 'fan', 'true');
SELECT alter_stage('buying', 'fan', lapse => '-1 day');
SELECT add_stage('bying', 'x', 'true');
SELECT add_journey('buying');
SELECT add_journey('x', model => 'y');
SELECT alter_stage('buying', 'fann', 'true');
SELECT stage_of(1, 'selling');
SELECT stage_of(1, 'moods', NULL);
SELECT stage_of(1, 'moods', 'infinity');
SELECT stage_of(NULL, 'moods') IS NULL AS nobody;

-- Metrics are those of each moment; what has no history counts as it is today.
SELECT add_journey('figures');
SELECT add_stage('figures', 'anybody', 'full_name IS NOT NULL');
SELECT add_stage('figures', 'one order', 'frequency = 1');
SELECT add_stage('figures', 'rested', 'recency >= 10');
SELECT stage, as_today FROM journey WHERE name = 'figures';
SELECT failed FROM refresh_walks(false, '2025-03-12 00:00+00');
SELECT c.full_name, h.stage, h.entered_at, h.left_at FROM stage_history h JOIN customer c USING (customer_id)
WHERE journey = 'figures' AND full_name IN ('Ada', 'Dora') ORDER BY 1, 3;
SELECT drop_journey('figures');

-- A stage that fails leaves the journey as it was and says so.
SELECT alter_stage('buying', 'fan', $$1 / event_count(events, 'review') > 0$$);
SELECT failed FROM refresh_walks(false, '2025-03-12 00:00+00');
SELECT DISTINCT name, error FROM journey WHERE error IS NOT NULL;
SELECT count(*) FROM stage_history WHERE journey = 'buying';
SELECT drop_stage('buying', 'fan');
SELECT failed FROM refresh_walks(false, '2025-03-12 00:00+00');
SELECT stage, size, error FROM journey WHERE name = 'buying';
SELECT drop_journey('buying');
SELECT DISTINCT name FROM journey ORDER BY 1;

DROP TABLE public.contact, public.event;
