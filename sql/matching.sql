SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;

-- The model is a table to read: levels of agreement, how often matches and
-- others show them, and the weight in bits that follows.
SELECT level, condition, m, u, tf, round(weight::numeric, 2) AS weight, origin
FROM comparison WHERE comparison = 'birth_date';
SELECT attribute, weight, max_distinct FROM identifier;

-- A person may know better; training leaves such a level alone.
SELECT alter_comparison('birth_date', 0, m => 0.02);
SELECT m, origin FROM comparison WHERE comparison = 'birth_date' AND level = 0;
SELECT reset_comparison('birth_date');
SELECT m, origin FROM comparison WHERE comparison = 'birth_date' AND level = 0;
\set SHOW_CONTEXT never
SELECT alter_comparison('birthdate', 0, m => 0.02);
SELECT alter_comparison('birth_date', 9, m => 0.02);
SELECT alter_comparison('birth_date', 0, m => 2);
SELECT alter_identifier('fax', 12);
SELECT alter_identifier('family_name', 12);
SELECT alter_identifier('email', weight => 9, max_distinct => 3);
SELECT attribute, weight, max_distinct FROM identifier WHERE attribute = 'email';
SELECT alter_identifier('email', enabled => false);
SELECT count(*) FROM identifier WHERE attribute = 'email';

-- Three spellings of one name, a namesake, a couple.
CREATE TABLE public.person (key text, entity text, full_name text, birth text, email text, phone text, street text, city text);
INSERT INTO public.person VALUES
    ('a', 'zhuge',  '諸葛曉雯',        '1988-06-03', 'xw.zhuge@example.org', '+8613800138007', '光明街379号',        '北京'),
    ('b', 'zhuge',  '诸葛晓雯',        '1988-06-03', NULL,                   '+8613800138007', NULL,                 '北京'),
    ('c', 'zhuge',  'Zhuge Xiaowen',   '1988-06-03', 'xw.zhuge@example.org', NULL,             '379 Guangming Jie',  'Beijing'),
    ('d', 'other',  'Zhuge Xiaowen',   '1961-11-20', NULL,                   '+8613912345678', '12 Jiefang Lu',      'Wuhan'),
    ('e', 'robert', 'Robert Lindqvist','1970-02-11', 'rob@lindqvist.example','+46701740605',   'Storgatan 5',        'Uppsala'),
    ('f', 'robert', 'Bob Lindqvist',   '1970-11-02', NULL,                   '+46701740605',   'Storgatan 5',        'Upsala'),
    ('g', 'karin',  'Karin Lindqvist', '1972-09-30', 'karin@lindqvist.example', NULL,          'Storgatan 5',        'Uppsala');
SELECT add_source('people', 'public.person', 'key',
                  '{"full_name": "full_name", "birth_date": "birth", "email": "email", "phone": "phone", "street": "street", "city": "city"}') IS NOT NULL AS added;
SELECT records, customers FROM resolve();
SELECT array_agg(r.key ORDER BY r.key) AS one_customer
FROM source_record r GROUP BY r.customer_id ORDER BY 1;
SELECT part, measure, value
FROM match_quality($$SELECT 'people' AS source, key, entity FROM public.person$$) WHERE part = 'customers';

-- Nothing changed, nothing is scored; the links of one record are replaced alone.
SELECT * FROM match_pairs('{}');
CREATE TEMP TABLE before AS SELECT * FROM match_link;
SELECT count(*) > 0 AS scored FROM match_pairs(ARRAY(SELECT record_id FROM source_record WHERE key IN ('a', 'f')));
SELECT count(*) AS differences
FROM (SELECT record_a, record_b, weight FROM before EXCEPT SELECT record_a, record_b, weight FROM match_link
      UNION ALL
      SELECT record_a, record_b, weight FROM match_link EXCEPT SELECT record_a, record_b, weight FROM before) d;
SELECT match_pairs(ARRAY[NULL]::bigint[]);

-- What the engine counted and learned is kept, and read again by the next run.
SELECT trained, records FROM match_model;
SELECT train_matching(learn => false);
SELECT count(*) AS oversize_reports FROM match_report;
DROP TABLE public.person;
