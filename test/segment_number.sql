-- Numbers that are none, are infinite or stand for nothing: what conditions say
-- of them is what plain SQL says over profile, where NaN is greater than all.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SELECT plan(5);
CREATE TABLE contact (id int PRIMARY KEY, score text);
CREATE TABLE event (contact int, at timestamptz, kind text, amount float8);
INSERT INTO contact SELECT n, s FROM unnest('{NaN,infinity,-infinity,-0,0,1,1e308,NULL,2.5,-1e-300}'::text[]) WITH ORDINALITY x (s, n);
INSERT INTO event SELECT 1 + i % 8, now() - i * interval '7 hours', (ARRAY['view', 'purchase'])[1 + i % 2], (ARRAY[0, -1, 2.5, 0.1])[1 + i % 4] FROM generate_series(1, 90) i;
SELECT add_source('crm', 'public.contact', 'id', '{"score": "score"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', value => 'amount') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT count(*) FROM refresh_timelines() \gset
SELECT add_metric('points', 'score::float8') IS NULL AS done \gset
CREATE TABLE asked AS
SELECT row_number() OVER ()::text AS name, format('%s %s %s', what, op, number) AS condition
FROM unnest(ARRAY['points', 'monetary', 'recency', 'event_count(events, ''view'')', 'event_count(events, ''view'', last => ''5 days'')', 'event_sum(events, ''purchase'', last => ''5 days'')',
                  'event_avg(events, ''*'', last => ''5 days'')', 'event_max(events, ''view'')', 'event_days(events, ''*'', last => ''5 days'')', 'tag_score(tags, ''tea'')']) what,
     unnest('{<,<=,=,<>,>=,>}'::text[]) op,
     unnest(ARRAY['''NaN''::float8', '''infinity''::float8', '''-infinity''::float8', '''NaN''::numeric', '0', '-0.0::float8', '2.5', '1e308::float8', 'NULL::float8', '3']) number;
INSERT INTO asked SELECT 'ranked ' || n, c FROM unnest(ARRAY['points >= top_percent(''points'', 10)', 'points > metric_percentile(''points'', 50)', 'points < metric_percentile(''points'', 100)', 'points = top_percent(''points'', 100)']) WITH ORDINALITY x (c, n);
SELECT count(add_segment(name, condition)) FROM asked \gset
CREATE FUNCTION differing() RETURNS text LANGUAGE plpgsql SET search_path = public, customer_data AS $$
DECLARE
    a asked;
    truth customer_set;
    wrong text;
BEGIN
    PERFORM set_config('customer_data.as_of', max(moment)::text, true) FROM customer_data.segment_refresh;
    FOR a IN SELECT * FROM asked LOOP
        EXECUTE format('SELECT coalesce(customer_set_agg(customer_id), ''{}'') FROM profile WHERE %s', a.condition) INTO truth;
        IF truth <> segment_members(a.name) THEN
            wrong := concat_ws('; ', wrong, format('%s: %s, not %s', a.condition, segment_members(a.name), truth));
        END IF;
    END LOOP;
    PERFORM set_config('customer_data.as_of', '', true);
    RETURN wrong;
END
$$;
SELECT refresh_segments() IS NULL AS done \gset
SELECT is((SELECT string_agg(name || ': ' || error, ', ') FROM segment WHERE error IS NOT NULL), NULL, 'no segment failed');
SELECT cmp_ok((SELECT count(*) FROM segment WHERE size > 0), '>', 200::bigint, 'most have members');
SELECT is(differing(), NULL, 'members are what plain SQL says');
UPDATE contact SET score = (ARRAY['NaN', 'infinity', '7'])[1 + id % 3] WHERE id % 2 = 0;
SELECT count(*) FROM resolve() \gset
SELECT refresh_segments() IS NULL AS done \gset
SELECT is(differing(), NULL, 'and after some have changed');
SELECT is((SELECT string_agg(s, ', ') FROM customer c, LATERAL (SELECT s FROM segments_of(c.customer_id) s EXCEPT SELECT name FROM segment_definition WHERE is_member(name, c.customer_id)) x), NULL, 'segments_of() says the same');
SELECT * FROM finish();
