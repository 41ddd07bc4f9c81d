-- What bench/run keeps: times, CPU seconds and answers of each engine.
CREATE SCHEMA bench;
CREATE TABLE bench.result (n int GENERATED ALWAYS AS IDENTITY, what text, engine text, seconds float8, cpu float8, answer text);
CREATE TABLE bench.figure (n int GENERATED ALWAYS AS IDENTITY, what text, figure text, unit text, aim text);

-- CPU seconds this server process has used: in nanoseconds where the kernel counts them, else in hundredths.
CREATE FUNCTION bench.cpu() RETURNS float8 LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(nullif(split_part(pg_read_file('/proc/self/schedstat', 0, 100, true), ' ', 1)::float8, 0) / 1e9,
                    (SELECT (f[12]::float8 + f[13]::float8) / 100
                     FROM string_to_array(regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', ''), ' ') AS f))
$$;

CREATE FUNCTION bench.measure(what text, engine text, query text, runs int, settings text) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    t0       timestamptz;
    c0       float8;
    seconds  float8[] := '{}';
    cpu      float8[] := '{}';
    answer   text;
    setting  text;
BEGIN
    FOREACH setting IN ARRAY string_to_array(settings, ';') LOOP
        EXECUTE 'SET LOCAL ' || setting;
    END LOOP;
    FOR i IN 0 .. runs LOOP
        t0 := clock_timestamp();
        c0 := bench.cpu();
        EXECUTE query INTO answer;
        IF i > 0 OR runs = 0 THEN         -- the first run warms the cache
            seconds := seconds || extract(epoch FROM clock_timestamp() - t0)::float8;
            cpu := cpu || bench.cpu() - c0;
        END IF;
    END LOOP;
    INSERT INTO bench.result (what, engine, seconds, cpu, answer)
    VALUES (measure.what, measure.engine, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s) FROM unnest(seconds) s),
            (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY c) FROM unnest(cpu) c), answer);
    RETURN format('%s, %s: %s s', what, engine, round((SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s) FROM unnest(seconds) s)::numeric, 4));
END
$$;

-- How many times as long one engine takes as another (the fastest whose name is like that), as a figure.
CREATE FUNCTION bench.compare(label text, what text, slower text, faster text, aim text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO bench.figure (what, figure, unit, aim)
    SELECT label, coalesce(round((s.seconds / f.seconds)::numeric, 2)::text, 'not measured'),
           format('times (by CPU %s)', coalesce(round((s.cpu / nullif(f.cpu, 0))::numeric, 2)::text, 'too short to tell')), compare.aim
    FROM (SELECT min(seconds) AS seconds, min(cpu) AS cpu FROM bench.result r WHERE r.what = compare.what AND engine LIKE slower) s,
         (SELECT min(seconds) AS seconds, min(cpu) AS cpu FROM bench.result r WHERE r.what = compare.what AND engine LIKE faster) f
$$;

CREATE VIEW bench.disagreement AS
    SELECT what, string_agg(engine || ': ' || answer, '; ' ORDER BY n) AS answers
    FROM bench.result WHERE answer <> '' GROUP BY what HAVING count(DISTINCT answer) > 1;

CREATE FUNCTION bench.report() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    RETURN NEXT '| what | engine | seconds | CPU s | times as long as timelines | answer |';
    RETURN NEXT '|---|---|---:|---:|---:|---|';
    FOR r IN
        SELECT what, engine, seconds, cpu, answer,
               seconds / min(seconds) FILTER (WHERE engine = 'timelines') OVER (PARTITION BY what) AS ratio,
               min(n) OVER (PARTITION BY what) AS first
        FROM bench.result ORDER BY first, n
    LOOP
        RETURN NEXT format('| %s | %s | %s | %s | %s | %s |', r.what, r.engine, round(r.seconds::numeric, 4), round(r.cpu::numeric, 2),
                           coalesce(round(r.ratio::numeric, 2)::text, ''), left(r.answer, 40));
    END LOOP;
    RETURN NEXT '';
    RETURN NEXT '| figure | | unit | aim |';
    RETURN NEXT '|---|---:|---|---|';
    FOR r IN SELECT * FROM bench.figure ORDER BY n LOOP
        RETURN NEXT format('| %s | %s | %s | %s |', r.what, r.figure, r.unit, r.aim);
    END LOOP;
    FOR r IN SELECT * FROM bench.disagreement LOOP
        RETURN NEXT '';
        RETURN NEXT format('**Engines disagree** about %s: %s', r.what, r.answers);
    END LOOP;
END
$$;
