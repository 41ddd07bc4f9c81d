-- worker: the usual whole, in dependency order.

CREATE FUNCTION customer_data.refresh_lock() RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_refresh_lock';
COMMENT ON FUNCTION customer_data.refresh_lock() IS 'Takes the right to refresh; false while another session has it';

CREATE FUNCTION customer_data.refresh_unlock() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_refresh_unlock';
COMMENT ON FUNCTION customer_data.refresh_unlock() IS 'Gives the right to refresh back';

-- No SET here: a procedure with one may not commit.
CREATE PROCEDURE customer_data.refresh_all(notify text DEFAULT NULL)
    LANGUAGE plpgsql AS $$
DECLARE
    -- a step whose room is not built in is passed over: plan_contacts belongs to contact
    steps CONSTANT text[] := ARRAY['resolve', 'refresh_timelines', 'refresh_metrics', 'refresh_tags', 'refresh_segments', 'refresh_journeys',
                                   'plan_contacts'];
    kind "char";
    message text;
BEGIN
    IF NOT customer_data.refresh_lock() THEN
        RAISE EXCEPTION 'a refresh is already running'
            USING ERRCODE = 'object_in_use',
                  DETAIL = pg_catalog.format('It runs in process %s.', customer_data.job_lock_holder(0)),
                  HINT = 'The view customer_data.progress shows how far it is.';
    END IF;
    FOR i IN 1 .. pg_catalog.cardinality(steps) LOOP
        PERFORM customer_data.report_step('refresh_all', i OPERATOR(pg_catalog.-) 1, pg_catalog.cardinality(steps));
        SELECT p.prokind INTO kind
        FROM pg_catalog.pg_proc p
        WHERE p.proname OPERATOR(pg_catalog.=) steps[i]
          AND p.pronamespace OPERATOR(pg_catalog.=) 'customer_data'::pg_catalog.regnamespace
        LIMIT 1;
        CONTINUE WHEN kind IS NULL;
        PERFORM customer_data.report_progress(steps[i], 0, NULL);
        EXECUTE pg_catalog.format(CASE WHEN kind OPERATOR(pg_catalog.=) 'p' THEN 'CALL customer_data.%I()' ELSE 'SELECT customer_data.%I()' END, steps[i]);
        -- one notification per segment that changed, a hundred at most
        IF notify IS NOT NULL AND steps[i] OPERATOR(pg_catalog.=) 'refresh_segments' THEN
            FOR message IN EXECUTE
                'SELECT pg_catalog.jsonb_build_object(''segment'', "left"(segment, 200),
                            ''entered'', pg_catalog.count(*) FILTER (WHERE change OPERATOR(pg_catalog.=) ''entered''),
                            ''left'', pg_catalog.count(*) FILTER (WHERE change OPERATOR(pg_catalog.=) ''left''))::text
                 FROM customer_data.segment_change WHERE at OPERATOR(pg_catalog.>=) pg_catalog.now()
                 GROUP BY segment ORDER BY pg_catalog.count(*) DESC, segment LIMIT 100' LOOP
                PERFORM pg_catalog.pg_notify(notify, message);
            END LOOP;
        END IF;
        IF customer_data.may_commit() THEN
            COMMIT;
        END IF;
    END LOOP;
    PERFORM customer_data.report_step('refresh_all', pg_catalog.cardinality(steps), pg_catalog.cardinality(steps));
    PERFORM customer_data.refresh_unlock();
END
$$;
COMMENT ON PROCEDURE customer_data.refresh_all(text) IS 'Brings everything up to date in order: customers, timelines, metrics, tags, segments, journeys; commits after each, where the caller allows it; notify: a channel told of each segment that changed';

CREATE FUNCTION customer_data.schedule_refresh(schedule text, name text DEFAULT 'refresh', time_zone text DEFAULT NULL, timeout interval DEFAULT NULL,
                                               notify text DEFAULT NULL, run_as regrole DEFAULT NULL) RETURNS int
    LANGUAGE sql VOLATILE AS $$
    SELECT customer_data.schedule(schedule_refresh.name, schedule_refresh.schedule,
                                  CASE WHEN schedule_refresh.notify IS NULL THEN 'CALL customer_data.refresh_all()'
                                       ELSE pg_catalog.format('CALL customer_data.refresh_all(notify => %L)', schedule_refresh.notify) END,
                                  time_zone => schedule_refresh.time_zone, timeout => schedule_refresh.timeout,
                                  max_retries => NULL, backoff => '10 seconds', run_as => schedule_refresh.run_as,
                                  notify => schedule_refresh.notify)
$$;
COMMENT ON FUNCTION customer_data.schedule_refresh(text, text, text, interval, text, regrole) IS 'Schedules refresh_all(): one call keeps customers, timelines, metrics, tags, segments and journeys fresh';
