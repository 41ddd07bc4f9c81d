-- Random and mutated input of customer_set: an error of its own or a value
-- that round-trips; bytes that are no Roaring bitmap are refused by name.
SELECT plan(13);
\ir fuzz/setup.sql
\set seed 11
\ir include/seed.sql
SET search_path = customer_data, public;

CREATE TEMP TABLE fuzzed AS
SELECT f.*, n FROM (SELECT CASE current_setting('test.long', true) WHEN 'on' THEN 1000000 ELSE 40000 END AS n) s,
    fuzz_type('customer_set', ARRAY['{}', '{0}', '{1,2,3}', '{4294967295}', '{0-65535}', '{1-10,20-30,65536-65600,131072}',
        '{1,3,5,7,9,11,13,15,17}', '{ 1 , 2 - 4 }', '{1,70000,140000,210000,280000}', '{100-6000,6002,6004}'], n, :seed) f;
SELECT diag(format('%s tried, %s valid, %s refused', tried, valid, rejected)) FROM fuzzed;
SELECT is(problems, '{}', 'no input crashes, is refused with an internal error or fails to round-trip') FROM fuzzed;
SELECT cmp_ok(valid * 3, '>=', tried, 'a third of the inputs are valid') FROM fuzzed;

-- binary input is hostile until it is validated
CREATE FUNCTION pg_temp.receive(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    result text;
BEGIN
    CREATE TEMP TABLE IF NOT EXISTS sent (value customer_set);
    EXECUTE format('COPY sent FROM PROGRAM %L (FORMAT binary)',
        format('perl -e ''print pack q(H*), shift'' %s', encode(
            '\x5047434f50590aff0d0a00'::bytea || '\x00000000'::bytea || '\x00000000'::bytea || '\x0001'::bytea
            || int4send(length(bytes)) || bytes || '\xffff'::bytea, 'hex')));
    SELECT value::text INTO result FROM sent;
    TRUNCATE sent;
    RETURN result;
EXCEPTION WHEN invalid_binary_representation THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END
$$;
CREATE FUNCTION pg_temp.le(n int, bytes int) RETURNS bytea LANGUAGE sql AS $$
    SELECT string_agg(set_byte('\x00', 0, (n >> (8 * i)) & 255), '' ORDER BY i) FROM generate_series(0, bytes - 1) i
$$;
SELECT is(octet_length(customer_set_send('{}')), 8, 'the empty set is eight bytes');
SELECT is(encode(customer_set_send('{1,3,5}'), 'hex'),
          encode(pg_temp.le(12346, 4) || pg_temp.le(1, 4) || pg_temp.le(0, 2) || pg_temp.le(2, 2) || pg_temp.le(16, 4)
                 || pg_temp.le(1, 2) || pg_temp.le(3, 2) || pg_temp.le(5, 2), 'hex'), 'an array container, byte by byte of the specification');
SELECT is(encode(customer_set_send('{65536-65635}'), 'hex'),
          encode(pg_temp.le(12347, 2) || pg_temp.le(0, 2) || '\x01' || pg_temp.le(1, 2) || pg_temp.le(99, 2)
                 || pg_temp.le(1, 2) || pg_temp.le(0, 2) || pg_temp.le(99, 2), 'hex'), 'a run container, byte by byte');

CREATE TEMP TABLE bad (what text, bytes bytea, said text);
INSERT INTO bad VALUES
    ('too short', '\x3a30', 'shorter'),
    ('another cookie', pg_temp.le(12345, 4) || pg_temp.le(0, 4), 'cookie'),
    ('more containers than keys', pg_temp.le(12346, 4) || pg_temp.le(65537, 4), 'containers'),
    ('header cut off', pg_temp.le(12346, 4) || pg_temp.le(2, 4) || pg_temp.le(0, 4), 'header'),
    ('keys descend', pg_temp.le(12346, 4) || pg_temp.le(2, 4) || pg_temp.le(1, 2) || pg_temp.le(0, 2) || pg_temp.le(0, 2) || pg_temp.le(0, 2)
        || pg_temp.le(24, 4) || pg_temp.le(26, 4) || pg_temp.le(1, 2) || pg_temp.le(1, 2), 'sorted'),
    ('offset elsewhere', pg_temp.le(12346, 4) || pg_temp.le(1, 4) || pg_temp.le(0, 2) || pg_temp.le(0, 2) || pg_temp.le(17, 4) || pg_temp.le(1, 2), 'offset'),
    ('array descends', pg_temp.le(12346, 4) || pg_temp.le(1, 4) || pg_temp.le(0, 2) || pg_temp.le(1, 2) || pg_temp.le(16, 4) || pg_temp.le(2, 2) || pg_temp.le(1, 2), 'sorted'),
    ('runs overlap', pg_temp.le(12347, 2) || pg_temp.le(0, 2) || '\x01' || pg_temp.le(0, 2) || pg_temp.le(5, 2)
        || pg_temp.le(2, 2) || pg_temp.le(0, 2) || pg_temp.le(2, 2) || pg_temp.le(2, 2) || pg_temp.le(2, 2), 'overlap');
SELECT matches(pg_temp.receive(bytes), said, what) FROM bad;
SELECT * FROM finish();
