-- portrait: boolean queries over tags, and the index that serves them.

CREATE TYPE customer_data.tag_query;

CREATE FUNCTION customer_data.tag_query_in(cstring) RETURNS customer_data.tag_query
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_query_in';
COMMENT ON FUNCTION customer_data.tag_query_in(cstring) IS 'Text input: vip & (outdoor>0.5 | camping>0.3) & !lapsed';
CREATE FUNCTION customer_data.tag_query_out(customer_data.tag_query) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_query_out';
COMMENT ON FUNCTION customer_data.tag_query_out(customer_data.tag_query) IS 'Text output';
CREATE FUNCTION customer_data.tag_query_recv(internal) RETURNS customer_data.tag_query
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_query_recv';
COMMENT ON FUNCTION customer_data.tag_query_recv(internal) IS 'Binary input: a version byte and the text';
CREATE FUNCTION customer_data.tag_query_send(customer_data.tag_query) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tag_query_send';
COMMENT ON FUNCTION customer_data.tag_query_send(customer_data.tag_query) IS 'Binary output: a version byte and the text';

CREATE TYPE customer_data.tag_query (
    INPUT = customer_data.tag_query_in,
    OUTPUT = customer_data.tag_query_out,
    RECEIVE = customer_data.tag_query_recv,
    SEND = customer_data.tag_query_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = main
);
COMMENT ON TYPE customer_data.tag_query IS 'A boolean query over tags: tags, prefixes (retail.*) and scores (tea>0.5) with & | ! and parentheses';

CREATE FUNCTION customer_data.tags_match(tags customer_data.tagset, query customer_data.tag_query) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'cd_tags_match';
COMMENT ON FUNCTION customer_data.tags_match(customer_data.tagset, customer_data.tag_query) IS 'Do the tags satisfy the query as of as_of()?';
CREATE FUNCTION customer_data.tags_match_sel(internal, oid, internal, integer) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tags_match_sel';
COMMENT ON FUNCTION customer_data.tags_match_sel(internal, oid, internal, integer) IS 'Planner: the share of rows that satisfy a tag query, by the shares of its paths that ANALYZE kept';
CREATE OPERATOR customer_data.@@ (LEFTARG = customer_data.tagset, RIGHTARG = customer_data.tag_query, FUNCTION = customer_data.tags_match,
    RESTRICT = customer_data.tags_match_sel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR customer_data.@@ (customer_data.tagset, customer_data.tag_query) IS 'The tags satisfy the query as of as_of()';

CREATE FUNCTION customer_data.tagset_gin_extract(customer_data.tagset, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_gin_extract';
COMMENT ON FUNCTION customer_data.tagset_gin_extract(customer_data.tagset, internal) IS 'GIN: keys of a tagset';
CREATE FUNCTION customer_data.tagset_gin_query(customer_data.tag_query, internal, int2, internal, internal, internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_gin_query';
COMMENT ON FUNCTION customer_data.tagset_gin_query(customer_data.tag_query, internal, int2, internal, internal, internal, internal) IS 'GIN: keys of a query';
CREATE FUNCTION customer_data.tagset_gin_consistent(internal, int2, customer_data.tag_query, int4, internal, internal, internal, internal) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_gin_consistent';
COMMENT ON FUNCTION customer_data.tagset_gin_consistent(internal, int2, customer_data.tag_query, int4, internal, internal, internal, internal) IS 'GIN: can a row with these keys match?';
CREATE FUNCTION customer_data.tagset_gin_triconsistent(internal, int2, customer_data.tag_query, int4, internal, internal, internal) RETURNS "char"
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_gin_triconsistent';
COMMENT ON FUNCTION customer_data.tagset_gin_triconsistent(internal, int2, customer_data.tag_query, int4, internal, internal, internal) IS 'GIN: can a row with these keys match, where some are not known?';
CREATE FUNCTION customer_data.tagset_gin_compare_partial(text, text, int2, internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_tagset_gin_compare_partial';
COMMENT ON FUNCTION customer_data.tagset_gin_compare_partial(text, text, int2, internal) IS 'GIN: does an index key lie in the range of a query key?';

CREATE OPERATOR CLASS customer_data.tagset_ops DEFAULT FOR TYPE customer_data.tagset USING gin AS
    OPERATOR 1 customer_data.@@ (customer_data.tagset, customer_data.tag_query),
    FUNCTION 1 pg_catalog.bttext_pattern_cmp(text, text),
    FUNCTION 2 customer_data.tagset_gin_extract(customer_data.tagset, internal),
    FUNCTION 3 customer_data.tagset_gin_query(customer_data.tag_query, internal, int2, internal, internal, internal, internal),
    FUNCTION 4 customer_data.tagset_gin_consistent(internal, int2, customer_data.tag_query, int4, internal, internal, internal, internal),
    FUNCTION 5 customer_data.tagset_gin_compare_partial(text, text, int2, internal),
    FUNCTION 6 customer_data.tagset_gin_triconsistent(internal, int2, customer_data.tag_query, int4, internal, internal, internal),
    STORAGE text;
COMMENT ON OPERATOR CLASS customer_data.tagset_ops USING gin IS 'Finds tagsets by tag, prefix and score';
