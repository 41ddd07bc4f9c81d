-- A tag that looks at tags, at a whole branch or at all of them, never sees
-- itself: refreshed step by step it is what it would be decided anew.
SET search_path = public, customer_data;
SET client_min_messages = warning;
SELECT plan(10);
CREATE TABLE person (id int PRIMARY KEY, mail text, city text, since timestamptz);
INSERT INTO person SELECT i, 'p' || i || '@posten.org', 'Brno', '2026-01-01' FROM generate_series(1, 8) i;
SELECT is(tag_members('lively'), '{}', 'without customers nobody has a tag');
SELECT throws_ok('SELECT * FROM explain_tag(1, ''lively'')', 'P0002', 'there is no customer 1', 'and none can be explained');
SELECT add_source('person', 'public.person', 'id', '{"email": "mail", "city": "city", "registered_at": "since"}') \g /dev/null
SELECT count(*) FROM resolve() \g /dev/null
SELECT add_tag('place.brno', $$city = 'Brno'$$), add_tag('place.praha', $$city = 'Praha'$$) \g /dev/null
SELECT add_tag('place.any', $$has_tag(tags, 'place.*')$$) \g /dev/null
SELECT add_tag('lively', $$tag_count(tags) >= 2$$), add_tag('very_lively', $$tag_count(tags) >= 3$$) \g /dev/null
SELECT count(*) FROM refresh_metrics(), refresh_tags() \g /dev/null
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', c.email, coalesce(t.tags, '{}')), E'\n' ORDER BY c.email) FROM customer c LEFT JOIN customer_tag t USING (customer_id)
$$;
SELECT is(cardinality(tag_members('place.any & lively & !very_lively')), 8::bigint, 'all have two tags and one for that');
UPDATE person SET city = 'Lom' WHERE id <= 3;
SELECT count(*) FROM resolve() \g /dev/null
SELECT count(*) FROM refresh_metrics(), refresh_tags() \g /dev/null
SELECT is(cardinality(tag_members('place.any')), 5::bigint, 'who has no tag of a branch any more loses the tag that says so, though it lies in the branch');
SELECT is(tag_members('lively'), tag_members('place.brno'), 'and who has no other tags that of having many');
SELECT pg_temp.state() AS stepwise \gset
SELECT count(*) FROM refresh_tags(rebuild => true) \g /dev/null
SELECT is(pg_temp.state(), :'stepwise'::text, 'a rebuild changes nothing');
DELETE FROM customer_tag;
SELECT count(*) FROM refresh_tags(rebuild => true) \g /dev/null
SELECT is(pg_temp.state(), :'stepwise'::text, 'nor does deciding all from nothing');
-- Of one group: the second is decided as if the first were not there, as it is only then that it counts.
SELECT add_tag('home.brno', $$city = 'Brno'$$, exclusive_group => 'home'), add_tag('home.else', $$NOT has_tag(tags, 'home.brno')$$, exclusive_group => 'home') \g /dev/null
SELECT count(*) FROM refresh_tags() \g /dev/null
UPDATE person SET city = 'Lom' WHERE id = 4;
SELECT count(*) FROM resolve() \g /dev/null
SELECT count(*) FROM refresh_metrics(), refresh_tags() \g /dev/null
SELECT is(cardinality(tag_members('home.else & !home.brno')), 4::bigint, 'whoever loses the first of a group gets the second at once');
SELECT throws_ok($$SELECT add_tag('mirror', 'has_tag(tags, ''mirror'')')$$, '42P19', NULL, 'a tag that asks for itself alone is refused');
SELECT throws_ok($$SELECT add_tag(NULL, 'true')$$, '42602', NULL, 'as is one without a path');
SELECT * FROM finish();
