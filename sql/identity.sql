SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
\set SHOW_CONTEXT never

-- Three sources: contacts, shop accounts, visitors known by a cookie.
SET client_min_messages = warning; DROP SCHEMA IF EXISTS town CASCADE; RESET client_min_messages;
CREATE SCHEMA town;
SET TimeZone = 'UTC';
CREATE TABLE town.contact (id int, name text, mail text, tel text, born date, street text, plz text, city text, changed timestamptz);
INSERT INTO town.contact VALUES
    (1, 'Dr. Wilhelmina Oosterbaan', 'w.oosterbaan@tulip.org', '030 1234567', '1971-03-04', 'Hauptstr. 7', '10115', 'Berlin', '2024-01-01 00:00+00'),
    (2, '諸葛曉雯', 'xw.zhuge@wisla.org', '+86 138 0013 4455', '1982-07-19', NULL, NULL, '武汉', '2024-01-02 00:00+00'),
    (3, 'Ingeborg Thorvaldsen', 'info@fjord.org', '12345678', '1900-01-01', 'Kirkegata 12', '0153', 'Oslo', '2024-01-03 00:00+00');
CREATE TABLE town.account (no text, full_name text, email text, joined timestamptz);
INSERT INTO town.account VALUES
    ('A', 'Wilhelmina Oosterbaan', 'W.Oosterbaan@tulip.org', '2015-05-05 12:00+00'),
    ('B', '诸葛晓雯', 'xw.zhuge@wisla.org', '2019-09-09 12:00+00'),
    ('C', 'Esmeralda Fuentes', 'esme@sol.org', '2020-02-02 12:00+00');
CREATE TABLE town.login (cookie text, contact int, at timestamptz);

-- A mapping to start from.
SELECT "column", type, attribute, confidence, reason FROM explain_mapping('town.contact');
SELECT suggest_mapping('town.account');

-- What is wrong is said at once, with its place.
SELECT add_source('crm', 'town.contact', 'id', '{"email": "lower(emial)"}');
SELECT add_source('crm', 'town.contact', 'id', '{"email": "lower(mail"}');
SELECT add_source('crm', 'town.contact', 'id', '{"email": "max(mail)"}');
SELECT add_source('crm', 'town.contact', 'id', '{"email": "mail) FROM secret --"}');
SELECT add_source('crm', 'town.contact', 'id', '{"customer_id": "id"}');
SELECT add_source('crm', 'town.contact', 'id', '{"E-Mail": "mail"}');
SELECT add_source('crm', 'town.contact', 'id', '{"email": 7}');
SELECT add_source('crm', 'town.contact', 'id', '{}');
SELECT add_source('crm', 'town.contact', 'nummer', '{"email": "mail"}');
SELECT add_source('crm', 'town.kontakt', 'id', '{"email": "mail"}');
SELECT add_source('crm', 'town.contact', 'id', '{"email": "mail"}', kind => 'person');
SELECT add_source('crm', 'town.contact', 'id', '{"email": "mail"}', trust => 101);
SELECT add_source('crm', 'town.contact', 'id', '{"email": "mail"}', changed_at => 'name');
SELECT add_source('crm', 'town.contact', 'id', '{"email": "mail"}', region => 'Germany');
SELECT count(*) FROM source;

-- What is right says what resolve() promises.
SELECT add_source('crm', 'town.contact', 'id',
    '{"full_name": "name", "email": "mail", "phone": "tel", "birth_date": "born", "street": "street", "postcode": "plz", "city": "city"}',
    trust => 80, region => 'DE');
SELECT add_source('shop', 'town.account', 'no', '{"full_name": "full_name", "email": "email", "registered_at": "joined"}', changed_at => 'joined');
SELECT add_source('web', 'SELECT DISTINCT cookie FROM town.login', 'cookie', '{"cookie_id": "cookie"}', kind => 'anonymous');
SELECT add_source('crm', 'town.contact', 'id', '{"email": "mail"}');
SELECT p.name, p.type, p.expression FROM profile_column p WHERE p.origin = 'attribute' ORDER BY p.position;

SELECT records, customers, merged, split FROM resolve();
SELECT customer_id, full_name, email, phone, birth_date, registered_at AT TIME ZONE 'UTC' AS registered_at FROM customer ORDER BY customer_id;

-- Where each value comes from, and what is doubtful.
SELECT attribute, value, source, key, rule FROM customer_lineage(customer_id_of('crm', '1'));
SELECT source, attribute, issue, records, example FROM source_issue;

-- A second run has nothing to do; a changed row is a changed row.
SELECT records, customers, merged, split FROM resolve();
UPDATE town.contact SET city = 'Potsdam', street = 'Am Kanal 3', plz = '14467' WHERE id = 1;
SELECT records, customers, merged, split FROM resolve();
SELECT street, postcode, city FROM customer WHERE customer_id = customer_id_of('crm', '1');

-- A visitor signs in; the link is withdrawn.
INSERT INTO town.login VALUES ('c-4711', NULL, now());
SELECT records, customers, merged, split FROM resolve();
SELECT add_identity_link('login', 'SELECT * FROM town.login WHERE contact IS NOT NULL', 'web', 'cookie', 'crm', 'contact', at => 'at');
UPDATE town.login SET contact = 2;
SELECT records, customers, merged, split FROM resolve();
SELECT customer_id_of('web', 'c-4711') = customer_id_of('crm', '2') AS joined;
UPDATE town.login SET contact = NULL;
SELECT records, customers, merged, split FROM resolve();
SELECT customer_id_of('web', 'c-4711') = customer_id_of('crm', '2') AS joined;

-- People decide, for ever.
SELECT must_link('crm', '3', 'shop', 'C', 'moved to Spain and married');
SELECT customer_id_of('crm', '3') = customer_id_of('shop', 'C') AS joined;
SELECT records, merged, split FROM resolve(rebuild => true);
SELECT customer_id_of('crm', '3') = customer_id_of('shop', 'C') AS joined;
SELECT cannot_link('crm', '3', 'shop', 'C');
SELECT kind, customer_id, other_id, records, regexp_replace(cause, ' by \w+', ' by ...') AS cause FROM customer_change ORDER BY change_id;
SELECT must_link('crm', '3', 'crm', '3');
SELECT must_link('crm', '3', 'shop', 'Z');
SELECT must_link('crm', '3', 'shopp', 'C');

-- Survivorship.
SELECT set_survivorship('full_name', 'longest');
SELECT set_survivorship('email', 'expression', $$source = 'shop'$$);
SELECT full_name, email FROM customer WHERE customer_id = customer_id_of('crm', '1');
SELECT set_survivorship('email', 'expression', 'vaule');
SELECT set_survivorship('email', 'expression', 'value');
SELECT set_survivorship('email', 'newest');
SELECT set_survivorship('e_mail', 'longest');

-- One record at a time.
SELECT upsert_record('shop', 'D', '{"full_name": "Wilhelmina Oosterbaan", "email": "w.oosterbaan@tulip.org"}') = customer_id_of('crm', '1') AS the_same;
SELECT upsert_record('shop', 'D', '{"full_nmae": "Wilhelmina Oosterbaan"}');
SELECT upsert_record('shop', NULL, '{}');
SELECT upsert_record('shop', 'D', '[]');
SELECT source, records, keep, remove FROM source_duplicate;
SELECT customer_360(customer_id_of('crm', '1')) -> 'attributes' ->> 'full_name' AS full_name,
       jsonb_array_length(customer_360(customer_id_of('crm', '1')) -> 'records') AS records;

-- A key must identify a row.
INSERT INTO town.contact (id, name) VALUES (2, 'Somebody Else');
SELECT resolve();
DELETE FROM town.contact WHERE name = 'Somebody Else';
INSERT INTO town.contact (name) VALUES ('No Key');
SELECT records FROM resolve();

-- A source that goes takes what it gave with it.
SELECT drop_source('web');
SELECT drop_identity_link('login');
SELECT drop_source('web');
SELECT drop_source('shop');
SELECT customer_id, full_name, email, registered_at FROM customer ORDER BY customer_id;

-- Nothing runs while the past is looked at.
SET customer_data.as_of = '2024-01-01';
SELECT resolve();
RESET customer_data.as_of;

SET client_min_messages = warning; DROP SCHEMA town CASCADE;
