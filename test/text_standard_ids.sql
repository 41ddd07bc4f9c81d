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
national_id|CN|310101199003071230|310101199003071230|
national_id|CN|310101 19900307 1230|310101199003071230|
national_id|CN|310101199003071231|310101199003071231|bad_checksum
national_id|CN|440301198511204568|440301198511204568|
national_id|CN|440301 19851120 4568|440301198511204568|
national_id|CN|440301198511204560|440301198511204560|bad_checksum
national_id|CN|510104200002290011|510104200002290011|
national_id|CN|510104 20000229 0011|510104200002290011|
national_id|CN|510104200002290010|510104200002290010|bad_checksum
national_id|CN|110108197506118027|110108197506118027|
national_id|CN|110108 19750611 8027|110108197506118027|
national_id|CN|110108197506118020|110108197506118020|bad_checksum
national_id|CN|420106196309152248|420106196309152248|
national_id|CN|420106 19630915 2248|420106196309152248|
national_id|CN|420106196309152240|420106196309152240|bad_checksum
national_id|TW|B223456719|B223456719|
national_id|TW|b223456719|B223456719|
national_id|TW|B223456710|B223456710|bad_checksum
national_id|TW|F128765439|F128765439|
national_id|TW|f128765439|F128765439|
national_id|TW|F128765430|F128765430|bad_checksum
national_id|TW|N298761234|N298761234|
national_id|TW|n298761234|N298761234|
national_id|TW|N298761235|N298761235|bad_checksum
national_id|TW|H102938470|H102938470|
national_id|TW|h102938470|H102938470|
national_id|TW|H102938471|H102938471|bad_checksum
national_id|HK|C668668(9)|C6686689|
national_id|HK|C668668(0)|C6686680|bad_checksum
national_id|HK|K234987(6)|K2349876|
national_id|HK|K234987(7)|K2349877|bad_checksum
national_id|HK|Z683365(A)|Z683365A|
national_id|SG|S8012345J|S8012345J|
national_id|SG|s8012345j|S8012345J|
national_id|SG|T0123654C|T0123654C|
national_id|SG|t0123654c|T0123654C|
national_id|SG|G5678321R|G5678321R|
national_id|SG|g5678321r|G5678321R|
national_id|SG|F7654123W|F7654123W|
national_id|SG|f7654123w|F7654123W|
national_id|ES|23456789D|23456789D|
national_id|ES|23.456.789-D|23456789D|
national_id|ES|23456789A|23456789A|bad_checksum
national_id|ES|51234876F|51234876F|
national_id|ES|51.234.876-F|51234876F|
national_id|ES|51234876A|51234876A|bad_checksum
national_id|ES|07654321J|07654321J|
national_id|ES|07.654.321-J|07654321J|
national_id|ES|07654321A|07654321A|bad_checksum
national_id|ES|99887766P|99887766P|
national_id|ES|99.887.766-P|99887766P|
national_id|ES|99887766A|99887766A|bad_checksum
national_id|FR|279067505601271|279067505601271|
national_id|FR|2 79 06 75 056 012 71|279067505601271|
national_id|FR|279067505601272|279067505601272|bad_checksum
national_id|FR|162011320123413|162011320123413|
national_id|FR|1 62 01 13 201 234 13|162011320123413|
national_id|FR|162011320123414|162011320123414|bad_checksum
national_id|FR|299126912345696|299126912345696|
national_id|FR|2 99 12 69 123 456 96|299126912345696|
national_id|FR|299126912345697|299126912345697|bad_checksum
national_id|BR|39053344705|39053344705|
national_id|BR|390.533.447-05|39053344705|
national_id|BR|39053344706|39053344706|bad_checksum
national_id|BR|12345678062|12345678062|
national_id|BR|123.456.780-62|12345678062|
national_id|BR|12345678063|12345678063|bad_checksum
national_id|BR|74682489070|74682489070|
national_id|BR|746.824.890-70|74682489070|
national_id|BR|74682489071|74682489071|bad_checksum
national_id|PL|85031554324|85031554324|
national_id|PL|85031554325|85031554325|bad_checksum
national_id|PL|02271012346|02271012346|
national_id|PL|02271012347|02271012347|bad_checksum
national_id|PL|55122498716|55122498716|
national_id|PL|55122498717|55122498717|bad_checksum
national_id|NL|198765435|198765435|
national_id|NL|1987.65.435|198765435|
national_id|NL|198765436|198765436|bad_checksum
national_id|NL|234987613|234987613|
national_id|NL|2349.87.613|234987613|
national_id|NL|234987614|234987614|bad_checksum
national_id|NL|302145692|302145692|
national_id|NL|3021.45.692|302145692|
national_id|NL|302145693|302145693|bad_checksum
national_id|SE|850709-9870|8507099870|
national_id|SE|8507099870|8507099870|
national_id|SE|8507099871|8507099871|bad_checksum
national_id|SE|640823-3234|6408233234|
national_id|SE|6408233234|6408233234|
national_id|SE|6408233235|6408233235|bad_checksum
national_id|SE|910102-2342|9101022342|
national_id|SE|9101022342|9101022342|
national_id|SE|9101022343|9101022343|bad_checksum
national_id|IN|273859123459|273859123459|
national_id|IN|2738 5912 3459|273859123459|
national_id|IN|273859123450|273859123450|bad_checksum
national_id|IN|982345670127|982345670127|
national_id|IN|9823 4567 0127|982345670127|
national_id|IN|982345670128|982345670128|bad_checksum
national_id|IN|456781239096|456781239096|
national_id|IN|4567 8123 9096|456781239096|
national_id|IN|456781239097|456781239097|bad_checksum
national_id|CA|193-384-724|193384724|
national_id|CA|193384725|193384725|bad_checksum
national_id|CA|726-451-099|726451099|
national_id|CA|726451090|726451090|bad_checksum
national_id|ZA|9202204720083|9202204720083|
national_id|ZA|920220 4720 083|9202204720083|
national_id|ZA|9202204720084|9202204720084|bad_checksum
national_id|ZA|7105155089089|7105155089089|
national_id|ZA|710515 5089 089|7105155089089|
national_id|ZA|7105155089080|7105155089080|bad_checksum
national_id|KR|900101-1234568|9001011234568|
national_id|KR|9001011234568|9001011234568|
national_id|KR|9001011234569|9001011234569|bad_checksum
national_id|KR|771231-2345670|7712312345670|
national_id|KR|7712312345670|7712312345670|
national_id|KR|7712312345671|7712312345671|bad_checksum
national_id|CZ|850712/1238|8507121238|
national_id|CZ|850712/1239|8507121239|bad_checksum
national_id|CZ|906218/4560|9062184560|
national_id|CZ|906218/4561|9062184561|bad_checksum
national_id|IT|BNCLRA90A41H501F|BNCLRA90A41H501F|
national_id|IT|BNCLRA 90A41 H501F|BNCLRA90A41H501F|
national_id|IT|BNCLRA90A41H501A|BNCLRA90A41H501A|bad_checksum
national_id|IT|VRDGPP75M12F205X|VRDGPP75M12F205X|
national_id|IT|VRDGPP 75M12 F205X|VRDGPP75M12F205X|
national_id|IT|VRDGPP75M12F205A|VRDGPP75M12F205A|bad_checksum
national_id|US|219-09-9999||placeholder
national_id|US|457 55 5462|457555462|
national_id|US|536228726|536228726|
national_id|GB|QQ 12 34 56 C|QQ123456C|unassigned
national_id|GB|JG 10 37 59 A|JG103759A|
national_id|GB|ce123987d|CE123987D|
national_id|US|000000000||placeholder
national_id|US|unknown||placeholder
national_id|US|N/A||placeholder
national_id|US|xxx||placeholder
national_id|US|-||placeholder
national_id|DE|000000000||placeholder
national_id|DE|unknown||placeholder
national_id|DE|N/A||placeholder
national_id|DE|xxx||placeholder
national_id|DE|-||placeholder
national_id|CN|000000000||placeholder
national_id|CN|unknown||placeholder
national_id|CN|N/A||placeholder
national_id|CN|xxx||placeholder
national_id|CN|-||placeholder
national_id|FR|000000000||placeholder
national_id|FR|unknown||placeholder
national_id|FR|N/A||placeholder
national_id|FR|xxx||placeholder
national_id|FR|-||placeholder
loyalty_id||K-778 123|K-778123|
loyalty_id||VIP0042|VIP0042|
loyalty_id||　Ａ１００|A100|
cookie_id||none||placeholder
cookie_id||(null)||placeholder
cookie_id||0||placeholder
cookie_id||n/a||placeholder
device_id||none||placeholder
device_id||undefined||placeholder
device_id||(null)||placeholder
device_id||0||placeholder
device_id||n/a||placeholder
ad_id||none||placeholder
ad_id||undefined||placeholder
ad_id||(null)||placeholder
ad_id||0||placeholder
ad_id||n/a||placeholder
loyalty_id||none||placeholder
loyalty_id||undefined||placeholder
loyalty_id||(null)||placeholder
account_id||none||placeholder
account_id||undefined||placeholder
account_id||(null)||placeholder
account_id||0||placeholder
account_id||n/a||placeholder
ad_id||F4B0C1D2-0A1B-4C3D-9E8F-7A6B5C4D3E2F|f4b0c1d2-0a1b-4c3d-9e8f-7a6b5c4d3e2f|
cookie_id||GA1.2.1033501218.1368477899|GA1.2.1033501218.1368477899|
job_title||Geschäftsführer|geschaftsfuhrer|
job_title||CEO|ceo|
job_title||Vice  President, Sales|vice president, sales|
job_title||采购经理|采购经理|
job_title||採購經理|采购经理|
job_title||Directrice générale|directrice generale|
occupation||Krankenschwester|krankenschwester|
occupation||Élève|eleve|
occupation||教師|教师|
national_id|CN|330106199205140236|330106199205140236|
national_id|CN|330106-19920514-0236|330106199205140236|
national_id|CN|330106199205140231|330106199205140231|bad_checksum
national_id|CN|610113197809230410|610113197809230410|
national_id|CN|610113-19780923-0410|610113197809230410|
national_id|CN|610113197809230411|610113197809230411|bad_checksum
national_id|CN|210204196601305524|210204196601305524|
national_id|CN|210204-19660130-5524|210204196601305524|
national_id|CN|210204196601305521|210204196601305521|bad_checksum
national_id|TW|E120938475|E120938475|
national_id|TW| E120938475 |E120938475|
national_id|TW|E120938476|E120938476|bad_checksum
national_id|TW|K229183740|K229183740|
national_id|TW| K229183740 |K229183740|
national_id|TW|K229183741|K229183741|bad_checksum
national_id|TW|T138475621|T138475621|
national_id|TW| T138475621 |T138475621|
national_id|TW|T138475622|T138475622|bad_checksum
national_id|ES|61739284Q|61739284Q|
national_id|ES|61739284 q|61739284Q|
national_id|ES|61739284B|61739284B|bad_checksum
national_id|ES|40518273R|40518273R|
national_id|ES|40518273 r|40518273R|
national_id|ES|40518273B|40518273B|bad_checksum
national_id|ES|72839405S|72839405S|
national_id|ES|72839405 s|72839405S|
national_id|ES|72839405B|72839405B|bad_checksum
national_id|BR|31748290541|31748290541|
national_id|BR|317.482.905-41|31748290541|
national_id|BR|31748290542|31748290542|bad_checksum
national_id|BR|86014273913|86014273913|
national_id|BR|860.142.739-13|86014273913|
national_id|BR|86014273914|86014273914|bad_checksum
national_id|PL|78031524617|78031524617|
national_id|PL| 78031524617|78031524617|
national_id|PL|78031524618|78031524618|bad_checksum
national_id|PL|91102364750|91102364750|
national_id|PL| 91102364750|91102364750|
national_id|PL|91102364751|91102364751|bad_checksum
national_id|SE|730419-1187|7304191187|
national_id|SE|7304191187|7304191187|
national_id|SE|7304191188|7304191188|bad_checksum
national_id|SE|551230-4477|5512304477|
national_id|SE|5512304477|5512304477|
national_id|SE|5512304478|5512304478|bad_checksum
national_id|CA|138 294 756|138294756|
national_id|CA|138294757|138294757|bad_checksum
national_id|CA|582 139 473|582139473|
national_id|CA|582139474|582139474|bad_checksum
national_id|FR|187037511608242|187037511608242|
national_id|FR|187037511608243|187037511608243|bad_checksum
national_id|FR|295063306321409|295063306321409|
national_id|FR|295063306321410|295063306321410|bad_checksum
national_id|KR|860503-1245670|8605031245670|
national_id|KR|8605031245670|8605031245670|
national_id|KR|8605031245671|8605031245671|bad_checksum
national_id|US|531 44 8127|531448127|
national_id|US|212-73-5590|212735590|
national_id|US|666-12-3456|666123456|unassigned
national_id|GB|JK 45 81 27 B|JK458127B|
national_id|GB|jk458127b|JK458127B|
national_id|TW|不詳||placeholder
national_id|JP|不明||placeholder
national_id|US|not available||placeholder
national_id|HK|||empty
national_id|SG|null||placeholder
national_id|KR|없음||placeholder
national_id|DE|keine Angabe||placeholder
\.
UPDATE label SET issue = btrim(issue);
SELECT plan(2);
SELECT is_empty($$SELECT attribute, count(l.line) FROM unnest(ARRAY['national_id']) attribute LEFT JOIN label l USING (attribute)
	GROUP BY attribute HAVING count(l.line) < 300$$, 'values labelled of each attribute');
SELECT is_empty($$SELECT l.line, l.attribute, l.region, l.given, l.want, s.standard, l.issue, s.issue AS got
	FROM label l, customer_data.standardize(l.attribute, coalesce(l.given, ''), coalesce(l.region, '')) s
	WHERE (s.standard, s.issue) IS DISTINCT FROM (l.want, l.issue) ORDER BY line$$, 'identifiers get their labels');
SELECT * FROM finish();
