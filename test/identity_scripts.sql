-- One person written in two scripts: spellings, readings and towns.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(14);

CREATE TABLE public.person (id int PRIMARY KEY, name text, city text, born date);
INSERT INTO public.person
SELECT -n, (ARRAY['Ann', 'Bert', 'Carla', 'Dirk', 'Eva', 'Frank', 'Gina', 'Hans'])[1 + n % 8] || ' ' || (ARRAY['Quist', 'Rost', 'Sander', 'Timm', 'Uhl'])[1 + n / 8 % 5],
       (ARRAY['Leeds', 'Turin', 'Lyon'])[1 + n % 3], date '1950-01-01' + n * 97
FROM generate_series(1, 120) n;
INSERT INTO public.person VALUES
    (1, 'محمد بن علي', 'دبي', '1979-05-01'), (2, 'Mohammed bin Ali', 'Dubai', '1979-05-01'),
    (3, 'דוד כהן', 'חיפה', '1991-03-04'), (4, 'David Cohen', 'Haifa', '1991-03-04'),
    (5, '王伟', '香港', '1985-07-09'), (6, 'Wong Wai', 'Hong Kong', '1985-07-09'),
    (7, '田中 太郎', '東京', '1980-02-11'), (8, 'Taro Tanaka', 'Tokyo', '1980-02-11'),
    (9, '佐々木希', '秋田', '1988-02-08'), (10, 'Nozomi Sasaki', 'Akita', '1988-02-08'),
    (11, 'Юрий Чайковский', 'Москва', '1966-12-01'), (12, 'Yuri Tchaikovsky', 'Moscow', '1966-12-01'),
    (13, '김민수', '서울', '1993-10-30'), (14, 'Minsoo Kim', 'Seoul', '1993-10-30'),
    -- whose readings are a letter apart, and who goes by a Western name
    (15, '宋琳凝', '杭州', '1971-02-18'), (16, '宋立宁', '杭州', NULL), (17, 'Rebecca Song', 'Hangzhou', NULL), (18, 'Linnin Song', 'Hangzhou', NULL);
SELECT isnt(add_source('crm', 'person', 'id', '{"full_name": "name", "city": "city", "birth_date": "born"}'), NULL, 'declared');
SELECT is((SELECT records FROM resolve()), 138::bigint, 'resolved');
SELECT is(customer_id_of('crm', (2 * k)::text), customer_id_of('crm', (2 * k - 1)::text), p.name || ' is one person in either script')
FROM generate_series(1, 7) k JOIN public.person p ON p.id = 2 * k ORDER BY k;
SELECT is_empty($$SELECT 'x' FROM explain_match('crm', '7', 'crm', '8') WHERE attribute = 'city'$$, 'a town named otherwise abroad says nothing');
SELECT is_empty($$SELECT 'x' FROM explain_match('crm', '15', 'crm', '16') WHERE level ~ 'given names .*(a letter|the same)'$$,
                'two names in characters are no slip of the hand, though their readings are a letter apart');
SELECT isnt_empty($$SELECT 'x' FROM explain_match('crm', '15', 'crm', '18') WHERE level ~ 'given names .*a letter'$$, 'in Latin letters it may be one');
SELECT is_empty($$SELECT 'x' FROM explain_match('crm', '15', 'crm', '17') WHERE level ~ 'given names'$$, 'a Western name beside a Chinese one says nothing');
SELECT is((SELECT count(DISTINCT customer_id) FROM source_record WHERE key::int BETWEEN 1 AND 14), 7::bigint, 'and they are seven');
SELECT * FROM finish();
