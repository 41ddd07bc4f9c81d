-- Identity, tables: sources, attributes, records and their values, evidence
-- that two records are one person, customers and their history, and the
-- registry of the profile view's columns.

CREATE SEQUENCE customer_data.customer_id_seq AS bigint MINVALUE 1 MAXVALUE 4294967295 NO CYCLE;
COMMENT ON SEQUENCE customer_data.customer_id_seq IS 'Customer ids: nearly dense, never reused, at most 4,294,967,295 so that they fit a customer_set';

CREATE TABLE customer_data.attribute (
    name         text PRIMARY KEY,
    ordinal      smallint NOT NULL UNIQUE CHECK (ordinal > 0),
    type         text NOT NULL DEFAULT 'text',
    survivorship text NOT NULL DEFAULT 'most_recent'
                 CHECK (survivorship IN ('most_recent', 'most_trusted', 'most_frequent', 'longest',
                                         'most_complete', 'earliest', 'minimum', 'maximum')),
    part_of      text,
    sensitivity  text NOT NULL DEFAULT 'personal' CHECK (sensitivity IN ('none', 'personal', 'identifier', 'sensitive')),
    well_known   boolean NOT NULL DEFAULT false,
    description  text
);
COMMENT ON TABLE customer_data.attribute IS 'What can be known of a customer: the well-known attributes and those that mappings brought';
COMMENT ON COLUMN customer_data.attribute.ordinal IS 'Position of the attribute in the arrays of record_value; never changes';
COMMENT ON COLUMN customer_data.attribute.type IS 'Type of the column in customer';
COMMENT ON COLUMN customer_data.attribute.survivorship IS 'Which record''s value becomes the golden one, unless the table survivorship says otherwise';
COMMENT ON COLUMN customer_data.attribute.part_of IS 'Attributes of one group are taken from the same record, so that no address is mixed from two';
COMMENT ON COLUMN customer_data.attribute.sensitivity IS 'How carefully the value must be handled';
COMMENT ON COLUMN customer_data.attribute.well_known IS 'Shipped with the extension, with its own standard form and comparison';

INSERT INTO customer_data.attribute (name, ordinal, type, survivorship, part_of, sensitivity, well_known, description) VALUES
    ('full_name',      1, 'text',        'most_trusted',  'name',    'personal',   true, 'the whole name, in any order and script'),
    ('given_name',     2, 'text',        'most_trusted',  'name',    'personal',   true, 'given name'),
    ('middle_name',    3, 'text',        'most_trusted',  'name',    'personal',   true, 'middle names or initials'),
    ('family_name',    4, 'text',        'most_trusted',  'name',    'personal',   true, 'family name'),
    ('name_prefix',    5, 'text',        'most_trusted',  'name',    'personal',   true, 'title: Dr, Frau, 先生'),
    ('birth_date',     6, 'date',        'most_frequent', NULL,      'personal',   true, 'date of birth'),
    ('gender',         7, 'text',        'most_frequent', NULL,      'sensitive',  true, 'gender as the person gave it'),
    ('email',          8, 'text',        'most_recent',   NULL,      'identifier', true, 'e-mail address'),
    ('phone',          9, 'text',        'most_recent',   NULL,      'identifier', true, 'telephone number'),
    ('address',       10, 'text',        'most_recent',   'address', 'personal',   true, 'the whole postal address in one text'),
    ('street',        11, 'text',        'most_recent',   'address', 'personal',   true, 'street, with or without the house number'),
    ('house_number',  12, 'text',        'most_recent',   'address', 'personal',   true, 'house number'),
    ('city',          13, 'text',        'most_recent',   'address', 'personal',   true, 'city or place'),
    ('region',        14, 'text',        'most_recent',   'address', 'personal',   true, 'state, province, county'),
    ('postcode',      15, 'text',        'most_recent',   'address', 'personal',   true, 'postal code'),
    ('country',       16, 'text',        'most_recent',   'address', 'personal',   true, 'country, as a name or ISO code'),
    ('national_id',   17, 'text',        'most_trusted',  NULL,      'sensitive',  true, 'national identity number'),
    ('tax_id',        18, 'text',        'most_trusted',  NULL,      'sensitive',  true, 'tax number'),
    ('loyalty_id',    19, 'text',        'most_trusted',  NULL,      'identifier', true, 'loyalty card number'),
    ('company',       20, 'text',        'most_trusted',  NULL,      'none',       true, 'company the person works for, or the account''s own name'),
    ('job_title',     21, 'text',        'most_recent',   NULL,      'personal',   true, 'job title'),
    ('website',       22, 'text',        'most_recent',   NULL,      'none',       true, 'web site'),
    ('domain',        23, 'text',        'most_recent',   NULL,      'none',       true, 'internet domain'),
    ('occupation',    24, 'text',        'most_recent',   NULL,      'personal',   true, 'occupation'),
    ('birth_place',   25, 'text',        'most_trusted',  NULL,      'personal',   true, 'place of birth'),
    ('registered_at', 26, 'timestamptz', 'minimum',       NULL,      'none',       true, 'when the person became known'),
    ('cookie_id',     27, 'text',        'most_recent',   NULL,      'identifier', true, 'browser cookie'),
    ('device_id',     28, 'text',        'most_recent',   NULL,      'identifier', true, 'device'),
    ('ad_id',         29, 'text',        'most_recent',   NULL,      'identifier', true, 'advertising id'),
    ('account_id',    30, 'text',        'most_recent',   NULL,      'identifier', true, 'number of the company account a contact belongs to'),
    ('name_suffix',   31, 'text',        'most_trusted',  'name',    'personal',   true, 'mark of generation behind a name: Jr, Sr, III');
SELECT pg_catalog.pg_extension_config_dump('customer_data.attribute', 'WHERE NOT well_known');

CREATE TABLE customer_data.survivorship (
    attribute  text PRIMARY KEY REFERENCES customer_data.attribute ON DELETE CASCADE,
    rule       text NOT NULL CHECK (rule IN ('most_recent', 'most_trusted', 'most_frequent', 'longest',
                                             'most_complete', 'earliest', 'minimum', 'maximum', 'expression')),
    expression text,
    owner      regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    time_zone  text NOT NULL DEFAULT current_setting('TimeZone'),
    CHECK ((rule = 'expression') = (expression IS NOT NULL))
);
COMMENT ON TABLE customer_data.survivorship IS 'Survivorship rules that differ from the shipped ones, by attribute; set_survivorship() writes it';
SELECT pg_catalog.pg_extension_config_dump('customer_data.survivorship', '');
CREATE TRIGGER own_definition BEFORE INSERT OR UPDATE OF owner, expression, time_zone ON customer_data.survivorship
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_definition();

CREATE TABLE customer_data.source (
    source_id   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name <> ''),
    relation    text,
    key         text,
    mapping     jsonb NOT NULL DEFAULT '{}',
    trust       int NOT NULL DEFAULT 50 CHECK (trust BETWEEN 0 AND 100),
    changed_at  text,
    region      text,
    kind        text NOT NULL DEFAULT 'known' CHECK (kind IN ('known', 'anonymous', 'account')),
    one_to_one  boolean NOT NULL DEFAULT false,
    promise     text,
    owner       regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    time_zone   text NOT NULL DEFAULT current_setting('TimeZone'),
    added_at    timestamptz NOT NULL DEFAULT now(),
    read_at     timestamptz,
    compared_at timestamptz,
    high_water  timestamptz,
    read_snapshot pg_snapshot,
    read_mark   text,
    read_hash   bigint,
    standard_version text,
    CHECK ((relation IS NULL) = (key IS NULL))
);
CREATE TRIGGER own_definition BEFORE INSERT OR UPDATE OF owner, relation, key, mapping, changed_at, time_zone ON customer_data.source
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_definition();
COMMENT ON TABLE customer_data.source IS 'Tables and queries that records are read from; add_source() writes it';
COMMENT ON COLUMN customer_data.source.relation IS 'schema.table, looked up anew at each run, or a query; NULL: records come by upsert_record() only';
COMMENT ON COLUMN customer_data.source.key IS 'Expression over the row that identifies it';
COMMENT ON COLUMN customer_data.source.mapping IS 'Attribute name to SQL expression over the row';
COMMENT ON COLUMN customer_data.source.trust IS 'From 0 to 100: whose values win where the survivorship rule asks for trust';
COMMENT ON COLUMN customer_data.source.changed_at IS 'Expression over the row: when it changed last, or (xid8) by which transaction';
COMMENT ON COLUMN customer_data.source.region IS 'ISO country code that telephone numbers without one are read in';
COMMENT ON COLUMN customer_data.source.kind IS 'known: persons; anonymous: cookies and devices, joined by identifiers and declared links only; account: companies';
COMMENT ON COLUMN customer_data.source.one_to_one IS 'The source has no duplicates: two of its records are never one customer';
COMMENT ON COLUMN customer_data.source.promise IS 'What resolve() promises to notice of this source, in words';
COMMENT ON COLUMN customer_data.source.owner IS 'The expressions run with the rights of this role';
COMMENT ON COLUMN customer_data.source.read_at IS 'When resolve() read the source last';
COMMENT ON COLUMN customer_data.source.compared_at IS 'When resolve() compared the whole relation last';
COMMENT ON COLUMN customer_data.source.high_water IS 'Latest changed_at seen';
COMMENT ON COLUMN customer_data.source.read_snapshot IS 'What was committed when resolve() read the source last, where changed_at is a transaction or rows tell what was written since';
COMMENT ON COLUMN customer_data.source.read_mark IS 'Of which table that holds: see row_mark(); NULL where the relation is compared as a whole each time';
COMMENT ON COLUMN customer_data.source.standard_version IS 'Versions of ICU, libphonenumber and rules that the standard forms of the records were made with';
COMMENT ON COLUMN customer_data.source.read_hash IS 'Fingerprint of the declaration that the records were read with; a different one means read everything';
SELECT pg_catalog.pg_extension_config_dump('customer_data.source', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.source_source_id_seq', '');

-- No foreign keys on tables with a row per record: a million checks, and
-- drop_source() takes care.  Not named "record": that would hide PostgreSQL's own pseudo-type of that
-- name from every function whose search_path starts with customer_data.
CREATE TABLE customer_data.source_record (
    record_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id   int NOT NULL,
    key         text NOT NULL,
    customer_id bigint NOT NULL,
    hash        bigint,
    changed_at  timestamptz,
    gone_at     timestamptz,
    pushed      boolean NOT NULL DEFAULT false,
    UNIQUE (source_id, key)
);
-- Whose a record is is read from the index alone.
CREATE INDEX source_record_customer ON customer_data.source_record (customer_id) INCLUDE (record_id);
CREATE INDEX source_record_gone ON customer_data.source_record (customer_id) WHERE gone_at IS NOT NULL;
COMMENT ON TABLE customer_data.source_record IS 'One row per source row ever seen, and the customer it belongs to';
COMMENT ON COLUMN customer_data.source_record.hash IS 'Hash of the mapped values; NULL: nothing but the key is known (an event or a link named it)';
COMMENT ON COLUMN customer_data.source_record.changed_at IS 'When the row changed: by the source''s changed_at, else when resolve() noticed';
COMMENT ON COLUMN customer_data.source_record.gone_at IS 'When the row was found missing; the id is kept so that a row that comes back is the same record';
COMMENT ON COLUMN customer_data.source_record.pushed IS 'Written by upsert_record() and not seen in the relation since: that it is missing there does not mean that it is gone';
SELECT pg_catalog.pg_extension_config_dump('customer_data.source_record', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.source_record_record_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.customer_id_seq', '');

-- Written once, when its customer is known: every index entry of a row that
-- changes its customer is made twice.
CREATE UNLOGGED TABLE customer_data.arriving_record (
    record_id  bigint PRIMARY KEY,
    source_id  int NOT NULL,
    key        text NOT NULL,
    hash       bigint,
    changed_at timestamptz
);
COMMENT ON TABLE customer_data.arriving_record IS 'Run-time state: records that resolve() has read and not given a customer yet; empty outside of it';

CREATE VIEW customer_data.present_record AS
    SELECT r.record_id, r.source_id, r.key, r.customer_id, r.hash FROM customer_data.source_record r WHERE r.gone_at IS NULL
    UNION ALL
    SELECT a.record_id, a.source_id, a.key, -a.record_id, a.hash FROM customer_data.arriving_record a;
COMMENT ON VIEW customer_data.present_record IS 'Records whose rows are there; during resolve() those that have no customer yet, too, with their negative record_id in its place';

CREATE TABLE customer_data.record_value (
    record_id bigint PRIMARY KEY,
    source_id int NOT NULL,
    given     text[] NOT NULL,
    standard  text[] NOT NULL,
    issue     smallint[]
);
-- No query asks for rows by these; gathering what is frequent in them takes longest of all.
ALTER TABLE customer_data.record_value ALTER COLUMN given SET STATISTICS 0, ALTER COLUMN standard SET STATISTICS 0, ALTER COLUMN issue SET STATISTICS 0;
COMMENT ON TABLE customer_data.record_value IS 'The values of each record, by attribute.ordinal: as given, in standard form, and what is wrong with them';
COMMENT ON COLUMN customer_data.record_value.given IS 'Values as the source gave them; trailing NULLs are left out';
COMMENT ON COLUMN customer_data.record_value.standard IS 'Standard forms, for comparison; NULL where a value is of no use for it';
COMMENT ON COLUMN customer_data.record_value.issue IS 'Code of value_issue per value, 0 where nothing is wrong; NULL: no issue at all';
SELECT pg_catalog.pg_extension_config_dump('customer_data.record_value', '');

CREATE TABLE customer_data.identity_link (
    link_id   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text NOT NULL UNIQUE CHECK (name <> ''),
    relation  text NOT NULL,
    source_a  int NOT NULL REFERENCES customer_data.source,
    key_a     text NOT NULL,
    source_b  int NOT NULL REFERENCES customer_data.source,
    key_b     text NOT NULL,
    at        text,
    owner     regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    time_zone text NOT NULL DEFAULT current_setting('TimeZone'),
    added_at  timestamptz NOT NULL DEFAULT now(),
    read_at   timestamptz,
    read_snapshot pg_snapshot,
    read_mark text,
    read_rows bigint
);
CREATE TRIGGER own_definition BEFORE INSERT OR UPDATE OF owner, relation, key_a, key_b, at, time_zone ON customer_data.identity_link
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_definition();
COMMENT ON TABLE customer_data.identity_link IS 'Relations whose rows name two records of one person: sign-ins, forms, imports; add_identity_link() writes it';
COMMENT ON COLUMN customer_data.identity_link.read_snapshot IS 'What was committed when resolve() read the relation last';
COMMENT ON COLUMN customer_data.identity_link.read_mark IS 'Of which table and query that holds: see row_mark(); NULL where the relation is read each time';
COMMENT ON COLUMN customer_data.identity_link.read_rows IS 'Rows that it had then: with as many, and none written since, it is not read again';
SELECT pg_catalog.pg_extension_config_dump('customer_data.identity_link', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.identity_link_link_id_seq', '');

-- A row per link, and so without a foreign key, too: drop_identity_link() takes care.
CREATE TABLE customer_data.identity_evidence (
    link_id  int NOT NULL,
    key_a    text NOT NULL,
    key_b    text NOT NULL,
    at       timestamptz,
    record_a bigint,
    record_b bigint,
    PRIMARY KEY (link_id, key_a, key_b)
);
CREATE INDEX identity_evidence_record_a ON customer_data.identity_evidence (record_a);
CREATE INDEX identity_evidence_record_b ON customer_data.identity_evidence (record_b);
COMMENT ON TABLE customer_data.identity_evidence IS 'Pairs of records that declared links name; read anew by resolve(), a withdrawn row takes its pair with it';
COMMENT ON COLUMN customer_data.identity_evidence.record_a IS 'NULL while the record has not been seen yet';
SELECT pg_catalog.pg_extension_config_dump('customer_data.identity_evidence', '');

CREATE TABLE customer_data.match_decision (
    record_a   bigint NOT NULL REFERENCES customer_data.source_record ON DELETE CASCADE,
    record_b   bigint NOT NULL REFERENCES customer_data.source_record ON DELETE CASCADE,
    decision   text NOT NULL CHECK (decision IN ('must_link', 'cannot_link')),
    reason     text,
    decided_by regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    decided_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (record_a, record_b),
    CHECK (record_a < record_b)
);
CREATE INDEX match_decision_record_b ON customer_data.match_decision (record_b);
COMMENT ON TABLE customer_data.match_decision IS 'What people decided about pairs of records; holds for ever, whatever the model says';
SELECT pg_catalog.pg_extension_config_dump('customer_data.match_decision', '');

-- Records whose customer must be looked at again by the next resolve() though
-- their own values did not change: a decision, a link or a source went.
CREATE TABLE customer_data.record_affected (
    record_id bigint NOT NULL,
    cause     text NOT NULL
);
CREATE INDEX record_affected_record ON customer_data.record_affected (record_id);
COMMENT ON TABLE customer_data.record_affected IS 'Records that the next resolve() clusters again though their values did not change, and why';
SELECT pg_catalog.pg_extension_config_dump('customer_data.record_affected', '');

CREATE TABLE customer_data.customer_change (
    change_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    kind        text NOT NULL CHECK (kind IN ('merge', 'split', 'move', 'gone', 'back')),
    customer_id bigint NOT NULL,
    other_id    bigint,
    records     bigint[],
    cause       text
);
CREATE INDEX customer_change_customer ON customer_data.customer_change (customer_id);
CREATE INDEX customer_change_gone ON customer_data.customer_change (customer_id, change_id) WHERE kind IN ('gone', 'back');
CREATE INDEX customer_change_other ON customer_data.customer_change (other_id);
COMMENT ON TABLE customer_data.customer_change IS 'History of customer ids: merge (customer_id went into other_id), split (other_id came out of customer_id), move (records went from customer_id to other_id), gone, back';
COMMENT ON COLUMN customer_data.customer_change.records IS 'The records that changed their customer';
COMMENT ON COLUMN customer_data.customer_change.cause IS 'The link, decision or change of data behind it';
SELECT pg_catalog.pg_extension_config_dump('customer_data.customer_change', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.customer_change_change_id_seq', '');

CREATE TABLE customer_data.customer_origin (
    customer_id bigint PRIMARY KEY,
    records     bigint[] NOT NULL
);
COMMENT ON TABLE customer_data.customer_origin IS 'Which record gave each golden value, by attribute.ordinal; written with customer';
SELECT pg_catalog.pg_extension_config_dump('customer_data.customer_origin', '');

CREATE TABLE customer_data.profile_column (
    position   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    type       text NOT NULL,
    expression text NOT NULL,
    origin     text NOT NULL
);
COMMENT ON TABLE customer_data.profile_column IS 'Columns of the view profile: rebuild_profile() makes the view from them';
COMMENT ON COLUMN customer_data.profile_column.expression IS 'Over c (customer), m (customer_metric) and t (customer_tag)';
COMMENT ON COLUMN customer_data.profile_column.origin IS 'attribute, timeline, metric, tag: who registered it';
SELECT pg_catalog.pg_extension_config_dump('customer_data.profile_column', 'WHERE origin NOT IN (''timeline'', ''tag'')');
SELECT pg_catalog.pg_extension_config_dump('customer_data.profile_column_position_seq', '');

INSERT INTO customer_data.profile_column (name, type, expression, origin) VALUES
    ('events', 'customer_data.timeline', 'customer_data.customer_events(c.customer_id)', 'timeline'),
    ('tags', 'customer_data.tagset', 'coalesce(t.tags, customer_data.empty_tagset())', 'tag');

CREATE TABLE customer_data.profile_made (
    query text NOT NULL
);
COMMENT ON TABLE customer_data.profile_made IS 'The query that the view profile was made from last, so that it is not made again in vain and locked; derived';

CREATE FUNCTION customer_data.ensure_customer_table() RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    added  customer_data.attribute;
    change boolean := false;
BEGIN
    IF to_regclass('customer_data.customer') IS NULL THEN
        CREATE TABLE customer_data.customer (customer_id bigint PRIMARY KEY);
        change := true;
        COMMENT ON TABLE customer_data.customer IS 'One golden row per customer: the best value of each attribute; shaped by the sources'' mappings';
    END IF;
    IF to_regclass('customer_data.customer_tag') IS NULL AND to_regtype('customer_data.tagset') IS NOT NULL THEN
        EXECUTE 'CREATE TABLE customer_data.customer_tag (customer_id bigint PRIMARY KEY, tags customer_data.tagset NOT NULL) WITH (fillfactor = 90)';
        COMMENT ON TABLE customer_data.customer_tag IS 'Tags of each customer';
    END IF;
    -- Columns in the order in which attributes first appear in a mapping.
    FOR added IN
        SELECT a.*
        FROM customer_data.attribute a
        JOIN LATERAL (SELECT min(s.source_id) AS first_source
                      FROM customer_data.source s
                      WHERE s.mapping ? a.name
                         OR a.name = 'full_name' AND s.mapping ?| ARRAY['given_name', 'family_name']) f ON f.first_source IS NOT NULL
        WHERE NOT EXISTS (SELECT FROM pg_attribute p
                          WHERE p.attrelid = 'customer_data.customer'::regclass
                            AND p.attname = a.name AND NOT p.attisdropped)
        ORDER BY f.first_source, a.ordinal
    LOOP
        PERFORM customer_data.lock_profile();
        EXECUTE format('ALTER TABLE customer_data.customer ADD COLUMN %I %s', added.name, added.type);
        INSERT INTO customer_data.profile_column (name, type, expression, origin)
        VALUES (added.name, added.type, format('c.%I', added.name), 'attribute')
        ON CONFLICT (name) DO NOTHING;
        change := true;
    END LOOP;
    RETURN change;
END
$$;
COMMENT ON FUNCTION customer_data.ensure_customer_table() IS 'Creates customer, with a column for each mapped attribute, where missing; answers whether anything was';

CREATE FUNCTION customer_data.lock_profile() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    -- A no-op that locks the view alone, where LOCK TABLE takes its tables with it.
    IF to_regclass('customer_data.profile') IS NOT NULL THEN
        ALTER VIEW customer_data.profile ALTER COLUMN customer_id DROP DEFAULT;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.lock_profile() IS 'Locks the view profile before a table of its is altered, as whoever reads it does: view first';

CREATE FUNCTION customer_data.rebuild_profile() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
    joins   text := '';
    have_m  boolean;
    have_t  boolean := to_regclass('customer_data.customer_tag') IS NOT NULL;
    made    text;
    granted text[];
    reader  text;
BEGIN
    IF to_regclass('customer_data.customer') IS NULL THEN
        RETURN;
    END IF;
    PERFORM customer_data.ensure_metrics();
    have_m := to_regclass('customer_data.customer_metric') IS NOT NULL;
    IF have_m THEN
        joins := joins || ' LEFT JOIN customer_data.customer_metric m ON m.customer_id = c.customer_id';
    END IF;
    IF have_t THEN
        joins := joins || ' LEFT JOIN customer_data.customer_tag t ON t.customer_id = c.customer_id';
    END IF;
    -- Columns that the view has stay where they are; new ones are appended.
    SELECT string_agg(format('%s AS %I', customer_data.profile_expression(p), p.name), ', ' ORDER BY v.attnum NULLS LAST, p.position)
    INTO columns
    FROM customer_data.profile_column p
    LEFT JOIN pg_attribute v ON v.attrelid = to_regclass('customer_data.profile')
                            AND v.attname = p.name AND v.attnum > 0
    WHERE (p.origin <> 'timeline' OR to_regproc('customer_data.customer_events') IS NOT NULL)
      AND (p.origin <> 'tag' OR have_t)
      AND (p.origin <> 'metric' OR have_m);
    made := format(' VIEW customer_data.profile AS SELECT c.customer_id%s FROM customer_data.customer c%s',
                   coalesce(', ' || columns, ''), joins);
    IF to_regclass('customer_data.profile') IS NOT NULL
       AND EXISTS (SELECT FROM customer_data.profile_made p WHERE p.query = made) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM pg_attribute v
               WHERE v.attrelid = to_regclass('customer_data.profile') AND v.attnum > 1
                 AND NOT EXISTS (SELECT FROM customer_data.profile_column p WHERE p.name = v.attname)) THEN
        -- A column went: refused with the list of what depends on the view.
        IF to_regclass('customer_data.my_customer') IS NOT NULL THEN
            granted := ARRAY(SELECT DISTINCT g.role::text FROM customer_data.segment_grant g);
            EXECUTE 'DROP VIEW customer_data.my_customer';
        END IF;
        EXECUTE 'DROP VIEW customer_data.profile';
    END IF;
    EXECUTE 'CREATE OR REPLACE' || made;
    COMMENT ON VIEW customer_data.profile IS 'One row per customer: golden attributes, events, tags, metrics; what conditions are asked of';
    DELETE FROM customer_data.profile_made;
    INSERT INTO customer_data.profile_made VALUES (made);
    -- What departments see of it has the same columns.
    IF granted IS NOT NULL OR to_regclass('customer_data.my_customer') IS NOT NULL THEN
        PERFORM customer_data.rebuild_my_customer();
    END IF;
    FOREACH reader IN ARRAY coalesce(granted, '{}') LOOP
        EXECUTE format('GRANT SELECT ON customer_data.my_customer TO %s', reader);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.rebuild_profile() IS 'Makes the view profile from profile_column where that changed; columns are appended, never moved';

CREATE TABLE customer_data.identity_write (
    write_id   int PRIMARY KEY DEFAULT 1 CHECK (write_id = 1),
    written_by xid8 NOT NULL
);
COMMENT ON TABLE customer_data.identity_write IS 'Run-time state: the transaction that wrote records or customers last; who reads an older snapshot than its commit cannot write';
INSERT INTO customer_data.identity_write (written_by) VALUES ('0');

-- One lock and one row for any number of records.  In READ COMMITTED what
-- others wrote is seen once they let go; in REPEATABLE READ and above it is
-- not, and the update of the row fails (40001) where anything was written.
CREATE FUNCTION customer_data.lock_identity() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1668571500, 1);
    IF EXISTS (SELECT FROM customer_data.identity_write w WHERE w.written_by <> pg_current_xact_id()) THEN
        UPDATE customer_data.identity_write SET written_by = pg_current_xact_id();
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.lock_identity() IS 'One transaction at a time creates, joins or parts records; held until it ends. A serialization failure where another wrote since a REPEATABLE READ transaction began';

CREATE FUNCTION customer_data.touch_customers(customers bigint[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(customers) > 0 AND to_regtype('customer_data.customer_set') IS NOT NULL THEN
        PERFORM customer_data.touch(customers::customer_data.customer_set);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.touch_customers(bigint[]) IS 'Hands customers whose golden row or records changed on to the portrait';

CREATE FUNCTION customer_data.ensure_records(source_id int, keys text[]) RETURNS TABLE (key text, record_id bigint)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    created bigint[];
BEGIN
    -- Whoever creates records waits for the others who do.
    IF EXISTS (SELECT FROM unnest(ensure_records.keys) AS k
               WHERE k IS NOT NULL AND NOT EXISTS (SELECT FROM customer_data.source_record o
                                                   WHERE o.source_id = ensure_records.source_id AND o.key = k)) THEN
        PERFORM customer_data.lock_identity();
    END IF;
    WITH wanted AS (
        SELECT DISTINCT k FROM unnest(ensure_records.keys) AS k WHERE k IS NOT NULL
    ), made AS (
        INSERT INTO customer_data.source_record AS r (source_id, key, customer_id)
        SELECT ensure_records.source_id, w.k, nextval('customer_data.customer_id_seq')
        FROM wanted w
        WHERE NOT EXISTS (SELECT FROM customer_data.source_record o
                          WHERE o.source_id = ensure_records.source_id AND o.key = w.k)
        ON CONFLICT ON CONSTRAINT source_record_source_id_key_key DO NOTHING
        RETURNING r.record_id, r.customer_id, r.key
    ), golden AS (
        INSERT INTO customer_data.customer (customer_id) SELECT customer_id FROM made
    ), pending AS (
        INSERT INTO customer_data.record_affected (record_id, cause)
        SELECT m.record_id, 'new record'
        FROM made m
        WHERE EXISTS (SELECT FROM customer_data.identity_link l
                      WHERE ensure_records.source_id IN (l.source_a, l.source_b))
    )
    SELECT array_agg(customer_id) INTO created FROM made;
    PERFORM customer_data.touch_customers(created);
    RETURN QUERY
        SELECT r.key, r.record_id
        FROM (SELECT DISTINCT k FROM unnest(ensure_records.keys) AS k) w
        JOIN customer_data.source_record r ON r.source_id = ensure_records.source_id AND r.key = w.k;
END
$$;
COMMENT ON FUNCTION customer_data.ensure_records(int, text[]) IS 'The records with these keys; those that do not exist are created, each with a customer of its own';
