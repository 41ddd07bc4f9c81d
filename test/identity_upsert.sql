-- Records written one at a time: any number in one transaction, and what they
-- come to is what a run comes to.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(9);
SELECT add_source('crm', NULL, NULL, '{"full_name": "", "email": "", "phone": "", "birth_date": "", "city": ""}', region => 'NL') IS NOT NULL AS declared \gset

CREATE TEMP TABLE person AS
SELECT g AS no, 'p' || g AS key,
       (ARRAY['Wilhelmina', 'Bartholomew', 'Ingeborg', 'Zbigniew', 'Esmeralda', 'Anastasia', 'Octavia'])[1 + g % 7] || ' '
       || (ARRAY['Oosterbaan', 'Quigley', 'Thorvaldsen', 'Przybylski', 'Fuentes', 'Kowalczuk', 'Lindqvist', 'Achterberg', 'Vandermeulen', 'Brzezinski', 'Oyelaran'])[1 + g % 11] AS name,
       'mailbox' || g / 2 || '@tulip.example' AS mail, date '1950-01-01' + (g / 2) * 37 AS born,
       (ARRAY['Utrecht', 'Dublin', 'Oslo', 'Gdynia', 'Cadiz'])[1 + g / 2 % 5] AS town
FROM generate_series(1, 400) g;

CREATE FUNCTION public.write(first int, past int) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(customer_data.upsert_record('crm', p.key, jsonb_build_object('full_name', p.name, 'email', p.mail, 'birth_date', p.born, 'city', p.town)))
    FROM (SELECT * FROM person WHERE no >= first AND no < past ORDER BY no) p
$$;
-- Locks that are not of a table or index: those are as many as there are tables.
CREATE FUNCTION public.locks() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'relation'
$$;

BEGIN;
SELECT is(public.write(1, 51), 50::bigint, 'fifty records');
SELECT public.locks() AS few \gset
SELECT is(public.write(51, 401), 350::bigint, 'and hundreds more in one transaction');
SELECT is(public.locks(), :few::bigint, 'take no lock more');
SELECT cmp_ok((SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()), '<', 200::bigint, 'those of tables and indexes apart');
COMMIT;
SELECT is((SELECT count(*) FROM customer), (SELECT count(DISTINCT customer_id) FROM source_record), 'each customer has a golden row');
CREATE TEMP TABLE before AS SELECT record_id, customer_id FROM source_record;
SELECT is((r.merged, r.split, r.records)::text, '(0,0,0)', 'a run has nothing left to do') FROM resolve() r;
SELECT is(write(1, 401), 400::bigint, 'the same once more');
SELECT bag_eq('SELECT record_id, customer_id FROM source_record', 'SELECT * FROM before', 'changes nothing');
SELECT ok((SELECT bool_and(xmin::text::bigint < pg_current_xact_id()::text::bigint) FROM source_record), 'and writes nothing');
SELECT * FROM finish();
