SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
SET TimeZone = 'UTC';
CREATE TABLE public.contact (id int PRIMARY KEY, born date);
CREATE TABLE public.event (id int PRIMARY KEY, contact int, at timestamptz, kind text, amount numeric, coupon text);
INSERT INTO public.contact SELECT g, date '1990-01-01' + g FROM generate_series(1, 4) g;
INSERT INTO public.event VALUES
    (1, 1, '2025-01-01 00:00+00', 'purchase', 10, 'SPRING'), (2, 1, '2025-02-01 00:00+00', 'purchase', 10, 'SPRING'),
    (3, 2, '2025-01-01 00:00+00', 'purchase', 500, NULL), (4, 2, '2025-02-26 00:00+00', 'review', NULL, NULL),
    (5, 3, '2024-01-01 00:00+00', 'purchase', 50, NULL), (6, 3, '2025-02-20 00:00+00', 'purchase', 60, NULL);
SELECT add_source('crm', 'public.contact', 'id', '{"birth_date": "born"}') IS NOT NULL AS added;
SELECT customers FROM resolve();
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', value => 'amount',
                        properties => '{"coupon": "coupon"}', cursor_column => 'id') IS NOT NULL AS added;
SELECT events FROM refresh_timelines();
SELECT failed FROM refresh_metrics();

-- Twenty segments that are asked for most; none is asked of everyone each time.
SELECT count(add_segment_from(name)) FROM segment_template;
SELECT count(*) FROM segment WHERE note IS NOT NULL;
SELECT add_segment_from('new', 'new this month', '{"days": 31}');
SELECT touch('segment', take_touched('portrait') | take_touched('tag'));
SELECT failed FROM refresh_conditions(false, '2025-03-01 00:00+00');
SELECT name, segment_members(name) AS members, condition FROM segment WHERE size > 0 ORDER BY 1;
\set SHOW_CONTEXT never
SELECT add_segment_from('newest');
SELECT add_segment_from('new', 'x', '{"day": 3}');
SELECT add_segment_from('new', 'x', '{"days": "3 days'' OR true"}');
SELECT add_segment_from('new', 'x', '{"days": null}');
SELECT add_segment_from('new', 'x', '{"days": 1000000000}');
SELECT add_segment_from('category repeat buyers', 'x', '{"category": "tents, O''Brien''s 帐篷]"}'), drop_segment('x');
SELECT add_segment_from('category repeat buyers', 'x', '{"category": "''tents and poles''"}'), drop_segment('x');

-- A department sees the members of the segments it was granted, and no more.
CREATE ROLE regress_marketing;
CREATE ROLE regress_sales;
SELECT grant_segment('regress_marketing', 'reviewers');
SELECT grant_segment('regress_sales', 'won back');
SET ROLE regress_marketing;
SELECT * FROM my_segment_member;
SELECT * FROM condition_member;
SELECT * FROM profile;
SELECT segment_members('reviewers');
SET ROLE regress_sales;
SELECT * FROM my_segment_member;
RESET ROLE;
SELECT revoke_segment('regress_sales', 'won back');
SET ROLE regress_sales;
SELECT * FROM my_segment_member;
RESET ROLE;
SELECT grant_segment('regress_sales', 'nobody');

-- A condition runs with the rights of whoever defined it, not of whoever refreshes.
GRANT ALL ON ALL TABLES IN SCHEMA customer_data TO regress_sales;
GRANT ALL ON ALL SEQUENCES IN SCHEMA customer_data TO regress_sales;
REVOKE ALL ON profile FROM regress_sales;
GRANT SELECT (customer_id, frequency) ON profile TO regress_sales;
SET ROLE regress_sales;
SELECT add_segment('mine', 'frequency > 1');
SELECT add_segment('not mine', 'birth_date IS NULL');
RESET ROLE;
SELECT name, owner FROM segment WHERE name = 'mine';
REVOKE SELECT (frequency) ON profile FROM regress_sales;
SELECT failed FROM refresh_conditions(false, '2025-03-01 00:00+00');
SELECT name, error FROM segment WHERE name = 'mine';
DROP OWNED BY regress_sales, regress_marketing;
SELECT drop_segment('mine');
DELETE FROM segment_grant;
DROP ROLE regress_marketing, regress_sales;
DROP TABLE public.contact, public.event;
