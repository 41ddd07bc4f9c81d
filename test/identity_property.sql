-- After 200 random batches of inserted, updated and deleted rows, links and
-- decisions, the customers are those of a full run, every customer has one
-- golden row that is what its records say, and no id was ever used twice.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(10);

CREATE TABLE public.people (source text, no int, name text, mail text, tel text, born date, city text, firm text, PRIMARY KEY (source, no));
CREATE TABLE public.firm (no int PRIMARY KEY, name text, web text, city text, parent int);
CREATE TABLE public.signed_in (cookie int, no int);
SELECT ok(add_source('crm', $$SELECT * FROM public.people WHERE source = 'crm'$$, 'no', '{"full_name": "name", "email": "mail", "phone": "tel", "birth_date": "born", "city": "city", "company": "firm"}', trust => 70) IS NOT NULL, 'crm');
SELECT ok(add_source('shop', $$SELECT * FROM public.people WHERE source = 'shop'$$, 'no', '{"full_name": "name", "email": "mail", "birth_date": "born"}') IS NOT NULL, 'shop');
SELECT ok(add_source('web', 'SELECT DISTINCT cookie FROM public.signed_in', 'cookie', '{"cookie_id": "concat(''cookie-'', cookie)"}', kind => 'anonymous') IS NOT NULL, 'web');
SELECT ok(add_source('firm', 'firm', 'no', '{"company": "name", "website": "web", "city": "city", "parent_account_id": "parent"}', kind => 'account') IS NOT NULL, 'firm');
SELECT add_identity_link('login', 'SELECT * FROM public.signed_in WHERE no IS NOT NULL', 'web', 'cookie', 'crm', 'no');

-- One of 120 persons, sometimes with a typing error or a missing value.
CREATE FUNCTION public.person(source text, no int) RETURNS public.people LANGUAGE plpgsql AS $$
DECLARE
    p int := floor(random() * 120);
    given text := (ARRAY['Adelheid', 'Benedikt', 'Cordelia', 'Dagobert', 'Eleonore', 'Ferdinand', 'Gwendolyn', 'Hieronymus'])[p % 8 + 1];
    family text := (ARRAY['Oosterbaan', 'Quigley', 'Thorvaldsen', 'Przybylski', 'Fuentes', 'Lindqvist', 'Kowalczuk', 'Abernathy', 'Castellanos', 'Dumitrescu', 'Eriksson', 'Fitzgerald', 'Grunewald', 'Hakkinen', 'Ivanova'])[p % 15 + 1];
    r public.people;
BEGIN
    r.source := source;
    r.no := no;
    r.name := given || ' ' || CASE WHEN random() < 0.1 THEN overlay(family PLACING 'x' FROM 3 FOR 1) ELSE family END;
    r.mail := CASE WHEN random() < 0.8 THEN lower(given) || p || '@posteo.net' END;
    r.tel := CASE WHEN random() < 0.6 THEN '+49301' || 200000 + p * 7919 % 700000 END;
    r.born := CASE WHEN random() < 0.9 THEN date '1940-01-01' + p * 211 END;
    r.firm := CASE WHEN random() < 0.3 THEN (ARRAY['Nordlicht Werft', 'Sandhof Mühle', 'Auental Brauerei', 'Birkenau Glas', 'Posteo'])[p % 5 + 1] END;
    r.city := (ARRAY['Bremen', 'Leipzig', 'Rostock', 'Passau', 'Trier'])[p % 5 + 1];
    RETURN r;
END $$;

CREATE FUNCTION public.run_batches(batches int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    difference text;
BEGIN
    FOR b IN 1 .. batches LOOP
        INSERT INTO public.people
        SELECT (public.person(s, i)).* FROM unnest(ARRAY['crm', 'shop']) s, generate_series(1, 150) i
        WHERE random() < 0.08 ON CONFLICT DO NOTHING;
        UPDATE public.people p SET (name, mail, tel, born, city, firm) = (SELECT n.name, n.mail, n.tel, n.born, n.city, n.firm FROM public.person(p.source, p.no) n)
        WHERE random() < 0.06;
        DELETE FROM public.people WHERE random() < 0.04;
        INSERT INTO public.firm
        SELECT i, (ARRAY['Nordlicht Werft GmbH', 'Sandhof Mühle KG', 'Auental Brauerei AG', 'Birkenau Glas', 'Posteo e.K.'])[1 + i % 5],
               CASE WHEN random() < 0.3 THEN (ARRAY['posteo.net', 'nordlicht.de', 'birkenau.de'])[1 + floor(random() * 3)::int] END,
               (ARRAY['Bremen', 'Leipzig', 'Rostock'])[1 + floor(random() * 3)::int], CASE WHEN random() < 0.3 THEN 1 + floor(random() * 12) END
        FROM generate_series(1, 12) i WHERE random() < 0.1
        ON CONFLICT (no) DO UPDATE SET web = EXCLUDED.web, city = EXCLUDED.city, parent = EXCLUDED.parent;
        DELETE FROM public.firm WHERE random() < 0.05;
        INSERT INTO public.signed_in SELECT i, CASE WHEN random() < 0.5 THEN floor(random() * 150) END FROM generate_series(1, 60) i WHERE random() < 0.05;
        UPDATE public.signed_in SET no = CASE WHEN random() < 0.5 THEN floor(random() * 150) END WHERE random() < 0.05;
        DELETE FROM public.signed_in WHERE random() < 0.05;
        IF random() < 0.3 THEN
            PERFORM CASE WHEN random() < 0.5 THEN customer_data.must_link(a.s, a.key, z.s, z.key) ELSE customer_data.cannot_link(a.s, a.key, z.s, z.key) END
            FROM (SELECT s.name AS s, r.key, r.record_id FROM customer_data.source_record r JOIN customer_data.source s USING (source_id) WHERE gone_at IS NULL ORDER BY random() LIMIT 1) a,
                 (SELECT s.name AS s, r.key, r.record_id FROM customer_data.source_record r JOIN customer_data.source s USING (source_id) WHERE gone_at IS NULL ORDER BY random() LIMIT 1) z
            WHERE a.record_id <> z.record_id;
        END IF;
        IF random() < 0.2 THEN
            PERFORM customer_data.upsert_record('shop', 'p' || floor(random() * 20),
                (SELECT jsonb_strip_nulls(jsonb_build_object('full_name', n.name, 'email', n.mail, 'birth_date', n.born)) FROM public.person('shop', 0) n));
        END IF;
        PERFORM customer_data.resolve();
        SELECT format('batch %s: customer %s', b, coalesce(c.customer_id, r.customer_id)) INTO difference
        FROM customer_data.customer c
        FULL JOIN (SELECT DISTINCT customer_id FROM customer_data.source_record WHERE gone_at IS NULL) r USING (customer_id)
        WHERE c.customer_id IS NULL OR r.customer_id IS NULL LIMIT 1;
        IF difference IS NOT NULL THEN
            RETURN difference || ' has no golden row or no record';
        END IF;
    END LOOP;
    RETURN 'as it should be';
END $$;

\ir include/seed.sql
SELECT is(run_batches(CASE WHEN current_setting('test.long', true) = 'on' THEN 1000 ELSE 200 END), 'as it should be', 'each batch leaves one golden row per customer');

CREATE TEMP TABLE increments AS SELECT record_id, customer_id FROM source_record WHERE gone_at IS NULL;
CREATE TEMP TABLE golden AS SELECT to_jsonb(c) AS row FROM customer c;
CREATE TEMP TABLE account AS SELECT * FROM contact_account;
SELECT is((r.merged, r.split)::text, '(0,0)', 'a full run merges and splits nobody') FROM resolve(rebuild => true) r;
SELECT bag_eq('SELECT record_id, customer_id FROM source_record WHERE gone_at IS NULL', 'SELECT * FROM increments', 'the customers are those of a full run');
SELECT bag_eq('SELECT to_jsonb(c) FROM customer c', 'SELECT row FROM golden', 'and so are the golden rows');
SELECT bag_eq('SELECT * FROM contact_account', 'SELECT * FROM account', 'and the accounts of persons');
SELECT is((SELECT count(*) FROM (SELECT other_id FROM customer_change WHERE kind = 'split' GROUP BY other_id HAVING count(*) > 1) d), 0::bigint, 'no id was given twice');
SELECT * FROM finish();
