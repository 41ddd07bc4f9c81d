-- Conditions: boolean expressions over profile, who they hold for, and when
-- each answer must be looked at again.

CREATE TABLE customer_data.condition (
    condition_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room         text NOT NULL CHECK (room IN ('everyone', 'segment', 'rest', 'population')),
    expression   text NOT NULL,
    owner        regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    time_zone    text NOT NULL DEFAULT current_setting('TimeZone'),
    version      int NOT NULL DEFAULT 1,
    by_sql       boolean NOT NULL DEFAULT false,
    untracked    text
);
CREATE TRIGGER own_definition BEFORE INSERT OR UPDATE OF owner, expression, time_zone ON customer_data.condition
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_definition();
COMMENT ON TABLE customer_data.condition IS 'Conditions whose answers are kept: of segments, of the populations that thresholds are taken from, and everyone';
COMMENT ON COLUMN customer_data.condition.room IS 'What the condition is for; rest: those in no segment';
COMMENT ON COLUMN customer_data.condition.owner IS 'The condition is evaluated with the rights of this role';
COMMENT ON COLUMN customer_data.condition.version IS 'Counts redefinitions; a refresh that finds another version than it evaluated last asks everyone';
COMMENT ON COLUMN customer_data.condition.by_sql IS 'Has sub-selects, so that it is asked by a query';
COMMENT ON COLUMN customer_data.condition.untracked IS 'What in it moves with time in a way that cannot be followed; such a condition is asked of everyone at each refresh';
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition', 'WHERE room NOT IN (''everyone'', ''rest'')');
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition_condition_id_seq', '');

CREATE TABLE customer_data.condition_need (
    condition_id int NOT NULL REFERENCES customer_data.condition ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('segment', 'attribute', 'metric', 'tag', 'timeline', 'stage')),
    name         text NOT NULL,
    stage        text NOT NULL DEFAULT '',
    PRIMARY KEY (condition_id, kind, name, stage)
);
CREATE INDEX condition_need_name ON customer_data.condition_need (kind, name);
COMMENT ON TABLE customer_data.condition_need IS 'What each condition reads: other segments, attributes, metrics, tags, the timeline, stages';
COMMENT ON COLUMN customer_data.condition_need.name IS 'Of a stage: the journey''s; of a tag: its path, or a prefix (*: all tags are looked at)';
COMMENT ON COLUMN customer_data.condition_need.stage IS 'The stage of the journey; empty for all other kinds';
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition_need', '');

CREATE TABLE customer_data.condition_threshold (
    threshold_id  int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner         regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    time_zone     text NOT NULL DEFAULT current_setting('TimeZone'),
    metric        text NOT NULL,
    percent       double precision NOT NULL CHECK (abs(percent) > 0 AND abs(percent) <= 100),
    among         text,
    population_id int REFERENCES customer_data.condition,
    value         double precision,
    computed_at   timestamptz,
    UNIQUE NULLS NOT DISTINCT (owner, time_zone, metric, percent, among)
);
CREATE TRIGGER own_definition BEFORE INSERT OR UPDATE OF owner, metric, among, time_zone ON customer_data.condition_threshold
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_definition();
COMMENT ON TABLE customer_data.condition_threshold IS 'Thresholds that conditions take from top_percent() and metric_percentile(), as of the last refresh';
COMMENT ON COLUMN customer_data.condition_threshold.percent IS 'Counted from the top; negative: from the bottom, as percentiles are';
COMMENT ON COLUMN customer_data.condition_threshold.among IS 'Condition on the population; NULL: all customers';
COMMENT ON COLUMN customer_data.condition_threshold.value IS 'The metric of the customer at that rank; NULL: nobody has one';
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition_threshold', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition_threshold_threshold_id_seq', '');

CREATE TABLE customer_data.condition_rank (
    threshold_id int PRIMARY KEY REFERENCES customer_data.condition_threshold ON DELETE CASCADE,
    value        double precision NOT NULL,
    valued       customer_data.customer_set NOT NULL,
    above        customer_data.customer_set NOT NULL,
    reached      customer_data.customer_set NOT NULL
);
COMMENT ON TABLE customer_data.condition_rank IS 'Who of a threshold''s population has the metric at all, more than the threshold, and at least as much: so that a refresh looks only at those who changed; derived';

CREATE TABLE customer_data.condition_uses_threshold (
    condition_id int NOT NULL REFERENCES customer_data.condition ON DELETE CASCADE,
    threshold_id int NOT NULL REFERENCES customer_data.condition_threshold,
    plain        boolean NOT NULL,
    PRIMARY KEY (condition_id, threshold_id)
);
COMMENT ON TABLE customer_data.condition_uses_threshold IS 'Which condition compares with which threshold';
COMMENT ON COLUMN customer_data.condition_uses_threshold.plain IS 'Compared with the metric itself only: where the threshold moves, those between its old and new place are asked, and no others';
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition_uses_threshold', '');

CREATE TABLE customer_data.condition_member (
    condition_id int NOT NULL REFERENCES customer_data.condition ON DELETE CASCADE,
    chunk        int NOT NULL,
    members      customer_data.customer_set NOT NULL,
    joined       customer_data.customer_set,
    gone         customer_data.customer_set,
    PRIMARY KEY (condition_id, chunk)
)
-- A refresh writes most rows anew, and finds room for that on their pages.
WITH (fillfactor = 50);
-- Few differences lie in the row, while a large set stays where it was written.
ALTER TABLE customer_data.condition_member ALTER joined SET STORAGE PLAIN, ALTER gone SET STORAGE PLAIN;
COMMENT ON TABLE customer_data.condition_member IS 'Whom each condition holds for, as of the last refresh, in chunks of 65536 ids so that one move rewrites at most 8 KB; the view member_chunk puts the sets of a row together';
COMMENT ON COLUMN customer_data.condition_member.joined IS 'Who came since members was written, and is not in it; kept as long as they are few';
COMMENT ON COLUMN customer_data.condition_member.gone IS 'Who of members left since';
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition_member', '');

-- A row per moment and refresh, for all conditions: a refresh of few customers
-- writes few rows, however many conditions there are.
CREATE TABLE customer_data.condition_due (
    due        timestamptz NOT NULL,
    conditions int[] NOT NULL,
    customers  customer_data.customer_set[] NOT NULL
);
ALTER TABLE customer_data.condition_due ALTER customers SET STORAGE EXTERNAL;
CREATE INDEX condition_due_due ON customer_data.condition_due (due);
COMMENT ON TABLE customer_data.condition_due IS 'Customers whose answers may change at a moment though nothing new arrives; too early an entry is harmless, and so is one of a condition that has changed or gone; derived';
COMMENT ON COLUMN customer_data.condition_due.customers IS 'Whom to ask again, for each of the conditions';

CREATE TABLE customer_data.condition_state (
    condition_id int PRIMARY KEY REFERENCES customer_data.condition ON DELETE CASCADE,
    version      int NOT NULL,
    evaluated_at timestamptz,
    size         bigint NOT NULL DEFAULT 0,
    error        text,
    error_at     timestamptz,
    error_customer bigint,
    failures     int NOT NULL DEFAULT 0,
    retry_at     timestamptz,
    pending      customer_data.customer_set
);
COMMENT ON TABLE customer_data.condition_state IS 'What became of each condition at the last refresh; derived: without it everyone is asked';
COMMENT ON COLUMN customer_data.condition_state.failures IS 'How many refreshes in a row it has failed';
COMMENT ON COLUMN customer_data.condition_state.retry_at IS 'A condition that failed at a customer is asked again from this moment on, or when the customer''s data or the condition changed';
COMMENT ON COLUMN customer_data.condition_state.pending IS 'Whom it must be asked of when it works again; NULL while it fails: everyone';
COMMENT ON COLUMN customer_data.condition_state.evaluated_at IS 'Moment the members are of; it stands still while the condition fails';

CREATE TABLE customer_data.segment_refresh (
    refresh_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    moment     timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    rebuild    boolean NOT NULL DEFAULT false,
    touched    bigint NOT NULL DEFAULT 0,
    expired    bigint NOT NULL DEFAULT 0,
    entered    bigint NOT NULL DEFAULT 0,
    exited     bigint NOT NULL DEFAULT 0,
    failed     int NOT NULL DEFAULT 0,
    failing    int[] NOT NULL DEFAULT '{}',
    seconds    double precision
);
CREATE INDEX segment_refresh_moment ON customer_data.segment_refresh (moment);
COMMENT ON TABLE customer_data.segment_refresh IS 'One row per refresh of segments';
COMMENT ON COLUMN customer_data.segment_refresh.moment IS 'The moment that membership is of';
COMMENT ON COLUMN customer_data.segment_refresh.touched IS 'Customers whose data had changed';
COMMENT ON COLUMN customer_data.segment_refresh.expired IS 'Answers that were due because time passed';
COMMENT ON COLUMN customer_data.segment_refresh.failing IS 'Conditions whose members it left as they were because they failed';
SELECT pg_catalog.pg_extension_config_dump('customer_data.segment_refresh', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.segment_refresh_refresh_id_seq', '');

CREATE TABLE customer_data.condition_change (
    refresh_id   bigint NOT NULL REFERENCES customer_data.segment_refresh ON DELETE CASCADE,
    condition_id int NOT NULL REFERENCES customer_data.condition ON DELETE CASCADE,
    why          text NOT NULL CHECK (why IN ('data', 'time', 'threshold', 'segment', 'definition', 'rebuild')),
    entered      customer_data.customer_set NOT NULL,
    exited       customer_data.customer_set NOT NULL,
    PRIMARY KEY (condition_id, refresh_id, why)
);
CREATE INDEX condition_change_refresh ON customer_data.condition_change (refresh_id);
COMMENT ON TABLE customer_data.condition_change IS 'Whom each refresh let in and out, and why';
COMMENT ON COLUMN customer_data.condition_change.why IS 'data: something about the customer changed; time: an answer expired; threshold: the top percent moved; segment: another segment changed; definition: the condition did; rebuild: a full refresh found it';
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition_change', '');

CREATE TABLE customer_data.condition_snapshot (
    condition_id int NOT NULL REFERENCES customer_data.condition ON DELETE CASCADE,
    day          date NOT NULL,
    refresh_id   bigint NOT NULL,
    moment       timestamptz NOT NULL,
    size         bigint NOT NULL,
    PRIMARY KEY (condition_id, day)
);
COMMENT ON TABLE customer_data.condition_snapshot IS 'Which members each condition had on each day, as the day''s first refresh left them; the members are in condition_snapshot_chunk';
COMMENT ON COLUMN customer_data.condition_snapshot.day IS 'Day of the moment, in UTC';
COMMENT ON COLUMN customer_data.condition_snapshot.refresh_id IS 'The refresh whose outcome it is, which may have been forgotten since';
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition_snapshot', '');

CREATE TABLE customer_data.condition_snapshot_chunk (
    condition_id int NOT NULL REFERENCES customer_data.condition ON DELETE CASCADE,
    chunk        int NOT NULL,
    refresh_id   bigint NOT NULL,
    members      customer_data.customer_set NOT NULL,
    PRIMARY KEY (condition_id, chunk, refresh_id)
);
COMMENT ON TABLE customer_data.condition_snapshot_chunk IS 'Members in snapshots, chunk by chunk; a chunk that is as it was the day before is not written again';
SELECT pg_catalog.pg_extension_config_dump('customer_data.condition_snapshot_chunk', '');

CREATE UNLOGGED TABLE customer_data.condition_work (
    condition_id int PRIMARY KEY,
    wave         int NOT NULL,
    version      int NOT NULL,
    everyone     text,
    parked       boolean NOT NULL,
    pending      customer_data.customer_set,
    expired      customer_data.customer_set,
    threshold    customer_data.customer_set,
    segment      customer_data.customer_set
);
COMMENT ON TABLE customer_data.condition_work IS 'The refresh under way: which condition is asked of whom; empty between refreshes, derived';
COMMENT ON COLUMN customer_data.condition_work.parked IS 'It failed before, nothing says it would not again, and its time has not come: not asked';
COMMENT ON COLUMN customer_data.condition_work.everyone IS 'Why everyone is asked; NULL: only those due are';

INSERT INTO customer_data.condition (room, expression) VALUES ('everyone', 'true'), ('rest', 'true');

CREATE FUNCTION customer_data.evaluate_conditions(condition_ids integer[], customers customer_data.customer_set[], recompute boolean DEFAULT false,
        OUT condition_id integer, OUT what text, OUT chunk integer, OUT due timestamptz,
        OUT customers customer_data.customer_set, OUT message text,
        OUT conditions integer[], OUT sets customer_data.customer_set[]) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_evaluate_conditions';
COMMENT ON FUNCTION customer_data.evaluate_conditions(integer[], customer_data.customer_set[], boolean) IS 'Asks each condition of its customers (NULL: everyone) as of as_of(): rows true, due and error; recompute: metrics and, for everyone, thresholds are computed for that moment instead of read';

CREATE FUNCTION customer_data.turn_conditions(condition_ids integer[], customers customer_data.customer_set[], touched customer_data.customer_set,
        OUT condition_id integer, OUT what text, OUT chunk integer, OUT due timestamptz,
        OUT customers customer_data.customer_set, OUT message text,
        OUT conditions integer[], OUT sets customer_data.customer_set[]) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_turn_conditions';
COMMENT ON FUNCTION customer_data.turn_conditions(integer[], customer_data.customer_set[], customer_data.customer_set) IS 'Part of a refresh: asks each condition of its customers (NULL: everyone) and of those touched as of as_of(): rows turn (what becomes of a chunk of its members; sets: who joined and is gone since these were written, who entered and left), due and error';

CREATE FUNCTION customer_data.member_set(members customer_data.customer_set, joined customer_data.customer_set, gone customer_data.customer_set)
    RETURNS customer_data.customer_set LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_member_set';
COMMENT ON FUNCTION customer_data.member_set(customer_data.customer_set, customer_data.customer_set, customer_data.customer_set) IS 'A chunk of members as it is now: as it was written, with who joined and without who is gone since (NULL: nobody)';

CREATE VIEW customer_data.member_chunk AS
SELECT m.condition_id, m.chunk, customer_data.member_set(m.members, m.joined, m.gone) AS members FROM customer_data.condition_member m;
COMMENT ON VIEW customer_data.member_chunk IS 'Whom each condition holds for, as of the last refresh, chunk by chunk';

CREATE FUNCTION customer_data.check_condition(expression text,
        OUT segments text[], OUT columns text[], OUT metrics text[], OUT percents double precision[],
        OUT amongs text[], OUT plains boolean[], OUT untracked text, OUT by_sql boolean,
        OUT journeys text[], OUT stages text[], OUT tags text[])
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'cd_check_condition';
COMMENT ON FUNCTION customer_data.check_condition(text) IS 'Refuses what cannot be a condition, with position and hint; says what it reads and whether its use of time can be followed';

CREATE FUNCTION customer_data.explain_condition(expression text, owner regrole, time_zone text, customer_id bigint,
        OUT part integer, OUT depth integer, OUT kind text, OUT expression_text text, OUT compares boolean,
        OUT holds boolean, OUT actual text, OUT holds_until timestamptz, OUT must_change boolean, OUT change text,
        OUT what text, OUT subject text, OUT value text, OUT at timestamptz, OUT every interval, OUT times integer)
    RETURNS SETOF record LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_explain_condition';
COMMENT ON FUNCTION customer_data.explain_condition(text, regrole, text, bigint) IS 'A condition taken apart at AND, OR and NOT for one customer, and then, as rows of kind change, what would turn it; behind explain_membership() and membership_change()';

CREATE FUNCTION customer_data.members_of(condition_id integer) RETURNS customer_data.customer_set
    LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce(customer_data.customer_set_or_agg(m.members), '{}'::customer_data.customer_set)
    FROM customer_data.member_chunk m WHERE m.condition_id = $1
$$;
COMMENT ON FUNCTION customer_data.members_of(integer) IS 'Whom a condition holds for, as of the last refresh';

-- Thresholds

CREATE FUNCTION customer_data.threshold_rank(customers bigint, percent double precision) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN $2 > 0 THEN greatest(ceil($1 * $2::numeric / 100)::bigint, 1)
           ELSE greatest($1, 1) + 1 - greatest(ceil($1 * -$2::numeric / 100)::bigint, 1) END
$$;
COMMENT ON FUNCTION customer_data.threshold_rank(bigint, double precision) IS 'Which of so many customers, the highest first, a threshold is taken from: the last of the top percent, or the first that a percentile (negative) reaches';

CREATE FUNCTION customer_data.compute_threshold(metric text, percent double precision, among text DEFAULT NULL)
    RETURNS double precision LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    answer double precision;
BEGIN
    EXECUTE format('WITH one AS MATERIALIZED (SELECT profile.%1$I::float8 AS value FROM customer_data.profile'
                   ' WHERE profile.%1$I IS NOT NULL AND (%2$s' || chr(10) || ')) SELECT value FROM one ORDER BY value DESC'
                   ' OFFSET (SELECT customer_data.threshold_rank(count(*), $1) FROM one) - 1 LIMIT 1',
                   metric, coalesce(among, 'true'))
        INTO answer USING percent;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION customer_data.compute_threshold(text, double precision, text) IS 'The metric of the customer at a rank among those with a value (and for whom the condition holds); behind top_percent() and metric_percentile()';

CREATE FUNCTION customer_data.threshold_as_of(owner regrole, time_zone text, metric text, percent double precision, among text)
    RETURNS double precision LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    population customer_data.customer_set;
    fault   text;
    defined customer_data.metric := (SELECT m FROM customer_data.metric m WHERE m.name = threshold_as_of.metric);
BEGIN
    IF among IS NOT NULL THEN
        SELECT coalesce(customer_data.customer_set_or_agg(e.customers) FILTER (WHERE e.what = 'true'), '{}'),
               min(e.message) FILTER (WHERE e.what = 'error')
        INTO population, fault
        FROM customer_data.condition_threshold t,
             LATERAL customer_data.evaluate_conditions(ARRAY[t.population_id], ARRAY[NULL]::customer_data.customer_set[], true) e
        WHERE t.owner = threshold_as_of.owner AND t.time_zone = threshold_as_of.time_zone AND t.metric = threshold_as_of.metric
          AND t.percent = threshold_as_of.percent AND t.among = threshold_as_of.among;
        IF fault IS NOT NULL THEN
            RAISE EXCEPTION 'who is ranked by % cannot be found: %', metric, fault USING ERRCODE = 'data_exception';
        END IF;
    END IF;
    RETURN (
        WITH one AS MATERIALIZED (
            SELECT x.value::double precision AS value
            FROM customer_data.try_expression(coalesce(defined.expression, quote_ident(metric)), population,
                CASE WHEN NOT defined.ready_made THEN defined.owner END, CASE WHEN NOT defined.ready_made THEN defined.time_zone END) x
            WHERE x.value IS NOT NULL
        )
        SELECT value FROM one ORDER BY value DESC
        OFFSET (SELECT customer_data.threshold_rank(count(*), threshold_as_of.percent) FROM one) - 1 LIMIT 1);
END
$$;
COMMENT ON FUNCTION customer_data.threshold_as_of(regrole, text, text, double precision, text) IS 'A threshold at as_of(), computed from timelines instead of read';

CREATE FUNCTION customer_data.top_percent(metric text, percent double precision, among text DEFAULT NULL)
    RETURNS double precision LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_top_percent';
COMMENT ON FUNCTION customer_data.top_percent(text, double precision, text) IS 'Threshold of the top percent by a metric: metric >= top_percent(''metric'', 10) holds for ceil(n * 10 / 100) customers and for all who tie with the last of them';

CREATE FUNCTION customer_data.metric_percentile(metric text, percent double precision, among text DEFAULT NULL)
    RETURNS double precision LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'cd_metric_percentile';
COMMENT ON FUNCTION customer_data.metric_percentile(text, double precision, text) IS 'Percentile of a metric: the least value that at least so many percent of customers do not exceed (as percentile_disc), so metric > metric_percentile(''metric'', 50) is the upper half; whoever ties is on the same side';

CREATE FUNCTION customer_data.in_segment(customer_id bigint, name text) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_in_segment';
COMMENT ON FUNCTION customer_data.in_segment(bigint, text) IS 'In a condition: is the customer in that segment? Its own refresh comes first';
