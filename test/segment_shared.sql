-- Conditions share parts: what one has asked of some customers of a block the
-- next asks of the others only. Until when the answers of the first hold must
-- outlive that. Moments and events to come, and sums with negative amounts,
-- hold otherwise than most; each membership is compared with plain SQL as the
-- clock goes on.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET jit = off;
SELECT plan(3);
\ir include/seed.sql

CREATE TABLE contact (id int PRIMARY KEY, city text, since timestamptz);
INSERT INTO contact SELECT i, 'c' || floor(random() * 3), timestamptz '2024-03-01 00:00:00+00' + (random() * 16 - 12) * interval '1 day' FROM generate_series(1, 300) i;
CREATE TABLE deed (contact int, at timestamptz, kind text, amount numeric);
INSERT INTO deed SELECT 1 + floor(random() * 300), timestamptz '2024-03-01 00:00:00+00' + (random() * 12 - 6) * interval '1 day',
       (ARRAY['pay', 'pay', 'visit'])[1 + floor(random() * 3)], floor(random() * 60) - 20 FROM generate_series(1, 900);
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city", "registered_at": "since"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT add_event_source('deeds', 'public.deed', 'crm', 'contact', 'at', 'kind', value => 'amount') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT count(*) FROM refresh_timelines() \gset
CREATE TABLE shared (name text, condition text, plain text);
INSERT INTO shared
SELECT CASE WHEN city IS NULL THEN what ELSE what || ' in ' || city END,
       CASE WHEN city IS NULL THEN condition ELSE format('city = %L AND %s', city, condition) END,
       CASE WHEN city IS NULL THEN plain ELSE format('city = %L AND %s', city, plain) END
FROM (VALUES ('new', 'within_last(registered_at, ''3 days'')', 'since > $1 - interval ''3 days'' AND since <= $1'),
             ('visited', 'happened(events, ''visit'', last => ''2 days'')',
              'EXISTS (SELECT FROM deed d WHERE d.contact = c.id AND d.kind = ''visit'' AND d.at > $1 - interval ''2 days'' AND d.at <= $1)'),
             ('paid', 'event_sum(events, ''pay'', last => ''2 days'') > 20',
              '(SELECT sum(amount) FROM deed d WHERE d.contact = c.id AND d.kind = ''pay'' AND d.at > $1 - interval ''2 days'' AND d.at <= $1) > 20')) w (what, condition, plain),
     (VALUES (1, 'c1'), (2, 'c2'), (3, NULL)) v (n, city)
ORDER BY n;
SELECT count(add_segment(name, condition)) FROM shared \gset

CREATE TABLE step (moment timestamptz, name text, missing int, beyond int, expired int);
CREATE PROCEDURE go_on() LANGUAGE plpgsql AS $$
DECLARE
    now_at  timestamptz := '2024-03-01 00:00:00+00';
    s       shared;
    members customer_set;
    truth   customer_set;
BEGIN
    PERFORM customer_data.refresh_metrics();
    PERFORM customer_data.touch('segment', customer_data.take_touched('tag'));
    FOR n IN 1 .. 15 LOOP
        PERFORM customer_data.refresh_conditions(false, now_at);
        FOR s IN SELECT * FROM shared LOOP
            EXECUTE 'SELECT customer_data.customer_set_agg(r.customer_id) FROM contact c JOIN customer_data.source_record r ON r.key = c.id::text WHERE ' || s.plain INTO truth USING now_at;
            members := customer_data.segment_members(s.name);
            truth := coalesce(truth, '{}');
            INSERT INTO step SELECT now_at, s.name, customer_data.cardinality(truth OPERATOR(customer_data.-) members),
                   customer_data.cardinality(members OPERATOR(customer_data.-) truth), r.expired
            FROM customer_data.segment_refresh r ORDER BY r.refresh_id DESC LIMIT 1;
        END LOOP;
        now_at := now_at + random() * interval '10 hours';
        COMMIT;
    END LOOP;
END
$$;
CALL go_on();
SELECT is((SELECT array_agg(format('%s at %s: %s missing, %s too many', name, moment, missing, beyond) ORDER BY moment, name) FROM step WHERE missing + beyond > 0), NULL, 'memberships are those of plain SQL at every moment');
SELECT cmp_ok((SELECT count(DISTINCT moment) FROM step WHERE expired > 0), '>', 10::bigint, 'only those are asked whose answers have expired');
SELECT is((SELECT count(*) FROM customer_data.segment WHERE error IS NOT NULL OR note IS NOT NULL), 0::bigint, 'and every condition knows when');
SELECT * FROM finish();
