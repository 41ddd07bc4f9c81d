-- Behaviour: funnels, sequences, sessions, paths, retention; on timelines, and
-- as aggregates over the rows of any table.

CREATE FUNCTION customer_data.window_funnel(events customer_data.timeline, steps customer_data.event_pattern[], within interval, mode text DEFAULT '') RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_window_funnel';
COMMENT ON FUNCTION customer_data.window_funnel(customer_data.timeline, customer_data.event_pattern[], interval, text) IS 'The highest step reached within a time of the first one; modes strict_order, strict_deduplication, strict_increase, strict_once';

CREATE FUNCTION customer_data.funnel_times(events customer_data.timeline, steps customer_data.event_pattern[], within interval, mode text DEFAULT '') RETURNS timestamptz[]
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_funnel_times';
COMMENT ON FUNCTION customer_data.funnel_times(customer_data.timeline, customer_data.event_pattern[], interval, text) IS 'When each step was reached by the first chain that came furthest';

CREATE FUNCTION customer_data.sequence_match(events customer_data.timeline, sequence text, conditions customer_data.event_pattern[]) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sequence_match';
COMMENT ON FUNCTION customer_data.sequence_match(customer_data.timeline, text, customer_data.event_pattern[]) IS 'Whether events follow each other as in (?1).*(?2) or (?1)(?t<=3600)(?2)';

CREATE FUNCTION customer_data.sequence_count(events customer_data.timeline, sequence text, conditions customer_data.event_pattern[]) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sequence_count';
COMMENT ON FUNCTION customer_data.sequence_count(customer_data.timeline, text, customer_data.event_pattern[]) IS 'How often, without overlap, events follow each other as in a sequence';

CREATE FUNCTION customer_data.sessions(events customer_data.timeline, gap interval DEFAULT '30 minutes',
        OUT session integer, OUT started_at timestamptz, OUT ended_at timestamptz,
        OUT event_count integer, OUT first_kind text, OUT last_kind text) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'cd_sessions';
COMMENT ON FUNCTION customer_data.sessions(customer_data.timeline, interval) IS 'Sessions: runs of events with no longer gap between them';

CREATE FUNCTION customer_data.next_event(events customer_data.timeline, pattern customer_data.event_pattern, among customer_data.event_pattern DEFAULT '*',
        OUT at timestamptz, OUT kind text, OUT next_at timestamptz, OUT next_kind text) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'cd_next_event';
COMMENT ON FUNCTION customer_data.next_event(customer_data.timeline, customer_data.event_pattern, customer_data.event_pattern) IS 'For each event that matches, the next one among others';

CREATE FUNCTION customer_data.previous_event(events customer_data.timeline, pattern customer_data.event_pattern, among customer_data.event_pattern DEFAULT '*',
        OUT at timestamptz, OUT kind text, OUT previous_at timestamptz, OUT previous_kind text) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'cd_previous_event';
COMMENT ON FUNCTION customer_data.previous_event(customer_data.timeline, customer_data.event_pattern, customer_data.event_pattern) IS 'For each event that matches, the one before it among others';

CREATE FUNCTION customer_data.event_paths(events customer_data.timeline, pattern customer_data.event_pattern,
        steps integer DEFAULT 5, gap interval DEFAULT '30 minutes', backward boolean DEFAULT false,
        OUT at timestamptz, OUT path text[]) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'cd_event_paths';
COMMENT ON FUNCTION customer_data.event_paths(customer_data.timeline, customer_data.event_pattern, integer, interval, boolean) IS 'From each event that matches, the kinds that follow (or precede) it in its session, repeats taken as one';

CREATE FUNCTION customer_data.retention(events customer_data.timeline, conditions customer_data.event_pattern[]) RETURNS boolean[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_retention';
COMMENT ON FUNCTION customer_data.retention(customer_data.timeline, customer_data.event_pattern[]) IS 'Whether the first condition was ever met, and for each other one whether both were';

-- Aggregates over rows

CREATE FUNCTION customer_data.window_funnel_trans(internal, interval, text, timestamptz, VARIADIC boolean[]) RETURNS internal
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_window_funnel_trans';
COMMENT ON FUNCTION customer_data.window_funnel_trans(internal, interval, text, timestamptz, boolean[]) IS 'Transition of window_funnel_agg';
CREATE FUNCTION customer_data.window_funnel_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_window_funnel_combine';
COMMENT ON FUNCTION customer_data.window_funnel_combine(internal, internal) IS 'Combines states of window_funnel_agg';
CREATE FUNCTION customer_data.window_funnel_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_window_funnel_serialize';
COMMENT ON FUNCTION customer_data.window_funnel_serialize(internal) IS 'Serialises a state of window_funnel_agg';
CREATE FUNCTION customer_data.window_funnel_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_window_funnel_deserialize';
COMMENT ON FUNCTION customer_data.window_funnel_deserialize(bytea, internal) IS 'Deserialises a state of window_funnel_agg';
CREATE FUNCTION customer_data.window_funnel_final(internal) RETURNS integer
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_window_funnel_final';
COMMENT ON FUNCTION customer_data.window_funnel_final(internal) IS 'Result of window_funnel_agg';
CREATE AGGREGATE customer_data.window_funnel_agg(within interval, mode text, at timestamptz, VARIADIC steps boolean[]) (
    SFUNC = customer_data.window_funnel_trans, STYPE = internal, SSPACE = 512,
    FINALFUNC = customer_data.window_funnel_final, COMBINEFUNC = customer_data.window_funnel_combine,
    SERIALFUNC = customer_data.window_funnel_serialize, DESERIALFUNC = customer_data.window_funnel_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.window_funnel_agg(interval, text, timestamptz, boolean[]) IS 'The highest step the rows of a group reach, as window_funnel does on a timeline';

CREATE FUNCTION customer_data.funnel_times_final(internal) RETURNS timestamptz[]
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_funnel_times_final';
COMMENT ON FUNCTION customer_data.funnel_times_final(internal) IS 'Result of funnel_times_agg';
CREATE AGGREGATE customer_data.funnel_times_agg(within interval, mode text, at timestamptz, VARIADIC steps boolean[]) (
    SFUNC = customer_data.window_funnel_trans, STYPE = internal, SSPACE = 512,
    FINALFUNC = customer_data.funnel_times_final, COMBINEFUNC = customer_data.window_funnel_combine,
    SERIALFUNC = customer_data.window_funnel_serialize, DESERIALFUNC = customer_data.window_funnel_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.funnel_times_agg(interval, text, timestamptz, boolean[]) IS 'When the rows of a group reached each step, as funnel_times does on a timeline';

CREATE FUNCTION customer_data.sequence_trans(internal, text, timestamptz, VARIADIC boolean[]) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sequence_trans';
COMMENT ON FUNCTION customer_data.sequence_trans(internal, text, timestamptz, boolean[]) IS 'Transition of sequence_match_agg and sequence_count_agg';
CREATE FUNCTION customer_data.sequence_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sequence_combine';
COMMENT ON FUNCTION customer_data.sequence_combine(internal, internal) IS 'Combines states of sequence_match_agg and sequence_count_agg';
CREATE FUNCTION customer_data.sequence_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sequence_serialize';
COMMENT ON FUNCTION customer_data.sequence_serialize(internal) IS 'State of sequence_match_agg and sequence_count_agg as bytes';
CREATE FUNCTION customer_data.sequence_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sequence_deserialize';
COMMENT ON FUNCTION customer_data.sequence_deserialize(bytea, internal) IS 'Reads a state of sequence_match_agg and sequence_count_agg';
CREATE FUNCTION customer_data.sequence_match_final(internal) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sequence_match_final';
COMMENT ON FUNCTION customer_data.sequence_match_final(internal) IS 'Result of sequence_match_agg';
CREATE FUNCTION customer_data.sequence_count_final(internal) RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sequence_count_final';
COMMENT ON FUNCTION customer_data.sequence_count_final(internal) IS 'Result of sequence_count_agg';
CREATE AGGREGATE customer_data.sequence_match_agg(sequence text, at timestamptz, VARIADIC conditions boolean[]) (
    SFUNC = customer_data.sequence_trans, STYPE = internal, SSPACE = 512,
    FINALFUNC = customer_data.sequence_match_final, COMBINEFUNC = customer_data.sequence_combine,
    SERIALFUNC = customer_data.sequence_serialize, DESERIALFUNC = customer_data.sequence_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.sequence_match_agg(text, timestamptz, boolean[]) IS 'Whether the rows of a group follow each other as in a sequence';
CREATE AGGREGATE customer_data.sequence_count_agg(sequence text, at timestamptz, VARIADIC conditions boolean[]) (
    SFUNC = customer_data.sequence_trans, STYPE = internal, SSPACE = 512,
    FINALFUNC = customer_data.sequence_count_final, COMBINEFUNC = customer_data.sequence_combine,
    SERIALFUNC = customer_data.sequence_serialize, DESERIALFUNC = customer_data.sequence_deserialize,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.sequence_count_agg(text, timestamptz, boolean[]) IS 'How often, without overlap, the rows of a group follow each other as in a sequence';

-- Sessions and neighbours of the rows of any table.
CREATE TYPE customer_data.session AS (session integer, started_at timestamptz, ended_at timestamptz, event_count integer, first_kind text, last_kind text);
COMMENT ON TYPE customer_data.session IS 'A session, as sessions_agg() answers it';
CREATE TYPE customer_data.neighbour AS (at timestamptz, kind text, neighbour_at timestamptz, neighbour_kind text);
COMMENT ON TYPE customer_data.neighbour IS 'An event and the one next to it, as next_event_agg() and previous_event_agg() answer it';
CREATE FUNCTION customer_data.sessions_trans(internal, interval, timestamptz, text) RETURNS internal
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sessions_trans';
COMMENT ON FUNCTION customer_data.sessions_trans(internal, interval, timestamptz, text) IS 'Transition of sessions_agg';
CREATE FUNCTION customer_data.sessions_final(internal) RETURNS customer_data.session[]
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_sessions_final';
COMMENT ON FUNCTION customer_data.sessions_final(internal) IS 'Result of sessions_agg';
CREATE AGGREGATE customer_data.sessions_agg(gap interval, at timestamptz, kind text) (
    SFUNC = customer_data.sessions_trans, STYPE = internal, SSPACE = 1024, FINALFUNC = customer_data.sessions_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.sessions_agg(interval, timestamptz, text) IS 'The sessions of the rows of a group, as sessions() has them of a timeline';
CREATE FUNCTION customer_data.neighbour_trans(internal, customer_data.event_pattern, customer_data.event_pattern, timestamptz, text) RETURNS internal
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_neighbour_trans';
COMMENT ON FUNCTION customer_data.neighbour_trans(internal, customer_data.event_pattern, customer_data.event_pattern, timestamptz, text) IS 'Transition of next_event_agg and previous_event_agg';
CREATE FUNCTION customer_data.next_event_final(internal) RETURNS customer_data.neighbour[]
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_next_event_final';
COMMENT ON FUNCTION customer_data.next_event_final(internal) IS 'Result of next_event_agg';
CREATE FUNCTION customer_data.previous_event_final(internal) RETURNS customer_data.neighbour[]
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_previous_event_final';
COMMENT ON FUNCTION customer_data.previous_event_final(internal) IS 'Result of previous_event_agg';
CREATE AGGREGATE customer_data.next_event_agg(pattern customer_data.event_pattern, among customer_data.event_pattern, at timestamptz, kind text) (
    SFUNC = customer_data.neighbour_trans, STYPE = internal, SSPACE = 1024, FINALFUNC = customer_data.next_event_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.next_event_agg(customer_data.event_pattern, customer_data.event_pattern, timestamptz, text) IS 'For each row of a group that matches, the next one among others, as next_event() has it of a timeline';
CREATE AGGREGATE customer_data.previous_event_agg(pattern customer_data.event_pattern, among customer_data.event_pattern, at timestamptz, kind text) (
    SFUNC = customer_data.neighbour_trans, STYPE = internal, SSPACE = 1024, FINALFUNC = customer_data.previous_event_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.previous_event_agg(customer_data.event_pattern, customer_data.event_pattern, timestamptz, text) IS 'For each row of a group that matches, the one before it among others, as previous_event() has it of a timeline';

CREATE TYPE customer_data.event_path AS (at timestamptz, path text[]);
COMMENT ON TYPE customer_data.event_path IS 'An event and the kinds of a path from it, as event_paths_agg() answers it';
CREATE FUNCTION customer_data.event_paths_trans(internal, customer_data.event_pattern, integer, interval, boolean, timestamptz, text) RETURNS internal
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_paths_trans';
COMMENT ON FUNCTION customer_data.event_paths_trans(internal, customer_data.event_pattern, integer, interval, boolean, timestamptz, text) IS 'Transition of event_paths_agg';
CREATE FUNCTION customer_data.event_paths_final(internal) RETURNS customer_data.event_path[]
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_paths_final';
COMMENT ON FUNCTION customer_data.event_paths_final(internal) IS 'Result of event_paths_agg';
CREATE AGGREGATE customer_data.event_paths_agg(pattern customer_data.event_pattern, steps integer, gap interval, backward boolean, at timestamptz, kind text) (
    SFUNC = customer_data.event_paths_trans, STYPE = internal, SSPACE = 1024, FINALFUNC = customer_data.event_paths_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.event_paths_agg(customer_data.event_pattern, integer, interval, boolean, timestamptz, text) IS 'From each row of a group that matches, the kinds that follow (or precede) it in its session, as event_paths() has them of a timeline';

CREATE FUNCTION customer_data.retention_trans(bigint, VARIADIC boolean[]) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_retention_trans';
COMMENT ON FUNCTION customer_data.retention_trans(bigint, boolean[]) IS 'Transition of retention_agg';
CREATE FUNCTION customer_data.retention_combine(bigint, bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_retention_combine';
COMMENT ON FUNCTION customer_data.retention_combine(bigint, bigint) IS 'Combines states of retention_agg';
CREATE FUNCTION customer_data.retention_final(bigint) RETURNS boolean[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_retention_final';
COMMENT ON FUNCTION customer_data.retention_final(bigint) IS 'Result of retention_agg';
CREATE AGGREGATE customer_data.retention_agg(VARIADIC conditions boolean[]) (
    SFUNC = customer_data.retention_trans, STYPE = bigint,
    FINALFUNC = customer_data.retention_final, COMBINEFUNC = customer_data.retention_combine,
    PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_data.retention_agg(boolean[]) IS 'Whether the first condition was ever met in a group, and for each other one whether both were';
