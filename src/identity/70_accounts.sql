-- Identity, companies: which account a person belongs to, and which account
-- belongs to which.

CREATE TABLE customer_data.contact_account (
    customer_id bigint PRIMARY KEY,
    account_id  bigint NOT NULL,
    how         text NOT NULL
);
CREATE INDEX contact_account_account ON customer_data.contact_account (account_id);
COMMENT ON TABLE customer_data.contact_account IS 'Derived: the account (customer_id of a company) of each person, and by what: account number, internet domain or company name; resolve() keeps it';

CREATE TABLE customer_data.account_named (
    how        text NOT NULL,
    value      text NOT NULL,
    account_id bigint NOT NULL,
    PRIMARY KEY (how, value)
);
COMMENT ON TABLE customer_data.account_named IS 'Derived: account numbers, domains and company names that name one account; resolve() keeps it';

CREATE FUNCTION customer_data.host_of(website text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(regexp_replace(lower(website), '^([a-z]+://)?(www\.)?([^/:?#]*).*$', '\3'), '');
COMMENT ON FUNCTION customer_data.host_of(text) IS 'The host in a web address, without www.';

-- What names an account: of companies what they are, of persons where they
-- belong.  A key that two accounts share names neither.
CREATE VIEW customer_data.account_key AS
    SELECT r.customer_id, s.kind = 'account' AS is_account, k.rank, k.how, k.value
    FROM customer_data.source s
    JOIN customer_data.source_record r ON r.source_id = s.source_id AND r.gone_at IS NULL
    JOIN customer_data.record_value v ON v.record_id = r.record_id
    CROSS JOIN LATERAL (VALUES
        (1, 'account number', lower(v.given[30])),
        (1, 'account number', CASE WHEN s.kind = 'account' THEN lower(r.key) END),
        (2, 'domain', lower(v.standard[23])),
        (2, 'domain', customer_data.host_of(v.standard[22])),
        (3, 'domain', CASE WHEN s.kind <> 'account' THEN split_part(v.standard[8], '@', 2) END),
        (4, 'company name', v.standard[20])) AS k(rank, how, value)
    WHERE k.value <> '' AND s.kind IN ('known', 'account');
COMMENT ON VIEW customer_data.account_key IS 'Account numbers, domains and company names of companies and of persons';

CREATE FUNCTION customer_data.write_accounts(customers bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    differ bigint[];
BEGIN
    WITH found AS MATERIALIZED (
        SELECT DISTINCT ON (p.customer_id) p.customer_id, n.account_id, n.how
        FROM customer_data.account_key p
        JOIN customer_data.account_named n ON n.how = p.how AND n.value = p.value
        WHERE NOT p.is_account AND p.customer_id <> n.account_id
          AND (customers IS NULL OR p.customer_id = ANY (customers))
        ORDER BY p.customer_id, p.rank, n.account_id
    ), gone AS (
        DELETE FROM customer_data.contact_account a
        WHERE (customers IS NULL OR a.customer_id = ANY (customers))
          AND NOT EXISTS (SELECT FROM found f WHERE f.customer_id = a.customer_id)
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
COMMENT ON FUNCTION customer_data.write_accounts(bigint[]) IS 'Looks up the accounts of these customers (NULL: all) and answers whose account changed';

-- Everybody at once: by hashing, whatever the planner thinks of the numbers.
CREATE FUNCTION customer_data.link_all_accounts() RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = off SET enable_hashjoin = on SET enable_seqscan = on
AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM customer_data.account_named;
    INSERT INTO customer_data.account_named (how, value, account_id)
    SELECT k.how, k.value, min(k.customer_id)
    FROM customer_data.account_key k
    WHERE k.is_account
    GROUP BY k.how, k.value
    HAVING count(DISTINCT k.customer_id) = 1;
    RETURN customer_data.write_accounts(NULL);
END
$$;
COMMENT ON FUNCTION customer_data.link_all_accounts() IS 'Makes account_named and contact_account anew and answers whose account changed';

CREATE FUNCTION customer_data.link_accounts(customers bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM customer_data.source s WHERE s.kind = 'account')
       AND NOT EXISTS (SELECT FROM customer_data.account_named) THEN
        RETURN NULL;
    END IF;
    -- An account that changed may be anybody's.
    IF customers IS NULL
       OR EXISTS (SELECT FROM unnest(customers) AS c
                  JOIN customer_data.source_record r ON r.customer_id = c
                  JOIN customer_data.source s ON s.source_id = r.source_id
                  WHERE s.kind = 'account')
       OR EXISTS (SELECT FROM customer_data.contact_account a WHERE a.account_id = ANY (customers)) THEN
        RETURN customer_data.link_all_accounts();
    END IF;
    RETURN customer_data.write_accounts(customers);
END
$$;
COMMENT ON FUNCTION customer_data.link_accounts(bigint[]) IS 'Brings contact_account up to date for these customers (NULL: all) and answers whose account changed';

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
    FROM customer_data.source_record r
    JOIN customer_data.source s ON s.source_id = r.source_id AND s.kind = 'account'
    JOIN customer_data.record_value v ON v.record_id = r.record_id
    JOIN customer_data.attribute a ON a.name = 'parent_account_id'
    JOIN customer_data.source_record p ON p.source_id = r.source_id AND p.key = v.given[a.ordinal] AND p.gone_at IS NULL
    WHERE r.customer_id = account_parent.customer_id AND r.gone_at IS NULL AND p.customer_id <> r.customer_id
$$;
COMMENT ON FUNCTION customer_data.account_parent(bigint) IS 'The company that a company belongs to: its attribute parent_account_id names the other''s key in the same source';

CREATE FUNCTION customer_data.account_contacts(account_id bigint, with_subsidiaries boolean DEFAULT false)
    RETURNS TABLE (customer_id bigint, of_account bigint, how text)
    LANGUAGE sql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    WITH RECURSIVE company (id) AS (
        SELECT account_contacts.account_id
        UNION
        SELECT r.customer_id
        FROM company c
        JOIN customer_data.source_record p ON p.customer_id = c.id AND p.gone_at IS NULL
        JOIN customer_data.attribute a ON a.name = 'parent_account_id'
        JOIN customer_data.record_value v ON v.source_id = p.source_id AND v.given[a.ordinal] = p.key
        JOIN customer_data.source_record r ON r.record_id = v.record_id AND r.gone_at IS NULL
        WHERE with_subsidiaries
    )
    SELECT t.customer_id, t.account_id, t.how
    FROM company c JOIN customer_data.contact_account t ON t.account_id = c.id
    ORDER BY t.account_id, t.customer_id
$$;
COMMENT ON FUNCTION customer_data.account_contacts(bigint, boolean) IS 'The persons of an account, on request with those of its subsidiaries';
