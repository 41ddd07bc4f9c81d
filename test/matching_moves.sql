-- What is no evidence does not count: numbers given one after the other are no typing errors, what a
-- system fills in for a date tells nothing; and who moved has all parts of the address anew.
SET client_min_messages = warning;
SELECT plan(6);
\ir include/seed.sql
\ir include/people.sql

-- 2,000 people, a third of them recorded twice, each record with a number of its own, as they come; one in eight moved.
CREATE TABLE public.person AS
SELECT row_number() OVER (ORDER BY g) AS n, g AS entity, c, given, family,
       CASE WHEN random() < 0.1 THEN '1900-01-01' ELSE birth END AS birth, m.*
FROM (SELECT g, syllables(2) AS given, syllables(3) AS family, ('1940-01-01'::date + floor(random() * 25000)::int)::text AS birth,
             syllables(3) || ' road ' || floor(random() * 90 + 1)::int AS street, (10000 + floor(random() * 80000))::int::text AS postcode, syllables(2) || 'ville' AS city
      FROM generate_series(1, 2000) AS g) s
CROSS JOIN LATERAL generate_series(1, CASE WHEN g % 3 = 0 THEN 2 ELSE 1 END) AS c
CROSS JOIN LATERAL (SELECT CASE WHEN moved THEN syllables(3) || ' road ' || floor(random() * 90 + 1)::int ELSE s.street END AS street,
                           CASE WHEN moved THEN (10000 + floor(random() * 80000))::int::text ELSE s.postcode END AS postcode,
                           CASE WHEN moved THEN syllables(2) || 'ville' ELSE s.city END AS city
                    FROM (SELECT c = 2 AND g % 8 = 0 AS moved OFFSET 0) x) m;
ALTER TABLE public.person ADD COLUMN loyalty text;
UPDATE public.person SET loyalty = 'L' || lpad(n::text, 8, '0') WHERE n % 4 <> 0;
SELECT customer_data.add_source('people', 'public.person', 'n', '{"given_name": "given", "family_name": "family", "birth_date": "birth",
    "street": "street", "postcode": "postcode", "city": "city", "loyalty_id": "loyalty"}', region => 'DE') IS NOT NULL AS added;
SELECT ok((SELECT customers BETWEEN 1900 AND 2200 FROM customer_data.resolve()), 'made-up people are resolved');

-- Of numbers of three thousand nearly all have neighbours, and one in a hundred is one of them.
SELECT cmp_ok((SELECT c.u FROM customer_data.comparison c WHERE c.comparison = 'loyalty_id' AND c.level = 1)::numeric, '>',
              (SELECT 0.3 * avg((customer_data.levenshtein(a.loyalty, b.loyalty, 1) = 1)::int) FROM public.person a JOIN public.person b ON a.n < b.n
               WHERE a.loyalty IS NOT NULL AND b.loyalty IS NOT NULL AND a.n % 5 = 1), 'numbers that differ by a digit are as common as they are');
SELECT is((SELECT count(*) FROM customer_data.match_link l
           JOIN customer_data.source_record a ON a.record_id = l.record_a JOIN public.person x ON x.n = a.key::int
           JOIN customer_data.source_record b ON b.record_id = l.record_b JOIN public.person y ON y.n = b.key::int
           WHERE l.weight > 0 AND x.entity <> y.entity AND customer_data.levenshtein(x.loyalty, y.loyalty) = 1), 0::bigint, 'and join nobody');

SELECT is_empty($$SELECT e.* FROM public.person x JOIN customer_data.source_record a ON a.key = x.n::text JOIN customer_data.record_value v USING (record_id)
                  CROSS JOIN LATERAL customer_data.explain_pair(v.given, v.standard, v.given, v.standard) e
                  WHERE x.birth = '1900-01-01' AND e.comparison = 'birth_date' AND e.level IS NOT NULL$$, 'a date that a system fills in tells nothing');

CREATE TABLE public.moved AS
SELECT e.comparison, avg(e.weight) AS weight, count(*) AS pairs
FROM public.person x JOIN public.person y ON x.entity = y.entity AND x.c = 1 AND y.c = 2
JOIN customer_data.source_record a ON a.key = x.n::text JOIN customer_data.record_value v ON v.record_id = a.record_id
JOIN customer_data.source_record b ON b.key = y.n::text JOIN customer_data.record_value w ON w.record_id = b.record_id
CROSS JOIN LATERAL customer_data.explain_pair(v.given, v.standard, w.given, w.standard) e
WHERE x.entity % 8 = 0 AND e.level = 0 AND e.comparison IN ('address', 'postcode', 'city') GROUP BY e.comparison;
SELECT cmp_ok((SELECT weight FROM public.moved WHERE comparison = 'address'), '<', -1.5::real::float8, 'who moved has another street, which speaks against');
SELECT cmp_ok((SELECT min(weight) FROM public.moved WHERE comparison <> 'address'), '>', -1.2::real::float8, 'that the rest of the address differs, too, says little more');
SELECT finish();
