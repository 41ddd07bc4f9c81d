-- Hand-labelled identifiers of several countries, made up but with true or
-- wrong check digits: attribute | region | value as given | standard form | issue
CREATE TEMP TABLE label(attribute text, region text, given text, want text, issue text, line int GENERATED ALWAYS AS IDENTITY);
COPY label(attribute, region, given, want, issue) FROM stdin (FORMAT csv, DELIMITER '|', QUOTE E'\b');
national_id|CN|11010519491231002X|11010519491231002X|
national_id|CN|11010519491231002x|11010519491231002X|
national_id|CN|110105 19491231 002X|11010519491231002X|
national_id|CN|１１０１０５１９４９１２３１００２Ｘ|11010519491231002X|
national_id|CN|440524188001010014|440524188001010014|
national_id|CN|110105194912310021|110105194912310021|bad_checksum
national_id|CN|110105194913310021|110105194913310021|impossible_date
national_id|CN|110105194902300021|110105194902300021|impossible_date
national_id|CN|1101051949123100|1101051949123100|too_short
national_id|CN|11010519491231002X1|11010519491231002X1|too_long
national_id|CN|A1010519491231002X|A1010519491231002X|malformed
national_id|CN|110105491231002|11010519491231002X|
national_id|CN|111111111111111111||placeholder
national_id|CN|000000||placeholder
national_id|CN|无||placeholder
national_id||11010519491231002X|11010519491231002X|
national_id|TW|A123456789|A123456789|
national_id|TW|a123456789|A123456789|
national_id|TW|A123456788|A123456788|bad_checksum
national_id|TW|123456||placeholder
national_id|TW|124456|124456|malformed
national_id|HK|G123456(A)|G123456A|
national_id|HK|A123456(3)|A1234563|
national_id|HK|A123456(4)|A1234564|bad_checksum
national_id|HK|AB987654(3)|AB9876543|
national_id|SG|S1234567D|S1234567D|
national_id|SG|S1234567A|S1234567A|bad_checksum
national_id|SG|F1234567N|F1234567N|
national_id|SG|1234568|1234568|malformed
national_id|ES|12345678Z|12345678Z|
national_id|ES|12345678-Z|12345678Z|
national_id|ES|12345678A|12345678A|bad_checksum
national_id|ES|X1234567L|X1234567L|
national_id|ES|1235|1235|too_short
national_id|IT|RSSMRA85T10A562S|RSSMRA85T10A562S|
national_id|IT|rssmra85t10a562s|RSSMRA85T10A562S|
national_id|IT|RSSMRA85T10A562A|RSSMRA85T10A562A|bad_checksum
national_id|IT|RSSMRA85|RSSMRA85|malformed
national_id|FR|1 85 05 78 006 084 91|185057800608491|
national_id|FR|185057800608492|185057800608492|bad_checksum
national_id|FR|1850578006084|1850578006084|
national_id|FR|12346|12346|too_short
national_id|US|123-45-6788|123456788|
national_id|US|123-45-6789||placeholder
national_id|US|078-05-1120||placeholder
national_id|US|000-45-6788|000456788|unassigned
national_id|US|666-45-6788|666456788|unassigned
national_id|US|900-45-6788|900456788|unassigned
national_id|US|123-00-6788|123006788|unassigned
national_id|US|111-11-1111||placeholder
national_id|US|123-45-68|1234568|too_short
national_id|GB|AB 12 34 56 C|AB123456C|
national_id|GB|ab123456c|AB123456C|
national_id|GB|BG123456C|BG123456C|unassigned
national_id|GB|DA123456C|DA123456C|unassigned
national_id|GB|123456789||placeholder
national_id|BR|529.982.247-25|52998224725|
national_id|BR|529.982.247-26|52998224726|bad_checksum
national_id|BR|111.111.111-11||placeholder
national_id|PL|44051401359|44051401359|
national_id|PL|44051401358|44051401358|bad_checksum
national_id|PL|440514|440514|too_short
national_id|NL|111222333|111222333|
national_id|NL|123456782|123456782|
national_id|NL|123456781|123456781|bad_checksum
national_id|SE|811228-9874|8112289874|
national_id|SE|19811228-9874|198112289874|
national_id|SE|811228-9875|8112289875|bad_checksum
national_id|IN|2341 2341 2346|234123412346|
national_id|IN|2341 2341 2347|234123412347|bad_checksum
national_id|CA|046 454 286|046454286|
national_id|CA|046 454 287|046454287|bad_checksum
national_id|ZA|8001015009087|8001015009087|
national_id|ZA|8001015009088|8001015009088|bad_checksum
national_id|KR|820701-2409181|8207012409181|
national_id|KR|820701-2409183|8207012409183|bad_checksum
national_id|CZ|736028/5163|7360285163|
national_id|CZ|736028/5164|7360285164|bad_checksum
national_id|CZ|531231/123|531231123|
national_id|DE|L01X00T47|L01X00T47|
national_id|DE|12|12|too_short
national_id|US|n/a||placeholder
national_id|US|---||placeholder
tax_id|CN|91350100M000100Y43|91350100M000100Y43|
tax_id|CN|91350100M000100Y44|91350100M000100Y44|bad_checksum
tax_id|CN|123456789012345||placeholder
tax_id|CN|110105123456785|110105123456785|
tax_id|BR|11.222.333/0001-81|11222333000181|
tax_id|BR|11.222.333/0001-82|11222333000182|bad_checksum
tax_id|AU|51 824 753 556|51824753556|
tax_id|AU|51 824 753 557|51824753557|bad_checksum
tax_id|US|12-3456788|123456788|
tax_id|US|12-346|12346|too_short
tax_id|TW|12345675|12345675|
tax_id|TW|1234567|| placeholder
tax_id|DE|DE 136 695 976|DE136695976|
tax_id|DE|DE136695976|DE136695976|
tax_id|GB|GB 123 4567 73|GB123456773|
tax_id|DE|000000000||placeholder
tax_id|DE|none||placeholder
loyalty_id||L-00123|L-00123|
loyalty_id|| L-00123 |L-00123|
loyalty_id||0||placeholder
loyalty_id||000000||placeholder
loyalty_id||-1||placeholder
loyalty_id||null||placeholder
loyalty_id||n/a||placeholder
loyalty_id||9999||placeholder
loyalty_id||7|7|
loyalty_id||anonymous||placeholder
loyalty_id||aB12|aB12|
cookie_id||a1b2c3d4-0000-4000-8000-000000000001|a1b2c3d4-0000-4000-8000-000000000001|
cookie_id||00000000-0000-0000-0000-000000000000||placeholder
cookie_id||undefined||placeholder
cookie_id||NULL||placeholder
device_id||ABC-123|ABC-123|
device_id||unknown||placeholder
ad_id||38400000-8CF0-11BD-B23E-10B96E40000D|38400000-8cf0-11bd-b23e-10b96e40000d|
ad_id||00000000-0000-0000-0000-000000000000||placeholder
account_id||AC-17|AC-17|
account_id||guest||placeholder
account_id||123456||placeholder
job_title||Head of  Sales|head of sales|
job_title||HEAD OF SALES|head of sales|
job_title||總經理|总经理|
job_title||Ingénieur|ingenieur|
occupation||Lehrer|lehrer|
occupation||n/a||placeholder
hobby||Jazz  Music |jazz music|
hobby||爵士樂|爵士乐|
hobby||  ||empty
\.
UPDATE label SET issue = btrim(issue);
SELECT plan(2);
SELECT cmp_ok(count(*)::int, '>=', 120, 'values labelled') FROM label;
SELECT is_empty($$SELECT l.line, l.attribute, l.region, l.given, l.want, s.standard, l.issue, s.issue AS got
	FROM label l, customer_data.standardize(l.attribute, coalesce(l.given, ''), coalesce(l.region, '')) s
	WHERE (s.standard, s.issue) IS DISTINCT FROM (l.want, l.issue) ORDER BY line$$, 'identifiers get their labels');
SELECT * FROM finish();
