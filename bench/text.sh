#!/usr/bin/env bash
# bench/text.sh [PAIRS]: calls per second of the comparators and standardisers, one core,
# beside fuzzystrmatch and pg_similarity where they are installed.
#
# Needs a running server with customer_data installed; connects as psql does (PGHOST, PGPORT, ...)
# as a superuser and works in a database of its own, which it drops. Best of three runs each.
set -euo pipefail
pairs=${1:-300000}
database=customer_data_bench_text
psql -qXd postgres -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database ENCODING 'UTF8' TEMPLATE template0"
trap 'psql -qXd postgres -c "DROP DATABASE IF EXISTS $database"' EXIT

psql -qXd "$database" -v ON_ERROR_STOP=1 -v pairs="$pairs" <<'SQL'
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE EXTENSION customer_data;
SELECT format('CREATE EXTENSION %I SCHEMA public', name) FROM pg_available_extensions WHERE name IN ('fuzzystrmatch', 'pg_similarity') \gexec

-- pairs of names of 23 characters, some nearly equal, some not; the same with accents and Han
CREATE TABLE ascii_pair AS
SELECT left(md5(i::text), 11) || ' ' || left(md5((i * 7)::text), 11) AS a,
	left(md5(i::text), 9) || 'xq ' || left(md5((i * 7 + i % 3)::text), 11) AS b
FROM generate_series(1, :pairs) i;
CREATE TABLE wide_pair AS
SELECT replace(replace(a, 'a', 'é'), '1', '曉') AS a, replace(replace(b, 'a', 'é'), '1', '曉') AS b FROM ascii_pair;
CREATE TABLE person AS
SELECT (ARRAY['John', 'Mary', 'José', 'Wilhelm', 'Katherine', 'Bob'])[1 + i % 6] || ' ' || (ARRAY['Smith', 'Müller', 'O''Brien', 'van der Berg', 'García López'])[1 + i % 5] AS name,
	(ARRAY['Jon', 'Maria', 'Jose', 'William', 'Catherine', 'Robert'])[1 + i % 6] || ' ' || (ARRAY['Smyth', 'Mueller', 'OBrien', 'Van den Berg', 'Garcia'])[1 + i % 5] AS other,
	(ARRAY['王小明', '諸葛曉雯', '陳大文', '李美玲'])[1 + i % 4] AS han, 'user' || i || '.x@gmail.com' AS email,
	'139' || lpad((12345678 + i * 7 % 80000000)::text, 8, '0') AS phone, (i % 900 + 1) || ' North Main Street, Apt. ' || i % 50 AS address,
	'Acme ' || left(md5((i % 1000)::text), 8) || ' Technologies GmbH & Co. KG' AS company, (1950 + i % 50) || '-' || (1 + i % 12) || '-' || (1 + i % 28) AS born
FROM generate_series(1, :pairs / 5) i;
VACUUM ANALYZE;

CREATE TABLE result(position int GENERATED ALWAYS AS IDENTITY, what text, whose text, text_kind text, calls_per_second float8);
CREATE FUNCTION measure(what text, whose text, text_kind text, expression text, rel text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	best float8;
	began timestamptz;
	n bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM ' || rel INTO n;
	FOR run IN 1 .. 3 LOOP
		began := clock_timestamp();
		EXECUTE format('SELECT count(%s) FROM %s', expression, rel);
		best := least(best, extract(epoch FROM clock_timestamp() - began));
	END LOOP;
	INSERT INTO result(what, whose, text_kind, calls_per_second) VALUES (what, whose, text_kind, n / best);
EXCEPTION WHEN undefined_function THEN
	NULL;	-- the peer is not installed
END $$;

\o /dev/null
SELECT measure(what, whose, kind, expression, kind || '_pair') FROM (VALUES
	(1, 'reading both texts', '-', 'length(a) + length(b)'),
	(2, 'levenshtein', 'customer_data', 'customer_data.levenshtein(a, b)'),
	(3, 'levenshtein', 'fuzzystrmatch', 'public.levenshtein(a, b)'),
	(4, 'levenshtein, max 3', 'customer_data', 'customer_data.levenshtein(a, b, 3)'),
	(5, 'levenshtein, max 3', 'fuzzystrmatch', 'public.levenshtein_less_equal(a, b, 3)'),
	(6, 'osa_distance', 'customer_data', 'customer_data.osa_distance(a, b)'),
	(7, 'damerau_levenshtein', 'customer_data', 'customer_data.damerau_levenshtein(a, b)'),
	(8, 'jaro', 'customer_data', 'customer_data.jaro(a, b)'),
	(9, 'jaro', 'pg_similarity', 'public.jaro(a, b)'),
	(10, 'jaro_winkler', 'customer_data', 'customer_data.jaro_winkler(a, b)'),
	(11, 'jaro_winkler', 'pg_similarity', 'public.jarowinkler(a, b)'),
	(12, 'ngram_similarity', 'customer_data', 'customer_data.ngram_similarity(a, b)')) f(n, what, whose, expression), unnest(ARRAY['ascii', 'wide']) kind
ORDER BY n, kind;
SELECT measure(what, 'customer_data', 'person', expression, 'person') FROM (VALUES
	(1, 'name_similarity', 'customer_data.name_similarity(name, other)'), (2, 'company_similarity', 'customer_data.company_similarity(company, company)'),
	(3, 'address_similarity', 'customer_data.address_similarity(address, ''12 N Main St'')'), (4, 'normalize_name', 'customer_data.normalize_name(name)'),
	(5, 'normalize_name, Han', 'customer_data.normalize_name(han)'), (6, 'romanize, Han', 'customer_data.romanize(han)'), (7, 'normalize_company', 'customer_data.normalize_company(company)'),
	(8, 'normalize_address', 'customer_data.normalize_address(address)'), (9, 'email_key', 'customer_data.email_key(email)'), (10, 'phone_e164', 'customer_data.phone_e164(phone, ''CN'')'),
	(11, 'standardize_record of 7', 'customer_data.standardize_record(''{full_name,given_name,email,phone,address,company,birth_date}'', ARRAY[name, han, email, phone, address, company, born], ''CN'')')) f(n, what, expression)
ORDER BY n;

\o
\pset border 2
\pset title 'calls per second, one core, 23-character pairs'
SELECT r.what, r.whose, to_char(r.calls_per_second / 1e6, '990.00') || ' M' AS ascii, to_char(w.calls_per_second / 1e6, '990.00') || ' M' AS multibyte,
	round((w.calls_per_second / r.calls_per_second)::numeric, 2) AS "multibyte / ascii",
	round((r.calls_per_second / p.calls_per_second)::numeric, 1) AS "times the peer"
FROM result r JOIN result w USING (what, whose) LEFT JOIN result p ON p.what = r.what AND p.whose NOT IN ('customer_data', '-') AND p.text_kind = r.text_kind AND r.whose = 'customer_data'
WHERE r.text_kind = 'ascii' AND w.text_kind = 'wide' ORDER BY r.position;
\pset title 'values per second, one core'
SELECT what, to_char(calls_per_second / 1e6, '990.000') || ' M' AS per_second FROM result WHERE text_kind = 'person' ORDER BY position;
SQL
