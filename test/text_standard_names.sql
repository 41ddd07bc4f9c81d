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
full_name|US|Katherine Johnson|katherine johnson|
full_name|US|JOHNSON, KATHERINE G.|katherine g johnson|
full_name|US|Mrs. Katherine  Johnson|katherine johnson|
full_name|US|Frank Whittaker III|frank whittaker iii|
full_name|US|Whittaker, Frank, Jr.|frank whittaker jr|
full_name|US|Loretta O’Malley|loretta omalley|
full_name|US|Ｌｏｒｅｔｔａ Hale|loretta hale|
full_name|US|not applicable||placeholder
full_name|US|????||placeholder
full_name|US|loretta@hale.example||wrong_field
full_name|US|0000||not_a_name
full_name|GB|Dr Rosalind Franklin|rosalind franklin|
full_name|GB|Rhys Llŷr Prydderch|rhys llyr prydderch|
full_name|DE|Jörg Weißgerber|jorg weissgerber|
full_name|DE|Prof. Dr. Käthe Strauß|kathe strauss|
full_name|DE|GÖTZ, Ännchen|annchen gotz|
full_name|DE|BÃ¤rbel KÃ¶hler|barbel kohler|encoding
full_name|FR|HÃ©lÃ¨ne Rey|helene rey|encoding
full_name|ES|Begoña Ibáñez Quiñones|begona ibanez quinones|
full_name|ES|IBÁÑEZ QUIÑONES, Begoña|begona ibanez quinones|
full_name|PT|Inês Assunção Simões|ines assuncao simoes|
full_name|SE|Märta Sjögren|marta sjogren|
full_name|PL|Grażyna Wójcik|grazyna wojcik|
full_name|CZ|Řehoř Křížek|rehor krizek|
full_name|RO|Mărioara Bălănescu|marioara balanescu|
full_name|TR|Gülşen Yıldız|gulsen yildiz|
full_name|VN|Phạm Ngọc Ánh|pham ngoc anh|
full_name|RU|Наталья Кузнецова|наталья кузнецова|
full_name|RU|КУЗНЕЦОВА, Наталья|наталья кузнецова|
full_name|BG|Георги Димитров|георги димитров|
full_name|GR|Νίκος Δημητρίου|νικοσ δημητριου|
full_name|EG|فاطمة حسن|فاطمة حسن|
full_name|CN|林书豪|林书豪|
full_name|CN|林书豪先生|林书豪|
full_name|CN|保密||placeholder
full_name|CN|上官 婉儿|上官婉儿|
full_name|TW|蔡依林 小姐|蔡依林|
full_name|TW|司馬 懿|司马懿|
full_name|HK|黃國強 先生|黄国强|
full_name|JP|鈴木 一郎 様|铃木一郎|
full_name|JP|ｽｽﾞｷ ｲﾁﾛｳ|スズキイチロウ|
full_name|KR|최수진 씨|최수진|
full_name|KR|황보 라|황보라|
given_name|US|Emma|emma|
given_name|US|EMMA|emma|
given_name|US|Emma Jane|emma jane|
given_name|US|Oliver|oliver|
given_name|US| Oliver |oliver|
given_name|US|Oliver  James|oliver james|
given_name|US|Mary-Kate|mary kate|
given_name|US|D'Andre|dandre|
given_name|US|Billie Jo|billie jo|
given_name|US|K.|k|
given_name|US|Ann-Marie|ann marie|
given_name|US|LaToya|latoya|
given_name|US|Chloë|chloe|
given_name|US|Ｅｍｍａ|emma|
given_name|GB|Imogen|imogen|
given_name|GB|Siobhan|siobhan|
given_name|GB|Angharad|angharad|
given_name|GB|Rhodri|rhodri|
given_name|GB|Gwenllian|gwenllian|
given_name|GB|Hamish|hamish|
given_name|GB|HAMISH|hamish|
given_name|GB|Alasdair|alasdair|
given_name|IE|Aoife|aoife|
given_name|IE|Róisín|roisin|
given_name|IE|Pádraig|padraig|
given_name|IE|Máire|maire|
given_name|IE|Éamonn|eamonn|
given_name|IE|Caoimhe|caoimhe|
given_name|IE|Sinéad|sinead|
given_name|IE|Seán|sean|
given_name|DE|Jürgen|jurgen|
given_name|DE|Günther|gunther|
given_name|DE|Björn|bjorn|
given_name|DE|Käthe|kathe|
given_name|DE|Karl-Heinz|karl heinz|
given_name|DE|KARL-HEINZ|karl heinz|
given_name|DE|Anneliese|anneliese|
given_name|DE|Sören|soren|
given_name|DE|Jörg|jorg|
given_name|DE|Uwe|uwe|
given_name|DE|Heike|heike|
given_name|DE|Eva-Maria|eva maria|
given_name|DE|Ägidius|agidius|
given_name|DE|Björn Ole|bjorn ole|
given_name|AT|Walpurga|walpurga|
given_name|AT|Resi|resi|
given_name|AT|Ägid|agid|
given_name|AT|Florian|florian|
given_name|CH|Urs|urs|
given_name|CH|Beat|beat|
given_name|CH|Köbi|kobi|
given_name|CH|Reto|reto|
given_name|FR|François|francois|
given_name|FR|Françoise|francoise|
given_name|FR|Hélène|helene|
given_name|FR|Étienne|etienne|
given_name|FR|ÉTIENNE|etienne|
given_name|FR|Jean-Luc|jean luc|
given_name|FR|Jean-François|jean francois|
given_name|FR|Zoé|zoe|
given_name|FR|Loïc|loic|
given_name|FR|Maëlle|maelle|
given_name|FR|Benoît|benoit|
given_name|FR|Anne-Sophie|anne sophie|
given_name|FR|Aurélie|aurelie|
given_name|FR|Gaël|gael|
given_name|FR|Thérèse|therese|
given_name|BE|Joëlle|joelle|
given_name|BE|Kaatje|kaatje|
given_name|BE|Wout|wout|
given_name|ES|José|jose|
given_name|ES|José María|jose maria|
given_name|ES|Begoña|begona|
given_name|ES|Íñigo|inigo|
given_name|ES|Concepción|concepcion|
given_name|ES|Ángel|angel|
given_name|ES|Lucía|lucia|
given_name|ES|Sofía|sofia|
given_name|ES|María José|maria jose|
given_name|ES|JESÚS|jesus|
given_name|ES|Raúl|raul|
given_name|ES|Andrés|andres|
given_name|MX|Guadalupe|guadalupe|
given_name|MX|Xóchitl|xochitl|
given_name|MX|Joaquín|joaquin|
given_name|MX|Ramón|ramon|
given_name|IT|Niccolò|niccolo|
given_name|IT|Giosuè|giosue|
given_name|IT|Noè|noe|
given_name|IT|Chiara|chiara|
given_name|IT|Maria Pia|maria pia|
given_name|IT|Gianluca|gianluca|
given_name|IT|Nicolò|nicolo|
given_name|PT|João|joao|
given_name|PT|Inês|ines|
given_name|PT|Conceição|conceicao|
given_name|PT|António|antonio|
given_name|PT|Luís|luis|
given_name|PT|Estêvão|estevao|
given_name|PT|Mónica|monica|
given_name|BR|Antônio|antonio|
given_name|BR|Thaís|thais|
given_name|BR|Flávia|flavia|
given_name|BR|João Pedro|joao pedro|
given_name|BR|Márcio|marcio|
given_name|NL|Joost|joost|
given_name|NL|Noëlle|noelle|
given_name|NL|Daniël|daniel|
given_name|NL|Sjoerd|sjoerd|
given_name|NL|Anne-Fleur|anne fleur|
given_name|NL|Maaike|maaike|
given_name|SE|Åsa|asa|
given_name|SE|Örjan|orjan|
given_name|SE|Märta|marta|
given_name|SE|Göran|goran|
given_name|SE|Björn|bjorn|
given_name|SE|Lars-Erik|lars erik|
given_name|SE|Håkan|hakan|
given_name|DK|Søren|soren|
given_name|DK|Jørgen|jorgen|
given_name|DK|Lærke|laerke|
given_name|DK|Åge|age|
given_name|DK|Bjørn|bjorn|
given_name|NO|Øyvind|oyvind|
given_name|NO|Bjørg|bjorg|
given_name|NO|Håkon|hakon|
given_name|NO|Øystein|oystein|
given_name|NO|Sølvi|solvi|
given_name|FI|Väinö|vaino|
given_name|FI|Päivi|paivi|
given_name|FI|Jyrki|jyrki|
given_name|FI|Yrjö|yrjo|
given_name|FI|Äijö|aijo|
given_name|IS|Þórður|thordur|
given_name|IS|Guðrún|gudrun|
given_name|IS|Björk|bjork|
given_name|IS|Sigríður|sigridur|
given_name|IS|Ásta|asta|
given_name|PL|Łukasz|lukasz|
given_name|PL|Grażyna|grazyna|
given_name|PL|Zdzisław|zdzislaw|
given_name|PL|Bożena|bozena|
given_name|PL|Świętosława|swietoslawa|
given_name|PL|Michał|michal|
given_name|PL|Małgorzata|malgorzata|
given_name|PL|Józef|jozef|
given_name|CZ|Jiří|jiri|
given_name|CZ|Božena|bozena|
given_name|CZ|Tomáš|tomas|
given_name|CZ|Řehoř|rehor|
given_name|CZ|Zdeněk|zdenek|
given_name|CZ|Lukáš|lukas|
given_name|CZ|Anežka|anezka|
given_name|CZ|Ondřej|ondrej|
given_name|SK|Ľubomír|lubomir|
given_name|SK|Ľudovít|ludovit|
given_name|SK|Božidara|bozidara|
given_name|SK|Matúš|matus|
given_name|HU|Győző|gyozo|
given_name|HU|Őrs|ors|
given_name|HU|Zsófia|zsofia|
given_name|HU|Ágnes|agnes|
given_name|HU|István|istvan|
given_name|HU|László|laszlo|
given_name|RO|Ștefan|stefan|
given_name|RO|Mărioara|marioara|
given_name|RO|Ionuț|ionut|
given_name|RO|Ţuţea|tutea|
given_name|HR|Željka|zeljka|
given_name|HR|Đorđe|dorde|
given_name|HR|Tvrtko|tvrtko|
given_name|HR|Siniša|sinisa|
given_name|LT|Žydrūnas|zydrunas|
given_name|LT|Jūratė|jurate|
given_name|LT|Šarūnas|sarunas|
given_name|LV|Kārlis|karlis|
given_name|LV|Ģirts|girts|
given_name|LV|Jānis|janis|
given_name|EE|Õnne|onne|
given_name|EE|Jüri|juri|
given_name|EE|Tõnu|tonu|
given_name|TR|Işıl|isil|
given_name|TR|İbrahim|ibrahim|
given_name|TR|Çağlar|caglar|
given_name|TR|Gülşen|gulsen|
given_name|TR|Özgür|ozgur|
given_name|TR|Şule|sule|
given_name|TR|Ayşe|ayse|
given_name|TR|Uğur|ugur|
given_name|VN|Đức|duc|
given_name|VN|Hương|huong|
given_name|VN|Thị Hương|thi huong|
given_name|VN|Ngọc|ngoc|
given_name|VN|Ánh|anh|
given_name|VN|Quỳnh|quynh|
given_name|RU|Сергей|сергеи|
given_name|RU|Наталья|наталья|
given_name|RU|СЕРГЕЙ|сергеи|
given_name|RU|Семён|семен|
given_name|RU|Дарья|дарья|
given_name|RU|Иван|иван|
given_name|RU|Алёна|алена|
given_name|RU|Пётр|петр|
given_name|RU|Ольга|ольга|
given_name|UA|Тарас|тарас|
given_name|UA|Оксана|оксана|
given_name|UA|Богдан|богдан|
given_name|UA|Олена|олена|
given_name|BG|Георги|георги|
given_name|BG|Иванка|иванка|
given_name|BG|Стоян|стоян|
given_name|GR|Γιώργος|γιωργοσ|
given_name|GR|Ελένη|ελενη|
given_name|GR|Νίκος|νικοσ|
given_name|GR|ΜΑΡΙΑ|μαρια|
given_name|GR|Σοφία|σοφια|
given_name|GR|Δημήτρης|δημητρησ|
given_name|EG|محمد|محمد|
given_name|EG|علي|علي|
given_name|EG|فاطمة|فاطمة|
given_name|EG|مُحَمَّد|محمد|
given_name|EG|حسن|حسن|
given_name|IL|דוד|דוד|
given_name|IL|שרה|שרה|
given_name|IL|משה|משה|
given_name|TH|สมชาย|สมชาย|
given_name|TH|สมหญิง|สมหญิง|
given_name|IN|राज|राज|
given_name|IN|Priya|priya|
given_name|IN|Sunita|sunita|
given_name|IN|Ravi Kumar|ravi kumar|
given_name|IN|Lakshmi|lakshmi|
given_name|CN|伟|伟|
given_name|CN|思远|思远|
given_name|CN|秀英|秀英|
given_name|CN|小红|小红|
given_name|CN|丽娟|丽娟|
given_name|CN|国强|国强|
given_name|CN|婉儿|婉儿|
given_name|CN|雨桐|雨桐|
given_name|CN|静|静|
given_name|CN|建国|建国|
given_name|CN|Xiaoming|xiaoming|
given_name|CN|Xiao Ming|xiao ming|
given_name|TW|淑芬|淑芬|
given_name|TW|國強|国强|
given_name|TW|麗娟|丽娟|
given_name|TW|怡君|怡君|
given_name|TW|雅婷|雅婷|
given_name|TW|志偉|志伟|
given_name|TW|曉雯|晓雯|
given_name|HK|美玲|美玲|
given_name|HK|國榮|国荣|
given_name|HK|大文|大文|
given_name|HK|家輝|家辉|
given_name|JP|花子|花子|
given_name|JP|太郎|太郎|
given_name|JP|さくら|さくら|
given_name|JP|一郎|一郎|
given_name|JP|ﾀﾛｳ|タロウ|
given_name|JP|タロウ|タロウ|
given_name|JP|ももこ|ももこ|
given_name|JP|涼|凉|
given_name|JP|ﾊﾅｺ|ハナコ|
given_name|JP|ユキ|ユキ|
given_name|KR|지성|지성|
given_name|KR|영희|영희|
given_name|KR|수진|수진|
given_name|KR|민|민|
given_name|KR|서연|서연|
given_name|US|N/A||placeholder
given_name|US|unknown||placeholder
given_name|US|null||placeholder
given_name|US|-||placeholder
given_name|US|...||placeholder
given_name|US|not available||placeholder
given_name|US|   ||empty
given_name|DE|unbekannt||placeholder
family_name|US|Miller|miller|
family_name|US|MILLER|miller|
family_name|US| Miller |miller|
family_name|US|O'Malley|omalley|
family_name|US|O’Malley|omalley|
family_name|US|Johnson|johnson|
family_name|US|McDonald|mcdonald|
family_name|US|Smith–Hale|smith hale|
family_name|US|Washington|washington|
family_name|US|Ｍｉｌｌｅｒ|miller|
family_name|US|DeVito|devito|
family_name|US|Taylor-Hughes|taylor hughes|
family_name|US|Jefferson|jefferson|
family_name|GB|Fearnley-Whittingstall|fearnley whittingstall|
family_name|GB|Llewellyn|llewellyn|
family_name|GB|Campbell|campbell|
family_name|GB|CAMPBELL|campbell|
family_name|GB|Ashworth|ashworth|
family_name|GB|MacLeod|macleod|
family_name|GB|Bowes-Lyon|bowes lyon|
family_name|GB|Prydderch|prydderch|
family_name|IE|Ó Ríordáin|o riordain|
family_name|IE|Ní Bhriain|ni bhriain|
family_name|IE|Ó Sé|o se|
family_name|IE|O'Brien|obrien|
family_name|IE|Byrne|byrne|
family_name|IE|Mac Cárthaigh|mac carthaigh|
family_name|DE|Müller|muller|
family_name|DE|MÜLLER|muller|
family_name|DE|Groß|gross|
family_name|DE|Weiß|weiss|
family_name|DE|Strauß|strauss|
family_name|DE|Schröder|schroder|
family_name|DE|Böhm|bohm|
family_name|DE|von der Leyen|von der leyen|
family_name|DE|Kramp-Karrenbauer|kramp karrenbauer|
family_name|DE|zu Guttenberg|zu guttenberg|
family_name|DE|Jäger|jager|
family_name|DE|Köhler|kohler|
family_name|DE|Götz|gotz|
family_name|DE|Weißgerber|weissgerber|
family_name|AT|Gruber|gruber|
family_name|AT|Hölzl|holzl|
family_name|AT|Steinböck|steinbock|
family_name|AT|Österreicher|osterreicher|
family_name|CH|Bühler|buhler|
family_name|CH|Zürcher|zurcher|
family_name|CH|Aebischer|aebischer|
family_name|CH|Rüegg|ruegg|
family_name|FR|Lefèvre|lefevre|
family_name|FR|LEFÈVRE|lefevre|
family_name|FR|L'Hermitte|lhermitte|
family_name|FR|d'Ornano|dornano|
family_name|FR|Bérénger|berenger|
family_name|FR|Lenôtre|lenotre|
family_name|FR|de Chateaubriand|de chateaubriand|
family_name|FR|Béranger|beranger|
family_name|FR|Dupré-Morel|dupre morel|
family_name|FR|Hébert|hebert|
family_name|FR|Legrand|legrand|
family_name|FR|Côté|cote|
family_name|FR|Françoix|francoix|
family_name|BE|De Smet|de smet|
family_name|BE|Van den Bossche|van den bossche|
family_name|BE|Peeters|peeters|
family_name|ES|Núñez|nunez|
family_name|ES|Muñoz|munoz|
family_name|ES|MUÑOZ|munoz|
family_name|ES|Ibáñez Quiñones|ibanez quinones|
family_name|ES|Fernández|fernandez|
family_name|ES|López de Haro|lopez de haro|
family_name|ES|Martínez|martinez|
family_name|ES|Peña|pena|
family_name|ES|de la Cruz|de la cruz|
family_name|ES|Gómez|gomez|
family_name|ES|Rodríguez|rodriguez|
family_name|MX|Hernández|hernandez|
family_name|MX|Ordóñez|ordonez|
family_name|MX|Cuauhtémoc|cuauhtemoc|
family_name|MX|Juárez|juarez|
family_name|IT|De Luca|de luca|
family_name|IT|Dell'Abate|dellabate|
family_name|IT|Bortolussi|bortolussi|
family_name|IT|Esposito|esposito|
family_name|IT|Cantù|cantu|
family_name|IT|Lo Presti|lo presti|
family_name|IT|Galli|galli|
family_name|PT|Gonçalves|goncalves|
family_name|PT|da Conceição|da conceicao|
family_name|PT|Simões|simoes|
family_name|PT|Assunção|assuncao|
family_name|PT|Guimarães|guimaraes|
family_name|PT|Magalhães|magalhaes|
family_name|BR|Figueirêdo|figueiredo|
family_name|BR|Brandão|brandao|
family_name|BR|d'Ávila|davila|
family_name|BR|Araújo|araujo|
family_name|BR|dos Santos|dos santos|
family_name|NL|van Gogh|van gogh|
family_name|NL|van der Berg|van der berg|
family_name|NL|de Vries-Bakker|de vries bakker|
family_name|NL|Beëlen|beelen|
family_name|NL|Ter Horst|ter horst|
family_name|NL|Dijkstra|dijkstra|
family_name|SE|Öberg|oberg|
family_name|SE|Sjögren|sjogren|
family_name|SE|Ström|strom|
family_name|SE|Åkesson|akesson|
family_name|SE|Lindström|lindstrom|
family_name|SE|Hägglund|hagglund|
family_name|DK|Kierkegård|kierkegard|
family_name|DK|Æbelø|aebelo|
family_name|DK|Sørensen|sorensen|
family_name|DK|Nygård|nygard|
family_name|DK|Kjær|kjaer|
family_name|NO|Bjørnson|bjornson|
family_name|NO|Ødegård|odegard|
family_name|NO|Hansen|hansen|
family_name|NO|Sæther|saether|
family_name|NO|Skjærvø|skjaervo|
family_name|FI|Mäkelä|makela|
family_name|FI|Hämäläinen|hamalainen|
family_name|FI|Virtanen|virtanen|
family_name|FI|Jääskeläinen|jaaskelainen|
family_name|IS|Guðmundsson|gudmundsson|
family_name|IS|Jónsdóttir|jonsdottir|
family_name|IS|Sigurðardóttir|sigurdardottir|
family_name|IS|Þorsteinsson|thorsteinsson|
family_name|PL|Wałęsa|walesa|
family_name|PL|Wójcik|wojcik|
family_name|PL|Dąbrowska|dabrowska|
family_name|PL|Żak|zak|
family_name|PL|Kowalski|kowalski|
family_name|PL|Święcicki|swiecicki|
family_name|PL|Skłodowska-Curie|sklodowska curie|
family_name|PL|Źrebiec|zrebiec|
family_name|CZ|Dvořák|dvorak|
family_name|CZ|Němcová|nemcova|
family_name|CZ|Křížek|krizek|
family_name|CZ|Šťastný|stastny|
family_name|CZ|Novák|novak|
family_name|CZ|Růžička|ruzicka|
family_name|CZ|Černý|cerny|
family_name|SK|Žiška|ziska|
family_name|SK|Kováč|kovac|
family_name|SK|Hlaváčik|hlavacik|
family_name|SK|Ďurica|durica|
family_name|HU|Szabó|szabo|
family_name|HU|Nagy|nagy|
family_name|HU|Kőszegi|koszegi|
family_name|HU|Tóth|toth|
family_name|HU|Gergely|gergely|
family_name|RO|Țiriac|tiriac|
family_name|RO|Bălănescu|balanescu|
family_name|RO|Ionescu|ionescu|
family_name|RO|Ştefănescu|stefanescu|
family_name|HR|Čvorović|cvorovic|
family_name|HR|Šarić|saric|
family_name|HR|Đurić|duric|
family_name|HR|Horvat|horvat|
family_name|RS|Petrović|petrovic|
family_name|RS|Živković|zivkovic|
family_name|RS|Ђорђевић|ђорђевић|
family_name|LT|Ilgauskas|ilgauskas|
family_name|LT|Šimkutė|simkute|
family_name|LT|Žukauskas|zukauskas|
family_name|LV|Bērziņš|berzins|
family_name|LV|Kalniņa|kalnina|
family_name|LV|Ozoliņš|ozolins|
family_name|EE|Jõgi|jogi|
family_name|EE|Pärn|parn|
family_name|EE|Kääramees|kaaramees|
family_name|TR|Şahin|sahin|
family_name|TR|Ağaoğlu|agaoglu|
family_name|TR|Söyüncü|soyuncu|
family_name|TR|Yıldız|yildiz|
family_name|TR|Öztürk|ozturk|
family_name|TR|Çelik|celik|
family_name|TR|Günaydın|gunaydin|
family_name|VN|Nguyễn|nguyen|
family_name|VN|Trần|tran|
family_name|VN|Lê|le|
family_name|VN|Phạm|pham|
family_name|VN|Đặng|dang|
family_name|VN|NGUYỄN|nguyen|
family_name|RU|Иванов|иванов|
family_name|RU|Ёлкин|елкин|
family_name|RU|Кузнецова|кузнецова|
family_name|RU|КУЗНЕЦОВА|кузнецова|
family_name|RU|Петров-Водкин|петров водкин|
family_name|RU|Достоевский|достоевскии|
family_name|RU|Соловьёв|соловьев|
family_name|RU|Мусоргский|мусоргскии|
family_name|RU|Волкова|волкова|
family_name|UA|Шевченко|шевченко|
family_name|UA|Коваленко|коваленко|
family_name|UA|Мельник|мельник|
family_name|BG|Димитров|димитров|
family_name|BG|Стоянова|стоянова|
family_name|BG|Петков|петков|
family_name|GR|Παπαδόπουλος|παπαδοπουλοσ|
family_name|GR|Δημητρίου|δημητριου|
family_name|GR|Σωτηρίου|σωτηριου|
family_name|GR|ΠΑΠΑΔΑΚΗ|παπαδακη|
family_name|EG|حسن|حسن|
family_name|EG|محفوظ|محفوظ|
family_name|IL|לוי|לוי|
family_name|IL|כהן|כהן|
family_name|TH|ใจดี|ใจดี|
family_name|TH|ศรีสุข|ศรีสุข|
family_name|IN|कुमार|कुमार|
family_name|IN|Chatterjee|chatterjee|
family_name|IN|Krishnamurthy|krishnamurthy|
family_name|IN|Iyer|iyer|
family_name|IN|Das Gupta|das gupta|
family_name|CN|王|王|
family_name|CN|李|李|
family_name|CN|陈|陈|
family_name|CN|欧阳|欧阳|
family_name|CN|司马|司马|
family_name|CN|赵|赵|
family_name|CN|刘|刘|
family_name|CN|上官|上官|
family_name|CN|Zhang|zhang|
family_name|CN|Ouyang|ouyang|
family_name|CN|Wu|wu|
family_name|TW|陳|陈|
family_name|TW|張|张|
family_name|TW|劉|刘|
family_name|TW|諸葛|诸葛|
family_name|TW|葉|叶|
family_name|TW|蘇|苏|
family_name|TW|黃|黄|
family_name|HK|鄭|郑|
family_name|HK|Cheung|cheung|
family_name|HK|Ng|ng|
family_name|HK|關|关|
family_name|HK|Leung|leung|
family_name|JP|田中|田中|
family_name|JP|鈴木|铃木|
family_name|JP|齋藤|斋藤|
family_name|JP|渡邊|渡边|
family_name|JP|髙橋|高桥|
family_name|JP|山﨑|山崎|
family_name|JP|ﾀﾅｶ|タナカ|
family_name|JP|佐藤|佐藤|
family_name|JP|スズキ|スズキ|
family_name|KR|김|김|
family_name|KR|박|박|
family_name|KR|남궁|남궁|
family_name|KR|황보|황보|
family_name|KR|이|이|
family_name|US|N/A||placeholder
family_name|US|...||placeholder
family_name|US|not available||placeholder
family_name|US|   ||empty
family_name|DE|unbekannt||placeholder
family_name|US|Fitzgerald|fitzgerald|
family_name|US|Hawthorne|hawthorne|
family_name|US|Roosevelt|roosevelt|
family_name|GB|Featherstonehaugh|featherstonehaugh|
family_name|GB|Cholmondeley|cholmondeley|
family_name|CA|Tremblay|tremblay|
family_name|CA|Gagné|gagne|
family_name|AU|Whitlam|whitlam|
family_name|NZ|Te Kanawa|te kanawa|
family_name|ZA|van Niekerk|van niekerk|
family_name|ZA|Botha|botha|
family_name|AR|Agüero|aguero|
family_name|CO|Ordúz|orduz|
family_name|PE|Quispe|quispe|
family_name|CL|Ibacache|ibacache|
family_name|SI|Černigoj|cernigoj|
family_name|AL|Hoxha|hoxha|
family_name|MY|Abdullah|abdullah|
family_name|ID|Wijaya|wijaya|
family_name|PH|dela Cruz|dela cruz|
family_name|NG|Okonkwo|okonkwo|
family_name|SI|Kovačič|kovacic|
family_name|MT|Żammit|zammit|
family_name|LU|Schlüter|schluter|
\.
SELECT plan(2);
SELECT is_empty($$SELECT attribute, count(l.line) FROM unnest(ARRAY['full_name', 'given_name', 'family_name']) attribute LEFT JOIN label l USING (attribute)
	GROUP BY attribute HAVING count(l.line) < 300$$, 'values labelled of each attribute');
SELECT is_empty($$SELECT l.line, l.attribute, l.region, l.given, l.want, s.standard, l.issue, s.issue AS got
	FROM label l, customer_data.standardize(l.attribute, l.given, l.region) s
	WHERE (s.standard, s.issue) IS DISTINCT FROM (l.want, l.issue) ORDER BY line$$, 'names and genders get their labels');
SELECT * FROM finish();
