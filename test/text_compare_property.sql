-- Each fast comparator against a slow, obvious twin in PL/pgSQL, on random
-- Unicode texts of all lengths: short, about 64 (a machine word), over 1000.
SELECT plan(25);
SET search_path = customer_data, public;

\set seed 420
\ir include/seed.sql

-- The textbook table of edit distances; kind is lev, osa or dam.
CREATE FUNCTION pg_temp.slow_distance(a text, b text, kind text) RETURNS int
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	n int := length(a);
	m int := length(b);
	w int := length(b) + 2;			-- row width, index -1 .. m
	ca text[] := string_to_array(a, NULL);
	cb text[] := string_to_array(b, NULL);
	d int[] := array_fill(0, ARRAY[(length(a) + 2) * (length(b) + 2)]);
	far int := length(a) + length(b);
	last_row jsonb := '{}';
	last_col int;
	v int;
	k int;
	l int;
BEGIN
	-- d[(i + 1) * w + (j + 1) + 1] is the distance of the first i and j characters
	FOR i IN 0 .. n LOOP
		d[(i + 1) * w + 1] := far;
		d[(i + 1) * w + 2] := i;
	END LOOP;
	FOR j IN 0 .. m LOOP
		d[j + 2] := far;
		d[w + j + 2] := j;
	END LOOP;
	d[1] := far;
	FOR i IN 1 .. n LOOP
		last_col := 0;
		FOR j IN 1 .. m LOOP
			v := least(d[i * w + j + 2] + 1, d[(i + 1) * w + j + 1] + 1,
				d[i * w + j + 1] + CASE WHEN ca[i] = cb[j] THEN 0 ELSE 1 END);
			IF kind = 'osa' AND i > 1 AND j > 1 AND ca[i] = cb[j - 1] AND ca[i - 1] = cb[j] THEN
				v := least(v, d[(i - 1) * w + j] + 1);
			ELSIF kind = 'dam' THEN
				k := coalesce((last_row ->> cb[j])::int, 0);
				l := last_col;
				v := least(v, d[k * w + l + 1] + (i - k - 1) + 1 + (j - l - 1));
				IF ca[i] = cb[j] THEN
					last_col := j;
				END IF;
			END IF;
			d[(i + 1) * w + j + 2] := v;
		END LOOP;
		IF kind = 'dam' THEN
			last_row := last_row || jsonb_build_object(ca[i], i);
		END IF;
	END LOOP;
	RETURN d[(n + 1) * w + m + 2];
END $$;

-- Jaro as it is told: the longer text (or the one that sorts first) is searched.
CREATE FUNCTION pg_temp.slow_jaro(a text, b text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	p text := a;
	t text := b;
	la int;
	lb int;
	bound int;
	cp text[];
	ct text[];
	taken boolean[];
	matched text[] := '{}';
	m int := 0;
	swapped int := 0;
BEGIN
	IF a = '' OR b = '' THEN
		RETURN CASE WHEN a = b THEN 1 ELSE 0 END;
	END IF;
	IF length(a) < length(b) OR (length(a) = length(b) AND a COLLATE "C" > b COLLATE "C") THEN
		p := b;
		t := a;
	END IF;
	la := length(p);
	lb := length(t);
	bound := greatest(la / 2 - 1, 0);
	cp := string_to_array(p, NULL);
	ct := string_to_array(t, NULL);
	taken := array_fill(false, ARRAY[la]);
	FOR i IN 1 .. lb LOOP
		FOR j IN greatest(1, i - bound) .. least(la, i + bound) LOOP
			IF NOT taken[j] AND cp[j] = ct[i] THEN
				taken[j] := true;
				matched := matched || ct[i];
				m := m + 1;
				EXIT;
			END IF;
		END LOOP;
	END LOOP;
	IF m = 0 THEN
		RETURN 0;
	END IF;
	bound := 0;
	FOR j IN 1 .. la LOOP
		IF taken[j] THEN
			bound := bound + 1;
			IF cp[j] <> matched[bound] THEN
				swapped := swapped + 1;
			END IF;
		END IF;
	END LOOP;
	RETURN (m::float8 / la + m::float8 / lb + (m - swapped / 2)::float8 / m) / 3;
END $$;

CREATE FUNCTION pg_temp.slow_grams(a text, n int) RETURNS TABLE(gram text, times bigint)
LANGUAGE sql IMMUTABLE AS $$
	SELECT substr(a, i, n), count(*)
	FROM generate_series(1, CASE WHEN a = '' THEN 0 ELSE greatest(length(a) - n + 1, 1) END) AS i
	GROUP BY 1
$$;

-- Random text over an alphabet; the pair differs by some random edits.
CREATE FUNCTION pg_temp.random_text(len int, alphabet text) RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(string_agg(substr(alphabet, 1 + floor(random() * length(alphabet))::int, 1), ''), '')
	FROM generate_series(1, len)
$$;

CREATE FUNCTION pg_temp.random_edit(a text, edits int, alphabet text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	r text := a;
	i int;
BEGIN
	FOR e IN 1 .. edits LOOP
		i := 1 + floor(random() * (length(r) + 1))::int;
		r := CASE floor(random() * 4)::int
			WHEN 0 THEN substr(r, 1, i - 1) || pg_temp.random_text(1, alphabet) || substr(r, i)
			WHEN 1 THEN substr(r, 1, i - 1) || substr(r, i + 1)
			WHEN 2 THEN substr(r, 1, i - 1) || pg_temp.random_text(1, alphabet) || substr(r, i + 1)
			ELSE substr(r, 1, i - 1) || substr(r, i + 1, 1) || substr(r, i, 1) || substr(r, i + 2)
		END;
	END LOOP;
	RETURN r;
END $$;

CREATE TEMP TABLE alphabet(no int, chars text);
INSERT INTO alphabet VALUES
	(0, 'ab'), (1, 'abcdefghij -'), (2, 'aé'), (3, '諸葛曉雯诸晓王李明华张伟'), (4, E'a\u0301\u05d0\u05d1\U0001F600\U0001F601z'),
	(5, (SELECT string_agg(chr(300 + i * 37), '') FROM generate_series(1, 300) i));

CREATE TEMP TABLE pair AS
SELECT no, grp, a, CASE WHEN random() < 0.7
		THEN pg_temp.random_edit(a, floor(random() * 1.2 * sqrt(length(a) + 4))::int, chars)
		ELSE pg_temp.random_text(greatest(0, length(a) + floor(random() * 9 - 4)::int), chars) END AS b
FROM (
	SELECT s.no, s.grp, chars, pg_temp.random_text(s.len, chars) AS a
	FROM (
		SELECT i AS no, 'short' AS grp, floor(random() * 14)::int AS len, i % 6 AS alpha FROM generate_series(1, 1200) i
		UNION ALL SELECT i, 'word', 55 + floor(random() * 20)::int, i % 6 FROM generate_series(1, 60) i
		UNION ALL SELECT i, 'blocks', 100 + floor(random() * 160)::int, i % 6 FROM generate_series(1, 24) i
		UNION ALL SELECT i, 'over 1000', 1001 + floor(random() * 60)::int, i % 6 FROM generate_series(1, 2) i
	) s JOIN alphabet ON alphabet.no = s.alpha
) t;
ALTER TABLE pair ADD lev int, ADD osa int, ADD dam int;
UPDATE pair SET lev = pg_temp.slow_distance(a, b, 'lev'), osa = pg_temp.slow_distance(a, b, 'osa');
UPDATE pair SET dam = pg_temp.slow_distance(a, b, 'dam') WHERE grp <> 'over 1000';

SELECT is_empty($$SELECT no, grp, a, b, lev, levenshtein(a, b) FROM pair WHERE levenshtein(a, b) <> lev$$, 'levenshtein equals its twin');
SELECT is_empty($$SELECT no, grp, a, b, osa, osa_distance(a, b) FROM pair WHERE osa_distance(a, b) <> osa$$, 'osa_distance equals its twin');
SELECT is_empty($$SELECT no, grp, a, b, dam, damerau_levenshtein(a, b) FROM pair WHERE damerau_levenshtein(a, b) <> dam$$, 'damerau_levenshtein equals its twin');

-- a maximum: exact up to it, max + 1 above it
SELECT is_empty($$SELECT no, grp, a, b, max, lev FROM pair, unnest(ARRAY[0, 1, 2, 5, lev - 1, lev, lev + 1, 70, 2000]) AS max
	WHERE max >= 0 AND levenshtein(a, b, max) <> least(lev, max + 1)$$, 'levenshtein with a maximum');
SELECT is_empty($$SELECT no, grp, a, b, max, osa FROM pair, unnest(ARRAY[0, 1, 2, 5, osa - 1, osa, osa + 1, 70, 2000]) AS max
	WHERE max >= 0 AND osa_distance(a, b, max) <> least(osa, max + 1)$$, 'osa_distance with a maximum');
SELECT is_empty($$SELECT no, grp, a, b, max, dam FROM pair, unnest(ARRAY[0, 1, 2, 5, dam - 1, dam, dam + 1, 70, 2000]) AS max
	WHERE max >= 0 AND dam IS NOT NULL AND damerau_levenshtein(a, b, max) <> least(dam, max + 1)$$, 'damerau_levenshtein with a maximum');

SELECT is_empty($$SELECT no, grp, a, b, jaro(a, b), pg_temp.slow_jaro(a, b) FROM pair
	WHERE abs(jaro(a, b) - pg_temp.slow_jaro(a, b)) > 1e-12$$, 'jaro equals its twin');
SELECT is_empty($$SELECT no, grp, a, b FROM (SELECT *, pg_temp.slow_jaro(a, b) AS j,
		CASE WHEN substr(a,1,4) = substr(b,1,4) THEN length(substr(a,1,4)) WHEN substr(a,1,3) = substr(b,1,3) THEN length(substr(a,1,3))
			WHEN substr(a,1,2) = substr(b,1,2) THEN length(substr(a,1,2)) WHEN substr(a,1,1) = substr(b,1,1) THEN length(substr(a,1,1)) ELSE 0 END AS p
		FROM pair) s
	WHERE abs(jaro_winkler(a, b) - CASE WHEN j > 0.7 THEN j + p * 0.1 * (1 - j) ELSE j END) > 1e-12
	AND a <> '' AND b <> ''$$, 'jaro_winkler equals its twin');

SELECT is_empty(format($$SELECT no, grp, a, b FROM pair WHERE abs(%s(a, b, %s) - coalesce((
	SELECT CASE %L WHEN 'ngram_similarity' THEN 2.0 * sum(least(x, y)) / nullif(sum(x + y), 0)
		WHEN 'dice_similarity' THEN 2.0 * count(*) FILTER (WHERE x > 0 AND y > 0) / nullif(count(*) FILTER (WHERE x > 0) + count(*) FILTER (WHERE y > 0), 0)
		ELSE 1.0 * count(*) FILTER (WHERE x > 0 AND y > 0) / nullif(count(*), 0) END
	FROM (SELECT coalesce(ga.times, 0) AS x, coalesce(gb.times, 0) AS y FROM pg_temp.slow_grams(a, %s) ga FULL JOIN pg_temp.slow_grams(b, %s) gb USING (gram)) s), 1)) > 1e-12$$,
	f, n, f, n, n), format('%s with n = %s equals its twin', f, n))
FROM unnest(ARRAY['ngram_similarity', 'dice_similarity', 'jaccard_similarity']) f, unnest(ARRAY[1, 2, 3, 5]) n;

SELECT is_empty($$SELECT a, b FROM pair WHERE levenshtein(a, b) <> levenshtein(b, a) OR osa_distance(a, b) <> osa_distance(b, a)
	OR damerau_levenshtein(a, b) <> damerau_levenshtein(b, a)$$, 'distances are symmetric');
SELECT is_empty($$SELECT a, b FROM pair WHERE jaro(a, b) <> jaro(b, a) OR jaro_winkler(a, b) <> jaro_winkler(b, a)
	OR ngram_similarity(a, b) <> ngram_similarity(b, a) OR token_cosine(a, b) <> token_cosine(b, a)$$, 'similarities are symmetric');
SELECT is_empty($$SELECT a, b FROM pair WHERE lev < osa OR osa < dam$$, 'levenshtein >= osa >= damerau');
SELECT is_empty($$SELECT a FROM pair WHERE levenshtein(a, a) <> 0 OR jaro_winkler(a, a) <> 1 OR ngram_similarity(a, a) <> 1 OR abs(token_cosine(a, a) - 1) > 1e-12$$, 'equal texts');

-- 100,000 characters: linear-space algorithms answer, and a small maximum is fast
SELECT is(levenshtein(repeat('abcdefghij', 5000), repeat('abcdefghij', 5000) || 'x', 3), 1, 'one insertion in 50,000 characters');
SELECT * FROM finish();
