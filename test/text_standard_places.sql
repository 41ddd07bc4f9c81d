-- Hand-labelled addresses, cities, postcodes and countries of several countries and scripts:
-- attribute | region | value as given | standard form (empty: none) | issue (empty: none)
CREATE TEMP TABLE label(attribute text, region text, given text, want text, issue text, line int GENERATED ALWAYS AS IDENTITY);
COPY label(attribute, region, given, want, issue) FROM stdin (FORMAT csv, DELIMITER '|', QUOTE E'\b');
address|US|123 Main Street|123 main st|
address|US|123 Main St.|123 main st|
address|US|123 N. Main St., Apt. 4B|123 n main st apt 4b|
address|US|123 North Main Street, Apartment 4-B|123 n main st apt 4b|
address|US|456 Oak Avenue, Suite 200|456 oak ave ste 200|
address|US|456 Oak Ave Ste. 200|456 oak ave ste 200|
address|US|789 First Street|789 1st st|
address|US|789 1st St|789 1st st|
address|US|1600 Pennsylvania Avenue NW|1600 pennsylvania ave nw|
address|US|1600 Pennsylvania Ave. Northwest|1600 pennsylvania ave nw|
address|US|10 Sunset Boulevard|10 sunset blvd|
address|US|10 Sunset Blvd|10 sunset blvd|
address|US|5 Park Place|5 park pl|
address|US|5 Park Pl|5 park pl|
address|US|77 Elm Drive|77 elm dr|
address|US|77 Elm Dr.|77 elm dr|
address|US|12 Lake Road|12 lake rd|
address|US|12 Lake Rd|12 lake rd|
address|US|9 Hill Court|9 hill ct|
address|US|9 Maple Lane|9 maple ln|
address|US|3 Kings Highway|3 kings hwy|
address|US|P.O. Box 123|po box 123|
address|US|PO Box 123|po box 123|
address|US|P O Box 123|po box 123|
address|US|POB 123|po box 123|
address|US|100 Saint Louis Street|100 st louis st|
address|US|Bldg. 5, Floor 2, Room 210|bldg 5 fl 2 rm 210|
address|US|123 Main Street #4|123 main st 4|
address|US|350 Fifth Avenue, New York, NY 10118|350 5th ave new york ny 10118|
address|GB|10 Downing Street|10 downing st|
address|GB|221B Baker Street|221b baker st|
address|GB|221 B Baker St|221b baker st|
address|GB|Flat 3, 12 High Road|apt 3 12 high rd|
address|GB|12 Grosvenor Square|12 grosvenor sq|
address|GB|5 Rosewood Crescent|5 rosewood cres|
address|GB|7 Abbey Gardens|7 abbey gdns|
address|GB|The Old Rectory, Church Lane|the old rectory church ln|
address|AU|5 George Parade|5 george pde|
address|AU|Unit 3/12 Ocean Parade|unit 3 12 ocean pde|
address|AU|15 Mountain Circuit|15 mtn cct|
address|AU|2/14 Smith St|2 14 smith st|
address|DE|Hauptstraße 12a|hauptstrasse 12a|
address|DE|Hauptstr. 12 a|hauptstrasse 12a|
address|DE|Hauptstrasse 12A|hauptstrasse 12a|
address|DE|HAUPTSTR. 12A|hauptstrasse 12a|
address|DE|Berliner Straße 5|berliner st 5|
address|DE|Berliner Str. 5|berliner st 5|
address|DE|Am Markt 3|am markt 3|
address|DE|Münchner Platz 7|munchner platz 7|
address|DE|Postfach 100 200|po box 100 200|
address|DE|Königsallee 1|konigsallee 1|
address|DE|Straße des 17. Juni 135|st des 17 juni 135|
address|AT|Mariahilfer Straße 10/3|mariahilfer st 10 3|
address|CH|Bahnhofstrasse 1|bahnhofstrasse 1|
address|FR|12 rue de l'Église|12 rue de leglise|
address|FR|12, Rue de l’Eglise|12 rue de leglise|
address|FR|5 avenue Victor Hugo|5 ave victor hugo|
address|FR|5 av. Victor-Hugo|5 ave victor hugo|
address|FR|8 bd Saint-Michel|8 bd st michel|
address|FR|3 bis rue du Bac|3 bis rue du bac|
address|FR|Bâtiment B, 4 chemin Vert|bldg b 4 chemin vert|
address|ES|Calle Mayor, 5|calle mayor 5|
address|ES|Avenida de América 10, piso 3|ave de america 10 fl 3|
address|ES|Avda. de América, 10|ave de america 10|
address|ES|Plaza Mayor 1|plaza mayor 1|
address|ES|Pza. Mayor 1|plaza mayor 1|
address|MX|Carr. Nacional 5|carretera nacional 5|
address|IT|Via Roma, 10|via roma 10|
address|IT|Piazza del Duomo 1|piazza del duomo 1|
address|IT|P.zza del Duomo, 1|p zza del duomo 1|
address|PT|Rua Augusta, 25|rua augusta 25|
address|BR|Av. Paulista, 1000|ave paulista 1000|
address|BR|Avenida Paulista 1000|ave paulista 1000|
address|NL|Damstraat 5|damstraat 5|
address|NL|Prinsengracht 263-267|prinsengracht 263-267|
address|SE|Drottninggatan 5|drottninggatan 5|
address|PL|ul. Długa 5|ulica dluga 5|
address|PL|ulica Długa 5|ulica dluga 5|
address|RU|ул. Тверская, 5|ул тверская 5|
address|CN|北京市朝阳区建国路88号|北京市朝阳区建国路88号|
address|CN|北京市朝阳区建国路八十八号|北京市朝阳区建国路88号|
address|CN|北京市 朝阳区 建国路 88 号|北京市朝阳区建国路88号|
address|CN|北京市朝阳区建国路８８号|北京市朝阳区建国路88号|
address|CN|北京市朝阳区建国路88号，1号楼1001室|北京市朝阳区建国路88号1号楼1001室|
address|CN|北京市朝阳区建国路88号一号楼1001室|北京市朝阳区建国路88号1号楼1001室|
address|CN|上海市浦东新区世纪大道100号|上海市浦东新区世纪大道100号|
address|CN|上海市浦東新區世紀大道100號|上海市浦东新区世纪大道100号|
address|CN|广东省深圳市南山区科技园南区三栋二单元五层|广东省深圳市南山区科技园南区3栋2单元5层|
address|CN|十里堡路五号|十里堡路5号|
address|CN|三里屯路二十三号|三里屯路23号|
address|TW|台北市信義區市府路1號|台北市信义区市府路1号|
address|TW|臺北市信義區市府路一號|台北市信义区市府路1号|
address|TW|台北市忠孝東路四段5號3樓|台北市忠孝东路4段5号3楼|
address|TW|台北市忠孝東路４段５號３樓|台北市忠孝东路4段5号3楼|
address|HK|香港中環皇后大道中99號|香港中环皇后大道中99号|
address|JP|東京都千代田区丸の内1-9-1|东京都千代田区丸の内1-9-1|
address|JP|東京都千代田区丸の内１－９－１|东京都千代田区丸の内1-9-1|
address|JP|東京都千代田区丸の内一丁目9番1号|东京都千代田区丸の内1丁目9番1号|
address|KR|서울시 강남구 테헤란로 123|서울시 강남구 테헤란로 123|
address|US|n/a||placeholder
address|US|none||placeholder
address|US|unknown||placeholder
address|CN|不详||placeholder
address|US|||empty
address|US|x|x|too_short
address|US|john@acme.com|john acme com|wrong_field
street|US|Main Street|main st|
street|DE|Lindenstr.|lindenstrasse|
street|CN|建国路|建国路|
street|FR|Rue de Rivoli|rue de rivoli|
house_number|US|12|12|
house_number|DE|12 a|12a|
house_number|DE|12A|12a|
house_number|DE|12-14|12-14|
house_number|CN|88号|88号|
house_number|US|0||placeholder
house_number|US|abc|abc|malformed
house_number|US|-||placeholder
city|US|New York|new york|
city|US|NEW YORK|new york|
city|US|St. Louis|st louis|
city|DE|München|munchen|
city|DE|Frankfurt a.M.|frankfurt a m|
city|FR|Saint-Étienne|st etienne|
city|PL|Łódź|lodz|
city|CN|武汉|武汉|
city|CN|武漢市|武汉市|
city|TW|臺北|台北|
city|TW|台北|台北|
city|JP|広島|广岛|
city|KR|서울|서울|
city|US|unknown||placeholder
city|US|12345|12345|malformed
region|US|California|california|
region|US|CA|ca|
region|CN|湖北省|湖北省|
birth_place|DE|Köln|koln|
postcode|US|94105|94105|
postcode|US|94105-1234|94105|
postcode|US|941051234|94105|
postcode|US|2138|02138|
postcode|US|00000||placeholder
postcode|US|99999||placeholder
postcode|US|1234567|1234567|malformed
postcode|US|ABCDE|ABCDE|malformed
postcode|US|123|123|too_short
postcode|GB|SW1A 1AA|SW1A 1AA|
postcode|GB|sw1a1aa|SW1A 1AA|
postcode|GB|SW1A-1AA|SW1A 1AA|
postcode|GB|M1 1AE|M1 1AE|
postcode|GB|B33 8TH|B33 8TH|
postcode|GB|CR2 6XH|CR2 6XH|
postcode|GB|DN55 1PT|DN55 1PT|
postcode|GB|EC1A 1BB|EC1A 1BB|
postcode|GB|EC1A OBB|EC1A 0BB|
postcode|GB|GIR 0AA|GIR 0AA|
postcode|GB|SW1A|SW1A|too_short
postcode|GB|12345|12345|malformed
postcode|CA|K1A 0B1|K1A 0B1|
postcode|CA|k1a0b1|K1A 0B1|
postcode|CA|K1A|K1A|malformed
postcode|NL|1012 AB|1012 AB|
postcode|NL|1012ab|1012 AB|
postcode|NL|1012|1012|
postcode|IE|D02 AF30|D02 AF30|
postcode|DE|10115|10115|
postcode|DE|D-10115|10115|
postcode|DE|1067|01067|
postcode|DE|101|101|too_short
postcode|DE|101155|101155|too_long
postcode|FR|75001|75001|
postcode|FR|F-75001|75001|
postcode|ES|28013|28013|
postcode|IT|00184|00184|
postcode|CH|8001|8001|
postcode|CH|CH-8001|8001|
postcode|AT|1010|1010|
postcode|AT|A-1010|1010|
postcode|BE|B-1000|1000|
postcode|PL|00-950|00950|
postcode|CZ|110 00|11000|
postcode|SE|111 22|11122|
postcode|PT|1000-205|1000205|
postcode|BR|01310-100|01310100|
postcode|IN|110 001|110001|
postcode|RU|101000|101000|
postcode|AU|2000|2000|
postcode|JP|100-0001|1000001|
postcode|JP|〒100-0001|1000001|
postcode|JP|１００－０００１|1000001|
postcode|KR|04524|04524|
postcode|CN|100000|100000|
postcode|CN|430070|430070|
postcode|CN|000000||placeholder
postcode|CN|43007|43007|too_short
postcode|TW|110|110|
postcode|TW|11051|11051|malformed
postcode|SG|018989|018989|
postcode||SW1A1AA|SW1A 1AA|
postcode||94105-1234|94105|
postcode||10115|10115|
postcode||n/a||placeholder
country||Germany|DE|
country||Deutschland|DE|
country||Allemagne|DE|
country||Alemania|DE|
country||德国|DE|
country||德國|DE|
country||ドイツ|DE|
country||독일|DE|
country||Германия|DE|
country||DE|DE|
country||deu|DE|
country||USA|US|
country||U.S.A.|US|
country||US|US|
country||United States|US|
country||United States of America|US|
country||the United States|US|
country||États-Unis|US|
country||Estados Unidos|US|
country||美国|US|
country||アメリカ合衆国|US|
country||UK|GB|
country||GB|GB|
country||GBR|GB|
country||Great Britain|GB|
country||England|GB|
country||United Kingdom|GB|
country||英国|GB|
country||China|CN|
country||PRC|CN|
country||中国|CN|
country||中國|CN|
country||中华人民共和国|CN|
country||Taiwan|TW|
country||台灣|TW|
country||台湾|TW|
country||Hong Kong|HK|
country||香港|HK|
country||Japan|JP|
country||日本|JP|
country||South Korea|KR|
country||Korea|KR|
country||大韩民国|KR|
country||한국|KR|
country||대한민국|KR|
country||France|FR|
country||法國|FR|
country||Österreich|AT|
country||Schweiz|CH|
country||Suisse|CH|
country||España|ES|
country||Brasil|BR|
country||Nederland|NL|
country||Holland|NL|
country||Polska|PL|
country||Россия|RU|
country||Russian Federation|RU|
country||Czech Republic|CZ|
country||Türkiye|TR|
country||Turkey|TR|
country||India|IN|
country||भारत|IN|
country||NA|NA|
country||Namibia|NA|
country||Nowhere||unknown_code
country||unknown||placeholder
country||XX||unknown_code
address|US|4521 N. Ashland Ave.|4521 n ashland ave|
address|US|4521 North Ashland Avenue|4521 n ashland ave|
address|US|233 South Wacker Drive|233 s wacker dr|
address|US|233 S Wacker Dr|233 s wacker dr|
address|US|1 Infinite Loop|1 infinite lp|
address|US|500 Second Ave, Fl. 3|500 2nd ave fl 3|
address|US|12 Cherry Terrace|12 cherry ter|
address|US|88 Ocean Parkway|88 ocean pkwy|
address|GB|Flat 2, 14 Rose Gardens|apt 2 14 rose gdns|
address|GB|3 The Mews|3 the mws|
address|GB|25 St James's Square|25 st jamess sq|
address|DE|Lindenstraße 5|lindenstrasse 5|
address|DE|Lindenstr. 5|lindenstrasse 5|
address|DE|Goethestr 17|goethestrasse 17|
address|DE|Am Alten Hafen 9 b|am alten hafen 9b|
address|DE|Schloßallee 12|schlossallee 12|
address|FR|24 boulevard Haussmann|24 blvd haussmann|
address|FR|7, place de la République|7 pl de la republique|
address|FR|7 pl. de la Republique|7 pl de la republique|
address|ES|C/ Alcalá 20|calle alcala 20|
address|ES|Calle Alcalá, 20|calle alcala 20|
address|IT|Corso Vittorio Emanuele II 15|corso vittorio emanuele ii 15|
address|NL|Keizersgracht 126 hs|keizersgracht 126 hs|
address|CN|广州市天河区体育东路１２号|广州市天河区体育东路12号|
address|CN|杭州市西湖区文三路九十号|杭州市西湖区文三路90号|
address|TW|高雄市前鎮區中山二路２號|高雄市前镇区中山二路2号|
address|JP|愛知県名古屋市中区栄３－１－１|爱知县名古屋市中区荣3-1-1|
address|US|TBD||placeholder
city|US|Saint Louis|st louis|
city|US|St Louis|st louis|
city|DE|Köln|koln|
city|DE|KÖLN|koln|
city|CH|Zürich|zurich|
city|FR|L'Haÿ-les-Roses|lhay les roses|
city|ES|A Coruña|a coruna|
city|PL|Kraków|krakow|
city|TR|İstanbul|istanbul|
city|CN|北京市|北京市|
city|TW|新北市|新北市|
city|JP|横浜市|横滨市|
city|US|none||placeholder
region|US|Illinois|illinois|
region|US|IL|il|
region|CN|廣東省|广东省|
postcode|GB|ec2v 7hh|EC2V 7HH|
postcode|GB|E C2V7HH|EC2V 7HH|
postcode|US|60601-3204|60601|
postcode|US|60601|60601|
postcode|CA|H3B 2Y5|H3B 2Y5|
postcode|NL|3011 AD|3011 AD|
postcode|NL|3011ad|3011 AD|
postcode|DE|80331|80331|
postcode|AT|A 1030|1030|
postcode|SE|SE-111 22|11122|
postcode|CZ|CZ-110 00|11000|
postcode|PL|30-001|30001|
postcode|IT|I-20121|20121|
postcode|BR|01310100|01310100|
postcode|JP|5300001|5300001|
postcode|CN|510000|510000|
postcode|US|n/a||placeholder
country||Autriche|AT|
country||奥地利|AT|
country||Italia|IT|
country||Italy|IT|
country||意大利|IT|
country||義大利|IT|
country||Sverige|SE|
country||Sweden|SE|
country||Suomi|FI|
country||Danmark|DK|
country||Norge|NO|
country||Ireland|IE|
country||Éire|IE|
country||Portugal|PT|
country||Greece|GR|
country||Ελλάδα|GR|
country||Magyarország|HU|
country||România|RO|
country||България|BG|
country||Україна|UA|
country||Việt Nam|VN|
country||Vietnam|VN|
country||ไทย|TH|
country||Singapore|SG|
country||新加坡|SG|
country||Canada|CA|
country||México|MX|
country||Argentina|AR|
country||Australia|AU|
country||New Zealand|NZ|
country||South Africa|ZA|
country||Egypt|EG|
country||مصر|EG|
country||Israel|IL|
country||U.K.|GB|
country||Scotland|GB|
country||Macau|MO|
country||澳門|MO|
country||Atlantis||unknown_code
city|US|Boston|boston|
city|US|BOSTON|boston|
city|US| Boston |boston|
city|US|Chicago|chicago|
city|US|San Francisco|san francisco|
city|US|Los  Angeles|los angeles|
city|US|Winston-Salem|winston salem|
city|US|Coeur d'Alene|coeur dalene|
city|US|Cañon City|canon city|
city|US|Saint Paul|st paul|
city|US|St. Paul|st paul|
city|US|Salt Lake City|salt lake city|
city|US|Oklahoma City|oklahoma city|
city|US|Baton Rouge|baton rouge|
city|US|Honolulu|honolulu|
city|US|Ｂｏｓｔｏｎ|boston|
city|US|San José|san jose|
city|GB|London|london|
city|GB|LONDON|london|
city|GB|Stoke-on-Trent|stoke on trent|
city|GB|Berwick-upon-Tweed|berwick upon tweed|
city|GB|King's Lynn|kings lynn|
city|GB|King’s Lynn|kings lynn|
city|GB|Bishop's Stortford|bishops stortford|
city|GB|Edinburgh|edinburgh|
city|GB|Weston-super-Mare|weston super mare|
city|GB|St Albans|st albans|
city|GB|Saint Helens|st helens|
city|GB|Glasgow|glasgow|
city|IE|Dublin|dublin|
city|IE|Dún Laoghaire|dun laoghaire|
city|IE|Cork|cork|
city|IE|Galway|galway|
city|CA|Montréal|montreal|
city|CA|MONTRÉAL|montreal|
city|CA|Québec|quebec|
city|CA|Trois-Rivières|trois rivieres|
city|CA|Vancouver|vancouver|
city|CA|Toronto|toronto|
city|AU|Sydney|sydney|
city|AU|Melbourne|melbourne|
city|AU|Wagga Wagga|wagga wagga|
city|AU|Alice Springs|alice springs|
city|NZ|Auckland|auckland|
city|NZ|Whangārei|whangarei|
city|NZ|Ōtaki|otaki|
city|DE|Düsseldorf|dusseldorf|
city|DE|Nürnberg|nurnberg|
city|DE|NÜRNBERG|nurnberg|
city|DE|Göttingen|gottingen|
city|DE|Saarbrücken|saarbrucken|
city|DE|Lübeck|lubeck|
city|DE|Gießen|giessen|
city|DE|Berlin|berlin|
city|DE|Hamburg|hamburg|
city|DE|Castrop-Rauxel|castrop rauxel|
city|DE|Baden-Baden|baden baden|
city|DE|Würzburg|wurzburg|
city|DE|Weißenfels|weissenfels|
city|DE|Görlitz|gorlitz|
city|AT|Wien|wien|
city|AT|Sankt Pölten|st polten|
city|AT|Mödling|modling|
city|AT|Wörgl|worgl|
city|AT|Graz|graz|
city|CH|Genève|geneve|
city|CH|Neuchâtel|neuchatel|
city|CH|Basel|basel|
city|CH|Köniz|koniz|
city|CH|Küsnacht|kusnacht|
city|CH|Delémont|delemont|
city|FR|Paris|paris|
city|FR|Besançon|besancon|
city|FR|Nîmes|nimes|
city|FR|Orléans|orleans|
city|FR|Saint-Denis|st denis|
city|FR|Châlons-en-Champagne|chalons en champagne|
city|FR|Aix-en-Provence|aix en provence|
city|FR|Béziers|beziers|
city|FR|Évry|evry|
city|FR|ANGOULÊME|angouleme|
city|FR|Mâcon|macon|
city|FR|Sète|sete|
city|FR|Le Mans|le mans|
city|FR|Villeneuve-d'Ascq|villeneuve dascq|
city|BE|Liège|liege|
city|BE|Bruxelles|bruxelles|
city|BE|Gent|gent|
city|BE|Louvain-la-Neuve|louvain la neuve|
city|NL|Amsterdam|amsterdam|
city|NL|Den Haag|den haag|
city|NL|'s-Hertogenbosch|s hertogenbosch|
city|NL|Rotterdam|rotterdam|
city|NL|Alphen aan den Rijn|alphen aan den rijn|
city|ES|Málaga|malaga|
city|ES|Cádiz|cadiz|
city|ES|León|leon|
city|ES|Logroño|logrono|
city|ES|Ávila|avila|
city|ES|Córdoba|cordoba|
city|ES|Almería|almeria|
city|ES|Donostia|donostia|
city|ES|Madrid|madrid|
city|ES|Castellón|castellon|
city|ES|GIJÓN|gijon|
city|ES|Jaén|jaen|
city|MX|Mérida|merida|
city|MX|Querétaro|queretaro|
city|MX|Ciudad de México|ciudad de mexico|
city|MX|León|leon|
city|MX|Mazatlán|mazatlan|
city|AR|Buenos Aires|buenos aires|
city|AR|Tucumán|tucuman|
city|AR|Río Cuarto|rio cuarto|
city|AR|Córdoba|cordoba|
city|CO|Bogotá|bogota|
city|CO|Medellín|medellin|
city|CO|Popayán|popayan|
city|PE|Lima|lima|
city|PE|Cusco|cusco|
city|CL|Viña del Mar|vina del mar|
city|CL|Concepción|concepcion|
city|CL|Chillán|chillan|
city|IT|Roma|roma|
city|IT|Forlì|forli|
city|IT|L'Aquila|laquila|
city|IT|Milano|milano|
city|IT|Cantù|cantu|
city|IT|Reggio nell'Emilia|reggio nellemilia|
city|IT|Torino|torino|
city|PT|Lisboa|lisboa|
city|PT|Évora|evora|
city|PT|Setúbal|setubal|
city|PT|Guimarães|guimaraes|
city|PT|Póvoa de Varzim|povoa de varzim|
city|BR|São Paulo|sao paulo|
city|BR|SÃO PAULO|sao paulo|
city|BR|Brasília|brasilia|
city|BR|Goiânia|goiania|
city|BR|Belém|belem|
city|BR|Florianópolis|florianopolis|
city|BR|Maceió|maceio|
city|SE|Göteborg|goteborg|
city|SE|Malmö|malmo|
city|SE|Örebro|orebro|
city|SE|Västerås|vasteras|
city|SE|Linköping|linkoping|
city|SE|Umeå|umea|
city|DK|København|kobenhavn|
city|DK|Århus|arhus|
city|DK|Ærøskøbing|aeroskobing|
city|DK|Helsingør|helsingor|
city|NO|Tromsø|tromso|
city|NO|Ålesund|alesund|
city|NO|Bodø|bodo|
city|NO|Hønefoss|honefoss|
city|FI|Jyväskylä|jyvaskyla|
city|FI|Hämeenlinna|hameenlinna|
city|FI|Seinäjoki|seinajoki|
city|IS|Reykjavík|reykjavik|
city|IS|Hafnarfjörður|hafnarfjordur|
city|IS|Akureyri|akureyri|
city|PL|Wrocław|wroclaw|
city|PL|Gdańsk|gdansk|
city|PL|Poznań|poznan|
city|PL|Częstochowa|czestochowa|
city|PL|Bielsko-Biała|bielsko biala|
city|PL|ŁÓDŹ|lodz|
city|PL|Toruń|torun|
city|CZ|Plzeň|plzen|
city|CZ|Ústí nad Labem|usti nad labem|
city|CZ|České Budějovice|ceske budejovice|
city|CZ|Praha|praha|
city|SK|Košice|kosice|
city|SK|Žilina|zilina|
city|SK|Banská Bystrica|banska bystrica|
city|HU|Győr|gyor|
city|HU|Székesfehérvár|szekesfehervar|
city|HU|Pécs|pecs|
city|HU|Hódmezővásárhely|hodmezovasarhely|
city|RO|București|bucuresti|
city|RO|Iași|iasi|
city|RO|Timişoara|timisoara|
city|RO|Brăila|braila|
city|HR|Šibenik|sibenik|
city|HR|Čakovec|cakovec|
city|HR|Požega|pozega|
city|SI|Škofja Loka|skofja loka|
city|SI|Črnomelj|crnomelj|
city|LT|Šiauliai|siauliai|
city|LT|Klaipėda|klaipeda|
city|LV|Rīga|riga|
city|LV|Jūrmala|jurmala|
city|LV|Liepāja|liepaja|
city|EE|Pärnu|parnu|
city|EE|Põltsamaa|poltsamaa|
city|TR|İzmir|izmir|
city|TR|Diyarbakır|diyarbakir|
city|TR|Eskişehir|eskisehir|
city|TR|Şanlıurfa|sanliurfa|
city|TR|Çorum|corum|
city|TR|Muğla|mugla|
city|VN|Đà Nẵng|da nang|
city|VN|Hà Nội|ha noi|
city|VN|Huế|hue|
city|VN|Cần Thơ|can tho|
city|RU|Москва|москва|
city|RU|МОСКВА|москва|
city|RU|Новосибирск|новосибирск|
city|RU|Ростов-на-Дону|ростов на дону|
city|RU|Орёл|орел|
city|RU|Грозный|грозныи|
city|UA|Харків|харків|
city|UA|Одеса|одеса|
city|UA|Полтава|полтава|
city|BG|София|софия|
city|BG|Варна|варна|
city|GR|Αθήνα|αθηνα|
city|GR|Θεσσαλονίκη|θεσσαλονικη|
city|GR|ΠΑΤΡΑ|πατρα|
city|GR|Βόλος|βολοσ|
city|EG|القاهرة|القاهرة|
city|IL|חיפה|חיפה|
city|TH|เชียงใหม่|เชียงใหม่|
city|IN|Mumbai|mumbai|
city|IN|दिल्ली|दिल्ली|
city|IN|New Delhi|new delhi|
city|CN|上海|上海|
city|CN|上海市|上海市|
city|CN|广州|广州|
city|CN|深圳市|深圳市|
city|CN|成都|成都|
city|CN|西安|西安|
city|CN|南京市|南京市|
city|CN|乌鲁木齐|乌鲁木齐|
city|CN|哈尔滨|哈尔滨|
city|CN|Shanghai|shanghai|
city|CN|Xi'an|xian|
city|CN|杭州|杭州|
city|TW|高雄|高雄|
city|TW|臺中|台中|
city|TW|臺南市|台南市|
city|TW|桃園|桃园|
city|TW|新竹|新竹|
city|TW|花蓮|花莲|
city|HK|香港|香港|
city|HK|九龍|九龙|
city|HK|荃灣|荃湾|
city|JP|東京|东京|
city|JP|札幌|札幌|
city|JP|さいたま|さいたま|
city|JP|沖縄|冲绳|
city|JP|京都|京都|
city|JP|ﾄｳｷｮｳ|トウキョウ|
city|KR|부산|부산|
city|KR|인천|인천|
city|KR|대구|대구|
city|KR|울산|울산|
city|US|N/A||placeholder
city|US|null||placeholder
city|US|-||placeholder
city|US|...||placeholder
city|US|not available||placeholder
city|US|   ||empty
city|DE|unbekannt||placeholder
city|CN|不详||placeholder
city|CN|未知||placeholder
city|US|Philadelphia|philadelphia|
city|ZA|Johannesburg|johannesburg|
city|NG|Ibadan|ibadan|
city|KE|Nairobi|nairobi|
city|PH|Parañaque|paranaque|
city|DE|Würselen|wurselen|
\.
SELECT plan(2);
SELECT is_empty($$SELECT attribute, count(l.line) FROM unnest(ARRAY['city']) attribute LEFT JOIN label l USING (attribute)
	GROUP BY attribute HAVING count(l.line) < 300$$, 'values labelled of each attribute');
SELECT is_empty($$SELECT l.line, l.attribute, l.region, l.given, l.want, s.standard, l.issue, s.issue AS got
	FROM label l, customer_data.standardize(l.attribute, coalesce(l.given, ''), coalesce(l.region, '')) s
	WHERE (s.standard, s.issue) IS DISTINCT FROM (l.want, l.issue) ORDER BY line$$, 'places get their labels');
SELECT * FROM finish();
