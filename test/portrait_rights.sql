-- A department's role needs rights on the tables of tags, not on those of
-- metrics, to define tags; adding a metric, which is a column, is its owner's.
SELECT plan(7);
SET search_path = public, customer_data;
SET client_min_messages = warning;
CREATE ROLE portrait_department;
CREATE TABLE person AS SELECT i AS id, 'person' || i || '@posten.org' AS email FROM generate_series(1, 10) i;
SELECT add_source('person', 'public.person', 'id', '{"email": "email"}') \g /dev/null
SELECT count(*) FROM (SELECT resolve()) r \g /dev/null
SELECT refresh_metrics(), refresh_tags() \g /dev/null
GRANT SELECT ON profile, profile_column, profile_made, metric, topic TO portrait_department;
GRANT SELECT, INSERT, UPDATE, DELETE ON tag, tag_state, tag_population_state TO portrait_department;

SET ROLE portrait_department;
SELECT lives_ok($$SELECT customer_data.add_tag('dept.even', 'customer_id % 2 = 0')$$, 'a department defines a tag');
SELECT lives_ok($$SELECT customer_data.add_tag('dept.size.big', 'frequency > 5', exclusive_group => 'dept.size')$$, 'one of a group, too');
SELECT lives_ok($$SELECT customer_data.alter_tag('dept.even', expression => 'customer_id % 2 = 0 AND frequency = 0')$$, 'and changes it');
SELECT throws_ok($$SELECT customer_data.alter_tag('dept.even', expression => 'customer_id % 2')$$, '42804', NULL, 'with the same checks');
SELECT throws_like($$SELECT customer_data.add_metric('dept_m', 'frequency * 2')$$, 'metrics are columns of a table of role%', 'not a metric');
RESET ROLE;
SELECT refresh_tags() \g /dev/null
SELECT is(tag_members('dept.even'), '{2,4,6,8,10}', 'a refresh decides it');
SELECT is((SELECT owner::text FROM tag WHERE path = 'dept.even'), 'portrait_department', 'as the department');
DELETE FROM tag;
REVOKE ALL ON profile, profile_column, profile_made, metric, topic, tag, tag_state, tag_population_state FROM portrait_department;
DROP ROLE portrait_department;
SELECT * FROM finish();
