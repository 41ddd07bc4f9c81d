-- A source's expressions run with the rights of who declared it, whoever
-- runs resolve(); and nobody reads personal data who was not granted it.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(15);

CREATE TABLE public.account (id int, name text, mail text);
INSERT INTO public.account VALUES (1, 'Wilhelmina Oosterbaan', 'w.oosterbaan@tulip.org');
SELECT ok(add_source('crm', 'account', 'id', '{"full_name": "name", "email": "mail"}') IS NOT NULL, 'the owner''s source');

CREATE ROLE identity_department;
CREATE ROLE identity_stranger;
CREATE SCHEMA department AUTHORIZATION identity_department;
GRANT USAGE ON SCHEMA public TO identity_department;
GRANT SELECT ON source, attribute, profile_column, source_record TO identity_department;
GRANT INSERT ON source TO identity_department;
SET ROLE identity_department;
CREATE TABLE department.lead (id int, name text);
INSERT INTO department.lead VALUES (7, 'Bartholomew Quigley');
CREATE TABLE department.seen (who text, path text);
CREATE FUNCTION department.spy(value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN value || ' seen by ' || current_user || ' on ' || current_setting('search_path');
END $$;
CREATE FUNCTION department.escape(value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SET ROLE postgres';
    RETURN value;
END $$;
SELECT ok(add_source('lead', 'department.lead', 'id', '{"full_name": "department.spy(name)"}') IS NOT NULL, 'a department''s source');
SELECT throws_ok($$SELECT add_source('theirs', 'account', 'id', '{"full_name": "name"}')$$, '42501', NULL, 'what it may not read it cannot declare');
SELECT throws_ok($$SELECT * FROM customer$$, '42501', NULL, 'nor read the golden rows');
SELECT throws_ok($$SELECT * FROM record_value$$, '42501', NULL, 'nor the values');
RESET ROLE;

SELECT is((SELECT owner::text FROM source WHERE name = 'lead'), 'identity_department', 'the source is kept with its owner');
SELECT is((SELECT customers FROM resolve()), 2::bigint, 'the superuser runs both');
SELECT is((SELECT full_name FROM customer WHERE customer_id = customer_id_of('lead', '7')),
          'Bartholomew Quigley seen by identity_department on pg_catalog, customer_data, public, pg_temp', 'as the department, on a safe path');

UPDATE source SET mapping = '{"full_name": "department.escape(name)"}' WHERE name = 'lead';
SELECT throws_ok('SELECT resolve()', '42501', NULL, 'it cannot become somebody else');
UPDATE source SET mapping = '{"full_name": "name || (SELECT string_agg(mail, $$,$$) FROM public.account)"}' WHERE name = 'lead';
SELECT throws_ok('SELECT resolve()', '42501', NULL, 'nor read with the runner''s rights');
UPDATE source SET mapping = '{"full_name": "name"}' WHERE name = 'lead';
SELECT lives_ok('SELECT resolve()', 'and all is well again');

SELECT ok(NOT has_table_privilege('identity_stranger', 'customer', 'SELECT'), 'a stranger does not read customer');
SELECT ok(NOT has_table_privilege('identity_stranger', 'profile', 'SELECT'), 'nor profile');
SELECT ok(NOT has_table_privilege('identity_stranger', 'record_value', 'SELECT'), 'nor record_value');
SET ROLE identity_stranger;
SELECT throws_ok('SELECT customer_data.resolve()', '42501', NULL, 'nor runs anything');
RESET ROLE;

DROP OWNED BY identity_department, identity_stranger;
DROP ROLE identity_department, identity_stranger;
SELECT * FROM finish();
