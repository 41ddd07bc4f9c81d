SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
SET TimeZone = 'UTC';
-- Conditions are asked by parallel workers where there are many customers; the
-- answers are those of one process.
CREATE TABLE public.contact (id int PRIMARY KEY, city text, since timestamptz);
CREATE TABLE public.event (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, contact int, at timestamptz, kind text, amount numeric);
INSERT INTO public.contact SELECT n, (ARRAY['Brno', 'Bern', NULL])[1 + n % 3], now() - n * interval '1 day' FROM generate_series(1, 400) n;
INSERT INTO public.event (contact, at, kind, amount)
SELECT n % 300, now() - n * interval '1 hour', (ARRAY['view', 'purchase'])[1 + n % 2], n % 7 FROM generate_series(1, 3000) n;
CREATE FUNCTION public.by_worker() RETURNS boolean STABLE PARALLEL SAFE LANGUAGE sql AS
    $$SELECT backend_type = 'parallel worker' FROM pg_stat_activity WHERE pid = pg_backend_pid()$$;
CREATE FUNCTION public.for_the_leader(text) RETURNS boolean STABLE PARALLEL RESTRICTED LANGUAGE sql AS $$SELECT $1 = 'Brno'$$;
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city", "registered_at": "since"}') IS NOT NULL AS done;
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', value => 'amount', mode => 'trigger') IS NOT NULL AS done;
SELECT customers FROM resolve();
SELECT events FROM refresh_timelines();
SELECT count(add_segment(name, condition)) FROM (VALUES
    ('asked by a worker', 'public.by_worker()'),
    ('Brno', 'city = ''Brno'''),
    ('newcomer', 'within_last(registered_at, ''100 days'')'),
    ('newcomer of Brno', 'in_segment(customer_id, ''newcomer'') AND in_segment(customer_id, ''Brno'')'),
    ('viewer', 'event_count(events, ''view'', last => ''30 days'') >= 2'),
    ('spender', 'event_sum(events, ''purchase'') > 20 AND NOT happened(events, ''view'', last => ''3 days'')')) s(name, condition);
SELECT failed FROM refresh_segments();
SELECT name, size FROM segment WHERE error IS NULL ORDER BY name;
CREATE TABLE public.alone AS SELECT name, segment_members(name) AS members FROM segment;
CREATE TABLE public.dues AS SELECT d.due, x.condition, x.customers FROM condition_due d, unnest(d.conditions, d.customers) AS x(condition, customers);

SET customer_data.segment_workers = 2;
SELECT entered > 0 AS entered, exited, failed FROM refresh_segments(rebuild => true);
SELECT name, segment_members(name) = members AS equal, cardinality(segment_members(name)) AS size FROM public.alone ORDER BY name;
-- Moments to look again are the same, too, whoever found them.
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE a.customers = b.customers) = count(*) AS equal
FROM (SELECT due, condition, customer_set_or_agg(customers) AS customers FROM public.dues GROUP BY 1, 2) a
FULL JOIN (SELECT d.due, x.condition, customer_set_or_agg(x.customers) AS customers
           FROM condition_due d, unnest(d.conditions, d.customers) AS x(condition, customers) GROUP BY 1, 2) b USING (due, condition)
WHERE due > now() + interval '3 days' AND due < now() + interval '60 days';

-- A change is followed by workers as well.
UPDATE public.contact SET city = 'Brno' WHERE id IN (1, 2);
INSERT INTO public.event (contact, at, kind) VALUES (399, now(), 'view'), (399, now(), 'view');
SELECT count(*) FROM resolve();
SELECT count(*) FROM refresh_timelines();
SELECT entered, exited, failed FROM refresh_segments();

-- A condition that fails is found by the leader, alone, and stops no other.
SELECT add_segment('fails', '1 / (length(city) - 4) > 0');
SELECT failed FROM refresh_segments(rebuild => true);
SELECT name, size, error IS NOT NULL AS failed FROM segment WHERE name IN ('fails', 'asked by a worker', 'Brno', 'viewer') ORDER BY name;
SELECT drop_segment('fails');
-- What is not safe in a worker is asked by the leader.
SELECT add_segment('leader', 'public.for_the_leader(city)');
SELECT failed FROM refresh_segments(rebuild => true);
SELECT name, size FROM segment WHERE name IN ('leader', 'asked by a worker') ORDER BY name;
DROP TABLE public.contact, public.event, public.alone, public.dues;
DROP FUNCTION public.by_worker, public.for_the_leader;
