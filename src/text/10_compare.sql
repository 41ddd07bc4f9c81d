-- Comparing text by code points. Immutable, no length limit, NULL in NULL out.

CREATE FUNCTION customer_data.levenshtein(a text, b text) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_levenshtein_sql';
COMMENT ON FUNCTION customer_data.levenshtein(text, text) IS
'least number of inserted, deleted and replaced characters that makes one text the other';

CREATE FUNCTION customer_data.levenshtein(a text, b text, max int) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_levenshtein_sql';
COMMENT ON FUNCTION customer_data.levenshtein(text, text, int) IS
'levenshtein that stops early: max + 1 when the distance is above max';

CREATE FUNCTION customer_data.osa_distance(a text, b text) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_osa_sql';
COMMENT ON FUNCTION customer_data.osa_distance(text, text) IS
'Levenshtein distance where a swap of two neighbouring characters counts one and no piece is edited twice (optimal string alignment)';

CREATE FUNCTION customer_data.osa_distance(a text, b text, max int) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_osa_sql';
COMMENT ON FUNCTION customer_data.osa_distance(text, text, int) IS
'osa_distance that stops early: max + 1 when the distance is above max';

CREATE FUNCTION customer_data.damerau_levenshtein(a text, b text) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_damerau_sql';
COMMENT ON FUNCTION customer_data.damerau_levenshtein(text, text) IS
'Levenshtein distance where a swap of neighbours counts one and may be edited further (unrestricted Damerau-Levenshtein)';

CREATE FUNCTION customer_data.damerau_levenshtein(a text, b text, max int) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_damerau_sql';
COMMENT ON FUNCTION customer_data.damerau_levenshtein(text, text, int) IS
'damerau_levenshtein that stops early: max + 1 when the distance is above max';

CREATE FUNCTION customer_data.jaro(a text, b text) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_jaro_sql';
COMMENT ON FUNCTION customer_data.jaro(text, text) IS
'Jaro similarity, 0 to 1';

CREATE FUNCTION customer_data.jaro_winkler(a text, b text) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_jaro_winkler_sql';
COMMENT ON FUNCTION customer_data.jaro_winkler(text, text) IS
'Jaro similarity plus 0.1 of the rest for each of up to four equal first characters, where Jaro is above 0.7';

CREATE FUNCTION customer_data.ngram_similarity(a text, b text, n int DEFAULT 2) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_ngram_similarity_sql';
COMMENT ON FUNCTION customer_data.ngram_similarity(text, text, int) IS
'Dice similarity of the character n-grams of two texts, repeated n-grams counted, 0 to 1';

CREATE FUNCTION customer_data.dice_similarity(a text, b text, n int DEFAULT 2) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_ngram_dice_sql';
COMMENT ON FUNCTION customer_data.dice_similarity(text, text, int) IS
'Dice similarity of the sets of character n-grams, 0 to 1';

CREATE FUNCTION customer_data.jaccard_similarity(a text, b text, n int DEFAULT 2) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_ngram_jaccard_sql';
COMMENT ON FUNCTION customer_data.jaccard_similarity(text, text, int) IS
'Jaccard similarity of the sets of character n-grams, 0 to 1';

CREATE FUNCTION customer_data.token_jaccard(a text, b text) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_token_jaccard_sql';
COMMENT ON FUNCTION customer_data.token_jaccard(text, text) IS
'Jaccard similarity of the sets of words parted by white space, 0 to 1';

CREATE FUNCTION customer_data.token_cosine(a text, b text) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_token_cosine_sql';
COMMENT ON FUNCTION customer_data.token_cosine(text, text) IS
'cosine of the word counts of two texts, words parted by white space, 0 to 1';
