# Every SQL statement of the README (English and Chinese) is run, in order and
# in one session, and what psql prints is compared with the block that follows.
# README_WRITE=1 in a checkout rewrites those blocks instead.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = $ENV{CUSTOMER_DATA_SOURCE} || '.';

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'customer_data'\nTimeZone = 'UTC'\nfsync = off\n");
$node->start;

foreach my $file ('README.md', 'doc/README.zh.md')
{
	my $text = slurp_file("$source/$file");
	my (@parts) = split /^(```sql\n.*?^```\n(?:\s*```text\n.*?^```\n)?)/ms, $text;
	my @blocks;
	foreach my $part (@parts)
	{
		if ($part =~ /^```sql\n(.*?)^```\n(?:(\s*)```text\n(.*?)^```\n)?/ms)
		{
			push @blocks, { sql => $1, output => defined $3 ? $3 : '', index => scalar @blocks };
			$part = $blocks[-1];
		}
	}
	ok(@blocks > 0, "$file has SQL to run");

	my $database = $file =~ /zh/ ? 'zh' : 'en';
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my $script = $node->basedir . "/$database.sql";
	open my $out, '>', $script or die $!;
	print $out "\\echo block $_->{index}\n$_->{sql}" foreach @blocks;
	close $out;
	my $printed = '';
	# One process, both streams in the order they were written.
	my $pid = open my $in, '-|';
	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open STDERR, '>&', \*STDOUT;
		exec 'psql', '-Xq', '-P', 'pager=off', '-v', 'SHOW_CONTEXT=never', '-d', $node->connstr($database), '-f', $script;
	}
	{ local $/; $printed = <$in>; }
	close $in;
	$printed =~ s/^psql:\S+?:\d+: //mg;
	my %got;
	my $current;
	foreach my $line (split /\n/, $printed, -1)
	{
		if ($line =~ /^block (\d+)$/) { $current = $1; $got{$current} = ''; next; }
		$got{$current} .= "$line\n" if defined $current;
	}
	foreach my $block (@blocks)
	{
		my $got = tidy($got{ $block->{index} } // '');
		my ($first) = $block->{sql} =~ /^\s*(.{0,60})/;
		is($got, tidy($block->{output}), "$file: $first");
		$block->{output} = $got;
	}
	if ($ENV{README_WRITE})
	{
		open my $new, '>:raw', "$ENV{README_WRITE}/$file" or die $!;
		foreach my $part (@parts)
		{
			print $new ref $part
			  ? "```sql\n$part->{sql}```\n" . ($part->{output} ne '' ? "```text\n$part->{output}```\n" : '')
			  : $part;
		}
		close $new;
	}
}
$node->stop;
done_testing();

# Trailing blanks and outer empty lines do not count.
sub tidy
{
	my ($t) = @_;
	$t =~ s/[ \t]+$//mg;
	$t =~ s/\A\n+//;
	$t =~ s/\n*\z//;
	return $t eq '' ? '' : "$t\n";
}
