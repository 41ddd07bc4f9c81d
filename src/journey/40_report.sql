-- Looking at journeys: who moved where, how long they stay, who is stuck.

CREATE FUNCTION customer_data.journey_transitions(journey text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity',
        OUT from_stage text, OUT to_stage text, OUT customers bigint, OUT moves bigint, OUT percent numeric)
    RETURNS SETOF record LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    WITH step AS (
        SELECT y.customer_id, y.stage_id AS origin, y.left_at AS at,
               lead(y.stage_id) OVER w AS target, lead(y.entered_at) OVER w AS next_at
        FROM customer_data.stage_stay y
        WHERE y.journey_id = (customer_data.journey_named($1)).journey_id
        WINDOW w AS (PARTITION BY y.customer_id ORDER BY y.entered_at)
    ), move AS (
        SELECT s.customer_id, s.origin, CASE WHEN s.next_at = s.at THEN s.target END AS target
        FROM step s WHERE s.at >= $2 AND s.at < $3
    ), sum AS (
        SELECT m.origin, m.target, count(DISTINCT m.customer_id) AS customers, count(*) AS moves FROM move m GROUP BY 1, 2
    )
    SELECT a.name, b.name, u.customers, u.moves, round(100.0 * u.moves / sum(u.moves) OVER (PARTITION BY u.origin), 1)
    FROM sum u JOIN customer_data.journey_stage a ON a.stage_id = u.origin
    LEFT JOIN customer_data.journey_stage b ON b.stage_id = u.target
    ORDER BY a.position, b.position
$$;
COMMENT ON FUNCTION customer_data.journey_transitions(text, timestamptz, timestamptz) IS 'Moves between stages in a span of time, with the share of those that left the stage; to_stage NULL: out of the journey. Each row is an edge of a Sankey diagram';

CREATE FUNCTION customer_data.journey_dwell(journey text,
        OUT stage text, OUT stays bigint, OUT ended bigint, OUT median interval, OUT p90 interval, OUT longest interval)
    RETURNS SETOF record LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT s.name, count(y.entered_at), count(y.left_at),
           justify_hours(make_interval(secs => percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM y.left_at - y.entered_at))
                                 FILTER (WHERE y.left_at IS NOT NULL AND isfinite(y.entered_at)))),
           justify_hours(make_interval(secs => percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM y.left_at - y.entered_at))
                                 FILTER (WHERE y.left_at IS NOT NULL AND isfinite(y.entered_at)))),
           max(y.left_at - y.entered_at) FILTER (WHERE y.left_at IS NOT NULL AND isfinite(y.entered_at))
    FROM customer_data.journey_stage s LEFT JOIN customer_data.stage_stay y USING (journey_id, stage_id)
    WHERE s.journey_id = (customer_data.journey_named($1)).journey_id
    GROUP BY s.stage_id, s.name, s.position ORDER BY s.position
$$;
COMMENT ON FUNCTION customer_data.journey_dwell(text) IS 'How long customers stay in each stage, over the stays that have ended';

CREATE FUNCTION customer_data.journey_stuck(journey text, longer_than interval DEFAULT NULL,
        OUT customer_id bigint, OUT stage text, OUT entered_at timestamptz, OUT stayed interval, OUT usual interval)
    RETURNS SETOF record LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT y.customer_id, d.stage, y.entered_at, customer_data.as_of() - y.entered_at, d.p90
    FROM customer_data.journey_dwell($1) d
    JOIN customer_data.journey_stage s ON s.name = d.stage AND s.journey_id = (customer_data.journey_named($1)).journey_id
    JOIN customer_data.stage_stay y ON y.stage_id = s.stage_id AND y.left_at IS NULL AND isfinite(y.entered_at)
    WHERE customer_data.as_of() - y.entered_at > coalesce($2, d.p90)
      AND s.position < (SELECT max(l.position) FROM customer_data.journey_stage l WHERE l.journey_id = s.journey_id)
    ORDER BY y.entered_at, y.customer_id
$$;
COMMENT ON FUNCTION customer_data.journey_stuck(text, interval) IS 'Customers that have been in their stage for longer than a span, or than nine of ten others were; the last stage is no place to be stuck in';

CREATE FUNCTION customer_data.journey_regressions(journey text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity',
        OUT customer_id bigint, OUT from_stage text, OUT to_stage text, OUT at timestamptz)
    RETURNS SETOF record LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT x.customer_id, a.name, b.name, x.left_at
    FROM (SELECT y.*, lead(y.stage_id) OVER w AS target, lead(y.entered_at) OVER w AS next_at
          FROM customer_data.stage_stay y WHERE y.journey_id = (customer_data.journey_named($1)).journey_id
          WINDOW w AS (PARTITION BY y.customer_id ORDER BY y.entered_at)) x
    JOIN customer_data.journey_stage a ON a.stage_id = x.stage_id
    LEFT JOIN customer_data.journey_stage b ON b.stage_id = x.target AND x.next_at = x.left_at
    WHERE x.left_at >= $2 AND x.left_at < $3 AND coalesce(b.position, -1) < a.position
    ORDER BY x.left_at, x.customer_id
$$;
COMMENT ON FUNCTION customer_data.journey_regressions(text, timestamptz, timestamptz) IS 'Who fell back to an earlier stage, or out of the journey, and when';

CREATE FUNCTION customer_data.explain_stage(customer_id bigint, journey text,
        OUT stage text, OUT label text, OUT is_here boolean, OUT holds boolean, OUT entered_at timestamptz,
        OUT why text, OUT condition text)
    RETURNS SETOF record LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    j customer_data.journey_definition := customer_data.journey_named(journey);
BEGIN
    RETURN QUERY
    SELECT s.name, s.label, w.stage_id IS NOT NULL, t.holds, w.entered_at, w.why, s.condition
    FROM customer_data.journey_stage s
    LEFT JOIN (SELECT a.* FROM customer_data.walk_journey(j.journey_id, ARRAY[explain_stage.customer_id]::customer_data.customer_set) a
               WHERE a.what = 'stay' AND a.left_at IS NULL) w ON w.stage_id = s.stage_id
    LEFT JOIN LATERAL (SELECT x.value::boolean AS holds
                       FROM customer_data.try_expression(s.condition, ARRAY[explain_stage.customer_id]::customer_data.customer_set) x) t ON true
    WHERE s.journey_id = j.journey_id
    ORDER BY s.position DESC;
END
$$;
COMMENT ON FUNCTION customer_data.explain_stage(bigint, text) IS 'Each stage of the journey, the last first: does its condition hold for the customer now, and where are they, since when, brought by what';
