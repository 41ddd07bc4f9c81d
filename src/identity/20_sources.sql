-- Identity, declarations: sources, their mappings and identity links.

CREATE FUNCTION customer_data.relation_item(relation text) RETURNS text
    LANGUAGE c STABLE STRICT SET search_path = public, pg_temp
    AS 'MODULE_PATHNAME', 'cd_relation_item';
COMMENT ON FUNCTION customer_data.relation_item(text) IS 'What to write after FROM for a declared relation: its quoted name (a bare one is looked for in public), or the query in parentheses';

CREATE FUNCTION customer_data.declared_expression(item text, expression text, what text) RETURNS regtype
    LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, customer_data, public, pg_temp
    AS 'MODULE_PATHNAME', 'cd_declared_expression';
COMMENT ON FUNCTION customer_data.declared_expression(text, text, text) IS 'Type of a scalar expression over the rows of item (see relation_item), or an error with position and nearest names';

CREATE FUNCTION customer_data.source_named(name text) RETURNS customer_data.source
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    found customer_data.source;
BEGIN
    SELECT s.* INTO found FROM customer_data.source s WHERE s.name = source_named.name;
    IF found.source_id IS NULL THEN
        RAISE EXCEPTION 'source "%" does not exist', source_named.name
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce((SELECT 'Sources are: ' || string_agg(quote_ident(s.name), ', ' ORDER BY s.source_id) || '.'
                                   FROM customer_data.source s), 'No source has been added yet: see add_source().');
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_data.source_named(text) IS 'The source of that name, or an error that lists the sources';

-- Checks what an expression is for and answers the type of the golden column.
CREATE FUNCTION customer_data.is_column_name(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    -- What SQL takes for an identifier without quotes, whatever the locale takes for letters.
    SELECT $1 ~ '^[a-z_\u0080-\U0010ffff][a-z0-9_\u0080-\U0010ffff]*$' AND $1 !~ '[[:space:]]' AND $1 = lower($1) AND octet_length($1) <= 63
$$;
COMMENT ON FUNCTION customer_data.is_column_name(text) IS 'May an attribute or a metric be called so? Lower-case letters of any script, digits and underscores';

CREATE FUNCTION customer_data.check_mapping(item text, mapping jsonb) RETURNS TABLE (attribute text, type text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    m          pg_catalog.record;
    found      regtype;
    wanted     text;
    column_of  text;
BEGIN
    IF mapping IS NULL OR jsonb_typeof(mapping) <> 'object' OR mapping = '{}' THEN
        RAISE EXCEPTION 'mapping must be a JSON object with at least one attribute'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Write {"email": "lower(mail)", "full_name": "name"}; suggest_mapping(relation) proposes one.';
    END IF;
    FOR m IN SELECT key, value, value #>> '{}' AS expression FROM jsonb_each(mapping) LOOP
        IF jsonb_typeof(m.value) <> 'string' THEN
            RAISE EXCEPTION 'mapping of attribute "%" must be a SQL expression in a JSON string', m.key
                USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It is: %s', m.value),
                      HINT = format('Write {%s: "column"}.', to_json(m.key));
        END IF;
        IF NOT customer_data.is_column_name(m.key) THEN
            RAISE EXCEPTION '"%" cannot be the name of an attribute', m.key
                USING ERRCODE = 'invalid_name',
                      HINT = 'Use lower-case letters, digits and underscores, at most 63 bytes, beginning with a letter.';
        END IF;
        IF m.key IN ('customer_id', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid')
           OR EXISTS (SELECT FROM customer_data.profile_column p WHERE p.name = m.key AND p.origin <> 'attribute') THEN
            RAISE EXCEPTION '"%" is reserved and cannot be the name of an attribute', m.key
                USING ERRCODE = 'reserved_name',
                      DETAIL = 'The view profile has, or will have, another column of that name.',
                      HINT = 'Choose another name.';
        END IF;
        found := customer_data.declared_expression(item, m.expression, format('attribute "%s"', m.key));
        SELECT a.type INTO wanted FROM customer_data.attribute a WHERE a.name = m.key;
        IF wanted IS NULL THEN
            column_of := CASE WHEN found IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype,
                                             'real'::regtype, 'double precision'::regtype, 'boolean'::regtype,
                                             'date'::regtype, 'timestamptz'::regtype)
                              THEN found::text ELSE 'text' END;
        ELSE
            column_of := wanted;
            -- Text is read as a date or a moment leniently; other types must fit.
            IF wanted NOT IN ('text', 'date', 'timestamptz') AND found::text <> wanted THEN
                RAISE EXCEPTION 'attribute "%" has type %, the expression gives %', m.key, wanted, found
                    USING ERRCODE = 'datatype_mismatch', DETAIL = format('The expression was: %s', m.expression),
                          HINT = format('Cast it: (%s)::%s.', m.expression, wanted);
            END IF;
        END IF;
        RETURN QUERY SELECT m.key, column_of;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.check_mapping(text, jsonb) IS 'Checks each expression of a mapping and answers the type of its golden column';

CREATE FUNCTION customer_data.take_attributes(item text, mapping jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    fresh pg_catalog.record;
    near  text;
BEGIN
    FOR fresh IN SELECT c.attribute, c.type FROM customer_data.check_mapping(item, mapping) c
                 WHERE NOT EXISTS (SELECT FROM customer_data.attribute a WHERE a.name = c.attribute)
                 ORDER BY c.attribute
    LOOP
        -- Room is left for attributes that a later version may ship.
        INSERT INTO customer_data.attribute (name, ordinal, type)
        SELECT fresh.attribute, greatest(max(a.ordinal), 48) + 1, fresh.type FROM customer_data.attribute a;
        SELECT string_agg(a.name, ', ') INTO near
        FROM customer_data.attribute a
        WHERE a.well_known AND replace(a.name, '_', '') = replace(fresh.attribute, '_', '');
        IF near IS NOT NULL THEN
            RAISE NOTICE 'attribute "%" is new; did you mean the well-known "%"?', fresh.attribute, near;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.take_attributes(text, jsonb) IS 'Checks a mapping and registers the attributes that are new';

-- Not a trigger: a restore must be able to load declarations before the
-- relations that they name.
CREATE FUNCTION customer_data.check_source(declared customer_data.source) RETURNS customer_data.source
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, customer_data, public, pg_temp
AS $$
DECLARE
    item    text;
    found   regtype;
    fresh   pg_catalog.record;
    near text;
BEGIN
    IF declared.name IS NULL OR btrim(declared.name) = '' THEN
        RAISE EXCEPTION 'a source needs a name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF declared.kind IS NULL OR declared.kind NOT IN ('known', 'anonymous', 'account') THEN
        RAISE EXCEPTION 'kind of source "%" is unknown: %', declared.name, coalesce(declared.kind, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Kinds are: known (persons), anonymous (cookies and devices), account (companies).';
    END IF;
    IF declared.trust IS NULL OR declared.trust NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'trust of source "%" is out of range: %', declared.name, coalesce(declared.trust::text, 'NULL')
            USING ERRCODE = 'numeric_value_out_of_range', HINT = 'Give a number from 0 to 100.';
    END IF;
    IF declared.region IS NOT NULL AND declared.region !~ '^[A-Z]{2}$' THEN
        RAISE EXCEPTION 'region of source "%" is not a country code: %', declared.name, declared.region
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give two capital letters of ISO 3166, such as ''DE''.';
    END IF;
    IF declared.relation IS NULL THEN
        IF declared.key IS NOT NULL OR declared.changed_at IS NOT NULL THEN
            RAISE EXCEPTION 'source "%" has a key or changed_at but no relation', declared.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the relation, or neither: its records come by upsert_record() then.';
        END IF;
        declared.promise := 'records come by upsert_record() only';
        item := (SELECT format('(SELECT %s) AS source_row', string_agg(format('NULL::text AS %I', m.key), ', '))
                 FROM jsonb_each_text(declared.mapping) m);
        PERFORM customer_data.take_attributes(item, (SELECT jsonb_object_agg(m.key, quote_ident(m.key)) FROM jsonb_each_text(declared.mapping) m));
    ELSE
        IF declared.key IS NULL THEN
            RAISE EXCEPTION 'source "%" needs a key', declared.name
                USING ERRCODE = 'null_value_not_allowed', HINT = 'Give an expression that identifies a row, such as ''id''.';
        END IF;
        item := customer_data.relation_item(declared.relation);
        IF item NOT LIKE '(%' THEN
            declared.relation := item;
        END IF;
        BEGIN
            EXECUTE format('SELECT FROM %s LIMIT 0', item);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE EXCEPTION 'role % may not read source "%"', current_user, declared.name
                USING ERRCODE = 'insufficient_privilege', DETAIL = SQLERRM,
                      HINT = format('GRANT SELECT ON %s TO %s;', declared.relation, current_user);
        END;
        PERFORM customer_data.declared_expression(item, declared.key, 'key');
        PERFORM customer_data.take_attributes(item, declared.mapping);
        IF declared.changed_at IS NULL THEN
            declared.promise := 'every new, changed and deleted row at each resolve(); all of its rows are looked at each time';
        ELSE
            found := customer_data.declared_expression(item, declared.changed_at, 'changed_at');
            IF found NOT IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype, 'xid8'::regtype) THEN
                RAISE EXCEPTION 'changed_at of source "%" gives %, not a moment', declared.name, found
                    USING ERRCODE = 'datatype_mismatch', HINT = format('Cast it: (%s)::timestamptz.', declared.changed_at);
            END IF;
            declared.promise := CASE WHEN found = 'xid8'::regtype THEN
                'rows of every transaction committed since the last run, however long it took, at each resolve(), as far as changed_at names the transaction that wrote them; deleted rows when the whole relation is compared: once a day and with resolve(rebuild => true)'
                ELSE 'rows whose changed_at is later than the last seen, less ten minutes, at each resolve(); deleted and later ones when the whole relation is compared: once a day and with resolve(rebuild => true)' END;
        END IF;
    END IF;
    RETURN declared;
END
$$;
COMMENT ON FUNCTION customer_data.check_source(customer_data.source) IS 'Checks a source''s declaration, brings its new attributes and states what resolve() promises';

CREATE FUNCTION customer_data.add_source(name text, relation text, key text, mapping jsonb, trust int DEFAULT 50,
                                         changed_at text DEFAULT NULL, region text DEFAULT NULL,
                                         kind text DEFAULT 'known', one_to_one boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    declared customer_data.source;
BEGIN
    IF EXISTS (SELECT FROM customer_data.source s WHERE s.name = add_source.name) THEN
        RAISE EXCEPTION 'source "%" already exists', add_source.name
            USING ERRCODE = 'duplicate_object', HINT = 'Use alter_source() to change it, drop_source() to take it away.';
    END IF;
    declared.name := name;
    declared.relation := relation;
    declared.key := key;
    declared.mapping := mapping;
    declared.trust := trust;
    declared.changed_at := changed_at;
    declared.region := region;
    declared.kind := kind;
    declared := customer_data.check_source(declared);
    INSERT INTO customer_data.source (name, relation, key, mapping, trust, changed_at, region, kind, one_to_one, promise, standard_version)
    VALUES (name, declared.relation, declared.key, coalesce(mapping, '{}'), trust, changed_at, region, kind,
            coalesce(one_to_one, false), declared.promise, customer_data.standard_version());
    IF customer_data.ensure_customer_table() OR to_regclass('customer_data.profile') IS NULL THEN
        PERFORM customer_data.rebuild_profile();
    END IF;
    RETURN declared.promise;
END
$$;
COMMENT ON FUNCTION customer_data.add_source(text, text, text, jsonb, int, text, text, text, boolean) IS 'Declares a table or query that customers'' records are read from; answers what resolve() promises to notice of it';

CREATE FUNCTION customer_data.alter_source(name text, relation text DEFAULT NULL, key text DEFAULT NULL, mapping jsonb DEFAULT NULL,
                                           trust int DEFAULT NULL, changed_at text DEFAULT NULL, region text DEFAULT NULL,
                                           kind text DEFAULT NULL, one_to_one boolean DEFAULT NULL, new_name text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    old      customer_data.source := customer_data.source_named(name);
    declared customer_data.source := old;
BEGIN
    declared.relation := coalesce(relation, old.relation);
    declared.key := coalesce(key, old.key);
    declared.mapping := coalesce(mapping, old.mapping);
    declared.trust := coalesce(trust, old.trust);
    declared.changed_at := nullif(coalesce(changed_at, old.changed_at), '');
    declared.region := nullif(coalesce(region, old.region), '');
    declared.kind := coalesce(kind, old.kind);
    declared.one_to_one := coalesce(one_to_one, old.one_to_one);
    declared.name := coalesce(new_name, old.name);
    declared := customer_data.check_source(declared);
    UPDATE customer_data.source s
    SET name = declared.name, relation = declared.relation, key = declared.key, mapping = declared.mapping,
        trust = declared.trust, changed_at = declared.changed_at, region = declared.region, kind = declared.kind,
        one_to_one = declared.one_to_one, promise = declared.promise, read_snapshot = NULL, read_mark = NULL,
        owner = quote_ident(current_user)::regrole, time_zone = current_setting('TimeZone')
    WHERE s.source_id = old.source_id;
    IF customer_data.ensure_customer_table() OR to_regclass('customer_data.profile') IS NULL THEN
        PERFORM customer_data.rebuild_profile();
    END IF;
    RETURN declared.promise;
END
$$;
COMMENT ON FUNCTION customer_data.alter_source(text, text, text, jsonb, int, text, text, text, boolean, text) IS 'Changes what is given of a source, which from now on runs as the current role; an empty changed_at or region takes it away; the next resolve() reads it anew';

CREATE FUNCTION customer_data.drop_source(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    old     customer_data.source := customer_data.source_named(name);
    touched bigint[];
BEGIN
    PERFORM customer_data.lock_identity();
    IF EXISTS (SELECT FROM customer_data.identity_link l WHERE old.source_id IN (l.source_a, l.source_b)) THEN
        RAISE EXCEPTION 'source "%" is used by identity links', old.name
            USING ERRCODE = 'dependent_objects_still_exist',
                  DETAIL = (SELECT 'Links: ' || string_agg(l.name, ', ' ORDER BY l.link_id) || '.'
                            FROM customer_data.identity_link l WHERE old.source_id IN (l.source_a, l.source_b)),
                  HINT = 'Drop them first: drop_identity_link(name).';
    END IF;
    SELECT array_agg(DISTINCT r.customer_id) INTO touched
    FROM customer_data.source_record r WHERE r.source_id = old.source_id;
    DELETE FROM customer_data.record_value v USING customer_data.source_record r
    WHERE r.source_id = old.source_id AND v.record_id = r.record_id;
    PERFORM customer_data.forget_pairs(ARRAY(SELECT r.record_id FROM customer_data.source_record r WHERE r.source_id = old.source_id));
    DELETE FROM customer_data.source_record r WHERE r.source_id = old.source_id;
    DELETE FROM customer_data.source s WHERE s.source_id = old.source_id;
    -- Whoever was joined through the source is looked at again, at once.
    PERFORM customer_data.settle_records(ARRAY(SELECT r.record_id FROM customer_data.source_record r
                                               WHERE r.customer_id = ANY (touched) AND r.gone_at IS NULL),
                                         NULL, touched, format('source %s dropped', old.name));
END
$$;
COMMENT ON FUNCTION customer_data.drop_source(text) IS 'Takes a source away with its records and the evidence they gave; customers that it joined are parted';

CREATE FUNCTION customer_data.add_identity_link(name text, relation text, source_a text, key_a text, source_b text, key_b text,
                                                at text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    a     customer_data.source := customer_data.source_named(source_a);
    b     customer_data.source := customer_data.source_named(source_b);
    item  text := customer_data.relation_item(relation);
    found regtype;
BEGIN
    IF name IS NULL OR btrim(name) = '' THEN
        RAISE EXCEPTION 'an identity link needs a name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM customer_data.identity_link l WHERE l.name = add_identity_link.name) THEN
        RAISE EXCEPTION 'identity link "%" already exists', name
            USING ERRCODE = 'duplicate_object', HINT = 'Drop it first: drop_identity_link(name).';
    END IF;
    PERFORM customer_data.declared_expression(item, key_a, 'key_a');
    PERFORM customer_data.declared_expression(item, key_b, 'key_b');
    IF at IS NOT NULL THEN
        found := customer_data.declared_expression(item, at, 'at');
        IF found NOT IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN
            RAISE EXCEPTION 'at of identity link "%" gives %, not a moment', name, found
                USING ERRCODE = 'datatype_mismatch', HINT = format('Cast it: (%s)::timestamptz.', at);
        END IF;
    END IF;
    INSERT INTO customer_data.identity_link (name, relation, source_a, key_a, source_b, key_b, at)
    VALUES (name, CASE WHEN item LIKE '(%' THEN relation ELSE item END, a.source_id, key_a, b.source_id, key_b, at);
END
$$;
COMMENT ON FUNCTION customer_data.add_identity_link(text, text, text, text, text, text, text) IS 'Declares a table or query whose rows each name two records of one person; a row that goes parts them again';

CREATE FUNCTION customer_data.drop_identity_link(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    old customer_data.identity_link;
BEGIN
    SELECT l.* INTO old FROM customer_data.identity_link l WHERE l.name = drop_identity_link.name;
    IF old.link_id IS NULL THEN
        RAISE EXCEPTION 'identity link "%" does not exist', name
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce((SELECT 'Links are: ' || string_agg(quote_ident(l.name), ', ' ORDER BY l.link_id) || '.'
                                   FROM customer_data.identity_link l), 'None has been added yet: see add_identity_link().');
    END IF;
    INSERT INTO customer_data.record_affected (record_id, cause)
    SELECT r, format('link %s dropped', old.name)
    FROM customer_data.identity_evidence e, unnest(ARRAY[e.record_a, e.record_b]) AS r
    WHERE e.link_id = old.link_id AND r IS NOT NULL;
    DELETE FROM customer_data.identity_evidence e WHERE e.link_id = old.link_id;
    DELETE FROM customer_data.identity_link l WHERE l.link_id = old.link_id;
END
$$;
COMMENT ON FUNCTION customer_data.drop_identity_link(text) IS 'Takes an identity link away; the next resolve() parts what only it had joined';
