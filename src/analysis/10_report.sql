-- Analysis: reports over timelines and sets, as rows that charts are drawn from.

CREATE FUNCTION customer_data.event_buckets(events customer_data.timeline, pattern customer_data.event_pattern, bounds timestamptz[],
        property text DEFAULT NULL, of text DEFAULT NULL,
        OUT bucket int, OUT label text, OUT event_count bigint, OUT total double precision) RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'cd_event_buckets';
COMMENT ON FUNCTION customer_data.event_buckets(customer_data.timeline, customer_data.event_pattern, timestamptz[], text, text) IS 'Events that match, counted and summed between each bound and the next, by the value of a property (''kind'': by kind)';

-- The end of a report's range: never later than as_of().
CREATE FUNCTION customer_data.report_until(until timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN least(until, customer_data.as_of() + interval '1 microsecond');
COMMENT ON FUNCTION customer_data.report_until(timestamptz) IS 'The end of a report''s range, not later than as_of()';

-- What every report is asked alike.
CREATE FUNCTION customer_data.check_report(grain text, time_zone text, by_set customer_data.customer_set[], set_names text[]) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF grain IS NOT NULL AND grain NOT IN ('hour', 'day', 'week', 'month', 'quarter', 'year') THEN
        RAISE EXCEPTION 'unknown grain "%"', grain
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Grains are hour, day, week, month, quarter and year.';
    END IF;
    PERFORM now() AT TIME ZONE time_zone;
    IF cardinality(by_set) <> cardinality(set_names) THEN
        RAISE EXCEPTION 'report is given % sets and % names', cardinality(by_set), cardinality(set_names)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give set_names one name for each set of by_set.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.check_report(text, text, customer_data.customer_set[], text[]) IS 'Refuses an unknown grain or time zone, and sets that do not match their names';

CREATE FUNCTION customer_data.report_set_name(set_no int, set_names text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN set_no IS NOT NULL THEN coalesce(set_names[array_lower(set_names, 1) + set_no - 1], 'set ' || set_no::text) END;
COMMENT ON FUNCTION customer_data.report_set_name(int, text[]) IS 'What a report calls one of its sets';

-- Events

CREATE FUNCTION customer_data.event_report_rows(pattern customer_data.event_pattern, since timestamptz, until timestamptz, grain text, time_zone text,
        among customer_data.customer_set, property text, by_set customer_data.customer_set[], of text,
        OUT period timestamp, OUT breakdown text, OUT set_no int, OUT events bigint, OUT customers bigint, OUT total double precision) RETURNS SETOF record
    LANGUAGE c STABLE ROWS 1000 AS 'MODULE_PATHNAME', 'cd_event_report_rows';
COMMENT ON FUNCTION customer_data.event_report_rows(customer_data.event_pattern, timestamptz, timestamptz, text, text, customer_data.customer_set, text, customer_data.customer_set[], text)
    IS 'What event_report() shows, in no order';

CREATE FUNCTION customer_data.event_report(pattern customer_data.event_pattern DEFAULT '*',
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', grain text DEFAULT 'day',
    time_zone text DEFAULT current_setting('TimeZone'), among customer_data.customer_set DEFAULT NULL, property text DEFAULT NULL,
    by_set customer_data.customer_set[] DEFAULT NULL, set_names text[] DEFAULT NULL, of text DEFAULT 'value')
    RETURNS TABLE (period timestamp, breakdown text, set_name text, events bigint, customers bigint, per_customer double precision, total double precision)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET work_mem = '256MB'
AS $$
#variable_conflict use_column
BEGIN
    PERFORM customer_data.check_report(grain, time_zone, by_set, set_names);
    RETURN QUERY
    SELECT r.period, r.breakdown, customer_data.report_set_name(r.set_no, event_report.set_names), r.events, r.customers, r.events::float8 / nullif(r.customers, 0), r.total
    FROM customer_data.event_report_rows(event_report.pattern, coalesce(event_report.since, '-infinity'), customer_data.report_until(event_report.until),
             event_report.grain, coalesce(event_report.time_zone, current_setting('TimeZone')), event_report.among, event_report.property, event_report.by_set, event_report.of) r
    ORDER BY r.period, r.set_no, r.events DESC, r.breakdown;
END
$$;
COMMENT ON FUNCTION customer_data.event_report(customer_data.event_pattern, timestamptz, timestamptz, text, text, customer_data.customer_set, text, customer_data.customer_set[], text[], text)
    IS 'Events and customers by period (grain NULL: all in one), by a property (''kind'': by kind) and by sets';

-- Funnels

CREATE FUNCTION customer_data.funnel_report_rows(steps customer_data.event_pattern[], within interval, mode text, since timestamptz, until timestamptz,
        grain text, time_zone text, among customer_data.customer_set, property text, by_set customer_data.customer_set[],
        OUT period timestamp, OUT breakdown text, OUT set_no int, OUT step int, OUT customers bigint, OUT median_time interval, OUT p90_time interval) RETURNS SETOF record
    LANGUAGE c STABLE ROWS 100 AS 'MODULE_PATHNAME', 'cd_funnel_report_rows';
COMMENT ON FUNCTION customer_data.funnel_report_rows(customer_data.event_pattern[], interval, text, timestamptz, timestamptz, text, text, customer_data.customer_set, text, customer_data.customer_set[])
    IS 'What funnel_report() shows, in no order';

CREATE FUNCTION customer_data.funnel_report(steps customer_data.event_pattern[], within interval DEFAULT '7 days',
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', time_zone text DEFAULT current_setting('TimeZone'),
    among customer_data.customer_set DEFAULT NULL, property text DEFAULT NULL, by_set customer_data.customer_set[] DEFAULT NULL,
    set_names text[] DEFAULT NULL, grain text DEFAULT NULL, mode text DEFAULT '')
    RETURNS TABLE (period timestamp, breakdown text, set_name text, step int, pattern text, customers bigint,
                   of_first double precision, of_previous double precision, median_time interval, p90_time interval)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET work_mem = '256MB'
AS $$
#variable_conflict use_column
BEGIN
    PERFORM customer_data.check_report(grain, time_zone, by_set, set_names);
    IF coalesce(cardinality(steps), 0) = 0 THEN
        RAISE EXCEPTION 'a funnel needs at least one step' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    SELECT r.period, r.breakdown, customer_data.report_set_name(r.set_no, funnel_report.set_names), r.step, funnel_report.steps[r.step]::text, r.customers,
           r.customers::float8 / nullif(first_value(r.customers) OVER w, 0), r.customers::float8 / nullif(lag(r.customers) OVER w, 0), r.median_time, r.p90_time
    FROM customer_data.funnel_report_rows(funnel_report.steps, funnel_report.within, funnel_report.mode, coalesce(funnel_report.since, '-infinity'),
             customer_data.report_until(funnel_report.until), funnel_report.grain, coalesce(funnel_report.time_zone, current_setting('TimeZone')),
             funnel_report.among, funnel_report.property, funnel_report.by_set) r
    WINDOW w AS (PARTITION BY r.period, r.set_no, r.breakdown ORDER BY r.step)
    ORDER BY r.period, r.set_no, r.breakdown, r.step;
END
$$;
COMMENT ON FUNCTION customer_data.funnel_report(customer_data.event_pattern[], interval, timestamptz, timestamptz, text, customer_data.customer_set, text, customer_data.customer_set[], text[], text, text)
    IS 'Customers that reached each step, shares of the first and the previous step, and the time from step to step (median, 90th percentile)';

-- Retention

CREATE FUNCTION customer_data.retention_report_rows(cohort customer_data.event_pattern, returned customer_data.event_pattern, since timestamptz, until timestamptz,
        now_at timestamptz, grain text, time_zone text, among customer_data.customer_set, property text, by_set customer_data.customer_set[],
        step interval, brackets int[], unbounded boolean,
        OUT cohort_at timestamp, OUT breakdown text, OUT set_no int, OUT size bigint, OUT stretch int, OUT retained bigint, OUT complete boolean) RETURNS SETOF record
    LANGUAGE c STABLE ROWS 1000 AS 'MODULE_PATHNAME', 'cd_retention_report_rows';
COMMENT ON FUNCTION customer_data.retention_report_rows(customer_data.event_pattern, customer_data.event_pattern, timestamptz, timestamptz, timestamptz, text, text, customer_data.customer_set, text, customer_data.customer_set[], interval, int[], boolean)
    IS 'What retention_report() shows, in no order';

CREATE FUNCTION customer_data.retention_report(cohort customer_data.event_pattern, returned customer_data.event_pattern DEFAULT '*',
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', grain text DEFAULT 'day', periods int DEFAULT 7,
    time_zone text DEFAULT current_setting('TimeZone'), among customer_data.customer_set DEFAULT NULL,
    mode text DEFAULT 'n-day', brackets int[] DEFAULT NULL, property text DEFAULT NULL,
    by_set customer_data.customer_set[] DEFAULT NULL, set_names text[] DEFAULT NULL)
    RETURNS TABLE (cohort_at timestamp, breakdown text, set_name text, size bigint, period int, period_until int, retained bigint,
                   share double precision, complete boolean)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET work_mem = '256MB'
AS $$
#variable_conflict use_column
DECLARE
    step   interval := CASE grain WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || grain)::interval END;
    edges  int[];
BEGIN
    PERFORM customer_data.check_report(grain, time_zone, by_set, set_names);
    IF grain IS NULL OR periods IS NULL OR periods NOT BETWEEN 0 AND 10000 THEN
        RAISE EXCEPTION 'a retention report needs a grain and between 0 and 10000 periods' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF mode IS NULL OR mode NOT IN ('n-day', 'unbounded', 'bracket') THEN
        RAISE EXCEPTION 'unknown retention mode "%"', mode
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Modes are n-day, unbounded and bracket.';
    END IF;
    IF (mode = 'bracket') <> (brackets IS NOT NULL) THEN
        RAISE EXCEPTION 'mode bracket and the argument brackets go together'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write mode => ''bracket'', brackets => ''{0,1,3,7,14,30}''.';
    END IF;
    -- Wherever its numbering begins.
    IF brackets IS NOT NULL THEN
        brackets := ARRAY(SELECT unnest(brackets));
    END IF;
    IF brackets IS NOT NULL AND (cardinality(brackets) < 2 OR brackets[1] < 0 OR array_position(brackets, NULL) IS NOT NULL OR EXISTS (
            SELECT FROM generate_series(2, cardinality(brackets)) i WHERE brackets[i] <= brackets[i - 1])) THEN
        RAISE EXCEPTION 'brackets must be at least two growing numbers of periods' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    edges := coalesce(brackets, ARRAY(SELECT generate_series(0, periods + 1)));
    RETURN QUERY
    SELECT r.cohort_at, r.breakdown, customer_data.report_set_name(r.set_no, retention_report.set_names), r.size,
           edges[r.stretch], CASE WHEN retention_report.mode <> 'unbounded' THEN edges[r.stretch + 1] END,
           r.retained, r.retained::float8 / r.size, r.complete
    FROM customer_data.retention_report_rows(retention_report.cohort, retention_report.returned, coalesce(retention_report.since, '-infinity'),
             coalesce(retention_report.until, 'infinity'), customer_data.report_until('infinity'), retention_report.grain,
             coalesce(retention_report.time_zone, current_setting('TimeZone')), retention_report.among, retention_report.property, retention_report.by_set,
             step, edges, retention_report.mode = 'unbounded') r
    ORDER BY r.cohort_at, r.set_no, r.breakdown, r.stretch;
END
$$;
COMMENT ON FUNCTION customer_data.retention_report(customer_data.event_pattern, customer_data.event_pattern, timestamptz, timestamptz, text, int, text, customer_data.customer_set, text, int[], text, customer_data.customer_set[], text[])
    IS 'Of those who did something first in a period, how many came back in the periods after it: n-day (in that period), unbounded (in it or later), bracket (between given numbers of periods)';

-- Paths

CREATE FUNCTION customer_data.path_report_rows(pattern customer_data.event_pattern, steps int, backward boolean, since timestamptz, until timestamptz,
        gap interval, grain text, time_zone text, among customer_data.customer_set, property text, by_set customer_data.customer_set[],
        OUT period timestamp, OUT breakdown text, OUT set_no int, OUT step int, OUT from_kind text, OUT to_kind text, OUT paths bigint, OUT customers bigint) RETURNS SETOF record
    LANGUAGE c STABLE ROWS 1000 AS 'MODULE_PATHNAME', 'cd_path_report_rows';
COMMENT ON FUNCTION customer_data.path_report_rows(customer_data.event_pattern, int, boolean, timestamptz, timestamptz, interval, text, text, customer_data.customer_set, text, customer_data.customer_set[])
    IS 'What path_report() shows, in no order';

CREATE FUNCTION customer_data.path_report(pattern customer_data.event_pattern, steps int DEFAULT 5, direction text DEFAULT 'after',
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', time_zone text DEFAULT current_setting('TimeZone'),
    among customer_data.customer_set DEFAULT NULL, property text DEFAULT NULL, by_set customer_data.customer_set[] DEFAULT NULL,
    set_names text[] DEFAULT NULL, grain text DEFAULT NULL, gap interval DEFAULT '30 minutes', edges int DEFAULT 50)
    RETURNS TABLE (period timestamp, breakdown text, set_name text, step int, from_kind text, to_kind text, paths bigint, customers bigint, share double precision)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET work_mem = '256MB'
AS $$
#variable_conflict use_column
BEGIN
    PERFORM customer_data.check_report(grain, time_zone, by_set, set_names);
    IF direction IS NULL OR direction NOT IN ('after', 'before') THEN
        RAISE EXCEPTION 'unknown direction "%"', direction
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Paths are looked at after or before an event.';
    END IF;
    RETURN QUERY
    SELECT e.period, e.breakdown, customer_data.report_set_name(e.set_no, path_report.set_names), e.step, e.from_kind, e.to_kind, e.paths, e.customers, e.share
    FROM (SELECT r.*, r.paths::float8 / sum(r.paths) OVER (PARTITION BY r.period, r.set_no, r.breakdown, r.step) AS share,
                 row_number() OVER (PARTITION BY r.period, r.set_no, r.breakdown ORDER BY r.paths DESC, r.step, r.from_kind, r.to_kind) AS rank
          FROM customer_data.path_report_rows(path_report.pattern, path_report.steps, path_report.direction = 'before', coalesce(path_report.since, '-infinity'),
                   customer_data.report_until(path_report.until), path_report.gap, path_report.grain, coalesce(path_report.time_zone, current_setting('TimeZone')),
                   path_report.among, path_report.property, path_report.by_set) r) e
    WHERE path_report.edges IS NULL OR e.rank <= path_report.edges
    ORDER BY e.period, e.set_no, e.breakdown, e.step, e.paths DESC, e.from_kind, e.to_kind;
END
$$;
COMMENT ON FUNCTION customer_data.path_report(customer_data.event_pattern, int, text, timestamptz, timestamptz, text, customer_data.customer_set, text, customer_data.customer_set[], text[], text, interval, int)
    IS 'Steps that customers take after (or before) an event in the same session: how often each leads to which; to_kind NULL: the session ends';

-- Distribution and stickiness

CREATE FUNCTION customer_data.customer_measures(pattern customer_data.event_pattern, since timestamptz, until timestamptz, grain text, time_zone text,
        among customer_data.customer_set, of text,
        OUT customer_id bigint, OUT events bigint, OUT periods bigint, OUT total double precision) RETURNS SETOF record
    LANGUAGE c STABLE ROWS 10000 AS 'MODULE_PATHNAME', 'cd_customer_measures';
COMMENT ON FUNCTION customer_data.customer_measures(customer_data.event_pattern, timestamptz, timestamptz, text, text, customer_data.customer_set, text)
    IS 'Of each customer with events that match: how many, in how many periods of a grain, and the sum of a number of theirs';

CREATE FUNCTION customer_data.distribution_report(pattern customer_data.event_pattern DEFAULT '*', measure text DEFAULT 'events',
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', time_zone text DEFAULT current_setting('TimeZone'),
    among customer_data.customer_set DEFAULT NULL, by_set customer_data.customer_set[] DEFAULT NULL, set_names text[] DEFAULT NULL,
    grain text DEFAULT 'day', buckets double precision[] DEFAULT NULL, of text DEFAULT 'value')
    RETURNS TABLE (set_name text, lower double precision, upper double precision, customers bigint, share double precision, or_more bigint)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET work_mem = '256MB'
AS $$
#variable_conflict use_column
BEGIN
    PERFORM customer_data.check_report(grain, time_zone, by_set, set_names);
    IF measure IS NULL OR measure NOT IN ('events', 'periods', 'total') THEN
        RAISE EXCEPTION 'unknown measure "%"', measure
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Measures are events, periods (with an event) and total (the sum of the argument of).';
    END IF;
    IF measure = 'total' AND buckets IS NULL THEN
        RAISE EXCEPTION 'the distribution of totals needs buckets'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write buckets => ''{0,10,50,100,500}''.';
    END IF;
    -- Wherever their numbering begins.
    IF buckets IS NOT NULL THEN
        buckets := ARRAY(SELECT unnest(buckets));
    END IF;
    IF by_set IS NOT NULL THEN
        by_set := ARRAY(SELECT unnest(by_set));
    END IF;
    IF buckets IS NOT NULL AND (cardinality(buckets) = 0 OR array_position(buckets, NULL) IS NOT NULL OR 'NaN' = ANY (buckets) OR EXISTS (
            SELECT FROM generate_series(2, cardinality(buckets)) i WHERE buckets[i] <= buckets[i - 1])) THEN
        RAISE EXCEPTION 'buckets must be growing numbers' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    WITH measured AS (
        SELECT m.customer_id, CASE distribution_report.measure WHEN 'events' THEN m.events WHEN 'periods' THEN m.periods ELSE m.total END AS x
        FROM customer_data.customer_measures(distribution_report.pattern, coalesce(distribution_report.since, '-infinity'),
                 customer_data.report_until(distribution_report.until), distribution_report.grain,
                 coalesce(distribution_report.time_zone, current_setting('TimeZone')), distribution_report.among, distribution_report.of) m
    ), counted AS (
        SELECT s.n, CASE WHEN distribution_report.buckets IS NULL THEN m.x ELSE distribution_report.buckets[b.i] END AS lower,
               CASE WHEN distribution_report.buckets IS NULL THEN m.x + 1 ELSE distribution_report.buckets[b.i + 1] END AS upper, count(*) AS customers
        FROM measured m
        CROSS JOIN LATERAL (SELECT CASE WHEN distribution_report.buckets IS NOT NULL THEN width_bucket(m.x, distribution_report.buckets) END AS i) b
        JOIN (SELECT NULL::int AS n WHERE distribution_report.by_set IS NULL
              UNION ALL SELECT generate_subscripts(distribution_report.by_set, 1)) s ON s.n IS NULL OR m.customer_id <@ distribution_report.by_set[s.n]
        WHERE m.x IS NOT NULL
        GROUP BY 1, 2, 3
    )
    SELECT customer_data.report_set_name(c.n, distribution_report.set_names), c.lower, c.upper, c.customers,
           c.customers::float8 / sum(c.customers) OVER (PARTITION BY c.n),
           (sum(c.customers) OVER (PARTITION BY c.n ORDER BY c.lower DESC NULLS LAST))::bigint
    FROM counted c
    ORDER BY c.n, c.lower NULLS FIRST;
END
$$;
COMMENT ON FUNCTION customer_data.distribution_report(customer_data.event_pattern, text, timestamptz, timestamptz, text, customer_data.customer_set, customer_data.customer_set[], text[], text, double precision[], text)
    IS 'How many customers have how many events, a total between bounds, or events in how many periods (stickiness); those without any have no row';
