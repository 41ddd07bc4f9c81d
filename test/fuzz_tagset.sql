-- Random and mutated input of tagset and tag_query: an error of its own or a
-- value that round-trips in text and binary.
SELECT plan(4);
\ir fuzz/setup.sql
\set seed 12
\ir include/seed.sql
SET search_path = customer_data, public;

CREATE TEMP TABLE fuzzed AS
SELECT 'tagset' AS type, f.* FROM (SELECT CASE current_setting('test.long', true) WHEN 'on' THEN 1000000 ELSE 40000 END AS n) s,
    fuzz_type('tagset', ARRAY['{}', '{vip}', '{a,b,c}', '{industry.retail:0.75,industry.retail.fashion:1e-3}',
        '{"interest.Men''s shoes":3.2@2026-01-02T03:04:05Z~30d!2027-01-01T00:00:00Z}', '{客户.重要:2,客户.普通:-1}',
        '{a@2024-02-29~12h,b@2024-03-01~12h,c@2023-12-31~90s!2024-01-01}', '{ "a b" , "quo\"te" , "back\\slash":7 }'], n, :seed) f
UNION ALL
SELECT 'tag_query', f.* FROM (SELECT CASE current_setting('test.long', true) WHEN 'on' THEN 1000000 ELSE 40000 END AS n) s,
    fuzz_type('tag_query', ARRAY['vip', 'vip & (outdoor>0.5 | camping>=0.3) & !lapsed', '*', 'industry.retail.* | "x y"<=2', '!!a & b=1e3',
        'a|b|c & d', '客户.* & !(a | b & c)'], n, :seed) f;
SELECT diag(format('%s: %s tried, %s valid, %s refused', type, tried, valid, rejected)) FROM fuzzed;
SELECT is(problems, '{}', format('%s: no input crashes, is refused with an internal error or fails to round-trip', type)) FROM fuzzed;
SELECT cmp_ok(valid * 3, '>=', tried, format('%s: a third of the inputs are valid', type)) FROM fuzzed;
SELECT * FROM finish();
