-- The comparators against the published vectors of jellyfish (data/vectors).
-- Two rows of jaccard.csv cut texts into pieces of n characters where everyone
-- else lets the n-grams overlap; they are left out.
SET client_min_messages = warning;

CREATE TEMP TABLE vector(kind text, line int GENERATED ALWAYS AS IDENTITY, a text, b text, want float8, n int);

CREATE FUNCTION pg_temp.load(kind text, file text, columns text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE raw(a text, b text, want float8, rest text) ON COMMIT DROP;
	EXECUTE format('COPY raw(%s) FROM %L (FORMAT csv, FORCE_NOT_NULL (a, b))', columns,
		current_setting('test.samples') || '/vectors/jellyfish/' || file);
	INSERT INTO vector(kind, a, b, want, n) SELECT kind, raw.a, raw.b, raw.want, raw.rest::int FROM raw WHERE kind <> 'fischer';
	IF kind = 'fischer' THEN
		INSERT INTO vector(kind, a, b, want) SELECT 'levenshtein', raw.a, raw.b, raw.want FROM raw;
	END IF;
	DROP TABLE raw;
END $$;

SELECT coalesce(current_setting('test.samples', true), '') <> '' AS have_samples \gset
SELECT plan(8);
\if :have_samples
SELECT pg_temp.load('levenshtein', 'levenshtein.csv', 'a, b, want');
SELECT pg_temp.load('fischer', 'wagner_fischer.csv', 'a, b, want, rest');
SELECT pg_temp.load('damerau', 'damerau_levenshtein.csv', 'a, b, want');
SELECT pg_temp.load('jaro', 'jaro_distance.csv', 'a, b, want');
SELECT pg_temp.load('winkler', 'jaro_winkler.csv', 'a, b, want');
SELECT pg_temp.load('jaccard', 'jaccard.csv', 'a, b, want, rest');
DELETE FROM vector WHERE kind = 'jaccard' AND n IS NOT NULL;

SELECT cmp_ok(count(*)::int, '>=', 45, 'vectors are there') FROM vector;
SELECT is_empty($$SELECT line, a, b, want, customer_data.levenshtein(a, b) FROM vector WHERE kind = 'levenshtein' AND customer_data.levenshtein(a, b) <> want$$, 'levenshtein');
SELECT is_empty($$SELECT line, a, b, want, customer_data.damerau_levenshtein(a, b) FROM vector WHERE kind = 'damerau' AND customer_data.damerau_levenshtein(a, b) <> want$$, 'damerau_levenshtein');
SELECT is_empty($$SELECT line, a, b, want, customer_data.jaro(a, b) FROM vector WHERE kind = 'jaro' AND abs(customer_data.jaro(a, b) - want) > 0.00051$$, 'jaro');
SELECT is_empty($$SELECT line, a, b, want, customer_data.jaro_winkler(a, b) FROM vector WHERE kind = 'winkler' AND abs(customer_data.jaro_winkler(a, b) - want) > 0.00051$$, 'jaro_winkler');
SELECT is_empty($$SELECT line, a, b, want, customer_data.token_jaccard(a, b) FROM vector WHERE kind = 'jaccard' AND abs(customer_data.token_jaccard(a, b) - want) > 0.00051$$, 'token_jaccard');
SELECT is_empty($$SELECT line, a, b FROM vector WHERE kind = 'levenshtein' AND customer_data.levenshtein(a, b, 1) <> least(want, 2)$$, 'levenshtein with a maximum');
SELECT is_empty($$SELECT line, a, b FROM vector WHERE kind IN ('jaro', 'winkler') AND customer_data.jaro(a, b) <> customer_data.jaro(b, a)$$, 'jaro is symmetric');
\else
SELECT skip('the published vectors are not here: set CUSTOMER_DATA_SAMPLES', 8);
\endif
SELECT * FROM finish();
