-- The events that conditions see are those of the customer's records as they
-- are now: records come, go, are merged and parted, and between that tables
-- are vacuumed or not, so that the index of records alone answers or not.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET jit = off;
SELECT plan(4);
\ir include/seed.sql

CREATE TABLE contact (id int PRIMARY KEY, city text);
INSERT INTO contact SELECT i, 'c' || i % 3 FROM generate_series(1, 120) i;
CREATE TABLE deed (contact int, at timestamptz, kind text);
INSERT INTO deed SELECT 1 + floor(random() * 120), now() - random() * interval '9 days', 'visit' FROM generate_series(1, 300);
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city"}') IS NOT NULL AS done \gset
SELECT add_event_source('deeds', 'public.deed', 'crm', 'contact', 'at', 'kind') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT count(*) FROM refresh_timelines() \gset
SELECT count(add_segment('at least ' || n, format('event_count(events, ''visit'') >= %s', n))) FROM unnest('{1,2,3,5,8}'::int[]) n \gset

CREATE TABLE step (n int, what text, name text, missing bigint, beyond bigint, by_map boolean);
CREATE PROCEDURE change_some(n int) LANGUAGE plpgsql AS $$
DECLARE
    what text := (ARRAY['deeds', 'comes', 'goes', 'merges', 'parts', 'nothing'])[1 + (n + floor(random() * 3)::int) % 6];
    a    int := (SELECT id FROM contact ORDER BY random() LIMIT 1);
    b    int := (SELECT id FROM contact WHERE id <> a ORDER BY random() LIMIT 1);
BEGIN
    CASE what
    WHEN 'deeds' THEN INSERT INTO deed SELECT 1 + floor(random() * 120), now() - random() * interval '1 hour', 'visit' FROM generate_series(1, 5);
    WHEN 'comes' THEN
        INSERT INTO contact SELECT max(id) + 1, 'c1' FROM contact;
        INSERT INTO deed SELECT max(id), now(), 'visit' FROM contact, generate_series(1, 4);
    WHEN 'goes' THEN DELETE FROM contact WHERE id = a;
    WHEN 'merges' THEN PERFORM customer_data.must_link('crm', a::text, 'crm', b::text);
    WHEN 'parts' THEN PERFORM customer_data.cannot_link(d.source_a, d.key_a, d.source_b, d.key_b)
                      FROM (SELECT 'crm' AS source_a, x.key AS key_a, 'crm' AS source_b, y.key AS key_b
                            FROM customer_data.source_record x JOIN customer_data.source_record y ON y.customer_id = x.customer_id AND y.record_id > x.record_id
                            ORDER BY random() LIMIT 1) d;
    ELSE NULL;
    END CASE;
    PERFORM FROM customer_data.resolve();
    PERFORM FROM customer_data.refresh_timelines();
    INSERT INTO step (n, what) VALUES (n, what);
END
$$;
CREATE PROCEDURE compare(n int) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
    PERFORM FROM customer_data.refresh_segments();
    INSERT INTO step
    SELECT n, 'compared', s.name, customer_data.cardinality(t.truth OPERATOR(customer_data.-) m.members), customer_data.cardinality(m.members OPERATOR(customer_data.-) t.truth),
           (SELECT c.relallvisible = c.relpages FROM pg_class c WHERE c.oid = 'customer_data.source_record'::regclass)
    FROM customer_data.segment_definition s, LATERAL (SELECT customer_data.segment_members(s.name) AS members) m,
         LATERAL (SELECT coalesce(customer_data.customer_set_agg(c.customer_id), '{}') AS truth
                  FROM (SELECT r.customer_id FROM customer_data.source_record r JOIN customer_data.timeline_chunk k USING (record_id)
                        GROUP BY 1 HAVING sum(k.event_count) >= split_part(s.name, ' ', 3)::int) c
                  JOIN customer_data.customer USING (customer_id)) t
    WHERE s.name LIKE 'at least %';
END
$$;
SELECT statement FROM generate_series(1, 24) n,
       LATERAL (VALUES (1, format('CALL change_some(%s)', n)), (2, CASE WHEN n % 3 = 0 THEN 'DISCARD PLANS' ELSE 'VACUUM customer_data.source_record' END),
                       (3, CASE WHEN n % 4 = 0 THEN format('CALL change_some(%s)', n) ELSE 'DISCARD PLANS' END), (4, format('CALL compare(%s)', n))) v (k, statement)
ORDER BY n, k \gexec
SELECT is((SELECT array_agg(format('%s after step %s: %s missing, %s too many', name, n, missing, beyond) ORDER BY n) FROM step WHERE missing + beyond > 0), NULL, 'conditions see the events of all records that a customer has now');
SELECT is((SELECT count(*) FROM step WHERE what = 'compared'), 120::bigint, 'compared after each step');
SELECT ok((SELECT bool_or(by_map) FROM step), 'where the index alone could tell');
SELECT is((SELECT count(*) FROM customer_data.segment WHERE error IS NOT NULL), 0::bigint, 'without an error');
SELECT * FROM finish();
