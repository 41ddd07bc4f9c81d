-- \ir include/people.sql: parts of made-up people, drawn by random().

-- A word of n syllables out of the first to the last of twenty; skew 1 takes all alike, more the first ones more often.
CREATE FUNCTION public.syllables(n int, first int DEFAULT 1, last int DEFAULT 20, skew float8 DEFAULT 1) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT string_agg((ARRAY['ba','ko','ri','den','mar','lo','sti','ven','qua','tel','hu','ny','fos','ger','pil','wu','cas','lin','dor','ume'])
                      [first + floor(power(random(), skew) * (last - first + 1))::int], '')
    FROM generate_series(1, n)
$$;

CREATE FUNCTION public.digits(n int) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT string_agg(floor(random() * 10)::int::text, '') FROM generate_series(1, n)
$$;

-- A value as it comes in: lost, with one letter wrong, or as it is.
CREATE FUNCTION public.spoil(value text, lost float8 DEFAULT 0.12, wrong float8 DEFAULT 0.12) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < lost THEN NULL
                WHEN random() < wrong AND length(value) > 3
                    THEN overlay(value PLACING chr(97 + floor(random() * 26)::int) FROM 2 + floor(random() * (length(value) - 2))::int FOR 1)
                ELSE value END
$$;
