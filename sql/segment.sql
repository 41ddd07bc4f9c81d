SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
SET TimeZone = 'UTC';
SET bytea_output = 'hex';

-- Customers: ten, with a birthday on a leap day among them.
CREATE TABLE public.contact (id int PRIMARY KEY, name text, city text, born date, since timestamptz);
INSERT INTO public.contact VALUES
    (1, 'Ada Larsen',    'Bergen',   '1988-02-29', '2025-02-20 12:00:00+00'),
    (2, 'Boris Novak',   'Brno',     '1990-03-01', '2025-02-21 12:00:01+00'),
    (3, 'Chen Wei',      'Chengdu',  '1975-02-28', '2025-02-21 12:00:00+00'),
    (4, 'Dora Fischer',  'Dresden',  '1969-07-14', '2024-12-31 23:59:59+00'),
    (5, 'Emil Virtanen', 'Espoo',    NULL,         NULL),
    (6, 'Fatima Haddad', 'Fes',      '2000-02-29', '2025-02-28 12:00:00+00'),
    (7, 'Giulia Conti',  'Genova',   '1982-12-31', '2025-03-01 00:00:00+00'),
    (8, 'Hugo Marchand', 'Brno',     '1999-01-01', '2023-06-01 00:00:00+00'),
    (9, 'Ines Duarte',   'Brno',     '1995-05-05', '2025-02-27 00:00:00+00'),
    (10, 'Jan Kowalski', 'Krakow',   '1977-11-11', '2020-02-29 00:00:00+00');
SELECT add_source('crm', 'public.contact', 'id',
                  '{"full_name": "name", "city": "city", "birth_date": "born", "registered_at": "since"}') IS NOT NULL AS added;
SELECT customers FROM resolve();

-- A segment is a condition: what follows WHERE in SELECT * FROM profile WHERE ...
SELECT add_segment('newly registered', $$within_last(registered_at, '7 days')$$, 'registered within a week', 10);
SELECT add_segment('birthday', $$is_anniversary(birth_date)$$, 'birthday today', 20);
SELECT add_segment('brno', $$city = 'Brno'$$);
SELECT add_segment('new in brno', $$in_segment(customer_id, 'newly registered') AND in_segment(customer_id, 'brno')$$);

-- refresh_segments() at a given moment, as tests need it.
CREATE FUNCTION public.refresh_at(moment timestamptz, OUT segments int, OUT customers bigint, OUT entered bigint, OUT exited bigint, OUT failed int)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM touch('segment', take_touched('portrait') | take_touched('tag'));
    SELECT r.segments, r.customers, r.entered, r.exited, r.failed INTO segments, customers, entered, exited, failed
    FROM refresh_conditions(false, moment) r;
END
$$;
SELECT * FROM public.refresh_at('2025-02-28 12:00:00+00');
SELECT name, size, percent, refreshed_at, condition, description, error FROM segment;

-- The window is open at its start and closed at its end: Chen registered
-- exactly seven days ago and is out, Boris one second later and is in, Fatima
-- this very moment and is in. Leap-day birthdays fall on 28 February.
CREATE VIEW public.who AS
SELECT d.name AS segment, string_agg(split_part(c.full_name, ' ', 1), ' ' ORDER BY c.full_name) AS members
FROM segment_definition d, LATERAL members(segment_members(d.name)) m(customer_id)
JOIN customer c USING (customer_id) GROUP BY 1 ORDER BY 1;
SELECT * FROM public.who;

-- One second later Boris is out though nothing happened but time.
SELECT entered, exited FROM public.refresh_at('2025-02-28 12:00:01+00');
SELECT g.segment, c.full_name, g.change, g.at, g.why
FROM segment_change g JOIN customer c USING (customer_id) WHERE g.at = '2025-02-28 12:00:01+00' ORDER BY 1, 2;
-- At midnight birthdays change.
SELECT entered, exited FROM public.refresh_at('2025-03-01 00:00:00+00');
SELECT * FROM public.who;

-- Changed data, a redefinition, and a customer that is no more.
UPDATE public.contact SET city = 'Brno' WHERE id = 6;
DELETE FROM public.contact WHERE id = 8;
SELECT customers FROM resolve();
SELECT alter_segment('birthday', $$is_anniversary(birth_date, before => 3, after => 1)$$);
SELECT name, error FROM segment WHERE error IS NOT NULL;
SELECT entered, exited FROM public.refresh_at('2025-03-02 00:00:00+00');
SELECT g.segment, coalesce(c.full_name, 'gone') AS customer, g.change, g.why
FROM segment_change g LEFT JOIN customer c USING (customer_id) WHERE g.at = '2025-03-02' ORDER BY 1, 2;
SELECT * FROM segment_coverage();
SELECT segment_a, segment_b, size_a, size_b, shared FROM segment_overlap() WHERE shared > 0;

-- A condition that fails is set aside with its error and stops no other; it
-- keeps the members it had.
SELECT add_segment('broken', $$10 / (length(city) - 7) > 0$$);
SELECT failed FROM public.refresh_at('2025-03-03 00:00:00+00');
SELECT name, size, regexp_replace(error, '\d+', 'N') AS error FROM segment WHERE error IS NOT NULL;

-- Membership now, from current data, without a refresh.
INSERT INTO public.contact VALUES (11, 'Kofi Mensah', 'Brno', '1993-03-03', '2025-03-02 10:00:00+00');
SELECT customers FROM resolve();
SET customer_data.as_of = '2025-03-03 00:00:00+00';
SELECT segments_of(customer_id) FROM customer WHERE full_name = 'Kofi Mensah';
SELECT segments_of(customer_id) FROM customer WHERE full_name = 'Emil Virtanen';
SELECT count(*) FROM segments_of(4294967295);
SELECT refresh_segments();
RESET customer_data.as_of;

-- What cannot be a condition is refused, saying where and what to do.
\set VERBOSITY terse
SELECT add_segment('x', $$regstered_at IS NULL$$);
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT add_segment('x', $$city = 'Brno' AND regstered_at IS NULL$$);
SELECT add_segment('x', $$count(*) > 1$$);
SELECT add_segment('x', $$row_number() OVER () = 1$$);
SELECT add_segment('x', $$generate_series(1, 2) = 1$$);
SELECT add_segment('x', $$random() < 0.5$$);
SELECT add_segment('x', $$registered_at > clock_timestamp()$$);
SELECT add_segment('x', $$registered_at > 'yesterday'::timestamptz$$);
SELECT add_segment('x', $$registered_at > 'yesterday'$$);
SELECT add_segment('x', $$birth_date IN ('2000-01-01', 'today')$$);
SELECT add_segment('x', $$registered_at BETWEEN ' Today 10:00' AND 'tomorrow allballs'::text::timestamptz$$);
SELECT add_segment('x', $$registered_at = ANY ('{now,epoch}'::timestamptz[])$$);
SELECT add_segment('x', $$city IN ('now', 'Yesterday', 'Nowhere')$$), drop_segment('x');
SELECT add_segment('x', $$within_last(registered_at, '-3 days')$$);
SELECT add_segment('x', $$city = 'Brno' AND NOT older_than(span => -interval '1 month', at => registered_at)$$);
SELECT add_segment('x', $$happened(events, 'view', last => '7 days -1 hour')$$);
SELECT add_segment('x', $$unanswered(events, 'cart', 'purchase', after => make_interval(hours => -1))$$);
SELECT add_segment('x', $$is_anniversary(birth_date, after => 181)$$);
SELECT add_segment('x', $$length(city)$$);
SELECT add_segment('x', $$$$);
SELECT add_segment('x', $$true; DROP TABLE contact$$);
SELECT add_segment('x', $$city = 'a' FROM contact$$);
SELECT add_segment('x', $$in_segment(customer_id, 'brnno')$$);
SELECT add_segment('x', $$in_segment(customer_id, city)$$);
SELECT add_segment('x', $$in_segment(customer_id, NULL)$$);
SELECT add_segment('x', $$city = 'Brno' AND NOT in_stage(NULL, 'a', 'b')$$);
SELECT add_segment('x', $$in_segment(7, 'brno')$$);
SELECT add_segment('x', $$customer_id > top_percent('customerid', 10)$$);
SELECT add_segment('x', $$customer_id > top_percent('customer_id', 0)$$);
SELECT add_segment('x', $$city > top_percent('city', 10)::text$$);
SELECT add_segment('x', $$monetary > top_percent('money spent', 10)$$);
SELECT add_segment('brno', $$true$$);
SELECT alter_segment('newly registered', $$in_segment(customer_id, 'new in brno')$$);
SELECT drop_segment('brno');
SELECT drop_segment('everyone else');
SELECT drop_segment('bruno');
SELECT within_last(now(), '-1 day');

-- Comparisons with as_of() know their expiry; other uses of time are asked of
-- everyone at each refresh, and the view says so.
SELECT add_segment('a week, by hand', $$registered_at > as_of() - interval '7 days' AND registered_at <= as_of()$$);
SELECT add_segment('a week, elapsed', $$as_of() - registered_at < '7 days' AND registered_at <= as_of()$$);
SELECT add_segment('this month', $$date_trunc('month', as_of()) <= registered_at$$);
SELECT add_segment('by the clock', $$registered_at < now()$$);
SELECT add_segment('by tags of all', $$tag_members('vip') @> customer_id$$);
SELECT add_segment('sub-select', $$EXISTS (SELECT FROM public.contact k WHERE k.name = full_name AND k.id > 5)$$);
SELECT name, note FROM segment WHERE note IS NOT NULL ORDER BY 1;
SELECT failed FROM public.refresh_at('2025-03-04 00:00:00+00');
SELECT * FROM public.who WHERE segment IN ('a week, by hand', 'a week, elapsed', 'this month', 'sub-select', 'newly registered');
SELECT drop_segment('new in brno');
SELECT drop_segment('brno');
SELECT name FROM segment;

DROP VIEW public.who;
DROP FUNCTION public.refresh_at(timestamptz);
DROP TABLE public.contact;
