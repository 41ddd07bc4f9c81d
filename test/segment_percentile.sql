-- top_percent() and metric_percentile(): ties, few customers, none, infinities,
-- and thresholds that move although nothing is known of it but the clock.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET TimeZone = 'UTC';
SELECT plan(17);
CREATE TABLE contact (id int PRIMARY KEY, since timestamptz);
CREATE TABLE event (contact int, at timestamptz, amount numeric);
SELECT add_source('crm', 'public.contact', 'id', '{"registered_at": "since"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', $$'purchase'$$, value => 'amount', mode => 'trigger') IS NOT NULL AS done \gset
CREATE FUNCTION refresh() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM customer_data.resolve(); PERFORM customer_data.refresh_timelines(); PERFORM customer_data.refresh_segments();
END
$$;
CREATE FUNCTION who(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(r.key, ' ' ORDER BY r.key::int) FROM members(segment_members($1)) m(id) JOIN source_record r ON r.customer_id = m.id
$$;
INSERT INTO contact VALUES (1, now());
SELECT refresh() \gset
SELECT add_segment('top', $$monetary >= top_percent('monetary', 20)$$) IS NULL AS done, add_segment('upper half', $$monetary > metric_percentile('monetary', 50)$$) IS NULL AS done,
       add_segment('lowest quarter', $$monetary <= metric_percentile('monetary', 25, among => 'frequency > 0')$$) IS NULL AS done,
       add_segment('longest here', $$tenure >= metric_percentile('tenure', 80)$$) IS NULL AS done \gset
DELETE FROM contact;
SELECT refresh() \gset
SELECT is(metric_percentile('monetary', 50), NULL, 'of nobody there is no percentile');
INSERT INTO contact SELECT i, now() - i * interval '30 hours' FROM generate_series(1, 10) i;
INSERT INTO event SELECT i, now() - interval '1 day', (ARRAY[10, 20, 20, 20, 30, 40, 50, 50, 50])[i] FROM generate_series(1, 9) i;
SELECT refresh() \gset
-- The refresh that finds a threshold notes who lies where, so that no later one looks at everyone.
SELECT is((SELECT array_agg(threshold_id ORDER BY 1) FROM condition_rank JOIN condition_threshold h USING (threshold_id, value)),
          (SELECT array_agg(threshold_id ORDER BY 1) FROM condition_threshold WHERE value IS NOT NULL), 'ranks are known with the first threshold');
-- Of 0 10 20 20 20 30 40 50 50 50.
SELECT is(metric_percentile('monetary', p), (SELECT percentile_disc(p / 100) WITHIN GROUP (ORDER BY monetary) FROM profile), 'percentile ' || p)
FROM unnest(ARRAY[0.001, 10, 50, 50.1, 100]::float8[]) p;
SELECT is(who('top'), '7 8 9', 'two of ten are the top fifth, and a third ties with them');
SELECT is(who('upper half'), '5 6 7 8 9', 'who ties with the median is not above it');
SELECT is(who('lowest quarter'), '1 2 3 4 10', 'the lowest quarter of buyers, ties and who bought nothing included');
UPDATE event SET amount = 35 WHERE contact = 2;
SELECT refresh() \gset
SELECT is((SELECT array_agg(DISTINCT why ORDER BY why) FROM segment_change WHERE segment = 'upper half' AND refresh_id = (SELECT max(refresh_id) FROM segment_refresh)), ARRAY['data', 'threshold'], 'one moved, another was passed by the threshold');
SELECT is(who('upper half'), '2 6 7 8 9', 'the upper half is another one');
-- Thresholds of what moves with time: only the clock goes on.
SELECT count(*) AS before FROM members(segment_members('longest here')) \gset
SELECT matches((SELECT note FROM segment WHERE name = 'longest here'), '^asked of everyone at each refresh: .*metric_percentile\(''tenure''\)', 'a rank by what moves with time is asked of everyone');
SELECT count(*) FROM refresh_conditions(false, now() + interval '100 days') \gset
SELECT is((SELECT count(*) FROM members(segment_members('longest here'))), :before::bigint, 'and its threshold moves with the clock');
SELECT add_segment('best by the clock', $$monetary >= top_percent('monetary', 20, among => 'registered_at < now()')$$) IS NULL AS done \gset
SELECT is((SELECT note FROM segment WHERE name = 'best by the clock'), 'who is ranked is asked of everyone at each refresh: the use of time in now() cannot be followed', 'so is a population that cannot be followed');
SELECT throws_ok($$SELECT add_segment('x', 'monetary > metric_percentile(''monetary'', 0)')$$, '22023', 'the percentage of metric_percentile() must be above 0 and at most 100', 'zero is no percentile');
-- Asked again by a function that has changed the metric meanwhile, it is another threshold.
CREATE FUNCTION pg_temp.twice() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    x float8[];
    one float8;
BEGIN
    FOR i IN 1 .. 2 LOOP
        one := customer_data.top_percent('frequency', 100);
        x := x || one;
        UPDATE customer_data.customer_metric SET frequency = frequency + 100;
    END LOOP;
    RETURN x[2] = x[1] + 100;
END
$$;
SELECT ok(pg_temp.twice(), 'a threshold follows what its own transaction changes');
SELECT * FROM finish();
