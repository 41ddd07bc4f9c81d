-- worker: schedule texts and the moments they mean.

CREATE FUNCTION customer_data.next_runs(schedule text, n int DEFAULT 3, since timestamptz DEFAULT now(), time_zone text DEFAULT NULL)
    RETURNS SETOF timestamptz
    LANGUAGE c STABLE ROWS 10 AS 'MODULE_PATHNAME', 'cd_next_runs';
COMMENT ON FUNCTION customer_data.next_runs(text, int, timestamptz, text) IS 'The next n moments of a schedule: five cron fields, an interval or a name such as @daily';

CREATE FUNCTION customer_data.next_run(schedule text, time_zone text, anchor timestamptz, after timestamptz)
    RETURNS timestamptz
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'cd_next_run';
COMMENT ON FUNCTION customer_data.next_run(text, text, timestamptz, timestamptz) IS 'The first moment of a schedule after the given one, infinity if there is none; intervals count from the anchor';

CREATE FUNCTION customer_data.missed_runs(schedule text, time_zone text, anchor timestamptz, due timestamptz, moment timestamptz,
                                          OUT latest timestamptz, OUT missed bigint)
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cd_missed_runs';
COMMENT ON FUNCTION customer_data.missed_runs(text, text, timestamptz, timestamptz, timestamptz) IS 'Of the moments from due to the given one: the latest, and how many they are';

CREATE FUNCTION customer_data.command_is_transaction(command text) RETURNS boolean
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cd_command_is_transaction_sql';
COMMENT ON FUNCTION customer_data.command_is_transaction(text) IS 'Whether a job''s command is one transaction, so that its effect and its success record commit together';

CREATE FUNCTION customer_data.workers_preloaded() RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_workers_preloaded';
COMMENT ON FUNCTION customer_data.workers_preloaded() IS 'Whether the library is in shared_preload_libraries, so that background workers run';

CREATE FUNCTION customer_data.may_commit() RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_may_commit';
COMMENT ON FUNCTION customer_data.may_commit() IS 'Whether the calling procedure may COMMIT where it is called from';

CREATE FUNCTION customer_data.run_id() RETURNS bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'cd_run_id';
COMMENT ON FUNCTION customer_data.run_id() IS 'The run this command is part of, the same at each of its attempts; NULL outside a job';

CREATE FUNCTION customer_data.run_attempt() RETURNS int
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'cd_run_attempt';
COMMENT ON FUNCTION customer_data.run_attempt() IS 'Which attempt at its run this is, from 1; NULL outside a job';
