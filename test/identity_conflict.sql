-- Limits of identifiers: what is refused, what gives way, and where it is seen.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(30);
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

-- A decision joins the two customers, not the two records alone.
INSERT INTO member VALUES (21, 'Octavia Lindqvist', '1955-12-24', NULL, 'CARD-55001', NULL), (22, 'Octavia Lindqvist', '1955-12-24', NULL, 'CARD-55001', NULL),
    (23, 'Ludmila Castellanos', '1978-02-11', NULL, 'CARD-55003', NULL), (24, 'Ludmila Castellanos', '1978-02-11', NULL, 'CARD-55003', NULL);
SELECT resolve();
SELECT must_link('club', '21', 'club', '23', 'took her husband''s name');
SELECT is((SELECT count(DISTINCT customer_id_of('club', k::text)) FROM generate_series(21, 24) k), 1::bigint, 'who was like either of the two comes along');
SELECT matches((SELECT level FROM explain_match('club', '22', 'club', '24') WHERE attribute = 'decision'), 'through club 21 and club 23, of which .* decided must link', 'and is told why');
SELECT is((r.merged, r.split)::text, '(0,0)', 'in a full run, too') FROM resolve(rebuild => true) r;
SELECT cannot_link('club', '22', 'club', '23');
SELECT is(customer_id_of('club', '21'), customer_id_of('club', '23'), 'both decisions hold');
SELECT isnt(customer_id_of('club', '22'), customer_id_of('club', '23'), 'whatever it parts');
SELECT must_link('club', '22', 'club', '24');
SELECT must_link('club', '24', 'club', '21');
SELECT isnt(customer_id_of('club', '22'), customer_id_of('club', '23'), 'who was parted stays parted, though others are joined with both');
SELECT is((SELECT (kind, key_a, key_b)::text FROM identity_conflict WHERE kind = 'decisions'), '(decisions,21,24)', 'decisions that cannot both hold are shown');
SELECT is((r.merged, r.split)::text, '(0,0)', 'a full run decides alike') FROM resolve(rebuild => true) r;
SELECT matches((SELECT level FROM explain_match('club', '21', 'club', '24') WHERE attribute = 'decision'), 'two customers .*: .* decided must link .*; but who was decided cannot link would be joined by it', 'and said where the two are explained');
SELECT withdraw_decision('club', '22', 'club', '23');
SELECT is((SELECT count(DISTINCT customer_id_of('club', k::text)) FROM generate_series(21, 24) k), 1::bigint, 'when nothing is against it, they are one');
SELECT is((SELECT count(*) FROM identity_conflict WHERE kind = 'decisions'), 0::bigint, 'and no conflict is left');
-- Conflicts are shown by records that hold the values.
INSERT INTO member VALUES (31, 'Dagobert Grunewald', '1961-06-06', NULL, NULL, NULL), (32, 'Dagobert Grunewald', '1961-06-06', NULL, 'CARD-44001', NULL),
    (33, 'Dagobert Grunewald', '1961-06-06', NULL, 'CARD-44002', NULL);
SELECT resolve();
SELECT is((SELECT (kind, value_a, value_b)::text FROM identity_conflict WHERE key_a IN ('31', '32', '33')), '("join refused",CARD-44001,CARD-44002)', 'by records that hold the values');
SELECT matches((SELECT level FROM explain_match('club', '32', 'club', '33') WHERE attribute = 'decision'), 'alike .*, but one customer would have more values of loyalty_id than its limit, 1', 'and a limit is named where it forbids');

-- A mark of generation is shown where it stands.
INSERT INTO member VALUES (41, 'Ferdinand Hakkinen Jr', '1985-07-07', NULL, NULL, NULL), (42, 'Ferdinand Hakkinen Sr', '1955-09-17', NULL, NULL, NULL);
SELECT resolve();
SELECT is((SELECT (value_a, value_b, level)::text FROM explain_match('club', '41', 'club', '42') WHERE attribute = 'name_suffix'),
          '("Ferdinand Hakkinen Jr","Ferdinand Hakkinen Sr","marks of generation differ (Jr, Sr)")', 'a mark of generation is explained by the name it stands in');
SELECT isnt(customer_id_of('club', '41'), customer_id_of('club', '42'), 'and tells father from son');

-- A component of very many records is reported with what became of it.
CREATE TABLE public.hop AS SELECT 'c' || g AS one, 'c' || g + 1 AS other FROM generate_series(1, 519) g;
SELECT add_source('web', 'SELECT one FROM public.hop UNION SELECT other FROM public.hop', 'one', '{"cookie_id": "one"}', kind => 'anonymous') IS NOT NULL AS declared \gset
SELECT add_identity_link('hop', 'hop', 'web', 'one', 'web', 'other');
SELECT resolve();
SELECT is((SELECT (kind, records)::text FROM identity_conflict WHERE records IS NOT NULL), '("giant component",520)', 'a giant component is reported');
SELECT is((SELECT customers FROM identity_conflict WHERE records IS NOT NULL),
          (SELECT count(DISTINCT customer_id) FROM source_record r JOIN source s USING (source_id) WHERE s.name = 'web'), 'with its customers');
SELECT * FROM finish();
