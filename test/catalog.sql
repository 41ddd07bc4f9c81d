-- Promises about every object of the extension: it is explained, pinned, owned
-- by its installer, dumped or derived, and shows nothing personal to PUBLIC.
SELECT plan(9);

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS what
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
WHERE e.extname = 'customer_data' AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';

SELECT is_empty($$
    SELECT what FROM member
    WHERE classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass)
      AND obj_description(objid, classid::regclass::text) IS NULL
      AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
               WHERE t.oid = objid AND (t.typelem <> 0 OR c.relkind <> 'c')))
      AND NOT (classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c WHERE c.oid = objid AND c.relkind IN ('S', 'i')))
    ORDER BY 1$$, 'every function, aggregate, table, view, type, operator and operator class has a comment');

SELECT is_empty($$
    SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON p.oid = m.objid JOIN pg_language l ON l.oid = p.prolang
    WHERE m.classid = 'pg_proc'::regclass AND l.lanname = 'plpgsql' AND p.prokind <> 'p'
      AND NOT coalesce(array_to_string(p.proconfig, ' ') LIKE '%search_path=%', false) ORDER BY 1$$,
    'every PL/pgSQL function pins its search_path (procedures that commit cannot)');

SELECT is_empty($$
    SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON p.oid = m.objid
    WHERE m.classid = 'pg_proc'::regclass AND p.prosecdef
      AND NOT coalesce(array_to_string(p.proconfig, ' ') LIKE '%search_path=%', false) ORDER BY 1$$,
    'no SECURITY DEFINER function without a pinned search_path');

SELECT is_empty($$
    SELECT what FROM member m JOIN pg_class c ON c.oid = m.objid
    WHERE m.classid = 'pg_class'::regclass AND c.relkind = 'r'
      AND c.oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'customer_data')
      AND obj_description(c.oid, 'pg_class') !~* '(derived|seed|queue|run-time|rebuilt)' ORDER BY 1$$,
    'every table is dumped, or its comment says that it is derived, seed, a queue or run-time state');

SELECT is_empty($$
    SELECT s.relname FROM pg_extension e, unnest(e.extconfig) AS t JOIN pg_depend d ON d.refobjid = t AND d.deptype IN ('a', 'i')
    JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE e.extname = 'customer_data' AND s.oid <> ALL (e.extconfig) ORDER BY 1$$,
    'the sequences of dumped tables are dumped, too');

SELECT is_empty($$
    SELECT c.relname FROM member m JOIN pg_class c ON c.oid = m.objid
    WHERE m.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v', 'S')
      AND c.relowner <> (SELECT extowner FROM pg_extension WHERE extname = 'customer_data') ORDER BY 1$$,
    'tables, views and sequences belong to the role that installed the extension');

SELECT is_empty($$
    SELECT c.relname, a.attname FROM member m JOIN pg_class c ON c.oid = m.objid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE m.classid = 'pg_class'::regclass AND c.relkind = 'r' AND has_table_privilege('public', c.oid, 'SELECT')
      AND a.attname IN ('given', 'standard', 'key', 'events', 'tags', 'members', 'customers', 'record_a', 'customer_id')
      AND NOT c.relrowsecurity ORDER BY 1, 2$$,
    'PUBLIC reads no table that holds personal data');

SELECT is_empty($$
    SELECT DISTINCT p.proname, p.proargnames FROM member m JOIN pg_proc p ON p.oid = m.objid, unnest(p.proargnames, p.proargmodes::text[]) AS a (name, mode)
    JOIN pg_get_keywords() k ON k.word = a.name AND k.catcode IN ('R', 'T')
    WHERE m.classid = 'pg_proc'::regclass AND coalesce(a.mode, 'i') IN ('i', 'b', 'v') ORDER BY 1$$,
    'no argument has a reserved name: all can be written with =>');

SELECT is_empty($$
    SELECT a.oid::regprocedure, b.oid::regprocedure
    FROM member m JOIN pg_proc a ON a.oid = m.objid JOIN pg_proc b ON b.proname = a.proname AND b.pronamespace = a.pronamespace AND b.oid > a.oid
    WHERE m.classid = 'pg_proc'::regclass AND a.pronargs = b.pronargs AND a.pronargs > 0
      AND a.prokind = 'f' AND b.prokind = 'f' AND a.pronargdefaults = 0
      AND (SELECT bool_and(x.t = y.t OR (x.c = 'S' AND y.c = 'S'))
           FROM unnest(a.proargtypes::oid[]) WITH ORDINALITY AS p (t, i)
           JOIN pg_type pt ON pt.oid = p.t,
           LATERAL (SELECT p.t, pt.typcategory AS c) AS x,
           LATERAL (SELECT b.proargtypes[p.i - 1] AS t, (SELECT typcategory FROM pg_type WHERE oid = b.proargtypes[p.i - 1]) AS c) AS y)
    ORDER BY 1, 2$$,
    'no two overloads that a plain literal could mean alike');
SELECT * FROM finish();
