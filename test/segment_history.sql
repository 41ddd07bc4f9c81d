-- Membership of the past: after random refreshes at random hours, segment_as_of()
-- gives at every moment what the refreshes left, from snapshots and changes;
-- from snapshots alone once changes are forgotten; from timelines before that.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET TimeZone = 'UTC';
\ir include/seed.sql

SELECT plan(20);
CREATE TABLE contact (id int PRIMARY KEY, city text, since timestamptz);
INSERT INTO contact SELECT i, 'Brno', '2024-12-01' FROM generate_series(1, 60) i;
-- Ids far apart, so that members lie in several chunks.
SELECT setval('customer_data.customer_id_seq', 65516) AS place \gset
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city", "registered_at": "since"}') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT add_segment('brno', $$city = 'Brno'$$) IS NULL AS done, add_segment('bern', $$city = 'Bern'$$) IS NULL AS done,
       add_segment('fails at times', $$10 / (length(city) - 5) > 0$$) IS NULL AS done,
       add_segment('fresh', $$within_last(registered_at, '40 days')$$) IS NULL AS done \gset
CREATE TABLE memo (step int, moment timestamptz, segment text, members customer_set, failed boolean);

CREATE PROCEDURE run(seed double precision) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := '2025-01-01 05:00+00';
BEGIN
    PERFORM setseed(seed);
    FOR step IN 1 .. 90 LOOP
        moment := moment + random() * interval '15 hours';
        UPDATE contact SET city = (ARRAY['Brno', 'Bern', 'Wuhan!'])[1 + floor(random() * 2.999)::int] WHERE random() < 0.05;
        UPDATE contact SET city = 'Wuhan' WHERE random() < 0.02 AND step > 1;
        UPDATE contact SET city = 'Bern' WHERE city = 'Wuhan' AND random() < 0.5;
        IF step = 30 THEN
            PERFORM customer_data.add_segment('late', $c$city <> 'Brno'$c$);
        END IF;
        PERFORM customer_data.resolve();
        PERFORM customer_data.touch('segment', customer_data.take_touched('portrait') | customer_data.take_touched('tag'));
        PERFORM customer_data.refresh_conditions(false, moment);
        INSERT INTO memo SELECT step, moment, s.name, customer_data.segment_members(s.name), s.error IS NOT NULL FROM customer_data.segment s;
        COMMIT;
    END LOOP;
END
$$;
CALL run((:seed % 1000) / 1000.0);

SELECT cmp_ok((SELECT count(DISTINCT k.chunk) FROM condition_snapshot_chunk k), '>', 1::bigint, 'members lie in several chunks');
SELECT diag(format('%s at step %s: %s, not %s', m.segment, m.step, a.how, m.members)) FROM memo m, segment_at(m.segment, m.moment) a WHERE a.members <> m.members;
SELECT is((SELECT count(*) FROM memo m WHERE segment_as_of(m.segment, m.moment) <> m.members), 0::bigint,
          'at the moment of each refresh: what it left');
-- Just before the next refresh nothing is different.
SELECT is((SELECT count(*) FROM (SELECT m.*, lead(m.moment) OVER (PARTITION BY m.segment ORDER BY m.step) - interval '1 microsecond' AS last FROM memo m) m
           WHERE m.last IS NOT NULL AND segment_as_of(m.segment, m.last) <> m.members), 0::bigint, 'and up to the next one');
SELECT is((SELECT count(*) FROM memo m, segment_at(m.segment, m.moment) a WHERE m.step > 1 AND a.exact = m.failed), 0::bigint,
          'exact, but where the condition failed');
SELECT cmp_ok((SELECT count(*) FROM memo WHERE failed), '>', 0::bigint, 'which it did at times');
SELECT is((SELECT count(*) FROM segment_size z WHERE z.size <> cardinality(segment_as_of(z.segment, z.at))), 0::bigint, 'sizes are those of the members');
SELECT is((SELECT count(*) FROM (SELECT z.*, lag(z.size, 1, 0::numeric) OVER (PARTITION BY segment ORDER BY refresh_id) AS before FROM segment_size z) z
           WHERE z.before + z.entered - z.exited <> z.size), 0::bigint, 'each size is the one before and those who entered, less those who left');
CREATE TABLE first_of_day AS
SELECT DISTINCT ON (m.segment, m.moment::date) m.* FROM memo m WHERE NOT m.failed ORDER BY m.segment, m.moment::date, m.step;
SELECT bag_eq('SELECT segment, day, size FROM segment_size_daily', 'SELECT segment, moment::date, cardinality(members) FROM first_of_day',
              'a snapshot of each day that had a refresh in which the condition did not fail');
SELECT is((SELECT count(*) FROM segment_size_daily z WHERE z.segment = 'brno' AND z.percent <> round(100.0 * z.size / 60, 1)), 0::bigint, 'with the share of all customers');
SELECT cmp_ok((SELECT count(*) FROM condition_snapshot_chunk), '<', (SELECT count(*) * 2 FROM condition_snapshot p), 'chunks that did not change are not written again');
SELECT is((SELECT how FROM segment_at('late', (SELECT moment FROM memo WHERE step = 29 LIMIT 1))),
          'recomputed from timelines, with what is known today; today''s value stands for city', 'before a segment was defined it is recomputed');
SELECT ok((SELECT a.members @> (SELECT customer_set_agg(customer_id) FROM customer) AND NOT a.exact AND a.how LIKE '%as if nothing new happened' FROM segment_at('brno', now() + interval '1 year') a)
          = (SELECT bool_and(city = 'Brno') FROM customer), 'ahead of the clock it is recomputed, too');

-- Changes older than ten days are forgotten: there the day's snapshot answers.
SELECT (max(moment) - interval '10 days') AS cut, max(moment) AS last FROM memo \gset
SET customer_data.as_of = :'last';
SELECT cmp_ok(prune_segment_history('10 days'), '>', 0::bigint, 'older changes are forgotten');
RESET customer_data.as_of;
CREATE TABLE kept_from AS SELECT min(refresh_id) AS refresh_id, min(moment) AS moment FROM segment_refresh;
SELECT is((SELECT count(*) FROM memo m WHERE m.moment >= (SELECT min(f.moment) FROM first_of_day f, kept_from k WHERE f.segment = m.segment AND f.moment >= k.moment)
           AND segment_as_of(m.segment, m.moment) <> m.members), 0::bigint, 'later moments are known as before');
SELECT is((SELECT count(*) FROM memo m JOIN LATERAL (SELECT f.* FROM first_of_day f WHERE f.segment = m.segment AND f.moment <= m.moment ORDER BY f.moment DESC LIMIT 1) f ON true,
           LATERAL segment_at(m.segment, m.moment) a, kept_from k
           WHERE f.moment < k.moment AND (a.members <> f.members OR a.exact <> (f.moment = m.moment) OR a.how NOT LIKE 'as of the daily snapshot of %')), 0::bigint,
          'earlier ones as of the day''s snapshot, which says so');
-- Snapshots older than five days are forgotten: there timelines answer.
SELECT count(*) AS chunks FROM condition_snapshot_chunk \gset
SET customer_data.as_of = :'last';
SELECT prune_segment_history('10 days', '5 days') IS NULL AS done \gset
RESET customer_data.as_of;
SELECT cmp_ok((SELECT count(*) FROM condition_snapshot_chunk), '<', :chunks::bigint, 'their chunks go, too');
SELECT is((SELECT count(*) FROM first_of_day f WHERE f.moment >= :'last'::timestamptz - interval '5 days' AND segment_as_of(f.segment, f.moment) <> f.members), 0::bigint,
          'but none that a later snapshot needs');
SELECT matches((SELECT how FROM segment_at('brno', :'last'::timestamptz - interval '20 days')), '^recomputed from timelines', 'and what is forgotten is recomputed');

-- The first refresh of a day forgets by itself.
SET customer_data.segment_change_keep_days = 1;
SET customer_data.segment_snapshot_keep_days = 2;
SELECT entered FROM refresh_conditions(false, :'last'::timestamptz + interval '3 days') \gset
SELECT is((SELECT count(*) FROM segment_refresh), 1::bigint, 'changes are kept as long as the setting says');
SELECT is((SELECT count(*) FROM condition_snapshot JOIN segment_definition USING (condition_id) WHERE moment < :'last'::timestamptz + interval '1 day' AND name <> 'fails at times'), 0::bigint, 'and snapshots, too');
SELECT * FROM finish();
