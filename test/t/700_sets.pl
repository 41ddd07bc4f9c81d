# Customer sets outside of a server: under the address and undefined-behaviour
# sanitizers, by each level of instructions, with damaged bytes, too; exchanged
# with CRoaring; and in one backend with another extension that brings its own.
use strict;
use warnings;
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
