-- portrait: what the refresh of metrics and that of tags have in common.

CREATE FUNCTION customer_data.take_due(room text, among integer[], OUT ids integer[], OUT customers customer_data.customer_set[])
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format($due$
        WITH due AS (
            DELETE FROM customer_data.%1$I d
            WHERE d.due <= customer_data.as_of() AND ($1 IS NULL OR d.%2$I = ANY ($1)) RETURNING d.*
        ), by_id AS (
            SELECT d.%2$I AS id, customer_data.customer_set_or_agg(d.customers) AS customers FROM due d GROUP BY 1)
        SELECT array_agg(b.id), array_agg(b.customers) FROM by_id b
    $due$, room || '_due', room || '_id') INTO ids, customers USING among;
END
$$;
COMMENT ON FUNCTION customer_data.take_due(text, integer[]) IS 'Take, and forget, who is due by as_of() for which metric or tag (the room), or for some of them';

CREATE FUNCTION customer_data.whom_to_ask(room text, todo integer[], together text[], moved customer_data.customer_set,
        due_ids integer[], due_customers customer_data.customer_set[], rebuild boolean) RETURNS customer_data.customer_set[]
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    asked customer_data.customer_set[];
BEGIN
    -- Everyone where nothing is known yet, where it cannot be followed, or
    -- where it failed; whoever is asked about one of a group is asked about all.
    EXECUTE format($ask$
        WITH item AS (
            SELECT i.id, i.place, CASE WHEN i.together IS NULL THEN 'id ' || i.id ELSE 'group ' || i.together END AS key
            FROM unnest($1, $2) WITH ORDINALITY i (id, together, place)
        ), answer AS (
            SELECT i.key, bool_or(s.%2$I IS NULL OR s.restless OR s.error IS NOT NULL OR $3) AS everyone,
                   customer_data.customer_set_or_agg(d.customers) AS customers
            FROM item i
            LEFT JOIN customer_data.%1$I s ON s.%2$I = i.id
            LEFT JOIN unnest($4, $5) d (id, customers) ON d.id = i.id
            GROUP BY 1)
        SELECT array_agg(CASE WHEN a.everyone THEN NULL ELSE $6 | a.customers END ORDER BY i.place)
        FROM item i JOIN answer a USING (key)
    $ask$, room || '_state', room || '_id') INTO asked USING todo, together, rebuild, due_ids, due_customers, moved;
    IF array_position(asked, NULL) IS NOT NULL THEN
        EXECUTE format('DELETE FROM customer_data.%1$I d USING unnest($1, $2) n (id, customers) WHERE d.%2$I = n.id AND n.customers IS NULL',
                       room || '_due', room || '_id') USING todo, asked;
    END IF;
    RETURN asked;
END
$$;
COMMENT ON FUNCTION customer_data.whom_to_ask(text, integer[], text[], customer_data.customer_set, integer[], customer_data.customer_set[], boolean) IS 'Whom a refresh asks about each metric or tag (NULL: everyone, whose due moments are forgotten): who moved, who is due, and those of the same group';

CREATE FUNCTION customer_data.definition_uses() RETURNS TABLE (node text, used text)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY
    -- Tags of one group are decided together. A tag that looks at all tags comes
    -- after all that do not, a metric that does after all.
    WITH defined AS (
        SELECT t.path, t.result, t.uses, t.uses_tags, coalesce('group ' || t.exclusive_group, 'tag ' || t.path) AS node
        FROM customer_data.tag t
    ), asking (node, path, asked) AS (
        SELECT 'metric ' || m.name, NULL, p FROM customer_data.metric m, unnest(m.uses_tags) p
        UNION ALL
        SELECT d.node, d.path, p FROM defined d, unnest(d.uses_tags) p
    )
    SELECT a.node, d.node FROM asking a
    JOIN defined d ON CASE WHEN a.asked = '*' THEN a.path IS NULL OR NOT '*' = ANY (d.uses_tags)
                           ELSE customer_data.gives_tag(d.path, d.result, a.asked) END
    WHERE a.node <> d.node OR a.asked = d.path AND a.path = d.path
    UNION
    SELECT 'metric ' || m.name, 'metric ' || u.name
    FROM customer_data.metric m JOIN customer_data.metric u ON u.name = ANY (m.uses)
    UNION
    SELECT d.node, 'metric ' || m.name FROM defined d JOIN customer_data.metric m ON m.name = ANY (d.uses);
END
$$;
COMMENT ON FUNCTION customer_data.definition_uses() IS 'Which metrics, tags and groups of tags go into which others';

CREATE FUNCTION customer_data.definition_turns() RETURNS TABLE (node text, turn integer)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp SET jit = off SET work_mem = '4MB' AS $$
BEGIN
    -- Where no metric asks for tags, all metrics come before all tags.
    IF NOT EXISTS (SELECT FROM customer_data.metric m WHERE m.uses_tags <> '{}') THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH RECURSIVE uses AS MATERIALIZED (
        SELECT u.* FROM customer_data.definition_uses() u
    ), level AS (
        SELECT u.used AS node, 0 AS turn FROM uses u
        UNION
        SELECT u.node, l.turn + (starts_with(u.node, 'metric ') AND NOT starts_with(u.used, 'metric '))::integer
        FROM level l JOIN uses u ON u.used = l.node
        WHERE l.turn <= (SELECT count(*) FROM customer_data.metric m WHERE m.uses_tags <> '{}')
    )
    SELECT l.node, max(l.turn) FROM level l GROUP BY 1;
END
$$;
COMMENT ON FUNCTION customer_data.definition_turns() IS 'In which turn of a refresh, metrics and then tags, those that come after the first are evaluated: metrics that ask for tags come a turn after them; empty where there is but one turn';

CREATE FUNCTION customer_data.refuse_cycle(kind text, name text, node text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    users text[];
    used text[];
    met text[] := ARRAY[refuse_cycle.node];
    met_by text[] := '{NULL}';
    found text[];
    found_by text[];
    way text[];
BEGIN
    SELECT array_agg(u.node), array_agg(u.used) INTO users, used FROM customer_data.definition_uses() u;
    found := met;
    -- Step by step to all that goes into it, noting by way of what.
    LOOP
        SELECT array_agg(n.used), array_agg(n.node) INTO found, found_by
        FROM (SELECT DISTINCT ON (e.used) e.used, e.node FROM unnest(users, used) e (node, used)
              WHERE e.node = ANY (found) AND (e.used = refuse_cycle.node OR NOT e.used = ANY (met)) ORDER BY e.used, e.node) n;
        EXIT WHEN found IS NULL;
        IF refuse_cycle.node = ANY (found) THEN
            way := ARRAY[found_by[array_position(found, refuse_cycle.node)], refuse_cycle.node];
            WHILE way[1] <> refuse_cycle.node LOOP
                way := met_by[array_position(met, way[1])] || way;
            END LOOP;
            RAISE EXCEPTION USING ERRCODE = 'invalid_recursion',
                MESSAGE = format('%s "%s" would depend on itself', kind, name),
                DETAIL = format('The cycle is %s.', array_to_string(way, ' → '));
        END IF;
        met := met || found;
        met_by := met_by || found_by;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.refuse_cycle(text, text, text) IS 'Refuses a metric or tag that comes to depend on itself, naming the way';

CREATE FUNCTION customer_data.refuse_used(kind text, name text, users text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('%s "%s" is in use', kind, name),
            DETAIL = format('It is used by %s.', users),
            HINT = 'Drop or change these first.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.refuse_used(text, text, text) IS 'Refuses to drop a metric or tag that something uses (NULL: nothing does)';

CREATE FUNCTION customer_data.lock_portrait() RETURNS void
    LANGUAGE sql SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('customer_data.define_portrait', 0))
$$;
COMMENT ON FUNCTION customer_data.lock_portrait() IS 'Metrics and tags are defined one after the other, so that each sees what the others ask for';
