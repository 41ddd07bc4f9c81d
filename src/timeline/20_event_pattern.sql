-- event_pattern: which events are meant.

CREATE TYPE customer_data.event_pattern;

CREATE FUNCTION customer_data.event_pattern_in(cstring) RETURNS customer_data.event_pattern
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_pattern_in';
COMMENT ON FUNCTION customer_data.event_pattern_in(cstring) IS 'Input function of event_pattern';
CREATE FUNCTION customer_data.event_pattern_out(customer_data.event_pattern) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_pattern_out';
COMMENT ON FUNCTION customer_data.event_pattern_out(customer_data.event_pattern) IS 'Output function of event_pattern';
CREATE FUNCTION customer_data.event_pattern_recv(internal) RETURNS customer_data.event_pattern
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_pattern_recv';
COMMENT ON FUNCTION customer_data.event_pattern_recv(internal) IS 'Binary input function of event_pattern';
CREATE FUNCTION customer_data.event_pattern_send(customer_data.event_pattern) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_pattern_send';
COMMENT ON FUNCTION customer_data.event_pattern_send(customer_data.event_pattern) IS 'Binary output function of event_pattern';

CREATE TYPE customer_data.event_pattern (
    INPUT = customer_data.event_pattern_in,
    OUTPUT = customer_data.event_pattern_out,
    RECEIVE = customer_data.event_pattern_recv,
    SEND = customer_data.event_pattern_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE customer_data.event_pattern IS 'Which events are meant: purchase, view|cart, email.*, purchase[value>=100, channel in (web,app), page~''pricing*'', coupon, !refund_reason]';

CREATE FUNCTION customer_data.event_pattern_eq(customer_data.event_pattern, customer_data.event_pattern) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'cd_timeline_eq';
COMMENT ON FUNCTION customer_data.event_pattern_eq(customer_data.event_pattern, customer_data.event_pattern) IS 'Whether two patterns are written alike';
CREATE FUNCTION customer_data.event_pattern_ne(customer_data.event_pattern, customer_data.event_pattern) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'cd_timeline_ne';
COMMENT ON FUNCTION customer_data.event_pattern_ne(customer_data.event_pattern, customer_data.event_pattern) IS 'Whether two patterns are written differently';
CREATE FUNCTION customer_data.event_pattern_hash(customer_data.event_pattern) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_timeline_hash';
COMMENT ON FUNCTION customer_data.event_pattern_hash(customer_data.event_pattern) IS 'Hash of a pattern';
CREATE OPERATOR customer_data.= (
    LEFTARG = customer_data.event_pattern, RIGHTARG = customer_data.event_pattern,
    FUNCTION = customer_data.event_pattern_eq,
    COMMUTATOR = OPERATOR(customer_data.=), NEGATOR = OPERATOR(customer_data.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR customer_data.= (customer_data.event_pattern, customer_data.event_pattern) IS 'the same pattern';
CREATE OPERATOR customer_data.<> (
    LEFTARG = customer_data.event_pattern, RIGHTARG = customer_data.event_pattern,
    FUNCTION = customer_data.event_pattern_ne,
    COMMUTATOR = OPERATOR(customer_data.<>), NEGATOR = OPERATOR(customer_data.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR customer_data.<> (customer_data.event_pattern, customer_data.event_pattern) IS 'another pattern';
CREATE OPERATOR CLASS customer_data.event_pattern_ops DEFAULT FOR TYPE customer_data.event_pattern USING hash AS
    OPERATOR 1 customer_data.=,
    FUNCTION 1 customer_data.event_pattern_hash(customer_data.event_pattern);
COMMENT ON OPERATOR CLASS customer_data.event_pattern_ops USING hash IS 'Hashing of patterns';

CREATE FUNCTION customer_data.event_matches(pattern customer_data.event_pattern, kind text,
        value double precision DEFAULT NULL, quantity double precision DEFAULT NULL,
        event_id text DEFAULT NULL, properties jsonb DEFAULT NULL) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_matches';
COMMENT ON FUNCTION customer_data.event_matches(customer_data.event_pattern, text, double precision, double precision, text, jsonb) IS 'Whether one event, given by its parts, is meant by a pattern';
