-- Identity, companies: which account a person belongs to, and which account
-- belongs to which.

CREATE TABLE customer_data.contact_account (
    customer_id bigint PRIMARY KEY,
    account_id  bigint NOT NULL,
    how         text NOT NULL
);
CREATE INDEX contact_account_account ON customer_data.contact_account (account_id);
COMMENT ON TABLE customer_data.contact_account IS 'Derived: the account (customer_id of a company) of each person, and by what: account number, internet domain or company name; resolve() keeps it';

CREATE TABLE customer_data.account_key (
    how         text NOT NULL,
    value       text NOT NULL,
    customer_id bigint NOT NULL,
    is_account  boolean NOT NULL,
    PRIMARY KEY (how, value, customer_id, is_account)
);
CREATE INDEX account_key_customer ON customer_data.account_key (customer_id);
COMMENT ON TABLE customer_data.account_key IS 'Derived: account numbers, domains and company names, of companies and of persons, and which company is above which; resolve() keeps it';
COMMENT ON COLUMN customer_data.account_key.is_account IS 'True: the key says what a company is; false: where a person belongs';

CREATE FUNCTION customer_data.host_of(website text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_host_of';
COMMENT ON FUNCTION customer_data.host_of(text) IS 'The host in a web address, without www.';

CREATE FUNCTION customer_data.is_public_mail(domain text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_is_public_mail';
COMMENT ON FUNCTION customer_data.is_public_mail(text) IS 'Is the domain one of the large mail providers, which says nothing of the company a person works for';

-- What names an account: of companies what they are, of persons where they
-- belong.  Long values are kept by their hash.
CREATE VIEW customer_data.account_key_given AS
    SELECT r.customer_id, s.kind = 'account' AS is_account, k.how,
           CASE WHEN octet_length(k.value) > 200 THEN md5(k.value) ELSE k.value END AS value
    FROM customer_data.source s
    JOIN customer_data.source_record r ON r.source_id = s.source_id AND r.gone_at IS NULL
    JOIN customer_data.record_value v ON v.record_id = r.record_id
    CROSS JOIN LATERAL (
        SELECT 'account number' AS how, lower(btrim(v.given[30])) AS value
        UNION ALL SELECT 'account number', lower(btrim(r.key)) WHERE s.kind = 'account'
        UNION ALL SELECT 'domain', lower(v.standard[23])
        UNION ALL SELECT 'domain', customer_data.host_of(v.standard[22])
        UNION ALL SELECT 'domain', m.domain FROM (SELECT split_part(v.standard[8], '@', 2) AS domain OFFSET 0) m
        UNION ALL SELECT 'company name', v.standard[20]
        UNION ALL SELECT 'brand', (customer_data.company_parts(v.given[20])).brand WHERE v.given[20] IS NOT NULL
        UNION ALL SELECT 'key', s.source_id || ' ' || r.key WHERE s.kind = 'account'
        UNION ALL SELECT 'parent key', s.source_id || ' ' ||
                         v.given[(SELECT a.ordinal FROM customer_data.attribute a WHERE a.name = 'parent_account_id')]
                  WHERE s.kind = 'account') AS k
    WHERE k.value <> '' AND s.kind IN ('known', 'account')
      AND NOT (k.how = 'domain' AND customer_data.is_public_mail(k.value));
COMMENT ON VIEW customer_data.account_key_given IS 'What account_key holds, from the records as they are';

-- Lead to account: the accounts that a person's account number, domains and
-- company name point at; where they point at several, the place decides.
CREATE FUNCTION customer_data.write_accounts(customers bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    differ bigint[];
BEGIN
    WITH mine AS MATERIALIZED (
        SELECT p.customer_id, p.how, p.value
        FROM unnest(customers) AS w JOIN customer_data.account_key p ON p.customer_id = w
        WHERE NOT p.is_account
    ), named AS MATERIALIZED (
        -- A key of very many accounts tells nothing.
        SELECT k.how, k.value, array_agg(a.customer_id) AS accounts
        FROM (SELECT DISTINCT m.how, m.value FROM mine m) k
        JOIN customer_data.account_key a ON a.how = k.how AND a.value = k.value AND a.is_account
        GROUP BY k.how, k.value
        HAVING count(*) <= 50
    ), pointed AS MATERIALIZED (
        -- By what, as bits: 8 account number, 4 domain, 2 company name, 1 brand.
        SELECT m.customer_id, a.account_id,
               bit_or(CASE m.how WHEN 'account number' THEN 8 WHEN 'domain' THEN 4 WHEN 'company name' THEN 2 ELSE 1 END) AS hows
        FROM mine m
        JOIN named n ON n.how = m.how AND n.value = m.value
        CROSS JOIN unnest(n.accounts) AS a(account_id)
        WHERE a.account_id <> m.customer_id
        GROUP BY m.customer_id, a.account_id
    ), named_score AS MATERIALIZED (
        SELECT p.customer_id, p.account_id, p.hows,
               CASE WHEN p.hows & 8 > 0 THEN 100 ELSE 0 END + CASE WHEN p.hows & 4 > 0 THEN 12 ELSE 0 END
               + CASE WHEN p.hows & 2 > 0 THEN 10 WHEN p.hows & 1 > 0 THEN 5 ELSE 0 END AS score
        FROM pointed p
    ), chosen AS MATERIALIZED (
        SELECT n.customer_id, count(*) AS choices, max(n.score) AS top FROM named_score n GROUP BY n.customer_id
    ), asked AS MATERIALIZED (
        -- The place adds 9 at most: others cannot catch up.
        SELECT n.customer_id, n.account_id, n.hows, n.score
        FROM named_score n JOIN chosen c ON c.customer_id = n.customer_id
        WHERE (c.choices > 1 OR n.score < 7) AND n.score + 9 >= greatest(c.top, 7)
    ), place AS MATERIALIZED (
        SELECT i.id, array_agg(DISTINCT v.standard[13]) FILTER (WHERE v.standard[13] IS NOT NULL) AS cities,
               array_agg(DISTINCT v.standard[15]) FILTER (WHERE v.standard[15] IS NOT NULL) AS postcodes,
               array_agg(DISTINCT coalesce(v.standard[11], v.standard[10]))
                   FILTER (WHERE coalesce(v.standard[11], v.standard[10]) IS NOT NULL) AS streets
        FROM (SELECT a.customer_id AS id FROM asked a UNION SELECT a.account_id FROM asked a) i
        JOIN customer_data.source_record r ON r.customer_id = i.id AND r.gone_at IS NULL
        JOIN customer_data.record_value v ON v.record_id = r.record_id
        GROUP BY i.id
    ), near AS MATERIALIZED (
        SELECT a.customer_id, a.account_id, a.hows, a.score,
               CASE WHEN p.postcodes && o.postcodes THEN 4 ELSE 0 END
               + CASE WHEN p.cities && o.cities THEN 2 ELSE 0 END
               + CASE WHEN p.streets IS NULL OR o.streets IS NULL THEN 0
                      WHEN EXISTS (SELECT FROM unnest(p.streets) AS x, unnest(o.streets) AS y
                                   WHERE customer_data.address_similarity(x, y) > 0.8) THEN 3 ELSE 0 END AS near
        FROM asked a LEFT JOIN place p ON p.id = a.customer_id LEFT JOIN place o ON o.id = a.account_id
    ), scored AS (
        SELECT e.customer_id, e.account_id, e.hows, e.near, e.score + e.near AS score FROM near e
        UNION ALL
        -- The only one, and sure enough.
        SELECT n.customer_id, n.account_id, n.hows, 0, n.score
        FROM named_score n JOIN chosen c ON c.customer_id = n.customer_id
        WHERE c.choices = 1 AND n.score >= 7
    ), ranked AS (
        -- Of several with one score none is taken.
        SELECT s.customer_id, s.score, count(*) AS equals, min(s.account_id) AS account_id, min(s.hows) AS hows, min(s.near) AS near
        FROM scored s
        GROUP BY s.customer_id, s.score
    ), best AS (
        SELECT DISTINCT ON (r.customer_id) r.* FROM ranked r ORDER BY r.customer_id, r.score DESC
    ), found AS MATERIALIZED (
        SELECT b.customer_id, b.account_id,
               concat_ws(', ', CASE WHEN b.hows & 8 > 0 THEN 'account number' END, CASE WHEN b.hows & 3 = 1 THEN 'brand' END,
                         CASE WHEN b.hows & 2 > 0 THEN 'company name' END, CASE WHEN b.hows & 4 > 0 THEN 'domain' END,
                         CASE WHEN b.near > 0 THEN 'place' END) AS how
        FROM best b
        WHERE b.equals = 1 AND b.score >= 7
    ), gone AS (
        DELETE FROM customer_data.contact_account a
        USING unnest(customers) AS w
        WHERE a.customer_id = w AND NOT EXISTS (SELECT FROM found f WHERE f.customer_id = a.customer_id)
        RETURNING a.customer_id
    ), written AS (
        INSERT INTO customer_data.contact_account AS a (customer_id, account_id, how)
        SELECT f.customer_id, f.account_id, f.how FROM found f
        ON CONFLICT (customer_id) DO UPDATE SET account_id = EXCLUDED.account_id, how = EXCLUDED.how
        WHERE (a.account_id, a.how) IS DISTINCT FROM (EXCLUDED.account_id, EXCLUDED.how)
        RETURNING a.customer_id
    )
    SELECT array_agg(c.customer_id) INTO differ
    FROM (SELECT customer_id FROM gone UNION ALL SELECT customer_id FROM written) c;
    RETURN differ;
END
$$;
COMMENT ON FUNCTION customer_data.write_accounts(bigint[]) IS 'Looks up the accounts of these customers and answers whose account changed';

CREATE FUNCTION customer_data.fill_account_keys() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_fill_account_keys';
COMMENT ON FUNCTION customer_data.fill_account_keys() IS 'Writes what account_key_given holds into account_key, which must be empty';

-- Everybody at once: by hashing, whatever the planner thinks of the numbers.
CREATE FUNCTION customer_data.link_all_accounts() RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = off SET enable_hashjoin = on SET enable_seqscan = on
AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM customer_data.account_key;
    PERFORM customer_data.fill_account_keys();
    ANALYZE customer_data.account_key;
    RETURN customer_data.write_accounts(ARRAY(SELECT p.customer_id FROM customer_data.account_key p WHERE NOT p.is_account
                                              UNION SELECT a.customer_id FROM customer_data.contact_account a));
END
$$;
COMMENT ON FUNCTION customer_data.link_all_accounts() IS 'Makes account_key and contact_account anew and answers whose account changed';

CREATE FUNCTION customer_data.link_accounts(customers bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    contacts bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM customer_data.source s WHERE s.kind = 'account')
       AND NOT EXISTS (SELECT FROM customer_data.account_key) THEN
        RETURN NULL;
    END IF;
    IF customers IS NULL OR NOT EXISTS (SELECT FROM customer_data.account_key) THEN
        RETURN customer_data.link_all_accounts();
    END IF;
    -- An account that changed is looked at by all whom its keys named, or name
    -- now: its place may decide for or against it, whose contacts they were before.
    WITH given AS MATERIALIZED (
        SELECT DISTINCT k.how, k.value, k.customer_id, k.is_account
        FROM (SELECT DISTINCT u AS id FROM unnest(customers) AS u) w JOIN customer_data.account_key_given k ON k.customer_id = w.id
    ), lost AS (
        DELETE FROM customer_data.account_key o
        USING (SELECT DISTINCT u AS id FROM unnest(customers) AS u) w
        WHERE o.customer_id = w.id
          AND NOT EXISTS (SELECT FROM given g WHERE g.how = o.how AND g.value = o.value AND g.customer_id = o.customer_id AND g.is_account = o.is_account)
        RETURNING o.how, o.value, o.is_account
    ), gained AS (
        INSERT INTO customer_data.account_key (how, value, customer_id, is_account)
        SELECT g.how, g.value, g.customer_id, g.is_account
        FROM given g
        WHERE NOT EXISTS (SELECT FROM customer_data.account_key o
                          WHERE o.how = g.how AND o.value = g.value AND o.customer_id = g.customer_id AND o.is_account = g.is_account)
        RETURNING how, value, is_account
    )
    SELECT array_agg(DISTINCT p.customer_id) INTO contacts
    FROM (SELECT l.how, l.value FROM lost l WHERE l.is_account
          UNION SELECT g.how, g.value FROM gained g WHERE g.is_account
          UNION SELECT g.how, g.value FROM given g
          WHERE g.is_account
            -- as in write_accounts(): a key of very many accounts tells nothing
            AND NOT EXISTS (SELECT FROM customer_data.account_key a WHERE a.how = g.how AND a.value = g.value AND a.is_account OFFSET 50)) k
    JOIN customer_data.account_key p ON p.how = k.how AND p.value = k.value AND NOT p.is_account;
    RETURN customer_data.write_accounts(ARRAY(SELECT unnest(customers) UNION SELECT unnest(contacts)));
END
$$;
COMMENT ON FUNCTION customer_data.link_accounts(bigint[]) IS 'Brings account_key and contact_account up to date for these customers (NULL: all) and answers whose account changed';

CREATE FUNCTION customer_data.account_of(customer_id bigint) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT a.account_id FROM customer_data.contact_account a WHERE a.customer_id = account_of.customer_id
$$;
COMMENT ON FUNCTION customer_data.account_of(bigint) IS 'The account that a person belongs to; NULL where none is known';

CREATE FUNCTION customer_data.account_parent(customer_id bigint) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    SELECT min(p.customer_id)
    FROM customer_data.account_key c
    JOIN customer_data.account_key p ON p.how = 'key' AND p.value = c.value
    WHERE c.customer_id = account_parent.customer_id AND c.how = 'parent key' AND p.customer_id <> c.customer_id
$$;
COMMENT ON FUNCTION customer_data.account_parent(bigint) IS 'The company that a company belongs to: its attribute parent_account_id names the other''s key in the same source';

CREATE FUNCTION customer_data.account_family(account_id bigint) RETURNS TABLE (customer_id bigint, depth int)
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    WITH RECURSIVE company (id, depth) AS (
        SELECT account_family.account_id, 0
        UNION ALL
        SELECT c.customer_id, company.depth + 1
        FROM company
        JOIN customer_data.account_key p ON p.customer_id = company.id AND p.how = 'key'
        JOIN customer_data.account_key c ON c.how = 'parent key' AND c.value = p.value
        WHERE c.customer_id <> company.id
    ) CYCLE id SET seen USING path
    SELECT c.id, min(c.depth) FROM company c WHERE NOT c.seen GROUP BY c.id ORDER BY 2, 1
$$;
COMMENT ON FUNCTION customer_data.account_family(bigint) IS 'A company and those below it, with the number of steps down';

CREATE FUNCTION customer_data.buying_role(job_title text, given_role text DEFAULT NULL) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN lower(given_role) ~ 'deci[sd]|entscheid|décid|决策|決策|拍板' THEN 'decision maker'
        WHEN lower(given_role) ~ 'influenc|beeinfluss|prescript|影响|影響' THEN 'influencer'
        WHEN lower(given_role) ~ 'user|nutzer|anwender|utilisat|usuari|用户|用戶|使用' THEN 'key user'
        WHEN given_role ~ '[^[:space:]]' THEN lower(btrim(given_role))
        WHEN lower(job_title) ~ '\m(assistant|assistenz|assistentin|secretary|sekret|intern|trainee|praktikant|werkstudent|stagiaire)|助理|秘书|秘書|实习|實習' THEN 'contact'
        WHEN lower(job_title) ~ '\m(ceo|cfo|cto|cio|coo|cmo|cpo|chief|owner|founder|president|partner|managing director|director|directeur|directrice|direktor|direttore|gerente|vp|vice president|head|leiter|leiterin|geschäftsführer|geschaeftsfuehrer|inhaber|vorstand|prokurist|chef|gérant|pdg|bestuurder|eigenaar|dyrektor|prezes)\M|abteilungsleit|总经理|總經理|总裁|總裁|董事|总监|總監|首席|老板|社長|部長|取締役|대표|이사' THEN 'decision maker'
        WHEN lower(job_title) ~ '\m(consultant|berater|beraterin|architect|architekt|advisor|adviser|analyst|analytiker|scientist|specialist|spezialist|expert|buyer|purchas\w*|procurement|einkäufer\w*|einkauf|acheteur|inkoper)\M|顾问|顧問|采购|採購|架构师|架構師|分析师|分析師|专家|專家' THEN 'influencer'
        WHEN lower(job_title) ~ '\m(engineer|ingenieur\w*|ingénieur|technician|techniker|technikerin|operator|developer|entwickler\w*|administrator|admin|nurse|designer|mechanic|mechaniker|supervisor|clerk|sachbearbeiter\w*)\M|工程师|工程師|技术员|技術員|操作|管理员|管理員' THEN 'key user'
        WHEN coalesce(job_title, given_role) IS NOT NULL THEN 'contact'
    END;
COMMENT ON FUNCTION customer_data.buying_role(text, text) IS 'Role in a purchase: as given, else by the job title: decision maker, influencer, key user, contact; NULL where nothing is known';

CREATE FUNCTION customer_data.account_contacts(account_id bigint, with_subsidiaries boolean DEFAULT false)
    RETURNS TABLE (customer_id bigint, of_account bigint, how text, role text, job_title text)
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    title text := 'NULL::text';
    role  text := 'NULL::text';
BEGIN
    -- The golden row has the columns that mappings brought.
    SELECT coalesce(max(format('c.%I::text', p.attname)) FILTER (WHERE p.attname = 'job_title'), title),
           coalesce(max(format('c.%I::text', p.attname)) FILTER (WHERE p.attname = 'buying_role'), role)
    INTO title, role
    FROM pg_attribute p
    WHERE p.attrelid = to_regclass('customer_data.customer') AND p.attname IN ('job_title', 'buying_role') AND NOT p.attisdropped;
    RETURN QUERY EXECUTE format($query$
        SELECT t.customer_id, t.account_id, t.how, customer_data.buying_role(%1$s, %2$s), %1$s
        FROM (SELECT f.customer_id AS id FROM customer_data.account_family($1) f WHERE $2 OR f.depth = 0) company
        JOIN customer_data.contact_account t ON t.account_id = company.id
        JOIN customer_data.customer c ON c.customer_id = t.customer_id
        ORDER BY t.account_id, array_position(ARRAY['decision maker', 'influencer', 'key user', 'contact'], customer_data.buying_role(%1$s, %2$s)), t.customer_id
    $query$, title, role) USING account_id, coalesce(with_subsidiaries, false);
END
$$;
COMMENT ON FUNCTION customer_data.account_contacts(bigint, boolean) IS 'The persons of an account with their roles (attribute buying_role, else by job title), on request with those of its subsidiaries';

CREATE VIEW customer_data.account_overview AS
    SELECT a.customer_id AS account_id, a.parent_id, coalesce(n.contacts, 0) AS contacts, coalesce(n.hows, '{}') AS found_by
    FROM (SELECT k.customer_id, customer_data.account_parent(k.customer_id) AS parent_id
          FROM (SELECT DISTINCT k.customer_id FROM customer_data.account_key k WHERE k.how = 'key') k) a
    LEFT JOIN (SELECT t.account_id, sum(t.n)::bigint AS contacts, jsonb_object_agg(t.how, t.n) AS hows
               FROM (SELECT c.account_id, c.how, count(*) AS n FROM customer_data.contact_account c GROUP BY c.account_id, c.how) t
               GROUP BY t.account_id) n ON n.account_id = a.customer_id;
COMMENT ON VIEW customer_data.account_overview IS 'Each company: the one above it, and its contacts by what names them';
