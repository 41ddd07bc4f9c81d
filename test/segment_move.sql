-- One customer's move in a large segment rewrites the chunk the customer lies
-- in, and leaves the rest as it lies.
\set QUIET on
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(6);
\set seed 11
\ir include/seed.sql

CREATE TABLE public.contact (id int PRIMARY KEY, city text);
INSERT INTO public.contact SELECT i, 'Brno' FROM generate_series(1, 20) i;
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT add_segment('brno', $$city = 'Brno'$$) IS NULL AS done, add_segment('bern', $$city = 'Bern'$$) IS NULL AS done \gset
SELECT count(*) FROM refresh_segments() \gset
SELECT condition_id AS brno FROM segment_definition WHERE name = 'brno' \gset
SELECT min(customer_id) AS mover FROM customer \gset

-- The segment as if it had a million members more, half of all: no form but a bitmap is smaller.
SELECT customer_set_agg(i) AS more FROM generate_series(1000, 2001000) i WHERE random() < 0.5 \gset
INSERT INTO condition_member AS m SELECT :brno, chunk, part FROM chunks(:'more'::customer_set)
ON CONFLICT (condition_id, chunk) DO UPDATE SET members = m.members | excluded.members;
SELECT ok(cardinality(segment_members('brno')) > 990000, 'a segment of a million');
SELECT ok((SELECT max(pg_column_size(members)) FROM condition_member) > 8000, 'in chunks of full size');

CREATE TEMP TABLE moves (n int, bytes bigint, chunks int, wal bigint);
CREATE FUNCTION pg_temp.move(n int, city text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    UPDATE public.contact SET city = move.city WHERE id = (SELECT key::int FROM customer_data.source_record ORDER BY customer_id LIMIT 1);
    PERFORM customer_data.resolve();
    CREATE TEMP TABLE before ON COMMIT DROP AS SELECT condition_id, chunk, m.ctid AS place FROM customer_data.condition_member m;
    EXECUTE 'EXPLAIN (ANALYZE, WAL, FORMAT JSON) SELECT customer_data.refresh_segments()' INTO plan;
    INSERT INTO moves
    SELECT n, coalesce(sum(pg_column_size(m.members)), 0), count(*), (plan -> 0 -> 'Plan' ->> 'WAL Bytes')::bigint
    FROM customer_data.condition_member m LEFT JOIN before b USING (condition_id, chunk) WHERE b.place IS DISTINCT FROM m.ctid;
    DROP TABLE before;
END
$$;
SELECT pg_temp.move(1, 'Bern');
SELECT ok(NOT is_member('brno', :mover) AND is_member('bern', :mover) AND cardinality(segment_members('brno')) > 990000, 'the customer has moved, and nobody else');
SELECT pg_temp.move(2, 'Brno');
SELECT ok(is_member('brno', :mover) AND NOT is_member('bern', :mover), 'and back');
SELECT diag(format('move %s rewrote %s bytes of membership in %s chunks, %s bytes of WAL in all', n, bytes, chunks, wal)) FROM moves ORDER BY n;
SELECT is((SELECT max(chunks) FROM moves), 2, 'one chunk of each of the two segments is written');
SELECT ok((SELECT max(bytes) < 2 * 8300 AND max(wal) < 128 * 1024 FROM moves), 'at most 128 KB with all that a refresh notes beside it');
SELECT * FROM finish();
