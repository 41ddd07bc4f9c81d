-- Timeline, storage: histories in chunks per source record and event source.

-- Each batch of new events adds one small chunk per record it speaks of and
-- rewrites none; compaction joins the small ones.  Kept per event source, so
-- that one can be read anew without touching the others.  Derived: not dumped.
CREATE SEQUENCE customer_data.timeline_chunk_no_seq;
CREATE TABLE customer_data.timeline_chunk (
    record_id       bigint NOT NULL,
    chunk_no        bigint NOT NULL DEFAULT nextval('customer_data.timeline_chunk_no_seq'),
    first_at        timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    event_source_id int NOT NULL,
    event_count     int NOT NULL,
    events          customer_data.timeline NOT NULL,
    PRIMARY KEY (record_id, chunk_no)
);
ALTER SEQUENCE customer_data.timeline_chunk_no_seq OWNED BY customer_data.timeline_chunk.chunk_no;
COMMENT ON TABLE customer_data.timeline_chunk IS 'Events of each record in chunks; derived: refresh_timelines() writes it';
COMMENT ON COLUMN customer_data.timeline_chunk.record_id IS 'Record of source_record, whose customer the events belong to at any moment';
COMMENT ON COLUMN customer_data.timeline_chunk.chunk_no IS 'In the order in which chunks were written';

CREATE FUNCTION customer_data.timeline_subtract(stored customer_data.timeline, gone customer_data.timeline) RETURNS customer_data.timeline
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_subtract';
COMMENT ON FUNCTION customer_data.timeline_subtract(customer_data.timeline, customer_data.timeline) IS 'The events of the first timeline without those of the second; each takes away one equal event';

CREATE FUNCTION customer_data.timeline_parts(events customer_data.timeline, max_events int,
    OUT part customer_data.timeline, OUT event_count int, OUT first_at timestamptz, OUT last_at timestamptz) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1 AS 'MODULE_PATHNAME', 'cd_timeline_parts';
COMMENT ON FUNCTION customer_data.timeline_parts(customer_data.timeline, int) IS 'A timeline cut into parts of at most so many events; events of one instant stay together';

CREATE FUNCTION customer_data.customer_events(customer_id bigint) RETURNS customer_data.timeline
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'cd_customer_events';
COMMENT ON FUNCTION customer_data.customer_events(bigint) IS 'What the customer did up to as_of(), by all its records; an empty timeline for one who did nothing';

CREATE FUNCTION customer_data.timeline_chunk_trans(internal, customer_data.timeline, bigint) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_chunk_trans';
COMMENT ON FUNCTION customer_data.timeline_chunk_trans(internal, customer_data.timeline, bigint) IS 'Transition of timeline_chunk_agg';
CREATE FUNCTION customer_data.timeline_chunk_final(internal) RETURNS customer_data.timeline
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_chunk_final';
COMMENT ON FUNCTION customer_data.timeline_chunk_final(internal) IS 'Final step of timeline_chunk_agg';
CREATE AGGREGATE customer_data.timeline_chunk_agg(events customer_data.timeline, chunk_no bigint) (
    SFUNC = customer_data.timeline_chunk_trans, STYPE = internal, SSPACE = 512,
    FINALFUNC = customer_data.timeline_chunk_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE customer_data.timeline_chunk_agg(customer_data.timeline, bigint) IS 'The chunks of a history as one timeline, joined in the order in which they were written';

-- Inlined into the query that calls it, so it can be joined and run in parallel.
CREATE FUNCTION customer_data.customer_timelines(customers customer_data.customer_set) RETURNS TABLE (customer_id bigint, events customer_data.timeline)
    LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT m.customer_id, coalesce(h.events, customer_data.empty_timeline())
    FROM customer_data.members(customers) AS m (customer_id)
    LEFT JOIN (SELECT r.customer_id, customer_data.timeline_chunk_agg(c.events, c.chunk_no) AS events
               FROM customer_data.timeline_chunk c
               JOIN customer_data.source_record r USING (record_id)
               WHERE r.customer_id = ANY (customers::bigint[])
               GROUP BY r.customer_id) h USING (customer_id)
$$;
COMMENT ON FUNCTION customer_data.customer_timelines(customer_data.customer_set) IS 'The timelines of many customers, not cut at as_of(); everyone asked for has a row';

-- A record that is erased takes its events with it.
CREATE FUNCTION customer_data.forget_chunks() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM customer_data.timeline_chunk c USING cd_old_records o WHERE c.record_id = o.record_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION customer_data.forget_chunks() IS 'Trigger of source_record: a record that is deleted takes its events with it';
CREATE TRIGGER forget_chunks AFTER DELETE ON customer_data.source_record
    REFERENCING OLD TABLE AS cd_old_records FOR EACH STATEMENT EXECUTE FUNCTION customer_data.forget_chunks();
