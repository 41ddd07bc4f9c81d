SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
-- Comparing and standardising text.

-- Distances count edits of characters, whatever their number of bytes.
SELECT levenshtein('kitten', 'sitting'), levenshtein('諸葛曉雯', '诸葛晓雯'), levenshtein('naïve', 'naive');
-- A swap of neighbours is one edit; only damerau_levenshtein edits a swapped piece again.
SELECT levenshtein('ca', 'abc'), osa_distance('ca', 'abc'), damerau_levenshtein('ca', 'abc');
-- With a maximum, work stops early and the answer is one more than it.
SELECT levenshtein('kitten', 'sitting', 3), levenshtein('kitten', 'sitting', 2),
	osa_distance('kitten', 'sitting', 1), damerau_levenshtein('kitten', 'sitting', max => 0);
SELECT levenshtein('kitten', 'sitting', -1);
-- No limit of length.
SELECT levenshtein(repeat('abc', 1000), repeat('abd', 1000)) AS lev, osa_distance(repeat('ab', 1000), repeat('ba', 1000)) AS osa;

SELECT round(jaro('martha', 'marhta')::numeric, 3) AS jaro, round(jaro_winkler('martha', 'marhta')::numeric, 3) AS jaro_winkler,
	round(jaro_winkler('dixon', 'dicksonx')::numeric, 3) AS dixon, round(jaro_winkler('李小龙', '李小龍')::numeric, 3) AS lee;
SELECT ngram_similarity('night', 'nacht'), jaccard_similarity('night', 'nacht'), dice_similarity('aaaa', 'aa'), ngram_similarity('aaaa', 'aa'),
	ngram_similarity('night', 'nacht', n => 1);
SELECT ngram_similarity('night', 'nacht', n => 0);
SELECT round(token_jaccard('John Smith', 'John Jacob Smith')::numeric, 3) AS jaccard, round(token_cosine('red red wine', 'red wine')::numeric, 3) AS cosine;

-- Empty texts are equal; NULL gives NULL.
SELECT levenshtein('', ''), jaro('', ''), jaro_winkler('', 'a'), ngram_similarity('', ''), token_cosine('', ''), levenshtein(NULL, 'a') IS NULL AS null_in;
-- Emoji, right-to-left script and combining marks are characters like others.
SELECT levenshtein('👍🏽', '👍'), levenshtein('שלום', 'שלומ'), levenshtein(U&'e\0301', 'é'), round(jaro_winkler('😀😁😂', '😀😂😁')::numeric, 3) AS emoji;
