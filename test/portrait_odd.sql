-- Odd names, expressions and questions: what cannot be kept is refused where
-- it is declared, not found by the refresh of everybody; what can be kept is.
SELECT plan(60);
SET search_path = public, customer_data;
SET client_min_messages = warning;
SET TimeZone = 'UTC';

CREATE TABLE account (id int PRIMARY KEY, town text);
INSERT INTO account VALUES (1, '台北'), (2, NULL), (3, '');
CREATE TABLE event (id int GENERATED ALWAYS AS IDENTITY, account int, at timestamptz, what text, text text);
INSERT INTO event (account, at, what, text) VALUES
    (1, '1887-05-01', 'purchase', '這個帳篷的品質很好'), (1, '1899-12-31', 'refund', NULL), (1, '2026-01-01', 'purchase', '帐篷漏水'),
    (2, '2026-01-02', 'view', ''), (2, '2026-01-03', 'purchase', 'a great tent');
SELECT add_source('shop', 'account', 'id', '{"城市": "town"}') \g /dev/null
SELECT resolve() \g /dev/null
SELECT add_event_source('shop', 'event', 'shop', 'account', 'at', 'what', properties => '{"text": "text"}') \g /dev/null
SELECT refresh_timelines() \g /dev/null
SELECT customer_id AS one FROM customer WHERE "城市" = '台北' \gset

-- names in any script, as SQL takes them without quotes
SELECT lives_ok($$SELECT add_metric('消費次數', 'event_count(events, ''purchase'')')$$, 'a metric may have a Chinese name');
SELECT lives_ok($$SELECT add_metric('été', '消費次數 + 1')$$, 'and be used in another');
SELECT is((SELECT failed FROM refresh_metrics()), 0, 'they are refreshed');
SELECT is((SELECT ARRAY[消費次數, été] FROM profile WHERE customer_id = :one), ARRAY[2, 3]::float8[], 'and read');
SELECT throws_ok($$SELECT drop_metric('消費次數')$$, '2BP01', 'metric "消費次數" is in use', 'and known to be used');
SELECT throws_ok(format('SELECT add_metric(%L, ''1'')', name), '42602', format('metric name "%s" is not usable as a column', name), format('no metric can be called "%s"', name))
FROM (VALUES ('Upper'), ('1st'), ('a b'), ('a.b'), (''), (E'消\u3000費'), (repeat('長', 22))) v (name);
SELECT ok(is_column_name(repeat('長', 21)), '63 bytes are a name');

-- values that cannot be kept
SELECT throws_ok($$SELECT add_metric('towns', 'ARRAY["城市"]')$$, '42804', 'a metric cannot be of type text[]', 'a list is refused');
SELECT lives_ok($$SELECT add_metric('towns', 'to_jsonb(ARRAY["城市"])')$$, 'unless it is one value');
SELECT is((SELECT failed FROM refresh_metrics()), 0, 'which can be kept');
SELECT throws_ok(format($$SELECT add_tag('warm', 'decayed_sum(events, ''*'', ''1 day'')', 'behaviour', half_life => %L)$$, h), '22015', 'half-life is out of range', 'a half-life of ' || h)
FROM (VALUES ('0'), ('-1 day'), ('103 years')) v (h);
SELECT lives_ok($$SELECT add_tag('warm', 'decayed_sum(events, ''*'', ''1 day'')', 'behaviour', half_life => '1 day')$$, 'a half-life of a day');
SELECT throws_ok($$SELECT alter_tag('warm', half_life => '0')$$, '22015', 'half-life is out of range', 'none afterwards either');

-- tags that are imported
SELECT add_tag('crm', kind => 'imported') \g /dev/null
SELECT throws_ok($$SELECT import_tags('SELECT ''shpo'', 1, ''crm.vip'', 1, now()')$$, '42704', 'source "shpo" does not exist', 'tags for records of no source');
SELECT is(import_tags($$SELECT 'shop', id, 'crm.來源 & "A"', 0.5, '1900-01-01' FROM account WHERE id < 9$$), 3::bigint, 'three are imported');
SELECT is((SELECT failed FROM refresh_tags()), 0, 'and refreshed');
SELECT is(cardinality(tag_members('"crm.來源 & \"A\"">=0.5')), 3::bigint, 'and found');

-- scores of another moment, by what the value itself says
SELECT is(tag_score('{a:8@2026-01-01T00:00:00Z~1d!2026-01-05T00:00:00Z}', 'a', '2026-01-03'), 2::float8, 'two half-lives later');
SELECT is(tag_score('{a:8@2026-01-01T00:00:00Z~1d!2026-01-05T00:00:00Z}', 'a', '2026-01-05'), NULL, 'once expired');
SELECT is(tag_score('{a.x:8@2026-01-01T00:00:00Z~1d,a.y:3}', 'a.*', '2026-01-03'), 3::float8, 'the highest below a prefix');
SELECT is((SELECT array_agg(has_tag('{a:8@2026-01-01T00:00:00Z~1d}', 'a', least, at) ORDER BY n) FROM (VALUES (1, NULL, timestamptz '2030-01-01'), (2, 2, '2026-01-03'), (3, 2.01, '2026-01-03'), (4, 2, NULL)) v (n, least, at)),
    ARRAY[true, true, false, NULL], 'has_tag of another moment');
SELECT throws_ok($$SELECT tag_score('{a}', 'a', 'infinity')$$, '22023', 'the moment must be a finite one', 'a moment that is none');
-- with as_of set, the two ways to ask agree
CREATE TEMP TABLE asked AS
SELECT set_tag(set_tag('{}', 'a', random() * 10 - 5, '2026-01-01'::timestamptz + random() * interval '9 days', random() * interval '9 days' + interval '1 day', '2026-01-04'::timestamptz + random() * interval '9 days'),
               'a.b', random() * 4, '2026-01-01'::timestamptz + random() * interval '9 days', random() * interval '9 days' + interval '1 day') AS tags,
       (ARRAY['a', 'a.*', 'a.b', 'b', '*'])[1 + n % 5] AS path, round((random() * 4)::numeric, 1)::float8 AS least FROM generate_series(1, 500) n;
SET customer_data.as_of = '2026-01-06';
SELECT is((SELECT count(*) FROM asked WHERE tag_score(tags, path) IS DISTINCT FROM tag_score(tags, path, '2026-01-06') OR has_tag(tags, path, least) <> has_tag(tags, path, least, '2026-01-06')), 0::bigint,
    'the moment as an argument is the moment as a setting');

-- why a tag was there then
RESET customer_data.as_of;
SELECT add_tag('once', 'event_count(events, ''purchase'') = 1', exclusive_group => 'buys') \g /dev/null
SELECT add_tag('buyer', 'event_count(events, ''purchase'') > 0', exclusive_group => 'buys') \g /dev/null
SELECT refresh_tags() \g /dev/null
SET customer_data.as_of = '1890-01-01';
SELECT is((SELECT array_agg(value ORDER BY part) FROM explain_tag(:one, 'buyer') WHERE part IN ('tag', 'group')), '{"once comes before","not there"}', 'explain_tag() of 1890 says what was then');
RESET customer_data.as_of;
SELECT is((SELECT array_agg(value ORDER BY part) FROM explain_tag(:one, 'buyer') WHERE part IN ('tag', 'group')), '{"nothing comes before",there}', 'and now');
SELECT throws_ok('SELECT explain_tag(NULL, ''buyer'')', 'P0002', 'there is no customer NULL', 'nobody has no tags');

-- journeys without stages, questions about nobody
SELECT add_journey('旅程') \g /dev/null
SELECT throws_ok(format(q, '旅程', 'a'), '42704', 'journey "旅程" has no stage "a"', q) FROM unnest(ARRAY['SELECT alter_stage(%L, %L, ''true'')', 'SELECT stage_members(%L, %L)', 'SELECT drop_stage(%L, %L)']) q;
SELECT is((SELECT count(*) FROM explain_stage(NULL, '旅程')), 0::bigint, 'nobody is in no stage');
SELECT throws_ok($$SELECT explain_stage(4000000000, '旅程')$$, 'P0002', 'there is no customer 4000000000', 'of who is no customer nothing is explained');
SELECT throws_ok($$SELECT add_tag('least', '1', 'metric', min_score => 'NaN')$$, '22023', 'min_score must be a number', 'a least score that nothing compares with is refused');
SELECT lives_ok($$SELECT add_tag('never', '1', 'metric', min_score => 'infinity')$$, 'one that nothing reaches is not');
SELECT add_stage('旅程', '新', 'true') \g /dev/null
SELECT add_stage('旅程', '買', 'happened(events, ''purchase'', last => ''30 days'')') \g /dev/null
SELECT refresh_journeys() \g /dev/null
SELECT is((SELECT array_agg(t::text) FROM journey_transitions('旅程', NULL, NULL) t), (SELECT array_agg(t::text) FROM journey_transitions('旅程') t), 'NULL is no bound');
SELECT ok((SELECT count(*) FROM journey_transitions('旅程', NULL, '1900-01-01')) > 0, 'moves before 1900');
-- a stage gets another name, another place, and keeps whom it let go
SELECT throws_ok(format('SELECT alter_stage(''旅程'', ''買'', new_name => %L)', n), c, m, m)
FROM (VALUES ('新', '42710', 'journey "旅程" already has a stage "新"'), ('', '42602', 'a stage of journey "旅程" needs a name')) v (n, c, m);
SELECT add_stage('旅程', '回', 'happened(events, ''refund'')') \g /dev/null
SELECT alter_stage('旅程', '回', new_name => '退', place => 2, minimum_stay => '1 day') \g /dev/null
SELECT alter_stage('旅程', '新', place => 9) \g /dev/null
SELECT alter_stage('旅程', '新', place => 1) \g /dev/null
SELECT is((SELECT array_agg(stage || position ORDER BY position) FROM journey WHERE name = '旅程'), '{新1,退2,買3}', 'stages move among each other');
SELECT is(stage_of(:one, '旅程', '2026-03-01'), '退', 'they decide by their place');
SELECT alter_stage('旅程', '買', fall_back => false) \g /dev/null
SELECT is(stage_of(:one, '旅程', '2026-03-01'), '買', 'a stage that is made to keep customers keeps them');
SELECT alter_stage('旅程', '買', lapse => '1 year', fall_back => false) \g /dev/null
SELECT is(ARRAY[stage_of(:one, '旅程', '2026-03-01'), stage_of(:one, '旅程', '2027-03-01')], '{買,退}', 'or for a while');
SELECT alter_stage('旅程', '買', lapse => '0', fall_back => true) \g /dev/null
SELECT is((SELECT failed FROM refresh_journeys()), 0, 'and the refresh walks with all that');
-- stays that are not where the refresh read them
CREATE FUNCTION pg_temp.meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER meddle BEFORE UPDATE OR DELETE ON stage_stay FOR EACH ROW EXECUTE FUNCTION pg_temp.meddle();
SELECT alter_stage('旅程', '買', 'false') \g /dev/null
SELECT throws_ok('SELECT refresh_journeys()', '40001', 'stays of customers changed while a refresh was writing them', 'are not lost in silence');
DROP TRIGGER meddle ON stage_stay;
SELECT is((SELECT (failed, changed)::text FROM refresh_journeys()), '(0,2)', 'and the next refresh finds all again');

-- what happened at the same instant explains nothing
INSERT INTO event (account, at, what, text) VALUES (3, '2026-02-01', 'view', 'a'), (3, '2026-02-01', 'purchase', 'b');
SELECT refresh_timelines() \g /dev/null
SELECT add_tag('looked', 'happened(events, ''view'')') \g /dev/null
SELECT is((SELECT array_agg(value) FROM explain_tag((SELECT customer_id FROM source_record WHERE key = '3'), 'looked') WHERE part = 'event'), '{"2026-02-01 00:00 view {\"text\": \"a\"}"}', 'only events that are meant explain a tag');
-- what explains a score adds up to it
INSERT INTO event (account, at, what, text) SELECT 2, now() - i * interval '19 hours', (ARRAY['view', 'purchase'])[1 + i % 2], (ARRAY['a', 'b.c', '茶'])[1 + i % 3] FROM generate_series(1, 17) i;
SELECT refresh_timelines() \g /dev/null
SELECT add_tag('keen', $$decayed_sum(events, 'view', '1 month 2 days') + 3 * decayed_sum(events, 'purchase[text in (a, 茶)]', half_life => '5 days')$$, 'behaviour', half_life => '5 days'),
       add_tag('taste', $$affinity(events, 'view|purchase', 'text', half_life => '9 days', prior => 2, top => 5)$$, 'affinity'),
       add_tag('often', $$favourite(events, '*', 'text') = 'a' OR event_count(events, 'view', since => now() - interval '1 day') > 3$$) \g /dev/null
SELECT refresh_tags() \g /dev/null
BEGIN;
CREATE TEMP TABLE why AS SELECT p AS path, e.* FROM unnest('{keen,taste.b_c,often}'::text[]) p, source_record r, explain_tag(r.customer_id, p) e WHERE r.key = '2';
SELECT cmp_ok((SELECT abs(sum(CASE WHEN what LIKE '%month%' THEN 1 ELSE 3 END * value::numeric) - (SELECT value::numeric FROM why WHERE path = 'keen' AND what = 'gives now')) FROM why WHERE path = 'keen' AND part = 'input'), '<', 0.001, 'the questions give the score');
SELECT cmp_ok((SELECT CASE WHEN count(*) = 2 THEN max(abs(adds - answer)) END FROM (SELECT what, sum(substring(value FROM 'adds? ([0-9.]+)$')::numeric) AS adds FROM why WHERE path = 'keen' AND part = 'event' GROUP BY 1) e
               JOIN (SELECT what AS call, value::numeric AS answer FROM why WHERE path = 'keen' AND part = 'input') i ON strpos(i.call, format('''%s''', e.what)) > 0), '<', 0.001, 'and the events what the questions answer');
SELECT cmp_ok((SELECT abs(split_part(c.value, ' of ', 1)::numeric / (split_part(c.value, ' of ', 2)::numeric + 2) - substring(s.what FROM '^[0-9.]+')::numeric) FROM why c, why s WHERE c.path = 'taste.b_c' AND c.part = 'count' AND s.path = c.path AND s.part = 'score'), '<', 0.001, 'of an affinity the observations do');
SELECT is((SELECT array_agg(what ORDER BY what) FROM why WHERE path = 'often' AND part = 'input'), '{"favourite(events, ''*'', ''text'')"}', 'other questions are answered as well');
COMMIT;
-- a purchase without a value is none of nothing
INSERT INTO event (account, at, what) VALUES (3, '2026-02-02', 'purchase');
SELECT add_event_source('paid', 'SELECT 3 AS account, timestamptz ''2026-02-03'' + i * interval ''1 day'' AS at, 10.0 * i AS amount FROM generate_series(1, 3) i', 'shop', 'account', 'at', '''purchase''', value => 'amount') \g /dev/null
SELECT refresh_timelines() \g /dev/null
SELECT refresh_metrics() \g /dev/null
SELECT is((SELECT average_order FROM profile JOIN source_record r USING (customer_id) WHERE r.key = '3'), 20::float8, 'the mean of the purchases that have a value');
-- shares of nothing and of all
SELECT is((SELECT low FROM share_interval(0, 7)), 0::float8, 'a share of nothing may be nothing');
SELECT is((SELECT high FROM share_interval(7, 7)), 1::float8, 'and one of all may be all');

SELECT * FROM finish();
