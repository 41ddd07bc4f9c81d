-- segment_overlap() against sets compared one by one, on random members of all densities.
SELECT plan(7);
SET search_path = customer_data, public;
\set seed 5
\ir include/seed.sql

CREATE TABLE audience AS
SELECT s AS id, coalesce((SELECT customer_set_agg((random() * spread)::bigint + g * 0 + floor(random() * chunks)::bigint * 65536) FROM generate_series(1, n) g), '{}') | runs AS members
FROM (SELECT s, (ARRAY[0, 1, 3, 50, 127, 128, 129, 1000, 4097, 20000])[1 + floor(random() * 10)] AS n, (ARRAY[200, 65535])[1 + floor(random() * 2)] AS spread,
             1 + floor(random() * 3) AS chunks,
             CASE floor(random() * 5) WHEN 0 THEN '{0-65535}' WHEN 1 THEN '{10-20,131072-131100}' WHEN 2 THEN '{60000-70000}' ELSE '{}' END::customer_set AS runs
      FROM generate_series(1, CASE current_setting('test.long', true) WHEN 'on' THEN 400 ELSE 90 END) s) x;
-- conditions whose numbers fall while names rise, and with gaps
INSERT INTO condition (room, expression) SELECT 'segment', 'a' || id FROM audience ORDER BY id DESC;
INSERT INTO condition (room, expression) SELECT 'segment', 'gap';
INSERT INTO segment_definition (name, condition_id) SELECT expression, condition_id FROM condition WHERE room = 'segment' AND expression <> 'gap';
INSERT INTO condition_member SELECT c.condition_id, k.chunk, k.part
FROM condition c JOIN audience s ON c.expression = 'a' || s.id, chunks(s.members) k WHERE c.room = 'segment';

CREATE VIEW twin AS
SELECT least(x.name, y.name) AS segment_a, greatest(x.name, y.name) AS segment_b, and_cardinality(a.members, b.members) AS shared
FROM audience a JOIN segment_definition x ON x.name = 'a' || a.id, audience b JOIN segment_definition y ON y.name = 'a' || b.id WHERE x.name < y.name;
SELECT is((SELECT count(*) FROM twin JOIN segment_overlap() o USING (segment_a, segment_b) WHERE o.shared = twin.shared), (SELECT count(*) FROM twin), 'each two segments share what their sets share');
SELECT is((SELECT count(*) FROM segment_overlap() WHERE segment_a LIKE 'a%' AND segment_b LIKE 'a%'), (SELECT count(*) FROM twin), 'each two once, the catch-all aside');
SELECT is((SELECT count(*) FROM segment_overlap() o JOIN audience a ON o.segment_a = 'a' || a.id JOIN audience b ON o.segment_b = 'a' || b.id
           WHERE o.size_a = cardinality(a.members) AND o.size_b = cardinality(b.members) AND o.jaccard IS NOT DISTINCT FROM jaccard(a.members, b.members)),
          (SELECT count(*) FROM twin), 'sizes and likeness');
SELECT is((SELECT array_agg(o::text ORDER BY o::text) FROM overlap_of((SELECT array_agg(condition_id) || array_agg(condition_id) || NULL::int FROM segment_definition)) o),
          (SELECT array_agg(o::text ORDER BY o::text) FROM overlap_of((SELECT array_agg(condition_id) FROM segment_definition)) o), 'a condition asked for twice, or NULL, adds nothing');
UPDATE condition_member SET chunk = 7 WHERE (condition_id, chunk) = (SELECT condition_id, chunk FROM condition_member LIMIT 1);
SELECT throws_ok('SELECT count(*) FROM segment_overlap()', 'XX001', NULL, 'members that lie in another chunk are reported');
SELECT throws_ok($$SELECT count(*) FROM overlap_of(ARRAY(SELECT generate_series(1, 5001)))$$, '54000', NULL, 'not any number of conditions is compared');
DROP ROLE IF EXISTS overlap_nobody;
CREATE ROLE overlap_nobody;
GRANT USAGE ON SCHEMA customer_data TO overlap_nobody;
SET ROLE overlap_nobody;
SELECT throws_ok($$SELECT count(*) FROM customer_data.overlap_of(ARRAY(SELECT generate_series(1, 5001)))$$, '42501', NULL, 'and who may not look at members hears that first');
RESET ROLE;
REVOKE USAGE ON SCHEMA customer_data FROM overlap_nobody;
DROP ROLE overlap_nobody;
SELECT * FROM finish();
