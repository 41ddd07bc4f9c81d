-- Extensions whose functions and C symbols have the same names as ours live in
-- one backend with us, whichever is loaded first: each gives its own answers.
SET client_min_messages = warning;
CREATE SCHEMA peers;
CREATE EXTENSION fuzzystrmatch SCHEMA peers;
CREATE EXTENSION pg_trgm SCHEMA peers;

CREATE VIEW peers.ours AS
SELECT concat_ws(' ', customer_data.levenshtein('諸葛曉雯', '诸葛晓雯'), customer_data.levenshtein(repeat('ab', 300), repeat('ba', 300), 9),
	round(customer_data.jaro_winkler('martha', 'marhta')::numeric, 3), round(customer_data.ngram_similarity('night', 'nacht', 1)::numeric, 3),
	customer_data.osa_distance('ca', 'abc'), customer_data.damerau_levenshtein('ca', 'abc')) AS answer;
CREATE VIEW peers.theirs AS
SELECT concat_ws(' ', peers.levenshtein('kitten', 'sitting'), peers.levenshtein('kitten', 'sitting', 2, 1, 1),
	peers.levenshtein_less_equal('kitten', 'sitting', 1), peers.soundex('Robert'), peers.dmetaphone('Smith'),
	round(peers.similarity('night', 'nacht')::numeric, 3), round(peers.word_similarity('night', 'nacht night')::numeric, 3)) AS answer;
CREATE TABLE peers.answer(who text, loaded_first text, answer text);

-- ours is loaded by CREATE EXTENSION customer_data, before the peers
INSERT INTO peers.answer SELECT 'ours', 'ours', answer FROM peers.ours;
INSERT INTO peers.answer SELECT 'theirs', 'ours', answer FROM peers.theirs;

-- a new session in which the peers come first
\c
SET client_min_messages = warning;
INSERT INTO peers.answer SELECT 'theirs', 'theirs', answer FROM peers.theirs;
INSERT INTO peers.answer SELECT 'ours', 'theirs', answer FROM peers.ours;

SELECT plan(4);
SELECT is((SELECT answer FROM peers.answer WHERE who = 'ours' AND loaded_first = f), '2 2 0.961 0.600 3 2', 'ours, with ' || f || ' loaded first')
FROM unnest(ARRAY['ours', 'theirs']) f;
SELECT is((SELECT answer FROM peers.answer WHERE who = 'theirs' AND loaded_first = f), '3 4 2 R163 SM0 0.200 1.000', 'theirs, with ' || f || ' loaded first')
FROM unnest(ARRAY['ours', 'theirs']) f;
SELECT * FROM finish();
