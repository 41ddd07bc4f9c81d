"""The questions of bench/events.sh put to DuckDB and embedded ClickHouse (chDB).

One thread each; data loaded before the clock starts, sorted by customer and
time.  Prints what, engine, median seconds, median CPU seconds and the answer,
separated by tabs.
"""
import statistics
import sys
import time

folder, runs = sys.argv[1], int(sys.argv[2])
now = "2026-06-30 00:00:00"
FUNNEL = "funnel of four steps in seven days"
IDLE = "bought nothing in 60 days"
WINDOW = "events counted, last 30 days"
PRODUCT = "viewed one product within 30 days, never bought it"
DAYS = "events by day and product"


def measure(what, engine, ask):
    seconds, cpu, answer = [], [], None
    for i in range(runs + 1):
        t, c = time.perf_counter(), time.process_time()
        answer = ask()
        if i:
            seconds.append(time.perf_counter() - t)
            cpu.append(time.process_time() - c)
    print(what, engine, statistics.median(seconds), statistics.median(cpu), answer, sep="\t", flush=True)


def duck():
    import duckdb

    db = duckdb.connect()
    db.execute("SET threads = 1")
    db.execute("SET TimeZone = 'UTC'")
    db.execute(f"""CREATE TABLE event AS SELECT column0 AS customer, make_timestamp(column1) AS ts, column2 AS kind, column3 AS amount, column4 AS product
        FROM read_csv('{folder}/events.csv', header = false, columns = {{'column0': 'INTEGER', 'column1': 'BIGINT', 'column2': 'VARCHAR',
        'column3': 'DECIMAL(10,2)', 'column4': 'VARCHAR'}})""")

    def one(query):
        return lambda: db.execute(query).fetchone()[0]

    w = "PARTITION BY customer ORDER BY ts ROWS UNBOUNDED PRECEDING"
    week = "INTERVAL 7 DAY"
    measure(WINDOW, "DuckDB, 1 thread", one(f"SELECT count(*) FROM event WHERE kind = 'view' AND ts > TIMESTAMP '{now}' - INTERVAL 30 DAY AND ts <= '{now}'"))
    measure(IDLE, "DuckDB, 1 thread", one(f"""SELECT count(*) FROM (SELECT customer FROM event GROUP BY customer
        HAVING NOT bool_or(kind = 'purchase' AND ts > TIMESTAMP '{now}' - INTERVAL 60 DAY AND ts <= '{now}'))"""))
    measure(PRODUCT, "DuckDB, 1 thread", one(f"""SELECT count(*) FROM (SELECT DISTINCT customer FROM event WHERE kind = 'view' AND product = 'p1'
        AND ts > TIMESTAMP '{now}' - INTERVAL 30 DAY AND ts <= '{now}') v
        WHERE customer NOT IN (SELECT customer FROM event WHERE kind = 'purchase' AND product = 'p1' AND ts <= '{now}')"""))
    measure(FUNNEL, "DuckDB, 1 thread", one(f"""SELECT concat_ws(',', count(*) FILTER (WHERE s >= 1), count(*) FILTER (WHERE s >= 2),
        count(*) FILTER (WHERE s >= 3), count(*) FILTER (WHERE s >= 4)) FROM (
        SELECT customer, max(CASE WHEN kind = 'purchase' AND ts - c3 <= {week} THEN 4 WHEN kind = 'checkout' AND ts - c2 <= {week} THEN 3
            WHEN kind = 'cart' AND ts - c1 <= {week} THEN 2 WHEN kind = 'view' THEN 1 ELSE 0 END) AS s FROM (
        SELECT *, max(CASE WHEN kind = 'checkout' AND ts - c2 <= {week} THEN c2 END) OVER ({w}) AS c3 FROM (
        SELECT *, max(CASE WHEN kind = 'cart' AND ts - c1 <= {week} THEN c1 END) OVER ({w}) AS c2 FROM (
        SELECT customer, ts, kind, max(CASE WHEN kind = 'view' THEN ts END) OVER ({w}) AS c1
        FROM event WHERE kind IN ('view', 'cart', 'checkout', 'purchase')))) GROUP BY customer)"""))
    measure(DAYS, "DuckDB, 1 thread", one("""SELECT concat_ws(',', count(*), sum(n)::BIGINT, sum(c)::BIGINT) FROM (SELECT date_trunc('day', ts), product, count(*) AS n,
        count(DISTINCT customer) AS c FROM event WHERE kind = 'purchase' GROUP BY 1, 2)"""))
    db.close()


def click():
    from chdb import session

    db = session.Session(f"{folder}/chdb")
    db.query("CREATE DATABASE IF NOT EXISTS b ENGINE = Atomic")
    db.query("CREATE TABLE b.event (customer UInt32, at DateTime64(6, 'UTC'), kind LowCardinality(String), amount Decimal(10,2), product LowCardinality(String)) "
             "ENGINE = MergeTree ORDER BY (customer, at)")
    db.query(f"INSERT INTO b.event SELECT c1, fromUnixTimestamp64Micro(toInt64(c2), 'UTC'), c3, c4, c5 FROM file('{folder}/events.csv', CSV, "
             "'c1 UInt32, c2 Int64, c3 String, c4 Decimal(10,2), c5 String')")
    db.query("OPTIMIZE TABLE b.event FINAL")

    for threads in (1, 2):
        engine = f"chDB, {threads} thread" + ("s" if threads > 1 else "")

        def one(query):
            full = query + f" SETTINGS max_threads = {threads}"
            return lambda: str(db.query(full, "TabSeparated")).strip()

        last = f"toDateTime64('{now}', 6, 'UTC')"
        measure(WINDOW, engine, one(f"SELECT count() FROM b.event WHERE kind = 'view' AND at > {last} - INTERVAL 30 DAY AND at <= {last}"))
        measure(IDLE, engine, one(f"""SELECT count() FROM (SELECT customer FROM b.event GROUP BY customer
            HAVING NOT max(kind = 'purchase' AND at > {last} - INTERVAL 60 DAY AND at <= {last}))"""))
        measure(FUNNEL, engine, one("""SELECT concat(toString(countIf(s >= 1)), ',', toString(countIf(s >= 2)), ',', toString(countIf(s >= 3)), ',', toString(countIf(s >= 4)))
            FROM (SELECT customer, windowFunnel(604800000000)(toUInt64(toUnixTimestamp64Micro(at)), kind = 'view', kind = 'cart', kind = 'checkout', kind = 'purchase') AS s
            FROM b.event GROUP BY customer)"""))
        measure(DAYS, engine, one("""SELECT concat(toString(count()), ',', toString(sum(n)), ',', toString(sum(c))) FROM (SELECT toStartOfDay(at) AS d, product, count() AS n,
            uniqExact(customer) AS c FROM b.event WHERE kind = 'purchase' GROUP BY d, product)"""))
    db.close()


failed = False
for engine in (duck, click):
    try:
        engine()
    except Exception as e:  # the other one still runs
        failed = True
        print(f"{engine.__name__}: {e}", file=sys.stderr)
sys.exit(failed)
