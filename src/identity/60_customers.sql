-- Identity, one at a time: decisions about pairs, records written by hand,
-- and what is known of a customer.

CREATE FUNCTION customer_data.hash_values(given text[]) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_hash_values';
COMMENT ON FUNCTION customer_data.hash_values(text[]) IS 'Hash of a record''s values, as source_record.hash';

CREATE FUNCTION customer_data.record_named(source text, key text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    found bigint;
BEGIN
    SELECT r.record_id INTO found
    FROM customer_data.source_record r
    WHERE r.source_id = (customer_data.source_named(source)).source_id AND r.key = record_named.key;
    IF found IS NULL THEN
        RAISE EXCEPTION 'source "%" has no record with key "%"', source, coalesce(key, 'NULL')
            USING ERRCODE = 'no_data_found', HINT = 'Run resolve() if the row is new.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_data.record_named(text, text) IS 'The record of a source''s key, or an error';

CREATE FUNCTION customer_data.customer_id_of(source text, key text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN (SELECT r.customer_id
            FROM customer_data.source_record r
            WHERE r.source_id = (customer_data.source_named(source)).source_id
              AND r.key = customer_id_of.key AND r.gone_at IS NULL);
END
$$;
COMMENT ON FUNCTION customer_data.customer_id_of(text, text) IS 'The customer that a source''s row belongs to; NULL where the row is not known';

CREATE FUNCTION customer_data.current_customer_id(customer_id bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    next bigint;
    seen bigint[] := '{}';
BEGIN
    WHILE NOT EXISTS (SELECT FROM customer_data.source_record r WHERE r.customer_id = current_customer_id.customer_id AND r.gone_at IS NULL) LOOP
        seen := seen || customer_id;
        SELECT h.other_id INTO next
        FROM customer_data.customer_change h
        WHERE h.customer_id = current_customer_id.customer_id AND h.kind = 'merge'
        ORDER BY h.change_id DESC LIMIT 1;
        IF next IS NULL OR next = ANY (seen) THEN
            RETURN NULL;
        END IF;
        customer_id := next;
    END LOOP;
    RETURN customer_id;
END
$$;
COMMENT ON FUNCTION customer_data.current_customer_id(bigint) IS 'The customer that an id kept elsewhere stands for today, through merges; NULL where nothing is left of it';

CREATE FUNCTION customer_data.customer_lineage(customer_id bigint)
    RETURNS TABLE (attribute text, value text, source text, key text, given text, changed_at timestamptz, rule text)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    golden jsonb;
BEGIN
    EXECUTE 'SELECT to_jsonb(c) FROM customer_data.customer c WHERE c.customer_id = $1'
        INTO golden USING customer_lineage.customer_id;
    RETURN QUERY
        SELECT a.name, golden ->> a.name, s.name, r.key, v.given[a.ordinal], r.changed_at, coalesce(u.rule, a.survivorship)
        FROM customer_data.customer_origin o
        CROSS JOIN LATERAL unnest(o.records) WITH ORDINALITY AS w(record_id, ordinal)
        JOIN customer_data.attribute a ON a.ordinal = w.ordinal
        LEFT JOIN customer_data.survivorship u ON u.attribute = a.name
        JOIN customer_data.source_record r ON r.record_id = w.record_id
        JOIN customer_data.source s ON s.source_id = r.source_id
        LEFT JOIN customer_data.record_value v ON v.record_id = w.record_id
        WHERE o.customer_id = customer_lineage.customer_id
        ORDER BY a.ordinal;
END
$$;
COMMENT ON FUNCTION customer_data.customer_lineage(bigint) IS 'For each golden value of a customer: the record that gave it, when, and by which survivorship rule';

CREATE FUNCTION customer_data.decide_pair(record_a bigint, record_b bigint, decision text, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_variable
BEGIN
    IF record_a = record_b THEN
        RAISE EXCEPTION 'a record cannot be linked to itself'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name two different records.';
    END IF;
    PERFORM customer_data.lock_identity();
    IF decision IS NULL THEN
        DELETE FROM customer_data.match_decision d
        WHERE d.record_a = least(decide_pair.record_a, decide_pair.record_b)
          AND d.record_b = greatest(decide_pair.record_a, decide_pair.record_b);
    ELSE
        INSERT INTO customer_data.match_decision AS d (record_a, record_b, decision, reason)
        VALUES (least(record_a, record_b), greatest(record_a, record_b), decision, reason)
        ON CONFLICT ON CONSTRAINT match_decision_pkey DO UPDATE
        SET decision = EXCLUDED.decision, reason = EXCLUDED.reason,
            decided_by = EXCLUDED.decided_by, decided_at = EXCLUDED.decided_at;
    END IF;
    PERFORM customer_data.settle_records(
        ARRAY(SELECT DISTINCT o.record_id
              FROM customer_data.source_record r
              JOIN customer_data.source_record o ON o.customer_id = r.customer_id
              WHERE r.record_id IN (decide_pair.record_a, decide_pair.record_b) AND o.gone_at IS NULL),
        NULL, NULL,
        format('%s by %s%s', coalesce(replace(decision, '_', ' '), 'decision withdrawn'), current_user, ': ' || reason));
    IF decision = 'must_link' AND (SELECT count(DISTINCT r.customer_id) FROM customer_data.source_record r
                                   WHERE r.record_id IN (decide_pair.record_a, decide_pair.record_b) AND r.gone_at IS NULL) > 1 THEN
        RAISE WARNING 'the two records are not joined: a cannot_link decision parts them'
            USING DETAIL = 'The decision is kept and takes effect when nothing is against it.',
                  HINT = 'See customer_data.identity_conflict and customer_data.match_decision; withdraw_decision() takes one back.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.decide_pair(bigint, bigint, text, text) IS 'Keeps a decision about two records (NULL: withdraws it) and applies it at once';

CREATE FUNCTION customer_data.must_link(source_a text, key_a text, source_b text, key_b text, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_data.decide_pair(customer_data.record_named(source_a, key_a), customer_data.record_named(source_b, key_b),
                                      'must_link', reason);
END
$$;
COMMENT ON FUNCTION customer_data.must_link(text, text, text, text, text) IS 'Decides, for ever, that two records are one customer, and joins them at once';

CREATE FUNCTION customer_data.cannot_link(source_a text, key_a text, source_b text, key_b text, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_data.decide_pair(customer_data.record_named(source_a, key_a), customer_data.record_named(source_b, key_b),
                                      'cannot_link', reason);
END
$$;
COMMENT ON FUNCTION customer_data.cannot_link(text, text, text, text, text) IS 'Decides, for ever, that two records are not one customer, and parts them at once';

CREATE FUNCTION customer_data.withdraw_decision(source_a text, key_a text, source_b text, key_b text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_data.decide_pair(customer_data.record_named(source_a, key_a), customer_data.record_named(source_b, key_b),
                                      NULL, NULL);
END
$$;
COMMENT ON FUNCTION customer_data.withdraw_decision(text, text, text, text) IS 'Takes back must_link() or cannot_link() of two records';

-- Values by ordinal from a JSON object, over those that a record has already.
CREATE FUNCTION customer_data.values_of(attributes jsonb, present text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
    near    text;
    result  text[];
BEGIN
    IF attributes IS NULL OR jsonb_typeof(attributes) <> 'object' THEN
        RAISE EXCEPTION 'attributes must be a JSON object'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Write {"full_name": "Ann Smith", "email": "ann@example.com"}.';
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(attributes) AS k
    WHERE NOT EXISTS (SELECT FROM customer_data.attribute a WHERE a.name = k) ORDER BY k LIMIT 1;
    IF unknown IS NOT NULL THEN
        SELECT string_agg(n.name, ', ' ORDER BY n.d, n.name) INTO near
        FROM (SELECT a.name, customer_data.levenshtein(a.name, left(unknown, 63)) AS d
              FROM customer_data.attribute a ORDER BY 2, 1 LIMIT 3) n
        WHERE n.d <= greatest(2, length(unknown) / 3);
        RAISE EXCEPTION 'attribute "%" does not exist', unknown
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Nearest attributes: ' || near || '.', 'Attributes are listed in customer_data.attribute; add_source() brings new ones.');
    END IF;
    SELECT array_agg(CASE WHEN attributes ? a.name THEN nullif(attributes ->> a.name, '') ELSE present[o] END ORDER BY o)
    INTO result
    FROM generate_series(1, greatest(cardinality(present),
                                     (SELECT max(b.ordinal) FROM customer_data.attribute b WHERE attributes ? b.name))) AS o
    LEFT JOIN customer_data.attribute a ON a.ordinal = o;
    RETURN coalesce(result, '{}');
END
$$;
COMMENT ON FUNCTION customer_data.values_of(jsonb, text[]) IS 'Values by attribute.ordinal from a JSON object; what it does not name stays as present';

CREATE FUNCTION customer_data.upsert_record(source text, key text, attributes jsonb) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_variable
DECLARE
    s        customer_data.source := customer_data.source_named(source);
    r        customer_data.source_record;
    given    text[];
    standard text[];
    issue    smallint[];
    linked   bigint[];
    affected bigint[];
    known    boolean;
    answer   bigint;
BEGIN
    IF key IS NULL THEN
        RAISE EXCEPTION 'a record needs a key' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF octet_length(key) > 2000 THEN
        RAISE EXCEPTION 'a key of source "%" has % bytes', s.name, octet_length(key)
            USING ERRCODE = 'program_limit_exceeded', DETAIL = 'Keys may have 2000 bytes.', HINT = 'Use a hash of it, such as md5(key).';
    END IF;
    -- One writer at a time: the other's new person must be seen to be joined.
    PERFORM customer_data.lock_identity();
    SELECT o.* INTO r FROM customer_data.source_record o WHERE o.source_id = s.source_id AND o.key = upsert_record.key;
    given := customer_data.values_of(attributes, (SELECT v.given FROM customer_data.record_value v WHERE v.record_id = r.record_id));
    IF r.record_id IS NOT NULL AND r.gone_at IS NULL AND r.hash IS NOT DISTINCT FROM customer_data.hash_values(given) THEN
        RETURN r.customer_id;
    END IF;
    IF r.record_id IS NULL THEN
        INSERT INTO customer_data.source_record AS o (record_id, source_id, key, customer_id, hash, changed_at, pushed)
        OVERRIDING SYSTEM VALUE
        SELECT n, s.source_id, key, -n, customer_data.hash_values(given), now(), true
        FROM nextval('customer_data.source_record_record_id_seq') AS n
        RETURNING o.* INTO r;
    ELSE
        UPDATE customer_data.source_record o
        SET hash = customer_data.hash_values(given), changed_at = now(), gone_at = NULL, pushed = true
        WHERE o.record_id = r.record_id;
    END IF;
    PERFORM customer_data.ensure_postings();
    SELECT t.standard, t.issue INTO standard, issue
    FROM customer_data.standardize_values(given, customer_data.region_of(given[16], s.region)) t;
    INSERT INTO customer_data.record_value AS v (record_id, source_id, given, standard, issue)
    VALUES (r.record_id, s.source_id, given, standard, issue)
    ON CONFLICT ON CONSTRAINT record_value_pkey DO UPDATE
    SET given = EXCLUDED.given, standard = EXCLUDED.standard, issue = EXCLUDED.issue;
    PERFORM customer_data.add_postings(r.record_id, given, standard);
    -- Whoever was linked with the record may part from it, or others join.
    WITH old AS (
        DELETE FROM customer_data.match_link l WHERE r.record_id IN (l.record_a, l.record_b) RETURNING l.record_a, l.record_b
    )
    SELECT array_agg(CASE WHEN o.record_a = r.record_id THEN o.record_b ELSE o.record_a END) INTO linked FROM old o;
    WITH link AS (
        INSERT INTO customer_data.match_link (record_a, record_b, weight, cause)
        SELECT least(p.record_id, r.record_id), greatest(p.record_id, r.record_id), p.weight, 'model'
        FROM customer_data.probe(given, standard, r.record_id) p
        WHERE p.weight > -10
        RETURNING weight
    )
    SELECT coalesce(max(l.weight), -1) > 0 INTO known FROM link l;
    IF r.customer_id < 0 AND NOT known THEN
        -- Somebody new, whom nobody resembles.
        UPDATE customer_data.source_record o SET customer_id = nextval('customer_data.customer_id_seq') WHERE o.record_id = r.record_id;
        affected := '{}';
    ELSE
        affected := ARRAY(SELECT o.record_id FROM customer_data.source_record o WHERE o.customer_id = r.customer_id AND o.gone_at IS NULL
                          UNION SELECT o.record_id FROM customer_data.source_record o
                          WHERE o.gone_at IS NULL AND o.customer_id IN (SELECT x.customer_id FROM customer_data.source_record x WHERE x.record_id = ANY (linked)));
    END IF;
    PERFORM customer_data.settle_records(affected, ARRAY[r.record_id], NULL, format('record %s of %s written', key, source));
    SELECT o.customer_id INTO answer FROM customer_data.source_record o WHERE o.record_id = r.record_id;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION customer_data.upsert_record(text, text, jsonb) IS 'Writes one record, joins it with whom it matches and answers its customer; attributes not named keep their values, null clears one';

CREATE FUNCTION customer_data.set_survivorship(attribute text, rule text, expression text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    found regtype;
BEGIN
    IF NOT EXISTS (SELECT FROM customer_data.attribute a WHERE a.name = set_survivorship.attribute) THEN
        PERFORM customer_data.values_of(jsonb_build_object(attribute, ''), NULL);
    END IF;
    IF rule IS NULL OR rule NOT IN ('most_recent', 'most_trusted', 'most_frequent', 'longest', 'most_complete',
                                    'earliest', 'minimum', 'maximum', 'expression') THEN
        RAISE EXCEPTION 'survivorship rule "%" does not exist', coalesce(rule, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Rules are: most_recent, most_trusted, most_frequent, longest, most_complete, earliest, minimum, maximum, expression.';
    END IF;
    IF (rule = 'expression') <> (expression IS NOT NULL) THEN
        RAISE EXCEPTION 'an expression goes with the rule "expression", and only with it'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Write set_survivorship(''email'', ''expression'', ''length(value)'').';
    END IF;
    IF expression IS NOT NULL THEN
        found := customer_data.declared_expression(
            '(SELECT ''''::text AS value, ''''::text AS standard, ''''::text AS source, 0 AS trust, now() AS changed_at, 0 AS issue) AS candidate',
            expression, format('survivorship of "%s"', attribute));
        IF found NOT IN ('integer'::regtype, 'bigint'::regtype, 'numeric'::regtype, 'double precision'::regtype,
                         'real'::regtype, 'smallint'::regtype, 'boolean'::regtype) THEN
            RAISE EXCEPTION 'survivorship of "%" gives %, not a number', attribute, found
                USING ERRCODE = 'datatype_mismatch',
                      HINT = 'The expression scores one candidate (value, standard, source, trust, changed_at, issue); the highest score survives.';
        END IF;
    END IF;
    -- Parts of a name or an address come from one record: a rule for one of them is one for all.
    INSERT INTO customer_data.survivorship AS s (attribute, rule, expression)
    SELECT p.name, rule, expression
    FROM customer_data.attribute a
    JOIN customer_data.attribute p ON p.name = a.name OR rule <> 'expression' AND p.part_of = a.part_of
         AND NOT EXISTS (SELECT FROM customer_data.survivorship o WHERE o.attribute = p.name AND o.rule = 'expression')
    WHERE a.name = set_survivorship.attribute
    ON CONFLICT ON CONSTRAINT survivorship_pkey DO UPDATE
    SET rule = EXCLUDED.rule, expression = EXCLUDED.expression, owner = EXCLUDED.owner, time_zone = EXCLUDED.time_zone;
    PERFORM customer_data.lock_identity();
    IF to_regclass('customer_data.customer') IS NOT NULL THEN
        PERFORM customer_data.write_golden(NULL);
        PERFORM customer_data.touch_customers(ARRAY(SELECT DISTINCT r.customer_id FROM customer_data.source_record r WHERE r.customer_id > 0));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.set_survivorship(text, text, text) IS 'Which record''s value of an attribute becomes the golden one; of a part of a name or an address, which record all parts come from; an expression scores a candidate (value, standard, source, trust, changed_at, issue)';

CREATE FUNCTION customer_data.customer_360(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    now_id bigint := customer_data.current_customer_id(customer_id);
    golden jsonb;
    extra  jsonb := '{}';
BEGIN
    IF now_id IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE 'SELECT jsonb_strip_nulls(to_jsonb(c)) - ''customer_id'' FROM customer_data.customer c WHERE c.customer_id = $1'
        INTO golden USING now_id;
    IF to_regclass('customer_data.customer_metric') IS NOT NULL THEN
        EXECUTE 'SELECT jsonb_build_object(''metrics'', jsonb_strip_nulls(to_jsonb(m)) - ''customer_id'') FROM customer_data.customer_metric m WHERE m.customer_id = $1'
            INTO extra USING now_id;
    END IF;
    extra := coalesce(extra, '{}');
    IF to_regclass('customer_data.customer_tag') IS NOT NULL THEN
        EXECUTE 'SELECT $2 || coalesce((SELECT jsonb_build_object(''tags'', t.tags::text) FROM customer_data.customer_tag t WHERE t.customer_id = $1), ''{}'')'
            INTO extra USING now_id, extra;
    END IF;
    IF to_regprocedure('customer_data.segments_of(bigint)') IS NOT NULL THEN
        EXECUTE 'SELECT $2 || jsonb_build_object(''segments'', coalesce((SELECT jsonb_agg(s) FROM customer_data.segments_of($1) s), ''[]''))'
            INTO extra USING now_id, extra;
    END IF;
    IF to_regprocedure('customer_data.customer_events(bigint)') IS NOT NULL THEN
        EXECUTE 'SELECT $2 || jsonb_build_object(''events'', coalesce((SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(e)) ORDER BY e.at)
                                                                       FROM customer_data.events(customer_data.customer_events($1)) e), ''[]''))'
            INTO extra USING now_id, extra;
    END IF;
    extra := extra || coalesce((SELECT jsonb_build_object('account', jsonb_build_object(
                                           'customer_id', a.account_id, 'how', a.how,
                                           'role', customer_data.buying_role(golden ->> 'job_title', golden ->> 'buying_role')))
                                FROM customer_data.contact_account a WHERE a.customer_id = now_id), '{}')
                   || coalesce((SELECT jsonb_build_object('parent_account', p) FROM customer_data.account_parent(now_id) p WHERE p IS NOT NULL), '{}')
                   || coalesce((SELECT jsonb_build_object('contacts', jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                                           'customer_id', a.customer_id, 'role', a.role, 'job_title', a.job_title, 'how', a.how))))
                                FROM customer_data.account_contacts(now_id) a HAVING count(*) > 0), '{}');
    RETURN jsonb_build_object(
        'customer_id', now_id,
        'attributes', golden,
        'records', (SELECT jsonb_agg(jsonb_build_object(
                               'source', s.name, 'key', r.key, 'kind', s.kind, 'changed_at', r.changed_at,
                               'values', (SELECT jsonb_object_agg(a.name, v.given[a.ordinal])
                                          FROM customer_data.attribute a WHERE v.given[a.ordinal] IS NOT NULL))
                               ORDER BY s.source_id, r.record_id)
                    FROM customer_data.source_record r
                    JOIN customer_data.source s ON s.source_id = r.source_id
                    LEFT JOIN customer_data.record_value v ON v.record_id = r.record_id
                    WHERE r.customer_id = now_id AND r.gone_at IS NULL),
        'history', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                               'at', h.at, 'kind', h.kind, 'from', h.customer_id, 'to', h.other_id, 'cause', h.cause)) ORDER BY h.change_id), '[]')
                    FROM customer_data.customer_change h
                    WHERE h.customer_id = now_id OR h.other_id = now_id)) || extra;
END
$$;
COMMENT ON FUNCTION customer_data.customer_360(bigint) IS 'Everything known of one customer as one JSON document; an id that was merged away answers for the customer it went into';

CREATE VIEW customer_data.source_duplicate AS
    SELECT s.name AS source, r.customer_id, count(*) AS records,
           (array_agg(r.key ORDER BY v.filled DESC, r.changed_at DESC, r.record_id))[1] AS keep,
           (array_agg(r.key ORDER BY v.filled DESC, r.changed_at DESC, r.record_id))[2:] AS remove
    FROM customer_data.source_record r
    JOIN customer_data.source s ON s.source_id = r.source_id
    JOIN LATERAL (SELECT cardinality(array_remove(v.given, NULL)) AS filled
                  FROM customer_data.record_value v WHERE v.record_id = r.record_id) v ON true
    WHERE r.gone_at IS NULL AND s.kind <> 'anonymous'
    GROUP BY s.name, r.customer_id
    HAVING count(*) > 1;
COMMENT ON VIEW customer_data.source_duplicate IS 'Rows of one source that are the same customer: the fullest, then latest, is proposed to be kept';

CREATE VIEW customer_data.source_report AS
    SELECT s.name AS source, s.kind, s.relation, count(r.record_id) FILTER (WHERE r.gone_at IS NULL) AS records,
           count(DISTINCT r.customer_id) FILTER (WHERE r.gone_at IS NULL) AS customers,
           count(r.record_id) FILTER (WHERE r.gone_at IS NOT NULL) AS gone, s.read_at, s.promise
    FROM customer_data.source s
    LEFT JOIN customer_data.source_record r ON r.source_id = s.source_id
    GROUP BY s.source_id;
COMMENT ON VIEW customer_data.source_report IS 'Each source: how many records and customers it has, when it was read, and what resolve() promises';

CREATE VIEW customer_data.source_quality AS
    SELECT s.name AS source, a.name AS attribute, count(*) AS records,
           count(v.given[a.ordinal]) AS filled,
           count(*) FILTER (WHERE v.given[a.ordinal] IS NOT NULL AND coalesce(v.issue[a.ordinal], 0) = 0) AS valid,
           round(100.0 * count(v.given[a.ordinal]) / count(*), 1) AS filled_percent,
           round(100.0 * count(*) FILTER (WHERE v.given[a.ordinal] IS NOT NULL AND coalesce(v.issue[a.ordinal], 0) = 0)
                 / nullif(count(v.given[a.ordinal]), 0), 1) AS valid_percent,
           count(*) FILTER (WHERE v.issue[a.ordinal] <> 0 AND v.standard[a.ordinal] IS NOT NULL) AS doubtful,
           count(*) FILTER (WHERE v.issue[a.ordinal] <> 0 AND v.standard[a.ordinal] IS NULL) AS invalid
    FROM customer_data.source s
    JOIN customer_data.attribute a ON s.mapping ? a.name
    JOIN customer_data.record_value v ON v.source_id = s.source_id
    GROUP BY s.source_id, a.name, a.ordinal
    ORDER BY s.source_id, a.ordinal;
COMMENT ON VIEW customer_data.source_quality IS 'Each mapped attribute of each source: how many values are there, how many have nothing wrong with them, are doubtful (of use all the same) or invalid (of no use)';

CREATE VIEW customer_data.source_issue AS
    SELECT s.name AS source, a.name AS attribute, customer_data.issue_name(i.issue) AS issue, count(*) AS records,
           min(v.given[i.ordinal]) AS example
    FROM customer_data.record_value v
    CROSS JOIN LATERAL unnest(v.issue) WITH ORDINALITY AS i(issue, ordinal)
    JOIN customer_data.attribute a ON a.ordinal = i.ordinal
    JOIN customer_data.source s ON s.source_id = v.source_id
    WHERE v.issue IS NOT NULL AND i.issue <> 0
    GROUP BY s.source_id, a.ordinal, a.name, i.issue
    ORDER BY s.source_id, a.ordinal, records DESC;
COMMENT ON VIEW customer_data.source_issue IS 'What is wrong or doubtful with the values of each source, counted, with an example';

-- A value that nothing is wrong with counts 1, a doubtful one a half.
CREATE VIEW customer_data.record_quality AS
    SELECT s.name AS source, r.key, r.customer_id, q.mapped, q.filled, q.valid,
           round(q.filled::numeric / nullif(q.mapped, 0), 3)::float8 AS completeness,
           round(q.worth / nullif(q.filled, 0), 3)::float8 AS validity,
           coalesce(q.issues, '{}') AS issues
    FROM customer_data.source_record r
    JOIN customer_data.source s ON s.source_id = r.source_id
    JOIN customer_data.record_value v ON v.record_id = r.record_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS mapped, count(v.given[a.ordinal]) AS filled,
               count(*) FILTER (WHERE v.given[a.ordinal] IS NOT NULL AND coalesce(v.issue[a.ordinal], 0) = 0) AS valid,
               sum(CASE WHEN v.given[a.ordinal] IS NULL THEN 0 WHEN coalesce(v.issue[a.ordinal], 0) = 0 THEN 1
                        WHEN v.standard[a.ordinal] IS NOT NULL THEN 0.5 ELSE 0 END) AS worth,
               array_agg(a.name || ': ' || customer_data.issue_name(v.issue[a.ordinal]) ORDER BY a.ordinal)
                   FILTER (WHERE v.issue[a.ordinal] <> 0) AS issues
        FROM customer_data.attribute a WHERE s.mapping ? a.name) q
    WHERE r.gone_at IS NULL;
COMMENT ON VIEW customer_data.record_quality IS 'Each record: which share of the mapped attributes is filled (completeness), how much of what is filled is worth (validity: 1 nothing wrong, a half for a doubtful value, 0 for one of no use), and what is wrong';
