-- Timeline, refresh: one event source, all of them, and compaction.

-- One refresh at a time; a second one waits and then finds what is left.
CREATE FUNCTION customer_data.lock_timelines() RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock('customer_data.timeline_chunk'::regclass::oid::int, 0)
$$;
COMMENT ON FUNCTION customer_data.lock_timelines() IS 'Waits until no other transaction writes timelines';

-- Answers one value of a query run as the source's owner, as text.
CREATE FUNCTION customer_data.ask_event_source(d customer_data.event_source_definition, query text) RETURNS text
    LANGUAGE sql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT t.answer FROM customer_data.query_as(d.owner, d.time_zone, query) AS t (answer text)
$$;
COMMENT ON FUNCTION customer_data.ask_event_source(customer_data.event_source_definition, text) IS 'One value of a query, run with the rights of an event source''s owner';

-- Reads one source by its mode and moves its cursor, in one transaction.  Grouping
-- by key needs memory as a maintenance command does; work_mem goes back by itself.
CREATE FUNCTION customer_data.refresh_event_source(d customer_data.event_source_definition, reconcile boolean) RETURNS customer_data.event_batch_result
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET work_mem = '64MB'
    SET jit = off
AS $$
DECLARE
    st       customer_data.event_source_state;
    result   customer_data.event_batch_result;
    began    timestamptz := clock_timestamp();
    item     text;
    relid    oid;
    here     bigint := (SELECT system_identifier FROM pg_control_system());
    everything boolean := coalesce(reconcile, false);
    own_xid  xid8;
    snap     pg_snapshot;
    highest  text;
    files    oid[];
    since    timestamptz;
    bound    text;
    again    text[];
    before   bigint[];
    parts    oid[];
BEGIN
    PERFORM set_config('work_mem', current_setting('maintenance_work_mem'), true);
    INSERT INTO customer_data.event_source_state (event_source_id) VALUES (d.event_source_id) ON CONFLICT DO NOTHING;
    SELECT * INTO st FROM customer_data.event_source_state s WHERE s.event_source_id = d.event_source_id FOR UPDATE;
    -- The relation is looked up anew: another table may have taken its name.
    item := customer_data.ask_event_source(d, format('SELECT customer_data.relation_item(%L)', d.relation));
    relid := customer_data.ask_event_source(d, format('SELECT customer_data.event_relation(%L)::oid::text', d.relation))::oid;
    IF relid IS DISTINCT FROM st.relation_oid THEN
        PERFORM customer_data.ask_event_source(d, format('SELECT customer_data.check_event_mode(%L, %L, %L, %L::oid::regclass)::text', d.name, d.mode, item, relid));
    END IF;
    everything := everything OR st.reconcile OR d.mode = 'full' OR relid IS DISTINCT FROM st.relation_oid
        OR now() >= st.reconciled_at + d.reconcile_every;
    -- Rows come with a partition that is attached, and go with one that is detached or dropped.
    parts := customer_data.relation_parts(relid);
    IF parts IS DISTINCT FROM st.relation_parts THEN
        everything := everything
            OR EXISTS (SELECT FROM unnest(parts) p WHERE p <> ALL (coalesce(st.relation_parts, '{}')) AND pg_relation_size(p) > 0)
            OR d.mode = 'trigger' AND NOT coalesce(st.relation_parts, '{}') <@ parts;
    END IF;
    IF d.mode = 'trigger' THEN
        IF NOT coalesce(st.relation_parts, '{}') <@ parts THEN
            PERFORM customer_data.ask_event_source(d, format('SELECT customer_data.remove_capture(%s, %L)::text', d.event_source_id, relid || parts));
        END IF;
        everything := customer_data.ask_event_source(d, format('SELECT customer_data.install_capture(%s::oid::regclass, %s)::text',
                                                               relid, d.event_source_id))::boolean OR everything
            -- Rows captured before a column got its name cannot be read by it.
            OR EXISTS (SELECT FROM customer_data.event_queue q
                       WHERE q.event_source_id = d.event_source_id AND q.relation_oid = ANY (relid || parts) AND q.sign <> 0
                         AND NOT q.source_row ?& (SELECT array_agg(a.attname::text) FROM pg_attribute a
                                                  WHERE a.attrelid = relid AND a.attnum > 0 AND NOT a.attisdropped))
            -- What was in a partition that was truncated is not known apart.
            OR EXISTS (SELECT FROM customer_data.event_queue q
                       WHERE q.event_source_id = d.event_source_id AND q.relation_oid = ANY (parts) AND q.sign = 0);
    END IF;
    bound := NULL;
    CASE d.mode
    WHEN 'xid' THEN
        own_xid := pg_current_xact_id();
        snap := pg_current_snapshot();
        everything := everything OR st.system_identifier IS DISTINCT FROM here OR st.foreign_xids OR st.cursor_snapshot IS NULL;
        st.foreign_xids := everything AND customer_data.ask_event_source(d,
            format('SELECT EXISTS (SELECT FROM %s WHERE %I >= pg_snapshot_xmax(pg_current_snapshot()) AND %I <> %L::xid8)::text',
                   item, d.cursor_column, d.cursor_column, own_xid))::boolean;
        IF st.foreign_xids THEN
            RAISE WARNING 'event source "%" holds transaction ids of another cluster and is read from its beginning each time', d.name
                USING HINT = format('UPDATE %s SET %I = ''3'';', d.relation, d.cursor_column);
        ELSE
            -- Rows visible in this snapshot, and not in the last one.  Rows of
            -- the transaction that refreshes wait for the next refresh: it may
            -- write more of them.
            bound := format('(pg_visible_in_snapshot(%1$I, %2$L) AND %1$I <> %3$L::xid8%4$s)', d.cursor_column, snap, own_xid,
                CASE WHEN everything THEN format(' OR %I IS NULL', d.cursor_column)
                     ELSE format(' AND %1$I >= %2$L::xid8 AND (NOT pg_visible_in_snapshot(%1$I, %3$L) OR %1$I = %4$L::xid8)',
                                 d.cursor_column, pg_snapshot_xmin(st.cursor_snapshot), st.cursor_snapshot, st.cursor_xid) END);
        END IF;
        st.cursor_snapshot := snap;
        st.cursor_xid := own_xid;
        st.system_identifier := here;
    WHEN 'sequence' THEN
        -- Every value up to the highest one visible was handed out before the
        -- wait, so after it each is committed or will never be.  A restart after
        -- the files were looked at is noticed by the next refresh.
        files := customer_data.sequence_files(relid::regclass, d.cursor_column);
        highest := customer_data.ask_event_source(d, format('SELECT max(%I)::text FROM %s', d.cursor_column, item));
        PERFORM customer_data.ask_event_source(d, format('SELECT customer_data.wait_for_writers(%s::oid::regclass)::text', relid));
        everything := everything OR st.cursor_value IS NULL OR highest IS NULL OR highest::bigint < st.cursor_value::bigint
            OR files IS DISTINCT FROM st.sequence_files;
        st.sequence_files := files;
        bound := format('(%1$I <= %2$L%3$s)', d.cursor_column, highest,
            CASE WHEN everything THEN format(' OR %I IS NULL', d.cursor_column)
                 ELSE format(' AND %I > %L', d.cursor_column, st.cursor_value) END);
        st.cursor_value := highest;
    WHEN 'timestamp' THEN
        everything := everything OR st.cursor_value IS NULL;
        IF everything THEN
            highest := customer_data.ask_event_source(d, format('SELECT max(%I)::timestamptz::text FROM %s', d.cursor_column, item));
            DELETE FROM customer_data.event_seen e WHERE e.event_source_id = d.event_source_id;
        ELSE
            highest := st.cursor_value;
        END IF;
        -- A clock in the future must not move the overlap past the present.
        since := least(highest::timestamptz, began) - d.overlap;
        IF d.cursor_type = 'date'::regtype THEN
            since := (since AT TIME ZONE d.time_zone)::date::timestamp AT TIME ZONE d.time_zone;
        END IF;
        st.cursor_value := least(highest::timestamptz, began)::text;
    ELSE
        NULL;
    END CASE;

    IF everything THEN
        result := customer_data.reconcile_events(d, item, bound, NULL, since);
        st.reconciled_at := now();
        st.reconcile := false;
    ELSIF d.mode = 'trigger' THEN
        result := customer_data.take_event_queue(d, relid);
        IF result.again IS NOT NULL THEN
            RAISE NOTICE 'event source "%" is read from its beginning: % records have changed rows whose events could not be found',
                d.name, cardinality(result.again)
                USING HINT = 'An expression that reads another table, or the clock, does not give a row the same event twice.';
            before := result.records;
            result := customer_data.reconcile_events(d, item, NULL, NULL, NULL);
            result.records := coalesce(result.records, '{}') || before;
        END IF;
    ELSIF d.mode = 'timestamp' THEN
        result := customer_data.read_event_overlap(d, item, customer_data.event_since_condition(d, since), since);
        SELECT greatest(st.cursor_value::timestamptz, least(max(e.seen_at), began)) INTO since
        FROM customer_data.event_seen e WHERE e.event_source_id = d.event_source_id;
        st.cursor_value := since::text;
        DELETE FROM customer_data.event_seen e
        WHERE e.event_source_id = d.event_source_id
          AND NOT e.seen_at >= since - d.overlap - interval '1 day';
    ELSIF d.updates THEN
        SELECT array_agg(t.key) INTO again
        FROM customer_data.query_as(d.owner, d.time_zone,
            format('SELECT DISTINCT e.key::text FROM (%s) e WHERE e.key IS NOT NULL', customer_data.event_row_query(d, item, bound))) AS t (key text);
        IF again IS NOT NULL THEN
            result := customer_data.reconcile_events(d, item, customer_data.event_keys_condition(d, again), again, NULL);
        END IF;
    ELSE
        result := customer_data.append_events(d, item, bound);
    END IF;

    IF coalesce(result.rows, 0) > 0 THEN
        st.batches := st.batches + 1;
        IF NOT everything THEN
            PERFORM customer_data.compact_records(d.event_source_id, result.records, st.batches);
        END IF;
    END IF;
    UPDATE customer_data.event_source_state s
    SET cursor_snapshot = st.cursor_snapshot, cursor_xid = st.cursor_xid, cursor_value = st.cursor_value,
        sequence_files = st.sequence_files, system_identifier = st.system_identifier, foreign_xids = st.foreign_xids, relation_oid = relid, relation_parts = parts,
        reconcile = st.reconcile, reconciled_at = st.reconciled_at, refreshed_at = now(), batches = st.batches,
        read_rows = s.read_rows + coalesce(result.rows, 0) - coalesce(result.removed, 0),
        seconds = extract(epoch FROM clock_timestamp() - began), error = NULL, failed_at = NULL
    WHERE s.event_source_id = d.event_source_id;
    RETURN result;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_event_source(customer_data.event_source_definition, boolean) IS 'Reads what is new in one event source; the cursor moves in the same transaction';

-- The overlap's start in the cursor column's own type, so that its index serves.
CREATE FUNCTION customer_data.event_since_condition(d customer_data.event_source_definition, since timestamptz) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    RETURN format('%I >= %L::timestamptz::%s', d.cursor_column, since, d.cursor_type);
COMMENT ON FUNCTION customer_data.event_since_condition(customer_data.event_source_definition, timestamptz) IS 'Mode timestamp: the condition that selects the overlap and what is behind it';

-- Joins what appending left, as part of each batch and in proportion to it: an
-- eighth of the records it speaks of, by lot, so that no batch waits for all of
-- them.  Of a record the newest chunks are joined, as far back as none is much
-- larger than those after it: so a long history is rewritten a few times in all,
-- not with each batch.
CREATE FUNCTION customer_data.compact_records(event_source_id int, records bigint[], round bigint) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    joined bigint;
BEGIN
    WITH small AS (
        SELECT c.record_id, c.chunk_no, c.event_count,
               coalesce(sum(c.event_count) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), c.event_count) AS newer
        FROM unnest(compact_records.records) AS r (record_id)
        JOIN customer_data.timeline_chunk c ON c.record_id = r.record_id AND c.event_source_id = compact_records.event_source_id
        WHERE hashint8extended(r.record_id, compact_records.round) & 7 = 0
        WINDOW w AS (PARTITION BY c.record_id ORDER BY c.chunk_no DESC)
    ), alike AS (
        SELECT s.record_id, s.chunk_no, bool_and(s.event_count <= 4 * s.newer AND s.event_count < customer_data.timeline_chunk_size())
                   OVER (PARTITION BY s.record_id ORDER BY s.chunk_no DESC) AS taken
        FROM small s
    ), many AS MATERIALIZED (
        SELECT a.record_id, min(a.chunk_no) AS first_no FROM alike a WHERE a.taken GROUP BY a.record_id HAVING count(*) >= 4
    ), gone AS (
        DELETE FROM customer_data.timeline_chunk c USING many m
        WHERE c.record_id = m.record_id AND c.chunk_no >= m.first_no AND c.event_source_id = compact_records.event_source_id
        RETURNING c.record_id, c.chunk_no, c.events
    ), put AS (
        INSERT INTO customer_data.timeline_chunk (record_id, event_source_id, events, event_count, first_at, last_at)
        SELECT c.record_id, compact_records.event_source_id, (c.p).part, (c.p).event_count, (c.p).first_at, (c.p).last_at
        FROM (SELECT g.record_id, customer_data.timeline_parts(customer_data.timeline_chunk_agg(g.events, g.chunk_no),
                                                               customer_data.timeline_chunk_size()) AS p
              FROM gone g GROUP BY g.record_id) c
    )
    SELECT count(*) INTO joined FROM many;
    RETURN joined;
END
$$;
COMMENT ON FUNCTION customer_data.compact_records(int, bigint[], bigint) IS 'Joins the newest small chunks of some of the records of a batch';

CREATE FUNCTION customer_data.compact_timelines(event_source_id int DEFAULT NULL, max_chunks int DEFAULT 2) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    joined bigint;
BEGIN
    PERFORM customer_data.lock_timelines();
    WITH many AS MATERIALIZED (
        SELECT c.record_id, c.event_source_id
        FROM customer_data.timeline_chunk c
        WHERE c.event_count < customer_data.timeline_chunk_size()
          AND (compact_timelines.event_source_id IS NULL OR c.event_source_id = compact_timelines.event_source_id)
        GROUP BY c.record_id, c.event_source_id
        HAVING count(*) >= greatest(2, max_chunks)
    ), gone AS (
        DELETE FROM customer_data.timeline_chunk c USING many m
        WHERE c.record_id = m.record_id AND c.event_source_id = m.event_source_id
          AND c.event_count < customer_data.timeline_chunk_size()
        RETURNING c.record_id, c.event_source_id, c.chunk_no, c.events
    ), put AS (
        INSERT INTO customer_data.timeline_chunk (record_id, event_source_id, events, event_count, first_at, last_at)
        SELECT c.record_id, c.event_source_id, (c.p).part, (c.p).event_count, (c.p).first_at, (c.p).last_at
        FROM (SELECT g.record_id, g.event_source_id,
                     customer_data.timeline_parts(customer_data.timeline_chunk_agg(g.events, g.chunk_no),
                                                  customer_data.timeline_chunk_size()) AS p
              FROM gone g GROUP BY g.record_id, g.event_source_id) c
    )
    SELECT count(*) INTO joined FROM many;
    RETURN joined;
END
$$;
COMMENT ON FUNCTION customer_data.compact_timelines(int, int) IS 'Joins all small chunks of records that have at least so many';

CREATE FUNCTION customer_data.refuse_unread_events() RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    unread text;
BEGIN
    -- Whoever may not see how far sources were read has others see to it.
    IF NOT has_table_privilege('customer_data.event_source_definition', 'SELECT') OR NOT has_table_privilege('customer_data.event_source_state', 'SELECT') THEN
        RETURN;
    END IF;
    SELECT d.name INTO unread FROM customer_data.event_source_definition d
    WHERE NOT EXISTS (SELECT FROM customer_data.event_source_state s WHERE s.event_source_id = d.event_source_id)
    ORDER BY d.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'event source "%" has not been read since it was restored', unread
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Timelines are not dumped: all that is known from events would be taken for gone.',
                  HINT = 'SELECT customer_data.refresh_timelines(); or CALL customer_data.refresh_all();';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.refuse_unread_events() IS 'Refuses to conclude anything from timelines after a restore, before their sources have been read again';

CREATE FUNCTION customer_data.refresh_timelines(name text DEFAULT NULL, reconcile boolean DEFAULT false)
    RETURNS TABLE (sources int, events bigint, removed bigint, records bigint, customers bigint, rejected bigint, failed int, seconds double precision)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    d       customer_data.event_source_definition;
    b       customer_data.event_batch_result;
    began   timestamptz := clock_timestamp();
    changed bigint[] := '{}';
    touched customer_data.customer_set;
    message text;
    hint    text;
    detail  text;
BEGIN
    IF current_setting('customer_data.as_of', true) <> '' THEN
        RAISE EXCEPTION 'cannot refresh while customer_data.as_of is set'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'RESET customer_data.as_of;';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'cannot refresh timelines in a transaction with isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'active_sql_transaction',
                  DETAIL = 'Its snapshot was taken before the cursors were read, so it could miss rows for ever.',
                  HINT = 'Use READ COMMITTED.';
    END IF;
    IF refresh_timelines.name IS NOT NULL THEN
        PERFORM customer_data.own_event_source(refresh_timelines.name);
    END IF;
    PERFORM customer_data.lock_timelines();
    sources := 0;
    events := 0;
    removed := 0;
    rejected := 0;
    failed := 0;
    FOR d IN
        SELECT * FROM customer_data.event_source_definition e
        WHERE refresh_timelines.name IS NULL OR e.name = refresh_timelines.name
        ORDER BY e.event_source_id
    LOOP
        BEGIN
            b := customer_data.refresh_event_source(d, refresh_timelines.reconcile);
            sources := sources + 1;
            events := events + coalesce(b.rows, 0);
            removed := removed + coalesce(b.removed, 0);
            rejected := rejected + coalesce(b.rejected, 0);
            changed := changed || b.records;
        EXCEPTION WHEN OTHERS THEN
            -- One failing source stops no other: nothing of it was stored, its
            -- cursor stayed, and the error is kept where people look.
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
            failed := failed + 1;
            INSERT INTO customer_data.event_source_state AS s (event_source_id, error, failed_at)
            VALUES (d.event_source_id, message, now())
            ON CONFLICT ON CONSTRAINT event_source_state_pkey DO UPDATE SET error = excluded.error, failed_at = excluded.failed_at;
            RAISE WARNING 'event source "%" could not be read: %', d.name, message
                USING DETAIL = coalesce(nullif(detail, ''), 'Nothing of it was stored; the next refresh begins where the last one ended.'), HINT = coalesce(nullif(hint, ''), 'See customer_data.event_source; the other sources were read.');
        END;
    END LOOP;
    DELETE FROM customer_data.event_queue q
    WHERE refresh_timelines.name IS NULL
      AND NOT EXISTS (SELECT FROM customer_data.event_source_definition e WHERE e.event_source_id = q.event_source_id AND e.mode = 'trigger');
    SELECT count(DISTINCT r.record_id), customer_data.customer_set_agg(r.customer_id) INTO records, touched
    FROM customer_data.source_record r WHERE r.record_id = ANY (changed);
    customers := coalesce(customer_data.cardinality(touched), 0);
    IF customers > 0 THEN
        PERFORM customer_data.touch('portrait', touched);
    END IF;
    seconds := extract(epoch FROM clock_timestamp() - began);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_timelines(text, boolean) IS 'Reads what is new in the event sources, all of them or one, and tells the customers concerned; reconcile: compare everything';

CREATE FUNCTION customer_data.drop_event_source(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    d       customer_data.event_source_definition;
    touched customer_data.customer_set;
BEGIN
    d := customer_data.own_event_source(name);
    PERFORM customer_data.lock_timelines();
    PERFORM customer_data.remove_capture(d.event_source_id);
    WITH gone AS (
        DELETE FROM customer_data.timeline_chunk c WHERE c.event_source_id = d.event_source_id RETURNING c.record_id
    )
    SELECT customer_data.customer_set_agg(r.customer_id) INTO touched
    FROM customer_data.source_record r WHERE r.record_id IN (SELECT g.record_id FROM gone g);
    DELETE FROM customer_data.event_queue q WHERE q.event_source_id = d.event_source_id;
    DELETE FROM customer_data.event_seen e WHERE e.event_source_id = d.event_source_id;
    DELETE FROM customer_data.event_source_definition e WHERE e.event_source_id = d.event_source_id;
    IF customer_data.cardinality(touched) > 0 THEN
        PERFORM customer_data.touch('portrait', touched);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.drop_event_source(text) IS 'Forgets an event source and the events that came from it';
