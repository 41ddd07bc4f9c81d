-- What asks for which tags: a tag that something asks for is not dropped, and
-- one that nobody has defined is pointed out.
SELECT plan(19);
SET search_path = public, customer_data;
SET client_min_messages = warning;
SET TimeZone = 'UTC';

CREATE TABLE person AS SELECT i AS id, 'p' || i || '@posten.org' AS mail, 'Brno'::text AS city FROM generate_series(1, 4) i;
SELECT add_source('person', 'public.person', 'id', '{"email": "mail", "city": "city"}') \g /dev/null
SELECT count(*) FROM resolve() \g /dev/null
SELECT add_tag('vip', 'customer_id = 1'), add_tag('place.brno', $$city = 'Brno'$$), add_tag('crm', kind => 'imported'), add_tag('told', kind => 'manual') \g /dev/null
SELECT is((SELECT count(*) FROM tag_use), 0::bigint, 'nothing asks for tags yet');

-- Each kind of definition, by way of each function.
SELECT add_tag('good', $$tag_score(tags, 'vip') > 0$$), add_tag('somewhere', $$has_tag(tags, 'place.*')$$) \g /dev/null
SELECT add_metric('marks', $$(has_tag(tags, path => 'crm.mark') AND tag_count(tags_under(tags, 'told')) > 0)::int$$) \g /dev/null
SELECT add_segment('best', $$tags @@ 'vip & !"crm.black list"'$$), add_segment('many', 'tag_count(tags) > 1') \g /dev/null
SELECT add_segment('some of the best', $$marks >= top_percent('marks', 10, among => 'has_tag(tags, ''told'')')$$) \g /dev/null
SELECT add_journey('way') \g /dev/null
SELECT add_stage('way', 'known', 'true'), add_stage('way', 'told', $$has_tag(tags, 'told')$$) \g /dev/null
SELECT results_eq('SELECT kind, name, path, known FROM tag_use ORDER BY 1, 2, 3', $$VALUES
    ('metric', 'marks', 'crm.mark', true), ('metric', 'marks', 'told', true),
    ('population', 'has_tag(tags, ''told'')', 'told', true),
    ('segment', 'best', 'crm.black list', true), ('segment', 'best', 'vip', true), ('segment', 'many', '*', true),
    ('stage', 'told of journey way', 'told', true),
    ('tag', 'good', 'vip', true), ('tag', 'somewhere', 'place.*', true)$$, 'what asks for which tags');
SELECT throws_ok($$SELECT drop_tag('vip')$$, '2BP01', 'tag "vip" is in use', 'a tag that is asked for is not dropped');
CREATE FUNCTION pg_temp.detail(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN dependent_objects_still_exist THEN
    GET STACKED DIAGNOSTICS answer = PG_EXCEPTION_DETAIL;
    RETURN answer;
END
$$;
SELECT is(pg_temp.detail($$SELECT drop_tag('vip')$$), 'It is used by segment best, tag good.', 'and who asks is named');
SELECT is(pg_temp.detail($$SELECT drop_tag('told')$$), 'It is used by metric marks, population has_tag(tags, ''told''), stage told of journey way.', 'also metrics, populations of thresholds, and stages');
SELECT is(pg_temp.detail($$SELECT drop_tag('crm')$$), 'It is used by metric marks, segment best.', 'of a tree what lies below is asked for');
SELECT is(pg_temp.detail($$SELECT drop_tag('place.brno')$$), 'done', 'a branch is whatever there is below it');
SELECT is((SELECT known FROM tag_use WHERE path = 'place.*'), false, 'though with the last of it nothing is left to ask for');
SELECT add_tag('place.brno', $$city = 'Brno'$$) \g /dev/null
SELECT drop_tag('good'), alter_segment('best', $$tags @@ '!"crm.black list"'$$) \g /dev/null
SELECT is(pg_temp.detail($$SELECT drop_tag('vip')$$), 'done', 'once nothing asks for it any more it goes');
SELECT alter_stage('way', 'told', $$city = 'Brno'$$) \g /dev/null
SELECT drop_segment('some of the best'), drop_metric('marks') \g /dev/null
SELECT is((SELECT count(*) FROM tag_use WHERE kind = 'stage'), 0::bigint, 'a stage that was altered asks for other things');
SELECT is(pg_temp.detail($$SELECT drop_metric('return_rate')$$), 'done', 'a metric that no stage asks for goes');
SELECT alter_stage('way', 'told', 'active_days > 3') \g /dev/null
SELECT is(pg_temp.detail($$SELECT drop_metric('active_days')$$), 'It is used by stage told of journey way.', 'and one that a stage asks for does not');

-- Slips of the pen.
SELECT add_tag('vip', 'customer_id = 1') \g /dev/null
SELECT add_segment('wrong', $$has_tag(tags, 'vpi') AND has_tag(tags, 'plaace.*') AND has_tag(tags, '价值')$$) \g /dev/null
SELECT results_eq('SELECT path, hint FROM tag_use WHERE NOT known ORDER BY path COLLATE "C"', $$VALUES ('plaace.*', NULL), ('vpi', 'Did you mean "vip"?'), ('价值', NULL)$$, 'tags that nobody defined are found, with the nearest names');
SET client_min_messages = notice;
\o /dev/null
SELECT add_tag('odd', $$has_tag(tags, 'vpi')$$);
\o
SET client_min_messages = warning;
SELECT is((SELECT array_agg(name ORDER BY name) FROM tag_use WHERE path = 'vpi'), ARRAY['odd', 'wrong'], 'they are taken, as they may be defined later');
SELECT add_tag('vpi', 'customer_id = 2') \g /dev/null
SELECT is((SELECT bool_and(known) FROM tag_use WHERE path = 'vpi'), true, 'and then are known');
SELECT is((SELECT hint FROM tag_use WHERE path = 'vpi' LIMIT 1), NULL, 'without a hint');
SELECT throws_ok($$SELECT drop_tag('vpi')$$, '2BP01', NULL, 'and are not dropped');
SELECT lives_ok($$SELECT note_unknown_tags(NULL), note_unknown_tags('{}'), note_unknown_tags('{NULL,*,vip}')$$, 'no names are none unknown');
SELECT lives_ok($$SELECT drop_segment('wrong'), drop_tag('odd'), drop_tag('vpi')$$, 'with what asks for it gone it goes, too');
SELECT * FROM finish();
