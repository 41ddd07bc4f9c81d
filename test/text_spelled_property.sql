-- What is told at a glance of a word and of a part of a name in Chinese
-- characters, that the one does not spell the other, is so when both are read.
SELECT plan(3);
SET search_path = customer_data, public;
\ir include/seed.sql

CREATE FUNCTION pg_temp.spelling_told(foreign_part text, word text) RETURNS float8
    LANGUAGE c STRICT AS '$libdir/customer_data', 'cd_spelling_told';

-- Parts of one to three characters, family names with many spellings among them.
CREATE TEMP TABLE part AS
SELECT string_agg(substr(han, 1 + floor(random() * length(han) + g * 0 + k * 0)::int, 1), '') AS part
FROM (SELECT '王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤小晓明伟芳娜敏静丽强磊军洋勇艳杰娟涛超秀英华慧巧美娜建国志永桂林玉兰田中佐藤鈴木高橋渡辺伊山本諸葛單仇查區樂尉' AS han) h,
     generate_series(1, 400) AS g, LATERAL generate_series(1, 1 + floor(random() * 3 + g * 0)::int) AS k
GROUP BY g;
-- Words: readings, spoilt readings, known spellings and names of elsewhere.
CREATE TEMP TABLE word AS
SELECT DISTINCT lower(w) AS word
FROM (SELECT regexp_replace(romanize(part), '[^A-Za-z]', '', 'g') AS w FROM part
      UNION ALL
      SELECT overlay(r PLACING chr(97 + floor(random() * 26)::int) FROM 1 + floor(random() * length(r))::int FOR floor(random() * 2)::int)
      FROM (SELECT regexp_replace(romanize(part), '[^A-Za-z]', '', 'g') AS r FROM part) x
      UNION ALL
      SELECT unnest(string_to_array('wong ong heung lee li cheung teo lau low chan tan yeung wong ng goh hui choi tsui suen soon ma mah chu choo '
                                    'woo wu kwok quek ho lam lim law loh cheng chng leung neo tse cheah tang hsu fung tung chiang tsai yip yeh ching '
                                    'david wang william owen anna elizabeth shaun yuan john xavier maximilian ann bo yo zhuge chuko satou sato suzuki tanaka', ' '))) x
WHERE w <> '';
CREATE TEMP TABLE told AS
SELECT part, word, pg_temp.spelling_told(part, word) AS told FROM part, word;

SELECT ok((SELECT count(*) > 50000 FROM told), 'many pairs are asked about');
SELECT is((SELECT string_agg(format('%s %s %s', part, word, -1 - told), ', ') FROM (SELECT * FROM told WHERE told < 0 AND -1 - told >= 0.8 LIMIT 5) t), NULL,
          'no word that spells a part is told to be another''s');
SELECT ok((SELECT count(*) FILTER (WHERE told < 0) > count(*) * 0.6 FROM told) AND (SELECT count(*) FILTER (WHERE told >= 0.8) > 100 FROM told),
          'most that do not are, and some do');
SELECT * FROM finish();
