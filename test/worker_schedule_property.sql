-- Schedules against a slow and obvious twin in SQL: random cron expressions in
-- zones with daylight-saving changes, around those changes; random intervals;
-- random and mutated texts, which are refused or understood and never more.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SELECT plan(5);
\ir include/seed.sql
SELECT CASE WHEN current_setting('test.long', true) = 'on' THEN 3000 ELSE 80 END AS cases \gset
SET TimeZone = 'UTC';

-- A random field: its text and the values it means.
CREATE FUNCTION pick(low int, high int) RETURNS int LANGUAGE sql VOLATILE AS $$
    SELECT low + floor(random() * (high - low + 1))::int $$;
CREATE FUNCTION element(low int, high int, OUT t text, OUT v int[]) LANGUAGE plpgsql AS $$
DECLARE
    a int := pick(low, high);
    b int := pick(a, high);
    s int := pick(1, greatest(1, (high - low) / 2));
BEGIN
    CASE pick(1, 5)
        WHEN 1 THEN t := a; v := ARRAY[a];
        WHEN 2 THEN t := a || '-' || b; v := ARRAY(SELECT generate_series(a, b));
        WHEN 3 THEN t := a || '-' || b || '/' || s; v := ARRAY(SELECT generate_series(a, b, s));
        WHEN 4 THEN t := '*/' || s; v := ARRAY(SELECT generate_series(low, high, s));
        ELSE t := a || '/' || s; v := ARRAY(SELECT generate_series(a, high, s));
    END CASE;
END $$;
CREATE FUNCTION field(low int, high int, star float, OUT t text, OUT v int[]) LANGUAGE plpgsql AS $$
DECLARE
    e record;
BEGIN
    IF random() < star THEN
        t := '*'; v := ARRAY(SELECT generate_series(low, high)); RETURN;
    END IF;
    v := '{}';
    FOR i IN 1 .. pick(1, 2) LOOP
        SELECT * INTO e FROM element(low, high);
        t := concat_ws(',', t, e.t); v := v || e.v;
    END LOOP;
END $$;

-- The twin: local clock times of the calendar, each at the first minute that
-- shows it, or at the first after the gap that swallows it; where the hour is
-- *, every minute that passes.
CREATE FUNCTION twin(mi int[], ho int[], every_hour boolean, dm int[], dm_star boolean, mo int[], dw int[], dw_star boolean,
                     since timestamptz, zone text, n int) RETURNS timestamptz[] LANGUAGE sql AS $$
    WITH wanted AS (
        SELECT l AS local, l AT TIME ZONE zone AS guess
        FROM generate_series(date_trunc('day', since AT TIME ZONE zone) - interval '1 day',
                             (since AT TIME ZONE zone) + interval '22 days', interval '1 minute') l
        WHERE extract(minute FROM l) = ANY (mi) AND extract(hour FROM l) = ANY (ho) AND extract(month FROM l) = ANY (mo)
          AND CASE WHEN dm_star OR dw_star THEN extract(day FROM l) = ANY (dm) AND extract(dow FROM l) = ANY (dw)
                   ELSE extract(day FROM l) = ANY (dm) OR extract(dow FROM l) = ANY (dw) END
    ), boundary AS (
        SELECT b, (b - interval '1 minute') AT TIME ZONE zone AS before, b AT TIME ZONE zone AS after
        FROM generate_series(date_trunc('hour', since) - interval '3 days', since + interval '23 days', interval '30 minutes') b
        WHERE (b AT TIME ZONE zone) <> ((b - interval '1 minute') AT TIME ZONE zone) + interval '1 minute'
    ), moment AS (
        -- it exists: at its first showing, or at both where every hour counts
        SELECT u AS m FROM wanted w, LATERAL (VALUES (guess), (guess - interval '1 hour'), (guess - interval '30 minutes'),
                                                     (guess + interval '1 hour'), (guess + interval '30 minutes')) v(u)
        WHERE u AT TIME ZONE zone = w.local
          AND (every_hour OR NOT EXISTS (SELECT FROM boundary b WHERE b.after < b.before AND w.local >= b.after AND w.local <= b.before AND u >= b.b))
        UNION
        -- it is swallowed: at the end of the gap
        SELECT b.b FROM wanted w JOIN boundary b ON w.local > b.before AND w.local < b.after WHERE NOT every_hour
    )
    SELECT array_agg(m ORDER BY m) FROM (SELECT m FROM moment WHERE m > since ORDER BY m LIMIT n) f $$;

CREATE TABLE cases AS
SELECT i, z.zone, z.around + (random() * 6 - 4) * interval '1 day' AS since,
       mi.t || ' ' || ho.t || ' ' || dm.t || ' ' || mo.t || ' ' || dw.t AS cron,
       mi.v AS mi, ho.v AS ho, ho.t = '*' AS every_hour, dm.v AS dm, dm.t LIKE '*%' AS dm_star, mo.v AS mo,
       dw.v AS dw, dw.t LIKE '*%' AS dw_star
FROM generate_series(1, :cases) i,
     LATERAL (SELECT * FROM (VALUES ('America/New_York', '2026-03-08 07:00+00'::timestamptz), ('America/New_York', '2026-11-01 06:00+00'),
                                    ('Europe/Berlin', '2026-03-29 01:00+00'), ('Europe/Berlin', '2026-10-25 01:00+00'),
                                    ('Australia/Lord_Howe', '2026-10-03 15:30+00'), ('Australia/Lord_Howe', '2026-04-04 15:00+00'),
                                    ('Pacific/Apia', '2011-12-30 10:00+00'), ('Asia/Taipei', '2026-02-28 16:00+00'),
                                    ('America/Santiago', '2026-09-06 04:00+00'), ('UTC', '2028-02-28 00:00+00')) v(zone, around)
              ORDER BY random() + i * 0 LIMIT 1) z,
     LATERAL (SELECT * FROM field(0, 59, 0.1 + i * 0)) mi, LATERAL (SELECT * FROM field(0, 23, 0.4 + i * 0)) ho,
     LATERAL (SELECT * FROM field(1, 31, 0.6 + i * 0)) dm, LATERAL (SELECT * FROM field(1, 12, 0.9 + i * 0)) mo,
     LATERAL (SELECT * FROM field(0, 6, 0.6 + i * 0)) dw;
SELECT is_empty($q$
    SELECT c.cron, c.zone, c.since, t.want, h.have
    FROM cases c,
         LATERAL (SELECT twin(mi, ho, every_hour, dm, dm_star, mo, dw, dw_star, since, zone, 6) AS want) t,
         LATERAL (SELECT array_agg(x ORDER BY x) AS have FROM customer_data.next_runs(c.cron, 6, c.since, c.zone) x
                  WHERE x <= c.since + interval '20 days') h
    WHERE coalesce(h.have, '{}') IS DISTINCT FROM
          coalesce((SELECT array_agg(w ORDER BY w) FROM unnest(t.want) w WHERE w <= c.since + interval '20 days'), '{}')
      AND EXISTS (SELECT FROM unnest(c.mo) m, unnest(c.dm) d WHERE d <= 28 OR NOT c.dw_star OR m <> 2)
$q$, 'random cron expressions agree with the twin, also across changes of daylight-saving time');

-- Intervals, where no clock time is skipped.
SELECT is_empty($q$
    SELECT e, s, n, x
    FROM generate_series(1, 300) i,
         LATERAL (SELECT make_interval(months => CASE WHEN random() < 0.3 THEN pick(0, 14) ELSE 0 END,
                                       days => CASE WHEN random() < 0.5 THEN pick(0, 40) ELSE 0 END, secs => pick(1, 200000) + i * 0) AS e,
                         timestamptz '2026-01-31 10:20:30.5+00' + random() * interval '400 days' AS s) c,
         LATERAL customer_data.next_runs(c.e::text, 4, c.s, 'UTC') WITH ORDINALITY r(x, n)
    WHERE x <> s + n * e
$q$, 'random intervals count from their anchor');
SELECT is(ARRAY(SELECT customer_data.next_runs('1 month', 5, '2026-01-31 12:00+01', 'Europe/Berlin'))::text[],
          ARRAY(SELECT ((timestamp '2026-01-31 12:00' + n * interval '1 month') AT TIME ZONE 'Europe/Berlin') FROM generate_series(1, 5) n)::text[],
          'a month''s end does not wander');

-- Texts: noise, and good texts with a letter changed.
CREATE FUNCTION try(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM customer_data.next_runs(t, 2, '2026-01-01');
    RETURN 'good';
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN CASE WHEN SQLERRM ~ '^(invalid schedule|interval) ' THEN 'refused' ELSE SQLERRM END;
END $$;
CREATE FUNCTION noise() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(string_agg(substr('0123456789*/,-LjanmonhourdyseciQ@ 漢é?#', pick(1, 40), 1), ''), '')
    FROM generate_series(1, pick(0, 25)) $$;
CREATE TABLE noise AS
SELECT CASE i % 3
    WHEN 0 THEN noise()
    WHEN 1 THEN overlay((ARRAY['*/5 * * * *', '0 9 * * mon-fri', '30 2 L jan,jul 5L', '90 seconds', '@daily', '1 day 02:00'])[pick(1, 6) + i * 0]
                        PLACING chr(pick(33, 126)) FROM pick(1, 12) FOR pick(0, 2))
    ELSE (ARRAY['*/5 * * * *', '0 9 * * mon-fri', '30 2 L jan,jul 5L', '90 seconds', '@daily', ' 1 day 02:00 '])[pick(1, 6) + i * 0] END AS t
FROM generate_series(1, 30000) i;
SELECT is_empty($q$SELECT t, try(t) FROM noise WHERE try(t) NOT IN ('good', 'refused')$q$,
                'any text is understood or refused with its place');
SELECT cmp_ok((SELECT count(*) FROM noise WHERE try(t) = 'good'), '>=', 10000::bigint, 'a third of them and more are good');
SELECT * FROM finish();
