-- A condition that fails: it keeps its members, stops no other, is not asked
-- over and over, and misses nothing that happened meanwhile.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET TimeZone = 'UTC';
SELECT plan(31);
CREATE TABLE contact (id int PRIMARY KEY, city text);
INSERT INTO contact SELECT i, 'Brno' FROM generate_series(1, 50) i;
UPDATE contact SET city = 'Chengdu' WHERE id = 7;
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
CREATE SEQUENCE asked;
-- Fails for cities of seven letters, and counts how often it is asked.
CREATE FUNCTION odd_length(city text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM nextval('public.asked');
    RETURN 10 / (length(city) - 7) < 0;
END
$$;
CREATE FUNCTION refresh_at(moment timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setval('public.asked', 1, false);
    PERFORM customer_data.resolve();
    PERFORM customer_data.touch('segment', customer_data.take_touched('portrait') | customer_data.take_touched('tag'));
    PERFORM customer_data.refresh_conditions(false, moment);
    RETURN (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.asked);
END
$$;
CREATE FUNCTION who(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(r.key, ' ' ORDER BY r.key::int) FROM members(segment_members($1)) m(id) JOIN source_record r ON r.customer_id = m.id WHERE r.key::int <= 7
$$;
SELECT add_segment('brno', $$city = 'Brno'$$) IS NULL AS done, add_segment('odd', $$public.odd_length(city)$$) IS NULL AS done,
       add_segment('odd, or not in brno', $$in_segment(customer_id, 'odd') OR NOT in_segment(customer_id, 'brno')$$) IS NULL AS done \gset

SELECT cmp_ok(refresh_at('2025-01-01 00:00:00+00'), '>', 0::bigint, 'it is asked, and fails');
SELECT matches((SELECT error FROM segment WHERE name = 'odd'), '^division by zero.*\[at customer \d+\]$', 'the error says at whom');
SELECT is((SELECT size FROM segment WHERE name = 'brno'), 49::bigint, 'others are refreshed');
SELECT is(refresh_at('2025-01-01 00:00:20+00'), 0::bigint, 'it is not asked again');
SELECT matches((SELECT note FROM segment WHERE name = 'odd'), '^asked again from 2025-01-01 00:01:00\+00 on, or when customer \d+ or the condition changes$', 'the view says when it will be');
UPDATE contact SET city = 'Bern' WHERE id = 5;
SELECT is(refresh_at('2025-01-01 00:00:40+00'), 0::bigint, 'nor when others change');
SELECT is((SELECT size FROM segment WHERE name = 'brno'), 48::bigint, 'others are refreshed');
SELECT cmp_ok(refresh_at('2025-01-01 00:01:00+00'), '>', 0::bigint, 'but after a minute');
SELECT is(refresh_at('2025-01-01 00:02:59+00'), 0::bigint, 'then after two');
SELECT cmp_ok(refresh_at('2025-01-01 00:03:00+00'), '>', 0::bigint, 'and on');
UPDATE contact SET city = 'Wuhan' WHERE id = 7;
SELECT is(refresh_at('2025-01-01 00:03:30+00'), 50::bigint, 'and when the customer changes: of everyone, since it never worked');
SELECT is((SELECT error FROM segment WHERE name = 'odd'), NULL, 'now it works');
SELECT is(who('odd'), '1 2 3 4 5 6 7', 'with the right members');

-- It fails of one customer, and meanwhile others change.
UPDATE contact SET city = 'Chengdu' WHERE id = 3;
SELECT is(refresh_at('2025-01-02 00:00:00+00'), 1::bigint, 'it is asked of who changed, and fails');
SELECT is(who('odd'), '1 2 3 4 5 6 7', 'and keeps its members');
SELECT is((SELECT refreshed_at FROM segment WHERE name = 'odd'), '2025-01-01 00:03:30+00', 'which are of before');
UPDATE contact SET city = 'Rotterdam' WHERE id = 4;
SELECT is(refresh_at('2025-01-02 00:00:10+00'), 0::bigint, 'another change waits');
UPDATE contact SET city = 'Amsterdam' WHERE id = 5;
SELECT is(refresh_at('2025-01-02 00:00:20+00'), 0::bigint, 'and another');
UPDATE contact SET city = 'Ulm' WHERE id = 3;
SELECT is(refresh_at('2025-01-02 00:00:30+00'), 3::bigint, 'until the customer is right: then all three are asked, and no others');
SELECT is(who('odd'), '1 2 3 6 7', 'and the members are right');
SELECT is(who('odd, or not in brno'), '1 2 3 4 5 6 7', 'also of a segment that asks for it');

-- A new definition is asked at once; what cannot begin is tried each time.
UPDATE contact SET city = 'Chengdu' WHERE id = 3;
SELECT refresh_at('2025-01-03 00:00:00+00') \gset
SELECT alter_segment('odd', $$coalesce(length(city), 0) = 7 OR public.odd_length(city || '!')$$) IS NULL AS done \gset
SELECT cmp_ok(refresh_at('2025-01-03 00:00:01+00'), '>', 40::bigint, 'a new definition is asked of everyone at once');
ALTER FUNCTION odd_length(text) RENAME TO strange_length;
SELECT refresh_at('2025-01-03 00:00:02+00') \gset
UPDATE contact SET city = 'Ulm' WHERE id = 2;
SELECT refresh_at('2025-01-03 00:00:03+00') \gset
SELECT matches((SELECT error FROM segment WHERE name = 'odd'), '^function public.odd_length\(text\) does not exist.*, at character 34', 'a function that is gone: with the position');
ALTER FUNCTION strange_length(text) RENAME TO odd_length;
SELECT refresh_at('2025-01-03 00:00:04+00') \gset
SELECT ok((SELECT error IS NULL FROM segment WHERE name = 'odd') AND who('odd') = (SELECT string_agg(id::text, ' ' ORDER BY id) FROM contact WHERE id <= 7 AND (length(city) = 7 OR odd_length(city || '!'))), 'back again, it misses nothing');

-- What rests on a condition that fails says so, and does not pass for right at another moment either.
SELECT add_segment('seven', $$10 / event_count(events, 'view') > 0$$) IS NULL AS done, add_segment('asks for it', $$NOT in_segment(customer_id, 'seven')$$) IS NULL AS done,
       add_segment('best of it', $$monetary >= top_percent('monetary', 10, among => '10 / event_count(events, ''view'') > 0')$$) IS NULL AS done \gset
SELECT refresh_at('2025-01-03 00:00:05+00') \gset
SELECT is((SELECT note FROM segment WHERE name = 'asks for it'), 'rests on what is not up to date: segment "seven"', 'who asks for a segment that fails says so');
SELECT is((SELECT note FROM segment WHERE name = 'best of it'), 'rests on what is not up to date: who is ranked by monetary, 10 / event_count(events, ''view'') > 0 (division by zero)', 'and who ranks those of a condition that fails');
SELECT throws_ok(format('SELECT segment_as_of(%L, %L)', s, '2024-06-01'), '22000', w, s || ': at another moment the error is one')
FROM (VALUES ('seven', 'the condition of segment "seven" failed: division by zero'), ('asks for it', 'the condition of segment "seven" failed: division by zero'),
             ('best of it', 'the condition of segment "best of it" failed: who is ranked by monetary cannot be found: division by zero')) x (s, w);
SELECT is((SELECT (exact, how)::text FROM segment_at('everyone else', '2024-06-01')),
          (SELECT (false, 'recomputed from timelines, with what is known today; today''s value stands for city; the condition of segment "best of it" failed: who is ranked by monetary cannot be found: division by zero')::text),
          'who is in no other segment is told without it, and not for exact');
SELECT is(refresh_at('2025-01-04 00:00:05+00') * 0 + (SELECT count(*) FROM segment WHERE error IS NULL AND name IN ('brno', 'asks for it', 'best of it')), 3::bigint, 'and it stops none of them');
SELECT * FROM finish();
