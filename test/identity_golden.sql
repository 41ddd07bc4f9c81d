-- The golden record: every survivorship rule, what never becomes golden, where
-- each value comes from, and how good records are.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(49);
SET TimeZone = 'UTC';
CREATE TABLE public.crm (id int, name text, mail text, tel text, born text, town text, road text, zip text, shoe int, nick text, sex text, at timestamptz, joined text);
CREATE TABLE public.shop (LIKE crm);
-- One person by her national number, in six records of two sources.
SELECT count(add_source(s, s, 'id', '{"national_id": "''850101-5550''", "full_name": "name", "email": "mail", "phone": "tel", "birth_date": "born", "city": "town", "street": "road", "postcode": "zip", "shoe": "shoe", "nickname": "nick", "gender": "sex", "registered_at": "joined"}',
                  trust => t, changed_at => 'at', region => 'SE')) AS declared
FROM (VALUES ('crm', 80), ('shop', 40)) v (s, t) \gset
INSERT INTO crm (id, name, mail, tel, born, town, road, zip, shoe, nick, sex, at, joined) VALUES
    (1, 'Astrid Lindqvist', 'astrid@skog.se', '08-123 456 78', '1985-01-01', 'Uppsala', 'Storgatan 4', '75331', 39, 'Asta', 'f', '2020-01-01', '2019-05-05'),
    (2, 'Astrid Lindqvist', 'astrid.l@fjall.se', '070-123 45 67', '1985-01-01', 'Lund', NULL, NULL, 38, 'Liv', 'f', '2022-01-01', '2021-05-05');
INSERT INTO shop (id, name, mail, tel, born, town, road, zip, shoe, nick, sex, at, joined) VALUES
    (3, 'Astrid Viktoria Lindqvist', 'av@skog.se', '0701234567', '1958-01-01', 'Uppsala', 'Storgatan 4', '75331', 40, 'Asta', 'f', '2023-01-01', '2012-02-02'),
    (4, 'A. Lindqvist', 'test@test.com', '000000', '1900-01-01', 'n/a', 'x', '00000', NULL, 'n/a', '?', '2024-01-01', '1970-01-01');
SELECT ok(records = 4, 'read') FROM resolve();
SELECT is((SELECT count(*) FROM customer), 1::bigint, 'one person');

-- The shipped rules.
SELECT is((SELECT email FROM customer), 'av@skog.se', 'e-mail: the most recent that is none of nobody''s');
SELECT is((SELECT phone FROM customer), '+46701234567', 'telephone: most recent, in international form');
SELECT is((SELECT birth_date FROM customer), '1985-01-01'::date, 'birth date: most frequent');
SELECT is((SELECT full_name FROM customer), 'Astrid Lindqvist', 'name: most trusted');
SELECT is((SELECT registered_at FROM customer), '2012-02-02'::timestamptz, 'registered: the earliest, 1970-01-01 is none');
SELECT is((SELECT (street, postcode, city)::text FROM customer), '("Storgatan 4",75331,Uppsala)', 'an address is taken whole, from the most recent that is one');

-- A rule for one part of an address is a rule for all: they come from one record.
SELECT set_survivorship('postcode', 'earliest');
SELECT is((SELECT DISTINCT key FROM customer_lineage((SELECT customer_id FROM customer)) WHERE attribute IN ('street', 'postcode', 'city')), '1', 'a rule for the post code says whose address is taken');
SELECT is((SELECT array_agg(DISTINCT rule) FROM survivorship WHERE attribute IN ('address', 'street', 'city', 'country')), '{earliest}', 'it is seen at every part');
SELECT set_survivorship('city', 'most_recent');
SELECT is((SELECT DISTINCT key FROM customer_lineage((SELECT customer_id FROM customer)) WHERE attribute IN ('street', 'postcode', 'city')), '3', 'and the last rule holds');

-- Every rule, on an attribute that the rule can be seen with.
CREATE FUNCTION public.by(rule text, attribute text, expression text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM customer_data.set_survivorship(attribute, rule, expression);
    EXECUTE format('SELECT %I::text FROM customer_data.customer', attribute) INTO answer;
    RETURN answer;
END
$$;
SELECT is(public.by('most_recent', 'nickname'), 'Asta', 'most recent');
SELECT is(public.by('earliest', 'email'), 'astrid@skog.se', 'earliest');
SELECT is(public.by('most_trusted', 'nickname'), 'Liv', 'most trusted, of these the most recent');
SELECT is(public.by('most_frequent', 'nickname'), 'Asta', 'most frequent');
SELECT is(public.by('longest', 'email'), 'astrid.l@fjall.se', 'longest');
SELECT is(public.by('most_complete', 'shoe'), '39', 'most complete record, the more trusted of equals');
SELECT is(public.by('minimum', 'shoe'), '38', 'minimum');
SELECT is(public.by('maximum', 'shoe'), '40', 'maximum, as numbers');
SELECT is(public.by('maximum', 'birth_date'), '1985-01-01', 'maximum of dates');
SELECT is(public.by('minimum', 'birth_date'), '1958-01-01', 'minimum of dates, 1900-01-01 is none');
SELECT is(public.by('expression', 'email', $$value LIKE '%fjall%'$$), 'astrid.l@fjall.se', 'an own expression');
SELECT is(public.by('expression', 'email', $$CASE WHEN source = 'shop' THEN length(value) END$$), 'av@skog.se', 'test@test.com is no candidate');
SELECT is(public.by('expression', 'birth_date', $$-abs(extract(year FROM standard::date) - 1958)$$), '1958-01-01', 'an own expression of a date');
SELECT is(public.by('expression', 'phone', $$-length(value)$$), '+46701234567', 'the telephone number in international form');
SELECT is((SELECT (l.source, l.key, l.rule)::text FROM customer_lineage((SELECT customer_id FROM customer)) l WHERE l.attribute = 'birth_date'), '(shop,3,expression)', 'lineage knows the expression''s choice');
SELECT is((SELECT (l.source, l.key, l.given, l.changed_at)::text FROM customer_lineage((SELECT customer_id FROM customer)) l WHERE l.attribute = 'registered_at'),
          '(shop,3,2012-02-02,"2023-01-01 00:00:00+00")', 'lineage: source, key, value as given, and when');

-- A customer of whom only placeholders are known.
CREATE TABLE public.lead (id int, name text, mail text, tel text, born text, town text, firm text);
INSERT INTO lead VALUES (1, 'N/A', 'test@example.com', '123456', '1900-01-01', '-', 'none'), (2, '不详', 'noemail@noemail.com', '0000000000', '1970-01-01', 'unknown', 'n.a.'),
    (3, 'Ottilie Krämer', 'ottilie', 'ask her', '31.02.1980', 'Ulm', 'Krämer & Söhne');
SELECT add_source('lead', 'lead', 'id', '{"full_name": "name", "email": "mail", "phone": "tel", "birth_date": "born", "city": "town", "company": "firm"}', region => 'DE') IS NOT NULL AS declared \gset
SELECT ok(records = 3, 'read') FROM resolve();
SELECT is((SELECT (c.full_name, c.email, c.phone, c.birth_date, c.city, c.company)::text FROM customer c WHERE customer_id = customer_id_of('lead', '1')), '(,,,,,)', 'placeholders do not become golden');
SELECT is((SELECT (c.full_name, c.email, c.phone, c.birth_date, c.city, c.company)::text FROM customer c WHERE customer_id = customer_id_of('lead', '2')), '(,,,,,)', 'in whatever words');
SELECT is((SELECT (c.full_name, c.email, c.phone, c.birth_date, c.city, c.company)::text FROM customer c WHERE customer_id = customer_id_of('lead', '3')),
          '("Ottilie Krämer",,,,Ulm,"Krämer & Söhne")', 'nor does what is no address, number or date');
SELECT is((SELECT array_agg(v.given[a.ordinal] ORDER BY a.ordinal) FROM record_value v, attribute a, source_record r JOIN source s USING (source_id)
           WHERE r.record_id = v.record_id AND s.name = 'lead' AND r.key = '3' AND a.name IN ('email', 'phone', 'birth_date')),
          ARRAY['31.02.1980', 'ottilie', 'ask her'], 'they are kept as given');
SELECT is((SELECT count(*) FROM customer_lineage(customer_id_of('lead', '1'))), 0::bigint, 'no lineage of nothing');

-- Validity, countable per source and per record.
SELECT results_eq($$SELECT attribute, records, filled, valid, doubtful, invalid FROM source_quality WHERE source = 'lead' AND attribute IN ('email', 'birth_date')$$,
    $$VALUES ('birth_date', 3::bigint, 3::bigint, 0::bigint, 0::bigint, 3::bigint), ('email', 3, 3, 0, 0, 3)$$, 'what is valid, doubtful and invalid, per attribute');
SELECT is((SELECT sum(records) FROM source_issue WHERE source = 'lead' AND attribute = 'birth_date'), 3::numeric, 'with reasons');
SELECT is((SELECT (mapped, filled, valid, completeness, validity)::text FROM record_quality WHERE source = 'lead' AND key = '3'), '(6,6,3,1,0.5)', 'a record half of which is right');
SELECT is((SELECT (completeness, validity)::text FROM record_quality WHERE source = 'lead' AND key = '1'), '(1,0)', 'one that is full and worth nothing');
SELECT is((SELECT issues[1] FROM record_quality WHERE source = 'lead' AND key = '1'), 'full_name: placeholder', 'and why');

-- Duplicates inside a source.
SELECT is((SELECT (records, keep, remove)::text FROM source_duplicate WHERE source = 'crm'), '(2,1,{2})', 'rows of one source that are one person, the fullest is kept');

-- Another version of the rules renews standard forms, and only what differs is matched again.
UPDATE source SET standard_version = 'ICU 1, libphonenumber 1, rules 0' WHERE name = 'lead';
SELECT is((SELECT records FROM resolve()), 0::bigint, 'other rules, the same forms: nothing changed');
UPDATE source SET standard_version = 'ICU 1, libphonenumber 1, rules 0' WHERE name = 'lead';
UPDATE record_value v SET standard = '{ottilie kraemer}', issue = NULL FROM source_record r JOIN source s USING (source_id)
WHERE r.record_id = v.record_id AND s.name = 'lead' AND r.key = '3';
SELECT is((SELECT records FROM resolve()), 1::bigint, 'one has another form');
SELECT is((SELECT standard[13] FROM record_value v JOIN source_record r USING (record_id) JOIN source s ON s.source_id = r.source_id WHERE s.name = 'lead' AND r.key = '3'), 'ulm', 'which is renewed');
SELECT is((SELECT count(*) FROM source WHERE standard_version <> standard_version()), 0::bigint, 'every source says with what its forms were made');
SELECT upsert_record('lead', 'p', '{"full_name": "Wilma Tamm", "phone": "0731 223344"}') IS NOT NULL AS pushed \gset

-- Without libphonenumber numbers are compared by their digits, until it is there.
SET customer_data.phone_library = '';
SELECT throws_ok($$SELECT phone_e164('0731 223344', 'DE')$$, '58P01', NULL, 'without the library no number can be read');
INSERT INTO lead (id, name, tel) VALUES (4, 'Wilma Tamm', '0731/22 33 44');
SELECT is((SELECT records FROM resolve()), 5::bigint, 'the run goes on: the numbers known before, and the new row');
SELECT is((SELECT (standardize('phone', '0731/22 33 44', 'DE')).standard), '0731223344', 'with digits');
SELECT is((SELECT (standardize('phone', '+49 731 22 33 44', 'DE')).standard), '+49731223344', 'after a plus where one was');
RESET customer_data.phone_library;
SELECT resolve();
SELECT is((SELECT array_agg(DISTINCT v.standard[9]) FROM record_value v JOIN source_record r USING (record_id) JOIN source s ON s.source_id = r.source_id WHERE s.name = 'lead' AND r.key IN ('4', 'p')),
          ARRAY['+49731223344'], 'and with the library in international form');

-- A table that was empty when it was analysed is not gone through once for each customer.
CREATE TABLE public.many AS SELECT i, 'm' || i || '@many.example' AS mail FROM generate_series(1, 300) i;
SELECT add_source('many', 'many', 'i', '{"email": "mail"}') \g /dev/null
SELECT resolve() \g /dev/null
TRUNCATE customer_origin;
VACUUM (ANALYZE) customer_origin;
BEGIN;
SELECT pg_stat_get_xact_numscans('customer_origin'::regclass) AS before \gset
SELECT resolve(rebuild => true) \g /dev/null
SELECT cmp_ok(pg_stat_get_xact_numscans('customer_origin'::regclass) - :before, '<', 10::bigint, 'golden rows of all are written by few scans');
COMMIT;
SELECT * FROM finish();
