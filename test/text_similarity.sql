-- Hand-labelled pairs of names, companies and addresses. Same ones must score
-- 0.8 or more, different ones less than 0.8; "maybe" is for pairs a person would
-- want to look at: above 0.6. Answers are symmetric and between 0 and 1.
CREATE TEMP TABLE pair(kind text, verdict text, a text, b text, line int GENERATED ALWAYS AS IDENTITY);
COPY pair(kind, verdict, a, b) FROM stdin (FORMAT csv, DELIMITER '|', QUOTE E'\b');
name|same|John Smith|JOHN SMITH
name|same|Саша Иванов|Aleksandr Ivanov
name|same|Хрущёв Никита|Nikita Khrushchev
name|same|Щербакова Юлия|Yulia Shcherbakova
name|same|Дмитрий Чайковский|Dmitri Tchaikovsky
name|same|عبد الرحمن الشريف|Abdulrahman Alsharif
name|different|😀|😁
company|same|ООО «Яндекс»|Yandex LLC
company|same|ПАО Сбербанк|Sberbank PJSC
company|same|ООО «Ромашка»|Romashka LLC
company|same|ЗАО Южный Щит|Yuzhny Shchit
company|same|Ελληνικά Πετρέλαια Α.Ε.|Ellinika Petrelaia AE
company|different|ООО «Ромашка»|Yandex LLC
address|same|ул. Ленина, д. 5, кв. 7|Lenina ulitsa 5 kv 7
address|different|ул. Ленина, д. 5|Pushkina ulitsa 12
name|same|John Smith|Smith, John
name|same|John Smith|Smith John
name|same|John Smith|Mr. John Smith
name|same|John Smith|Dr John Smith PhD
name|same|John Smith|Jon Smith
name|same|John Smith|John Smyth
name|same|John Smith|Johnn Smith
name|same|John Smith|Jhon Smith
name|same|John Smith|J. Smith
name|same|John Smith|John A. Smith
name|same|John Smith|John Andrew Smith
name|same|John Andrew Smith|John A Smith
name|same|John Smith Jr.|John Smith
name|same|J. R. R. Tolkien|John Ronald Reuel Tolkien
name|same|William Gates|Bill Gates
name|same|Robert Kennedy|Bobby Kennedy
name|same|Elizabeth Taylor|Liz Taylor
name|same|Margaret Thatcher|Peggy Thatcher
name|same|Katherine Johnson|Kathy Johnson
name|same|Catherine Johnson|Katherine Johnson
name|same|Katharina Schmidt|Katarina Schmidt
name|same|Alexander Hamilton|Alex Hamilton
name|same|Michael Jordan|Mike Jordan
name|same|Edward Snowden|Ted Snowden
name|same|Jonathan Swift|Jon Swift
name|same|Stephen Hawking|Steven Hawking
name|same|Geoffrey Hinton|Jeffrey Hinton
name|same|Phillip Jones|Philip Jones
name|same|Sara Connor|Sarah Connor
name|same|Mohammed Ali|Muhammad Ali
name|same|Mohamed Salah|Mohammad Salah
name|same|Yusuf Islam|Youssef Islam
name|same|Conor O'Neill|Connor ONeil
name|same|Sean MacDonald|Sean McDonald
name|same|Jean-Luc Picard|Jean Luc Picard
name|same|Jean-Luc Picard|Jeanluc Picard
name|same|Mary Ann Evans|Mary-Ann Evans
name|same|Mary Ann Evans|Maryann Evans
name|same|Ludwig van Beethoven|Beethoven, Ludwig van
name|same|Ludwig van Beethoven|Ludwig Beethoven
name|same|Ludwig van Beethoven|Ludwig von Beethoven
name|same|Oscar de la Renta|Oscar Delarenta
name|same|Osama bin Laden|Osama Binladen
name|same|Jürgen Müller|Juergen Mueller
name|same|Jürgen Müller|Jurgen Muller
name|same|Jürgen Müller|Müller, Jürgen
name|same|Günther Groß|Guenter Gross
name|same|Hans Meier|Hans Mayer
name|same|Hans Maier|Hans Meyer
name|same|Søren Kierkegaard|Soren Kierkegaard
name|same|José García Márquez|Jose Garcia Marquez
name|same|José García Márquez|José García
name|same|María José López|Maria Jose Lopez
name|same|Łukasz Wałęsa|Lukasz Walesa
name|same|דוד כהן|David Cohen
name|same|محمد بن علي|Mohammed bin Ali
name|same|محمد بن علي|Muhamed Bin Aly
name|different|דוד כהן|Daniel Cohen
name|different|田中 太郎|Yamada Taro
name|same|Dvořák Antonín|Antonin Dvorak
name|same|Nguyễn Văn Đức|Nguyen Van Duc
name|same|Nguyễn Văn Đức|Duc Nguyen Van
name|same|Сергей Иванов|Sergey Ivanov
name|same|Сергей Иванов|Sergei Ivanov
name|same|Сергей Иванов|Иванов Сергей
name|same|Дмитрий Медведев|Dmitry Medvedev
name|same|Пётр Чайковский|Petr Chaikovsky
name|same|Γιώργος Παπαδόπουλος|Giorgos Papadopoulos
name|same|محمد علي|Mohammed Ali
name|same|諸葛曉雯|诸葛晓雯
name|same|諸葛曉雯|Zhuge Xiaowen
name|same|诸葛晓雯|Xiaowen Zhuge
name|same|诸葛晓雯|Zhuge, Xiaowen
name|same|诸葛晓雯|ZHUGE XIAO WEN
name|same|诸葛晓雯|Zhu Ge Xiao Wen
name|same|诸葛晓雯|Zhuge Xiao-Wen
name|same|王小明|Wang Xiaoming
name|same|王小明|Xiaoming Wang
name|same|王小明|Wang Xiao Ming
name|same|王小明|小明王
name|same|王小明|王小明先生
name|same|王小明|王晓明
name|same|张伟|张炜
name|same|陳大文|陈大文
name|same|陈小明|Tan Xiaoming
name|same|黄志明|Wong Zhiming
name|same|李美玲|陳李美玲
name|same|林志玲|Lin Chi-ling
name|same|蔡英文|Tsai Ing-wen
name|same|欧阳娜娜|Ouyang Nana
name|same|单小明|Shan Xiaoming
name|same|吕布|Lyu Bu
name|same|田中太郎|田中 太郎
name|same|渡邊勝|渡辺勝
name|same|髙橋涼|高橋涼
name|same|タナカ タロウ|たなか たろう
name|same|ﾀﾅｶ ﾀﾛｳ|タナカ タロウ
name|same|たなか たろう|Tanaka Taro
name|same|さとう じろう|Sato Jiro
name|same|김민철|Kim Min-cheol
name|same|김민철|Kim Min Chul
name|same|김민철|Min-chul Kim
name|same|박지성|Park Ji-sung
name|same|이영희|Lee Young-hee
name|same|최은정|Choi Eun-jung
name|same|정우성|Jung Woo-sung
name|same|김 민철|김민철
name|different|John Smith|John Jones
name|different|John Smith|Mary Smith
name|different|John Smith|Jane Smith
name|different|John Smith|Peter Brown
name|different|John Smith|James Smith
name|different|Paul Simon|Simon Garfunkel
name|different|Michael Jackson|Janet Jackson
name|different|Anna Schmidt|Peter Schmidt
name|different|Maria Garcia|Mario Rossi
name|different|Li Wei|Li Na
name|different|Wang Wei|Zhang Wei
name|different|Hans Meier|Fritz Meier
name|different|Ludwig van Beethoven|Johann van Beethoven
name|different|王伟|李伟
name|different|王伟|王芳
name|different|王小明|王大明
name|different|王小明|王小红
name|different|王小明|李小明
name|different|陈小明|Chen Xiaohong
name|different|王小明|Wang Daming
name|different|张三|李四
name|different|诸葛晓雯|诸葛孔明
name|different|田中太郎|田中花子
name|different|김민철|김민수
name|different|김민철|박민철
name|different|김민철|Kim Min-soo
name|different|陈小明|Chen Xiao Hong
name|different|王伟|Wang Wen
name|different|Сергей Иванов|Андрей Иванов
name|different|J. Smith|K. Smith
name|different|John Smith Sr|Mary Smith Sr
name|different|X|Y
name|maybe|Smith|John Smith
name|maybe|John Smith Jr|John Smith Sr
name|maybe|Robert Brown|Roberta Brown
name|maybe|Michael Johnson|Michelle Johnson
name|maybe|Wang Fang|Wang Feng
company|same|Acme Inc|ACME, Inc.
company|same|Acme Inc|Acme Incorporated
company|same|Acme Inc|Acme
company|same|Acme Inc|Acme Corp
company|same|The Acme Company|Acme Co.
company|same|Acme GmbH|ACME G.m.b.H.
company|same|Acme S.A. de C.V.|ACME SA DE CV
company|same|Müller & Söhne GmbH|Mueller und Soehne GmbH
company|same|Müller & Söhne GmbH & Co. KG|Müller & Söhne
company|same|Smith Technologies Inc|Smith Tech
company|same|Smith Technologies|Smith Technology
company|same|Toyota Motor Corporation|Toyota Motors
company|same|Microsoft Corporation|Mircosoft Corp
company|same|Coca-Cola Company|CocaCola
company|same|International Business Machines|IBM
company|same|General Electric Co|GE
company|same|Intl. Paper Co.|International Paper Company
company|same|AT&T Inc.|AT & T
company|same|McDonald's Corporation|Mc Donalds
company|same|Hotel Bel-Air|Bel-Air Hotel
company|same|Arnie Morton's of Chicago|Arnie Mortons of Chicago
company|same|Art's Deli|Art's Delicatessen
company|same|Deutsche Bank AG|Deutsche Bank Aktiengesellschaft
company|same|Société Générale SA|Societe Generale
company|same|L'Oréal S.A.|LOREAL
company|same|ООО Ромашка|Ромашка
company|same|华为技术有限公司|华为
company|same|华为技术有限公司|華為技術有限公司
company|same|华为技术有限公司|Huawei Technologies Co., Ltd.
company|same|小米科技有限责任公司|Xiaomi
company|same|武汉海明智业电子商务有限公司|海明智业电子商务有限公司
company|same|武汉海明智业电子商务有限公司|武汉海明智业
company|same|海明（上海）贸易有限公司|上海海明贸易有限公司
company|same|腾讯|深圳市腾讯计算机系统有限公司
company|same|台積電|台积电股份有限公司
company|same|ソニー株式会社|（株）ソニー
company|same|ソニー株式会社|Sony Corporation
company|same|トヨタ自動車株式会社|トヨタ自動車
company|same|삼성전자 주식회사|삼성전자(주)
company|different|Smith Technologies|Jones Technologies
company|different|Deutsche Bank AG|Deutsche Post AG
company|different|First National Bank|Second National Bank
company|different|American Airlines|United Airlines
company|different|Acme Foods|Apex Foods
company|different|Hotel Adlon|Hotel Sacher
company|different|Müller GmbH|Meier GmbH
company|different|Bank of China|Bank of America
company|different|New York Times|New York Life
company|different|华为技术有限公司|中兴通讯股份有限公司
company|different|腾飞科技有限公司|腾达科技有限公司
company|different|北京银行|上海银行
company|different|小米科技有限责任公司|大米科技有限责任公司
company|different|三星电子|三洋电子
company|different|7-Eleven|Eleven Madison Park
company|maybe|北京海明科技有限公司|上海海明科技有限公司
company|maybe|海尔集团|海尔电器有限公司
address|same|123 Main Street|123 Main St.
address|same|123 North Main Street|123 N. Main St
address|same|123 Main St, Apt 4|123 Main Street #4
address|same|123 Main St, Springfield|123 Main Street
address|same|350 Fifth Avenue, New York, NY 10118|350 5th Ave, New York
address|same|1600 Pennsylvania Avenue NW, Washington|1600 Pensylvania Ave NW Washington DC
address|same|P.O. Box 123|PO Box 123
address|same|12 High Street, London|12 High St, London SW1A 1AA
address|same|Flat 3, 12 High Road|12 High Road Apt 3
address|same|Hauptstraße 5, 10115 Berlin|Hauptstr. 5, Berlin
address|same|Berliner Straße 5|Berliner Str. 5
address|same|Hauptstr. 5 a|Hauptstrasse 5A
address|same|12 rue de l'Église|12, Rue de l’Eglise
address|same|5 avenue Victor Hugo|5 av. Victor-Hugo
address|same|Calle Mayor, 5|Calle Mayor 5, Madrid
address|same|Avda. de América, 10|Avenida de America 10
address|same|Via Roma 10, Milano|via Roma, 10 - 20121 Milano
address|same|Av. Paulista, 1000|Avenida Paulista 1000
address|same|435 s. la cienega blvd.|435 S. La Cienega Blv
address|same|北京市朝阳区建国路88号|北京市朝陽區建國路八十八號
address|same|北京市朝阳区建国路88号|朝阳区建国路88号
address|same|北京市朝阳区建国路88号|北京朝阳区建国路88号
address|same|北京市朝阳区建国路88号1号楼1001室|北京市朝阳区建国路88号一号楼1001室
address|same|上海市浦东新区世纪大道100号|上海浦东新区世纪大道100号
address|same|台北市忠孝東路四段5號3樓|台北市忠孝东路4段5号3楼
address|same|東京都千代田区丸の内1-9-1|東京都千代田区丸の内１－９－１
address|same|서울시 강남구 테헤란로 123|서울 강남구 테헤란로 123
address|different|123 Main Street|125 Main Street
address|different|123 Main Street|123 Oak Avenue
address|different|123 Main Street|4500 Sunset Boulevard
address|different|Hauptstr. 5, Berlin|Hauptstr. 50, Berlin
address|different|Hauptstr. 5, Berlin|Lindenallee 5, Berlin
address|different|12 rue de Rivoli|12 rue de la Paix
address|different|北京市朝阳区建国路88号|北京市朝阳区建国路89号
address|different|北京市朝阳区建国路88号|北京市朝阳区光华路88号
address|different|北京市朝阳区建国路88号|上海市浦东新区世纪大道100号
address|different|서울시 강남구 테헤란로 123|서울시 강남구 테헤란로 125
address|different|PO Box 123|PO Box 321
\.
CREATE TEMP TABLE scored AS
SELECT *, CASE kind WHEN 'name' THEN customer_data.name_similarity(a, b) WHEN 'company' THEN customer_data.company_similarity(a, b) ELSE customer_data.address_similarity(a, b) END AS ab,
	CASE kind WHEN 'name' THEN customer_data.name_similarity(b, a) WHEN 'company' THEN customer_data.company_similarity(b, a) ELSE customer_data.address_similarity(b, a) END AS ba
FROM pair;
SELECT plan(8);
SELECT cmp_ok(count(*)::int, '>=', 220, 'pairs labelled') FROM pair;
SELECT is_empty($$SELECT line, a, b, ab FROM scored WHERE verdict = 'same' AND kind = 'name' AND ab < 0.8 ORDER BY line$$, 'same names');
SELECT is_empty($$SELECT line, a, b, ab FROM scored WHERE verdict = 'same' AND kind = 'company' AND ab < 0.8 ORDER BY line$$, 'same companies');
SELECT is_empty($$SELECT line, a, b, ab FROM scored WHERE verdict = 'same' AND kind = 'address' AND ab < 0.8 ORDER BY line$$, 'same addresses');
SELECT is_empty($$SELECT line, kind, a, b, ab FROM scored WHERE verdict = 'different' AND ab >= 0.8 ORDER BY line$$, 'different ones');
SELECT is_empty($$SELECT line, kind, a, b, ab FROM scored WHERE verdict = 'maybe' AND ab < 0.6 ORDER BY line$$, 'doubtful ones');
SELECT is_empty($$SELECT line, kind, a, b, ab, ba FROM scored WHERE abs(ab - ba) > 1e-9 OR ab NOT BETWEEN 0 AND 1$$, 'symmetric, between 0 and 1');
SELECT is_empty($$SELECT line, kind, a FROM pair WHERE customer_data.name_similarity(a, a) <> 1 OR customer_data.company_similarity(a, a) <> 1 OR customer_data.address_similarity(a, a) <> 1$$, 'equal ones are 1');
SELECT * FROM finish();
