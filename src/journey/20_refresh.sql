-- Walking: whoever changed or is due goes the whole way again; stays that
-- came out as before are not written.

CREATE FUNCTION customer_data.walk_part(journey_id integer, customers customer_data.customer_set,
        OUT changed bigint, OUT moved customer_data.customer_set, OUT error text, OUT error_customer bigint)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    missed bigint;
BEGIN
    -- Planned anew each time: the history grows while its parts are written.
    EXECUTE $walk$
    WITH walked AS MATERIALIZED (
        SELECT * FROM customer_data.walk_journey($1, $2, true)
    ), failed AS (
        SELECT w.message, w.stage_id, w.customer_id FROM walked w WHERE w.what = 'error' LIMIT 1
    ), good AS NOT MATERIALIZED (
        SELECT * FROM walked w WHERE NOT EXISTS (SELECT FROM failed)
    ), due AS (
        INSERT INTO customer_data.journey_due
        SELECT $1, g.due, customer_data.customer_set_or_agg(g.members) FROM good g WHERE g.what = 'due' GROUP BY g.due
    ), gone AS (
        DELETE FROM customer_data.stage_stay o
        USING (SELECT customer_data.members(g.members) AS customer_id FROM good g WHERE g.what = 'gone') n
        WHERE o.journey_id = $1 AND o.customer_id = n.customer_id
        RETURNING o.customer_id
    ), lost AS (
        DELETE FROM customer_data.stage_stay o USING good g WHERE g.what = 'delete' AND o.ctid = g.place
        RETURNING 1
    ), altered AS (
        UPDATE customer_data.stage_stay o SET left_at = g.left_at, stage_id = g.stage_id, why = g.why
        FROM good g WHERE g.what = 'update' AND o.ctid = g.place
        RETURNING 1
    ), turn AS MATERIALIZED (
        SELECT p.stage_id, p.chunk, coalesce(m.members, '{}') AS before,
               (coalesce(m.members, '{}') - p.part) | coalesce(n.members, '{}') AS after
        FROM (SELECT s.stage_id, c.chunk, c.part FROM customer_data.journey_stage s, customer_data.chunks($2) c
              WHERE s.journey_id = $1 AND NOT EXISTS (SELECT FROM failed)) p
        LEFT JOIN customer_data.stage_member m USING (stage_id, chunk)
        LEFT JOIN (SELECT g.stage_id, c.chunk, customer_data.customer_set_or_agg(c.part) AS members
                   FROM good g, customer_data.chunks(g.members) c WHERE g.what = 'in' GROUP BY 1, 2) n USING (stage_id, chunk)
    ), kept AS (
        INSERT INTO customer_data.stage_member AS k (stage_id, chunk, members)
        SELECT t.stage_id, t.chunk, t.after FROM turn t WHERE t.before <> t.after
        ON CONFLICT ON CONSTRAINT stage_member_pkey DO UPDATE SET members = EXCLUDED.members
    )
    SELECT coalesce((SELECT sum(customer_data.cardinality(g.members)) FROM good g WHERE g.what = 'changed'), 0)
               + (SELECT count(DISTINCT n.customer_id) FROM gone n),
           (SELECT coalesce(customer_data.customer_set_or_agg(t.before # t.after), '{}') FROM turn t WHERE t.before <> t.after),
           (SELECT coalesce(format('stage "%s": ', s.name), '') || f.message
            FROM failed f LEFT JOIN customer_data.journey_stage s USING (stage_id)),
           (SELECT f.customer_id FROM failed f),
           (SELECT count(*) FROM good g WHERE g.what IN ('update', 'delete'))
               - (SELECT count(*) FROM altered) - (SELECT count(*) FROM lost)
    $walk$ INTO changed, moved, error, error_customer, missed USING walk_part.journey_id, walk_part.customers;
    -- Rows are written where they were read, which no other refresh changes meanwhile.
    IF missed <> 0 THEN
        RAISE EXCEPTION 'stays of customers changed while a refresh was writing them' USING ERRCODE = 'serialization_failure',
            DETAIL = format('Rows of customer_data.stage_stay that were not found again: %s.', missed),
            HINT = 'Run the refresh again; nothing but refreshes should write that table.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.walk_part(integer, customer_data.customer_set) IS 'Part of refresh_journeys(): walks with some customers; how many histories changed, and who is in another stage now';

CREATE FUNCTION customer_data.refresh_journey(journey_id integer, customers customer_data.customer_set,
        OUT walked bigint, OUT changed bigint, OUT moved customer_data.customer_set, OUT error text, OUT error_customer bigint)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    part   customer_data.customer_set;
    done   record;
    parts  customer_data.customer_set[];
BEGIN
    walked := 0; changed := 0; moved := '{}';
    IF customers IS NULL THEN
        -- Everyone there is, and those who are gone but have left a trace.
        SELECT customer_data.customer_set_agg(e.customer_id) INTO customers
        FROM (SELECT c.customer_id FROM customer_data.customer c
              UNION ALL
              SELECT y.customer_id FROM customer_data.stage_stay y
              WHERE y.journey_id = refresh_journey.journey_id
                AND NOT EXISTS (SELECT FROM customer_data.customer c WHERE c.customer_id = y.customer_id)) e;
    END IF;
    -- In parts that fit into memory; after an error nothing of any part remains.
    SELECT array_agg(s.part ORDER BY s.n) INTO parts
    FROM (SELECT (m.row - 1) / 65536 AS n, customer_data.customer_set_agg(m.id) AS part
          FROM customer_data.members(customers) WITH ORDINALITY AS m (id, row) GROUP BY 1) s;
    FOREACH part IN ARRAY coalesce(parts, '{}') LOOP
        done := customer_data.walk_part(refresh_journey.journey_id, part);
        IF done.error IS NOT NULL THEN
            error_customer := done.error_customer;
            RAISE EXCEPTION '%', done.error USING ERRCODE = 'triggered_action_exception';
        END IF;
        walked := walked + customer_data.cardinality(part);
        changed := changed + done.changed;
        moved := moved | done.moved;
    END LOOP;
EXCEPTION WHEN triggered_action_exception THEN
    walked := 0; changed := 0; moved := '{}'; error := SQLERRM;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_journey(integer, customer_data.customer_set) IS 'Part of refresh_journeys(): one journey for some customers, NULL for everyone; an error leaves all as it was';

CREATE FUNCTION customer_data.refresh_walks(rebuild boolean, at timestamptz,
        OUT journeys integer, OUT customers bigint, OUT changed bigint, OUT failed integer, OUT seconds double precision)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET customer_data.recompute_past = off
AS $$
DECLARE
    began   timestamptz := clock_timestamp();
    previous timestamptz;
    touched customer_data.customer_set;
    moved   customer_data.customer_set := '{}';
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
    -- In the order of a whole refresh, so that two of them never wait for each other.
    IF EXISTS (SELECT FROM customer_data.condition_need n WHERE n.kind = 'stage') THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('customer_data.refresh_segments', 0));
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('customer_data.refresh_journeys', 0));
    SELECT max(t.refreshed_at) INTO previous FROM customer_data.journey_state t;
    IF at < previous THEN
        -- A refresh that waited for one that began later goes on from there; a
        -- clock that was put back starts all over.
        IF previous <= clock_timestamp() THEN
            at := previous;
        ELSE
            rebuild := true;
        END IF;
    END IF;
    DELETE FROM customer_data.stage_member m WHERE NOT EXISTS (SELECT FROM customer_data.journey_stage s WHERE s.stage_id = m.stage_id);
    PERFORM set_config('customer_data.as_of', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', true);
    touched := customer_data.take_touched('journey');
    FOR j IN
        SELECT d.journey_id, d.name, d.version, s.error_customer,
               rebuild OR s.journey_id IS NULL OR s.version <> d.version AS anew, s.error IS NOT NULL AS failing
        FROM customer_data.journey_definition d LEFT JOIN customer_data.journey_state s USING (journey_id)
        WHERE EXISTS (SELECT FROM customer_data.journey_stage g WHERE g.journey_id = d.journey_id)
        ORDER BY d.journey_id
    LOOP
        journeys := journeys + 1;
        IF NOT j.anew AND EXISTS (SELECT FROM customer_data.walk_journey(j.journey_id, array_remove(ARRAY[j.error_customer], NULL)::customer_data.customer_set) w
                                  WHERE w.what = 'error') THEN
            failed := failed + 1;
            UPDATE customer_data.journey_state s SET error_at = at WHERE s.journey_id = j.journey_id;
            CONTINUE;
        END IF;
        IF j.anew OR j.failing THEN
            DELETE FROM customer_data.journey_due d WHERE d.journey_id = j.journey_id;
            due := NULL;
        ELSE
            WITH taken AS (
                DELETE FROM customer_data.journey_due d WHERE d.journey_id = j.journey_id AND d.due <= at RETURNING d.customers
            )
            SELECT customer_data.customer_set_or_agg(t.customers) INTO expired FROM taken t;
            due := touched | coalesce(expired, '{}');
        END IF;
        done := customer_data.refresh_journey(j.journey_id, due);
        customers := customers + done.walked;
        changed := changed + done.changed;
        INSERT INTO customer_data.journey_state AS s (journey_id, version, refreshed_at, error, error_at, error_customer)
        VALUES (j.journey_id, j.version, CASE WHEN done.error IS NULL THEN at END, done.error,
                CASE WHEN done.error IS NOT NULL THEN at END, done.error_customer)
        ON CONFLICT ON CONSTRAINT journey_state_pkey DO UPDATE
        SET version = EXCLUDED.version, refreshed_at = coalesce(EXCLUDED.refreshed_at, s.refreshed_at),
            error = EXCLUDED.error, error_at = EXCLUDED.error_at, error_customer = EXCLUDED.error_customer;
        failed := failed + (done.error IS NOT NULL)::int;
        IF EXISTS (SELECT FROM customer_data.condition_need n WHERE n.kind = 'stage' AND n.name = j.name) THEN
            moved := moved | done.moved;
        END IF;
    END LOOP;
    -- Segments that ask for stages look at those who moved, once.
    IF NOT customer_data.is_empty(moved) THEN
        PERFORM customer_data.touch('segment', moved);
        PERFORM customer_data.refresh_conditions(false, at);
    END IF;
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
    PERFORM customer_data.refuse_as_of('journeys', 'stage_of(customer_id, journey, moment) gives the stage at another moment.');
    PERFORM customer_data.refuse_unread_events();
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
    IF customer_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF at IS NULL OR NOT isfinite(at) THEN
        RAISE EXCEPTION 'the moment must be a finite one' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM customer_data.refuse_unread_events();
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
            WHEN t.version <> j.version THEN 'changed since the last refresh' END AS error,
       s.as_today
FROM customer_data.journey_definition j
JOIN customer_data.journey_stage s USING (journey_id)
LEFT JOIN customer_data.journey_state t USING (journey_id)
LEFT JOIN (SELECT m.stage_id, sum(customer_data.cardinality(m.members))::bigint AS size FROM customer_data.stage_member m GROUP BY 1) n USING (stage_id)
ORDER BY j.name, s.position;
COMMENT ON VIEW customer_data.journey IS 'The stages of each journey, how many customers are in each, and what is wrong';
COMMENT ON COLUMN customer_data.journey.percent IS 'Share of those in any stage of the journey';
COMMENT ON COLUMN customer_data.journey.as_today IS 'What the condition takes as it is today whatever the moment; NULL: nothing, past stages are exact';

CREATE FUNCTION customer_data.stage_members(journey text, stage text) RETURNS customer_data.customer_set
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    asked customer_data.journey_stage := customer_data.stage_named(journey, stage);
BEGIN
    RETURN (SELECT coalesce(customer_data.customer_set_or_agg(m.members), '{}')
            FROM customer_data.stage_member m WHERE m.stage_id = asked.stage_id);
END
$$;
COMMENT ON FUNCTION customer_data.stage_members(text, text) IS 'Who is in a stage, as of the last refresh';

CREATE FUNCTION customer_data.in_stage(customer_id bigint, journey text, stage text) RETURNS boolean
    LANGUAGE sql STABLE STRICT
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM customer_data.stage_member m
                   JOIN customer_data.journey_stage s USING (stage_id) JOIN customer_data.journey_definition d USING (journey_id)
                   WHERE d.name = $2 AND s.name = $3 AND m.chunk = ($1 >> 16)::int AND m.members @> ARRAY[$1]::customer_data.customer_set)
$$;
COMMENT ON FUNCTION customer_data.in_stage(bigint, text, text) IS 'Is a customer in a stage, as of the last refresh of journeys? In a condition, asked again only of those whom a refresh moved';

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
