SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
--
-- tagset: tags with score, time, half-life and expiry
--
SELECT '{vip, industry.retail:0.75, "interest.Men''s shoes":3.2@2026-01-02T03:04:05Z~30d!2027-01-01, 客户.重要:2}'::tagset;
SELECT '{}'::tagset AS none, '{a,a:2}'::tagset AS the_later_wins, '{b,a}'::tagset AS sorted;

-- text is UTC whatever the settings
SET TimeZone = 'Asia/Shanghai'; SET DateStyle = 'German';
SELECT '{a@2024-02-29~12h}'::tagset;
SET TimeZone = 'UTC'; RESET DateStyle;

-- what is refused says where and how to write it
SELECT '{a:nan}'::tagset;
SELECT '{a@2023-02-29}'::tagset;
SELECT '{a..b}'::tagset;
SELECT '{a b}'::tagset;
SELECT '{a~0d}'::tagset;
SELECT '{a'::tagset;
SELECT set_tag('{}', 'retail.*');
SELECT set_tag('{}', 'a', 'infinity');
SELECT set_tag('{}', 'a', 1, half_life => '30 days');

-- making and changing
SELECT set_tag('{a}', 'b.c', 0.5, at => '2026-01-01', half_life => '1 month', until => '2027-01-01');
SELECT remove_tag('{a.b,a.c,d}', 'a.*'), tags_under('{a.b,a.c,d}', 'a.*'), '{a,b}'::tagset || '{b:2,c}' AS merged, tag_count('{a,b}');
SELECT '{a,b}'::tagset = '{b,a}'::tagset AS same, '{a}'::tagset <> '{a:2}'::tagset AS other;

-- asking, as of a moment
SET customer_data.as_of = '2026-02-01T03:04:05Z';
SELECT t.* FROM tags('{vip,industry.retail:0.75,interest.shoes:3.2@2026-01-02T03:04:05Z~30d!2027-01-01,old!2026-01-01}') t;
SELECT has_tag(t, 'vip') AS vip, has_tag(t, 'industry.*') AS some_industry, has_tag(t, 'industry.retail.*') AS below_retail,
       has_tag(t, 'interest.shoes', 1.5) AS over, has_tag(t, 'interest.shoes', 1.7) AS under, has_tag(t, 'old') AS expired,
       tag_score(t, 'interest.shoes') AS decayed, tag_score(t, '*') AS best, tag_score(t, 'nothing') AS none
FROM (VALUES ('{vip,industry.retail:0.75,interest.shoes:3.2@2026-01-02T03:04:05Z~30d!2027-01-01,old!2026-01-01}'::tagset)) v(t);
SELECT dot_product('{a:2,b:3}', '{b:4,c:5}'), round(cosine_similarity('{a:1,b:1}', '{a:2,b:2}')::numeric, 6) AS cosine, cosine_similarity('{a}', '{}') IS NULL AS nothing;

-- boolean queries: tags, prefixes, scores
SELECT 'vip&(outdoor>0.5|camping >= 3e-1 )& !lapsed'::tag_query, '!(a & b) | !!c.* & "x y"<=2'::tag_query;
SELECT 'a & '::tag_query;
SELECT 'a b'::tag_query;
SELECT '(a'::tag_query;
SELECT 'a>x'::tag_query;
SELECT t, t @@ 'vip & (outdoor>0.5 | camping>0.3) & !lapsed' AS wanted, t @@ 'interest.* | outdoor<0.5' AS other
FROM (VALUES ('{vip,outdoor:0.6}'::tagset), ('{vip,outdoor:0.4}'), ('{vip,camping:0.4,lapsed}'), ('{vip,camping:0.4,lapsed!2026-01-31}'), ('{interest.tea}')) v(t);

-- sums, means, the best
SELECT tagset_sum(t), tagset_mean(t), top_tags(tagset_sum(t), 1)
FROM (VALUES ('{a:1,b:2}'::tagset), ('{b:4,c:8@2026-01-02T03:04:05Z~30d}'), (NULL), ('{gone!2026-01-01}')) v(t);
SELECT tagset_top(t, 2) AS best, tagset_top(t, 0) AS none FROM (VALUES ('{a:1,b:2,d:1}'::tagset), ('{b:4,c:8@2026-01-02T03:04:05Z~30d,d:0.5}'), (NULL)) v(t);
SELECT tagset_top(t, -1) FROM (VALUES ('{a:1}'::tagset)) v(t);
RESET customer_data.as_of;

-- and the index that serves them
SET client_min_messages = warning; DROP TABLE IF EXISTS public.tagged; RESET client_min_messages;
CREATE TABLE public.tagged AS
SELECT i AS id, set_tag(set_tag('{}', 'group.' || i % 50, i % 7 + 1), CASE WHEN i % 3 = 0 THEN 'vip' ELSE 'plain' END) AS tags FROM generate_series(1, 5000) i;
CREATE INDEX ON public.tagged USING gin (tags);
ANALYZE public.tagged;
EXPLAIN (COSTS OFF) SELECT id FROM public.tagged WHERE tags @@ 'group.7>6 & vip';
SELECT id FROM public.tagged WHERE tags @@ 'group.7>6 & vip' ORDER BY id;
SELECT count(*) FROM public.tagged WHERE tags @@ 'group.* & !vip';
DROP TABLE public.tagged;
