-- Hand-labelled e-mail addresses, domains, web addresses and phone numbers:
-- attribute | region | value as given | standard form (empty: none) | issue (empty: none)
CREATE TEMP TABLE label(attribute text, region text, given text, want text, issue text, line int GENERATED ALWAYS AS IDENTITY);
COPY label(attribute, region, given, want, issue) FROM stdin (FORMAT csv, DELIMITER '|', QUOTE E'\b');
email||john.smith@acme.com|john.smith@acme.com|
email||John.Smith@ACME.com|john.smith@acme.com|
email||  john@acme.com |john@acme.com|
email||<john@acme.com>|john@acme.com|
email||John Smith <john@acme.com>|john@acme.com|
email||mailto:john@acme.com|john@acme.com|
email||john@acme.com.|john@acme.com|
email||john@acme.com;|john@acme.com|
email||john+news@gmail.com|john+news@gmail.com|
email||j.o.h.n@gmail.com|j.o.h.n@gmail.com|
email||john_smith@acme-corp.co.uk|john_smith@acme-corp.co.uk|
email||john@sub.mail.acme.com|john@sub.mail.acme.com|
email||o'brien@acme.ie|o'brien@acme.ie|
email||a.b-c_d+e@x-y.org|a.b-c_d+e@x-y.org|
email||123456789@qq.com|123456789@qq.com|
email||13912345678@163.com|13912345678@163.com|
email||wang.xiaoming@sina.com.cn|wang.xiaoming@sina.com.cn|
email||ｗａｎｇ＠１６３．ｃｏｍ|wang@163.com|
email||jürgen@bücher.de|jürgen@xn--bcher-kva.de|
email||jana@müller.de|jana@xn--mller-kva.de|
email||用户@例子.公司|用户@xn--fsqu00a.xn--55qx5d|
email||petr@почта.рф|petr@xn--80a1acny.xn--p1ai|
email||"john smith"@acme.com|"john smith"@acme.com|
email||john@acme|| malformed
email||john||malformed
email||john@||malformed
email||@acme.com||malformed
email||john@@acme.com||malformed
email||john.@acme.com||malformed
email||.john@acme.com||malformed
email||jo..hn@acme.com||malformed
email||john smith@acme.com||malformed
email||john@acme,com||malformed
email||john@acme..com||malformed
email||john@-acme.com||malformed
email||john@acme-.com||malformed
email||john@acme.c||malformed
email||john@1.2.3.4||malformed
email||john@acme.com, jane@acme.com||malformed
email||john at acme dot com||malformed
email||www.acme.com||malformed
email||+1 415 555 2671||malformed
email||n/a||placeholder
email||none||placeholder
email||null||placeholder
email||-||placeholder
email||||empty
email||none@none.com||placeholder
email||na@na.com||placeholder
email||noemail@acme.com||placeholder
email||no@email.com||placeholder
email||test@test.com||placeholder
email||test@acme.com||placeholder
email||a@a.com||placeholder
email||asdf@asdf.com||placeholder
email||xxx@xxx.com||placeholder
email||xxxxx@acme.com||placeholder
email||aaaaa@gmail.com||placeholder
email||john@example.com||placeholder
email||john@example.org||placeholder
email||john@acme.invalid||placeholder
email||john@localhost.local||placeholder
email||john@shop.test||placeholder
email||anonymous@acme.com||placeholder
email||unknown@unknown.com||placeholder
email||0000@acme.com||placeholder
email||john@mailinator.com|john@mailinator.com|disposable
email||peter@yopmail.com|peter@yopmail.com|disposable
email||x7f3k@guerrillamail.com|x7f3k@guerrillamail.com|disposable
email||jane@10minutemail.com|jane@10minutemail.com|disposable
email||jane@temp-mail.org|jane@temp-mail.org|disposable
email||jane@trashmail.de|jane@trashmail.de|disposable
email||hans@wegwerfmail.de|hans@wegwerfmail.de|disposable
email||li@chacuo.net|li@chacuo.net|disposable
email||info@acme.com|info@acme.com|shared_mailbox
email||INFO@ACME.DE|info@acme.de|shared_mailbox
email||sales@acme.com|sales@acme.com|shared_mailbox
email||support@acme.com|support@acme.com|shared_mailbox
email||contact@acme.fr|contact@acme.fr|shared_mailbox
email||kontakt@acme.de|kontakt@acme.de|shared_mailbox
email||office@acme.at|office@acme.at|shared_mailbox
email||admin@acme.com|admin@acme.com|shared_mailbox
email||webmaster@acme.com|webmaster@acme.com|shared_mailbox
email||noreply@acme.com|noreply@acme.com|shared_mailbox
email||no-reply@acme.com|no-reply@acme.com|shared_mailbox
email||ventas@acme.es|ventas@acme.es|shared_mailbox
email||biuro@acme.pl|biuro@acme.pl|shared_mailbox
email||hr@acme.cn|hr@acme.cn|shared_mailbox
email||kefu@acme.cn|kefu@acme.cn|shared_mailbox
email||orders@acme.com|orders@acme.com|shared_mailbox
email||reception@hotel.com|reception@hotel.com|shared_mailbox
email||john@gmial.com|john@gmial.com|suspect_domain
email||john@gmail.con|john@gmail.con|suspect_domain
email||john@gamil.com|john@gamil.com|suspect_domain
email||john@hotmial.com|john@hotmial.com|suspect_domain
email||john@yaho.com|john@yaho.com|suspect_domain
email||john@outlok.com|john@outlok.com|suspect_domain
email||li@qq.con|li@qq.con|suspect_domain
email||infoline@acme.com|infoline@acme.com|
email||salesman@acme.com|salesman@acme.com|
domain||acme.com|acme.com|
domain||ACME.COM|acme.com|
domain||www.acme.com|acme.com|
domain||https://www.acme.com/path?q=1|acme.com|
domain||http://acme.co.uk:8080|acme.co.uk|
domain||acme.com/|acme.com|
domain||@acme.com|acme.com|
domain||bücher.de|xn--bcher-kva.de|
domain||例子.中国|xn--fsqu00a.xn--fiqs8s|
domain||acme||malformed
domain||acme .com||malformed
domain||example.com||placeholder
domain||n/a||placeholder
website||https://www.Acme.com/|acme.com|
website||http://acme.com/index.html|acme.com|
website||www.acme.com|acme.com|
website||acme.com/shop/|acme.com/shop|
website||HTTPS://ACME.COM/Shop?x=1#top|acme.com/shop|
website||john@acme.com||wrong_field
website||not a site||malformed
website||none||placeholder
phone|US|(415) 555-2671|+14155552671|
phone|US|415-555-2671|+14155552671|
phone|US|415.555.2671|+14155552671|
phone|US|4155552671|+14155552671|
phone|US|1-415-555-2671|+14155552671|
phone|US|+1 415 555 2671|+14155552671|
phone|US|001 415 555 2671||too_long
phone|US|011 44 20 7946 0958|+442079460958|
phone|US|(415) 555-2671 ext. 12|+14155552671|
phone|US|415-555-2671 x12|+14155552671|
phone|US|tel:+1-415-555-2671|+14155552671|
phone|US|1-800-FLOWERS|+18003569377|
phone|US|415-555-0123||placeholder
phone|US|555-2671||too_short
phone|US|000-000-0000||placeholder
phone|US|999-999-9999||placeholder
phone|US|111-111-1111||placeholder
phone|US|123-456-7890||placeholder
phone|US|1234567890||placeholder
phone|US|123456||placeholder
phone|US|12345678||placeholder
phone|US|0||too_short
phone|US|12||too_short
phone|US|none||placeholder
phone|US|n/a||placeholder
phone|US|call me||malformed
phone|US|john@acme.com||wrong_field
phone|US|41555526711234567||too_long
phone|CA|416-555-2671|+14165552671|
phone|GB|020 7946 0958|+442079460958|
phone|GB|(020) 7946 0958|+442079460958|
phone|GB|+44 (0)20 7946 0958|+442079460958|
phone|GB|0044 20 7946 0958|+442079460958|
phone|GB|07911 123456|+447911123456|
phone|GB|447911123456|+447911123456|
phone|GB|02079|| too_short
phone|DE|030 901820|+4930901820|
phone|DE|(030) 90 18 20|+4930901820|
phone|DE|0049 30 901820|+4930901820|
phone|DE|+49 (0) 30 / 901820|+4930901820|
phone|DE|0171 2345678|+491712345678|
phone|DE|0171/2345678|+491712345678|
phone|FR|01 42 68 53 00|+33142685300|
phone|FR|06.12.34.56.79|+33612345679|
phone|FR|+33 (0)6 12 34 56 79|+33612345679|
phone|ES|912 345 678|+34912345678|
phone|ES|+34 612 34 56 79|+34612345679|
phone|IT|06 6982|+39066982|
phone|IT|+39 06 6982 1234|+390669821234|
phone|IT|347 1234567|+393471234567|
phone|NL|020 794 0956|+31207940956|
phone|NL|06-12345679|+31612345679|
phone|CH|044 668 18 00|+41446681800|
phone|AT|01 58858|+43158858|
phone|PL|601 234 568|+48601234568|
phone|SE|08-123 456 01|+46812345601|
phone|RU|8 (495) 123-45-67|+74951234567|
phone|RU|+7 495 123 45 67|+74951234567|
phone|TR|0532 123 45 67|+905321234567|
phone|IN|98765 43211|+919876543211|
phone|IN|+91-98765-43211|+919876543211|
phone|AU|0412 345 679|+61412345679|
phone|AU|(02) 9374 4000|+61293744000|
phone|NZ|09 887 1234|+6498871234|
phone|BR|(11) 96123-4567|+5511961234567|
phone|MX|55 5093 1234|+525550931234|
phone|ZA|021 480 5600|+27214805600|
phone|CN|139 1234 5678|+8613912345678|
phone|CN|13912345678|+8613912345678|
phone|CN|+86 139-1234-5678|+8613912345678|
phone|CN|0086 13912345678|+8613912345678|
phone|CN|8613912345678|+8613912345678|
phone|CN|１３９１２３４５６７８|+8613912345678|
phone|CN|010-62345679|+861062345679|
phone|CN|(021) 6234 5679|+862162345679|
phone|CN|0755-83765566|+8675583765566|
phone|CN|400-810-8888|+864008108888|
phone|CN|13800138000||placeholder
phone|CN|11111111111||placeholder
phone|CN|00000000||placeholder
phone|CN|1391234|+861391234|unassigned
phone|CN|139123456789999||too_long
phone|CN|无||placeholder
phone|TW|0912-345-678|+886912345678|
phone|TW|02-2345-6789|+886223456789|
phone|TW|(02) 8780 1234|+886287801234|
phone|TW|+886 2 8780 1234|+886287801234|
phone|HK|2123 4568|+85221234568|
phone|HK|+852 9123 4568|+85291234568|
phone|SG|6123 4568|+6561234568|
phone|MY|03-2345 6789|+60323456789|
phone|JP|03-3123-4568|+81331234568|
phone|JP|090-1234-5679|+819012345679|
phone|JP|＋８１　９０　１２３４　５６７９|+819012345679|
phone|KR|02-312-3457|+8223123457|
phone|KR|010-1234-5679|+821012345679|
phone|TH|081 234 5679|+66812345679|
phone|AE|050 123 4568|+971501234568|
phone|SA|050 123 4568|+966501234568|
phone|IL|050-234-5678|+972502345678|
phone||+49 30 901820|+4930901820|
phone||0049 30 901820|004930901820|no_country
phone||030 901820|030901820|no_country
phone||+999 123456||malformed
phone||||empty
\.
UPDATE label SET issue = btrim(issue);
SELECT plan(2);
SELECT cmp_ok(count(*)::int, '>=', 200, 'values labelled') FROM label;
SELECT is_empty($$SELECT l.line, l.attribute, l.region, l.given, l.want, s.standard, l.issue, s.issue AS got
	FROM label l, customer_data.standardize(l.attribute, coalesce(l.given, ''), coalesce(l.region, '')) s
	WHERE (s.standard, s.issue) IS DISTINCT FROM (l.want, l.issue) ORDER BY line$$, 'contact data gets its labels');
SELECT * FROM finish();
