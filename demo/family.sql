-- One family of rows and why it was joined; a namesake and why not.
\echo
\echo 'One customer, written three ways:'
SELECT s.name AS source, r.key, coalesce(c.full_name, a.last_name || a.first_name, 'visitor ' || v.visitor_id) AS as_written,
       coalesce(c.email, a.email) AS email, coalesce(c.phone, a.mobile) AS phone, coalesce(c.birth_date, a.birthday) AS birth_date
FROM customer_data.source_record r
JOIN customer_data.source s USING (source_id)
LEFT JOIN crm.contact c ON s.name = 'crm' AND c.contact_id = r.key
LEFT JOIN shop.account a ON s.name = 'shop' AND a.account_id = r.key
LEFT JOIN web.visitor v ON s.name = 'web' AND v.visitor_id = r.key
WHERE r.customer_id = customer_data.customer_id_of('shop', 'A-ZHUGE')
ORDER BY s.name, r.key;
\echo 'Why the first two are one:'
SELECT * FROM customer_data.explain_match('crm', 'K-ZHUGE', 'shop', 'A-ZHUGE');
\echo 'Why the namesake in Hangzhou is somebody else:'
SELECT * FROM customer_data.explain_match('crm', 'K-NAMESAKE', 'shop', 'A-ZHUGE');
