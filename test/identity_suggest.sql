-- A mapping from headings and values as registers, shops and spreadsheets have them.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(7);

CREATE TABLE public.voter (voter_reg_num text, first_name text, midl_name text, last_name text, name_sufx_cd text, age text, gender_code text,
    house_num text, street_name text, res_city_desc text, state_cd text, zip_code text, full_phone_num text, registr_dt text);
INSERT INTO public.voter
SELECT (100000 + i)::text, (ARRAY['JAMES', 'MARY', 'ANN', 'PETER'])[1 + i % 4], (ARRAY['A', 'LEE', 'MARIE', ''])[1 + i % 4], (ARRAY['SMITH', 'JONES', 'BROWN'])[1 + i % 3],
       CASE WHEN i % 20 = 0 THEN 'JR' END, (20 + i % 60)::text, (ARRAY['M', 'F'])[1 + i % 2], (i % 90)::text, (ARRAY['OAK ST', 'MAIN', 'ELM'])[1 + i % 3],
       (ARRAY['RALEIGH', 'DURHAM'])[1 + i % 2], 'NC', (27500 + i % 99)::text, '9195550' || (100 + i), '2001-01-0' || (1 + i % 9)
FROM generate_series(1, 300) i;
SELECT is(suggest_mapping('voter'), '{"given_name": "first_name", "middle_name": "midl_name", "family_name": "last_name", "name_suffix": "name_sufx_cd", "gender": "gender_code", "house_number": "house_num",
    "street": "street_name", "city": "res_city_desc", "region": "state_cd", "postcode": "zip_code", "phone": "full_phone_num", "registered_at": "registr_dt"}', 'a register of voters');

CREATE TABLE public.firm (number text, company_name text, reg_address_line1 text, post_town text, county text, post_code text, incorporation_date text, uri text, homepage text);
INSERT INTO public.firm
SELECT 'SC' || (100000 + i), (ARRAY['ACME', 'ZETA', 'OMEGA'])[1 + i % 3] || ' ' || i || ' LTD', i || ' HIGH STREET', (ARRAY['LEEDS', 'YORK'])[1 + i % 2], 'YORKS', 'LS1 ' || (i % 9) || 'AB',
       '01/02/2001', 'http://data.example.uk/' || i, 'http://www.firm' || i || '.example'
FROM generate_series(1, 300) i;
SELECT is(suggest_mapping('firm'), '{"company": "company_name", "street": "reg_address_line1", "city": "post_town", "region": "county", "postcode": "post_code", "website": "homepage"}',
    'a register of companies: a date is no telephone number, a link to the row no website');

CREATE TABLE public.kunden (kundennr int, vorname text, nachname text, "geb.-datum" text, strasse text, hausnr text, plz text, ort text, "e-mail" text, tel text);
INSERT INTO public.kunden
SELECT i, (ARRAY['Hans', 'Eva'])[1 + i % 2], (ARRAY['Meier', 'Schulz'])[1 + i % 2], '01.02.1970', 'Hauptstr.', i::text, '50667', 'Köln', 'a' || i || '@gmx.example', '0221 12345' || i
FROM generate_series(1, 100) i;
SELECT is(suggest_mapping('kunden'), '{"given_name": "vorname", "family_name": "nachname", "birth_date": "\"geb.-datum\"", "street": "strasse", "house_number": "hausnr", "postcode": "plz",
    "city": "ort", "email": "\"e-mail\"", "phone": "tel"}', 'a German shop');

CREATE TABLE public.kehu ("客户编号" text, "姓名" text, "手机号" text, "邮箱" text, "地址" text, "出生日期" text, "公司" text, "身份证号" text);
INSERT INTO public.kehu
SELECT i::text, '王伟', '1380013' || (1000 + i), 'a' || i || '@163.example', '北京市朝阳区建国路' || i || '号', '1980-01-02', '北京某某有限公司', '11010119800102' || (1000 + i)
FROM generate_series(1, 100) i;
SELECT is(suggest_mapping('kehu'), '{"full_name": "\"姓名\"", "phone": "\"手机号\"", "email": "\"邮箱\"", "address": "\"地址\"", "birth_date": "\"出生日期\"", "company": "\"公司\"", "national_id": "\"身份证号\""}',
    'Chinese headings');

CREATE TABLE public.people (rec_id text, given_name text, surname text, street_number text, address_1 text, address_2 text, suburb text, postcode text, state text, date_of_birth text, soc_sec_id text);
INSERT INTO public.people SELECT 'r' || i, 'anna', 'lee', i::text, 'oak st', 'villa 5', 'perth', '6000', 'wa', '19700101', '123' || (4000 + i) FROM generate_series(1, 100) i;
SELECT is(suggest_mapping('people'), '{"given_name": "given_name", "family_name": "surname", "house_number": "street_number", "street": "address_1", "city": "suburb", "postcode": "postcode",
    "region": "state", "birth_date": "date_of_birth", "national_id": "soc_sec_id"}', 'two lines of address');

CREATE TABLE public.nothing (a int, b text);
SELECT is(suggest_mapping('nothing'), '{}', 'an empty table of no headings');
CREATE TABLE public.empty_people (id int, "fullName" text, "homePhone" text, "mailingAddress" text);
SELECT is(suggest_mapping('empty_people'), '{"full_name": "\"fullName\"", "phone": "\"homePhone\"", "address": "\"mailingAddress\""}', 'an empty table of telling headings');
SELECT * FROM finish();
