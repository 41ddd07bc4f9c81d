-- Access by department: a role sees the segments, customers and columns that
-- were granted to it, through views that start with my_.

CREATE TABLE customer_data.segment_grant (
    segment    text NOT NULL REFERENCES customer_data.segment_definition ON UPDATE CASCADE ON DELETE CASCADE,
    role       regrole NOT NULL,
    columns    text[] NOT NULL DEFAULT '{}',
    granted_by regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (segment, role)
);
COMMENT ON TABLE customer_data.segment_grant IS 'Which role may see which segment, and what of its members; grant_segment() writes it';
COMMENT ON COLUMN customer_data.segment_grant.columns IS 'Columns of profile that the role may see of the members; {*}: all';
SELECT pg_catalog.pg_extension_config_dump('customer_data.segment_grant', '');

CREATE VIEW customer_data.my_segment WITH (security_barrier) AS
SELECT d.name, s.size, round(100.0 * s.size / nullif(e.size, 0), 1) AS percent, s.evaluated_at AS refreshed_at, d.description,
       (SELECT array_agg(DISTINCT c) FROM customer_data.segment_grant g, unnest(g.columns) c
        WHERE g.segment = d.name AND pg_has_role(current_user, g.role::oid, 'USAGE')) AS columns
FROM customer_data.segment_definition d
LEFT JOIN customer_data.condition_state s USING (condition_id)
LEFT JOIN (SELECT t.size FROM customer_data.condition_state t
           JOIN customer_data.condition k USING (condition_id) WHERE k.room = 'everyone') e ON true
WHERE EXISTS (SELECT FROM customer_data.segment_grant g WHERE g.segment = d.name AND pg_has_role(current_user, g.role::oid, 'USAGE'));
COMMENT ON VIEW customer_data.my_segment IS 'The segments that were granted to the current role, and the columns it may see of their members';

CREATE VIEW customer_data.my_segment_member WITH (security_barrier) AS
SELECT d.name AS segment, customer_data.members(m.members) AS customer_id
FROM customer_data.segment_definition d
JOIN customer_data.member_chunk m USING (condition_id)
WHERE EXISTS (SELECT FROM customer_data.segment_grant g WHERE g.segment = d.name AND pg_has_role(current_user, g.role::oid, 'USAGE'));
COMMENT ON VIEW customer_data.my_segment_member IS 'The members of the segments that were granted to the current role';

CREATE VIEW customer_data.my_segment_change WITH (security_barrier) AS
SELECT c.segment, c.customer_id, c.change, c.at, c.why
FROM customer_data.segment_change c
WHERE EXISTS (SELECT FROM customer_data.segment_grant g WHERE g.segment = c.segment AND pg_has_role(current_user, g.role::oid, 'USAGE'));
COMMENT ON VIEW customer_data.my_segment_change IS 'Who entered and who left the segments that were granted to the current role';

-- The view names its columns one by one, so that a column of profile that is
-- added later is not shown to anybody by accident.
CREATE FUNCTION customer_data.rebuild_my_customer() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    shown text;
    bits  text;
    owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = 'customer_data.condition_member'::regclass);
BEGIN
    IF to_regclass('customer_data.profile') IS NULL THEN
        RETURN;
    END IF;
    -- Functions in views run with the reader's rights: events cannot be shown.
    SELECT coalesce(string_agg(format(', CASE WHEN get_bit(s.mask, %s) = 1 THEN p.%I END AS %I', n - 1, name, name), '' ORDER BY attnum), ''),
           coalesce(string_agg(format('(%L = ANY (g.columns) OR g.columns = ''{*}'')::int::text', name), ' || ' ORDER BY n), quote_literal(''))
    INTO shown, bits
    FROM (SELECT a.attname AS name, a.attnum, row_number() OVER (ORDER BY a.attnum) AS n
          FROM pg_attribute a JOIN customer_data.profile_column c ON c.name = a.attname
          WHERE a.attrelid = 'customer_data.profile'::regclass AND a.attnum > 1 AND NOT a.attisdropped AND c.origin <> 'timeline') v;
    EXECUTE format(
        'CREATE OR REPLACE VIEW customer_data.my_customer WITH (security_barrier) AS'
        ' SELECT p.customer_id%s'
        ' FROM (SELECT m.customer_id, bit_or(m.mask) AS mask'
        '       FROM (SELECT customer_data.members(c.members) AS customer_id, (%s)::varbit AS mask'
        '             FROM customer_data.segment_grant g'
        '             JOIN customer_data.segment_definition d ON d.name = g.segment'
        '             JOIN customer_data.member_chunk c USING (condition_id)'
        '             WHERE pg_has_role(current_user, g.role::oid, ''USAGE'')) m'
        '       GROUP BY 1) s'
        ' JOIN customer_data.profile p ON p.customer_id = s.customer_id', shown, bits);
    COMMENT ON VIEW customer_data.my_customer IS 'The members of the segments that were granted to the current role, with the columns that were granted for these; others are NULL';
    -- It reads with its owner's rights.
    IF owner <> (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = 'customer_data.my_customer'::regclass) THEN
        EXECUTE format('ALTER VIEW customer_data.my_customer OWNER TO %I', owner);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.rebuild_my_customer() IS 'Makes the view my_customer from the columns of profile; grant_segment() and rebuild_profile() call it';

CREATE FUNCTION customer_data.grant_segment(role regrole, name text, columns text[] DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    unknown text;
BEGIN
    PERFORM customer_data.segment_condition(name);
    SELECT c INTO unknown FROM unnest(columns) c
    WHERE c IS DISTINCT FROM 'customer_id' AND columns <> '{*}'
      AND NOT EXISTS (SELECT FROM customer_data.profile_column p WHERE p.name = c) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'profile has no column "%"', unknown
            USING ERRCODE = 'undefined_column',
                  HINT = coalesce((SELECT 'Nearest names: ' || string_agg(quote_ident(n.name), ', ') || '.'
                                   FROM (SELECT p.name FROM customer_data.profile_column p
                                         WHERE customer_data.levenshtein(p.name, unknown) <= 3
                                         ORDER BY customer_data.levenshtein(p.name, unknown), p.name LIMIT 3) n),
                                  'SELECT name FROM customer_data.profile_column; lists them, {*} means all.');
    END IF;
    IF 'events' = ANY (columns) THEN
        RAISE EXCEPTION 'the column "events" cannot be granted'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = 'Timelines are put together with the rights of whoever reads them.',
                  HINT = 'Declare what is to be seen of them as a metric, and grant that.';
    END IF;
    IF to_regclass('customer_data.my_customer') IS NULL THEN
        PERFORM customer_data.rebuild_my_customer();
    END IF;
    INSERT INTO customer_data.segment_grant AS g (segment, role, columns) VALUES (name, role, coalesce(columns, '{}'))
    ON CONFLICT ON CONSTRAINT segment_grant_pkey DO UPDATE
    SET columns = EXCLUDED.columns, granted_by = EXCLUDED.granted_by, granted_at = EXCLUDED.granted_at;
    EXECUTE format('GRANT SELECT ON customer_data.my_segment, customer_data.my_segment_member, customer_data.my_segment_change%s TO %s',
                   CASE WHEN to_regclass('customer_data.my_customer') IS NOT NULL THEN ', customer_data.my_customer' ELSE '' END, role);
END
$$;
COMMENT ON FUNCTION customer_data.grant_segment(regrole, text, text[]) IS 'Lets a role see a segment, who is in it and who enters and leaves (my_segment, my_segment_member, my_segment_change), and of its members the given columns of profile (my_customer; {*}: all), and nothing else';

CREATE FUNCTION customer_data.revoke_segment(role regrole, name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM customer_data.segment_condition(name);
    DELETE FROM customer_data.segment_grant g WHERE g.segment = name AND g.role = revoke_segment.role;
    IF NOT EXISTS (SELECT FROM customer_data.segment_grant g WHERE g.role = revoke_segment.role) THEN
        EXECUTE format('REVOKE SELECT ON customer_data.my_segment, customer_data.my_segment_member, customer_data.my_segment_change%s FROM %s',
                       CASE WHEN to_regclass('customer_data.my_customer') IS NOT NULL THEN ', customer_data.my_customer' ELSE '' END, role);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.revoke_segment(regrole, text) IS 'Takes back what grant_segment() gave';
