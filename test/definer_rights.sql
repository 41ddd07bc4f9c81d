-- Who may write into the tables of definitions still cannot have anything run
-- as a role it could not become, whatever it says the owner is.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(28);
DROP ROLE IF EXISTS definer_department, definer_chief;
CREATE ROLE definer_department;
CREATE ROLE definer_chief IN ROLE definer_department;

CREATE TABLE public.account (id int, name text, at timestamptz DEFAULT '2026-01-01');
INSERT INTO public.account VALUES (1, 'Wilhelmina Oosterbaan');
SELECT count(add_source('crm', 'account', 'id', '{"full_name": "name"}')) \g /dev/null
SELECT count(*) FROM resolve() \g /dev/null
SELECT count(add_event_source('visit', 'account', 'crm', 'id', 'at', $$'visit'$$)) \g /dev/null
SELECT add_metric('visits', $$event_count(events, 'visit')$$) IS NULL AS done \gset
SELECT add_journey('life') IS NULL AS done, add_stage('life', 'known', 'true') IS NULL AS done \gset
SELECT add_tag('loyal', 'visits > 3') IS NULL AS done \gset
SELECT add_segment('all', 'true') IS NULL AS done \gset

SELECT is((SELECT array_agg(c.relname::text ORDER BY c.relname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
           WHERE c.relnamespace = 'customer_data'::regnamespace AND c.relkind = 'r' AND a.attname = 'owner'
             AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'own_definition')),
          '{job_entry,job_run_entry,topic}', 'all tables of definitions are guarded, but for jobs, which nobody writes, and topics, which run nothing');

GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA customer_data TO definer_department;
GRANT USAGE ON SCHEMA public TO definer_department;
GRANT SELECT ON public.account TO definer_department;

-- One row of each table as somebody else's, and as one's own.
CREATE FUNCTION pg_temp.forge(relation text, changed jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    names text := (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
                   WHERE attrelid = ('customer_data.' || relation)::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = '');
BEGIN
    EXECUTE format('INSERT INTO customer_data.%1$I (%2$s) SELECT %2$s FROM (SELECT (jsonb_populate_record(q.t, $1)).* FROM (SELECT t FROM customer_data.%1$I t ORDER BY t.ctid DESC LIMIT 1) q) f', relation, names) USING changed;
    RETURN 'written';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM;
END
$$;
CREATE TABLE public.forgery AS SELECT * FROM (VALUES
    ('source', '{"name": "forged"}'::jsonb), ('event_source_definition', '{"name": "forged"}'), ('metric', '{"name": "forged"}'), ('tag', '{"path": "forged"}'),
    ('journey_definition', '{"name": "forged"}'), ('condition', '{"expression": "1 = 1"}')) v (relation, changed);
GRANT SELECT ON public.forgery TO definer_department;
SET ROLE definer_department;
SELECT is(pg_temp.forge(relation, changed || '{"owner": "postgres"}'), 'role "definer_department" may not define what runs as role "postgres"', relation || ' as the superuser') FROM public.forgery;
SELECT is(pg_temp.forge(relation, changed || '{"owner": "definer_department"}'), 'written', relation || ' as itself') FROM public.forgery;
SELECT throws_ok($$UPDATE customer_data.source SET mapping = '{"full_name": "pg_sleep(1)::text"}' WHERE owner = 'postgres'::regrole$$, '42501', NULL, 'what runs as somebody else cannot be changed either');
SELECT throws_ok($$UPDATE customer_data.source SET owner = 'definer_chief' WHERE name = 'forged'$$, '42501', NULL, 'nor given to who could become the writer, but not the other way round');
SELECT lives_ok($$UPDATE customer_data.source SET read_at = now()$$, 'notes of a refresh are no definitions');
SELECT throws_ok($$UPDATE customer_data.journey_stage SET condition = 'false'$$, '42501', NULL, 'stages belong to who their journey belongs to');
SELECT throws_ok($$INSERT INTO customer_data.journey_stage (journey_id, name, position, condition) SELECT journey_id, 'forged', 9, 'false' FROM customer_data.journey_definition WHERE name = 'life'$$, '42501', NULL, 'new ones, too');
SET ROLE definer_chief;
SELECT lives_ok($$UPDATE customer_data.source SET mapping = '{}', owner = 'definer_department' WHERE name = 'forged'$$, 'a member defines for the department');
RESET ROLE;

-- A metric that runs as whoever asks is the table's owner's to define.
SET ROLE definer_department;
SELECT throws_ok($$INSERT INTO customer_data.metric (name, expression, type, moving) VALUES ('sly', '1', 'int', true)$$, '42501', NULL, 'no metric that moves');
SELECT throws_ok($$INSERT INTO customer_data.metric (name, expression, type, ready_made) VALUES ('sly', '1', 'int', true)$$, '42501', NULL, 'none that came with the extension');
SELECT throws_ok($$INSERT INTO customer_data.metric (name, expression, type) VALUES ('sly', '1', 'int; SELECT 1')$$, NULL, NULL, 'and none of a type that is none');
RESET ROLE;

-- Whoever explains a definition does not run it: constants in it are worked
-- out by functions, too.  A sequence notes who did, whatever is rolled back.
CREATE SCHEMA department AUTHORIZATION definer_department;
SET ROLE definer_department;
CREATE SEQUENCE department.caught;
CREATE FUNCTION department.spy(value text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'definer_department' THEN
        PERFORM nextval('department.caught');
    END IF;
    RETURN value;
END $$;
RESET ROLE;
SELECT add_metric('name_length', 'length(full_name)::float8') IS NULL AS done \gset
SELECT add_segment('spying', $$length(full_name || department.spy('a')) > 3 AND department.spy('B') < full_name AND name_length >= top_percent('name_length', 50)$$) IS NULL AS done \gset
SELECT add_journey('spied') IS NULL AS done, add_stage('spied', 'on', $$length(full_name || department.spy('a')) > 3$$) IS NULL AS done \gset
SELECT add_tag('spy', $$length(full_name || department.spy('a')) > 3$$) IS NULL AS done, add_tag('spies', $$length(full_name || department.spy('a'))::float8$$, 'metric') IS NULL AS done \gset
UPDATE condition SET owner = 'definer_department' WHERE expression LIKE '%spy%';
UPDATE condition_threshold SET owner = 'definer_department';
UPDATE journey_definition SET owner = 'definer_department' WHERE name = 'spied';
UPDATE tag SET owner = 'definer_department' WHERE path LIKE 'sp%';
UPDATE metric SET owner = 'definer_department', expression = $$length(full_name || department.spy('a'))::float8$$ WHERE name = 'name_length';
SELECT setval('department.caught', 1, false) \g /dev/null
DO $$ BEGIN
    PERFORM customer_data.refresh_timelines();
    PERFORM customer_data.refresh_segments();
    PERFORM customer_data.refresh_journeys();
    PERFORM customer_data.segments_of(1);
    PERFORM customer_data.stage_of(1, 'spied');
END $$;
SELECT is((SELECT last_value + is_called::int FROM department.caught), 1::bigint, 'refreshes run what a department defined as the department');
DO $$ BEGIN
    PERFORM customer_data.explain_membership('spying', 1);
    PERFORM customer_data.explain_stage(1, 'spied');
    PERFORM customer_data.explain_tag(1, 'spy');
    PERFORM customer_data.explain_tag(1, 'spies');
END $$;
SELECT is((SELECT last_value + is_called::int FROM department.caught), 1::bigint, 'so do explanations');
DO $$ BEGIN
    PERFORM customer_data.segment_as_of('spying', now() - interval '1 day');
    PERFORM customer_data.stage_of(1, 'spied', now() - interval '1 day');
    PERFORM customer_data.threshold_as_of('definer_department', 'UTC', 'name_length', 50, NULL);
    PERFORM set_config('customer_data.as_of', '2030-01-01', true);
    PERFORM tags, name_length FROM customer_data.profile;
END $$;
SELECT is((SELECT last_value + is_called::int FROM department.caught), 1::bigint, 'and questions about other moments');
SELECT is((SELECT format('%s %s %s', (SELECT error FROM segment WHERE name = 'spying'), is_member('spying', 1), (SELECT has_tag(tags, 'spy') AND name_length > 3 FROM profile WHERE customer_id = 1))), ' t t', 'which all were answered');
SELECT department.spy('c') \g /dev/null
SELECT ok(is_called, 'whoever else runs it would have been noted') FROM department.caught;

-- The owner of the table restores what others defined.
CREATE ROLE definer_keeper;
GRANT ALL ON SCHEMA customer_data TO definer_keeper;
ALTER TABLE source OWNER TO definer_keeper;
SET ROLE definer_keeper;
SELECT lives_ok($$INSERT INTO customer_data.source (name, owner) VALUES ('restored', 'definer_department'), ('theirs', 'postgres')$$, 'the owner of the table writes what was dumped');
RESET ROLE;
ALTER TABLE source OWNER TO postgres;
DROP OWNED BY definer_department, definer_chief, definer_keeper;
DROP ROLE definer_department, definer_chief, definer_keeper;
SELECT * FROM finish();
