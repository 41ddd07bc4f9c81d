SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
-- Comparing and standardising text.

-- Distances count edits of characters, whatever their number of bytes.
SELECT levenshtein('kitten', 'sitting'), levenshtein('諸葛曉雯', '诸葛晓雯'), levenshtein('naïve', 'naive');
-- A swap of neighbours is one edit; only damerau_levenshtein edits a swapped piece again.
SELECT levenshtein('ca', 'abc'), osa_distance('ca', 'abc'), damerau_levenshtein('ca', 'abc');
-- With a maximum, work stops early and the answer is one more than it.
SELECT levenshtein('kitten', 'sitting', 3), levenshtein('kitten', 'sitting', 2),
	osa_distance('kitten', 'sitting', 1), damerau_levenshtein('kitten', 'sitting', max => 0);
SELECT levenshtein('kitten', 'sitting', -1);
-- No limit of length.
SELECT levenshtein(repeat('abc', 1000), repeat('abd', 1000)) AS lev, osa_distance(repeat('ab', 1000), repeat('ba', 1000)) AS osa;

SELECT round(jaro('martha', 'marhta')::numeric, 3) AS jaro, round(jaro_winkler('martha', 'marhta')::numeric, 3) AS jaro_winkler,
	round(jaro_winkler('dixon', 'dicksonx')::numeric, 3) AS dixon, round(jaro_winkler('李小龙', '李小龍')::numeric, 3) AS lee;
SELECT ngram_similarity('night', 'nacht'), jaccard_similarity('night', 'nacht'), dice_similarity('aaaa', 'aa'), ngram_similarity('aaaa', 'aa'),
	ngram_similarity('night', 'nacht', n => 1);
SELECT ngram_similarity('night', 'nacht', n => 0);
SELECT round(token_jaccard('John Smith', 'John Jacob Smith')::numeric, 3) AS jaccard, round(token_cosine('red red wine', 'red wine')::numeric, 3) AS cosine;

-- Empty texts are equal; NULL gives NULL.
SELECT levenshtein('', ''), jaro('', ''), jaro_winkler('', 'a'), ngram_similarity('', ''), token_cosine('', ''), levenshtein(NULL, 'a') IS NULL AS null_in;
-- Emoji, right-to-left script and combining marks are characters like others.
SELECT levenshtein('👍🏽', '👍'), levenshtein('שלום', 'שלומ'), levenshtein(U&'e\0301', 'é'), round(jaro_winkler('😀😁😂', '😀😂😁')::numeric, 3) AS emoji;

-- Names, companies and addresses in one form each.
SELECT given, normalize_name(given) FROM (VALUES (1, 'Dr. José O''Brien-Smith, PhD'), (2, 'Smith, John A., Jr.'), (3, '諸葛 曉雯 女士'), (4, '玛丽·居里'), (5, 'Ｊｏｈｎ　Ｓｍｉｔｈ')) v(n, given) ORDER BY n;
SELECT romanize('諸葛曉雯') AS traditional, romanize('诸葛晓雯') AS simplified, romanize('单小明') AS family_reading, romanize('Сергей') AS cyrillic;
SELECT phonetic_key('諸葛曉雯') = phonetic_key('Zhuge Xiaowen') AS han_and_latin, phonetic_key('Catherine') = phonetic_key('Kathryn') AS c_and_k;
SELECT given, (company_parts(given)).* FROM (VALUES (1, '武汉海明智业电子商务有限公司'), (2, 'ACME S.A. de C.V.'), (3, 'Müller & Söhne GmbH & Co. KG'), (4, 'ソニー㈱'), (5, '海明（上海）贸易有限责任公司')) v(n, given) ORDER BY n;
SELECT normalize_company('The Acme Company Pty Ltd'), normalize_company('ACME, s.r.o.'), normalize_company('台積電股份有限公司');
SELECT normalize_address('123 North Main Street, Apt. 4B') AS english, normalize_address('Hauptstr. 12 a') AS german, normalize_address('北京市朝陽區建國路八十八號') AS chinese;
SELECT fingerprint('  Café, the   LODZ; łódź! ') AS fingerprint, ngram_fingerprint('Paris') AS ngram_fingerprint;

-- Contact data: the key is for matching, the standard form for writing to.
SELECT email_key('John.Doe+shop@GoogleMail.com'), is_email('john@example'), is_email('info@bücher.de'), email_key('not an address');
SELECT phone_e164('(415) 555-2671', 'US'), phone_e164('020 7946 0958', 'gb'), phone_e164('12', 'US'), is_phone('+86 139 1234 5678', '');
SELECT phone_e164('1234', 'nowhere');

-- Standard form and issue of a value, by attribute; the value as given is the caller's to keep.
SELECT attribute, given, region, (standardize(attribute, given, region)).*
FROM (VALUES (1, 'full_name', 'JosÃ© PÃ©rez', NULL), (2, 'full_name', '不詳', NULL), (3, 'email', 'INFO@acme.com', NULL), (4, 'email', 'jane@mailinator.com', NULL),
	(5, 'phone', '123456', 'US'), (6, 'phone', '139 1234 5678', 'CN'), (7, 'phone', '139 1234 5678', NULL), (8, 'birth_date', '1980-02-30', NULL),
	(9, 'birth_date', '1900-01-01', NULL), (10, 'birth_date', '3/4/1980', 'US'), (11, 'birth_date', '3/4/1980', NULL), (12, 'birth_date', '民國69年1月5日', NULL),
	(13, 'birth_date', '3980-01-05', NULL), (14, 'gender', 'Frau', NULL), (15, 'country', '德國', NULL), (16, 'postcode', 'sw1a1aa', 'GB'),
	(17, 'national_id', '110105194912310021', 'CN'), (18, 'registered_at', '2020-01-05 3:04 pm', NULL), (19, 'cookie_id', '00000000-0000-0000-0000-000000000000', NULL),
	(20, 'website', 'https://www.Acme.com/index.html?a=1', NULL), (21, 'favourite colour', ' Dark  BLUE', NULL), (22, 'city', '  ', NULL)) v(n, attribute, given, region)
ORDER BY n;
SELECT * FROM standardize_record('{full_name,email,birth_date}', '{"Dr. John Smith",sales@acme.com,1900-01-01}', 'US');
SELECT issue_name(i::smallint) FROM generate_series(0, 22) AS i ORDER BY i;

-- How alike are two names? Tokens in any order, initials, short and foreign forms, particles, other scripts.
SELECT a, b, round(name_similarity(a, b)::numeric, 2) AS similarity
FROM (VALUES (1, 'John Smith', 'Smith, John'), (2, 'Bill Gates', 'William Gates'), (3, 'J. Smith', 'John Smith'), (4, 'María de la Cruz', 'Maria Delacruz'),
	(5, 'Jürgen Müller', 'Juergen Mueller'), (6, 'John Smith', 'Jane Smith'), (7, '諸葛曉雯', '诸葛晓雯'), (8, '诸葛晓雯', 'Xiao-wen ZHUGE'), (9, '陈小明', '陈晓明'),
	(10, '王伟', '李伟'), (11, '김민철', 'Kim Min-chul'), (12, 'タナカ タロウ', 'Tanaka Taro'), (13, 'Сергей Иванов', 'Sergey Ivanov'), (14, '陳李美玲', '李美玲')) v(n, a, b)
ORDER BY n;
-- Two companies: the brand counts, then trade and place, the legal form hardly.
SELECT a, b, round(company_similarity(a, b)::numeric, 2) AS similarity
FROM (VALUES (1, 'Acme Inc', 'ACME Incorporated'), (2, 'IBM', 'International Business Machines Corp.'), (3, 'Smith Technologies', 'Jones Technologies'),
	(4, '华为技术有限公司', 'Huawei Technologies'), (5, '北京海明科技有限公司', '上海海明科技有限公司'), (6, '武汉海明智业电子商务有限公司', '海明智业'), (7, 'ソニー株式会社', 'Sony Corp')) v(n, a, b)
ORDER BY n;
-- Two addresses: numbers must agree.
SELECT a, b, round(address_similarity(a, b)::numeric, 2) AS similarity
FROM (VALUES (1, '123 N. Main St., Apt 4', '123 North Main Street #4'), (2, '123 Main St', '125 Main St'), (3, 'Hauptstr. 5, 10115 Berlin', 'Hauptstraße 5, Berlin'),
	(4, '北京市朝陽區建國路八十八號', '北京朝阳区建国路88号'), (5, '北京市朝阳区建国路88号', '北京市朝阳区建国路89号')) v(n, a, b)
ORDER BY n;
