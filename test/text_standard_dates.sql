-- Hand-labelled dates and moments of several countries, calendars and scripts:
-- attribute | region | value as given | standard form (empty: none) | issue (empty: none)
SET customer_data.as_of = '2026-06-01 00:00+00';
CREATE TEMP TABLE label(attribute text, region text, given text, want text, issue text, line int GENERATED ALWAYS AS IDENTITY);
COPY label(attribute, region, given, want, issue) FROM stdin (FORMAT csv, DELIMITER '|', QUOTE E'\b');
birth_date||1980-01-05|1980-01-05|
birth_date||1980-1-5|1980-01-05|
birth_date||1980/01/05|1980-01-05|
birth_date||1980.01.05|1980-01-05|
birth_date||19800105|1980-01-05|
birth_date||1980 01 05|1980-01-05|
birth_date|| 1980-01-05 |1980-01-05|
birth_date||1980-01-05T00:00:00Z|1980-01-05|
birth_date||1980-01-05 00:00:00|1980-01-05|
birth_date||1980-01-05 00:00:00.000|1980-01-05|
birth_date|US|01/05/1980|1980-01-05|
birth_date|US|1/5/1980|1980-01-05|
birth_date|US|1/5/80|1980-01-05|
birth_date|US|12/25/1980|1980-12-25|
birth_date|US|25/12/1980|1980-12-25|
birth_date|US|01-05-1980|1980-01-05|
birth_date|US|Jan 5, 1980|1980-01-05|
birth_date|US|January 5, 1980|1980-01-05|
birth_date|US|January 5th, 1980|1980-01-05|
birth_date|US|5 Jan 1980|1980-01-05|
birth_date|US|5-Jan-80|1980-01-05|
birth_date|US|05JAN1980|1980-01-05|
birth_date|US|Sept. 9, 1980|1980-09-09|
birth_date|US|1/5/29|2029-01-05|future_date
birth_date|US|1/5/30|1930-01-05|
birth_date|US|02/29/1980|1980-02-29|
birth_date|US|02/29/1981||impossible_date
birth_date|US|02/30/1980||impossible_date
birth_date|US|13/13/1980||impossible_date
birth_date|US|00/00/0000||placeholder
birth_date|US|01/01/1900||default_date
birth_date|US|1/1/1970||default_date
birth_date|US|12/31/1969||default_date
birth_date|US|12/30/1899||default_date
birth_date|US|12/31/9999||default_date
birth_date|US|01/01/1980|1980-01-01|
birth_date|US|01/01/2000|2000-01-01|
birth_date|GB|05/01/1980|1980-01-05|
birth_date|GB|5/1/80|1980-01-05|
birth_date|GB|25/12/1980|1980-12-25|
birth_date|GB|12/25/1980|1980-12-25|
birth_date|GB|5th January 1980|1980-01-05|
birth_date|GB|the 5th of May 1980|1980-05-05|
birth_date|GB|29/02/1900||impossible_date
birth_date|DE|5.1.1980|1980-01-05|
birth_date|DE|05.01.1980|1980-01-05|
birth_date|DE|05.01.80|1980-01-05|
birth_date|DE|5. Januar 1980|1980-01-05|
birth_date|DE|5. März 1980|1980-03-05|
birth_date|DE|5. Mai 1980|1980-05-05|
birth_date|DE|15. Dezember 1980|1980-12-15|
birth_date|DE|31.04.1980||impossible_date
birth_date|AT|5. Oktober 1980|1980-10-05|
birth_date|FR|05/01/1980|1980-01-05|
birth_date|FR|5 janvier 1980|1980-01-05|
birth_date|FR|1er février 1980|1980-02-01|
birth_date|FR|5 février 1980|1980-02-05|
birth_date|FR|5 août 1980|1980-08-05|
birth_date|FR|5 juin 1980|1980-06-05|
birth_date|FR|5 juillet 1980|1980-07-05|
birth_date|FR|5 décembre 1980|1980-12-05|
birth_date|ES|5 de enero de 1980|1980-01-05|
birth_date|ES|31 de diciembre de 1980|1980-12-31|
birth_date|ES|5 ago 1980|1980-08-05|
birth_date|IT|5 gennaio 1980|1980-01-05|
birth_date|IT|5 luglio 1980|1980-07-05|
birth_date|IT|5 ottobre 1980|1980-10-05|
birth_date|IT|5 maggio 1980|1980-05-05|
birth_date|PT|5 de outubro de 1980|1980-10-05|
birth_date|BR|05/01/1980|1980-01-05|
birth_date|NL|5 mei 1980|1980-05-05|
birth_date|NL|5 maart 1980|1980-03-05|
birth_date|NL|05-01-1980|1980-01-05|
birth_date|SE|1980-01-05|1980-01-05|
birth_date|SE|5 maj 1980|1980-05-05|
birth_date|HU|80.01.05|1980-01-05|
birth_date|RU|05.01.1980|1980-01-05|
birth_date|IN|05-01-1980|1980-01-05|
birth_date|IN|5/1/1980|1980-01-05|
birth_date|AU|5/1/1980|1980-01-05|
birth_date|TH|05/01/2523|1980-01-05|
birth_date|TH|2523-01-05|1980-01-05|
birth_date|CN|1980年1月5日|1980-01-05|
birth_date|CN|1980年01月05日|1980-01-05|
birth_date|CN|１９８０年１月５日|1980-01-05|
birth_date|CN|1980年1月5号|1980-01-05|
birth_date|CN|1980/1/5|1980-01-05|
birth_date|CN|80/1/5|1980-01-05|
birth_date|CN|80年1月5日|1980-01-05|
birth_date|CN|1980年1月|1980-01|partial_date
birth_date|CN|1980年|1980|partial_date
birth_date|CN|1980年2月30日||impossible_date
birth_date|CN|不详||placeholder
birth_date|CN|未知||placeholder
birth_date|TW|民國69年1月5日|1980-01-05|
birth_date|TW|民国69年1月5日|1980-01-05|
birth_date|TW|民國元年1月5日|1912-01-05|
birth_date|TW|69/01/05|1980-01-05|
birth_date|TW|69.1.5|1980-01-05|
birth_date|TW|1980/01/05|1980-01-05|
birth_date|JP|昭和55年1月5日|1980-01-05|
birth_date|JP|昭和五十五年一月五日|1980-01-05|
birth_date|CN|一九八〇年一月五日|1980-01-05|
birth_date|CN|一九八零年十二月二十五日|1980-12-25|
birth_date|JP|平成2年12月31日|1990-12-31|
birth_date|JP|平成元年1月8日|1989-01-08|
birth_date|JP|令和元年5月1日|2019-05-01|
birth_date|JP|大正10年3月3日|1921-03-03|
birth_date|JP|明治30年3月3日|1897-03-03|implausible_date
birth_date|JP|1980年1月5日|1980-01-05|
birth_date|JP|1980/01/05|1980-01-05|
birth_date|KR|1980년 1월 5일|1980-01-05|
birth_date|KR|1980.01.05|1980-01-05|
birth_date|KR|1980.01.05.|1980-01-05|
birth_date|KR|80.01.05|1980-01-05|
birth_date||03/04/1980|1980-04-03|ambiguous_date
birth_date||13/04/1980|1980-04-13|
birth_date||04/13/1980|1980-04-13|
birth_date||04/04/1980|1980-04-04|
birth_date||03.04.1980|1980-04-03|
birth_date||3-4-80|1980-04-03|ambiguous_date
birth_date||05011980|1980-01-05|
birth_date||1980|1980|partial_date
birth_date||1980-01|1980-01|partial_date
birth_date||01/1980|1980-01|partial_date
birth_date||Jan 1980|1980-01|partial_date
birth_date||1980-00-00|1980|partial_date
birth_date||1980-01-00|1980-01|partial_date
birth_date||1850-03-04|1850-03-04|implausible_date
birth_date||0980-03-04||impossible_date
birth_date||3980-03-04||impossible_date
birth_date||2027-03-04|2027-03-04|future_date
birth_date||2026-06-01|2026-06-01|
birth_date||1900-01-01||default_date
birth_date||1970-01-01||default_date
birth_date||1970-01-01T00:00:00Z||default_date
birth_date||0001-01-01||default_date
birth_date||1753-01-01||default_date
birth_date||1899-12-30||default_date
birth_date||9999-12-31||default_date
birth_date||0000-00-00||placeholder
birth_date||00000000||placeholder
birth_date||n/a||placeholder
birth_date||unknown||placeholder
birth_date||-||placeholder
birth_date||||empty
birth_date||yesterday||malformed
birth_date||12||malformed
birth_date||32||malformed
birth_date||1980-01-05-06|1980-01-05|
birth_date||1980-13-45||impossible_date
birth_date||1980-13-01|1980-01-13|ambiguous_date
birth_date||99999||malformed
birth_date||john@acme.com||malformed
birth_date||29225||malformed
birth_date||2000-02-29|2000-02-29|
birth_date||2001-02-29||impossible_date
birth_date||2100-02-29||impossible_date
birth_date||1980-04-31||impossible_date
registered_at||2020-01-05|2020-01-05|
registered_at||2020-01-05 10:11:12|2020-01-05 10:11:12|
registered_at||2020-01-05 10:11|2020-01-05 10:11:00|
registered_at||2020-01-05T10:11:12|2020-01-05 10:11:12|
registered_at||2020-01-05T10:11:12Z|2020-01-05 10:11:12+00|
registered_at||2020-01-05T10:11:12.345Z|2020-01-05 10:11:12.345+00|
registered_at||2020-01-05T10:11:12.345678Z|2020-01-05 10:11:12.345678+00|
registered_at||2020-01-05T10:11:12.3456789Z|2020-01-05 10:11:12.345678+00|
registered_at||2020-01-05T10:11:12+08:00|2020-01-05 10:11:12+08|
registered_at||2020-01-05T10:11:12+0530|2020-01-05 10:11:12+05:30|
registered_at||2020-01-05 10:11:12-05|2020-01-05 10:11:12-05|
registered_at||2020-01-05 10:11:12 UTC|2020-01-05 10:11:12+00|
registered_at||2020-01-05 10:11:12 GMT|2020-01-05 10:11:12+00|
registered_at||2020-01-05 10:11 PM|2020-01-05 22:11:00|
registered_at||2020-01-05 12:11 AM|2020-01-05 00:11:00|
registered_at||2020-01-05 12:11 PM|2020-01-05 12:11:00|
registered_at|US|1/5/2020 3:04 PM|2020-01-05 15:04:00|
registered_at|US|1/5/2020 3:04:05 PM|2020-01-05 15:04:05|
registered_at|GB|05/01/2020 15:04|2020-01-05 15:04:00|
registered_at|DE|05.01.2020 15:04|2020-01-05 15:04:00|
registered_at|DE|5. Januar 2020, 15:04|2020-01-05 15:04:00|
registered_at|CN|2020年1月5日 15:04:05|2020-01-05 15:04:05|
registered_at|CN|2020/1/5 15:04|2020-01-05 15:04:00|
registered_at||1578193872|2020-01-05 03:11:12+00|
registered_at||1578193872000|2020-01-05 03:11:12+00|
registered_at||1/2/2020 10:00|2020-02-01 10:00:00|ambiguous_date
registered_at||1970-01-01 00:00:00||default_date
registered_at||1900-01-01 00:00:00||default_date
registered_at||0001-01-01T00:00:00||default_date
registered_at||2030-01-05 10:11:12|2030-01-05 10:11:12|future_date
registered_at||2020-01-05 25:11:12||impossible_date
registered_at||2020-02-30 10:00||impossible_date
registered_at||2020-01-05 10:61||impossible_date
registered_at||now||malformed
registered_at||null||placeholder
registered_at||1999-12-31 23:59:59|1999-12-31 23:59:59|
birth_date||1975-12-24|1975-12-24|
birth_date||1975-12-24T00:00:00+01:00|1975-12-24|
birth_date||24.12.1975|1975-12-24|
birth_date||24/12/1975|1975-12-24|
birth_date||24-12-1975|1975-12-24|
birth_date||12/24/1975|1975-12-24|
birth_date||24 Dec 1975|1975-12-24|
birth_date||Dec 24 1975|1975-12-24|
birth_date||24-DEC-1975|1975-12-24|
birth_date||24DEC75|1975-12-24|
birth_date||19751224|1975-12-24|
birth_date||24121975|1975-12-24|
birth_date||1975/12/24|1975-12-24|
birth_date||December 24, 1975|1975-12-24|
birth_date||Wednesday, December 24, 1975|1975-12-24|
birth_date||Wed 24 Dec 1975|1975-12-24|
birth_date||24th of December 1975|1975-12-24|
birth_date||１９７５－１２－２４|1975-12-24|
birth_date||1975-12|1975-12|partial_date
birth_date||12/1975|1975-12|partial_date
birth_date||Dec 1975|1975-12|partial_date
birth_date||December 1975|1975-12|partial_date
birth_date||1975|1975|partial_date
birth_date|US|12-24-1975|1975-12-24|
birth_date|US|12.24.1975|1975-12-24|
birth_date|US|3/4/1975|1975-03-04|
birth_date|US|03/04/75|1975-03-04|
birth_date|US|Aug 1 1975|1975-08-01|
birth_date|US|Aug. 1, 1975|1975-08-01|
birth_date|US|August 1st 1975|1975-08-01|
birth_date|US|4/31/1975||impossible_date
birth_date|US|2/29/1975||impossible_date
birth_date|US|2/29/1976|1976-02-29|
birth_date|US|0/0/0||placeholder
birth_date|GB|3/4/1975|1975-04-03|
birth_date|GB|3 Apr 75|1975-04-03|
birth_date|GB|31st March 1975|1975-03-31|
birth_date|GB|31/9/1975||impossible_date
birth_date|IE|1/2/1975|1975-02-01|
birth_date|DE|3.4.75|1975-04-03|
birth_date|DE|3. April 1975|1975-04-03|
birth_date|DE|24. Dez. 1975|1975-12-24|
birth_date|DE|1. Jänner 1975|1975-01-01|
birth_date|DE|30.02.1975||impossible_date
birth_date|DE|01.01.1900||default_date
birth_date|DE|geb. 24.12.1975|1975-12-24|
birth_date|AT|24. Feber 1975|1975-02-24|
birth_date|CH|24.12.1975|1975-12-24|
birth_date|FR|24 décembre 1975|1975-12-24|
birth_date|FR|24 déc. 1975|1975-12-24|
birth_date|FR|1 avril 1975|1975-04-01|
birth_date|FR|14 juil. 1975|1975-07-14|
birth_date|FR|3/4/1975|1975-04-03|
birth_date|BE|24/12/1975|1975-12-24|
birth_date|ES|24 de diciembre de 1975|1975-12-24|
birth_date|ES|24 dic 1975|1975-12-24|
birth_date|ES|1 de abril de 1975|1975-04-01|
birth_date|MX|3/4/1975|1975-04-03|
birth_date|IT|24 dicembre 1975|1975-12-24|
birth_date|IT|1° aprile 1975|1975-04-01|
birth_date|IT|24 agosto 1975|1975-08-24|
birth_date|PT|24 de dezembro de 1975|1975-12-24|
birth_date|BR|1º de março de 1975|1975-03-01|
birth_date|BR|24/12/75|1975-12-24|
birth_date|NL|24 december 1975|1975-12-24|
birth_date|NL|1 augustus 1975|1975-08-01|
birth_date|NL|24-12-75|1975-12-24|
birth_date|SE|24 december 1975|1975-12-24|
birth_date|SE|19751224|1975-12-24|
birth_date|DK|24. december 1975|1975-12-24|
birth_date|NO|1. mai 1975|1975-05-01|
birth_date|FI|24.12.1975|1975-12-24|
birth_date|PL|24.12.1975|1975-12-24|
birth_date|CZ|24. 12. 1975|1975-12-24|
birth_date|HU|1975. 12. 24.|1975-12-24|
birth_date|RU|24.12.75|1975-12-24|
birth_date|TR|24.12.1975|1975-12-24|
birth_date|GR|24/12/1975|1975-12-24|
birth_date|ZA|1975/12/24|1975-12-24|
birth_date|AU|24/12/1975|1975-12-24|
birth_date|CA|1975-12-24|1975-12-24|
birth_date|IN|24-Dec-1975|1975-12-24|
birth_date|TH|24/12/2518|1975-12-24|
birth_date|CN|1975-12-24|1975-12-24|
birth_date|CN|1975.12.24|1975-12-24|
birth_date|CN|1975年12月24日|1975-12-24|
birth_date|CN|75年12月24日|1975-12-24|
birth_date|CN|一九七五年十二月二十四日|1975-12-24|
birth_date|CN|１９７５／１２／２４|1975-12-24|
birth_date|CN|1975年12月|1975-12|partial_date
birth_date|CN|1975年13月1日||impossible_date
birth_date|CN|无||placeholder
birth_date|CN|保密||placeholder
birth_date|TW|民國64年12月24日|1975-12-24|
birth_date|TW|64/12/24|1975-12-24|
birth_date|TW|民國六十四年十二月二十四日|1975-12-24|
birth_date|HK|24/12/1975|1975-12-24|
birth_date|JP|昭和50年12月24日|1975-12-24|
birth_date|JP|平成31年4月30日|2019-04-30|
birth_date|JP|令和2年2月29日|2020-02-29|
birth_date|JP|S50.12.24|1975-12-24|
birth_date|KR|1975년 12월 24일|1975-12-24|
birth_date|KR|1975-12-24|1975-12-24|
birth_date||1899-12-31||default_date
birth_date||1901-05-06|1901-05-06|
birth_date||2026-06-02|2026-06-02|
birth_date||none||placeholder
birth_date||null||placeholder
birth_date||99/99/9999||impossible_date
birth_date||today||malformed
birth_date||17||malformed
birth_date||Monday||malformed
registered_at||2021-07-08 09:10:11|2021-07-08 09:10:11|
registered_at||2021-07-08T09:10:11Z|2021-07-08 09:10:11+00|
registered_at||20210708|2021-07-08|
registered_at||2021/07/08 09:10|2021-07-08 09:10:00|
registered_at|DE|08.07.2021 09:10:11|2021-07-08 09:10:11|
registered_at|US|7/8/2021 9:10 AM|2021-07-08 09:10:00|
registered_at|FR|08/07/2021 21:10|2021-07-08 21:10:00|
registered_at|TW|2021/7/8 21:10:11|2021-07-08 21:10:11|
registered_at||1625735411|2021-07-08 09:10:11+00|
registered_at||2021-07-08 24:30:00||impossible_date
registered_at||n/a||placeholder
birth_date|US|July 4, 1976|1976-07-04|
birth_date|US|07/04/1976|1976-07-04|
birth_date|US|7-4-76|1976-07-04|
birth_date|US|Thursday, July 4, 1968|1968-07-04|
birth_date|US|11/31/1988||impossible_date
birth_date|PH|10/25/1991|1991-10-25|
birth_date|PH|3/9/1991|1991-03-09|
birth_date|GB|9 November 1989|1989-11-09|
birth_date|GB|30/02/1989||impossible_date
birth_date|NZ|6/2/1984|1984-02-06|
birth_date|DE|9. November 1989|1989-11-09|
birth_date|DE|Freitag, 9. Juni 1967|1967-06-09|
birth_date|DE|29.02.1988|1988-02-29|
birth_date|CH|1. August 1991|1991-08-01|
birth_date|FR|vendredi 13 mars 1964|1964-03-13|
birth_date|FR|31 septembre 1964||impossible_date
birth_date|BE|21 juillet 1983|1983-07-21|
birth_date|ES|12 de octubre de 1992|1992-10-12|
birth_date|AR|9 de julio de 1966|1966-07-09|
birth_date|CL|18/09/1973|1973-09-18|
birth_date|IT|2 giugno 1946|1946-06-02|
birth_date|IT|29 febbraio 1987||impossible_date
birth_date|PT|25 de abril de 1974|1974-04-25|
birth_date|BR|7 de setembro de 1982|1982-09-07|
birth_date|NL|27 april 1967|1967-04-27|
birth_date|SE|6 juni 1983|1983-06-06|
birth_date|RU|09/05/1945|1945-05-09|
birth_date|CN|1997年7月1日|1997-07-01|
birth_date|CN|一九九七年七月一日|1997-07-01|
birth_date|CN| 1997 年 7 月 1 日 |1997-07-01|
birth_date|CN|1997年6月31日||impossible_date
birth_date|TW|民國88年9月21日|1999-09-21|
birth_date|TW|88.9.21|1999-09-21|
birth_date|JP|平成７年１月１７日|1995-01-17|
birth_date|JP|H7.1.17|1995-01-17|
birth_date|JP|令和3年2月29日||impossible_date
birth_date|JP|不明||placeholder
birth_date|KR|1988년 9월 17일|1988-09-17|
birth_date|KR|1988년 2월 30일||impossible_date
birth_date|TH|5/12/2530|1987-12-05|
\.
SELECT plan(2);
SELECT is_empty($$SELECT attribute, count(l.line) FROM unnest(ARRAY['birth_date']) attribute LEFT JOIN label l USING (attribute)
	GROUP BY attribute HAVING count(l.line) < 300$$, 'values labelled of each attribute');
SELECT is_empty($$SELECT l.line, l.attribute, l.region, l.given, l.want, s.standard, l.issue, s.issue AS got
	FROM label l, customer_data.standardize(l.attribute, coalesce(l.given, ''), coalesce(l.region, '')) s
	WHERE (s.standard, s.issue) IS DISTINCT FROM (l.want, l.issue) ORDER BY line$$, 'dates get their labels');
SELECT * FROM finish();
