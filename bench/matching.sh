# Matching: a made-up company of BENCH_PEOPLE people (about twice as many records) is resolved
# from nothing, then with 1,000 records and with 1 % changed, then asked for one person at a time; every phase with its
# seconds, with CPU and memory of the session and its workers, and answers against the truth.
#
# BENCH_PART     which parts to run, of "resolve quality few again single" (default: all); resolve is
#                always run
# BENCH_COMPANY  a folder that demo/generate.py filled, of BENCH_PEOPLE people, read instead of
#                generating one: of many people that takes longer than to match them

people=${BENCH_PEOPLE:-470000}
company=${BENCH_COMPANY:-$work/company}
# Is a part to be run?
wanted() { [[ " ${BENCH_PART:-resolve quality few again single} " = *" $1 "* ]]; }
if [ -z "${BENCH_COMPANY:-}" ]; then
	say "generating a company of $people people"
	python3 "$project/demo/generate.py" --people "$people" --seed "$BENCH_SEED" --now 2026-06-30T00:00:00 "$company" >/dev/null
fi
cd "$company"
psql -qX -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION customer_data;
CREATE SCHEMA crm;
CREATE SCHEMA shop;
CREATE SCHEMA web;
CREATE SCHEMA truth;
CREATE TABLE crm.contact (contact_id text PRIMARY KEY, full_name text, email text, phone text, street text, city text,
    postcode text, country text, birth_date text, gender text, company text, job_title text,
    created_at timestamptz, updated_at timestamptz);
CREATE TABLE crm.company (company_id text PRIMARY KEY, name text, domain text, city text, country text);
CREATE TABLE shop.account (account_id text PRIMARY KEY, first_name text, last_name text, email text, mobile text,
    address text, town text, zip text, country text, birthday text, registered_at timestamptz, loyalty_no text);
CREATE TABLE web.visitor (visitor_id text PRIMARY KEY, first_seen timestamptz, device text, utm_source text);
CREATE TABLE web.sign_in (sign_in_id bigint PRIMARY KEY, visitor_id text, account_id text, signed_in_at timestamptz);
CREATE TABLE truth.person (source text, key text, person text, PRIMARY KEY (source, key));
\copy crm.contact FROM 'crm_contact.csv' (FORMAT csv, HEADER)
\copy crm.company FROM 'crm_company.csv' (FORMAT csv, HEADER)
\copy shop.account FROM 'shop_account.csv' (FORMAT csv, HEADER)
\copy web.visitor FROM 'web_visitor.csv' (FORMAT csv, HEADER)
\copy web.sign_in FROM 'web_sign_in.csv' (FORMAT csv, HEADER)
\copy truth.person FROM 'truth.csv' (FORMAT csv, HEADER)
VACUUM (ANALYZE);
SQL
psql -qX -v ON_ERROR_STOP=1 -f "$project/demo/declare_sources.sql" >/dev/null

# watch_run NAME SQL: run it, see four times a second what it does and what it holds: NAME.answer,
# NAME.use (CPU seconds, peak memory in MB) and NAME.spent (phase|seconds|CPU seconds|peak).
watch_run() {
	local pid watcher phases
	rm -f "$work/pid" "$work/done"
	(
		# One session that says which process it is, then works.
		psql -qXAt -v ON_ERROR_STOP=1 -c '\o '"$work/pid.new" -c "SELECT pg_backend_pid()" -c '\o' -c '\! mv '"$work/pid.new $work/pid" \
			-c "SET max_parallel_maintenance_workers = $(($(nproc) - 1))" -c "$2" >"$work/$1.answer" || true
		touch "$work/done"
	) &
	until [ -s "$work/pid" ]; do sleep 0.05; done
	pid=$(tr -d ' \n' <"$work/pid")
	psql -qXAt -F ' ' >"$work/$1.phases" 2>/dev/null <<SQL &
SELECT extract(epoch FROM clock_timestamp()), regexp_replace(query, ' [0-9]+ records.*', '') FROM pg_stat_activity WHERE pid = $pid
\\watch 0.25
SQL
	phases=$!
	python3 - "$pid" "$work/done" >"$work/$1.samples" <<'PY' &
import glob, os, sys, time
leader, done = sys.argv[1:]
cpu = {}
tick = os.sysconf('SC_CLK_TCK')
while not os.path.exists(done):
    held = 0
    segments = set()
    for directory in glob.glob('/proc/[0-9]*'):
        pid = directory[6:]
        try:
            title = open(directory + '/cmdline').read()
            if pid != leader and f'parallel worker for PID {leader}' not in title:
                continue
            fields = open(directory + '/stat').read().rsplit(') ', 1)[1].split()
            cpu[pid] = (int(fields[11]) + int(fields[12])) / tick
            for line in open(directory + '/status'):
                if line.startswith('RssAnon'):
                    held += int(line.split()[1])
            # other servers have segments, too
            segments.update(line.split()[-1] for line in open(directory + '/maps') if '/dev/shm/PostgreSQL.' in line)
        except (OSError, IndexError):
            pass
    for name in segments:
        try:
            held += os.stat(name).st_blocks // 2
        except OSError:
            pass
    print(time.time(), sum(cpu.values()), held, flush=True)
    time.sleep(0.25)
PY
	watcher=$!
	until [ -e "$work/done" ]; do sleep 0.1; done
	wait $watcher
	kill $phases 2>/dev/null || true
	wait $phases 2>/dev/null || true
	[ -s "$work/$1.answer" ] || fail "$1 failed"
	python3 - "$work/$1.phases" "$work/$1.samples" "$work/$1.use" "$work/$1.spent" <<'PY'
import bisect, sys
phases, samples, use, spent = sys.argv[1:]
at, name = [], []
for line in open(phases):
    moment, _, what = line.strip().partition(' ')
    # what a phase is called stands in the first line of a query; others are parts of the query itself
    if moment.replace('.', '', 1).isdigit() and (not name or name[-1] != what):
        at.append(float(moment))
        name.append(what)
seconds, cpu, peak, before, most = {}, {}, {}, None, 0
for line in open(samples):
    moment, used, held = map(float, line.split())
    if before is not None:
        p = bisect.bisect_right(at, moment) - 1
        what = name[p] if p >= 0 else ''
        seconds[what] = seconds.get(what, 0) + moment - before[0]
        cpu[what] = cpu.get(what, 0) + used - before[1]
        peak[what] = max(peak.get(what, 0), held / 1024)
    before = (moment, used)
    most = max(most, held / 1024)
print(round(before[1], 1) if before else 0, round(most), file=open(use, 'w'))
with open(spent, 'w') as out:
    for what in seconds:
        if what.startswith(('resolve:', 'matching:')):
            print(f'{what}|{seconds[what]:.1f}|{cpu[what]:.1f}|{peak[what]:.0f}', file=out)
PY
}
# note_phases NAME: what each phase took, in order.
note_phases() {
	while IFS='|' read -r phase spent used held; do
		note "of it: $phase" "$spent" "s, $used of CPU, holding $held MB at most" ""
	done <"$work/$1.spent"
}

say "resolving all"
watch_run whole "SELECT records, pairs, links, customers, seconds FROM customer_data.resolve()"
IFS='|' read -r records pairs links customers seconds <"$work/whole.answer"
read -r cpu memory <"$work/whole.use"
note "records resolved" "$records" "records" ""
note "resolve() from nothing" "$seconds" "s" "45 at 1,000,000 records and 2 cores"
note_phases whole
whole_cpu=$cpu
note "CPU of the session and its workers" "$cpu" "s" ""
note "peak memory of both, shared memory included" "$memory" "MB" "1024 at 1,000,000 records"
note "pairs scored" "$pairs" "pairs" "25 million at 1,000,000 records"
note "customers" "$customers" "" ""
note "posting lists" "$(psql -qXAt -c "SELECT round(pg_total_relation_size('customer_data.match_posting') / 1048576.0)")" "MB" ""

if wanted quality; then
psql -qX -v ON_ERROR_STOP=1 <<'SQL'
CREATE TABLE public.quality AS
    SELECT * FROM customer_data.match_quality($$SELECT source, key, person AS entity FROM truth.person WHERE source IN ('crm', 'shop')$$);
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT CASE part WHEN 'pairs' THEN 'pairs at p >= 0.5' WHEN 'customers' THEN 'customers (clustered)' ELSE part END || ', ' || measure || ' of named records',
       round(value::numeric, 4)::text, '', CASE WHEN measure = 'f1' THEN CASE part WHEN 'pairs' THEN '0.97' ELSE '0.98' END ELSE '' END
FROM public.quality WHERE part <> 'calibration';
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'calibration: predicted ' || measure, format('%s, truly %s', round(expected::numeric, 3), round(value::numeric, 3)), format('%s pairs', pairs), ''
FROM public.quality WHERE part = 'calibration';
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'customers (clustered), f1 of all records', round(value::numeric, 4)::text, '', '0.98'
FROM customer_data.match_quality('SELECT source, key, person AS entity FROM truth.person') WHERE part = 'customers' AND measure = 'f1';
SQL
fi

# change_and_resolve NAME WHAT SQL: change records, and resolve what changed.
change_and_resolve() {
	local changed pairs again cpu memory
	say "resolving $2 changed"
	psql -qX -v ON_ERROR_STOP=1 -c "VACUUM (ANALYZE)" -c "$3"
	watch_run "$1" "SELECT records, pairs, seconds FROM customer_data.resolve()"
	IFS='|' read -r changed pairs again <"$work/$1.answer"
	read -r cpu memory <"$work/$1.use"
	note "records changed" "$changed" "records" ""
	note "resolve() with these changed" "$again" "s" ""
	note "as share of the whole run" "$(awk "BEGIN { printf \"%.1f\", 100 * $again / $seconds }")" "%" "5"
	note_phases "$1"
	note "CPU of it" "$cpu" "s" ""
	note "as share of the whole run's" "$(awk "BEGIN { printf \"%.1f\", 100 * $cpu / $whole_cpu }")" "%" "5"
}

if wanted few; then
	change_and_resolve few "a thousand" "
UPDATE crm.contact SET street = overlay(street PLACING 'z' FROM 2 FOR 1), phone = NULL
WHERE contact_id IN (SELECT contact_id FROM crm.contact ORDER BY hashtext(contact_id || 'few') LIMIT 500);
UPDATE shop.account SET mobile = NULL, first_name = overlay(first_name PLACING 'y' FROM 1 FOR 1)
WHERE account_id IN (SELECT account_id FROM shop.account ORDER BY hashtext(account_id || 'few') LIMIT 500);"
fi
if wanted again; then
	# Of persons and companies one in 59: they are 60 % of all records, the rest are visitors.
	change_and_resolve some "1 %" "
UPDATE crm.contact SET street = overlay(street PLACING 'q' FROM 3 FOR 1), phone = NULL WHERE hashtext(contact_id) % 59 = 0;
UPDATE shop.account SET mobile = NULL, first_name = overlay(first_name PLACING 'x' FROM 2 FOR 1) WHERE hashtext(account_id) % 59 = 0;"
fi

if wanted single; then
say "one at a time"
psql -qX -v ON_ERROR_STOP=1 <<'SQL'
VACUUM (ANALYZE);
SET client_min_messages = warning;
CREATE FUNCTION public.spoil(t text) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN length(t) > 3 THEN overlay(t PLACING chr(97 + floor(random() * 26)::int) FROM 2 + floor(random() * (length(t) - 3))::int FOR 1) ELSE t END
$$;
SELECT setseed(0.5) \g /dev/null
-- Accounts with errors in two fields.
CREATE TABLE public.query AS
SELECT row_number() OVER () AS n, account_id, jsonb_strip_nulls(jsonb_build_object(
           'given_name', CASE WHEN e = 0 THEN public.spoil(first_name) ELSE first_name END,
           'family_name', CASE WHEN e IN (0, 1) THEN public.spoil(last_name) ELSE last_name END,
           'email', CASE WHEN e IN (1, 2) THEN public.spoil(email) ELSE email END,
           'phone', CASE WHEN e IN (2, 3) THEN public.spoil(mobile) ELSE mobile END,
           'street', CASE WHEN e = 3 THEN public.spoil(address) ELSE address END,
           'city', town, 'postcode', zip, 'country', country, 'birth_date', birthday)) AS attributes
FROM (SELECT *, floor(random() * 4)::int AS e FROM shop.account ORDER BY hashtext(account_id || 'q') LIMIT 3000) a;
CREATE TABLE public.answer (n bigint, ms float8, decision text, customer_id bigint);
CREATE PROCEDURE public.ask(since bigint, until bigint) LANGUAGE plpgsql AS $$
DECLARE
    q record;
    m record;
    started timestamptz;
BEGIN
    FOR q IN SELECT * FROM public.query x WHERE x.n BETWEEN since AND until ORDER BY x.n LOOP
        started := clock_timestamp();
        SELECT * INTO m FROM customer_data.match_customer(q.attributes);
        INSERT INTO public.answer VALUES (q.n, extract(epoch FROM clock_timestamp() - started) * 1000, m.decision, m.customer_id);
    END LOOP;
END
$$;
CALL public.ask(1, 1000);
INSERT INTO bench.figure (what, figure, unit) SELECT 'match_customer(), first of a session', round(max(ms)::numeric, 1), 'ms' FROM public.answer;
TRUNCATE public.answer;
CALL public.ask(1001, 3000);
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'match_customer() ' || w, round((percentile_cont(p) WITHIN GROUP (ORDER BY ms))::numeric, 2), 'ms', aim
FROM public.answer, (VALUES ('median', 0.5, '1'), ('90th percentile', 0.9, ''), ('99th percentile', 0.99, '5')) AS v(w, p, aim) GROUP BY w, p, aim ORDER BY p;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'match_customer() a second', round(count(*) / (sum(ms) / 1000))::text, 'calls', '1000' FROM public.answer;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'found, of queries with errors in two fields', round(avg((a.customer_id = customer_data.customer_id_of('shop', q.account_id))::int), 4)::text, '', ''
FROM public.answer a JOIN public.query q USING (n);
-- Records as queries: the best partner that the batch found, and the one found singly.
CREATE TABLE public.single AS
WITH few AS (SELECT v.* FROM customer_data.record_value v JOIN customer_data.source s USING (source_id)
              WHERE s.name IN ('crm', 'shop') ORDER BY hashint8(v.record_id) LIMIT 2000)
SELECT v.record_id, b.weight AS batch, p.weight AS single, l.weight AS same_pair
FROM few v
LEFT JOIN LATERAL (SELECT max(k.weight) AS weight FROM (SELECT weight FROM customer_data.match_link WHERE record_a = v.record_id
                   UNION ALL SELECT weight FROM customer_data.match_link WHERE record_b = v.record_id) k) b ON true
LEFT JOIN LATERAL (SELECT * FROM customer_data.probe(v.given, v.standard, v.record_id) LIMIT 1) p ON true
LEFT JOIN customer_data.match_link l ON l.record_a = least(v.record_id, p.record_id) AND l.record_b = greatest(v.record_id, p.record_id);
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'decisions as in the batch', round(avg(((coalesce(batch, -99) > 0) = (coalesce(single, -99) > 0))::int), 4)::text, 'of 2000 records', '0.99' FROM public.single;
INSERT INTO bench.figure (what, figure, unit, aim)
SELECT 'pair scores that differ from the batch', count(*) FILTER (WHERE abs(same_pair - single) > 0.001)::text, format('of %s', count(same_pair)), '0' FROM public.single;
SQL
fi
psql -qXAt -F ': ' -c "SELECT what, figure, unit FROM bench.figure ORDER BY n"
