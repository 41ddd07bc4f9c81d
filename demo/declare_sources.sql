-- Who is in the company's systems: what each column means.
SELECT customer_data.add_source('crm', 'crm.contact', 'contact_id', '{
    "full_name": "full_name", "email": "email", "phone": "phone", "street": "street", "city": "city",
    "postcode": "postcode", "country": "country", "birth_date": "birth_date", "gender": "gender",
    "company": "company", "job_title": "job_title", "registered_at": "created_at"}', trust => 60);
SELECT customer_data.add_source('shop', 'shop.account', 'account_id', '{
    "given_name": "first_name", "family_name": "last_name", "email": "email", "phone": "mobile", "street": "address",
    "city": "town", "postcode": "zip", "country": "country", "birth_date": "birthday", "loyalty_id": "loyalty_no",
    "registered_at": "registered_at"}', trust => 80);
SELECT customer_data.add_source('web', 'web.visitor', 'visitor_id', '{"cookie_id": "visitor_id"}', kind => 'anonymous');
SELECT customer_data.add_source('company', 'crm.company', 'company_id', '{
    "company": "name", "domain": "domain", "city": "city", "country": "country"}', kind => 'account');
SELECT customer_data.add_identity_link('sign-in', 'web.sign_in', 'web', 'visitor_id', 'shop', 'account_id', at => 'signed_in_at');
