-- Metrics and tags that go into each other are evaluated in order, also over
-- many steps, by way of metrics over tags, of given tags and of groups: a
-- refresh of whom something changed for gives what deciding all anew gives.
SELECT plan(31);
SET search_path = public, customer_data;
SET client_min_messages = warning;
SET TimeZone = 'UTC';

CREATE TABLE account (id int PRIMARY KEY);
CREATE TABLE event (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int, at timestamptz, what text, amount float8);
INSERT INTO account SELECT generate_series(1, 12);
SELECT add_source('shop', 'account', 'id', '{"loyalty_id": "id"}') \g /dev/null
SELECT resolve() \g /dev/null
SELECT add_event_source('shop', 'event', 'shop', 'account', 'at', 'what', value => 'amount', event_id => 'id', mode => 'trigger') \g /dev/null
CREATE FUNCTION pg_temp.who(id int) RETURNS bigint LANGUAGE sql AS $$SELECT customer_id FROM source_record WHERE key = $1::text$$;
-- All of it as of a moment, which stays set, for whom it concerns, then anew; what differs.
CREATE FUNCTION pg_temp.at(moment timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    stepwise text;
    anew text;
BEGIN
    PERFORM set_config('customer_data.as_of', '', false);
    PERFORM refresh_timelines();
    PERFORM set_config('customer_data.as_of', moment::text, false);
    PERFORM bring_metrics(false), bring_tags(false);
    stepwise := pg_temp.state();
    PERFORM bring_metrics(true), bring_tags(true);
    anew := pg_temp.state();
    DELETE FROM customer_tag; DELETE FROM tag_state; DELETE FROM tag_due; DELETE FROM metric_state; DELETE FROM metric_due;
    PERFORM bring_metrics(false), bring_tags(true);
    anew := concat(nullif(anew, pg_temp.state()), anew);
    RETURN CASE WHEN stepwise IS DISTINCT FROM anew THEN concat(stepwise, E'\nbut anew\n', anew) END;
END
$$;
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT string_agg(format('%s: %s %s', c.loyalty_id, to_jsonb(m) - 'customer_id' - '{first_event_at,last_event_at}'::text[],
                                     (SELECT string_agg(t.path || ':' || round(t.score_now::numeric, 4), ' ' ORDER BY t.path) FROM tags(coalesce(g.tags, '{}')) t WHERE t.score_now IS NOT NULL)), E'\n' ORDER BY c.loyalty_id::int)
            FROM customer c LEFT JOIN customer_metric m USING (customer_id) LEFT JOIN customer_tag g USING (customer_id));
END
$$;
CREATE FUNCTION pg_temp.tags_of(id int) RETURNS text LANGUAGE plpgsql SET customer_data.recompute_past = off AS $$
BEGIN
    RETURN (SELECT string_agg(g.path, ' ' ORDER BY g.path) FROM profile p, tags(p.tags) g WHERE p.customer_id = pg_temp.who(id) AND g.score_now IS NOT NULL);
END
$$;
CREATE FUNCTION pg_temp.detail(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS answer = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(': ', SQLERRM, answer);
END
$$;

-- long chains
SELECT add_metric('c0', 'event_count(events, ''purchase'')') \g /dev/null
SELECT add_metric('c' || i, format('c%s + 1', i - 1)) FROM generate_series(1, 30) i \g /dev/null
SELECT add_tag('k0', 'c0 >= 2') \g /dev/null
SELECT lives_ok($$SELECT add_tag('k' || i, format('has_tag(tags, %L)', 'k' || i - 1)) FROM generate_series(1, 30) i$$, 'a long chain is no cycle');
INSERT INTO event (account, at, what, amount) SELECT i, '2026-01-01', 'purchase', 10 * i FROM generate_series(1, 6) i;
SELECT is(pg_temp.at('2026-01-02'), NULL, 'metrics and tags over 30 steps');
SELECT is((SELECT c30 FROM profile WHERE customer_id = pg_temp.who(1)), 31::float8, 'the last of 31 metrics is there');
INSERT INTO event (account, at, what) VALUES (1, '2026-01-02 12:00', 'purchase');
SELECT is(pg_temp.at('2026-01-03'), NULL, 'and follow when something changes');
SELECT is((SELECT has_tag(tags, 'k30') FROM profile WHERE customer_id = pg_temp.who(1)), true, 'the last of 31 tags is there');
SELECT drop_tag('k' || i) FROM generate_series(30, 0, -1) i \g /dev/null
SELECT drop_metric('c' || i) FROM generate_series(30, 1, -1) i \g /dev/null

-- metrics over tags, tags over those metrics, and so on
SELECT add_tag('big', 'monetary > 45') \g /dev/null
SELECT add_tag('warm', $$decayed_sum(events, 'view', '1 day')$$, 'behaviour', half_life => '1 day', min_score => 0.25) \g /dev/null
SELECT add_metric('marks', $$has_tag(tags, 'big')::int + coalesce(tag_score(tags, 'warm') > 0.5, false)::int$$) \g /dev/null
SELECT add_metric('marks_more', 'marks + recency') \g /dev/null
SELECT add_tag('marked', 'marks > 0'), add_tag('marked_more', $$has_tag(tags, 'marked') AND marks_more > 2$$) \g /dev/null
SELECT add_metric('many', 'tag_count(tags)'), add_tag('several', 'tag_count(tags) >= 2') \g /dev/null
SELECT is(pg_temp.at('2026-01-04'), NULL, 'metrics over tags and tags over these, at once');
SELECT is(pg_temp.tags_of(6), 'big marked marked_more several', 'a tag over a metric over a tag is there');
INSERT INTO event (account, at, what, amount) VALUES (2, '2026-01-05', 'purchase', 100), (3, '2026-01-05', 'view', NULL), (6, '2026-01-05', 'refund', 50);
SELECT is(pg_temp.at('2026-01-05 00:00:01'), NULL, 'they follow when something changes');
SELECT is(ARRAY[pg_temp.tags_of(2), pg_temp.tags_of(3), pg_temp.tags_of(6)], '{big marked several,marked marked_more several warm,NULL}', 'as they should');
SELECT is(pg_temp.at('2026-01-06 00:00:01'), NULL, 'and when only time passes');
SELECT is(pg_temp.tags_of(3), 'warm', 'as a score falls');
SET customer_data.as_of = '2026-01-05 00:00:01';
SELECT is((SELECT array_agg(format('%s %s %s', marks, many, has_tag(tags, 'marked_more')) ORDER BY customer_id) FROM profile WHERE customer_id IN (pg_temp.who(2), pg_temp.who(3), pg_temp.who(6))),
          '{"1 3 f","1 4 t","0 0 f"}', 'of a past moment they are what they were then');
RESET customer_data.as_of;

-- cycles are refused, with the way round
SELECT is(pg_temp.detail($$SELECT alter_tag('big', 'marks_more > 1')$$),
          'tag "big" would depend on itself: The cycle is tag big → metric marks_more → metric marks → tag big.', 'by way of metrics');
SELECT is(pg_temp.detail($$SELECT alter_metric('marks', 'has_tag(tags, ''marked_more'')::int')$$),
          'metric "marks" would depend on itself: The cycle is metric marks → tag marked_more → metric marks_more → metric marks.', 'by way of a tag');
SELECT is(pg_temp.detail($$SELECT add_tag('a.x', 'has_tag(tags, ''b'')'), add_tag('b', 'has_tag(tags, ''a.*'')')$$),
          'tag "b" would depend on itself: The cycle is tag b → tag a.x → tag b.', 'by way of a branch');
SELECT is(pg_temp.detail($$SELECT add_tag('g.a', 'true', exclusive_group => 'g'), add_tag('h', 'has_tag(tags, ''g.a'')'), add_tag('g.b', 'has_tag(tags, ''h'')', exclusive_group => 'g')$$),
          'tag "g.b" would depend on itself: The cycle is group g → tag h → group g.', 'by way of a group');

SELECT is(pg_temp.detail($$SELECT add_tag('many', 'many > 2')$$),
          'tag "many" would depend on itself: The cycle is tag many → metric many → tag many.', 'by way of all tags');

-- given tags that others ask for, and that end
SELECT add_tag('vip', kind => 'manual', valid_for => '2 days'), add_tag('list', kind => 'imported', valid_for => '3 days') \g /dev/null
SELECT add_tag('treated', $$has_tag(tags, 'vip') OR tags @@ 'list.*'$$), add_metric('treats', $$has_tag(tags, 'treated')::int$$) \g /dev/null
SELECT tag_customer(pg_temp.who(7), 'vip', at => '2026-01-06 12:00') \g /dev/null
SELECT import_tags($$SELECT 'shop', 8, 'list.a', 1, timestamptz '2026-01-06 12:00'$$) \g /dev/null
SELECT is(pg_temp.at('2026-01-06 12:00'), NULL, 'what was given counts at once');
SELECT is(ARRAY[pg_temp.tags_of(7), pg_temp.tags_of(8)], '{several treated vip,list.a several treated}', 'in tags that ask for it');
SELECT is(pg_temp.at('2026-01-08 12:00'), NULL, 'until the very second in which it ends');
SELECT is(ARRAY[pg_temp.tags_of(7), pg_temp.tags_of(8)], '{NULL,list.a several treated}', 'and not longer');

-- a group is decided before what asks for one of it
SELECT add_tag('tier.low', 'monetary > 0', exclusive_group => 'tier') \g /dev/null
SELECT add_tag('step1', 'monetary > 45'), add_tag('step2', $$has_tag(tags, 'step1')$$) \g /dev/null
SELECT add_tag('tier.late', $$has_tag(tags, 'step2') AND false$$, exclusive_group => 'tier'), add_tag('known', $$has_tag(tags, 'tier.*')$$) \g /dev/null
SELECT is(pg_temp.at('2026-01-09'), NULL, 'groups with members of different depth');
SELECT is((SELECT count(*) FROM profile WHERE has_tag(tags, 'known') <> has_tag(tags, 'tier.low')), 0::bigint, 'come before what asks for them');

-- of a group the first counts, also where it is given, and until it ends
SELECT add_tag('rank.gold', kind => 'manual', exclusive_group => 'rank'), add_tag('rank.hot', $$decayed_sum(events, 'view', '1 day')$$, 'behaviour', half_life => '1 day', min_score => 0.5, exclusive_group => 'rank'),
       add_tag('rank.listed', kind => 'imported', exclusive_group => 'rank'), add_tag('rank.bought', $$happened(events, 'purchase')$$, exclusive_group => 'rank'),
       add_tag('rank.told', kind => 'manual', exclusive_group => 'rank'), add_tag('ranked', $$tags @@ 'rank.gold | rank.listed.*'$$) \g /dev/null
INSERT INTO event (account, at, what) VALUES (1, '2026-01-09', 'view'), (2, '2026-01-09', 'view'), (9, '2026-01-09', 'view');
SELECT tag_customer(pg_temp.who(1), 'rank.gold', at => '2026-01-09', until => '2026-01-09 06:00'), tag_customer(pg_temp.who(9), 'rank.told', at => '2026-01-09'),
       tag_customer(pg_temp.who(3), 'rank.told', at => '2026-01-09') \g /dev/null
SELECT import_tags($$SELECT 'shop', 4, 'rank.listed.x', 1, timestamptz '2026-01-09'$$) \g /dev/null
CREATE FUNCTION pg_temp.ranks() RETURNS text LANGUAGE sql SET customer_data.recompute_past = off AS $$
    SELECT string_agg(c.loyalty_id || ' ' || g.path, ', ' ORDER BY c.loyalty_id::int, g.path) FROM customer c JOIN customer_tag t USING (customer_id), tags(t.tags) g WHERE g.path LIKE 'rank%' AND g.score_now IS NOT NULL AND c.loyalty_id IN ('1', '2', '3', '4', '9')
$$;
SELECT is(pg_temp.at('2026-01-09 05:59:59'), NULL, 'groups with given tags');
SELECT is(pg_temp.ranks(), '1 rank.gold, 1 ranked, 2 rank.hot, 3 rank.bought, 4 rank.listed.x, 4 ranked, 9 rank.hot', 'the first of them counts');
SELECT is(pg_temp.at('2026-01-09 06:00'), NULL, 'when a given tag ends');
SELECT is(pg_temp.ranks(), '1 rank.hot, 2 rank.hot, 3 rank.bought, 4 rank.listed.x, 4 ranked, 9 rank.hot', 'the next of its group takes its place');
SELECT untag_customer(pg_temp.who(4), 'rank.listed.x') \g /dev/null
SELECT is(pg_temp.at('2026-01-10 00:00:01'), NULL, 'when a score has fallen below the least');
SELECT is(pg_temp.ranks(), '1 rank.bought, 2 rank.bought, 3 rank.bought, 4 rank.bought, 9 rank.told', 'too');
SET customer_data.as_of = '2026-01-09 05:59:59';
SELECT is((SELECT string_agg(c.loyalty_id || ' ' || g.path, ', ' ORDER BY c.loyalty_id::int, g.path) FROM customer c JOIN profile p USING (customer_id), tags(p.tags) g WHERE g.path LIKE 'rank.%' AND c.loyalty_id IN ('1', '2', '3', '9')),
          '1 rank.gold, 2 rank.hot, 3 rank.bought, 9 rank.hot', 'so it was in the past');
RESET customer_data.as_of;
SELECT is((SELECT value FROM explain_tag(pg_temp.who(9), 'rank.told') WHERE part = 'group'), 'nothing comes before', 'and it is explained');
SELECT * FROM finish();
