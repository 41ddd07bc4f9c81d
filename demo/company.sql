-- The three systems of the made-up company, as somebody else built them.
CREATE SCHEMA crm;
CREATE SCHEMA shop;
CREATE SCHEMA web;
CREATE SCHEMA truth;

CREATE TABLE crm.contact (contact_id text PRIMARY KEY, full_name text, email text, phone text, street text, city text,
    postcode text, country text, birth_date text, gender text, company text, job_title text,
    created_at timestamptz, updated_at timestamptz);
CREATE TABLE crm.company (company_id text PRIMARY KEY, name text, domain text, city text, country text);
CREATE TABLE shop.account (account_id text PRIMARY KEY, first_name text, last_name text, email text, mobile text,
    address text, town text, zip text, country text, birthday text, registered_at timestamptz, loyalty_no text);
CREATE TABLE shop.order_line (line_id bigint PRIMARY KEY, account_id text, order_id bigint, ordered_at timestamptz, kind text,
    product text, category text, quantity int, amount numeric(12,2),
    written_by xid8 NOT NULL DEFAULT pg_current_xact_id());
CREATE INDEX ON shop.order_line (written_by);
CREATE TABLE shop.cart_item (cart_id bigint PRIMARY KEY, account_id text, added_at timestamptz, product text, category text,
    written_by xid8 NOT NULL DEFAULT pg_current_xact_id());
CREATE INDEX ON shop.cart_item (written_by);
CREATE TABLE web.visitor (visitor_id text PRIMARY KEY, first_seen timestamptz, device text, utm_source text);
CREATE TABLE web.sign_in (sign_in_id bigint PRIMARY KEY, visitor_id text, account_id text, signed_in_at timestamptz);
CREATE TABLE web.page_view (view_id bigint PRIMARY KEY, visitor_id text, viewed_at timestamptz, page text, product text, category text);
CREATE TABLE crm.campaign_contact (send_id bigint PRIMARY KEY, contact_id text, campaign text, channel text,
    sent_at timestamptz, answered_at timestamptz);
CREATE TABLE truth.person (source text, key text, person text, PRIMARY KEY (source, key));

\copy crm.contact FROM 'crm_contact.csv' (FORMAT csv, HEADER)
\copy crm.company FROM 'crm_company.csv' (FORMAT csv, HEADER)
\copy shop.account FROM 'shop_account.csv' (FORMAT csv, HEADER)
\copy shop.order_line (line_id, account_id, order_id, ordered_at, kind, product, category, quantity, amount) FROM 'shop_order.csv' (FORMAT csv, HEADER)
\copy shop.cart_item (cart_id, account_id, added_at, product, category) FROM 'shop_cart.csv' (FORMAT csv, HEADER)
\copy web.visitor FROM 'web_visitor.csv' (FORMAT csv, HEADER)
\copy web.sign_in FROM 'web_sign_in.csv' (FORMAT csv, HEADER)
\copy web.page_view FROM 'web_view.csv' (FORMAT csv, HEADER)
\copy crm.campaign_contact FROM 'campaign_contact.csv' (FORMAT csv, HEADER)
\copy truth.person FROM 'truth.csv' (FORMAT csv, HEADER)
ANALYZE;
