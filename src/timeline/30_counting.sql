-- Counting events: over everything, over a sliding window that ends at as_of(),
-- and between two moments.  NULL in, NULL out.

CREATE FUNCTION customer_data.plus_span(moment timestamptz, span interval) RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_plus_span_sql';
COMMENT ON FUNCTION customer_data.plus_span(timestamptz, interval) IS 'moment + span, at once where the clock of the session never changes; the planner puts it where a moment of a window is such a sum';
CREATE FUNCTION customer_data.between_support(internal) RETURNS internal
    LANGUAGE c STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_between_support';
COMMENT ON FUNCTION customer_data.between_support(internal) IS 'Planner support of the functions with since and until';

CREATE FUNCTION customer_data.event_count(events customer_data.timeline, pattern customer_data.event_pattern) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_count_all';
COMMENT ON FUNCTION customer_data.event_count(customer_data.timeline, customer_data.event_pattern) IS 'How many events match';
CREATE FUNCTION customer_data.event_count(events customer_data.timeline, pattern customer_data.event_pattern, last interval) RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_count_last';
COMMENT ON FUNCTION customer_data.event_count(customer_data.timeline, customer_data.event_pattern, interval) IS 'How many events match, of the last interval before as_of()';
CREATE FUNCTION customer_data.event_count(events customer_data.timeline, pattern customer_data.event_pattern, since timestamptz, until timestamptz DEFAULT 'infinity') RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_event_count_between';
COMMENT ON FUNCTION customer_data.event_count(customer_data.timeline, customer_data.event_pattern, timestamptz, timestamptz) IS 'How many events match, with since <= at < until';

CREATE FUNCTION customer_data.happened(events customer_data.timeline, pattern customer_data.event_pattern) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_happened_all';
COMMENT ON FUNCTION customer_data.happened(customer_data.timeline, customer_data.event_pattern) IS 'Whether any event matches';
CREATE FUNCTION customer_data.happened(events customer_data.timeline, pattern customer_data.event_pattern, last interval) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_happened_last';
COMMENT ON FUNCTION customer_data.happened(customer_data.timeline, customer_data.event_pattern, interval) IS 'Whether any event matches, of the last interval before as_of()';
CREATE FUNCTION customer_data.happened(events customer_data.timeline, pattern customer_data.event_pattern, since timestamptz, until timestamptz DEFAULT 'infinity') RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_happened_between';
COMMENT ON FUNCTION customer_data.happened(customer_data.timeline, customer_data.event_pattern, timestamptz, timestamptz) IS 'Whether any event matches, with since <= at < until';

CREATE FUNCTION customer_data.event_first(events customer_data.timeline, pattern customer_data.event_pattern) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_first_all';
COMMENT ON FUNCTION customer_data.event_first(customer_data.timeline, customer_data.event_pattern) IS 'The moment of the first event that matches';
CREATE FUNCTION customer_data.event_first(events customer_data.timeline, pattern customer_data.event_pattern, last interval) RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_first_last';
COMMENT ON FUNCTION customer_data.event_first(customer_data.timeline, customer_data.event_pattern, interval) IS 'The moment of the first event that matches, of the last interval before as_of()';
CREATE FUNCTION customer_data.event_first(events customer_data.timeline, pattern customer_data.event_pattern, since timestamptz, until timestamptz DEFAULT 'infinity') RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_event_first_between';
COMMENT ON FUNCTION customer_data.event_first(customer_data.timeline, customer_data.event_pattern, timestamptz, timestamptz) IS 'The moment of the first event that matches, with since <= at < until';

CREATE FUNCTION customer_data.event_last(events customer_data.timeline, pattern customer_data.event_pattern) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_last_all';
COMMENT ON FUNCTION customer_data.event_last(customer_data.timeline, customer_data.event_pattern) IS 'The moment of the last event that matches';
CREATE FUNCTION customer_data.event_last(events customer_data.timeline, pattern customer_data.event_pattern, last interval) RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_last_last';
COMMENT ON FUNCTION customer_data.event_last(customer_data.timeline, customer_data.event_pattern, interval) IS 'The moment of the last event that matches, of the last interval before as_of()';
CREATE FUNCTION customer_data.event_last(events customer_data.timeline, pattern customer_data.event_pattern, since timestamptz, until timestamptz DEFAULT 'infinity') RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_event_last_between';
COMMENT ON FUNCTION customer_data.event_last(customer_data.timeline, customer_data.event_pattern, timestamptz, timestamptz) IS 'The moment of the last event that matches, with since <= at < until';

CREATE FUNCTION customer_data.event_days(events customer_data.timeline, pattern customer_data.event_pattern) RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_days_all';
COMMENT ON FUNCTION customer_data.event_days(customer_data.timeline, customer_data.event_pattern) IS 'On how many calendar days of the sessions time zone events match';
CREATE FUNCTION customer_data.event_days(events customer_data.timeline, pattern customer_data.event_pattern, last interval) RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_days_last';
COMMENT ON FUNCTION customer_data.event_days(customer_data.timeline, customer_data.event_pattern, interval) IS 'On how many calendar days of the sessions time zone events match, of the last interval before as_of()';
CREATE FUNCTION customer_data.event_days(events customer_data.timeline, pattern customer_data.event_pattern, since timestamptz, until timestamptz DEFAULT 'infinity') RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_event_days_between';
COMMENT ON FUNCTION customer_data.event_days(customer_data.timeline, customer_data.event_pattern, timestamptz, timestamptz) IS 'On how many calendar days of the sessions time zone events match, with since <= at < until';

CREATE FUNCTION customer_data.event_sum(events customer_data.timeline, pattern customer_data.event_pattern, of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_sum_all';
COMMENT ON FUNCTION customer_data.event_sum(customer_data.timeline, customer_data.event_pattern, text) IS 'Sum of a number (value, quantity or a property) of the events that match, 0 when there is none';
CREATE FUNCTION customer_data.event_sum(events customer_data.timeline, pattern customer_data.event_pattern, last interval, of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_sum_last';
COMMENT ON FUNCTION customer_data.event_sum(customer_data.timeline, customer_data.event_pattern, interval, text) IS 'Sum of a number (value, quantity or a property) of the events that match, 0 when there is none, of the last interval before as_of()';
CREATE FUNCTION customer_data.event_sum(events customer_data.timeline, pattern customer_data.event_pattern, since timestamptz, until timestamptz DEFAULT 'infinity', of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_event_sum_between';
COMMENT ON FUNCTION customer_data.event_sum(customer_data.timeline, customer_data.event_pattern, timestamptz, timestamptz, text) IS 'Sum of a number (value, quantity or a property) of the events that match, 0 when there is none, with since <= at < until';

CREATE FUNCTION customer_data.event_avg(events customer_data.timeline, pattern customer_data.event_pattern, of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_avg_all';
COMMENT ON FUNCTION customer_data.event_avg(customer_data.timeline, customer_data.event_pattern, text) IS 'Average of a number (value, quantity or a property) of the events that match';
CREATE FUNCTION customer_data.event_avg(events customer_data.timeline, pattern customer_data.event_pattern, last interval, of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_avg_last';
COMMENT ON FUNCTION customer_data.event_avg(customer_data.timeline, customer_data.event_pattern, interval, text) IS 'Average of a number (value, quantity or a property) of the events that match, of the last interval before as_of()';
CREATE FUNCTION customer_data.event_avg(events customer_data.timeline, pattern customer_data.event_pattern, since timestamptz, until timestamptz DEFAULT 'infinity', of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_event_avg_between';
COMMENT ON FUNCTION customer_data.event_avg(customer_data.timeline, customer_data.event_pattern, timestamptz, timestamptz, text) IS 'Average of a number (value, quantity or a property) of the events that match, with since <= at < until';

CREATE FUNCTION customer_data.event_min(events customer_data.timeline, pattern customer_data.event_pattern, of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_min_all';
COMMENT ON FUNCTION customer_data.event_min(customer_data.timeline, customer_data.event_pattern, text) IS 'Least number (value, quantity or a property) of the events that match';
CREATE FUNCTION customer_data.event_min(events customer_data.timeline, pattern customer_data.event_pattern, last interval, of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_min_last';
COMMENT ON FUNCTION customer_data.event_min(customer_data.timeline, customer_data.event_pattern, interval, text) IS 'Least number (value, quantity or a property) of the events that match, of the last interval before as_of()';
CREATE FUNCTION customer_data.event_min(events customer_data.timeline, pattern customer_data.event_pattern, since timestamptz, until timestamptz DEFAULT 'infinity', of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_event_min_between';
COMMENT ON FUNCTION customer_data.event_min(customer_data.timeline, customer_data.event_pattern, timestamptz, timestamptz, text) IS 'Least number (value, quantity or a property) of the events that match, with since <= at < until';

CREATE FUNCTION customer_data.event_max(events customer_data.timeline, pattern customer_data.event_pattern, of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_max_all';
COMMENT ON FUNCTION customer_data.event_max(customer_data.timeline, customer_data.event_pattern, text) IS 'Greatest number (value, quantity or a property) of the events that match';
CREATE FUNCTION customer_data.event_max(events customer_data.timeline, pattern customer_data.event_pattern, last interval, of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_max_last';
COMMENT ON FUNCTION customer_data.event_max(customer_data.timeline, customer_data.event_pattern, interval, text) IS 'Greatest number (value, quantity or a property) of the events that match, of the last interval before as_of()';
CREATE FUNCTION customer_data.event_max(events customer_data.timeline, pattern customer_data.event_pattern, since timestamptz, until timestamptz DEFAULT 'infinity', of text DEFAULT 'value') RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_event_max_between';
COMMENT ON FUNCTION customer_data.event_max(customer_data.timeline, customer_data.event_pattern, timestamptz, timestamptz, text) IS 'Greatest number (value, quantity or a property) of the events that match, with since <= at < until';

CREATE FUNCTION customer_data.event_distinct(events customer_data.timeline, pattern customer_data.event_pattern, property text) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_distinct_all';
COMMENT ON FUNCTION customer_data.event_distinct(customer_data.timeline, customer_data.event_pattern, text) IS 'How many different values a property has in the events that match';
CREATE FUNCTION customer_data.event_distinct(events customer_data.timeline, pattern customer_data.event_pattern, property text, last interval) RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_distinct_last';
COMMENT ON FUNCTION customer_data.event_distinct(customer_data.timeline, customer_data.event_pattern, text, interval) IS 'How many different values a property has in the events that match, of the last interval before as_of()';
CREATE FUNCTION customer_data.event_distinct(events customer_data.timeline, pattern customer_data.event_pattern, property text, since timestamptz, until timestamptz DEFAULT 'infinity') RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SUPPORT customer_data.between_support AS 'MODULE_PATHNAME', 'cd_event_distinct_between';
COMMENT ON FUNCTION customer_data.event_distinct(customer_data.timeline, customer_data.event_pattern, text, timestamptz, timestamptz) IS 'How many different values a property has in the events that match, with since <= at < until';

CREATE FUNCTION customer_data.unanswered(events customer_data.timeline, asked customer_data.event_pattern, answered customer_data.event_pattern,
        same text DEFAULT NULL, after interval DEFAULT NULL, last interval DEFAULT NULL) RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_unanswered_sql';
COMMENT ON FUNCTION customer_data.unanswered(customer_data.timeline, customer_data.event_pattern, customer_data.event_pattern, text, interval, interval) IS 'Whether an event asked, of the last interval and at least after old, was not followed by one answered with the same property';

-- Until when answers hold: what refreshes use, and tests and the curious can see.

CREATE FUNCTION customer_data.validity_reset() RETURNS void
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'cd_validity_reset_sql';
COMMENT ON FUNCTION customer_data.validity_reset() IS 'Forgets what validity() has collected';
CREATE FUNCTION customer_data.validity() RETURNS timestamptz
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'cd_validity_sql';
COMMENT ON FUNCTION customer_data.validity() IS 'The first moment at which an answer given since validity_reset() can change if nothing new arrives; infinity for never';

-- Comparisons whose validity is that of the comparison.

CREATE FUNCTION customer_data.event_count_at_least(events customer_data.timeline, pattern customer_data.event_pattern, at_least double precision, last interval DEFAULT NULL) RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_count_at_least';
COMMENT ON FUNCTION customer_data.event_count_at_least(customer_data.timeline, customer_data.event_pattern, double precision, interval) IS 'event_count(...) >= at_least, valid until this turns rather than until the count changes';
CREATE FUNCTION customer_data.event_sum_at_least(events customer_data.timeline, pattern customer_data.event_pattern, at_least double precision, last interval DEFAULT NULL, of text DEFAULT 'value') RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_event_sum_at_least';
COMMENT ON FUNCTION customer_data.event_sum_at_least(customer_data.timeline, customer_data.event_pattern, double precision, interval, text) IS 'event_sum(...) >= at_least, valid until this turns rather than until the sum changes';
