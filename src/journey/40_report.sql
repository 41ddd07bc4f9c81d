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
        FROM step s WHERE s.at >= coalesce($2, '-infinity') AND s.at < coalesce($3, 'infinity')
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
    WHERE x.left_at >= coalesce($2, '-infinity') AND x.left_at < coalesce($3, 'infinity') AND coalesce(b.position, -1) < a.position
    ORDER BY x.left_at, x.customer_id
$$;
COMMENT ON FUNCTION customer_data.journey_regressions(text, timestamptz, timestamptz) IS 'Who fell back to an earlier stage, or out of the journey, and when';

CREATE FUNCTION customer_data.journey_velocity(journey text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity',
        OUT stage text, OUT customers bigint, OUT percent numeric, OUT median interval, OUT p90 interval, OUT from_previous interval)
    RETURNS SETOF record LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    WITH reached AS (
        SELECT y.customer_id, y.stage_id, min(y.entered_at) AS at
        FROM customer_data.stage_stay y
        WHERE y.journey_id = (customer_data.journey_named($1)).journey_id GROUP BY 1, 2
    ), begun AS (
        SELECT r.*, min(r.at) OVER (PARTITION BY r.customer_id) AS start, lag(r.at) OVER (PARTITION BY r.customer_id ORDER BY r.at) AS before
        FROM reached r
    ), cohort AS (
        SELECT * FROM begun b WHERE b.start >= coalesce($2, '-infinity') AND b.start < coalesce($3, 'infinity')
    )
    SELECT s.name, count(c.customer_id), round(100.0 * count(c.customer_id) / nullif((SELECT count(DISTINCT x.customer_id) FROM cohort x), 0), 1),
           justify_hours(make_interval(secs => percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM c.at - c.start)) FILTER (WHERE isfinite(c.start)))),
           justify_hours(make_interval(secs => percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM c.at - c.start)) FILTER (WHERE isfinite(c.start)))),
           justify_hours(make_interval(secs => percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM c.at - c.before)) FILTER (WHERE isfinite(c.before))))
    FROM customer_data.journey_stage s LEFT JOIN cohort c USING (stage_id)
    WHERE s.journey_id = (customer_data.journey_named($1)).journey_id
    GROUP BY s.stage_id, s.name, s.position ORDER BY s.position
$$;
COMMENT ON FUNCTION customer_data.journey_velocity(text, timestamptz, timestamptz) IS 'How fast those who began the journey in a span of time first reach each stage: how many do, how long after they began (median, 90th percentile), how long after the stage they reached before';

CREATE VIEW customer_data.journey_flow AS
SELECT j.name AS journey, m.step, a.name AS from_stage, b.name AS to_stage,
       format('%s %s', m.step, a.name) AS source, coalesce(format('%s %s', m.step + 1, b.name), 'out') AS target, count(*) AS value
FROM (SELECT y.journey_id, y.customer_id, y.stage_id, y.left_at, row_number() OVER w AS step,
             lead(y.stage_id) OVER w AS next_id, lead(y.entered_at) OVER w AS next_at
      FROM customer_data.stage_stay y WINDOW w AS (PARTITION BY y.journey_id, y.customer_id ORDER BY y.entered_at)) m
JOIN customer_data.journey_definition j USING (journey_id)
JOIN customer_data.journey_stage a USING (stage_id)
LEFT JOIN customer_data.journey_stage b ON b.stage_id = m.next_id AND m.next_at = m.left_at
WHERE m.left_at IS NOT NULL
GROUP BY j.name, m.step, a.name, b.name;
COMMENT ON VIEW customer_data.journey_flow IS 'Edges of a Sankey diagram: how many customers went from which stage to which at their first, second, ... move; nodes carry the step, so that no edge leads back';

CREATE FUNCTION customer_data.explain_stage(customer_id bigint, journey text,
        OUT stage text, OUT label text, OUT is_here boolean, OUT holds boolean, OUT entered_at timestamptz,
        OUT why text, OUT condition text, OUT because text)
    RETURNS SETOF record LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    j    customer_data.journey_definition := customer_data.journey_named(journey);
    w    record;
    here record;
    held integer[] := '{}';
    s    customer_data.journey_stage;
BEGIN
    IF customer_id IS NULL THEN
        RETURN;
    END IF;
    PERFORM customer_data.refuse_unread_events();
    PERFORM FROM customer_data.profile p WHERE p.customer_id = explain_stage.customer_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no customer %', customer_id
            USING ERRCODE = 'no_data_found', HINT = 'See customer_lineage() for an id that was merged away.';
    END IF;
    SELECT NULL::timestamptz AS entered_at, NULL::text AS why, g.* INTO here FROM customer_data.journey_stage g WHERE false;
    FOR w IN SELECT * FROM customer_data.walk_journey(j.journey_id, ARRAY[explain_stage.customer_id]::customer_data.customer_set) LOOP
        IF w.what = 'error' THEN
            RAISE EXCEPTION 'a condition of journey "%" failed: %', journey, w.message USING ERRCODE = 'data_exception';
        ELSIF w.what = 'holds' THEN
            held := held || w.stage_id;
        ELSIF w.what = 'stay' AND w.left_at IS NULL THEN
            SELECT w.entered_at, w.why, g.* INTO here FROM customer_data.journey_stage g WHERE g.stage_id = w.stage_id;
        END IF;
    END LOOP;
    FOR s IN SELECT * FROM customer_data.journey_stage g WHERE g.journey_id = j.journey_id ORDER BY g.position DESC LOOP
        stage := s.name; label := s.label; condition := s.condition;
        is_here := s.stage_id IS NOT DISTINCT FROM here.stage_id;
        holds := coalesce(s.stage_id = ANY (held), false);
        entered_at := CASE WHEN is_here THEN here.entered_at END;
        why := CASE WHEN is_here THEN here.why END;
        because := concat(s.description || ': ',
            CASE WHEN is_here THEN
                     concat('here', CASE WHEN isfinite(here.entered_at) THEN format(' since %s', here.entered_at) END,
                            CASE WHEN here.why = 'time' THEN ', as time passed' WHEN here.why IS NOT NULL THEN format(', brought by "%s"', here.why) END,
                            CASE WHEN NOT holds THEN CASE WHEN here.lapse IS NULL THEN '; the condition ceased, but the stage is kept'
                                                          ELSE format('; the condition ceased, left %s later', greatest(here.lapse, here.minimum_stay)) END END)
                 WHEN NOT holds THEN 'does not hold'
                 WHEN s.position < here.position THEN format(CASE WHEN here.stage_id = ANY (held) THEN 'holds, but so does the later "%s"' ELSE 'holds, but "%s" is not left yet' END, here.name)
                 ELSE format('holds, but "%s" is not left within %s', here.name, here.minimum_stay) END);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.explain_stage(bigint, text) IS 'Each stage of the journey, the last first: does its condition hold for the customer now, and where are they, since when, brought by what; because: the same in the words of the model';
