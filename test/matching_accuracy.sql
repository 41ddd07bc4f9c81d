-- Matching without labels on real and published data with known truth, one
-- configuration for all; only the mapping differs.
\set ON_ERROR_STOP off
SET client_min_messages = warning;
SELECT plan(8);
SELECT coalesce(current_setting('test.samples', true), '') AS samples \gset
SELECT (pg_catalog.pg_stat_file(nullif(:'samples', '') || '/people/febrl3.csv', true)).size IS NOT NULL AS present \gset

CREATE TABLE public.person (
    key text, entity text, full_name text, given_name text, family_name text, birth text, gender text, email text,
    address text, street text, house_number text, city text, region text, postcode text, national_id text,
    company text, occupation text, birth_place text, cuisine text);

-- Reads one sample into person; answers pairwise F1 of pairs and of customers.
CREATE FUNCTION public.measure(program text, columns text, make text, mapping jsonb, region text,
                               OUT pairs numeric, OUT customers numeric)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TEMP TABLE raw (%s) ON COMMIT DROP', columns);
    EXECUTE format('COPY raw FROM PROGRAM %L (FORMAT csv, HEADER)', program);
    TRUNCATE public.person;
    EXECUTE 'INSERT INTO public.person (key, ' || make;
    PERFORM customer_data.drop_source(s.name) FROM customer_data.source s WHERE s.name = 'sample';
    DELETE FROM customer_data.match_model;
    PERFORM customer_data.add_source('sample', 'public.person', 'key', mapping, region => region);
    PERFORM customer_data.resolve();
    SELECT max(q.value) FILTER (WHERE q.part = 'pairs'), max(q.value) FILTER (WHERE q.part = 'customers') INTO pairs, customers
    FROM customer_data.match_quality($q$SELECT 'sample' AS source, key, entity FROM public.person$q$) q
    WHERE q.measure = 'f1';
    DROP TABLE raw;
END
$$;

\if :present
CREATE TABLE public.result AS
SELECT 'febrl3' AS sample, m.* FROM public.measure(
    format('cat %s/people/febrl3.csv', :'samples'),
    'rec_id text, given text, family text, number text, address_1 text, address_2 text, suburb text, postcode text, state text, born text, soc_sec_id text',
    $$entity, given_name, family_name, birth, address, street, house_number, city, region, postcode, national_id)
      SELECT rec_id, split_part(trim(rec_id), '-', 2), given, family, trim(born), address_2, address_1, number, suburb, state, postcode, soc_sec_id FROM raw$$,
    '{"given_name": "given_name", "family_name": "family_name", "birth_date": "birth", "address": "address", "street": "street",
      "house_number": "house_number", "city": "city", "region": "region", "postcode": "postcode", "national_id": "national_id"}', 'AU') m
UNION ALL
SELECT 'fake_1000', m.* FROM public.measure(
    format('cat %s/people/fake_1000.csv', :'samples'),
    'id text, first text, last text, born text, city text, email text, cluster text',
    $$entity, given_name, family_name, birth, city, email) SELECT id, cluster, first, last, born, city, email FROM raw$$,
    '{"given_name": "given_name", "family_name": "family_name", "birth_date": "birth", "city": "city", "email": "email"}', 'GB') m
UNION ALL
SELECT 'restaurants', m.* FROM public.measure(
    format('sed ''s/, "/,"/g'' %s/people/restaurant.csv', :'samples'),
    'name text, address text, city text, cuisine text, id text',
    $$entity, company, address, city, cuisine) SELECT row_number() OVER ()::text, id, name, address, city, cuisine FROM raw$$,
    '{"company": "company", "address": "address", "city": "city", "cuisine": "cuisine"}', 'US') m
UNION ALL
SELECT 'historical', m.* FROM public.measure(
    format('zcat %s/people/historical_half.csv.gz', :'samples'),
    'id text, cluster text, full_name text, two text, first text, last text, born text, place text, postcode text, gender text, occupation text',
    $$entity, full_name, given_name, family_name, birth, birth_place, postcode, gender, occupation)
      SELECT id, cluster, full_name, first, last, born, place, postcode, gender, occupation FROM raw$$,
    '{"full_name": "full_name", "given_name": "given_name", "family_name": "family_name", "birth_date": "birth", "birth_place": "birth_place",
      "postcode": "postcode", "gender": "gender", "occupation": "occupation"}', 'GB') m;
SELECT diag(format('%s: F1 of pairs %s, of customers %s', sample, round(pairs, 4), round(customers, 4))) FROM public.result;
SELECT cmp_ok(r.pairs, '>=', w.pairs, format('%s: pairs', w.sample))
FROM (VALUES ('febrl3', 0.998, 0.999), ('fake_1000', 0.88, 0.93), ('restaurants', 0.85, 0.90), ('historical', 0.90, 0.935)) AS w(sample, pairs, customers)
JOIN public.result r USING (sample);
SELECT cmp_ok(r.customers, '>=', w.customers, format('%s: customers', w.sample))
FROM (VALUES ('febrl3', 0.998, 0.999), ('fake_1000', 0.88, 0.93), ('restaurants', 0.85, 0.90), ('historical', 0.90, 0.935)) AS w(sample, pairs, customers)
JOIN public.result r USING (sample);
\else
SELECT skip('the sample data is not here: set CUSTOMER_DATA_SAMPLES', 8);
\endif
SELECT finish();
