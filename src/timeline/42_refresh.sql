-- Timeline, refresh: what is new in an event source becomes chunks.

-- Keys that are kept as text may be too long for the index of records.
CREATE FUNCTION customer_data.event_key_is_text(d customer_data.event_source_definition) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    RETURN coalesce(NOT d.key_type = ANY ('{int2,int4,int8,uuid}'::regtype[]), true);
COMMENT ON FUNCTION customer_data.event_key_is_text(customer_data.event_source_definition) IS 'Whether an event source''s rows are grouped by the text of their keys';

-- The expression rows are grouped by: keys keep a type that can be grouped fast
-- and has statistics.
CREATE FUNCTION customer_data.event_key_expression(d customer_data.event_source_definition) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    RETURN format(E'(%s\n)%s', d.key,
        CASE WHEN NOT customer_data.event_key_is_text(d) THEN ''
             WHEN d.key_type = ANY ('{text,varchar}'::regtype[]) THEN ' COLLATE "C"' ELSE '::text COLLATE "C"' END);
COMMENT ON FUNCTION customer_data.event_key_expression(customer_data.event_source_definition) IS 'The expression an event source''s rows are grouped by';

CREATE FUNCTION customer_data.event_number(number numeric) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_number';
COMMENT ON FUNCTION customer_data.event_number(numeric) IS 'A numeric as double precision; infinite, not an error, where that does not reach, so that the row can be rejected by itself';

CREATE FUNCTION customer_data.event_number_in(number text) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_number_in';
COMMENT ON FUNCTION customer_data.event_number_in(text) IS 'The number a text says, NULL of a blank one; not-a-number, not an error, where it says none, so that the row can be rejected by itself';

CREATE FUNCTION customer_data.event_number_expression(expression text, type regtype) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    RETURN CASE WHEN expression IS NULL THEN 'NULL::float8'
                WHEN type IS NULL THEN format(E'customer_data.event_number_in((%s\n)::text)', expression)
                WHEN type = 'numeric'::regtype THEN format(E'customer_data.event_number(%s\n)', expression)
                ELSE format(E'(%s\n)::float8', expression) END;
COMMENT ON FUNCTION customer_data.event_number_expression(text, regtype) IS 'A value or quantity of an event source as double precision';

-- The query that reads a source's rows as columns of an event, plus the reason
-- why a row cannot be one (the rules event_batch_agg follows) and what it looks like.
CREATE FUNCTION customer_data.event_row_query(d customer_data.event_source_definition, from_item text, condition text, more text DEFAULT '') RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT format($q$SELECT e.*,
    CASE WHEN e.key IS NULL THEN 'key is NULL'%s WHEN e.at IS NULL THEN 'time is NULL'
         WHEN NOT isfinite(e.at) THEN 'time is infinite'
         WHEN e.kind IS NULL THEN 'kind is NULL' WHEN e.kind = '' THEN 'kind is empty'
         WHEN octet_length(e.kind) > 255 THEN 'kind is longer than 255 bytes'
         WHEN e.value IN ('NaN', 'Infinity', '-Infinity') THEN 'value is %s'
         WHEN e.quantity IN ('NaN', 'Infinity', '-Infinity') THEN 'quantity is %s'
         WHEN octet_length(e.event_id) > 1048576 THEN 'event id is longer than 1 MB'
         WHEN pg_column_size(e.properties) > 16384
              AND EXISTS (SELECT FROM jsonb_each_text(e.properties) p WHERE octet_length(p.value) > 1048576) THEN 'a property is longer than 1 MB'%s END AS reason
FROM (SELECT %s AS key, (%s
)::timestamptz AS at, (%s
)::text AS kind, %s AS value, %s AS quantity, (%s
)::text AS event_id, %s AS properties, %s AS cursor, %s AS source_row%s FROM %s%s) e$q$,
        CASE WHEN customer_data.event_key_is_text(d) THEN $q$ WHEN octet_length(e.key) > 2000 THEN 'key is longer than 2000 bytes'$q$ ELSE '' END,
        CASE WHEN d.value_type IS NULL THEN 'no finite number' ELSE 'not finite' END,
        CASE WHEN d.quantity_type IS NULL THEN 'no finite number' ELSE 'not finite' END,
        CASE WHEN d.cursor_column IS NULL THEN '' ELSE $q$ WHEN e.cursor IS NULL THEN 'cursor column is NULL'$q$ END,
        customer_data.event_key_expression(d),
        d.at, d.kind, customer_data.event_number_expression(d.value, d.value_type), customer_data.event_number_expression(d.quantity, d.quantity_type),
        coalesce(d.event_id, 'NULL'),
        coalesce((SELECT format('jsonb_build_object(%s)', string_agg(format(E'%L, (%s\n)%s', p.key, p.value #>> '{}',
                      CASE WHEN p.key = ANY (d.text_properties) THEN '::text' ELSE '' END), ', ' ORDER BY p.key))
                  FROM jsonb_each(d.properties) p HAVING count(*) > 0), 'NULL::jsonb'),
        coalesce(quote_ident(d.cursor_column), 'NULL::text'),
        d.row_name, more, from_item, coalesce(' WHERE ' || condition, ''))
$$;
COMMENT ON FUNCTION customer_data.event_row_query(customer_data.event_source_definition, text, text, text) IS 'The query that reads an event source''s rows as events';

-- Mode timestamp knows the rows of its overlap again by a hash of what they say.
CREATE FUNCTION customer_data.event_row_hash() RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN 'hash_record_extended(ROW(e.key, e.at, e.kind, e.value, e.quantity, e.event_id, e.properties, e.cursor), 0)';
COMMENT ON FUNCTION customer_data.event_row_hash() IS 'The expression that tells rows of event_row_query apart';

CREATE TYPE customer_data.event_batch AS (events customer_data.timeline, taken bigint, rejected bigint);
COMMENT ON TYPE customer_data.event_batch IS 'What event_batch_agg makes of rows: their timeline, the rows taken, the rows that could not be events';
CREATE FUNCTION customer_data.event_batch_trans(internal, timestamptz, text, "any", "any", VARIADIC "any") RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_batch_trans';
COMMENT ON FUNCTION customer_data.event_batch_trans(internal, timestamptz, text, "any", "any", "any") IS 'Transition of event_batch_agg';
CREATE FUNCTION customer_data.event_batch_final(internal) RETURNS customer_data.event_batch
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_batch_final';
COMMENT ON FUNCTION customer_data.event_batch_final(internal) IS 'Final step of event_batch_agg';
CREATE AGGREGATE customer_data.event_batch_agg(at timestamptz, kind text, value "any", quantity "any", VARIADIC "any") (
    SFUNC = customer_data.event_batch_trans, STYPE = internal, SSPACE = 1024, FINALFUNC = customer_data.event_batch_final
);
COMMENT ON AGGREGATE customer_data.event_batch_agg(timestamptz, text, "any", "any", "any")
    IS 'Rows of an event source as one timeline; the event id comes last, then names (constants) and values of properties in turn';

-- The rows grouped into one timeline per key: key, events, rows taken, rows
-- rejected, and since a moment the rows themselves, as mode timestamp knows them
-- (the rejected ones too, if they are counted here).  By another column as well,
-- where from_item has one.
CREATE FUNCTION customer_data.event_group_query(d customer_data.event_source_definition, from_item text, condition text,
    since timestamptz DEFAULT NULL, rejects boolean DEFAULT true, also_by text DEFAULT NULL) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT format($q$SELECT t.key::text, (t.batch).events, CASE WHEN %s THEN 0 ELSE (t.batch).taken END,
    (t.batch).rejected + CASE WHEN %1$s THEN (t.batch).taken ELSE 0 END, t.hashes, t.cursors%s
FROM (SELECT e.key, customer_data.event_batch_agg(%s, e.kind, e.raw_value, e.raw_quantity, e.event_id%s) AS batch, %s%s
FROM (%s) e GROUP BY e.key%s) t$q$,
        CASE WHEN customer_data.event_key_is_text(d) THEN '(t.key IS NULL OR octet_length(t.key) > 2000)' ELSE 't.key IS NULL' END,
        ', t.' || also_by,
        CASE WHEN d.cursor_column IS NULL THEN 'e.at' ELSE 'CASE WHEN e.cursor IS NOT NULL THEN e.at END' END,
        p.arguments,
        CASE WHEN since IS NULL THEN 'NULL::bigint[] AS hashes, NULL::timestamptz[] AS cursors'
             ELSE format('array_agg(%1$s) FILTER (WHERE %2$s) AS hashes, array_agg(e.cursor::timestamptz) FILTER (WHERE %2$s) AS cursors',
                         customer_data.event_row_hash(),
                         format('e.cursor >= %L::timestamptz::%s', since, d.cursor_type) || CASE WHEN rejects THEN '' ELSE ' AND e.reason IS NULL' END) END,
        ', e.' || also_by,
        customer_data.event_row_query(d, from_item, condition,
            format(E', (%s\n) AS raw_value, (%s\n) AS raw_quantity%s%s',
                   CASE WHEN d.value_type IS NULL THEN customer_data.event_number_expression(d.value, NULL) ELSE d.value END,
                   CASE WHEN d.quantity_type IS NULL THEN customer_data.event_number_expression(d.quantity, NULL) ELSE d.quantity END,
                   p.columns, ', ' || also_by)),
        ', e.' || also_by)
    FROM (SELECT coalesce(string_agg(format(', %L::text, e.property_%s', q.key, q.n), '' ORDER BY q.n), '') AS arguments,
                 coalesce(string_agg(format(E', (%s\n)%s AS property_%s', q.value #>> '{}',
                                            CASE WHEN q.key = ANY (d.text_properties) THEN '::text' ELSE '' END, q.n), '' ORDER BY q.n), '') AS columns
          FROM jsonb_each(d.properties) WITH ORDINALITY AS q (key, value, n)) p
$$;
COMMENT ON FUNCTION customer_data.event_group_query(customer_data.event_source_definition, text, text, timestamptz, boolean, text)
    IS 'The query that reads an event source''s rows as one timeline per key';

-- The rejected ones among them, by reason; asked only when there are some.
CREATE FUNCTION customer_data.event_reject_query(d customer_data.event_source_definition, from_item text, condition text, wanted boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN wanted THEN
        format('SELECT e.reason, count(*), max(left(e.source_row::text, 200)) FROM (%s) e WHERE e.reason IS NOT NULL GROUP BY 1',
               customer_data.event_row_query(d, from_item, condition))
    ELSE 'SELECT NULL::text, NULL::bigint, NULL::text WHERE false' END
$$;
COMMENT ON FUNCTION customer_data.event_reject_query(customer_data.event_source_definition, text, text, boolean) IS 'The query that counts the rows of an event source that cannot be events';

-- What one pass over a source did.
CREATE TYPE customer_data.event_batch_result AS (rows bigint, removed bigint, rejected bigint, records bigint[], again text[]);
COMMENT ON TYPE customer_data.event_batch_result IS 'What one batch did: rows read, events taken back, rows rejected, records changed, keys to read anew';

CREATE FUNCTION customer_data.timeline_chunk_size() RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 4096;
COMMENT ON FUNCTION customer_data.timeline_chunk_size() IS 'Events of a full chunk, which no append rewrites';

-- Appends: one small chunk per record, nothing rewritten.  Rows in the order of
-- their records, which the index and later readers like.  What makes later reads
-- pass over the same rows (the queue emptied, the rows seen) is done in the same
-- statement, that is in the same snapshot, and from one reading of them.
CREATE FUNCTION customer_data.append_events(d customer_data.event_source_definition, from_item text, condition text,
    since timestamptz DEFAULT NULL) RETURNS customer_data.event_batch_result
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    result customer_data.event_batch_result;
BEGIN
    WITH batch AS MATERIALIZED (
        SELECT * FROM customer_data.query_as(d.owner, d.time_zone, customer_data.event_group_query(d, from_item, condition, since))
            AS t (key text, events customer_data.timeline, n bigint, bad bigint, hashes bigint[], cursors timestamptz[])
    ), ids AS MATERIALIZED (
        SELECT i.key, i.record_id
        FROM customer_data.ensure_records(d.source_id, (SELECT array_agg(b.key) FROM batch b WHERE b.n > 0)) i
    ), queued AS (
        DELETE FROM customer_data.event_queue q WHERE q.event_source_id = d.event_source_id
    ), seen AS (
        INSERT INTO customer_data.event_seen (event_source_id, hash, key, seen_at, times)
        SELECT d.event_source_id, u.hash, b.key, u.cursor, count(*)
        FROM batch b, unnest(b.hashes, b.cursors) AS u (hash, cursor)
        WHERE since IS NOT NULL
        GROUP BY u.hash, b.key, u.cursor
    ), put AS (
        INSERT INTO customer_data.timeline_chunk (record_id, event_source_id, events, event_count, first_at, last_at)
        SELECT c.record_id, d.event_source_id, (c.p).part, (c.p).event_count, (c.p).first_at, (c.p).last_at
        FROM (SELECT r.record_id, customer_data.timeline_parts(r.events, customer_data.timeline_chunk_size()) AS p
              FROM (SELECT i.record_id, b.events FROM batch b JOIN ids i USING (key) WHERE b.n > 0 ORDER BY i.record_id) r) c
    ), rejects AS (
        INSERT INTO customer_data.event_rejected AS r (event_source_id, reason, events, example)
        SELECT d.event_source_id, j.reason, j.n, j.example
        FROM customer_data.query_as(d.owner, d.time_zone,
                 customer_data.event_reject_query(d, from_item, condition, (SELECT sum(b.bad) FROM batch b) > 0))
            AS j (reason text, n bigint, example text)
        ON CONFLICT ON CONSTRAINT event_rejected_pkey DO UPDATE
            SET events = r.events + excluded.events, last_at = now(), example = excluded.example
    )
    SELECT (SELECT sum(b.n) FROM batch b), 0, (SELECT sum(b.bad) FROM batch b),
           (SELECT array_agg(i.record_id) FROM ids i), NULL::text[]
    INTO result.rows, result.removed, result.rejected, result.records, result.again;
    RETURN result;
END
$$;
COMMENT ON FUNCTION customer_data.append_events(customer_data.event_source_definition, text, text, timestamptz) IS 'Appends a batch of new events to the records they belong to';

-- Reconciles: reads everything, stores what differs.  With only_keys just these
-- records are read and replaced.  Events of one instant that merely come in
-- another order are left as they are.
CREATE FUNCTION customer_data.reconcile_events(d customer_data.event_source_definition, from_item text, condition text,
    only_keys text[], since timestamptz) RETURNS customer_data.event_batch_result
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    result customer_data.event_batch_result;
BEGIN
    IF only_keys IS NULL THEN
        DELETE FROM customer_data.event_rejected r WHERE r.event_source_id = d.event_source_id;
        IF NOT EXISTS (SELECT FROM customer_data.timeline_chunk c WHERE c.event_source_id = d.event_source_id) THEN
            RETURN customer_data.append_events(d, from_item, condition, since);
        END IF;
    END IF;
    WITH batch AS MATERIALIZED (
        SELECT * FROM customer_data.query_as(d.owner, d.time_zone, customer_data.event_group_query(d, from_item, condition, since, only_keys IS NULL))
            AS t (key text, events customer_data.timeline, n bigint, bad bigint, hashes bigint[], cursors timestamptz[])
    ), ids AS MATERIALIZED (
        SELECT i.key, i.record_id
        FROM customer_data.ensure_records(d.source_id, (SELECT array_agg(b.key) FROM batch b WHERE b.n > 0)) i
    ), queued AS (
        DELETE FROM customer_data.event_queue q WHERE q.event_source_id = d.event_source_id AND only_keys IS NULL
    ), seen AS (
        INSERT INTO customer_data.event_seen (event_source_id, hash, key, seen_at, times)
        SELECT d.event_source_id, u.hash, b.key, u.cursor, count(*)
        FROM batch b, unnest(b.hashes, b.cursors) AS u (hash, cursor)
        WHERE since IS NOT NULL
        GROUP BY u.hash, b.key, u.cursor
    ), stored AS (
        SELECT c.record_id, customer_data.timeline_chunk_agg(c.events, c.chunk_no) AS events
        FROM customer_data.timeline_chunk c
        WHERE c.event_source_id = d.event_source_id
          AND (only_keys IS NULL
               OR c.record_id IN (SELECT r.record_id FROM customer_data.source_record r
                                  WHERE r.source_id = d.source_id AND r.key = ANY (only_keys)))
        GROUP BY c.record_id
    ), unequal AS (
        SELECT coalesce(i.record_id, s.record_id) AS record_id, i.events, s.record_id IS NOT NULL AS stored,
               coalesce(customer_data.event_total(customer_data.timeline_subtract(i.events, s.events)),
                        customer_data.event_total(i.events), 0) AS came,
               coalesce(customer_data.event_total(customer_data.timeline_subtract(s.events, i.events)),
                        customer_data.event_total(s.events), 0) AS went
        FROM (SELECT i.record_id, b.events FROM batch b JOIN ids i USING (key) WHERE b.n > 0) i
        FULL JOIN stored s USING (record_id)
        WHERE i.events IS DISTINCT FROM s.events
    ), differs AS MATERIALIZED (
        SELECT * FROM unequal u WHERE u.came > 0 OR u.went > 0
    ), gone AS (
        DELETE FROM customer_data.timeline_chunk c USING differs f
        WHERE c.record_id = f.record_id AND c.event_source_id = d.event_source_id AND f.stored
    ), put AS (
        INSERT INTO customer_data.timeline_chunk (record_id, event_source_id, events, event_count, first_at, last_at)
        SELECT c.record_id, d.event_source_id, (c.p).part, (c.p).event_count, (c.p).first_at, (c.p).last_at
        FROM (SELECT f.record_id, customer_data.timeline_parts(f.events, customer_data.timeline_chunk_size()) AS p
              FROM differs f WHERE f.events IS NOT NULL) c
    ), rejects AS (
        INSERT INTO customer_data.event_rejected AS r (event_source_id, reason, events, example)
        SELECT d.event_source_id, j.reason, j.n, j.example
        FROM customer_data.query_as(d.owner, d.time_zone,
                 customer_data.event_reject_query(d, from_item, condition,
                                                  only_keys IS NULL AND (SELECT sum(b.bad) FROM batch b) > 0))
            AS j (reason text, n bigint, example text)
    )
    SELECT (SELECT sum(f.came) FROM differs f), (SELECT sum(f.went) FROM differs f),
           (SELECT sum(b.bad) FROM batch b WHERE only_keys IS NULL),
           (SELECT array_agg(f.record_id) FROM differs f), NULL::text[]
    INTO result.rows, result.removed, result.rejected, result.records, result.again;
    RETURN result;
END
$$;
COMMENT ON FUNCTION customer_data.reconcile_events(customer_data.event_source_definition, text, text, text[], timestamptz) IS 'Reads an event source from its beginning, or the named keys of it, and stores what differs';

-- The condition that selects the rows of some keys, able to use an index on the key.
CREATE FUNCTION customer_data.event_keys_condition(d customer_data.event_source_definition, keys text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    -- Keys that are equal by their type may be written in more than one way, and are different records then.
    RETURN format(E'(%1$s\n) = ANY (%2$L::text[]::%3$s[])', d.key, keys, d.key_type)
        || CASE WHEN customer_data.event_key_is_text(d) THEN format(E' AND (%s\n)::text COLLATE "C" = ANY (%L::text[])', d.key, keys) ELSE '' END;
COMMENT ON FUNCTION customer_data.event_keys_condition(customer_data.event_source_definition, text[]) IS 'The condition that selects an event source''s rows of some keys';

-- Mode trigger: what the queue holds, rows that came and went cancelled out.
CREATE FUNCTION customer_data.take_event_queue(d customer_data.event_source_definition, relid oid) RETURNS customer_data.event_batch_result
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
DECLARE
    result  customer_data.event_batch_result;
    query   text;
    emptied bigint[];
    written oid[] := relid || customer_data.relation_parts(relid);
BEGIN
    result.rows := 0;
    result.removed := 0;
    result.rejected := 0;
    IF NOT EXISTS (SELECT FROM customer_data.event_queue q WHERE q.event_source_id = d.event_source_id) THEN
        RETURN result;
    END IF;
    CREATE TEMP TABLE IF NOT EXISTS cd_event_batch (cd_sign smallint, cd_times int, cd_row jsonb) ON COMMIT DELETE ROWS;
    TRUNCATE pg_temp.cd_event_batch;
    EXECUTE format('GRANT SELECT ON pg_temp.cd_event_batch TO %s', d.owner);
    WITH taken AS (
        DELETE FROM customer_data.event_queue q WHERE q.event_source_id = d.event_source_id
        RETURNING q.queue_id, q.relation_oid, q.sign, q.source_row
    ), emptied AS (
        SELECT coalesce(max(t.queue_id), 0) AS queue_id FROM taken t WHERE t.sign = 0 AND t.relation_oid = relid
    ), staged AS (
        INSERT INTO pg_temp.cd_event_batch
        SELECT sign(sum(t.sign)), abs(sum(t.sign)), t.source_row
        FROM taken t, emptied e
        WHERE t.queue_id > e.queue_id AND t.relation_oid = ANY (written)
        GROUP BY t.source_row HAVING sum(t.sign) <> 0
        ORDER BY min(t.queue_id)
    ), gone AS (
        DELETE FROM customer_data.timeline_chunk c USING emptied e
        WHERE c.event_source_id = d.event_source_id AND e.queue_id > 0
        RETURNING c.record_id, c.event_count
    ), forgotten AS (
        DELETE FROM customer_data.event_rejected r USING emptied e
        WHERE r.event_source_id = d.event_source_id AND e.queue_id > 0
    )
    SELECT array_agg(DISTINCT g.record_id), coalesce(sum(g.event_count), 0) INTO emptied, result.removed FROM gone g;

    query := format('pg_temp.cd_event_batch CROSS JOIN LATERAL generate_series(1, cd_event_batch.cd_times) AS cd_time (cd_nth)'
                    ' CROSS JOIN LATERAL jsonb_populate_record(NULL::%s, cd_event_batch.cd_row) AS %s', d.relation, d.row_name);
    WITH batch AS MATERIALIZED (
        SELECT * FROM customer_data.query_as(d.owner, d.time_zone, customer_data.event_group_query(d, query, NULL, also_by => 'cd_sign'))
            AS t (key text, events customer_data.timeline, n bigint, bad bigint, hashes bigint[], cursors timestamptz[], sign smallint)
    ), ids AS MATERIALIZED (
        SELECT i.key, i.record_id
        FROM customer_data.ensure_records(d.source_id, (SELECT array_agg(DISTINCT b.key) FROM batch b WHERE b.n > 0)) i
    ), plus AS (
        SELECT i.record_id, i.key, b.events, b.n FROM batch b JOIN ids i USING (key) WHERE b.sign > 0 AND b.n > 0
    ), minus AS MATERIALIZED (
        SELECT i.record_id, i.key, b.events, x.first_at, x.last_at
        FROM batch b JOIN ids i USING (key), LATERAL customer_data.timeline_parts(b.events, 2147483647) x
        WHERE b.sign < 0 AND b.n > 0
    ), hit AS MATERIALIZED (
        SELECT c.record_id, c.chunk_no, c.events
        FROM minus m JOIN customer_data.timeline_chunk c USING (record_id)
        WHERE c.event_source_id = d.event_source_id AND c.first_at <= m.last_at AND c.last_at >= m.first_at
    ), gone AS (
        DELETE FROM customer_data.timeline_chunk c USING hit h WHERE c.record_id = h.record_id AND c.chunk_no = h.chunk_no
    ), changed AS MATERIALIZED (
        SELECT m.record_id, m.key, m.events AS minus, u.before, customer_data.timeline_subtract(u.before, m.events) AS after
        FROM minus m
        LEFT JOIN plus p USING (record_id)
        LEFT JOIN (SELECT h.record_id, customer_data.timeline_chunk_agg(h.events, h.chunk_no) AS events
                   FROM hit h GROUP BY h.record_id) s USING (record_id)
        CROSS JOIN LATERAL (SELECT coalesce(s.events || p.events, s.events, p.events, customer_data.empty_timeline()) AS before) u
    ), put AS (
        INSERT INTO customer_data.timeline_chunk (record_id, event_source_id, events, event_count, first_at, last_at)
        SELECT c.record_id, d.event_source_id, (c.p).part, (c.p).event_count, (c.p).first_at, (c.p).last_at
        FROM (SELECT n.record_id, customer_data.timeline_parts(n.events, customer_data.timeline_chunk_size()) AS p
              FROM (SELECT p.record_id, p.events FROM plus p WHERE NOT EXISTS (SELECT FROM minus m WHERE m.record_id = p.record_id)
                    UNION ALL SELECT h.record_id, h.after FROM changed h) n) c
    ), rejects AS (
        INSERT INTO customer_data.event_rejected AS r (event_source_id, reason, events, example)
        SELECT d.event_source_id, j.reason, j.n, j.example
        FROM customer_data.query_as(d.owner, d.time_zone,
                 CASE WHEN (SELECT sum(b.bad) FROM batch b) > 0
                      THEN format('SELECT e.reason, sum(e.cd_sign), max(left(e.source_row::text, 200)) FROM (%s) e WHERE e.reason IS NOT NULL GROUP BY 1',
                                  customer_data.event_row_query(d, query, NULL, ', cd_sign'))
                      ELSE 'SELECT NULL::text, NULL::bigint, NULL::text WHERE false' END)
            AS j (reason text, n bigint, example text)
        ON CONFLICT ON CONSTRAINT event_rejected_pkey DO UPDATE
            SET events = r.events + excluded.events, last_at = now(), example = excluded.example
    )
    SELECT (SELECT sum(p.n) FROM plus p),
           result.removed + coalesce((SELECT sum(customer_data.event_total(m.events)) FROM minus m), 0),
           (SELECT sum(b.bad) FROM batch b WHERE b.sign > 0),
           (SELECT array_agg(DISTINCT x.r) FROM (SELECT i.record_id FROM ids i UNION ALL SELECT unnest(emptied)) AS x (r)),
           -- What could not be found to be taken back is read anew.
           (SELECT array_agg(h.key) FROM changed h
            WHERE customer_data.event_total(h.before) - customer_data.event_total(h.after) <> customer_data.event_total(h.minus))
    INTO result.rows, result.removed, result.rejected, result.records, result.again;
    DELETE FROM customer_data.event_rejected r WHERE r.event_source_id = d.event_source_id AND r.events <= 0;
    RETURN result;
END
$$;
COMMENT ON FUNCTION customer_data.take_event_queue(customer_data.event_source_definition, oid) IS 'Mode trigger: applies the rows written since the last refresh';

-- Mode timestamp: rows of the overlap that were not there last time are
-- appended; where a row is gone from it, or rows are declared to change, the
-- records are read anew.
CREATE FUNCTION customer_data.read_event_overlap(d customer_data.event_source_definition, from_item text, condition text, since timestamptz) RETURNS customer_data.event_batch_result
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    result customer_data.event_batch_result;
    again  text[];
    part   text[];
BEGIN
    WITH win AS (
        SELECT t.hash, t.key, count(*) AS times
        FROM customer_data.query_as(d.owner, d.time_zone,
                 format('SELECT %s, e.key::text FROM (%s) e', customer_data.event_row_hash(), customer_data.event_row_query(d, from_item, condition)))
            AS t (hash bigint, key text)
        GROUP BY t.hash, t.key
    )
    SELECT array_agg(DISTINCT coalesce(w.key, s.key)) INTO again
    FROM win w
    FULL JOIN (SELECT * FROM customer_data.event_seen e
               WHERE e.event_source_id = d.event_source_id AND e.seen_at >= since) s USING (hash)
    WHERE coalesce(w.times, 0) < coalesce(s.times, 0) OR d.updates AND coalesce(w.times, 0) <> coalesce(s.times, 0);
    IF again IS NOT NULL THEN
        part := array_remove(again, NULL);
        DELETE FROM customer_data.event_seen e
        WHERE e.event_source_id = d.event_source_id AND (e.key = ANY (part) OR e.key IS NULL AND cardinality(part) < cardinality(again));
        result := customer_data.reconcile_events(d, from_item, customer_data.event_keys_condition(d, part), part, since);
    END IF;
    WITH win AS MATERIALIZED (
        SELECT t.*, row_number() OVER (PARTITION BY t.hash) AS nth
        FROM customer_data.query_as(d.owner, d.time_zone, format('SELECT e.reason, e.key::text, e.at, e.kind, e.value, e.quantity, e.event_id, '
                'e.properties, e.cursor::timestamptz, %s, CASE WHEN e.reason IS NOT NULL THEN left(e.source_row::text, 200) END FROM (%s) e',
                customer_data.event_row_hash(), customer_data.event_row_query(d, from_item, condition)))
            AS t (reason text, key text, at timestamptz, kind text, value float8, quantity float8, event_id text,
                  properties jsonb, cursor timestamptz, hash bigint, example text)
    ), fresh AS (
        SELECT w.*
        FROM win w
        LEFT JOIN customer_data.event_seen s ON s.event_source_id = d.event_source_id AND s.hash = w.hash
        WHERE w.nth > coalesce(s.times, 0) AND (NOT d.updates OR w.reason IS NOT NULL)
    ), seen AS (
        INSERT INTO customer_data.event_seen AS s (event_source_id, hash, key, seen_at, times)
        SELECT d.event_source_id, f.hash, f.key, f.cursor, count(*) FROM fresh f GROUP BY f.hash, f.key, f.cursor
        ON CONFLICT ON CONSTRAINT event_seen_pkey DO UPDATE SET times = s.times + excluded.times
    ), batch AS MATERIALIZED (
        SELECT f.key, count(*) AS n,
               customer_data.timeline_agg(f.at, f.kind, f.value, f.quantity, f.event_id, f.properties) AS events
        FROM fresh f WHERE f.reason IS NULL GROUP BY f.key
    ), ids AS MATERIALIZED (
        SELECT i.key, i.record_id FROM customer_data.ensure_records(d.source_id, (SELECT array_agg(b.key) FROM batch b)) i
    ), put AS (
        INSERT INTO customer_data.timeline_chunk (record_id, event_source_id, events, event_count, first_at, last_at)
        SELECT c.record_id, d.event_source_id, (c.p).part, (c.p).event_count, (c.p).first_at, (c.p).last_at
        FROM (SELECT i.record_id, customer_data.timeline_parts(b.events, customer_data.timeline_chunk_size()) AS p
              FROM batch b JOIN ids i USING (key)) c
    ), rejects AS (
        INSERT INTO customer_data.event_rejected AS r (event_source_id, reason, events, example)
        SELECT d.event_source_id, f.reason, count(*), max(f.example) FROM fresh f WHERE f.reason IS NOT NULL GROUP BY f.reason
        ON CONFLICT ON CONSTRAINT event_rejected_pkey DO UPDATE
            SET events = r.events + excluded.events, last_at = now(), example = excluded.example
    )
    SELECT coalesce(result.rows, 0) + coalesce((SELECT sum(b.n) FROM batch b), 0), result.removed,
           (SELECT count(*) FROM fresh f WHERE f.reason IS NOT NULL),
           (SELECT array_agg(DISTINCT x.r) FROM (SELECT i.record_id FROM ids i UNION ALL SELECT unnest(result.records)) AS x (r)), NULL::text[]
    INTO result.rows, result.removed, result.rejected, result.records, result.again;
    RETURN result;
END
$$;
COMMENT ON FUNCTION customer_data.read_event_overlap(customer_data.event_source_definition, text, text, timestamptz) IS 'Mode timestamp: reads the overlap and what is behind it';
