-- Random and mutated text and bytes into event_pattern's input functions.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(2);
\ir fuzz/setup.sql
\set seed 43
\ir include/seed.sql
CREATE TEMP TABLE fuzzed AS
SELECT f.* FROM fuzz_type('event_pattern', ARRAY[
    '*', 'view', 'view|cart', 'email.*', 'purchase[value>=100]', '"a b"*|"x""y"', '浏览[类别=小样]',
    $$purchase[value>=100, channel in (web,app), page~'pricing*', coupon!='', !refund, gift exists]$$,
    $$a["value"='x', quantity not in (1, 2.5, -3e2), event_id!~'o-*', t~~'*Qual?ty*', u!~~'\*', v<>w, w<1, x<=y]$$
  ], CASE WHEN current_setting('test.long', true) = 'on' THEN 1000000 ELSE 60000 END,
  :seed) f;
SELECT is((SELECT coalesce(array_to_string(problems, E'\n'), '') FROM fuzzed), '', 'accepted inputs come back, rejected ones say why');
SELECT cmp_ok((SELECT valid::float8 / tried FROM fuzzed), '>=', 1 / 3.0::float8, 'at least a third of the inputs are valid');
SELECT diag(format('%s tried, %s valid, %s rejected', tried, valid, rejected)) FROM fuzzed;
SELECT * FROM finish();
