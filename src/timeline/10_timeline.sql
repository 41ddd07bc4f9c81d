-- timeline: everything one customer did, in one value.

CREATE TYPE customer_data.timeline;

CREATE FUNCTION customer_data.timeline_in(cstring) RETURNS customer_data.timeline
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_in';
COMMENT ON FUNCTION customer_data.timeline_in(cstring) IS 'Input function of timeline';

CREATE FUNCTION customer_data.timeline_out(customer_data.timeline) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_out';
COMMENT ON FUNCTION customer_data.timeline_out(customer_data.timeline) IS 'Output function of timeline';

CREATE FUNCTION customer_data.timeline_recv(internal) RETURNS customer_data.timeline
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_recv';
COMMENT ON FUNCTION customer_data.timeline_recv(internal) IS 'Binary input function of timeline';

CREATE FUNCTION customer_data.timeline_send(customer_data.timeline) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_send';
COMMENT ON FUNCTION customer_data.timeline_send(customer_data.timeline) IS 'Binary output function of timeline';

-- Stored as it is: it is packed already, and parts of a long one can be read alone.
CREATE TYPE customer_data.timeline (
    INPUT = customer_data.timeline_in,
    OUTPUT = customer_data.timeline_out,
    RECEIVE = customer_data.timeline_recv,
    SEND = customer_data.timeline_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE customer_data.timeline IS 'Events in order of time: moment, kind, value, quantity, event id, properties';

CREATE FUNCTION customer_data.empty_timeline() RETURNS customer_data.timeline
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_empty_timeline';
COMMENT ON FUNCTION customer_data.empty_timeline() IS 'A timeline without events';

-- Equality and hash

CREATE FUNCTION customer_data.timeline_eq(customer_data.timeline, customer_data.timeline) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'cd_timeline_eq';
COMMENT ON FUNCTION customer_data.timeline_eq(customer_data.timeline, customer_data.timeline) IS 'Whether two timelines hold the same events in the same order';
CREATE FUNCTION customer_data.timeline_ne(customer_data.timeline, customer_data.timeline) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'cd_timeline_ne';
COMMENT ON FUNCTION customer_data.timeline_ne(customer_data.timeline, customer_data.timeline) IS 'Whether two timelines differ';
CREATE FUNCTION customer_data.timeline_hash(customer_data.timeline) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_hash';
COMMENT ON FUNCTION customer_data.timeline_hash(customer_data.timeline) IS 'Hash of a timeline';
CREATE FUNCTION customer_data.timeline_hash_extended(customer_data.timeline, bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_hash_extended';
COMMENT ON FUNCTION customer_data.timeline_hash_extended(customer_data.timeline, bigint) IS 'Seeded hash of a timeline';

CREATE OPERATOR customer_data.= (
    LEFTARG = customer_data.timeline, RIGHTARG = customer_data.timeline,
    FUNCTION = customer_data.timeline_eq,
    COMMUTATOR = OPERATOR(customer_data.=), NEGATOR = OPERATOR(customer_data.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR customer_data.= (customer_data.timeline, customer_data.timeline) IS 'same events in the same order';
CREATE OPERATOR customer_data.<> (
    LEFTARG = customer_data.timeline, RIGHTARG = customer_data.timeline,
    FUNCTION = customer_data.timeline_ne,
    COMMUTATOR = OPERATOR(customer_data.<>), NEGATOR = OPERATOR(customer_data.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR customer_data.<> (customer_data.timeline, customer_data.timeline) IS 'not the same events';
CREATE OPERATOR CLASS customer_data.timeline_ops DEFAULT FOR TYPE customer_data.timeline USING hash AS
    OPERATOR 1 customer_data.=,
    FUNCTION 1 customer_data.timeline_hash(customer_data.timeline),
    FUNCTION 2 customer_data.timeline_hash_extended(customer_data.timeline, bigint);
COMMENT ON OPERATOR CLASS customer_data.timeline_ops USING hash IS 'Hashing of timelines, for grouping and DISTINCT';

-- Joining and cutting

CREATE FUNCTION customer_data.timeline_concat(customer_data.timeline, customer_data.timeline) RETURNS customer_data.timeline
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_concat';
COMMENT ON FUNCTION customer_data.timeline_concat(customer_data.timeline, customer_data.timeline) IS 'The events of both; identical events with the same event id once; at the same instant those of the left come first';
CREATE OPERATOR customer_data.|| (
    LEFTARG = customer_data.timeline, RIGHTARG = customer_data.timeline,
    FUNCTION = customer_data.timeline_concat
);
COMMENT ON OPERATOR customer_data.|| (customer_data.timeline, customer_data.timeline) IS 'the events of both';

CREATE FUNCTION customer_data.timeline_slice(events customer_data.timeline, since timestamptz, until timestamptz) RETURNS customer_data.timeline
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_slice_sql';
COMMENT ON FUNCTION customer_data.timeline_slice(customer_data.timeline, timestamptz, timestamptz) IS 'The events with since <= at < until';

CREATE FUNCTION customer_data.timeline_cut(events customer_data.timeline, as_of timestamptz) RETURNS customer_data.timeline
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_cut_sql';
COMMENT ON FUNCTION customer_data.timeline_cut(customer_data.timeline, timestamptz) IS 'The events known at a moment (at <= as_of), noting when the next one comes in';

-- What is in it

CREATE FUNCTION customer_data.events(events customer_data.timeline,
        OUT at timestamptz, OUT kind text, OUT value double precision, OUT quantity double precision,
        OUT event_id text, OUT properties jsonb) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 100 AS 'MODULE_PATHNAME', 'cd_events';
COMMENT ON FUNCTION customer_data.events(customer_data.timeline) IS 'The events of a timeline as rows, in order';

CREATE FUNCTION customer_data.event_total(events customer_data.timeline) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_total';
COMMENT ON FUNCTION customer_data.event_total(customer_data.timeline) IS 'How many events a timeline holds';

CREATE FUNCTION customer_data.timeline_first(events customer_data.timeline) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_first';
COMMENT ON FUNCTION customer_data.timeline_first(customer_data.timeline) IS 'The moment of the earliest event, NULL without events';

CREATE FUNCTION customer_data.timeline_last(events customer_data.timeline) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_last';
COMMENT ON FUNCTION customer_data.timeline_last(customer_data.timeline) IS 'The moment of the latest event, NULL without events';

CREATE FUNCTION customer_data.timeline_kinds(events customer_data.timeline,
        OUT kind text, OUT event_count integer, OUT first_at timestamptz, OUT last_at timestamptz) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 5 AS 'MODULE_PATHNAME', 'cd_timeline_kinds';
COMMENT ON FUNCTION customer_data.timeline_kinds(customer_data.timeline) IS 'The kinds of events in a timeline: how many, first and last moment';

-- Aggregates

CREATE FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_trans';
CREATE FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, double precision) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_trans';
CREATE FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, double precision, jsonb) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_trans';
CREATE FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, double precision, double precision, text, jsonb) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_trans';
CREATE FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, numeric) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_trans_numeric';
CREATE FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, numeric, jsonb) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_trans_numeric';
CREATE FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, numeric, numeric, text, jsonb) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_trans_numeric';
CREATE FUNCTION customer_data.timeline_agg_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_combine';
CREATE FUNCTION customer_data.timeline_agg_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_serialize';
CREATE FUNCTION customer_data.timeline_agg_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_deserialize';
CREATE FUNCTION customer_data.timeline_agg_final(internal) RETURNS customer_data.timeline
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_agg_final';
COMMENT ON FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text) IS 'Transition of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, double precision) IS 'Transition of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, double precision, jsonb) IS 'Transition of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, double precision, double precision, text, jsonb) IS 'Transition of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, numeric) IS 'Transition of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, numeric, jsonb) IS 'Transition of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_trans(internal, timestamptz, text, numeric, numeric, text, jsonb) IS 'Transition of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_combine(internal, internal) IS 'Combines states of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_serialize(internal) IS 'Serialises a state of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_deserialize(bytea, internal) IS 'Deserialises a state of timeline_agg';
COMMENT ON FUNCTION customer_data.timeline_agg_final(internal) IS 'Result of timeline_agg';

CREATE AGGREGATE customer_data.timeline_agg(at timestamptz, kind text) (
    SFUNC = customer_data.timeline_agg_trans, STYPE = internal, SSPACE = 1024,
    FINALFUNC = customer_data.timeline_agg_final, COMBINEFUNC = customer_data.timeline_agg_combine,
    SERIALFUNC = customer_data.timeline_agg_serialize, DESERIALFUNC = customer_data.timeline_agg_deserialize,
    PARALLEL = SAFE);
CREATE AGGREGATE customer_data.timeline_agg(at timestamptz, kind text, value double precision) (
    SFUNC = customer_data.timeline_agg_trans, STYPE = internal, SSPACE = 1024,
    FINALFUNC = customer_data.timeline_agg_final, COMBINEFUNC = customer_data.timeline_agg_combine,
    SERIALFUNC = customer_data.timeline_agg_serialize, DESERIALFUNC = customer_data.timeline_agg_deserialize,
    PARALLEL = SAFE);
CREATE AGGREGATE customer_data.timeline_agg(at timestamptz, kind text, value double precision, properties jsonb) (
    SFUNC = customer_data.timeline_agg_trans, STYPE = internal, SSPACE = 1024,
    FINALFUNC = customer_data.timeline_agg_final, COMBINEFUNC = customer_data.timeline_agg_combine,
    SERIALFUNC = customer_data.timeline_agg_serialize, DESERIALFUNC = customer_data.timeline_agg_deserialize,
    PARALLEL = SAFE);
CREATE AGGREGATE customer_data.timeline_agg(at timestamptz, kind text, value double precision, quantity double precision, event_id text, properties jsonb) (
    SFUNC = customer_data.timeline_agg_trans, STYPE = internal, SSPACE = 1024,
    FINALFUNC = customer_data.timeline_agg_final, COMBINEFUNC = customer_data.timeline_agg_combine,
    SERIALFUNC = customer_data.timeline_agg_serialize, DESERIALFUNC = customer_data.timeline_agg_deserialize,
    PARALLEL = SAFE);
-- Numeric columns as they are: the cast to double precision takes longer than the rest
CREATE AGGREGATE customer_data.timeline_agg(at timestamptz, kind text, value numeric) (
    SFUNC = customer_data.timeline_agg_trans, STYPE = internal, SSPACE = 1024,
    FINALFUNC = customer_data.timeline_agg_final, COMBINEFUNC = customer_data.timeline_agg_combine,
    SERIALFUNC = customer_data.timeline_agg_serialize, DESERIALFUNC = customer_data.timeline_agg_deserialize,
    PARALLEL = SAFE);
CREATE AGGREGATE customer_data.timeline_agg(at timestamptz, kind text, value numeric, properties jsonb) (
    SFUNC = customer_data.timeline_agg_trans, STYPE = internal, SSPACE = 1024,
    FINALFUNC = customer_data.timeline_agg_final, COMBINEFUNC = customer_data.timeline_agg_combine,
    SERIALFUNC = customer_data.timeline_agg_serialize, DESERIALFUNC = customer_data.timeline_agg_deserialize,
    PARALLEL = SAFE);
CREATE AGGREGATE customer_data.timeline_agg(at timestamptz, kind text, value numeric, quantity numeric, event_id text, properties jsonb) (
    SFUNC = customer_data.timeline_agg_trans, STYPE = internal, SSPACE = 1024,
    FINALFUNC = customer_data.timeline_agg_final, COMBINEFUNC = customer_data.timeline_agg_combine,
    SERIALFUNC = customer_data.timeline_agg_serialize, DESERIALFUNC = customer_data.timeline_agg_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.timeline_agg(timestamptz, text) IS 'The timeline of the rows; a row without time or kind is left out';
COMMENT ON AGGREGATE customer_data.timeline_agg(timestamptz, text, double precision) IS 'The timeline of the rows, with values';
COMMENT ON AGGREGATE customer_data.timeline_agg(timestamptz, text, double precision, jsonb) IS 'The timeline of the rows, with values and properties';
COMMENT ON AGGREGATE customer_data.timeline_agg(timestamptz, text, double precision, double precision, text, jsonb) IS 'The timeline of the rows, with values, quantities, event ids and properties';
COMMENT ON AGGREGATE customer_data.timeline_agg(timestamptz, text, numeric) IS 'The timeline of the rows, with values';
COMMENT ON AGGREGATE customer_data.timeline_agg(timestamptz, text, numeric, jsonb) IS 'The timeline of the rows, with values and properties';
COMMENT ON AGGREGATE customer_data.timeline_agg(timestamptz, text, numeric, numeric, text, jsonb) IS 'The timeline of the rows, with values, quantities, event ids and properties';

-- Properties out of columns, without a JSON object for each row
CREATE FUNCTION customer_data.timeline_columns_trans(internal, timestamptz, text, double precision, VARIADIC "any") RETURNS internal
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_columns_trans';
COMMENT ON FUNCTION customer_data.timeline_columns_trans(internal, timestamptz, text, double precision, VARIADIC "any") IS 'Transition of timeline_columns_agg';
CREATE AGGREGATE customer_data.timeline_columns_agg(at timestamptz, kind text, value double precision, VARIADIC properties "any") (
    SFUNC = customer_data.timeline_columns_trans, STYPE = internal, SSPACE = 1024,
    FINALFUNC = customer_data.timeline_agg_final, COMBINEFUNC = customer_data.timeline_agg_combine,
    SERIALFUNC = customer_data.timeline_agg_serialize, DESERIALFUNC = customer_data.timeline_agg_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.timeline_columns_agg(timestamptz, text, double precision, VARIADIC "any") IS 'The timeline of the rows, with values, and with properties listed as names and columns';

CREATE FUNCTION customer_data.timeline_columns_trans(internal, timestamptz, text, numeric, VARIADIC "any") RETURNS internal
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_columns_trans_numeric';
COMMENT ON FUNCTION customer_data.timeline_columns_trans(internal, timestamptz, text, numeric, VARIADIC "any") IS 'Transition of timeline_columns_agg';
CREATE AGGREGATE customer_data.timeline_columns_agg(at timestamptz, kind text, value numeric, VARIADIC properties "any") (
    SFUNC = customer_data.timeline_columns_trans, STYPE = internal, SSPACE = 1024,
    FINALFUNC = customer_data.timeline_agg_final, COMBINEFUNC = customer_data.timeline_agg_combine,
    SERIALFUNC = customer_data.timeline_agg_serialize, DESERIALFUNC = customer_data.timeline_agg_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.timeline_columns_agg(timestamptz, text, numeric, VARIADIC "any") IS 'The timeline of the rows, with values, and with properties listed as names and columns';

CREATE FUNCTION customer_data.timeline_merge_trans(internal, customer_data.timeline) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_merge_trans';
CREATE FUNCTION customer_data.timeline_merge_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_merge_combine';
CREATE FUNCTION customer_data.timeline_merge_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_merge_serialize';
CREATE FUNCTION customer_data.timeline_merge_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_merge_deserialize';
CREATE FUNCTION customer_data.timeline_merge_final(internal) RETURNS customer_data.timeline
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_merge_final';
COMMENT ON FUNCTION customer_data.timeline_merge_trans(internal, customer_data.timeline) IS 'Transition of timeline_merge_agg';
COMMENT ON FUNCTION customer_data.timeline_merge_combine(internal, internal) IS 'Combines states of timeline_merge_agg';
COMMENT ON FUNCTION customer_data.timeline_merge_serialize(internal) IS 'Serialises a state of timeline_merge_agg';
COMMENT ON FUNCTION customer_data.timeline_merge_deserialize(bytea, internal) IS 'Deserialises a state of timeline_merge_agg';
COMMENT ON FUNCTION customer_data.timeline_merge_final(internal) IS 'Result of timeline_merge_agg';
CREATE AGGREGATE customer_data.timeline_merge_agg(events customer_data.timeline) (
    SFUNC = customer_data.timeline_merge_trans, STYPE = internal, SSPACE = 2048,
    FINALFUNC = customer_data.timeline_merge_final, COMBINEFUNC = customer_data.timeline_merge_combine,
    SERIALFUNC = customer_data.timeline_merge_serialize, DESERIALFUNC = customer_data.timeline_merge_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.timeline_merge_agg(customer_data.timeline) IS 'All timelines joined into one, as by ||';
