-- customer_data: the install script, joined from the rooms' parts.
\echo Use "CREATE EXTENSION customer_data" to load this file. \quit

-- Every part runs with this path; functions pin their own.
SET LOCAL search_path = customer_data, pg_catalog, pg_temp;

CREATE FUNCTION customer_data.check_encoding() RETURNS void
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'cd_check_encoding';
COMMENT ON FUNCTION customer_data.check_encoding() IS 'Refuses a database whose encoding is not UTF8; CREATE EXTENSION calls it';
SELECT customer_data.check_encoding();

-- DROP EXTENSION leaves tables behind that functions made; numbers of
-- customers in them mean nothing to the sources declared from here on.
DO $$
DECLARE
    derived name;
BEGIN
    FOREACH derived IN ARRAY ARRAY['customer', 'customer_metric', 'customer_tag'] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_class c
                   WHERE c.relnamespace = 'customer_data'::regnamespace AND c.relname = derived AND c.relkind = 'r') THEN
            RAISE NOTICE 'table customer_data.% of a former installation is dropped; resolve() and the refreshes make it anew', derived;
            EXECUTE format('DROP TABLE customer_data.%I CASCADE', derived);
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION customer_data.as_of() RETURNS timestamptz
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_as_of_sql';
COMMENT ON FUNCTION customer_data.as_of() IS 'The moment conditions are asked at: the setting customer_data.as_of, or the transaction''s time';

CREATE FUNCTION customer_data.refuse_as_of(what text, instead text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('customer_data.as_of', true) <> '' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('%s are not refreshed while customer_data.as_of is set', what),
            DETAIL = 'What is stored is of the present.',
            HINT = concat_ws(' ', 'RESET customer_data.as_of;', instead);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.refuse_as_of(text, text) IS 'Refuses to refresh what is stored of the present while customer_data.as_of asks about another moment';

CREATE FUNCTION customer_data.query_as(role regrole, time_zone text, query text) RETURNS SETOF record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_query_as';
COMMENT ON FUNCTION customer_data.query_as(regrole, text, text) IS 'The rows of a read-only query run with the rights of a role that the caller could SET ROLE to';

-- Stored expressions run as the owner of their row, so nobody may write a row
-- that names an owner it could not become.  Who owns the table may: it restores
-- dumps, and could change what refreshes do anyway.
CREATE FUNCTION customer_data.check_definer(written regclass, owner regrole) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    become text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = owner AND pg_has_role(r.oid, become))
       AND NOT pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = written), become) THEN
        RAISE EXCEPTION 'role "%" may not define what runs as role "%"', current_user, pg_get_userbyid(owner)
            USING ERRCODE = 'insufficient_privilege',
                  DETAIL = 'A stored expression runs with the rights of the role that defined it.',
                  HINT = format('GRANT %s TO %I;', owner, current_user);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.check_definer(regclass, regrole) IS 'Refuses a row of a table of definitions that would run as a role the current user could not become';

CREATE FUNCTION customer_data.own_definition() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM customer_data.check_definer(TG_RELID, NEW.owner);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION customer_data.own_definition() IS 'Trigger of tables of definitions: their rows run as their owner, whom the writer could become';
