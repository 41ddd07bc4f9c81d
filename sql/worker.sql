SET client_min_messages = warning; DROP SCHEMA IF EXISTS customer_data CASCADE; CREATE EXTENSION customer_data; RESET client_min_messages; SET search_path = customer_data, public;
SET TimeZone = 'UTC';
SET client_min_messages = warning;

-- Schedules: intervals, cron fields, names
SELECT next_runs('90 seconds', 3, '2026-01-01');
SELECT next_runs('1 month', 4, '2026-01-31');
SELECT next_runs('*/20 8-9 * * mon-fri', 4, '2026-01-02 09:30');
SELECT next_runs('0 0 L feb,apr *', 3, '2026-01-01');
SELECT next_runs('0 12 * * friL', 3, '2026-01-01');
SELECT next_runs('15 10 29 2 *', 2, '2026-01-01');
SELECT next_runs('0 0 13 * 5', 3, '2026-02-06');          -- the 13th or a Friday
SELECT next_runs('@quarterly', 2, '2026-01-01');
SELECT count(*) FROM next_runs('@reboot');

-- The hour that New York skips runs once, the one it doubles runs once
SET TimeZone = 'America/New_York';
SELECT next_runs('30 2 * * *', 3, '2026-03-07 12:00');
SELECT next_runs('*/15 2 * * *', 2, '2026-03-08 01:00');
SELECT next_runs('30 1 * * *', 2, '2026-10-31 12:00');
-- every hour means every hour that passes
SELECT next_runs('30 * * * *', 3, '2026-11-01 00:45');
SELECT next_runs('0 * * * *', 2, '2026-03-08 00:30');
-- an interval of a day keeps to the clock, one of 24 hours does not
SELECT next_runs('1 day', 2, '2026-03-07 02:30');
SELECT next_runs('24 hours', 2, '2026-03-07 02:30');
SET TimeZone = 'UTC';

-- What is wrong with a schedule, and where
SELECT next_runs('0 25 * * *');
SELECT next_runs('0 0 * foo *');
SELECT next_runs('0 0 * *');
SELECT next_runs('*/0 * * * *');
SELECT next_runs('30-10 * * * *');
SELECT next_runs('0 0 30 2 *');
SELECT next_runs('@fortnightly');
SELECT next_runs('half a second');
SELECT next_runs('500 milliseconds');
SELECT next_runs('@daily', time_zone => 'Mars/Olympus');

-- A job is defined, listed, altered, run and removed
CREATE TABLE public.worker_log (run bigint, note text);
SELECT schedule('write', '@yearly', $$INSERT INTO public.worker_log VALUES (customer_data.run_id(), 'once')$$, time_zone => 'Asia/Taipei', timeout => '1 minute');
SELECT name, schedule, time_zone, owner = current_user::regrole AS mine, enabled, timeout, max_retries, backoff, on_overlap, last_result, consecutive_failures, exactly_once FROM job;
SELECT * FROM run_job('write', in_worker => false);
SELECT run, note FROM public.worker_log;
SELECT job, run_id, attempt, status, rows_changed, cause, finished_at >= started_at AS ended FROM job_run;
SELECT alter_job('write', schedule => '0 3 1 1 *', max_retries => 1, unset => '{timeout}');
SELECT schedule, timeout, max_retries, last_result FROM job;

-- The same name again defines it anew; its number and history stay
SELECT schedule('write', '@monthly', 'SELECT 1');
SELECT name, schedule, command, last_result FROM job;

-- A failing job is tried again under its run's number, then parked, then resumed
SELECT schedule('fails', '@yearly', $$INSERT INTO public.worker_log VALUES (customer_data.run_id(), 'never'); SELECT 1 / 0$$, max_retries => 1);
SET client_min_messages = error;
SELECT * FROM run_job('fails', in_worker => false);
SELECT consecutive_failures, parked FROM job WHERE name = 'fails';
SELECT * FROM run_job('fails', in_worker => false);
SET client_min_messages = warning;
SELECT consecutive_failures, parked, next_run, why_not_running FROM job WHERE name = 'fails';
SELECT run_id, attempt, status, error, error_code, cause FROM job_run WHERE job = 'fails' ORDER BY attempt;
SELECT count(*) FROM public.worker_log WHERE note = 'never';
SELECT alter_job('fails', command => 'SELECT customer_data.run_id()');
BEGIN;
SELECT resume('fails');
SELECT * FROM run_job('fails', in_worker => false);
COMMIT;
SELECT consecutive_failures, parked, last_result FROM job WHERE name = 'fails';

-- What is one transaction commits together with its success
SELECT c, command_is_transaction(c) FROM (VALUES ('SELECT 1'), ('SELECT 1; SELECT 2'), ('CALL refresh_all()'), ('VACUUM'), ('CREATE INDEX CONCURRENTLY i ON t (a)')) v(c);

-- Bad definitions are refused at once
SELECT schedule('x', '61 * * * *', 'SELECT 1');
SELECT schedule('x', '@daily', 'SELEC 1');
SELECT schedule('x', '@daily', 'BEGIN; SELECT 1; COMMIT');
SELECT schedule('x', '@daily', '');
SELECT schedule('x', '@daily', 'SELECT 1', on_overlap => 'pile up');
SELECT schedule('x', '@daily', 'SELECT 1', timeout => '-1 s');
SELECT schedule('x', '@daily', 'SELECT 1', max_retries => -1);
SELECT schedule('x', '@daily', 'SELECT 1', time_zone => 'Mars/Olympus');
SELECT schedule('x', '1 hour', 'SELECT 1', start_at => 'infinity');
SELECT next_runs('1 month', 3, '-infinity');
SELECT pause('writ');

-- Nobody sees or touches another role's jobs, and nobody runs as another
CREATE ROLE regress_worker_a LOGIN;
CREATE ROLE regress_worker_b LOGIN;
SET ROLE regress_worker_a;
SELECT schedule('of a', '@yearly', 'SELECT current_user');
SELECT * FROM run_job('of a', in_worker => false);
SET ROLE regress_worker_b;
SELECT name FROM job;
SELECT job FROM job_run;
SELECT pause('of a');
SELECT unschedule('of a');
SELECT run_job('of a', in_worker => false);
SELECT schedule('mine', '@yearly', 'SELECT 1', run_as => 'regress_worker_a');
INSERT INTO job_entry (name, schedule, time_zone, command, owner) VALUES ('x', '@yearly', 'UTC', 'SELECT 1', 'regress_worker_a');
\set SHOW_CONTEXT never
SELECT schedule_for('regress_worker_a', 'x', '@yearly', 'SELECT 1', NULL, NULL, 5, '10 s', 'skip', NULL, true, NULL, true, NULL);
SELECT run_failed(1, 1, 1, now(), 'x');
\set SHOW_CONTEXT errors
BEGIN; LOCK TABLE job_entry IN ROW EXCLUSIVE MODE; ROLLBACK;
-- one role may have a job of another's name
SELECT schedule('of a', '@yearly', 'SELECT 1') > 0;
RESET ROLE;
-- a member may
GRANT regress_worker_a TO regress_worker_b;
SET ROLE regress_worker_b;
SELECT owner, name FROM job ORDER BY owner::text;
SELECT pause('of a') > 0;                                  -- one's own comes first
SELECT unschedule('of a') > 0;
SELECT pause('of a') > 0;
SELECT owner, enabled, why_not_running FROM job;
SELECT schedule('as a', '@yearly', 'SELECT 1', run_as => 'regress_worker_a') > 0;
RESET ROLE;
-- two of a name, neither one's own
SET ROLE regress_worker_a;
SELECT schedule('twice', '@yearly', 'SELECT 1') > 0;
SET ROLE regress_worker_b;
SELECT schedule('twice', '@yearly', 'SELECT 1') > 0;
RESET ROLE;
SELECT pause('twice');
-- a command run for somebody else has that role's rights only
SELECT schedule('reads', '@yearly', 'SELECT count(*) FROM public.worker_log', run_as => 'regress_worker_a') > 0;
SET client_min_messages = error;
SELECT status, error FROM run_job('reads', in_worker => false);
SET client_min_messages = warning;

-- A procedure that refreshes in steps; what is not built is left out
SELECT schedule_refresh('5 minutes') > 0;
SELECT command, max_retries FROM job WHERE name = 'refresh';
SELECT pause('refresh') > 0;

-- Progress is seen where the library is preloaded and harmless where it is not
SELECT report_progress('counting', 1, 10);
SELECT report_progress('counting', -1, 10);

-- By hand, from pg_cron or a timer: what is due, and no more
BEGIN;
UPDATE job_state SET next_run = now() - interval '1 day' WHERE job_id = (SELECT job_id FROM job WHERE name = 'write');
SELECT alter_job('write', command => $$INSERT INTO public.worker_log VALUES (customer_data.run_id(), 'due')$$) > 0;
DELETE FROM job_run_entry;
CALL run_due_jobs();
CALL run_due_jobs();
SELECT job, status, rows_changed, cause FROM job_run;
SELECT next_run > now() AS later FROM job WHERE name = 'write';
COMMIT;
SELECT unschedule(name) IS NOT NULL AS gone FROM job WHERE owner = current_user::regrole;
SELECT count(*) FROM public.worker_log;

DELETE FROM job_entry;
DELETE FROM job_run_entry;
DROP TABLE public.worker_log;
DROP ROLE regress_worker_a, regress_worker_b;
