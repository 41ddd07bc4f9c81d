-- What people did: where it is written, and which expression is what.
SELECT customer_data.add_event_source('orders', 'shop.order_line', 'shop', 'account_id', 'ordered_at', 'kind',
    value => 'amount', quantity => 'quantity', event_id => 'line_id',
    properties => '{"product": "product", "category": "category", "order": "order_id"}',
    mode => 'xid', cursor_column => 'written_by');
SELECT customer_data.add_event_source('carts', 'shop.cart_item', 'shop', 'account_id', 'added_at', $$'cart'$$,
    event_id => 'cart_id', properties => '{"product": "product", "category": "category"}',
    mode => 'xid', cursor_column => 'written_by');
SELECT customer_data.add_event_source('views', 'web.page_view', 'web', 'visitor_id', 'viewed_at', $$'view'$$,
    event_id => 'view_id', properties => '{"product": "product", "category": "category", "page": "page"}',
    mode => 'sequence', cursor_column => 'view_id');
SELECT customer_data.add_event_source('campaign mails', 'crm.campaign_contact', 'crm', 'contact_id', 'sent_at', $$'campaign'$$,
    event_id => 'send_id', properties => '{"campaign": "campaign", "channel": "channel"}',
    mode => 'sequence', cursor_column => 'send_id');
SELECT customer_data.add_event_source('campaign answers',
    'SELECT * FROM crm.campaign_contact WHERE answered_at IS NOT NULL', 'crm', 'contact_id', 'answered_at', $$'campaign_response'$$,
    properties => '{"campaign": "campaign", "channel": "channel"}');
