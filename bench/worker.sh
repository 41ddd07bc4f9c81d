#!/usr/bin/env bash
# bench/worker.sh: how promptly, how surely and at what cost jobs are started.
#
#   JOBS=500 MINUTES=10 WORKERS=24 DATABASES=64 bench/worker.sh [spread|minute|pg_cron|idle|databases ...]
#
#   spread     JOBS jobs, each due once a minute at a second of its own
#   minute     the same jobs all due at second 0, as cron expressions are
#   pg_cron    the same, started by pg_cron (where it is installed)
#   idle       what launcher and scheduler cost while nothing is due
#   databases  DATABASES databases with a job every 10 seconds and 8 workers
#
# Half of the jobs sleep for SLEEP seconds, half compute for 50 ms (measured
# once on the idle machine).  Starts a private server for each part with the
# installation PG_CONFIG names, and removes it.
set -euo pipefail
: "${PG_CONFIG:=pg_config}" "${JOBS:=500}" "${MINUTES:=10}" "${WORKERS:=24}" "${DATABASES:=64}" "${SLEEP:=0.5}"
parts=("$@")
[ $# -gt 0 ] || parts=(spread minute pg_cron idle databases)
bin=$("$PG_CONFIG" --bindir)
work=$(mktemp -d "${TMPDIR:-/tmp}/customer_data_bench.XXXXXX")
export PGHOST=$work PGPORT=${PGPORT_BENCH:-54329} PGUSER=postgres PGOPTIONS="-c client_min_messages=warning"
as_server() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
stop() { as_server "$bin/pg_ctl" -s -D "$work/data" -m immediate stop 2>/dev/null || true; }
trap 'stop; rm -rf "$work"' EXIT
if [ "$(id -u)" = 0 ]; then chown postgres "$work"; fi
q() { "$bin/psql" -XqAt -v ON_ERROR_STOP=1 "$@"; }

start() { # LIBRARY SETTING...: a fresh server
	stop
	rm -rf "$work/data"
	as_server "$bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
	{
		printf "shared_preload_libraries = '%s'\n" "$1"
		printf "unix_socket_directories = '%s'\nlisten_addresses = ''\nport = %s\nTimeZone = 'UTC'\n" "$work" "$PGPORT"
		printf 'max_connections = 100\nautovacuum_naptime = 1min\n'
		shift
		for s in "$@"; do echo "$s"; done
	} >"$work/conf"
	as_server bash -c "cat '$work/conf' >>'$work/data/postgresql.conf'"
	as_server "$bin/pg_ctl" -s -w -D "$work/data" -l "$work/log" start
}
# rounds of the loop that take 50 ms alone
calibrate() {
	q -d postgres -c "SELECT 1 FROM generate_series(1, 5) i, LATERAL (SELECT sum(sqrt(i + j)) FROM generate_series(1, 200000) j) s" >/dev/null
	q -d postgres <<-'SQL'
		DO $$
		DECLARE began timestamptz := clock_timestamp();
		BEGIN
			PERFORM sum(sqrt(j)) FROM generate_series(1, 2000000) j;
			CREATE TABLE rounds AS SELECT round(2000000 * 0.05 / extract(epoch FROM clock_timestamp() - began))::int AS n;
		END $$;
		SELECT n FROM rounds;
	SQL
}
command_of() { # the SQL expression of job i's command, $1 rounds
	echo "CASE WHEN i % 2 = 0 THEN 'SELECT pg_sleep($SLEEP)' ELSE 'SELECT sum(sqrt(j)) FROM generate_series(1, $1) j' END"
}
cpu_us() { # CPU time so far of a process, in microseconds
	awk '{ printf "%d\n", $1 / 1000 }' "/proc/$1/schedstat"
}
wait_minute() { sleep "$(q -d postgres -c "SELECT 60 - extract(epoch FROM clock_timestamp())::numeric % 60")"; }

ours() { # NAME SCHEDULE START: SQL expressions over i
	start customer_data "max_worker_processes = $((WORKERS + 8))" "customer_data.max_workers = $WORKERS"
	local rounds
	rounds=$(calibrate)
	q -d postgres -c "CREATE DATABASE bench"
	q -d bench -c "CREATE EXTENSION customer_data"
	wait_minute
	q -d bench -c "SELECT count(customer_data.schedule('job ' || i, $2, $(command_of "$rounds"), start_at => $3)) FROM generate_series(1, $JOBS) i" >/dev/null
	sleep $((MINUTES * 60 + 110))
	q -d bench -c "SELECT customer_data.pause(name) FROM customer_data.job" >/dev/null
	sleep 12
	q -d bench -F ' | ' <<-SQL
		WITH span AS (SELECT date_trunc('minute', min(due_at) + interval '59.999 seconds') AS since FROM customer_data.job_run),
		run AS (SELECT r.* FROM customer_data.job_run r, span WHERE due_at >= since AND due_at < since + interval '$MINUTES minutes' AND attempt = 1)
		SELECT '$1', $JOBS * $MINUTES AS due, count(*) AS runs,
		       $JOBS * $MINUTES - count(DISTINCT (job_id, due_at)) AS lost, count(*) - count(DISTINCT (job_id, due_at)) AS doubled,
		       count(*) FILTER (WHERE status <> 'succeeded') AS failed,
		       round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - due_at))::numeric, 1) AS median_ms,
		       round(1000 * percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - due_at))::numeric, 1) AS p95_ms,
		       round(1000 * max(extract(epoch FROM started_at - due_at)), 1) AS worst_ms
		FROM run;
	SQL
}
peer() {
	if [ ! -f "$("$PG_CONFIG" --sharedir)/extension/pg_cron.control" ]; then
		echo "pg_cron: not installed (postgresql-NN-cron)"
		return
	fi
	start pg_cron "max_worker_processes = $((WORKERS + 8))" "cron.database_name = 'bench'" "cron.use_background_workers = on" "cron.max_running_jobs = $WORKERS"
	local rounds
	rounds=$(calibrate)
	q -d postgres -c "CREATE DATABASE bench"
	q -d bench -c "CREATE EXTENSION pg_cron"
	wait_minute
	q -d bench -c "SELECT count(cron.schedule('job ' || i, '* * * * *', $(command_of "$rounds"))) FROM generate_series(1, $JOBS) i" >/dev/null
	sleep $((MINUTES * 60 + 50))
	q -d bench -c "SELECT cron.unschedule(jobid) FROM cron.job" >/dev/null
	sleep 12
	q -d bench -F ' | ' <<-SQL
		WITH span AS (SELECT date_trunc('minute', min(start_time)) AS since FROM cron.job_run_details),
		run AS (SELECT jobid, date_trunc('minute', start_time) AS due_at, start_time, status FROM cron.job_run_details, span
			WHERE start_time >= since AND start_time < since + interval '$MINUTES minutes')
		SELECT 'pg_cron', $JOBS * $MINUTES AS due, count(*) AS runs,
		       $JOBS * $MINUTES - count(DISTINCT (jobid, due_at)) AS lost, count(*) - count(DISTINCT (jobid, due_at)) AS doubled,
		       count(*) FILTER (WHERE status <> 'succeeded') AS failed,
		       round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM start_time - due_at))::numeric, 1) AS median_ms,
		       round(1000 * percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM start_time - due_at))::numeric, 1) AS p95_ms,
		       round(1000 * max(extract(epoch FROM start_time - due_at)), 1) AS worst_ms
		FROM run;
	SQL
}
idle() {
	start customer_data "max_worker_processes = 16"
	q -d postgres -c "CREATE EXTENSION customer_data" -c "SELECT customer_data.schedule('rare', '@yearly', 'SELECT 1')" >/dev/null
	sleep 5
	local launcher before after seconds=$((MINUTES * 6))
	launcher=$(q -d postgres -c "SELECT pid FROM customer_data.worker WHERE kind = 'launcher'")
	[ "$seconds" -ge 30 ] || seconds=30
	before=$(cpu_us "$launcher")
	sleep "$seconds"
	after=$(cpu_us "$launcher")
	echo "idle | $seconds s | CPU $((after - before)) us | $(awk "BEGIN { printf \"%.4f\", ($after - $before) / 10000.0 / $seconds }") % of a core | processes besides the launcher: $(q -d postgres -c "SELECT count(*) FROM customer_data.worker WHERE kind <> 'launcher'")"
}
databases() {
	start customer_data "max_worker_processes = 9" "customer_data.max_workers = 8"
	local i
	for ((i = 1; i <= DATABASES; i++)); do
		q -d postgres -c "CREATE DATABASE d$i"
		q -d "d$i" -c "CREATE EXTENSION customer_data" -c "SELECT customer_data.schedule('tick', '10 seconds', 'SELECT 1')" >/dev/null
	done
	# each database has three due moments in any 30 seconds; a run may stand for those it was too late for
	local seconds=$((MINUTES * 6 > 30 ? MINUTES * 6 / 30 * 30 : 30)) since rows=""
	since=$(q -d postgres -c "SELECT now() + interval '5 seconds'")
	sleep $((seconds + 15))
	for ((i = 1; i <= DATABASES; i++)); do
		rows+=$(q -d "d$i" -c "SELECT extract(epoch FROM started_at - due_at), missed FROM customer_data.job_run
			WHERE due_at >= '$since' AND due_at < timestamptz '$since' + interval '$seconds seconds'")$'\n'
	done
	printf '%s' "$rows" | sort -n | awk -F'|' -v n="$DATABASES" -v s="$seconds" 'NF { d[++c] = $1; m += $2 }
		END { printf "databases | %d databases, 8 workers, %d s | %d of %d runs, %d late ones merged | start delay median %.0f ms, worst %.0f ms\n", n, s, c, n * s / 10, m, 1000 * d[int(c / 2) + 1], 1000 * d[c] }'
}
echo "part | due | runs | lost | doubled | failed | median ms | p95 ms | worst ms   ($JOBS jobs, $MINUTES min, $WORKERS workers, $(nproc) cores)"
for part in "${parts[@]}"; do
	case $part in
	spread) ours spread "'1 minute'" "date_trunc('second', now()) + interval '2 seconds' + i * interval '60 seconds' / $JOBS" ;;
	minute) ours minute "'* * * * *'" "NULL" ;;
	pg_cron) peer ;;
	idle) idle ;;
	databases) databases ;;
	*) echo "unknown part $part" >&2; exit 1 ;;
	esac
done
