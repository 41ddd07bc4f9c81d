-- One person written in two scripts: spellings, readings and towns.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(27);

CREATE TABLE public.person (id int PRIMARY KEY, name text, city text, born date, mail text);
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
    (15, '宋琳凝', '杭州', '1971-02-18'), (16, '宋立宁', '杭州', NULL), (17, 'Rebecca Song', 'Hangzhou', NULL), (18, 'Linnin Song', 'Hangzhou', NULL),
    -- family name first or last, in one word or two, and a Western name beside pinyin
    (19, 'Jia Ying Wei', 'Wuhan', '1974-06-01'), (20, 'Yingwei Jia', 'Wuhan', NULL), (21, 'Lin Jia Hui', 'Wuhan', '1975-06-01'), (22, 'Jiahui Lin', 'Wuhan', NULL),
    (23, 'Gao Matthias Sihan', 'Wuhan', '1976-06-01'), (24, 'Sihan Gao', 'Wuhan', NULL), (25, 'Wen Rebecca', 'Wuhan', '1977-06-01'), (26, 'Yutong Wen', 'Wuhan', NULL),
    (27, 'Rebecca Wen', 'Wuhan', NULL),
    -- short forms with a slip of the hand, and initials of other forms
    (28, 'Micheal Tolland', 'Leeds', '1969-06-01'), (29, 'Mike Tolland', 'Leeds', NULL), (30, 'Alexandrra Poole', 'Leeds', '1968-06-01'), (31, 'Sasha Poole', 'Leeds', NULL),
    (32, 'Dick Usher', 'Leeds', '1967-06-01'), (33, 'R. Usher', 'Leeds', NULL), (34, 'Abigail Frome', 'Leeds', '1966-06-01'), (35, 'Frome Poole', 'Leeds', NULL);
-- what a mailbox tells
INSERT INTO public.person (id, name, city, mail) VALUES
    (36, 'Berta Quill', 'Leeds', 'berta.ostler@kestrelpost.org'), (37, 'Berta Ostler', 'Leeds', NULL), (38, 'T. Marsden', 'Leeds', 'torsten.marsden@kestrelpost.org'),
    (39, 'Torsten Marsden', 'Leeds', NULL), (40, 'Linda Marsden', 'Leeds', 'torsten.marsden@kestrelpost.org');
SELECT isnt(add_source('crm', 'person', 'id', '{"full_name": "name", "city": "city", "birth_date": "born", "email": "mail"}'), NULL, 'declared');
SELECT is((SELECT records FROM resolve()), 160::bigint, 'resolved');
SELECT is(customer_id_of('crm', (2 * k)::text), customer_id_of('crm', (2 * k - 1)::text), p.name || ' is one person in either script')
FROM generate_series(1, 7) k JOIN public.person p ON p.id = 2 * k ORDER BY k;
SELECT is_empty($$SELECT 'x' FROM explain_match('crm', '7', 'crm', '8') WHERE attribute = 'city'$$, 'a town named otherwise abroad says nothing');
SELECT is_empty($$SELECT 'x' FROM explain_match('crm', '15', 'crm', '16') WHERE level ~ 'given names .*(a letter|the same)'$$,
                'two names in characters are no slip of the hand, though their readings are a letter apart');
SELECT isnt_empty($$SELECT 'x' FROM explain_match('crm', '15', 'crm', '18') WHERE level ~ 'given names .*a letter'$$, 'in Latin letters it may be one');
SELECT is_empty($$SELECT 'x' FROM explain_match('crm', '15', 'crm', '17') WHERE level ~ 'given names'$$, 'a Western name beside a Chinese one says nothing');
-- How two names compare: levels of the family name and of the given name, - where one says nothing.
CREATE FUNCTION public.levels(a int, b int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ', coalesce(max(e.level) FILTER (WHERE e.comparison = 'family_name')::text, '-'),
                     coalesce(max(e.level) FILTER (WHERE e.comparison = 'given_name')::text, '-'))
    FROM record_value x, record_value y, explain_pair(x.given, x.standard, y.given, y.standard) e
    WHERE x.record_id = record_named('crm', a::text) AND y.record_id = record_named('crm', b::text)
$$;
SELECT is(public.levels(21, 22), '4 5', 'a family name that can only stand first does');
SELECT is(public.levels(19, 20), '4 4', 'one that may stand first or last is found');
SELECT is(public.levels(23, 24), '4 4', 'also before a Western name');
SELECT is(public.levels(25, 26), '4 -', 'a Western name says nothing of one in pinyin, whichever stands first');
SELECT is(public.levels(27, 26), '4 -', 'nor in the same order');
SELECT is(public.levels(28, 29), '4 2', 'a short form of a name with a letter wrong is similar');
SELECT is(public.levels(30, 31), '4 2', 'so is another');
SELECT is(public.levels(32, 33), '4 1', 'an initial may be that of another form');
SELECT is(public.levels(36, 37), '4 5', 'a mailbox tells a family name from before marriage');
SELECT is(public.levels(38, 39), '4 5', 'and a given name of which the initial is written');
SELECT is(public.levels(40, 39), '4 0', 'but none where another stands beside it');
SELECT is(public.levels(36, 39), '0 0', 'nor what is not in it');
SELECT is(public.levels(34, 35), '0 4', 'one name found in another place is not both');
SELECT is((SELECT count(DISTINCT customer_id) FROM source_record WHERE key::int BETWEEN 1 AND 14), 7::bigint, 'and they are seven');
SELECT * FROM finish();
