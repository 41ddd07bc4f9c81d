SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
SET TimeZone = 'UTC';

-- Seven segments that marketers ask for, each one readable line, on customers
-- whose membership can be checked by hand. The moment is 2025-02-28 12:00.
CREATE TABLE public.contact (id int PRIMARY KEY, name text, born date, since timestamptz);
CREATE TABLE public.event (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, contact int, at timestamptz, kind text,
                           amount numeric, quantity int, category text, product text);
INSERT INTO public.contact VALUES
    (1, 'Ada',   '1988-02-29', '2025-02-25 00:00:00+00'),
    (2, 'Boris', '1990-03-01', '2025-02-21 12:00:01+00'),
    (3, 'Chen',  '1975-02-28', '2025-02-21 12:00:00+00'),
    (4, 'Dora',  '1969-07-14', '2020-01-01 00:00:00+00'),
    (5, 'Emil',  NULL,         NULL),
    (6, 'Fatima','2000-02-29', '2019-05-05 00:00:00+00'),
    (7, 'Gia',   '1982-12-31', '2018-03-01 00:00:00+00'),
    (8, 'Hugo',  '1999-01-01', '2018-06-01 00:00:00+00'),
    (9, 'Ines',  '1995-05-05', '2017-02-27 00:00:00+00'),
    (10, 'Jan',  '1977-11-11', '2016-02-29 00:00:00+00');
INSERT INTO public.event (contact, at, kind, amount, quantity, category, product) VALUES
    -- Ada looked at sachets and bought none, but bought something else.
    (1, '2025-02-26 10:00+00', 'view', NULL, NULL, 'sachet', 's1'),
    (1, '2025-02-26 11:00+00', 'purchase', 20, 1, 'tea', 't1'),
    -- Boris looked at sachets and bought one.
    (2, '2025-02-26 10:00+00', 'view', NULL, NULL, 'sachet', 's1'),
    (2, '2025-02-26 11:00+00', 'purchase', 5, 1, 'sachet', 's1'),
    -- Dora spent 1200 but got 250 back; she carted two things and ordered one.
    (4, '2024-03-01 10:00+00', 'purchase', 1200, 1, 'outdoor', 'tent'),
    (4, '2024-03-09 10:00+00', 'refund', 250, 1, 'outdoor', 'tent'),
    (4, '2025-02-27 10:00+00', 'cart', NULL, 1, 'outdoor', 'stove'),
    (4, '2025-02-27 10:01+00', 'cart', NULL, 1, 'outdoor', 'lamp'),
    (4, '2025-02-27 10:05+00', 'purchase', 30, 1, 'outdoor', 'stove'),
    -- Fatima spent 1500 and never answered a campaign; nothing since a year and a second.
    (6, '2024-02-28 11:59:59+00', 'purchase', 1500, 2, 'outdoor', 'skis'),
    -- Gia spent 1500, too, and answered a campaign; two outdoor items within the year.
    (7, '2024-02-28 12:00:01+00', 'purchase', 1500, 2, 'outdoor', 'skis'),
    (7, '2024-12-24 12:00+00', 'campaign_response', NULL, NULL, NULL, NULL),
    -- Hugo bought before he carted, and bought nothing after.
    (8, '2025-02-27 09:00+00', 'purchase', 10, 1, 'tea', 't1'),
    (8, '2025-02-27 10:00+00', 'cart', NULL, 1, 'tea', 't1'),
    -- Ines carted seven days and a second ago, which is too long ago.
    (9, '2025-02-21 11:59:59+00', 'cart', NULL, 1, 'tea', 't1'),
    -- Jan carted and ordered.
    (10, '2025-02-27 10:00+00', 'cart', NULL, 1, 'tea', 't1'),
    (10, '2025-02-27 10:30+00', 'purchase', 10, 1, 'tea', 't1');
SELECT add_source('crm', 'public.contact', 'id', '{"full_name": "name", "birth_date": "born", "registered_at": "since"}') IS NOT NULL AS added;
SELECT customers FROM resolve();
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', value => 'amount', quantity => 'quantity',
                        properties => '{"category": "category", "product": "product"}', cursor_column => 'id') IS NOT NULL AS added;
SELECT events FROM refresh_timelines();
SELECT failed FROM refresh_metrics();

SELECT add_segment('1 newly registered', $$within_last(registered_at, '7 days')$$);
SELECT add_segment('2 looked at sachets', $$within_last(registered_at, '7 days') AND happened(events, 'view[category=sachet]') AND NOT happened(events, 'purchase[category=sachet]')$$);
SELECT add_segment('3 big, no campaign', $$event_sum(events, 'purchase') > 1000 AND NOT happened(events, 'campaign_response')$$);
SELECT add_segment('3 net of refunds', $$monetary > 1000 AND NOT happened(events, 'campaign_response')$$);
SELECT add_segment('4 top, gone quiet', $$monetary >= top_percent('monetary', 10, among => 'frequency > 0') AND NOT happened(events, 'purchase', last => '60 days')$$);
SELECT add_segment('5 birthday', $$is_anniversary(birth_date)$$);
SELECT add_segment('6 outdoor twice', $$event_sum(events, 'purchase[category=outdoor]', of => 'quantity', last => '1 year') >= 2$$);
SELECT add_segment('7 cart abandoned', $$unanswered(events, 'cart', 'purchase', same => 'product', last => '7 days')$$);
-- None of them is asked of everyone each time.
SELECT count(*) FROM segment WHERE note IS NOT NULL;

SELECT touch('segment', take_touched('portrait') | take_touched('tag'));
SELECT segments, customers, failed FROM refresh_conditions(false, '2025-02-28 12:00:00+00');
CREATE VIEW public.who AS
SELECT d.name AS segment, s.size, (SELECT string_agg(c.full_name, ' ' ORDER BY c.full_name)
    FROM members(segment_members(d.name)) m(customer_id) JOIN customer c USING (customer_id)) AS members
FROM segment_definition d JOIN segment s USING (name) ORDER BY 1;
SELECT * FROM public.who;

-- The tenth percent of six buyers is one customer; two tie there, so both are
-- in: Fatima and Gia. Hugo comes to tie with them, but he bought this week.
-- When Jan spends more, both leave at once, though nothing happened to them.
INSERT INTO public.event (contact, at, kind, amount, quantity, category, product)
VALUES (8, '2024-06-01 00:00+00', 'purchase', 1490, 1, 'tea', 't9');
SELECT events FROM refresh_timelines(); SELECT failed FROM refresh_metrics(); SELECT touch('segment', take_touched('portrait') | take_touched('tag'));
SELECT failed FROM refresh_conditions(false, '2025-02-28 12:00:00+00');
SELECT members FROM public.who WHERE segment = '4 top, gone quiet';
INSERT INTO public.event (contact, at, kind, amount, quantity, category, product)
VALUES (10, '2024-06-01 00:00+00', 'purchase', 5000, 1, 'tea', 't9');
SELECT events FROM refresh_timelines(); SELECT failed FROM refresh_metrics(); SELECT touch('segment', take_touched('portrait') | take_touched('tag'));
SELECT failed FROM refresh_conditions(false, '2025-02-28 12:00:00+00');
SELECT c.full_name, g.change, g.why FROM segment_change g JOIN customer c USING (customer_id)
WHERE g.segment = '4 top, gone quiet' AND g.refresh_id = (SELECT max(refresh_id) FROM segment_refresh) ORDER BY 1;

-- Two seconds later time has gone on for two of them; by midnight for more.
SELECT failed FROM refresh_conditions(false, '2025-02-28 12:00:02+00');
SELECT g.segment, c.full_name, g.change, g.why FROM segment_change g JOIN customer c USING (customer_id)
WHERE g.refresh_id = (SELECT max(refresh_id) FROM segment_refresh) ORDER BY 1, 2, 3;
SELECT failed FROM refresh_conditions(false, '2025-03-06 10:01:00+00');
SELECT g.segment, c.full_name, g.change, g.why FROM segment_change g JOIN customer c USING (customer_id)
WHERE g.refresh_id = (SELECT max(refresh_id) FROM segment_refresh) AND segment <> 'everyone else' ORDER BY 1, 2, 3;

-- The members at other moments: as written down by the refreshes, and before
-- there were any, from the timelines.
SELECT string_agg(c.full_name, ' ' ORDER BY c.full_name) FROM members(segment_as_of('4 top, gone quiet', '2025-02-28 12:00:00+00')) m(id) JOIN customer c ON c.customer_id = m.id;
SELECT at::date AS day, h.exact, regexp_replace(h.how, ' at .*', '') AS how,
       (SELECT string_agg(c.full_name, ' ' ORDER BY c.full_name) FROM members(h.members) m(id) JOIN customer c ON c.customer_id = m.id) AS members
FROM unnest('{2025-03-06 12:00+00,2025-03-01 12:00+00,2025-02-27 12:00+00,2025-02-26 12:00+00,2024-03-05 12:00+00}'::timestamptz[]) at,
     segment_at('7 cart abandoned', at) h ORDER BY at DESC;
SELECT cardinality(segment_as_of('4 top, gone quiet', '2024-09-01 00:00+00')) AS top_quiet_in_september,
       (SELECT string_agg(c.full_name, ' ') FROM members(segment_as_of('4 top, gone quiet', '2024-09-01 00:00+00')) m(id) JOIN customer c ON c.customer_id = m.id) AS who,
       cardinality(segment_as_of('everyone else', '2024-03-05 12:00+00')) AS everyone_else_in_march;
SELECT segment, at, entered, exited, size FROM segment_size WHERE segment = '7 cart abandoned' ORDER BY at, refresh_id;

-- Why someone is in a segment, or not, and what would change that.
SET customer_data.as_of = '2025-02-28 12:00:00+00';
SELECT e.* FROM customer c, explain_membership('2 looked at sachets', c.customer_id) e WHERE c.full_name = 'Boris';
SELECT e.* FROM customer c, explain_membership('3 big, no campaign', c.customer_id) e WHERE c.full_name = 'Gia';
SELECT e.* FROM customer c, explain_membership('4 top, gone quiet', c.customer_id) e WHERE c.full_name = 'Fatima';
SELECT e.* FROM customer c, explain_membership('everyone else', c.customer_id) e WHERE c.full_name = 'Ada';
RESET customer_data.as_of;

-- An order that comes in is seen at once, without a refresh.
SET customer_data.as_of = '2025-02-28 12:00:00+00';
SELECT s FROM customer, segments_of(customer_id) s WHERE full_name = 'Hugo';
RESET customer_data.as_of;
INSERT INTO public.event (contact, at, kind, amount, quantity, category, product)
VALUES (8, '2025-02-28 11:00+00', 'purchase', 10, 1, 'tea', 't1');
SELECT events FROM refresh_timelines();
SET customer_data.as_of = '2025-02-28 12:00:00+00';
SELECT s FROM customer, segments_of(customer_id) s WHERE full_name = 'Hugo';
RESET customer_data.as_of;

DROP VIEW public.who;
DROP TABLE public.contact, public.event;
