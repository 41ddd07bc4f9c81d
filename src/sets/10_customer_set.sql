-- sets: the type customer_set, its operators, aggregates and index classes.

CREATE TYPE customer_data.customer_set;

CREATE FUNCTION customer_data.customer_set_in(cstring) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_in';
COMMENT ON FUNCTION customer_data.customer_set_in(cstring) IS 'Text input: {1,2,10-20}';
CREATE FUNCTION customer_data.customer_set_out(customer_data.customer_set) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_out';
COMMENT ON FUNCTION customer_data.customer_set_out(customer_data.customer_set) IS 'Text output: {1,2,3}';
CREATE FUNCTION customer_data.customer_set_recv(internal) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_recv';
COMMENT ON FUNCTION customer_data.customer_set_recv(internal) IS 'Binary input: a portable Roaring bitmap, validated';
CREATE FUNCTION customer_data.customer_set_send(customer_data.customer_set) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_send';
COMMENT ON FUNCTION customer_data.customer_set_send(customer_data.customer_set) IS 'Binary output: the portable Roaring format';

-- Roaring is compressed already, and out of line uncompressed its header can
-- be fetched alone.
CREATE TYPE customer_data.customer_set (
    INPUT = customer_data.customer_set_in,
    OUTPUT = customer_data.customer_set_out,
    RECEIVE = customer_data.customer_set_recv,
    SEND = customer_data.customer_set_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE customer_data.customer_set IS 'A set of customer ids (0 to 4294967295) as a Roaring bitmap';

CREATE FUNCTION customer_data.customer_set(bigint[]) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_from_array';
COMMENT ON FUNCTION customer_data.customer_set(bigint[]) IS 'The set of an array''s ids';
CREATE FUNCTION customer_data.customer_set_to_array(customer_data.customer_set) RETURNS bigint[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_to_array';
COMMENT ON FUNCTION customer_data.customer_set_to_array(customer_data.customer_set) IS 'The ids of a set, ascending';
CREATE CAST (bigint[] AS customer_data.customer_set) WITH FUNCTION customer_data.customer_set(bigint[]);
CREATE CAST (customer_data.customer_set AS bigint[]) WITH FUNCTION customer_data.customer_set_to_array(customer_data.customer_set);

-- union, intersection, difference, symmetric difference
CREATE FUNCTION customer_data.customer_set_or(a customer_data.customer_set, b customer_data.customer_set) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_or';
COMMENT ON FUNCTION customer_data.customer_set_or(customer_data.customer_set, customer_data.customer_set) IS 'In either set';
CREATE OPERATOR customer_data.| (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_or, COMMUTATOR = OPERATOR(customer_data.|));
COMMENT ON OPERATOR customer_data.| (customer_data.customer_set, customer_data.customer_set) IS 'In either set';
CREATE FUNCTION customer_data.customer_set_and(a customer_data.customer_set, b customer_data.customer_set) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_and';
COMMENT ON FUNCTION customer_data.customer_set_and(customer_data.customer_set, customer_data.customer_set) IS 'In both sets';
CREATE OPERATOR customer_data.& (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_and, COMMUTATOR = OPERATOR(customer_data.&));
COMMENT ON OPERATOR customer_data.& (customer_data.customer_set, customer_data.customer_set) IS 'In both sets';
CREATE FUNCTION customer_data.customer_set_andnot(a customer_data.customer_set, b customer_data.customer_set) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_andnot';
COMMENT ON FUNCTION customer_data.customer_set_andnot(customer_data.customer_set, customer_data.customer_set) IS 'In the first set and not in the second';
CREATE OPERATOR customer_data.- (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_andnot);
COMMENT ON OPERATOR customer_data.- (customer_data.customer_set, customer_data.customer_set) IS 'In the first set and not in the second';
CREATE FUNCTION customer_data.customer_set_xor(a customer_data.customer_set, b customer_data.customer_set) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_xor';
COMMENT ON FUNCTION customer_data.customer_set_xor(customer_data.customer_set, customer_data.customer_set) IS 'In exactly one of the sets';
CREATE OPERATOR customer_data.# (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_xor, COMMUTATOR = OPERATOR(customer_data.#));
COMMENT ON OPERATOR customer_data.# (customer_data.customer_set, customer_data.customer_set) IS 'In exactly one of the sets';

-- comparison
CREATE FUNCTION customer_data.customer_set_eq(a customer_data.customer_set, b customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_eq';
COMMENT ON FUNCTION customer_data.customer_set_eq(customer_data.customer_set, customer_data.customer_set) IS 'Same ids';
CREATE FUNCTION customer_data.customer_set_ne(a customer_data.customer_set, b customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_ne';
COMMENT ON FUNCTION customer_data.customer_set_ne(customer_data.customer_set, customer_data.customer_set) IS 'Not the same ids';
CREATE FUNCTION customer_data.customer_set_lt(a customer_data.customer_set, b customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_lt';
COMMENT ON FUNCTION customer_data.customer_set_lt(customer_data.customer_set, customer_data.customer_set) IS 'Before, as lists of ids are ordered';
CREATE FUNCTION customer_data.customer_set_le(a customer_data.customer_set, b customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_le';
COMMENT ON FUNCTION customer_data.customer_set_le(customer_data.customer_set, customer_data.customer_set) IS 'Before or the same';
CREATE FUNCTION customer_data.customer_set_gt(a customer_data.customer_set, b customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_gt';
COMMENT ON FUNCTION customer_data.customer_set_gt(customer_data.customer_set, customer_data.customer_set) IS 'After, as lists of ids are ordered';
CREATE FUNCTION customer_data.customer_set_ge(a customer_data.customer_set, b customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_ge';
COMMENT ON FUNCTION customer_data.customer_set_ge(customer_data.customer_set, customer_data.customer_set) IS 'After or the same';
CREATE OPERATOR customer_data.= (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_eq, COMMUTATOR = OPERATOR(customer_data.=), NEGATOR = OPERATOR(customer_data.<>), RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES, MERGES);
COMMENT ON OPERATOR customer_data.= (customer_data.customer_set, customer_data.customer_set) IS 'Same ids';
CREATE OPERATOR customer_data.<> (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_ne, COMMUTATOR = OPERATOR(customer_data.<>), NEGATOR = OPERATOR(customer_data.=), RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel);
COMMENT ON OPERATOR customer_data.<> (customer_data.customer_set, customer_data.customer_set) IS 'Not the same ids';
CREATE OPERATOR customer_data.< (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_lt, COMMUTATOR = OPERATOR(customer_data.>), NEGATOR = OPERATOR(customer_data.>=), RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel);
COMMENT ON OPERATOR customer_data.< (customer_data.customer_set, customer_data.customer_set) IS 'Before, as lists of ids are ordered';
CREATE OPERATOR customer_data.<= (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_le, COMMUTATOR = OPERATOR(customer_data.>=), NEGATOR = OPERATOR(customer_data.>), RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel);
COMMENT ON OPERATOR customer_data.<= (customer_data.customer_set, customer_data.customer_set) IS 'Before or the same';
CREATE OPERATOR customer_data.> (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_gt, COMMUTATOR = OPERATOR(customer_data.<), NEGATOR = OPERATOR(customer_data.<=), RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel);
COMMENT ON OPERATOR customer_data.> (customer_data.customer_set, customer_data.customer_set) IS 'After, as lists of ids are ordered';
CREATE OPERATOR customer_data.>= (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_ge, COMMUTATOR = OPERATOR(customer_data.<=), NEGATOR = OPERATOR(customer_data.<), RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel);
COMMENT ON OPERATOR customer_data.>= (customer_data.customer_set, customer_data.customer_set) IS 'After or the same';
CREATE FUNCTION customer_data.customer_set_cmp(a customer_data.customer_set, b customer_data.customer_set) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_cmp';
COMMENT ON FUNCTION customer_data.customer_set_cmp(customer_data.customer_set, customer_data.customer_set) IS 'Order of two sets, for btree';
CREATE FUNCTION customer_data.customer_set_hash(a customer_data.customer_set) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_hash';
COMMENT ON FUNCTION customer_data.customer_set_hash(customer_data.customer_set) IS 'Hash of the ids';
CREATE FUNCTION customer_data.customer_set_hash_extended(a customer_data.customer_set, seed bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_hash_extended';
COMMENT ON FUNCTION customer_data.customer_set_hash_extended(customer_data.customer_set, bigint) IS 'Hash of the ids with a seed';

CREATE OPERATOR CLASS customer_data.customer_set_ops DEFAULT FOR TYPE customer_data.customer_set USING btree AS
    OPERATOR 1 customer_data.<, OPERATOR 2 customer_data.<=, OPERATOR 3 customer_data.=,
    OPERATOR 4 customer_data.>=, OPERATOR 5 customer_data.>,
    FUNCTION 1 customer_data.customer_set_cmp(customer_data.customer_set, customer_data.customer_set);
COMMENT ON OPERATOR CLASS customer_data.customer_set_ops USING btree IS 'Order of customer sets, for DISTINCT, GROUP BY and ORDER BY';
CREATE OPERATOR CLASS customer_data.customer_set_ops DEFAULT FOR TYPE customer_data.customer_set USING hash AS
    OPERATOR 1 customer_data.=,
    FUNCTION 1 customer_data.customer_set_hash(customer_data.customer_set),
    FUNCTION 2 customer_data.customer_set_hash_extended(customer_data.customer_set, bigint);
COMMENT ON OPERATOR CLASS customer_data.customer_set_ops USING hash IS 'Equality of customer sets, for DISTINCT, GROUP BY and hash joins';

-- membership
CREATE FUNCTION customer_data.customer_set_member_support(internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_member_support';
COMMENT ON FUNCTION customer_data.customer_set_member_support(internal) IS 'Lets the planner find the customers of a set through an index on a bigint column';
CREATE FUNCTION customer_data.customer_set_contains(members customer_data.customer_set, customer_id bigint) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.customer_set_member_support
    AS 'MODULE_PATHNAME', 'cd_customer_set_contains';
COMMENT ON FUNCTION customer_data.customer_set_contains(customer_data.customer_set, bigint) IS 'Is the customer in the set?';
CREATE FUNCTION customer_data.customer_set_member(customer_id bigint, members customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.customer_set_member_support
    AS 'MODULE_PATHNAME', 'cd_customer_set_member';
COMMENT ON FUNCTION customer_data.customer_set_member(bigint, customer_data.customer_set) IS 'Is the customer in the set?';
CREATE FUNCTION customer_data.customer_set_contains_set(a customer_data.customer_set, b customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_contains_set';
COMMENT ON FUNCTION customer_data.customer_set_contains_set(customer_data.customer_set, customer_data.customer_set) IS 'Does the first set hold all of the second?';
CREATE FUNCTION customer_data.customer_set_contained(a customer_data.customer_set, b customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_contained';
COMMENT ON FUNCTION customer_data.customer_set_contained(customer_data.customer_set, customer_data.customer_set) IS 'Does the second set hold all of the first?';
CREATE FUNCTION customer_data.customer_set_overlaps(a customer_data.customer_set, b customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_overlaps';
COMMENT ON FUNCTION customer_data.customer_set_overlaps(customer_data.customer_set, customer_data.customer_set) IS 'Have the sets a customer in common?';
CREATE OPERATOR customer_data.@> (LEFTARG = customer_data.customer_set, RIGHTARG = bigint, FUNCTION = customer_data.customer_set_contains, COMMUTATOR = OPERATOR(customer_data.<@), RESTRICT = pg_catalog.contsel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR customer_data.@> (customer_data.customer_set, bigint) IS 'The set holds the customer';
CREATE OPERATOR customer_data.<@ (LEFTARG = bigint, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_member, COMMUTATOR = OPERATOR(customer_data.@>), RESTRICT = pg_catalog.contsel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR customer_data.<@ (bigint, customer_data.customer_set) IS 'The customer is in the set';
CREATE OPERATOR customer_data.@> (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_contains_set, COMMUTATOR = OPERATOR(customer_data.<@), RESTRICT = pg_catalog.contsel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR customer_data.@> (customer_data.customer_set, customer_data.customer_set) IS 'The first set holds all of the second';
CREATE OPERATOR customer_data.<@ (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_contained, COMMUTATOR = OPERATOR(customer_data.@>), RESTRICT = pg_catalog.contsel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR customer_data.<@ (customer_data.customer_set, customer_data.customer_set) IS 'The second set holds all of the first';
CREATE OPERATOR customer_data.&& (LEFTARG = customer_data.customer_set, RIGHTARG = customer_data.customer_set, FUNCTION = customer_data.customer_set_overlaps, COMMUTATOR = OPERATOR(customer_data.&&), RESTRICT = pg_catalog.areasel, JOIN = pg_catalog.areajoinsel);
COMMENT ON OPERATOR customer_data.&& (customer_data.customer_set, customer_data.customer_set) IS 'The sets have a customer in common';

-- counting without making a set
CREATE FUNCTION customer_data.cardinality(members customer_data.customer_set) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_cardinality';
COMMENT ON FUNCTION customer_data.cardinality(customer_data.customer_set) IS 'Number of customers in the set';
CREATE FUNCTION customer_data.is_empty(members customer_data.customer_set) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_is_empty';
COMMENT ON FUNCTION customer_data.is_empty(customer_data.customer_set) IS 'Is the set empty?';
CREATE FUNCTION customer_data.and_cardinality(a customer_data.customer_set, b customer_data.customer_set) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_and_cardinality';
COMMENT ON FUNCTION customer_data.and_cardinality(customer_data.customer_set, customer_data.customer_set) IS 'Number of customers in both sets';
CREATE FUNCTION customer_data.or_cardinality(a customer_data.customer_set, b customer_data.customer_set) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_or_cardinality';
COMMENT ON FUNCTION customer_data.or_cardinality(customer_data.customer_set, customer_data.customer_set) IS 'Number of customers in either set';
CREATE FUNCTION customer_data.andnot_cardinality(a customer_data.customer_set, b customer_data.customer_set) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_andnot_cardinality';
COMMENT ON FUNCTION customer_data.andnot_cardinality(customer_data.customer_set, customer_data.customer_set) IS 'Number of customers in the first set and not in the second';
CREATE FUNCTION customer_data.xor_cardinality(a customer_data.customer_set, b customer_data.customer_set) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_xor_cardinality';
COMMENT ON FUNCTION customer_data.xor_cardinality(customer_data.customer_set, customer_data.customer_set) IS 'Number of customers in exactly one of the sets';
CREATE FUNCTION customer_data.jaccard(a customer_data.customer_set, b customer_data.customer_set) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_jaccard';
COMMENT ON FUNCTION customer_data.jaccard(customer_data.customer_set, customer_data.customer_set) IS 'Customers in both sets as a share of those in either; NULL for two empty sets';

-- parts of a set
CREATE FUNCTION customer_data.set_min(members customer_data.customer_set) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_min';
COMMENT ON FUNCTION customer_data.set_min(customer_data.customer_set) IS 'Least customer id, NULL for an empty set';
CREATE FUNCTION customer_data.set_max(members customer_data.customer_set) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_max';
COMMENT ON FUNCTION customer_data.set_max(customer_data.customer_set) IS 'Greatest customer id, NULL for an empty set';
CREATE FUNCTION customer_data.add_member(members customer_data.customer_set, customer_id bigint) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_add';
COMMENT ON FUNCTION customer_data.add_member(customer_data.customer_set, bigint) IS 'The set with one customer more';
CREATE FUNCTION customer_data.remove_member(members customer_data.customer_set, customer_id bigint) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_remove';
COMMENT ON FUNCTION customer_data.remove_member(customer_data.customer_set, bigint) IS 'The set without one customer';
CREATE FUNCTION customer_data.members_between(members customer_data.customer_set, first bigint, last bigint) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_slice';
COMMENT ON FUNCTION customer_data.members_between(customer_data.customer_set, bigint, bigint) IS 'The customers of a set between two ids, both included';
CREATE FUNCTION customer_data.members_support(internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_members_support';
COMMENT ON FUNCTION customer_data.members_support(internal) IS 'Tells the planner the rows of members(constant)';
CREATE FUNCTION customer_data.members(members customer_data.customer_set) RETURNS SETOF bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10000 SUPPORT customer_data.members_support
    AS 'MODULE_PATHNAME', 'cd_customer_set_members';
COMMENT ON FUNCTION customer_data.members(customer_data.customer_set) IS 'The customer ids of a set, ascending';
CREATE FUNCTION customer_data.chunk_of(customer_id bigint) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT ($1 OPERATOR(pg_catalog.>>) 16)::integer';
COMMENT ON FUNCTION customer_data.chunk_of(bigint) IS 'Number of the chunk of 65536 ids that a customer lies in';
CREATE FUNCTION customer_data.chunks(members customer_data.customer_set, OUT chunk integer, OUT part customer_data.customer_set) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 16 AS 'MODULE_PATHNAME', 'cd_customer_set_chunks';
COMMENT ON FUNCTION customer_data.chunks(customer_data.customer_set) IS 'The set split by chunk_of(customer_id): each part takes at most 8 KB';

-- aggregates

CREATE FUNCTION customer_data.customer_set_agg_step(internal, bigint) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_agg_step';
COMMENT ON FUNCTION customer_data.customer_set_agg_step(internal, bigint) IS 'Transition of customer_set_agg';
CREATE FUNCTION customer_data.customer_set_or_step(internal, customer_data.customer_set) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_or_step';
COMMENT ON FUNCTION customer_data.customer_set_or_step(internal, customer_data.customer_set) IS 'Transition of customer_set_or_agg';
CREATE FUNCTION customer_data.customer_set_and_step(internal, customer_data.customer_set) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_and_step';
COMMENT ON FUNCTION customer_data.customer_set_and_step(internal, customer_data.customer_set) IS 'Transition of customer_set_and_agg';
CREATE FUNCTION customer_data.customer_set_or_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_or_combine';
COMMENT ON FUNCTION customer_data.customer_set_or_combine(internal, internal) IS 'Joins the states of two workers by union';
CREATE FUNCTION customer_data.customer_set_and_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_and_combine';
COMMENT ON FUNCTION customer_data.customer_set_and_combine(internal, internal) IS 'Joins the states of two workers by intersection';
CREATE FUNCTION customer_data.customer_set_agg_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_agg_serialize';
COMMENT ON FUNCTION customer_data.customer_set_agg_serialize(internal) IS 'State of a worker to bytes';
CREATE FUNCTION customer_data.customer_set_agg_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_agg_deserialize';
COMMENT ON FUNCTION customer_data.customer_set_agg_deserialize(bytea, internal) IS 'Bytes of a worker to state';
CREATE FUNCTION customer_data.customer_set_and_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_and_serialize';
COMMENT ON FUNCTION customer_data.customer_set_and_serialize(internal) IS 'Intersection of a worker to bytes';
CREATE FUNCTION customer_data.customer_set_and_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_and_deserialize';
COMMENT ON FUNCTION customer_data.customer_set_and_deserialize(bytea, internal) IS 'Bytes of a worker to intersection';
CREATE FUNCTION customer_data.customer_set_agg_final(internal) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_agg_final';
COMMENT ON FUNCTION customer_data.customer_set_agg_final(internal) IS 'The set that was put together';
CREATE FUNCTION customer_data.customer_set_and_final(internal) RETURNS customer_data.customer_set
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_and_final';
COMMENT ON FUNCTION customer_data.customer_set_and_final(internal) IS 'The intersection that is left';
CREATE FUNCTION customer_data.customer_set_count_final(internal) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_customer_set_count_final';
COMMENT ON FUNCTION customer_data.customer_set_count_final(internal) IS 'Number of ids that were put together';

CREATE AGGREGATE customer_data.customer_set_agg(bigint) (
    SFUNC = customer_data.customer_set_agg_step, STYPE = internal,
    FINALFUNC = customer_data.customer_set_agg_final,
    COMBINEFUNC = customer_data.customer_set_or_combine,
    SERIALFUNC = customer_data.customer_set_agg_serialize,
    DESERIALFUNC = customer_data.customer_set_agg_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.customer_set_agg(bigint) IS 'The set of all ids; NULLs are left out';

CREATE AGGREGATE customer_data.customer_set_or_agg(customer_data.customer_set) (
    SFUNC = customer_data.customer_set_or_step, STYPE = internal,
    FINALFUNC = customer_data.customer_set_agg_final,
    COMBINEFUNC = customer_data.customer_set_or_combine,
    SERIALFUNC = customer_data.customer_set_agg_serialize,
    DESERIALFUNC = customer_data.customer_set_agg_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.customer_set_or_agg(customer_data.customer_set) IS 'The union of all sets; NULLs are left out';

CREATE AGGREGATE customer_data.customer_set_or_count_agg(customer_data.customer_set) (
    SFUNC = customer_data.customer_set_or_step, STYPE = internal,
    FINALFUNC = customer_data.customer_set_count_final,
    COMBINEFUNC = customer_data.customer_set_or_combine,
    SERIALFUNC = customer_data.customer_set_agg_serialize,
    DESERIALFUNC = customer_data.customer_set_agg_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.customer_set_or_count_agg(customer_data.customer_set) IS 'Number of customers in the union of all sets';

CREATE AGGREGATE customer_data.customer_set_and_agg(customer_data.customer_set) (
    SFUNC = customer_data.customer_set_and_step, STYPE = internal,
    FINALFUNC = customer_data.customer_set_and_final,
    COMBINEFUNC = customer_data.customer_set_and_combine,
    SERIALFUNC = customer_data.customer_set_and_serialize,
    DESERIALFUNC = customer_data.customer_set_and_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.customer_set_and_agg(customer_data.customer_set) IS 'The intersection of all sets; NULL where there is none';
