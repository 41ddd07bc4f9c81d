-- Funnels, sequences, sessions, paths and retention against slow twins in SQL.
SET client_min_messages = warning;
SET search_path = customer_data, public;
SELECT plan(92);

\set seed 2024
\ir include/seed.sql

-- Hand-checked cases
CREATE FUNCTION pg_temp.t(text) RETURNS timeline LANGUAGE sql AS $$
    -- '0:a 50:b' is a at second 0 and b at second 50
    SELECT coalesce(timeline_agg('2026-01-01+00'::timestamptz + split_part(w, ':', 1)::float8 * interval '1 s', split_part(w, ':', 2) ORDER BY split_part(w, ':', 1)::float8, n), empty_timeline())
    FROM regexp_split_to_table($1, ' ') WITH ORDINALITY r(w, n) WHERE w <> '';
$$;
SELECT is(window_funnel(pg_temp.t('0:a 50:a 50:b 60:c'), '{a,b,c}', '100 s', 'strict_increase'), 1, 'strict_increase: ClickHouse''s answer, not Doris''s 3');
SELECT is(window_funnel(pg_temp.t('0:a 50:a 50:b 60:c'), '{a,b,c}', '100 s'), 3, 'the same without it');
SELECT is(window_funnel(pg_temp.t('0:a 100:b'), '{a,b}', '100 s'), 2, 'the boundary second is inside');
SELECT is(window_funnel(pg_temp.t('0:a 100.000001:b'), '{a,b}', '100 s'), 1, 'a microsecond later is outside');
SELECT is(window_funnel(pg_temp.t('0:a 90:a 150:b'), '{a,b}', '100 s'), 2, 'a chain restarts');
SELECT is(window_funnel(pg_temp.t('0:a 10:x 20:b'), '{a,b}', '100 s', 'strict_order'), 1, 'strict_order: another event ends it');
SELECT is(window_funnel(pg_temp.t('0:x 10:a 20:b'), '{a,b}', '100 s', 'strict_order'), 2, 'strict_order: what comes before does not matter');
SELECT is(window_funnel(pg_temp.t('0:a 10:c 20:b 30:c'), '{a,b,c}', '100 s', 'strict_order'), 1, 'strict_order: a step too early ends it');
SELECT is(window_funnel(pg_temp.t('0:a 10:b 20:b 30:c'), '{a,b,c}', '100 s', 'strict_deduplication'), 2, 'strict_deduplication: a repeat ends it');
SELECT is(window_funnel(pg_temp.t('0:a 10:a 20:b 30:c'), '{a,b,c}', '100 s', 'strict_deduplication'), 3, 'strict_deduplication: a repeat of the first does not');
SELECT is(window_funnel(pg_temp.t('0:a'), '{a,*}', '100 s'), 2, 'one event may serve two steps');
SELECT is(window_funnel(pg_temp.t('0:a'), '{a,*}', '100 s', 'strict_once'), 1, 'strict_once: not two');
SELECT is(window_funnel(pg_temp.t('0:a 0:a'), '{a,*}', '100 s', 'strict_once'), 2, 'strict_once: another one at the same instant may');
SELECT is(window_funnel(pg_temp.t('0:b 0:a'), '{a,b}', '1 s'), 2, 'at the same instant lower steps come first');
SELECT is(window_funnel('2026-01-31T10:00Z a; 2026-02-28T10:00Z b', '{a,b}', '1 month'), 2, 'a month as the calendar has it');
SELECT is(window_funnel(empty_timeline(), '{a,b}', '1 day'), 0, 'no events, no step');
SELECT is(funnel_times(pg_temp.t('0:a 10:b 200:a 210:b 220:c'), '{a,b,c}', '100 s'),
          ARRAY['2026-01-01 00:03:20+00', '2026-01-01 00:03:30+00', '2026-01-01 00:03:40+00']::timestamptz[], 'times of the chain that came furthest');
SELECT throws_ok($$SELECT window_funnel('', '{a}', '1 day', 'strict')$$, '22023', 'unknown funnel mode "strict"', 'an unknown mode');
SELECT is(sequence_match(pg_temp.t('0:a 10:x 20:b'), '(?1)(?2)', '{a,b}'), true, 'events of no condition are dropped');
SELECT is(sequence_match(pg_temp.t('0:a 10:x 20:b'), '(?1)(?2)', '{a,b,x}'), false, 'but not those of another condition');
SELECT is(sequence_match(pg_temp.t('0:a 10:x 20:b'), '(?1).(?2)', '{a,b,x}'), true, 'one event between');
SELECT is(sequence_match(pg_temp.t('0:a 3600:b'), '(?1)(?t<=3600)(?2)', '{a,b}'), true, 'an hour is an hour');
SELECT is(sequence_match(pg_temp.t('0:a 3600:b'), '(?1)(?t<3600)(?2)', '{a,b}'), false, 'and not less');
SELECT is(sequence_count(pg_temp.t('0:a 1:b 2:a 3:a 4:b 5:b'), '(?1).*(?2)', '{a,b}'), 2, 'matches do not overlap');
SELECT throws_like($$SELECT sequence_match('', '(?1', '{a}')$$, 'invalid sequence: expected ) at position 4', 'an open bracket');
SELECT throws_like($$SELECT sequence_match('', '(?2)', '{a}')$$, 'invalid sequence: there is no condition 2', 'a condition that is not there');
SELECT is((SELECT array_agg((session, event_count)::text ORDER BY session) FROM sessions(pg_temp.t('0:a 1800:b 3601:c 3602:c'))), ARRAY['(1,2)', '(2,2)'], 'a session ends after more than half an hour');
SELECT is(retention(pg_temp.t('0:a 1:c'), '{a,b,c}'), '{t,f,t}', 'retention');
SELECT is(retention(pg_temp.t('0:b 1:c'), '{a,b,c}'), '{f,f,f}', 'retention needs the first');
SELECT results_eq($$SELECT path::text FROM event_paths(pg_temp.t('0:a 1:b 2:b 3:c 4:a 5000:d'), 'a') ORDER BY at$$, ARRAY['{a,b,c,a}', '{a}'], 'paths: repeats are one, the session ends them');
SELECT results_eq($$SELECT path::text FROM event_paths(pg_temp.t('0:a 1:b 2:b 3:c 4:a 5000:d'), 'a', backward => true, steps => 3) ORDER BY at$$, ARRAY['{a}', '{a,c,b}'], 'paths backward');
SELECT results_eq($$SELECT kind, next_kind FROM next_event(pg_temp.t('0:a 1:b 2:a 3:c'), 'a', 'c|a') ORDER BY at$$, $$VALUES ('a', 'a'), ('a', 'c')$$, 'next_event');
SELECT results_eq($$SELECT kind, previous_kind FROM previous_event(pg_temp.t('0:a 1:b 2:a 3:c'), 'a|c') ORDER BY at$$, $$VALUES ('a', NULL), ('a', 'b'), ('c', 'a')$$, 'previous_event');

-- Random events with many ties
CREATE TEMP TABLE ev AS
SELECT c, i AS ord, timestamptz '2026-01-01+00' + floor(random() * (5 + c % 40)) * interval '1 s' AS at,
       (ARRAY['a', 'b', 'c', 'd', 'x'])[1 + floor(random() * (3 + c % 3))] AS kind, floor(random() * 3) AS value
FROM generate_series(1, 400) c, generate_series(1, 14) i
WHERE i <= c % 15;
CREATE TEMP TABLE tl AS
SELECT c, coalesce((SELECT timeline_agg(at, kind, value ORDER BY at, ord) FROM ev WHERE ev.c = g.c), empty_timeline()) AS t
FROM generate_series(1, 400) g(c);

-- Steps a, b[value>0], c|a: an event can serve two of them.
CREATE TEMP TABLE step AS
SELECT c, ord, at, s.step
FROM ev, LATERAL (VALUES (1, kind = 'a'), (2, kind = 'b' AND value > 0), (3, kind IN ('c', 'a'))) s(step, met)
WHERE met
UNION ALL
SELECT c, ord, at, 0 FROM ev WHERE NOT (kind IN ('a', 'c') OR (kind = 'b' AND value > 0));

-- ClickHouse's search, written out
CREATE FUNCTION pg_temp.slow_funnel(customer int, within interval, mode text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    r record;
    first timestamptz[] := array_fill(NULL::timestamptz, '{3}');
    last timestamptz[] := array_fill(NULL::timestamptz, '{3}');
BEGIN
    FOR r IN SELECT at, step FROM step WHERE c = customer ORDER BY at, step, ord LOOP
        IF r.step = 0 THEN
            EXIT WHEN mode LIKE '%strict_order%' AND first[1] IS NOT NULL;
        ELSIF r.step = 1 THEN
            first[1] := r.at;
            last[1] := r.at;
        ELSIF mode LIKE '%strict_deduplication%' AND first[r.step] IS NOT NULL THEN
            EXIT;
        ELSIF first[r.step - 1] IS NULL THEN
            EXIT WHEN mode LIKE '%strict_order%' AND first[1] IS NOT NULL;
        ELSIF r.at <= first[r.step - 1] + within AND (mode NOT LIKE '%strict_increase%' OR last[r.step - 1] < r.at) THEN
            first[r.step] := first[r.step - 1];
            last[r.step] := r.at;
            EXIT WHEN r.step = 3;
        END IF;
    END LOOP;
    RETURN CASE WHEN first[3] IS NOT NULL THEN 3 WHEN first[2] IS NOT NULL THEN 2 WHEN first[1] IS NOT NULL THEN 1 ELSE 0 END;
END
$$;
SELECT is((SELECT count(*) FROM tl WHERE window_funnel(t, ARRAY['a', 'b[value>0]', 'c|a']::event_pattern[], '5 s', m) <> pg_temp.slow_funnel(c, '5 s', m)), 0::bigint, 'window_funnel ' || m)
FROM unnest(ARRAY['', 'strict_order', 'strict_deduplication', 'strict_increase', 'strict_order,strict_increase', 'strict_order, strict_deduplication']) m;
SELECT is((SELECT count(*) FROM tl JOIN (SELECT c, window_funnel_agg('5 s', m, at, kind = 'a', kind = 'b' AND value > 0, kind IN ('c', 'a')) AS level FROM ev GROUP BY c) a USING (c)
           WHERE window_funnel(t, ARRAY['a', 'b[value>0]', 'c|a']::event_pattern[], '5 s', m) <> a.level), 0::bigint, 'window_funnel_agg ' || m)
FROM unnest(ARRAY['', 'strict_order', 'strict_deduplication', 'strict_increase', 'strict_once']) m;

SELECT is((SELECT count(*) FROM tl JOIN (SELECT c, funnel_times_agg('5 s', m, at, kind = 'a', kind = 'b' AND value > 0, kind IN ('c', 'a')) AS times FROM ev GROUP BY c) a USING (c)
           WHERE funnel_times(t, ARRAY['a', 'b[value>0]', 'c|a']::event_pattern[], '5 s', m) IS DISTINCT FROM a.times), 0::bigint, 'funnel_times_agg ' || m)
FROM unnest(ARRAY['', 'strict_order', 'strict_deduplication', 'strict_increase', 'strict_once']) m;
SELECT is((SELECT funnel_times_agg('5 s', '', at, kind = 'a', kind = 'b') FROM ev WHERE c < 0), '{}'::timestamptz[], 'funnel_times_agg of nothing');

-- What a chain is, by definition: with strict_once of different events
CREATE FUNCTION pg_temp.defined_funnel(customer int, within interval, once boolean) RETURNS int LANGUAGE sql AS $$
    WITH RECURSIVE chain AS (
        SELECT step, at AS start, at, ARRAY[ord] AS used FROM step WHERE c = customer AND step = 1
        UNION
        SELECT s.step, chain.start, s.at, used || s.ord
        FROM chain JOIN step s ON s.c = customer AND s.step = chain.step + 1 AND s.at >= chain.at AND s.at <= chain.start + within
            AND NOT (once AND s.ord = ANY (used))
    )
    SELECT coalesce(max(step), 0) FROM chain;
$$;
SELECT is((SELECT count(*) FROM tl WHERE window_funnel(t, ARRAY['a', 'b[value>0]', 'c|a']::event_pattern[], '4 s') <> pg_temp.defined_funnel(c, '4 s', false)), 0::bigint, 'window_funnel by definition');
SELECT is((SELECT count(*) FROM tl WHERE window_funnel(t, ARRAY['a', 'b[value>0]', 'c|a']::event_pattern[], '4 s', 'strict_once') <> pg_temp.defined_funnel(c, '4 s', true)), 0::bigint, 'strict_once by definition');
SELECT is((SELECT count(*) FROM tl WHERE cardinality(funnel_times(t, ARRAY['a', 'b[value>0]', 'c|a']::event_pattern[], '5 s')) <> window_funnel(t, ARRAY['a', 'b[value>0]', 'c|a']::event_pattern[], '5 s')), 0::bigint, 'funnel_times has a time for each step reached');

-- Steps of one kind each, from a few events to many, beside window functions over the rows
CREATE TEMP TABLE wide AS
SELECT c, i AS ord, timestamptz '2026-01-01+00' + CASE WHEN random() < 0.5 THEN floor(random() * 2000) * interval '1 hour' ELSE random() * 2000 * interval '1 hour' END AS at,
       (ARRAY['a', 'a kind with a long name', 'a kind with a longer name', 'd', 'x'])[1 + floor(5 * random() ^ (1 + c % 3))] AS kind
FROM generate_series(1, 60) c, generate_series(1, 40000) i
WHERE i <= CASE c WHEN 60 THEN 40000 WHEN 59 THEN 33000 ELSE 1.8 ^ (c % 14) END;
CREATE TEMP TABLE wide_tl AS SELECT c, timeline_agg(at, kind ORDER BY at, ord) AS t FROM wide GROUP BY c;
CREATE FUNCTION pg_temp.wide_funnel(within interval) RETURNS TABLE (c int, level int) LANGUAGE sql AS $$
    WITH s0 AS (SELECT c, at, array_position('{a,a kind with a long name,a kind with a longer name,d}', kind) AS step FROM wide),
    s1 AS (SELECT *, max(at) FILTER (WHERE step = 1) OVER w AS c1 FROM s0 WINDOW w AS (PARTITION BY c ORDER BY at, step ROWS UNBOUNDED PRECEDING)),
    s2 AS (SELECT *, max(c1) FILTER (WHERE step = 2 AND at <= c1 + within) OVER w AS c2 FROM s1 WINDOW w AS (PARTITION BY c ORDER BY at, step ROWS UNBOUNDED PRECEDING)),
    s3 AS (SELECT *, max(c2) FILTER (WHERE step = 3 AND at <= c2 + within) OVER w AS c3 FROM s2 WINDOW w AS (PARTITION BY c ORDER BY at, step ROWS UNBOUNDED PRECEDING))
    SELECT c, max(CASE WHEN step = 4 AND at <= c3 + within THEN 4 WHEN step = 3 AND c3 IS NOT NULL THEN 3 WHEN step = 2 AND c2 IS NOT NULL THEN 2 WHEN step = 1 THEN 1 ELSE 0 END) FROM s3 GROUP BY c;
$$;
SELECT is((SELECT count(*) FROM wide_tl JOIN pg_temp.wide_funnel(w) f USING (c)
           WHERE window_funnel(t, ARRAY['a', '"a kind with a long name"', '"a kind with a longer name"', 'd']::event_pattern[], w) <> f.level), 0::bigint, 'window_funnel of plain kinds, ' || w)
FROM unnest(ARRAY['0', '90 minutes', '10 hours', '20 days', '2 months']::interval[]) w;

-- Sequences by definition: again and again the match that ends first
CREATE FUNCTION pg_temp.slow_sequence(customer int, predicates text[], gaps boolean[], checks text[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    after int := 0;
    found int := 0;
    ends int;
    q text := '';
BEGIN
    FOR i IN 1 .. cardinality(predicates) LOOP
        q := q || CASE WHEN i = 1 THEN ' FROM e e1' ELSE format(' JOIN e e%s ON e%1$s.n %s e%s.n %s AND (%s)', i,
                CASE WHEN gaps[i] THEN '>' ELSE '=' END, i - 1, CASE WHEN gaps[i] THEN '' ELSE '+ 1' END,
                replace(coalesce(checks[i], 'true'), 'dt', format('extract(epoch FROM e%s.at - e%s.at)', i, i - 1))) END;
    END LOOP;
    q := format('WITH e AS (SELECT kind, value, at, row_number() OVER (ORDER BY at, ord) AS n FROM ev WHERE c = %s AND kind IN (''a'', ''b'', ''c'')) SELECT min(e%s.n)%s WHERE e1.n > $1', customer, cardinality(predicates), q);
    FOR i IN 1 .. cardinality(predicates) LOOP
        q := q || format(' AND (%s)', replace(predicates[i], 'e.', format('e%s.', i)));
    END LOOP;
    LOOP
        EXECUTE q INTO ends USING after;
        EXIT WHEN ends IS NULL;
        after := ends;
        found := found + 1;
    END LOOP;
    RETURN found;
END
$$;
SELECT is((SELECT count(*) FROM tl WHERE c % 2 = 0 AND sequence_count(t, s, '{a,b,c}') <> pg_temp.slow_sequence(c, p, g, k)), 0::bigint, 'sequence_count ' || s)
FROM (VALUES ('(?1)(?2)', ARRAY['e.kind = ''a''', 'e.kind = ''b'''], ARRAY[true, false], ARRAY[NULL, NULL]),
             ('(?1).*(?2).*(?3)', ARRAY['e.kind = ''a''', 'e.kind = ''b''', 'e.kind = ''c'''], ARRAY[true, true, true], ARRAY[NULL, NULL, NULL]),
             ('(?1)(?t<=3)(?2)', ARRAY['e.kind = ''a''', 'e.kind = ''b'''], ARRAY[true, true], ARRAY[NULL, 'dt <= 3']),
             ('(?1)(?t>2)(?t<6)(?2)(?t==1)(?3)', ARRAY['e.kind = ''a''', 'e.kind = ''b''', 'e.kind = ''c'''], ARRAY[true, true, true], ARRAY[NULL, 'dt > 2 AND dt < 6', 'dt = 1']),
             ('(?1)(?t!=2)(?2)(?t!=1)(?t>=1)(?1)', ARRAY['e.kind = ''a''', 'e.kind = ''b''', 'e.kind = ''a'''], ARRAY[true, true, true], ARRAY[NULL, 'dt <> 2', 'dt <> 1 AND dt >= 1']),
             ('(?3).(?1)', ARRAY['e.kind = ''c''', 'true', 'e.kind = ''a'''], ARRAY[true, false, false], ARRAY[NULL, NULL, NULL])) v(s, p, g, k);
SELECT is((SELECT count(*) FROM tl WHERE sequence_match(t, s, '{a,b,c}') <> (sequence_count(t, s, '{a,b,c}') > 0)), 0::bigint, 'sequence_match ' || s)
FROM unnest(ARRAY['(?1)(?2)', '(?1)(?t>2)(?t<6)(?2)(?t==1)(?3)']) s;

-- Sessions and retention
SELECT is((SELECT count(*) FROM tl WHERE (SELECT array_agg((session, started_at, ended_at, event_count)::text ORDER BY session) FROM sessions(t, '3 s')) IS DISTINCT FROM
    (SELECT array_agg((n, s, e, k)::text ORDER BY n) FROM (
        SELECT n, min(at) AS s, max(at) AS e, count(*)::int AS k FROM (
            SELECT at, sum(new) OVER (ORDER BY at, ord)::int AS n FROM (
                SELECT at, ord, (lag(at) OVER (ORDER BY at, ord) IS NULL OR at - lag(at) OVER (ORDER BY at, ord) > interval '3 s')::int AS new FROM ev WHERE ev.c = tl.c) a) b GROUP BY n) d)),
    0::bigint, 'sessions');
SELECT is((SELECT count(*) FROM tl JOIN (SELECT c, sessions_agg('3 s', at, kind ORDER BY ord) AS rows FROM ev GROUP BY c) e USING (c)
           WHERE e.rows IS DISTINCT FROM (SELECT array_agg(s::text::session ORDER BY session) FROM sessions(t, '3 s') s)), 0::bigint, 'sessions of rows');
SELECT is((SELECT count(*) FROM tl JOIN (SELECT c, next_event_agg('a', 'b|c', at, kind ORDER BY ord) AS n, previous_event_agg('a', '*', at, kind ORDER BY ord) AS p FROM ev GROUP BY c) e USING (c)
           WHERE e.n::text <> coalesce((SELECT array_agg(s::text::neighbour) FROM next_event(t, 'a', 'b|c') s), '{}')::text
              OR e.p::text <> coalesce((SELECT array_agg(s::text::neighbour) FROM previous_event(t, 'a') s), '{}')::text), 0::bigint, 'neighbours of rows');
SELECT is((SELECT count(*) FROM tl JOIN (SELECT c, event_paths_agg('a|b', 4, '2 s', false, at, kind ORDER BY ord) AS n, event_paths_agg('c', 3, '3 s', true, at, kind ORDER BY ord) AS p FROM ev GROUP BY c) e USING (c)
           WHERE e.n::text <> coalesce((SELECT array_agg(s::text::event_path) FROM event_paths(t, 'a|b', 4, '2 s') s), '{}')::text
              OR e.p::text <> coalesce((SELECT array_agg(s::text::event_path) FROM event_paths(t, 'c', 3, '3 s', true) s), '{}')::text), 0::bigint, 'paths of rows');
SELECT cmp_ok((SELECT sum(cardinality(n)) FROM (SELECT event_paths_agg('a|b', 4, '2 s', false, at, kind ORDER BY ord) AS n FROM ev GROUP BY c) e), '>', 100::bigint, 'of which there are some');
SELECT throws_ok($$SELECT event_paths_agg('a', 0, '1 s', false, now(), 'a')$$, '22023', 'a path has between 1 and 100 steps, not 0', 'a path has steps');
SELECT throws_ok($$SELECT event_paths_agg('a', c, '1 s', false, at, kind) FROM ev WHERE c BETWEEN 1 AND 9$$, '22023', 'steps and direction of paths must not change within a group', 'as many for all rows');
SELECT throws_ok($$SELECT sessions_agg(NULL, now(), 'a')$$, '22004', NULL, 'a gap must be known');
SELECT throws_ok($$SELECT sessions_agg('-1 s', now(), 'a')$$, '22023', NULL, 'and not be negative');
SELECT is((SELECT sessions_agg('1 s', NULL::timestamptz, 'a')), '{}'::session[], 'rows without a time are left out');
SELECT is((SELECT count(*) FROM tl JOIN (SELECT c, bool_or(kind = 'a') AS a, bool_or(kind = 'a') AND bool_or(kind = 'd') AS d FROM ev GROUP BY c) e USING (c)
           WHERE retention(t, '{a,d}') <> ARRAY[e.a, e.d]), 0::bigint, 'retention');
SELECT is((SELECT count(*) FROM tl JOIN (SELECT c, retention_agg(kind = 'a', kind = 'd', kind = 'x' AND value = 1) AS r FROM ev GROUP BY c) e USING (c)
           WHERE retention(t, ARRAY['a', 'd', 'x[value=1]']::event_pattern[]) <> r), 0::bigint, 'retention_agg');
SELECT is((SELECT count(*) FROM (SELECT c, sequence_count_agg('(?1)(?t<=2)(?2)', at, kind = 'a', kind = 'b') AS n FROM (SELECT DISTINCT ON (c, at) * FROM ev ORDER BY c, at, ord) e GROUP BY c) s
           JOIN (SELECT c, timeline_agg(at, kind) AS t FROM (SELECT DISTINCT ON (c, at) * FROM ev ORDER BY c, at, ord) e GROUP BY c) x USING (c)
           WHERE n <> sequence_count(t, '(?1)(?t<=2)(?2)', '{a,b}')), 0::bigint, 'sequence_count_agg');

-- The ends of the calendar are further apart than a signed count of microseconds reaches.
CREATE TEMP TABLE ends_of_time AS SELECT timestamptz '4713-01-01 00:00+00 BC' AS at UNION ALL SELECT '294276-12-31 00:00+00';
SELECT is((SELECT sequence_count(timeline_agg(at, 'a'), '(?1)(?t>5)(?1)', '{a}') FROM ends_of_time), 1, 'a sequence from one end of time to the other');
SELECT is((SELECT sequence_count_agg('(?1)(?t>5)(?1)', at, true) FROM ends_of_time), 1, 'and over rows');
SELECT is((SELECT count(*) FROM sessions((SELECT timeline_agg(at, 'a') FROM ends_of_time))), 2::bigint, 'and two sessions');

-- The aggregates in parallel: rows of one group come from several processes, in any order.
CREATE TABLE rows_of AS SELECT * FROM ev;
ANALYZE rows_of;
CREATE FUNCTION pg_temp.sequences() RETURNS TABLE (c int, answer text) LANGUAGE sql STABLE AS $$
    SELECT c, concat_ws(' ', sequence_match_agg('(?1).*(?2).(?3)', at, kind = 'a', kind = 'b', value > 0), sequence_count_agg('(?1)(?t<=3)(?2)', at, kind = 'a', kind = 'b'),
        window_funnel_agg('5 s', 'strict_increase', at, kind = 'a', kind = 'b', kind IN ('c', 'a')), window_funnel_agg('5 s', '', at, kind = 'a', kind = 'b', kind IN ('c', 'a')),
        retention_agg(kind = 'a', kind = 'd'))
    FROM rows_of GROUP BY c $$;
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE serial AS SELECT * FROM pg_temp.sequences();
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION pg_temp.plan(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; all_lines text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || q LOOP all_lines := all_lines || line || E'\n'; END LOOP;
    RETURN all_lines;
END $$;
SELECT matches(pg_temp.plan('SELECT c, sequence_count_agg(''(?1)(?2)'', at, kind = ''a'', kind = ''b''), sequence_match_agg(''(?1)(?2)'', at, kind = ''a'', kind = ''b'') FROM rows_of GROUP BY c'),
    'Partial', 'sequences are found in parallel');
CREATE TEMP TABLE par AS SELECT * FROM pg_temp.sequences();
SELECT is((SELECT count(*) FROM serial FULL JOIN par USING (c) WHERE serial.answer IS DISTINCT FROM par.answer), 0::bigint, 'and are the same');
SELECT is((SELECT sequence_count_agg('(?1)(?2)', at, kind = 'a', kind = 'b') FROM rows_of WHERE c < 0), 0, 'no rows at all, combined');
SELECT is((SELECT sequence_match_agg('(?1)', at, kind = 'none') FROM rows_of), false, 'rows without any condition, combined');
SELECT throws_ok($$SELECT sequence_count_agg(CASE WHEN c = 7 THEN '(?1)' ELSE '(?2)' END, at, kind = 'a', kind = 'b') FROM rows_of$$, '22023', 'the sequence must not change within a group');
SELECT throws_ok($$SELECT window_funnel_agg(CASE WHEN c = 7 THEN interval '1 s' ELSE interval '2 s' END, '', at, kind = 'a', kind = 'b') FROM rows_of$$, '22023', 'the window of a funnel must not change');
SELECT throws_ok($$SELECT window_funnel_agg('1 s', CASE WHEN c = 7 THEN 'strict_order' ELSE '' END, at, kind = 'a', kind = 'b') FROM rows_of$$, '22023', 'the mode of a funnel must not change');
SELECT throws_ok($$SELECT sessions_agg(CASE WHEN c = 7 THEN interval '1 s' ELSE interval '2 s' END, at, kind) FROM rows_of$$, '22023', 'the gap between sessions must not change within a group');
SELECT throws_ok($$SELECT next_event_agg(CASE WHEN c = 7 THEN 'a' ELSE 'b' END::event_pattern, '*', at, kind) FROM rows_of$$, '22023', 'a pattern must not change within a group');
SELECT throws_ok($$SELECT sequence_count_agg('(?1)', at, VARIADIC CASE WHEN c = 7 THEN ARRAY[true] ELSE ARRAY[true, false] END) FROM rows_of$$, '22023', 'the number of conditions of a sequence must not change');
DROP TABLE rows_of;

SELECT * FROM finish();
