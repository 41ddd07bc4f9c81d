-- portrait: metrics, one typed value per customer each, declared once and kept fresh.

CREATE TABLE customer_data.metric (
    metric_id integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    name text PRIMARY KEY CHECK (customer_data.is_column_name(name)),
    expression text NOT NULL,
    moving boolean NOT NULL DEFAULT false,
    type text NOT NULL,
    description text,
    unit text,
    ready_made boolean NOT NULL DEFAULT false,
    owner regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    time_zone text NOT NULL DEFAULT current_setting('TimeZone'),
    uses text[] NOT NULL DEFAULT '{}',
    uses_tags text[] NOT NULL DEFAULT '{}'
);
-- A metric that is computed when asked, and one that came with the extension,
-- run as whoever asks; so only the table's owner says which ones those are.
CREATE FUNCTION customer_data.own_metric() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM customer_data.check_definer(TG_RELID, NEW.owner);
    IF NEW.moving OR NEW.ready_made THEN
        PERFORM customer_data.check_definer(TG_RELID, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID));
    END IF;
    PERFORM NEW.type::regtype;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION customer_data.own_metric() IS 'Trigger: a metric runs as its owner, whom the writer could become; one that runs as whoever asks is written by the table''s owner only';
CREATE TRIGGER own_definition BEFORE INSERT OR UPDATE OF owner, expression, moving, ready_made, type, time_zone ON customer_data.metric
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_metric();
COMMENT ON TABLE customer_data.metric IS 'Metrics: each is a column of customer_metric and of profile';
COMMENT ON COLUMN customer_data.metric.expression IS 'SQL expression over the columns of profile';
COMMENT ON COLUMN customer_data.metric.moving IS 'Computed when asked instead of stored: it changes by itself as time passes';
COMMENT ON COLUMN customer_data.metric.owner IS 'The role that defined it and with whose rights it runs';
COMMENT ON COLUMN customer_data.metric.uses IS 'Columns of profile that the expression names';
COMMENT ON COLUMN customer_data.metric.uses_tags IS 'Paths and prefixes of tags that the expression asks for; *: it looks at all';
SELECT pg_catalog.pg_extension_config_dump('customer_data.metric', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.metric_metric_id_seq', '');

CREATE TABLE customer_data.metric_state (
    metric_id integer PRIMARY KEY REFERENCES customer_data.metric (metric_id) ON DELETE CASCADE,
    restless boolean NOT NULL,
    refreshed_at timestamptz NOT NULL,
    evaluated bigint NOT NULL,
    error text,
    error_code text,
    error_customer bigint
);
COMMENT ON TABLE customer_data.metric_state IS 'The last refresh of each metric (derived); one without a row is evaluated for everyone';
COMMENT ON COLUMN customer_data.metric_state.restless IS 'Its use of time or of other tables cannot be followed, so each refresh evaluates everyone';

CREATE TABLE customer_data.metric_due (
    metric_id integer NOT NULL REFERENCES customer_data.metric (metric_id) ON DELETE CASCADE,
    due timestamptz NOT NULL,
    customers customer_data.customer_set NOT NULL
);
CREATE INDEX ON customer_data.metric_due (due);
COMMENT ON TABLE customer_data.metric_due IS 'Derived: whose value of a metric is to be looked at again from when on, though nothing new arrived; entries may be early';

CREATE VIEW customer_data.metric_status AS
    SELECT m.name, m.type, m.unit, m.expression, m.moving, s.restless, s.refreshed_at, s.evaluated,
           s.error, s.error_customer, m.owner, m.description
    FROM customer_data.metric m
    LEFT JOIN customer_data.metric_state s USING (metric_id)
    ORDER BY m.metric_id;
COMMENT ON VIEW customer_data.metric_status IS 'Metrics and how their last refresh went';

CREATE FUNCTION customer_data.days_since(at timestamptz) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_days_since';
COMMENT ON FUNCTION customer_data.days_since(timestamptz) IS 'Whole days of 24 hours between a moment and as_of(); negative before it';

CREATE FUNCTION customer_data.days_since_reached(at timestamptz, days double precision) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_days_since_reached';
COMMENT ON FUNCTION customer_data.days_since_reached(timestamptz, double precision) IS 'days_since(at) >= days, with an exact validity; comparisons of days_since with a number become this';

CREATE FUNCTION customer_data.subtract_decimals(a double precision, b double precision) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_subtract_decimals';
COMMENT ON FUNCTION customer_data.subtract_decimals(double precision, double precision) IS 'a - b where both are sums of decimals of at most six places: exactly as decimals differ, so that it can be compared with an amount';

CREATE FUNCTION customer_data.ensure_metrics() RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    since text;
    r record;
BEGIN
    IF to_regclass('customer_data.customer') IS NULL THEN
        RETURN;
    END IF;
    IF to_regclass('customer_data.customer_metric') IS NULL THEN
        CREATE TABLE customer_data.customer_metric (customer_id bigint PRIMARY KEY);
        COMMENT ON TABLE customer_data.customer_metric IS 'The metrics of each customer, a column each; shaped by add_metric';
        INSERT INTO customer_data.metric (name, expression, moving, type, unit, description, ready_made, uses)
        SELECT v.name, v.expression, v.moving, v.type, v.unit, v.description, true, v.uses
        FROM customer_data.ready_made_metric() v
        ON CONFLICT (name) DO NOTHING;
    END IF;
    -- Who registered is a customer since then, as soon as some source says when.
    since := CASE WHEN EXISTS (SELECT FROM customer_data.profile_column WHERE name = 'registered_at')
                  THEN 'least(registered_at, event_first(events, ''*''))'
                  ELSE 'event_first(events, ''*'')' END;
    -- Whoever finds nothing to do needs no rights to do it.
    IF EXISTS (SELECT FROM customer_data.metric m WHERE m.name = 'customer_since' AND m.ready_made AND m.expression <> since) THEN
        UPDATE customer_data.metric m
        SET expression = since, uses = CASE since WHEN 'event_first(events, ''*'')' THEN '{events}' ELSE '{registered_at,events}' END::text[]
        WHERE m.name = 'customer_since' AND m.ready_made AND m.expression <> since;
        DELETE FROM customer_data.metric_state s USING customer_data.metric m
        WHERE m.metric_id = s.metric_id AND m.name = 'customer_since';
    END IF;
    FOR r IN
        SELECT m.* FROM customer_data.metric m
        WHERE NOT EXISTS (SELECT FROM customer_data.profile_column p WHERE p.name = m.name)
           OR NOT m.moving AND NOT EXISTS (
                SELECT FROM pg_attribute a
                WHERE a.attrelid = 'customer_data.customer_metric'::regclass
                  AND a.attname = m.name AND NOT a.attisdropped)
        ORDER BY m.metric_id
    LOOP
        IF NOT r.moving THEN
            EXECUTE format('ALTER TABLE customer_data.customer_metric ADD COLUMN IF NOT EXISTS %I %s', r.name, r.type);
        END IF;
        INSERT INTO customer_data.profile_column (name, type, expression, origin)
        VALUES (r.name, r.type,
                CASE WHEN r.moving THEN regexp_replace(r.expression, '\(([a-z_]+)\)$', '(m.\1)')
                     ELSE format('m.%I', r.name) END,
                'metric')
        ON CONFLICT (name) DO NOTHING;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.ensure_metrics() IS 'Creates customer_metric, with the ready-made metrics and a column for each metric, where missing';

CREATE FUNCTION customer_data.ready_made_metric(OUT name text, OUT expression text, OUT moving boolean,
        OUT type text, OUT unit text, OUT description text, OUT uses text[]) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 AS $$
    SELECT v.*, CASE WHEN v.column3 THEN ARRAY[substring(v.column2 FROM '\(([a-z_]+)\)$')] ELSE '{events}' END FROM (VALUES
    ('first_event_at', 'event_first(events, ''*'')', false, 'timestamptz', NULL, 'First event of any kind'),
    ('last_event_at', 'event_last(events, ''*'')', false, 'timestamptz', NULL, 'Last event of any kind'),
    ('first_purchase_at', 'event_first(events, ''purchase'')', false, 'timestamptz', NULL, 'First purchase'),
    ('last_purchase_at', 'event_last(events, ''purchase'')', false, 'timestamptz', NULL, 'Last purchase'),
    ('customer_since', 'event_first(events, ''*'')', false, 'timestamptz', NULL, 'Registration or first event, whichever is earlier'),
    ('frequency', 'event_count(events, ''purchase'')::double precision', false, 'double precision', 'purchases', 'Number of purchases'),
    ('monetary', 'subtract_decimals(coalesce(event_sum(events, ''purchase''), 0), coalesce(abs(event_sum(events, ''refund'')), 0))', false, 'double precision', 'money', 'Value of purchases less that of refunds'),
    ('average_order', 'event_avg(events, ''purchase'')', false, 'double precision', 'money', 'Mean value of the purchases that have one'),
    ('interpurchase_time', 'extract(epoch FROM event_last(events, ''purchase'') - event_first(events, ''purchase''))::double precision / 86400 / nullif(event_count(events, ''purchase'') - 1, 0)', false, 'double precision', 'days', 'Mean time between one purchase and the next'),
    ('active_days', 'event_days(events, ''*'')::double precision', false, 'double precision', 'days', 'Days with at least one event'),
    ('return_rate', 'event_count(events, ''refund'')::double precision / nullif(event_count(events, ''purchase''), 0)', false, 'double precision', 'share', 'Refunds per purchase'),
    ('favourite_category', 'favourite(events, ''view|cart|purchase'', ''category'')', false, 'text', NULL, 'Category most often viewed, carted or bought'),
    ('favourite_channel', 'favourite(events, ''*'', ''channel'')', false, 'text', NULL, 'Channel most often used'),
    ('favourite_hour', 'favourite_hour(events)', false, 'double precision', 'hour', 'Hour of the day with most events'),
    ('recency', 'customer_data.days_since(last_purchase_at)', true, 'double precision', 'days', 'Whole days since the last purchase'),
    ('inactivity', 'customer_data.days_since(last_event_at)', true, 'double precision', 'days', 'Whole days since the last event of any kind'),
    ('tenure', 'customer_data.days_since(customer_since)', true, 'double precision', 'days', 'Whole days since the customer registered or was first seen')) v
$$;
COMMENT ON FUNCTION customer_data.ready_made_metric() IS 'The metrics that are there from the start';

CREATE FUNCTION customer_data.column_users(column_name text) RETURNS TABLE (kind text, name text)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT 'metric'::text, m.name FROM customer_data.metric m WHERE m.name <> column_name AND column_name = ANY (m.uses)
    UNION ALL
    SELECT 'tag', t.path FROM customer_data.tag t WHERE column_name = ANY (t.uses)
    UNION ALL
    SELECT c.room, c.expression FROM customer_data.condition_need n JOIN customer_data.condition c USING (condition_id)
    WHERE n.kind IN ('attribute', 'metric') AND n.name = column_name
    UNION ALL
    SELECT 'stage', format('%s of journey %s', s.name, j.name)
    FROM customer_data.journey_stage s JOIN customer_data.journey_definition j USING (journey_id) WHERE column_name = ANY (s.uses);
END
$$;
COMMENT ON FUNCTION customer_data.column_users(text) IS 'Definitions that use a column of profile';

CREATE FUNCTION customer_data.add_metric(name text, expression text, description text DEFAULT NULL, unit text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    checked record;
    kept regtype;
BEGIN
    PERFORM customer_data.ensure_metrics();
    IF NOT pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass('customer_data.customer_metric')), 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('metrics are columns of a table of role %s', (SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = 'customer_data.customer_metric'::regclass)),
            DETAIL = 'Only that role and its members can add columns to it.',
            HINT = 'Write the expression into the tag, segment or stage that is to use it, or have that role add the metric.';
    END IF;
    PERFORM customer_data.lock_portrait();
    -- A refresh under way ends first; then the locks are taken as refreshes and readers take them.
    LOCK TABLE customer_data.metric_due IN SHARE ROW EXCLUSIVE MODE;
    PERFORM customer_data.lock_profile();
    IF customer_data.is_column_name(name) IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            MESSAGE = format('metric name "%s" is not usable as a column', name),
            HINT = 'Use lower-case letters, digits and underscores, at most 63 bytes, beginning with a letter.';
    END IF;
    IF EXISTS (SELECT FROM customer_data.metric m WHERE m.name = add_metric.name) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('metric "%s" exists already', name),
            HINT = format('Change it with SELECT customer_data.alter_metric(%L, expression => ...).', name);
    END IF;
    IF name = 'customer_id' OR EXISTS (SELECT FROM customer_data.profile_column p WHERE p.name = add_metric.name) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_column',
            MESSAGE = format('profile has a column "%s" already', name);
    END IF;
    PERFORM customer_data.rebuild_profile();
    checked := customer_data.check_expression(expression);
    -- Values are written as arrays of them.
    IF (SELECT t.typarray FROM pg_type t WHERE t.oid = checked.type) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
            MESSAGE = format('a metric cannot be of type %s', checked.type),
            HINT = 'Make a list one value with to_jsonb() or array_to_string().';
    END IF;
    -- Numbers are kept as double precision, so that thresholds and models fit any.
    kept := CASE WHEN checked.type IN ('integer'::regtype, 'bigint', 'smallint', 'real', 'numeric')
                 THEN 'double precision'::regtype ELSE checked.type END;
    INSERT INTO customer_data.metric (name, expression, type, description, unit, owner, time_zone, uses, uses_tags)
    VALUES (name, expression, kept::text, description, unit, quote_ident(current_user)::regrole, current_setting('TimeZone'), checked.uses, checked.tag_paths);
    PERFORM customer_data.note_unknown_tags(checked.tag_paths);
    PERFORM customer_data.ensure_metrics();
    PERFORM customer_data.rebuild_profile();
END
$$;
COMMENT ON FUNCTION customer_data.add_metric(text, text, text, text) IS 'Declares a metric: an expression over profile, kept fresh as a column of profile';

CREATE FUNCTION customer_data.alter_metric(name text, expression text DEFAULT NULL, description text DEFAULT NULL, unit text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    had customer_data.metric;
    checked record;
BEGIN
    PERFORM customer_data.lock_portrait();
    had := customer_data.find_metric(name);
    IF alter_metric.expression IS NOT NULL THEN
        IF had.moving THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                MESSAGE = format('metric "%s" is computed when asked and has a fixed expression', name),
                HINT = 'Add a metric of another name.';
        END IF;
        checked := customer_data.check_expression(alter_metric.expression, had.type::regtype);
        UPDATE customer_data.metric m
        SET expression = alter_metric.expression, uses = checked.uses, uses_tags = checked.tag_paths, ready_made = false,
            owner = quote_ident(current_user)::regrole, time_zone = current_setting('TimeZone')
        WHERE m.metric_id = had.metric_id;
        PERFORM customer_data.refuse_cycle('metric', name, 'metric ' || name);
        DELETE FROM customer_data.metric_state s WHERE s.metric_id = had.metric_id;
        PERFORM customer_data.note_unknown_tags(checked.tag_paths);
    END IF;
    UPDATE customer_data.metric m
    SET description = coalesce(alter_metric.description, m.description), unit = coalesce(alter_metric.unit, m.unit)
    WHERE m.metric_id = had.metric_id;
END
$$;
COMMENT ON FUNCTION customer_data.alter_metric(text, text, text, text) IS 'Changes a metric''s expression (keeping its type), description or unit; NULL leaves as it is';

CREATE FUNCTION customer_data.find_metric(name text) RETURNS customer_data.metric
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    found customer_data.metric;
BEGIN
    SELECT m.* INTO found FROM customer_data.metric m WHERE m.name = find_metric.name;
    IF found.name IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no metric "%s"', name),
            HINT = coalesce((SELECT 'Did you mean ' || string_agg(format('"%s"', n.name), ' or ') || '?'
                             FROM (SELECT m.name FROM customer_data.metric m
                                   WHERE customer_data.levenshtein(m.name, find_metric.name) <= 3
                                   ORDER BY customer_data.levenshtein(m.name, find_metric.name), m.name LIMIT 2) n),
                            'See customer_data.metric_status.');
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_data.find_metric(text) IS 'A metric by name, or an error that names the nearest';

CREATE FUNCTION customer_data.drop_metric(name text) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    had customer_data.metric;
    users text;
BEGIN
    PERFORM customer_data.lock_portrait();
    LOCK TABLE customer_data.metric_due IN SHARE ROW EXCLUSIVE MODE;
    had := customer_data.find_metric(name);
    SELECT string_agg(format('%s %s', u.kind, u.name), ', ' ORDER BY u.kind, u.name) INTO users
    FROM customer_data.column_users(drop_metric.name) u;
    PERFORM customer_data.refuse_used('metric', name, users);
    PERFORM customer_data.lock_profile();
    DELETE FROM customer_data.metric m WHERE m.metric_id = had.metric_id;
    DELETE FROM customer_data.profile_column p WHERE p.name = drop_metric.name AND p.origin = 'metric';
    PERFORM customer_data.rebuild_profile();
    IF NOT had.moving THEN
        EXECUTE format('ALTER TABLE customer_data.customer_metric DROP COLUMN IF EXISTS %I', name);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.drop_metric(text) IS 'Drops a metric that nothing uses';

CREATE FUNCTION customer_data.evaluate_metrics(metric_ids integer[], customers customer_data.customer_set[],
        OUT evaluated bigint, OUT changed customer_data.customer_set)
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_evaluate_metrics';
COMMENT ON FUNCTION customer_data.evaluate_metrics(integer[], customer_data.customer_set[]) IS 'Evaluates metrics, each for a set of customers (NULL: everyone), and writes values, errors and due moments; a part of refresh_metrics()';

CREATE FUNCTION customer_data.bring_metrics(rebuild boolean,
        OUT customers bigint, OUT evaluated bigint, OUT failed integer, OUT seconds double precision)
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp SET customer_data.recompute_past = off AS $$
DECLARE
    begun timestamptz := clock_timestamp();
    moved customer_data.customer_set;
    due record;
    todo integer[];
    needs customer_data.customer_set[];
    done record;
    depth integer;
BEGIN
    customers := 0; evaluated := 0; failed := 0; seconds := 0;
    IF to_regclass('customer_data.customer') IS NULL THEN
        RETURN;
    END IF;
    PERFORM customer_data.ensure_metrics();
    PERFORM customer_data.rebuild_profile();
    -- One refresh at a time; readers are not kept waiting.
    LOCK TABLE customer_data.metric_due IN SHARE ROW EXCLUSIVE MODE;
    moved := customer_data.take_touched('portrait');
    due := customer_data.take_due('metric',
        (SELECT array_agg(l.metric_id) FROM customer_data.metric_depth() l
         WHERE l.turn = 0 AND EXISTS (SELECT FROM customer_data.metric m WHERE m.uses_tags <> '{}')));
    -- A metric comes after the metrics that it uses, and one that asks for tags after those.
    FOR depth, todo IN
        SELECT l.depth, array_agg(l.metric_id ORDER BY l.metric_id)
        FROM customer_data.metric_depth() l WHERE l.turn = 0 GROUP BY 1 ORDER BY 1
    LOOP
        needs := customer_data.whom_to_ask('metric', todo, NULL, moved, due.ids, due.customers, rebuild);
        done := customer_data.evaluate_metrics(todo, needs);
        evaluated := evaluated + done.evaluated;
        moved := moved | done.changed;
    END LOOP;
    customers := customer_data.cardinality(moved);
    failed := (SELECT count(*) FROM customer_data.metric_state s WHERE s.error IS NOT NULL);
    -- Where there are no tags, they go on to the segments at once.
    PERFORM customer_data.touch(CASE WHEN to_regproc('customer_data.refresh_tags') IS NULL THEN 'segment' ELSE 'tag' END, moved);
    seconds := extract(epoch FROM clock_timestamp() - begun);
END
$$;
COMMENT ON FUNCTION customer_data.bring_metrics(boolean) IS 'Does the work of refresh_metrics() as of as_of(), which must not go back from one call to the next';

CREATE FUNCTION customer_data.refresh_metrics(rebuild boolean DEFAULT false,
        OUT customers bigint, OUT evaluated bigint, OUT failed integer, OUT seconds double precision)
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    PERFORM customer_data.refuse_as_of('metrics');
    PERFORM customer_data.refuse_unread_events();
    SELECT b.customers, b.evaluated, b.failed, b.seconds INTO customers, evaluated, failed, seconds
    FROM customer_data.bring_metrics(rebuild) b;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_metrics(boolean) IS 'Brings metrics up to date for customers whose data changed or whose values expired, and hands those customers on to the tags; metrics that ask for tags follow with these';

CREATE FUNCTION customer_data.metric_depth() RETURNS TABLE (metric_id integer, turn integer, depth integer)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp SET jit = off SET work_mem = '4MB' AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE uses AS (
        SELECT m.metric_id, m.name, n.metric_id AS used
        FROM customer_data.metric m
        LEFT JOIN customer_data.metric n ON n.name <> m.name AND n.name = ANY (m.uses)
    ), level AS (
        SELECT u.metric_id, 0 AS depth FROM uses u
        UNION
        SELECT u.metric_id, l.depth + 1
        FROM level l JOIN uses u ON u.used = l.metric_id
        WHERE l.depth < (SELECT count(*) FROM customer_data.metric)
    )
    SELECT l.metric_id, coalesce(min(t.turn), 0), max(l.depth)
    FROM level l JOIN customer_data.metric m USING (metric_id)
    LEFT JOIN customer_data.definition_turns() t ON t.node = 'metric ' || m.name
    WHERE NOT m.moving
    GROUP BY 1;
END
$$;
COMMENT ON FUNCTION customer_data.metric_depth() IS 'In which turn and round of a refresh each metric is evaluated: after those that its expression uses';
