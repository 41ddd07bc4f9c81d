-- explain_membership() is right about what would have to change: of a thousand
-- random conditions and customers, the change it names is made in the source
-- tables, and then the membership has turned, as refreshed and as plain SQL
-- over profile says.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
\ir include/seed.sql

SELECT plan(7);
CREATE TABLE contact (id int PRIMARY KEY, city text, born date, since timestamptz, vip text, points int);
CREATE TABLE event (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, contact int, at timestamptz, kind text,
                    amount numeric, quantity numeric, category text, product text, channel text);
INSERT INTO contact SELECT i, (ARRAY['Brno', 'Bern', 'Wuhan', NULL])[1 + floor(random() * 4)::int], now()::date - floor(random() * 20000)::int,
       now() - random() * random() * interval '400 days', (ARRAY['yes', 'no'])[1 + floor(random() * 2)::int], floor(random() * 100)::int
FROM generate_series(1, 120) i;
INSERT INTO event (contact, at, kind, amount, quantity, category, product, channel)
SELECT 1 + floor(random() * 100)::int, now() - random() * random() * interval '200 days', (ARRAY['view', 'view', 'cart', 'purchase', 'purchase', 'refund', 'review'])[1 + floor(random() * 7)::int],
       round((random() * 100)::numeric, 2), 1 + floor(random() * 3)::int, (ARRAY['outdoor', 'tea'])[1 + floor(random() * 2)::int], 'p' || floor(random() * 4)::int,
       (ARRAY['web', 'shop', NULL])[1 + floor(random() * 3)::int]
FROM generate_series(1, 700);
CREATE INDEX ON event (contact);
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city", "birth_date": "born", "registered_at": "since", "vip": "vip", "points": "points"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT add_event_source('shop', 'public.event', 'crm', 'contact', 'at', 'kind', value => 'amount', quantity => 'quantity',
                        properties => '{"category": "category", "product": "product", "channel": "channel"}', mode => 'trigger') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \gset
SELECT refresh_timelines() IS NULL AS done \gset
SELECT add_segment('helper', $$vip = 'yes'$$) IS NULL AS done \gset
SELECT add_tag('crm.guest', kind => 'manual') IS NULL AS done, add_tag('crm.gold', kind => 'manual', valid_for => '90 days') IS NULL AS done,
       add_tag('likes.tea', $$event_count(events, 'view[category=tea]') >= 2$$) IS NULL AS done \gset
SELECT count(tag_customer(customer_id, t)) FROM customer, unnest('{crm.guest,crm.gold}'::text[]) t WHERE random() < 0.4 \gset
SELECT add_segment('has bought', $$happened(events, 'purchase')$$) IS NULL AS done, add_segment('has looked', $$happened(events, 'view')$$) IS NULL AS done \gset
SELECT add_journey('way') IS NULL AS done, add_stage('way', 'looks', $$in_segment(customer_id, 'has looked')$$) IS NULL AS done, add_stage('way', 'buys', $$in_segment(customer_id, 'has bought')$$) IS NULL AS done \gset

-- {n} stands for a random number.
CREATE TABLE leaf (n int GENERATED ALWAYS AS IDENTITY, text text);
INSERT INTO leaf (text) VALUES
($$city = 'Brno'$$), ($$city <> 'Bern'$$), ($$city IN ('Brno', 'Wuhan')$$), ($$city IS NULL$$), ($$city LIKE 'B%n'$$), ($$length(city) > 4$$), ($$points::int >= 50$$),
($$within_last(registered_at, '{n} days')$$), ($$older_than(registered_at, '{n} days')$$), ($$registered_at > as_of() - interval '{n} days'$$), ($$as_of() - registered_at < '{n} days'$$),
($$is_anniversary(birth_date)$$), ($$is_anniversary(birth_date, before => 30, after => 30)$$), ($$birth_date < '1990-01-01'$$), ($$birth_date >= date_trunc('month', as_of()) - interval '30 years'$$),
($$happened(events, 'view')$$), ($$happened(events, 'purchase[category=outdoor]', last => '{n} days')$$), ($$happened(events, 'purchase[value>=50, channel in (web, shop)]')$$), ($$happened(events, 'cart|review', last => '{n} days')$$),
($$event_count(events, 'view', last => '{n} days') >= 2$$), ($$event_count(events, 'purchase') = 3$$), ($$event_count(events, '*') < 6$$), ($$event_count(events, 'view', last => '{n} days') % 2 = 1$$),
($$event_sum(events, 'purchase', last => '{n} days') > 60$$), ($$event_sum(events, 'purchase') <= 90$$), ($$event_sum(events, 'purchase[category=outdoor]', of => 'quantity', last => '1 year') >= 4$$),
($$event_avg(events, 'purchase') > 50$$), ($$event_max(events, 'purchase') > 80$$), ($$event_min(events, 'purchase') < 10$$),
($$monetary > 100$$), ($$monetary < 20$$), ($$frequency >= 3$$), ($$recency < {n}$$), ($$recency > {n}$$), ($$inactivity > 7$$), ($$average_order < 30$$), ($$return_rate >= 0.5$$), ($$tenure > {n}$$),
($$unanswered(events, 'cart', 'purchase', same => 'product', last => '{n} days')$$), ($$event_last(events, 'view') < as_of() - interval '{n} days'$$), ($$event_first(events, 'purchase') > as_of() - interval '{n} days'$$),
($$event_days(events, '*', last => '{n} days') >= 3$$), ($$event_distinct(events, '*', 'category') >= 2$$), ($$window_funnel(events, ARRAY['view', 'cart', 'purchase']::event_pattern[], '7 days') >= 2$$),
($$favourite_category = 'tea'$$), ($$happened(events, 'purchase', since => registered_at, until => registered_at + interval '7 days')$$),
($$in_segment(customer_id, 'helper')$$), ($$has_tag(tags, 'crm.guest')$$), ($$has_tag(tags, 'crm.gold', 0.5)$$), ($$tags @@ 'crm.guest & !crm.gold'$$), ($$tag_score(tags, 'crm.gold') > 0.3$$), ($$has_tag(tags, 'crm.*')$$),
($$CASE WHEN city = 'Brno' THEN happened(events, 'view', last => '{n} days') ELSE frequency > 1 END$$);

CREATE FUNCTION random_condition(leaves int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    k int := 1 + floor(random() * (leaves - 1))::int;
    t text;
BEGIN
    IF leaves <= 1 THEN
        SELECT replace(text, '{n}', (ARRAY[3, 7, 10, 30, 60, 90])[1 + floor(random() * 6)::int]::text) INTO t FROM leaf ORDER BY random() LIMIT 1;
        RETURN CASE WHEN random() < 0.25 THEN 'NOT (' || t || ')' ELSE t END;
    END IF;
    t := format('(%s) %s (%s)', random_condition(k), (ARRAY['AND', 'OR'])[1 + floor(random() * 2)::int], random_condition(leaves - k));
    RETURN CASE WHEN random() < 0.15 THEN 'NOT (' || t || ')' ELSE t END;
END
$$;

-- Make one named change of a contact in the source tables.
CREATE FUNCTION make(contact_id int, c record) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE c.what
    WHEN 'set' THEN
        EXECUTE (SELECT format('UPDATE contact SET %I = $1::%s WHERE id = $2', m.col, m.type)
                 FROM (VALUES ('city', 'city', 'text'), ('birth_date', 'born', 'date'), ('registered_at', 'since', 'timestamptz'), ('vip', 'vip', 'text'), ('points', 'points', 'int')) m (attribute, col, type)
                 WHERE m.attribute = c.subject) USING c.value, contact_id;
    WHEN 'enter', 'leave' THEN
        UPDATE contact SET vip = CASE c.what WHEN 'enter' THEN 'yes' ELSE 'no' END WHERE id = contact_id;
    WHEN 'tag' THEN
        PERFORM customer_data.tag_customer(customer_data.customer_id_of('crm', contact_id::text), c.subject, c.value::float8, at => customer_data.as_of());
    WHEN 'untag' THEN
        -- A path that ends in .* is all below it.
        PERFORM customer_data.untag_customer(customer_data.customer_id_of('crm', contact_id::text), t.path)
        FROM customer_data.tag t WHERE t.path = c.subject OR c.subject LIKE '%.*' AND starts_with(t.path, rtrim(c.subject, '*'));
    WHEN 'add' THEN
        INSERT INTO event (contact, at, kind, amount, quantity, category, product, channel)
        SELECT contact_id, c.at - (i - 1) * coalesce(c.every, '0'), e ->> 'kind', (e ->> 'value')::numeric, (e ->> 'quantity')::numeric,
               replace(p ->> 'category', 'new', 'new ' || i), replace(p ->> 'product', 'new', 'new ' || i), replace(p ->> 'channel', 'new', 'new ' || i)
        FROM generate_series(1, c.times) i, LATERAL (SELECT c.value::jsonb AS e) x, LATERAL (SELECT e -> 'properties' AS p) y;
    WHEN 'remove' THEN
        DELETE FROM event WHERE id IN (
            SELECT e.id FROM event e WHERE e.contact = contact_id AND e.at <= customer_data.as_of()
              AND event_matches(c.subject::event_pattern, e.kind, e.amount::float8, e.quantity::float8, NULL,
                                jsonb_strip_nulls(jsonb_build_object('category', category, 'product', product, 'channel', channel)))
            ORDER BY e.at DESC, e.id DESC LIMIT c.times);
    END CASE;
END
$$;

CREATE TABLE tried (round int, n int, condition text, customer_id bigint, contact int, was boolean, changes int, words text, now_is boolean, plain boolean);
-- What is explained, changed, refreshed and asked in plain SQL is so at one moment: while the wall
-- clock goes on, an answer may expire between two of them.
CREATE FUNCTION refresh_at(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM customer_data.bring_metrics(false);
    PERFORM customer_data.bring_tags(false);
    PERFORM set_config('customer_data.as_of', '', false);
    PERFORM customer_data.refresh_conditions(false, moment);
    PERFORM set_config('customer_data.as_of', moment::text, false);
END
$$;
CREATE PROCEDURE run(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := now();
    t     record;
    c     record;
    is_plain boolean;
    made  text;
BEGIN
    FOR this_round IN 1 .. rounds LOOP
        moment := moment + interval '50 minutes';
        PERFORM set_config('customer_data.as_of', moment::text, false);
        FOR n IN 1 .. 50 LOOP
            made := random_condition(1 + floor(random() * random() * 5)::int);
            PERFORM customer_data.add_segment('case ' || n, made);
            INSERT INTO tried (round, n, condition) VALUES (this_round, n, made);
        END LOOP;
        UPDATE tried SET contact = x.id, customer_id = customer_data.customer_id_of('crm', x.id::text)
        FROM (SELECT id, row_number() OVER (ORDER BY random()) AS n FROM contact) x WHERE x.n = tried.n AND tried.round = this_round;
        PERFORM refresh_at(moment);
        COMMIT;
        FOR t IN SELECT * FROM tried WHERE tried.round = this_round LOOP
            UPDATE tried SET was = customer_data.is_member('case ' || t.n, t.customer_id),
                   words = CASE WHEN t.n <= 5 THEN (SELECT string_agg(e.part || ': ' || e.change, '; ') FROM customer_data.explain_membership('case ' || t.n, t.customer_id) e WHERE e.change IS NOT NULL) END,
                   changes = 0
            WHERE tried.round = t.round AND tried.n = t.n;
            FOR c IN SELECT * FROM customer_data.membership_change('case ' || t.n, t.customer_id) LOOP
                PERFORM make(t.contact, c);
                UPDATE tried SET changes = changes + 1 WHERE tried.round = t.round AND tried.n = t.n;
            END LOOP;
        END LOOP;
        COMMIT;
        PERFORM set_config('customer_data.as_of', '', false);
        PERFORM customer_data.resolve();
        PERFORM customer_data.refresh_timelines();
        PERFORM set_config('customer_data.as_of', moment::text, false);
        PERFORM refresh_at(moment);
        FOR t IN SELECT * FROM tried WHERE tried.round = this_round LOOP
            EXECUTE format('SELECT (%s) IS TRUE FROM customer_data.profile WHERE customer_id = $1', t.condition) INTO is_plain USING t.customer_id;
            UPDATE tried SET now_is = customer_data.is_member('case ' || t.n, t.customer_id), plain = is_plain
            WHERE tried.round = t.round AND tried.n = t.n;
            PERFORM customer_data.drop_segment('case ' || t.n);
        END LOOP;
        COMMIT;
    END LOOP;
END
$$;
CALL run(20);
SELECT is((SELECT count(*) FROM tried), 1000::bigint, 'a thousand cases');
SELECT is((SELECT count(*) FROM tried WHERE changes > 0 AND now_is = was), 0::bigint, 'the named change turns the membership');
SELECT diag(format('%s, contact %s, was %s: %s', condition, contact, was, words)) FROM tried WHERE changes > 0 AND now_is = was LIMIT 10;
SELECT is((SELECT count(*) FROM tried WHERE now_is <> plain), 0::bigint, 'plain SQL says the same');
SELECT is((SELECT count(*) FROM tried WHERE n <= 5 AND (words IS NOT NULL) <> (changes > 0)), 0::bigint, 'words and changes go together');
SELECT cmp_ok((SELECT count(*) FROM tried WHERE changes > 0), '>=', 950::bigint, 'a change is found for nearly all');
SELECT diag(format('no change found: %s, contact %s, was %s', condition, contact, was)) FROM tried WHERE changes = 0 LIMIT 10;
SELECT is((SELECT count(*) FROM tried WHERE changes = 0 AND (starts_with(condition, 'has_tag') OR starts_with(condition, 'NOT (has_tag'))), 0::bigint,
          'one is found for a tag alone, also for any below a path');
SELECT cmp_ok((SELECT count(*) FROM tried WHERE was), '>', 200::bigint, 'many were members');
SELECT * FROM finish();
