SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
--
-- The portrait: metrics and tags of each customer
--
SET client_min_messages = warning; DROP SCHEMA IF EXISTS portrait_shop CASCADE; RESET client_min_messages;
CREATE SCHEMA portrait_shop;
SET TimeZone = 'UTC';
\set SHOW_CONTEXT never

-- before there are customers
SELECT add_metric('name_length', 'length(full_name)');
SELECT customers, evaluated, failed FROM refresh_metrics();

CREATE TABLE portrait_shop.account (id int PRIMARY KEY, name text, joined timestamptz);
INSERT INTO portrait_shop.account VALUES
    (1, 'Ada Lovelace', now() - interval '3 days'),
    (2, 'Grace Hopper', now() - interval '30 days'),
    (3, 'Alan Turing', now() - interval '400 days 1 hour'),
    (4, NULL, NULL);
SELECT add_source('shop', 'portrait_shop.account', 'id', '{"full_name": "name", "registered_at": "joined"}') IS NOT NULL AS added;
SELECT count(*) AS customers FROM (SELECT resolve()) r;
CREATE VIEW portrait_shop.who AS SELECT r.key::int AS id, r.customer_id FROM customer_data.source_record r;

--
-- Metrics: declared once, kept fresh, columns of profile
--
SELECT add_metric('name_length', 'length(full_name)', 'Letters of the name', 'letters');
SELECT add_metric('is_new', $$within_last(registered_at, '7 days')$$);
SELECT add_metric('initial', $$left(full_name, 1)$$);
SELECT add_metric('initial_of_new', $$CASE WHEN is_new THEN initial END$$);
SELECT customers, evaluated > 0 AS evaluated, failed FROM refresh_metrics();
SELECT w.id, p.name_length, p.is_new, p.initial, p.initial_of_new
FROM profile p JOIN portrait_shop.who w USING (customer_id) ORDER BY w.id;

-- what cannot work is refused when it is declared
SELECT add_metric('name_length', '1');
SELECT add_metric('Name Length', '1');
SELECT add_metric('full_name', '1');
SELECT add_metric('x', 'lenght(full_name)');
SELECT add_metric('x', 'length(ful_name)');
SELECT add_metric('x', 'random()');
SELECT add_metric('x', '1, 2');
SELECT alter_metric('initial', 'initial_of_new');
SELECT alter_metric('inital', '1');
SELECT drop_metric('initial');

-- what fails for some customer is parked with its error and stops no other
SELECT add_metric('inverse', '1.0 / (name_length - 12)');
SELECT failed FROM refresh_metrics();
SELECT name, error, w.id AS customer FROM metric_status LEFT JOIN portrait_shop.who w ON w.customer_id = error_customer WHERE error IS NOT NULL;
SELECT alter_metric('inverse', '1.0 / nullif(name_length - 12, 0)');
SELECT failed FROM refresh_metrics();

-- only customers whose data changed, or whose values expired, are looked at
SELECT customers, evaluated, failed FROM refresh_metrics();
SELECT touch(customer_set_agg(customer_id)) FROM portrait_shop.who WHERE id = 2;
SELECT customers, evaluated = (SELECT count(*) FROM metric WHERE NOT moving) AS each_once, failed FROM refresh_metrics();
SELECT w.id FROM metric m JOIN metric_due d USING (metric_id), members(d.customers) c JOIN portrait_shop.who w ON w.customer_id = c
WHERE m.name = 'is_new' AND d.due BETWEEN now() + interval '3 days 22 hours' AND now() + interval '4 days';
UPDATE metric_due SET due = now() - interval '1 second' FROM metric m WHERE m.metric_id = metric_due.metric_id AND m.name = 'is_new';
SELECT customers, evaluated, failed FROM refresh_metrics();

-- refreshes are about the present
SET customer_data.as_of = '2020-01-01';
SELECT refresh_metrics();
RESET customer_data.as_of;

-- expressions can be checked and tried before they are kept
SELECT * FROM check_expression($$within_last(registered_at, '7 days') AND name_length > 3$$);
SELECT w.id, t.value, CASE WHEN isfinite(t.valid_until) THEN date_trunc('hour', t.valid_until - now() + interval '30 minutes')::text ELSE 'for ever' END AS holds
FROM try_expression($$older_than(registered_at, '31 days')$$) t JOIN portrait_shop.who w USING (customer_id) ORDER BY 1;
SELECT * FROM try_expression('1 / 0');
