-- Sums that meet an amount to the cent: what a condition says of them is what
-- plain SQL says of numerics.  Birth dates that stand for none.  And membership
-- of another segment as part of an expression.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
\ir include/seed.sql
SELECT plan(8);

CREATE TABLE contact (id int PRIMARY KEY, born date);
CREATE TABLE event (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, contact int, at timestamptz, kind text, amount numeric);
INSERT INTO contact SELECT i, (ARRAY['1970-01-01', '1969-12-30', '1970-01-02', '1960-02-29', NULL]::date[])[1 + i % 5] FROM generate_series(1, 400) i;
-- Cents, tenths of cents and large amounts; few different ones, so that sums meet.
INSERT INTO event (contact, at, kind, amount)
SELECT 1 + i % 400, '2025-03-01 00:00+00'::timestamptz - random() * interval '40 days',
       CASE WHEN random() < 0.75 THEN 'purchase' ELSE 'refund' END,
       (ARRAY[0.1, 0.2, 0.3, 0.7, 1.1, 2.2, 3.3, 19.99, 5.01, 0.001, 1000000.01, 123456.789, 0.000001])[1 + floor(random() * 13)::int]
FROM generate_series(1, 4000) i;
SELECT add_source('crm', 'public.contact', 'id', '{"birth_date": "born"}') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', value => 'amount') IS NOT NULL AS done \gset
SELECT count(*) FROM refresh_timelines() \gset
SET customer_data.as_of = '2025-03-01';
SELECT bring_metrics(false) IS NOT NULL AS done \gset
SELECT bring_tags(false) IS NOT NULL AS done \gset
RESET customer_data.as_of;

CREATE VIEW truth AS
SELECT r.customer_id, c.*,
       coalesce((SELECT sum(amount) FROM event e WHERE e.contact = c.id AND kind = 'purchase'), 0) AS ever,
       coalesce((SELECT sum(amount) FROM event e WHERE e.contact = c.id AND kind = 'purchase' AND at > '2025-03-01 00:00+00'::timestamptz - interval '20 days'), 0) AS lately,
       coalesce((SELECT sum(CASE kind WHEN 'purchase' THEN amount ELSE -amount END) FROM event e WHERE e.contact = c.id), 0) AS net
FROM contact c JOIN source_record r ON r.key = c.id::text;
CREATE TABLE asked (name text, condition text, what text, op text, amount numeric);
INSERT INTO asked
SELECT format('%s %s %s', what, op, amount), format('%s %s %s', expression, op, amount), what, op, amount
FROM (SELECT what, expression, amount, row_number() OVER (PARTITION BY what ORDER BY random()) AS n
      FROM (SELECT DISTINCT x.* FROM truth t, LATERAL (VALUES
                ('ever', 'event_sum(events, ''purchase'')', ever), ('lately', 'event_sum(events, ''purchase'', last => ''20 days'')', lately),
                ('net', 'monetary', net)) x (what, expression, amount)) d) r, unnest('{<,<=,=,>=,>}'::text[]) op
WHERE n <= 12;
SELECT count(add_segment(name, condition)) FROM asked \gset
SELECT add_segment('born ' || op || day, format('birth_date %s %L', op, day)) FROM unnest('{<,<=,=,>=,>}'::text[]) op, unnest('{1969-12-30,1970-01-01,1970-01-02}'::text[]) day \g /dev/null
SELECT count(*) FROM refresh_conditions(false, '2025-03-01') \gset
SELECT is((SELECT string_agg(name || ': ' || error, ', ') FROM segment WHERE error IS NOT NULL), NULL, 'no segment failed');

CREATE FUNCTION expected(a asked) RETURNS customer_set LANGUAGE plpgsql AS $$
DECLARE
    members customer_set;
BEGIN
    EXECUTE format('SELECT coalesce(customer_set_agg(customer_id), ''{}'') FROM truth WHERE %I %s %s', a.what, a.op, a.amount) INTO members;
    RETURN members;
END
$$;
SELECT is((SELECT string_agg(name, ', ' ORDER BY name) FROM asked a WHERE what = w AND segment_members(name) <> expected(a)), NULL,
          format('%s: sums that meet an amount are what plain SQL says', w))
FROM unnest('{ever,lately,net}'::text[]) w;
SELECT cmp_ok((SELECT count(*) FROM asked WHERE op = '=' AND what = 'net' AND cardinality(segment_members(name)) > 0), '=', 12::bigint, 'every amount is met by somebody');
SELECT is((SELECT string_agg(format('born %s%s', op, day), ', ') FROM unnest('{<,<=,=,>=,>}'::text[]) op, unnest('{1969-12-30,1970-01-01,1970-01-02}'::text[]) day,
           LATERAL (SELECT coalesce(customer_set_agg(customer_id), '{}') AS members FROM truth
                    WHERE born <> '1970-01-01' AND CASE op WHEN '<' THEN born < day::date WHEN '<=' THEN born <= day::date WHEN '=' THEN born = day::date
                                                           WHEN '>=' THEN born >= day::date ELSE born > day::date END) t
           WHERE t.members <> segment_members('born ' || op || day)), NULL, '1970-01-01 stands for no birth date, as standard forms have it');

-- Membership of another segment, not as AND, OR and NOT have it but as a value.
CREATE TABLE within (name text, condition text, members text);
INSERT INTO within VALUES
('a', 'event_count(events, ''purchase'') >= 6', NULL),
('as a number', 'in_segment(customer_id, ''a'')::int * 2 = 2', 'segment_members(''a'')'),
('compared', 'in_segment(customer_id, ''a'') = (birth_date IS NULL)', '(segment_members(''a'') & segment_members(''nameless'')) | (segment_members(''everyone'') - segment_members(''a'') - segment_members(''nameless''))'),
('of two', 'in_segment(customer_id, ''a'')::int + in_segment(customer_id, ''nameless'')::int = 1', 'segment_members(''a'') # segment_members(''nameless'')'),
('nameless', 'birth_date IS NULL', NULL), ('everyone', 'true', NULL);
SELECT add_segment(name, condition) FROM within ORDER BY members IS NOT NULL \g /dev/null
SELECT count(*) FROM refresh_conditions(false, '2025-03-01') \gset
CREATE FUNCTION differing() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    w     within;
    same  boolean;
    names text[] := '{}';
BEGIN
    FOR w IN SELECT * FROM within WHERE members IS NOT NULL ORDER BY name LOOP
        EXECUTE format('SELECT segment_members(%L) = %s AND NOT is_empty(segment_members(%1$L))', w.name, w.members) INTO same;
        IF NOT same THEN
            names := names || w.name;
        END IF;
    END LOOP;
    RETURN nullif(array_to_string(names, ', '), '');
END
$$;
SELECT is(differing(), NULL, 'membership of another segment is what it is within an expression, too');
-- And after a few have moved.
INSERT INTO event (contact, at, kind, amount) SELECT i, '2025-02-28', 'purchase', 1 FROM generate_series(1, 40) i, generate_series(1, 3);
DELETE FROM event WHERE contact BETWEEN 41 AND 60;
SELECT count(*) FROM refresh_timelines() \gset
SET customer_data.as_of = '2025-03-01';
SELECT bring_metrics(false) IS NOT NULL AS done \gset
SELECT bring_tags(false) IS NOT NULL AS done \gset
RESET customer_data.as_of;
SELECT count(*) FROM refresh_conditions(false, '2025-03-01') \gset
SELECT is(differing(), NULL, 'and after some of its members left and others came');
SELECT * FROM finish();
