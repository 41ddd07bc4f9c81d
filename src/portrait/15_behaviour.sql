-- portrait: what a timeline says about habits.

CREATE FUNCTION customer_data.decayed_sum(events customer_data.timeline, pattern customer_data.event_pattern,
        half_life interval, of text DEFAULT NULL) RETURNS double precision
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_decayed_sum';
COMMENT ON FUNCTION customer_data.decayed_sum(customer_data.timeline, customer_data.event_pattern, interval, text) IS 'Sum over the matching events of 1, or of a number of theirs, halved for each half-life between the event and as_of()';

CREATE FUNCTION customer_data.affinity(events customer_data.timeline, pattern customer_data.event_pattern, property text,
        half_life interval DEFAULT NULL, prior double precision DEFAULT 3, top integer DEFAULT 10) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_affinity';
COMMENT ON FUNCTION customer_data.affinity(customer_data.timeline, customer_data.event_pattern, text, interval, double precision, integer) IS 'The share of each value of a property among the matching events, recent ones weighing more if there is a half-life, shrunk as if prior events had other values';

CREATE FUNCTION customer_data.favourite(events customer_data.timeline, pattern customer_data.event_pattern, property text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_favourite';
COMMENT ON FUNCTION customer_data.favourite(customer_data.timeline, customer_data.event_pattern, text) IS 'The most frequent value of a property among the matching events; of equals the one met last';

CREATE FUNCTION customer_data.favourite_hour(events customer_data.timeline, pattern customer_data.event_pattern DEFAULT '*') RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_favourite_hour';
COMMENT ON FUNCTION customer_data.favourite_hour(customer_data.timeline, customer_data.event_pattern) IS 'The hour of the day (0 to 23, session time zone) in which most of the matching events fall; of equals the earliest';

CREATE FUNCTION customer_data.value_counts(events customer_data.timeline, pattern customer_data.event_pattern, property text,
        half_life interval DEFAULT NULL) RETURNS customer_data.tagset
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_value_counts';
COMMENT ON FUNCTION customer_data.value_counts(customer_data.timeline, customer_data.event_pattern, text, interval) IS 'How often each value of a property was met among the matching events, less for those longer before the last one if there is a half-life; what a tag with a weighing is made of';
