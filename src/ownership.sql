-- Members belong to the role that installs the extension, so that a database
-- owner can dump, restore and refresh without being superuser.
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT c.relname, c.relkind
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
        JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.objid
        WHERE e.extname OPERATOR(pg_catalog.=) 'customer_data'
          AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
          AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.deptype OPERATOR(pg_catalog.=) 'e'
          AND c.relkind IN ('r', 'v', 'p', 'S', 'm')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend s
                          WHERE s.classid OPERATOR(pg_catalog.=) d.classid
                            AND s.objid OPERATOR(pg_catalog.=) c.oid
                            AND s.deptype IN ('a', 'i')
                            AND c.relkind OPERATOR(pg_catalog.=) 'S')
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE customer_data.%I OWNER TO @extowner@', r.relname);
    END LOOP;
END
$$;

-- So do the conditions that come with it: they run as their owner.
UPDATE customer_data.condition SET owner = '@extowner@'::pg_catalog.regrole;

-- Types and pure functions are for everybody; tables stay with their owner.
GRANT USAGE ON SCHEMA customer_data TO PUBLIC;
