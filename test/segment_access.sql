-- Departments see the segments, customers and columns that were granted to
-- them, and nothing else, however they ask.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SELECT plan(47);
DROP ROLE IF EXISTS access_marketing, access_sales, access_intern, access_nobody;
CREATE ROLE access_marketing; CREATE ROLE access_sales; CREATE ROLE access_nobody;
CREATE ROLE access_intern IN ROLE access_marketing;
CREATE TABLE contact (id int PRIMARY KEY, name text, city text, mail text);
INSERT INTO contact SELECT i, 'Person ' || i, (ARRAY['Brno', 'Bern', 'Wuhan'])[1 + i % 3], 'p' || i || '@lampenladen.de' FROM generate_series(1, 30) i;
SELECT add_source('crm', 'public.contact', 'id', '{"full_name": "name", "city": "city", "email": "mail"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT add_segment('brno', $$city = 'Brno'$$) IS NULL AS done, add_segment('bern', $$city = 'Bern'$$) IS NULL AS done, add_segment('first ten', $$customer_id <= 10$$) IS NULL AS done \gset
SELECT refresh_segments() IS NULL AS done \gset
GRANT USAGE ON SCHEMA public TO PUBLIC;
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE TABLE truth AS SELECT customer_id, full_name, city, email FROM profile;
GRANT SELECT ON truth TO PUBLIC;

SELECT lives_ok($$SELECT grant_segment('access_marketing', 'brno', '{full_name, city}')$$, 'marketing sees names and cities of one segment');
SELECT lives_ok($$SELECT grant_segment('access_marketing', 'first ten')$$, 'of another only who is in it');
SELECT lives_ok($$SELECT grant_segment('access_sales', 'bern', '{email}')$$, 'sales sees mail addresses of a third');
SELECT lives_ok($$SELECT grant_segment('access_sales', 'brno', '{*}')$$, 'and everything of the first');
SELECT throws_ok($$SELECT grant_segment('access_sales', 'brno', '{ctiy}')$$, '42703', 'profile has no column "ctiy"', 'a column that is none is refused');
SELECT throws_ok($$SELECT grant_segment('access_sales', 'brno', '{events}')$$, '0A000', NULL, 'events are refused');
SELECT throws_ok($$SELECT grant_segment('access_sales', 'nowhere', '{city}')$$, '42704', NULL, 'and a segment that does not exist');

-- Exactly the granted rows and columns.
SET ROLE access_marketing;
SELECT bag_eq('SELECT name, columns FROM my_segment', $$VALUES ('brno', '{city,full_name}'::text[]), ('first ten', NULL)$$, 'marketing: its segments');
SELECT bag_eq('SELECT segment, customer_id FROM my_segment_member', $$SELECT 'brno' AS s, customer_id FROM truth WHERE city = 'Brno' UNION ALL SELECT 'first ten', customer_id FROM truth WHERE customer_id <= 10$$, 'their members');
SELECT bag_eq('SELECT segment, customer_id, change FROM my_segment_change', $$SELECT 'brno' AS s, customer_id, 'entered' AS c FROM truth WHERE city = 'Brno' UNION ALL SELECT 'first ten', customer_id, 'entered' FROM truth WHERE customer_id <= 10$$, 'and who entered');
SELECT bag_eq('SELECT customer_id, full_name, city, email FROM my_customer',
              $$SELECT customer_id, CASE WHEN city = 'Brno' THEN full_name END AS a, CASE WHEN city = 'Brno' THEN city END AS b, NULL::text AS c FROM truth WHERE city = 'Brno' OR customer_id <= 10$$,
              'names and cities where granted, mail addresses nowhere');
SELECT is((SELECT count(*) FROM my_customer c, jsonb_each_text(to_jsonb(c)) f WHERE f.value IS NOT NULL AND f.key NOT IN ('customer_id', 'full_name', 'city')), 0::bigint, 'no other column of any row has a value');
SET ROLE access_intern;
SELECT is((SELECT count(*) FROM my_customer), (SELECT count(*) FROM truth WHERE city = 'Brno' OR customer_id <= 10), 'a member of the role sees the same');
SET ROLE access_sales;
SELECT bag_eq('SELECT customer_id, full_name, city, email FROM my_customer',
              $$SELECT customer_id, CASE WHEN city = 'Brno' THEN full_name END AS a, CASE WHEN city = 'Brno' THEN city END AS b, email FROM truth WHERE city IN ('Brno', 'Bern')$$,
              'sales: other rows, other columns');

-- No way around: functions that tell what they are given, and cost nothing.
CREATE TABLE seen (value text);
CREATE FUNCTION peek(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN INSERT INTO public.seen VALUES (value); RETURN true; END $$;
CREATE FUNCTION peek_id(id bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN INSERT INTO public.seen VALUES (id); RETURN true; END $$;
SELECT count(*) FROM my_customer WHERE peek(full_name) AND peek(city) AND peek(email) AND peek_id(customer_id) \gset
SELECT is((SELECT count(*) FROM seen s JOIN truth t ON s.value IN (t.full_name, t.city) WHERE t.city <> 'Brno'), 0::bigint, 'a function sees no value that is not granted');
SELECT is((SELECT count(*) FROM seen s JOIN truth t ON s.value = t.email WHERE t.city = 'Wuhan'), 0::bigint, 'and none of another customer');
SELECT is((SELECT count(*) FROM seen s JOIN truth t ON s.value = t.customer_id::text WHERE t.city = 'Wuhan'), 0::bigint, 'not even its number');
TRUNCATE seen;
SELECT count(*) FROM my_segment_member WHERE peek(segment) AND peek_id(customer_id) \gset
SELECT count(*) FROM my_segment WHERE peek(name) \gset
SELECT count(*) FROM my_segment_change WHERE peek(segment) AND peek_id(customer_id) \gset
SELECT is((SELECT count(*) FROM seen s WHERE s.value IN ('first ten', 'everyone else')), 0::bigint, 'nor names of other segments');
SELECT is((SELECT count(*) FROM seen s JOIN truth t ON s.value = t.customer_id::text WHERE t.city = 'Wuhan'), 0::bigint, 'nor their members');
SELECT throws_ok($$SELECT 1 / (SELECT count(*) FROM my_customer WHERE city = 'Wuhan')$$, '22012', NULL, 'a condition on a hidden value finds nothing');

-- A plan made for one role shows another what is the other's.
PREPARE mine AS SELECT count(*) AS n, count(email) AS mails FROM my_customer;
SET plan_cache_mode = force_generic_plan;
EXECUTE mine \gset before_
RESET ROLE; SET ROLE access_marketing;
EXECUTE mine \gset after_
SELECT is(ARRAY[:before_n, :before_mails, :after_n, :after_mails]::bigint[], ARRAY(SELECT unnest(ARRAY[(SELECT count(*) FROM truth WHERE city IN ('Brno', 'Bern')), (SELECT count(*) FROM truth WHERE city IN ('Brno', 'Bern')),
          (SELECT count(*) FROM truth WHERE city = 'Brno' OR customer_id <= 10), 0])), 'a prepared statement follows the role');
RESET plan_cache_mode;

-- What lies behind is closed.
SET ROLE access_sales;
SELECT throws_ok(format('SELECT count(*) FROM customer_data.%I', t), '42501', NULL, t || ' is closed')
FROM unnest(ARRAY['profile', 'customer', 'customer_metric', 'segment', 'segment_change', 'segment_grant', 'condition', 'condition_member', 'condition_snapshot_chunk', 'source_record', 'timeline_chunk']) t;
SELECT throws_ok(format('SELECT %s', f), '42501', NULL, f || ' is closed')
FROM unnest(ARRAY['segment_members(''brno'')', 'segments_of(1)', 'is_member(''first ten'', 1)', 'segment_as_of(''first ten'', now())', 'explain_membership(''brno'', 1)',
                  'grant_segment(''access_sales'', ''first ten'', ''{*}'')', 'revoke_segment(''access_marketing'', ''brno'')']) f;
SET ROLE access_nobody;
SELECT throws_ok('SELECT count(*) FROM my_customer', '42501', NULL, 'who was granted nothing sees nothing');

-- Columns come and go with profile.
RESET ROLE;
SELECT add_metric('length_of_name', $$length(full_name)$$) IS NULL AS done \gset
SELECT refresh_segments() IS NULL AS done \gset
SET ROLE access_sales;
SELECT is((SELECT count(*) FROM my_customer WHERE length_of_name IS NOT NULL), (SELECT count(*) FROM truth WHERE city = 'Brno'), 'a new column is seen by who may see all');
SET ROLE access_marketing;
SELECT is((SELECT count(*) FROM my_customer WHERE length_of_name IS NOT NULL), 0::bigint, 'and by nobody else');
RESET ROLE;
SELECT drop_metric('length_of_name') IS NULL AS done \gset
SET ROLE access_marketing;
SELECT is((SELECT count(city) FROM my_customer), (SELECT count(*) FROM truth WHERE city = 'Brno'), 'one that went leaves the rest as it was');
RESET ROLE;
SELECT revoke_segment('access_marketing', 'brno') IS NULL AS done \gset
SET ROLE access_marketing;
SELECT is((SELECT count(*) || ' ' || count(city) FROM my_customer), '10 0', 'what is revoked is gone');
RESET ROLE;
SELECT revoke_segment('access_marketing', 'first ten') IS NULL AS done \gset
SET ROLE access_marketing;
SELECT throws_ok('SELECT count(*) FROM my_customer', '42501', NULL, 'and with the last segment the view, too');
RESET ROLE;

-- Conditions that one role may not run are not kept as broken for the next.
GRANT SELECT ON ALL TABLES IN SCHEMA customer_data TO access_nobody;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_data TO access_nobody;
SELECT customer_id AS mover FROM truth WHERE city = 'Wuhan' AND customer_id > 10 LIMIT 1 \gset
UPDATE contact SET city = 'Brno' WHERE 'Person ' || id = (SELECT full_name FROM truth WHERE customer_id = :mover);
SELECT count(*) FROM resolve() \gset
SET ROLE access_nobody;
SELECT count(*) FROM segments_of(:mover) \gset
RESET ROLE;
SELECT is(ARRAY(SELECT segments_of(:mover)), '{brno}', 'a role that may not run conditions leaves the next one''s answers alone');
SET ROLE access_nobody;
SELECT is(ARRAY(SELECT segments_of(:mover)), '{}', 'and gets none of them itself');
RESET ROLE;
SELECT * FROM finish();
DROP OWNED BY access_marketing, access_sales, access_intern, access_nobody;
DROP ROLE access_marketing, access_sales, access_intern, access_nobody;
