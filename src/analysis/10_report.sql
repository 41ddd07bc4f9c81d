-- Analysis: reports over timelines and sets, as rows that charts are drawn from.

CREATE FUNCTION customer_data.event_buckets(events customer_data.timeline, pattern customer_data.event_pattern, bounds timestamptz[],
        property text DEFAULT NULL, of text DEFAULT NULL,
        OUT bucket int, OUT label text, OUT event_count bigint, OUT total double precision) RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'cd_event_buckets';
COMMENT ON FUNCTION customer_data.event_buckets(customer_data.timeline, customer_data.event_pattern, timestamptz[], text, text) IS 'Events that match, counted and summed between each bound and the next, by the value of a property (''kind'': by kind)';

-- The histories that a report looks at.  No setting is pinned, so that it is
-- inlined into the report's query and nothing is copied on the way.
CREATE FUNCTION customer_data.report_timelines(among customer_data.customer_set, since timestamptz, until timestamptz)
    RETURNS TABLE (customer_id bigint, events customer_data.timeline)
    LANGUAGE sql STABLE
AS $$
    SELECT r.customer_id, customer_data.timeline_chunk_agg(c.events, c.chunk_no)
    FROM customer_data.timeline_chunk c
    JOIN customer_data.source_record r ON r.record_id OPERATOR(pg_catalog.=) c.record_id
    WHERE (among IS NULL OR r.customer_id OPERATOR(customer_data.<@) among)
      AND c.last_at OPERATOR(pg_catalog.>=) since AND c.first_at OPERATOR(pg_catalog.<) until
    GROUP BY r.customer_id
$$;
COMMENT ON FUNCTION customer_data.report_timelines(customer_data.customer_set, timestamptz, timestamptz) IS 'Timelines of the customers (of a set) that have events in a range; events outside it may be among them';

-- The end of a report's range: never later than as_of().
CREATE FUNCTION customer_data.report_until(until timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN least(until, customer_data.as_of() + interval '1 microsecond');
COMMENT ON FUNCTION customer_data.report_until(timestamptz) IS 'The end of a report''s range, not later than as_of()';

-- Which named sets a customer is in: the breakdown of a report by sets.
CREATE FUNCTION customer_data.report_sets(by_set customer_data.customer_set[], set_names text[])
    RETURNS TABLE (set_name text, members customer_data.customer_set)
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF by_set IS NULL THEN
        RETURN QUERY SELECT NULL::text, NULL::customer_data.customer_set;
        RETURN;
    END IF;
    IF set_names IS NOT NULL AND cardinality(set_names) <> cardinality(by_set) THEN
        RAISE EXCEPTION 'report is given % sets and % names', cardinality(by_set), cardinality(set_names)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give set_names one name for each set of by_set.';
    END IF;
    RETURN QUERY SELECT coalesce(set_names[n], 'set ' || n), by_set[n] FROM generate_subscripts(by_set, 1) AS n;
END
$$;
COMMENT ON FUNCTION customer_data.report_sets(customer_data.customer_set[], text[]) IS 'The named sets of a report''s breakdown; one row without a set when there is none';

CREATE FUNCTION customer_data.check_report(grain text, time_zone text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF grain IS NOT NULL AND grain NOT IN ('hour', 'day', 'week', 'month', 'quarter', 'year') THEN
        RAISE EXCEPTION 'unknown grain "%"', grain
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Grains are hour, day, week, month, quarter and year.';
    END IF;
    PERFORM now() AT TIME ZONE time_zone;
END
$$;
COMMENT ON FUNCTION customer_data.check_report(text, text) IS 'Refuses an unknown grain or time zone';

-- Starts of the periods that cover a range, and the end of the last one.
CREATE FUNCTION customer_data.report_bounds(grain text, time_zone text, since timestamptz, until timestamptz) RETURNS timestamptz[]
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN NOT since < until THEN '{}'::timestamptz[]
        WHEN grain IS NULL THEN ARRAY[since, until]
        ELSE (SELECT array_agg(b ORDER BY b)
              FROM (SELECT greatest(g AT TIME ZONE report_bounds.time_zone, since) AS b
                    FROM generate_series(date_trunc(grain, since AT TIME ZONE report_bounds.time_zone),
                                         until AT TIME ZONE report_bounds.time_zone,
                                         CASE grain WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || grain)::interval END) AS g
                    UNION SELECT until) s
              WHERE b <= until)
    END
$$;
COMMENT ON FUNCTION customer_data.report_bounds(text, text, timestamptz, timestamptz) IS 'The bounds of the periods of a range: calendar periods in a time zone, cut off at both ends';

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
DECLARE
    lower    timestamptz;
    upper    timestamptz := customer_data.report_until(until);
    bounds   timestamptz[];
BEGIN
    PERFORM customer_data.check_report(grain, time_zone);
    SELECT greatest(event_report.since, min(c.first_at)), least(upper, max(c.last_at) + interval '1 microsecond') INTO lower, upper
    FROM customer_data.timeline_chunk c;
    bounds := customer_data.report_bounds(grain, time_zone, lower, upper);
    RETURN QUERY
    SELECT date_trunc(coalesce(event_report.grain, 'microseconds'), bounds[x.bucket] AT TIME ZONE event_report.time_zone),
           x.label, s.set_name, sum(x.event_count)::bigint, count(*),
           sum(x.event_count)::float8 / count(*), sum(x.total)
    FROM (SELECT t.customer_id, (t.b).bucket, (t.b).label, (t.b).event_count, (t.b).total
          FROM (SELECT h.customer_id, customer_data.event_buckets(h.events, event_report.pattern, bounds, event_report.property, event_report.of) AS b
                FROM customer_data.report_timelines(event_report.among, lower, upper) h) t) x
    JOIN customer_data.report_sets(event_report.by_set, event_report.set_names) s ON s.members IS NULL OR x.customer_id <@ s.members
    GROUP BY x.bucket, x.label, s.set_name
    ORDER BY 1, 3, 4 DESC, 2;
END
$$;
COMMENT ON FUNCTION customer_data.event_report(customer_data.event_pattern, timestamptz, timestamptz, text, text, customer_data.customer_set, text, customer_data.customer_set[], text[], text)
    IS 'Events and customers by period (grain NULL: all in one), by a property (''kind'': by kind) and by sets';

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
DECLARE
    last_at timestamptz := customer_data.report_until(until);
BEGIN
    PERFORM customer_data.check_report(grain, time_zone);
    IF coalesce(cardinality(steps), 0) = 0 THEN
        RAISE EXCEPTION 'a funnel needs at least one step' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    WITH chain AS MATERIALIZED (
        SELECT h.customer_id, CASE WHEN funnel_report.property IS NOT NULL THEN h.events END AS events,
               customer_data.funnel_times(CASE WHEN funnel_report.since = '-infinity' AND funnel_report.until = 'infinity'
                                                    AND customer_data.timeline_last(h.events) < last_at
                                               THEN h.events ELSE customer_data.timeline_slice(h.events, funnel_report.since, last_at) END,
                                          funnel_report.steps, funnel_report.within, funnel_report.mode) AS times
        FROM customer_data.report_timelines(funnel_report.among, funnel_report.since, last_at) h
    ), entered AS (
        SELECT c.customer_id, c.times,
               CASE WHEN funnel_report.grain IS NOT NULL
                    THEN date_trunc(funnel_report.grain, c.times[1] AT TIME ZONE funnel_report.time_zone) END AS period,
               -- Of the event that began the chain; the first one where several share its instant.
               CASE WHEN funnel_report.property IS NOT NULL THEN
                   (SELECT b.label FROM customer_data.event_buckets(c.events, funnel_report.steps[1],
                           ARRAY[c.times[1], c.times[1] + interval '1 microsecond'], funnel_report.property) b LIMIT 1) END AS breakdown
        FROM chain c WHERE cardinality(c.times) > 0
    ), grp AS (
        SELECT e.period, e.breakdown, s.set_name, e.times
        FROM entered e
        JOIN customer_data.report_sets(funnel_report.by_set, funnel_report.set_names) s ON s.members IS NULL OR e.customer_id <@ s.members
    ), counted AS (
        SELECT g.period, g.breakdown, g.set_name, n.step, count(*) AS customers,
               percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY g.times[n.step] - g.times[n.step - 1])
                   FILTER (WHERE n.step > 1) AS spent
        FROM grp g CROSS JOIN LATERAL generate_series(1, cardinality(g.times)) AS n (step)
        GROUP BY g.period, g.breakdown, g.set_name, n.step
    ), row_of AS (
        SELECT c.period, c.breakdown, c.set_name, array_agg(c.customers ORDER BY c.step) AS customers,
               array_agg(c.spent[1] ORDER BY c.step) AS median, array_agg(c.spent[2] ORDER BY c.step) AS p90
        FROM counted c GROUP BY c.period, c.breakdown, c.set_name
    )
    SELECT r.period, r.breakdown, r.set_name, n.step, funnel_report.steps[n.step]::text, coalesce(r.customers[n.step], 0),
           coalesce(r.customers[n.step], 0)::float8 / r.customers[1], coalesce(r.customers[n.step], 0)::float8 / nullif(r.customers[n.step - 1], 0),
           r.median[n.step], r.p90[n.step]
    FROM row_of r CROSS JOIN generate_series(1, cardinality(funnel_report.steps)) AS n (step)
    ORDER BY r.period, r.set_name, r.breakdown, n.step;
END
$$;
COMMENT ON FUNCTION customer_data.funnel_report(customer_data.event_pattern[], interval, timestamptz, timestamptz, text, customer_data.customer_set, text, customer_data.customer_set[], text[], text, text)
    IS 'Customers that reached each step, shares of the first and the previous step, and the time from step to step (median, 90th percentile)';

CREATE FUNCTION customer_data.retention_report(cohort customer_data.event_pattern, returned customer_data.event_pattern DEFAULT '*',
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', grain text DEFAULT 'day', periods int DEFAULT 7,
    time_zone text DEFAULT current_setting('TimeZone'), among customer_data.customer_set DEFAULT NULL, mode text DEFAULT 'n-day',
    brackets int[] DEFAULT NULL, property text DEFAULT NULL, by_set customer_data.customer_set[] DEFAULT NULL, set_names text[] DEFAULT NULL)
    RETURNS TABLE (cohort_at timestamp, breakdown text, set_name text, size bigint, period int, period_until int, retained bigint,
                   share double precision, complete boolean)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET work_mem = '256MB'
AS $$
#variable_conflict use_column
DECLARE
    now_at timestamptz := customer_data.as_of();
    step   interval := CASE grain WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || grain)::interval END;
    edges  int[];
BEGIN
    PERFORM customer_data.check_report(grain, time_zone);
    IF mode IS NULL OR mode NOT IN ('n-day', 'unbounded', 'bracket') THEN
        RAISE EXCEPTION 'unknown retention mode "%"', mode
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Modes are n-day, unbounded and bracket.';
    END IF;
    IF (mode = 'bracket') <> (brackets IS NOT NULL) THEN
        RAISE EXCEPTION 'mode bracket and the argument brackets go together'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write mode => ''bracket'', brackets => ''{0,1,3,7,14,30}''.';
    END IF;
    IF brackets IS NOT NULL AND (cardinality(brackets) < 2 OR EXISTS (
            SELECT FROM generate_series(2, cardinality(brackets)) i WHERE brackets[i] <= brackets[i - 1])) THEN
        RAISE EXCEPTION 'brackets must be at least two growing numbers of periods' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    edges := coalesce(brackets, ARRAY(SELECT generate_series(0, periods + 1)));
    RETURN QUERY
    WITH entered AS MATERIALIZED (
        SELECT h.customer_id, h.events, customer_data.event_first(h.events, retention_report.cohort, retention_report.since,
                                                                  customer_data.report_until(retention_report.until)) AS at
        FROM customer_data.report_timelines(retention_report.among, retention_report.since, now_at + interval '1 microsecond') h
    ), member AS MATERIALIZED (
        SELECT e.customer_id, e.events, date_trunc(retention_report.grain, e.at AT TIME ZONE retention_report.time_zone) AS cohort_at, s.set_name,
               CASE WHEN retention_report.property IS NOT NULL THEN
                   (SELECT b.label FROM customer_data.event_buckets(e.events, retention_report.cohort,
                           ARRAY[e.at, e.at + interval '1 microsecond'], retention_report.property) b LIMIT 1) END AS breakdown
        FROM entered e
        JOIN customer_data.report_sets(retention_report.by_set, retention_report.set_names) s ON s.members IS NULL OR e.customer_id <@ s.members
        WHERE e.at IS NOT NULL
    ), edge AS (
        SELECT c.cohort_at, n.i, edges[n.i] AS lower, CASE WHEN retention_report.mode = 'unbounded' THEN NULL ELSE edges[n.i + 1] END AS upper,
               (c.cohort_at + edges[n.i] * step) AT TIME ZONE retention_report.time_zone AS opens,
               (c.cohort_at + edges[n.i + 1] * step) AT TIME ZONE retention_report.time_zone AS closes
        FROM (SELECT DISTINCT m.cohort_at FROM member m) c CROSS JOIN generate_series(1, cardinality(edges) - 1) AS n (i)
    )
    SELECT m.cohort_at, m.breakdown, m.set_name, count(*), e.lower, e.upper,
           count(*) FILTER (WHERE h.came), (count(*) FILTER (WHERE h.came))::float8 / count(*), bool_and(e.closes <= now_at)
    FROM member m
    JOIN edge e USING (cohort_at)
    CROSS JOIN LATERAL (SELECT customer_data.happened(m.events, retention_report.returned, e.opens,
               least(now_at + interval '1 microsecond', CASE WHEN e.upper IS NOT NULL THEN e.closes END)) AS came) h
    WHERE e.opens <= now_at
    GROUP BY m.cohort_at, m.breakdown, m.set_name, e.i, e.lower, e.upper
    ORDER BY m.cohort_at, m.set_name, m.breakdown, e.i;
END
$$;
COMMENT ON FUNCTION customer_data.retention_report(customer_data.event_pattern, customer_data.event_pattern, timestamptz, timestamptz, text, int, text, customer_data.customer_set, text, int[], text, customer_data.customer_set[], text[])
    IS 'Of those who did something first in a period, how many came back in the periods after it: n-day (in that period), unbounded (in it or later), bracket (between given numbers of periods)';

CREATE FUNCTION customer_data.path_report(pattern customer_data.event_pattern, steps int DEFAULT 5, direction text DEFAULT 'after',
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', among customer_data.customer_set DEFAULT NULL,
    by_set customer_data.customer_set[] DEFAULT NULL, set_names text[] DEFAULT NULL, gap interval DEFAULT '30 minutes', edges int DEFAULT 50)
    RETURNS TABLE (set_name text, step int, from_kind text, to_kind text, paths bigint, customers bigint, share double precision)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET work_mem = '256MB'
AS $$
#variable_conflict use_column
DECLARE
    last_at timestamptz := customer_data.report_until(until);
BEGIN
    IF direction IS NULL OR direction NOT IN ('after', 'before') THEN
        RAISE EXCEPTION 'unknown direction "%"', direction
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Paths are looked at after or before an event.';
    END IF;
    RETURN QUERY
    WITH path AS MATERIALIZED (
        SELECT h.customer_id, p.path
        FROM customer_data.report_timelines(path_report.among, path_report.since, last_at) h
        CROSS JOIN LATERAL customer_data.event_paths(customer_data.timeline_slice(h.events, path_report.since, last_at),
            path_report.pattern, path_report.steps, path_report.gap, path_report.direction = 'before') p
    ), edge AS (
        SELECT s.set_name, n.step, p.path[n.step] AS from_kind, p.path[n.step + 1] AS to_kind, count(*) AS paths,
               count(DISTINCT p.customer_id) AS customers
        FROM path p
        JOIN customer_data.report_sets(path_report.by_set, path_report.set_names) s ON s.members IS NULL OR p.customer_id <@ s.members
        CROSS JOIN LATERAL generate_series(1, least(cardinality(p.path), path_report.steps - 1)) AS n (step)
        GROUP BY 1, 2, 3, 4
    )
    SELECT e.set_name, e.step, e.from_kind, e.to_kind, e.paths, e.customers, e.share
    FROM (SELECT *, edge.paths::float8 / sum(edge.paths) OVER (PARTITION BY edge.set_name, edge.step) AS share, row_number() OVER (PARTITION BY edge.set_name ORDER BY edge.paths DESC, edge.step, edge.from_kind, edge.to_kind) AS rank
          FROM edge) e
    WHERE e.rank <= path_report.edges
    ORDER BY e.set_name, e.step, e.paths DESC, e.from_kind, e.to_kind;
END
$$;
COMMENT ON FUNCTION customer_data.path_report(customer_data.event_pattern, int, text, timestamptz, timestamptz, customer_data.customer_set, customer_data.customer_set[], text[], interval, int)
    IS 'Steps that customers take after (or before) an event in the same session: how often each leads to which; to_kind NULL: the session ends';
