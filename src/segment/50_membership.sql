-- Looking at segments: members, changes, the past, and the present without a refresh.

CREATE FUNCTION customer_data.segment_members(name text) RETURNS customer_data.customer_set
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT customer_data.members_of(customer_data.segment_condition(name))
$$;
COMMENT ON FUNCTION customer_data.segment_members(text) IS 'The members of a segment as of the last refresh';

CREATE FUNCTION customer_data.is_member(name text, customer_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT (m.members @> is_member.customer_id OR coalesce(m.joined @> is_member.customer_id, false))
                            AND NOT coalesce(m.gone @> is_member.customer_id, false)
                     FROM customer_data.condition_member m
                     WHERE m.condition_id = customer_data.segment_condition(is_member.name)
                       AND m.chunk = customer_data.chunk_of(is_member.customer_id)), false)
$$;
COMMENT ON FUNCTION customer_data.is_member(text, bigint) IS 'Was the customer in the segment at the last refresh?';

CREATE VIEW customer_data.segment AS
SELECT d.name, coalesce(s.size, 0) AS size,
       round(100.0 * coalesce(s.size, 0) / nullif(e.size, 0), 1) AS percent,
       s.evaluated_at AS refreshed_at,
       CASE WHEN c.room = 'rest' THEN 'in no other segment' ELSE c.expression END AS condition,
       d.description, d.priority,
       CASE WHEN s.error IS NOT NULL THEN s.error || CASE WHEN s.error_customer IS NOT NULL
                 THEN format(' [at customer %s]', s.error_customer) ELSE '' END
            WHEN s.condition_id IS NULL AND c.room = 'segment' THEN 'not refreshed yet'
            WHEN s.version <> c.version AND c.room = 'segment' THEN 'changed since the last refresh'
       END AS error,
       CASE WHEN c.untracked IS NOT NULL
            THEN format('asked of everyone at each refresh: the use of time in %s cannot be followed', c.untracked)
            WHEN s.error_customer IS NOT NULL
            THEN format('asked again from %s on, or when customer %s or the condition changes', s.retry_at, s.error_customer)
            ELSE (SELECT 'rests on what is not up to date: ' || string_agg(w.words, ', ' ORDER BY w.words)
                  FROM (SELECT format('segment "%s"', n.name)
                        FROM customer_data.condition_need n
                        JOIN customer_data.segment_definition o ON o.name = n.name
                        JOIN customer_data.condition_state f ON f.condition_id = o.condition_id
                        WHERE n.condition_id = d.condition_id AND n.kind = 'segment' AND f.error IS NOT NULL
                        UNION ALL
                        SELECT format('who is ranked by %s, %s (%s)', h.metric, h.among, f.error)
                        FROM customer_data.condition_uses_threshold u
                        JOIN customer_data.condition_threshold h USING (threshold_id)
                        JOIN customer_data.condition_state f ON f.condition_id = h.population_id
                        WHERE u.condition_id = d.condition_id AND f.error IS NOT NULL) w (words)
                  HAVING count(*) > 0
                  UNION ALL
                  SELECT format('who is ranked is asked of everyone at each refresh: the use of time in %s cannot be followed', min(p.untracked))
                  FROM customer_data.condition_uses_threshold u
                  JOIN customer_data.condition_threshold h USING (threshold_id)
                  JOIN customer_data.condition p ON p.condition_id = h.population_id
                  WHERE u.condition_id = d.condition_id AND p.untracked IS NOT NULL
                  HAVING count(*) > 0
                  LIMIT 1)
       END AS note,
       c.owner
FROM customer_data.segment_definition d
JOIN customer_data.condition c USING (condition_id)
LEFT JOIN customer_data.condition_state s USING (condition_id)
LEFT JOIN (SELECT st.size FROM customer_data.condition_state st
           JOIN customer_data.condition k USING (condition_id) WHERE k.room = 'everyone') e ON true
ORDER BY d.priority DESC, d.name;
COMMENT ON VIEW customer_data.segment IS 'The segments with their size and what is wrong with them';
COMMENT ON COLUMN customer_data.segment.percent IS 'Share of all customers';
COMMENT ON COLUMN customer_data.segment.error IS 'Why the members are not up to date; NULL: they are';
COMMENT ON COLUMN customer_data.segment.note IS 'What makes the segment expensive to refresh, when one that fails is asked again, or which segment or ranking it rests on is not up to date';

CREATE VIEW customer_data.segment_change AS
SELECT d.name AS segment, m.customer_id, m.change, r.moment AS at, c.why, c.refresh_id
FROM customer_data.condition_change c
JOIN customer_data.segment_definition d USING (condition_id)
JOIN customer_data.segment_refresh r USING (refresh_id),
LATERAL (
    SELECT customer_data.members(c.entered) AS customer_id, 'entered' AS change
    UNION ALL
    SELECT customer_data.members(c.exited), 'left'
) m;
COMMENT ON VIEW customer_data.segment_change IS 'Who entered and who left which segment, when, and why';

-- Backends keep the conditions of all segments ready to be asked; they hear of
-- what changes them at commit.
CREATE FUNCTION customer_data.conditions_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cd_conditions_changed';
COMMENT ON FUNCTION customer_data.conditions_changed() IS 'Trigger: all backends prepare the conditions of segments anew';
CREATE TRIGGER conditions_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON customer_data.condition
    FOR EACH STATEMENT EXECUTE FUNCTION customer_data.conditions_changed();
CREATE TRIGGER conditions_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON customer_data.segment_definition
    FOR EACH STATEMENT EXECUTE FUNCTION customer_data.conditions_changed();
CREATE TRIGGER conditions_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON customer_data.metric
    FOR EACH STATEMENT EXECUTE FUNCTION customer_data.conditions_changed();
CREATE TRIGGER conditions_changed AFTER UPDATE OF value ON customer_data.condition_threshold
    FOR EACH ROW WHEN (OLD.value IS DISTINCT FROM NEW.value) EXECUTE FUNCTION customer_data.conditions_changed();

CREATE FUNCTION customer_data.segments_of(customer_id bigint) RETURNS SETOF text
    LANGUAGE c VOLATILE STRICT ROWS 20 AS 'MODULE_PATHNAME', 'cd_segments_of';
COMMENT ON FUNCTION customer_data.segments_of(bigint) IS 'The segments a customer is in now, from current data and without a refresh, the most important first';

CREATE FUNCTION customer_data.overlap_of(condition_ids integer[], OUT condition_a integer, OUT condition_b integer, OUT shared bigint)
    RETURNS SETOF record LANGUAGE c STABLE STRICT ROWS 10000 AS 'MODULE_PATHNAME', 'cd_overlap_of';
COMMENT ON FUNCTION customer_data.overlap_of(integer[]) IS 'How many customers each two conditions share, the lower number first; of a condition with itself: its size';

CREATE FUNCTION customer_data.segment_overlap(names text[] DEFAULT NULL,
        OUT segment_a text, OUT segment_b text, OUT size_a bigint, OUT size_b bigint,
        OUT shared bigint, OUT percent_of_a numeric, OUT jaccard double precision)
    RETURNS SETOF record LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    WITH overlap AS MATERIALIZED (
        SELECT o.* FROM customer_data.overlap_of(ARRAY(
            SELECT d.condition_id FROM customer_data.segment_definition d WHERE $1 IS NULL OR d.name = ANY ($1))) o
    ), sized AS MATERIALIZED (
        SELECT d.condition_id, d.name, o.shared AS size
        FROM overlap o JOIN customer_data.segment_definition d ON d.condition_id = o.condition_a
        WHERE o.condition_a = o.condition_b
    ), pair AS (
        SELECT least(x.name, y.name) AS a, greatest(x.name, y.name) AS b, o.shared,
               CASE WHEN x.name < y.name THEN x.size ELSE y.size END AS size_a,
               CASE WHEN x.name < y.name THEN y.size ELSE x.size END AS size_b
        FROM overlap o JOIN sized x ON x.condition_id = o.condition_a JOIN sized y ON y.condition_id = o.condition_b
        WHERE o.condition_a <> o.condition_b
    )
    SELECT p.a, p.b, p.size_a, p.size_b, p.shared, round(100.0 * p.shared / nullif(p.size_a, 0), 1),
           p.shared::float8 / nullif(p.size_a + p.size_b - p.shared, 0)
    FROM pair p
    ORDER BY p.shared DESC, 1, 2
$$;
COMMENT ON FUNCTION customer_data.segment_overlap(text[]) IS 'How many customers each two segments share';

CREATE FUNCTION customer_data.segment_coverage(
        OUT customers bigint, OUT covered bigint, OUT uncovered bigint, OUT percent numeric,
        OUT segments bigint, OUT segments_per_customer numeric)
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT e.size, e.size - r.size, r.size, round(100.0 * (e.size - r.size) / nullif(e.size, 0), 1),
           g.segments, round(g.memberships / nullif(e.size, 0), 2)
    FROM (SELECT coalesce(sum(s.size), 0)::bigint AS size FROM customer_data.condition c
          JOIN customer_data.condition_state s USING (condition_id) WHERE c.room = 'everyone') e,
         (SELECT coalesce(sum(s.size), 0)::bigint AS size FROM customer_data.condition c
          JOIN customer_data.condition_state s USING (condition_id) WHERE c.room = 'rest') r,
         (SELECT count(*) AS segments, coalesce(sum(s.size), 0) AS memberships FROM customer_data.condition c
          LEFT JOIN customer_data.condition_state s USING (condition_id) WHERE c.room = 'segment') g
$$;
COMMENT ON FUNCTION customer_data.segment_coverage() IS 'How many customers are in a segment, and how many only in "everyone else"';
