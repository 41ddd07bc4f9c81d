-- Metrics and tags of a past moment are those that were stored then, where no
-- late data came; whoever may read profile may ask, and runs nothing himself.
SELECT plan(12);
SET search_path = public, customer_data;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
\set seed 31
\ir include/seed.sql

CREATE ROLE past_analyst;
CREATE ROLE past_reader;
CREATE TABLE account (id int PRIMARY KEY, name text, joined timestamptz);
CREATE TABLE event (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int, at timestamptz, what text, amount float8, category text);
INSERT INTO account SELECT i, 'name ' || i, '2026-01-01'::timestamptz - random() * interval '20 days' FROM generate_series(1, 40) i;
SELECT add_source('shop', 'account', 'id', '{"full_name": "name", "registered_at": "joined"}') \g /dev/null
SELECT resolve() \g /dev/null
SELECT add_event_source('shop', 'event', 'shop', 'account', 'at', 'what', value => 'amount', event_id => 'id',
                        properties => '{"category": "category"}', mode => 'trigger') \g /dev/null
SELECT add_metric('count_30', $$event_count(events, 'purchase', last => '30 days')$$) \g /dev/null
SELECT add_metric('quiet', $$recency > 5$$) \g /dev/null
SELECT add_metric('mixed', $$CASE WHEN count_30 >= 2 THEN monetary ELSE -1 END$$) \g /dev/null
SELECT add_metric('days', $$(SELECT recency + 1)$$) \g /dev/null
SELECT add_tag('active', $$event_count(events, '*', last => '10 days') >= 2$$) \g /dev/null
SELECT add_tag('interest.tea', $$decayed_sum(events, 'view[category=tea]', '10 days')$$, 'behaviour', half_life => '10 days', min_score => 0.2) \g /dev/null
SELECT add_tag('keen', $$has_tag(tags, 'active') AND tag_score(tags, 'interest.tea') > 0.8$$) \g /dev/null
SELECT add_tag('size.big', 'count_30 > 3', exclusive_group => 'size') \g /dev/null
SELECT add_tag('size.some', 'count_30 > 0', exclusive_group => 'size') \g /dev/null
SELECT add_tag('taste', $$affinity(events, 'purchase', 'category', prior => 0)$$, 'affinity') \g /dev/null
SELECT add_tag('vip', kind => 'manual', valid_for => '20 days') \g /dev/null

CREATE TABLE memo (moment timestamptz, customer_id bigint, metrics jsonb, tags tagset);
-- Numbers to six digits: a decaying score is rounded differently when it is computed on another day.
CREATE FUNCTION pg_temp.said(tags tagset) RETURNS text LANGUAGE sql AS
    $$SELECT string_agg(format('%s:%s', g.path, round(g.score_now::numeric, 4)), ' ' ORDER BY g.path) FROM tags(tags) g WHERE g.score_now IS NOT NULL$$;
CREATE FUNCTION pg_temp.run_days(days int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := '2026-01-01';
BEGIN
    FOR i IN 1 .. days LOOP
        PERFORM set_config('customer_data.as_of', '', false);
        INSERT INTO event (account, at, what, amount, category)
        SELECT 1 + floor(random() * 40), date_trunc('second', moment + random() * interval '3 days'),
               (ARRAY['purchase', 'view', 'refund'])[1 + floor(random() * 3)], round((random() * 100)::numeric, 2),
               (ARRAY['tea', 'outdoor', NULL])[1 + floor(random() * 3)]
        FROM generate_series(1, 20);
        moment := moment + interval '3 days 1 second';
        PERFORM tag_customer((SELECT customer_id FROM customer ORDER BY customer_id OFFSET i LIMIT 1), 'vip', at => moment - interval '1 hour');
        PERFORM refresh_timelines();
        PERFORM set_config('customer_data.as_of', moment::text, false);
        PERFORM bring_metrics(false);
        PERFORM bring_tags(false);
        INSERT INTO memo SELECT moment, c.customer_id, to_jsonb(m) - 'customer_id', t.tags
        FROM customer c LEFT JOIN customer_metric m USING (customer_id) LEFT JOIN customer_tag t USING (customer_id);
    END LOOP;
    PERFORM set_config('customer_data.as_of', '', false);
END
$$;
SELECT pg_temp.run_days(CASE current_setting('test.long', true) WHEN 'on' THEN 60 ELSE 12 END) \g /dev/null

CREATE FUNCTION pg_temp.compare() RETURNS TABLE (asked bigint, metrics text, tags text, mapped bigint) LANGUAGE plpgsql AS $$
DECLARE
    m timestamptz;
    part record;
BEGIN
    asked := 0; mapped := 0;
    FOR m IN SELECT DISTINCT moment FROM memo ORDER BY 1 DESC LOOP
        PERFORM set_config('customer_data.as_of', m::text, false);
        SELECT count(*) AS n, min(format('%s: %s then, %s now', o.customer_id, o.metrics, p.metrics)) FILTER (WHERE p.metrics IS DISTINCT FROM o.metrics) AS metrics,
               min(format('%s at %s: %s then, %s now', o.customer_id, m, pg_temp.said(o.tags), pg_temp.said(p.tags)))
                   FILTER (WHERE pg_temp.said(p.tags) IS DISTINCT FROM pg_temp.said(coalesce(o.tags, '{}'))) AS tags,
               count(*) FILTER (WHERE p.metrics ->> 'monetary' <> '0') AS mapped
        INTO part
        FROM memo o JOIN (SELECT r.customer_id, r.tags, to_jsonb(r) - ARRAY['customer_id', 'events', 'tags', 'full_name', 'registered_at', 'recency', 'inactivity', 'tenure'] AS metrics
                          FROM profile r ORDER BY hashint8(r.customer_id)) p USING (customer_id)
        WHERE o.moment = m;
        asked := asked + part.n; mapped := mapped + part.mapped;
        metrics := coalesce(metrics, part.metrics); tags := coalesce(tags, part.tags);
    END LOOP;
    PERFORM set_config('customer_data.as_of', '', false);
    RETURN NEXT;
END
$$;
CREATE TEMP TABLE result AS SELECT * FROM pg_temp.compare();
SELECT is(metrics, NULL, 'all metrics of past moments are those stored then') FROM result;
SELECT is(tags, NULL, 'all tags of past moments are those stored then') FROM result;
SELECT ok(asked >= 480 AND mapped > 200, 'and there was something to compare') FROM result;

-- one customer at a time, by a plan made before
SELECT moment AS middle FROM memo GROUP BY 1 ORDER BY 1 OFFSET 5 LIMIT 1 \gset
PREPARE one AS SELECT count(*) FILTER (WHERE p.monetary IS DISTINCT FROM (m.metrics ->> 'monetary')::float8 OR p.quiet IS DISTINCT FROM (m.metrics ->> 'quiet')::bool)
    FROM memo m CROSS JOIN LATERAL (SELECT * FROM profile q WHERE q.customer_id = m.customer_id) p WHERE m.moment = :'middle';
EXECUTE one \gset present_
SELECT ok(:present_count > 0, 'what is stored is the present');
SET customer_data.as_of = :'middle';
EXECUTE one \gset past_
SELECT is(:past_count, 0, 'the same plan follows customer_data.as_of');
SET customer_data.recompute_past = off;
EXECUTE one \gset off_
SELECT is(:off_count, :present_count, 'unless recompute_past is off');
RESET customer_data.recompute_past;
SELECT is((SELECT count(*) FROM try_expression('monetary + coalesce(count_30, 0)') t JOIN memo m USING (customer_id)
           WHERE m.moment = :'middle' AND t.value::float8 IS DISTINCT FROM (m.metrics ->> 'monetary')::float8 + (m.metrics ->> 'count_30')::float8), 0::bigint,
          'expressions tried at that moment see metrics of then');
RESET customer_data.as_of;

-- another role's metric runs as that role, whoever asks
GRANT USAGE ON SCHEMA customer_data TO past_analyst, past_reader;
GRANT ALL ON ALL TABLES IN SCHEMA customer_data TO past_analyst;
GRANT ALL ON ALL SEQUENCES IN SCHEMA customer_data TO past_analyst;
CREATE FUNCTION who_runs(float8) RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text';
UPDATE metric SET owner = 'past_analyst' WHERE name = 'mixed';
SELECT add_metric('runner', 'public.who_runs(monetary)') \g /dev/null
UPDATE metric SET owner = 'past_analyst' WHERE name = 'runner';
SELECT refresh_metrics() \g /dev/null
GRANT SELECT ON profile TO past_reader;
SET customer_data.as_of = :'middle';
SET ROLE past_reader;
SELECT is((SELECT array_agg(DISTINCT runner) FROM profile), ARRAY['past_analyst'], 'a metric runs as the role that defined it');
SELECT is((SELECT count(*) FROM profile p WHERE p.mixed IS NULL), 0::bigint, 'and gives its value to a reader of profile');
SELECT is((SELECT current_user::text), 'past_reader', 'who stays who he is');
RESET ROLE;
REVOKE SELECT ON profile FROM past_reader;
SET ROLE past_reader;
SELECT throws_ok($$SELECT metric_as_of('monetary', 1, NULL::float8)$$, '42501', NULL, 'who may not read profile may not compute it either');
RESET ROLE;
RESET customer_data.as_of;
SELECT is((SELECT count(*) FROM profile p JOIN customer_metric m USING (customer_id) WHERE p.monetary IS DISTINCT FROM m.monetary), 0::bigint, 'and the present is as it was');
DROP OWNED BY past_analyst, past_reader;
DROP ROLE past_analyst, past_reader;
SELECT * FROM finish();
