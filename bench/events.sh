# Events: storage, loading, counting in windows, a funnel, appending; beside
# plain SQL over a table sorted by customer and time, DuckDB and chDB.

say "generating $BENCH_EVENTS events of $BENCH_CUSTOMERS customers"
psql -qX -v ON_ERROR_STOP=1 -v events="$BENCH_EVENTS" -v customers="$BENCH_CUSTOMERS" -v seed="$BENCH_SEED" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION customer_data;
SELECT setseed(1.0 / (1 + :seed)) \g /dev/null
CREATE SCHEMA web;
-- Half the customers have a few events, some have many; products in Zipf proportion.
CREATE UNLOGGED TABLE web.generated AS
    SELECT 1 + floor(power(random(), 1.3) * :customers)::int AS customer,
           timestamptz '2026-01-01' + random() * interval '180 days' AS at,
           (ARRAY['view', 'view', 'view', 'view', 'view', 'view', 'search', 'search', 'cart', 'cart', 'checkout', 'purchase'])[1 + floor(random() * 12)] AS kind,
           round((random() * 200)::numeric, 2) AS amount,
           'p' || floor(exp(random() * ln(1000)))::int AS product
    FROM generate_series(1, :events);
CREATE TABLE web.event (id bigint GENERATED ALWAYS AS IDENTITY, customer int NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, amount numeric(10,2), product text,
    loaded_by xid8 DEFAULT pg_current_xact_id());
INSERT INTO web.event (customer, at, kind, amount, product) SELECT * FROM web.generated ORDER BY customer, at;
DROP TABLE web.generated;
CREATE INDEX ON web.event (customer, at);
CREATE INDEX ON web.event (loaded_by);
CREATE TABLE web.customer AS SELECT n AS customer, timestamptz '2025-12-20' + n * 7919::bigint % 17280000 * interval '1 second' AS registered FROM generate_series(1, :customers) n;
VACUUM (ANALYZE, FREEZE) web.event;
ANALYZE web.customer;
SELECT customer_data.add_source('web', 'web.customer', 'customer', '{"cookie_id": "customer::text"}', kind => 'anonymous') \g /dev/null
SELECT customer_data.add_event_source('web', 'web.event', 'web', 'customer', 'at', 'kind', value => 'amount', properties => '{"product": "product"}') \g /dev/null
SQL

say "first load"
psql -qXAt -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
SELECT bench.cpu() AS cpu \gset
SELECT format('loaded %s events of %s customers in %s s', events, customers, round(seconds::numeric, 1)) FROM customer_data.refresh_timelines();
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'first load, refresh_timelines()', format('%s (%s per CPU second)', round((count / seconds / 1000)::numeric), round((count / (bench.cpu() - :cpu) / 1000)::numeric)), 'thousand events/s', ''
FROM customer_data.event_source_state, (SELECT count(*) FROM web.event) c;
VACUUM (ANALYZE, FREEZE) customer_data.timeline_chunk;
VACUUM (ANALYZE, FREEZE) customer_data.source_record;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'stored timelines, TOAST included', round(pg_table_size('customer_data.timeline_chunk')::numeric / sum(event_count), 1), 'bytes/event',
       format('with keys and what refreshes need (%s events a customer)', round(avg(event_count)))
FROM customer_data.timeline_chunk;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'the same rows in a table', round(pg_table_size('web.event')::numeric / count(*), 1), 'bytes/event', '' FROM web.event;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'and its index on customer and time', round(pg_relation_size('web.event_customer_at_idx')::numeric / count(*), 1), 'bytes/event', '' FROM web.event;
SQL

now="'2026-06-30 00:00+00'"
asof="customer_data.as_of = $now"
path="search_path = customer_data, pg_catalog"
chunk="customer_data.timeline_chunk"

say "building timelines"
w="one aggregate per customer over all rows"
plain="SELECT count(n) FROM (SELECT count(*) AS n, sum(amount) AS s FROM web.event GROUP BY customer) x WHERE s IS NOT NULL"
built="SELECT count(n) FROM (SELECT event_total(timeline_columns_agg(at, kind, amount, 'product', product)) AS n FROM web.event GROUP BY customer) x WHERE n > 0"
parallel="max_parallel_workers_per_gather = 2;parallel_setup_cost = 0;parallel_tuple_cost = 0"
measure "$w" "plain SQL, count and sum" "$plain"
measure "$w" "plain SQL, count and sum as double precision" "${plain/sum(amount)/sum(amount::float8)}"
measure "$w" "timelines" "$built" "$path"
measure "$w" "timelines, no property" "SELECT count(n) FROM (SELECT event_total(timeline_agg(at, kind, amount)) AS n FROM web.event GROUP BY customer) x WHERE n > 0" "$path"
measure "$w" "plain SQL, count and sum, two workers" "$plain" "$parallel"
measure "$w" "timelines, two workers" "$built" "$path;$parallel"
compare "timeline_columns_agg with a property beside count and sum" "$w" "timelines" "plain SQL, count and sum" "at most 1.8"
compare "timeline_agg without a property beside count and sum" "$w" "timelines, no property" "plain SQL, count and sum" "at most 1.8"
compare "timeline_columns_agg with a property beside count and sum, two workers" "$w" "timelines, two workers" "plain SQL, count and sum, two workers" "at most 1.8"

say "storage"
# Neighbours put together, so that each customer has more events. What is measured is what shops
# have: microseconds, one event in ten at midnight, amounts with cents where something is paid, a
# property of 1,000 values or one of four.
psql -qX -v ON_ERROR_STOP=1 <<'SQL'
CREATE VIEW web.sample AS
    SELECT customer, CASE WHEN id % 10 = 0 THEN date_trunc('day', at) ELSE at END AS at, kind, CASE WHEN kind IN ('checkout', 'purchase') THEN amount END AS paid,
           amount AS priced, product, (ARRAY['web', 'app', 'shop', 'mail'])[1 + id % 4] AS channel
    FROM web.event;
SQL
# join_of EVENTS: how many customers make one of so many events
join_of() { local n=$(($1 * BENCH_CUSTOMERS / BENCH_EVENTS)); echo $((n > 0 ? n : 1)); }
# store EVENTS VALUE PROPERTY LABEL [AIM]: the bytes of a table of timelines
store() {
	psql -qXAt -v ON_ERROR_STOP=1 -v value="$2" -v property="$3" -v label="$4" -v aim="${5:+at most $5}" -v join="$(join_of "$1")" <<'SQL'
SET client_min_messages = warning;
SET search_path = customer_data, pg_catalog;
CREATE TABLE web.stored AS SELECT customer / :join AS customer, timeline_columns_agg(at, kind, :value, :'property', :property) AS events FROM web.sample GROUP BY 1;
VACUUM (ANALYZE, FREEZE) web.stored;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT format('a table of timelines of %s events each, %s', round(avg(event_total(events))), :'label'), round(pg_table_size('web.stored')::numeric / sum(event_total(events)), 1), 'bytes/event', :'aim'
FROM web.stored;
DROP TABLE web.stored;
SQL
}
store 20 paid product "a product of 1,000" 20
store 100 paid product "a product of 1,000" 11
store 5000 paid product "a product of 1,000" 7
store 20 paid channel "a channel of four" 16
store 100 paid channel "a channel of four" 9
store 5000 paid channel "a channel of four" 6
for per in 20 100 5000; do
	store $per priced product "a product of 1,000, a price on views and searches, too"
	store $per priced channel "a channel of four, a price on views and searches, too"
done
for per in 20 100 200 5000; do
	psql -qXAt -v ON_ERROR_STOP=1 -v table="web.per_$per" -v join="$(join_of $per)" <<'SQL'
SET client_min_messages = warning;
CREATE TABLE :table AS SELECT customer / :join AS customer, customer_data.timeline_columns_agg(at, kind, amount, 'product', product) AS events FROM web.event GROUP BY 1;
VACUUM (ANALYZE, FREEZE) :table;
SQL
done

say "counting in windows"
w="events counted, last 30 days"
measure "$w" "plain SQL" "SELECT count(*) FROM web.event WHERE kind = 'view' AND at > timestamptz $now - interval '30 days' AND at <= $now"
measure "$w" "timelines" "SELECT sum(event_count(events, 'view', last => '30 days')) FROM $chunk" "$path;$asof"
w="bought nothing in 60 days"
measure "$w" "plain SQL" "SELECT (SELECT count(DISTINCT customer) FROM web.event) - count(*) FROM (SELECT customer FROM web.event WHERE kind = 'purchase' AND at > timestamptz $now - interval '60 days' AND at <= $now GROUP BY 1) x"
measure "$w" "plain SQL, one pass" "SELECT count(*) FROM (SELECT customer FROM web.event GROUP BY customer HAVING NOT bool_or(kind = 'purchase' AND at > timestamptz $now - interval '60 days' AND at <= $now)) x"
measure "$w" "timelines" "SELECT count(*) FROM $chunk WHERE NOT happened(events, 'purchase', last => '60 days')" "$path;$asof"
w="viewed one product within 30 days, never bought it"
measure "$w" "plain SQL" "SELECT count(*) FROM (SELECT DISTINCT customer FROM web.event e WHERE kind = 'view' AND product = 'p1' AND at > timestamptz $now - interval '30 days' AND at <= $now
	AND NOT EXISTS (SELECT FROM web.event p WHERE p.customer = e.customer AND p.kind = 'purchase' AND p.product = 'p1' AND p.at <= $now)) x"
measure "$w" "timelines" "SELECT count(*) FROM $chunk WHERE happened(events, 'view[product=p1]', last => '30 days') AND NOT happened(timeline_cut(events, as_of()), 'purchase[product=p1]')" "$path;$asof"
w="viewed within a week of registering, bought none"
psql -qX -v ON_ERROR_STOP=1 -c "CREATE TABLE web.profile AS SELECT c.customer, c.registered, p.events FROM web.customer c JOIN web.per_20 p USING (customer)" -c "VACUUM (ANALYZE, FREEZE) web.profile"
measure "$w" "plain SQL" "SELECT count(*) FROM (SELECT customer FROM web.event JOIN web.customer USING (customer) WHERE at >= registered AND at < registered + interval '7 days' GROUP BY customer HAVING bool_or(kind = 'view') AND NOT bool_or(kind = 'purchase')) x"
measure "$w" "timelines" "SELECT count(*) FROM web.profile WHERE happened(events, 'view', since => registered, until => registered + interval '7 days') AND NOT happened(events, 'purchase', since => registered, until => registered + interval '7 days')" "$path"
w="events counted at 100 a customer, last 30 days"
measure "$w" "timelines" "SELECT sum(event_count(events, 'view', last => '30 days')) FROM web.per_100" "$path;$asof"
measure "$w" "plain SQL" "SELECT count(*) FROM web.event WHERE kind = 'view' AND at > timestamptz $now - interval '30 days' AND at <= $now"
w="sum of purchases, to the cent"
measure "$w" "plain SQL" "SELECT round(sum(amount), 2) FROM web.event WHERE kind = 'purchase'"
measure "$w" "timelines" "SELECT round(sum(event_sum(events, 'purchase')::numeric(12,2)), 2) FROM $chunk" "$path"

say "funnel"
w="funnel of four steps in seven days"
measure "$w" "plain SQL" "SELECT concat_ws(',', count(*) FILTER (WHERE s >= 1), count(*) FILTER (WHERE s >= 2), count(*) FILTER (WHERE s >= 3), count(*) FILTER (WHERE s >= 4)) FROM (
	SELECT customer, max(CASE WHEN kind = 'purchase' AND at - c3 <= interval '7 days' THEN 4 WHEN kind = 'checkout' AND at - c2 <= interval '7 days' THEN 3
		WHEN kind = 'cart' AND at - c1 <= interval '7 days' THEN 2 WHEN kind = 'view' THEN 1 ELSE 0 END) AS s FROM (
	SELECT *, max(CASE WHEN kind = 'checkout' AND at - c2 <= interval '7 days' THEN c2 END) OVER w AS c3 FROM (
	SELECT *, max(CASE WHEN kind = 'cart' AND at - c1 <= interval '7 days' THEN c1 END) OVER w AS c2 FROM (
	SELECT customer, at, kind, max(CASE WHEN kind = 'view' THEN at END) OVER w AS c1 FROM web.event WHERE kind IN ('view', 'cart', 'checkout', 'purchase')
	WINDOW w AS (PARTITION BY customer ORDER BY at ROWS UNBOUNDED PRECEDING)) a
	WINDOW w AS (PARTITION BY customer ORDER BY at ROWS UNBOUNDED PRECEDING)) b
	WINDOW w AS (PARTITION BY customer ORDER BY at ROWS UNBOUNDED PRECEDING)) c GROUP BY customer) d"
measure "$w" "timelines" "SELECT concat_ws(',', count(*) FILTER (WHERE s >= 1), count(*) FILTER (WHERE s >= 2), count(*) FILTER (WHERE s >= 3), count(*) FILTER (WHERE s >= 4))
	FROM (SELECT window_funnel(events, '{view,cart,checkout,purchase}', '7 days') AS s FROM $chunk OFFSET 0) x" "$path"
measure "$w" "timelines, funnel_report()" "SELECT string_agg(customers::text, ',' ORDER BY step) FROM funnel_report('{view,cart,checkout,purchase}', within => '7 days')" "$path"
w="events by day and product"
measure "$w" "plain SQL" "SELECT concat_ws(',', count(*), sum(n), sum(c)) FROM (SELECT date_trunc('day', at), product, count(*) AS n, count(DISTINCT customer) AS c FROM web.event WHERE kind = 'purchase' GROUP BY 1, 2) x"
measure "$w" "timelines" "SELECT concat_ws(',', count(*), sum(events), sum(customers)) FROM event_report('purchase', property => 'product')" "$path"

if [ -n "$peer_python" ]; then
	say "peers"
	psql -qXc "\copy (SELECT customer, (extract(epoch FROM at) * 1000000)::bigint AS at, kind, amount, product FROM web.event ORDER BY customer, at) TO '$work/events.csv' CSV"
	"$peer_python" "$project/bench/events_peers.py" "$work" "$BENCH_RUNS" >"$work/peers.out" 2>"$work/peers.err" || { tail -n 5 "$work/peers.err"; say "a peer failed and is left out"; }
	psql -qX -v ON_ERROR_STOP=1 -c "\copy bench.result (what, engine, seconds, cpu, answer) FROM '$work/peers.out' WITH (DELIMITER E'\t')"
	rm -f "$work/events.csv"
fi

w="funnel of four steps in seven days"
compare "funnel: the fastest plain SQL beside timelines" "$w" "plain SQL%" "timelines" "at least 60"
compare "funnel: DuckDB on one thread beside timelines" "$w" "DuckDB, 1 thread" "timelines" "at least 20"
compare "funnel: chDB on one thread beside timelines" "$w" "chDB, 1 thread" "timelines" "at least 5"
compare "funnel: chDB on two threads beside timelines on one" "$w" "chDB, 2 threads" "timelines" "at least 2"
w="bought nothing in 60 days"
compare "no purchase in 60 days: the fastest plain SQL beside timelines" "$w" "plain SQL%" "timelines" "at least 9"
compare "no purchase in 60 days: chDB on one thread beside timelines" "$w" "chDB, 1 thread" "timelines" ""
compare "no purchase in 60 days: chDB on two threads beside timelines on one" "$w" "chDB, 2 threads" "timelines" ""
w="viewed within a week of registering, bought none"
compare "$w: plain SQL beside timelines" "$w" "plain SQL%" "timelines" "at least 14"
psql -qXAt -v ON_ERROR_STOP=1 -v events="$BENCH_EVENTS" <<'SQL'
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT r.what || ', rows read and all', format('%s (by CPU %s)', round((:events / seconds / 1e6)::numeric), coalesce(round((:events / nullif(cpu, 0) / 1e6)::numeric)::text, 'too short to tell')),
       'M events/s', CASE WHEN r.what LIKE '%at 100%' THEN 'at least 150' ELSE '' END
FROM bench.result r WHERE engine = 'timelines' AND (r.what LIKE 'events counted%' OR r.what LIKE 'funnel%');
-- What || takes for one later event, beyond reading both sides: joined with nothing a timeline is read and left as it is.
-- Both are asked by turns, so that they meet the machine as it is; the median of the differences counts, by the clock of one process.
CREATE FUNCTION bench.append(per int, most text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    added customer_data.timeline[] := ARRAY['', '2027-01-01 view value=1 {"product": "p1"}'];
    n     bigint;
    t0    timestamptz;
    taken float8[] := '{0,0}';
    more  float8[] := '{}';
BEGIN
    EXECUTE format('SELECT count(*) FROM web.per_%s', per) INTO n;
    FOR i IN 0 .. greatest(20, 400000 / n) LOOP
        FOR k IN 1 .. 2 LOOP
            t0 := clock_timestamp();
            EXECUTE format('SELECT sum(customer_data.event_total(events OPERATOR(customer_data.||) $1)) FROM web.per_%s', per) USING added[k];
            taken[k] := extract(epoch FROM clock_timestamp() - t0);
        END LOOP;
        more := CASE WHEN i > 0 THEN more || (taken[2] - taken[1]) ELSE more END;
    END LOOP;
    INSERT INTO bench.figure (what, figure, unit, aim)
    SELECT format('appending one event to a timeline of %s', per), round((percentile_cont(0.5) WITHIN GROUP (ORDER BY d) * 1e6 / n)::numeric, 2), 'µs', most
    FROM unnest(more) AS d;
END $$;
SELECT bench.append(200, 'at most 0.5') \g /dev/null
SELECT bench.append(5000, 'at most 2') \g /dev/null
DROP VIEW web.sample;
DROP TABLE web.per_20, web.per_100, web.per_200, web.per_5000, web.profile;
SQL

say "appending"
psql -qXAt -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
-- The same rows with the same indexes, to insert into without the extension.
CREATE TABLE web.twin (LIKE web.event INCLUDING ALL);
INSERT INTO web.twin (customer, at, kind, amount, product) SELECT customer, at, kind, amount, product FROM web.event;
CREATE TABLE web.batch AS
    SELECT 1 + floor(random() * (SELECT count(*) FROM web.customer) * 0.43)::int AS customer, timestamptz '2026-07-01' + random() * interval '1 day' AS at, 'view' AS kind,
           round((random() * 200)::numeric, 2) AS amount, 'p' || floor(exp(random() * ln(1000)))::int AS product
    FROM generate_series(1, 100000);
CHECKPOINT;
CREATE FUNCTION bench.spend(query text, OUT seconds numeric, OUT cpu numeric, OUT wal numeric) LANGUAGE plpgsql AS $$
DECLARE t0 timestamptz := clock_timestamp(); c0 float8 := bench.cpu(); w0 pg_lsn := pg_current_wal_insert_lsn();
BEGIN
    EXECUTE query;
    seconds := round(extract(epoch FROM clock_timestamp() - t0), 3);
    cpu := round((bench.cpu() - c0)::numeric, 2);
    wal := round((pg_current_wal_insert_lsn() - w0) / 1048576.0, 1);
END $$;
CREATE TABLE bench.spent (what text, seconds numeric, cpu numeric, wal numeric);
INSERT INTO bench.spent SELECT 'insert', * FROM bench.spend('INSERT INTO web.twin (customer, at, kind, amount, product) SELECT * FROM web.batch');
INSERT INTO web.event (customer, at, kind, amount, product) SELECT * FROM web.batch;
INSERT INTO bench.spent SELECT 'refresh', * FROM bench.spend('SELECT * FROM customer_data.refresh_timelines()');
-- Ten more such batches, each of them compacting a share of what those before it left; medians count.
CREATE PROCEDURE bench.batches(n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        UPDATE web.batch SET at = at + interval '1 day';
        COMMIT;
        INSERT INTO bench.spent SELECT 'insert', * FROM bench.spend('INSERT INTO web.twin (customer, at, kind, amount, product) SELECT * FROM web.batch');
        INSERT INTO web.event (customer, at, kind, amount, product) SELECT * FROM web.batch;
        COMMIT;
        INSERT INTO bench.spent SELECT 'refresh', * FROM bench.spend('SELECT * FROM customer_data.refresh_timelines()');
        COMMIT;
    END LOOP;
END $$;
CALL bench.batches(10);
INSERT INTO bench.spent SELECT 'compact', * FROM bench.spend('SELECT customer_data.compact_timelines()');
CREATE VIEW bench.usual AS
    SELECT what, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)::numeric AS seconds, percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu)::numeric AS cpu,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY wal)::numeric AS wal, max(seconds) AS slowest
    FROM bench.spent GROUP BY what;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT CASE u.what WHEN 'insert' THEN format('100,000 new events of %s customers: INSERT into a table with two indexes, of 11', (SELECT count(DISTINCT customer) FROM web.batch))
                   WHEN 'refresh' THEN 'the same by refresh_timelines(), of 11' ELSE 'compaction of what that left behind, apart' END,
       format('%s s (slowest %s), %s CPU s, %s MB of WAL', round(u.seconds, 3), u.slowest, round(u.cpu, 2), round(u.wal, 1)),
       format('%s times the INSERT (by CPU %s)', round(u.seconds / i.seconds, 2), round(u.cpu / i.cpu, 2)),
       CASE u.what WHEN 'refresh' THEN 'at most 3 times' ELSE '' END
FROM bench.usual u, bench.usual i WHERE i.what = 'insert' ORDER BY u.what = 'compact', u.what;
-- One new event for a customer of 1,000 and for one of 100,000.
INSERT INTO web.event (customer, at, kind, amount) SELECT 2000000001, timestamptz '2026-01-01' + n * interval '1 minute', 'view', 1 FROM generate_series(1, 1000) n;
INSERT INTO web.event (customer, at, kind, amount) SELECT 2000000002, timestamptz '2026-01-01' + n * interval '1 minute', 'view', 1 FROM generate_series(1, 100000) n;
SELECT count(*) FROM customer_data.refresh_timelines() \g /dev/null
VACUUM ANALYZE customer_data.timeline_chunk;
VACUUM ANALYZE customer_data.source_record;
VACUUM ANALYZE web.event;
-- By turns, so that what the machine does else falls on both alike.
CREATE PROCEDURE bench.append_one() LANGUAGE plpgsql AS $$
DECLARE t0 timestamptz; who int;
BEGIN
    CREATE TEMP TABLE one_more (who int, ms float8);
    FOR i IN 1 .. 82 LOOP
        who := 2000000001 + i % 2;
        INSERT INTO web.event (customer, at, kind, amount) VALUES (who, timestamptz '2026-07-02' + i * interval '1 minute', 'view', 1);
        COMMIT;
        t0 := clock_timestamp();
        PERFORM customer_data.refresh_timelines();
        INSERT INTO one_more VALUES (who, extract(epoch FROM clock_timestamp() - t0) * 1000);
        COMMIT;
    END LOOP;
    INSERT INTO bench.figure (what, figure, unit, aim)
    SELECT 'one event more for a customer of ' || CASE o.who WHEN 2000000001 THEN '1,000' ELSE '100,000' END,
           round((percentile_cont(0.5) WITHIN GROUP (ORDER BY o.ms))::numeric, 1), 'ms a refresh, median of 41', 'no slower for the long history'
    FROM one_more o GROUP BY o.who ORDER BY o.who;
END $$;
CALL bench.append_one();
SQL
