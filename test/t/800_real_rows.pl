# The main job on real rows, as the README documents it: demo/own on a file of
# people and on a file of events. Skips, saying so, where the data is missing.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source  = $ENV{CUSTOMER_DATA_SOURCE}  || '.';
my $samples = $ENV{CUSTOMER_DATA_SAMPLES} || '';
my $people  = "$samples/people/historical_half.csv.gz";
my $events  = "$samples/retail/online_retail.csv.gz";

plan skip_all => 'no sample data (set CUSTOMER_DATA_SAMPLES)' unless -r $people && -r $events;

my $node = PostgreSQL::Test::Cluster->new('real');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "TimeZone = 'UTC'\nfsync = off\nwork_mem = '64MB'\nmaintenance_work_mem = '256MB'\nmax_wal_size = '2GB'\n");
$node->start;
local %ENV = %ENV;
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
delete $ENV{PGDATABASE};

# --- people -----------------------------------------------------------------
my ($out, $err) = demo_own([ "$source/demo/own", 'people', $people, '--here', '--database', 'people',
	'--key', 'unique_id', '--truth', 'cluster' ]);
like($out, qr/rows_loaded\s*\n-+\n\s*25085\b/, 'every person row is loaded') or diag("$out\n$err");
my ($precision, $recall, $f1) = $out =~ /f1\s*\n[-+]+\n\s*([\d.]+) \|\s*([\d.]+) \|\s*([\d.]+)/;
diag("historical figures: precision $precision, recall $recall, F1 $f1") if defined $f1;
cmp_ok($f1 // 0, '>=', 0.90, 'historical figures: F1 after clustering, suggested mapping, no labels');
is($node->safe_psql('people', 'SELECT count(*) FROM customer_data.source_record'), '25085', 'every row is a record');

# --- events -----------------------------------------------------------------
($out, $err) = demo_own([ "$source/demo/own", 'events', $events, '--here', '--database', 'events',
	'--customer', q{nullif(customerid, '')::numeric::int}, '--at', 'invoicedate::timestamp::timestamptz', '--now', '2011-12-10 00:00+00',
	'--kind', q{CASE WHEN invoiceno LIKE 'C%' THEN 'refund' ELSE 'purchase' END},
	'--value', 'abs(quantity::int * unitprice::numeric)', '--quantity', 'abs(quantity::int)',
	'--property', 'product=stockcode', '--property', 'country=country' ]);
like($out, qr/rows_loaded\s*\n-+\n\s*541909\b/, 'every invoice line is loaded') or diag("$out\n$err");

sub query { return $node->safe_psql('events', $_[0]); }
is(query('SELECT sum(customer_data.event_total(events)) FROM customer_data.profile'), 541909 - 135080,
	'every line with a customer is an event, no other') or diag($err);
my $by_sql = q{SELECT round(sum(CASE WHEN invoiceno LIKE 'C%' THEN -1 ELSE 1 END * abs(quantity::int * unitprice::numeric)), 2)
	FROM public.file WHERE customerid <> ''};
is(query('SELECT round(sum(monetary)::numeric, 2) FROM customer_data.profile'), query($by_sql), 'spending net of refunds, to the cent');
is(query(q{SELECT customer_data.cardinality(customer_data.segment_members('returned_goods'))}),
	query(q{SELECT count(DISTINCT customerid) FROM public.file WHERE invoiceno LIKE 'C%' AND customerid <> ''}), 'who sent something back');
cmp_ok(query(q{SELECT count(*) FROM customer_data.stage_history WHERE left_at IS NULL}), '>', 4000, 'customers stand in a stage');
$node->stop;
done_testing();

# Run a command, return what it printed on both streams; fail the test if it fails.
sub demo_own
{
	my ($command) = @_;
	my ($o, $e) = ('', '');
	my $ok = IPC::Run::run($command, '<', \'', '>', \$o, '2>', \$e);
	ok($ok, join(' ', @{$command}[0 .. 1]) . ' runs') or diag("$o\n$e");
	return ($o, $e);
}
