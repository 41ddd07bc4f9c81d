-- Matching on made-up people: increments equal a full run to the last digit,
-- the order of rows changes nothing, explanations add up to the weight, and
-- the counts of a model hold.
SET client_min_messages = warning;
SELECT plan(22);
\ir include/seed.sql
\ir include/people.sql

-- 400 people, 900 records with typing errors, missing fields and moves.
CREATE TABLE public.someone AS
SELECT g AS person, syllables(2) AS given, syllables(3) AS family, ('1940-01-01'::date + floor(random() * 25000)::int)::text AS birth,
       syllables(2) || floor(random() * 90 + 10)::int || '@' || syllables(2) || '.example' AS email,
       floor(random() * 90 + 1)::int || ' ' || syllables(3) || ' road' AS street, syllables(2) || 'ville' AS city
FROM generate_series(1, 400) AS g;
CREATE TABLE public.person (key text PRIMARY KEY, person int, given text, family text, birth text, email text, street text, city text);
CREATE FUNCTION public.draw(keys int[]) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO public.person
    SELECT 'k' || k, s.person, spoil(s.given), spoil(s.family), spoil(s.birth), spoil(s.email), spoil(s.street), spoil(s.city)
    FROM (SELECT k, 1 + floor(random() * 400)::int AS person FROM unnest(keys) AS k) d JOIN public.someone s USING (person)
    ON CONFLICT (key) DO UPDATE SET person = EXCLUDED.person, given = EXCLUDED.given, family = EXCLUDED.family,
        birth = EXCLUDED.birth, email = EXCLUDED.email, street = EXCLUDED.street, city = EXCLUDED.city
$$;
SELECT draw(ARRAY(SELECT generate_series(1, 900)));
SELECT ok(customer_data.add_source('people', 'public.person', 'key',
    '{"given_name": "given", "family_name": "family", "birth_date": "birth", "email": "email", "street": "street", "city": "city"}') IS NOT NULL, 'a source of made-up people');
SELECT ok((SELECT customers BETWEEN 250 AND 700 FROM customer_data.resolve()), 'records are joined');
SELECT cmp_ok((SELECT q.value FROM customer_data.match_quality($$SELECT 'people' AS source, key, person AS entity FROM public.person$$) q
               WHERE q.part = 'customers' AND q.measure = 'f1')::numeric, '>', 0.9, 'and rightly so, without labels');
-- The first golden rows are written another way than later ones.
CREATE TABLE public.golden AS SELECT to_jsonb(c) AS golden, o.records FROM customer_data.customer c FULL JOIN customer_data.customer_origin o USING (customer_id);
TRUNCATE customer_data.customer, customer_data.customer_origin;
DO $$ BEGIN EXECUTE customer_data.golden_query(false); END $$;
SELECT is_empty($$(SELECT to_jsonb(c) AS golden, o.records FROM customer_data.customer c FULL JOIN customer_data.customer_origin o USING (customer_id) EXCEPT TABLE public.golden)
                  UNION ALL (TABLE public.golden EXCEPT SELECT to_jsonb(c), o.records FROM customer_data.customer c FULL JOIN customer_data.customer_origin o USING (customer_id))$$,
                'golden rows written for the first time are those of the query');
-- A few rows are looked up by index; what is set for that ends with it.
ANALYZE customer_data.customer;
BEGIN;
SELECT customer_data.write_golden(ARRAY(SELECT customer_id FROM customer_data.customer ORDER BY 1 LIMIT 2));
SELECT is(current_setting('enable_seqscan') || current_setting('enable_hashjoin') || current_setting('enable_mergejoin'), 'ononon', 'settings are as they were when a few golden rows are written');
COMMIT;

-- Batches of new, changed and deleted rows, with up to two parallel workers.
DO $$
BEGIN
    FOR batch IN 1 .. 8 LOOP
        PERFORM set_config('customer_data.matching_workers', (batch % 3)::text, false);
        PERFORM public.draw(ARRAY(SELECT 1 + floor(random() * 1000)::int FROM generate_series(1, 25) GROUP BY 1));
        DELETE FROM public.person WHERE random() < 0.01;
        PERFORM customer_data.resolve();
    END LOOP;
END
$$;
RESET customer_data.matching_workers;
CREATE TABLE public.link AS SELECT record_a, record_b, weight FROM customer_data.match_link;
CREATE TABLE public.partition AS SELECT record_id, customer_id FROM customer_data.source_record WHERE gone_at IS NULL;
SELECT lives_ok('SELECT customer_data.match_pairs(NULL)', 'a full run');
SELECT is_empty($$(TABLE public.link EXCEPT SELECT record_a, record_b, weight FROM customer_data.match_link)
                  UNION ALL (SELECT record_a, record_b, weight FROM customer_data.match_link EXCEPT TABLE public.link)$$,
                'links of increments are those of a full run, to the last digit');
SELECT is_empty($$SELECT c.cluster_no FROM customer_data.cluster_records(NULL) c JOIN public.partition p USING (record_id)
                  GROUP BY c.cluster_no HAVING count(DISTINCT p.customer_id) > 1$$, 'no cluster of a full run has two customers');
SELECT is_empty($$SELECT p.customer_id FROM customer_data.cluster_records(NULL) c JOIN public.partition p USING (record_id)
                  GROUP BY p.customer_id HAVING count(DISTINCT c.cluster_no) > 1$$, 'no customer has two clusters');

-- The same rows in another order.
CREATE TABLE public.was AS SELECT array_agg(r.key ORDER BY r.key) AS keys FROM customer_data.source_record r WHERE gone_at IS NULL GROUP BY customer_id;
SELECT customer_data.drop_source('people');
CREATE TABLE public.shuffled AS SELECT * FROM public.person ORDER BY md5(key);
SELECT customer_data.add_source('people', 'public.shuffled', 'key',
    '{"family_name": "family", "city": "city", "birth_date": "birth", "street": "street", "email": "email", "given_name": "given"}') IS NOT NULL AS added;
SELECT customers > 0 AS resolved FROM customer_data.resolve(rebuild => true);
SELECT cmp_ok((SELECT count(*) FROM public.was w WHERE NOT EXISTS (
                   SELECT FROM (SELECT array_agg(r.key ORDER BY r.key) AS keys FROM customer_data.source_record r
                                WHERE gone_at IS NULL GROUP BY customer_id) n WHERE n.keys = w.keys)), '<=', 2::bigint,
              'rows shuffled and columns in another order: the same customers');

-- Scoring gives a pair up as soon as it cannot reach the floor: no pair above
-- it is lost, none below it is kept.
SET customer_data.matching_pairs = 10000;
SELECT customer_data.train_matching();
RESET customer_data.matching_pairs;
SELECT is((SELECT threshold FROM customer_data.match_model), 0::real, 'all pairs of few records are candidates');
SELECT customer_data.match_pairs(NULL) IS NOT NULL AS scored;
CREATE TABLE public.full_weight AS
WITH few AS (SELECT v.* FROM customer_data.record_value v ORDER BY random() LIMIT 45)
SELECT a.record_id AS record_a, b.record_id AS record_b, e.weight
FROM few a JOIN few b ON a.record_id < b.record_id
CROSS JOIN LATERAL customer_data.explain_pair(a.given, a.standard, b.given, b.standard) e
WHERE e.comparison = 'sum'
  -- two that have no field in common to compare are no link, whatever the odds
  AND EXISTS (SELECT FROM customer_data.explain_pair(a.given, a.standard, b.given, b.standard) x WHERE x.level IS NOT NULL);
SELECT is_empty($$SELECT f.record_a, f.record_b, f.weight, l.weight
                  FROM public.full_weight f LEFT JOIN customer_data.match_link l USING (record_a, record_b)
                  WHERE CASE WHEN abs(f.weight + 10) < 0.001 THEN false
                             WHEN f.weight > -10 THEN l.weight IS NULL OR abs(l.weight - f.weight) > 0.001
                             ELSE l.weight IS NOT NULL END$$, 'staged scoring keeps every pair above the floor at its full weight, and no other');

-- Workers change nothing, not even for a mailbox that many hold, nor where there are more links than they have room for.
INSERT INTO public.shuffled
SELECT 'twin' || g, 0, 'xaver', 'zwillinger', '1971-03-04', NULL, '7 torver road', 'quastadt' FROM generate_series(1, 150) AS g;
UPDATE public.shuffled SET email = CASE WHEN email IS NOT NULL THEN 'kimlarsen7@larsenhaus.dk' END WHERE person % 4 = 0;
SELECT records > 10 AS resolved FROM customer_data.resolve();
SELECT customer_data.train_matching();
SET customer_data.matching_workers = 0;
SELECT customer_data.match_pairs(NULL) IS NOT NULL AS scored;
CREATE TABLE public.alone AS SELECT * FROM customer_data.match_link;
SET customer_data.matching_workers = 3;
SELECT is((SELECT m.links FROM customer_data.match_pairs(NULL) m), (SELECT count(*) FROM public.alone), 'parallel workers find as many links');
SELECT is_empty($$(TABLE public.alone EXCEPT TABLE customer_data.match_link) UNION ALL (TABLE customer_data.match_link EXCEPT TABLE public.alone)$$,
                'and the same ones');
SELECT customer_data.match_pairs(ARRAY(SELECT record_id FROM customer_data.source_record WHERE key LIKE 'twin%' ORDER BY record_id LIMIT 50)) IS NOT NULL AS scored;
SELECT is_empty($$(TABLE public.alone EXCEPT TABLE customer_data.match_link) UNION ALL (TABLE customer_data.match_link EXCEPT TABLE public.alone)$$,
                'and those of a few of them');
RESET customer_data.matching_workers;
SELECT cmp_ok((SELECT count(*) FROM public.alone), '>', 8000::bigint, 'of whom there were many');
DELETE FROM public.shuffled WHERE person = 0;
SELECT records > 100 AS resolved FROM customer_data.resolve();

-- One record at a time: the same scores, and the same best partner.
SELECT customer_data.train_matching();
SELECT customer_data.match_pairs(NULL) IS NOT NULL AS scored;
CREATE TABLE public.single AS
SELECT v.record_id, p.record_id AS other, p.weight
FROM (SELECT * FROM customer_data.record_value ORDER BY random() LIMIT 150) v
LEFT JOIN LATERAL customer_data.probe(v.given, v.standard, v.record_id) p ON true;
SELECT is_empty($$SELECT s.*, l.weight FROM public.single s
                  JOIN customer_data.match_link l ON l.record_a = least(s.record_id, s.other) AND l.record_b = greatest(s.record_id, s.other)
                  WHERE l.weight <> s.weight$$, 'a pair weighs the same when one record asks for it');
SELECT cmp_ok((SELECT count(*) FROM (SELECT record_id, coalesce(max(weight), -99) > 0 AS found FROM public.single GROUP BY record_id) s
               WHERE s.found <> EXISTS (SELECT FROM customer_data.match_link l WHERE s.record_id IN (l.record_a, l.record_b) AND l.weight > 0)),
              '<=', 1::bigint, 'and who has a partner in the batch has one singly');

-- Labels, where there are some, are counted as what they are.
SET customer_data.matching_pairs = 10000;
SELECT customer_data.train_matching(truth => $$SELECT 'people' AS source, key, person AS entity FROM public.person$$);
SELECT is((SELECT round(matches::numeric) FROM customer_data.match_training ORDER BY training_id DESC LIMIT 1),
          (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM public.person GROUP BY person) x),
          'with labels for all, training expects as many matches as there are');
SELECT cmp_ok((SELECT max(abs(c.m - l.share)) FROM customer_data.comparison c
               JOIN (SELECT 'birth_date' AS comparison, 4 AS level, avg((a.birth = b.birth)::int) AS share
                     FROM public.person a JOIN public.person b ON a.person = b.person AND a.key < b.key
                     WHERE a.birth IS NOT NULL AND b.birth IS NOT NULL) l ON l.comparison = c.comparison AND l.level = c.level)::numeric,
              '<', 0.15, 'and m is near the share that they show');
SELECT customer_data.train_matching();
CREATE TABLE public.expected AS SELECT matches FROM customer_data.match_training ORDER BY training_id DESC LIMIT 1;
-- Hundreds of pairs that look like strangers are said to be one.
INSERT INTO customer_data.match_decision (record_a, record_b, decision)
SELECT a.record_id, b.record_id, 'must_link'
FROM customer_data.source_record a JOIN customer_data.source_record b ON b.record_id = a.record_id + 1
WHERE a.gone_at IS NULL AND b.gone_at IS NULL AND a.customer_id <> b.customer_id LIMIT 200;
SELECT customer_data.train_matching();
SELECT cmp_ok((SELECT t.matches - e.matches FROM public.expected e, (SELECT matches FROM customer_data.match_training ORDER BY training_id DESC LIMIT 1) t)::numeric,
              '>', 150::numeric, 'decisions of people count in training');
DELETE FROM customer_data.match_decision;
RESET customer_data.matching_pairs;
SELECT customer_data.train_matching();
SELECT customer_data.match_pairs(NULL) IS NOT NULL AS scored;

-- Decisions of people and rarity: the sum of an explanation is the weight of the link.
SELECT is_empty($$SELECT l.record_a, l.record_b, l.weight, e.weight
                  FROM (SELECT * FROM customer_data.match_link WHERE cause = 'model' ORDER BY record_a, record_b LIMIT 50) l
                  JOIN customer_data.record_value a ON a.record_id = l.record_a
                  JOIN customer_data.record_value b ON b.record_id = l.record_b
                  CROSS JOIN LATERAL customer_data.explain_pair(a.given, a.standard, b.given, b.standard) e
                  WHERE e.comparison = 'sum' AND abs(e.weight - l.weight) > 0.001$$, 'explanations add up to the weights of the links');
SELECT finish();
