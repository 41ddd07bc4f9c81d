-- The weight of random pairs computed in plain SQL from the tables one can read
-- (comparison, comparison_dependence, match_prior, match_model and the records)
-- equals what the engine says, line by line and in all.
SET client_min_messages = warning;
SELECT plan(8);
\ir include/seed.sql
\ir include/people.sql

-- 500 persons in 1,200 records: values of one word each, so that a twin stays readable.
-- Given and family names are made of different ones, so that none is like the other by chance.
CREATE TABLE public.someone AS
SELECT g AS person, syllables(2, 1, 8, 2) AS given, syllables(3, 9, 16, 2) AS family, '1940-01-01'::date + floor(random() * 25000)::int AS birth,
       'x' || digits(6) || '@' || syllables(1, 1, 8, 2) || '.example' AS email, '4' || digits(9) AS phone,
       syllables(2, 1, 8, 2) || 'ville' AS city, '1' || digits(2) || '00' AS postcode, (ARRAY['f', 'm'])[1 + floor(random() * 2)::int] AS gender
FROM generate_series(1, 500) AS g;
-- Housemates share some of it.
UPDATE public.someone s SET family = h.family, city = h.city, postcode = h.postcode,
       phone = CASE WHEN random() < 0.4 THEN h.phone ELSE s.phone END
FROM public.someone h WHERE s.person % 5 = 0 AND h.person = s.person - 1;
CREATE TABLE public.person AS
SELECT 'k' || k AS key, s.person, spoil(s.given, 0.15, 0.1) AS given, spoil(s.family, 0.15, 0.1) AS family,
       CASE floor(random() * 12)::int WHEN 0 THEN NULL WHEN 1 THEN s.birth + 9 WHEN 2 THEN s.birth + 31 WHEN 3 THEN s.birth + 400 ELSE s.birth END::text AS birth,
       spoil(s.email, 0.3, 0.1) AS email, CASE WHEN random() < 0.6 THEN s.phone END AS phone, spoil(s.city, 0.15, 0.1) AS city,
       CASE WHEN random() < 0.8 THEN s.postcode END AS postcode, CASE WHEN random() < 0.7 THEN s.gender END AS gender
FROM (SELECT k, 1 + floor(random() * 500)::int AS person FROM generate_series(1, 1200) AS k) d JOIN public.someone s USING (person);
SELECT customer_data.add_source('people', 'public.person', 'key',
    '{"given_name": "given", "family_name": "family", "birth_date": "birth", "email": "email", "phone": "phone", "city": "city",
      "postcode": "postcode", "gender": "gender"}', region => 'US') IS NOT NULL AS added;
SELECT ok((SELECT links > 500 FROM customer_data.resolve()), 'made-up people are resolved');

-- What the engine reads of a record: the standard forms; a date that stands for none, as the day of the epoch, has no such form.
CREATE TABLE public.form AS
SELECT v.record_id, v.given AS raw, v.standard,
       lower(max(s) FILTER (WHERE a.name = 'given_name')) AS given, lower(max(s) FILTER (WHERE a.name = 'family_name')) AS family,
       max(s) FILTER (WHERE a.name = 'birth_date')::date AS birth, lower(max(s) FILTER (WHERE a.name = 'email')) AS email,
       right(regexp_replace(max(s) FILTER (WHERE a.name = 'phone'), '\D', '', 'g'), 10) AS phone, lower(max(s) FILTER (WHERE a.name = 'city')) AS city,
       lower(max(s) FILTER (WHERE a.name = 'postcode')) AS postcode, lower(max(s) FILTER (WHERE a.name = 'gender')) AS gender
FROM customer_data.record_value v CROSS JOIN customer_data.attribute a CROSS JOIN LATERAL (SELECT v.standard[a.ordinal] AS s) x
GROUP BY v.record_id, v.given, v.standard;

-- Frequencies, counted from the records; names of both kinds are one vocabulary.
CREATE TABLE public.frequency AS
SELECT kind, token, count(DISTINCT record_id) AS records
FROM public.form, LATERAL (VALUES ('name', given), ('name', family), ('birth', birth::text), ('email', email), ('mailbox', split_part(email, '@', 1)),
                                  ('domain', split_part(email, '@', 2)), ('phone', phone), ('city', city), ('postcode', postcode), ('gender', gender)) AS t(kind, token)
WHERE token IS NOT NULL GROUP BY kind, token;
CREATE TABLE public.holders AS
SELECT kind, count(DISTINCT record_id) AS records
FROM public.form, LATERAL (VALUES ('name', coalesce(given, family)), ('birth', birth::text), ('email', email), ('mailbox', email), ('domain', email),
                                  ('phone', phone), ('city', city), ('postcode', postcode), ('gender', gender)) AS t(kind, token)
WHERE token IS NOT NULL GROUP BY kind;
-- Frequencies are kept as eighths of a bit, and not below the floor.
CREATE FUNCTION public.eighths(n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT round(8 * log(2, greatest(n, 1)::numeric))::float8 / 8 $$;
CREATE FUNCTION public.bits(of_kind text, of_token text) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT greatest(0, public.eighths((SELECT records FROM public.holders WHERE kind = of_kind))
                       -- of those who hold it, records of one's own are no strangers; who holds a mailbox or number is judged by itself
                       - log(2, greatest(df - twins, df / (1 + twins), 1)::numeric)::float8)
    FROM (SELECT power(2, public.eighths(greatest((SELECT records FROM public.frequency WHERE kind = of_kind AND token = of_token), frequency_floor))) AS df,
                 CASE WHEN of_kind IN ('email', 'phone') THEN 0 ELSE twins END AS twins
          FROM customer_data.match_model) x
$$;
-- A mailbox or number is one customer's by its nature: what is learned of such, less where many hold it.
CREATE FUNCTION public.identifying(of_kind text, of_token text, u float8) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT greatest(b, -log(2, u::numeric)::float8 - 2 * log(2, greatest(power(2, public.eighths((SELECT records FROM public.holders WHERE kind = of_kind)) - b) / 4, 1)::numeric)::float8)
    FROM (SELECT public.bits(of_kind, of_token) AS b) x
$$;
-- A birth date that nobody else holds is one of as many as there are records and possible dates.
CREATE FUNCTION public.dated(of_token text, u float8) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN held >= 5 THEN b WHEN held <= 1 THEN b + unseen ELSE b + least(unseen, -log(2, (1 - power(2, 1 - held))::numeric)) END
    FROM (SELECT b, holders - b AS held, log(2, (1 + 1 / (power(2, holders) * (u + 20 / (power(2, 2 * holders) / 2))))::numeric)::float8 AS unseen
          FROM (SELECT public.bits('birth', of_token) AS b, public.eighths((SELECT records FROM public.holders WHERE kind = 'birth')) AS holders) x) y
$$;
CREATE FUNCTION public.birth_level(a date, b date) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN a = b THEN 4
                WHEN to_char(a, 'YYYYDDMM') = to_char(b, 'YYYYMMDD') OR apart = 1 THEN 3
                WHEN equal = 2 OR (equal = 1 AND apart = 2) THEN 2
                WHEN year_a = year_b OR (abs(year_a - year_b) = 1 AND apart <= 3) THEN 1 ELSE 0 END
    FROM (SELECT extract(year FROM a) AS year_a, extract(year FROM b) AS year_b,
                 (extract(year FROM a) = extract(year FROM b))::int + (extract(month FROM a) = extract(month FROM b))::int + (extract(day FROM a) = extract(day FROM b))::int AS equal,
                 (SELECT count(*) FROM generate_series(1, 8) AS i WHERE substr(to_char(a, 'YYYYMMDD'), i, 1) <> substr(to_char(b, 'YYYYMMDD'), i, 1)) AS apart) x
$$;

-- Pairs that are linked, and pairs at random.
CREATE TABLE public.pair AS
(SELECT record_a, record_b FROM customer_data.match_link ORDER BY random() LIMIT 250)
UNION
(SELECT a.record_id, b.record_id FROM (SELECT * FROM public.form ORDER BY random() LIMIT 200) a
 JOIN (SELECT * FROM public.form ORDER BY random() LIMIT 200) b ON a.record_id < b.record_id ORDER BY random() LIMIT 250);
CREATE TABLE public.said AS
SELECT p.record_a, p.record_b, e.comparison, e.level, e.weight
FROM public.pair p JOIN public.form a ON a.record_id = p.record_a JOIN public.form b ON b.record_id = p.record_b
CROSS JOIN LATERAL customer_data.explain_pair(a.raw, a.standard, b.raw, b.standard) e;

-- Levels that need no likeness of words are found here, too.
SELECT is_empty($$SELECT s.* FROM public.said s JOIN public.form a ON a.record_id = s.record_a JOIN public.form b ON b.record_id = s.record_b
                  WHERE s.comparison = 'birth_date' AND s.level <> public.birth_level(a.birth, b.birth)$$, 'levels of birth dates');
SELECT is_empty($$SELECT s.* FROM public.said s JOIN public.form a ON a.record_id = s.record_a JOIN public.form b ON b.record_id = s.record_b
                  WHERE CASE s.comparison WHEN 'family_name' THEN (s.level = 4) <> (a.family = b.family)
                             WHEN 'given_name' THEN (s.level = 5) <> (a.given = b.given)
                             WHEN 'email' THEN (s.level >= 3) <> (a.email = b.email) WHEN 'phone' THEN (s.level = 2) <> (a.phone = b.phone)
                             WHEN 'city' THEN (s.level = 2) <> (a.city = b.city) WHEN 'postcode' THEN (s.level = 4) <> (a.postcode = b.postcode)
                             WHEN 'gender' THEN (s.level = 1) <> (a.gender = b.gender) END
                    AND coalesce(a.given, a.family, '') <> '' AND (s.comparison NOT IN ('family_name', 'given_name')
                         OR (a.given IS NOT NULL AND a.family IS NOT NULL AND b.given IS NOT NULL AND b.family IS NOT NULL))$$,
                'the highest level is that of equal values');
SELECT is_empty($$SELECT p.* FROM public.pair p JOIN public.form a ON a.record_id = p.record_a JOIN public.form b ON b.record_id = p.record_b
                  CROSS JOIN LATERAL (VALUES ('birth_date', a.birth::text, b.birth::text), ('phone', a.phone, b.phone), ('city', a.city, b.city),
                                             ('postcode', a.postcode, b.postcode), ('gender', a.gender, b.gender)) AS v(comparison, x, y)
                  LEFT JOIN public.said s ON s.record_a = p.record_a AND s.record_b = p.record_b AND s.comparison = v.comparison
                  WHERE (v.x IS NULL OR v.y IS NULL) <> (s.level IS NULL)$$, 'a missing side says nothing');

-- The rarity of the values that agree.
CREATE TABLE public.told AS
SELECT s.record_a, s.record_b, s.comparison, s.level, s.weight AS said, c.m, c.u, c.tf, o.tf_base, o.housemates,
       CASE WHEN s.comparison = 'birth_date' AND s.level = 4 THEN public.dated(a.birth::text, c.u)
            WHEN s.comparison = 'postcode' AND s.level = 4 THEN public.bits('postcode', a.postcode)
            WHEN s.comparison = 'city' AND s.level = 2 THEN public.bits('city', a.city)
            WHEN s.comparison = 'gender' AND s.level = 1 THEN public.bits('gender', a.gender)
            WHEN s.comparison = 'phone' AND s.level = 2 THEN public.identifying('phone', a.phone, c.u)
            WHEN s.comparison = 'email' AND s.level = 4 THEN public.identifying('email', a.email, c.u)
            WHEN s.comparison = 'email' AND s.level = 2 THEN least(public.bits('mailbox', split_part(a.email, '@', 1)), public.bits('mailbox', split_part(b.email, '@', 1)))
            WHEN s.comparison = 'family_name' AND s.level IN (1, 2, 4) THEN least(public.bits('name', a.family), public.bits('name', b.family))
            WHEN s.comparison = 'given_name' AND s.level IN (2, 3, 5) THEN least(public.bits('name', a.given), public.bits('name', b.given))
            ELSE 0 END AS rarity,
       s.comparison NOT IN ('family_name', 'postcode', 'city') AS personal,
       CASE WHEN s.level > 0 THEN CASE s.comparison WHEN 'email' THEN 0.1 WHEN 'phone' THEN 0.4 WHEN 'given_name' THEN CASE WHEN s.level = 5 THEN 0.02 END END END AS share
FROM public.said s JOIN public.form a ON a.record_id = s.record_a JOIN public.form b ON b.record_id = s.record_b
JOIN customer_data.comparison c ON c.comparison = s.comparison AND c.level = s.level
JOIN customer_data.comparison_override o ON o.comparison = s.comparison AND o.level = s.level
-- names of which a part is missing are compared crosswise, a twin of that would be no simpler
WHERE a.given IS NOT NULL AND a.family IS NOT NULL AND b.given IS NOT NULL AND b.family IS NOT NULL
  AND NOT EXISTS (SELECT FROM public.said x WHERE x.record_a = s.record_a AND x.record_b = s.record_b AND x.comparison = 'given_name' AND x.level = 4)
  AND NOT EXISTS (SELECT FROM public.said x WHERE x.record_a = s.record_a AND x.record_b = s.record_b AND x.comparison = 'email' AND x.level = 3);
CREATE TABLE public.twin AS
SELECT t.*, log(2, (coalesce(d.same, t.m) / CASE WHEN t.level > 0 THEN greatest(d.most, t.u) ELSE least(d.least, t.u) END)::numeric) + r.known AS weight,
       CASE WHEN t.personal THEN log(2, (t.m / coalesce(t.share, t.u))::numeric) + CASE WHEN t.share IS NULL THEN r.known ELSE 0 END
            -- what housemates mostly share and these do not
            ELSE least(coalesce(log(2, (t.m / t.housemates)::numeric), 0), 0) END AS alone
FROM public.told t
CROSS JOIN LATERAL (SELECT ((1 - power(2, -m.records / 100.0)) *
                            CASE WHEN t.tf = 0 OR t.rarity <= 0 THEN 0
                                 WHEN t.tf = 1 THEN t.rarity + log(2, t.u::numeric)
                                 ELSE least(greatest(t.rarity - t.tf_base, -12), 12) * t.tf END)::numeric AS known
                    FROM customer_data.match_model m) r
-- given the levels of other comparisons that go with it: of matches the first that both have, of others what explains it best
CROSS JOIN LATERAL (SELECT (array_agg(d.probability ORDER BY d.rank) FILTER (WHERE d.among = 'matches'))[1] AS same,
                           max(d.probability) FILTER (WHERE d.among = 'others') AS most, min(d.probability) FILTER (WHERE d.among = 'others') AS least
                    FROM customer_data.comparison_dependence d
                    JOIN public.said s ON s.record_a = t.record_a AND s.record_b = t.record_b AND s.comparison = d.parent AND s.level = d.parent_level
                    WHERE d.comparison = t.comparison AND d.level = t.level) d;
SELECT ok((SELECT count(*) > 500 FROM public.twin), 'there is something to compare');
SELECT is_empty('SELECT * FROM public.twin WHERE abs(weight - said) > 0.003', 'each line of an explanation');
CREATE TABLE public.whole AS
SELECT x.*, s.weight AS said
FROM (SELECT record_a, record_b, sum(weight) + log(2, (p.lambda / (1 - p.lambda))::numeric) AS against_strangers,
             sum(alone) + log(2, (p.lambda / p.housemates)::numeric) AS against_housemates
      FROM public.twin CROSS JOIN customer_data.match_prior p WHERE p.kind = 'persons' GROUP BY record_a, record_b, p.lambda, p.housemates) x
JOIN public.said s ON s.record_a = x.record_a AND s.record_b = x.record_b AND s.comparison = 'sum';
SELECT is_empty($$SELECT *, -log(2, power(2, -against_strangers) + power(2, -against_housemates)) AS weight FROM public.whole
                  WHERE abs(-log(2, power(2, -against_strangers) + power(2, -against_housemates)) - said) > 0.01$$,
                'the weight: one customer, against strangers and housemates together');
SELECT is_empty($$SELECT w.*, l.weight FROM public.whole w JOIN customer_data.match_link l USING (record_a, record_b) WHERE abs(l.weight - w.said) > 0.001$$,
                'and it is that of the link');
SELECT finish();
