-- Walking: whoever changed or is due goes the whole way again; stays that
-- came out as before are not written.

CREATE FUNCTION customer_data.refresh_journey(journey_id integer, customers customer_data.customer_set,
        OUT changed bigint, OUT error text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    WITH walked AS MATERIALIZED (
        SELECT * FROM customer_data.walk_journey(refresh_journey.journey_id, refresh_journey.customers)
    ), failed AS (
        SELECT w.message, w.stage_id FROM walked w WHERE w.what = 'error' LIMIT 1
    ), stay AS (
        SELECT * FROM walked w WHERE w.what = 'stay' AND NOT EXISTS (SELECT FROM failed)
    ), due AS (
        INSERT INTO customer_data.journey_due
        SELECT refresh_journey.journey_id, w.due, customer_data.customer_set_or_agg(w.members)
        FROM walked w WHERE w.what = 'due' AND NOT EXISTS (SELECT FROM failed) GROUP BY w.due
    ), gone AS (
        DELETE FROM customer_data.stage_stay o
        WHERE o.journey_id = refresh_journey.journey_id
          AND (refresh_journey.customers IS NULL
               OR o.customer_id = ANY (SELECT customer_data.members(refresh_journey.customers)))
          AND NOT EXISTS (SELECT FROM stay n WHERE n.customer_id = o.customer_id AND n.entered_at = o.entered_at)
          AND NOT EXISTS (SELECT FROM failed)
        RETURNING o.customer_id
    ), kept AS (
        INSERT INTO customer_data.stage_stay AS o (journey_id, customer_id, entered_at, left_at, stage_id, why)
        SELECT refresh_journey.journey_id, n.customer_id, n.entered_at, n.left_at, n.stage_id, n.why FROM stay n
        ON CONFLICT ON CONSTRAINT stage_stay_pkey DO UPDATE
        SET left_at = EXCLUDED.left_at, stage_id = EXCLUDED.stage_id, why = EXCLUDED.why
        WHERE (o.left_at, o.stage_id, o.why) IS DISTINCT FROM (EXCLUDED.left_at, EXCLUDED.stage_id, EXCLUDED.why)
        RETURNING o.customer_id
    )
    SELECT (SELECT count(DISTINCT a.customer_id) FROM (SELECT customer_id FROM gone UNION ALL SELECT customer_id FROM kept) a),
           (SELECT coalesce(format('stage "%s": ', s.name), '') || f.message
            FROM failed f LEFT JOIN customer_data.journey_stage s USING (stage_id))
    INTO changed, error;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_journey(integer, customer_data.customer_set) IS 'Part of refresh_journeys(): one journey for some customers, NULL for everyone';

CREATE FUNCTION customer_data.refresh_walks(rebuild boolean, at timestamptz,
        OUT journeys integer, OUT customers bigint, OUT changed bigint, OUT failed integer, OUT seconds double precision)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET customer_data.recompute_past = off
AS $$
DECLARE
    began   timestamptz := clock_timestamp();
    touched customer_data.customer_set;
    expired customer_data.customer_set;
    due     customer_data.customer_set;
    j       record;
    done    record;
    saved   text := coalesce(current_setting('customer_data.as_of', true), '');
BEGIN
    journeys := 0; customers := 0; changed := 0; failed := 0; seconds := 0;
    IF to_regclass('customer_data.profile') IS NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('customer_data.refresh_journeys', 0));
    PERFORM set_config('customer_data.as_of', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', true);
    touched := customer_data.take_touched('journey');
    FOR j IN
        SELECT d.journey_id, d.name, d.version,
               rebuild OR s.journey_id IS NULL OR s.version <> d.version OR s.refreshed_at > at OR s.error IS NOT NULL AS everyone
        FROM customer_data.journey_definition d LEFT JOIN customer_data.journey_state s USING (journey_id)
        WHERE EXISTS (SELECT FROM customer_data.journey_stage g WHERE g.journey_id = d.journey_id)
        ORDER BY d.journey_id
    LOOP
        journeys := journeys + 1;
        IF j.everyone THEN
            DELETE FROM customer_data.journey_due d WHERE d.journey_id = j.journey_id;
            due := NULL;
        ELSE
            WITH taken AS (
                DELETE FROM customer_data.journey_due d WHERE d.journey_id = j.journey_id AND d.due <= at RETURNING d.customers
            )
            SELECT customer_data.customer_set_or_agg(t.customers) INTO expired FROM taken t;
            due := touched | coalesce(expired, '{}');
            customers := customers + customer_data.cardinality(due);
        END IF;
        done := customer_data.refresh_journey(j.journey_id, due);
        changed := changed + done.changed;
        INSERT INTO customer_data.journey_state AS s (journey_id, version, refreshed_at, error, error_at)
        VALUES (j.journey_id, j.version, CASE WHEN done.error IS NULL THEN at END, done.error, CASE WHEN done.error IS NOT NULL THEN at END)
        ON CONFLICT ON CONSTRAINT journey_state_pkey DO UPDATE
        SET version = EXCLUDED.version, refreshed_at = coalesce(EXCLUDED.refreshed_at, s.refreshed_at),
            error = EXCLUDED.error, error_at = EXCLUDED.error_at;
        failed := failed + (done.error IS NOT NULL)::int;
    END LOOP;
    seconds := extract(epoch FROM clock_timestamp() - began);
    PERFORM set_config('customer_data.as_of', saved, true);
END
$$;
COMMENT ON FUNCTION customer_data.refresh_walks(boolean, timestamptz) IS 'The refresh of journeys as of a given moment; behind refresh_journeys()';

CREATE FUNCTION customer_data.refresh_journeys(rebuild boolean DEFAULT false,
        OUT journeys integer, OUT customers bigint, OUT changed bigint, OUT failed integer, OUT seconds double precision)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('customer_data.as_of', true) <> '' THEN
        RAISE EXCEPTION 'journeys are not refreshed while customer_data.as_of is set'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'RESET customer_data.as_of; stage_of(customer_id, journey, moment) gives the stage at another moment.';
    END IF;
    SELECT * INTO journeys, customers, changed, failed, seconds
    FROM customer_data.refresh_walks(rebuild, customer_data.as_of());
END
$$;
COMMENT ON FUNCTION customer_data.refresh_journeys(boolean) IS 'Brings stages and their history up to date for customers whose data changed or whose stage was due; run refresh_segments() before';

CREATE FUNCTION customer_data.stage_of(customer_id bigint, journey text, at timestamptz DEFAULT customer_data.as_of())
    RETURNS text LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    j      customer_data.journey_definition := customer_data.journey_named(journey);
    saved  text := coalesce(current_setting('customer_data.as_of', true), '');
    answer text;
    fault  text;
BEGIN
    PERFORM set_config('customer_data.as_of', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', true);
    SELECT s.name, w.message INTO answer, fault
    FROM customer_data.walk_journey(j.journey_id, ARRAY[stage_of.customer_id]::customer_data.customer_set) w
    JOIN customer_data.journey_stage s USING (stage_id)
    WHERE w.what = 'error' OR (w.what = 'stay' AND w.left_at IS NULL);
    PERFORM set_config('customer_data.as_of', saved, true);
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'the condition of stage "%" failed: %', answer, fault USING ERRCODE = 'data_exception';
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION customer_data.stage_of(bigint, text, timestamptz) IS 'The stage a customer is in, now or at another moment, from current data and without a refresh; NULL: in none';

CREATE VIEW customer_data.journey AS
SELECT j.name, s.name AS stage, s.label, s.position, coalesce(n.size, 0) AS size,
       round(100.0 * coalesce(n.size, 0) / nullif(sum(n.size) OVER (PARTITION BY j.journey_id), 0), 1) AS percent,
       t.refreshed_at, s.condition, s.minimum_stay, s.lapse,
       CASE WHEN t.error IS NOT NULL THEN t.error
            WHEN t.journey_id IS NULL THEN 'not refreshed yet'
            WHEN t.version <> j.version THEN 'changed since the last refresh' END AS error
FROM customer_data.journey_definition j
JOIN customer_data.journey_stage s USING (journey_id)
LEFT JOIN customer_data.journey_state t USING (journey_id)
LEFT JOIN (SELECT y.stage_id, count(*) AS size FROM customer_data.stage_stay y WHERE y.left_at IS NULL GROUP BY 1) n USING (stage_id)
ORDER BY j.name, s.position;
COMMENT ON VIEW customer_data.journey IS 'The stages of each journey, how many customers are in each, and what is wrong';
COMMENT ON COLUMN customer_data.journey.percent IS 'Share of those in any stage of the journey';

CREATE VIEW customer_data.customer_stage AS
SELECT y.customer_id, j.name AS journey, s.name AS stage, s.label, s.position, y.entered_at, y.why
FROM customer_data.stage_stay y
JOIN customer_data.journey_definition j USING (journey_id)
JOIN customer_data.journey_stage s USING (stage_id)
WHERE y.left_at IS NULL;
COMMENT ON VIEW customer_data.customer_stage IS 'The stage each customer is in, as of the last refresh';

CREATE VIEW customer_data.stage_history AS
SELECT y.customer_id, j.name AS journey, s.name AS stage, s.position, y.entered_at, y.left_at,
       CASE WHEN isfinite(y.entered_at) THEN coalesce(y.left_at, t.refreshed_at) - y.entered_at END AS stayed, y.why
FROM customer_data.stage_stay y
JOIN customer_data.journey_definition j USING (journey_id)
JOIN customer_data.journey_stage s USING (stage_id)
LEFT JOIN customer_data.journey_state t ON t.journey_id = y.journey_id;
COMMENT ON VIEW customer_data.stage_history IS 'Every stay of every customer: entered, left, how long, and what brought them in';
