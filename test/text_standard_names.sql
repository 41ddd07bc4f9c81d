-- Hand-labelled personal names of several countries and scripts:
-- attribute | region | value as given | standard form (empty: none) | issue (empty: none)
CREATE TEMP TABLE label(attribute text, region text, given text, want text, issue text, line int GENERATED ALWAYS AS IDENTITY);
COPY label(attribute, region, given, want, issue) FROM stdin (FORMAT csv, DELIMITER '|', QUOTE E'\b');
full_name|US|John Smith|john smith|
full_name|US|JOHN SMITH|john smith|
full_name|US|  John   Smith  |john smith|
full_name|US|Smith, John|john smith|
full_name|US|SMITH, JOHN A.|john a smith|
full_name|US|Smith, John A., Jr.|john a smith jr|
full_name|US|John Smith, Jr.|john smith jr|
full_name|US|John Smith Junior|john smith jr|
full_name|US|Robert Downey Senior|robert downey sr|
full_name|US|Mr. John Smith|john smith|
full_name|US|Mr John Smith|john smith|
full_name|US|Mrs. Mary-Ann O'Neil|mary ann oneil|
full_name|US|Ms. Jane Doe-Roe|jane doe roe|
full_name|US|Miss Daisy Miller|daisy miller|
full_name|US|Dr. Martin Luther King, Jr.|martin luther king jr|
full_name|US|Prof. Dr. Albert Einstein|albert einstein|
full_name|US|Henry Ford II|henry ford ii|
full_name|US|William Gates III|william gates iii|
full_name|US|William "Bill" Gates|william gates|
full_name|US|William (Bill) Gates|william gates|
full_name|US|Jane Smith PhD|jane smith|
full_name|GB|Sir Thomas Adams, 1st Baronet|thomas adams 1st|
full_name|GB|Thomas Adams, 2nd Bt.|thomas adams 2nd|
full_name|GB|John Spencer, 3rd Earl of March|john spencer 3rd earl|
full_name|GB|Adams, Thomas, Sir|thomas adams|
full_name|GB|Captain Rev. John Hale|john hale|
full_name|US|Jane Smith, Ph.D.|jane smith|
full_name|US|Jane Smith, MD|jane smith|
full_name|US|Jane Smith, M.D.|jane smith|
full_name|US|J.R.R. Tolkien|j r r tolkien|
full_name|US|J. R. R. Tolkien|j r r tolkien|
full_name|US|Mary   Jo    Kopechne|mary jo kopechne|
full_name|US|Conan O’Brien|conan obrien|
full_name|US|D'Angelo Russell|dangelo russell|
full_name|US|Jean‐Luc Picard|jean luc picard|
full_name|US|N/A||placeholder
full_name|US|n.a.||placeholder
full_name|US|none||placeholder
full_name|US|Unknown||placeholder
full_name|US|UNKNOWN||placeholder
full_name|US|null||placeholder
full_name|US|test||placeholder
full_name|US|Test Test||placeholder
full_name|US|test user||placeholder
full_name|US|asdf||placeholder
full_name|US|xxx||placeholder
full_name|US|-||placeholder
full_name|US|...||placeholder
full_name|US|?||placeholder
full_name|US|   ||empty
full_name|US|First Last||placeholder
full_name|US|Mickey Mouse||placeholder
full_name|DE|Max Mustermann||placeholder
full_name|DE|Erika Mustermann||placeholder
full_name|US|Guest||placeholder
family_name|US|Guest|guest|
full_name|US|DELETED||placeholder
full_name|GB|do not use||placeholder
full_name|US|Christopher Guest|christopher guest|
full_name|US|12345||not_a_name
full_name|US|John Smith 2|john smith 2|not_a_name
full_name|US|R2D2 Skywalker|r2d2 skywalker|not_a_name
full_name|US|john@example.com||wrong_field
full_name|US|Acme Ltd|acme ltd|not_a_name
full_name|DE|Muster GmbH|muster gmbh|not_a_name
full_name|US|Jo|jo|too_short
full_name|US|X|x|too_short
full_name|DE|Jürgen Müller|jurgen muller|
full_name|DE|Herr Jürgen Müller|jurgen muller|
full_name|DE|Frau Dr. Angela Weiß|angela weiss|
full_name|DE|Karl-Heinz Groß|karl heinz gross|
full_name|DE|Müller, Jürgen|jurgen muller|
full_name|DE|Ursula von der Leyen|ursula von der leyen|
full_name|DE|Karl-Theodor Freiherr zu Guttenberg|karl theodor freiherr zu guttenberg|
full_name|AT|Mag. Sebastian Kurz|sebastian kurz|
full_name|FR|François-René de Chateaubriand|francois rene de chateaubriand|
full_name|FR|Mme Françoise Sagan|francoise sagan|
full_name|FR|Mlle Amélie Poulain|amelie poulain|
full_name|FR|Cœur de Lion|coeur de lion|
full_name|FR|DUPONT, Jean|jean dupont|
full_name|ES|José María Aznar López|jose maria aznar lopez|
full_name|ES|Sra. María Núñez|maria nunez|
full_name|ES|GARCÍA MÁRQUEZ, Gabriel|gabriel garcia marquez|
full_name|IT|Sig.ra Sofia Loren|ra sofia loren|
full_name|IT|Niccolò dell'Abate|niccolo dellabate|
full_name|PT|João da Conceição|joao da conceicao|
full_name|PT|Antônio Gonçalves|antonio goncalves|
full_name|NL|Vincent van Gogh|vincent van gogh|
full_name|NL|Dhr. J. van der Berg|j van der berg|
full_name|SE|Åsa Öberg|asa oberg|
full_name|DK|Søren Kierkegård|soren kierkegard|
full_name|DK|Lærke Æbelø|laerke aebelo|
full_name|NO|Øyvind Bjørn|oyvind bjorn|
full_name|IS|Þórður Guðmundsson|thordur gudmundsson|
full_name|PL|Łukasz Żółć|lukasz zolc|
full_name|PL|Wałęsa, Lech|lech walesa|
full_name|CZ|Božena Němcová|bozena nemcova|
full_name|CZ|Ing. Tomáš Dvořák|tomas dvorak|
full_name|HU|Nagy Őrs|nagy ors|
full_name|RO|Ștefan Țiriac|stefan tiriac|
full_name|RO|Stefan Ţiriac|stefan tiriac|
full_name|HR|Đorđe Čvorović|dorde cvorovic|
full_name|TR|Işıl Şahin|isil sahin|
full_name|TR|İbrahim Ağaoğlu|ibrahim agaoglu|
full_name|VN|Nguyễn Văn Đức|nguyen van duc|
full_name|VN|Trần Thị Hương|tran thi huong|
full_name|VN|NGUYỄN THỊ MINH KHAI|nguyen thi minh khai|
full_name|RU|Сергей Иванов|сергеи иванов|
full_name|RU|ИВАНОВ СЕРГЕЙ|иванов сергеи|
full_name|RU|Иванов, Сергей|сергеи иванов|
full_name|RU|Семён Ёлкин|семен елкин|
full_name|GR|Γιώργος Παπαδόπουλος|γιωργοσ παπαδοπουλοσ|
full_name|IL|דוד בן גוריון|דוד בן גוריון|
full_name|EG|محمد علي|محمد علي|
full_name|EG|مُحَمَّد|محمد|
full_name|TH|สมชาย ใจดี|สมชาย ใจดี|
full_name|IN|राज कुमार|राज कुमार|
full_name|IN|Shri. A.P.J. Abdul Kalam|shri a p j abdul kalam|
full_name|CN|王小明|王小明|
full_name|CN|王 小明|王小明|
full_name|CN|王　小明|王小明|
full_name|CN|王小明先生|王小明|
full_name|CN|王小明 先生|王小明|
full_name|CN|李芳女士|李芳|
full_name|CN|诸葛晓雯|诸葛晓雯|
full_name|TW|諸葛曉雯|诸葛晓雯|
full_name|TW|諸葛 曉雯 小姐|诸葛晓雯|
full_name|HK|陳李美玲|陈李美玲|
full_name|HK|陳大文 先生|陈大文|
full_name|TW|張惠妹|张惠妹|
full_name|TW|歐陽菲菲|欧阳菲菲|
full_name|CN|买买提·艾力|买买提 艾力|
full_name|CN|玛丽•居里|玛丽 居里|
full_name|CN|不详||placeholder
full_name|TW|不詳||placeholder
full_name|CN|未知||placeholder
full_name|CN|无||placeholder
full_name|CN|测试||placeholder
full_name|TW|測試||placeholder
full_name|CN|匿名||placeholder
full_name|CN|暂无||placeholder
full_name|CN|王|王|too_short
full_name|CN|王小明1|王小明 1|not_a_name
full_name|JP|田中 太郎|田中太郎|
full_name|JP|田中太郎 様|田中太郎|
full_name|JP|田中君|田中|
full_name|TW|王平君|王平君|
full_name|TW|諸葛瑩君|诸葛莹君|
full_name|CN|宋芸青|宋芸青|
full_name|JP|齋藤 一郎|斋藤一郎|
full_name|JP|斎藤 一郎|斋藤一郎|
full_name|JP|斉藤 一郎|齐藤一郎|
full_name|JP|渡邊 勝|渡边胜|
full_name|JP|渡辺 勝|渡边胜|
full_name|JP|高橋 涼|高桥凉|
full_name|JP|髙橋 涼|高桥凉|
full_name|JP|山﨑 広|山崎广|
full_name|JP|ﾀﾅｶ ﾀﾛｳ|タナカタロウ|
full_name|JP|ガルシア|ガルシア|
full_name|JP|ｶﾞﾙｼｱ|ガルシア|
full_name|JP|不明||placeholder
full_name|KR|김민철|김민철|
full_name|KR|김 민철|김민철|
full_name|KR|김민철 씨|김민철|
full_name|KR|김민철님|김민철|
full_name|KR|없음||placeholder
full_name|US|JosÃ© GarcÃ­a|jose garcia|encoding
full_name|DE|JÃ¼rgen MÃ¼ller|jurgen muller|encoding
full_name|US|Jos� Garcia|jos garcia|encoding
full_name|US|Ｊｏｈｎ　Ｓｍｉｔｈ|john smith|
full_name|US|𝓙𝓸𝓱𝓷 𝓢𝓶𝓲𝓽𝓱|john smith|
full_name|US|John​Smith|johnsmith|
full_name|US|José|jose|
full_name|US|😀 😀||placeholder
full_name|US|John 😀 Smith|john smith|
given_name|US|John|john|
given_name|US|JOHN|john|
given_name|US|J.|j|
given_name|US|Mary Ann|mary ann|
given_name|US|Mary-Ann|mary ann|
given_name|US|Jo|jo|
given_name|FR|Anaïs|anais|
given_name|CN|小明|小明|
given_name|CN|曉雯|晓雯|
given_name|CN|明|明|
given_name|KR|민철|민철|
given_name|US|n/a||placeholder
given_name|US|NA|na|
given_name|US|none||placeholder
given_name|US|123||not_a_name
given_name|US|a@b.c||wrong_field
family_name|US|Smith|smith|
family_name|US|O'Brien|obrien|
family_name|US|Smith-Jones|smith jones|
family_name|US|St. John|st john|
family_name|NL|van den Berg|van den berg|
family_name|ES|García Márquez|garcia marquez|
family_name|CN|诸葛|诸葛|
family_name|TW|歐陽|欧阳|
family_name|KR|Na|na|
family_name|US|unknown||placeholder
family_name|US|LNU|lnu|
family_name|US|-||placeholder
middle_name|US|A.|a|
middle_name|US|Fitzgerald|fitzgerald|
middle_name|US|NMN|nmn|
given_name|GB|Sir|sir|wrong_field
given_name|GB|Sir Thomas|thomas|
given_name|US|Mr.|mr|wrong_field
given_name|SE|Maj|maj|
family_name|GB|Baronet|baronet|wrong_field
family_name|US|Smith Jr.|smith jr|
family_name|GB|Lord|lord|
name_suffix|US|Jr.|jr.|
name_prefix|US|Dr.|dr.|
name_prefix|DE|Frau|frau|
name_prefix|TW|先生|先生|
gender|US|M|male|
gender|US|F|female|
gender|US|male|male|
gender|US|Female|female|
gender|US|MALE|male|
gender|US|woman|female|
gender|US|Mr.|male|
gender|US|Mrs|female|
gender|DE|männlich|male|
gender|DE|weiblich|female|
gender|DE|w|female|
gender|DE|divers|other|
gender|DE|Herr|male|
gender|FR|Homme|male|
gender|FR|Femme|female|
gender|FR|Féminin|female|
gender|ES|Mujer|female|
gender|ES|Hombre|male|
gender|ES|Masculino|male|
gender|IT|Donna|female|
gender|PT|Feminino|female|
gender|NL|vrouw|female|
gender|PL|Kobieta|female|
gender|CN|男|male|
gender|CN|女|female|
gender|CN|女性|female|
gender|JP|男性|male|
gender|KR|여자|female|
gender|KR|남|male|
gender|RU|мужской|male|
gender|US|X|other|
gender|US|non-binary|other|
gender|US|1|male|
gender|US|2|female|
gender|US|0||placeholder
gender|US|U||placeholder
gender|US|unknown||placeholder
gender|US|yes||unknown_code
gender|US|3||unknown_code
gender|CN|未知||placeholder
full_name|US|Emily R. Thompson|emily r thompson|
full_name|US|THOMPSON, EMILY R|emily r thompson|
full_name|US|Thompson,Emily|emily thompson|
full_name|US|Mr. & Mrs. John Smith|john smith|
full_name|US|Rev. Jesse Jackson|jesse jackson|
full_name|US|Hon. Ruth Bader Ginsburg|ruth bader ginsburg|
full_name|US|Capt. James Cook|james cook|
full_name|US|Sir Ian McKellen|ian mckellen|
full_name|US|Lady Jane Grey|jane grey|
full_name|US|James T. Kirk, Esq.|james t kirk|
full_name|US|Laura Palmer, CPA|laura palmer|
full_name|US|Laura Palmer MBA|laura palmer|
full_name|US|Sammy Davis Jr|sammy davis jr|
full_name|US|Sammy Davis, Jr|sammy davis jr|
full_name|US|Cal Ripken Sr.|cal ripken sr|
full_name|US|Thurston Howell IV|thurston howell iv|
full_name|US|Mary O'Brien-Jones|mary obrien jones|
full_name|US|Mary Obrien Jones|mary obrien jones|
full_name|US|Renée Zellweger|renee zellweger|
full_name|US|Beyoncé Knowles|beyonce knowles|
full_name|US|Zoë Kravitz|zoe kravitz|
full_name|US|Jose Luis de la Cruz|jose luis de la cruz|
full_name|US|N A||placeholder
full_name|US|No Name||placeholder
full_name|US|not available||placeholder
full_name|US|not provided||placeholder
full_name|US|TBD||placeholder
full_name|US|undefined||placeholder
full_name|US|NULL NULL||placeholder
full_name|US|John Doe||placeholder
full_name|US|Jane Doe||placeholder
full_name|US|Donald Duck||placeholder
full_name|US|qwerty||placeholder
full_name|US|aaaa||placeholder
full_name|US|415-555-2671||not_a_name
full_name|US|www.acme.com||wrong_field
full_name|GB|Prof Stephen Hawking CBE|stephen hawking|
full_name|GB|Dame Judi Dench|judi dench|
full_name|GB|Siân Phillips|sian phillips|
full_name|GB|Hugh Fearnley-Whittingstall|hugh fearnley whittingstall|
full_name|IE|Seán Ó Ríordáin|sean o riordain|
full_name|IE|Niamh Ní Bhriain|niamh ni bhriain|
full_name|DE|Dipl.-Ing. Peter Krämer|peter kramer|
full_name|DE|Frau Heike Schröder|heike schroder|
full_name|DE|SCHRÖDER, Heike|heike schroder|
full_name|DE|Hr. Uwe Böhm|uwe bohm|
full_name|DE|Annegret Kramp-Karrenbauer|annegret kramp karrenbauer|
full_name|DE|Dr. med. Eckart von Hirschhausen|eckart von hirschhausen|
full_name|DE|keine Angabe||placeholder
full_name|DE|unbekannt||placeholder
full_name|CH|Herr Urs Bühler|urs buhler|
full_name|FR|Madame Zoé L'Hermitte|zoe lhermitte|
full_name|FR|LEFÈVRE Étienne|lefevre etienne|
full_name|FR|Anne d'Ornano|anne dornano|
full_name|FR|inconnu||placeholder
full_name|BE|Mevr. An De Smet|an de smet|
full_name|NL|Mw. J. de Vries-Bakker|j de vries bakker|
full_name|NL|'t Hart, Maarten|maarten t hart|
full_name|ES|Dña. Carmen Muñoz|carmen munoz|
full_name|ES|MUÑOZ, Carmen|carmen munoz|
full_name|PT|Sr. Luís Figueiredo|luis figueiredo|
full_name|BR|Conceição d'Ávila|conceicao davila|
full_name|IT|Dott. Nicolò Bortolussi|nicolo bortolussi|
full_name|IT|Sig. Paolo De Luca|paolo de luca|
full_name|SE|Örjan Ström|orjan strom|
full_name|FI|Väinö Mäkelä|vaino makela|
full_name|NO|Bjørnstjerne Bjørnson|bjornstjerne bjornson|
full_name|PL|Świętosława Dąbrowska|swietoslawa dabrowska|
full_name|PL|dr hab. Jan Żak|jan zak|
full_name|CZ|Mgr. Jiří Šťastný|jiri stastny|
full_name|SK|Ľubomír Žiška|lubomir ziska|
full_name|HU|Dr. Szabó Győző|szabo gyozo|
full_name|HR|Željka Šarić|zeljka saric|
full_name|TR|Çağlar Söyüncü|caglar soyuncu|
full_name|LT|Žydrūnas Ilgauskas|zydrunas ilgauskas|
full_name|LV|Kārlis Bērziņš|karlis berzins|
full_name|VN|Lê Đức Thọ|le duc tho|
full_name|RU|Дарья Пётровна|дарья петровна|
full_name|UA|Їжакевич Іван|іжакевич іван|
full_name|GR|Ελένη Σωτηρίου|ελενη σωτηριου|
full_name|CN|陈思远|陈思远|
full_name|CN|陈思远 女士|陈思远|
full_name|CN|司马 光|司马光|
full_name|CN|阿卜杜拉·买买提|阿卜杜拉 买买提|
full_name|CN|小明王先生|小明王|
full_name|CN|请选择||placeholder
full_name|TW|劉德華|刘德华|
full_name|TW|葉 問|叶问|
full_name|TW|蘇軾 先生|苏轼|
full_name|HK|鄭秀文小姐|郑秀文|
full_name|JP|佐藤 花子 様|佐藤花子|
full_name|JP|廣瀬 すず|广濑すず|
full_name|JP|さくら ももこ|さくらももこ|
full_name|KR|박지성|박지성|
full_name|KR|남궁 민|남궁민|
full_name|KR|이영희 님|이영희|
given_name|DE|Hans-Jürgen|hans jurgen|
given_name|ES|Mª Carmen|ma carmen|
given_name|US|O|o|
given_name|US|test||placeholder
family_name|DE|von Weizsäcker|von weizsacker|
family_name|FR|Le Goff|le goff|
family_name|IT|D'Annunzio|dannunzio|
family_name|US|null||placeholder
family_name|JP|渡邉|渡边|
gender|SE|Kvinna|female|
gender|SE|man|male|
gender|NO|mann|male|
gender|CZ|žena|female|
gender|TR|Kadın|female|
gender|TR|Erkek|male|
gender|US|Ms.|female|
gender|DE|Frau|female|
gender|TW|男士|male|
gender|US|n/a||placeholder
gender|US|prefer not to say||placeholder
\.
SELECT plan(2);
SELECT cmp_ok(count(*)::int, '>=', 300, 'values labelled') FROM label;
SELECT is_empty($$SELECT l.line, l.attribute, l.region, l.given, l.want, s.standard, l.issue, s.issue AS got
	FROM label l, customer_data.standardize(l.attribute, l.given, l.region) s
	WHERE (s.standard, s.issue) IS DISTINCT FROM (l.want, l.issue) ORDER BY line$$, 'names and genders get their labels');
SELECT * FROM finish();
