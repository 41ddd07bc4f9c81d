-- Companies of which nothing but the name is known, each recorded up to
-- hundreds of times and written in many ways: names that are the same are one
-- customer, and a crowd does not make its own name a common one.
SET client_min_messages = warning;
SELECT plan(5);
\ir include/seed.sql
\ir include/people.sql

-- As a clerk writes it: with or without its legal form, loud or not, one in ten with a letter wrong.
CREATE FUNCTION public.written(name text, form text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF random() < 0.1 THEN
        name := overlay(name PLACING chr(97 + floor(random() * 26)::int) FROM 2 + floor(random() * (length(name) - 2))::int FOR 1);
    END IF;
    name := CASE floor(random() * 4) WHEN 0 THEN name WHEN 1 THEN name || ', ' || upper(form) WHEN 2 THEN name || ' ' || form ELSE form || ' ' || name END;
    RETURN CASE WHEN random() < 0.3 THEN upper(name) ELSE name END;
END
$$;
CREATE TABLE public.company (n int GENERATED ALWAYS AS IDENTITY, entity int, name text);
-- No name is like another by chance, word for word or crosswise: of two crowds of which one could be
-- misspelled as the other, nothing but the name could tell that they are two.
CREATE TABLE public.made (e int, name text, form text, first text, second text);
DO $$
DECLARE
    a text;
    b text;
BEGIN
    FOR e IN 1 .. 120 LOOP
        LOOP
            a := public.syllables(3);
            b := public.syllables(2);
            EXIT WHEN NOT EXISTS (
                SELECT FROM public.made m
                WHERE least(customer_data.levenshtein(a, m.first) + customer_data.levenshtein(b, m.second),
                            customer_data.levenshtein(a, m.second) + customer_data.levenshtein(b, m.first)) < 0.5 * length(a || b));
        END LOOP;
        INSERT INTO public.made VALUES (e, initcap(a) || ' ' || initcap(b) || CASE WHEN e % 3 = 0 THEN ' ' || (ARRAY['Electronics', 'Trading', 'Foods'])[1 + e % 7 % 3] ELSE '' END,
                                        (ARRAY['B.V.', 'N.V.', 'GmbH', 'SARL'])[1 + e % 4], a, b);
    END LOOP;
END
$$;
INSERT INTO public.company (entity, name)
SELECT e, public.written(name, form) FROM public.made, generate_series(1, (400 / e) + 1) ORDER BY random();
SELECT customer_data.add_source('company', 'public.company', 'n', '{"company": "name"}', kind => 'account') \g /dev/null
SELECT customer_data.resolve() \g /dev/null

CREATE TABLE public.known AS
    SELECT c.*, customer_data.normalize_company(c.name) AS same_name, customer_data.customer_id_of('company', c.n::text) AS customer_id FROM public.company c;
SELECT is((SELECT count(*) FROM (SELECT same_name FROM public.known GROUP BY 1 HAVING count(DISTINCT customer_id) > 1) x), 0::bigint,
          'companies of one name are one customer');
SELECT is((SELECT count(*) FROM public.known WHERE same_name ~ '\m(nv|bv|gmbh|sarl)\M'), 0::bigint, 'a legal form is none of the name on either side');
CREATE TABLE public.quality AS
    SELECT * FROM customer_data.match_quality('SELECT ''company'' AS source, n AS key, entity FROM company');
SELECT cmp_ok((SELECT value FROM public.quality WHERE part = 'blocking' AND measure = 'recall'), '>=', 0.85::float8, 'pairs of a crowd are candidates');
SELECT cmp_ok((SELECT value FROM public.quality WHERE part = 'customers' AND measure = 'precision'), '>=', 0.98::float8, 'who is not the same is another');
SELECT cmp_ok((SELECT value FROM public.quality WHERE part = 'customers' AND measure = 'recall'), '>=', 0.7::float8, 'and crowds stay together');
SELECT diag(format('%s, %s: %s', part, measure, round(value::numeric, 4))) FROM public.quality WHERE part <> 'calibration';
SELECT * FROM finish();
