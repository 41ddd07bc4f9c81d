# Portrait: tag queries beside jsonb and a normalised table; decayed scores and
# affinities beside plain SQL, first for everyone, then after 1 % changed.
# --customers counts those with tags; the --events belong to half as many.
# BENCH_PART=tags or scores runs only one of the two.

q() { psql -qXAt -v ON_ERROR_STOP=1 "$@"; }

if [ "${BENCH_PART:-tags}" = tags ]; then
say "tags: $BENCH_CUSTOMERS customers with 30 of 300 tags each"
q -v customers="$BENCH_CUSTOMERS" -v seed="$BENCH_SEED" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS customer_data;
SELECT setseed(1.0 / (1 + :seed)) \g /dev/null
CREATE SCHEMA crm;
CREATE TABLE crm.customer AS SELECT n AS customer FROM generate_series(1, :customers) n;
SELECT customer_data.add_source('crm', 'crm.customer', 'customer', '{"cookie_id": "customer::text"}', kind => 'anonymous') \g /dev/null
SELECT customer_data.resolve() \g /dev/null
SELECT customer_data.rebuild_profile() \g /dev/null
CREATE TABLE crm.tag_name (tag_id int PRIMARY KEY, path text NOT NULL);
INSERT INTO crm.tag_name
SELECT n, (ARRAY['interest.outdoor.', 'interest.home.', 'industry.retail.', 'industry.manufacturing.', 'behaviour.web.', 'lifecycle.'])[1 + n % 6]
          || (ARRAY['camping', 'climbing', 'furniture', 'kitchen', 'fashion', 'grocery', 'machinery', 'newsletter', 'checkout', 'loyal'])[1 + n / 6 % 10]
          || CASE WHEN n / 60 > 0 THEN '-' || n / 60 ELSE '' END
FROM generate_series(0, 299) n;
-- Thirty different tags each, those with small numbers more often; scores with two decimals.
CREATE UNLOGGED TABLE crm.drawn AS
SELECT customer_id, tag_id, min(score) AS score FROM (
    SELECT c::bigint AS customer_id, floor(300 * power((k + random()) / 30, 2.2))::int + k % 2 AS tag_id,
           CASE WHEN k % 3 = 0 THEN 1 ELSE round(random()::numeric, 2) END::real AS score
    FROM generate_series(1, :customers) c, generate_series(0, 29) k) d
GROUP BY 1, 2;
-- Numbers for the paths, those used most first, as a refresh of tags gives them.
SELECT customer_data.number_tags(ARRAY(SELECT n.path FROM crm.drawn d JOIN crm.tag_name n USING (tag_id) GROUP BY 1 ORDER BY count(*) DESC)) \g /dev/null
CREATE TABLE crm.tagset AS
SELECT d.customer_id, customer_data.tagset_agg(n.path, d.score::float8, NULL, NULL, NULL) AS tags FROM crm.drawn d JOIN crm.tag_name n USING (tag_id) GROUP BY 1 ORDER BY 1;
CREATE TABLE crm.document AS
SELECT d.customer_id, jsonb_object_agg(n.path, d.score) AS tags FROM crm.drawn d JOIN crm.tag_name n USING (tag_id) GROUP BY 1 ORDER BY 1;
CREATE TABLE crm.has_tag AS SELECT customer_id, tag_id, score FROM crm.drawn ORDER BY 1, 2;
DROP TABLE crm.drawn;
-- Where a refresh puts tags, and the index by tag that it keeps.
INSERT INTO customer_data.customer_tag SELECT customer_id, tags FROM crm.tagset ORDER BY 1;
SELECT customer_data.rebuild_tag_index() \g /dev/null
ALTER TABLE crm.tagset ADD PRIMARY KEY (customer_id);
ALTER TABLE crm.document ADD PRIMARY KEY (customer_id);
ALTER TABLE crm.has_tag ADD PRIMARY KEY (customer_id, tag_id);
CREATE INDEX ON crm.tagset USING gin (tags);
CREATE INDEX ON crm.document USING gin (tags);
CREATE INDEX ON crm.has_tag (tag_id, score, customer_id);
VACUUM (ANALYZE, FREEZE) crm.tagset;
VACUUM (ANALYZE, FREEZE) customer_data.customer_tag;
VACUUM (ANALYZE, FREEZE) customer_data.tag_posting;
VACUUM (ANALYZE, FREEZE) crm.document;
VACUUM (ANALYZE, FREEZE) crm.has_tag;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'tags a customer', round(count(*)::numeric / count(DISTINCT customer_id), 1), '', '30' FROM crm.has_tag;
INSERT INTO bench.figure (what, figure, unit, aim)
WITH size AS (
    SELECT what, sum(pg_table_size(r)) AS tables, sum(pg_indexes_size(r)) AS indexes, sum(pg_total_relation_size(r)) AS total, min(n) AS n
    FROM (VALUES (1, 'customer_tag and the index by tag', 'customer_data.customer_tag'::regclass), (1, 'customer_tag and the index by tag', 'customer_data.tag_posting'),
                 (1, 'customer_tag and the index by tag', 'customer_data.tag_layer'), (2, 'tagset with GIN', 'crm.tagset'),
                 (3, 'jsonb with GIN', 'crm.document'), (4, 'normalised with two indexes', 'crm.has_tag')) w(n, what, r) GROUP BY 1)
SELECT 'tags, ' || s.what, round(s.total / 1e6)::text, format('MB: tables %s, indexes %s', round(s.tables / 1e6), round(s.indexes / 1e6)),
       CASE WHEN s.n > 2 THEN format('ours takes %s %%; aim at most 33 %%', round(100.0 * o.total / s.total)) ELSE '' END
FROM size s, size o WHERE o.n = 1 ORDER BY s.n;
SQL

# Through the index by tag; and beside it through a GIN index on tagsets, by
# index only, as the peers' planners find no better way.
t() {
	measure "$1" "timelines" "SELECT cardinality(tag_members('$2'))" "search_path = customer_data, pg_catalog"
	echo "$1: $(q -c "SET search_path = customer_data, pg_catalog" -c "SET enable_seqscan = off" -c "EXPLAIN (COSTS OFF) SELECT count(*) FROM crm.tagset WHERE tags @@ '$2'" | tr -s ' \n' ' ')"
	measure "$1" "tagset with GIN" "SELECT count(*) FROM crm.tagset WHERE tags @@ '$2'" "search_path = customer_data, pg_catalog;enable_seqscan = off"
}
j() { measure "$1" "jsonb" "SELECT count(*) FROM crm.document WHERE $2"; measure "$1" "jsonb, by index" "SELECT count(*) FROM crm.document WHERE $2" "enable_seqscan = off"; }
id() { q -c "SELECT tag_id FROM crm.tag_name WHERE path = '$1'"; }
has() { echo "SELECT customer_id FROM crm.has_tag WHERE tag_id = $(id "$1")${2:+ AND score $2}"; }

vip=industry.retail.furniture outdoor=interest.outdoor.camping camping=interest.home.climbing lapsed=industry.manufacturing.camping
rare1=behaviour.web.loyal-4 rare2=lifecycle.checkout-3
w="vip & (outdoor>0.5 | camping>0.3) & !lapsed"
t "$w" "$vip & ($outdoor>0.5 | $camping>0.3) & !$lapsed"
j "$w" "tags ? '$vip' AND (tags ? '$outdoor' AND (tags->>'$outdoor')::real > 0.5::real OR tags ? '$camping' AND (tags->>'$camping')::real > 0.3::real) AND NOT tags ? '$lapsed'"
measure "$w" "normalised" "SELECT count(*) FROM (($(has $vip)) INTERSECT ($(has $outdoor '> 0.5::real') UNION $(has $camping '> 0.3::real')) EXCEPT ($(has $lapsed))) x"
measure "$w" "normalised, EXISTS" "SELECT count(*) FROM crm.has_tag v WHERE v.tag_id = $(id $vip) AND EXISTS (SELECT FROM crm.has_tag o WHERE o.customer_id = v.customer_id AND (o.tag_id = $(id $outdoor) AND o.score > 0.5::real OR o.tag_id = $(id $camping) AND o.score > 0.3::real)) AND NOT EXISTS (SELECT FROM crm.has_tag l WHERE l.customer_id = v.customer_id AND l.tag_id = $(id $lapsed))"
w="vip & outdoor>=0.8 & !lapsed & rare"
t "$w" "$vip & $outdoor>=0.8 & !$lapsed & $rare1"
j "$w" "tags ?& ARRAY['$vip', '$outdoor', '$rare1'] AND (tags->>'$outdoor')::real >= 0.8::real AND NOT tags ? '$lapsed'"
measure "$w" "normalised" "SELECT count(*) FROM (($(has $vip)) INTERSECT ($(has $outdoor '>= 0.8::real')) INTERSECT ($(has $rare1)) EXCEPT ($(has $lapsed))) x"
w="two rare tags"
t "$w" "$rare1 & $rare2"
j "$w" "tags ?& ARRAY['$rare1', '$rare2']"
measure "$w" "normalised" "SELECT count(*) FROM crm.has_tag a JOIN crm.has_tag b USING (customer_id) WHERE a.tag_id = $(id $rare1) AND b.tag_id = $(id $rare2)"
w="any of a branch & vip & !lapsed"
t "$w" "interest.outdoor.* & $vip & !$lapsed"
j "$w" "tags ? '$vip' AND NOT tags ? '$lapsed' AND tags ?| (SELECT array_agg(path) FROM crm.tag_name WHERE path LIKE 'interest.outdoor.%')"
measure "$w" "normalised" "SELECT count(*) FROM (($(has $vip)) INTERSECT (SELECT customer_id FROM crm.has_tag WHERE tag_id IN (SELECT tag_id FROM crm.tag_name WHERE path LIKE 'interest.outdoor.%')) EXCEPT ($(has $lapsed))) x"
w="the same, who they are"
measure "$w" "timelines" "SELECT count(*) || ', ' || sum(m) FROM members(tag_members('interest.outdoor.* & $vip & !$lapsed')) m" "search_path = customer_data, pg_catalog"
j_ids="tags ? '$vip' AND NOT tags ? '$lapsed' AND tags ?| (SELECT array_agg(path) FROM crm.tag_name WHERE path LIKE 'interest.outdoor.%')"
measure "$w" "jsonb" "SELECT count(*) || ', ' || sum(customer_id) FROM crm.document WHERE $j_ids"
measure "$w" "normalised" "SELECT count(*) || ', ' || sum(customer_id) FROM (($(has $vip)) INTERSECT (SELECT customer_id FROM crm.has_tag WHERE tag_id IN (SELECT tag_id FROM crm.tag_name WHERE path LIKE 'interest.outdoor.%')) EXCEPT ($(has $lapsed))) x"
w="one frequent tag"
t "$w" "$vip"
j "$w" "tags ? '$vip'"
measure "$w" "normalised" "SELECT count(*) FROM ($(has $vip)) x"
w="one frequent tag over a score"
t "$w" "$vip>0.5"
j "$w" "tags ? '$vip' AND (tags->>'$vip')::real > 0.5::real"
measure "$w" "normalised" "SELECT count(*) FROM ($(has $vip '> 0.5::real')) x"
w="either of two tags"
t "$w" "$vip | $rare1"
j "$w" "tags ?| ARRAY['$vip', '$rare1']"
measure "$w" "normalised" "SELECT count(DISTINCT customer_id) FROM crm.has_tag WHERE tag_id IN ($(id $vip), $(id $rare1))"
w="vip & !lapsed"
t "$w" "$vip & !$lapsed"
j "$w" "tags ? '$vip' AND NOT tags ? '$lapsed'"
measure "$w" "normalised" "SELECT count(*) FROM crm.has_tag v WHERE v.tag_id = $(id $vip) AND NOT EXISTS (SELECT FROM crm.has_tag l WHERE l.customer_id = v.customer_id AND l.tag_id = $(id $lapsed))"
w="any of a branch"
t "$w" "lifecycle.*"
j "$w" "tags ?| (SELECT array_agg(path) FROM crm.tag_name WHERE path LIKE 'lifecycle.%')"
measure "$w" "normalised" "SELECT count(DISTINCT customer_id) FROM crm.has_tag WHERE tag_id IN (SELECT tag_id FROM crm.tag_name WHERE path LIKE 'lifecycle.%')"
w="without a tag"
t "$w" "!$vip"
j "$w" "NOT tags ? '$vip'"
measure "$w" "normalised" "SELECT count(*) FROM crm.customer c WHERE NOT EXISTS (SELECT FROM crm.has_tag v WHERE v.tag_id = $(id $vip) AND v.customer_id = c.customer)"
w="one rare tag over a score"
t "$w" "$rare1>0.8"
j "$w" "tags ? '$rare1' AND (tags->>'$rare1')::real > 0.8::real"
measure "$w" "normalised" "SELECT count(*) FROM ($(has $rare1 '> 0.8::real')) x"
q <<'SQL'
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT what, string_agg(format('%s %s', engine, round((seconds / mine)::numeric, 1)), ', ' ORDER BY engine), 'times as long as tagsets', '5'
FROM (SELECT r.*, min(seconds) FILTER (WHERE engine = 'timelines') OVER (PARTITION BY what) AS mine FROM bench.result r) x
WHERE engine <> 'timelines' AND mine IS NOT NULL AND engine ~ 'jsonb|normalised' GROUP BY what;
SET client_min_messages = warning;
DROP SCHEMA crm CASCADE;
DROP EXTENSION customer_data CASCADE;
SQL
fi

[ "${BENCH_PART:-scores}" = scores ] || exit 0

customers=$((BENCH_CUSTOMERS / 2))
say "scores: 25 decayed ones and affinities to 25 categories for $customers customers from $BENCH_EVENTS events"
q -v events="$BENCH_EVENTS" -v customers="$customers" -v seed="$BENCH_SEED" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION customer_data;
SELECT setseed(1.0 / (1 + :seed)) \g /dev/null
CREATE SCHEMA shop;
CREATE TABLE shop.customer AS SELECT n AS customer FROM generate_series(1, :customers) n;
CREATE TABLE shop.event AS
    SELECT row_number() OVER () AS id, 1 + floor(power(random(), 1.3) * :customers)::int AS customer,
           date_trunc('second', now() - random() * interval '180 days') AS at,
           (ARRAY['view', 'view', 'view', 'view', 'cart', 'purchase'])[1 + floor(random() * 6)] AS kind,
           'c' || floor(exp(random() * ln(25)))::int AS category, pg_current_xact_id() AS loaded_by
    FROM generate_series(1, :events);
INSERT INTO shop.event SELECT :events + 1, 1, now() - interval '1 day', 'view', 'c25', pg_current_xact_id();
ALTER TABLE shop.event ALTER loaded_by SET DEFAULT pg_current_xact_id();
CREATE INDEX ON shop.event (customer, at);
CREATE INDEX ON shop.event (loaded_by);
VACUUM (ANALYZE, FREEZE) shop.event;
ANALYZE shop.customer;
SELECT customer_data.add_source('shop', 'shop.customer', 'customer', '{"cookie_id": "customer::text"}', kind => 'anonymous') \g /dev/null
SELECT customer_data.add_event_source('shop', 'shop.event', 'shop', 'customer', 'at', 'kind', properties => '{"category": "category"}') \g /dev/null
SELECT customer_data.resolve() \g /dev/null
SELECT customer_data.refresh_timelines() \g /dev/null
SELECT customer_data.refresh_metrics() \g /dev/null
SELECT customer_data.add_tag(format('interest.c%s', n), format($x$decayed_sum(events, '*[category=c%s]', '30 days')$x$, n), 'behaviour', half_life => '30 days') FROM generate_series(1, 25) n \g /dev/null
SELECT customer_data.add_tag('taste', $$affinity(events, '*', 'category', prior => 3, top => 25)$$, 'affinity') \g /dev/null
VACUUM (ANALYZE) customer_data.timeline_chunk;
VACUUM (ANALYZE) customer_data.source_record;
VACUUM (ANALYZE) customer_data.customer;
SQL
# What an application would write for those concerned.  This is the kindest plain
# SQL: one grouping serves all tags, as they happen to ask for one property.  It
# ends where refresh_tags() does: scores are stored, and found by customer and by
# tag.  Both are asked about one moment in the end.
moment=$(q -c "SELECT now()")
plain() {
	echo "INSERT INTO shop.score (customer, tag, score, at)
SELECT customer, 'interest.' || category, decayed, timestamptz '$moment' FROM shop.fresh WHERE decayed >= 0.01
UNION ALL SELECT customer, 'taste.' || category, n / (total + 3.0), timestamptz '$moment' FROM shop.fresh"
}
fresh() {
	echo "CREATE UNLOGGED TABLE shop.fresh AS
SELECT customer, category, sum(CASE WHEN true THEN power(2, -extract(epoch FROM timestamptz '$moment' - at)::float8 / 86400 / 30) END) AS decayed,
       count(*) AS n, sum(count(*)) OVER (PARTITION BY customer)::float8 AS total
FROM shop.event WHERE at <= '$moment' ${1:-} GROUP BY customer, category"
}
# spent STATEMENTS: "seconds CPU-seconds" of some statements in one session
spent() {
	q <<SQL
SET work_mem = '1GB';
SET maintenance_work_mem = '1GB';
SET client_min_messages = warning;
SELECT clock_timestamp() AS begun, bench.cpu() AS cpu \gset
\o /dev/null
$1
\o
SELECT extract(epoch FROM clock_timestamp() - :'begun'::timestamptz), bench.cpu() - :cpu;
SQL
}
IFS='|' read -r first_sql first_sql_cpu < <(spent "CREATE TABLE shop.score (customer int, tag text, score real, at timestamptz);
$(fresh);
$(plain);
ALTER TABLE shop.score ADD PRIMARY KEY (customer, tag);")
IFS='|' read -r index_sql index_sql_cpu < <(spent "CREATE INDEX ON shop.score (tag, score, customer);")
IFS='|' read -r first first_cpu < <(spent "SELECT customer_data.refresh_tags();")
q -v sql="$first_sql" -v sql_cpu="$first_sql_cpu" -v index_sql="$index_sql" -v index_sql_cpu="$index_sql_cpu" \
	-v mine="$first" -v mine_cpu="$first_cpu" -v moment="$moment" <<'SQL'
-- Scores that are about to expire may have done so between the two.
SET customer_data.as_of = :'moment';
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT '50 scores of everyone, first time', e.engine, e.seconds, e.cpu, e.answer
FROM (VALUES (1, 'timelines', :mine::float8, :mine_cpu::float8, (SELECT format('%s tags, sum %s', count(*), round(sum(g.score_now)::numeric, -2))
                                            FROM customer_data.customer_tag c, customer_data.tags(c.tags) g WHERE g.score_now >= 0.0101)),
             (2, 'plain SQL', :sql::float8 + :index_sql, :sql_cpu::float8 + :index_sql_cpu,
              (SELECT format('%s tags, sum %s', count(*), round(sum(s.score::float8)::numeric, -2)) FROM shop.score s WHERE s.score >= 0.0101))) e(n, engine, seconds, cpu, answer) ORDER BY n;
RESET customer_data.as_of;
INSERT INTO bench.result (what, engine, seconds, cpu, answer) VALUES ('plain SQL''s index by tag, of that', 'plain SQL', :index_sql, :index_sql_cpu, '');
INSERT INTO bench.figure (what, figure, unit, aim) VALUES
    ('50 scores, plain SQL / refresh_tags()', round(((:sql_cpu + :index_sql_cpu) / :mine_cpu)::numeric, 1), 'times, by CPU', '15');
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'scores and what finds them by tag', round((pg_total_relation_size('customer_data.customer_tag') + pg_total_relation_size('customer_data.tag_posting')) / 1e6),
       format('MB, plain SQL %s', round(pg_total_relation_size('shop.score') / 1e6)), '';
VACUUM (ANALYZE) customer_data.tag_posting;
VACUUM (ANALYZE) customer_data.customer_tag;
VACUUM (ANALYZE) shop.score;
SQL
say "1 % of the customers change"
q -v customers="$customers" <<'SQL'
INSERT INTO shop.event (id, customer, at, kind, category)
SELECT 2000000000 + n, n * 100, now(), 'view', 'c' || 1 + n % 25 FROM generate_series(1, :customers / 100) n;
SELECT customer_data.refresh_timelines() \g /dev/null
SELECT customer_data.refresh_metrics() \g /dev/null
SQL
moment=$(q -c "SELECT now()")
IFS='|' read -r again again_cpu < <(spent "SELECT customer_data.refresh_tags();")
IFS='|' read -r again_sql again_sql_cpu < <(spent "DROP TABLE shop.fresh;
$(fresh "AND customer IN (SELECT n * 100 FROM generate_series(1, $customers / 100) n)");
DELETE FROM shop.score s USING (SELECT DISTINCT customer FROM shop.fresh) f WHERE s.customer = f.customer;
$(plain);")
# The same again with other customers each time, in one session that stays open; its
# first round counts like the others, and so does putting layers of the index by tag together.
rounds=$((BENCH_RUNS < 5 ? 5 : BENCH_RUNS))
for r in $(seq 1 $rounds); do
	cat <<SQL
INSERT INTO shop.event (id, customer, at, kind, category)
SELECT 2100000000 + $r * 1000000 + n, n * 100 - $r, now(), 'view', 'c' || 1 + n % 25 FROM generate_series(1, $customers / 100) n;
SELECT customer_data.refresh_timelines() \\g /dev/null
SELECT customer_data.refresh_metrics() \\g /dev/null
SELECT clock_timestamp() AS begun, bench.cpu() AS cpu \\gset
SELECT customer_data.refresh_tags() \\g /dev/null
INSERT INTO bench.round SELECT extract(epoch FROM clock_timestamp() - :'begun'::timestamptz), bench.cpu() - :cpu;
SQL
done | q -c 'CREATE TABLE bench.round (seconds float8, cpu float8)' -f -
IFS='|' read -r full full_cpu < <(spent "SELECT customer_data.refresh_tags(rebuild => true);")
q -v sql="$again_sql" -v sql_cpu="$again_sql_cpu" -v mine="$again" -v mine_cpu="$again_cpu" -v full="$full" -v full_cpu="$full_cpu" -v first_cpu="$first_cpu" <<'SQL'
INSERT INTO bench.result (what, engine, seconds, cpu, answer) VALUES
    ('50 scores after 1 % changed', 'timelines', :mine, :mine_cpu, ''), ('50 scores after 1 % changed', 'plain SQL, those customers', :sql, :sql_cpu, ''),
    ('50 scores of everyone again', 'timelines', :full, :full_cpu, '');
INSERT INTO bench.figure (what, figure, unit, aim) VALUES
    ('refresh after 1 % changed, in a new session, / first', round((100 * :mine_cpu / :first_cpu)::numeric, 1), '% of the CPU seconds', '4'),
    ('refresh after 1 % changed, in a new session, / everyone again', round((100 * :mine_cpu / :full_cpu)::numeric, 1), '% of the CPU seconds', '4');
INSERT INTO bench.result (what, engine, seconds, cpu, answer)
SELECT '50 scores after 1 % changed', format('timelines, median of %s rounds in one session', count(*)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.seconds), percentile_cont(0.5) WITHIN GROUP (ORDER BY r.cpu), '' FROM bench.round r;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT format('refresh after 1 %% changed, median of %s rounds in one session, / %s', count(*), t.what),
       round((100 * percentile_cont(0.5) WITHIN GROUP (ORDER BY r.cpu) / t.cpu)::numeric, 1),
       format('%% of the CPU seconds (%s to %s)', round((100 * min(r.cpu) / t.cpu)::numeric, 1), round((100 * max(r.cpu) / t.cpu)::numeric, 1)), '4'
FROM bench.round r, (VALUES ('first', :first_cpu::float8), ('everyone again', :full_cpu)) t(what, cpu) GROUP BY t.what, t.cpu ORDER BY 1 DESC;
DROP TABLE bench.round;
DROP SCHEMA shop CASCADE;
SQL
