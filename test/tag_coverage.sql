-- tag_coverage: customers with each tag, and the change since the day before.
SELECT plan(13);
SET search_path = public, customer_data;
SET client_min_messages = warning;
SET TimeZone = 'UTC';

CREATE TABLE person AS SELECT i AS id, 'person' || i || '@posten.org' AS email FROM generate_series(1, 10) i;
SELECT add_source('person', 'public.person', 'id', '{"email": "email"}') \g /dev/null
SELECT count(*) FROM (SELECT resolve()) r \g /dev/null
SELECT add_tag('few', 'customer_id <= 3') \g /dev/null
SELECT add_tag('told', kind => 'manual') \g /dev/null
SELECT add_tag('nobody', 'customer_id < 0') \g /dev/null
CREATE FUNCTION pg_temp.at(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('customer_data.as_of', moment::text, false);
    PERFORM bring_metrics(false), bring_tags(false);
END
$$;
CREATE FUNCTION pg_temp.coverage() RETURNS TABLE (path text, customers bigint, change bigint) LANGUAGE sql AS $$
    SELECT path, customers, change FROM tag_coverage ORDER BY path
$$;
SELECT pg_temp.at('2026-03-01 10:00') \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.coverage()', $$VALUES ('few', 3::bigint, 3::bigint), ('nobody', 0, 0), ('told', 0, 0)$$, 'on the first day all is new');
SELECT tag_customer(7, 'told', at => '2026-03-01 11:00') \g /dev/null
SELECT pg_temp.at('2026-03-01 12:00') \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.coverage()', $$VALUES ('few', 3::bigint, 3::bigint), ('nobody', 0, 0), ('told', 1, 1)$$, 'also later that day');
SELECT tag_customer(8, 'told', at => '2026-03-02 09:00') \g /dev/null
SELECT alter_tag('few', expression => 'customer_id <= 1') \g /dev/null
SELECT pg_temp.at('2026-03-02 10:00') \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.coverage()', $$VALUES ('few', 1::bigint, -2::bigint), ('nobody', 0, 0), ('told', 2, 1)$$, 'on the next day what the first refresh brings counts, too');
SELECT untag_customer(7, 'told'), untag_customer(8, 'told') \g /dev/null
SELECT pg_temp.at('2026-03-02 18:00') \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.coverage()', $$VALUES ('few', 1::bigint, -2::bigint), ('nobody', 0, 0), ('told', 0, -1)$$, 'what nobody has any more is missed');
SELECT pg_temp.at('2026-03-05 10:00') \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.coverage()', $$VALUES ('few', 1::bigint, 0::bigint), ('nobody', 0, 0), ('told', 0, 0)$$, 'days without a refresh are like the one before');
SELECT is((SELECT array_agg(DISTINCT share ORDER BY share) FROM tag_coverage), ARRAY[0, 0.1]::float8[], 'shares are of all customers');
SELECT is((SELECT count(DISTINCT day) FROM tag_count_by_day), 3::bigint, 'a day is counted once');
-- Another moment is asked about, not refreshed as of.
SELECT tag_customer(9, 'told', at => '2026-03-04 12:00') \g /dev/null
SELECT tag_customer(10, 'told', at => '2026-03-05 12:00') \g /dev/null
SELECT pg_temp.at('2026-03-05 18:00') \g /dev/null
SET customer_data.as_of = '2026-03-05 11:00';
SELECT results_eq('SELECT * FROM pg_temp.coverage()', $$VALUES ('few', 1::bigint, 0::bigint), ('nobody', 0, 0), ('told', 1, 1)$$, 'at another moment the tags of then are counted');
SELECT is((SELECT array_agg(customers) FROM tag_member_counts('{10}')), NULL, 'also of some customers');
SELECT is((SELECT array_agg(base_customers ORDER BY path) FROM tgi('{1,9}')), ARRAY[1, 1]::bigint[], 'and when groups are compared');
SELECT is((SELECT array_agg(customer_id) FROM lookalikes('{1}', 5)), ARRAY[9]::bigint[], 'or others looked for that are like them');
SET customer_data.as_of = '2026-02-01';
SELECT is((SELECT array_agg(DISTINCT change) FROM tag_coverage), ARRAY[NULL]::bigint[], 'before the first day that was counted no change is known');
SET customer_data.as_of = '2026-03-05 11:00';
SET customer_data.recompute_past = off;
SELECT is((SELECT customers FROM tag_coverage WHERE path = 'told'), 2::bigint, 'unless the present is wanted');
RESET customer_data.recompute_past;
RESET customer_data.as_of;
SELECT * FROM finish();
