-- Companies and their persons.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(44);

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

-- What two accounts share names neither, unless more is known.
SELECT take_touched('portrait') IS NOT NULL AS taken \gset
INSERT INTO company VALUES
    ('S1', 'Sunrise Bakery Ltd', 'https://sunrisegroup.org', NULL), ('S2', 'Sunrise Mills Ltd', 'sunrisegroup.org', 'S1'),
    ('L1', 'Linden Apotheke', NULL, NULL), ('L2', 'Linden-Apotheke', NULL, NULL),
    ('W1', '武汉海明智业电子商务有限公司', NULL, NULL), ('G1', 'Corner Shop', 'gmail.com', NULL);
ALTER TABLE company ADD town text, ADD zip text, ADD road text;
UPDATE company SET town = 'Leipzig', zip = '04109' WHERE id = 'L1';
UPDATE company SET town = 'Kassel', zip = '34117' WHERE id = 'L2';
UPDATE company SET town = '武汉' WHERE id = 'W1';
ALTER TABLE person ADD town text, ADD zip text, ADD job text;
INSERT INTO person (id, name, mail, firm, town, zip, job) VALUES
    (11, 'Maud Ellison', 'maud@sunrisegroup.org', NULL, NULL, NULL, 'Operator'),
    (12, 'Percy Winslow', 'percy@sunrisegroup.org', 'Sunrise Mills Limited', NULL, NULL, 'Chief Executive Officer'),
    (13, 'Greta Hollerbach', 'greta@gmail.com', 'Linden Apotheke', 'Kassel', NULL, 'Einkäuferin'),
    (14, 'Kuno Weidemann', 'kuno@gmail.com', 'Linden Apotheke', NULL, NULL, 'Assistentin der Geschäftsführung'),
    (15, '王海明', NULL, '海明智业', '武汉', NULL, '总经理'),
    (16, '李思远', NULL, '海明智业', '成都', NULL, NULL);
SELECT ok(alter_source('company', mapping => '{"company": "name", "website": "web", "parent_account_id": "parent", "city": "town", "postcode": "zip", "street": "road"}') IS NOT NULL, 'companies have places');
SELECT ok(alter_source('crm', mapping => '{"full_name": "name", "email": "mail", "company": "firm", "account_id": "firm_no", "city": "town", "postcode": "zip", "job_title": "job"}') IS NOT NULL, 'and persons titles');
SELECT ok(records > 0, 'read anew') FROM resolve();
SELECT is(account_of(customer_id_of('crm', '11')), NULL, 'a domain that two companies share names neither');
SELECT is((SELECT (account_id, how)::text FROM contact_account WHERE customer_id = customer_id_of('crm', '12')),
          format('(%s,"company name, domain")', customer_id_of('company', 'S2')), 'together with a name it does');
SELECT is((SELECT (account_id, how)::text FROM contact_account WHERE customer_id = customer_id_of('crm', '13')),
          format('(%s,"company name, place")', customer_id_of('company', 'L2')), 'of two companies of one name, the one in the same place');
SELECT is(account_of(customer_id_of('crm', '14')), NULL, 'nothing tells which of the two');
SELECT is((SELECT (account_id, how)::text FROM contact_account WHERE customer_id = customer_id_of('crm', '15')),
          format('(%s,"brand, place")', customer_id_of('company', 'W1')), 'the brand of a company, in its place');
SELECT is(account_of(customer_id_of('crm', '16')), NULL, 'elsewhere the brand alone is too little');
SELECT is((SELECT count(*) FROM contact_account WHERE account_id = customer_id_of('company', 'G1')), 0::bigint, 'a mail provider is nobody''s company');
SELECT is(account_parent(customer_id_of('company', 'S2')), customer_id_of('company', 'S1'), 'the company above');
SELECT results_eq($$SELECT role FROM account_contacts(customer_id_of('company', 'S1'), true)$$, ARRAY['decision maker'], 'a role by the job title');
SELECT is((customer_360(customer_id_of('company', 'S2')) -> 'contacts' -> 0 ->> 'role', (customer_360(customer_id_of('company', 'S2')) ->> 'parent_account')::bigint)::text,
          format('("decision maker",%s)', customer_id_of('company', 'S1')), 'customer_360 of a company has its contacts and the company above');
UPDATE company SET parent = 'S2' WHERE id = 'S1';
SELECT resolve();
SELECT is((SELECT count(*) FROM account_family(customer_id_of('company', 'S1'))), 2::bigint, 'companies above each other in a circle end');

-- A changed company is looked at by those whom it concerns.
SELECT take_touched('portrait') IS NOT NULL AS taken \gset
INSERT INTO company (id, name, web) VALUES ('Z1', 'Zephyr Wind AG', 'wisla.org');
UPDATE person SET firm_no = NULL WHERE id = 4;
SELECT resolve();
SELECT is(account_of(customer_id_of('crm', '4')), customer_id_of('company', 'Z1'), 'a new company finds its contact');
SELECT set_eq($$SELECT m FROM members(take_touched('portrait')) m$$,
              $$VALUES (customer_id_of('crm', '4')), (customer_id_of('company', 'Z1'))$$, 'and nobody else is touched');
-- A company that only moves may become, or no longer be, the one that is meant.
INSERT INTO person (id, name, mail, firm, town) VALUES (17, 'Roswitha Achterberg', 'roswitha@gmail.com', 'Linden Apotheke', 'Passau');
SELECT resolve();
SELECT is(account_of(customer_id_of('crm', '17')), NULL, 'neither of two companies of one name is in this place');
UPDATE company SET town = 'Passau', zip = '94032' WHERE id = 'L1';
SELECT resolve();
SELECT is((SELECT (account_id, how)::text FROM contact_account WHERE customer_id = customer_id_of('crm', '17')),
          format('(%s,"company name, place")', customer_id_of('company', 'L1')), 'until one moves there');
UPDATE company SET town = 'Leipzig', zip = '04109' WHERE id = 'L1';
SELECT resolve();
SELECT is(account_of(customer_id_of('crm', '17')), NULL, 'and away again');
SELECT is((SELECT count(*) FROM account_overview WHERE contacts > 0), (SELECT count(DISTINCT account_id) FROM contact_account), 'account_overview counts contacts');
CREATE TEMP TABLE before AS SELECT * FROM contact_account;
SELECT link_accounts(NULL);
SELECT bag_eq('SELECT * FROM contact_account', 'SELECT * FROM before', 'step by step comes to what a whole run comes to');
SELECT is(upsert_record('company', 'long', jsonb_build_object('company', repeat('Very Long Name ', 1000), 'website', 'https://' || repeat('x', 9000) || '.org')) IS NULL, false, 'a name of fifteen thousand characters');
SELECT is(upsert_record('crm', 'long', jsonb_build_object('full_name', 'Ottilie Krämer', 'company', repeat('Very Long Name ', 1000))) IS NULL, false, 'is a company''s');
SELECT is(account_of(customer_id_of('crm', 'long')), customer_id_of('company', 'long'), 'as good as any');
INSERT INTO company (id, name) VALUES ('N1', 'Quillfeather Nat''l Mfg.'), ('N2', 'Quillfeather National Manufacturing Inc'), ('N3', 'Quillfeather Ntnl Manufact.');
SELECT resolve();
SELECT is((SELECT level FROM explain_match('company', 'N1', 'company', 'N2') WHERE attribute = 'account_name'), 'same company name', 'usual short forms are written out');
SELECT isnt((SELECT level FROM explain_match('company', 'N3', 'company', 'N2') WHERE attribute = 'account_name'), 'company names differ', 'others are like what they are short for');
-- The providers as one pattern.
SELECT is_empty(format($$
    SELECT d FROM (
        SELECT n || dot || t AS d
        FROM unnest(regexp_split_to_array('gmail|me|163|t-online|x.gmail|gmail.x|mygmail|web|online|tele2||com', '\|')) AS n,
             unnest(ARRAY['.', '', '..']) AS dot,
             unnest(regexp_split_to_array('com|de|co.uk|co|com.cn|cn.com|comx|me||com.', '\|')) AS t) x
    WHERE customer_data.is_public_mail(d) IS DISTINCT FROM (d ~ %L)
$$, '^((gmail|googlemail|yahoo|ymail|rocketmail|hotmail|outlook|live|msn|icloud|me|mac|aol|gmx|web|mail|email|inbox|protonmail|proton|zoho|yandex|ya|rambler|bk|list|ukr|qq|foxmail|163|126|yeah|sina|sohu|139|189|aliyun|21cn|tom|hinet|pchome|seznam|wp|o2|onet|interia|op|libero|virgilio|tin|alice|orange|wanadoo|free|laposte|sfr|neuf|bbox|t-online|freenet|arcor|1und1|bluewin|telenet|skynet|ziggo|kpnmail|planet|home|xs4all|hetnet|terra|uol|bol|globo|ig|naver|hanmail|daum|nate|docomo|ezweb|softbank|nifty|rediffmail|btinternet|sky|talktalk|virginmedia|ntlworld|comcast|verizon|att|sbcglobal|bellsouth|cox|charter|earthlink|shaw|rogers|sympatico|bigpond|optusnet|xtra|telia|tele2|online)\.(com|net|org|de|at|ch|fr|it|es|nl|be|uk|co\.uk|ie|se|no|dk|fi|pl|cz|sk|hu|ro|bg|gr|pt|ru|ua|by|kz|com\.cn|cn|com\.tw|net\.tw|tw|com\.hk|hk|jp|co\.jp|ne\.jp|kr|in|co\.in|com\.br|com\.mx|com\.ar|com\.au|co\.nz|ca|us|me|eu))$'), 'is_public_mail() knows the providers that a pattern of them knows');

-- A person who lives where a company is, is not the company.
INSERT INTO company (id, name, web, town, zip) VALUES ('M1', 'Moorland Mühle SE', 'moorland-muehle.de', 'Ulm', '89073');
CREATE TABLE public.beekeeper (id int, name text, firm text, town text, zip text);
INSERT INTO beekeeper VALUES (1, 'Ulrike Freiberg', NULL, 'Ulm', '89073'), (2, 'Korbinian Moor', 'Moorland Mühle', 'Ulm', '89073');
SELECT alter_source('company', mapping => '{"company": "name", "website": "web", "parent_account_id": "parent", "city": "town", "postcode": "zip"}') IS NOT NULL AS altered \gset
SELECT add_source('bees', 'beekeeper', 'id', '{"full_name": "name", "company": "firm", "city": "town", "postcode": "zip"}') IS NOT NULL AS declared \gset
SELECT resolve();
SELECT is_empty($$SELECT r.customer_id FROM source_record r JOIN source s USING (source_id) WHERE r.gone_at IS NULL GROUP BY r.customer_id HAVING count(DISTINCT s.kind = 'account') > 1$$,
                'nobody is a person and a company');
SELECT is(account_of(customer_id_of('bees', '2')), customer_id_of('company', 'M1'), 'who works there is its contact');
SELECT isnt((SELECT source FROM match_customer('{"full_name": "Ulrich Frey", "city": "Ulm", "postcode": "89073"}', min_probability => 0)), 'company', 'who has a name is not matched with a company');
SELECT is((SELECT key FROM match_customer('{"company": "Moorland Mühle", "city": "Ulm", "website": "moorland-muehle.de"}')), 'M1', 'a company is');

SELECT * FROM finish();
