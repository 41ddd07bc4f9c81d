-- Where little is known of two records: names of which each has another part, dates that
-- differ although the rest agrees, dates that nobody else has.
SET client_min_messages = warning;
SELECT plan(22);
\ir include/seed.sql
\ir include/people.sql

-- 2,000 persons in 4,000 records; of one record in fifty the birth date is that of somebody else.
CREATE TABLE public.person AS
SELECT 'k' || g || '-' || c AS key, g AS person, spoil(s.given, 0.1, 0.08) AS given, spoil(s.family, 0.1, 0.08) AS family,
       CASE WHEN random() < 0.1 THEN NULL WHEN random() < 0.02 THEN '1940-01-01'::date + floor(random() * 25000)::int ELSE s.birth END AS birth
FROM (SELECT g, syllables(2, skew => 1.5) AS given, syllables(3, skew => 1.5) AS family, '1940-01-01'::date + floor(random() * 25000)::int AS birth
      FROM generate_series(1, 2000) AS g) s
CROSS JOIN LATERAL generate_series(1, 1 + g % 3) AS c;
INSERT INTO public.person VALUES
    ('given', 0, 'wendelin', NULL, '1912-03-04'), ('family', 0, NULL, 'oosterbaan', '1912-03-04'), ('exchanged', 0, NULL, 'wendelin', '1912-03-04'),
    ('senior', 0, 'ambrose', 'oosterbaan sr.', NULL), ('junior', 0, 'ambrose', 'oosterbaan, Jr', NULL), ('second', 0, 'ambrose', 'oosterbaan II', NULL),
    ('unmarked', 0, 'ambrose', 'oosterbaan', NULL), ('knighted', 0, 'Sir', 'oosterbaan', NULL), ('initial', 0, 'oosterbaan', 'A.', NULL);
ALTER TABLE public.person ADD COLUMN age int;
UPDATE public.person SET age = CASE key WHEN 'senior' THEN 39 WHEN 'junior' THEN 29 ELSE 30 END WHERE key IN ('senior', 'junior', 'second');
SELECT ok(customer_data.add_source('people', 'public.person', 'key', '{"given_name": "given", "family_name": "family", "birth_date": "birth", "age": "age"}') IS NOT NULL, 'a source of names and dates');
SELECT cmp_ok((SELECT customers FROM customer_data.resolve()), '>', 1500::bigint, 'is resolved');

CREATE FUNCTION public.levels(key_a text, key_b text) RETURNS TABLE (comparison text, level int, weight real) LANGUAGE sql AS $$
    SELECT e.comparison, e.level, e.weight
    FROM customer_data.source_record ra JOIN customer_data.record_value a USING (record_id),
         customer_data.source_record rb JOIN customer_data.record_value b USING (record_id),
         customer_data.explain_pair(a.given, a.standard, b.given, b.standard) e
    WHERE ra.key = key_a AND rb.key = key_b
$$;
SELECT is_empty($$SELECT * FROM public.levels('given', 'family') WHERE comparison LIKE '%name' AND level IS NOT NULL$$,
                'a given name alone and a family name alone say nothing of each other');
SELECT is_empty($$SELECT * FROM public.levels('family', 'given') WHERE comparison LIKE '%name' AND level IS NOT NULL$$, 'in either order');
SELECT cmp_ok((SELECT weight FROM public.levels('senior', 'junior') WHERE comparison = 'name_suffix' AND level = 0), '<', -5::real, 'father and son are told apart by Sr and Jr');
SELECT is((SELECT level FROM public.levels('senior', 'junior') WHERE comparison = 'age'), 0, 'an age is a number: 39 is not like 29');
SELECT is((SELECT level FROM public.levels('junior', 'second') WHERE comparison = 'age'), 1, 'but 30 is');
SELECT is((SELECT level FROM public.levels('junior', 'second') WHERE comparison = 'name_suffix'), 1, 'Jr is the second');
SELECT is_empty($$SELECT * FROM public.levels('senior', 'unmarked') WHERE comparison = 'name_suffix' AND level IS NOT NULL$$, 'whoever is written without a mark may be either');
SELECT is_empty($$SELECT * FROM public.levels('unmarked', 'knighted') WHERE comparison = 'given_name' AND level IS NOT NULL$$, 'a title is no given name');
SELECT is((SELECT level FROM public.levels('unmarked', 'initial') WHERE comparison = 'given_name'), 1, 'an initial in the place of the family name is one');
SELECT isnt_empty($$SELECT * FROM public.levels('given', 'exchanged') WHERE comparison LIKE '%name' AND level > 0$$, 'unless they are alike: one was in the wrong column');

-- Matches whose dates differ are the last to be known for such; as many are expected as those show whose names agree.
CREATE TABLE public.truth AS
SELECT avg((a.birth <> b.birth)::int) AS differ
FROM public.person a JOIN public.person b ON a.person = b.person AND a.key < b.key WHERE a.birth IS NOT NULL AND b.birth IS NOT NULL;
CREATE TABLE public.learned AS SELECT sum(m) AS differ FROM customer_data.comparison WHERE comparison = 'birth_date' AND level <= 1;
SELECT diag(format('dates of matches that differ: %s, learned %s', round(t.differ, 4), round(l.differ::numeric, 4))) FROM public.truth t, public.learned l;
SELECT ok(l.differ BETWEEN t.differ / 2 AND t.differ * 2, 'the share of matches whose dates differ is learned') FROM public.truth t, public.learned l;

-- A date that nobody else has is one of 25,000 and not of as many as there are records.
SELECT cmp_ok(weight, '>', (SELECT log(2, count(birth)::numeric) + 1 FROM public.person)::real, 'a date is rarer than one of the records')
FROM public.levels('given', 'family') WHERE comparison = 'birth_date';

-- A model that is renewed because there are more records is that which would be made anew.
INSERT INTO public.person
SELECT more || key, person + 10000 * row_number, given || more, family || more, birth + 5000
FROM public.person, (VALUES (1, 'den'), (2, 'gar')) AS m(row_number, more);
SELECT ok((SELECT records > 7000 FROM customer_data.resolve()), 'three times as many records');
CREATE TABLE public.renewed AS SELECT comparison, level, m, u FROM customer_data.comparison;
SELECT customer_data.train_matching();
SELECT is_empty('TABLE public.renewed EXCEPT SELECT comparison, level, m, u FROM customer_data.comparison', 'a model that is renewed is that which is made anew');

-- Of a birth date of which a part is unknown the others count.
ALTER TABLE public.person ALTER birth TYPE text;
INSERT INTO public.person VALUES
    ('date', 0, 'ada', 'quist', '1931-05-17'), ('month', 0, 'ada', 'quist', '1931-05'), ('year', 0, 'ada', 'quist', '1931'),
    ('other month', 0, 'ada', 'quist', '1931-07'), ('other year', 0, 'ada', 'quist', '1944');
SELECT ok((SELECT records > 0 FROM customer_data.resolve()), 'dates in part');
SELECT is((SELECT level FROM public.levels(a, b) WHERE comparison = 'birth_date'), expected, format('%s and %s', a, b))
FROM (VALUES ('date', 'month', 2), ('date', 'year', 2), ('month', 'year', 2), ('month', 'other month', 1), ('date', 'other year', 0)) AS v(a, b, expected);
SELECT finish();
