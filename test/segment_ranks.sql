-- Who of some customers lies above thresholds, looked up along the leaves of the
-- index: as plain SQL has it, of sets dense and sparse, with ids that are not
-- there, after rows came, went, changed and were tidied up.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET jit = off;
SELECT plan(5);
\ir include/seed.sql

CREATE TABLE contact (id int PRIMARY KEY, city text);
INSERT INTO contact SELECT i, 'c' FROM generate_series(1, 10) i;
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city"}') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT refresh_metrics() AS done \gset
-- Enough for an index of three levels; some ids are missing.
TRUNCATE customer_metric;
INSERT INTO customer_metric (customer_id, frequency)
SELECT i, CASE WHEN random() < 0.9 THEN floor(random() * 20) END FROM generate_series(1, 150000) i WHERE random() < 0.9 ORDER BY random();

CREATE FUNCTION differing(rounds int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    among  customer_set;
    found  record;
    truth  record;
    share  float8;
    wrong  bigint := 0;
BEGIN
    FOR n IN 1 .. rounds LOOP
        share := power(10, -random() * 4.5);
        among := coalesce((SELECT customer_set_agg(i) FROM generate_series(floor(random() * 150000)::int, floor(random() * 200000)::int) i WHERE random() < share), '{}')
                 | coalesce((SELECT customer_set_agg(floor(random() * 160000)::bigint) FROM generate_series(1, floor(random() * 5)::int)), '{}');
        SELECT * INTO found FROM stored_ranks('customer_metric', 'frequency', among, '{3,9.5,19}');
        SELECT coalesce(customer_set_agg(m.customer_id), '{}') AS holders,
               ARRAY[ARRAY[coalesce(customer_set_agg(m.customer_id) FILTER (WHERE frequency > 3), '{}'), coalesce(customer_set_agg(m.customer_id) FILTER (WHERE frequency >= 3), '{}')],
                     ARRAY[coalesce(customer_set_agg(m.customer_id) FILTER (WHERE frequency > 9.5), '{}'), coalesce(customer_set_agg(m.customer_id) FILTER (WHERE frequency >= 9.5), '{}')],
                     ARRAY[coalesce(customer_set_agg(m.customer_id) FILTER (WHERE frequency > 19), '{}'), coalesce(customer_set_agg(m.customer_id) FILTER (WHERE frequency >= 19), '{}')]] AS sets
        INTO truth
        FROM customer_metric m JOIN members(among) AS a (customer_id) USING (customer_id) WHERE m.frequency IS NOT NULL;
        wrong := wrong + (found.holders <> truth.holders OR found.sets <> truth.sets)::int;
    END LOOP;
    RETURN wrong;
END
$$;
SELECT is(differing(60), 0::bigint, 'as plain SQL has it');
UPDATE customer_metric SET frequency = floor(random() * 20) WHERE random() < 0.05;
DELETE FROM customer_metric WHERE random() < 0.05 OR customer_id BETWEEN 40000 AND 60000;
SELECT is(differing(40), 0::bigint, 'after rows changed and went');
VACUUM customer_metric;
SELECT is(differing(40), 0::bigint, 'and were tidied up, with pages gone from the index');
INSERT INTO customer_metric (customer_id, frequency) SELECT i, 5 FROM generate_series(45000, 150000) i WHERE random() < 0.3 ON CONFLICT (customer_id) DO NOTHING;
SELECT is(differing(40), 0::bigint, 'and others came');
TRUNCATE customer_metric;
SELECT is(differing(3), 0::bigint, 'of an empty table');
SELECT * FROM finish();
