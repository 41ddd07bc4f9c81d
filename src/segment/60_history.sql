-- Segments at other moments, and why a customer is in one or not.

-- A condition and all that it asks for by in_segment(), or, of the rest, all segments.
CREATE FUNCTION customer_data.condition_closure(condition_id integer) RETURNS integer[]
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    WITH RECURSIVE needed(id) AS (
        SELECT $1
        UNION
        SELECT d.condition_id
        FROM needed n
        JOIN customer_data.condition_need c ON c.condition_id = n.id AND c.kind = 'segment'
        JOIN customer_data.segment_definition d ON d.name = c.name
    )
    SELECT array_agg(n.id) FROM (
        SELECT id FROM needed
        UNION
        SELECT c.condition_id FROM customer_data.condition c
        WHERE c.room IN ('segment', 'everyone')
          AND EXISTS (SELECT FROM customer_data.condition r WHERE r.condition_id = $1 AND r.room = 'rest')
    ) n
$$;
COMMENT ON FUNCTION customer_data.condition_closure(integer) IS 'The conditions that must be asked together with one';

-- The members that a snapshot holds: of each chunk what was written last.
CREATE FUNCTION customer_data.snapshot_members(condition_id integer, refresh bigint) RETURNS customer_data.customer_set
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT coalesce(customer_data.customer_set_or_agg(m.members), '{}')
    FROM (SELECT DISTINCT k.chunk FROM customer_data.condition_snapshot_chunk k WHERE k.condition_id = $1) c,
    LATERAL (SELECT k.members FROM customer_data.condition_snapshot_chunk k
             WHERE k.condition_id = $1 AND k.chunk = c.chunk AND k.refresh_id <= $2
             ORDER BY k.refresh_id DESC LIMIT 1) m
$$;
COMMENT ON FUNCTION customer_data.snapshot_members(integer, bigint) IS 'The members of a condition in the snapshot that a refresh left';

-- A snapshot and what refreshes changed since; from the nearest one before.
CREATE FUNCTION customer_data.kept_members(condition_id integer, at timestamptz,
        OUT members customer_data.customer_set, OUT exact boolean, OUT how text)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    shot customer_data.condition_snapshot;
    last customer_data.segment_refresh;
    turn record;
BEGIN
    SELECT * INTO shot FROM customer_data.condition_snapshot s
    WHERE s.condition_id = kept_members.condition_id AND s.moment <= at ORDER BY s.moment DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    members := customer_data.snapshot_members(shot.condition_id, shot.refresh_id);
    IF (SELECT min(r.refresh_id) FROM customer_data.segment_refresh r) > shot.refresh_id THEN
        -- Who came and went between snapshots has been forgotten.
        exact := shot.moment = at;
        how := format('as of the daily snapshot of %s', shot.moment);
        RETURN;
    END IF;
    SELECT * INTO last FROM customer_data.segment_refresh r WHERE r.moment <= at ORDER BY r.refresh_id DESC LIMIT 1;
    FOR turn IN
        SELECT customer_data.customer_set_or_agg(g.entered) AS entered, customer_data.customer_set_or_agg(g.exited) AS exited
        FROM customer_data.condition_change g
        WHERE g.condition_id = shot.condition_id AND g.refresh_id > shot.refresh_id AND g.refresh_id <= last.refresh_id
        GROUP BY g.refresh_id ORDER BY g.refresh_id
    LOOP
        members := (members | turn.entered) - turn.exited;
    END LOOP;
    exact := shot.condition_id <> ALL (last.failing);
    how := format('as refreshed at %s', last.moment)
        || CASE WHEN exact THEN '' ELSE '; its condition failed then, so these are members of before' END;
END
$$;
COMMENT ON FUNCTION customer_data.kept_members(integer, timestamptz) IS 'The members of a condition at a moment, as refreshes wrote them down; NULL where none did';

CREATE FUNCTION customer_data.segment_at(name text, at timestamptz,
        OUT members customer_data.customer_set, OUT exact boolean, OUT how text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    id      integer := customer_data.segment_condition(name);
    rest    boolean := (SELECT c.room = 'rest' FROM customer_data.condition c WHERE c.condition_id = id);
    ids     integer[];
    saved   text := coalesce(current_setting('customer_data.as_of', true), '');
    covered customer_data.customer_set;
    fault   text;
BEGIN
    IF at IS NULL OR NOT isfinite(at) THEN
        RAISE EXCEPTION 'the moment must be a finite one' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF at <= now() THEN
        SELECT k.members, k.exact, k.how INTO members, exact, how FROM customer_data.kept_members(id, at) k;
        IF members IS NOT NULL THEN
            RETURN;
        END IF;
    END IF;

    -- Before it was kept, and ahead of the clock: from the timelines, with
    -- what is known today.
    ids := customer_data.condition_closure(id);
    PERFORM set_config('customer_data.as_of', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00', true);
    SELECT customer_data.customer_set_or_agg(e.customers) FILTER (WHERE e.what = 'true' AND (e.condition_id = id OR rest AND c.room = 'everyone')),
           customer_data.customer_set_or_agg(e.customers) FILTER (WHERE e.what = 'true' AND rest AND c.room = 'segment'),
           min(format('the condition of segment "%s" failed: %s', d.name, e.message)) FILTER (WHERE e.what = 'error')
    INTO members, covered, fault
    FROM customer_data.evaluate_conditions(ids, array_fill(NULL::customer_data.customer_set, ARRAY[cardinality(ids)]), true) e
    JOIN customer_data.condition c USING (condition_id)
    LEFT JOIN customer_data.segment_definition d USING (condition_id);
    PERFORM set_config('customer_data.as_of', saved, true);
    -- Who is in no other segment is told by those that do not fail, as after a refresh.
    IF fault IS NOT NULL AND NOT rest THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = 'data_exception';
    END IF;
    members := coalesce(members, '{}') - coalesce(covered, '{}');
    SELECT count(*) = 0,
           'recomputed from timelines, with what is known today'
           || CASE WHEN at > now() THEN ', as if nothing new happened' ELSE '' END
           || coalesce('; today''s value stands for ' || string_agg(DISTINCT concat_ws(' ', n.name, nullif(n.stage, '')), ', ' ORDER BY concat_ws(' ', n.name, nullif(n.stage, ''))), '')
    INTO exact, how
    FROM customer_data.condition_need n
    LEFT JOIN customer_data.metric m ON n.kind = 'metric' AND m.name = n.name
    WHERE n.condition_id = ANY (ids)
      AND (n.kind IN ('tag', 'stage') OR (n.kind = 'attribute' AND n.name NOT IN ('customer_id', 'registered_at', 'birth_date'))
           OR (n.kind = 'metric' AND NOT coalesce(m.ready_made OR m.owner = quote_ident(current_user)::regrole, false)));
    how := how || coalesce('; ' || fault, '');
    exact := exact AND at <= now() AND fault IS NULL;
END
$$;
COMMENT ON FUNCTION customer_data.segment_at(text, timestamptz) IS 'The members of a segment at a moment: as written down by the refreshes of that time, else recomputed from timelines; exact is false where something had to be taken as it is today';

CREATE FUNCTION customer_data.segment_as_of(name text, at timestamptz) RETURNS customer_data.customer_set
    LANGUAGE sql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT s.members FROM customer_data.segment_at($1, $2) s
$$;
COMMENT ON FUNCTION customer_data.segment_as_of(text, timestamptz) IS 'The members of a segment at another moment, also before it was defined; segment_at() says how exact that is';

CREATE VIEW customer_data.segment_size AS
SELECT d.name AS segment, r.moment AS at, r.refresh_id,
       sum(c.entered) AS entered, sum(c.exited) AS exited,
       max(s.size) - coalesce(sum(sum(c.entered) - sum(c.exited)) OVER (PARTITION BY d.name ORDER BY r.refresh_id
                              ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0) AS size
FROM (SELECT condition_id, refresh_id, sum(customer_data.cardinality(entered)) AS entered, sum(customer_data.cardinality(exited)) AS exited
      FROM customer_data.condition_change GROUP BY 1, 2) c
JOIN customer_data.segment_definition d USING (condition_id)
JOIN customer_data.segment_refresh r USING (refresh_id)
JOIN customer_data.condition_state s USING (condition_id)
GROUP BY d.name, r.moment, r.refresh_id;
COMMENT ON VIEW customer_data.segment_size IS 'The size of each segment over time: a row per refresh that changed it';

CREATE VIEW customer_data.segment_size_daily AS
SELECT d.name AS segment, p.day, p.size, p.size - lag(p.size) OVER (PARTITION BY p.condition_id ORDER BY p.day) AS change,
       round(100.0 * p.size / nullif(e.size, 0), 1) AS percent
FROM customer_data.condition_snapshot p
JOIN customer_data.segment_definition d USING (condition_id)
LEFT JOIN (SELECT s.day, s.size FROM customer_data.condition_snapshot s
           JOIN customer_data.condition c USING (condition_id) WHERE c.room = 'everyone') e USING (day);
COMMENT ON VIEW customer_data.segment_size_daily IS 'The size of each segment day by day, from the daily snapshots: a line per segment in a chart';
COMMENT ON COLUMN customer_data.segment_size_daily.change IS 'Members more or fewer than in the snapshot before';
COMMENT ON COLUMN customer_data.segment_size_daily.percent IS 'Share of all customers of that day';

CREATE FUNCTION customer_data.plain_words(expression text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT regexp_replace(regexp_replace($1, '\(([-0-9.]+)\)::(double precision|numeric|bigint)', '\1', 'g'),
                          '::(customer_data\.)?(event_pattern|interval|text|timeline|double precision)\M', '', 'g')
$$;
COMMENT ON FUNCTION customer_data.plain_words(text) IS 'An expression without the casts that its writer left out';

CREATE FUNCTION customer_data.prune_segment_history(keep interval DEFAULT NULL, keep_snapshots interval DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    changes_before   timestamptz := customer_data.as_of() - coalesce(keep,
        make_interval(days => nullif(current_setting('customer_data.segment_change_keep_days')::int, -1)));
    snapshots_before timestamptz := customer_data.as_of() - coalesce(keep_snapshots,
        make_interval(days => nullif(current_setting('customer_data.segment_snapshot_keep_days')::int, -1)));
    gone bigint;
BEGIN
    IF keep < interval '0' OR keep_snapshots < interval '0' THEN
        RAISE EXCEPTION 'how much history to keep must be a span that is not negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM customer_data.segment_refresh r
    WHERE r.moment < changes_before
      AND r.refresh_id < (SELECT max(l.refresh_id) FROM customer_data.segment_refresh l);
    GET DIAGNOSTICS gone = ROW_COUNT;
    -- The last snapshot stays, and of each chunk what the oldest one left refers to.
    WITH old AS (
        DELETE FROM customer_data.condition_snapshot p
        WHERE p.moment < snapshots_before
          AND p.day < (SELECT max(l.day) FROM customer_data.condition_snapshot l WHERE l.condition_id = p.condition_id)
        RETURNING p.condition_id, p.refresh_id
    ), oldest AS (
        SELECT o.condition_id, (SELECT min(l.refresh_id) FROM customer_data.condition_snapshot l
                                WHERE l.condition_id = o.condition_id AND l.refresh_id > max(o.refresh_id)) AS refresh_id
        FROM old o GROUP BY 1
    )
    DELETE FROM customer_data.condition_snapshot_chunk k
    USING oldest o
    WHERE k.condition_id = o.condition_id AND k.refresh_id < o.refresh_id
      AND EXISTS (SELECT FROM customer_data.condition_snapshot_chunk l
                  WHERE l.condition_id = k.condition_id AND l.chunk = k.chunk
                    AND l.refresh_id > k.refresh_id AND l.refresh_id <= o.refresh_id);
    RETURN gone;
END
$$;
COMMENT ON FUNCTION customer_data.prune_segment_history(interval, interval) IS 'Forgets who entered and left, and daily snapshots, older than that (NULL: as the settings customer_data.segment_change_keep_days and segment_snapshot_keep_days say); the first refresh of each day does so. Answers how many refreshes were forgotten';

-- Each part of the condition for one customer: what it says, what it looks
-- at, until when that holds, and what would have to change for the membership
-- to turn.
CREATE FUNCTION customer_data.explain_membership(name text, customer_id bigint,
        OUT part text, OUT holds boolean, OUT actual text, OUT holds_until timestamptz, OUT must_change boolean, OUT change text)
    RETURNS SETOF record LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c customer_data.condition;
BEGIN
    SELECT * INTO c FROM customer_data.condition k WHERE k.condition_id = customer_data.segment_condition(name);
    IF c.room = 'rest' THEN
        RETURN QUERY
        SELECT format('in no other segment (%s)', s.s), false, s.s, NULL::timestamptz, true, format('leave segment "%s"', s.s)
        FROM customer_data.segments_of(explain_membership.customer_id) AS s(s) WHERE s.s <> 'everyone else';
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'in no other segment', true, NULL::text, NULL::timestamptz, true, 'enter any other segment';
        END IF;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT repeat('  ', e.depth) || CASE e.kind WHEN 'and' THEN 'all of:' WHEN 'or' THEN 'any of:' WHEN 'not' THEN 'not:'
               ELSE customer_data.plain_words(CASE WHEN e.compares THEN regexp_replace(e.expression_text, '^\((.*)\)$', '\1') ELSE e.expression_text END) END,
           e.holds, e.actual, e.holds_until, e.must_change, e.change
    FROM customer_data.explain_condition(c.expression, c.owner, c.time_zone, explain_membership.customer_id) e
    WHERE e.kind <> 'change' ORDER BY e.part;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no customer %', explain_membership.customer_id USING ERRCODE = 'no_data_found';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.explain_membership(text, bigint) IS 'Why a customer is in a segment or not: each part of its condition with what it looks at and until when it holds, and which parts must change, and how, for the membership to turn; from current data';

CREATE FUNCTION customer_data.membership_change(name text, customer_id bigint,
        OUT what text, OUT subject text, OUT value text, OUT at timestamptz, OUT every interval, OUT times integer)
    RETURNS SETOF record LANGUAGE sql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT e.what, e.subject, e.value, e.at, e.every, e.times
    FROM customer_data.condition c,
    LATERAL customer_data.explain_condition(c.expression, c.owner, c.time_zone, $2) e
    WHERE c.condition_id = customer_data.segment_condition($1) AND c.room <> 'rest' AND e.kind = 'change'
$$;
COMMENT ON FUNCTION customer_data.membership_change(text, bigint) IS 'What explain_membership() would have changed, for programs: set (subject: a column), add and remove (an event pattern; value: the event as JSON), tag and untag (a path), enter and leave (a segment); all of them together turn the membership; no row: none was found';
