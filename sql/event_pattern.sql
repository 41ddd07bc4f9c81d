SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
--
-- event_pattern: which events are meant
--
-- kinds, alternatives, prefixes; names that need it are quoted
SELECT p::event_pattern FROM (VALUES ('purchase'), (' view | cart '), ('email.*'), ('*'), ('"add to cart"'), ('浏览|购买')) v(p);
-- conditions on value, quantity, event_id and any property
SELECT $$purchase[ value >= 100 , channel in (web, 'the app'), page ~ 'pricing*', coupon != '', !refund_reason, gift exists ]$$::event_pattern;
SELECT $$*["value"='a property called value', "no of items"<>3, city not in (Paris,'New York')]$$::event_pattern;

-- what each means
CREATE TEMP TABLE event AS SELECT * FROM (VALUES
    (1, 'purchase', 120.00, 2, '{"channel": "web", "product": "tent", "size": 42}'::jsonb),
    (2, 'purchase', 9.99, 1, '{"channel": "app", "coupon": "", "size": "42"}'),
    (3, 'view', NULL, NULL, '{"page": "pricing/teams", "vip": true}'),
    (4, 'email.open', NULL, NULL, '{"subject": "Your Tent", "sent": "2026-02-03"}'),
    (5, 'review', 2, NULL, '{"text": "质量很差，不推荐", "tags": ["late", "broken"]}')) v(n, kind, value, quantity, properties);
SELECT p AS pattern, (SELECT array_agg(n ORDER BY n) FROM event WHERE event_matches(p::event_pattern, kind, value, quantity, NULL, properties)) AS events
FROM unnest(ARRAY['*', 'purchase', 'pur*', 'purchase[value>=100]', '*[value<10]', '*[channel in (web,shop)]', '*[channel]', '*[!channel]',
    '*[coupon='''']', $$*[coupon!='']$$, '*[size=42]', '*[size>41]', '*[page~pricing*]', '*[page~*teams]', $$*[subject~'*tent*']$$, $$*[subject~~'*tent*']$$,
    $$*[text~'*质量*']$$, $$*[text~'质?很*']$$, '*[vip=true]', '*[vip!=true]', $$*[sent<'2026-03-01']$$, $$*[tags~'*broken*']$$, '*[quantity=2]|review[value<=2]', 'purchase[product!=sock]', 'purchase[product not in (tent)]']) WITH ORDINALITY u(p, o)
ORDER BY o;

-- mistakes are shown with their place
SELECT ''::event_pattern;
SELECT 'view|'::event_pattern;
SELECT 'purchase[value>=]'::event_pattern;
SELECT 'purchase[value>=cheap]'::event_pattern;
SELECT 'purchase[channel in web]'::event_pattern;
SELECT 'purchase[channel=web'::event_pattern;
SELECT 'purchase[channel like web]'::event_pattern;
SELECT '购买[渠道==网]'::event_pattern;
SELECT '评论[value=''质量很差'', x]'::event_pattern;
SELECT '评论[quantity in (1, ''it''''s'')]'::event_pattern;
SELECT '评论[文字~''*质量'']|购买[value<=贵]'::event_pattern;
SELECT 'view[page=''x]'::event_pattern;

-- patterns written alike are equal
SELECT 'a[x = 1]'::event_pattern = 'a[x=''1'']'::event_pattern AS same, 'a|b'::event_pattern <> 'b|a'::event_pattern AS other;
