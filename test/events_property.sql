-- Event sources against a slow and obvious twin: random inserts, updates,
-- deletes, truncations and late arrivals in every mode; after each refresh the
-- stored histories are the rows of the tables, neither fewer nor more.
SELECT plan(11);
SET search_path = public, customer_data;
SET client_min_messages = warning;
\ir include/seed.sql
CREATE TABLE account (id int PRIMARY KEY, name text);
INSERT INTO account SELECT n, 'person ' || n FROM generate_series(1, 20) n;
CREATE TABLE row_kind (id bigserial, who int, at timestamptz, kind text, amount numeric, pieces float8, product text, unused text,
    loaded_by xid8 DEFAULT pg_current_xact_id(), loaded_at timestamptz DEFAULT clock_timestamp(), updated_at timestamptz DEFAULT clock_timestamp());
CREATE TABLE e_xid (LIKE row_kind INCLUDING DEFAULTS);
CREATE TABLE e_seq (LIKE row_kind, CHECK (true));
CREATE SEQUENCE e_seq_id OWNED BY e_seq.id;
ALTER TABLE e_seq ALTER id SET DEFAULT nextval('e_seq_id'), ALTER loaded_at SET DEFAULT clock_timestamp();
CREATE TABLE e_trig (LIKE row_kind INCLUDING DEFAULTS);
CREATE TABLE e_time (LIKE row_kind INCLUDING DEFAULTS);
CREATE TABLE e_chg (LIKE row_kind INCLUDING DEFAULTS);
CREATE TABLE e_full (LIKE row_kind INCLUDING DEFAULTS);
SELECT count(*) FROM add_source('account', 'account', 'id', '{"full_name": "name"}') \g /dev/null
SELECT count(add_event_source(m.name, 'public.' || m.name, 'account', 'who', 'at', 'kind', value => 'amount', quantity => 'pieces',
    properties => '{"product": "product", "pieces_twice": "pieces * 2"}', mode => m.mode, cursor_column => m.cur, overlap => '1 hour'))
FROM (VALUES ('e_xid', 'xid', 'loaded_by'), ('e_seq', 'sequence', 'id'), ('e_trig', 'trigger', NULL),
             ('e_time', 'timestamp', 'loaded_at'), ('e_chg', 'timestamp', 'updated_at'), ('e_full', 'full', NULL)) AS m (name, mode, cur) \g /dev/null

CREATE VIEW stored AS
    SELECT d.name AS source, r.key, e.at, e.kind, e.value, e.quantity, e.properties
    FROM timeline_chunk c JOIN event_source_definition d USING (event_source_id) JOIN source_record r USING (record_id), LATERAL events(c.events) e;
CREATE VIEW twin AS
    SELECT t.tableoid::regclass::text AS source, who::text AS key, at, kind, amount::float8 AS value, pieces AS quantity,
           jsonb_strip_nulls(jsonb_build_object('product', product, 'pieces_twice', pieces * 2)) AS properties
    FROM (SELECT tableoid, * FROM e_xid UNION ALL SELECT tableoid, id, who, at, kind, amount, pieces, product, unused, loaded_by, loaded_at, updated_at FROM e_seq
          UNION ALL SELECT tableoid, * FROM e_trig UNION ALL SELECT tableoid, * FROM e_time
          UNION ALL SELECT tableoid, * FROM e_chg UNION ALL SELECT tableoid, * FROM e_full) t
    WHERE who IS NOT NULL AND at IS NOT NULL AND kind IS NOT NULL;
CREATE VIEW difference AS
    SELECT coalesce(s.source, t.source) AS source, coalesce(s.key, t.key) AS key, s.n AS stored, t.n AS twin, coalesce(s.row, t.row) AS what
    FROM (SELECT source, key, row(at, kind, value, quantity, properties)::text AS row, count(*) AS n FROM stored GROUP BY 1, 2, 3) s
    FULL JOIN (SELECT source, key, row(at, kind, value, quantity, properties)::text AS row, count(*) AS n FROM twin GROUP BY 1, 2, 3) t USING (source, key, row)
    WHERE s.n IS DISTINCT FROM t.n;
CREATE TABLE problem (step int, what text);

CREATE FUNCTION some_rows(n int, OUT who int, OUT at timestamptz, OUT kind text, OUT amount numeric, OUT pieces float8, OUT product text) RETURNS SETOF record
LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.04 THEN NULL ELSE 1 + (random() * 25)::int END,
           CASE WHEN random() < 0.04 THEN NULL ELSE '2026-01-01'::timestamptz + (random() * 300)::int * interval '7 minutes' END,
           (ARRAY['view', 'purchase', '退款', NULL])[1 + floor(random() * 3.1)],
           CASE WHEN random() < 0.7 THEN round((random() * 100)::numeric, 2) END, floor(random() * 3),
           (ARRAY['tea', 'tent', NULL])[1 + floor(random() * 3)]
    FROM generate_series(1, n)
$$;

CREATE PROCEDURE walk(steps int) LANGUAGE plpgsql AS $$
DECLARE
    t text;
    got record;
BEGIN
    FOR i IN 1 .. steps LOOP
        FOREACH t IN ARRAY '{e_xid,e_seq,e_trig,e_time,e_chg,e_full}'::text[] LOOP
            CONTINUE WHEN random() < 0.3;
            EXECUTE format('INSERT INTO %I (who, at, kind, amount, pieces, product) SELECT * FROM some_rows(%s)', t, 1 + floor(random() * 30));
            -- The same row twice is two events.
            IF random() < 0.3 AND t <> 'e_chg' THEN
                EXECUTE format('INSERT INTO %1$I (who, at, kind, amount, pieces, product) SELECT who, at, kind, amount, pieces, product FROM %1$I LIMIT 3', t);
            END IF;
            IF random() < 0.3 THEN
                COMMIT;
            END IF;
            IF t = 'e_time' THEN        -- arrives late, inside the overlap
                UPDATE e_time SET loaded_at = loaded_at - interval '20 minutes'
                WHERE loaded_at > now() - interval '1 second' AND random() < 0.2;
            END IF;
            IF t IN ('e_trig', 'e_full', 'e_chg') THEN
                EXECUTE format('UPDATE %I SET amount = amount + 1, unused = ''x'', updated_at = clock_timestamp() WHERE random() < 0.1', t);
                IF t <> 'e_chg' THEN
                    EXECUTE format('UPDATE %I SET who = who + 1, unused = NULL WHERE random() < 0.05', t);
                    EXECUTE format('UPDATE %I SET unused = ''touched'' WHERE random() < 0.2', t);
                    EXECUTE format('DELETE FROM %I WHERE random() < 0.1', t);
                    IF random() < 0.05 THEN
                        EXECUTE format('TRUNCATE %I', t);
                        EXECUTE format('INSERT INTO %I (who, at, kind, amount, pieces, product) SELECT * FROM some_rows(5)', t);
                    END IF;
                END IF;
            END IF;
            IF random() < 0.1 THEN
                COMMIT;
                PERFORM refresh_timelines(t);
                COMMIT;
            END IF;
        END LOOP;
        COMMIT;
        IF random() < 0.5 THEN
            PERFORM refresh_timelines(reconcile => random() < 0.1);
            COMMIT;
            INSERT INTO problem SELECT i, d::text FROM difference d LIMIT 5;
            INSERT INTO problem
            SELECT i, name || ': ' || error FROM event_source WHERE error IS NOT NULL;
            INSERT INTO problem
            SELECT i, s.name || ' rejected ' || s.rejected || ' of ' || q.n
            FROM event_source s
            JOIN (SELECT 'e_xid' AS name, count(*) AS n FROM e_xid WHERE num_nulls(who, at, kind) > 0
                  UNION ALL SELECT 'e_seq', count(*) FROM e_seq WHERE num_nulls(who, at, kind) > 0
                  UNION ALL SELECT 'e_trig', count(*) FROM e_trig WHERE num_nulls(who, at, kind) > 0
                  UNION ALL SELECT 'e_full', count(*) FROM e_full WHERE num_nulls(who, at, kind) > 0) q USING (name)
            WHERE s.rejected <> q.n;
        END IF;
        IF random() < 0.2 THEN
            PERFORM compact_timelines();
            COMMIT;
        END IF;
    END LOOP;
END
$$;
CALL walk(CASE WHEN current_setting('test.long', true) = 'on' THEN 400 ELSE 40 END);
SELECT is((SELECT count(*) FROM problem), 0::bigint, 'stored histories are the rows of the tables at every refresh');
SELECT diag(step || ': ' || what) FROM problem ORDER BY step LIMIT 5;
SELECT count(*) FROM refresh_timelines(reconcile => true) \g /dev/null
SELECT is((SELECT sum(events + removed) FROM refresh_timelines()), 0::numeric, 'a refresh with nothing new does nothing');
SELECT is((SELECT count(*) FROM difference), 0::bigint, 'reconciled histories are the rows of the tables');
SELECT is((SELECT count(*) FROM customer c, LATERAL (SELECT customer_events(c.customer_id) AS one) o
           JOIN LATERAL customer_timelines(customer_set(ARRAY[c.customer_id])) b ON true
           WHERE o.one IS DISTINCT FROM b.events), 0::bigint, 'one by one and in bulk answer the same');
SELECT cmp_ok((SELECT count(*) FROM stored), '>', 1000::bigint, 'and there are many');

-- Rows are taken with their types as they are; what comes of it is what the same
-- rows give as JSON.
CREATE TABLE typed AS
    SELECT n % 50 AS grp, '2026-01-01'::timestamptz + n * interval '1 minute' AS at, 'k' || n % 3 AS kind,
           (random() * 60000 - 30000)::int2 AS i2, (random() * 4e9 - 2e9)::int4 AS i4, ((random() - 0.5) * 1.8e19)::int8 AS i8,
           ((random() - 0.5) * power(10, random() * 30 - 15))::float4 AS f4, (random() - 0.5) * power(10, random() * 60 - 30) AS f8,
           CASE WHEN random() < 0.1 THEN NULL ELSE trunc(((random() - 0.5)::numeric) * power(10::numeric, (random() * 40 - 15)::int), (random() * 25)::int) END AS num,
           random() < 0.5 AS yes, repeat('質', (random() * 100)::int) AS txt,
           (ARRAY['1', 'null', '"a"', 'true', '{"x": [1, 2.50]}', '[]', '12345678901234567890.123'])[1 + floor(random() * 7)] AS doc
    FROM generate_series(1, 5000) n
    UNION ALL
    SELECT 1000 + n::int, '2026-01-01', 'edge', 0, 0, v, v, v, v, true, '', 'null'
    FROM unnest(ARRAY[0, -1, 9007199254740991, 9007199254740992, 9007199254740993, -9007199254740993, 9223372036854775807, -9223372036854775808, 10000, 9999, 100000000]) WITH ORDINALITY u (v, n)
    UNION ALL
    SELECT 2000 + n::int, '2026-01-01', 'edge', 0, 0, 0, 0, 0, v, true, '', 'null'
    FROM unnest('{0.0001,0.00001,0.10,1e20,1e21,1e22,1e23,1e24,1e30,1e-19,1e-20,1e-21,1e-24,123456789.123456789,99999999999.9999,9999999999999999.9,0.000000000000000000000000000001,-5.50,1e200}'::numeric[]) WITH ORDINALITY u (v, n);
SELECT is((SELECT count(*) FROM (
    SELECT (event_batch_agg(at, kind, num, i8, txt, 'i2'::text, i2, 'i4'::text, i4, 'i8'::text, i8, 'f4'::text, f4, 'f8'::text, f8, 'num'::text, num, 'yes'::text, yes, 'txt'::text, txt, 'doc'::text, doc::jsonb, 'json'::text, doc::json)).events AS a,
           timeline_agg(at, kind, num::float8, i8::float8, txt, jsonb_build_object('i2', i2, 'i4', i4, 'i8', i8, 'f4', f4, 'f8', f8, 'num', num, 'yes', yes, 'txt', txt, 'doc', doc::jsonb, 'json', doc::json)) AS b
    FROM typed GROUP BY grp) x WHERE a <> b), 0::bigint, 'typed columns become the properties that JSON would carry');
SELECT is((SELECT count(*) FROM (SELECT (event_batch_agg(at, kind, f4, i4, NULL::text)).events AS a, timeline_agg(at, kind, f4::float8, i4::float8, NULL, NULL) AS b FROM typed GROUP BY typed.ctid) x WHERE a <> b),
    0::bigint, 'and values those of the cast');
SELECT is((SELECT (taken, rejected)::text FROM (SELECT (event_batch_agg(a, k, v, q, e, 'p'::text, p)).* FROM (VALUES
    ('2026-01-01'::timestamptz, 'ok', 1::float8, 1::numeric, 'e', 'p'), (NULL, 'k', 1, 1, 'e', 'p'), ('infinity', 'k', 1, 1, 'e', 'p'), ('2026-01-01', NULL, 1, 1, 'e', 'p'),
    ('2026-01-01', '', 1, 1, 'e', 'p'), ('2026-01-01', repeat('k', 256), 1, 1, 'e', 'p'), ('2026-01-01', 'k', 'NaN', 1, 'e', 'p'), ('2026-01-01', 'k', 1, 'Infinity', 'e', 'p'),
    ('2026-01-01', 'k', 1, 1, repeat('e', 1048577), 'p'), ('2026-01-01', 'k', 1, 1, 'e', repeat('p', 1048577)), ('2026-01-01', 'k', NULL, NULL, NULL, NULL)) v (a, k, v, q, e, p)) x),
    '(2,9)', 'rows that cannot be events are counted');

-- One long text, and one too long: the row is rejected, the others come in.
CREATE TABLE review (who int, at timestamptz, words text, id bigserial, loaded_at timestamptz DEFAULT now());
INSERT INTO review VALUES (1, '2026-02-01', repeat('很', 349525)), (1, '2026-02-02', repeat('很', 349526)), (2, '2026-02-03', '质量很差');
SELECT count(add_event_source('review_' || m, 'public.review', 'account', 'who', 'at', $$'review'$$, properties => '{"text": "words"}', mode => m, cursor_column => c))
FROM (VALUES ('full', NULL), ('sequence', 'id'), ('timestamp', 'loaded_at')) v (m, c) \g /dev/null
SELECT count(*) FROM refresh_timelines('review_full') UNION ALL SELECT count(*) FROM refresh_timelines('review_sequence') UNION ALL SELECT count(*) FROM refresh_timelines('review_timestamp') \g /dev/null
SELECT results_eq($$SELECT name, rows, rejected, (SELECT reason FROM event_rejection r WHERE r.event_source = name) FROM event_source WHERE name LIKE 'review%' ORDER BY 1$$,
    $$SELECT 'review_' || m, 2::bigint, 1::bigint, 'a property is longer than 1 MB'::text FROM unnest('{full,sequence,timestamp}'::text[]) m ORDER BY 1$$, 'a text beyond the limit rejects its row alone');

-- A key longer than any record may have, as a visitor can write one into a cookie: its rows alone are rejected.
CREATE TABLE visit (who text, at timestamptz, id bigserial, loaded_at timestamptz DEFAULT now());
SELECT count(add_event_source('visit_' || m, 'public.visit', 'account', 'who', 'at', $$'visit'$$, mode => m, cursor_column => c))
FROM (VALUES ('full', NULL), ('sequence', 'id'), ('timestamp', 'loaded_at'), ('trigger', NULL)) v (m, c) \g /dev/null
CREATE FUNCTION pg_temp.long_key(n int) RETURNS text LANGUAGE sql RETURN (SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 400) i);
CREATE FUNCTION pg_temp.refused() RETURNS SETOF record LANGUAGE sql AS $$
    SELECT name, rows, rejected, (SELECT string_agg(reason || ' ' || events, ',') FROM event_rejection r WHERE r.event_source = name), error FROM event_source WHERE name LIKE 'visit%' ORDER BY 1 $$;
INSERT INTO visit (who, at) VALUES ('1', '2026-02-01'), (pg_temp.long_key(1), '2026-02-02'), (left(pg_temp.long_key(2), 2000), '2026-02-02');
SELECT count(*) FROM unnest('{full,sequence,timestamp,trigger}'::text[]) m, refresh_timelines('visit_' || m) \g /dev/null
SELECT results_eq($$SELECT * FROM pg_temp.refused() r (name text, rows bigint, rejected bigint, reasons text, error text)$$,
    $$SELECT 'visit_' || m, 2::bigint, 1::bigint, 'key is longer than 2000 bytes 1', NULL FROM unnest('{full,sequence,timestamp,trigger}'::text[]) m ORDER BY 1$$, 'a key beyond the limit rejects its row alone');
INSERT INTO visit (who, at) VALUES ('1', '2026-02-03'), (pg_temp.long_key(1), '2026-02-02'), (pg_temp.long_key(3), '2026-02-04');
SELECT count(*) FROM unnest('{full,sequence,timestamp,trigger}'::text[]) m, refresh_timelines('visit_' || m) \g /dev/null
SELECT results_eq($$SELECT * FROM pg_temp.refused() r (name text, rows bigint, rejected bigint, reasons text, error text)$$,
    $$SELECT 'visit_' || m, 3::bigint, 3::bigint, 'key is longer than 2000 bytes 3', NULL FROM unnest('{full,sequence,timestamp,trigger}'::text[]) m ORDER BY 1$$, 'and so it does the next time');
SELECT * FROM finish();
