-- sets: which customers changed and still wait for a room to look at them.

CREATE TABLE customer_data.touched (
    touched_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room text NOT NULL,
    customers customer_data.customer_set NOT NULL
);
CREATE INDEX ON customer_data.touched (room);
COMMENT ON TABLE customer_data.touched IS 'Queue of customers that changed, by the room that has yet to look at them; producers only insert, so nobody waits and nothing uncommitted is lost';
COMMENT ON COLUMN customer_data.touched.room IS 'portrait, tag, segment, journey; attribute: what segments know of them by attributes alone may differ; or rest: members of a segment that was dropped';

CREATE FUNCTION customer_data.touch(room text, customers customer_data.customer_set) RETURNS void
    LANGUAGE sql SET search_path = customer_data, pg_catalog, pg_temp AS $$
    INSERT INTO customer_data.touched (room, customers)
    SELECT $1, $2 WHERE NOT customer_data.is_empty($2);
$$;
COMMENT ON FUNCTION customer_data.touch(text, customer_data.customer_set) IS 'Tell a room that these customers changed';

CREATE FUNCTION customer_data.touch(customers customer_data.customer_set) RETURNS void
    LANGUAGE sql SET search_path = customer_data, pg_catalog, pg_temp AS $$
    SELECT customer_data.touch('portrait', $1);
    SELECT customer_data.touch('attribute', $1);
$$;
COMMENT ON FUNCTION customer_data.touch(customer_data.customer_set) IS 'Tell the first room down the path, portrait, that these customers changed, and segments that their attributes may have; where only events are new, touch(''portrait'', customers) is enough';

CREATE FUNCTION customer_data.take_touched(room text) RETURNS customer_data.customer_set
    LANGUAGE sql SET search_path = customer_data, pg_catalog, pg_temp AS $$
    WITH taken AS (DELETE FROM customer_data.touched t WHERE t.room = $1 RETURNING t.customers)
    SELECT customer_data.customer_set_or_agg(customers) FROM taken;
$$;
COMMENT ON FUNCTION customer_data.take_touched(text) IS 'Take, and forget, the customers that wait for a room; the empty set if there are none';
