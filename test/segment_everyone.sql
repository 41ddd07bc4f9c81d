-- No template, none of the seven segments of the guide and none of those that
-- are measured is asked of everyone because time passes or thresholds move.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SELECT plan(6);

CREATE SCHEMA shop;
CREATE TABLE shop.person (id int PRIMARY KEY, city text, born date, since timestamptz);
CREATE TABLE shop.event (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, customer int, at timestamptz, kind text, amount numeric, quantity int, category text, channel text);
INSERT INTO shop.person SELECT i, (ARRAY['Brno', 'Bern', 'Graz'])[1 + i % 3], date '1980-01-01' + i, '2025-01-01 00:00+00'::timestamptz + i * interval '13 hours' FROM generate_series(1, 100) i;
INSERT INTO shop.event (customer, at, kind, amount, quantity, category, channel)
SELECT 1 + i % 100, '2025-03-01 00:00+00'::timestamptz - i * interval '1 hour', (ARRAY['view', 'cart', 'purchase', 'refund', 'search', 'visit', 'review'])[1 + i % 7],
       i % 90, 1 + i % 3, (ARRAY['tea', 'outdoor', 'sachet'])[1 + i % 3], (ARRAY['web', 'app'])[1 + i % 2]
FROM generate_series(1, 2000) i;
SELECT add_source('shop', 'shop.person', 'id', '{"city": "city", "birth_date": "born", "registered_at": "since"}') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT add_event_source('shop', 'shop.event', 'shop', 'customer', 'at', 'kind', value => 'amount', quantity => 'quantity',
                        properties => '{"category": "category", "channel": "channel", "product": "category"}', mode => 'trigger') IS NOT NULL AS done \gset
SELECT count(*) FROM refresh_timelines() \gset
SELECT bring_metrics(false) IS NOT NULL AS done FROM set_config('customer_data.as_of', '2025-03-01 00:00+00', false) \gset
RESET customer_data.as_of;

-- The templates with their defaults, and with all their numbers and words edited.
SELECT count(add_segment_from(t.name)) FROM segment_template t \gset
SELECT count(add_segment_from(t.name, t.name || ', edited',
    (SELECT jsonb_object_agg(key, CASE WHEN jsonb_typeof(value) = 'number' THEN to_jsonb((value::text::numeric + 1.5)::int + 1) ELSE to_jsonb('cart'::text) END)
     FROM jsonb_each(t.parameters)))) FROM segment_template t WHERE t.parameters <> '{}' \gset
-- The seven of the guide.
SELECT FROM add_segment('1', $$within_last(registered_at, '7 days')$$);
SELECT FROM add_segment('2', $$within_last(registered_at, '7 days') AND happened(events, 'view[category=sachet]') AND NOT happened(events, 'purchase[category=sachet]')$$);
SELECT FROM add_segment('2, nothing at all', $$within_last(registered_at, '7 days') AND happened(events, 'view[category=sachet]') AND NOT happened(events, 'purchase')$$);
SELECT FROM add_segment('3', $$event_sum(events, 'purchase') > 1000 AND NOT happened(events, 'campaign_response')$$);
SELECT FROM add_segment('4', $$monetary >= top_percent('monetary', 10, among => 'frequency > 0') AND NOT happened(events, 'purchase', last => '60 days')$$);
SELECT FROM add_segment('5', $$is_anniversary(birth_date)$$);
SELECT FROM add_segment('6', $$event_sum(events, 'purchase[category=outdoor]', of => 'quantity', last => '1 year') >= 2$$);
SELECT FROM add_segment('7', $$unanswered(events, 'cart', 'purchase', same => 'product', last => '7 days')$$);
-- Those measured.
\ir ../bench/segments.sql
SELECT count(add_segment('measured: ' || name, replace(condition, 'in_segment(customer_id, ''', 'in_segment(customer_id, ''measured: '))) FROM shop.segment \gset
SELECT is((SELECT count(*) FROM shop.segment), 200::bigint, '200 segments are measured');
SELECT is((SELECT count(*) FROM segment WHERE name <> 'everyone else'), (SELECT 2 * count(*) - count(*) FILTER (WHERE parameters = '{}') + 208 FROM segment_template), 'all are defined');

-- What a refresh asks of everyone, and why.
CREATE TABLE asked_of_everyone (segment text, why text);
CREATE FUNCTION note_everyone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.asked_of_everyone SELECT coalesce((SELECT d.name FROM customer_data.segment_definition d WHERE d.condition_id = NEW.condition_id), NEW.condition_id::text), NEW.everyone;
    RETURN NULL;
END
$$;
SELECT count(*) FROM refresh_conditions(false, '2025-03-01 00:00+00') \gset
CREATE TRIGGER note_everyone AFTER INSERT OR UPDATE ON condition_work FOR EACH ROW WHEN (NEW.everyone IS NOT NULL) EXECUTE FUNCTION note_everyone();
SELECT is((SELECT string_agg(name || ': ' || coalesce(error, note), ', ') FROM segment WHERE error IS NOT NULL OR note IS NOT NULL), NULL, 'none fails, and none has a note');

-- Days pass, things happen, and the best customers are others.
CREATE PROCEDURE days() LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := '2025-03-01 00:00+00';
BEGIN
    FOR i IN 1 .. 20 LOOP
        moment := moment + i * interval '7 hours';
        INSERT INTO shop.event (customer, at, kind, amount, quantity, category, channel)
        SELECT 1 + (i * 7 + n) % 100, moment - interval '1 hour', 'purchase', 1000 * i, 1, 'outdoor', 'web' FROM generate_series(1, 3) n;
        PERFORM refresh_timelines();
        PERFORM set_config('customer_data.as_of', moment::text, true);
        PERFORM bring_metrics(false), bring_tags(false);
        PERFORM set_config('customer_data.as_of', '', true);
        PERFORM refresh_conditions(false, moment);
        COMMIT;
    END LOOP;
END
$$;
CALL days();
SELECT is((SELECT string_agg(DISTINCT segment || ' (' || why || ')', ', ') FROM asked_of_everyone), NULL, 'none was asked of everyone again');
SELECT cmp_ok((SELECT count(DISTINCT c.condition_id) FROM condition_change c WHERE c.why = 'threshold'), '>=', 3::bigint, 'though thresholds moved');
SELECT FROM add_segment('by the clock', $$extract(hour FROM as_of()) > 12$$);
SELECT count(*) FROM refresh_conditions(false, '2025-04-30 00:00+00') \gset
DELETE FROM asked_of_everyone;
SELECT count(*) FROM refresh_conditions(false, '2025-05-01 00:00+00') \gset
SELECT is((SELECT string_agg(segment || ' (' || why || ')', ', ') FROM asked_of_everyone), 'by the clock (time)', 'what is, shows');
SELECT * FROM finish();
