-- Identity, the matching model: comparisons and their levels, identifiers,
-- what was learned and counted.

-- Shipped values; what differs is in the override tables, so that a dump
-- carries the differences and a new version brings better defaults.
CREATE TABLE customer_data.comparison_default (
    comparison text NOT NULL,
    level      smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    condition  text NOT NULL,
    m          float8 NOT NULL CHECK (m > 0 AND m < 1),
    u          float8 NOT NULL CHECK (u > 0 AND u < 1),
    tf         real NOT NULL DEFAULT 0 CHECK (tf BETWEEN 0 AND 1),
    PRIMARY KEY (comparison, level)
);
COMMENT ON TABLE customer_data.comparison_default IS 'Seed: levels of agreement as shipped; read customer_data.comparison, change with alter_comparison()';
COMMENT ON COLUMN customer_data.comparison_default.comparison IS 'What is compared: a well-known attribute or group of them; custom stands for every other attribute';
COMMENT ON COLUMN customer_data.comparison_default.level IS '0: differ; the highest level that holds is taken';
COMMENT ON COLUMN customer_data.comparison_default.m IS 'Share of this level among pairs that are one customer';
COMMENT ON COLUMN customer_data.comparison_default.u IS 'Share of this level among pairs that are not';
COMMENT ON COLUMN customer_data.comparison_default.tf IS 'How far the rarity of the agreeing values counts: 0 not, 1 fully';

-- m by judgement from published error rates of person and business registers
-- (typing errors 1 to 5 percent per field, moves and changes of contact data
-- far more often); u is only the start, it is taken from random pairs.
INSERT INTO customer_data.comparison_default (comparison, level, condition, m, u, tf) VALUES
    ('family_name', 0, 'family names differ', 0.05, 0.98, 0),
    ('family_name', 1, 'family names are similar', 0.03, 0.008, 0.5),
    ('family_name', 2, 'family names differ by a letter or sound alike, or one is part of the other', 0.06, 0.004, 0.5),
    ('family_name', 3, 'family name found in another place of the name', 0.03, 0.001, 1),
    ('family_name', 4, 'family names are the same', 0.83, 0.004, 1),
    ('given_name', 0, 'given names differ', 0.08, 0.94, 0),
    ('given_name', 1, 'given name and initial agree', 0.05, 0.02, 0),
    ('given_name', 2, 'given names are similar', 0.03, 0.015, 0.5),
    ('given_name', 3, 'given names differ by a letter, sound alike or are short forms', 0.08, 0.006, 0.5),
    ('given_name', 4, 'given name found in another place of the name', 0.04, 0.002, 1),
    ('given_name', 5, 'given names are the same', 0.72, 0.01, 1),
    ('middle_name', 0, 'middle names differ', 0.12, 0.93, 0),
    ('middle_name', 1, 'middle initials agree or middle names are similar', 0.25, 0.05, 0),
    ('middle_name', 2, 'middle names are the same', 0.63, 0.02, 1),
    ('name_suffix', 0, 'marks of generation differ (Jr, Sr)', 0.001, 0.4, 0),
    ('name_suffix', 1, 'marks of generation are the same', 0.999, 0.6, 0),
    ('birth_date', 0, 'birth dates differ', 0.04, 0.96, 0),
    ('birth_date', 1, 'the year agrees or is next to it', 0.02, 0.03, 0),
    ('birth_date', 2, 'two parts of the date agree, or all that is known of both', 0.04, 0.008, 0),
    ('birth_date', 3, 'one digit differs, or day and month are exchanged', 0.05, 0.0008, 0),
    ('birth_date', 4, 'birth dates are the same', 0.85, 0.00005, 1),
    ('gender', 0, 'genders differ', 0.03, 0.5, 0),
    ('gender', 1, 'genders are the same', 0.97, 0.5, 1),
    ('email', 0, 'e-mail addresses differ', 0.30, 0.997, 0),
    ('email', 1, 'mailboxes are similar', 0.04, 0.001, 0),
    ('email', 2, 'same mailbox elsewhere, or one letter off', 0.08, 0.0001, 1),
    ('email', 3, 'same address, made from the name that agrees anyway', 0.28, 0.0001, 1),
    ('email', 4, 'same address', 0.30, 0.00005, 1),
    ('phone', 0, 'telephone numbers differ', 0.40, 0.9995, 0),
    ('phone', 1, 'one digit differs', 0.04, 0.0001, 0),
    ('phone', 2, 'telephone numbers are the same', 0.56, 0.0001, 1),
    ('address', 0, 'streets differ', 0.30, 0.96, 0),
    ('address', 1, 'only the house number agrees', 0.03, 0.01, 0),
    ('address', 2, 'streets are similar, numbers differ or are unknown', 0.04, 0.01, 0),
    ('address', 3, 'same street, other number', 0.05, 0.01, 0.25),
    ('address', 4, 'same street, number unknown', 0.06, 0.005, 0.5),
    ('address', 5, 'similar street, same number', 0.10, 0.0005, 0.25),
    ('address', 6, 'same street and number', 0.42, 0.0005, 0.5),
    ('postcode', 0, 'post codes differ', 0.25, 0.95, 0),
    ('postcode', 1, 'same area', 0.04, 0.03, 0),
    ('postcode', 2, 'same district', 0.05, 0.01, 0),
    ('postcode', 3, 'same sector, or one character differs', 0.06, 0.004, 0),
    ('postcode', 4, 'same post code', 0.60, 0.001, 1),
    ('city', 0, 'cities differ', 0.25, 0.95, 0),
    ('city', 1, 'cities are similar', 0.05, 0.005, 0.5),
    ('city', 2, 'same city', 0.70, 0.03, 1),
    ('region', 0, 'regions differ', 0.10, 0.85, 0),
    ('region', 1, 'regions are similar', 0.03, 0.01, 0.5),
    ('region', 2, 'same region', 0.87, 0.14, 1),
    ('country', 0, 'countries differ', 0.04, 0.4, 0),
    ('country', 1, 'same country', 0.96, 0.6, 1),
    ('national_id', 0, 'national ids differ', 0.04, 0.9999, 0),
    ('national_id', 1, 'national ids differ by one character', 0.06, 0.00005, 0),
    ('national_id', 2, 'same national id', 0.90, 0.00001, 1),
    ('tax_id', 0, 'tax numbers differ', 0.06, 0.9999, 0),
    ('tax_id', 1, 'tax numbers differ by one character', 0.06, 0.00005, 0),
    ('tax_id', 2, 'same tax number', 0.88, 0.00001, 1),
    ('loyalty_id', 0, 'loyalty numbers differ', 0.15, 0.9999, 0),
    ('loyalty_id', 1, 'loyalty numbers differ by one character', 0.05, 0.00005, 0),
    ('loyalty_id', 2, 'same loyalty number', 0.80, 0.00001, 1),
    ('account_name', 0, 'company names differ', 0.05, 0.98, 0),
    ('account_name', 1, 'some words of the name agree', 0.06, 0.015, 0.5),
    ('account_name', 2, 'one name is part of the other', 0.12, 0.002, 0.5),
    ('account_name', 3, 'names are similar', 0.12, 0.001, 1),
    ('account_name', 4, 'names are nearly the same', 0.15, 0.0005, 1),
    ('account_name', 5, 'same company name', 0.50, 0.001, 1),
    ('company', 0, 'employers differ', 0.30, 0.98, 0),
    ('company', 1, 'some words of the employer agree', 0.06, 0.015, 0.5),
    ('company', 2, 'one employer''s name is part of the other', 0.08, 0.002, 0.5),
    ('company', 3, 'employers'' names are similar', 0.08, 0.001, 0.5),
    ('company', 4, 'employers'' names are nearly the same', 0.08, 0.0005, 0.5),
    ('company', 5, 'same employer', 0.40, 0.001, 0.5),
    ('job_title', 0, 'job titles differ', 0.50, 0.95, 0),
    ('job_title', 1, 'job titles are similar', 0.08, 0.01, 0.5),
    ('job_title', 2, 'same job title', 0.42, 0.04, 1),
    ('domain', 0, 'internet domains differ', 0.12, 0.99, 0),
    ('domain', 1, 'same internet domain', 0.88, 0.01, 1),
    ('occupation', 0, 'occupations differ', 0.30, 0.94, 0),
    ('occupation', 1, 'occupations are similar', 0.10, 0.01, 0.5),
    ('occupation', 2, 'same occupation', 0.60, 0.05, 1),
    ('birth_place', 0, 'places of birth differ', 0.15, 0.97, 0),
    ('birth_place', 1, 'places of birth are similar', 0.10, 0.005, 0.5),
    ('birth_place', 2, 'same place of birth', 0.75, 0.025, 1),
    ('cookie_id', 0, 'cookies differ', 0.60, 0.9999, 0),
    ('cookie_id', 1, 'cookies differ by one character', 0.01, 0.00005, 0),
    ('cookie_id', 2, 'same cookie', 0.39, 0.00001, 1),
    ('device_id', 0, 'devices differ', 0.60, 0.9999, 0),
    ('device_id', 1, 'devices differ by one character', 0.01, 0.00005, 0),
    ('device_id', 2, 'same device', 0.39, 0.00001, 1),
    ('ad_id', 0, 'advertising ids differ', 0.60, 0.9999, 0),
    ('ad_id', 1, 'advertising ids differ by one character', 0.01, 0.00005, 0),
    ('ad_id', 2, 'same advertising id', 0.39, 0.00001, 1),
    ('account_id', 0, 'account numbers differ', 0.20, 0.99, 0),
    ('account_id', 1, 'account numbers are similar', 0.02, 0.002, 0),
    ('account_id', 2, 'same account number', 0.78, 0.008, 1),
    ('custom', 0, 'values differ', 0.40, 0.94, 0),
    ('custom', 1, 'values are similar', 0.10, 0.01, 0.5),
    ('custom', 2, 'same value', 0.50, 0.05, 1);

CREATE TABLE customer_data.comparison_override (
    comparison text NOT NULL,
    level      smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    m          float8 CHECK (m > 0 AND m < 1),
    u          float8 CHECK (u > 0 AND u < 1),
    tf         real CHECK (tf BETWEEN 0 AND 1),
    tf_base    real,
    housemates real CHECK (housemates BETWEEN 0 AND 1),
    origin     text NOT NULL CHECK (origin IN ('trained', 'set')),
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    PRIMARY KEY (comparison, level)
);
COMMENT ON TABLE customer_data.comparison_override IS 'Levels whose values were learned or set by a person; a set value is not touched by training';
COMMENT ON COLUMN customer_data.comparison_override.tf_base IS 'Rarity, in bits, that u already speaks of';
COMMENT ON COLUMN customer_data.comparison_override.housemates IS 'Share of two customers of one household on this level, where it tells them apart although most housemates agree: other family names, other countries';
SELECT pg_catalog.pg_extension_config_dump('customer_data.comparison_override', '');

CREATE VIEW customer_data.comparison AS
    SELECT comparison, d.level, d.condition, coalesce(o.m, d.m) AS m, coalesce(o.u, d.u) AS u,
           coalesce(o.tf, d.tf) AS tf, log(2, (coalesce(o.m, d.m) / coalesce(o.u, d.u))::numeric)::real AS weight,
           coalesce(o.origin, 'shipped') AS origin
    FROM (SELECT comparison, level, condition, m, u, tf FROM customer_data.comparison_default
          UNION ALL
          SELECT a.name, c.level, c.condition, c.m, c.u, c.tf
          FROM customer_data.attribute a CROSS JOIN customer_data.comparison_default c
          WHERE NOT a.well_known AND c.comparison = 'custom') d
    LEFT JOIN customer_data.comparison_override o USING (comparison, level)
    ORDER BY comparison, d.level;
COMMENT ON VIEW customer_data.comparison IS 'The matching model: each level of agreement with its shares among matches (m) and others (u), and its weight in bits';

CREATE TABLE customer_data.comparison_dependence (
    among        text NOT NULL CHECK (among IN ('matches', 'others')),
    comparison   text NOT NULL,
    rank         smallint NOT NULL,
    parent       text NOT NULL,
    parent_level smallint NOT NULL,
    level        smallint NOT NULL,
    probability  float8 NOT NULL,
    PRIMARY KEY (among, comparison, rank, parent_level, level)
);
COMMENT ON TABLE customer_data.comparison_dependence IS 'Learned: how likely a level is given the level of another comparison, so that what goes together by itself does not count twice';
COMMENT ON COLUMN customer_data.comparison_dependence.among IS 'matches: who moved has all parts of an address anew; others: what strangers share goes together, too';
COMMENT ON COLUMN customer_data.comparison_dependence.rank IS 'Among matches the first parent counts that both records have; among others the one that explains the level best: for an agreement the highest probability, for a difference the lowest';
SELECT pg_catalog.pg_extension_config_dump('customer_data.comparison_dependence', '');

CREATE TABLE customer_data.identifier_default (
    attribute    text PRIMARY KEY,
    priority     int NOT NULL,
    weight       real NOT NULL,
    max_distinct int NOT NULL CHECK (max_distinct > 0),
    blocked      text NOT NULL DEFAULT '^(0*|-1|null|none|anonymous|unknown|test.*)$'
);
COMMENT ON TABLE customer_data.identifier_default IS 'Seed: attributes whose equal values decide by themselves, as shipped; read customer_data.identifier, change with alter_identifier()';
INSERT INTO customer_data.identifier_default (attribute, priority, weight, max_distinct) VALUES
    ('national_id', 10, 8, 5),
    ('tax_id', 20, 8, 5),
    ('loyalty_id', 30, 10, 5),
    ('cookie_id', 60, 12, 200),
    ('device_id', 50, 12, 50),
    ('ad_id', 70, 12, 50);

CREATE TABLE customer_data.identifier_override (
    attribute    text PRIMARY KEY,
    priority     int,
    weight       real,
    max_distinct int CHECK (max_distinct > 0),
    blocked      text,
    enabled      boolean NOT NULL DEFAULT true,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   regrole NOT NULL DEFAULT quote_ident(current_user)::regrole
);
COMMENT ON TABLE customer_data.identifier_override IS 'Identifiers added or changed by alter_identifier()';
SELECT pg_catalog.pg_extension_config_dump('customer_data.identifier_override', '');

CREATE VIEW customer_data.identifier AS
    SELECT attribute, coalesce(o.priority, d.priority, 40) AS priority, coalesce(o.weight, d.weight, 10) AS weight,
           coalesce(o.max_distinct, d.max_distinct, 5) AS max_distinct,
           coalesce(o.blocked, d.blocked, '^(0*|-1|null|none|anonymous|unknown|test.*)$') AS blocked
    FROM customer_data.identifier_default d
    FULL JOIN customer_data.identifier_override o USING (attribute)
    WHERE coalesce(o.enabled, true)
    ORDER BY 2;
COMMENT ON VIEW customer_data.identifier IS 'Attributes whose equal values decide by themselves: bits they add, values a customer may have, values that are none';

CREATE TABLE customer_data.match_model (
    model_id   int PRIMARY KEY DEFAULT 1 CHECK (model_id = 1),
    threshold  real NOT NULL,
    oversize   int NOT NULL,
    records    bigint NOT NULL,
    frequency_floor int NOT NULL,
    twins      real NOT NULL,
    trained    boolean NOT NULL,
    attributes text[] NOT NULL,
    version    bigint NOT NULL,
    counted    bigint NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE customer_data.match_model IS 'The model in force: bits that make a candidate, size from which a key is oversize';
COMMENT ON COLUMN customer_data.match_model.records IS 'Records when frequencies were counted';
COMMENT ON COLUMN customer_data.match_model.twins IS 'Further records of a record''s own customer, on average of those that have any: these are no strangers who share its values';
COMMENT ON COLUMN customer_data.match_model.version IS 'Changes with every change of the model';
COMMENT ON COLUMN customer_data.match_model.counted IS 'The version with which frequencies were counted; posting lists belong to it';
SELECT pg_catalog.pg_extension_config_dump('customer_data.match_model', '');

CREATE TABLE customer_data.match_prior (
    kind       text PRIMARY KEY CHECK (kind IN ('persons', 'person and company', 'companies')),
    lambda     float8 NOT NULL,
    housemates float8 NOT NULL
);
COMMENT ON TABLE customer_data.match_prior IS 'What is known of two records before they are compared, by what they are records of; learned with the model';
COMMENT ON COLUMN customer_data.match_prior.lambda IS 'Share of matches among all pairs';
COMMENT ON COLUMN customer_data.match_prior.housemates IS 'Share of pairs of two customers who live together (companies: of one building)';
SELECT pg_catalog.pg_extension_config_dump('customer_data.match_prior', '');

CREATE TABLE customer_data.match_frequency (
    part int PRIMARY KEY,
    keys bytea NOT NULL
);
ALTER TABLE customer_data.match_frequency ALTER COLUMN keys SET STORAGE EXTERNAL;
COMMENT ON TABLE customer_data.match_frequency IS 'How frequent tokens and keys were when counted: hash and logarithm, packed';
SELECT pg_catalog.pg_extension_config_dump('customer_data.match_frequency', '');

CREATE TABLE customer_data.match_training (
    training_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    records     bigint NOT NULL,
    candidates  bigint NOT NULL,
    patterns    bigint NOT NULL,
    rounds      int NOT NULL,
    converged   boolean NOT NULL,
    matches     float8 NOT NULL,
    unseen      text[] NOT NULL,
    implausible text[] NOT NULL
);
COMMENT ON TABLE customer_data.match_training IS 'Derived: each training: did it converge, what it expects, which levels it never saw, what was taken for chance';
COMMENT ON COLUMN customer_data.match_training.matches IS 'Expected matches among the candidates';
COMMENT ON COLUMN customer_data.match_training.unseen IS 'Levels that no expected match showed; they keep the shipped m';
COMMENT ON COLUMN customer_data.match_training.implausible IS 'What more of those that looked like matches showed than one customer''s records do: such pairs count as strangers, alike by chance or by the way the data was made';

CREATE TABLE customer_data.match_report (
    at     timestamptz NOT NULL DEFAULT now(),
    kind   text NOT NULL,
    number bigint,
    detail text NOT NULL
);
COMMENT ON TABLE customer_data.match_report IS 'Derived: what the last matching left out: oversize keys';

CREATE TABLE customer_data.match_conflict (
    at        timestamptz NOT NULL DEFAULT now(),
    kind      text NOT NULL CHECK (kind IN ('join refused', 'identifier gave way', 'one to one', 'decisions', 'giant component')),
    attribute text,
    record_a  bigint NOT NULL,
    record_b  bigint,
    records   bigint,
    customers bigint
);
CREATE INDEX match_conflict_record_a ON customer_data.match_conflict (record_a);
CREATE INDEX match_conflict_record_b ON customer_data.match_conflict (record_b);
COMMENT ON TABLE customer_data.match_conflict IS 'Derived: where the last clustering met a limit; read customer_data.identity_conflict';

CREATE TABLE customer_data.match_segment (
    segment int PRIMARY KEY,
    counted bigint NOT NULL,
    bits    int NOT NULL,
    records bigint NOT NULL
);
COMMENT ON TABLE customer_data.match_segment IS 'Derived: segments of the posting lists; 0 was made from all records, later ones from those that changed';
COMMENT ON COLUMN customer_data.match_segment.counted IS 'match_model.counted that they belong to';
COMMENT ON COLUMN customer_data.match_segment.bits IS 'First bits of a key''s hash that number its bucket';
COMMENT ON COLUMN customer_data.match_segment.records IS 'Records that were added with it';

CREATE TABLE customer_data.match_posting (
    segment int NOT NULL,
    bucket  int NOT NULL,
    lists   bytea NOT NULL,
    PRIMARY KEY (bucket, segment)
);
ALTER TABLE customer_data.match_posting ALTER COLUMN lists SET STORAGE EXTERNAL;
COMMENT ON TABLE customer_data.match_posting IS 'Derived: which records hold a key, packed by bucket of keys; by it changed records and match_customer() find whom to compare';

CREATE TABLE customer_data.match_tail (
    key       bigint NOT NULL,
    record_id bigint NOT NULL,
    PRIMARY KEY (key, record_id)
);
COMMENT ON TABLE customer_data.match_tail IS 'Derived: keys of the latest few records, not packed yet';

CREATE TABLE customer_data.match_link (
    record_a bigint NOT NULL,
    record_b bigint NOT NULL,
    weight   real NOT NULL,
    cause    text NOT NULL,
    PRIMARY KEY (record_a, record_b),
    CHECK (record_a < record_b)
);
CREATE INDEX match_link_record_b ON customer_data.match_link (record_b);
COMMENT ON TABLE customer_data.match_link IS 'Scored pairs of records above the floor; derived, written by match_pairs()';
COMMENT ON COLUMN customer_data.match_link.weight IS 'Log odds in bits: 0 is even, 10 is a thousand to one for';
COMMENT ON COLUMN customer_data.match_link.cause IS 'model, or the identifiers that agree';

CREATE FUNCTION customer_data.weight_probability(weight float8) RETURNS float8
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN 1.0 / (1.0 + power(2.0, -(least(greatest(weight, -500.0), 500.0))));
COMMENT ON FUNCTION customer_data.weight_probability(float8) IS 'Probability that belongs to a weight in bits';
