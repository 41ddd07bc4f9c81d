# Accuracy without labels on published sets with known truth (CUSTOMER_DATA_SAMPLES), one
# configuration for all and only the columns differing, beside Splink in the same run; calibration
# in ten bands of every set.

samples=${CUSTOMER_DATA_SAMPLES:-$project/../shared/data}
[ -d "$samples/people" ] || fail "no sample data: set CUSTOMER_DATA_SAMPLES"
command -v python3 >/dev/null || fail "this needs python3"
splink=""
if [ -n "$peer_python" ]; then
	if "$peer_python" -c 'import splink, pandas' 2>/dev/null || "$peer_python" -m pip -q install splink pandas >"$work/splink.log" 2>&1; then
		splink=$peer_python
	else
		say "no Splink: pip could not install it"
	fi
fi
mkdir "$work/sets"
python3 "$project/bench/accuracy_peer.py" prepare "$samples" "$work/sets" >"$work/sets/list"

# The aims of each set: F1 of pairs, F1 of customers.
aim() {
	case $1 in
	febrl3) echo "0.999 0.999" ;;
	fake_1000) echo "0.88 0.95" ;;
	restaurants) echo "0.85 0.90" ;;
	historical) echo "0.90 0.95" ;;
	esac
}

while read -r name columns; do
	say "$name"
	region=GB
	case $name in febrl3) region=AU ;; restaurants) region=US ;; esac
	read -r pairs_aim customers_aim <<<"$(aim "$name")"
	createdb "accuracy_$name"
	PGDATABASE=accuracy_$name psql -qXAt -F ' ' -v ON_ERROR_STOP=1 >"$work/sets/$name.quality" <<SQL
SET client_min_messages = warning;
CREATE EXTENSION customer_data;
CREATE TABLE public.record (key text, entity text, ${columns//,/ text,} text);
\copy public.record FROM '$work/sets/$name.csv' (FORMAT csv, HEADER)
SELECT customer_data.add_source('sample', 'public.record', 'key',
    (SELECT jsonb_object_agg(c, c) FROM unnest(string_to_array('$columns', ',')) AS c), region => '$region') \g /dev/null
SELECT customer_data.resolve() \g /dev/null
SELECT part, replace(measure, ' ', '_'), round(value::numeric, 4), coalesce(round(expected::numeric, 3)::text, '-'), pairs
FROM customer_data.match_quality('SELECT ''sample'' AS source, key, entity FROM public.record');
SQL
	dropdb "accuracy_$name"
	while read -r part measure value expected pairs; do
		case $part in
		pairs) note "$name: pairs at p >= 0.5, $measure" "$value" "" "$([ "$measure" != f1 ] || echo "$pairs_aim")" ;;
		customers) note "$name: customers (clustered), $measure" "$value" "" "$([ "$measure" != f1 ] || echo "$customers_aim")" ;;
		blocking) note "$name: true pairs among the links" "$value" "" "" ;;
		calibration) note "$name: calibration, predicted ${measure//_/ }" "$expected, truly $value" "$pairs pairs" "" ;;
		esac
	done <"$work/sets/$name.quality"
	if [ -n "$splink" ]; then
		"$splink" "$project/bench/accuracy_peer.py" splink "$work/sets" "$name" >"$work/sets/$name.splink" 2>"$work/splink.log" ||
			{ tail -n 5 "$work/splink.log"; fail "Splink failed on $name"; }
		while read -r part precision recall f1; do
			note "$name: Splink, $part, f1" "$f1" "precision $precision, recall $recall" ""
		done <"$work/sets/$name.splink"
	fi
done <"$work/sets/list"
psql -qXAt -F ': ' -c "SELECT what, figure, unit FROM bench.figure ORDER BY n"
