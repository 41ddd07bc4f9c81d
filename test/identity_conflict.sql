-- Limits of identifiers: what is refused, what gives way, and where it is seen.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(15);
CREATE TABLE public.member (id int, name text, born date, national text, card text, device text);
SELECT add_source('club', 'member', 'id', '{"full_name": "name", "birth_date": "born", "national_id": "national", "loyalty_id": "card", "device_id": "device"}') IS NOT NULL AS declared \gset
SELECT alter_identifier('loyalty_id', max_distinct => 1);
SELECT alter_identifier('device_id', max_distinct => 2);

-- One national number, two cards: the card gives way.
INSERT INTO member VALUES (1, 'Wilhelmina Oosterbaan', '1971-03-04', '123456782', 'CARD-77001', NULL),
    (2, 'Wilhelmina Oosterbaan', '1971-03-04', '123456782', 'CARD-77002', NULL),
-- One device, two cards: the device is worse than the card, they stay apart.
    (3, 'Bartholomew Quigley', '1982-07-19', NULL, 'CARD-88001', 'device-aaaa-1'),
    (4, 'Bartholomew Quigley', '1982-07-19', NULL, 'CARD-88002', 'device-aaaa-1'),
-- Nothing but a blocked number in common.
    (5, 'Ingeborg Thorvaldsen', '1965-11-30', 'test1', 'CARD-99001', NULL),
    (6, 'Ingeborg Thorvaldsen', '1965-11-30', 'test1', 'CARD-99002', NULL),
-- One card, four devices.
    (7, 'Zbigniew Przybylski', '1990-01-21', NULL, 'CARD-66001', 'device-bbbb-1'),
    (8, 'Zbigniew Przybylski', '1990-01-21', NULL, 'CARD-66001', 'device-bbbb-2'),
    (9, 'Zbigniew Przybylski', '1990-01-21', NULL, 'CARD-66001', 'device-bbbb-3'),
    (10, 'Zbigniew Przybylski', '1990-01-21', NULL, 'CARD-66001', 'device-bbbb-4');
SELECT ok(records = 10, 'read') FROM resolve();
SELECT is(customer_id_of('club', '1'), customer_id_of('club', '2'), 'a better identifier agrees: joined');
SELECT is((SELECT (kind, attribute, value_a, value_b)::text FROM identity_conflict WHERE customer_a = customer_id_of('club', '1')),
          '("identifier gave way",loyalty_id,CARD-77001,CARD-77002)', 'and the one that gave way is shown');
SELECT isnt(customer_id_of('club', '3'), customer_id_of('club', '4'), 'a worse identifier agrees: not joined');
SELECT is((SELECT (kind, attribute, key_a, key_b)::text FROM identity_conflict WHERE customer_a = customer_id_of('club', '3')),
          '("join refused",loyalty_id,3,4)', 'and the refusal is shown');
SELECT isnt(customer_id_of('club', '5'), customer_id_of('club', '6'), 'a value that is none decides nothing');
SELECT is((SELECT count(DISTINCT customer_id_of('club', k::text)) FROM generate_series(7, 10) k), 1::bigint, 'four devices with one card: one customer');
SELECT cmp_ok((SELECT count(*) FROM identity_conflict WHERE attribute = 'device_id' AND kind = 'identifier gave way'), '>=', 1::bigint, 'of which too many devices are noted');
CREATE TEMP TABLE before AS SELECT kind, attribute, source_a, key_a, source_b, key_b FROM identity_conflict;
SELECT resolve(rebuild => true);
SELECT bag_eq('SELECT kind, attribute, source_a, key_a, source_b, key_b FROM identity_conflict', 'SELECT * FROM before', 'a full run comes to the same');
UPDATE member SET card = 'CARD-77001' WHERE id = 2;
SELECT resolve();
SELECT is((SELECT count(*) FROM identity_conflict WHERE key_a IN ('1', '2')), 0::bigint, 'a conflict that is put right is gone');
DELETE FROM member WHERE id = 4;
SELECT resolve();
SELECT is((SELECT count(*) FROM identity_conflict WHERE '4' IN (key_a, key_b)), 0::bigint, 'as one of a row that is gone');

-- A person decides against the limit.
SELECT must_link('club', '5', 'club', '6');
SELECT is(customer_id_of('club', '5'), customer_id_of('club', '6'), 'people go before limits');
-- The priority is the user's.
INSERT INTO member VALUES (4, 'Bartholomew Quigley', '1982-07-19', NULL, 'CARD-88002', 'device-aaaa-1');
SELECT alter_identifier('device_id', priority => 1);
SELECT resolve(rebuild => true);
SELECT is(customer_id_of('club', '3'), customer_id_of('club', '4'), 'where the device goes before the card, they are joined');

-- A component of very many records is reported with what became of it.
CREATE TABLE public.hop AS SELECT 'c' || g AS one, 'c' || g + 1 AS other FROM generate_series(1, 519) g;
SELECT add_source('web', 'SELECT one FROM public.hop UNION SELECT other FROM public.hop', 'one', '{"cookie_id": "one"}', kind => 'anonymous') IS NOT NULL AS declared \gset
SELECT add_identity_link('hop', 'hop', 'web', 'one', 'web', 'other');
SELECT resolve();
SELECT is((SELECT (kind, records)::text FROM identity_conflict WHERE records IS NOT NULL), '("giant component",520)', 'a giant component is reported');
SELECT is((SELECT customers FROM identity_conflict WHERE records IS NOT NULL),
          (SELECT count(DISTINCT customer_id) FROM source_record r JOIN source s USING (source_id) WHERE s.name = 'web'), 'with its customers');
SELECT * FROM finish();
