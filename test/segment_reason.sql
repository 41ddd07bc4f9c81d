-- Why customers enter and leave a segment: of one whose members move for every
-- reason in one refresh, each customer has the one that is theirs.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET TimeZone = 'UTC';
SELECT plan(5);

CREATE TABLE contact (id int PRIMARY KEY, city text, since timestamptz);
INSERT INTO contact SELECT i, CASE WHEN i = 1 THEN 'old town' ELSE 'port' END,
       timestamptz '2026-03-01' - CASE i WHEN 1 THEN interval '9 days 12 hours' WHEN 10 THEN interval '4 days 12 hours' ELSE interval '100 days' END
FROM generate_series(1, 10) i;
CREATE TABLE event (contact int, at timestamptz, amount numeric);
INSERT INTO event SELECT i, '2026-02-01', (ARRAY[10, 20, 20, 20, 30, 40, 50, 50, 50])[i] FROM generate_series(1, 9) i;
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city", "registered_at": "since"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', $$'purchase'$$, value => 'amount', mode => 'trigger') IS NOT NULL AS done \gset
CREATE FUNCTION bring_all(at timestamptz) RETURNS void LANGUAGE sql AS $$
    SELECT count(*) FROM resolve();
    SELECT count(*) FROM refresh_timelines();
    SELECT refresh_metrics();
    SELECT touch('segment', take_touched('tag'));
    SELECT count(*) FROM refresh_conditions(false, at);
$$;
-- What the last refresh says of a segment.
CREATE FUNCTION moves(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s: %s', r.key, g.change, g.why), ', ' ORDER BY r.key::int, g.why)
    FROM segment_change g JOIN source_record r USING (customer_id)
    WHERE g.segment = name AND g.refresh_id = (SELECT max(refresh_id) FROM segment_refresh)
$$;
SELECT bring_all('2026-02-28') \g /dev/null
SELECT add_segment('fresh', $$city = 'port' AND within_last(registered_at, interval '5 days')$$),
       add_segment('some', $$monetary > metric_percentile('monetary', 50) OR city = 'old town' AND within_last(registered_at, interval '10 days')
                             OR in_segment(customer_id, 'fresh')$$) \g /dev/null
SELECT bring_all('2026-03-01') \g /dev/null
SELECT is(moves('some'), '1 entered: definition, 5 entered: definition, 6 entered: definition, 7 entered: definition, 8 entered: definition, 9 entered: definition, 10 entered: definition',
          'all enter what has been defined');

-- 0 10 20 20 20 30 40 50 50 50 becomes 0 10 20 20 30 35 40 50 50 50.
UPDATE event SET amount = 35 WHERE contact = 2;
SELECT bring_all('2026-03-02') \g /dev/null
SELECT is(moves('some'), '1 left: time, 2 entered: data, 5 left: threshold, 10 left: segment', 'each has their own reason');
SELECT is((SELECT array_agg(c.why ORDER BY c.why) FROM condition_change c JOIN segment_definition d USING (condition_id)
           WHERE d.name = 'some' AND c.refresh_id = (SELECT max(refresh_id) FROM segment_refresh)), '{data,segment,threshold,time}', 'a reason has one row');

-- A rank that nobody moves in stays as it is.
CREATE FUNCTION rank_sets() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s %s', k.value, k.valued, k.above, k.reached), '; ' ORDER BY k.threshold_id) FROM condition_rank k
$$;
SELECT rank_sets() AS before \gset
UPDATE event SET amount = 36 WHERE contact = 2;
SELECT bring_all('2026-03-03') \g /dev/null
SELECT is(rank_sets(), :'before', 'who lies above a threshold and goes on above it changes no rank');
UPDATE event SET amount = 1 WHERE contact = 2;
SELECT bring_all('2026-03-04') \g /dev/null
SELECT is(rank_sets(), (SELECT format('%s %s %s %s', h.value, customer_set_agg(p.customer_id), customer_set_agg(p.customer_id) FILTER (WHERE monetary > h.value),
                                      customer_set_agg(p.customer_id) FILTER (WHERE monetary >= h.value))
                        FROM profile p, condition_threshold h WHERE monetary IS NOT NULL GROUP BY h.value), 'and who falls below it does');
SELECT * FROM finish();
