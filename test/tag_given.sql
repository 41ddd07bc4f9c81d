-- What people and imports give is checked when it is given, so that a score or
-- a time that no tagset holds never stops a refresh.
SET search_path = public, customer_data;
SET client_min_messages = warning;
SELECT plan(15);
CREATE TABLE person (id text PRIMARY KEY, mail text);
INSERT INTO person SELECT i::text, 'p' || i || '@posten.org' FROM generate_series(1, 4) i;
SELECT add_source('crm', 'public.person', 'id', '{"email": "mail"}') \g /dev/null
SELECT count(*) FROM resolve() \g /dev/null
SELECT add_tag('vip', kind => 'manual', valid_for => '1 day'), add_tag('list', kind => 'imported') \g /dev/null
SELECT customer_id AS c FROM source_record WHERE key = '1' \gset
SELECT throws_ok(format('SELECT tag_customer(%s, ''vip'', ''NaN'')', :c), '22003', NULL, 'a score that is no number');
SELECT throws_ok(format('SELECT tag_customer(%s, ''vip'', 1e300)', :c), '22003', NULL, 'one that is too large');
SELECT throws_ok(format('SELECT tag_customer(%s, ''vip'', at => ''-infinity'')', :c), '22008', NULL, 'a time that no tagset keeps');
SELECT throws_ok('SELECT tag_customer(NULL, ''vip'')', 'P0002', 'there is no customer NULL', 'nobody');
SELECT lives_ok(format('SELECT tag_customer(%s, ''vip'', NULL, NULL)', :c), 'without a score or a time it is there from now on');
SELECT is((SELECT until - at FROM given_tag WHERE path = 'vip'), interval '1 day', 'as long as it is valid');
SELECT lives_ok(format('SELECT tag_customer(%s, ''vip'', 0.5, until => ''infinity'')', :c), 'or for good');
SELECT throws_ok($$SELECT import_tags('SELECT ''crm'', ''1'', ''list.a'', ''NaN''::float8, now()')$$, '22003', NULL, 'so with imports: a score that is no number');
SELECT throws_ok($$SELECT import_tags('SELECT ''crm'', ''1'', ''list.a'', 1, ''infinity''::date')$$, '22008', NULL, 'a time that no tagset keeps');
SELECT throws_ok($$SELECT import_tags('SELECT ''crm'', ''1''')$$, '42P10', NULL, 'too few columns');
SELECT throws_ok('SELECT import_tags(NULL)', '22004', NULL, 'no query');
SELECT is(import_tags($$SELECT 'crm', 1, '名單.甲', 0.7, date '2026-01-02' WHERE false$$), 0::bigint, 'no rows');
SELECT is(import_tags($$SELECT 'crm', id, 'list.' || CASE id WHEN '1' THEN '甲' ELSE '😀' END, 0.7, date '1899-01-02' FROM person; $$), 4::bigint,
          'numbers and dates of any type are taken, and a semicolon at the end');
SELECT is((SELECT count(*) FROM refresh_tags() WHERE failed = 0), 1::bigint, 'and all is refreshed');
SELECT is((SELECT string_agg(format('%s %s', c.email, t.tags), '; ' ORDER BY c.email) FROM customer c JOIN customer_tag t USING (customer_id) WHERE c.email <= 'p2@posten.org'),
          (SELECT format('p1@posten.org {list.甲:0.7@1899-01-02T00:00:00Z,vip:0.5@%s}; p2@posten.org {list.😀:0.7@1899-01-02T00:00:00Z}',
                         to_char(date_trunc('second', at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) FROM given_tag WHERE path = 'vip'), 'as given');
SELECT * FROM finish();
