-- One record at a time: found, doubtful, unknown; explained; golden names.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(32);

CREATE TABLE public.person (id int PRIMARY KEY, given text, family text, mail text, tel text, born date, city text);
INSERT INTO public.person VALUES
    (1, 'Wilhelmina', 'Oosterbaan', 'w.oosterbaan@tulip.org', '+31201234567', '1971-03-04', 'Amsterdam'),
    (2, 'Bartholomew', 'Quigley', 'bq@clover.org', '+35312345678', '1982-07-19', 'Dublin'),
    (3, '晓雯', '诸葛', 'xw@wisla.org', NULL, '1990-01-21', '武汉'),
    (4, NULL, 'Przybylski', NULL, NULL, '1965-11-30', NULL);
SELECT ok(add_source('crm', 'person', 'id', '{"given_name": "given", "family_name": "family", "email": "mail", "phone": "tel", "birth_date": "born", "city": "city"}') IS NOT NULL, 'a source of name parts');
SELECT ok(add_source('shop', NULL, NULL, '{"full_name": "", "email": "", "phone": "", "birth_date": ""}', one_to_one => true) IS NOT NULL, 'a source without a relation');
SELECT is((SELECT customers FROM resolve()), 4::bigint, 'four customers');

SELECT is((SELECT full_name FROM customer WHERE customer_id = customer_id_of('crm', '1')), 'Wilhelmina Oosterbaan', 'a full name is composed');
SELECT is((SELECT full_name FROM customer WHERE customer_id = customer_id_of('crm', '3')), '诸葛晓雯', 'family name first for Chinese characters');
SELECT is((SELECT full_name FROM customer WHERE customer_id = customer_id_of('crm', '4')), 'Przybylski', 'of what there is');

SELECT is(m.decision, 'match', 'found') FROM match_customer('{"full_name": "Wilhelmina Oosterban", "email": "W.Oosterbaan@tulip.org", "birth_date": "1971-03-04"}') m;
SELECT is((m.customer_id, m.source, m.key)::text, format('(%s,crm,1)', customer_id_of('crm', '1')), 'with the record most like it')
FROM match_customer('{"full_name": "Wilhelmina Oosterban", "email": "W.Oosterbaan@tulip.org", "birth_date": "1971-03-04"}') m;
SELECT is((m.decision, m.customer_id)::text, '(none,)', 'a stranger') FROM match_customer('{"full_name": "Esmeralda Fuentes"}') m;
SELECT is((SELECT count(*) FROM match_customer('{}', max_results => 5)), 1::bigint, 'always a row');
SELECT is((m.decision, m.customer_id)::text, '(none,)', 'nothing given, nobody found') FROM match_customer('{}') m;
SELECT throws_ok($$SELECT match_customer('{"e_mail": "x"}')$$, '42704', 'attribute "e_mail" does not exist', 'an unknown attribute');
SELECT throws_ok($$SELECT match_customer('[]')$$, '22023', 'attributes must be a JSON object', 'no object');
SELECT throws_ok($$SELECT match_customer(NULL)$$, '22023', 'attributes must be a JSON object', 'nothing');
SELECT throws_ok($$SELECT match_customer('{}', 2)$$, '22003', 'min_probability is out of range: 2', 'a probability above 1');
SELECT bag_eq($$SELECT row_key, decision, customer_id FROM match_customers('SELECT id, mail, given, family, born FROM public.person',
                 '{"email": "mail", "given_name": "given", "family_name": "family", "birth_date": "born"}', 'id') WHERE row_key <> '4'$$,
              $$SELECT key, 'match', customer_id FROM source_record WHERE key <> '4'$$, 'a staging table is matched row by row');

SELECT is(upsert_record('shop', 'A', '{"full_name": "Wilhelmina Oosterbaan", "email": "w.oosterbaan@tulip.org", "birth_date": "1971-03-04"}'),
          customer_id_of('crm', '1'), 'a new record joins');
SELECT isnt(upsert_record('shop', 'B', '{"full_name": "Wilhelmina Oosterbaan", "email": "w.oosterbaan@tulip.org", "birth_date": "1971-03-04"}'),
            customer_id_of('crm', '1'), 'a source without duplicates does not have two of one');
SELECT is((SELECT level LIKE 'two customers%no duplicates' FROM explain_match('shop', 'A', 'shop', 'B') WHERE attribute = 'decision'), true, 'and explains why');
SELECT is((SELECT level LIKE 'one customer%their values agree%' FROM explain_match('crm', '1', 'shop', 'A') WHERE attribute = 'decision'), true, 'why two were joined');
SELECT is((SELECT level LIKE 'two customers%too little agrees%' FROM explain_match('crm', '1', 'crm', '2') WHERE attribute = 'decision'), true, 'why two were not');
SELECT is((SELECT (value_a, value_b, similarity)::text FROM explain_match('crm', '1', 'shop', 'A') WHERE attribute = 'email'),
          '(w.oosterbaan@tulip.org,w.oosterbaan@tulip.org,1)', 'by values and similarity');
SELECT is((SELECT count(*) FROM explain_match('crm', '1', 'shop', 'A') WHERE attribute LIKE '%\_name' AND similarity IS NOT NULL), 0::bigint,
          'parts read from a whole name do not show the likeness of the whole');
CREATE FUNCTION pg_temp.hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END
$$;
SELECT matches(pg_temp.hint_of($$SELECT match_customer('{"zzzzzzzzzz": "x"}')$$), '^Attributes are listed', 'where no attribute is near, none is named');
SELECT cannot_link('crm', '1', 'shop', 'A', 'her mother');
SELECT is((SELECT level LIKE 'two customers%decided cannot link%her mother' FROM explain_match('crm', '1', 'shop', 'A') WHERE attribute = 'decision'), true, 'who decided');
SELECT decide_match('crm', '1', 'shop', 'A', true);
SELECT is(customer_id_of('crm', '1'), customer_id_of('shop', 'A'), 'decide_match answers');
SELECT throws_ok($$SELECT decide_match('crm', '1', 'shop', 'A', NULL)$$, '22004', 'same must be true or false', 'with yes or no');

-- What was upserted is found; what is gone is not.
SELECT upsert_record('shop', 'C', '{"full_name": "Esmeralda Fuentes", "email": "esme@sol.org", "phone": "+34911223344"}');
SELECT is((SELECT m.decision FROM match_customer('{"full_name": "Esmeralda Fuentes", "email": "esme@sol.org"}') m), 'match', 'found at once');
DELETE FROM person WHERE id = 2;
SELECT resolve();
SELECT is((SELECT m.decision FROM match_customer('{"full_name": "Bartholomew Quigley", "email": "bq@clover.org"}') m), 'none', 'a record that is gone is not found');
-- Namesakes are told apart by the numbers in their mailboxes; a slip of the hand stays one.
SELECT upsert_record('shop', x.key, jsonb_build_object('full_name', 'Lena Walmore', 'email', x.email))
FROM (VALUES ('L1', 'walmorel27@mail.org'), ('L2', 'walmorel76@mail.org'), ('L3', 'wallmorel27@mail.org'), ('L4', 'lena4820173@mail.org'), ('L5', 'lena4820178@mail.org')) AS x(key, email) \g /dev/null
SELECT is((SELECT e.level FROM explain_match('shop', 'L1', 'shop', 'L2') e WHERE e.attribute = 'email'), 'e-mail addresses differ', 'mailboxes made from one name with other numbers are two');
SELECT is((SELECT e.level FROM explain_match('shop', x.a, 'shop', x.b) e WHERE e.attribute = 'email'), 'same mailbox elsewhere, or one letter off', x.what)
FROM (VALUES ('L1', 'L3', 'a letter off with the same number is a slip'), ('L4', 'L5', 'and so is a digit off in a long number')) AS x(a, b, what) ORDER BY x.a;
SELECT * FROM finish();
