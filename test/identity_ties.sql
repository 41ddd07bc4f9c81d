-- A visitor known to two persons alike goes to the same one in an increment as
-- in a full run, which looks at pairs, too, that an increment leaves out.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(4);

CREATE TABLE public.person (no int PRIMARY KEY, name text);
INSERT INTO public.person VALUES (1, 'Adelheid Oosterbaan'), (2, 'Benedikt Quigley'), (3, 'Cordelia Thorvaldsen'), (4, 'Dagobert Przybylski'),
    (5, 'Eleonore Fuentes'), (6, 'Ferdinand Lindqvist'), (7, 'Gwendolyn Kowalczuk');
CREATE TABLE public.visit (cookie text, no int);
SELECT add_source('crm', 'person', 'no', '{"full_name": "name"}') \g /dev/null
SELECT add_source('web', 'SELECT DISTINCT cookie FROM public.visit', 'cookie', '{"cookie_id": "cookie"}', kind => 'anonymous') \g /dev/null
SELECT add_identity_link('login', 'visit', 'web', 'cookie', 'crm', 'no') \g /dev/null
SELECT count(*) FROM resolve() \g /dev/null
SELECT must_link('crm', '1', 'crm', '4'), must_link('crm', '2', 'crm', '3') \g /dev/null
SELECT cannot_link('crm', '4', 'crm', '5'), cannot_link('crm', '4', 'crm', '6'), cannot_link('crm', '4', 'crm', '7') \g /dev/null
SELECT count(*) FROM resolve() \g /dev/null
SELECT is(customer_id_of('crm', '1'), customer_id_of('crm', '4'), 'two records are one person');
SELECT isnt(customer_id_of('crm', '1'), customer_id_of('crm', '2'), 'and two others another');

INSERT INTO public.visit VALUES ('c', 1), ('c', 2);
SELECT count(*) FROM resolve() \g /dev/null
CREATE TEMP TABLE increment AS SELECT customer_id_of('web', 'c') AS customer;
SELECT ok(customer IN (customer_id_of('crm', '1'), customer_id_of('crm', '2')), 'a visitor who signed in as both is one of them') FROM increment;
SELECT count(*) FROM resolve(rebuild => true) \g /dev/null
SELECT is(customer_id_of('web', 'c'), customer, 'the same one in a full run') FROM increment;
SELECT * FROM finish();
