-- Accounts of everybody, found while golden rows are made, against what the
-- views and statements for a few come to; hosts against a pattern of them.
SET client_min_messages = error;
SET search_path = customer_data, public;
SELECT plan(7);

\ir include/seed.sql

CREATE FUNCTION public.one_of(VARIADIC v text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT v[1 + floor(random() * cardinality(v))::int] $$;
CREATE FUNCTION public.firm() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT nullif(public.one_of('', 'Linden', 'linden', 'Sunrise', 'Nordsee', '海明', '武汉海明', 'Q' || floor(random() * 40)::int, repeat('Long', 60)) ||
                  public.one_of('', ' ', ' Apotheke', ' Mills', ' Export', '智业') || public.one_of('', ' GmbH', ' Ltd', ' B.V.', '有限公司'), '')
$$;
CREATE FUNCTION public.host() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT public.one_of('linden.de', 'sunrise.org', 'gmail.com', 'web.de', 'WWW.Nordsee.nl', 'nordsee.nl', repeat('x', 220) || '.com', 'q' || floor(random() * 40)::int || '.com')
$$;
CREATE TABLE public.company (id text PRIMARY KEY, name text, web text, domain text, parent text, town text, zip text, road text, mail text, no text);
INSERT INTO public.company
SELECT public.one_of('C', 'c', ' C') || i, public.firm(), public.one_of('https://www.', 'http://', '', 'www.') || public.host() || public.one_of('', '/x', ':80', '?a#b'),
       public.one_of(NULL, NULL, public.host()), public.one_of(NULL, 'C' || floor(random() * 300)::int), public.one_of('Berlin', 'Kassel', '武汉', NULL),
       public.one_of('10115', '34117', NULL), public.one_of('Hauptstr. 5', 'Lindenweg 7', NULL), public.one_of(NULL, 'info@' || public.host()), public.one_of(NULL, 'N' || floor(random() * 200)::int)
FROM generate_series(1, 300) AS i;
CREATE TABLE public.person (id int PRIMARY KEY, name text, mail text, firm text, no text, town text, zip text, road text, domain text);
INSERT INTO public.person
SELECT i, public.one_of('Anna', 'Bob', 'Chidi', '晓雯') || ' ' || public.one_of('Smith', 'Meier', 'Q' || i), 'p' || i % 500 || '@' || public.host(),
       public.one_of(NULL, public.firm()), public.one_of(NULL, NULL, ' C' || floor(random() * 300)::int, 'n' || floor(random() * 200)::int || ' '),
       public.one_of('Berlin', 'Kassel', '武汉', NULL), public.one_of('10115', '34117', NULL), public.one_of('Hauptstraße 5', 'Lindenweg 7', 'Lindenweg 9', NULL),
       public.one_of(NULL, NULL, public.host())
FROM generate_series(1, 900) AS i;
CREATE TABLE public.visitor (id int PRIMARY KEY, mail text);
INSERT INTO public.visitor SELECT i, 'p' || i || '@linden.de' FROM generate_series(1, 50) AS i;
SELECT count(*) FROM (
    SELECT add_source('company', 'public.company', 'id', '{"company": "name", "website": "web", "domain": "domain", "parent_account_id": "parent", "city": "town",
                      "postcode": "zip", "street": "road", "email": "mail", "account_id": "no"}', kind => 'account'),
           add_source('crm', 'public.person', 'id', '{"full_name": "name", "email": "mail", "company": "firm", "account_id": "no", "city": "town", "postcode": "zip",
                      "street": "road", "domain": "domain"}'),
           add_source('web', 'public.visitor', 'id', '{"email": "mail"}', kind => 'anonymous')) x \g /dev/null
SELECT resolve() \g /dev/null

SELECT isnt((SELECT count(*) FROM contact_account), 0::bigint, 'some have a company');
SELECT bag_eq('SELECT how, value, customer_id, is_account FROM account_key',
              'SELECT DISTINCT how, value, customer_id, is_account FROM account_key_given', 'keys are those of the view');
CREATE TEMP TABLE first AS SELECT * FROM contact_account;
SELECT is(link_all_accounts(), NULL, 'statements over all of them find nothing to change');
SELECT bag_eq('SELECT * FROM contact_account', 'SELECT * FROM first', 'nobody has another company');
TRUNCATE contact_account;
SELECT isnt(cardinality(write_accounts(ARRAY(SELECT DISTINCT p.customer_id FROM account_key p WHERE NOT p.is_account))), NULL, 'looked up anew');
SELECT bag_eq('SELECT * FROM contact_account', 'SELECT * FROM first', 'everybody has the same');
SELECT is_empty($$
    SELECT w FROM (SELECT a || b || c || d AS w
                   FROM unnest(ARRAY['', 'http://', 'HTTPS://', '://', 'h2://', 'http:/', 'ftp://www.']) AS a, unnest(ARRAY['', 'www.', 'WWW.', 'www', 'http://']) AS b,
                        unnest(ARRAY['', 'Example.ORG', 'münchen.de', 'x']) AS c, unnest(ARRAY['', '/', ':80/a', '?q', '#h', E'\n/z', ' y']) AS d) x
    WHERE host_of(w) IS DISTINCT FROM nullif(regexp_replace(lower(w), '^([a-z]+://)?(www\.)?([^/:?#]*).*$', '\3'), '')
$$, 'host_of() finds what a pattern finds');
SELECT * FROM finish();
