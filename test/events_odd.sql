-- Event sources over odd relations and odd rows: what cannot work is refused in
-- words, and a row that cannot be an event takes no other with it.
SELECT plan(52);
SET search_path = public, customer_data;
SET client_min_messages = error;
CREATE TABLE account (id text PRIMARY KEY, name text);
INSERT INTO account SELECT n, 'person ' || n FROM generate_series(1, 5) n;
SELECT count(*) FROM add_source('account', 'account', 'id', '{"full_name": "name"}') \g /dev/null
CREATE VIEW stored AS
    SELECT d.name AS source, r.key, e.at, e.kind, e.value, e.properties
    FROM timeline_chunk c JOIN event_source_definition d USING (event_source_id) JOIN source_record r USING (record_id), LATERAL events(c.events) e;

-- Tables that other sessions cannot see
CREATE TEMP TABLE passing (who text, at timestamptz);
CREATE TEMP VIEW passing_by AS SELECT * FROM passing;
SELECT throws_ok(format('SELECT add_event_source(''t'', %L, ''account'', ''who'', ''at'', $$''x''$$)', relation), '42809', 'event source "t" cannot read a temporary table', 'a temporary table: ' || relation)
FROM unnest('{pg_temp.passing,pg_temp.passing_by,SELECT * FROM pg_temp.passing,"WITH p AS (SELECT * FROM pg_temp.passing_by) SELECT * FROM p"}'::text[]) relation;
CREATE TABLE lasting (who text, at timestamptz);
SELECT isnt(add_event_source('lasting', 'lasting', 'account', 'who', 'at', $$'x'$$), NULL, 'a table of the same session that lasts');
SELECT throws_ok($$SELECT alter_event_source('lasting', relation => 'pg_temp.passing')$$, '42809', NULL, 'nor does a source become one of a temporary table');

-- Sequences by which new rows cannot be told
CREATE TABLE down (id int GENERATED ALWAYS AS IDENTITY (INCREMENT BY -1), who text, at timestamptz);
CREATE TABLE round_and_round (id int GENERATED ALWAYS AS IDENTITY (MAXVALUE 3 CYCLE), who text, at timestamptz);
CREATE SEQUENCE block CACHE 50;
CREATE TABLE blocks (id int DEFAULT nextval('block'), who text, at timestamptz);
SELECT throws_ok(format('SELECT add_event_source(%1$L, %1$L, ''account'', ''who'', ''at'', $$''x''$$, mode => ''sequence'', cursor_column => ''id'')', t), '22023', 'sequence public.' || problem, problem)
FROM (VALUES ('down', 'down_id_seq counts down'), ('round_and_round', 'round_and_round_id_seq begins anew when it has come to its end'), ('blocks', 'block hands out values in blocks')) v (t, problem);
SELECT isnt(add_event_source(t, t, 'account', 'who', 'at', $$'x'$$), NULL, t || ': another mode is chosen') FROM unnest('{down,round_and_round}'::text[]) t;
SELECT results_eq('SELECT name, mode FROM event_source ORDER BY name', $$VALUES ('down', 'trigger'), ('lasting', 'trigger'), ('round_and_round', 'trigger')$$, 'triggers');
INSERT INTO down (who, at) VALUES ('1', '2026-01-01');
SELECT count(*) FROM refresh_timelines() \g /dev/null
INSERT INTO down (who, at) VALUES ('1', '2026-01-02');
SELECT is((SELECT events FROM refresh_timelines()), 1::bigint, 'a row with a lesser number is found');
ALTER TABLE blocks ALTER id SET DEFAULT 7;
SELECT isnt(add_event_source('blocks', 'blocks', 'account', 'who', 'at', $$'x'$$, mode => 'sequence', cursor_column => 'id'), NULL, 'numbers of no sequence are the user''s promise');

-- Numbers beyond double precision
CREATE TABLE amount (who text, at timestamptz, v numeric, n numeric(1000, 500), loaded_at timestamptz DEFAULT clock_timestamp());
SELECT count(add_event_source('amount_' || mode, 'amount', 'account', 'who', 'at', $$'pay'$$, value => 'v', quantity => 'n', mode => mode, cursor_column => cursor_column))
FROM (VALUES ('full', NULL), ('trigger', NULL), ('timestamp', 'loaded_at')) m (mode, cursor_column) \g /dev/null
INSERT INTO amount VALUES ('1', '2026-01-01', 1e400, 1), ('1', '2026-01-02', 1e-400, 1e-400), ('1', '2026-01-03', 'NaN', 1), ('1', '2026-01-04', 5.25, 1e390), ('1', '2026-01-05', 5.25, 2);
SELECT is((SELECT (events, rejected, failed)::text FROM refresh_timelines()), '(6,9,0)', 'numbers that are too large leave their rows out');
INSERT INTO amount VALUES ('2', '2026-01-06', -1e400, 1), ('2', '2026-01-07', -1e-400, -1e-400), ('2', '2026-01-08', 1.5, NULL);
SELECT is((SELECT (events, rejected, failed)::text FROM refresh_timelines()), '(6,6,0)', 'and those that come later; mode full counts its rows anew');
SELECT results_eq($$SELECT source, string_agg(format('%s=%s', extract(day FROM at AT TIME ZONE 'UTC'), value), ' ' ORDER BY at) FROM stored WHERE kind = 'pay' GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('amount_full', '2=0 5=5.25 7=0 8=1.5'), ('amount_timestamp', '2=0 5=5.25 7=0 8=1.5'), ('amount_trigger', '2=0 5=5.25 7=0 8=1.5')$$, 'those that are too small are nothing');
SELECT results_eq($$SELECT event_source, reason, events FROM event_rejection WHERE event_source <> 'amount_full' ORDER BY 1, 2$$,
    $$VALUES ('amount_timestamp', 'quantity is not finite', 1::bigint), ('amount_timestamp', 'value is not finite', 3), ('amount_trigger', 'quantity is not finite', 1), ('amount_trigger', 'value is not finite', 3)$$, 'and it is said why');

-- Keys that are equal by their type, and are written in two ways, are two records
CREATE TABLE numbered (k numeric, at timestamptz, v int, updated_at timestamptz DEFAULT clock_timestamp());
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE cased (k text COLLATE any_case, at timestamptz, v int, updated_at timestamptz DEFAULT clock_timestamp());
SELECT count(add_event_source(t, t, 'account', 'k', 'at', $$'x'$$, value => 'v', mode => 'timestamp', cursor_column => 'updated_at')) FROM unnest('{numbered,cased}'::text[]) t \g /dev/null
INSERT INTO numbered VALUES (1.0, '2026-01-01', 1), (1.00, '2026-01-02', 2), (2, '2026-01-03', 3);
INSERT INTO cased VALUES ('Mia@example.org', '2026-01-01', 1), ('mia@example.org', '2026-01-02', 2), ('bo', '2026-01-03', 3);
SELECT count(*) FROM refresh_timelines() \g /dev/null
UPDATE numbered SET v = 10, updated_at = clock_timestamp() WHERE v = 1;
UPDATE cased SET v = 10, updated_at = clock_timestamp() WHERE v = 1;
SELECT is((SELECT (events, removed)::text FROM refresh_timelines(t)), '(1,1)', t || ': one event is another now') FROM unnest('{numbered,cased}'::text[]) t;
SELECT results_eq($$SELECT source, string_agg(format('%s=%s', key, value), ' ' ORDER BY at) FROM stored WHERE source IN ('numbered', 'cased') GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('cased', 'Mia@example.org=10 mia@example.org=2 bo=3'), ('numbered', '1.0=10 1.00=2 2=3')$$, 'and none is there twice');

-- Events that are equal in everything and have the same id are one, in one batch or in several
CREATE TABLE repeated (id bigserial, who text, at timestamptz, v int, number text, loaded_by xid8 DEFAULT pg_current_xact_id(), loaded_at timestamptz DEFAULT clock_timestamp());
SELECT count(add_event_source('repeated_' || mode, 'repeated', 'account', 'who', 'at', $$'x'$$, value => 'v', event_id => 'number', mode => mode, cursor_column => cursor_column))
FROM (VALUES ('xid', 'loaded_by'), ('sequence', 'id'), ('trigger', NULL), ('timestamp', 'loaded_at'), ('full', NULL)) m (mode, cursor_column) \g /dev/null
CREATE VIEW repeats AS SELECT source, string_agg(format('%s:%s', value, events), ' ' ORDER BY value, events) AS events
    FROM (SELECT d.name AS source, e.value, coalesce(e.event_id, '-') || '*' || count(*) AS events
          FROM (SELECT c.event_source_id, c.record_id, timeline_chunk_agg(c.events, c.chunk_no) AS events FROM timeline_chunk c GROUP BY 1, 2) c
          JOIN event_source_definition d USING (event_source_id), LATERAL events(c.events) e WHERE d.name LIKE 'repeated%' GROUP BY d.name, e.value, e.event_id) q GROUP BY 1;
INSERT INTO repeated (who, at, v, number) SELECT '1', '2026-01-01', v, number FROM (VALUES (1, 'a'), (1, 'a'), (1, NULL), (1, NULL), (2, 'a'), (2, 'b')) r (v, number);
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is((SELECT string_agg(DISTINCT events, '; ') FROM repeats), '1:-*2 1:a*1 2:a*1 2:b*1', 'twice in one batch');
INSERT INTO repeated (who, at, v, number) SELECT '1', '2026-01-01', v, number FROM (VALUES (1, 'a'), (1, 'a'), (1, NULL), (2, 'b')) r (v, number);
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is((SELECT string_agg(DISTINCT events, '; ') FROM repeats), '1:-*3 1:a*1 2:a*1 2:b*1', 'and again in another');
SELECT is((SELECT sum(events + removed) FROM refresh_timelines(reconcile => true)), 0::numeric, 'reconciliation finds nothing else');
SELECT is((SELECT string_agg(DISTINCT events, '; ') FROM repeats), '1:-*3 1:a*1 2:a*1 2:b*1', 'and changes nothing');

-- What writers set for themselves does not change what is captured
CREATE TABLE written (who text, at timestamptz, v float8, took interval, blob bytea);
SELECT count(add_event_source('written', 'written', 'account', 'who', 'at', $$'x'$$, value => 'v', properties => '{"took": "took", "blob": "blob", "share": "v::text"}', mode => 'trigger')) \g /dev/null
SET extra_float_digits = -3;
SET IntervalStyle = 'sql_standard';
SET bytea_output = 'escape';
INSERT INTO written VALUES ('1', '2026-01-01', 0.1::float8 + 0.2, '-1 day +02:03:04', '\x00ff41');
SELECT count(*) FROM refresh_timelines('written') \g /dev/null
RESET extra_float_digits;
RESET IntervalStyle;
RESET bytea_output;
SELECT is((SELECT value FROM stored WHERE source = 'written'), 0.1::float8 + 0.2, 'all digits of a number');
SELECT is((SELECT properties FROM stored WHERE source = 'written'), '{"took": "-1 days +02:03:04", "blob": "\\x00ff41", "share": "0.30000000000000004"}'::jsonb, 'an interval, bytes and a number as text');
SELECT is((SELECT (events, removed)::text FROM refresh_timelines('written', reconcile => true)), '(0,0)', 'are those of the row');

-- Partitions: written to by themselves, attached with rows, detached, truncated, dropped
CREATE TABLE parted (id bigserial, who text, at timestamptz, v int, loaded_by xid8 DEFAULT pg_current_xact_id(), loaded_at timestamptz DEFAULT clock_timestamp()) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (who);
CREATE TABLE parted_2a PARTITION OF parted_2 FOR VALUES IN ('1', '2');
CREATE TABLE ahead (LIKE parted INCLUDING DEFAULTS);
INSERT INTO ahead (who, at, v) VALUES ('3', '2026-03-01', 31), ('3', '2026-03-02', 32);
SELECT count(add_event_source('parted_' || mode, 'parted', 'account', 'who', 'at', $$'x'$$, value => 'v', mode => mode, cursor_column => cursor_column))
FROM (VALUES ('xid', 'loaded_by'), ('sequence', 'id'), ('trigger', NULL), ('timestamp', 'loaded_at'), ('full', NULL)) m (mode, cursor_column) \g /dev/null
CREATE FUNCTION parted_in(modes text[]) RETURNS text LANGUAGE sql AS $$
    WITH told AS (SELECT m, (SELECT string_agg(s.value::text, ' ' ORDER BY s.value) FROM stored s WHERE s.source = 'parted_' || m) IS NOT DISTINCT FROM (SELECT string_agg(v::text, ' ' ORDER BY v) FROM parted) AS same FROM unnest(modes) m)
    SELECT coalesce(string_agg(m, ' ') FILTER (WHERE NOT same), 'all') FROM told
$$;
INSERT INTO parted (who, at, v) VALUES ('1', '2026-01-01', 11), ('1', '2026-02-01', 21);
INSERT INTO parted_1 (who, at, v) VALUES ('2', '2026-01-02', 12);
INSERT INTO parted_2a (who, at, v) VALUES ('2', '2026-02-02', 22);
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(parted_in('{xid,sequence,trigger,timestamp,full}'), 'all', 'partitions: rows written to them alone');
UPDATE parted_1 SET v = 13 WHERE v = 12;
DELETE FROM parted_2a WHERE v = 21;
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(parted_in('{trigger,full}'), 'all', 'rows changed in them and deleted from them');
UPDATE parted SET at = '2026-02-03' WHERE v = 13;
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(parted_in('{trigger,full}'), 'all', 'and moved from one to another');
ALTER TABLE parted ATTACH PARTITION ahead FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(parted_in('{xid,sequence,trigger,timestamp,full}'), 'all', 'a table that was filled before it was attached');
INSERT INTO ahead (who, at, v) VALUES ('3', '2026-03-03', 33);
CREATE TABLE parted_4 PARTITION OF parted FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
SELECT count(*) FROM refresh_timelines() \g /dev/null
INSERT INTO parted_4 (who, at, v) VALUES ('4', '2026-04-01', 41);
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(parted_in('{xid,sequence,trigger,timestamp,full}'), 'all', 'rows in new ones');
SELECT is((SELECT count(DISTINCT tgrelid) FROM pg_trigger WHERE tgname LIKE 'customer\_data\_events\_%' AND tgrelid::regclass::text ~ '^(parted|ahead)'), 6::bigint, 'each has the triggers');
TRUNCATE parted_2a;
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(parted_in('{trigger,full}'), 'all', 'one that is truncated');
ALTER TABLE parted DETACH PARTITION ahead;
INSERT INTO ahead (who, at, v) VALUES ('3', '2026-03-04', 34);
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(parted_in('{trigger,full}'), 'all', 'one that is detached');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'ahead'::regclass AND tgname LIKE 'customer\_data%'), 0::bigint, 'loses its triggers');
DROP TABLE parted_4;
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(parted_in('{trigger,full}'), 'all', 'one that is dropped');
TRUNCATE parted;
INSERT INTO parted (who, at, v) VALUES ('1', '2026-01-01', 14);
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(parted_in('{trigger,full}'), 'all', 'all of them truncated');
SELECT is((SELECT count(*) FROM refresh_timelines(reconcile => true)), 1::bigint, 'reconciled');
SELECT is(parted_in('{xid,sequence,trigger,timestamp,full}'), 'all', 'all modes agree');

-- What most write first
CREATE FUNCTION hint_of(call text) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE answer text;
BEGIN
    EXECUTE call;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS answer = PG_EXCEPTION_HINT;
    RETURN answer;
END $f$;
SELECT is(hint_of($$SELECT add_event_source('x', 'lasting', 'account', 'who', 'at', 'purchase')$$), 'A kind that all rows have is a quoted literal: kind => $kind$''purchase''$kind$. Its columns are: who, at.', 'a kind without its quotes');
SELECT throws_ok($$SELECT add_event_source('x', 'lasting', 'account', 'who', 'at', '''purchase''', event_id => 'who', properties => '{"event_id": "who"}')$$, '22023', 'property of event source "x" cannot be named "event_id"', 'two things of one name');

-- Numbers that come as text: one that is none is rejected with its row
CREATE TABLE told (id int, who text, at timestamptz, amount text, pieces jsonb);
INSERT INTO told SELECT n, '1', timestamptz '2026-01-01' + n * interval '1 day', (ARRAY['12.5', '', ' 7e1 ', 'abc', 'NaN', '1e999', NULL, '-.5', '5', '12,5'])[n], (ARRAY['2', NULL, '1.5', '1', NULL, '1', '3', NULL, '"many"', NULL])[n]::jsonb FROM generate_series(1, 10) n;
SELECT add_event_source('told', 'told', 'account', 'who', 'at', $$'x'$$, value => 'amount', quantity => 'pieces', event_id => 'id', mode => 'trigger') \g /dev/null
SELECT is((SELECT ARRAY[events, rejected, failed] FROM refresh_timelines('told')), '{5,5,0}', 'texts that are numbers come in, others are rejected');
SELECT is((SELECT string_agg(format('%s %s', e.value, e.quantity), ',' ORDER BY e.at) FROM timeline_chunk c JOIN event_source_definition d USING (event_source_id), LATERAL events(c.events) e WHERE d.name = 'told'), '12.5 2, ,70 1.5, 3,-0.5 ', 'as the numbers they say');
SELECT is((SELECT string_agg(format('%s: %s', reason, events), ', ' ORDER BY reason) FROM event_rejection WHERE event_source = 'told'), 'quantity is no finite number: 1, value is no finite number: 4', 'and it is said why');
UPDATE told SET amount = '12.5', pieces = '3' WHERE id IN (9, 10);
SELECT is((SELECT ARRAY[events, failed] FROM refresh_timelines('told')), '{2,0}', 'once they are corrected they come in');

SELECT throws_ok($$SELECT add_event_source('x', 'told', 'account', 'who', 'amount', '''x''')$$, '22007', 'at: the expression gives a text that is no time', 'a column that has no times');
SELECT isnt(add_event_source('x', 'SELECT who, at::text AS at FROM public.told', 'account', 'who', 'at', $$'x'$$), NULL, 'times may be texts');

-- A source that events are read for stays
SELECT throws_ok($$SELECT drop_source('account')$$, '2BP01', 'events are read for the records of source "account"', 'a source that event sources speak of');
SELECT count(drop_event_source(name)) FROM event_source \g /dev/null
SELECT lives_ok($$SELECT drop_source('account')$$, 'until they are gone');
SELECT is((SELECT count(*) FROM timeline_chunk), 0::bigint, 'with their events');
SELECT * FROM finish();
