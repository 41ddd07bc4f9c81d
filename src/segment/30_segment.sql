-- Segments: named conditions whose members are kept.

CREATE TABLE customer_data.segment_definition (
    name         text PRIMARY KEY CHECK (name <> ''),
    condition_id int NOT NULL UNIQUE REFERENCES customer_data.condition,
    description  text,
    priority     int NOT NULL DEFAULT 0,
    added_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE customer_data.segment_definition IS 'The segments; add_segment() writes it, the view segment shows it';
COMMENT ON COLUMN customer_data.segment_definition.priority IS 'Where one segment must be chosen of several, the highest wins';
SELECT pg_catalog.pg_extension_config_dump('customer_data.segment_definition', 'WHERE name <> ''everyone else''');

INSERT INTO customer_data.segment_definition (name, condition_id, description, priority)
SELECT 'everyone else', condition_id, 'Customers in no other segment', -2147483648
FROM customer_data.condition WHERE room = 'rest';

-- Check a condition and write down what it needs.
CREATE FUNCTION customer_data.declare_condition(condition_id integer, expression text, room text)
    RETURNS integer LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    checked record;
    missing text;
    id      integer := declare_condition.condition_id;
    i       integer;
    t       customer_data.condition_threshold;
BEGIN
    checked := customer_data.check_condition(expression);
    IF cardinality(checked.segments) > 0 THEN
        PERFORM customer_data.hold_segments(checked.segments);
    END IF;
    SELECT s.name INTO missing FROM unnest(checked.segments) AS s(name)
    WHERE NOT EXISTS (SELECT FROM customer_data.segment_definition d WHERE d.name = s.name) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'segment "%" does not exist', missing
            USING ERRCODE = 'undefined_object', HINT = customer_data.nearest_segments(missing);
    END IF;
    IF 'everyone else' = ANY (checked.segments) THEN
        RAISE EXCEPTION 'a condition cannot ask for the segment "everyone else"'
            USING ERRCODE = 'invalid_object_definition',
                  DETAIL = 'Who is in it depends on who is in all the others.';
    END IF;
    PERFORM customer_data.stage_named(s.journey, s.stage) FROM unnest(checked.journeys, checked.stages) AS s (journey, stage);

    IF id IS NULL THEN
        INSERT INTO customer_data.condition AS c (room, expression, by_sql, untracked)
        VALUES (declare_condition.room, declare_condition.expression, checked.by_sql, checked.untracked)
        RETURNING c.condition_id INTO id;
    ELSE
        UPDATE customer_data.condition c
        SET expression = declare_condition.expression, version = c.version + 1,
            by_sql = checked.by_sql, untracked = checked.untracked,
            owner = quote_ident(current_user)::regrole, time_zone = current_setting('TimeZone')
        WHERE c.condition_id = id;
        DELETE FROM customer_data.condition_need n WHERE n.condition_id = id;
        DELETE FROM customer_data.condition_uses_threshold u WHERE u.condition_id = id;
    END IF;

    INSERT INTO customer_data.condition_need
    SELECT id, 'segment', s, '' FROM unnest(checked.segments) s
    UNION ALL
    SELECT DISTINCT id, 'stage', s.journey, s.stage FROM unnest(checked.journeys, checked.stages) AS s (journey, stage)
    UNION ALL
    SELECT id, coalesce(p.origin, 'attribute'), c, ''
    FROM unnest(checked.columns) c LEFT JOIN customer_data.profile_column p ON p.name = c
    WHERE p.origin IS DISTINCT FROM 'tag'
    UNION ALL
    SELECT id, 'tag', w.path, '' FROM unnest(checked.tags) AS w (path);
    PERFORM customer_data.note_unknown_tags(checked.tags);

    FOR i IN 1 .. cardinality(checked.metrics) LOOP
        SELECT * INTO t FROM customer_data.condition_threshold h
        WHERE h.owner = quote_ident(current_user)::regrole AND h.time_zone = current_setting('TimeZone')
          AND h.metric = checked.metrics[i] AND h.percent = checked.percents[i]
          AND h.among IS NOT DISTINCT FROM checked.amongs[i];
        IF NOT FOUND THEN
            INSERT INTO customer_data.condition_threshold (metric, percent, among, population_id)
            VALUES (checked.metrics[i], checked.percents[i], checked.amongs[i],
                    CASE WHEN checked.amongs[i] IS NOT NULL
                    THEN customer_data.declare_condition(NULL, checked.amongs[i], 'population') END)
            RETURNING * INTO t;
        END IF;
        INSERT INTO customer_data.condition_uses_threshold AS u VALUES (id, t.threshold_id, checked.plains[i])
        ON CONFLICT ON CONSTRAINT condition_uses_threshold_pkey DO UPDATE SET plain = u.plain AND EXCLUDED.plain;
    END LOOP;
    RETURN id;
END
$$;
COMMENT ON FUNCTION customer_data.declare_condition(integer, text, text) IS 'Checks a condition, stores it (anew, where it has an id) and what it needs; add_segment() and its like call it';

-- Two who define conditions that ask for other segments take turns, so that the
-- later one sees what the earlier one asks for.
CREATE FUNCTION customer_data.hold_segments(names text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('customer_data.define_segments', 0));
    PERFORM FROM customer_data.condition c
    WHERE c.condition_id IN (SELECT unnest(customer_data.condition_closure(d.condition_id))
                             FROM customer_data.segment_definition d WHERE d.name = ANY (names))
    ORDER BY c.condition_id FOR SHARE;
END
$$;
COMMENT ON FUNCTION customer_data.hold_segments(text[]) IS 'Lets nobody drop, rename or redefine segments, nor those that they ask for, until the transaction ends';

CREATE FUNCTION customer_data.nearest_segments(name text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT coalesce('Nearest names: ' || string_agg(quote_literal(n.name), ', ' ORDER BY n.distance, n.name) || '.',
                    'SELECT name FROM customer_data.segment; lists the segments.')
    FROM (SELECT d.name, customer_data.levenshtein(d.name, nearest_segments.name) AS distance
          FROM customer_data.segment_definition d ORDER BY 2, 1 LIMIT 3) n
    WHERE n.distance <= greatest(3, length(nearest_segments.name) / 2)
$$;
COMMENT ON FUNCTION customer_data.nearest_segments(text) IS 'A hint with the names of segments nearest to one that does not exist';

CREATE FUNCTION customer_data.segment_condition(name text) RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    id integer;
BEGIN
    SELECT d.condition_id INTO id FROM customer_data.segment_definition d WHERE d.name = segment_condition.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'segment "%" does not exist', name
            USING ERRCODE = 'undefined_object', HINT = customer_data.nearest_segments(name);
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION customer_data.segment_condition(text) IS 'Number of a segment''s condition; a clear error where there is no such segment';

CREATE FUNCTION customer_data.refuse_circle(condition_id integer) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    circle text := customer_data.segment_circle(condition_id);
BEGIN
    IF circle IS NOT NULL THEN
        RAISE EXCEPTION 'segments would ask for each other in a circle'
            USING ERRCODE = 'invalid_object_definition', DETAIL = 'The circle is ' || circle || '.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.refuse_circle(integer) IS 'Refuses a condition that asks for itself by way of segments and journeys';

-- The circle that begins and ends at a condition, as names, or NULL.
CREATE FUNCTION customer_data.segment_circle(condition_id integer) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    WITH RECURSIVE edge AS (
        SELECT n.condition_id AS origin, d.condition_id AS target, d.name
        FROM customer_data.condition_need n
        JOIN customer_data.segment_definition d ON d.name = n.name
        WHERE n.kind = 'segment'
        UNION ALL
        SELECT n.condition_id, d.condition_id, format('journey %s" → "%s', j.name, d.name)
        FROM customer_data.condition_need n
        JOIN customer_data.journey_definition j ON j.name = n.name
        JOIN customer_data.journey_stage s USING (journey_id)
        JOIN customer_data.segment_definition d ON d.name = ANY (s.segments)
        WHERE n.kind = 'stage'
        UNION ALL
        SELECT u.condition_id, t.population_id, NULL
        FROM customer_data.condition_uses_threshold u
        JOIN customer_data.condition_threshold t USING (threshold_id)
        WHERE t.population_id IS NOT NULL
    ), walk AS (
        SELECT e.target, ARRAY[e.origin] AS seen, ARRAY[e.name] AS path
        FROM edge e WHERE e.origin = $1
        UNION ALL
        SELECT e.target, w.seen || e.origin, w.path || e.name
        FROM walk w JOIN edge e ON e.origin = w.target
        WHERE w.target <> $1 AND NOT w.target = ANY (w.seen)
    )
    SELECT '"' || (SELECT d.name FROM customer_data.segment_definition d WHERE d.condition_id = $1)
           || '" → "' || array_to_string(array_remove(w.path, NULL), '" → "') || '"'
    FROM walk w WHERE w.target = $1 LIMIT 1
$$;
COMMENT ON FUNCTION customer_data.segment_circle(integer) IS 'Names of the segments, and of the journeys between them, that ask for each other in a circle, NULL where there is none';

CREATE FUNCTION customer_data.add_segment(name text, condition text, description text DEFAULT NULL, priority integer DEFAULT 0)
    RETURNS void LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    id integer;
BEGIN
    IF name IS NULL OR name = '' THEN
        RAISE EXCEPTION 'a segment needs a name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM customer_data.segment_definition d WHERE d.name = add_segment.name) THEN
        RAISE EXCEPTION 'segment "%" already exists', name
            USING ERRCODE = 'duplicate_object',
                  HINT = 'Change it with customer_data.alter_segment(), or drop it with customer_data.drop_segment().';
    END IF;
    id := customer_data.declare_condition(NULL, condition, 'segment');
    INSERT INTO customer_data.segment_definition (name, condition_id, description, priority)
    VALUES (add_segment.name, id, add_segment.description, coalesce(add_segment.priority, 0));
    PERFORM customer_data.refuse_circle(id);
END
$$;
COMMENT ON FUNCTION customer_data.add_segment(text, text, text, integer) IS 'Declares a segment: a boolean SQL expression over customer_data.profile; refresh_segments() finds its members';

CREATE FUNCTION customer_data.alter_segment(name text, condition text DEFAULT NULL, description text DEFAULT NULL,
        priority integer DEFAULT NULL, new_name text DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    id     integer := customer_data.segment_condition(name);
    users  text;
BEGIN
    IF name = 'everyone else' AND (condition IS NOT NULL OR new_name IS NOT NULL) THEN
        RAISE EXCEPTION 'the segment "everyone else" has no condition of its own and keeps its name'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF condition IS NOT NULL THEN
        PERFORM customer_data.check_owner(id);
        PERFORM customer_data.declare_condition(id, condition, 'segment');
        PERFORM customer_data.refuse_circle(id);
    END IF;
    IF new_name IS NOT NULL AND new_name <> name THEN
        PERFORM customer_data.check_owner(id);
        PERFORM FROM customer_data.condition c WHERE c.condition_id = id FOR NO KEY UPDATE;
        SELECT string_agg(quote_ident(d.name), ', ' ORDER BY d.name) INTO users
        FROM customer_data.condition_need n JOIN customer_data.segment_definition d USING (condition_id)
        WHERE n.kind = 'segment' AND n.name = alter_segment.name;
        IF users IS NOT NULL THEN
            RAISE EXCEPTION 'segment "%" cannot be renamed: conditions ask for it by its name', name
                USING ERRCODE = 'dependent_objects_still_exist', DETAIL = 'They are those of: ' || users || '.';
        END IF;
    END IF;
    UPDATE customer_data.segment_definition d
    SET description = coalesce(alter_segment.description, d.description),
        priority = coalesce(alter_segment.priority, d.priority),
        name = coalesce(alter_segment.new_name, d.name)
    WHERE d.condition_id = id;
END
$$;
COMMENT ON FUNCTION customer_data.alter_segment(text, text, text, integer, text) IS 'Changes what is given of a segment; a changed condition is asked of everyone at the next refresh, with the rights of whoever changed it';

CREATE FUNCTION customer_data.check_owner(condition_id integer) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    defined_by regrole;
BEGIN
    SELECT c.owner INTO defined_by FROM customer_data.condition c WHERE c.condition_id = check_owner.condition_id;
    IF defined_by IS NOT NULL AND NOT pg_has_role(current_user, defined_by, 'USAGE') THEN
        RAISE EXCEPTION 'this was defined by role %', defined_by
            USING ERRCODE = 'insufficient_privilege', HINT = format('GRANT %s TO %s;', defined_by, quote_ident(current_user));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.check_owner(integer) IS 'Refuses to change what another role defined';

CREATE FUNCTION customer_data.drop_segment(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    id    integer := customer_data.segment_condition(name);
    users text;
BEGIN
    IF name = 'everyone else' THEN
        RAISE EXCEPTION 'the segment "everyone else" cannot be dropped'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'It makes sure that every customer is in at least one segment.';
    END IF;
    PERFORM customer_data.check_owner(id);
    -- Once no refresh adds to it and nobody asks for it any more.
    PERFORM FROM customer_data.condition c WHERE c.condition_id = id FOR UPDATE;
    SELECT string_agg(quote_ident(d.name), ', ' ORDER BY d.name) INTO users
    FROM customer_data.condition_need n JOIN customer_data.segment_definition d USING (condition_id)
    WHERE n.kind = 'segment' AND n.name = drop_segment.name;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION 'segment "%" is still asked for', name
            USING ERRCODE = 'dependent_objects_still_exist',
                  DETAIL = 'These segments use it: ' || users || '.',
                  HINT = 'Drop or alter them first.';
    END IF;
    -- Its members may be in no other segment.
    PERFORM customer_data.touch('rest', customer_data.members_of(id));
    DELETE FROM customer_data.segment_definition d WHERE d.condition_id = id;
    DELETE FROM customer_data.condition c WHERE c.condition_id = id;
    PERFORM customer_data.drop_unused_thresholds();
END
$$;
COMMENT ON FUNCTION customer_data.drop_segment(text) IS 'Drops a segment with its members and history; refuses while other segments ask for it';

CREATE FUNCTION customer_data.drop_unused_thresholds() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM customer_data.condition_threshold t
    WHERE NOT EXISTS (SELECT FROM customer_data.condition_uses_threshold u WHERE u.threshold_id = t.threshold_id);
    DELETE FROM customer_data.condition c
    WHERE c.room = 'population'
      AND NOT EXISTS (SELECT FROM customer_data.condition_threshold t WHERE t.population_id = c.condition_id);
END
$$;
COMMENT ON FUNCTION customer_data.drop_unused_thresholds() IS 'Forgets thresholds that no condition compares with any more, and their populations';
