-- Time-aware functions: each answers as of as_of() and notes until when its
-- answer holds if nothing new arrives.

CREATE FUNCTION customer_data.within_last(at timestamptz, span interval) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_within_last';
COMMENT ON FUNCTION customer_data.within_last(timestamptz, interval) IS 'True if a moment lies in the window that ends now: as_of() - span < at <= as_of()';

CREATE FUNCTION customer_data.older_than(at timestamptz, span interval) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_older_than';
COMMENT ON FUNCTION customer_data.older_than(timestamptz, interval) IS 'True if a moment is at least that long ago: at <= as_of() - span';

CREATE FUNCTION customer_data.is_anniversary(day date, before integer DEFAULT 0, after integer DEFAULT 0) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_is_anniversary';
COMMENT ON FUNCTION customer_data.is_anniversary(date, integer, integer) IS 'True on the day''s anniversaries, from so many days before to so many after; 29 February is kept on the 28th in common years';

CREATE FUNCTION customer_data.compare_with_as_of(at timestamptz, span interval, comparison integer) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_compare_with_as_of';
COMMENT ON FUNCTION customer_data.compare_with_as_of(timestamptz, interval, integer) IS 'What at < as_of() - span and its like become inside conditions: 1 <, 2 <=, 3 =, 4 >=, 5 >';

CREATE FUNCTION customer_data.as_of_day() RETURNS timestamptz
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_as_of_day';
COMMENT ON FUNCTION customer_data.as_of_day() IS 'as_of(), where only its calendar day is used: what as_of()::date becomes inside conditions';

CREATE FUNCTION customer_data.holds_until_support(internal) RETURNS internal
    LANGUAGE c AS 'MODULE_PATHNAME', 'cd_holds_until_support';
COMMENT ON FUNCTION customer_data.holds_until_support(internal) IS 'Lets functions know, before they answer, that it will be asked until when their answers hold';
CREATE FUNCTION customer_data.holds_until(answer boolean) RETURNS timestamptz
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_holds_until' SUPPORT customer_data.holds_until_support;
COMMENT ON FUNCTION customer_data.holds_until(boolean) IS 'The first moment at which the answers since the last call could change if nothing new arrives; infinity if never';

CREATE FUNCTION customer_data.compare_events(events customer_data.timeline, pattern customer_data.event_pattern, last interval,
        of text, comparison integer, number double precision) RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_compare_events';
COMMENT ON FUNCTION customer_data.compare_events(customer_data.timeline, customer_data.event_pattern, interval, text, integer, double precision)
    IS 'What event_count(...) >= 3 and event_sum(...) > 100 in a moving window become inside conditions; of is NULL for a count';
