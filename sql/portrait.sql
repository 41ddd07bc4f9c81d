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
WHERE m.name = 'is_new' AND d.due BETWEEN now() + interval '3 days' AND now() + interval '4 days';
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

--
-- Events, and the metrics that are there from the start
--
CREATE TABLE portrait_shop.event (id int PRIMARY KEY, account int, at timestamptz, what text, amount float8, category text, channel text);
INSERT INTO portrait_shop.event VALUES
    (1, 1, now() - interval '40 days 1 hour', 'view', NULL, 'tea', 'web'),
    (2, 1, now() - interval '30 days 1 hour', 'purchase', 40, 'tea', 'web'),
    (3, 1, now() - interval '20 days 1 hour', 'purchase', 60, 'tea', 'app'),
    (4, 1, now() - interval '10 days 1 hour', 'refund', 10, 'tea', 'app'),
    (5, 2, now() - interval '90 days 1 hour', 'purchase', 1500, 'outdoor', 'web'),
    (6, 2, now() - interval '2 days 1 hour', 'view', NULL, 'tea', 'web'),
    (7, 2, now() - interval '1 day 1 hour', 'view', NULL, 'outdoor', 'web');
SELECT add_event_source('shop', 'portrait_shop.event', 'shop', 'account', 'at', 'what', value => 'amount', event_id => 'id',
                        properties => '{"category": "category", "channel": "channel"}') IS NOT NULL AS added;
SELECT count(*) AS refreshed FROM (SELECT refresh_timelines()) r;
SELECT failed FROM refresh_metrics();
SELECT w.id, frequency, monetary, average_order, interpurchase_time, return_rate, active_days, recency, inactivity, favourite_category, favourite_channel
FROM profile p JOIN portrait_shop.who w USING (customer_id) ORDER BY w.id;

-- comparisons of what moves with time know until when they hold
SELECT w.id, t.value, CASE WHEN isfinite(t.valid_until) THEN date_trunc('hour', t.valid_until - now() + interval '30 minutes')::text ELSE 'for ever' END AS holds
FROM try_expression('recency > 60') t JOIN portrait_shop.who w USING (customer_id) ORDER BY 1;

--
-- Tags: a taxonomy of paths, each with what decides it
--
SELECT add_tag('value.high', 'monetary > 1000', description => 'Spent more than 1000');
SELECT add_tag('value.some', 'monetary > 0', exclusive_group => 'value');
SELECT add_tag('spent', 'monetary', 'metric', min_score => 50);
SELECT add_tag('interest.tea', $$decayed_sum(events, 'view[category=tea]', '30 days') + 3 * decayed_sum(events, 'purchase[category=tea]', '30 days')$$,
               'behaviour', half_life => '30 days');
SELECT add_tag('taste', $$affinity(events, 'view|purchase', 'category', prior => 1)$$, 'affinity');
SELECT add_tag('target', $$has_tag(tags, 'value.high') AND has_tag(tags, 'taste.*', 0.2)$$);
SELECT add_tag('ambassador', kind => 'manual', valid_for => '1 year');
SELECT add_tag('crm', kind => 'imported');
SELECT customers, failed FROM refresh_tags();
SELECT w.id, t.path, round(t.score_now::numeric, 3) AS score, t.half_life
FROM customer_tag c JOIN portrait_shop.who w USING (customer_id), tags(c.tags) t ORDER BY w.id, t.path;

-- refused
SELECT add_tag('value.high', 'true');
SELECT add_tag('value..high', 'true');
SELECT add_tag('x', 'monetary');
SELECT add_tag('x', 'monetary', 'behaviour');
SELECT add_tag('x', 'true', 'guess');
SELECT add_tag('x');
SELECT add_tag('taste.good', 'true');
SELECT add_tag('x', 'true', valid_for => '1 day');
SELECT drop_tag('value.hihg');
SELECT alter_tag('value.high', $$has_tag(tags, 'target')$$);

-- given by people, imported from elsewhere
SELECT tag_customer(customer_id, 'ambassador', note => 'spoke at the fair') FROM portrait_shop.who WHERE id = 3;
SELECT tag_customer(customer_id, 'target') FROM portrait_shop.who WHERE id = 3;
SELECT import_tags($$SELECT 'shop'::text, id::text, 'crm.industry.' || CASE id WHEN 1 THEN 'retail' ELSE 'press' END, 0.5::float8, '2026-01-02 03:04:05+00'::timestamptz
                     FROM portrait_shop.account WHERE id < 3$$);
SELECT customers FROM refresh_tags();
SELECT w.id, tags_under(c.tags, 'crm.*') AS crm, has_tag(c.tags, 'ambassador') AS ambassador
FROM customer_tag c JOIN portrait_shop.who w USING (customer_id) ORDER BY w.id;
SELECT untag_customer(customer_id, 'ambassador') FROM portrait_shop.who WHERE id = 3;
SELECT customers FROM refresh_tags();
SELECT has_tag(c.tags, 'ambassador') FROM customer_tag c JOIN portrait_shop.who w USING (customer_id) WHERE w.id = 3;

-- of an exclusive group a customer has the first
SELECT add_tag('size.big', 'monetary > 1000', exclusive_group => 'size');
SELECT add_tag('size.small', 'monetary > 0', exclusive_group => 'size');
SELECT failed FROM refresh_tags();
SELECT w.id, tags_under(c.tags, 'size.*') FROM customer_tag c JOIN portrait_shop.who w USING (customer_id) ORDER BY w.id;
SELECT drop_tag('size.big');
SELECT failed FROM refresh_tags();
SELECT w.id, tags_under(c.tags, 'size.*') FROM customer_tag c JOIN portrait_shop.who w USING (customer_id) ORDER BY w.id;

-- nothing changed, nobody is looked at
SELECT customers, evaluated, failed FROM refresh_tags();

-- how tags are spread, and why somebody has one
SELECT path, kind, customers, round(share::numeric, 2) AS share, change, round(mean_score::numeric, 2) AS mean_score, error FROM tag_coverage;
SELECT part, what, regexp_replace(value, '\d{4}-\d\d-\d\d \d\d:\d\d', '(moment)') AS value FROM explain_tag((SELECT customer_id FROM portrait_shop.who WHERE id = 1), 'size.small');
SELECT part, regexp_replace(what, '\d{4}-\d\d-\d\d \d\d:\d\d', '(moment)') AS what, regexp_replace(value, '\d{4}-\d\d-\d\d \d\d:\d\d', '(moment)') AS value
FROM explain_tag((SELECT customer_id FROM portrait_shop.who WHERE id = 1), 'interest.tea');
SELECT explain_tag(0, 'interest.tea');
SELECT * FROM explain_tag((SELECT customer_id FROM portrait_shop.who WHERE id = 1), 'interest.tee');

--
-- Comparison of groups: 400 customers, half of them with a taste for tea
--
INSERT INTO portrait_shop.account SELECT i, md5(i::text), now() - interval '100 days' FROM generate_series(101, 500) i;
SELECT count(*) AS resolved FROM (SELECT resolve()) r;
SELECT add_tag('crm2', kind => 'imported');
SELECT import_tags($$
    SELECT 'shop'::text, id::text, 'crm2.' || path, 1::float8, '2026-01-02'::timestamptz
    FROM portrait_shop.account, LATERAL (VALUES ('tea', id % 2 = 0), ('organic', id % 2 = 0 AND id % 5 > 0 OR id % 11 = 0),
        ('tools', id % 2 = 1 AND id % 3 > 0), ('subscriber', id % 2 = 0 AND id % 3 > 0), ('gift', id % 7 = 0)) v(path, has)
    WHERE id > 100 AND has$$);
SELECT failed FROM refresh_metrics();
SELECT failed FROM refresh_tags();
CREATE FUNCTION portrait_shop.members(wanted tag_query) RETURNS customer_set LANGUAGE sql AS
    $$SELECT customer_data.customer_set_agg(customer_id) FROM customer_data.customer_tag WHERE tags OPERATOR(customer_data.@@) wanted$$;
SELECT path, customers, base_customers, round(tgi::numeric, 1) AS tgi, round(low::numeric, 1) AS low, round(high::numeric, 1) AS high
FROM tgi(portrait_shop.members('crm2.subscriber')) WHERE path LIKE 'crm2.%';
SELECT kind, name, value, customers_a, round(share_a::numeric, 2) AS share_a, customers_b, round(share_b::numeric, 2) AS share_b
FROM profile_difference(portrait_shop.members('crm2.tea'), portrait_shop.members('crm2.tools')) WHERE kind = 'tag' AND name LIKE 'crm2.%';
SELECT count(*) AS found, bool_and(has_tag(t.tags, 'crm2.tea')) AS all_like_tea, bool_or(has_tag(t.tags, 'crm2.tools')) AS some_like_tools, round(min(lift)::numeric, 2) > 1.5 AS better_than_chance
FROM lookalikes(portrait_shop.members('crm2.subscriber & crm2.organic'), 30, 'crm2.*') l JOIN customer_tag t USING (customer_id);
SELECT round(tag_score(tag_weights(portrait_shop.members('crm2.subscriber'), 'crm2.*'), 'crm2.tools')::numeric, 2) < -2 AS tools_speak_against;
-- without members there is nothing to compare, and nothing fails
SELECT count(*) AS tags, bool_and(customers = 0 AND share IS NULL AND tgi IS NULL AND low IS NULL) AS unknown FROM tgi('{}') WHERE path LIKE 'crm2.%';
SELECT count(*) AS alike FROM lookalikes('{}', 5);
SELECT lookalikes('{}', NULL);
-- dates are compared by year
SELECT bool_and(value ~ '^\d{4}$') AS years, sum(customers_a) AS customers FROM profile_difference(portrait_shop.members('crm2.tea'), portrait_shop.members('crm2.tools')) WHERE name = 'registered_at';
