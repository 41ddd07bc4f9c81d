-- Customers and their events are found by the indexes, whoever is asked for:
-- few or many, close together or far apart, of one record or of hundreds, on
-- pages that were split, emptied and recycled; as a join over the tables finds
-- them.
SELECT plan(9);
SET search_path = public, customer_data;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
\set seed 11
\ir include/seed.sql

CREATE TABLE account AS SELECT generate_series(1, 20000) AS id;
SELECT add_source('shop', 'account', 'id', '{"cookie_id": "id::text"}', kind => 'anonymous') \g /dev/null
SELECT resolve() \g /dev/null
CREATE TABLE event AS SELECT n AS id, 1 + floor(random() * 20000)::int AS account, '2026-01-01'::timestamptz + n * interval '1 second' AS at FROM generate_series(1, 30000) n;
SELECT add_event_source('shop', 'event', 'shop', 'account', 'at', $$'view'$$) \g /dev/null
SELECT refresh_timelines() \g /dev/null
-- Two customers of so many records that their entries fill pages.
CREATE FUNCTION pg_temp.put_together(one bigint, first bigint, last bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE source_record SET customer_id = one WHERE customer_id BETWEEN first AND last;
    DELETE FROM customer WHERE customer_id BETWEEN first AND last AND customer_id <> one;
$$;
SELECT pg_temp.put_together(700, 1, 700), pg_temp.put_together(5000, 5000, 5900) \g /dev/null
-- Small pages make three levels of so few.
CREATE TEMP VIEW walked AS SELECT i.indexrelid::regclass AS index FROM pg_index i
WHERE i.indrelid IN ('customer'::regclass, 'source_record'::regclass, 'timeline_chunk'::regclass);
CREATE FUNCTION pg_temp.thin_pages() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i regclass;
BEGIN
    FOR i IN SELECT index FROM walked LOOP
        EXECUTE format('ALTER INDEX %s SET (fillfactor = 10)', i);
        EXECUTE format('REINDEX INDEX %s', i);
    END LOOP;
END
$$;
SELECT pg_temp.thin_pages() \g /dev/null

-- Some ids, of customers and of others, scattered over a range or gathered in it.
CREATE FUNCTION pg_temp.some_ids() RETURNS customer_set LANGUAGE sql AS $$
    SELECT customer_set_agg(id) FROM (
        SELECT (CASE WHEN random() < 0.1 THEN 700 WHEN random() < 0.02 THEN 5000 ELSE r.low + floor(random() * r.width) END)::bigint AS id
        FROM (SELECT floor(random() * 20000) AS low, floor(1 + random() * (ARRAY[20, 300, 5000, 21000])[1 + floor(random() * 4)]) AS width,
                     floor(1 + exp(random() * 7))::int AS n) r, generate_series(1, r.n)) i
$$;
CREATE FUNCTION pg_temp.wrong(rounds int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    asked customer_set;
    there text;
    found text;
BEGIN
    FOR i IN 1 .. rounds LOOP
        asked := pg_temp.some_ids();
        SELECT string_agg(e.customer_id::text, ' ' ORDER BY e.customer_id) INTO found FROM try_expression('true', asked) e;
        SELECT string_agg(c.customer_id::text, ' ' ORDER BY c.customer_id) INTO there FROM customer c WHERE c.customer_id IN (SELECT members(asked));
        IF found IS DISTINCT FROM there THEN
            RETURN format('asked for %s found %s instead of %s', asked, found, there);
        END IF;
        SELECT string_agg(e.customer_id || ':' || e.value, ' ' ORDER BY e.customer_id) INTO found
        FROM try_expression($e$event_count(events, '*')$e$, asked) e;
        SELECT string_agg(c.customer_id || ':' || coalesce(n.n, 0), ' ' ORDER BY c.customer_id) INTO there
        FROM customer c
        LEFT JOIN (SELECT r.customer_id, sum(event_count(k.events, '*')) AS n
                   FROM source_record r JOIN timeline_chunk k USING (record_id) GROUP BY 1) n USING (customer_id)
        WHERE c.customer_id IN (SELECT members(asked));
        IF found IS DISTINCT FROM there THEN
            RETURN format('asked for the events of %s found %s instead of %s', asked, found, there);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
SELECT is(pg_temp.wrong(12), NULL, 'nobody is missed and nobody too many, on full pages');
VACUUM customer, source_record, timeline_chunk;
SELECT is(pg_temp.wrong(12), NULL, 'nor after VACUUM');
-- Rows change their places; some pages are to be looked at.
UPDATE customer SET customer_id = customer_id WHERE customer_id % 17 = 0;
UPDATE source_record SET changed_at = now() WHERE customer_id % 13 = 0;
UPDATE timeline_chunk SET chunk_no = chunk_no WHERE record_id % 11 = 0;
SELECT is(pg_temp.wrong(12), NULL, 'nor where rows have changed');
-- Whole pages lose their entries, are deleted, and serve again elsewhere.
DELETE FROM timeline_chunk k USING source_record r WHERE k.record_id = r.record_id AND r.customer_id BETWEEN 8000 AND 12000;
DELETE FROM source_record WHERE customer_id BETWEEN 8000 AND 12000;
DELETE FROM customer WHERE customer_id BETWEEN 8000 AND 12000;
SELECT is(pg_temp.wrong(12), NULL, 'nor where some are gone');
VACUUM customer, source_record, timeline_chunk;
SELECT is(pg_temp.wrong(12), NULL, 'nor where pages are gone');
INSERT INTO customer (customer_id) SELECT generate_series(9000, 9800, 2);
INSERT INTO customer (customer_id) SELECT generate_series(30000, 34000);
SELECT is(pg_temp.wrong(12), NULL, 'nor where new ones have come');
SELECT ok((SELECT count(*) FROM try_expression('true', (SELECT customer_set_agg(i) FROM generate_series(29990, 34010, 4) i))) = 1000, 'also at the end');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(pg_temp.wrong(4), NULL, 'nor in a serializable transaction');
COMMIT;
DELETE FROM customer;
VACUUM customer;
SELECT is((SELECT count(*) FROM try_expression('true', '{5,500,5000}')), 0::bigint, 'of an empty table nothing is found');
SELECT * FROM finish();
