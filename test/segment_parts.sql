-- A refresh looks at timelines in the parts that they are stored in: what came
-- later brings new kinds, new texts, numbers of other scales, properties that
-- were not there, and late events between the older ones.  Members are those
-- for whom the condition holds over profile, whose timelines are in one piece.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET TimeZone = 'UTC';
SET jit = off;
SELECT plan(4);
\ir include/seed.sql

CREATE TABLE contact AS SELECT i AS id, 'c' || i % 3 AS city FROM generate_series(1, 150) i;
CREATE TABLE deed (contact int, at timestamptz, kind text, amount numeric, properties jsonb, deed_id text, loaded_by xid8 DEFAULT pg_current_xact_id());
-- What happens in a round: the later the round, the more of everything there is.
CREATE FUNCTION deeds(round int, many int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO deed
    SELECT 1 + floor(power(random(), 2) * 150),
           timestamptz '2026-03-01' + CASE WHEN random() < 0.1 THEN random() * round ELSE round - 1 + random() END * interval '3 days',
           (ARRAY['view', 'view', 'cart', 'pay', 'cart', 'pay', 'call', 'ask' || round % 3])[1 + floor(random() * least(8, 4 + round))],
           CASE WHEN random() < 0.9 THEN round((random() * 50 - CASE WHEN random() < 0.02 THEN 40 ELSE 0 END)::numeric, (round + floor(random() * 2)::int) % 4) END,
           jsonb_strip_nulls(jsonb_build_object(
               'topic', CASE WHEN random() < 0.9 THEN (ARRAY['tea', 'wine', 'books', 'toys', 'new' || round])[1 + floor(random() * least(5, 1 + round))] END,
               'mixed', CASE WHEN round % 2 = 0 OR random() < 0.3 THEN to_jsonb(floor(random() * 4)) WHEN random() < 0.5 THEN to_jsonb('m' || floor(random() * 3)) ELSE '[1]'::jsonb END,
               'paid', CASE WHEN round > 2 THEN random() < 0.5 END,
               'size', CASE WHEN random() < 0.5 THEN floor(random() * 5) END)),
           CASE WHEN round % 2 = 0 THEN 'x' || floor(random() * 40) ELSE floor(random() * 40)::text END
    FROM generate_series(1, many)
$$;
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT deeds(1, 900) \g /dev/null
SELECT add_event_source('deeds', 'public.deed', 'crm', 'contact', 'at', 'kind', value => 'amount', event_id => 'deed_id',
    properties => $${"topic": "properties->>'topic'", "mixed": "properties->'mixed'", "paid": "(properties->>'paid')::boolean", "size": "(properties->>'size')::float8"}$$) IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT count(*) FROM refresh_timelines() \gset

CREATE TABLE asked (name text, condition text);
INSERT INTO asked SELECT condition, condition FROM (
    SELECT format('event_count(events, %L%s) >= %s', p, w, n) FROM unnest('{view,pay,call,ask1,*,view[topic=tea],view[topic!=tea],pay[topic=new3],"view|cart","*[topic=wine]",pay[size>=2],"cart[topic in (tea,new2)]",view[paid=true],pay[value<10],view[mixed=m1],view[mixed=2]}'::text[]) p,
         unnest(ARRAY['', ', last => ''4 days''']) w, (VALUES (1), (3)) v(n)
    UNION ALL SELECT format('event_sum(events, %L%s%s) %s', p, o, w, n) FROM unnest('{pay,view,cart[topic=tea],*,pay[size>=1]}'::text[]) p, unnest(ARRAY['', ', last => ''5 days''']) w,
                     unnest(ARRAY['', ', of => ''size''']) o, unnest('{> 40,>= 12.5,< 3}'::text[]) n
    UNION ALL SELECT format('event_distinct(events, %L, %L%s) >= %s', p, o, w, n) FROM unnest('{view,pay,*,cart[size>=1]}'::text[]) p, unnest('{topic,mixed,size,paid,event_id}'::text[]) o,
                     unnest(ARRAY['', ', last => ''5 days''']) w, (VALUES (1), (2), (4)) v(n)
    UNION ALL SELECT format('event_days(events, %L%s) >= %s', p, w, n) FROM unnest('{view,*,pay[topic=wine]}'::text[]) p, unnest(ARRAY['', ', last => ''6 days''']) w, (VALUES (2), (4)) v(n)
    UNION ALL SELECT format('unanswered(events, %L, %L, same => %L, last => ''%s days'')', a, b, o, d)
              FROM (VALUES ('cart', 'pay'), ('view', 'call'), ('ask1', 'call'), ('cart[size>=1]', 'pay')) v(a, b), unnest('{topic,mixed,size}'::text[]) o, (VALUES (3), (20)) w(d)
    UNION ALL SELECT format('happened(events, %L) AND NOT happened(events, %L, last => ''3 days'')', p, p) FROM unnest('{view[topic=new2],ask0,call,pay[topic!=wine]}'::text[]) p
    UNION ALL SELECT format('event_last(events, %L) < as_of() - interval ''2 days''', p) FROM unnest('{view,call,pay[topic=books]}'::text[]) p
    UNION ALL SELECT format('event_first(events, %L) > as_of() - interval ''5 days''', p) FROM unnest('{view,call,pay[topic=books]}'::text[]) p
    UNION ALL SELECT 'event_avg(events, ''pay'') > 20' UNION ALL SELECT 'event_max(events, ''view'', last => ''5 days'') > 40'
    UNION ALL SELECT 'city = ''c1'' AND window_funnel(events, ARRAY[''view'', ''cart'', ''pay'']::event_pattern[], ''2 days'') >= 2') x (condition);
SELECT count(add_segment(name, condition)) FROM asked \gset

CREATE TABLE step (round int, name text, missing customer_set, beyond customer_set);
CREATE PROCEDURE go_on(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
    a      asked;
    truth  customer_set;
BEGIN
    FOR n IN 1 .. rounds LOOP
        IF n > 1 THEN
            PERFORM deeds(n, 60 + 120 * (n % 2));
            PERFORM customer_data.refresh_timelines();
        END IF;
        PERFORM customer_data.refresh_metrics();
        PERFORM customer_data.touch('segment', customer_data.take_touched('tag'));
        moment := timestamptz '2026-03-01' + (n - random() * 0.3) * interval '3 days';
        PERFORM customer_data.refresh_conditions(false, moment);
        COMMIT;
        PERFORM set_config('customer_data.as_of', moment::text, true), set_config('customer_data.recompute_past', 'off', true);
        FOR a IN SELECT * FROM asked LOOP
            EXECUTE 'SELECT coalesce(customer_data.customer_set_agg(customer_id), ''{}'') FROM customer_data.profile WHERE ' || a.condition INTO truth;
            INSERT INTO step SELECT n, a.name, truth OPERATOR(customer_data.-) m, m OPERATOR(customer_data.-) truth FROM customer_data.segment_members(a.name) m;
        END LOOP;
        COMMIT;
    END LOOP;
END
$$;
CALL go_on(6);
SELECT is((SELECT string_agg(format('%s in round %s: %s missing, %s too many', name, round, missing, beyond), E'\n' ORDER BY round, name) FROM step WHERE NOT is_empty(missing | beyond)), NULL,
          'members are those the condition holds for');
SELECT is((SELECT string_agg(name || ': ' || error, E'\n') FROM customer_data.segment WHERE error IS NOT NULL), NULL, 'no segment failed');
SELECT cmp_ok((SELECT count(*) FROM (SELECT FROM timeline_chunk GROUP BY record_id HAVING count(*) > 1) c), '>', 60::bigint, 'timelines are in several chunks');
SELECT cmp_ok((SELECT count(*) FROM asked WHERE is_empty(segment_members(name))), '<', 140::bigint, 'most conditions hold for somebody');
SELECT * FROM finish();
