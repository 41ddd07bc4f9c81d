# Customer sets outside of a server: under the address and undefined-behaviour
# sanitizers, by each level of instructions, with damaged bytes, too; exchanged
# with CRoaring; and in one backend with another extension that brings its own.
use strict;
use warnings;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = $ENV{CUSTOMER_DATA_SOURCE};
my $rounds = ($ENV{TEST_LONG} // '') eq 'on' ? 3000 : 40;
my $seed = $ENV{TEST_SEED} || 1;
my $headers = `$ENV{PG_CONFIG} --includedir-server`;
chomp $headers;
my $folder = PostgreSQL::Test::Utils::tempdir();
my @files = map { "$source/src/sets/$_.c" } qw(bits container view combine builder);

sub build
{
	my ($name, @options) = @_;
	my @command = ('gcc', '-std=gnu11', '-g', '-w', '-fno-strict-aliasing', '-fwrapv', "-I$source/src", "-I$headers",
		'-D_GNU_SOURCE', '-DPGDLLEXPORT=', '-o', "$folder/$name", "$source/test/fuzz/sets_driver.c", @files, @options);
	return PostgreSQL::Test::Utils::system_log(@command) == 0;
}

SKIP:
{
	skip 'the compiler has no sanitizers', 1
	  unless build('checked', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined');
	command_like([ "$folder/checked", 'check', $rounds, $seed ], qr/level 0: $rounds rounds/,
		'operations agree with plain arrays, and damaged sets touch no memory beside them');
}
SKIP:
{
	skip 'CRoaring is not installed', 1 unless build('exchange', '-O2', '-DWITH_CROARING', '-lroaring');
	command_like([ "$folder/exchange", 'exchange', 10 * $rounds, $seed ], qr/sets exchanged/,
		'CRoaring reads what we write, and we what it writes');
}

# Modules share one name space: a function another brings must not be taken for ours, or ours for theirs.
my $library = `$ENV{PG_CONFIG} --pkglibdir`;
chomp $library;
my @symbols = map { (split)[-1] } grep { / [TDBRVW] / } `nm -D --defined-only $library/customer_data.so`;
ok(@symbols > 100, 'the module exports its functions');
is_deeply([ grep { !/^(cd_|pg_finfo_cd_|Pg_magic_func$|_PG_init$|_init$|_fini$)/ } @symbols ], [], 'and none whose name others could have');
is_deeply([ grep { /\broaring_/ } `nm -D --undefined-only $library/customer_data.so` ], [], 'it links no Roaring library');

my $node = PostgreSQL::Test::Cluster->new('sets');
$node->init(extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION customer_data');

# Binary COPY, there and back: sets of each form, of several, and of the last id; and by way of a
# damaged file. The server takes only absolute paths, and the folder of a test may have another.
my $file = File::Spec->rel2abs("$folder/sets.bin");
$node->safe_psql('postgres', qq{
	SET search_path = public, customer_data;
	CREATE TABLE original AS SELECT n, s::customer_set AS s FROM (VALUES (1, '{}'), (2, '{1}'), (3, '{0,65535,65536,4294967295}'), (4, '{1-100000,300000}'), (5, NULL)) v(n, s);
	INSERT INTO original SELECT 6, customer_set_agg(i * 2) FROM generate_series(1, 200000) i;
	INSERT INTO original SELECT 7, customer_set_agg(i::bigint * i) FROM generate_series(1, 60000) i;
	INSERT INTO original SELECT 8, customer_set_or_agg(s) FROM original;
	COPY original TO '$file' (FORMAT binary);
	CREATE TABLE again (LIKE original);
	COPY again FROM '$file' (FORMAT binary);
});
is($node->safe_psql('postgres', q{SET search_path = public, customer_data;
	SELECT count(*), count(*) FILTER (WHERE a.s IS NOT DISTINCT FROM o.s AND pg_column_size(a.s) IS NOT DISTINCT FROM pg_column_size(o.s)
	AND a.s::text IS NOT DISTINCT FROM o.s::text) FROM original o JOIN again a USING (n)}), '8|8', 'binary COPY brings every set back, byte for byte as large');
my $bytes = slurp_file($file);
substr($bytes, index($bytes, pack('V', 12346)), 4) = pack('V', 99);
open(my $out, '>:raw', $file) or die $!;
print $out $bytes;
close $out;
my ($code, $stdout, $stderr) = $node->psql('postgres', "TRUNCATE again; COPY again FROM '$file' (FORMAT binary)");
like($stderr, qr/invalid binary value for type customer_set/, 'and refuses what is no Roaring bitmap');
if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'roaringbitmap'") == 0)
{
	note('pg_roaringbitmap is not installed, so it is not loaded beside us');
}
else
{
	$node->safe_psql('postgres', 'CREATE EXTENSION roaringbitmap SCHEMA public');
	my $ours = "SELECT customer_data.cardinality('{1-100000,300000}'::customer_data.customer_set OPERATOR(customer_data.|) '{7,70000-200000}');";
	my $theirs = 'SELECT rb_cardinality(rb_build(ARRAY[1,2,3]) | rb_build(ARRAY[3,70000]));';
	is($node->safe_psql('postgres', $ours . $theirs . $ours), "200001\n4\n200001", 'with pg_roaringbitmap loaded after us');
	is($node->safe_psql('postgres', $theirs . $ours . $theirs), "4\n200001\n4", 'and before us');
	is($node->safe_psql('postgres', "SELECT rb_to_array(customer_data.customer_set_send('{1-3,70000}')::roaringbitmap)"), '{1,2,3,70000}', 'it reads our binary form');
}

$node->stop;
done_testing();
