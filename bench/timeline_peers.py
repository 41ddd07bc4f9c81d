"""bench/timeline_peers.py FILE: the questions of bench/timeline.sh to DuckDB and chDB, one thread each.

Prints who, what, milliseconds (best of three) and the answer, separated by tabs.
"""
import sys
import time

FILE = sys.argv[1]
NOW = 1767139200  # 2025-12-31 00:00 UTC, in seconds as the file has them
DAY = 86400


def best(run):
    times, answer = [], None
    for _ in range(3):
        began = time.perf_counter()
        answer = run()
        times.append(time.perf_counter() - began)
    return 1000 * min(times), answer


def tell(whose, what, run, show=str):
    ms, answer = best(run)
    print(whose, what, f"{ms:.3f}", show(answer), sep="\t", flush=True)


FUNNEL = f"""
WITH x AS (SELECT c, moment, CASE kind WHEN 'view' THEN 1 WHEN 'cart' THEN 2 WHEN 'purchase' THEN 3 ELSE 4 END AS step FROM e),
a AS (SELECT *, max(CASE WHEN step = 1 THEN moment END) OVER (PARTITION BY c ORDER BY moment, step ROWS UNBOUNDED PRECEDING) AS s1 FROM x),
b AS (SELECT *, max(CASE WHEN step = 2 AND moment <= s1 + {7 * DAY} THEN s1 END) OVER (PARTITION BY c ORDER BY moment, step ROWS UNBOUNDED PRECEDING) AS s2 FROM a),
d AS (SELECT *, max(CASE WHEN step = 3 AND moment <= s2 + {7 * DAY} THEN s2 END) OVER (PARTITION BY c ORDER BY moment, step ROWS UNBOUNDED PRECEDING) AS s3 FROM b)
SELECT l, count(*) FROM (
    SELECT c, coalesce(max(CASE WHEN step = 4 AND moment <= s3 + {7 * DAY} THEN 4 WHEN step = 3 AND moment <= s2 + {7 * DAY} THEN 3
        WHEN step = 2 AND moment <= s1 + {7 * DAY} THEN 2 WHEN step = 1 THEN 1 END), 0) AS l FROM d GROUP BY c) s
GROUP BY l ORDER BY l"""
IDLE = f"SELECT count(*) FROM (SELECT c FROM e GROUP BY c HAVING max(CASE WHEN kind = 'purchase' AND moment > {NOW - 60 * DAY} AND moment <= {NOW} THEN 1 ELSE 0 END) = 0) s"
COUNT = "SELECT count(*) FROM e WHERE kind = 'purchase'"


def levels(rows):
    return " ".join(f"{level}:{n}" for level, n in rows)


try:
    import duckdb
except ImportError:
    print("no module duckdb", file=sys.stderr)
else:
    db = duckdb.connect()
    db.execute("SET threads = 1")
    db.execute(f"CREATE TABLE e AS SELECT * FROM read_csv('{FILE}') ORDER BY c, moment")
    one = lambda q: lambda: db.execute(q).fetchone()[0]
    tell("DuckDB", "event_count, everything", one(COUNT))
    tell("DuckDB", "no purchase in 60 days", one(IDLE))
    tell("DuckDB", "four-step funnel, 7 days", lambda: db.execute(FUNNEL).fetchall(), levels)

try:
    from chdb import session
except ImportError:
    print("no module chdb", file=sys.stderr)
else:
    ch = session.Session()
    ch.query("CREATE TABLE default.e (c UInt64, moment UInt64, kind LowCardinality(String), value Nullable(Float64), product LowCardinality(String)) ENGINE = MergeTree ORDER BY (c, moment)")
    ch.query(f"INSERT INTO default.e SELECT * FROM file('{FILE}', CSVWithNames)")
    ch.query("OPTIMIZE TABLE default.e FINAL")
    ask = lambda q: lambda: str(ch.query(q + " SETTINGS max_threads = 1", "TSV"))
    tell("chDB", "event_count, everything", ask(COUNT.replace("FROM e", "FROM default.e")), str.strip)
    tell("chDB", "no purchase in 60 days", ask(IDLE.replace("FROM e", "FROM default.e")), str.strip)
    tell("chDB", "four-step funnel, 7 days",
         ask(f"SELECT l, count() FROM (SELECT windowFunnel({7 * DAY})(moment, kind = 'view', kind = 'cart', kind = 'purchase', kind = 'refund') AS l FROM default.e GROUP BY c) GROUP BY l ORDER BY l"),
         lambda text: levels(line.split("\t") for line in text.strip().split("\n")))
