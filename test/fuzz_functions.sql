-- Every function in C, called by hand with arguments that nobody would give:
-- an error is fine, the end of the server is not.
\set QUIET on
SET client_min_messages = error;
SET search_path = customer_data, public;
\set seed 3
\ir include/seed.sql
SELECT plan(11);
CREATE TABLE public.person (id int, name text, since timestamptz DEFAULT '2020-01-01');
INSERT INTO public.person SELECT i, 'Person ' || i FROM generate_series(1, 20) i;
SELECT count(add_source('crm', 'public.person', 'id', '{"full_name": "name", "registered_at": "since"}')) \g /dev/null
SELECT count(*) FROM resolve() \g /dev/null
SELECT count(*) FROM refresh_segments() \g /dev/null

CREATE TABLE public.odd AS SELECT type::regtype, value FROM (
    SELECT t AS type, v AS value FROM unnest('{int4,int8}'::text[]) t, unnest('{0,1,-1,3,2147483647,-2147483648}'::text[]) v
    UNION ALL SELECT 'int8', unnest('{4294967295,4294967296,9223372036854775807,-9223372036854775808}'::text[])
    UNION ALL SELECT 'int2', unnest('{0,1,-32768}'::text[])
    UNION ALL SELECT t, v FROM unnest('{float4,float8,numeric}'::text[]) t, unnest('{0,1,-1,50,NaN}'::text[]) v
    UNION ALL SELECT 'float8', unnest('{Infinity,-Infinity,1e308,-1e-300}'::text[])
    UNION ALL SELECT 'bool', unnest('{t,f}'::text[])
    UNION ALL SELECT 'text', unnest(ARRAY['', 'a', 'Ann Smith', repeat('x', 5000), 'events', 'full_name', '*', 'profile.*', '((((', '1 / 0', 'true', 'NULL', 'SELECT 1', '2020-01-01', '+49 30 1234567', U&'\00e4\4e2d\0301', 'a.b.c', 'UTC', 'crm'])
    UNION ALL SELECT 'interval', unnest('{0,-1 day,1 month,178000000 years,1000000 days,1 second}'::text[])
    UNION ALL SELECT 'timestamptz', unnest('{infinity,-infinity,294276-12-30,4713-01-02 BC,2020-01-01}'::text[])
    UNION ALL SELECT 'date', unnest('{infinity,-infinity,2020-02-29,5874897-12-31,4713-01-01 BC}'::text[])
    UNION ALL SELECT 'jsonb', unnest(ARRAY['{}', '[]', '1', 'null', '{"a": 1, "b": null, "c": [1], "d": {"e": 2}}'])
    UNION ALL SELECT 'bytea', unnest(ARRAY['', '\x00', '\x01020304'])
    UNION ALL SELECT 'oid', unnest('{0,1,10}'::text[])
    UNION ALL SELECT 'regtype', unnest('{0,text,int4}'::text[])
    UNION ALL SELECT 'regrole', unnest('{0,postgres}'::text[])
    UNION ALL SELECT 'regclass', unnest('{0,pg_class,customer_data.customer}'::text[])
    UNION ALL SELECT 'regconfig', unnest('{simple,english}'::text[])
    UNION ALL SELECT t, v FROM unnest('{text[],int4[],int8[],int2[],bool[],float4[],float8[],interval[],timestamptz[],customer_data.customer_set[],customer_data.event_pattern[]}'::text[]) t, unnest('{"{}","{NULL}"}'::text[]) v
    UNION ALL SELECT 'text[]', unnest('{"{a,b,NULL}","{{a,b},{c,d}}","[5:6]={a,b}"}'::text[])
    UNION ALL SELECT t, v FROM unnest('{int4[],int8[]}'::text[]) t, unnest('{"{1,2}","{{1,2},{3,4}}","{-1,2147483647}"}'::text[]) v
    UNION ALL SELECT 'customer_data.customer_set', unnest(ARRAY['{}', '{1,2,3}', '{0-4294967295}', '{4294967295}', '{0,65536,131072-300000}'])
    UNION ALL SELECT 'customer_data.customer_set[]', '{NULL,"{1,2}"}'
    UNION ALL SELECT 'customer_data.event_pattern', unnest(ARRAY['*', 'k1', 'k1[p=1]|k2', 'k*[value>3]'])
    UNION ALL SELECT 'customer_data.event_pattern[]', '{k1,k2}'
    UNION ALL SELECT 'customer_data.tagset', unnest(ARRAY['{}', '{a,b:0.5,c.d:2}'])
    UNION ALL SELECT 'customer_data.tag_query', unnest('{a,a & !b}'::text[])
    UNION ALL SELECT 'customer_data.timeline', empty_timeline()::text
    UNION ALL SELECT 'customer_data.timeline', timeline_agg(timestamptz '2020-01-01' + i * interval '1 day', 'k' || i % 3, i, jsonb_build_object('p', i % 2))::text FROM generate_series(1, 50) i
    UNION ALL SELECT 'customer_data.timeline', timeline_agg(t, 'k1', 1e300)::text FROM unnest('{294276-12-30,4713-01-02 BC,2020-01-01}'::timestamptz[]) t) v (type, value);

-- Some value of a type, NULL now and then
CREATE FUNCTION public.odd_value(type regtype) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN type = 'anyelement'::regtype THEN '1::int' ELSE
        coalesce((SELECT quote_literal(o.value) FROM public.odd o WHERE o.type = odd_value.type AND random() < 0.9 ORDER BY random() LIMIT 1), 'NULL') || '::' || type END
$$;
-- Every call is a statement of its own, so that the server's statement_timeout ends it.
CREATE TABLE public.outcome (call text, outcome text, message text);
CREATE FUNCTION public.try_call(call text, rows int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(x::text) FROM (SELECT %s FROM generate_series(1, %s) LIMIT 200) x', call, rows);
    INSERT INTO public.outcome VALUES (call, 'answered');
EXCEPTION
    WHEN internal_error OR data_corrupted THEN
        INSERT INTO public.outcome VALUES (call, 'internal', SQLERRM);
    WHEN query_canceled THEN
        INSERT INTO public.outcome VALUES (call, 'late', SQLERRM);
    WHEN out_of_memory THEN
        INSERT INTO public.outcome VALUES (call, 'memory', SQLERRM);
    WHEN OTHERS THEN
        INSERT INTO public.outcome VALUES (call, 'refused', SQLERRM);
END
$$;
SELECT CASE current_setting('test.long', true) WHEN 'on' THEN 100 ELSE 3 END AS rounds \gset
CREATE TABLE public.called AS
    SELECT format('%s(%s)', f.name, (SELECT string_agg(CASE WHEN f.variadic AND a.n = cardinality(f.types) THEN 'VARIADIC ' ELSE '' END || public.odd_value(a.type), ', ' ORDER BY a.n)
                                     FROM unnest(f.types) WITH ORDINALITY a(type, n) WHERE round > 0)) AS call,
           CASE f.prokind WHEN 'a' THEN 3 ELSE 1 END AS rows, row_number() OVER (ORDER BY f.signature, round) AS number
    FROM (SELECT p.oid::regproc AS name, p.oid::regprocedure::text AS signature, p.prokind, p.proargtypes::regtype[] AS types, p.provariadic <> 0 AS variadic
          FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
          JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'customer_data' JOIN pg_language l ON l.oid = p.prolang
          WHERE (l.lanname = 'c' OR p.prokind = 'a') AND NOT p.prorettype IN ('trigger'::regtype, 'internal'::regtype)
            AND NOT p.proargtypes::regtype[] && '{internal,"\"any\"",cstring}'::regtype[] AND p.proname NOT IN ('report_activity', 'wait_for_writers')) f,
         generate_series(1, :rounds) round;
SET statement_timeout = '5s';
\o /dev/null
SELECT format('SELECT public.try_call(%L, %s)', call, rows) FROM public.called ORDER BY number \gexec
\o
RESET statement_timeout;
SELECT count(*) AS calls, count(*) FILTER (WHERE outcome = 'answered') AS answered FROM public.outcome \gset
SELECT is((SELECT array_agg(call || ': ' || message ORDER BY call) FROM public.outcome WHERE outcome = 'late'), NULL, 'none is slow: five seconds suffice for each');
SELECT is((SELECT array_agg(call || ': ' || message ORDER BY call) FROM public.outcome WHERE outcome = 'memory'), NULL, 'nor takes all memory');
SELECT is((SELECT array_agg(call || ': ' || message ORDER BY call) FROM public.outcome WHERE outcome = 'internal'), NULL, 'none is taken by surprise');
SELECT ok(:calls > 500, 'functions are called');
SELECT ok(:answered > :calls / 4, 'many of them answer');
SELECT ok(cardinality(customer_set_agg(customer_id)) = 20, 'and the server goes on') FROM customer;

-- What has been found that way.
SELECT throws_ok($$SELECT check_expression('*')$$, '42601', NULL, 'a star is no expression');
SELECT throws_ok('SELECT retention_final(9223372036854775807), retention_final(-1)', '22023', NULL, 'not every number is a state');
SELECT throws_ok('SELECT evaluate_metrics(NULL, NULL)', '22004', NULL, 'no metrics and no customers');
SELECT ok(older_than('294276-12-30'::timestamptz, '1 year') IS FALSE AND older_than('294276-12-30'::timestamptz, '1 hour') IS FALSE, 'a moment at the end of time is not old');
SELECT ok(NOT is_anniversary('5874897-12-31'), 'and a day behind it has no anniversary');
SELECT * FROM finish();
