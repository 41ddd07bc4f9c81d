# Dump and restore by an owner who is no superuser: the same customers, ids,
# history and decisions, and a run that has nothing to do; after the same
# change of the sources both databases come to the same result.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "TimeZone = 'UTC'\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE keeper LOGIN;
	CREATE DATABASE first OWNER keeper;
	CREATE DATABASE second OWNER keeper;
});

# Run as the owner, who is no superuser.
sub keeper
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, "SET client_min_messages = warning;\n$sql", extra_params => [ '-U', 'keeper' ]);
}

keeper('first', q{
	CREATE EXTENSION customer_data;
	CREATE SCHEMA crm;
	CREATE TABLE crm.contact (id int, name text, mail text, born date, points int, changed timestamptz);
	INSERT INTO crm.contact
	SELECT i, (ARRAY['Alma','Bert','Cleo','Dirk','Edda','Finn','Gwen','Hugo'])[i % 8 + 1] || ' ' ||
	       (ARRAY['Aalders','Bruun','Castel','Dvorak','Eklund','Ferrari','Grimm'])[i % 7 + 1] || i,
	       'person' || i || '@posten' || i % 3 || '.org', date '1950-01-01' + i * 97, i, '2026-01-01'
	FROM generate_series(1, 200) i;
	CREATE SCHEMA shop;
	CREATE TABLE shop.account (no text, name text, mail text, born date, joined timestamptz);
	INSERT INTO shop.account SELECT 'A' || id, name, upper(mail), born, '2020-01-01' FROM crm.contact WHERE id % 2 = 0;
	CREATE TABLE shop.login (cookie text, no text);
	INSERT INTO shop.login SELECT 'c' || i, 'A' || i FROM generate_series(2, 40, 2) i;
	SELECT customer_data.add_source('crm', 'crm.contact', 'id', '{"full_name": "name", "email": "mail", "birth_date": "born", "points": "points"}', trust => 80, changed_at => 'changed');
	SELECT customer_data.add_source('shop', 'shop.account', 'no', '{"full_name": "name", "email": "lower(mail)", "birth_date": "born", "registered_at": "joined"}', region => 'NL');
	SELECT customer_data.add_source('web', 'SELECT DISTINCT cookie FROM shop.login', 'cookie', '{"cookie_id": "cookie"}', kind => 'anonymous');
	SELECT customer_data.add_identity_link('login', 'shop.login', 'web', 'cookie', 'shop', 'no');
	SELECT customer_data.resolve();
	SELECT customer_data.must_link('crm', '1', 'crm', '3', 'by telephone');
	SELECT customer_data.cannot_link('crm', '2', 'shop', 'A2');
	SELECT customer_data.set_survivorship('full_name', 'longest');
	SELECT customer_data.set_survivorship('points', 'expression', 'value::int');
	DELETE FROM shop.account WHERE no = 'A4';
	SELECT customer_data.resolve();
	SELECT customer_data.upsert_record('shop', 'P1', '{"full_name": "Peregrine Took", "email": "pippin@shire.org"}');
	SELECT customer_data.number_tags(ARRAY['vip', 'interest.outdoor']);
	CREATE TABLE crm.tagged AS SELECT i AS id, format('{vip,interest.outdoor:0.%s,without.number}', i)::customer_data.tagset AS tags FROM generate_series(1, 9) i;
});

my $file = $node->basedir . '/first.sql';
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', 'keeper', '-d', 'first', '-f', $file ], 'the owner dumps');
my ($out, $err) = ('', '');
$node->psql('second', "\\i $file", stdout => \$out, stderr => \$err, on_error_stop => 0, extra_params => [ '-U', 'keeper' ]);
unlike($err, qr/ERROR/, 'the owner restores without an error') or diag($err);

my %same = (
	'customers'   => 'SELECT * FROM customer_data.customer ORDER BY 1',
	'records'     => 'SELECT * FROM customer_data.source_record ORDER BY 1',
	'values'      => 'SELECT * FROM customer_data.record_value ORDER BY 1',
	'decisions'   => 'SELECT record_a, record_b, decision, reason FROM customer_data.match_decision ORDER BY 1, 2',
	'history'     => 'SELECT * FROM customer_data.customer_change ORDER BY 1',
	'evidence'    => 'SELECT * FROM customer_data.identity_evidence ORDER BY 1, 2, 3',
	'declarations' => 'SELECT source_id, name, relation, key, mapping, trust, region, kind, owner, promise FROM customer_data.source ORDER BY 1',
	'attributes'  => 'SELECT * FROM customer_data.attribute ORDER BY ordinal',
	'survivorship' => 'SELECT * FROM customer_data.survivorship ORDER BY 1',
	'profile columns' => q{SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = 'customer_data.profile'::regclass AND attnum > 0 ORDER BY attnum},
	'tagsets'     => 'SELECT * FROM crm.tagged ORDER BY 1',
	'numbers of tags' => 'SELECT * FROM customer_data.tag_name ORDER BY 1',
	'size of tagsets' => 'SELECT id, pg_column_size(customer_data.compact_tags(tags)) FROM crm.tagged ORDER BY 1',
	'lineage'     => 'SELECT c.customer_id, l.* FROM customer_data.customer c, customer_data.customer_lineage(c.customer_id) l ORDER BY 1, 2',
);
is(keeper('second', $same{$_}), keeper('first', $same{$_}), "the same $_") foreach sort keys %same;

my $run = 'SELECT records, merged, split, customers FROM customer_data.resolve()';
my $idle = keeper('first', $run);
like($idle, qr/^0\|0\|0\|/, 'the first database has nothing to do');
is(keeper('second', $run), $idle, 'neither has the second');
is(keeper('second', $same{records}), keeper('first', $same{records}), 'and it changed no record');

my $whole = 'SELECT merged, split, customers FROM customer_data.resolve(rebuild => true)';
is(keeper('second', $whole), keeper('first', $whole), 'a full run comes to the same');
is(keeper('second', $same{$_}), keeper('first', $same{$_}), "the same $_ after a full run") foreach qw(customers lineage);

my $change = q{
	UPDATE crm.contact SET mail = 'new' || id || '@posten.net', changed = now() WHERE id % 50 = 0;
	INSERT INTO crm.contact VALUES (500, 'Meriadoc Brandybuck', 'merry@shire.org', '1960-06-06', 9, now());
	DELETE FROM shop.login WHERE no = 'A6';
};
keeper($_, $change) foreach qw(first second);
is(keeper('second', $run), keeper('first', $run), 'the same change has the same result');
is(keeper('second', 'SELECT record_id, source_id, key, customer_id FROM customer_data.source_record ORDER BY 1'),
	keeper('first', 'SELECT record_id, source_id, key, customer_id FROM customer_data.source_record ORDER BY 1'), 'with the same ids');
$node->stop;
done_testing();
