# The loops over blocks of customers outside of a server: by each level of
# instructions, under the address and undefined-behaviour sanitizers.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = $ENV{CUSTOMER_DATA_SOURCE};
my $rounds = ($ENV{TEST_LONG} // '') eq 'on' ? 1000000 : 20000;
my $seed = $ENV{TEST_SEED} || 1;
my $headers = `$ENV{PG_CONFIG} --includedir-server`;
chomp $headers;
my $driver = PostgreSQL::Test::Utils::tempdir() . '/block';

SKIP:
{
	skip 'the compiler has no sanitizers', 1
	  unless PostgreSQL::Test::Utils::system_log('gcc', '-std=gnu11', '-g', '-O1', '-w', '-fno-strict-aliasing', '-fwrapv', "-I$source/src", "-I$headers",
		'-D_GNU_SOURCE', '-DPGDLLEXPORT=', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined',
		'-o', $driver, "$source/test/fuzz/block_driver.c", "$source/src/segment/block.c") == 0;
	command_like([ $driver, $rounds, $seed ], qr/level 0: $rounds rounds/, 'every level agrees with one value after the other');
}
done_testing();
