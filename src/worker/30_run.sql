-- worker: the life of a run.  The functions of this part change the room's
-- tables and so do nothing for anybody but their owner.

CREATE FUNCTION customer_data.job_lock_holders(OUT job_id int, OUT pid int) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 10 SET search_path = customer_data, pg_catalog, pg_temp AS $$
    SELECT l.objid::int, l.pid FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 3 AND l.classid = 1128548930
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
$$;
COMMENT ON FUNCTION customer_data.job_lock_holders() IS 'The processes that run jobs now; job 0 is refresh_all()';

CREATE FUNCTION customer_data.job_lock_holder(job int) RETURNS int
    LANGUAGE sql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
    SELECT h.pid FROM customer_data.job_lock_holders() h WHERE h.job_id = job LIMIT 1
$$;
COMMENT ON FUNCTION customer_data.job_lock_holder(int) IS 'The process that runs a job now, NULL if none does; job 0 is refresh_all()';

CREATE FUNCTION customer_data.rows_changed_here() RETURNS bigint
    LANGUAGE sql VOLATILE SET search_path = customer_data, pg_catalog, pg_temp AS $$
    SELECT coalesce(sum(pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
                        + pg_stat_get_xact_tuples_deleted(c.oid)), 0)::bigint
    FROM pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'm', 'p') AND c.relnamespace <> 'pg_catalog'::regnamespace
      AND c.relnamespace <> 'pg_toast'::regnamespace
      AND c.oid NOT IN ('customer_data.job_run_entry'::regclass, 'customer_data.job_state'::regclass)
$$;
COMMENT ON FUNCTION customer_data.rows_changed_here() IS 'Rows that this process changed in tables since it last reported statistics';

-- What a failed attempt means for its job; answers a sentence for the log.
CREATE FUNCTION customer_data.run_failed(job int, run bigint, tried int, due timestamptz, message text) RETURNS text
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    e customer_data.job_entry;
    s customer_data.job_state;
    again timestamptz;
    verdict text;
BEGIN
    SELECT * INTO e FROM customer_data.job_entry j WHERE j.job_id = job;
    SELECT * INTO s FROM customer_data.job_state t WHERE t.job_id = job FOR UPDATE;
    IF e.job_id IS NULL OR s.job_id IS NULL THEN
        RETURN 'The job is no longer scheduled.';
    END IF;
    s.failures := s.failures + 1;
    IF s.failures > e.max_retries THEN
        s.parked_at := clock_timestamp();
        s.problem := format('%s attempts failed, the last with: %s', s.failures, message);
        verdict := format('It is parked. SELECT customer_data.resume(%L) starts it again.', e.name);
    ELSE
        again := clock_timestamp()
            + least(extract(epoch FROM e.backoff) * 2 ^ least(s.failures - 1, 30),
                    extract(epoch FROM current_setting('customer_data.max_backoff')::interval))
              * (0.75 + 0.5 * random()) * interval '1 second';
        verdict := format('It is tried again at %s.', to_char(again, 'YYYY-MM-DD HH24:MI:SS TZ'));
    END IF;
    UPDATE customer_data.job_state t
    SET failures = s.failures, parked_at = s.parked_at, problem = s.problem, retry_at = again,
        retry_run = run, retry_attempt = tried, retry_due = due
    WHERE t.job_id = job;
    -- at most once a minute, and for the first failure and the parking only
    IF e.notify IS NOT NULL AND (s.failures = 1 OR s.parked_at IS NOT NULL)
        AND (s.notified_at IS NULL OR s.notified_at < clock_timestamp() - interval '1 minute' OR s.parked_at IS NOT NULL) THEN
        PERFORM pg_notify(e.notify, jsonb_build_object('job', left(e.name, 200), 'run_id', run, 'attempt', tried,
                                                       'failures', s.failures, 'parked', s.parked_at IS NOT NULL,
                                                       'error', left(message, 1000))::text);
        UPDATE customer_data.job_state t SET notified_at = clock_timestamp() WHERE t.job_id = job;
    END IF;
    PERFORM customer_data.note_start(again);
    RETURN verdict;
END
$$;
COMMENT ON FUNCTION customer_data.run_failed(int, bigint, int, timestamptz, text) IS 'Counts a failed attempt: a retry later, or the job is parked';

CREATE FUNCTION customer_data.run_end(run bigint, tried int, outcome text, message text, code text, detail text, context text) RETURNS text
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    r customer_data.job_run_entry;
BEGIN
    UPDATE customer_data.job_run_entry a
    SET finished_at = clock_timestamp(), status = outcome, error = message, error_code = code,
        error_detail = detail, error_context = context,
        rows_changed = CASE WHEN outcome = 'succeeded'
                            THEN greatest(customer_data.rows_changed_here() + coalesce(a.rows_changed, 0), 0) END
    WHERE a.run_id = run AND a.attempt = tried AND a.status = 'running'
    RETURNING * INTO r;
    IF NOT FOUND THEN
        IF outcome = 'succeeded' THEN
            RAISE EXCEPTION 'run % was given up as lost meanwhile', run
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      DETAIL = 'What this attempt did is rolled back, because another one is in charge.';
        END IF;
        RETURN 'It had been given up as lost.';
    END IF;
    IF outcome = 'succeeded' THEN
        UPDATE customer_data.job_state s
        SET failures = 0, parked_at = NULL, problem = NULL,
            retry_at = NULL, retry_run = NULL, retry_attempt = NULL, retry_due = NULL
        WHERE s.job_id = r.job_id
          AND (s.failures > 0 OR s.parked_at IS NOT NULL OR s.retry_run IS NOT NULL);
        RETURN NULL;
    END IF;
    RETURN customer_data.run_failed(r.job_id, run, tried, r.due_at, message);
END
$$;
COMMENT ON FUNCTION customer_data.run_end(bigint, int, text, text, text, text, text) IS 'Writes the outcome of an attempt; a success commits with the command''s own effect';

CREATE FUNCTION customer_data.run_lost(job int, run bigint, tried int, message text, OUT job_name text, OUT verdict text)
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    e customer_data.job_entry;
    s customer_data.job_state;
BEGIN
    IF run IS NULL THEN
        -- the worker could not even begin: the attempt is written here
        SELECT * INTO e FROM customer_data.job_entry j WHERE j.job_id = job;
        SELECT * INTO s FROM customer_data.job_state t WHERE t.job_id = job FOR UPDATE;
        IF e.job_id IS NULL OR s.job_id IS NULL THEN
            RETURN;
        END IF;
        run := coalesce(s.retry_run, nextval('customer_data.job_run_id_seq'));
        tried := CASE WHEN s.retry_run IS NULL THEN 1 ELSE s.retry_attempt + 1 END;
        INSERT INTO customer_data.job_run_entry (run_id, attempt, job_id, job_name, owner, cause, due_at, started_at)
        VALUES (run, tried, job, e.name, e.owner, CASE WHEN s.retry_run IS NULL THEN 'schedule' ELSE 'retry' END,
                coalesce(s.retry_due, s.next_run, clock_timestamp()), clock_timestamp());
        BEGIN
            UPDATE customer_data.job_state t
            SET requested_at = NULL,
                next_run = customer_data.next_run(e.schedule, e.time_zone, e.start_at, clock_timestamp())
            WHERE t.job_id = job AND t.next_run <= clock_timestamp();
        EXCEPTION WHEN OTHERS THEN
            verdict := customer_data.park_job(job, SQLERRM);
        END;
    END IF;
    UPDATE customer_data.job_run_entry a
    SET finished_at = clock_timestamp(), status = 'lost', error = message
    WHERE a.run_id = run AND a.attempt = tried AND a.status = 'running';
    IF FOUND THEN
        SELECT a.job_name, customer_data.run_failed(a.job_id, run, tried, a.due_at, message) INTO job_name, verdict
        FROM customer_data.job_run_entry a WHERE a.run_id = run AND a.attempt = tried;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.run_lost(int, bigint, int, text) IS 'Writes the end of an attempt whose process ended before it could';

CREATE FUNCTION customer_data.run_begin(job int, role oid, manual boolean, OUT run_id bigint, OUT attempt int, OUT owner oid,
                                        OUT timeout_ms bigint, OUT name text, OUT command text, OUT time_zone text)
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    e customer_data.job_entry;
    s customer_data.job_state;
    dead record;
    cause text;
    due timestamptz;
    latest timestamptz;
    missed bigint := 0;
BEGIN
    SELECT * INTO e FROM customer_data.job_entry j WHERE j.job_id = job AND j.owner = role;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- we hold the run lock: an attempt that is written as running is dead
    FOR dead IN SELECT a.run_id, a.attempt FROM customer_data.job_run_entry a WHERE a.job_id = job AND a.status = 'running' LOOP
        PERFORM customer_data.run_lost(job, dead.run_id, dead.attempt, 'the process or the server ended during the run');
    END LOOP;
    SELECT * INTO s FROM customer_data.job_state t WHERE t.job_id = job FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM customer_data.set_next_run(job);
        SELECT * INTO s FROM customer_data.job_state t WHERE t.job_id = job FOR UPDATE;
    END IF;
    IF NOT manual AND (NOT e.enabled OR s.start IS NULL OR s.start > moment) THEN
        RETURN;
    END IF;

    -- due moments that have passed become one run, or part of the retry
    IF s.next_run <= moment THEN
        SELECT m.latest, m.missed INTO latest, missed
        FROM customer_data.missed_runs(e.schedule, e.time_zone, e.start_at, s.next_run, moment) m;
    END IF;
    IF s.retry_run IS NOT NULL AND (manual OR s.retry_at <= moment) THEN
        cause := 'retry';
        run_id := s.retry_run;
        attempt := s.retry_attempt + 1;
        due := s.retry_due;
    ELSE
        cause := CASE WHEN manual THEN 'manual' WHEN s.requested_at <= moment THEN 'queue' ELSE 'schedule' END;
        run_id := nextval('customer_data.job_run_id_seq');
        attempt := 1;
        due := CASE cause WHEN 'manual' THEN moment WHEN 'queue' THEN s.requested_at ELSE latest END;
        missed := greatest(missed - CASE cause WHEN 'schedule' THEN 1 ELSE 0 END, 0);
    END IF;
    IF manual THEN
        missed := 0;
    ELSE
        UPDATE customer_data.job_state t
        SET requested_at = NULL, retry_at = NULL,
            next_run = CASE WHEN t.next_run <= moment
                            THEN customer_data.next_run(e.schedule, e.time_zone, e.start_at, moment) ELSE t.next_run END
        WHERE t.job_id = job
        RETURNING t.next_run INTO latest;
        PERFORM customer_data.note_start(latest);
    END IF;
    INSERT INTO customer_data.job_run_entry (run_id, attempt, job_id, job_name, owner, cause, due_at, missed, started_at, pid, rows_changed)
    VALUES (run_id, attempt, job, e.name, e.owner, cause, due, missed, clock_timestamp(), pg_backend_pid(),
            -customer_data.rows_changed_here());
    owner := e.owner;
    timeout_ms := coalesce(extract(epoch FROM e.timeout) * 1000, 0);
    name := e.name;
    command := e.command;
    time_zone := e.time_zone;
END
$$;
COMMENT ON FUNCTION customer_data.run_begin(int, oid, boolean) IS 'Takes the run of a job that is due (or, manual, one more) and writes its attempt; nothing where none is due';

CREATE FUNCTION customer_data.run_overlapped(job int) RETURNS text
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    e customer_data.job_entry;
    s customer_data.job_state;
    moment timestamptz := clock_timestamp();
    passed bigint;
BEGIN
    SELECT * INTO e FROM customer_data.job_entry j WHERE j.job_id = job;
    SELECT * INTO s FROM customer_data.job_state t WHERE t.job_id = job FOR UPDATE;
    IF e.job_id IS NULL OR s.next_run IS NULL OR s.next_run > moment THEN
        RETURN NULL;
    END IF;
    SELECT m.missed INTO passed
    FROM customer_data.missed_runs(e.schedule, e.time_zone, e.start_at, s.next_run, moment) m;
    UPDATE customer_data.job_run_entry a SET skipped = a.skipped + passed
    WHERE a.job_id = job AND a.status = 'running' AND e.on_overlap = 'skip';
    UPDATE customer_data.job_state t
    SET next_run = customer_data.next_run(e.schedule, e.time_zone, e.start_at, moment),
        requested_at = CASE WHEN e.on_overlap = 'queue_one' THEN coalesce(t.requested_at, s.next_run) END
    WHERE t.job_id = job
    RETURNING t.next_run INTO s.next_run;
    PERFORM customer_data.note_start(s.next_run);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN customer_data.park_job(job, SQLERRM);
END
$$;
COMMENT ON FUNCTION customer_data.run_overlapped(int) IS 'A job is due while it runs: skips the moment, or keeps one for afterwards';

CREATE FUNCTION customer_data.park_job(job int, reason text) RETURNS text
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    e customer_data.job_entry;
BEGIN
    UPDATE customer_data.job_state t SET parked_at = clock_timestamp(), problem = reason
    WHERE t.job_id = job AND t.parked_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO e FROM customer_data.job_entry j WHERE j.job_id = job;
    IF e.notify IS NOT NULL THEN
        PERFORM pg_notify(e.notify, jsonb_build_object('job', left(e.name, 200), 'parked', true, 'error', left(reason, 1000))::text);
    END IF;
    RETURN format('job "%s" is parked: %s; SELECT customer_data.resume(%L) starts it again', e.name, reason, e.name);
END
$$;
COMMENT ON FUNCTION customer_data.park_job(int, text) IS 'Starts a job no more until resume(), for a reason';

CREATE FUNCTION customer_data.due_jobs(moment timestamptz, OUT job_id int, OUT owner oid, OUT requested boolean, OUT name text,
                                       OUT problem text, OUT next_start timestamptz) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
    (SELECT e.job_id, e.owner::oid, s.next_run > moment, e.name,
            CASE WHEN r.oid IS NULL THEN 'its owner no longer exists; alter_job(..., run_as => ...) gives it another'
                 WHEN NOT r.rolcanlogin AND current_setting('server_version_num')::int < 170000
                 THEN format('its owner %s may not log in', e.owner) END,
            NULL::timestamptz
     FROM customer_data.job_state s
     JOIN customer_data.job_entry e USING (job_id)
     LEFT JOIN pg_catalog.pg_roles r ON r.oid = e.owner
     WHERE s.start <= moment AND e.enabled
     ORDER BY row_number() OVER (PARTITION BY e.owner ORDER BY s.start, e.job_id), s.start, e.job_id
     LIMIT 1000)
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL,
           CASE WHEN EXISTS (SELECT FROM customer_data.job_entry e
                             WHERE NOT EXISTS (SELECT FROM customer_data.job_state s WHERE s.job_id = e.job_id))
                THEN '-infinity' ELSE min(s.start) END
    FROM customer_data.job_state s JOIN customer_data.job_entry e USING (job_id)
    WHERE s.start > moment AND e.enabled
$$;
COMMENT ON FUNCTION customer_data.due_jobs(timestamptz) IS 'Jobs to start now, each role''s longest due in turn; the last row says when the next one is, -infinity if a restore left jobs to be set up';

CREATE FUNCTION customer_data.scheduler_set_up() RETURNS TABLE (message text)
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    r record;
    started timestamptz := pg_postmaster_start_time();
BEGIN
    -- jobs without a state: after a restore
    FOR r IN SELECT e.job_id, e.name FROM customer_data.job_entry e
             WHERE NOT EXISTS (SELECT FROM customer_data.job_state s WHERE s.job_id = e.job_id) LOOP
        BEGIN
            PERFORM customer_data.set_next_run(r.job_id);
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO customer_data.job_state (job_id) VALUES (r.job_id);
            message := customer_data.park_job(r.job_id, SQLERRM);
            RETURN NEXT;
        END;
    END LOOP;
    -- attempts whose process is gone: after a crash
    FOR r IN SELECT a.job_id, a.run_id, a.attempt, a.job_name FROM customer_data.job_run_entry a
             WHERE a.status = 'running' AND customer_data.job_lock_holder(a.job_id) IS NULL LOOP
        SELECT format('job "%s" (run %s, attempt %s) was lost with its process', l.job_name, r.run_id, r.attempt)
               || coalesce('; ' || l.verdict, '') INTO message
        FROM customer_data.run_lost(r.job_id, r.run_id, r.attempt, 'the process or the server ended during the run') l
        WHERE l.job_name IS NOT NULL;
        IF FOUND THEN
            RETURN NEXT;
        END IF;
    END LOOP;
    -- once after each start of the server
    UPDATE customer_data.job_state s SET next_run = started
    FROM customer_data.job_entry e
    WHERE e.job_id = s.job_id AND lower(btrim(e.schedule)) = '@reboot' AND e.created_at < started
      AND NOT EXISTS (SELECT FROM customer_data.job_run_entry a WHERE a.job_id = s.job_id AND a.due_at >= started)
      AND s.next_run IS DISTINCT FROM started;
    -- what was missed while the server was down, of those that want none of it
    FOR r IN SELECT e.job_id FROM customer_data.job_entry e JOIN customer_data.job_state s USING (job_id)
             WHERE NOT e.catch_up AND s.parked_at IS NULL AND s.next_run < started AND lower(btrim(e.schedule)) <> '@reboot' LOOP
        BEGIN
            PERFORM customer_data.set_next_run(r.job_id);
        EXCEPTION WHEN OTHERS THEN
            message := customer_data.park_job(r.job_id, SQLERRM);
            RETURN NEXT;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.scheduler_set_up() IS 'What a restore, a crash or a restart left to be put right; each scheduler begins with it';

CREATE FUNCTION customer_data.prune_job_runs(most int) RETURNS text
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM customer_data.job_run_entry a
    WHERE a.ctid = ANY (ARRAY(
        SELECT d.ctid FROM customer_data.job_run_entry d
        WHERE d.status <> 'running'
          AND d.started_at < now() - current_setting('customer_data.job_run_keep_days')::int * interval '1 day'
        LIMIT most));
    DELETE FROM customer_data.job_run_entry a
    WHERE a.ctid = ANY (ARRAY(
        SELECT d.ctid
        FROM (SELECT j.job_id, (SELECT k.run_id FROM customer_data.job_run_entry k WHERE k.job_id = j.job_id
                                ORDER BY k.run_id DESC
                                OFFSET current_setting('customer_data.job_run_keep_count')::int LIMIT 1) AS last_kept
              FROM customer_data.job_entry j) b
        JOIN customer_data.job_run_entry d ON d.job_id = b.job_id AND d.run_id <= b.last_kept AND d.status <> 'running'
        LIMIT most));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION customer_data.prune_job_runs(int) IS 'Deletes history beyond customer_data.job_run_keep_days and customer_data.job_run_keep_count';

CREATE FUNCTION customer_data.run_job(name text, in_worker boolean DEFAULT NULL, wait boolean DEFAULT false,
                                      OUT run_id bigint, OUT status text, OUT rows_changed bigint, OUT error text)
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_run_job';
COMMENT ON FUNCTION customer_data.run_job(text, boolean, boolean) IS 'Runs a job now: in a worker where there are any, else in this session and transaction; wait for a worker''s outcome with wait => true';

CREATE FUNCTION customer_data.run_due_job(job int, owner oid, OUT run_id bigint, OUT status text, OUT rows_changed bigint, OUT error text)
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_run_due_job';
COMMENT ON FUNCTION customer_data.run_due_job(int, oid) IS 'Runs a job in this session if it is due and not running';

CREATE FUNCTION customer_data.set_up_by_hand_for(caller regrole) RETURNS void
    LANGUAGE sql SET search_path = customer_data, pg_catalog, pg_temp AS $$
    SELECT message FROM customer_data.scheduler_set_up();
    SELECT customer_data.prune_job_runs(10000);
$$;
COMMENT ON FUNCTION customer_data.set_up_by_hand_for(regrole) IS 'Body of set_up_by_hand()';
CREATE FUNCTION customer_data.set_up_by_hand() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_job_call';
COMMENT ON FUNCTION customer_data.set_up_by_hand() IS 'What a scheduler begins with, for run_due_jobs()';

-- No SET here: a procedure with one may not commit.
CREATE PROCEDURE customer_data.run_due_jobs()
    LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    PERFORM customer_data.set_up_by_hand();
    FOR r IN SELECT e.job_id, e.owner
             FROM customer_data.job_state s JOIN customer_data.job_entry e USING (job_id)
             WHERE s.start OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() AND e.enabled
               AND customer_data.job_allowed(e.owner)
             ORDER BY s.start, e.job_id LOOP
        IF customer_data.may_commit() THEN
            COMMIT;
        END IF;
        PERFORM customer_data.run_due_job(r.job_id, r.owner);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE customer_data.run_due_jobs() IS 'Runs in this session what is due now of the jobs the caller may run: for pg_cron, systemd or a script where no worker does';
