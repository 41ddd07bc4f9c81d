-- worker: what people look at.

CREATE FUNCTION customer_data.progress_of_all(OUT pid int, OUT database oid, OUT role oid, OUT job_id int, OUT run_id bigint, OUT level int,
                                              OUT phase text, OUT done bigint, OUT total bigint, OUT since timestamptz) RETURNS SETOF record
    LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'cd_progress_of_all';
COMMENT ON FUNCTION customer_data.progress_of_all() IS 'Phases of long work in all sessions of the server; text is hidden from those who may not see the role''s activity';

CREATE FUNCTION customer_data.report_progress(phase text, done bigint, total bigint) RETURNS void
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'cd_report_progress';
COMMENT ON FUNCTION customer_data.report_progress(text, bigint, bigint) IS 'Shows in the view progress how far this session''s work is; total NULL where not known';

CREATE FUNCTION customer_data.report_step(whole text, done bigint, total bigint) RETURNS void
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'cd_report_step';
COMMENT ON FUNCTION customer_data.report_step(text, bigint, bigint) IS 'As report_progress, for a whole whose steps report their own phases below it';

CREATE VIEW customer_data.progress AS
SELECT p.pid, e.name AS job, p.run_id, p.level, p.phase, p.done, p.total,
       round(100.0 * p.done / nullif(p.total, 0), 1) AS percent,
       round((p.done / nullif(extract(epoch FROM clock_timestamp() - p.since), 0))::numeric, 1) AS rate,
       CASE WHEN p.done > 0 AND p.total > 0
            THEN p.since + (clock_timestamp() - p.since) * (p.total::double precision / p.done) END AS estimated_end,
       p.since, p.role::regrole AS role
FROM customer_data.progress_of_all() p
LEFT JOIN customer_data.job_entry e USING (job_id)
WHERE p.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database());
ALTER VIEW customer_data.progress SET (security_invoker = true);
COMMENT ON VIEW customer_data.progress IS 'Long work now going on in this database: phase, done of total, rate per second and estimated end; level 2 is a part of level 1';
COMMENT ON COLUMN customer_data.progress.rate IS 'Units of done per second since the phase began';
GRANT SELECT ON customer_data.progress TO PUBLIC;

CREATE FUNCTION customer_data.worker_slots(OUT pid int, OUT kind text, OUT database oid, OUT role oid, OUT job_id int, OUT run_id bigint,
                                           OUT state text, OUT since timestamptz) RETURNS SETOF record
    LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'cd_worker_slots';
COMMENT ON FUNCTION customer_data.worker_slots() IS 'The launcher, schedulers and job workers of this server';

CREATE VIEW customer_data.worker AS
SELECT w.pid, w.kind, d.datname AS database, e.name AS job, w.run_id, w.state, w.since
FROM customer_data.worker_slots() w
LEFT JOIN pg_catalog.pg_database d ON d.oid = w.database
LEFT JOIN customer_data.job_entry e ON e.job_id = w.job_id AND d.datname = current_database();
ALTER VIEW customer_data.worker SET (security_invoker = true);
COMMENT ON VIEW customer_data.worker IS 'The processes of customer_data in this server and what they do';
GRANT SELECT ON customer_data.worker TO PUBLIC;

CREATE VIEW customer_data.job_run AS
SELECT r.run_id, r.attempt, r.job_name AS job, r.status, r.due_at, r.started_at, r.finished_at,
       coalesce(r.finished_at, clock_timestamp()) - r.started_at AS duration,
       CASE WHEN r.rows_changed >= 0 THEN r.rows_changed END AS rows_changed,
       r.error, r.error_code, r.error_detail, r.error_context, r.cause, r.missed, r.skipped, r.owner, r.pid, r.job_id
FROM customer_data.job_run_entry r;
ALTER VIEW customer_data.job_run SET (security_invoker = true);
COMMENT ON VIEW customer_data.job_run IS 'Each attempt at a run: when, how it ended, rows changed, error';
COMMENT ON COLUMN customer_data.job_run.run_id IS 'The same for all attempts at a run; run_id() tells it to the command';
COMMENT ON COLUMN customer_data.job_run.cause IS 'schedule, queue (on_overlap), retry, or manual (run_job)';
COMMENT ON COLUMN customer_data.job_run.missed IS 'Earlier due moments this run makes up for';
COMMENT ON COLUMN customer_data.job_run.skipped IS 'Due moments that passed while it ran';
GRANT SELECT ON customer_data.job_run TO PUBLIC;

CREATE VIEW customer_data.job AS
SELECT e.name, e.schedule,
       CASE WHEN e.enabled AND isfinite(s.start) THEN s.start END AS next_run,
       last.status AS last_result, last.started_at AS last_started, last.finished_at AS last_finished,
       coalesce(s.failures, 0) AS consecutive_failures,
       CASE WHEN l.pid IS NOT NULL THEN format('runs in process %s', l.pid)
            WHEN s.parked_at IS NOT NULL THEN format('parked: %s; SELECT customer_data.resume(%L) starts it again', s.problem, e.name)
            WHEN NOT e.enabled THEN format('paused; SELECT customer_data.resume(%L) starts it again', e.name)
            WHEN o.oid IS NULL THEN 'its owner no longer exists; alter_job(..., run_as => ...) gives it another'
            WHEN NOT customer_data.workers_preloaded() THEN
                'nothing starts it: add shared_preload_libraries = ''customer_data'' to postgresql.conf and restart, or CALL customer_data.run_due_jobs()'
            WHEN NOT current_setting('customer_data.workers')::boolean THEN 'customer_data.workers is off'
            WHEN pg_is_in_recovery() THEN 'this server is a standby: jobs run on the primary'
            WHEN NOT o.rolcanlogin AND current_setting('server_version_num')::int < 170000 THEN format('its owner %s may not log in', e.owner)
            WHEN s.start <= clock_timestamp() - interval '1 second' THEN
                format('due since %s: waits for a free worker (customer_data.max_workers is %s)',
                       to_char(s.start, 'HH24:MI:SS'), current_setting('customer_data.max_workers'))
            WHEN s.retry_at IS NOT NULL THEN format('attempt %s failed: %s; tried again at %s',
                                                    s.retry_attempt, last.error, to_char(s.retry_at, 'HH24:MI:SS'))
            WHEN s.next_run = 'infinity' THEN 'waits for the next start of the server'
            ELSE format('waits for %s', to_char(s.start AT TIME ZONE e.time_zone, 'YYYY-MM-DD HH24:MI:SS'))
       END AS why_not_running,
       e.command, e.owner, e.time_zone, e.enabled, s.parked_at IS NOT NULL AS parked,
       e.timeout, e.max_retries, e.backoff, e.on_overlap, e.catch_up, e.notify, e.start_at,
       e.exactly_once, e.job_id
FROM customer_data.job_entry e
LEFT JOIN customer_data.job_state s USING (job_id)
LEFT JOIN pg_catalog.pg_roles o ON o.oid = e.owner
LEFT JOIN customer_data.job_lock_holders() l ON l.job_id = e.job_id
LEFT JOIN LATERAL (SELECT r.status, r.started_at, r.finished_at, r.error
                   FROM customer_data.job_run_entry r WHERE r.job_id = e.job_id
                   ORDER BY r.run_id DESC, r.attempt DESC LIMIT 1) last ON true;
ALTER VIEW customer_data.job SET (security_invoker = true);
COMMENT ON VIEW customer_data.job IS 'The jobs of the roles one may become: when each runs next, how it fared, why it is not running';
COMMENT ON COLUMN customer_data.job.why_not_running IS 'In a sentence, why it does not run at this moment, or where it does';
COMMENT ON COLUMN customer_data.job.exactly_once IS 'Whether the command is one transaction, which commits together with the record of its success';
GRANT SELECT ON customer_data.job TO PUBLIC;
