-- The refresh: whoever changed, whose answer expired, whom a threshold passed,
-- and whatever was defined anew; nobody else.

-- Work out in which order conditions are asked: one pass over the customers
-- suffices for conditions that ask for each other, but the population of a
-- threshold must be known before the threshold, and sub-selects see segments
-- as they are stored.
CREATE FUNCTION customer_data.condition_waves(OUT condition_id integer, OUT wave integer)
    RETURNS SETOF record LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    -- The planner takes recursion for large, and would clear a table as large as it may.
    SET work_mem = '1MB'
AS $$
    WITH RECURSIVE edge AS (
        SELECT n.condition_id AS origin, d.condition_id AS target, c.by_sql::int AS step
        FROM customer_data.condition_need n
        JOIN customer_data.condition c USING (condition_id)
        JOIN customer_data.segment_definition d ON d.name = n.name
        WHERE n.kind = 'segment'
        UNION ALL
        SELECT u.condition_id, t.population_id, 1
        FROM customer_data.condition_uses_threshold u
        JOIN customer_data.condition_threshold t USING (threshold_id)
        WHERE t.population_id IS NOT NULL
    ), walk AS (
        SELECT c.condition_id, 0 AS wave FROM customer_data.condition c
        UNION
        SELECT e.origin, w.wave + e.step FROM walk w JOIN edge e ON e.target = w.condition_id
    )
    SELECT w.condition_id, max(w.wave) FROM walk w GROUP BY 1
$$;
COMMENT ON FUNCTION customer_data.condition_waves() IS 'The order of asking: thresholds after their populations, sub-selects after the segments they ask for';

-- A view rather than a function of a condition, which would be a query for each:
-- what has a sub-select does not become part of the query that calls it.  By a
-- customer's number functions find everything there is about the customer.
CREATE VIEW customer_data.attribute_condition AS
SELECT c.condition_id
FROM customer_data.condition c
WHERE c.room = 'segment' AND NOT c.by_sql AND c.untracked IS NULL
    AND NOT EXISTS (SELECT FROM customer_data.condition_need n WHERE n.condition_id = c.condition_id AND (n.kind <> 'attribute' OR n.name = 'customer_id'))
    AND NOT EXISTS (SELECT FROM customer_data.condition_uses_threshold u WHERE u.condition_id = c.condition_id);
COMMENT ON VIEW customer_data.attribute_condition IS 'Conditions that read attributes only: events, metrics and tags say nothing of them, and a refresh does not ask them of customers of whom nothing else is new';

CREATE FUNCTION customer_data.metric_table(metric text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT CASE c.expression WHEN format('m.%I', metric) THEN 'customer_metric' WHEN format('c.%I', metric) THEN 'customer' END
    FROM customer_data.profile_column c WHERE c.name = metric
$$;
COMMENT ON FUNCTION customer_data.metric_table(text) IS 'The table that a metric or an attribute is stored in, NULL where it is computed';

CREATE FUNCTION customer_data.stored_ranks(relation text, metric text, customers customer_data.customer_set, thresholds double precision[],
        OUT holders customer_data.customer_set, OUT sets customer_data.customer_set[])
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_stored_ranks';
COMMENT ON FUNCTION customer_data.stored_ranks(text, text, customer_data.customer_set, double precision[]) IS 'Part of a refresh: of some customers those who have a metric that is stored, and for each threshold a row: those who lie above it, and those who reach it';

-- Where the values of a metric are found fastest: in the table where they are
-- stored, else in profile.
CREATE FUNCTION customer_data.threshold_relation(metric text, among text DEFAULT NULL, few boolean DEFAULT false) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT format('(SELECT p.customer_id, p.%1$I::double precision AS value FROM customer_data.%2$I p WHERE p.%1$I IS NOT NULL%3$s) one',
                  metric, coalesce(customer_data.metric_table(metric), 'profile'),
                  -- Few are looked up one after the other by one scan of the index.
                  CASE WHEN few THEN ' AND p.customer_id = ANY (ARRAY(SELECT customer_data.members(' || among || ')))'
                       ELSE ' AND p.customer_id IN (SELECT customer_data.members(' || among || '))' END)
$$;
COMMENT ON FUNCTION customer_data.threshold_relation(text, text, boolean) IS 'Part of a refresh: customers with their value of a metric, as text for a FROM clause; with an expression for a set, of its members only, who may be few';

-- Count anew who has a metric, who lies above each of some thresholds and who
-- reaches it: by looking at those who may differ, or at everyone.
CREATE FUNCTION customer_data.refresh_ranks(metric text, thresholds customer_data.condition_threshold[], population text,
        differing customer_data.customer_set) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    parts text := (SELECT string_agg(format(', ARRAY[customer_data.customer_set_agg(customer_id) FILTER (WHERE value > %1$L), customer_data.customer_set_agg(customer_id) FILTER (WHERE value >= %1$L)]', t.value), '' ORDER BY t.threshold_id)
                   FROM unnest(thresholds) t);
    stored  text := customer_data.metric_table(metric);
    among   customer_data.customer_set := differing;
    holders customer_data.customer_set;
    sets    customer_data.customer_set[];
BEGIN
    IF differing IS NOT NULL AND stored IS NOT NULL THEN
        IF population IS NOT NULL THEN
            EXECUTE format('SELECT $1 OPERATOR(customer_data.&) %s', population) INTO among USING differing;
        END IF;
        SELECT r.holders, r.sets INTO holders, sets
        FROM customer_data.stored_ranks(stored, metric, among, ARRAY(SELECT u.value FROM unnest(thresholds) u ORDER BY u.threshold_id)) r;
    ELSE
        EXECUTE format('SELECT customer_data.customer_set_agg(customer_id), ARRAY[%s] FROM %s', substr(parts, 3),
                       customer_data.threshold_relation(metric, CASE WHEN differing IS NULL THEN population ELSE concat_ws(' OPERATOR(customer_data.&) ', '$1', population) END,
                                                        few => differing IS NOT NULL))
            INTO holders, sets USING differing;
    END IF;
    INSERT INTO customer_data.condition_rank AS r (threshold_id, value, valued, above, reached)
    SELECT t.threshold_id, t.value,
           coalesce(o.valued - differing, '{}') | coalesce(holders, '{}'),
           coalesce(o.above - differing, '{}') | coalesce(sets[t.n][1], '{}'),
           coalesce(o.reached - differing, '{}') | coalesce(sets[t.n][2], '{}')
    FROM (SELECT u.threshold_id, u.value, row_number() OVER (ORDER BY u.threshold_id) AS n FROM unnest(thresholds) u) t
    LEFT JOIN customer_data.condition_rank o ON o.threshold_id = t.threshold_id AND differing IS NOT NULL
    WHERE t.value IS NOT NULL
    ON CONFLICT ON CONSTRAINT condition_rank_pkey
        -- A large set that stays as it was is not written again, which takes longer than to compare it.
        DO UPDATE SET value = EXCLUDED.value,
            valued = CASE WHEN EXCLUDED.valued = r.valued THEN r.valued ELSE EXCLUDED.valued END,
            above = CASE WHEN EXCLUDED.above = r.above THEN r.above ELSE EXCLUDED.above END,
            reached = CASE WHEN EXCLUDED.reached = r.reached THEN r.reached ELSE EXCLUDED.reached END;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_ranks(text, customer_data.condition_threshold[], text, customer_data.customer_set) IS 'Part of a refresh: who lies above thresholds of one metric and population, after some customers changed (NULL: looking at everyone)';

-- See which thresholds have moved whose population may have changed: whether
-- each still is the value at its rank; the new one is looked for on the side it
-- moved to.  Note whom to ask because one moved.
CREATE FUNCTION customer_data.refresh_thresholds(refresh bigint, in_wave integer, touched customer_data.customer_set)
    RETURNS void LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    g       record;
    t       record;
    population text;
    differing customer_data.customer_set;
    customers bigint;
    rank    bigint;
    above   bigint;
    reached bigint;
    fresh   double precision;
    few     boolean;
    ranked_above   constant text := '(SELECT k.above FROM customer_data.condition_rank k WHERE k.threshold_id = $3)';
    ranked_reached constant text := '(SELECT k.reached FROM customer_data.condition_rank k WHERE k.threshold_id = $4)';
    between_them customer_data.customer_set;
    over    customer_data.customer_set;
    at_least customer_data.customer_set;
BEGIN
    FOR g IN
        SELECT h.metric, h.population_id,
               array_agg(h ORDER BY h.threshold_id) AS thresholds,
               -- What is known of everyone else stands: the metric is stored, and counted before.
               bool_and(k.value IS NOT DISTINCT FROM h.value AND k.value IS NOT NULL)
                   AND NOT EXISTS (SELECT FROM customer_data.metric m WHERE m.name = h.metric AND m.moving)
                   AND NOT EXISTS (SELECT FROM customer_data.segment_refresh r WHERE r.refresh_id = refresh AND r.rebuild) AS known,
               (SELECT customer_data.customer_set_or_agg(c.entered | c.exited) FROM customer_data.condition_change c
                WHERE c.refresh_id = refresh AND c.condition_id = h.population_id) AS moved,
               min(customer_data.cardinality(k.valued)) AS customers
        FROM customer_data.condition_threshold h
        LEFT JOIN customer_data.condition_rank k USING (threshold_id)
        LEFT JOIN customer_data.condition_work p ON p.condition_id = h.population_id
        WHERE coalesce(p.wave + 1, 0) = in_wave
          AND (h.computed_at IS NULL
               OR NOT customer_data.is_empty(touched)
               OR p.everyone IS NOT NULL
               OR EXISTS (SELECT FROM customer_data.metric m WHERE m.name = h.metric AND m.moving)
               OR EXISTS (SELECT FROM customer_data.condition_change c
                          WHERE c.refresh_id = refresh AND c.condition_id = h.population_id))
        GROUP BY h.metric, h.population_id
    LOOP
        population := 'customer_data.members_of(' || g.population_id || ')';
        differing := touched | coalesce(g.moved, '{}');
        -- Where many differ, one look at everyone is cheaper.
        IF NOT g.known OR customer_data.cardinality(differing) * 10 > g.customers THEN
            differing := NULL;
        END IF;
        IF differing IS NULL OR NOT customer_data.is_empty(differing) THEN
            PERFORM customer_data.refresh_ranks(g.metric, g.thresholds, population, differing);
        END IF;
        FOR t IN SELECT (unnest(g.thresholds)).* LOOP
            SELECT customer_data.cardinality(k.valued), customer_data.cardinality(k.above), customer_data.cardinality(k.reached)
            INTO customers, above, reached
            FROM customer_data.condition_rank k WHERE k.threshold_id = t.threshold_id AND t.value IS NOT NULL;
            IF t.value IS NULL THEN
                EXECUTE format('SELECT count(*) FROM %s', customer_data.threshold_relation(t.metric, population)) INTO customers;
            END IF;
            rank := customer_data.threshold_rank(customers, t.percent);
            fresh := NULL;
            IF customers > 0 AND t.value IS NULL THEN
                EXECUTE format('SELECT value FROM %s ORDER BY value DESC OFFSET $1 LIMIT 1', customer_data.threshold_relation(t.metric, population))
                    INTO fresh USING rank - 1;
            ELSIF customers > 0 AND above >= rank THEN
                -- Where those above are few they are looked up, and nobody else is looked at.
                EXECUTE format('SELECT value FROM %s WHERE value > $1 ORDER BY value OFFSET $2 LIMIT 1',
                               customer_data.threshold_relation(t.metric, CASE WHEN above * 10 < customers THEN ranked_above ELSE population END, few => above * 10 < customers))
                    INTO fresh USING t.value, above - rank, t.threshold_id;
            ELSIF customers > 0 AND reached < rank THEN
                EXECUTE format('SELECT value FROM %s WHERE value < $1 ORDER BY value DESC OFFSET $2 LIMIT 1', customer_data.threshold_relation(t.metric, population))
                    INTO fresh USING t.value, rank - reached - 1;
            ELSIF customers > 0 THEN
                fresh := t.value;
            END IF;
            CONTINUE WHEN fresh IS NOT DISTINCT FROM t.value AND t.computed_at IS NOT NULL;
            between_them := '{}';
            IF fresh IS NOT NULL AND t.value IS NOT NULL AND fresh <> t.value THEN
                -- All of the metric, whoever is in the population; where that is everyone, they reached the old one if it moved up.
                few := population IS NULL AND fresh > t.value AND reached * 10 < customers;
                EXECUTE format('SELECT customer_data.customer_set_agg(customer_id), customer_data.customer_set_agg(customer_id) FILTER (WHERE value > $3),'
                               ' customer_data.customer_set_agg(customer_id) FILTER (WHERE value >= $3) FROM %s WHERE value BETWEEN $1 AND $2',
                               customer_data.threshold_relation(t.metric, CASE WHEN few THEN ranked_reached END, few))
                    INTO between_them, over, at_least USING least(fresh, t.value), greatest(fresh, t.value), fresh, t.threshold_id;
                UPDATE customer_data.condition_rank k
                SET value = fresh,
                    above = (k.above - between_them) | (coalesce(over, '{}') & k.valued),
                    reached = (k.reached - between_them) | (coalesce(at_least, '{}') & k.valued)
                WHERE k.threshold_id = t.threshold_id;
            ELSIF fresh IS DISTINCT FROM t.value THEN
                DELETE FROM customer_data.condition_rank k WHERE k.threshold_id = t.threshold_id;
            END IF;
            IF fresh IS DISTINCT FROM t.value THEN
                UPDATE customer_data.condition_work w
                SET threshold = coalesce(w.threshold, '{}') | coalesce(between_them, '{}'),
                    everyone = CASE WHEN w.everyone IS NOT NULL THEN w.everyone
                               WHEN NOT u.plain OR fresh IS NULL OR t.value IS NULL THEN 'threshold' END
                FROM customer_data.condition_uses_threshold u
                WHERE u.threshold_id = t.threshold_id AND w.condition_id = u.condition_id;
            END IF;
            UPDATE customer_data.condition_threshold h SET value = fresh, computed_at = customer_data.as_of()
            WHERE h.threshold_id = t.threshold_id;
        END LOOP;
        -- Of new ones, too, it is known from now on who lies where: the next refresh need not look at everyone.
        IF EXISTS (SELECT FROM unnest(g.thresholds) u WHERE u.value IS NULL) THEN
            PERFORM customer_data.refresh_ranks(g.metric, array_agg(h ORDER BY h.threshold_id), population, NULL)
            FROM unnest(g.thresholds) u JOIN customer_data.condition_threshold h USING (threshold_id)
            WHERE u.value IS NULL AND h.value IS NOT NULL
            HAVING count(*) > 0;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_thresholds(bigint, integer, customer_data.customer_set) IS 'Part of a refresh: thresholds first, then whom they passed by';

CREATE FUNCTION customer_data.member_turn(members customer_data.customer_set, joined customer_data.customer_set, gone customer_data.customer_set,
        asked customer_data.customer_set, found customer_data.customer_set,
        OUT members customer_data.customer_set, OUT joined customer_data.customer_set, OUT gone customer_data.customer_set,
        OUT entered customer_data.customer_set, OUT exited customer_data.customer_set)
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_member_turn';
COMMENT ON FUNCTION customer_data.member_turn(customer_data.customer_set, customer_data.customer_set, customer_data.customer_set, customer_data.customer_set, customer_data.customer_set)
    IS 'Part of a refresh: what becomes of a chunk of members when of those asked only those found are in it: its columns (members is NULL where they stay as they are written), who enters and who leaves; NULLs where nobody does';

-- Ask the conditions of one wave and write down what came out.
CREATE FUNCTION customer_data.refresh_wave(refresh bigint, in_wave integer, touched customer_data.customer_set)
    RETURNS void LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    ids  integer[];
    dues customer_data.customer_set[];
BEGIN
    SELECT array_agg(w.condition_id ORDER BY w.condition_id),
           array_agg(CASE WHEN w.everyone IS NULL
                     THEN coalesce(w.pending, '{}') | coalesce(w.expired, '{}') | coalesce(w.threshold, '{}') | coalesce(w.segment, '{}')
                     END ORDER BY w.condition_id)
    INTO ids, dues
    FROM customer_data.condition_work w WHERE w.wave = in_wave AND NOT w.parked;
    IF ids IS NULL THEN
        RETURN;
    END IF;

    WITH answer AS MATERIALIZED (
        SELECT * FROM customer_data.turn_conditions(ids, dues, touched)
    ), failed AS (
        SELECT DISTINCT ON (a.condition_id) a.condition_id, a.message,
               CASE WHEN a.customers IS NOT NULL THEN customer_data.set_min(a.customers) END AS customer_id
        FROM answer a WHERE a.what = 'error' ORDER BY a.condition_id
    ), due AS (
        INSERT INTO customer_data.condition_due (due, conditions, customers)
        SELECT a.due, a.conditions, a.sets FROM answer a WHERE a.what = 'due'
    ), turn AS (
        SELECT a.condition_id, a.chunk, a.customers AS members, a.sets
        FROM answer a
        WHERE a.what = 'turn' AND NOT EXISTS (SELECT FROM failed f WHERE f.condition_id = a.condition_id)
    ), kept AS (
        INSERT INTO customer_data.condition_member (condition_id, chunk, members)
        SELECT t.condition_id, t.chunk, t.members FROM turn t WHERE t.members IS NOT NULL
        ON CONFLICT ON CONSTRAINT condition_member_pkey DO UPDATE SET members = EXCLUDED.members, joined = NULL, gone = NULL
    ), noted AS (
        UPDATE customer_data.condition_member m SET joined = t.sets[1], gone = t.sets[2]
        FROM turn t WHERE t.members IS NULL AND m.condition_id = t.condition_id AND m.chunk = t.chunk
    ), moved AS MATERIALIZED (
        SELECT t.condition_id, customer_data.customer_set_or_agg(t.sets[3]) AS entered, customer_data.customer_set_or_agg(t.sets[4]) AS exited
        FROM turn t GROUP BY 1
    ), apart AS MATERIALIZED (
        -- OFFSET 0: each set is worked out once, and not wherever it is used.
        SELECT m.condition_id, m.entered, m.exited, coalesce(w.everyone, 'segment') AS otherwise, d.by_data, t.by_threshold, e.by_time,
               b.both_ways - d.by_data - t.by_threshold - e.by_time AS left_over
        FROM moved m
        JOIN customer_data.condition_work w USING (condition_id),
        LATERAL (SELECT m.entered | m.exited AS both_ways OFFSET 0) b,
        LATERAL (SELECT CASE WHEN w.everyone = 'definition' THEN '{}' ELSE (b.both_ways & touched) | (b.both_ways & coalesce(w.pending, '{}')) END AS by_data OFFSET 0) d,
        LATERAL (SELECT (b.both_ways - d.by_data) & coalesce(w.threshold, '{}') AS by_threshold OFFSET 0) t,
        LATERAL (SELECT (b.both_ways - d.by_data - t.by_threshold) & coalesce(w.expired, '{}') AS by_time OFFSET 0) e
    ), reason AS (
        SELECT p.condition_id, 'data' AS why, p.entered & p.by_data AS entered, p.exited & p.by_data AS exited
        FROM apart p WHERE NOT customer_data.is_empty(p.by_data)
        UNION ALL
        SELECT p.condition_id, 'threshold', p.entered & p.by_threshold, p.exited & p.by_threshold
        FROM apart p WHERE NOT customer_data.is_empty(p.by_threshold)
        UNION ALL
        SELECT p.condition_id, 'time', p.entered & p.by_time, p.exited & p.by_time
        FROM apart p WHERE NOT customer_data.is_empty(p.by_time)
        UNION ALL
        SELECT p.condition_id, p.otherwise, p.entered & p.left_over, p.exited & p.left_over
        FROM apart p WHERE NOT customer_data.is_empty(p.left_over)
    ), logged AS (
        INSERT INTO customer_data.condition_change
        SELECT refresh, r.condition_id, r.why,
               customer_data.customer_set_or_agg(r.entered), customer_data.customer_set_or_agg(r.exited)
        FROM reason r GROUP BY r.condition_id, r.why
    ), sized AS (
        SELECT m.condition_id, (customer_data.cardinality(m.entered) - customer_data.cardinality(m.exited)) AS more
        FROM moved m
    )
    INSERT INTO customer_data.condition_state AS s (condition_id, version, evaluated_at, size, error, error_at, error_customer, failures, retry_at)
    SELECT w.condition_id, w.version,
           CASE WHEN f.condition_id IS NULL THEN customer_data.as_of() END, coalesce(z.more, 0), f.message,
           CASE WHEN f.condition_id IS NOT NULL THEN customer_data.as_of() END, f.customer_id,
           (f.condition_id IS NOT NULL)::int,
           CASE WHEN f.condition_id IS NOT NULL THEN customer_data.as_of() + interval '1 minute' END
    FROM customer_data.condition_work w
    LEFT JOIN failed f USING (condition_id)
    LEFT JOIN sized z USING (condition_id)
    WHERE w.wave = in_wave AND NOT w.parked
    ON CONFLICT ON CONSTRAINT condition_state_pkey DO UPDATE
    SET version = EXCLUDED.version,
        evaluated_at = CASE WHEN EXCLUDED.error IS NULL THEN EXCLUDED.evaluated_at ELSE s.evaluated_at END,
        size = s.size + EXCLUDED.size,
        error = EXCLUDED.error, error_at = EXCLUDED.error_at, error_customer = EXCLUDED.error_customer,
        failures = CASE WHEN EXCLUDED.error IS NULL THEN 0 ELSE s.failures + 1 END,
        retry_at = CASE WHEN EXCLUDED.error IS NOT NULL
                   THEN customer_data.as_of() + least(interval '1 minute' * 2 ^ least(s.failures, 11), interval '1 day') END,
        pending = NULL;

    -- Whoever asks for a segment that has just changed is asked in its turn.
    UPDATE customer_data.condition_work w
    SET segment = coalesce(w.segment, '{}') | n.moved
    FROM (
        SELECT n.condition_id, customer_data.customer_set_or_agg(c.entered | c.exited) AS moved
        FROM customer_data.condition_need n
        JOIN customer_data.segment_definition d ON d.name = n.name
        JOIN customer_data.condition_change c ON c.condition_id = d.condition_id
        JOIN customer_data.condition_work o ON o.condition_id = d.condition_id
        WHERE n.kind = 'segment' AND c.refresh_id = refresh AND o.wave = in_wave
        GROUP BY 1
    ) n
    WHERE n.condition_id = w.condition_id AND w.wave > in_wave AND w.everyone IS NULL;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_wave(bigint, integer, customer_data.customer_set) IS 'Part of a refresh: asks the conditions of one wave and writes members, changes and dues';

-- Those in no segment: of whoever entered or left any, who is in none now.
CREATE FUNCTION customer_data.refresh_rest(refresh bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    rest     integer := (SELECT c.condition_id FROM customer_data.condition c WHERE c.room = 'rest');
    moved    customer_data.customer_set;
    placed   customer_data.customer_set;
    part     record;
    others   integer[] := (SELECT array_agg(c.condition_id ORDER BY s.size DESC NULLS LAST)
                           FROM customer_data.condition c LEFT JOIN customer_data.condition_state s USING (condition_id) WHERE c.room = 'segment');
    first    integer;
    most     integer;
    left_out customer_data.customer_set;
    t        record;
    into_it  customer_data.customer_set := '{}';
    out_of_it customer_data.customer_set := '{}';
BEGIN
    -- Whoever has just entered a segment is in one, and need not be looked for in the others.
    SELECT customer_data.take_touched('rest') | customer_data.customer_set_or_agg(c.entered | c.exited),
           coalesce(customer_data.customer_set_or_agg(c.entered) FILTER (WHERE k.room = 'segment'), '{}') INTO moved, placed
    FROM customer_data.condition_change c JOIN customer_data.condition k USING (condition_id)
    WHERE c.refresh_id = refresh AND k.room IN ('segment', 'everyone');
    -- A rebuild looks at all who are, and at all who were.
    IF (SELECT r.rebuild FROM customer_data.segment_refresh r WHERE r.refresh_id = refresh) THEN
        moved := moved | customer_data.members_of(rest)
            | customer_data.members_of((SELECT c.condition_id FROM customer_data.condition c WHERE c.room = 'everyone'));
    END IF;
    FOR part IN
        SELECT c.chunk, c.part AS asked, (c.part - placed) & coalesce(e.members, '{}') AS found
        FROM customer_data.chunks(moved) c
        LEFT JOIN (SELECT m.chunk, m.members FROM customer_data.member_chunk m JOIN customer_data.condition USING (condition_id)
                   WHERE room = 'everyone') e USING (chunk)
    LOOP
        left_out := part.found;
        -- Large segments first, few and then more at once: mostly a few of them cover all.
        first := 1;
        most := 8;
        WHILE first <= cardinality(others) AND NOT customer_data.is_empty(left_out) LOOP
            left_out := left_out - (SELECT customer_data.customer_set_or_agg(customer_data.member_set(m.members, m.joined, m.gone))
                                    FROM customer_data.condition_member m
                                    WHERE m.chunk = part.chunk AND m.condition_id = ANY (others[first : first + most - 1]));
            first := first + most;
            most := most * 4;
        END LOOP;
        SELECT m.* INTO t
        FROM (SELECT) one LEFT JOIN customer_data.condition_member k ON k.condition_id = rest AND k.chunk = part.chunk,
        LATERAL customer_data.member_turn(k.members, k.joined, k.gone, part.asked, left_out) m;
        CONTINUE WHEN t.entered IS NULL;
        IF t.members IS NULL THEN
            UPDATE customer_data.condition_member m SET joined = t.joined, gone = t.gone WHERE m.condition_id = rest AND m.chunk = part.chunk;
        ELSE
            INSERT INTO customer_data.condition_member (condition_id, chunk, members) VALUES (rest, part.chunk, t.members)
            ON CONFLICT ON CONSTRAINT condition_member_pkey DO UPDATE SET members = EXCLUDED.members, joined = NULL, gone = NULL;
        END IF;
        into_it := into_it | t.entered;
        out_of_it := out_of_it | t.exited;
    END LOOP;
    IF NOT customer_data.is_empty(into_it | out_of_it) THEN
        INSERT INTO customer_data.condition_change VALUES (refresh, rest, 'segment', into_it, out_of_it);
    END IF;
    INSERT INTO customer_data.condition_state AS s (condition_id, version, evaluated_at, size)
    VALUES (rest, 1, customer_data.as_of(), customer_data.cardinality(into_it) - customer_data.cardinality(out_of_it))
    ON CONFLICT ON CONSTRAINT condition_state_pkey DO UPDATE
    SET evaluated_at = EXCLUDED.evaluated_at, size = s.size + EXCLUDED.size;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_rest(bigint) IS 'Part of a refresh: the segment everyone else';

-- The first refresh of a day, and the first of a condition, keeps a snapshot.
CREATE FUNCTION customer_data.take_snapshots(refresh bigint) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    today date := (customer_data.as_of() AT TIME ZONE 'UTC')::date;
    taken integer;
BEGIN
    WITH due AS (
        INSERT INTO customer_data.condition_snapshot (condition_id, day, refresh_id, moment, size)
        SELECT c.condition_id, today, take_snapshots.refresh, customer_data.as_of(), s.size
        FROM customer_data.condition c JOIN customer_data.condition_state s USING (condition_id)
        WHERE c.room <> 'population' AND s.error IS NULL
          AND NOT EXISTS (SELECT FROM customer_data.condition_snapshot p
                          WHERE p.condition_id = c.condition_id AND p.day >= today)
        -- Two refreshes never take one snapshot; of two at REPEATABLE READ the later one fails as it should.
        ON CONFLICT ON CONSTRAINT condition_snapshot_pkey DO NOTHING
        RETURNING condition_id
    ), kept AS (
        INSERT INTO customer_data.condition_snapshot_chunk (condition_id, chunk, refresh_id, members)
        SELECT m.condition_id, m.chunk, take_snapshots.refresh, m.members
        FROM due JOIN customer_data.member_chunk m USING (condition_id)
        LEFT JOIN LATERAL (SELECT k.members FROM customer_data.condition_snapshot_chunk k
                           WHERE k.condition_id = m.condition_id AND k.chunk = m.chunk
                           ORDER BY k.refresh_id DESC LIMIT 1) before ON true
        WHERE before.members IS DISTINCT FROM m.members
    )
    SELECT count(*) INTO taken FROM due;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION customer_data.take_snapshots(bigint) IS 'Part of a refresh: keeps the members of each condition that has no snapshot of the day yet; answers how many';

CREATE FUNCTION customer_data.refresh_conditions(rebuild boolean, at timestamptz,
        OUT segments integer, OUT customers bigint, OUT entered bigint, OUT exited bigint,
        OUT failed integer, OUT seconds double precision)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET customer_data.recompute_past = off
AS $$
DECLARE
    began    timestamptz := clock_timestamp();
    previous timestamptz;
    touched  customer_data.customer_set;
    attributes customer_data.customer_set;
    refresh  bigint;
    w        integer;
    saved    text := coalesce(current_setting('customer_data.as_of', true), '');
BEGIN
    IF to_regclass('customer_data.profile') IS NULL THEN
        SELECT 0, 0, 0, 0, 0, 0 INTO segments, customers, entered, exited, failed, seconds;
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('customer_data.refresh_segments', 0));
    SELECT max(r.moment) INTO previous FROM customer_data.segment_refresh r;
    IF at < previous THEN
        -- A refresh that waited for one that began later goes on from there;
        -- a clock that was put back starts all over.
        IF previous <= clock_timestamp() THEN
            at := previous;
        ELSE
            rebuild := true;
        END IF;
    END IF;
    PERFORM set_config('customer_data.as_of', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', true);

    touched := customer_data.take_touched('segment');
    attributes := customer_data.take_touched('attribute');
    INSERT INTO customer_data.segment_refresh (moment, rebuild, touched)
    VALUES (at, refresh_conditions.rebuild, customer_data.cardinality(touched))
    RETURNING refresh_id INTO refresh;

    DELETE FROM customer_data.condition_work;
    WITH expired AS (
        DELETE FROM customer_data.condition_due d WHERE d.due <= at RETURNING d.conditions, d.customers
    ), due AS (
        SELECT x.condition_id, customer_data.customer_set_or_agg(x.customers) AS customers
        FROM expired e, unnest(e.conditions, e.customers) AS x (condition_id, customers) GROUP BY 1
    )
    INSERT INTO customer_data.condition_work (condition_id, wave, version, everyone, parked, pending, expired)
    SELECT c.condition_id, v.wave, c.version,
           CASE WHEN s.condition_id IS NULL OR s.version <> c.version THEN 'definition'
                WHEN s.error IS NOT NULL AND s.pending IS NULL OR refresh_conditions.rebuild THEN 'rebuild'
                WHEN c.untracked IS NOT NULL THEN 'time' END,
           -- What failed at a customer waits for that customer; what could not
           -- even begin costs nothing to try.
           coalesce(s.error_customer IS NOT NULL AND s.version = c.version AND NOT refresh_conditions.rebuild AND at < s.retry_at
                    AND NOT (touched | attributes) @> s.error_customer AND NOT coalesce(d.customers @> s.error_customer, false), false),
           -- Of attributes alone, those whose attributes may have changed are asked, instead of all touched.
           CASE WHEN c.condition_id IN (SELECT a.condition_id FROM customer_data.attribute_condition a) THEN coalesce(s.pending, '{}') | attributes ELSE s.pending END, d.customers
    FROM customer_data.condition c
    JOIN customer_data.condition_waves() v USING (condition_id)
    LEFT JOIN customer_data.condition_state s USING (condition_id)
    LEFT JOIN due d USING (condition_id)
    WHERE c.room <> 'rest';
    -- Whoever is asked anyway need not be remembered.
    IF NOT EXISTS (SELECT FROM customer_data.condition_work k WHERE k.everyone IS NULL) THEN
        DELETE FROM customer_data.condition_due;
    END IF;

    FOR w IN SELECT DISTINCT wave FROM customer_data.condition_work ORDER BY wave LOOP
        LOOP
            BEGIN
                PERFORM customer_data.refresh_thresholds(refresh, w, touched);
                PERFORM customer_data.refresh_wave(refresh, w, touched);
                EXIT;
            EXCEPTION WHEN foreign_key_violation THEN
                -- What was dropped while it was asked is left out, and the others are asked again.
                DELETE FROM customer_data.condition_work k
                WHERE NOT EXISTS (SELECT FROM customer_data.condition c WHERE c.condition_id = k.condition_id);
                IF NOT FOUND THEN
                    RAISE;
                END IF;
            END;
        END LOOP;
    END LOOP;
    -- Of whom a condition that fails must be asked when it works again.
    UPDATE customer_data.condition_state s
    SET pending = CASE WHEN k.everyone IS NULL
                  THEN touched | coalesce(k.pending, '{}') | coalesce(k.expired, '{}') | coalesce(k.threshold, '{}') | coalesce(k.segment, '{}')
                       | coalesce((SELECT customer_data.customer_set_or_agg(c.entered | c.exited)
                                   FROM customer_data.condition_need n
                                   JOIN customer_data.segment_definition d ON d.name = n.name
                                   JOIN customer_data.condition_change c ON c.condition_id = d.condition_id AND c.refresh_id = refresh
                                   WHERE n.condition_id = k.condition_id AND n.kind = 'segment'), '{}') END
    FROM customer_data.condition_work k
    WHERE k.condition_id = s.condition_id AND s.error IS NOT NULL;
    PERFORM customer_data.refresh_rest(refresh);
    IF customer_data.take_snapshots(refresh) > 0 THEN
        PERFORM customer_data.prune_segment_history();
    END IF;

    SELECT coalesce(sum(customer_data.cardinality(c.entered)), 0), coalesce(sum(customer_data.cardinality(c.exited)), 0)
    INTO entered, exited
    FROM customer_data.condition_change c JOIN customer_data.condition k USING (condition_id)
    WHERE c.refresh_id = refresh AND k.room IN ('segment', 'rest');
    SELECT count(*) FILTER (WHERE k.room = 'segment'), count(*) FILTER (WHERE s.error IS NOT NULL)
    INTO segments, failed
    FROM customer_data.condition k JOIN customer_data.condition_state s USING (condition_id);
    SELECT coalesce(s.size, 0) INTO customers
    FROM customer_data.condition k JOIN customer_data.condition_state s USING (condition_id) WHERE k.room = 'everyone';
    seconds := extract(epoch FROM clock_timestamp() - began);
    UPDATE customer_data.segment_refresh r
    SET entered = refresh_conditions.entered, exited = refresh_conditions.exited,
        failed = refresh_conditions.failed, seconds = refresh_conditions.seconds,
        failing = ARRAY(SELECT s.condition_id FROM customer_data.condition_state s WHERE s.error IS NOT NULL ORDER BY 1),
        expired = (SELECT coalesce(sum(customer_data.cardinality(k.expired)), 0) FROM customer_data.condition_work k)
    WHERE r.refresh_id = refresh;
    -- Journeys look at whoever changed, and at whoever changed segment.
    PERFORM customer_data.touch('journey', touched | coalesce(
        (SELECT customer_data.customer_set_or_agg(c.entered | c.exited)
         FROM customer_data.condition_change c JOIN customer_data.condition k USING (condition_id)
         WHERE c.refresh_id = refresh AND k.room = 'segment'), '{}'));
    DELETE FROM customer_data.condition_work;
    PERFORM set_config('customer_data.as_of', saved, true);
END
$$;
COMMENT ON FUNCTION customer_data.refresh_conditions(boolean, timestamptz) IS 'The refresh as of a given moment, which must not go back; behind refresh_segments()';

CREATE FUNCTION customer_data.refresh_segments(rebuild boolean DEFAULT false,
        OUT segments integer, OUT customers bigint, OUT entered bigint, OUT exited bigint,
        OUT failed integer, OUT seconds double precision)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_data.refuse_as_of('segments', 'segment_as_of(name, moment) gives the members at another moment.');
    PERFORM customer_data.refresh_metrics();
    IF to_regproc('customer_data.refresh_tags') IS NOT NULL THEN
        EXECUTE 'SELECT customer_data.refresh_tags()';
    ELSE
        PERFORM customer_data.touch('segment', customer_data.take_touched('tag'));
    END IF;
    SELECT * INTO segments, customers, entered, exited, failed, seconds
    FROM customer_data.refresh_conditions(rebuild, customer_data.as_of());
END
$$;
COMMENT ON FUNCTION customer_data.refresh_segments(boolean) IS 'Brings metrics, tags and segments up to date: asks those customers whose data changed, whose answer expired or whom a threshold passed, and everyone about what was defined anew';
