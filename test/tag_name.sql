-- Numbers of tag paths: who may give them, what a rollback leaves, what is on the wire.
SELECT plan(20);
SET search_path = public, customer_data;

CREATE FUNCTION pg_temp.size(path text) RETURNS int LANGUAGE sql AS 'SELECT pg_column_size(set_tag(empty_tagset(), path))';
SELECT is(number_tags(ARRAY['first.path.of.some.length', 'second', NULL, 'second']), 2, 'each new path gets a number once');
SELECT is(number_tags(ARRAY['second', 'third']), 1, 'and keeps it');
SELECT is(array_agg(path ORDER BY number), ARRAY['first.path.of.some.length', 'second', 'third'], 'in the order given') FROM tag_name;
SELECT cmp_ok(pg_temp.size('first.path.of.some.length'), '<', 10, 'a tag with a number is short');
SELECT cmp_ok(pg_temp.size('other.path.of.some.length'), '>', 25, 'one without is written out');
SELECT is(set_tag(empty_tagset(), 'first.path.of.some.length')::text, '{first.path.of.some.length}', 'text has the path');
SELECT ok(position('first.path.of.some.length'::bytea IN tagset_send('{first.path.of.some.length}')) > 0, 'and so has the wire');

-- Inline paths share beginnings with numbered ones before them.
SELECT is('{second,second.more,second.more.yet:0.5,third.x}'::tagset::text, '{second,second.more,second.more.yet:0.5,third.x}', 'paths with and without numbers side by side');

BEGIN;
SELECT number_tags(ARRAY['rolled.back.before.it.was.seen']) \g /dev/null
SELECT set_tag(empty_tagset(), 'rolled.back.before.it.was.seen') \g /dev/null
ROLLBACK;
SELECT cmp_ok(pg_temp.size('rolled.back.before.it.was.seen'), '>', 30, 'a number that was rolled back is not used');
SELECT is(number_tags(ARRAY['in.its.place.is.another']), 1, 'and another path has another');
SELECT is('{in.its.place.is.another}'::tagset::text, '{in.its.place.is.another}', 'which is read as that path');

-- What a caught error takes back must not stay in a variable.
CREATE FUNCTION pg_temp.caught() RETURNS tagset LANGUAGE plpgsql AS $$
DECLARE
    kept tagset;
BEGIN
    BEGIN
        PERFORM number_tags(ARRAY['of.a.transaction.within']);
        kept := set_tag(empty_tagset(), 'of.a.transaction.within');
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        RETURN kept;
    END;
END
$$;
CREATE TEMP TABLE caught AS SELECT pg_temp.caught() AS tags;
SELECT is(tags::text, '{of.a.transaction.within}', 'a tagset outlives the numbers it was made beside') FROM caught;

-- Nor must what a rolled back transaction gave, though the variables of a
-- block outlive it, and its number may by then be another path's.
CREATE TABLE outlived (tags tagset);
DO $$
DECLARE
    kept customer_data.tagset;
BEGIN
    PERFORM customer_data.number_tags(ARRAY['of.a.transaction.rolled.back']);
    kept := customer_data.set_tag(customer_data.empty_tagset(), 'of.a.transaction.rolled.back');
    ROLLBACK;
    PERFORM customer_data.number_tags(ARRAY['another.path']);
    COMMIT;
    INSERT INTO public.outlived VALUES (kept);
END
$$;
SELECT is(tags::text, '{of.a.transaction.rolled.back}', 'a tagset outlives the transaction it was made in') FROM outlived;

-- Several in one transaction.
BEGIN;
SELECT number_tags(ARRAY['one.at.a.time.' || i]) FROM generate_series(1, 200) i \g /dev/null
SELECT is((SELECT count(*) FROM generate_series(1, 200) i WHERE pg_temp.size('one.at.a.time.' || i) < 10), 0::bigint, 'numbers are not used before they are committed');
COMMIT;
SELECT is((SELECT count(*) FROM generate_series(1, 200) i WHERE pg_temp.size('one.at.a.time.' || i) < 10), 200::bigint, 'and are after it');
BEGIN;
SELECT number_tags(ARRAY['rolled.back.after.others']) \g /dev/null
ROLLBACK;
SELECT number_tags(ARRAY['in.its.place']) \g /dev/null
SELECT cmp_ok((SELECT number FROM tag_name WHERE path = 'in.its.place'), '>', (SELECT max(number) + 1 FROM tag_name WHERE path <> 'in.its.place'), 'a session gives no number twice');

-- Refreshes give numbers.
CREATE TABLE person AS SELECT i AS id, 'person' || i || '@posten.org' AS email FROM generate_series(1, 20) i;
SELECT add_source('person', 'public.person', 'id', '{"email": "email"}') \g /dev/null
SELECT count(*) FROM (SELECT resolve()) r \g /dev/null
SELECT add_tag('a.tag.that.takes.some.room', 'frequency = 0') \g /dev/null
SELECT refresh_metrics() \g /dev/null
SELECT refresh_tags() \g /dev/null
SELECT is((SELECT count(*) FROM customer_tag WHERE has_tag(tags, 'a.tag.that.takes.some.room') AND pg_column_size(tags) < 10), 20::bigint, 'tags of a refresh are short from the first');

SELECT throws_ok('DELETE FROM tag_name', '55000', NULL, 'numbers are not taken away');
SELECT throws_ok($$UPDATE tag_name SET path = path || 'x'$$, '55000', NULL, 'nor changed');
CREATE ROLE tag_reader;
SET ROLE tag_reader;
SELECT throws_ok($$SELECT customer_data.number_tags(ARRAY['x'])$$, '42501', NULL, 'nor given by anybody');
RESET ROLE;
DROP ROLE tag_reader;
SELECT * FROM finish();
