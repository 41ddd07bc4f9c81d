-- Identity, the run: read what changed, match it, give customer ids, write
-- golden rows.

CREATE TYPE customer_data.golden_value AS (value text[], records bigint[]);
COMMENT ON TYPE customer_data.golden_value IS 'Golden values and the records that gave them, by attribute.ordinal';

CREATE FUNCTION customer_data.golden_transition(internal, bigint, int, timestamptz, text[], text[], smallint[]) RETURNS internal
    LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'cd_golden_transition';
CREATE FUNCTION customer_data.golden_final(internal) RETURNS customer_data.golden_value
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'cd_golden_final';
COMMENT ON FUNCTION customer_data.golden_transition(internal, bigint, int, timestamptz, text[], text[], smallint[]) IS 'Part of the aggregate golden';
COMMENT ON FUNCTION customer_data.golden_final(internal) IS 'Part of the aggregate golden';
CREATE AGGREGATE customer_data.golden(record_id bigint, trust int, changed_at timestamptz, given text[], standard text[], issue smallint[]) (
    SFUNC = customer_data.golden_transition, STYPE = internal, SSPACE = 1024, FINALFUNC = customer_data.golden_final
);
COMMENT ON AGGREGATE customer_data.golden(bigint, int, timestamptz, text[], text[], smallint[]) IS 'The golden record of a customer from its records, by the survivorship rules';

CREATE FUNCTION customer_data.to_moment(value text) RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_to_moment';
COMMENT ON FUNCTION customer_data.to_moment(text) IS 'The moment that a text names, NULL where it names none';

CREATE FUNCTION customer_data.first_come(a bigint[], b bigint[]) RETURNS boolean[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_first_come';
COMMENT ON FUNCTION customer_data.first_come(bigint[], bigint[]) IS 'Which pairs of a list are taken when each side may be taken once and earlier pairs go first';

CREATE FUNCTION customer_data.read_changes(source_id int, name text, owner regrole, time_zone text, query text, region text, anew boolean, partly boolean)
    RETURNS TABLE (record_id bigint, fresh boolean, gone boolean, differs boolean, key text, changed_at timestamptz,
                   given text[], hash bigint, standard text[], issue smallint[])
    LANGUAGE c VOLATILE ROWS 100000 AS 'MODULE_PATHNAME', 'cd_read_changes';
COMMENT ON FUNCTION customer_data.read_changes(int, text, regrole, text, text, text, boolean, boolean) IS 'What a source''s query, run as its owner, brings that its records do not say yet, with standard forms; new records are written to arriving_record and record_value; a key that occurs twice is an error';

CREATE FUNCTION customer_data.standardize_values(given text[], region text, OUT standard text[], OUT issue smallint[])
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_standardize_values_sql';
COMMENT ON FUNCTION customer_data.standardize_values(text[], text) IS 'Standard forms and issues of a record''s values, by attribute.ordinal';

CREATE FUNCTION customer_data.region_of(country text, region text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(CASE WHEN country IS NOT NULL THEN
                        substring(upper((customer_data.standardize('country', country)).standard) FROM '^[A-Z]{2}$') END, region);
COMMENT ON FUNCTION customer_data.region_of(text, text) IS 'Where a record''s telephone numbers are dialled: its own country, else the source''s region';

CREATE FUNCTION customer_data.report_activity(phase text) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_report_activity';
COMMENT ON FUNCTION customer_data.report_activity(text) IS 'Shows in pg_stat_activity what a long call is doing';

CREATE FUNCTION customer_data.report_phase(phase text) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_data.report_activity(phase);
    PERFORM customer_data.report_progress(phase, 0, NULL);
END
$$;
COMMENT ON FUNCTION customer_data.report_phase(text) IS 'Shows other sessions what a long call is doing, in pg_stat_activity and in progress';

CREATE FUNCTION customer_data.forget_pairs(records bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM customer_data.match_link l WHERE l.record_a = ANY (forget_pairs.records);
    DELETE FROM customer_data.match_link l WHERE l.record_b = ANY (forget_pairs.records);
    DELETE FROM customer_data.match_conflict c WHERE c.record_a = ANY (forget_pairs.records) OR c.record_b = ANY (forget_pairs.records);
END
$$;
COMMENT ON FUNCTION customer_data.forget_pairs(bigint[]) IS 'Drops the links and conflicts of records that are gone';

CREATE FUNCTION customer_data.follows_transactions(declared customer_data.source) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    RETURN declared.changed_at IS NOT NULL
           AND customer_data.declared_expression(customer_data.relation_item(declared.relation), declared.changed_at, 'changed_at') = 'xid8'::regtype;
END
$$;
COMMENT ON FUNCTION customer_data.follows_transactions(customer_data.source) IS 'Does changed_at of a source name the transaction that wrote a row';

CREATE FUNCTION customer_data.row_mark(owner regrole, time_zone text, query text) RETURNS text
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_row_mark';
COMMENT ON FUNCTION customer_data.row_mark(regrole, text, text) IS 'Where rows of one table alone decide what a query answers: a mark of that table, which changes when rows no longer tell what was written since; else NULL';

-- What may have been committed since a snapshot, by the row alone.  A
-- subtransaction has a later number than its transaction, which a snapshot
-- names: so it is whatever began when that was still open, and not only what
-- the snapshot did not see.
CREATE FUNCTION customer_data.written_since(past pg_snapshot) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN format('pg_catalog.age(xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(%L::pg_catalog.xid)',
                  mod(pg_snapshot_xmin(past)::text::numeric, 4294967296)::text);
COMMENT ON FUNCTION customer_data.written_since(pg_snapshot) IS 'Condition on rows of a table that transactions wrote which a snapshot may not have seen';

-- The query that reads a source: key, changed_at, values by ordinal.
CREATE FUNCTION customer_data.source_query(declared customer_data.source, since timestamptz, past pg_snapshot) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    item    text := customer_data.relation_item(declared.relation);
    by_xact boolean := customer_data.follows_transactions(declared);
    listed  text;
BEGIN
    SELECT string_agg(CASE WHEN m.value IS NULL THEN 'NULL'
                           WHEN a.type = 'timestamptz' AND customer_data.declared_expression(item, m.value, a.name)
                                IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
                           THEN format(E'((%s\n)::timestamptz)::text', m.value)
                           ELSE format(E'nullif((%s\n)::text, '''')', m.value) END, ', ' ORDER BY o)
    INTO listed
    FROM generate_series(1, (SELECT max(a.ordinal) FROM customer_data.attribute a WHERE declared.mapping ? a.name)) AS o
    LEFT JOIN customer_data.attribute a ON a.ordinal = o
    LEFT JOIN jsonb_each_text(declared.mapping) m ON m.key = a.name;
    RETURN format(E'SELECT (%s\n)::text, %s, ARRAY[%s]::text[] FROM %s%s',
                  declared.key,
                  CASE WHEN declared.changed_at IS NULL OR by_xact THEN 'NULL::timestamptz'
                       ELSE format(E'(%s\n)::timestamptz', declared.changed_at) END,
                  listed, item,
                  CASE WHEN by_xact AND past IS NOT NULL
                       THEN format(E' WHERE (%1$s\n) >= %2$L::xid8 AND NOT pg_catalog.pg_visible_in_snapshot((%1$s\n), %3$L::pg_snapshot)',
                                   declared.changed_at, pg_snapshot_xmin(past), past)
                       WHEN past IS NOT NULL THEN ' WHERE ' || customer_data.written_since(past)
                       WHEN since IS NOT NULL
                       THEN format(E' WHERE (%s\n) >= %L::timestamptz', declared.changed_at, since) ELSE '' END);
END
$$;
COMMENT ON FUNCTION customer_data.source_query(customer_data.source, timestamptz, pg_snapshot) IS 'The query that resolve() reads a source with';

-- Rows that nobody wrote since were read before, and are of records that are
-- there.  So what is missing is told by numbers: there are as many rows as
-- records and new rows together, and their keys come to the same sum, which
-- they would not where a key went and another is there twice.
CREATE FUNCTION customer_data.rows_missing(declared customer_data.source, past pg_snapshot) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan
    -- New keys are few, whatever the planner expects.
    SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    item    text := customer_data.relation_item(declared.relation);
    pushed  boolean;
    present bigint;
    fresh   bigint;
    found   bigint;
    present_keys numeric;
    fresh_keys   numeric;
    found_keys   numeric;
BEGIN
    SELECT count(*), coalesce(sum(hashtextextended(r.key COLLATE "C", 0)), 0), coalesce(bool_or(r.pushed), false)
    INTO present, present_keys, pushed
    FROM customer_data.source_record r WHERE r.source_id = declared.source_id AND r.hash IS NOT NULL AND r.gone_at IS NULL;
    IF pushed THEN
        -- They need not be in the relation.
        RETURN true;
    END IF;
    SELECT count(*), coalesce(sum(hashtextextended(q.key COLLATE "C", 0)), 0) INTO fresh, fresh_keys
    FROM customer_data.query_as(declared.owner, declared.time_zone,
                                format(E'SELECT (%s\n)::text FROM %s WHERE %s', declared.key, item, customer_data.written_since(past))) AS q(key text)
    WHERE q.key IS NOT NULL
      AND NOT EXISTS (SELECT FROM customer_data.source_record r
                      WHERE r.source_id = declared.source_id AND r.key = q.key AND r.hash IS NOT NULL AND r.gone_at IS NULL);
    SELECT q.rows, q.keys INTO found, found_keys
    FROM customer_data.query_as(declared.owner, declared.time_zone,
                                format(E'SELECT count(k.key), coalesce(sum(pg_catalog.hashtextextended(k.key COLLATE "C", 0)), 0) '
                                       'FROM (SELECT (%s\n)::text AS key FROM %s) k', declared.key, item)) AS q(rows bigint, keys numeric);
    RETURN found <> present + fresh OR found_keys <> present_keys + fresh_keys;
END
$$;
COMMENT ON FUNCTION customer_data.rows_missing(customer_data.source, pg_snapshot) IS 'May rows of a source be gone that were there at a snapshot, by the numbers of rows and records and their keys';

-- Brings the records of one source up to date.  changed: new records and
-- those whose values differ; stirred: only their time differs.
CREATE FUNCTION customer_data.read_records(source_id int, whole boolean,
                                           OUT changed bigint[], OUT stirred bigint[], OUT gone bigint[])
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    declared customer_data.source;
    print    bigint;
    anew     boolean;
    since    timestamptz;
    by_xact  boolean;
    past     pg_snapshot;
    current  pg_snapshot;
    partly   boolean;
    mark     text;
    latest   timestamptz;
    wanted   text;
BEGIN
    SELECT s.* INTO declared FROM customer_data.source s WHERE s.source_id = read_records.source_id;
    print := hashtextextended(concat_ws(E'\x01', declared.relation, declared.key, declared.mapping, declared.changed_at,
                                        coalesce(declared.region, '-'), declared.kind, declared.one_to_one, declared.trust,
                                        declared.time_zone), 0);
    anew := declared.read_hash IS NOT NULL AND declared.read_hash <> print;
    by_xact := customer_data.follows_transactions(declared);
    IF declared.changed_at IS NOT NULL AND NOT whole AND NOT anew AND declared.compared_at > now() - interval '1 day' THEN
        since := CASE WHEN NOT by_xact THEN declared.high_water - interval '10 minutes' END;
        -- Transactions are counted anew in a server that a dump was restored into.
        IF by_xact AND pg_snapshot_xmax(declared.read_snapshot) <= pg_snapshot_xmax(pg_current_snapshot()) THEN
            past := declared.read_snapshot;
        END IF;
    END IF;
    IF declared.changed_at IS NULL THEN
        mark := customer_data.row_mark(declared.owner, declared.time_zone, customer_data.source_query(declared, NULL, NULL));
        IF mark = declared.read_mark AND NOT whole AND NOT anew AND declared.compared_at > now() - interval '1 day'
           AND pg_snapshot_xmax(pg_current_snapshot())::text::numeric - pg_snapshot_xmin(declared.read_snapshot)::text::numeric
               BETWEEN 0 AND 1000000000 THEN
            past := CASE WHEN NOT customer_data.rows_missing(declared, declared.read_snapshot) THEN declared.read_snapshot END;
        END IF;
    END IF;
    partly := since IS NOT NULL OR past IS NOT NULL;
    -- What is committed from here on is read again by the next run.
    current := pg_current_snapshot();
    wanted := customer_data.source_query(declared, since, past);
    WITH diff AS MATERIALIZED (
            SELECT c.* FROM customer_data.read_changes(declared.source_id, declared.name, declared.owner, declared.time_zone, wanted,
                                                       declared.region, anew, partly) c
        ), updated AS (
            UPDATE customer_data.source_record r
            SET hash = CASE WHEN d.gone THEN r.hash ELSE d.hash END,
                changed_at = CASE WHEN d.gone THEN r.changed_at
                                  ELSE coalesce(d.changed_at, CASE WHEN d.differs THEN now() ELSE r.changed_at END) END,
                gone_at = CASE WHEN d.gone THEN now() END,
                pushed = false
            FROM diff d
            -- Few change, whatever the planner expects.
            WHERE NOT d.fresh AND r.record_id = d.record_id AND r.record_id = ANY (ARRAY(SELECT x.record_id FROM diff x WHERE NOT x.fresh))
        ), rewritten AS (
            INSERT INTO customer_data.record_value AS v (record_id, source_id, given, standard, issue)
            SELECT d.record_id, declared.source_id, d.given, d.standard, d.issue FROM diff d WHERE d.differs AND NOT d.fresh
            ON CONFLICT (record_id) DO UPDATE
            SET given = EXCLUDED.given, standard = EXCLUDED.standard, issue = EXCLUDED.issue
        ), removed AS (
            DELETE FROM customer_data.record_value v USING diff d WHERE d.gone AND v.record_id = d.record_id
        )
        SELECT array_agg(d.record_id) FILTER (WHERE d.differs),
               array_agg(d.record_id) FILTER (WHERE NOT d.differs AND NOT d.gone),
               array_agg(d.record_id) FILTER (WHERE d.gone),
               max(d.changed_at)
        INTO changed, stirred, gone, latest
        FROM diff d;
    UPDATE customer_data.source s
    SET read_at = now(), read_hash = print, high_water = greatest(s.high_water, latest),
        compared_at = CASE WHEN partly THEN s.compared_at ELSE now() END,
        read_snapshot = CASE WHEN by_xact OR mark IS NOT NULL THEN current END,
        read_mark = mark
    WHERE s.source_id = declared.source_id;
END
$$;
COMMENT ON FUNCTION customer_data.read_records(int, boolean) IS 'Brings the records of one source up to date and answers which changed';

CREATE FUNCTION customer_data.standard_version() RETURNS text
    LANGUAGE sql STABLE
    RETURN (SELECT format('ICU %s, libphonenumber %s, rules %s', v.icu, coalesce(v.libphonenumber, 'missing'), v.rules)
            FROM customer_data.text_versions() v);
COMMENT ON FUNCTION customer_data.standard_version() IS 'Changes when standard forms may change; resolve() then renews them';

-- Another ICU, libphonenumber or rule may give a value another standard form:
-- the values as given are standardised again, and only records whose forms
-- differ are matched again.
CREATE FUNCTION customer_data.renew_standards(source_id int) RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    s       customer_data.source;
    version text := customer_data.standard_version();
    differ  bigint[];
    had     bigint;
BEGIN
    SELECT o.* INTO s FROM customer_data.source o WHERE o.source_id = renew_standards.source_id;
    IF s.standard_version IS NOT DISTINCT FROM version THEN
        RETURN '{}';
    END IF;
    WITH fresh AS MATERIALIZED (
        SELECT v.record_id, customer_data.standardize_values(v.given, customer_data.region_of(v.given[16], s.region)) AS made
        FROM customer_data.record_value v WHERE v.source_id = s.source_id
    ), written AS (
        UPDATE customer_data.record_value v SET standard = (f.made).standard, issue = (f.made).issue
        FROM fresh f
        WHERE v.record_id = f.record_id
          AND ((f.made).standard IS DISTINCT FROM v.standard OR (f.made).issue IS DISTINCT FROM v.issue)
        RETURNING v.record_id
    )
    SELECT (SELECT count(*) FROM fresh), (SELECT coalesce(array_agg(w.record_id), '{}') FROM written w) INTO had, differ;
    UPDATE customer_data.source o SET standard_version = version WHERE o.source_id = s.source_id;
    IF had > 0 THEN
        RAISE NOTICE 'standard forms of source "%" renewed: % of % records have others now', s.name, cardinality(differ), had
            USING DETAIL = format('They were made with %s; now it is %s.', coalesce(s.standard_version, 'an unknown version'), version);
    END IF;
    RETURN differ;
END
$$;
COMMENT ON FUNCTION customer_data.renew_standards(int) IS 'Makes the standard forms of a source''s records anew where ICU, libphonenumber or the rules changed, and answers the records whose forms differ';

-- Reads declared links anew; notes the records whose links came or went.  A
-- relation of many links is joined by hashing, whatever the planner expects.
CREATE FUNCTION customer_data.fill_evidence(link_id int, source_a int, source_b int, keys_a text[], keys_b text[], moments timestamptz[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_fill_evidence';
COMMENT ON FUNCTION customer_data.fill_evidence(int, int, int, text[], text[], timestamptz[]) IS 'Writes pairs that a declared link names, where all records are arriving';

CREATE FUNCTION customer_data.read_links() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    l       customer_data.identity_link;
    query   text;
    keys_a  text[];
    keys_b  text[];
    moments timestamptz[];
    wanted  pg_catalog.record;
    mark    text;
    current pg_snapshot;
    rows    bigint;
    written bigint;
    same    boolean;
    long    bigint;
BEGIN
    FOR l IN SELECT k.* FROM customer_data.identity_link k ORDER BY k.link_id LOOP
        query := format(E'SELECT (%s\n)::text, (%s\n)::text, %s FROM %s', l.key_a, l.key_b,
                        CASE WHEN l.at IS NULL THEN 'NULL::timestamptz' ELSE format(E'(%s\n)::timestamptz', l.at) END,
                        customer_data.relation_item(l.relation));
        mark := customer_data.row_mark(l.owner, l.time_zone, query) || ' ' || md5(query);
        current := pg_current_snapshot();
        rows := NULL;
        same := false;
        IF mark IS NOT NULL THEN
            SELECT q.rows, q.written INTO rows, written
            FROM customer_data.query_as(l.owner, l.time_zone,
                     format('SELECT count(*), count(*) FILTER (WHERE %s) FROM %s',
                            coalesce(customer_data.written_since(l.read_snapshot), 'true'), customer_data.relation_item(l.relation))) AS q(rows bigint, written bigint);
            -- Nobody wrote a row since, and none is gone.
            same := mark = l.read_mark AND rows = l.read_rows AND written = 0
                    AND pg_snapshot_xmax(current)::text::numeric - pg_snapshot_xmin(l.read_snapshot)::text::numeric BETWEEN 0 AND 1000000000;
        END IF;
        keys_a := '{}';
        IF same IS NOT TRUE THEN
            -- No record has a key longer than 2,000 bytes, and an index takes both of a pair if they have 2,500.
            WITH given AS MATERIALIZED (
                SELECT q.key_a, q.key_b, min(q.at) AS at, count(*) AS times,
                       greatest(octet_length(q.key_a), octet_length(q.key_b), octet_length(q.key_a) + octet_length(q.key_b) - 500) > 2000 AS too_long
                FROM customer_data.query_as(l.owner, l.time_zone, query) AS q(key_a text, key_b text, at timestamptz)
                WHERE q.key_a IS NOT NULL AND q.key_b IS NOT NULL
                GROUP BY q.key_a, q.key_b
            ), incoming AS MATERIALIZED (
                SELECT g.key_a, g.key_b, g.at FROM given g WHERE NOT g.too_long
            ), withdrawn AS (
                DELETE FROM customer_data.identity_evidence e
                WHERE e.link_id = l.link_id
                  AND NOT EXISTS (SELECT FROM incoming i WHERE i.key_a = e.key_a AND i.key_b = e.key_b)
                RETURNING e.record_a, e.record_b
            ), noted AS (
                INSERT INTO customer_data.record_affected (record_id, cause)
                SELECT r, format('link %s withdrawn', l.name)
                FROM withdrawn w, unnest(ARRAY[w.record_a, w.record_b]) AS r
                WHERE w.record_a IS NOT NULL AND w.record_b IS NOT NULL
            )
            SELECT coalesce(array_agg(i.key_a), '{}'), array_agg(i.key_b), array_agg(i.at),
                   (SELECT sum(g.times) FROM given g WHERE g.too_long) INTO keys_a, keys_b, moments, long
            FROM incoming i
            WHERE NOT EXISTS (SELECT FROM customer_data.identity_evidence e
                              WHERE e.link_id = l.link_id AND e.key_a = i.key_a AND e.key_b = i.key_b);
            IF long > 0 THEN
                RAISE WARNING 'identity link "%": % rows whose keys are too long were left out', l.name, long
                    USING ERRCODE = 'program_limit_exceeded', DETAIL = 'Keys may have 2000 bytes, and both of a pair 2500.',
                          HINT = 'Use hashes of the keys, such as md5(key), in the sources and in the link.';
            END IF;
        END IF;
        IF cardinality(keys_a) > 0 AND NOT EXISTS (SELECT FROM customer_data.source_record) THEN
            -- All who are named arrive, and are looked at anyway.
            PERFORM customer_data.fill_evidence(l.link_id, l.source_a, l.source_b, keys_a, keys_b, moments);
        ELSIF cardinality(keys_a) > 0 THEN
            WITH named AS (
                SELECT r.source_id, r.key, r.record_id FROM customer_data.source_record r WHERE r.source_id IN (l.source_a, l.source_b)
                UNION ALL
                SELECT r.source_id, r.key, r.record_id FROM customer_data.arriving_record r WHERE r.source_id IN (l.source_a, l.source_b)
            ), added AS (
                INSERT INTO customer_data.identity_evidence (link_id, key_a, key_b, at, record_a, record_b)
                SELECT l.link_id, f.key_a, f.key_b, f.at, a.record_id, b.record_id
                FROM unnest(keys_a, keys_b, moments) AS f(key_a, key_b, at)
                LEFT JOIN named a ON a.source_id = l.source_a AND a.key = f.key_a
                LEFT JOIN named b ON b.source_id = l.source_b AND b.key = f.key_b
                RETURNING record_a, record_b
            )
            -- Who arrives is looked at anyway.
            INSERT INTO customer_data.record_affected (record_id, cause)
            SELECT r, format('link %s', l.name)
            FROM (SELECT unnest(ARRAY[f.record_a, f.record_b]) AS r FROM added f
                  WHERE f.record_a IS NOT NULL AND f.record_b IS NOT NULL) j
            WHERE NOT EXISTS (SELECT FROM customer_data.arriving_record n WHERE n.record_id = j.r);
        END IF;
        -- Visitors may be known by the link alone.
        FOR wanted IN
            SELECT s.source_id, k.keys
            FROM customer_data.source s,
                 LATERAL (SELECT array_agg(DISTINCT m.key) AS keys
                          FROM (SELECT e.key_a AS key FROM customer_data.identity_evidence e
                                WHERE s.source_id = l.source_a AND e.link_id = l.link_id AND e.record_a IS NULL
                                UNION ALL
                                SELECT e.key_b FROM customer_data.identity_evidence e
                                WHERE s.source_id <> l.source_a AND e.link_id = l.link_id AND e.record_b IS NULL) m) k
            WHERE s.source_id IN (l.source_a, l.source_b) AND s.kind = 'anonymous' AND k.keys IS NOT NULL
        LOOP
            PERFORM customer_data.ensure_records(wanted.source_id, wanted.keys);
        END LOOP;
        -- Who was not there yet may be by now.
        IF EXISTS (SELECT FROM customer_data.identity_evidence x WHERE x.link_id = l.link_id AND x.record_a IS NULL)
           OR EXISTS (SELECT FROM customer_data.identity_evidence x WHERE x.link_id = l.link_id AND x.record_b IS NULL) THEN
            WITH named AS (
                SELECT r.source_id, r.key, r.record_id FROM customer_data.source_record r WHERE r.source_id IN (l.source_a, l.source_b)
                UNION ALL
                SELECT r.source_id, r.key, r.record_id FROM customer_data.arriving_record r WHERE r.source_id IN (l.source_a, l.source_b)
            ), found AS (
                UPDATE customer_data.identity_evidence e
                SET record_a = x.now_a, record_b = x.now_b
                FROM (SELECT o.key_a, o.key_b, a.record_id AS now_a, b.record_id AS now_b
                      FROM customer_data.identity_evidence o
                      LEFT JOIN named a ON a.source_id = l.source_a AND a.key = o.key_a
                      LEFT JOIN named b ON b.source_id = l.source_b AND b.key = o.key_b
                      WHERE o.link_id = l.link_id AND (o.record_a IS NULL OR o.record_b IS NULL)) x
                WHERE e.link_id = l.link_id AND e.key_a = x.key_a AND e.key_b = x.key_b
                  AND (x.now_a, x.now_b) IS DISTINCT FROM (e.record_a, e.record_b)
                RETURNING e.record_a, e.record_b
            )
            INSERT INTO customer_data.record_affected (record_id, cause)
            SELECT r, format('link %s', l.name)
            FROM found f, unnest(ARRAY[f.record_a, f.record_b]) AS r
            WHERE f.record_a IS NOT NULL AND f.record_b IS NOT NULL;
        END IF;
        UPDATE customer_data.identity_link k SET read_at = now(), read_snapshot = current, read_mark = mark, read_rows = rows WHERE k.link_id = l.link_id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.read_links() IS 'Reads the declared identity links anew and notes the records whose links came or went';

CREATE FUNCTION customer_data.empty_arriving() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF (SELECT count(*) FROM customer_data.arriving_record) > 1000 AND has_table_privilege('customer_data.arriving_record', 'TRUNCATE') THEN
        TRUNCATE customer_data.arriving_record;
    ELSE
        DELETE FROM customer_data.arriving_record;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.empty_arriving() IS 'Empties arriving_record when its records have customers';

CREATE FUNCTION customer_data.found_customers() RETURNS bigint[]
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_found_customers';
COMMENT ON FUNCTION customer_data.found_customers() IS 'Where no record has a customer yet: clusters the arriving records, gives each cluster a customer and writes the records; answers the customers';

-- Gives clusters their customer ids: a cluster keeps the id that most of its
-- records had (the older one of equals), and each id goes to one cluster.
-- Answers whose golden rows are to be written.
CREATE FUNCTION customer_data.assign_customers(affected bigint[], cause text,
                                               OUT touched bigint[], OUT merged bigint, OUT split bigint)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    died    bigint[];
    seqscan text := current_setting('enable_seqscan');
BEGIN
    -- Where nobody is known yet there is nothing to compare with.
    IF affected IS NULL AND NOT EXISTS (SELECT FROM customer_data.source_record) THEN
        touched := customer_data.found_customers();
        merged := 0;
        split := 0;
        PERFORM customer_data.empty_arriving();
        RETURN;
    END IF;
    -- A few of many records are looked up, not sought among all.
    IF cardinality(affected) * 20 < (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'customer_data.source_record'::regclass) THEN
        PERFORM set_config('enable_seqscan', 'off', true);
    END IF;
    WITH clustered AS MATERIALIZED (
        SELECT c.record_id, c.cluster_no, c.held_by AS old_id FROM customer_data.cluster_records(affected) c
    ), cluster AS MATERIALIZED (
        SELECT c.cluster_no, min(c.record_id) AS first_record FROM clustered c GROUP BY c.cluster_no
    ), overlap AS MATERIALIZED (
        SELECT c.cluster_no, c.old_id, count(*) AS records FROM clustered c WHERE c.old_id > 0 GROUP BY c.cluster_no, c.old_id
    ), claimed AS (
        SELECT o.cluster_no, o.old_id, o.records FROM overlap o
        UNION ALL
        -- Records of the same customers that were not clustered anew.
        SELECT -r.customer_id, r.customer_id, count(*)
        FROM (SELECT DISTINCT o.old_id FROM overlap o) o
        JOIN customer_data.source_record r ON r.customer_id = o.old_id
        WHERE affected IS NOT NULL AND r.gone_at IS NULL
          AND NOT EXISTS (SELECT FROM clustered c WHERE c.record_id = r.record_id)
        GROUP BY r.customer_id
    ), ranked AS (
        SELECT array_agg(c.cluster_no ORDER BY c.records DESC, c.old_id, c.cluster_no) AS clusters,
               array_agg(c.old_id ORDER BY c.records DESC, c.old_id, c.cluster_no) AS ids
        FROM claimed c
    ), kept AS MATERIALIZED (
        SELECT t.cluster_no, t.old_id
        FROM ranked k, unnest(k.clusters, k.ids, customer_data.first_come(k.clusters, k.ids)) AS t(cluster_no, old_id, taken)
        WHERE t.taken
    ), given AS MATERIALIZED (
        SELECT n.cluster_no, coalesce(n.old_id, nextval('customer_data.customer_id_seq')) AS customer_id, n.old_id IS NULL AS fresh
        FROM (SELECT c.cluster_no, k.old_id
              FROM cluster c LEFT JOIN kept k ON k.cluster_no = c.cluster_no
              ORDER BY c.first_record) n
    ), moved AS MATERIALIZED (
        SELECT c.record_id, c.old_id, g.customer_id, g.fresh
        FROM clustered c JOIN given g ON g.cluster_no = c.cluster_no
        WHERE c.old_id <> g.customer_id
    ), flow AS MATERIALIZED (
        SELECT m.old_id, m.customer_id, m.fresh, array_agg(m.record_id ORDER BY m.record_id) AS records,
               EXISTS (SELECT FROM kept k WHERE k.old_id = m.old_id) AS old_lives,
               row_number() OVER (PARTITION BY m.old_id ORDER BY count(*) DESC, m.customer_id) = 1 AS main,
               row_number() OVER (PARTITION BY m.customer_id ORDER BY count(*) DESC, m.old_id) = 1 AS first
        FROM moved m WHERE m.old_id > 0
        GROUP BY m.old_id, m.customer_id, m.fresh
    ), arrived AS (
        INSERT INTO customer_data.source_record (record_id, source_id, key, customer_id, hash, changed_at)
        OVERRIDING SYSTEM VALUE
        SELECT a.record_id, a.source_id, a.key, m.customer_id, a.hash, a.changed_at
        FROM customer_data.arriving_record a JOIN moved m ON m.record_id = a.record_id
    ), updated AS (
        UPDATE customer_data.source_record r SET customer_id = m.customer_id
        FROM moved m
        -- Few move, whatever the planner expects.
        WHERE r.record_id = m.record_id AND r.record_id = ANY (ARRAY(SELECT x.record_id FROM moved x))
    ), followed AS (
        UPDATE customer_data.source_record r SET customer_id = f.customer_id
        FROM flow f
        WHERE f.main AND NOT f.old_lives AND r.customer_id = f.old_id AND r.gone_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM moved m WHERE m.record_id = r.record_id)
    ), noted AS (
        INSERT INTO customer_data.customer_change (kind, customer_id, other_id, records, cause)
        SELECT CASE WHEN f.main AND NOT f.old_lives THEN 'merge' WHEN f.old_lives AND f.fresh AND f.first THEN 'split' ELSE 'move' END,
               f.old_id, f.customer_id, f.records,
               coalesce((SELECT string_agg(DISTINCT a.cause, '; ') FROM customer_data.record_affected a
                         WHERE a.record_id = ANY (f.records)), assign_customers.cause)
        FROM flow f
        ORDER BY f.old_id, f.customer_id
        RETURNING kind
    )
    SELECT (SELECT array_agg(DISTINCT t.id) FROM (SELECT m.customer_id AS id FROM moved m
                                                  UNION ALL SELECT m.old_id FROM moved m WHERE m.old_id > 0) t),
           (SELECT array_agg(f.old_id) FROM flow f WHERE f.main AND NOT f.old_lives),
           (SELECT count(*) FROM noted n WHERE n.kind = 'merge'),
           (SELECT count(*) FROM noted n WHERE n.kind = 'split')
    INTO touched, died, merged, split;
    PERFORM set_config('enable_seqscan', seqscan, true);
    PERFORM customer_data.empty_arriving();
    IF died IS NOT NULL THEN
        DELETE FROM customer_data.customer c WHERE c.customer_id = ANY (died);
        DELETE FROM customer_data.customer_origin o WHERE o.customer_id = ANY (died);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.assign_customers(bigint[], text) IS 'Clusters the affected records (NULL: all), gives clusters their customer ids and notes merges and splits';

CREATE FUNCTION customer_data.golden_query(chosen boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT format($query$
        WITH made AS MATERIALIZED (
            SELECT r.customer_id,
                   customer_data.golden(CASE WHEN v.record_id IS NOT NULL THEN r.record_id END, s.trust, r.changed_at, v.given, v.standard, v.issue) AS golden
            FROM %1$s customer_data.source_record r %2$s
            JOIN customer_data.source s ON s.source_id = r.source_id
            LEFT JOIN customer_data.record_value v ON v.record_id = r.record_id
            WHERE r.gone_at IS NULL
            GROUP BY r.customer_id
        ), origin AS (
            UPDATE customer_data.customer_origin o SET records = coalesce((g.golden).records, '{}')
            FROM made g
            WHERE o.customer_id = g.customer_id AND o.records IS DISTINCT FROM coalesce((g.golden).records, '{}')
        ), new_origin AS (
            INSERT INTO customer_data.customer_origin (customer_id, records)
            SELECT g.customer_id, coalesce((g.golden).records, '{}')
            FROM made g
            WHERE NOT EXISTS (SELECT FROM customer_data.customer_origin o WHERE o.customer_id = g.customer_id)
        )%5$s
        INSERT INTO customer_data.customer (customer_id%3$s)
        SELECT g.customer_id%4$s
        FROM made g
        WHERE NOT EXISTS (SELECT FROM customer_data.customer c WHERE c.customer_id = g.customer_id)
        $query$, CASE WHEN chosen THEN '(SELECT DISTINCT unnest($1) AS customer_id) w JOIN' ELSE '' END,
                 CASE WHEN chosen THEN 'ON r.customer_id = w.customer_id' ELSE '' END,
                 string_agg(format(', %I', a.name), '' ORDER BY p.attnum),
                 string_agg(format(', (g.golden).value[%s]::%s', a.ordinal, a.type), '' ORDER BY p.attnum),
                 -- What is as it was is not written again.
                 coalesce(', written AS (UPDATE customer_data.customer c SET '
                          || string_agg(format('%1$I = (g.golden).value[%2$s]::%3$s', a.name, a.ordinal, a.type), ', ' ORDER BY p.attnum)
                          || ' FROM made g WHERE c.customer_id = g.customer_id AND ('
                          || string_agg(format('c.%I IS DISTINCT FROM (g.golden).value[%s]::%s', a.name, a.ordinal, a.type), ' OR ' ORDER BY p.attnum)
                          || '))', ''))
    FROM pg_attribute p JOIN customer_data.attribute a ON a.name = p.attname
    WHERE p.attrelid = 'customer_data.customer'::regclass AND p.attnum > 1 AND NOT p.attisdropped
$$;
COMMENT ON FUNCTION customer_data.golden_query(boolean) IS 'The query that writes the golden rows of some customers ($1), or of all; rows that are as they were are not written';

CREATE FUNCTION customer_data.write_first_golden() RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_write_first_golden';
COMMENT ON FUNCTION customer_data.write_first_golden() IS 'Writes the golden rows and accounts of all customers, where none has one yet; false where golden_query() and link_accounts() must do it';

-- All at once: sorted in memory as far as it reaches.
CREATE FUNCTION customer_data.write_all_golden_rows() RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET work_mem = '256MB' SET jit = off
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM customer_data.customer) AND NOT EXISTS (SELECT FROM customer_data.customer_origin)
       AND NOT EXISTS (SELECT FROM customer_data.account_key) AND NOT EXISTS (SELECT FROM customer_data.contact_account)
       AND customer_data.write_first_golden() THEN
        RETURN true;
    END IF;
    EXECUTE customer_data.golden_query(false);
    RETURN false;
END
$$;
COMMENT ON FUNCTION customer_data.write_all_golden_rows() IS 'Writes the golden rows of all customers; true where none had one before, and accounts were written, too';

CREATE FUNCTION customer_data.write_golden_rows(customers bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_write_golden_rows';
COMMENT ON FUNCTION customer_data.write_golden_rows(bigint[]) IS 'Writes the golden rows of some customers, by golden_query(); the plan is kept';

-- Writes the golden rows of these customers, and removes those without records.
CREATE FUNCTION customer_data.write_golden(customers bigint[]) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    -- What is set below for a while goes back where it is named here.
    SET enable_nestloop = on SET enable_seqscan = on SET enable_hashjoin = on SET enable_mergejoin = on
AS $$
DECLARE
    own     pg_catalog.record;
    emptied bigint[];
    first   boolean := false;
BEGIN
    IF customers IS NULL THEN
        -- What was empty when it was analysed is not when it is joined: no loops over it. Holds until this function ends.
        PERFORM set_config('enable_nestloop', 'off', true);
        first := customer_data.write_all_golden_rows();
    ELSE
        IF cardinality(customers) * 20 < (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'customer_data.customer'::regclass) THEN
            -- A few of many are looked up, not sought among all.
            PERFORM set_config(k, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin']) AS k;
        END IF;
        PERFORM customer_data.write_golden_rows(customers);
    END IF;
    FOR own IN
        SELECT a.name, a.ordinal, a.type, u.expression, u.owner, u.time_zone
        FROM customer_data.survivorship u
        JOIN customer_data.attribute a ON a.name = u.attribute
        JOIN pg_attribute p ON p.attrelid = 'customer_data.customer'::regclass AND p.attname = a.name AND NOT p.attisdropped
        WHERE u.rule = 'expression'
    LOOP
        EXECUTE format($query$
            WITH best AS MATERIALIZED (
                SELECT b.customer_id, b.record_id, b.value FROM customer_data.query_as($1, $2, $3) AS b(customer_id bigint, record_id bigint, value text)
            ), origin AS (
                UPDATE customer_data.customer_origin o SET records[%2$s] = b.record_id FROM best b WHERE o.customer_id = b.customer_id
            )
            UPDATE customer_data.customer c SET %1$I = b.value::%3$s FROM best b WHERE c.customer_id = b.customer_id
        $query$, own.name, own.ordinal, own.type)
        USING own.owner, own.time_zone, format($query$
            SELECT DISTINCT ON (candidate.customer_id) candidate.customer_id, candidate.record_id, candidate.%4$s
            FROM (SELECT r.customer_id, r.record_id, v.given[%1$s] AS value, v.standard[%1$s] AS standard, s.name AS source,
                         s.trust, r.changed_at, coalesce(v.issue[%1$s], 0)::int AS issue
                  FROM customer_data.source_record r
                  JOIN customer_data.source s ON s.source_id = r.source_id
                  JOIN customer_data.record_value v ON v.record_id = r.record_id
                  WHERE r.gone_at IS NULL AND v.given[%1$s] IS NOT NULL
                    AND (v.standard[%1$s] IS NOT NULL OR coalesce(v.issue[%1$s], 0) IN (0, 18))%2$s) AS candidate
            ORDER BY candidate.customer_id, (%3$s
                ) DESC NULLS LAST, candidate.trust DESC, candidate.changed_at DESC, candidate.record_id
        $query$, own.ordinal, CASE WHEN customers IS NULL THEN '' ELSE format(' AND r.customer_id = ANY (%L::bigint[])', customers) END, own.expression,
                 -- Dates and telephone numbers are taken in standard form.
                 CASE WHEN own.name IN ('birth_date', 'registered_at', 'phone') THEN 'standard' ELSE 'value' END);
    END LOOP;
    IF first THEN
        -- Golden rows are made of records: nobody is without any.
        emptied := NULL;
    ELSIF customers IS NULL THEN
        SELECT array_agg(c.customer_id) INTO emptied
        FROM customer_data.customer c
        WHERE NOT EXISTS (SELECT FROM customer_data.source_record r WHERE r.customer_id = c.customer_id AND r.gone_at IS NULL);
    ELSE
        SELECT array_agg(c.customer_id) INTO emptied
        FROM unnest(customers) AS w JOIN customer_data.customer c ON c.customer_id = w
        WHERE NOT EXISTS (SELECT FROM customer_data.source_record r WHERE r.customer_id = c.customer_id AND r.gone_at IS NULL);
    END IF;
    IF emptied IS NOT NULL THEN
        WITH forgotten AS (
            DELETE FROM customer_data.customer_origin o WHERE o.customer_id = ANY (emptied)
        ), removed AS (
            DELETE FROM customer_data.customer c WHERE c.customer_id = ANY (emptied) RETURNING c.customer_id
        )
        INSERT INTO customer_data.customer_change (kind, customer_id, cause)
        SELECT 'gone', e.customer_id, 'no record is left' FROM removed e;
    END IF;
    -- Who was gone and has records again is back.
    INSERT INTO customer_data.customer_change (kind, customer_id, cause)
    SELECT 'back', h.customer_id, 'a record came back'
    FROM (SELECT DISTINCT g.customer_id FROM customer_data.customer_change g
          WHERE g.kind = 'gone' AND customers IS NULL
          UNION
          SELECT w FROM unnest(customers) AS w
          WHERE EXISTS (SELECT FROM customer_data.customer_change g WHERE g.kind = 'gone' AND g.customer_id = w)) h
    JOIN customer_data.customer c ON c.customer_id = h.customer_id
    WHERE (SELECT g.kind FROM customer_data.customer_change g
           WHERE g.customer_id = h.customer_id AND g.kind IN ('gone', 'back') ORDER BY g.change_id DESC LIMIT 1) = 'gone';
    RETURN first;
END
$$;
COMMENT ON FUNCTION customer_data.write_golden(bigint[]) IS 'Writes the golden rows of these customers (NULL: all); a customer without a record goes; true where accounts were written, too';

-- Clusters records anew and writes what follows from it.  refreshed: records
-- whose values changed though they may stay where they are.
CREATE FUNCTION customer_data.settle_records(affected bigint[], refreshed bigint[], customers bigint[], cause text,
                                             OUT merged bigint, OUT split bigint)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    moved   bigint[];
    touched bigint[];
    whole   boolean := affected IS NULL;
    -- Nobody is known yet: all are new, and nobody else is concerned.
    first   boolean := whole AND NOT EXISTS (SELECT FROM customer_data.source_record);
    linked  boolean := false;
BEGIN
    merged := 0;
    split := 0;
    IF whole OR cardinality(affected) > 0 THEN
        SELECT a.touched, a.merged, a.split INTO moved, merged, split
        FROM customer_data.assign_customers(affected, cause) a;
    END IF;
    IF whole THEN
        ANALYZE customer_data.source_record;
        PERFORM customer_data.report_phase('resolve: golden records');
    END IF;
    IF first THEN
        touched := moved;
    ELSE
        SELECT array_agg(DISTINCT t.id) INTO touched
        FROM (SELECT unnest(moved) AS id
              UNION ALL SELECT unnest(customers)
              UNION ALL SELECT r.customer_id FROM customer_data.source_record r WHERE r.record_id = ANY (refreshed)) t
        WHERE t.id > 0;
    END IF;
    IF whole THEN
        linked := customer_data.write_golden(NULL);
        linked := linked AND first;
    ELSIF touched IS NOT NULL THEN
        PERFORM customer_data.write_golden(touched);
    END IF;
    IF linked THEN
        ANALYZE customer_data.account_key;
    ELSIF whole THEN
        PERFORM customer_data.report_phase('resolve: linking accounts');
    END IF;
    IF NOT linked AND (whole OR touched IS NOT NULL) THEN
        touched := touched || customer_data.link_accounts(CASE WHEN NOT whole THEN touched END);
    END IF;
    PERFORM customer_data.touch_customers(touched);
END
$$;
COMMENT ON FUNCTION customer_data.settle_records(bigint[], bigint[], bigint[], text) IS 'Clusters the affected records anew (NULL: all), writes ids, history and golden rows, and hands the customers on';

CREATE FUNCTION customer_data.resolve(rebuild boolean DEFAULT false,
                                      OUT records bigint, OUT pairs bigint, OUT links bigint, OUT customers bigint,
                                      OUT merged bigint, OUT split bigint, OUT seconds double precision)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_variable
DECLARE
    started   timestamptz := clock_timestamp();
    s         customer_data.source;
    diff      pg_catalog.record;
    changed   bigint[] := '{}';
    renewed   bigint[] := '{}';
    stirred   bigint[] := '{}';
    gone      bigint[] := '{}';
    affected  bigint[];
    emptied   bigint[];
    message   text;
    detail    text;
    hint      text;
BEGIN
    IF coalesce(current_setting('customer_data.as_of', true), '') <> '' THEN
        RAISE EXCEPTION 'resolve() cannot run while customer_data.as_of is set'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'RESET customer_data.as_of;';
    END IF;
    PERFORM customer_data.lock_identity();
    PERFORM customer_data.ensure_customer_table();
    FOR s IN SELECT o.* FROM customer_data.source o ORDER BY o.source_id LOOP
        renewed := renewed || customer_data.renew_standards(s.source_id);
    END LOOP;
    FOR s IN SELECT o.* FROM customer_data.source o WHERE o.relation IS NOT NULL ORDER BY o.source_id LOOP
        PERFORM customer_data.report_phase(format('resolve: reading source %s', s.name));
        BEGIN
            SELECT r.* INTO diff FROM customer_data.read_records(s.source_id, rebuild) r;
        EXCEPTION WHEN OTHERS THEN
            -- Say whose rows they were.
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RAISE EXCEPTION '%', CASE WHEN position(format('source "%s"', s.name) IN message) > 0 THEN message
                                      ELSE format('source "%s": %s', s.name, message) END
                USING ERRCODE = SQLSTATE, DETAIL = coalesce(nullif(detail, ''), 'Nothing was changed; customers are as they were.'),
                      HINT = coalesce(nullif(hint, ''), 'Change its declaration with alter_source(), or take it away with drop_source().');
        END;
        changed := changed || coalesce(diff.changed, '{}');
        stirred := stirred || coalesce(diff.stirred, '{}');
        gone := gone || coalesce(diff.gone, '{}');
    END LOOP;
    IF cardinality(renewed) > 0 THEN
        changed := ARRAY((SELECT unnest(changed) UNION SELECT unnest(renewed)) EXCEPT SELECT unnest(gone));
    END IF;
    PERFORM customer_data.report_phase('resolve: reading identity links');
    PERFORM customer_data.read_links();
    records := cardinality(changed) + cardinality(gone);
    IF records > 10000 THEN
        ANALYZE customer_data.arriving_record, customer_data.record_value;
    END IF;
    PERFORM customer_data.forget_pairs(gone);
    PERFORM customer_data.report_phase(format('resolve: matching %s records', records));
    pairs := 0;
    links := 0;
    IF rebuild OR cardinality(changed) > 0 THEN
        SELECT m.pairs, m.links INTO pairs, links FROM customer_data.match_pairs(CASE WHEN NOT rebuild THEN changed END) m;
    END IF;
    PERFORM customer_data.report_phase('resolve: clustering');
    SELECT array_agg(DISTINCT r.customer_id) INTO emptied
    FROM unnest(gone) AS g JOIN customer_data.source_record r ON r.record_id = g;
    -- Where most records changed, all are looked at: it costs less than to choose.
    IF NOT rebuild AND cardinality(changed) * 2 < (SELECT count(*) FROM (SELECT FROM customer_data.present_record LIMIT cardinality(changed) * 2 + 1) p) THEN
        -- Whoever shares a customer with an affected record is looked at, too.
        WITH seen AS (
            SELECT u AS record_id FROM unnest(changed || gone) AS u
            UNION SELECT a.record_id FROM customer_data.record_affected a
        )
        SELECT coalesce(array_agg(o.record_id), '{}') INTO affected
        FROM customer_data.source_record o
        WHERE o.gone_at IS NULL
          AND o.customer_id = ANY (ARRAY(SELECT DISTINCT r.customer_id FROM customer_data.source_record r
                                         WHERE r.record_id = ANY (ARRAY(SELECT k.record_id FROM seen k))));
        affected := affected || ARRAY(SELECT a.record_id FROM customer_data.arriving_record a);
    END IF;
    SELECT t.merged, t.split INTO merged, split
    FROM customer_data.settle_records(affected, changed || stirred, emptied, 'values changed') t;
    DELETE FROM customer_data.record_affected;
    SELECT count(*) INTO customers FROM customer_data.customer;
    seconds := round(extract(epoch FROM clock_timestamp() - started), 3);
    PERFORM customer_data.report_phase(format('resolve: done, %s records in %s s', records, seconds));
END
$$;
COMMENT ON FUNCTION customer_data.resolve(boolean) IS 'Reads what changed in the sources, matches it, gives customer ids and writes golden rows; rebuild: everything anew';
