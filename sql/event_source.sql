SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
SET TimeZone = 'UTC';
CREATE SCHEMA shop;
CREATE TABLE shop.account (id int PRIMARY KEY, name text, email text);
INSERT INTO shop.account VALUES (1, 'Ann Ash', 'ann@example.com'), (2, 'Ben Birch', 'ben@example.com');
CREATE TABLE shop.orders (
    order_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account   int,
    placed    timestamptz,
    amount    numeric(10,2),
    pieces    int,
    category  text,
    loaded_by xid8 DEFAULT pg_current_xact_id());
CREATE INDEX ON shop.orders (loaded_by);
SELECT count(*) FROM add_source('shop', 'shop.account', key => 'id', mapping => '{"full_name": "name", "email": "email"}');

CREATE FUNCTION shop.customer(key text) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT r.customer_id FROM customer_data.source_record r WHERE r.key = customer.key);
CREATE FUNCTION shop.count(events timeline, kind text) RETURNS bigint LANGUAGE sql IMMUTABLE
    RETURN (SELECT count(*) FROM customer_data.events(count.events) e WHERE e.kind = count.kind);

-- Declaring: checked at once, and the promise is said.
SELECT add_event_source('orders', 'shop.orders', source => 'shop', key => 'account', at => 'placed', kind => $$'purchase'$$,
    value => 'amount', quantity => 'pieces', event_id => 'order_id', properties => '{"category": "category"}');
SELECT name, relation, source, mode, cursor_column, promise FROM event_source;

-- What is wrong is pointed at.
\set SHOW_CONTEXT never
SELECT add_event_source('x', 'shop.order', 'shop', 'account', 'placed', $$'purchase'$$);
SELECT add_event_source('x', 'shop.orders', 'shopp', 'account', 'placed', $$'purchase'$$);
SELECT add_event_source('x', 'shop.orders', 'shop', 'acount', 'placed', $$'purchase'$$);
SELECT add_event_source('x', 'shop.orders', 'shop', 'account', 'placed +', $$'purchase'$$);
SELECT add_event_source('x', 'shop.orders', 'shop', 'account', 'amount', $$'purchase'$$);
SELECT add_event_source('x', 'shop.orders', 'shop', 'account', 'placed', $$'purchase'$$, value => 'sum(amount)');
SELECT add_event_source('x', 'shop.orders', 'shop', 'account) FROM shop.orders --', 'placed', $$'purchase'$$);
SELECT add_event_source('x', 'shop.orders', 'shop', 'account', 'placed', $$'purchase'$$, properties => '{"category": "categry"}');
SELECT add_event_source('x', 'shop.orders', 'shop', 'account', 'placed', $$'purchase'$$, properties => '{"value": "amount"}');
SELECT add_event_source('x', 'shop.orders', 'shop', 'account', 'placed', $$'purchase'$$, mode => 'fast');
SELECT add_event_source('x', 'shop.orders', 'shop', 'account', 'placed', $$'purchase'$$, cursor_column => 'category');
SELECT add_event_source('orders', 'shop.orders', 'shop', 'account', 'placed', $$'purchase'$$);
SELECT drop_event_source('order');
\set SHOW_CONTEXT errors
\set VERBOSITY terse

-- First load.
INSERT INTO shop.orders (account, placed, amount, pieces, category) VALUES
    (1, '2026-01-05 10:00+00', 19.90, 1, 'tea'),
    (1, '2026-01-07 11:30+00', 5.50, 2, 'sachet'),
    (2, '2026-01-06 09:00+00', 250, 1, 'outdoor'),
    (NULL, '2026-01-06 09:00+00', 1, 1, 'lost'),
    (2, NULL, 2, 1, 'timeless');
SELECT sources, events, removed, records, customers, rejected, failed FROM refresh_timelines();
SELECT event_source, reason, events FROM event_rejection ORDER BY reason;
CREATE VIEW history AS
    SELECT r.key, e.* FROM source_record r, LATERAL events(customer_events(r.customer_id)) e;
SELECT key, at, kind, value, properties FROM history ORDER BY key, at;

-- Only what is new is read; an order for somebody unknown makes a record.
INSERT INTO shop.orders (account, placed, amount, pieces, category) VALUES (1, '2026-02-01', 7, 1, 'tea'), (3, '2026-02-02', 8, 1, 'tea');
SELECT events, records, customers FROM refresh_timelines();
SELECT events, records, customers FROM refresh_timelines();
SELECT r.key, event_total(customer_events(r.customer_id)) FROM source_record r ORDER BY key;

-- Times in the future are kept, and seen when their time has come.
INSERT INTO shop.orders (account, placed, amount, category) VALUES (3, now() + interval '1 year', 9, 'tea');
SELECT events FROM refresh_timelines();
SELECT event_total(customer_events(shop.customer('3')));
BEGIN;
SELECT set_config('customer_data.as_of', (now() + interval '2 years')::text, true) <> '' AS later;
SELECT event_total(customer_events(shop.customer('3')));
SELECT refresh_timelines();
ROLLBACK;

-- Changed and deleted rows come with a reconciliation in this mode.
UPDATE shop.orders SET amount = 6.50 WHERE category = 'sachet';
DELETE FROM shop.orders WHERE category = 'outdoor';
SELECT events, removed, records FROM refresh_timelines();
SELECT events, removed, records FROM refresh_timelines(reconcile => true);
SELECT key, at, value FROM history WHERE key <> '3' ORDER BY key, at;

-- Captured by triggers: inserts, updates, deletes, truncation.
CREATE TABLE shop.cart (account int, at timestamptz, product text);
SELECT add_event_source('carts', 'shop.cart', 'shop', 'account', 'at', $$'cart'$$, properties => '{"product": "product"}');
INSERT INTO shop.cart VALUES (1, '2026-03-01', 'stove'), (1, '2026-03-01', 'tent'), (2, '2026-03-02', 'stove');
SELECT events, removed, records FROM refresh_timelines('carts');
INSERT INTO shop.cart VALUES (2, '2026-03-04', 'lamp'), (2, '2026-03-04', 'lamp');
UPDATE shop.cart SET product = 'big tent' WHERE product = 'tent';
DELETE FROM shop.cart WHERE account = 2 AND product = 'stove';
SELECT events, removed, records FROM refresh_timelines('carts');
SELECT key, at, properties FROM history WHERE kind = 'cart' ORDER BY key, at, properties::text;
DELETE FROM shop.cart WHERE ctid = (SELECT min(ctid) FROM shop.cart WHERE product = 'lamp');
UPDATE shop.cart SET account = 2 WHERE product = 'stove';
SELECT events, removed, records FROM refresh_timelines('carts');
SELECT key, at, properties FROM history WHERE kind = 'cart' ORDER BY key, at, properties::text;
TRUNCATE shop.cart;
INSERT INTO shop.cart VALUES (1, '2026-03-05', 'rope');
SELECT events, removed, records FROM refresh_timelines('carts');
SELECT key, at, properties FROM history WHERE kind = 'cart' ORDER BY key, at, properties::text;

-- Another table under the same name (as dbt does) is read from its beginning.
CREATE TABLE shop.cart_new (account int, at timestamptz, product text, note text);
INSERT INTO shop.cart_new VALUES (2, '2026-03-06', 'axe', NULL);
ALTER TABLE shop.cart RENAME TO cart_old;
ALTER TABLE shop.cart_new RENAME TO cart;
SELECT events, removed, records FROM refresh_timelines('carts');
INSERT INTO shop.cart VALUES (2, '2026-03-07', 'saw', 'captured again');
INSERT INTO shop.cart_old VALUES (2, '2026-03-07', 'of no concern');
SELECT events, removed, records FROM refresh_timelines('carts');
SELECT key, at, properties FROM history WHERE kind = 'cart' ORDER BY key, at, properties::text;

-- A growing number; a restarted one is noticed.
CREATE TABLE shop.call (id serial PRIMARY KEY, account text, at timestamp, minutes float8);
SELECT add_event_source('calls', 'shop.call', 'shop', 'account', 'at', $$'call'$$, quantity => 'minutes');
INSERT INTO shop.call (account, at, minutes) VALUES ('1', '2026-04-01', 3), ('2', '2026-04-02', 'NaN');
SELECT events, records, rejected FROM refresh_timelines('calls');
INSERT INTO shop.call (account, at, minutes) VALUES ('1', '2026-04-03', 4);
SELECT events, records, rejected FROM refresh_timelines('calls');
TRUNCATE shop.call RESTART IDENTITY;
INSERT INTO shop.call (account, at, minutes) VALUES ('1', '2026-04-04', 5);
SELECT events, removed, records, rejected FROM refresh_timelines('calls');
SELECT key, at FROM history WHERE kind = 'call';
ALTER SEQUENCE shop.call_id_seq CACHE 20;
SELECT alter_event_source('calls', kind => $$'phone'$$);

-- A timestamp with an overlap: late rows inside it are found, and those gone from it.
CREATE TABLE shop.visit (visitor int, at timestamptz, page text, loaded_at timestamptz);
SELECT add_event_source('visits', $$SELECT * FROM shop.visit$$, 'shop', 'visitor', 'at', $$'view'$$,
    properties => '{"page": "page"}', cursor_column => 'loaded_at');
INSERT INTO shop.visit VALUES (1, '2026-05-01', '/a', '2026-05-01 12:00'), (1, '2026-05-01', '/a', '2026-05-01 12:00');
SELECT events, removed FROM refresh_timelines('visits');
INSERT INTO shop.visit VALUES (1, '2026-05-01', '/a', '2026-05-01 12:00'), (1, '2026-05-01', '/b', '2026-05-01 11:10'),
    (2, '2026-05-01', '/too late', '2026-05-01 10:00');
SELECT events, removed FROM refresh_timelines('visits');
SELECT events, removed FROM refresh_timelines('visits');
DELETE FROM shop.visit WHERE page = '/b';
INSERT INTO shop.visit VALUES (1, '2026-05-02', '/c', '2999-01-01'), (1, '2026-05-02', '/d', '2026-05-01 13:00');
SELECT events, removed FROM refresh_timelines('visits');
INSERT INTO shop.visit VALUES (1, '2026-05-03', '/e', clock_timestamp());
SELECT events, removed FROM refresh_timelines('visits');
SELECT key, properties ->> 'page' AS page FROM history WHERE kind = 'view' ORDER BY 1, 2;
SELECT events, removed FROM refresh_timelines('visits', reconcile => true);

-- Rows that change, with the time of their change.
CREATE TABLE shop.ticket (id int PRIMARY KEY, account int, opened timestamptz, state text, updated_at timestamptz);
SELECT add_event_source('tickets', 'shop.ticket', 'shop', 'account', 'opened', $$'ticket'$$,
    properties => '{"state": "state"}', cursor_column => 'updated_at');
INSERT INTO shop.ticket VALUES (1, 1, '2026-06-01', 'open', '2026-06-01'), (2, 1, '2026-06-02', 'open', '2026-06-02');
SELECT events, removed FROM refresh_timelines('tickets');
UPDATE shop.ticket SET state = 'closed', updated_at = '2026-06-05' WHERE id = 1;
SELECT events, removed, records FROM refresh_timelines('tickets');
SELECT at, properties FROM history WHERE kind = 'ticket' ORDER BY at;

-- Everything each time: any relation, any change.
CREATE VIEW shop.letter AS SELECT 1 AS account, date '2026-07-01' + n AS day FROM generate_series(1, 3) n;
SELECT add_event_source('letters', 'shop.letter', 'shop', 'account', 'day', $$'letter'$$);
SELECT events, removed FROM refresh_timelines('letters');
CREATE OR REPLACE VIEW shop.letter AS SELECT 1 AS account, date '2026-07-01' + n AS day FROM generate_series(2, 5) n;
SELECT events, removed FROM refresh_timelines('letters');
SELECT events, removed FROM refresh_timelines('letters');

-- A source that fails stops no other, and says why.
DROP VIEW shop.letter;
INSERT INTO shop.cart VALUES (1, '2026-03-08', 'hat');
SELECT sources, events, failed FROM refresh_timelines();
SELECT name, error FROM event_source WHERE error IS NOT NULL;

-- In bulk, for everyone asked.
SELECT t.customer_id = shop.customer('1') AS ann, shop.count(t.events, 'cart') AS carts
FROM customer_timelines(customer_set(ARRAY[shop.customer('1'), 4000000])) t ORDER BY 1 DESC;
SELECT bool_and(t.events = customer_events(t.customer_id)) AS same
FROM customer_timelines((SELECT customer_set_agg(customer_id) FROM customer)) t WHERE t.customer_id <> shop.customer('3');
SELECT compact_timelines() > 0 AS compacted;
SELECT key, kind, count(*) FROM history GROUP BY 1, 2 ORDER BY 1, 2;

-- Changing a definition reads the source anew; dropping it forgets its events.
SELECT alter_event_source('carts', kind => $$'basket'$$);
SELECT events, removed FROM refresh_timelines('carts');
SELECT shop.count(customer_events(shop.customer('1')), 'cart') AS carts, shop.count(customer_events(shop.customer('1')), 'basket') AS baskets;
SELECT drop_event_source('carts');
SELECT shop.count(customer_events(shop.customer('1')), 'basket') AS baskets;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'customer_data_events%';

-- Events follow the record they belong to: two customers become one, and part again.
SELECT count(*) FROM resolve();
SELECT event_total(customer_events(shop.customer('1'))) AS ann, event_total(customer_events(shop.customer('2'))) AS ben;
SELECT must_link('shop', '1', 'shop', '2', 'the same person after all');
SELECT count(*) FROM resolve();
SELECT shop.customer('1') = shop.customer('2') AS one, event_total(customer_events(shop.customer('1'))) AS events;
SELECT cannot_link('shop', '1', 'shop', '2', 'not at all');
SELECT count(*) FROM resolve();
SELECT event_total(customer_events(shop.customer('1'))) AS ann, event_total(customer_events(shop.customer('2'))) AS ben;

-- Expressions run with the rights of whoever declared them.
CREATE ROLE cd_event_marketing;
GRANT USAGE ON SCHEMA shop TO cd_event_marketing;
SET client_min_messages = warning;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA customer_data TO cd_event_marketing;
RESET client_min_messages;
SET ROLE cd_event_marketing;
SELECT add_event_source('peek', 'shop.orders', 'shop', 'account', 'placed', $$'purchase'$$, mode => 'full');
RESET ROLE;
DROP OWNED BY cd_event_marketing;
DROP ROLE cd_event_marketing;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
