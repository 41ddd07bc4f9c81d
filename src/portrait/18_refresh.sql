-- portrait: what the refresh of metrics and that of tags have in common.

CREATE FUNCTION customer_data.take_due(room text, OUT ids integer[], OUT customers customer_data.customer_set[])
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format($due$
        WITH due AS (
            DELETE FROM customer_data.%1$I d WHERE d.due <= customer_data.as_of() RETURNING d.*
        ), by_id AS (
            SELECT d.%2$I AS id, customer_data.customer_set_or_agg(d.customers) AS customers FROM due d GROUP BY 1)
        SELECT array_agg(b.id), array_agg(b.customers) FROM by_id b
    $due$, room || '_due', room || '_id') INTO ids, customers;
END
$$;
COMMENT ON FUNCTION customer_data.take_due(text) IS 'Take, and forget, who is due by as_of() for which metric or tag (the room)';

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
    EXECUTE format('DELETE FROM customer_data.%1$I d USING unnest($1, $2) n (id, customers) WHERE d.%2$I = n.id AND n.customers IS NULL',
                   room || '_due', room || '_id') USING todo, asked;
    RETURN asked;
END
$$;
COMMENT ON FUNCTION customer_data.whom_to_ask(text, integer[], text[], customer_data.customer_set, integer[], customer_data.customer_set[], boolean) IS 'Whom a refresh asks about each metric or tag (NULL: everyone, whose due moments are forgotten): who moved, who is due, and those of the same group';
