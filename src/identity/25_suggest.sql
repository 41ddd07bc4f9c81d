-- Identity, a mapping to start from: headings and the look of the values.

CREATE FUNCTION customer_data.relation_columns(item text) RETURNS TABLE ("position" int, name text, type regtype)
    LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, customer_data, public, pg_temp
    AS 'MODULE_PATHNAME', 'cd_relation_columns';
COMMENT ON FUNCTION customer_data.relation_columns(text) IS 'Columns of the rows of item (see relation_item)';

CREATE TABLE customer_data.column_heading (
    attribute text NOT NULL REFERENCES customer_data.attribute,
    pattern   text NOT NULL,
    score     real NOT NULL CHECK (score > 0 AND score <= 1),
    PRIMARY KEY (attribute, pattern)
);
COMMENT ON TABLE customer_data.column_heading IS 'Seed: headings by which suggest_mapping() recognises columns: patterns over the heading in lower case, words joined by _';
INSERT INTO customer_data.column_heading (attribute, pattern, score) VALUES
    ('full_name', '^(full|display|complete|whole)_?name$', 1), ('full_name', '^(customer|client|contact|person|member|user|buyer|holder|kunde|kunden|kontakt)_?name$', 0.9),
    ('full_name', '^name$', 0.8), ('full_name', '^(姓名|客户姓名|客戶姓名|会员姓名|會員姓名|联系人|聯絡人|聯繫人|客户|氏名|お名前|名前|名称|名稱|성명|이름)$', 1),
    ('full_name', '^(nom_complet|nombre_completo|nome_completo|vollstaendiger_name|nome)$', 0.9), ('full_name', '^(contact|contact_person|ansprechpartner)$', 0.7),
    ('full_name', '^first_and_(sur|last|family_)name$', 1), ('given_name', '^(first|given|fore|christian)_?na?mes?$', 1), ('given_name', '^name_(first|given)$', 1), ('given_name', '^(fname|vorname|prenom|prénom|nombre|primer_nombre|imie|imię)$', 0.95),
    ('given_name', '^(名|名字|名（?めい）?|given|first)$', 0.8),
    ('middle_name', '^(middle|midl|mid|second)_?(name|names|nm|initial)s?$', 1), ('middle_name', '^name_middle$', 1), ('middle_name', '^(mname|mi)$', 0.7),
    ('family_name', '^(last|family|sur)_?na?mes?$', 1), ('family_name', '^name_(last|family)$', 1), ('family_name', '^(lname|surname|nachname|familienname|zuname|nom|nom_de_famille|apellidos?|cognome|sobrenome|nazwisko)$', 0.95),
    ('family_name', '^(姓|姓氏|氏|last|family)$', 0.85),
    ('name_prefix', '^(title|salutation|prefix|name_prefix|honorific|anrede|titel|civilite|civilité|tratamiento|称谓|稱謂|敬称)$', 0.8),
    ('name_suffix', '^(name_)?(suffix|sufx|suff|sfx|generation)$|^name_?(suffix|sufx|suff|sfx)$', 0.9),
    ('birth_date', '^(date_of_birth|birth_?date|birth_?day|dob|born|born_on|date_birth|geb(urts)?_?datum|geb(urts)?_?tag|geb|date_de_naissance|date_naissance|fecha_(de_)?nacimiento|data_(di_)?nascita)$', 1),
    ('birth_date', '^(生日|出生日期|出生年月|出生年月日|生年月日|생년월일)$', 1),
    ('gender', '^(gender|sex|geschlecht|sexe|sexo|sesso|性别|性別|성별)$', 1),
    ('email', '(^|_)e?_?mail(_?(address|addr|adresse|adress|id))?[0-9]?$', 1), ('email', '^(correo(_electronico)?|courriel|mail)$', 1),
    ('email', '^(邮箱|郵箱|电子邮件|電子郵件|电子邮箱|電郵|邮件|メール|メールアドレス|이메일)$', 1),
    ('phone', '(^|_)(phone|tel|telephone|mobile|cell|cellphone|msisdn|handy|telefon|mobil|portable|telefono|teléfono|movil|móvil)(_?(number|no|nr|num|nummer))?[0-9]?$', 1),
    ('phone', '^(手机|手機|手机号|手机号码|手機號碼|电话|電話|联系电话|聯絡電話|行動電話|電話番号|携帯|전화번호|휴대폰)$', 1),
    ('address', '^(address|full_address|postal_address|mailing_address|addr|anschrift|adresse|direccion|dirección|indirizzo|endereco|endereço)$', 0.9),
    ('address', '^(地址|通讯地址|通訊地址|详细地址|聯絡地址|住所|주소)$', 0.95), ('address', '(^|_)(shipping|billing|home|delivery)_address$', 0.8),
    ('street', '^(street|street_?(name|address|line(_?1)?)|addr(ess)?_?(line_?)?1|strasse|straße|str|rue|calle|via|rua|街道|道路|番地)$', 1),
    ('house_number', '^(house_?(number|no|num|nr)|street_?(number|no)|hausnummer|hausnr|hnr|numero|门牌号|門牌號)$', 0.95),
    ('city', '^(city|town|post_?town|city_?town|locality|place|ort|stadt|wohnort|ville|ciudad|citta|città|cidade|suburb|municipality|城市|市|所在城市|市区町村|도시)$', 1), ('city', '_city$', 0.8),
    ('region', '^(state|region|province|county|prefecture|bundesland|kanton|departement|provincia|estado|省|省份|州|都道府県|地区)$', 1), ('region', '_(state|province)$', 0.8),
    ('postcode', '^(post_?(al_?)?code|zip(_?code)?|plz|postleitzahl|code_postal|cp|codigo_postal|cap|邮编|郵編|邮政编码|郵遞區號|郵便番号|우편번호)$', 1), ('postcode', '_(zip|postcode|postal_code|zipcode)$', 0.9),
    ('country', '^(country(_?(code|name))?|nation|land|pays|pais|país|paese|国家|國家|国|국가)$', 1), ('country', '_country$', 0.8),
    ('national_id', '^(national_?id|ssn|social_security(_number)?|soc_?sec_?id|nino|id_?card(_number)?|identity_number|personal_?(id|number)|ausweisnummer|dni|cpf|personnummer|身份证|身份证号|身份证号码|身分證字號|身分證|주민등록번호)$', 1),
    ('tax_id', '^(tax_?(id|number|no)|vat(_?(id|number|no))?|tin|ein|ust_?id(nr)?|steuernummer|siren|siret|nif|cif|cnpj|税号|統一編號|统一社会信用代码|纳税人识别号|法人番号)$', 1),
    ('loyalty_id', '^(loyalty_?(id|number|no|card)|member(ship)?_?(id|number|no|card)|card_?(number|no)|bonus_?card|kundenkarte|会员号|会员卡号|會員編號|會員卡號|会員番号)$', 0.9),
    ('company', '^(company(_?name)?|legal_(entity_)?name|trading_name|organi[sz]ation(_?name)?|org|employer|firm|firma|firmenname|business(_?name)?|account_?name|societe|société|entreprise|empresa|azienda|公司|公司名称|公司名稱|企业|企业名称|单位|會社名|会社|会社名|法人名|회사|회사명)$', 1),
    ('job_title', '^(job_?title|position|role|function|job|titel_beruf|poste|cargo|puesto|职位|職位|职务|職務|役職|직책)$', 0.9),
    ('website', '^(web_?site|web|url|home_?page|www|internet|site|网址|網址|官网|ホームページ)$', 0.95),
    ('domain', '^(domain|web_?domain|email_domain|域名)$', 1),
    ('occupation', '^(occupation|profession|beruf|metier|métier|profesion|职业|職業|직업)$', 1),
    ('birth_place', '^(birth_?place|place_of_birth|born_in|geburtsort|lieu_(de_)?naissance|lugar_(de_)?nacimiento|籍贯|籍貫|出生地)$', 1),
    ('registered_at', '^(registered(_?(at|on|date))?|registr?(ation)?_?(date|time|dt)|signed?_?up(_?(at|date))?|sign_?up(_?(at|date))?|joined(_?(at|on))?|member_since|customer_since|created(_?(at|on|date))?|create_?time|creation_date|angelegt_am|注册时间|注册日期|註冊日期|創建時間|创建时间|登録日)$', 0.9),
    ('cookie_id', '^(cookie(_?id)?|visitor_?id|anonymous_?id|client_?id|ga_?id|session_?cookie)$', 0.95),
    ('device_id', '^(device(_?id)?|idfv|android_?id|imei|设备号|設備號)$', 0.95),
    ('ad_id', '^(ad_?id|advertising_?id|idfa|gaid|maid)$', 1),
    ('account_id', '^(account_?(id|number|no)|company_?id|organi[sz]ation_?id|parent_?account)$', 0.8);

CREATE FUNCTION customer_data.explain_mapping(relation text, sample int DEFAULT 2000)
    RETURNS TABLE ("column" text, type regtype, attribute text, expression text, confidence real, reason text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, customer_data, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    item text := customer_data.relation_item(relation);
    look jsonb;
BEGIN
    IF sample IS NULL OR sample < 1 THEN
        RAISE EXCEPTION 'sample must be at least 1' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format($query$
        SELECT jsonb_object_agg(l.key, to_jsonb(l) - 'key')
        FROM (SELECT e.key, count(*) AS filled, count(DISTINCT e.value) AS different, s.n AS rows,
                     avg((e.value ~ '^[^@[:space:]]+@[^@[:space:]]+\.[[:alpha:]]{2,}$')::int) AS email,
                     avg((e.value ~ '^\+?[0-9 ()./-]{7,20}$' AND length(regexp_replace(e.value, '[^0-9]', '', 'g')) BETWEEN 7 AND 15
                          AND e.value !~ '^(18|19|20)[0-9]{2}[-/.]?[0-9]{1,2}[-/.]?[0-9]{1,2}$'
                          AND e.value !~ '^[0-9]{1,2}[-/.][0-9]{1,2}[-/.](18|19|20)?[0-9]{2}$')::int) AS phone,
                     avg((e.value ~ '^\+|^0[0-9]|[ ()-]')::int) AS dialled,
                     avg((e.value ~ '^[0-9]{4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?' OR e.value ~ '^[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}$'
                          OR e.value ~ '^(18|19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$')::int) AS day,
                     -- addresses on one host are links to the rows themselves
                     avg((e.value ~* '^(https?://|www\.)')::int)
                         * (count(DISTINCT lower(substring(e.value FROM '^(?:[a-z]+://)?(?:www\.)?([^/]+)'))) > 0.1 * count(*))::int AS url,
                     avg((e.value ~* '^([a-z0-9-]+\.)+[a-z]{2,}$')::int) AS domain,
                     avg((e.value ~* '^(m|f|male|female|w|h|d|男|女|männlich|weiblich|homme|femme|0|1|2|other)$')::int) AS gender,
                     avg((e.value ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$')::int) AS uuid,
                     avg((e.value ~* '(gmbh|\mag\M|\mltd\M|\minc\M|\mllc\M|\mcorp\M|\mco\M\.?|s\.?a\.?r\.?l|\msa\M|\mplc\M|有限|公司|会社|株式)')::int) AS firm,
                     avg((e.value ~ '^[0-9]+$')::int) AS digits,
                     avg((e.value ~ '^[[:alpha:]][[:alpha:]''’.-]*([ ,，·][[:alpha:]''’. -]+)+$' OR e.value ~ '^[一-鿿]{2,4}$')::int) AS name,
                     avg((e.value ~ ' ' OR e.value ~ '^[一-鿿]{2,4}$')::int) AS words,
                     avg(length(e.value)) AS length
              FROM (SELECT to_jsonb(r) AS j FROM (SELECT * FROM %s LIMIT %s) r) r
              CROSS JOIN LATERAL (SELECT t.key, btrim(t.value) AS value FROM jsonb_each_text(r.j) AS t) AS e
              CROSS JOIN (SELECT count(*) AS n FROM (SELECT FROM %s LIMIT %s) x) s
              WHERE e.value <> ''
              GROUP BY e.key, s.n) l
    $query$, item, sample, item, sample) INTO look;
    RETURN QUERY
    WITH col AS (
        SELECT c."position", c.name, c.type, look -> c.name AS l,
               -- camelCase, blanks and points become words; a table's name in front goes.
               regexp_replace(regexp_replace(lower(btrim(regexp_replace(regexp_replace(c.name, '([[:lower:][:digit:]])([[:upper:]])', '\1_\2', 'g'), '[\s.-]+', '_', 'g'), '_')),
                              '^(customer|cust|client|contact|user|member|person|usr|kunde|kunden|c|tbl)_(?=[^_]{2})', ''), '_+', '_', 'g') AS heading,
               lower(c.name) AS plain
        FROM customer_data.relation_columns(item) c
    ), core AS (
        -- Whose address, and in what form, is no part of what a column is: res_city_desc, state_cd, postcode_clean.
        SELECT c.*, regexp_replace(regexp_replace(c.heading,
                   '^(res|resid|residence|residential|reg|registered|home|mail|mailing|postal|primary|main|billing|bill|shipping|ship|delivery|current|permanent|physical|business|work|office|private|head_?office|hq|owner|patient|voter|student|employee|lead|guest|donor|applicant|subscriber)_(?=[^_]{2})', ''),
                   '_(cd|code|desc|descr|description|txt|text|value|val|lbl|label|fake|raw|clean|cleaned|std|norm|orig|original|1)$', '') AS short
        FROM col c
    ), named AS (
        SELECT c.name, h.attribute, max(CASE WHEN c.heading ~ h.pattern OR c.plain ~ h.pattern THEN h.score ELSE 0.8 * h.score END)::real AS score,
               format('heading "%s"', c.name) AS reason
        FROM core c JOIN customer_data.column_heading h ON c.heading ~ h.pattern OR c.plain ~ h.pattern OR c.short ~ h.pattern
        GROUP BY c.name, h.attribute
    ), looked AS (
        SELECT c.name, v.attribute, v.share, v.reason
        FROM col c CROSS JOIN LATERAL (VALUES
            ('email', (c.l ->> 'email')::real, 'look like e-mail addresses'),
            ('phone', (c.l ->> 'phone')::real * least(1, 0.3 + (c.l ->> 'dialled')::real), 'look like telephone numbers'),
            ('website', (c.l ->> 'url')::real, 'look like web addresses'),
            ('domain', (c.l ->> 'domain')::real * 0.9, 'look like internet domains'),
            ('gender', CASE WHEN (c.l ->> 'digits')::real < 0.5 AND (c.l ->> 'different')::int BETWEEN 2 AND 8 THEN (c.l ->> 'gender')::real * 0.7 END, 'look like genders'),
            ('company', (c.l ->> 'firm')::real * 0.9, 'carry a company''s legal form'),
            ('full_name', (c.l ->> 'name')::real * (c.l ->> 'words')::real
                          * CASE WHEN (c.l ->> 'firm')::real < 0.2 AND (c.l ->> 'different')::real > 0.5 * (c.l ->> 'filled')::real THEN 0.55 ELSE 0.1 END,
             'look like names')) AS v(attribute, share, reason)
        WHERE v.share >= 0.4
    ), scored AS (
        SELECT name, attribute, sum(score) AS score, string_agg(reason, '; ' ORDER BY kind) AS reason
        FROM (SELECT n.name, n.attribute, n.score, n.reason, 1 AS kind FROM named n
              UNION ALL
              SELECT k.name, k.attribute, k.share, format('%s %% of the values %s', round((100 * k.share)::numeric), k.reason), 2 FROM looked k) u
        GROUP BY name, attribute
    ), judged AS (
        SELECT c."position", c.name, c.type, s.attribute, s.reason,
               s.score
               -- What the values deny weighs more than what the heading says.
               * CASE WHEN c.l IS NULL THEN 0.6
                      WHEN s.attribute = 'email' AND (c.l ->> 'email')::real < 0.3 THEN 0.2
                      WHEN s.attribute = 'website' AND greatest((c.l ->> 'url')::real, (c.l ->> 'domain')::real) < 0.1 THEN 0.3
                      WHEN s.attribute = 'phone' AND (c.l ->> 'phone')::real < 0.2 THEN 0.3
                      WHEN s.attribute IN ('birth_date', 'registered_at') AND c.type NOT IN ('date', 'timestamp', 'timestamptz') AND (c.l ->> 'day')::real < 0.3 THEN 0.3
                      WHEN s.attribute IN ('full_name', 'given_name', 'family_name', 'city', 'street', 'company', 'job_title', 'occupation') AND (c.l ->> 'digits')::real > 0.6 THEN 0.2
                      WHEN s.attribute IN ('full_name', 'given_name', 'family_name') AND (c.l ->> 'email')::real > 0.6 THEN 0.2
                      WHEN s.attribute = 'full_name' AND (c.l ->> 'firm')::real > 0.5 THEN 0.5
                      WHEN s.attribute = 'company' AND (c.l ->> 'digits')::real > 0.6 THEN 0.2
                      WHEN s.attribute = 'gender' AND (c.l ->> 'different')::int > 12 THEN 0.2
                      WHEN s.attribute = 'job_title' AND (c.l ->> 'different')::int <= 2 THEN 0.6
                      ELSE 1 END AS score
        FROM col c JOIN scored s ON s.name = c.name
        WHERE c.type NOT IN ('json', 'jsonb', 'xml', 'bytea', 'boolean')
          AND (s.attribute IN ('birth_date', 'registered_at') OR c.type NOT IN ('date', 'timestamp', 'timestamptz', 'time'))
    ), given_there AS (
        SELECT EXISTS (SELECT FROM judged WHERE attribute = 'given_name' AND score > 0.5) AS given,
               EXISTS (SELECT FROM judged WHERE attribute = 'family_name' AND score > 0.5) AS family
    ), adjusted AS (
        -- "name" beside a given name, in one word, is the family name.
        SELECT j."position", j.name, j.type, j.reason, j.score,
               CASE WHEN j.attribute = 'full_name' AND g.given AND NOT g.family AND (look -> j.name ->> 'words')::real < 0.3
                    THEN 'family_name' ELSE j.attribute END AS attribute
        FROM judged j CROSS JOIN given_there g
    ), ranked AS (
        SELECT array_agg(a."position" ORDER BY a.score DESC, a."position", t.ordinal) AS columns,
               array_agg(t.ordinal ORDER BY a.score DESC, a."position", t.ordinal) AS ordinals
        FROM adjusted a JOIN customer_data.attribute t ON t.name = a.attribute
        WHERE a.score >= 0.45
    ), taken AS (
        SELECT u.c AS "position", u.o AS ordinal
        FROM ranked r, unnest(r.columns::bigint[], r.ordinals::bigint[], customer_data.first_come(r.columns::bigint[], r.ordinals::bigint[])) AS u(c, o, ok)
        WHERE u.ok
    ), key AS (
        SELECT c."position"
        FROM col c
        WHERE (c.l ->> 'different')::bigint = (c.l ->> 'rows')::bigint
          AND c.type NOT IN ('date', 'timestamp', 'timestamptz', 'boolean', 'double precision', 'real', 'json', 'jsonb')
          AND NOT EXISTS (SELECT FROM taken t JOIN customer_data.attribute a ON a.ordinal = t.ordinal
                          WHERE t."position" = c."position" AND a.name NOT IN ('loyalty_id', 'cookie_id', 'account_id', 'national_id', 'device_id'))
        ORDER BY (c.plain ~ '(^|_)(id|key|no|nr|number|uuid|code|guid|编号|編號|番号)$|Id$')::int DESC, c."position" LIMIT 1
    )
    SELECT c.name, c.type,
           CASE WHEN k."position" IS NOT NULL AND a.name IS NULL THEN '(key)' ELSE a.name END,
           quote_ident(c.name),
           round(least(1, CASE WHEN a.name IS NULL THEN (k."position" IS NOT NULL)::int * 0.8 ELSE j.score END)::numeric, 2)::real,
           concat_ws('; ', j.reason, CASE WHEN k."position" IS NOT NULL THEN 'different in every row: a key' END,
                     CASE WHEN c.l IS NULL THEN 'empty in the sample' END)
    FROM col c
    LEFT JOIN taken t ON t."position" = c."position"
    LEFT JOIN customer_data.attribute a ON a.ordinal = t.ordinal
    LEFT JOIN adjusted j ON j."position" = c."position" AND j.attribute = a.name
    LEFT JOIN key k ON k."position" = c."position"
    ORDER BY c."position";
END
$$;
COMMENT ON FUNCTION customer_data.explain_mapping(text, int) IS 'For each column of a relation: the attribute it probably holds, how sure that is, and why; (key) marks what identifies a row';

CREATE FUNCTION customer_data.suggest_mapping(relation text) RETURNS jsonb
    LANGUAGE sql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(e.attribute, e.expression), '{}')
    FROM customer_data.explain_mapping(relation) e
    WHERE e.attribute IS NOT NULL AND e.attribute <> '(key)'
$$;
COMMENT ON FUNCTION customer_data.suggest_mapping(text) IS 'A mapping to start from, for add_source(): by headings in several languages and by what the values look like';
