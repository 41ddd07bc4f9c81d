-- Timeline, event sources: which relations events are read from, what their
-- columns mean, and how what is new in them is found without losing or
-- doubling any of it.

CREATE TABLE customer_data.event_source_definition (
    event_source_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (name <> ''),
    relation        text NOT NULL,
    row_name        text NOT NULL,
    source_id       int NOT NULL REFERENCES customer_data.source,
    key             text NOT NULL,
    key_type        regtype NOT NULL,
    at              text NOT NULL,
    kind            text NOT NULL,
    value           text,
    value_type      regtype,
    quantity        text,
    quantity_type   regtype,
    event_id        text,
    properties      jsonb NOT NULL DEFAULT '{}',
    text_properties text[] NOT NULL DEFAULT '{}',
    mode            text NOT NULL CHECK (mode IN ('xid', 'sequence', 'trigger', 'timestamp', 'full')),
    cursor_column   text,
    cursor_type     regtype,
    updates         boolean NOT NULL DEFAULT false,
    overlap         interval NOT NULL DEFAULT '1 hour',
    reconcile_every interval,
    promise         text NOT NULL,
    owner           regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    time_zone       text NOT NULL DEFAULT current_setting('TimeZone'),
    added_at        timestamptz NOT NULL DEFAULT now(),
    CHECK ((cursor_column IS NOT NULL) = (mode IN ('xid', 'sequence', 'timestamp')))
);
CREATE TRIGGER own_definition BEFORE INSERT OR UPDATE OF owner, relation, row_name, key, key_type, at, kind, value, value_type,
        quantity, quantity_type, event_id, properties, cursor_column, cursor_type, time_zone ON customer_data.event_source_definition
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_definition();
COMMENT ON TABLE customer_data.event_source_definition IS 'Relations that events are read from; add_event_source() writes it, the view event_source shows it with its state';
COMMENT ON COLUMN customer_data.event_source_definition.relation IS 'schema.table, looked up anew at each run, or a query';
COMMENT ON COLUMN customer_data.event_source_definition.row_name IS 'What a query that reads the relation calls its row';
COMMENT ON COLUMN customer_data.event_source_definition.source_id IS 'The source whose records the events belong to';
COMMENT ON COLUMN customer_data.event_source_definition.key IS 'Expression over the row: the key of the record the event belongs to';
COMMENT ON COLUMN customer_data.event_source_definition.key_type IS 'Type of that expression, so that an index on it can be used';
COMMENT ON COLUMN customer_data.event_source_definition.value_type IS 'Type of that expression where it is a number that needs no cast';
COMMENT ON COLUMN customer_data.event_source_definition.quantity_type IS 'Type of that expression where it is a number that needs no cast';
COMMENT ON COLUMN customer_data.event_source_definition.at IS 'Expression over the row: when it happened';
COMMENT ON COLUMN customer_data.event_source_definition.kind IS 'Expression over the row: what happened';
COMMENT ON COLUMN customer_data.event_source_definition.event_id IS 'Expression over the row: events of one record with the same id are one event';
COMMENT ON COLUMN customer_data.event_source_definition.properties IS 'Property name to SQL expression over the row';
COMMENT ON COLUMN customer_data.event_source_definition.text_properties IS 'Properties that are kept as text: those neither numeric, boolean nor JSON';
COMMENT ON COLUMN customer_data.event_source_definition.mode IS 'How new rows are found: xid, sequence, trigger, timestamp, full';
COMMENT ON COLUMN customer_data.event_source_definition.cursor_column IS 'Column that tells new rows from old ones';
COMMENT ON COLUMN customer_data.event_source_definition.cursor_type IS 'Type of that column, so that an index on it can be used';
COMMENT ON COLUMN customer_data.event_source_definition.updates IS 'A row whose cursor column moved is a changed row: the events of its record are read anew';
COMMENT ON COLUMN customer_data.event_source_definition.overlap IS 'Mode timestamp: how late a row may appear behind the latest one and still be found without reconciliation';
COMMENT ON COLUMN customer_data.event_source_definition.reconcile_every IS 'How often everything is read and compared; NULL: only when asked for';
COMMENT ON COLUMN customer_data.event_source_definition.promise IS 'What holds for inserted, late, updated and deleted rows';
COMMENT ON COLUMN customer_data.event_source_definition.owner IS 'The expressions run with the rights of this role';
SELECT pg_catalog.pg_extension_config_dump('customer_data.event_source_definition', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.event_source_definition_event_source_id_seq', '');

-- Derived, like the chunks it speaks of: after a restore there are neither,
-- and the next refresh reads every source from its beginning.
CREATE TABLE customer_data.event_source_state (
    event_source_id   int PRIMARY KEY REFERENCES customer_data.event_source_definition ON DELETE CASCADE,
    cursor_snapshot   pg_snapshot,
    cursor_xid        xid8,
    cursor_value      text,
    system_identifier bigint,
    foreign_xids      boolean NOT NULL DEFAULT false,
    relation_oid      oid,
    relation_parts    oid[],
    sequence_files    oid[],
    reconcile         boolean NOT NULL DEFAULT true,
    reconciled_at     timestamptz,
    refreshed_at      timestamptz,
    batches           bigint NOT NULL DEFAULT 0,
    read_rows         bigint NOT NULL DEFAULT 0,
    seconds           double precision,
    error             text,
    failed_at         timestamptz
);
COMMENT ON TABLE customer_data.event_source_state IS 'How far each event source has been read; derived: without it a source is read from its beginning';
COMMENT ON COLUMN customer_data.event_source_state.cursor_snapshot IS 'Mode xid: the snapshot of the last read; what was not visible in it is new';
COMMENT ON COLUMN customer_data.event_source_state.cursor_xid IS 'Mode xid: the transaction of the last read, whose own rows wait for the next one';
COMMENT ON COLUMN customer_data.event_source_state.cursor_value IS 'Modes sequence and timestamp: the greatest value read';
COMMENT ON COLUMN customer_data.event_source_state.system_identifier IS 'Mode xid: the cluster whose transaction ids these are';
COMMENT ON COLUMN customer_data.event_source_state.foreign_xids IS 'Mode xid: the column holds transaction ids of another cluster, so everything is read each time';
COMMENT ON COLUMN customer_data.event_source_state.relation_oid IS 'The relation that was read last; another one under the same name is read from its beginning';
COMMENT ON COLUMN customer_data.event_source_state.relation_parts IS 'Its partitions, or the tables that inherit from it, then; rows may come and go with one';
COMMENT ON COLUMN customer_data.event_source_state.sequence_files IS 'Mode sequence: the files of the sequence that fills the cursor column; one that begins anew gets another';
COMMENT ON COLUMN customer_data.event_source_state.reconcile IS 'The next refresh reads everything and stores what differs';

CREATE TABLE customer_data.event_queue (
    queue_id        bigint GENERATED ALWAYS AS IDENTITY,
    relation_oid    oid NOT NULL,
    event_source_id int NOT NULL,
    sign            smallint NOT NULL,
    source_row      jsonb
);
COMMENT ON TABLE customer_data.event_queue IS 'Mode trigger: queue of the rows written since the last refresh';
COMMENT ON COLUMN customer_data.event_queue.relation_oid IS 'The table written to; rows of any other than the event source names are passed over';
COMMENT ON COLUMN customer_data.event_queue.sign IS '1: the row came; -1: it went; 0: the table was truncated';

CREATE TABLE customer_data.event_seen (
    event_source_id int NOT NULL,
    hash            bigint NOT NULL,
    key             text,
    seen_at         timestamptz NOT NULL,
    times           int NOT NULL,
    PRIMARY KEY (event_source_id, hash)
);
COMMENT ON TABLE customer_data.event_seen IS 'Mode timestamp: rows already read inside the overlap, by the hash of what they say; derived';

CREATE TABLE customer_data.event_rejected (
    event_source_id int NOT NULL REFERENCES customer_data.event_source_definition ON DELETE CASCADE,
    reason          text NOT NULL,
    events          bigint NOT NULL,
    last_at         timestamptz NOT NULL DEFAULT now(),
    example         text,
    PRIMARY KEY (event_source_id, reason)
);
COMMENT ON TABLE customer_data.event_rejected IS 'Source rows that could not become events: how many and why, with an example; derived';

-- Checks one expression and whether its value can be what is wanted.
CREATE FUNCTION customer_data.check_event_expression(item text, expression text, wanted regtype, what text) RETURNS regtype
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    type regtype := customer_data.declared_expression(item, expression, what);
BEGIN
    IF type = 'unknown'::regtype THEN
        type := 'text';
    END IF;
    IF wanted IS NOT NULL AND wanted <> 'text'::regtype THEN
        BEGIN
            EXECUTE format('SELECT NULL::%s::%s', type, wanted);
        EXCEPTION WHEN cannot_coerce THEN
            RAISE EXCEPTION '%: the expression gives %, not %', what, type, wanted
                USING ERRCODE = 'datatype_mismatch', DETAIL = format('The expression was: %s', expression),
                      HINT = format('Write one whose value can be cast to %s.', wanted);
        END;
    END IF;
    RETURN type;
END
$$;
COMMENT ON FUNCTION customer_data.check_event_expression(text, text, regtype, text) IS 'Type of an expression over the rows of an event source; refuses one that cannot be cast to what is wanted';

CREATE FUNCTION customer_data.event_relation(relation text) RETURNS regclass
    LANGUAGE sql STABLE STRICT
    SET search_path = customer_data, pg_catalog, pg_temp
    RETURN CASE WHEN customer_data.relation_item(relation) LIKE '(%' THEN NULL ELSE to_regclass(customer_data.relation_item(relation)) END;
COMMENT ON FUNCTION customer_data.event_relation(text) IS 'The relation of that name now; NULL for a query';

CREATE FUNCTION customer_data.relation_parts(relation regclass) RETURNS oid[]
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE part AS (
        SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = relation_parts.relation
        UNION
        SELECT i.inhrelid FROM pg_inherits i JOIN part p ON i.inhparent = p.inhrelid
    )
    SELECT coalesce(array_agg(p.inhrelid ORDER BY p.inhrelid), '{}') FROM part p
$$;
COMMENT ON FUNCTION customer_data.relation_parts(regclass) IS 'The partitions of a table, and the tables that inherit from it, at all depths';

-- A sequence that begins anew may have come further than before when somebody looks:
-- its value does not tell, but a restart gives it another file, as TRUNCATE does.
CREATE FUNCTION customer_data.column_sequences(relation regclass, cursor_column text) RETURNS SETOF oid
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.sequence
    FROM pg_attribute a,
         LATERAL (SELECT d.objid AS sequence FROM pg_depend d
                  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
                    AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
                  UNION
                  SELECT d.refobjid FROM pg_attrdef f JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
                  WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> a.attrelid) s
    WHERE a.attrelid = column_sequences.relation AND a.attname = column_sequences.cursor_column
$$;
COMMENT ON FUNCTION customer_data.column_sequences(regclass, text) IS 'The sequences that fill a column';

CREATE FUNCTION customer_data.sequence_files(relation regclass, cursor_column text) RETURNS oid[]
    LANGUAGE sql STABLE STRICT
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT array_agg(pg_relation_filenode(s.sequence) ORDER BY pg_relation_filenode(s.sequence))
    FROM customer_data.column_sequences(sequence_files.relation, sequence_files.cursor_column) AS s (sequence)
$$;
COMMENT ON FUNCTION customer_data.sequence_files(regclass, text) IS 'The files of the sequences that fill a column';

CREATE FUNCTION customer_data.wait_for_writers(relation regclass) RETURNS boolean
    LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'cd_wait_for_writers';
COMMENT ON FUNCTION customer_data.wait_for_writers(regclass) IS 'Waits until the transactions that have written to the table so far are over; blocks no new one';

-- Statement triggers of mode trigger.  Whoever writes to the source table needs
-- no right on the queue: rows are turned into jsonb as the writer, since casts
-- of their types may run anything, and put into the queue as its owner.  It
-- notes the table and asks nothing: what a writer's snapshot may not see yet
-- must not decide, and the refresh passes over rows of tables that the event
-- source does not name.
CREATE FUNCTION customer_data.capture_events() RETURNS trigger
    LANGUAGE c VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET extra_float_digits = 1 SET IntervalStyle = 'postgres' SET bytea_output = 'hex'
    AS 'MODULE_PATHNAME', 'cd_capture_events';
COMMENT ON FUNCTION customer_data.capture_events() IS 'Trigger of event sources in mode trigger: puts written rows into event_queue';

-- Puts the four triggers on the table, and on its partitions for statements that
-- name one of these: a statement fires the triggers of the table it names, those
-- of no other.  Runs as the owner of the event source.
CREATE FUNCTION customer_data.install_capture(relation regclass, event_source_id int) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part  record;
    rows  boolean;
    found boolean := false;
BEGIN
    FOR part IN
        SELECT t.oid::regclass AS name, v.event, v.tables, format('customer_data_events_%s_%s', event_source_id, lower(v.event)) AS trigger,
               pg_has_role(t.relowner, 'USAGE') AS own, t.oid = relation AS root
        FROM pg_class t,
             (VALUES ('INSERT', 'REFERENCING NEW TABLE AS cd_new_rows'),
                     ('UPDATE', 'REFERENCING OLD TABLE AS cd_old_rows NEW TABLE AS cd_new_rows'),
                     ('DELETE', 'REFERENCING OLD TABLE AS cd_old_rows'),
                     ('TRUNCATE', '')) AS v (event, tables)
        WHERE t.oid = relation OR t.oid = ANY (customer_data.relation_parts(relation)) AND t.relkind IN ('r', 'p') AND has_table_privilege(t.oid, 'TRIGGER')
        ORDER BY t.oid <> relation, t.oid
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = part.name AND NOT t.tgisinternal AND t.tgname = part.trigger);
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION customer_data.capture_events(%L)',
                       part.trigger, part.event, part.name, part.tables, event_source_id);
        IF part.own THEN
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', part.name, part.trigger);
        END IF;
        -- A partition that was not written to yet has nothing that was missed.
        rows := part.root OR pg_relation_size(part.name) > 0;
        found := found OR rows;
    END LOOP;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_data.install_capture(regclass, int) IS 'Puts the triggers of an event source on its table and the partitions of it where they are missing; true if rows may have been missed so far';

CREATE FUNCTION customer_data.remove_capture(event_source_id int, but oid[] DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT tgname, tgrelid::regclass AS relation, pg_has_role(c.relowner, 'USAGE') AS own
        FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
        WHERE NOT tgisinternal AND tgparentid = 0 AND tgrelid <> ALL (but)
          AND tgname IN (SELECT format('customer_data_events_%s_%s', event_source_id, event)
                         FROM unnest('{insert,update,delete,truncate}'::text[]) event)
    LOOP
        IF t.own THEN
            EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.relation);
        ELSE
            RAISE NOTICE 'trigger % of table % stays: only the owner of the table can drop it', t.tgname, t.relation
                USING HINT = format('DROP TRIGGER %I ON %s;', t.tgname, t.relation);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.remove_capture(int, oid[]) IS 'Takes the triggers of an event source off its tables, but for some';

-- What each mode promises, in words.
CREATE FUNCTION customer_data.event_promise(mode text, cursor_column text, updates boolean, overlap interval, reconcile_every interval) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = customer_data, pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE mode
        WHEN 'xid' THEN
            'inserted rows exactly once, those committed late by long transactions included; '
            || CASE WHEN updates THEN 'updated rows when their ' || cursor_column || ' is renewed; deleted rows'
                    ELSE 'updated and deleted rows' END
        WHEN 'sequence' THEN
            'inserted rows exactly once while ' || cursor_column || ' is filled from one sequence with CACHE 1 by the INSERT itself; '
            || CASE WHEN updates THEN 'updated rows when their ' || cursor_column || ' is renewed; deleted rows'
                    ELSE 'updated and deleted rows' END
        WHEN 'trigger' THEN 'inserted, updated, deleted and truncated rows exactly once'
        WHEN 'timestamp' THEN
            'inserted rows exactly once if they appear at most ' || overlap || ' after their ' || cursor_column || '; later ones'
            || CASE WHEN updates THEN ', and deleted rows,' ELSE ', updated and deleted rows' END
        WHEN 'full' THEN 'equal to the relation at each refresh, which reads all of it'
    END
    || CASE WHEN mode IN ('trigger', 'full') THEN ''
            WHEN reconcile_every IS NULL THEN ' only by refresh_timelines(reconcile => true)'
            ELSE ' by reconciliation, every ' || reconcile_every END;
END;
COMMENT ON FUNCTION customer_data.event_promise(text, text, boolean, interval, interval) IS 'What an ingestion mode promises, in words';

-- Refuses a mode that the relation cannot keep the promise of.  Asked when the
-- source is declared, and again when another relation has taken its name.
CREATE FUNCTION customer_data.check_event_mode(name text, mode text, item text, relation regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    what text;
    hint text := 'Choose mode timestamp, with a cursor_column that says when a row arrived or changed, or full.';
BEGIN
    IF customer_data.reads_temporary_table(item) THEN
        RAISE EXCEPTION 'event source "%" cannot read a temporary table', name
            USING ERRCODE = 'wrong_object_type', DETAIL = 'Other sessions and background workers do not see it, and it goes with this session.',
                  HINT = 'Read an ordinary table; CREATE UNLOGGED TABLE is as cheap to write to.';
    END IF;
    IF mode NOT IN ('xid', 'sequence', 'trigger') THEN
        RETURN;
    END IF;
    SELECT CASE c.relkind WHEN 'r' THEN 'a table' WHEN 'p' THEN 'a table' WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
                          WHEN 'f' THEN 'a foreign table' END INTO what
    FROM pg_class c WHERE c.oid = relation;
    what := coalesce(what, 'a query');
    IF mode <> 'xid' AND what <> 'a table' THEN
        RAISE EXCEPTION 'mode "%" of event source "%" needs a table, not %', mode, name, what
            USING ERRCODE = 'wrong_object_type', HINT = hint;
    END IF;
    IF customer_data.reads_foreign_table(item) THEN
        RAISE EXCEPTION 'mode "%" of event source "%" cannot read a foreign table', mode, name
            USING ERRCODE = 'wrong_object_type',
                  DETAIL = CASE mode WHEN 'xid' THEN 'Transaction ids of another server mean nothing in this one.'
                                     WHEN 'sequence' THEN 'Nobody here can wait for writers on another server.'
                                     ELSE 'Triggers here see nothing of what is written on another server, and cannot collect the rows of foreign partitions.' END,
                  HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.check_event_mode(text, text, text, regclass) IS 'Refuses a mode that a relation cannot keep the promise of';

-- Whatever is behind it: the plan shows what views and partitions hide.
CREATE FUNCTION customer_data.reading_plan(item text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE format('EXPLAIN (VERBOSE, FORMAT JSON) SELECT * FROM %s', item) INTO plan;
    RETURN plan::jsonb;
END
$$;
COMMENT ON FUNCTION customer_data.reading_plan(text) IS 'How PostgreSQL would read all of what is written after FROM';

CREATE FUNCTION customer_data.reads_foreign_table(item text) RETURNS boolean
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_path_exists(customer_data.reading_plan(item), '$.**."Node Type" ? (@ == "Foreign Scan")')
$$;
COMMENT ON FUNCTION customer_data.reads_foreign_table(text) IS 'Whether a foreign table is behind what is written after FROM';

-- What can never give rows is not in the plan: a table named itself is looked at, too.
CREATE FUNCTION customer_data.reads_temporary_table(item text) RETURNS boolean
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_path_exists(customer_data.reading_plan(item), '$.**."Schema" ? (@ starts with "pg_temp")')
        OR EXISTS (SELECT FROM pg_class c WHERE item NOT LIKE '(%' AND c.oid = to_regclass(item) AND c.relpersistence = 't')
$$;
COMMENT ON FUNCTION customer_data.reads_temporary_table(text) IS 'Whether a temporary table is behind what is written after FROM';

-- New rows can be told by a sequence only while it counts up, one value at a time.
CREATE FUNCTION customer_data.sequence_problem(relation regclass, cursor_column text,
    OUT sequence regclass, OUT problem text, OUT detail text, OUT cure text) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 1
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT q.seqrelid::regclass, p.problem, p.detail, p.cure
    FROM customer_data.column_sequences(sequence_problem.relation, sequence_problem.cursor_column) AS c (sequence)
    JOIN pg_sequence q ON q.seqrelid = c.sequence
    JOIN (VALUES (1, 'hands out values in blocks', 'A session may use an earlier value after another session''s later one, so new rows cannot be told by it.', 'CACHE 1'),
                 (2, 'counts down', 'The newest row has the least value, so new rows cannot be told by it.', 'INCREMENT BY 1 NO MINVALUE NO MAXVALUE START WITH 1 RESTART'),
                 (3, 'begins anew when it has come to its end', 'New rows get values that were read before.', 'NO CYCLE')) AS p (n, problem, detail, cure)
        ON p.n = CASE WHEN q.seqcache > 1 THEN 1 WHEN q.seqincrement < 0 THEN 2 WHEN q.seqcycle THEN 3 END
    ORDER BY q.seqrelid LIMIT 1
$$;
COMMENT ON FUNCTION customer_data.sequence_problem(regclass, text) IS 'A sequence that fills a column and by which new rows cannot be told, why, and what would help; no row if there is none';

-- Checks a definition as a whole and fills in what was left open.
CREATE FUNCTION customer_data.check_event_source(d customer_data.event_source_definition) RETURNS customer_data.event_source_definition
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    item     text;
    relid    oid;
    relkind  "char";
    part     record;
    type     regtype;
    plain    boolean;
    problem  boolean;
    detail   text;
    hint     text;
BEGIN
    item := customer_data.relation_item(d.relation);
    d.row_name := 'source_row';
    IF item NOT LIKE '(%' THEN
        d.relation := item;
        relid := to_regclass(item);
        SELECT c.relkind, quote_ident(c.relname) INTO relkind, d.row_name FROM pg_class c WHERE c.oid = relid;
    END IF;
    BEGIN
        EXECUTE format('SELECT FROM %s LIMIT 0', item);
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role % may not read event source "%"', current_user, d.name
            USING ERRCODE = 'insufficient_privilege', DETAIL = SQLERRM,
                  HINT = format('GRANT SELECT ON %s TO %s;', d.relation, current_user);
    END;
    d.key_type := customer_data.check_event_expression(item, d.key, 'text', 'key');
    d.value_type := NULL;
    d.quantity_type := NULL;
    FOR part IN
        SELECT * FROM (VALUES ('at', d.at, 'timestamptz'::regtype), ('kind', d.kind, 'text'),
                              ('value', d.value, 'float8'), ('quantity', d.quantity, 'float8'),
                              ('event_id', d.event_id, 'text')) AS v (name, expression, type)
        WHERE expression IS NOT NULL
    LOOP
        BEGIN
            type := customer_data.check_event_expression(item, part.expression, part.type, part.name);
        EXCEPTION WHEN undefined_column THEN
            IF part.name <> 'kind' OR NOT customer_data.is_column_name(part.expression) THEN
                RAISE;
            END IF;
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RAISE EXCEPTION '%', SQLERRM
                USING ERRCODE = 'undefined_column', DETAIL = detail,
                      HINT = format('A kind that all rows have is a quoted literal: kind => $kind$%L$kind$. %s', part.expression, hint);
        END;
        -- Times that are texts would fail the source when it is read: a column without times does so at once.
        IF part.name = 'at' AND type = ANY ('{text,varchar,bpchar}'::regtype[]) THEN
            BEGIN
                EXECUTE format(E'SELECT count(t::timestamptz) FROM (SELECT (%s\n)::text AS t FROM %s LIMIT 100) s', part.expression, item);
            EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow THEN
                RAISE EXCEPTION 'at: the expression gives a text that is no time'
                    USING ERRCODE = 'invalid_datetime_format', DETAIL = SQLERRM,
                          HINT = 'Name the column that has the time, or write an expression such as to_timestamp(when_text, ''DD.MM.YYYY HH24:MI'').';
            END;
        END IF;
        CONTINUE WHEN type <> ALL ('{int2,int4,int8,float4,float8,numeric}'::regtype[]);
        IF part.name = 'value' THEN
            d.value_type := type;
        ELSIF part.name = 'quantity' THEN
            d.quantity_type := type;
        END IF;
    END LOOP;
    IF jsonb_typeof(d.properties) <> 'object' THEN
        RAISE EXCEPTION 'properties of event source "%" are not an object', d.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write {"name": "SQL expression over the row", ...}.';
    END IF;
    d.text_properties := '{}';
    FOR part IN SELECT p.key AS name, p.value AS expression FROM jsonb_each(d.properties) p LOOP
        IF part.name = '' OR lower(part.name) IN ('at', 'kind', 'value') OR part.name = 'quantity' AND d.quantity IS NOT NULL OR part.name = 'event_id' AND d.event_id IS NOT NULL THEN
            RAISE EXCEPTION 'property of event source "%" cannot be named "%"', d.name, part.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Patterns use this name for something else; choose another one.';
        END IF;
        IF jsonb_typeof(part.expression) <> 'string' THEN
            RAISE EXCEPTION 'property "%" of event source "%" is not a SQL expression', part.name, d.name
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = format('Write the expression as a string: {"%s": "column or expression"}.', part.name);
        END IF;
        type := customer_data.check_event_expression(item, part.expression #>> '{}', NULL, format('property "%s"', part.name));
        IF type <> ALL ('{int2,int4,int8,float4,float8,numeric,bool,jsonb,json}'::regtype[]) THEN
            d.text_properties := d.text_properties || part.name;
        END IF;
    END LOOP;

    type := NULL;
    -- The mode: as asked, else by the cursor column's type, else by what the table has.
    plain := relkind IN ('r', 'p') AND NOT customer_data.reads_foreign_table(item);
    IF d.cursor_column IS NULL AND coalesce(d.mode, 'xid') = 'xid' AND plain THEN
        SELECT a.attname INTO d.cursor_column
        FROM pg_attribute a JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
        WHERE a.attrelid = relid AND a.atttypid = 'xid8'::regtype AND NOT a.attisdropped
          AND pg_get_expr(f.adbin, f.adrelid) ~ 'pg_current_xact_id'
        ORDER BY a.attnum LIMIT 1;
    END IF;
    IF d.cursor_column IS NULL AND coalesce(d.mode, 'sequence') = 'sequence' AND plain THEN
        SELECT a.attname INTO d.cursor_column
        FROM pg_attribute a
        WHERE a.attrelid = relid AND a.attnum > 0 AND NOT a.attisdropped
          AND pg_get_serial_sequence(d.relation, a.attname) IS NOT NULL
          AND (d.mode IS NOT NULL OR NOT EXISTS (SELECT FROM customer_data.sequence_problem(relid, a.attname)))
        ORDER BY a.attnum LIMIT 1;
    END IF;
    IF d.mode = ANY ('{trigger,full}') AND d.cursor_column IS NOT NULL THEN
        RAISE EXCEPTION 'mode "%" takes no cursor column', d.mode
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave cursor_column out, or choose mode xid, sequence or timestamp.';
    END IF;
    IF d.cursor_column IS NOT NULL THEN
        type := customer_data.declared_expression(item, quote_ident(d.cursor_column), 'cursor_column');
    END IF;
    IF d.mode IS NULL THEN
        d.mode := CASE WHEN type = 'xid8'::regtype THEN 'xid'
                       WHEN type = ANY ('{int2,int4,int8}'::regtype[]) THEN 'sequence'
                       WHEN type = ANY ('{timestamptz,timestamp,date}'::regtype[]) THEN 'timestamp'
                       WHEN type IS NOT NULL THEN 'unknown'
                       WHEN plain AND has_table_privilege(relid, 'TRIGGER') THEN 'trigger'
                       ELSE 'full' END;
    END IF;
    IF d.mode NOT IN ('xid', 'sequence', 'trigger', 'timestamp', 'full') THEN
        IF d.mode = 'unknown' THEN
            RAISE EXCEPTION 'cursor column "%" of event source "%" has type %', d.cursor_column, d.name, type
                USING ERRCODE = 'datatype_mismatch', HINT = 'Use a column of type xid8, an integer filled from a sequence, or a timestamp.';
        END IF;
        RAISE EXCEPTION 'unknown mode "%" of event source "%"', d.mode, d.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Modes are xid, sequence, trigger, timestamp and full.';
    END IF;
    PERFORM customer_data.check_event_mode(d.name, d.mode, item, relid);
    IF d.mode IN ('xid', 'sequence', 'timestamp') AND d.cursor_column IS NULL THEN
        RAISE EXCEPTION 'mode "%" of event source "%" needs a cursor column', d.mode, d.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = CASE d.mode WHEN 'xid' THEN format('ALTER TABLE %s ADD COLUMN loaded_by xid8 DEFAULT pg_current_xact_id();', d.relation)
                                     ELSE 'Name it with cursor_column => ''...''.' END;
    END IF;
    IF d.mode = 'xid' AND type <> 'xid8'::regtype
       OR d.mode = 'sequence' AND type <> ALL ('{int2,int4,int8}'::regtype[])
       OR d.mode = 'timestamp' AND type <> ALL ('{timestamptz,timestamp,date}'::regtype[]) THEN
        RAISE EXCEPTION 'mode "%" cannot use cursor column "%" of type %', d.mode, d.cursor_column, type
            USING ERRCODE = 'datatype_mismatch',
                  HINT = 'Mode xid takes a column of type xid8, sequence an integer, timestamp a timestamp or date.';
    END IF;
    IF d.mode = 'sequence' THEN
        FOR part IN SELECT * FROM customer_data.sequence_problem(relid, d.cursor_column) LOOP
            RAISE EXCEPTION 'sequence % %', part.sequence, part.problem
                USING ERRCODE = 'invalid_parameter_value', DETAIL = part.detail,
                      HINT = format('ALTER SEQUENCE %s %s; or choose another mode.', part.sequence, part.cure);
        END LOOP;
    END IF;
    IF d.mode = 'xid' THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I >= pg_snapshot_xmax(pg_current_snapshot()) '
                       'AND %I IS DISTINCT FROM pg_current_xact_id_if_assigned())', item, d.cursor_column, d.cursor_column)
            INTO problem;
        IF problem THEN
            RAISE EXCEPTION 'column "%" of % holds transaction ids of another cluster', d.cursor_column, d.relation
                USING ERRCODE = 'invalid_parameter_value',
                      DETAIL = 'Rows that were replicated, or restored from a dump, carry the ids of the cluster they come from.',
                      HINT = format('UPDATE %s SET %I = ''3''; or choose another mode.', d.relation, d.cursor_column);
        END IF;
    END IF;
    d.updates := coalesce(d.updates, d.mode = 'timestamp' AND d.cursor_column ~* 'updat|modif|chang');
    IF d.updates AND d.mode IN ('trigger', 'full') THEN
        d.updates := false;
    END IF;
    IF d.overlap < interval '0' THEN
        RAISE EXCEPTION 'overlap must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF d.mode = 'timestamp' THEN
        d.reconcile_every := coalesce(d.reconcile_every, interval '1 day');
    END IF;
    d.cursor_type := type;
    d.promise := customer_data.event_promise(d.mode, d.cursor_column, d.updates, d.overlap, d.reconcile_every);
    IF d.mode IN ('xid', 'sequence', 'timestamp') AND relkind = 'r'
       AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                       WHERE i.indrelid = relid AND a.attname = d.cursor_column AND i.indpred IS NULL) THEN
        RAISE NOTICE 'no index starts with column "%" of %: each refresh reads the whole table', d.cursor_column, d.relation
            USING HINT = format('CREATE INDEX ON %s (%I);', d.relation, d.cursor_column);
    END IF;
    RETURN d;
END
$$;
COMMENT ON FUNCTION customer_data.check_event_source(customer_data.event_source_definition) IS 'Checks the definition of an event source and fills in what was left open';

CREATE FUNCTION customer_data.add_event_source(name text, relation text, source text, key text, at text, kind text,
    value text DEFAULT NULL, quantity text DEFAULT NULL, event_id text DEFAULT NULL, properties jsonb DEFAULT '{}',
    mode text DEFAULT NULL, cursor_column text DEFAULT NULL, updates boolean DEFAULT NULL,
    overlap interval DEFAULT '1 hour', reconcile_every interval DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    d customer_data.event_source_definition;
BEGIN
    IF coalesce(name, '') = '' OR relation IS NULL OR key IS NULL OR at IS NULL OR kind IS NULL THEN
        RAISE EXCEPTION 'name, relation, key, at and kind of an event source must be given'
            USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF EXISTS (SELECT FROM customer_data.event_source_definition e WHERE e.name = add_event_source.name) THEN
        RAISE EXCEPTION 'event source "%" exists already', name
            USING ERRCODE = 'duplicate_object', HINT = 'Change it with alter_event_source, or remove it with drop_event_source.';
    END IF;
    d.source_id := (customer_data.source_named(source)).source_id;
    d.name := name;
    d.relation := relation;
    d.key := key;
    d.at := at;
    d.kind := kind;
    d.value := value;
    d.quantity := quantity;
    d.event_id := event_id;
    d.properties := coalesce(properties, '{}');
    d.mode := mode;
    d.cursor_column := cursor_column;
    d.updates := updates;
    d.overlap := coalesce(overlap, interval '1 hour');
    d.reconcile_every := reconcile_every;
    d := customer_data.check_event_source(d);
    INSERT INTO customer_data.event_source_definition AS e (name, relation, row_name, source_id, key, key_type, at, kind, value, value_type,
        quantity, quantity_type, event_id, properties, text_properties, mode, cursor_column, cursor_type, updates, overlap, reconcile_every, promise)
    VALUES (d.name, d.relation, d.row_name, d.source_id, d.key, d.key_type, d.at, d.kind, d.value, d.value_type,
        d.quantity, d.quantity_type, d.event_id, d.properties, d.text_properties, d.mode, d.cursor_column, d.cursor_type, d.updates, d.overlap, d.reconcile_every, d.promise)
    RETURNING e.event_source_id INTO d.event_source_id;
    INSERT INTO customer_data.event_source_state (event_source_id, relation_oid, relation_parts)
    VALUES (d.event_source_id, customer_data.event_relation(d.relation), customer_data.relation_parts(customer_data.event_relation(d.relation)));
    IF d.mode = 'trigger' THEN
        PERFORM customer_data.install_capture(customer_data.event_relation(d.relation), d.event_source_id);
    END IF;
    -- A role that only declares events need not own the view.
    IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('customer_data.profile') AND a.attname = 'events') THEN
        PERFORM customer_data.rebuild_profile();
    END IF;
    RETURN d.promise;
END
$$;
COMMENT ON FUNCTION customer_data.add_event_source(text, text, text, text, text, text, text, text, text, jsonb, text, text, boolean, interval, interval)
    IS 'Declares a relation whose rows are events of a source''s records; answers what its mode promises';

-- The definition under a name that the caller may change, or an error.
CREATE FUNCTION customer_data.own_event_source(name text) RETURNS customer_data.event_source_definition
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    d    customer_data.event_source_definition;
    near text;
BEGIN
    SELECT * INTO d FROM customer_data.event_source_definition e WHERE e.name = own_event_source.name;
    IF NOT FOUND THEN
        SELECT string_agg(format('"%s"', e.name), ', ' ORDER BY customer_data.levenshtein(e.name, own_event_source.name), e.name) INTO near
        FROM customer_data.event_source_definition e;
        RAISE EXCEPTION 'event source "%" does not exist', own_event_source.name
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Event sources are ' || near || '.', 'Declare one with add_event_source.');
    END IF;
    IF NOT pg_has_role(d.owner, 'MEMBER') THEN
        RAISE EXCEPTION 'event source "%" belongs to role %', d.name, d.owner
            USING ERRCODE = 'insufficient_privilege', HINT = format('GRANT %s TO %I;', d.owner, current_user);
    END IF;
    RETURN d;
END
$$;
COMMENT ON FUNCTION customer_data.own_event_source(text) IS 'The event source of this name, which the caller may change';

CREATE FUNCTION customer_data.alter_event_source(name text, relation text DEFAULT NULL, key text DEFAULT NULL, at text DEFAULT NULL,
    kind text DEFAULT NULL, value text DEFAULT NULL, quantity text DEFAULT NULL, event_id text DEFAULT NULL,
    properties jsonb DEFAULT NULL, mode text DEFAULT NULL, cursor_column text DEFAULT NULL, updates boolean DEFAULT NULL,
    overlap interval DEFAULT NULL, reconcile_every interval DEFAULT NULL, new_name text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    d customer_data.event_source_definition;
BEGIN
    d := customer_data.own_event_source(name);
    PERFORM FROM customer_data.event_source_state s WHERE s.event_source_id = d.event_source_id FOR UPDATE;
    d.name := coalesce(new_name, d.name);
    d.relation := coalesce(relation, d.relation);
    d.key := coalesce(key, d.key);
    d.at := coalesce(at, d.at);
    d.kind := coalesce(kind, d.kind);
    -- An empty text takes an optional expression away.
    d.value := nullif(coalesce(value, d.value), '');
    d.quantity := nullif(coalesce(quantity, d.quantity), '');
    d.event_id := nullif(coalesce(event_id, d.event_id), '');
    d.properties := coalesce(properties, d.properties);
    IF mode IS NOT NULL OR cursor_column IS NOT NULL THEN
        d.cursor_column := cursor_column;
        d.mode := mode;
        d.updates := NULL;
    END IF;
    d.updates := coalesce(updates, d.updates);
    d.overlap := coalesce(overlap, d.overlap);
    d.reconcile_every := coalesce(reconcile_every, d.reconcile_every);
    d := customer_data.check_event_source(d);
    UPDATE customer_data.event_source_definition e
    SET name = d.name, relation = d.relation, row_name = d.row_name, key = d.key, key_type = d.key_type, at = d.at, kind = d.kind,
        value = d.value, value_type = d.value_type, quantity = d.quantity, quantity_type = d.quantity_type, event_id = d.event_id,
        properties = d.properties, text_properties = d.text_properties, mode = d.mode, cursor_column = d.cursor_column, cursor_type = d.cursor_type,
        updates = d.updates, overlap = d.overlap, reconcile_every = d.reconcile_every, promise = d.promise,
        owner = quote_ident(current_user)::regrole, time_zone = current_setting('TimeZone')
    WHERE e.event_source_id = d.event_source_id;
    PERFORM customer_data.remove_capture(d.event_source_id);
    IF d.mode = 'trigger' THEN
        PERFORM customer_data.install_capture(customer_data.event_relation(d.relation), d.event_source_id);
    END IF;
    UPDATE customer_data.event_source_state s
    SET reconcile = true, cursor_snapshot = NULL, cursor_xid = NULL, cursor_value = NULL,
        relation_oid = customer_data.event_relation(d.relation), relation_parts = customer_data.relation_parts(customer_data.event_relation(d.relation))
    WHERE s.event_source_id = d.event_source_id;
    RETURN d.promise;
END
$$;
COMMENT ON FUNCTION customer_data.alter_event_source(text, text, text, text, text, text, text, text, jsonb, text, text, boolean, interval, interval, text)
    IS 'Changes an event source; the next refresh reads it from its beginning and stores what differs';

-- A source may be dropped when nothing reads events into its records any more.
CREATE FUNCTION customer_data.keep_event_sources() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    names text;
BEGIN
    SELECT string_agg(format('"%s"', d.name), ', ' ORDER BY d.name) INTO names
    FROM customer_data.event_source_definition d WHERE d.source_id = old.source_id;
    IF names IS NOT NULL THEN
        RAISE EXCEPTION 'events are read for the records of source "%"', old.name
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = format('By event sources: %s.', names),
                  HINT = 'Remove them first, with drop_event_source(name).';
    END IF;
    RETURN old;
END
$$;
COMMENT ON FUNCTION customer_data.keep_event_sources() IS 'Trigger of source: one that event sources speak of is not deleted';
CREATE TRIGGER keep_event_sources BEFORE DELETE ON customer_data.source FOR EACH ROW EXECUTE FUNCTION customer_data.keep_event_sources();

CREATE VIEW customer_data.event_source AS
    SELECT d.name, d.relation, s.name AS source, d.key, d.at, d.kind, d.value, d.quantity, d.event_id, d.properties,
           d.mode, d.cursor_column, d.promise,
           st.refreshed_at, st.reconciled_at, st.seconds, st.read_rows AS rows,
           coalesce((SELECT sum(r.events) FROM customer_data.event_rejected r
                     WHERE r.event_source_id = d.event_source_id), 0)::bigint AS rejected,
           st.reconcile AS reconciles_next, st.error, st.failed_at, d.owner, d.time_zone
    FROM customer_data.event_source_definition d
    JOIN customer_data.source s USING (source_id)
    LEFT JOIN customer_data.event_source_state st USING (event_source_id);
COMMENT ON VIEW customer_data.event_source IS 'Event sources: what they read, what they promise and how far they are';
COMMENT ON COLUMN customer_data.event_source.rows IS 'Source rows that became events, less those taken back';
COMMENT ON COLUMN customer_data.event_source.rejected IS 'Source rows that could not become events; event_rejection says why';

CREATE VIEW customer_data.event_rejection AS
    SELECT d.name AS event_source, r.reason, r.events, r.last_at, r.example
    FROM customer_data.event_rejected r JOIN customer_data.event_source_definition d USING (event_source_id);
COMMENT ON VIEW customer_data.event_rejection IS 'Source rows that could not become events, by event source and reason, with an example';
