-- Hand-labelled company names of many countries: the name as given, its key
-- without legal forms, and for some the legal form found.
CREATE TEMP TABLE label(given text, want text, legal text, line int GENERATED ALWAYS AS IDENTITY);
COPY label(given, want, legal) FROM stdin (FORMAT csv, DELIMITER '|', QUOTE E'\b');
Acme Inc|acme|inc
Acme, Inc.|acme|inc
ACME INC|acme|inc
Acme Incorporated|acme|incorporated
Acme Corp.|acme|corp
Acme Corporation|acme|corporation
Acme Co.|acme|co
Acme & Co.|acme|co
Acme Company|acme|company
The Acme Company|acme|company
Acme Ltd|acme|ltd
Acme Ltd.|acme|ltd
Acme Limited|acme|limited
Acme Co., Ltd.|acme|co ltd
Acme Company Limited|acme|company limited
Acme LLC|acme|llc
Acme L.L.C.|acme|llc
Acme LLP|acme|llp
Acme L.P.|acme|lp
Acme PLC|acme|plc
Acme P.L.C.|acme|plc
Acme Pty Ltd|acme|pty ltd
Acme Pty. Limited|acme|pty limited
Acme Proprietary Limited|acme|proprietary limited
Acme Pte. Ltd.|acme|pte ltd
Acme Pvt. Ltd.|acme|pvt ltd
Acme Private Limited|acme|private limited
Acme Sdn. Bhd.|acme|sdn bhd
Acme Berhad|acme|berhad
Muster GmbH|muster|gmbh
Muster G.m.b.H.|muster|gmbh
Muster GmbH & Co. KG|muster|gmbh co kg
Muster GmbH und Co. KG|muster|gmbh co kg
Muster GmbH & Co KGaA|muster|gmbh co kgaa
Muster AG|muster|ag
Muster AG & Co. KG|muster|ag co kg
Muster KG|muster|kg
Muster OHG|muster|ohg
Muster UG (haftungsbeschränkt)|muster|ug haftungsbeschrankt
Muster e.V.|muster|ev
Muster eG|muster|eg
Muster GbR|muster|gbr
Muster e.K.|muster|ek
Muster SE|muster|se
Müller & Söhne GmbH|muller sohne|gmbh
Müller und Söhne GmbH|muller sohne|gmbh
Muster Gesellschaft mit beschränkter Haftung|muster|gesellschaft mit beschrankter haftung
Muster Aktiengesellschaft|muster|aktiengesellschaft
Muster Ges.m.b.H.|muster|ges mbh
Dupont SA|dupont|sa
Dupont S.A.|dupont|sa
Dupont S.A.S.|dupont|sas
Dupont SASU|dupont|sasu
Dupont SARL|dupont|sarl
Dupont S.à r.l.|dupont|sarl
SARL Dupont|dupont|sarl
N.V. Nutricia|nutricia|nv
NV Philips' Gloeilampenfabrieken|philips gloeilampenfabrieken|nv
B.V. Koninklijke Maatschappij De Schelde|koninklijke maatschappij de schelde|bv
GmbH Meier|meier|gmbh
SNC Lavalin|lavalin|snc
Dupont EURL|dupont|eurl
Dupont et Cie|dupont|cie
Dupont Société Anonyme|dupont|societe anonyme
SNCF|sncf|
Rossi S.p.A.|rossi|spa
Rossi SpA|rossi|spa
Rossi S.r.l.|rossi|srl
Rossi SRL|rossi|srl
Rossi S.n.c.|rossi|snc
Rossi & C. S.a.s.|rossi|co sas
García S.L.|garcia|sl
García SL|garcia|sl
García, S.A.|garcia|sa
García S.A.U.|garcia|sau
García S.L.U.|garcia|slu
Grupo Bimbo, S.A.B. de C.V.|grupo bimbo|sab de cv
Acme S.A. de C.V.|acme|sa de cv
Acme, S. A. de C. V.|acme|sa de cv
ACME SA DE CV|acme|sa de cv
Acme S. de R.L. de C.V.|acme|s de rl de cv
Acme S.A.C.|acme|sac
Acme Sociedad Anónima|acme|sociedad anonima
Silva Ltda.|silva|ltda
Silva Limitada|silva|limitada
Silva Lda|silva|lda
Silva EIRELI|silva|eireli
Silva & Filhos Ltda|silva filhos|ltda
Jansen B.V.|jansen|bv
Jansen BV|jansen|bv
Jansen N.V.|jansen|nv
Jansen VOF|jansen|vof
Janssens BVBA|janssens|bvba
Janssens SPRL|janssens|sprl
Svensson AB|svensson|ab
AB Svensson|svensson|ab
Svensson Aktiebolag|svensson|aktiebolag
Hansen A/S|hansen|as
Hansen AS|hansen|as
Hansen ASA|hansen|asa
Hansen ApS|hansen|aps
Hansen I/S|hansen is|
Virtanen Oy|virtanen|oy
Oy Virtanen Ab|virtanen|oy ab
Virtanen Oyj|virtanen|oyj
Kowalski Sp. z o.o.|kowalski|sp zoo
Kowalski Spółka z o.o.|kowalski|spolka zoo
Kowalski Spółka z ograniczoną odpowiedzialnością|kowalski|spolka z ograniczona odpowiedzialnoscia
Kowalski S.A.|kowalski|sa
Kowalski Sp.j.|kowalski|sp j
Novák s.r.o.|novak|sro
Novák, spol. s r.o.|novak|spol sro
Novák a.s.|novak|as
Nagy Kft.|nagy|kft
Nagy Zrt.|nagy|zrt
Horvat d.o.o.|horvat|doo
Horvat d.d.|horvat|dd
Ivanov OOD|ivanov|ood
Ivanov EOOD|ivanov|eood
Popescu SRL|popescu|srl
Kaya Ltd. Şti.|kaya|ltd sti
Kaya San. ve Tic. Ltd. Şti.|kaya|san ve tic ltd sti
Kaya A.Ş.|kaya|as
Kaya Anonim Şirketi|kaya|anonim sirketi
ООО Ромашка|ромашка|ооо
ООО «Ромашка»|ромашка|ооо
ЗАО "Восток"|восток|зао
ПАО Газпром|газпром|пао
Romashka OOO|romashka|ooo
Gazprom PJSC|gazprom|pjsc
Kazakhtelecom JSC|kazakhtelecom|jsc
UAB Vilnius|vilnius|uab
SIA Riga|riga|sia
Tallinn OÜ|tallinn|ou
Acme FZE|acme|fze
Acme W.L.L.|acme|wll
Acme S.A.E.|acme|sae
PT Astra International Tbk|astra international|pt tbk
PT. Astra International, Tbk.|astra international|pt tbk
Công ty TNHH Minh Anh|minh anh|cong ty tnhh
CÔNG TY CỔ PHẦN Minh Anh|minh anh|cong ty co phan
Sony Kabushiki Kaisha|sony|kabushiki kaisha
Sony K.K.|sony|kk
Toyota Motor Corporation|toyota motor|corporation
华为技术有限公司|华为技术|有限公司
華為技術有限公司|华为技术|有限公司
阿里巴巴集团控股有限公司|阿里巴巴集团控股|有限公司
中国石油天然气股份有限公司|中国石油天然气|股份有限公司
北京小米科技有限责任公司|北京小米科技|有限责任公司
海尔集团公司|海尔集团|公司
武汉海明智业电子商务有限公司|武汉海明智业电子商务|有限公司
上海海明贸易（有限公司）|上海海明贸易|有限公司
海明（上海）贸易有限公司|上海海明贸易|有限公司
海明(上海)贸易有限公司|上海海明贸易|有限公司
台灣積體電路製造股份有限公司|台湾积体电路制造|股份有限公司
鴻海精密工業股份有限公司|鸿海精密工业|股份有限公司
長江和記實業有限公司|长江和记实业|有限公司
深圳市腾讯计算机系统有限公司|深圳市腾讯计算机系统|有限公司
北京天健会计师事务所（特殊普通合伙）|北京天健会计师事务所|特殊普通合伙
ソニー株式会社|ソニー|株式会社
株式会社ソニー|ソニー|株式会社
ソニー（株）|ソニー|株
（株）ソニー|ソニー|株
ソニー㈱|ソニー|株
㈱ソニー|ソニー|株
株式會社ソニー|ソニー|株式会社
トヨタ自動車株式会社|トヨタ自动车|株式会社
有限会社田中商店|田中商店|有限会社
合同会社西友|西友|合同会社
삼성전자 주식회사|삼성전자|주식회사
삼성전자(주)|삼성전자|주
㈜카카오|카카오|주
주식회사 카카오|카카오|주식회사
AT&T|att|
AT&T Inc.|att|inc
AT & T|att|
H&M|hm|
H & M Hennes & Mauritz AB|hm hennes mauritz|ab
B&Q|bq|
Procter & Gamble|procter gamble|
Procter and Gamble|procter gamble|
Johnson & Johnson|johnson johnson|
Marks & Spencer plc|marks spencer|plc
Ben & Jerry's|ben jerrys|
McDonald's Corporation|mcdonalds|corporation
Yahoo! Inc.|yahoo|inc
7-Eleven, Inc.|7 eleven|inc
3M Company|3m|company
20th Century Fox|20th century fox|
A.P. Møller – Mærsk A/S|ap moller maersk|as
Coca-Cola|coca cola|
L'Oréal S.A.|loreal|sa
Nestlé S.A.|nestle|sa
E.ON SE|e on|se
U.S. Steel|us steel|
IBM|ibm|
I.B.M.|ibm|
The|the|
Ltd|ltd|
公司|公司|
Northwind Traders Inc.|northwind traders|inc
NORTHWIND TRADERS, INC|northwind traders|inc
Northwind Traders Incorporated|northwind traders|incorporated
The Northwind Trading Co.|northwind trading|co
Northwind Trading Company, LLC|northwind trading|company llc
Northwind Holdings Ltd.|northwind holdings|ltd
Northwind Holdings Limited|northwind holdings|limited
Northwind (UK) Ltd|northwind uk|ltd
Northwind UK Limited|northwind uk|limited
Smith, Jones & Partners LLP|smith jones partners|llp
Smith Jones and Partners L.L.P.|smith jones partners|llp
O'Neill Bros. Ltd|oneill bros|ltd
D.H. Lawrence & Sons Ltd.|dh lawrence sons|ltd
J. Sainsbury plc|j sainsbury|plc
J Sainsbury PLC|j sainsbury|plc
W H Smith|wh smith|
Barnes & Noble, Inc.|barnes noble|inc
Barnes and Noble|barnes noble|
Dun & Bradstreet Corp|dun bradstreet|corp
Harley-Davidson, Inc.|harley davidson|inc
Wal-Mart Stores, Inc.|wal mart stores|inc
Toys "R" Us|toys r us|
Dunkin' Donuts|dunkin donuts|
Macy’s, Inc.|macys|inc
Macy's|macys|
Trader Joe's Company|trader joes|company
Berkshire Hathaway Inc|berkshire hathaway|inc
General Electric Co|general electric|co
Exxon Mobil Corporation|exxon mobil|corporation
JPMorgan Chase & Co.|jpmorgan chase|co
Wells Fargo Bank, N.A.|wells fargo bank na|
Bank of America Corp|bank of america|corp
First National Bank|first national bank|
Kaiser Foundation Hospitals|kaiser foundation hospitals|
University of Chicago|university of chicago|
St. Mary's Hospital|st marys hospital|
Siemens Aktiengesellschaft|siemens|aktiengesellschaft
SIEMENS AG|siemens|ag
Siemens Energy AG|siemens energy|ag
Robert Bosch GmbH|robert bosch|gmbh
ROBERT BOSCH G.M.B.H.|robert bosch|gmbh
Bäckerei Krüger e.K.|backerei kruger|ek
Bäckerei Krüger|backerei kruger|
Gebr. Meier OHG|gebr meier|ohg
Stadtwerke München GmbH|stadtwerke munchen|gmbh
Dr. Oetker Nahrungsmittel KG|dr oetker nahrungsmittel|kg
Würth GmbH & Co.KG|wurth|gmbh co kg
Aldi Einkauf SE & Co. oHG|aldi einkauf|se co ohg
Lidl Stiftung & Co. KG|lidl stiftung|co kg
Sportverein Blau-Weiß e. V.|sportverein blau weiss|ev
Raiffeisenbank eG|raiffeisenbank|eg
ÖBB-Personenverkehr AG|obb personenverkehr|ag
Red Bull GmbH|red bull|gmbh
Manner AG|manner|ag
Migros-Genossenschafts-Bund|migros genossenschafts bund|
Novartis International AG|novartis international|ag
Société Générale SA|societe generale|sa
Peugeot S.A.|peugeot|sa
Boulangerie Martin SARL|boulangerie martin|sarl
S.A.R.L. Boulangerie Martin|boulangerie martin|sarl
SAS Garage Dupuis|garage dupuis|sas
Crédit Agricole|credit agricole|
Électricité de France SA|electricite de france|sa
Telefónica, S.A.|telefonica|sa
Panadería López S.L.|panaderia lopez|sl
Panaderia Lopez, S.L.|panaderia lopez|sl
Construcciones Núñez S.L.U.|construcciones nunez|slu
El Corte Inglés, S.A.|el corte ingles|sa
Cemex S.A.B. de C.V.|cemex|sab de cv
Petróleo Brasileiro S.A.|petroleo brasileiro|sa
Padaria São João Ltda|padaria sao joao|ltda
Padaria São João LTDA.|padaria sao joao|ltda
Fiat S.p.A.|fiat|spa
Ferrero SPA|ferrero|spa
Pizzeria da Mario S.r.l.|pizzeria da mario|srl
Officine Bianchi S.n.c.|officine bianchi|snc
Heineken N.V.|heineken|nv
Bakkerij de Vries B.V.|bakkerij de vries|bv
Bakkerij De Vries bv|bakkerij de vries|bv
Anheuser-Busch InBev NV|anheuser busch inbev|nv
Volvo AB|volvo|ab
IKEA AB|ikea|ab
Novo Nordisk A/S|novo nordisk|as
Carlsberg Danmark A/S|carlsberg danmark|as
Equinor ASA|equinor|asa
Nokia Oyj|nokia|oyj
Kone Oy|kone|oy
Orlen S.A.|orlen|sa
Piekarnia Nowak Sp. z o. o.|piekarnia nowak|sp zoo
Škoda Auto a.s.|skoda auto|as
Pekařství Dvořák s. r. o.|pekarstvi dvorak|sro
OTP Bank Nyrt.|otp bank|nyrt
Krka d.d.|krka|dd
Bitdefender S.R.L.|bitdefender|srl
Koç Holding A.Ş.|koc holding|as
ОАО «Российские железные дороги»|россииские железные дороги|оао
ООО "Вектор Плюс"|вектор плюс|ооо
Tata Consultancy Services Limited|tata consultancy services|limited
Infosys Ltd.|infosys|ltd
Reliance Industries Pvt Ltd|reliance industries|pvt ltd
BHP Group Pty Ltd|bhp group|pty ltd
Singtel Pte Ltd|singtel|pte ltd
Petronas Dagangan Berhad|petronas dagangan|berhad
百度在线网络技术有限公司|百度在线网络技术|有限公司
小米科技有限责任公司|小米科技|有限责任公司
中国工商银行股份有限公司|中国工商银行|股份有限公司
中國工商銀行股份有限公司|中国工商银行|股份有限公司
广州王老吉药业股份有限公司|广州王老吉药业|股份有限公司
宁波三江贸易有限公司|宁波三江贸易|有限公司
寧波三江貿易有限公司|宁波三江贸易|有限公司
聯發科技股份有限公司|联发科技|股份有限公司
華碩電腦股份有限公司|华硕电脑|股份有限公司
本田技研工業株式会社|本田技研工业|株式会社
株式会社日立製作所|日立制作所|株式会社
(株)日立製作所|日立制作所|株
現代自動車|现代自动车|
현대자동차 주식회사|현대자동차|주식회사
현대자동차(주)|현대자동차|주
有限会社山田商店|山田商店|有限会社
合資会社鈴木酒造|铃木酒造|合资会社
\.
SELECT plan(5);
SELECT cmp_ok(count(*)::int, '>=', 300, 'values labelled') FROM label;
SELECT is_empty($$SELECT line, given, want, customer_data.normalize_company(given) FROM label
	WHERE customer_data.normalize_company(given) <> want ORDER BY line$$, 'companies get their keys');
SELECT is_empty($$SELECT line, given, legal, (customer_data.company_parts(given)).legal_form FROM label
	WHERE (customer_data.company_parts(given)).legal_form IS DISTINCT FROM legal ORDER BY line$$, 'legal forms are found');

CREATE TEMP TABLE part(given text, place text, brand text, trade text, legal text);
COPY part FROM stdin (FORMAT csv, DELIMITER '|', QUOTE E'\b');
武汉海明智业电子商务有限公司|武汉|海明智业|电子商务|有限公司
华为技术有限公司||华为|技术|有限公司
北京小米科技有限责任公司|北京|小米|科技|有限责任公司
深圳市腾讯计算机系统有限公司|深圳市|腾讯计算机系统||有限公司
深圳市大疆创新科技有限公司|深圳市|大疆创新|科技|有限公司
上海拼多多网络科技有限公司|上海|拼多多|网络科技|有限公司
杭州网易网络有限公司|杭州|网易|网络|有限公司
广州腾飞国际贸易有限公司|广州|腾飞|国际贸易|有限公司
海明（上海）贸易有限责任公司|上海|海明|贸易|有限责任公司
青岛海尔股份有限公司|青岛|海尔||股份有限公司
湖北省武汉市光谷科技股份有限公司|湖北省|武汉市光谷|科技|股份有限公司
成都红旗连锁股份有限公司|成都|红旗|连锁|股份有限公司
南京苏宁易购集团股份有限公司|南京|苏宁易购|集团|股份有限公司
重庆小天鹅餐饮管理有限公司|重庆|小天鹅|餐饮管理|有限公司
西安大唐文化传媒有限公司|西安|大唐|文化传媒|有限公司
台北富邦銀行股份有限公司|台北|富邦|银行|股份有限公司
\.
SELECT is_empty($$SELECT p.*, c.* FROM part p, customer_data.company_parts(p.given) c
	WHERE (p.place, p.brand, p.trade, p.legal) IS DISTINCT FROM (c.place, c.brand, c.trade, c.legal_form)$$, 'parts of Chinese company names');
SELECT is_empty($$SELECT given, standard, issue FROM label, customer_data.standardize('company', given)
	WHERE standard IS DISTINCT FROM customer_data.normalize_company(given)$$, 'the standard form of a company is its key');
SELECT * FROM finish();
