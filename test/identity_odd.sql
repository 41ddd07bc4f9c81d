-- Odd data and odd relations: nothing is lost, nothing crashes, errors say
-- which source they are about and what to do.
SET client_min_messages = error;
SET search_path = customer_data, public;
SELECT plan(55);

-- every type as a value, and values that are hardly any
CREATE TABLE public.odd (id text, t text, n numeric, f float8, b boolean, d date, ts timestamptz, j jsonb, a text[], u uuid, by bytea);
INSERT INTO public.odd VALUES
    ('1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('2', '', 'NaN', 'NaN', true, 'infinity', '-infinity', '{}', '{}', '00000000-0000-0000-0000-000000000000', ''),
    ('3', E'\u200B \t\n', 0, '-Infinity', false, '0001-01-01 BC', '294276-01-01', 'null', '{NULL}', NULL, '\x00'),
    ('4', repeat('長安', 10000), 1e100, 1e-300, NULL, '5874897-01-01', 'epoch', '[1]', '{a,b}', NULL, NULL),
    (E'\u0007\n''"', E'O''Brien "x" {a,b} \\ %s $1 💥', -1, 0, NULL, '1980-02-29', now(), '{"a": 1}', NULL, NULL, NULL),
    ('', 'empty key', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (NULL, 'no key', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT ok(add_source('odd', 'odd', 'id', '{"full_name": "t", "points": "n", "share": "f", "active": "b", "birth_date": "d", "registered_at": "ts",
    "document": "j", "list": "a", "device_id": "u", "blob": "by", "email": "t", "phone": "t", "address": "t", "company": "t", "postcode": "t",
    "country": "t", "gender": "t", "national_id": "t", "website": "t"}') IS NOT NULL, 'every type is declared');
SELECT is((SELECT records FROM resolve()), 6::bigint, 'six rows with a key are read');
SELECT is((SELECT count(*) FROM customer), 6::bigint, 'each is somebody');
SELECT is((SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'customer'::regclass AND attname = 'points'), 'numeric', 'a number is a number');
SELECT is((SELECT active FROM customer WHERE customer_id = customer_id_of('odd', '2')), true, 'a boolean is a boolean');
SELECT is((SELECT points FROM customer WHERE customer_id = customer_id_of('odd', '4')), 1e100, 'a large number is kept');
SELECT is((SELECT full_name FROM customer WHERE customer_id = customer_id_of('odd', E'\u0007\n''"')), E'O''Brien "x" {a,b} \\ %s $1 💥', 'quotes and signs are kept');
SELECT is((SELECT length(full_name) FROM customer WHERE customer_id = customer_id_of('odd', '4')), 20000, 'long text is kept');
SELECT is((SELECT birth_date FROM customer WHERE customer_id = customer_id_of('odd', E'\u0007\n''"')), '1980-02-29'::date, '29 February is a day');
SELECT is((SELECT birth_date FROM customer WHERE customer_id = customer_id_of('odd', '2')), NULL, 'infinity is no birthday');
SELECT is((SELECT (records, merged, split)::text FROM resolve()), '(0,0,0)', 'a second run finds nothing new');
SELECT is((SELECT (merged, split)::text FROM resolve(true)), '(0,0)', 'nor a full one');
SELECT ok(customer_360(customer_id_of('odd', E'\u0007\n''"')) IS NOT NULL, 'customer_360 of odd data');
SELECT is((SELECT count(*) FROM customer_lineage(customer_id_of('odd', '1'))), 0::bigint, 'nothing known has no lineage');
SELECT is(customer_360(4294967295), NULL, 'nobody');

-- relations that change between runs
CREATE TABLE public.moving (id int, name text, mail text);
INSERT INTO public.moving VALUES (1, 'Wilhelmina Oosterbaan', 'w.oosterbaan@tulip.org');
SELECT ok(add_source('moving', 'moving', 'id', '{"full_name": "name", "email": "mail"}') IS NOT NULL, 'a table');
SELECT resolve();
CREATE TABLE public.fresh (id int, mail text, extra int, name text);
INSERT INTO public.fresh SELECT 1, 'w.oosterbaan@tulip.org', 1, 'Wilhelmina Oosterbaan';
DROP TABLE moving;
ALTER TABLE fresh RENAME TO moving;
SELECT is((SELECT records FROM resolve()), 0::bigint, 'replaced by rename: the same rows are the same');
ALTER TABLE moving DROP COLUMN mail;
SELECT throws_ok('SELECT resolve()', '42703', 'source "moving": column "mail" does not exist', 'a column that went');
DROP TABLE moving;
SELECT throws_ok('SELECT resolve()', '42P01', 'source "moving": relation "public.moving" does not exist', 'a table that went');
CREATE VIEW public.moving AS SELECT 1 AS id, 'Wilhelmina Oosterbaan' AS name, 1 / 0 AS mail;
SELECT throws_ok('SELECT resolve()', '22012', 'source "moving": division by zero', 'an error in its rows');
SELECT is((SELECT count(*) FROM source_record r JOIN source s USING (source_id) WHERE s.name = 'moving' AND gone_at IS NULL), 1::bigint, 'nothing was lost by it');
DROP VIEW moving;
CREATE TABLE public.moving (id int, name text, mail text);
SELECT is((SELECT (records, customers)::text FROM resolve()), '(1,6)', 'an empty table is empty');
INSERT INTO moving VALUES (1, 'Wilhelmina Oosterbaan', 'w.oosterbaan@tulip.org'), (1, 'Twice', NULL);
SELECT throws_ok('SELECT resolve()', '23505', 'the key of source "moving" is not unique', 'a key that occurs twice');
DELETE FROM moving WHERE name = 'Twice';
SELECT lives_ok('SELECT resolve()', 'until it does not');
-- A key that no index holds leaves its row out, and no other with it; the same in a link.
INSERT INTO moving SELECT 2, string_agg(md5(i::text), ''), NULL FROM generate_series(1, 70) i;
INSERT INTO moving VALUES (3, 'Ada', NULL);
SELECT ok(add_source('by_name', 'moving', 'name', '{"full_name": "left(name, 20)"}') IS NOT NULL, 'a key of any length');
SELECT lives_ok($$SELECT add_identity_link('by_name', 'moving', 'moving', 'id', 'by_name', 'name')$$, 'a link by it');
SELECT lives_ok('SELECT resolve()', 'a key that is too long does not stop a run');
SELECT is((SELECT string_agg(r.key, ', ' ORDER BY r.key) FROM source_record r JOIN source s USING (source_id) WHERE s.name = 'by_name'), 'Ada, Wilhelmina Oosterbaan', 'the others are read');
SELECT is(customer_id_of('moving', '3'), customer_id_of('by_name', 'Ada'), 'and linked');
SELECT is((SELECT (records, merged, split)::text FROM resolve(true)), '(0,0,0)', 'as in a full run');
SELECT drop_identity_link('by_name'), drop_source('by_name') \g /dev/null
DELETE FROM moving WHERE id > 1;
SELECT resolve() \g /dev/null

-- declarations
SELECT throws_ok($$SELECT add_source('x', '', 'id', '{"email": "mail"}')$$, '22023', 'relation is empty', 'an empty relation');
SELECT throws_ok($$SELECT add_source('x', 'SELECT 1; SELECT 2', 'id', '{"email": "mail"}')$$, '42601', NULL, 'two queries');
SELECT throws_ok($$SELECT add_source('x', 'DELETE FROM public.moving RETURNING *', 'id', '{"email": "mail"}')$$, '42602', NULL, 'a command');
SELECT throws_ok($$SELECT add_source('x', 'WITH d AS (DELETE FROM public.moving RETURNING *) SELECT * FROM d', 'id', '{"email": "mail"}')$$, NULL, NULL, 'a command in disguise');
SELECT is((SELECT count(*) FROM moving), 1::bigint, 'deleted nothing');
SELECT throws_ok($$SELECT add_source('', 'moving', 'id', '{"email": "mail"}')$$, '22023', 'a source needs a name', 'no name');
SELECT throws_ok($$SELECT add_source(NULL, 'moving', 'id', '{"email": "mail"}')$$, '22023', 'a source needs a name', 'NULL for a name');
SELECT throws_ok($$SELECT add_source('x', 'moving', NULL, '{"email": "mail"}')$$, '22004', 'source "x" needs a key', 'no key');
SELECT throws_ok($$SELECT add_source('x', 'moving', 'id', NULL)$$, '22023', NULL, 'no mapping');
SELECT throws_ok($$SELECT add_source('x', 'moving', 'id', '{"email": "generate_series(1, 3)"}')$$, '42803', NULL, 'a set');
SELECT throws_ok($$SELECT add_source('x', 'moving', 'id', '{"email": ""}')$$, '22023', NULL, 'an empty expression');
SELECT throws_ok($$SELECT add_identity_link('l', 'moving', 'moving', 'id', 'nowhere', 'id')$$, '42704', 'source "nowhere" does not exist', 'a link to no source');
SELECT throws_ok($$SELECT add_identity_link('l', 'moving', 'moving', 'id', 'odd', 'nummer')$$, '42703', NULL, 'a link by no column');
SELECT throws_ok($$SELECT drop_identity_link('l')$$, '42704', 'identity link "l" does not exist', 'a link that is not there');
SELECT throws_ok(format('SELECT upsert_record(%L, %L, %L)', (SELECT name FROM source ORDER BY source_id LIMIT 1), (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) g), '{}'), '54000', NULL, 'a key of 12,800 bytes is refused in words');

-- Nearly all hold one value: that another differs from it is no sign of one person.
SELECT drop_source(name) FROM source;
DELETE FROM match_model;
CREATE TABLE public.townsman (id int PRIMARY KEY, city text);
INSERT INTO public.townsman SELECT i, 'Brno' FROM generate_series(1, 60) i;
SELECT add_source('town', 'townsman', 'id', '{"city": "city"}') \g /dev/null
SELECT is((SELECT customers FROM resolve()), 60::bigint, 'of one town and nothing else: sixty persons');
UPDATE public.townsman SET city = CASE id % 2 WHEN 0 THEN 'Bern' ELSE 'Wuhan' END WHERE id > 50;
SELECT is((SELECT customers FROM resolve()), 60::bigint, 'and sixty when some move away');
SELECT is_empty('SELECT comparison, weight FROM comparison WHERE level = 0 AND weight > 0', 'no weight speaks for a match where values differ');

-- dropped and created again, over the tables that functions had made
DROP EXTENSION customer_data CASCADE;
CREATE EXTENSION customer_data;
SELECT isnt(add_source('again', 'SELECT 1 AS id, ''ada@wisla.pl'' AS mail', 'id', '{"email": "mail"}'), NULL, 'after DROP and CREATE EXTENSION sources are declared');
SELECT results_eq('SELECT customers::int FROM resolve()', 'VALUES (1)', 'and customers found anew');
-- What resolve() calls does not take whatever it is given.
SELECT throws_ok(format('SELECT * FROM read_changes(1, %L, %L, %L, %L, NULL, true, %L)', 'x', current_user, 'UTC', query, partly), code, NULL, what)
FROM (VALUES ('SELECT 1::bigint, now(), ARRAY[''a'']', false, '42804', 'a key that is no text'),
             ('SELECT ''a'', now(), ARRAY[1]', true, '42804', 'values that are none'),
             ('SELECT ''a''::text, now(), ARRAY[''a''], 4, 5, 6, 7, 8', false, '42804', 'more columns than it reads'),
             ('SELECT ''a''::text, now(), NULL::text[]', false, '22004', 'no values at all')) v(query, partly, code, what);
SELECT throws_ok('SELECT * FROM read_changes(1, NULL, NULL, NULL, NULL, NULL, NULL, NULL)', '22004', NULL, 'no query');
SELECT * FROM finish();
