-- Companies and their persons.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(13);

CREATE TABLE public.company (id text, name text, web text, parent text);
INSERT INTO public.company VALUES ('C1', 'Tulip Bulbs B.V.', 'https://www.tulipbulbs.nl/about', NULL), ('C2', 'Fjord Shipping AS', 'fjordship.no', NULL),
    ('C3', 'Noordzee Export GmbH', NULL, 'C1');
CREATE TABLE public.person (id int, name text, mail text, firm text, firm_no text);
INSERT INTO public.person VALUES
    (1, 'Wilhelmina Oosterbaan', 'w.oosterbaan@tulipbulbs.nl', NULL, NULL),
    (2, 'Bartholomew Quigley', 'bq77@gmail.com', 'FJORD SHIPPING', NULL),
    (3, 'Ingeborg Thorvaldsen', 'inge@gmail.com', NULL, 'C3'),
    (4, 'Zbigniew Przybylski', 'zp@wisla.org', NULL, NULL);
SELECT ok(add_source('company', 'company', 'id', '{"company": "name", "website": "web", "parent_account_id": "parent"}', kind => 'account') IS NOT NULL, 'companies');
SELECT ok(add_source('crm', 'person', 'id', '{"full_name": "name", "email": "mail", "company": "firm", "account_id": "firm_no"}') IS NOT NULL, 'persons');
SELECT is((SELECT customers FROM resolve()), 7::bigint, 'companies and persons are customers');
SELECT is((SELECT how FROM contact_account WHERE customer_id = customer_id_of('crm', '1') AND account_id = customer_id_of('company', 'C1')), 'domain', 'by the domain of an e-mail address');
SELECT is((SELECT how FROM contact_account WHERE customer_id = customer_id_of('crm', '2') AND account_id = customer_id_of('company', 'C2')), 'company name', 'by the company''s name without its legal form');
SELECT is((SELECT how FROM contact_account WHERE customer_id = customer_id_of('crm', '3') AND account_id = customer_id_of('company', 'C3')), 'account number', 'by the account''s number');
SELECT is(account_of(customer_id_of('crm', '4')), NULL, 'or not at all');
SELECT is(account_parent(customer_id_of('company', 'C3')), customer_id_of('company', 'C1'), 'a company above');
SELECT bag_eq($$SELECT customer_id FROM account_contacts(customer_id_of('company', 'C1'), with_subsidiaries => true)$$,
              $$SELECT customer_id_of('crm', k) FROM unnest(ARRAY['1', '3']) k$$, 'contacts of a company and those below it');
SELECT is((SELECT count(*) FROM account_contacts(customer_id_of('company', 'C1'))), 1::bigint, 'or of it alone');
SELECT is(customer_360(customer_id_of('crm', '1')) -> 'account' ->> 'how', 'domain', 'customer_360 tells the account');
UPDATE company SET web = NULL WHERE id = 'C1';
SELECT resolve();
SELECT is(account_of(customer_id_of('crm', '1')), NULL, 'a company that loses its domain loses its contact');
UPDATE person SET firm_no = 'C2' WHERE id = 4;
SELECT resolve();
SELECT is(account_of(customer_id_of('crm', '4')), customer_id_of('company', 'C2'), 'a person who moves to a company');
SELECT * FROM finish();
