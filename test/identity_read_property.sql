-- What resolve() reads, with and without workers, whole and in part, against
-- plain SQL over the rows as they are.
SET client_min_messages = error;
SET search_path = customer_data, public;
SELECT plan(17);

\ir include/seed.sql

CREATE TABLE public.person (id int PRIMARY KEY, name text, given text, family text, mail text, phone text, city text, zip text,
                            land text, born text, note text, changed timestamptz NOT NULL DEFAULT now());
CREATE FUNCTION public.one_of(VARIADIC v text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT v[1 + floor(random() * cardinality(v))::int] $$;
CREATE PROCEDURE public.put(first int, last int) LANGUAGE sql AS $$
    INSERT INTO public.person
    SELECT i, CASE WHEN random() < 0.5 THEN public.one_of('Anna', 'JosÃ©', '王', 'Ötzi', 'n/a', '') || ' ' || public.one_of('Müller', 'Smith', 'Zhuge', 'van de Berg', '') END,
           public.one_of('Anna', 'Bob', NULL, '晓雯', 'null', 'Jean-Luc'), public.one_of('Meier', 'O''Brien', NULL, '诸葛', '123'),
           public.one_of('a', 'b', 'c.d', '') || i % 900 * 7 || public.one_of('@gmail.com', '@example.org', '', '@@'),
           public.one_of('+49 30 1234', '030 1234', '+86 138 0013 8000', '0') || i * 7919 % 10000,
           public.one_of('Berlin', 'berlin ', '北京', 'St. Louis', 'Saint Louis', NULL), public.one_of('10115', 'SW1A 1AA', '00000', NULL),
           public.one_of('DE', 'Germany', 'UK', 'xx', 'China', NULL, NULL), public.one_of('1980-02-30', '03/04/1990', '1900-01-01', '1.2.1999', NULL),
           public.one_of(repeat('x', 60), 'y', NULL, '0')
    FROM generate_series(first, last) AS i
    ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, phone = EXCLUDED.phone, land = EXCLUDED.land, note = EXCLUDED.note, changed = now()
$$;
CALL put(1, 400);
SELECT count(*) FROM (SELECT add_source('whole', 'public.person', 'id', m, region => 'GB'), add_source('part', 'public.person', 'id', m, changed_at => 'changed')
    FROM (SELECT '{"full_name": "name", "given_name": "given", "family_name": "family", "email": "mail", "phone": "phone", "city": "city", "postcode": "zip",
                   "country": "land", "birth_date": "born", "note": "note"}'::jsonb AS m) x) y \g /dev/null

-- What should be there: each value as given, its form, its hash.
CREATE VIEW public.wanted AS
    SELECT s.source_id, p.id::text AS key, g.given, t.standard, t.issue, hash_values(g.given) AS hash
    FROM customer_data.source s, public.person p,
         LATERAL (SELECT array_agg(nullif(v.value, '') ORDER BY o) AS given
                  FROM generate_series(1, (SELECT max(a.ordinal) FROM attribute a WHERE s.mapping ? a.name)) AS o
                  LEFT JOIN attribute a ON a.ordinal = o
                  LEFT JOIN LATERAL (SELECT to_jsonb(p) ->> (s.mapping ->> a.name) AS value) v ON true) g,
         LATERAL standardize_values(g.given, region_of(g.given[16], s.region)) t;
CREATE VIEW public.found AS
    SELECT r.source_id, r.key, v.given, v.standard, v.issue, r.hash
    FROM source_record r JOIN record_value v USING (record_id) WHERE r.gone_at IS NULL;
CREATE FUNCTION public.same(what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is_empty('(SELECT * FROM public.wanted EXCEPT SELECT * FROM public.found) UNION ALL (SELECT * FROM public.found EXCEPT SELECT * FROM public.wanted)', what)
    UNION ALL
    SELECT is((SELECT count(*) FROM customer_data.arriving_record), 0::bigint, what || ': nobody waits')
    UNION ALL
    SELECT is_empty('SELECT r.key FROM customer_data.source_record r WHERE r.gone_at IS NULL
                     AND (r.customer_id < 1 OR NOT EXISTS (SELECT FROM customer_data.customer c WHERE c.customer_id = r.customer_id))', what || ': everybody is a customer')
$$;

SET customer_data.matching_workers = 2;
SELECT is((SELECT records FROM resolve()), 800::bigint, 'all are new');
SELECT same('with workers');
SET customer_data.matching_workers = 0;
CALL put(370, 470);
DELETE FROM person WHERE id % 97 = 0;
UPDATE source SET compared_at = NULL;
SELECT lives_ok('SELECT resolve()', 'changed, new and gone');
SELECT same('without workers');
-- Half of what is read comes in part only.
CALL put(460, 480);
UPDATE person SET changed = changed - interval '1 hour' WHERE id < 200;
SELECT lives_ok('SELECT resolve()', 'a part is read');
SELECT same('in part');
SELECT is((SELECT records FROM resolve()), 0::bigint, 'nothing is new');
SET customer_data.matching_workers = 2;
UPDATE source SET region = 'FR' WHERE name = 'whole';
SELECT is((SELECT records FROM resolve()), (SELECT count(*) FROM person), 'declared anew, read anew');
SELECT same('anew');
SELECT * FROM finish();
