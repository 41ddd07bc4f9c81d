-- portrait: the type tagset, a sparse vector of tags.

-- Logical decoding writes tagsets as text, for which it must read this table.
CREATE TABLE customer_data.tag_name (
    number integer PRIMARY KEY CHECK (number BETWEEN 1 AND 100000),
    path text NOT NULL UNIQUE
) WITH (user_catalog_table = true);
COMMENT ON TABLE customer_data.tag_name IS 'Numbers that stored tagsets hold instead of paths; rows are only added, by refreshes and number_tags()';
SELECT pg_catalog.pg_extension_config_dump('customer_data.tag_name', '');

CREATE FUNCTION customer_data.tag_name_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cd_tag_name_changed';
COMMENT ON FUNCTION customer_data.tag_name_changed() IS 'Trigger: has sessions notice numbers that were added, refuses other changes';
CREATE TRIGGER tag_name_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON customer_data.tag_name
    FOR EACH STATEMENT EXECUTE FUNCTION customer_data.tag_name_changed();

CREATE FUNCTION customer_data.number_tags(paths text[]) RETURNS integer
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'cd_number_tags';
COMMENT ON FUNCTION customer_data.number_tags(text[]) IS 'Gives paths numbers, so that tagsets written from now on take a few bytes a tag; how many are new. Those used most come first';

CREATE TYPE customer_data.tagset;

CREATE FUNCTION customer_data.tagset_in(cstring) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_in';
COMMENT ON FUNCTION customer_data.tagset_in(cstring) IS 'Text input: {vip,interest.outdoor:0.8@2026-01-02T03:04:05Z~30d!2027-01-01T00:00:00Z}';
CREATE FUNCTION customer_data.tagset_out(customer_data.tagset) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_out';
COMMENT ON FUNCTION customer_data.tagset_out(customer_data.tagset) IS 'Text output, in UTC whatever the settings';
CREATE FUNCTION customer_data.tagset_recv(internal) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_recv';
COMMENT ON FUNCTION customer_data.tagset_recv(internal) IS 'Binary input, validated';
CREATE FUNCTION customer_data.tagset_send(customer_data.tagset) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_send';
COMMENT ON FUNCTION customer_data.tagset_send(customer_data.tagset) IS 'Binary output: the image as stored';

CREATE FUNCTION customer_data.tagset_typanalyze(internal) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_typanalyze';
COMMENT ON FUNCTION customer_data.tagset_typanalyze(internal) IS 'ANALYZE: the most frequent paths, with the share of rows that have them';

CREATE TYPE customer_data.tagset (
    INPUT = customer_data.tagset_in,
    OUTPUT = customer_data.tagset_out,
    RECEIVE = customer_data.tagset_recv,
    SEND = customer_data.tagset_send,
    ANALYZE = customer_data.tagset_typanalyze,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = main
);
COMMENT ON TYPE customer_data.tagset IS 'Tags of something: paths with score, time, half-life and expiry';

CREATE FUNCTION customer_data.empty_tagset() RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_empty_tagset';
COMMENT ON FUNCTION customer_data.empty_tagset() IS 'A tagset without tags';

CREATE FUNCTION customer_data.tagset_eq(a customer_data.tagset, b customer_data.tagset) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_eq';
COMMENT ON FUNCTION customer_data.tagset_eq(customer_data.tagset, customer_data.tagset) IS 'Same tags with the same scores, times, half-lives and expiries';
CREATE FUNCTION customer_data.tagset_ne(a customer_data.tagset, b customer_data.tagset) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_ne';
COMMENT ON FUNCTION customer_data.tagset_ne(customer_data.tagset, customer_data.tagset) IS 'Not the same tags';
CREATE FUNCTION customer_data.tagset_hash(a customer_data.tagset) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_hash';
COMMENT ON FUNCTION customer_data.tagset_hash(customer_data.tagset) IS 'Hash of a tagset';
CREATE FUNCTION customer_data.tagset_hash_extended(a customer_data.tagset, seed bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_hash_extended';
COMMENT ON FUNCTION customer_data.tagset_hash_extended(customer_data.tagset, bigint) IS 'Hash of a tagset with a seed';
CREATE OPERATOR customer_data.= (LEFTARG = customer_data.tagset, RIGHTARG = customer_data.tagset, FUNCTION = customer_data.tagset_eq,
    COMMUTATOR = OPERATOR(customer_data.=), NEGATOR = OPERATOR(customer_data.<>), RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES);
COMMENT ON OPERATOR customer_data.= (customer_data.tagset, customer_data.tagset) IS 'Same tags';
CREATE OPERATOR customer_data.<> (LEFTARG = customer_data.tagset, RIGHTARG = customer_data.tagset, FUNCTION = customer_data.tagset_ne,
    COMMUTATOR = OPERATOR(customer_data.<>), NEGATOR = OPERATOR(customer_data.=), RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel);
COMMENT ON OPERATOR customer_data.<> (customer_data.tagset, customer_data.tagset) IS 'Not the same tags';
CREATE OPERATOR CLASS customer_data.tagset_hash_ops DEFAULT FOR TYPE customer_data.tagset USING hash AS
    OPERATOR 1 customer_data.=,
    FUNCTION 1 customer_data.tagset_hash(customer_data.tagset),
    FUNCTION 2 customer_data.tagset_hash_extended(customer_data.tagset, bigint);
COMMENT ON OPERATOR CLASS customer_data.tagset_hash_ops USING hash IS 'Equality of tagsets, for DISTINCT, GROUP BY and hash joins';

CREATE FUNCTION customer_data.has_tag(tags customer_data.tagset, path text, min_score double precision DEFAULT NULL) RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_has_tag';
COMMENT ON FUNCTION customer_data.has_tag(customer_data.tagset, text, double precision) IS 'Is there a tag of this path, or below a prefix (industry.retail.*), with at least this score as of as_of()?';

CREATE FUNCTION customer_data.tag_score(tags customer_data.tagset, path text) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_score';
COMMENT ON FUNCTION customer_data.tag_score(customer_data.tagset, text) IS 'Score of a tag as of as_of(), decayed by its half-life; the highest below a prefix; NULL without such a tag';

CREATE FUNCTION customer_data.has_tag(tags customer_data.tagset, path text, min_score double precision, at timestamptz) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_has_tag_then';
COMMENT ON FUNCTION customer_data.has_tag(customer_data.tagset, text, double precision, timestamptz) IS 'The same as of a given moment, by the decay and the validity that the tags carry; min_score NULL: any score';
CREATE FUNCTION customer_data.tag_score(tags customer_data.tagset, path text, at timestamptz) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_score_of_then';
COMMENT ON FUNCTION customer_data.tag_score(customer_data.tagset, text, timestamptz) IS 'Score of a tag as of a given moment, by the decay and the validity that the tags carry';

CREATE FUNCTION customer_data.tag_score_ge(tags customer_data.tagset, path text, threshold double precision) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_score_ge';
COMMENT ON FUNCTION customer_data.tag_score_ge(customer_data.tagset, text, double precision) IS 'tag_score(tags, path) >= threshold, knowing until when that holds';
CREATE FUNCTION customer_data.tag_score_gt(tags customer_data.tagset, path text, threshold double precision) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_score_gt';
COMMENT ON FUNCTION customer_data.tag_score_gt(customer_data.tagset, text, double precision) IS 'tag_score(tags, path) > threshold, knowing until when that holds';

CREATE FUNCTION customer_data.set_tag(tags customer_data.tagset, path text, score double precision DEFAULT 1,
        at timestamptz DEFAULT NULL, half_life interval DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_set_tag';
COMMENT ON FUNCTION customer_data.set_tag(customer_data.tagset, text, double precision, timestamptz, interval, timestamptz) IS 'The tagset with a tag set anew; times are kept in whole seconds, a month of a half-life is 30 days';

CREATE FUNCTION customer_data.remove_tag(tags customer_data.tagset, path text) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_remove_tag';
COMMENT ON FUNCTION customer_data.remove_tag(customer_data.tagset, text) IS 'The tagset without a tag, or without all below a prefix';

CREATE FUNCTION customer_data.tags_under(tags customer_data.tagset, path text) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tags_under';
COMMENT ON FUNCTION customer_data.tags_under(customer_data.tagset, text) IS 'Only the tag of a path, or those below a prefix';

CREATE FUNCTION customer_data.tagset_merge(a customer_data.tagset, b customer_data.tagset) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_merge';
COMMENT ON FUNCTION customer_data.tagset_merge(customer_data.tagset, customer_data.tagset) IS 'Tags of both; where both have one, that of the second';
CREATE OPERATOR customer_data.|| (LEFTARG = customer_data.tagset, RIGHTARG = customer_data.tagset, FUNCTION = customer_data.tagset_merge);
COMMENT ON OPERATOR customer_data.|| (customer_data.tagset, customer_data.tagset) IS 'Tags of both; where both have one, that of the right';

CREATE FUNCTION customer_data.compact_tags(tags customer_data.tagset) RETURNS customer_data.tagset
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_compact';
COMMENT ON FUNCTION customer_data.compact_tags(customer_data.tagset) IS 'An equal tagset that holds numbers for all paths which by now have one';

CREATE FUNCTION customer_data.tag_count(tags customer_data.tagset) RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_count';
COMMENT ON FUNCTION customer_data.tag_count(customer_data.tagset) IS 'Number of tags that have not expired as of as_of()';

CREATE FUNCTION customer_data.tags(tags customer_data.tagset, OUT path text, OUT score real, OUT at timestamptz,
        OUT half_life interval, OUT until timestamptz, OUT score_now double precision) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 30 AS 'MODULE_PATHNAME', 'cd_tagset_rows';
COMMENT ON FUNCTION customer_data.tags(customer_data.tagset) IS 'The tags as rows; score_now is decayed as of as_of(), NULL once expired';

CREATE FUNCTION customer_data.dot_product(a customer_data.tagset, b customer_data.tagset) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_dot';
COMMENT ON FUNCTION customer_data.dot_product(customer_data.tagset, customer_data.tagset) IS 'Sum over the tags that both have of the product of their scores now';
CREATE FUNCTION customer_data.cosine_similarity(a customer_data.tagset, b customer_data.tagset) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_cosine';
COMMENT ON FUNCTION customer_data.cosine_similarity(customer_data.tagset, customer_data.tagset) IS 'Cosine of the angle between two tagsets; NULL where one is without score';

CREATE FUNCTION customer_data.tagset_agg_step(internal, text, double precision, timestamptz, interval, timestamptz) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_agg_step';
COMMENT ON FUNCTION customer_data.tagset_agg_step(internal, text, double precision, timestamptz, interval, timestamptz) IS 'Transition of tagset_agg';
CREATE FUNCTION customer_data.tagset_agg_final(internal) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_agg_final';
COMMENT ON FUNCTION customer_data.tagset_agg_final(internal) IS 'Result of tagset_agg';
CREATE AGGREGATE customer_data.tagset_agg(path text, score double precision, at timestamptz, half_life interval, until timestamptz) (
    SFUNC = customer_data.tagset_agg_step, STYPE = internal, FINALFUNC = customer_data.tagset_agg_final);
COMMENT ON AGGREGATE customer_data.tagset_agg(text, double precision, timestamptz, interval, timestamptz) IS 'Puts rows together to a tagset; of several with one path the last';

CREATE FUNCTION customer_data.tagset_sum_step(internal, customer_data.tagset) RETURNS internal
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_sum_step';
COMMENT ON FUNCTION customer_data.tagset_sum_step(internal, customer_data.tagset) IS 'Transition of tagset_sum and tagset_mean';
CREATE FUNCTION customer_data.tagset_sum_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_sum_combine';
COMMENT ON FUNCTION customer_data.tagset_sum_combine(internal, internal) IS 'Joins the states of two workers';
CREATE FUNCTION customer_data.tagset_sum_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_sum_serialize';
COMMENT ON FUNCTION customer_data.tagset_sum_serialize(internal) IS 'State of a worker to bytes';
CREATE FUNCTION customer_data.tagset_sum_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_sum_deserialize';
COMMENT ON FUNCTION customer_data.tagset_sum_deserialize(bytea, internal) IS 'Bytes of a worker to state';
CREATE FUNCTION customer_data.tagset_sum_final(internal) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_sum_final';
COMMENT ON FUNCTION customer_data.tagset_sum_final(internal) IS 'Result of tagset_sum';
CREATE FUNCTION customer_data.tagset_mean_final(internal) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_mean_final';
COMMENT ON FUNCTION customer_data.tagset_mean_final(internal) IS 'Result of tagset_mean';
CREATE AGGREGATE customer_data.tagset_sum(customer_data.tagset) (
    SFUNC = customer_data.tagset_sum_step, STYPE = internal,
    FINALFUNC = customer_data.tagset_sum_final, COMBINEFUNC = customer_data.tagset_sum_combine,
    SERIALFUNC = customer_data.tagset_sum_serialize, DESERIALFUNC = customer_data.tagset_sum_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.tagset_sum(customer_data.tagset) IS 'Sum of the scores now of each tag';
CREATE AGGREGATE customer_data.tagset_mean(customer_data.tagset) (
    SFUNC = customer_data.tagset_sum_step, STYPE = internal,
    FINALFUNC = customer_data.tagset_mean_final, COMBINEFUNC = customer_data.tagset_sum_combine,
    SERIALFUNC = customer_data.tagset_sum_serialize, DESERIALFUNC = customer_data.tagset_sum_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.tagset_mean(customer_data.tagset) IS 'Mean of the scores now of each tag over all tagsets, those without the tag counting nought: their centre';

CREATE FUNCTION customer_data.tagset_top_step(internal, customer_data.tagset, integer) RETURNS internal
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_top_step';
COMMENT ON FUNCTION customer_data.tagset_top_step(internal, customer_data.tagset, integer) IS 'Transition of tagset_top';
CREATE AGGREGATE customer_data.tagset_top(tags customer_data.tagset, n integer) (
    SFUNC = customer_data.tagset_top_step, STYPE = internal,
    FINALFUNC = customer_data.tagset_sum_final, COMBINEFUNC = customer_data.tagset_sum_combine,
    SERIALFUNC = customer_data.tagset_sum_serialize, DESERIALFUNC = customer_data.tagset_sum_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.tagset_top(customer_data.tagset, integer) IS 'The n tags with the highest sums of scores now, with their sums';

CREATE FUNCTION customer_data.top_tags(tags customer_data.tagset, n integer) RETURNS customer_data.tagset
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_top_tags';
COMMENT ON FUNCTION customer_data.top_tags(customer_data.tagset, integer) IS 'The n tags with the highest scores now';

CREATE FUNCTION customer_data.tag_counts_step(internal, customer_data.tagset) RETURNS internal
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_counts_step';
COMMENT ON FUNCTION customer_data.tag_counts_step(internal, customer_data.tagset) IS 'Transition of tag_counts';
CREATE AGGREGATE customer_data.tag_counts(customer_data.tagset) (
    SFUNC = customer_data.tag_counts_step, STYPE = internal,
    FINALFUNC = customer_data.tagset_sum_final, COMBINEFUNC = customer_data.tagset_sum_combine,
    SERIALFUNC = customer_data.tagset_sum_serialize, DESERIALFUNC = customer_data.tagset_sum_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.tag_counts(customer_data.tagset) IS 'How many tagsets have each tag now, as its score (exact up to 16 million)';
CREATE FUNCTION customer_data.tag_presence(tags customer_data.tagset) RETURNS customer_data.tagset
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_presence';
COMMENT ON FUNCTION customer_data.tag_presence(customer_data.tagset) IS 'The tags that have not expired, each with score 1';
