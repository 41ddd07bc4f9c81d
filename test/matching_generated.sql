-- Customers made by arithmetic, as test data often are: their fields decide
-- each other, so that strangers agree in several at once.  Nobody is recorded
-- twice but who is said to be; strangers stay apart, and the training tells
-- where it took agreement for chance.
SET client_min_messages = warning;
SELECT plan(19);

CREATE TABLE public.made (key text PRIMARY KEY, entity text, full_name text, given_name text, family_name text,
    email text, phone text, born text, city text, address text, postcode text, national_id text, company text);
CREATE TABLE public.outcome (name text PRIMARY KEY, wrong bigint, missed bigint, customers bigint, implausible text[]);

-- Matches what is in "made" from nothing; notes pairs that were joined wrongly and pairs that were missed.
CREATE FUNCTION public.match(name text, mapping jsonb, kind text DEFAULT 'known') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM customer_data.drop_source(s.name) FROM customer_data.source s WHERE s.name = 'made';
    DELETE FROM customer_data.match_model;
    DELETE FROM customer_data.match_training;
    PERFORM customer_data.add_source('made', 'public.made', 'key', mapping, kind => kind, region => 'US');
    PERFORM customer_data.resolve();
    INSERT INTO public.outcome
    WITH known AS (SELECT m.entity, customer_data.customer_id_of('made', m.key) AS customer FROM public.made m),
    pairs AS (
        SELECT coalesce(sum(n * (n - 1) / 2) FILTER (WHERE by_entity = 0 AND by_customer = 0), 0) AS both,
               coalesce(sum(n * (n - 1) / 2) FILTER (WHERE by_entity = 0 AND by_customer = 1), 0) AS truly,
               coalesce(sum(n * (n - 1) / 2) FILTER (WHERE by_entity = 1 AND by_customer = 0), 0) AS joined
        FROM (SELECT count(*) AS n, grouping(entity) AS by_entity, grouping(customer) AS by_customer
              FROM known GROUP BY GROUPING SETS ((entity, customer), (entity), (customer))) g)
    SELECT match.name, p.joined - p.both, p.truly - p.both, (SELECT count(DISTINCT customer) FROM known),
           coalesce((SELECT t.implausible FROM customer_data.match_training t ORDER BY t.training_id DESC LIMIT 1), '{}')
    FROM pairs p;
    TRUNCATE public.made;
END
$$;

-- Given name and town go by one remainder, dates by another, a third have e-mail; one more is recorded 600 times.
CREATE FUNCTION public.remainders(n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO public.made (key, entity, full_name, email, born, city)
    SELECT i, i, (ARRAY['Ann','Bob','Cid','Dot','Eve','Fay','Gus','Hal'])[1 + i % 8] || ' ' ||
           (ARRAY['Oosterbaan','Quigley','Thorvaldsen','Lindqvist','Kowalczuk','Abernathy','Castellanos','Fitzgerald','Grunewald','Hakkinen'])[1 + (i / 8) % 10]
               || chr(97 + (i / 80) % 26) || chr(97 + (i / 2080) % 26),
           CASE WHEN i % 3 = 0 THEN 'u' || i / 3 || '@mail' || i % 7 || '.org' END,
           date '1950-01-01' + (i * 7919) % 20000, 'City' || i % 100
    FROM generate_series(1, n) i
$$;
SELECT public.remainders(12000) \g /dev/null
INSERT INTO public.made (key, entity, full_name, email, born, city)
SELECT 'same ' || i, 'same', 'Same Name', 'info@shared.org', '1980-02-03', 'Berlin' FROM generate_series(1, 600) i;
SELECT public.match('crowd', '{"full_name": "full_name", "email": "email", "birth_date": "born", "city": "city"}') \g /dev/null
SELECT is(wrong, 0::bigint, 'strangers of one given name and town stay apart beside a customer recorded hundreds of times') FROM public.outcome WHERE name = 'crowd';
SELECT is(missed, 0::bigint, 'who is one customer') FROM public.outcome WHERE name = 'crowd';
SELECT is(twins < 600, true, 'and how often that one is recorded is not taken for how often customers are') FROM customer_data.match_model;

SELECT public.remainders(12000) \g /dev/null
SELECT public.match('remainders', '{"full_name": "full_name", "email": "email", "birth_date": "born", "city": "city"}') \g /dev/null
SELECT is(wrong, 0::bigint, 'nobody is recorded twice, though dates and names are alike in parts') FROM public.outcome WHERE name = 'remainders';

SELECT public.remainders(12000) \g /dev/null
INSERT INTO public.made (key, entity, full_name, email, born, city)
SELECT 'again ' || key, entity, overlay(full_name PLACING 'q' FROM 6 + key::int % 5 FOR 1), email, born, city FROM public.made WHERE key::int % 10 = 0;
SELECT public.match('again', '{"full_name": "full_name", "email": "email", "birth_date": "born", "city": "city"}') \g /dev/null
SELECT is(wrong, 0::bigint, 'no stranger is joined where one in ten is recorded again with a letter wrong') FROM public.outcome WHERE name = 'again';
SELECT is(missed, 0::bigint, 'and all of these are found') FROM public.outcome WHERE name = 'again';

-- Names, mailboxes and numbers count up; date, town and post code go together.
INSERT INTO public.made (key, entity, given_name, family_name, email, phone, born, city, postcode)
SELECT i, i, 'First' || i, 'Last' || i, 'user' || i || '@test.com', 5550000000 + i, date '1990-01-01' + i % 1000, 'City ' || i % 20, 10000 + i % 100
FROM generate_series(1, 6000) i;
SELECT public.match('counted', '{"given_name": "given_name", "family_name": "family_name", "email": "email", "phone": "phone", "birth_date": "born", "city": "city", "postcode": "postcode"}') \g /dev/null
SELECT is(wrong, 0::bigint, 'names that count up are of as many persons, though born on one day in one town') FROM public.outcome WHERE name = 'counted';
SELECT is(implausible, '{"family_name and given_name both differ, be it by a letter or digit"}',
          'the training tells that such pairs are no customers') FROM public.outcome WHERE name = 'counted';

INSERT INTO public.made (key, entity, full_name, email, phone)
SELECT i, i, 'Person ' || i, 'person' || i || '@example.com', '+1415555' || lpad(i::text, 4, '0') FROM generate_series(1, 5000) i;
SELECT public.match('numbered', '{"full_name": "full_name", "email": "email", "phone": "phone"}') \g /dev/null
SELECT is(wrong, 0::bigint, 'numbered persons stay apart') FROM public.outcome WHERE name = 'numbered';

INSERT INTO public.made (key, entity, company, city)
SELECT i, i, 'Company ' || i || ' Ltd', (ARRAY['London','Leeds','Bristol','York','Derby'])[1 + i % 5] FROM generate_series(1, 5000) i;
SELECT public.match('companies', '{"company": "company", "city": "city"}', 'account') \g /dev/null
SELECT is(wrong, 0::bigint, 'numbered companies stay apart') FROM public.outcome WHERE name = 'companies';

-- Households: all but given name and birth date is one.
INSERT INTO public.made (key, entity, given_name, family_name, born, phone, address, city)
SELECT h || '.' || j, h || '.' || j,
       (ARRAY['James','Mary','Robert','Patricia','John','Jennifer','Michael','Linda','David','Elizabeth','William','Barbara'])[1 + (h + j * 3) % 12],
       (ARRAY['Oosterbaan','Quigley','Thorvaldsen','Lindqvist','Kowalczuk','Abernathy','Castellanos'])[1 + h % 7] || chr(97 + h / 7 % 26),
       date '1940-01-01' + (h * 7919 + j * 4421) % 24000, '+1617' || 2000000 + h * 3571, 1 + h % 290 || ' Oak Street', 'City ' || h % 11
FROM generate_series(1, 1500) h, generate_series(1, 3) j;
SELECT public.match('households', '{"given_name": "given_name", "family_name": "family_name", "birth_date": "born", "phone": "phone", "address": "address", "city": "city"}') \g /dev/null
SELECT is(wrong, 0::bigint, 'who live together stay apart') FROM public.outcome WHERE name = 'households';

-- Everybody twice, once with a letter wrong; national ids count up.
INSERT INTO public.made (key, entity, given_name, family_name, born, city, national_id)
SELECT i, i, (ARRAY['James','Mary','Robert','Patricia','John','Jennifer','Michael','Linda','David','Elizabeth','William','Barbara'])[1 + i % 12],
       (ARRAY['Oosterbaan','Quigley','Thorvaldsen','Lindqvist','Kowalczuk','Abernathy','Castellanos'])[1 + i / 12 % 7] || chr(97 + i / 84 % 26),
       date '1940-01-01' + (i * 7919) % 24000, 'City ' || i % 11, 100000000 + i
FROM generate_series(1, 3000) i;
INSERT INTO public.made (key, entity, given_name, family_name, born, city, national_id)
SELECT 'again ' || key, entity, given_name, overlay(family_name PLACING 'q' FROM 2 + key::int % 5 FOR 1), born, city, national_id FROM public.made;
SELECT public.match('twice', '{"given_name": "given_name", "family_name": "family_name", "birth_date": "born", "city": "city", "national_id": "national_id"}') \g /dev/null
SELECT is(wrong, 0::bigint, 'national ids that count up are of as many persons') FROM public.outcome WHERE name = 'twice';
SELECT is(missed, 0::bigint, 'and everybody who is recorded twice is found') FROM public.outcome WHERE name = 'twice';

-- One error in every pair, always the same one, is none of these: it is learned.
CREATE TABLE public.plain AS
SELECT i::text AS key, (ARRAY['James','Mary','Robert','Patricia','John','Jennifer','Michael','Linda','David','Elizabeth','William','Barbara'])[1 + i % 12] AS given_name,
       (ARRAY['ba','ko','ri','den','mar','lo','sti','ven','qua','tel'])[1 + i % 10] || (ARRAY['hu','ny','fos','ger','pil','wu','cas','lin','dor'])[1 + i / 10 % 9] ||
       (ARRAY['ska','ter','man','rup','vich','len','sen'])[1 + i / 90 % 7] AS family_name, date '1940-01-01' + (i * 7919) % 24000 AS born, 'City ' || i % 11 AS city
FROM generate_series(1, 3000) i;
INSERT INTO public.made (key, entity, given_name, family_name, born, city) SELECT key, key, given_name, family_name, born, city FROM public.plain;
INSERT INTO public.made (key, entity, given_name, family_name, born, city)
SELECT 'again ' || key, key, given_name, overlay(family_name PLACING 'x' FROM 2 + key::int % 4 FOR 1), born, city FROM public.plain;
SELECT public.match('misspelt', '{"given_name": "given_name", "family_name": "family_name", "birth_date": "born", "city": "city"}') \g /dev/null
SELECT is(ARRAY[wrong, missed], '{0,0}'::bigint[], 'a letter wrong in every family name parts nobody') FROM public.outcome WHERE name = 'misspelt';
INSERT INTO public.made (key, entity, given_name, family_name, born, city) SELECT key, key, given_name, family_name, born, city FROM public.plain;
INSERT INTO public.made (key, entity, given_name, family_name, born, city)
SELECT 'again ' || key, key, given_name, family_name, to_char(born::date, 'YYYY-MM'), city FROM public.plain;
SELECT public.match('month', '{"given_name": "given_name", "family_name": "family_name", "birth_date": "born", "city": "city"}') \g /dev/null
SELECT cmp_ok(missed + wrong, '<', 150::bigint, 'nor do dates of which only the month is known') FROM public.outcome WHERE name = 'month';

-- Twenty by twenty names, one year of dates, ten towns.
INSERT INTO public.made (key, entity, full_name, born, city)
SELECT i, i, (ARRAY['James','Mary','Robert','Patricia','John','Jennifer','Michael','Linda','David','Elizabeth','William','Barbara','Richard','Susan','Joseph','Jessica','Thomas','Sarah','Charles','Karen'])[1 + i % 20] || ' ' ||
       (ARRAY['Smith','Johnson','Williams','Brown','Jones','Garcia','Miller','Davis','Rodriguez','Martinez','Hernandez','Lopez','Gonzalez','Wilson','Anderson','Thomas','Taylor','Moore','Jackson','Martin'])[1 + (i / 20) % 20],
       date '1985-01-01' + i % 365, 'City ' || i % 10
FROM generate_series(1, 5000) i;
SELECT public.match('few values', '{"full_name": "full_name", "birth_date": "born", "city": "city"}') \g /dev/null
SELECT is(wrong, 0::bigint, 'few names, dates and towns make no customers of their own') FROM public.outcome WHERE name = 'few values';

INSERT INTO public.made (key, entity, full_name, email, phone, born) VALUES
    ('1', 'a', 'Anna Smith', 'anna@x-y.org', '+14155550101', '1980-01-02'),
    ('2', 'a', 'Ann Smith', 'anna@x-y.org', NULL, '1980-01-02'),
    ('3', 'b', 'John Miller', 'jm@x-y.org', '+14155550103', '1970-05-06');
SELECT public.match('three', '{"full_name": "full_name", "email": "email", "phone": "phone", "birth_date": "born"}') \g /dev/null
SELECT is(ARRAY[wrong, missed], '{0,0}'::bigint[], 'of three records two are one customer') FROM public.outcome WHERE name = 'three';

SELECT is((SELECT count(*) FROM public.outcome WHERE implausible IS NULL), 0::bigint, 'every training says what it took for chance');
SELECT is((SELECT array_agg(name) FROM public.outcome WHERE name IN ('numbered', 'households', 'three') AND implausible <> '{}'), NULL,
          'which is nothing where nothing looked like a match');
SELECT diag(format('%s: %s customers, joined wrongly %s, missed %s; implausible: %s', name, customers, wrong, missed, implausible)) FROM public.outcome;
SELECT * FROM finish();
