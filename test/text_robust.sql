-- Whatever the text is, every function of the room answers something sane:
-- random mixtures of all scripts, marks, controls, emoji and punctuation.
SELECT plan(7);
\set seed 300
\ir include/seed.sql

CREATE TEMP TABLE odd AS
SELECT s AS a, reverse(s) AS b, (ARRAY['US', 'CN', 'GB', 'DE', NULL, '', 'TW', 'BR', 'FR', 'KR', 'IN', 'JP'])[1 + i % 12] AS region
FROM generate_series(1, CASE WHEN current_setting('test.long', true) = 'on' THEN 20000 ELSE 1500 END) i,
	LATERAL (SELECT coalesce(string_agg(CASE
		WHEN random() < .3 THEN chr(1 + floor(random() * 127)::int)
		WHEN random() < .5 THEN chr((ARRAY[32, 39, 44, 46, 45, 38, 40, 41, 64, 43, 48, 49, 50])[1 + floor(random() * 13)::int])
		WHEN random() < .6 THEN chr(19968 + floor(random() * 20000)::int)
		WHEN random() < .7 THEN chr(128 + floor(random() * 9000)::int)
		WHEN random() < .8 THEN chr(65536 + floor(random() * 120000)::int)
		ELSE chr((ARRAY[12353, 44032, 1575, 3585, 65313, 128512, 119808, 917760, 65279, 8203, 195, 233, 65533, 12441, 769, 4352, 65438, 8239])[1 + floor(random() * 18)::int]) END, ''), '') AS s
		FROM generate_series(1, i % 37)) r;

CREATE TEMP TABLE answer AS
SELECT a, b, customer_data.name_similarity(a, b) AS name, customer_data.name_similarity(b, a) AS name_turned,
	customer_data.company_similarity(a, b) AS company, customer_data.company_similarity(b, a) AS company_turned,
	customer_data.address_similarity(a, b) AS address, customer_data.address_similarity(b, a) AS address_turned,
	customer_data.name_similarity(a, a) AS self_name, customer_data.company_similarity(a, a) AS self_company, customer_data.address_similarity(a, a) AS self_address
FROM odd;
SELECT is_empty($$SELECT * FROM answer WHERE name NOT BETWEEN 0 AND 1 OR company NOT BETWEEN 0 AND 1 OR address NOT BETWEEN 0 AND 1$$, 'similarities are between 0 and 1');
SELECT is_empty($$SELECT * FROM answer WHERE abs(name - name_turned) > 1e-9 OR abs(company - company_turned) > 1e-9 OR abs(address - address_turned) > 1e-9$$, 'similarities are symmetric');
SELECT is_empty($$SELECT * FROM answer WHERE self_name <> 1 OR self_company <> 1 OR self_address <> 1$$, 'equal texts are 1');
SELECT is_empty($$SELECT a, attribute, region, s.* FROM odd,
	unnest(ARRAY['full_name', 'given_name', 'birth_date', 'gender', 'email', 'phone', 'address', 'house_number', 'city', 'postcode', 'country',
		'national_id', 'tax_id', 'company', 'website', 'domain', 'registered_at', 'loyalty_id', 'ad_id', 'anything']) AS attribute,
	customer_data.standardize(attribute, a, region) s
	WHERE standard = '' OR (standard IS NULL AND issue IS NULL)$$,
	'a standard form is not empty; where there is none an issue says why');
SELECT is_empty($$SELECT a, customer_data.normalize_name(a) FROM odd WHERE customer_data.normalize_name(customer_data.normalize_name(a)) <> customer_data.normalize_name(a)
	AND a ~ '^[a-zA-Z -]*$'$$, 'a normal name stays as it is');
SELECT lives_ok($$SELECT customer_data.romanize(a), customer_data.phonetic_key(a), customer_data.fingerprint(a), customer_data.ngram_fingerprint(a), customer_data.email_key(a),
	customer_data.is_phone(a, 'CN'), customer_data.company_parts(a), customer_data.normalize_address(a) FROM odd$$, 'the other functions answer');
SELECT throws_ok($$SELECT customer_data.normalize_name(repeat('a', 17000000))$$, '54000', NULL, 'a text of 17 MB is refused');
SELECT * FROM finish();
