-- Phone numbers of a range seen before are answered without libphonenumber.
-- "tel:" before a number always asks the library: both must say the same.
SELECT plan(3);
\set seed 7
\ir include/seed.sql

CREATE TEMP TABLE number AS
SELECT region, prefix || lpad(floor(random() * 10 ^ digits)::bigint::text, digits, '0') AS phone
FROM (VALUES ('US', '415', 7), ('US', '1212', 7), ('US', '+1 242', 7), ('CA', '416', 7), ('CN', '1', 10), ('CN', '+86 1', 10), ('CN', '0', 10), ('GB', '07', 9), ('GB', '0', 10),
	('DE', '0', 10), ('DE', '01', 9), ('FR', '0', 9), ('ES', '', 9), ('IN', '', 10), ('IN', '91', 10), ('JP', '0', 10), ('BR', '11', 9), ('MX', '', 10), ('AU', '04', 8),
	('PL', '', 9), ('NL', '06', 8), ('TR', '05', 9), ('IT', '3', 9), ('IT', '0', 9), ('RU', '8', 10), ('KR', '010', 8), ('SG', '', 8), ('HK', '', 8), ('TW', '09', 8),
	('ZA', '0', 9), ('CH', '07', 8), ('SE', '07', 8), ('', '+', 11), ('', '+44', 10), ('', '+49', 10)) v(region, prefix, digits),
	generate_series(1, 60) i;
-- three more numbers of each one's range, so that ranges are met again
INSERT INTO number
SELECT region, left(phone, -4) || lpad(floor(random() * 10000)::int::text, 4, '0') FROM number, generate_series(1, 3) i;

CREATE TEMP TABLE answer AS
SELECT region, phone, (s).standard, (s).issue, (l).standard AS library_standard, (l).issue AS library_issue
FROM (SELECT region, phone, customer_data.standardize('phone', phone, region) AS s,
		customer_data.standardize('phone', 'tel:' || phone, region) AS l FROM number) n;
SELECT is_empty($$SELECT * FROM answer WHERE (standard, issue) IS DISTINCT FROM (library_standard, library_issue)
	AND NOT (library_standard IS NULL AND library_issue = 'malformed' AND issue = 'no_country')
	AND NOT (issue = 'no_country' AND library_issue = 'no_country')
	-- of a number without its area code the digits are kept, unless there are letters, as "tel:" has
	AND NOT (issue = 'local_number' AND library_issue = 'too_short')$$, 'a known range answers as the library');
SELECT cmp_ok(count(*) FILTER (WHERE issue IS NULL)::int, '>', 1000, 'many of them are numbers in use') FROM answer;
SELECT is(customer_data.phone_e164('(415) 555-2671', 'US'), customer_data.phone_e164('4155552671', 'US'), 'marks between digits do not matter');
SELECT * FROM finish();
