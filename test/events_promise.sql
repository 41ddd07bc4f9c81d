-- What each mode promises, row by row of the table in doc/reference/events.md:
-- inserted, updated and deleted rows, at once or by reconciliation; clocks in the
-- future; and whose the events of an anonymous visitor are.
SELECT plan(48);
SET search_path = public, customer_data;
SET client_min_messages = warning;
CREATE TABLE account (id int PRIMARY KEY, name text);
INSERT INTO account SELECT n, 'person ' || n FROM generate_series(1, 5) n;
SELECT count(*) FROM add_source('account', 'account', 'id', '{"full_name": "name"}') \g /dev/null
CREATE TABLE row_kind (id bigserial, who int, at timestamptz, amount int,
    loaded_by xid8 DEFAULT pg_current_xact_id(), loaded_at timestamptz DEFAULT clock_timestamp(), renewed boolean);
CREATE TABLE mode (name text PRIMARY KEY, mode text, cursor_column text, updates boolean, renew text, updated_at_once boolean, deleted_at_once boolean);
INSERT INTO mode VALUES
    ('m_xid', 'xid', 'loaded_by', NULL, NULL, false, false),
    ('m_xid_updates', 'xid', 'loaded_by', true, 'loaded_by = pg_current_xact_id()', true, false),
    ('m_sequence', 'sequence', 'id', NULL, NULL, false, false),
    ('m_sequence_updates', 'sequence', 'id', true, 'id = nextval(pg_get_serial_sequence(''m_sequence_updates'', ''id''))', true, false),
    ('m_trigger', 'trigger', NULL, NULL, NULL, true, true),
    ('m_timestamp', 'timestamp', 'loaded_at', NULL, NULL, false, false),
    ('m_timestamp_updates', 'timestamp', 'loaded_at', true, 'loaded_at = clock_timestamp()', true, false),
    ('m_full', 'full', NULL, NULL, NULL, true, true);
SELECT format('CREATE TABLE %I (id bigserial PRIMARY KEY, who int, at timestamptz, amount int, loaded_by xid8 DEFAULT pg_current_xact_id(), loaded_at timestamptz DEFAULT clock_timestamp())', name) FROM mode \gexec
SELECT count(add_event_source(name, 'public.' || name, 'account', 'who', 'at', $$'buy'$$, value => 'amount', mode => mode, cursor_column => cursor_column, updates => updates)) FROM mode \g /dev/null
CREATE FUNCTION stored(source text) RETURNS text LANGUAGE sql STABLE
    RETURN (SELECT string_agg(format('%s:%s', r.key, e.value), ' ' ORDER BY e.at, e.value)
            FROM timeline_chunk c JOIN event_source_definition d USING (event_source_id) JOIN source_record r USING (record_id), LATERAL events(c.events) e WHERE d.name = source);
CREATE FUNCTION rows_of(source text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT string_agg(format(''%%s:%%s'', who, amount), '' '' ORDER BY at, amount) FROM %I', source) INTO answer;
    RETURN answer;
END $$;

-- Rows older than the overlap of mode timestamp, and the first refresh.
SELECT format('INSERT INTO %I (who, at, amount, loaded_at) SELECT n, timestamptz ''2026-01-01'' + n * interval ''1 day'', n * 10, now() - interval ''3 hours'' FROM generate_series(1, 4) n', name) FROM mode \gexec
SELECT format('INSERT INTO %I (who, at, amount) VALUES (5, ''2026-02-01'', 50)', name) FROM mode \gexec
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(stored(name), rows_of(name), name || ': inserted rows') FROM mode ORDER BY name;
-- One row changes, the time of its change with it where the mode wants that.
SELECT format('UPDATE %I SET amount = 11%s WHERE amount = 10', name, ', ' || renew) FROM mode \gexec
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(stored(name), CASE WHEN updated_at_once THEN rows_of(name) ELSE '1:10 2:20 3:30 4:40 5:50' END, name || ': an updated row ' || CASE WHEN updated_at_once THEN 'at once' ELSE 'not yet' END) FROM mode ORDER BY name;
-- One row goes.
SELECT format('DELETE FROM %I WHERE amount = 20', name) FROM mode \gexec
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(stored(name) LIKE '%2:20%', NOT deleted_at_once, name || ': a deleted row ' || CASE WHEN deleted_at_once THEN 'at once' ELSE 'not yet' END) FROM mode ORDER BY name;
SELECT count(*) FROM refresh_timelines(reconcile => true) \g /dev/null
SELECT is(stored(name), rows_of(name), name || ': reconciled') FROM mode ORDER BY name;
SELECT is((SELECT (sum(events), sum(removed))::text FROM refresh_timelines()), '(0,0)', 'and nothing is left to do');

-- A clock that runs ahead, for one row, does not hide those that come after it.
INSERT INTO m_timestamp (who, at, amount, loaded_at) VALUES (1, '2026-03-01', 60, now() + interval '10 years');
SELECT count(*) FROM refresh_timelines('m_timestamp') \g /dev/null
INSERT INTO m_timestamp (who, at, amount) VALUES (1, '2026-03-02', 61);
SELECT count(*) FROM refresh_timelines('m_timestamp') \g /dev/null
SELECT is(stored('m_timestamp'), rows_of('m_timestamp'), 'm_timestamp: a row from the future, and one after it');
-- Events that are yet to happen wait for as_of().
SELECT count(*) FROM customer \g /dev/null
INSERT INTO m_xid (who, at, amount) VALUES (3, now() + interval '1 day', 70), (3, '2026-03-01', 71);
SELECT count(*) FROM refresh_timelines('m_xid') \g /dev/null
SELECT customer_id AS three FROM source_record WHERE key = '3' \gset
SELECT event_total(customer_events(:three)) AS before \gset
SET customer_data.as_of = '2099-01-01';
SELECT is(event_total(customer_events(:three)), :before + 1, 'an event of tomorrow is seen from a later moment');
RESET customer_data.as_of;

-- An anonymous visitor: events before anybody knows who it is.
CREATE TABLE visitor (cookie text PRIMARY KEY);
CREATE TABLE sign_in (cookie text, account int);
CREATE TABLE page_view (cookie text, at timestamptz, page text);
SELECT count(*) FROM add_source('web', 'visitor', 'cookie', '{"cookie_id": "cookie"}', kind => 'anonymous') \g /dev/null
SELECT count(add_event_source('views', 'public.page_view', 'web', 'cookie', 'at', $$'view'$$, properties => '{"page": "page"}', mode => 'trigger')) \g /dev/null
INSERT INTO page_view VALUES ('c1', '2026-04-01', '/a'), ('c1', '2026-04-02', '/b'), ('c2', '2026-04-03', '/c');
SELECT count(*) FROM refresh_timelines() \g /dev/null
INSERT INTO visitor VALUES ('c1'), ('c2');
SELECT count(*) FROM resolve() \g /dev/null
CREATE FUNCTION views_of(source text, key text) RETURNS text LANGUAGE sql STABLE
    RETURN (SELECT string_agg(e.properties ->> 'page', ' ' ORDER BY e.at) FROM customer_data.events(customer_data.customer_events(customer_data.customer_id_of(source, key))) e WHERE e.kind = 'view');
SELECT is(views_of('web', 'c1'), '/a /b', 'a visitor keeps what it did before it had a record');
SELECT is(views_of('account', '1'), NULL, 'and nobody else has it');
SELECT count(*) FROM add_identity_link('sign_in', 'sign_in', 'web', 'cookie', 'account', 'account') \g /dev/null
INSERT INTO sign_in VALUES ('c1', 1);
SELECT count(*) FROM resolve() \g /dev/null
SELECT is(views_of('account', '1'), '/a /b', 'after a sign-in the account has it');
INSERT INTO page_view VALUES ('c1', '2026-04-04', '/d');
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(views_of('account', '1'), '/a /b /d', 'and what the visitor does from then on');
SELECT is((SELECT shop.at FROM (SELECT max(at) AS at FROM events(customer_events(customer_id_of('account', '1'))) e WHERE kind = 'buy') shop), '2026-03-02'::timestamptz, 'beside its own');
DELETE FROM sign_in;
SELECT count(*) FROM resolve() \g /dev/null
SELECT is((views_of('web', 'c1'), views_of('account', '1'))::text, '("/a /b /d",)', 'when the sign-in turns out wrong they part again, each with its own');
INSERT INTO sign_in VALUES ('c2', 1);
SELECT count(*) FROM resolve() \g /dev/null
SELECT is(views_of('account', '1'), '/c', 'and another visitor may follow');

-- Events that say who by an identifier: a telephone number, written in any way.
CREATE TABLE contact (id int PRIMARY KEY, name text, phone text);
INSERT INTO contact VALUES (1, 'Anna Gruber', '+43 1 58858'), (2, 'Ben Huber', '+43 1 70000');
CREATE TABLE call (phone text, at timestamptz);
INSERT INTO call VALUES ('01 58858', '2026-05-01'), ('+4315 8858', '2026-05-02'), ('0043 1 99999', '2026-05-03'), (NULL, '2026-05-04');
SELECT count(*) FROM add_source('contact', 'contact', 'id', '{"full_name": "name", "phone": "phone"}') \g /dev/null
SELECT count(*) FROM add_source('caller', 'SELECT DISTINCT customer_data.phone_e164(phone, ''AT'') AS phone FROM call WHERE phone IS NOT NULL', 'phone', '{"phone": "phone"}', kind => 'anonymous') \g /dev/null
SELECT count(add_event_source('calls', 'call', 'caller', 'customer_data.phone_e164(phone, ''AT'')', 'at', $$'call'$$)) \g /dev/null
SELECT count(*) FROM refresh_timelines('calls') \g /dev/null
SELECT count(*) FROM resolve() \g /dev/null
SELECT is((SELECT count(*) FROM events(customer_events(customer_id_of('contact', '1'))) e WHERE e.kind = 'call'), 2::bigint, 'calls are the customer''s whose number it is');
SELECT is((SELECT count(*) FROM events(customer_events(customer_id_of('caller', '+43199999'))) e WHERE e.kind = 'call'), 1::bigint, 'a number nobody has is a customer of its own');

-- A sequence that begins anew, and has come further than it was read before anybody looks.
CREATE TABLE restarted (id bigserial, who int, at timestamptz, amount int);
CREATE INDEX ON restarted (id);
CREATE TABLE set_back (id bigint GENERATED ALWAYS AS IDENTITY, who int, at timestamptz, amount int);
CREATE INDEX ON set_back (id);
CREATE SEQUENCE lent;
CREATE TABLE lending (id bigint DEFAULT nextval('lent'), who int, at timestamptz, amount int);
CREATE INDEX ON lending (id);
SELECT count(add_event_source(t, 'public.' || t, 'account', 'who', 'at', $$'buy'$$, value => 'amount', mode => 'sequence', cursor_column => 'id')) FROM unnest('{restarted,set_back,lending}'::text[]) t \g /dev/null
CREATE FUNCTION some_more(t text, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %1$I (who, at, amount) SELECT 1 + i %% 3, timestamptz ''2026-06-01'' + i * interval ''1 day'', i * %2$s FROM generate_series(1, %2$s) i', t, n);
END $$;
SELECT some_more('restarted', 5), some_more('set_back', 5), some_more('lending', 5) \g /dev/null
SELECT count(*) FROM refresh_timelines() \g /dev/null
TRUNCATE restarted RESTART IDENTITY;
ALTER TABLE set_back ALTER COLUMN id RESTART;
ALTER SEQUENCE lent RESTART WITH 2;
SELECT some_more('restarted', 12), some_more('set_back', 12), some_more('lending', 12) \g /dev/null
SELECT count(*) FROM refresh_timelines() \g /dev/null
SELECT is(stored(t), rows_of(t), t || ': rows whose numbers were read before are read all the same') FROM unnest('{restarted,set_back,lending}'::text[]) t;
SELECT is((SELECT sum(events + removed) FROM refresh_timelines()), 0::numeric, 'and once');
SELECT * FROM finish();
