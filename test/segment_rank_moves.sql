-- Thresholds that move with a few customers, up and down: whoever is above is
-- found among those known to be, and the members are those that plain SQL ranks.
\set QUIET on
SET client_min_messages = warning;
SET search_path = public, customer_data;
SET TimeZone = 'UTC';
SELECT plan(5);
\ir include/seed.sql

CREATE TABLE contact (id int PRIMARY KEY, city text);
CREATE TABLE purchase (contact int PRIMARY KEY, at timestamptz NOT NULL, amount numeric NOT NULL);
INSERT INTO contact SELECT i, CASE WHEN random() < 0.5 THEN 'east' ELSE 'west' END FROM generate_series(1, 400) i;
INSERT INTO purchase SELECT i, '2026-02-01', floor(random() * 100) FROM generate_series(1, 400) i;
SELECT add_source('crm', 'public.contact', 'id', '{"city": "city"}', one_to_one => true) IS NOT NULL AS done \gset
SELECT add_event_source('shop', 'public.purchase', 'crm', 'contact', 'at', $$'purchase'$$, value => 'amount', mode => 'trigger') IS NOT NULL AS done \gset
SELECT count(*) FROM resolve() \g /dev/null
SELECT add_segment('east', $$city = 'east'$$) \g /dev/null
SELECT add_segment('top ' || p, format('monetary >= top_percent(''monetary'', %s)', p)),
       add_segment('top of east ' || p, format('monetary >= top_percent(''monetary'', %s, among => ''city = ''''east'''''')', p))
FROM unnest('{1,3,8,40}'::int[]) p \g /dev/null

-- Whom plain SQL finds in the highest percent, and whoever ties with the last of them, of all or of the east.
CREATE FUNCTION plain(p int, place text) RETURNS text LANGUAGE sql AS $$
    WITH spent AS (SELECT c.id, c.city, p.amount::float8 AS amount FROM contact c JOIN purchase p ON p.contact = c.id),
    ranked AS (SELECT amount, row_number() OVER (ORDER BY amount DESC) AS n, count(*) OVER () AS total FROM spent WHERE city = place OR place IS NULL)
    SELECT string_agg(id::text, ' ' ORDER BY id) FROM spent
    WHERE amount >= (SELECT amount FROM ranked WHERE n = greatest(1, ceil(total * p / 100.0)))
$$;
CREATE FUNCTION kept(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(r.key, ' ' ORDER BY r.key::int) FROM members(segment_members($1)) m(id) JOIN source_record r ON r.customer_id = m.id
$$;
CREATE TABLE seen (step int, percent int, place text, before float8, after float8, same boolean);
CREATE PROCEDURE play(steps int) LANGUAGE plpgsql AS $$
DECLARE
    direction int;
BEGIN
    FOR step IN 1 .. steps LOOP
        direction := 1 - 2 * (step / 5 % 2);
        -- Mostly those near the top, by fractions, so that thresholds move a little.
        UPDATE purchase SET amount = amount + direction * floor(random() * 40) / 4
        WHERE contact IN (SELECT p.contact FROM purchase p ORDER BY p.amount * (0.7 + 0.3 * random()) DESC LIMIT 5);
        CREATE TEMP TABLE old AS SELECT * FROM condition_threshold;
        PERFORM refresh_timelines();
        PERFORM refresh_metrics();
        PERFORM touch('segment', take_touched('tag'));
        PERFORM refresh_conditions(false, timestamptz '2026-03-01' + step * interval '1 minute');
        INSERT INTO seen
        SELECT step, t.percent, CASE WHEN t.population_id IS NOT NULL THEN 'east' END, o.value, t.value,
               kept(CASE WHEN t.population_id IS NULL THEN 'top ' ELSE 'top of east ' END || t.percent) = plain(t.percent::int, CASE WHEN t.population_id IS NOT NULL THEN 'east' END)
        FROM condition_threshold t LEFT JOIN old o USING (threshold_id);
        DROP TABLE old;
    END LOOP;
END
$$;
CALL play(40);
SELECT is((SELECT string_agg(format('step %s, %s percent of %s', step, percent, coalesce(place, 'all')), '; ' ORDER BY step, percent) FROM seen WHERE same IS NOT TRUE), NULL,
          'members are those that plain SQL ranks highest, after each of ' || (SELECT count(*) FROM seen) || ' moves; seed ' || :'seed');
SELECT cmp_ok((SELECT count(*) FROM seen WHERE after > before AND percent < 9 AND place IS NULL), '>=', 5::bigint, 'some thresholds of few moved up');
SELECT cmp_ok((SELECT count(*) FROM seen WHERE after > before AND percent < 9 AND place = 'east'), '>=', 5::bigint, 'of a population, too');
SELECT cmp_ok((SELECT count(*) FROM seen WHERE after < before AND percent < 9), '>=', 5::bigint, 'some moved down');
SELECT is((SELECT string_agg(threshold_id::text, ' ') FROM condition_rank k JOIN condition_threshold h USING (threshold_id)
           WHERE h.population_id IS NULL
               AND (k.above <> (SELECT coalesce(customer_set_agg(customer_id), '{}') FROM profile WHERE monetary > h.value)
                    OR k.reached <> (SELECT customer_set_agg(customer_id) FROM profile WHERE monetary >= h.value))), NULL,
          'and who lies above each is known');
SELECT * FROM finish();
