-- Random and mutated text and bytes into the timeline's input functions; and
-- damaged stored bytes into the functions that read them.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(6);
\ir fuzz/setup.sql
\set seed 42
\ir include/seed.sql

CREATE TEMP TABLE fuzzed AS
SELECT f.* FROM fuzz_type('timeline', ARRAY[
    '', '2026-03-01T12:00:00Z view',
    '2026-03-01T12:00:00Z purchase value=120.5 quantity=2 id=o-17 {"product": "sachet"}; 2026-03-02 view',
    '2026-03-01T12:00:00.000001Z 浏览 {"类别": "帐篷", "n": 3}; 2026-03-01T12:00:00Z "a b" id="x y"; 2026-03-01T12:00:00Z 浏览',
    '2024-02-29T23:59:59.999999Z a id=1; 2024-02-29T23:59:59.999999Z b id=2; 2024-02-29T23:59:59.999999Z a id=3 value=-0.01',
    '2026-01-01 a {"x": true, "y": [1, {"z": null}], "big": 12345678901234567890, "t": "quo\"te\\"}; 2026-01-02 a {"x": "true"}',
    '-0044-03-15 ides; +12026-01-01T00:00:00+05:30 far value=1e300; 2026-01-01 a value=0.1; 2026-01-01 a value=0.30000000000000004',
    (SELECT string_agg(format('2026-01-%s %s value=%s {"p": "product-%s"}', lpad((1 + i % 28)::text, 2, '0'), (ARRAY['view', 'cart', 'buy'])[1 + i % 3], i * 1.25, i % 37), '; ') FROM generate_series(1, 60) i)
  ], CASE WHEN current_setting('test.long', true) = 'on' THEN 1000000 ELSE 40000 END,
  :seed) f;
SELECT is((SELECT coalesce(array_to_string(problems, E'\n'), '') FROM fuzzed), '', 'accepted inputs come back, rejected ones say why');
SELECT cmp_ok((SELECT valid::float8 / tried FROM fuzzed), '>=', 1 / 3.0::float8, 'at least a third of the inputs are valid');
SELECT diag(format('%s tried, %s valid, %s rejected', tried, valid, rejected)) FROM fuzzed;

-- Damage stored bytes: every function answers or reports damage, none crashes.
CREATE TEMP TABLE victim AS
SELECT timeline_agg(timestamptz '2026-01-01+00' + i * interval '1 hour 1 second', (ARRAY['view', 'cart', 'buy'])[1 + i % 3], i * 0.25, i % 4, CASE WHEN i % 2 = 0 THEN i::text ELSE 'x' || i END,
       jsonb_build_object('p', 'product-' || i % 50, 'n', i % 7, 'said', md5((i % 40)::text))) AS t
FROM generate_series(1, 120) i
UNION ALL SELECT '2026-01-01 a; 2026-01-01 b; 2026-01-01 a; 2026-01-01 b {"p": "x", "q": true, "n": 0.1234567}';
-- One with appended parts
INSERT INTO victim SELECT t || '2026-02-01 view value=1 id=x7 {"p": "product-7"}' || '2026-02-02 buy value=0.125 {"n": 4}; 2026-02-02 view' FROM victim WHERE event_total(t) > 100;
CREATE TEMP TABLE damaged (t timeline);
CREATE FUNCTION pg_temp.damage(bytes bytea, n int) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    -- A stretch of ones: the greatest times and codes there are.
    IF random() < 0.25 THEN
        n := 1 + floor(random() * least(80, length(bytes)))::int;
        RETURN overlay(bytes PLACING decode(repeat('ff', n), 'hex') FROM 1 + floor(random() * (length(bytes) - n))::int FOR n);
    END IF;
    FOR i IN 1 .. n LOOP
        bytes := set_byte(bytes, floor(random() * length(bytes))::int, floor(random() * 256)::int);
    END LOOP;
    RETURN CASE WHEN random() < 0.2 THEN substr(bytes, 1, 1 + floor(random() * length(bytes))::int) ELSE bytes END;
END
$$;
CREATE FUNCTION pg_temp.try(query text, image bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query USING image;
    RETURN 'answered';
EXCEPTION
    WHEN data_corrupted OR numeric_value_out_of_range OR datetime_field_overflow OR string_data_length_mismatch OR
         invalid_parameter_value OR invalid_text_representation OR invalid_binary_representation OR
         program_limit_exceeded OR untranslatable_character OR character_not_in_repertoire OR out_of_memory THEN
        RETURN 'reported';
END
$$;
-- A cast without function takes bytes for a timeline, as damaged storage would.
CREATE CAST (bytea AS timeline) WITHOUT FUNCTION;
CREATE CAST (timeline AS bytea) WITHOUT FUNCTION;
CREATE TEMP TABLE outcome AS
SELECT q, pg_temp.try(q, pg_temp.damage(t::bytea, 1 + i % 4)) AS result
FROM victim, generate_series(1, 300) i,
     unnest(ARRAY['SELECT count(*) FROM events($1::timeline)', 'SELECT ($1::timeline)::text', 'SELECT $1::timeline || $1::timeline',
                  'SELECT event_count($1::timeline, ''view[p~*7*, n>3]|*[n<2]''), event_sum($1::timeline, ''*''), event_distinct($1::timeline, ''*'', ''p'')',
                  'SELECT event_count($1::timeline, ''view'', since => ''2026-01-02+00'', until => ''2026-01-03+00''), event_first($1::timeline, ''a''), event_days($1::timeline, ''*'')',
                  'SELECT timeline_slice($1::timeline, ''2026-01-02+00'', ''2026-01-04+00'')',
                  'SELECT window_funnel($1::timeline, ''{view,cart,buy}'', ''1 day''), sequence_count($1::timeline, ''(?1)(?t<7200)(?2)'', ''{view,cart}''), unanswered($1::timeline, ''cart'', ''buy'', same => ''p'')',
                  'SELECT count(*) FROM sessions($1::timeline), timeline_kinds($1::timeline)']) q;
SELECT is((SELECT count(*) FROM outcome WHERE result IS NULL), 0::bigint, 'damaged bytes are answered for or reported');
SELECT cmp_ok((SELECT count(*) FROM outcome WHERE result = 'reported'), '>', 100::bigint, 'damage is noticed');
SELECT throws_ok($$SELECT count(*) FROM events('\x'::bytea::timeline)$$, 'XX001', 'timeline is damaged', 'no bytes at all');
SELECT throws_ok($$SELECT count(*) FROM events('\x0900'::bytea::timeline)$$, 'XX001', 'unknown timeline format 9', 'a format from the future');
SELECT * FROM finish();
