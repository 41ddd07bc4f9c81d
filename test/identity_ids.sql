-- Customer ids: stable over re-runs, merges and splits with history, decisions
-- that outlive every run, links that come and go, sources that are dropped.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(60);

CREATE TABLE public.crm (id int, name text, mail text, tel text, born date, street text, city text);
CREATE TABLE public.shop (no text, name text, mail text, tel text, born date, joined timestamptz);
CREATE TABLE public.login (cookie text, contact int);
INSERT INTO crm VALUES
    (1, 'Wilhelmina Oosterbaan', 'w.oosterbaan@tulip.org', '+31201234567', '1971-03-04', 'Prinsengracht 7', 'Amsterdam'),
    (2, 'Bartholomew Quigley', 'bq@clover.org', '+35312345678', '1982-07-19', 'Merrion Row 2', 'Dublin'),
    (3, 'Ingeborg Thorvaldsen', 'ingeborg@fjord.org', '+4722334455', '1965-11-30', 'Kirkegata 12', 'Oslo'),
    (4, 'Zbigniew Przybylski', 'zp@wisla.org', '+48221112233', '1990-01-21', 'Nowy Swiat 33', 'Warszawa');
INSERT INTO shop VALUES
    ('A', 'Wilhelmina Oosterbaan', 'w.oosterbaan@tulip.org', '+31201234567', '1971-03-04', '2015-05-05'),
    ('B', 'Bartholomew Quigley', 'bq@clover.org', '+35312345678', '1982-07-19', '2016-06-06'),
    ('C', 'Esmeralda Fuentes', 'esme@sol.org', '+34911223344', '1999-09-09', '2017-07-07');

SELECT ok(add_source('crm', 'public.crm', 'id', '{"full_name": "name", "email": "mail", "phone": "tel", "birth_date": "born", "street": "street", "city": "city"}', trust => 80)
          LIKE '%each resolve()%', 'add_source says what it promises');
SELECT ok(add_source('shop', 'public.shop', 'no', '{"full_name": "name", "email": "mail", "phone": "tel", "birth_date": "born", "registered_at": "joined"}') IS NOT NULL, 'a second source');
SELECT ok(add_source('web', 'SELECT DISTINCT cookie FROM public.login', 'cookie', '{"cookie_id": "cookie"}', kind => 'anonymous') IS NOT NULL, 'an anonymous source');

SELECT is((r.records, r.customers, r.merged, r.split)::text, '(7,5,0,0)', 'first run: 7 records, 5 customers') FROM resolve() r;
SELECT is(customer_id_of('crm', '1'), customer_id_of('shop', 'A'), 'the same person in two sources');
SELECT isnt(customer_id_of('crm', '3'), customer_id_of('crm', '4'), 'two persons');
SELECT is(customer_id_of('crm', '99'), NULL, 'a key that is not there has no customer');
CREATE TEMP TABLE before AS SELECT s.name, r.key, r.customer_id FROM source_record r JOIN source s USING (source_id);
SELECT is((r.records, r.merged, r.split)::text, '(0,0,0)', 'nothing changed, nothing done') FROM resolve() r;
SELECT is((r.merged, r.split)::text, '(0,0)', 'a full run changes no customer') FROM resolve(rebuild => true) r;
SELECT bag_eq('SELECT s.name, r.key, r.customer_id FROM source_record r JOIN source s USING (source_id)', 'SELECT * FROM before', 'ids survive a full run');
SELECT is((SELECT count(*) FROM customer_change), 0::bigint, 'and no history is made of it');
SELECT is((SELECT max(customer_id) FROM customer), 5::bigint, 'ids are dense');

-- golden record and lineage
SELECT is((SELECT c.registered_at FROM customer c WHERE c.customer_id = customer_id_of('crm', '1')), '2015-05-05'::timestamptz, 'registered_at is the earliest known');
SELECT is((SELECT l.source FROM customer_lineage(customer_id_of('crm', '1')) l WHERE l.attribute = 'full_name'), 'crm', 'the more trusted source gives the name');
SELECT is((SELECT l.key FROM customer_lineage(customer_id_of('crm', '1')) l WHERE l.attribute = 'registered_at'), 'A', 'lineage names the record');

-- a merge: a new row that is both
SELECT must_link('crm', '3', 'crm', '4', 'same household account');
SELECT is(customer_id_of('crm', '4'), customer_id_of('crm', '3'), 'must_link joins at once');
SELECT is((SELECT (kind, customer_id, other_id)::text FROM customer_change ORDER BY change_id DESC LIMIT 1),
          (SELECT ('merge', b.customer_id, a.customer_id)::text FROM before a, before b WHERE a.key = '3' AND b.key = '4'), 'the older id stays, the merge is history');
SELECT is((SELECT cause LIKE 'must link by %: same household account' FROM customer_change ORDER BY change_id DESC LIMIT 1), true, 'with its cause');
SELECT is(current_customer_id((SELECT customer_id FROM before WHERE key = '4')), customer_id_of('crm', '3'), 'an old id leads to the customer of today');
SELECT is((SELECT count(*) FROM customer), 4::bigint, 'the golden row of the merged customer is gone');
SELECT is((r.merged, r.split, r.customers)::text, '(0,0,4)', 'the decision outlives a full run') FROM resolve(true) r;
SELECT cannot_link('crm', '3', 'crm', '4');
SELECT isnt(customer_id_of('crm', '4'), customer_id_of('crm', '3'), 'cannot_link parts at once');
SELECT cmp_ok(customer_id_of('crm', '4'), '>', 5::bigint, 'no id is used twice');
SELECT is((SELECT kind FROM customer_change ORDER BY change_id DESC LIMIT 1), 'split', 'the split is history');
SELECT withdraw_decision('crm', '3', 'crm', '4');
SELECT is((SELECT count(*) FROM match_decision), 0::bigint, 'a decision can be withdrawn');
SELECT isnt(customer_id_of('crm', '4'), customer_id_of('crm', '3'), 'and then the model decides');

-- cannot_link beats the same e-mail address
SELECT cannot_link('crm', '2', 'shop', 'B', 'father and son');
SELECT isnt(customer_id_of('crm', '2'), customer_id_of('shop', 'B'), 'cannot_link parts what all values join');
SELECT is((r.merged)::text, '0', 'for ever') FROM resolve(true) r;
SELECT withdraw_decision('crm', '2', 'shop', 'B');
SELECT is(customer_id_of('crm', '2'), customer_id_of('shop', 'B'), 'withdrawn: joined again');
SELECT is(customer_id_of('crm', '2'), (SELECT customer_id FROM before WHERE key = '2'), 'under the first id');

-- values change
UPDATE shop SET name = 'Octavia Lindqvist', mail = 'octavia@skog.org', tel = '+4681234567', born = '1955-12-24' WHERE no = 'A';
SELECT is((r.records, r.merged, r.split)::text, '(1,0,1)', 'a row that became another person is split off') FROM resolve() r;
SELECT is((SELECT c.registered_at FROM customer c WHERE c.customer_id = customer_id_of('crm', '1')), NULL, 'and took what it had given');
SELECT is((SELECT c.full_name FROM customer c WHERE c.customer_id = customer_id_of('shop', 'A')), 'Octavia Lindqvist', 'a golden row of its own');

-- a row goes, and comes back
DELETE FROM shop WHERE no = 'C';
SELECT is((SELECT r.records FROM resolve() r), 1::bigint, 'a deleted row is noticed');
SELECT is(customer_id_of('shop', 'C'), NULL, 'its record is gone');
SELECT is((SELECT count(*) FROM customer WHERE full_name = 'Esmeralda Fuentes'), 0::bigint, 'and so is the customer');
SELECT is((SELECT kind FROM customer_change ORDER BY change_id DESC LIMIT 1), 'gone', 'as history says');
INSERT INTO shop VALUES ('C', 'Esmeralda Fuentes', 'esme@sol.org', '+34911223344', '1999-09-09', '2017-07-07');
SELECT is((SELECT r.records FROM resolve() r), 1::bigint, 'it comes back');
SELECT is(customer_id_of('shop', 'C'), (SELECT customer_id FROM before WHERE key = 'C'), 'as the customer it was');

-- anonymous visitors
INSERT INTO login VALUES ('c-900', NULL), ('c-901', NULL);
SELECT is((SELECT r.records FROM resolve() r), 2::bigint, 'two visitors');
SELECT isnt(customer_id_of('web', 'c-900'), customer_id_of('web', 'c-901'), 'are two customers');
SELECT add_identity_link('login', 'SELECT * FROM public.login WHERE contact IS NOT NULL', 'web', 'cookie', 'crm', 'contact');
CREATE TEMP TABLE visitor AS SELECT customer_id_of('web', 'c-900') AS id;
UPDATE login SET contact = 3 WHERE cookie = 'c-900';
SELECT is((SELECT r.merged FROM resolve() r), 1::bigint, 'one signs in');
SELECT is(customer_id_of('web', 'c-900'), customer_id_of('crm', '3'), 'and is the known customer');
SELECT is((SELECT cookie_id FROM customer WHERE customer_id = customer_id_of('crm', '3')), 'c-900', 'whose golden row has the cookie');
UPDATE login SET contact = NULL WHERE cookie = 'c-900';
SELECT is((SELECT r.split FROM resolve() r), 1::bigint, 'the sign-in is withdrawn');
SELECT isnt(customer_id_of('web', 'c-900'), customer_id_of('crm', '3'), 'and parts them again');
SELECT is((SELECT cookie_id FROM customer WHERE customer_id = customer_id_of('crm', '3')), NULL, 'the cookie with them');
INSERT INTO login VALUES ('c-902', 77);
SELECT is((SELECT r.records FROM resolve() r), 1::bigint, 'a link to a contact that is not there yet');
INSERT INTO crm VALUES (77, 'Anastasia Kowalczuk', 'ak@dnipro.org', '+380441234567', '1988-08-08', 'Khreshchatyk 1', 'Kyiv');
SELECT is((SELECT r.records FROM resolve() r), 1::bigint, 'waits for it');
SELECT is(customer_id_of('web', 'c-902'), customer_id_of('crm', '77'), 'and joins them then');

-- one record by hand
SELECT is(upsert_record('shop', 'P', '{"full_name": "Anastasia Kowalczuk", "email": "ak@dnipro.org", "phone": "+380441234567", "birth_date": "1988-08-08"}'),
          customer_id_of('crm', '77'), 'upsert_record finds the customer');
SELECT is(upsert_record('shop', 'P', '{"full_name": "Anastasia Kowalczuk", "email": "ak@dnipro.org", "phone": "+380441234567", "birth_date": "1988-08-08"}'),
          customer_id_of('crm', '77'), 'and is idempotent');
SELECT is((SELECT r.records FROM resolve() r), 0::bigint, 'a row that the relation has not got yet is not gone');
SELECT is(customer_id_of('shop', 'P'), customer_id_of('crm', '77'), 'it stays');

-- a source goes
SELECT throws_ok($$SELECT drop_source('web')$$, '2BP01', NULL, 'a source that links use is not dropped');
SELECT drop_identity_link('login');
SELECT is((SELECT r.split FROM resolve() r), 1::bigint, 'dropping the link parts who it joined');
SELECT drop_source('shop');
SELECT is((SELECT c.registered_at FROM customer c WHERE c.customer_id = customer_id_of('crm', '2')), NULL, 'a dropped source takes its values back');
SELECT is((SELECT count(*) FROM customer WHERE full_name IN ('Octavia Lindqvist', 'Esmeralda Fuentes')), 0::bigint, 'and its customers');
SELECT is((SELECT count(*) FROM customer), (SELECT count(DISTINCT customer_id) FROM source_record WHERE gone_at IS NULL), 'one golden row per customer');
SELECT is((r.merged, r.split, r.records)::text, '(0,0,0)', 'nothing is left to do') FROM resolve() r;
SELECT * FROM finish();
