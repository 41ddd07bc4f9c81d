-- The seven segments, each one readable line, and a journey.
SELECT customer_data.add_metric('orders_90_days', $$event_count(events, 'purchase', last => '90 days')$$, 'Order lines in the last 90 days', 'lines');
SELECT customer_data.add_tag('taste.outdoor', $$event_sum(events, 'purchase[category=outdoor]', of => 'quantity') >= 3$$, 'rule', description => 'Buys outdoor goods again and again');
SELECT customer_data.add_tag('taste.tea', $$happened(events, 'view|cart|purchase[category=sachet]', last => '180 days')$$, 'rule', description => 'Was interested in sachets lately');

SELECT customer_data.add_segment('new', $$within_last(registered_at, '7 days')$$, 'Registered within a week');
SELECT customer_data.add_segment('sachet_browsers', $$within_last(registered_at, '7 days') AND happened(events, 'view[category=sachet]') AND NOT happened(events, 'purchase[category=sachet]')$$, 'New, looked at sachets, bought none of them');
SELECT customer_data.add_segment('sachet_browsers_bought_nothing', $$within_last(registered_at, '7 days') AND happened(events, 'view[category=sachet]') AND NOT happened(events, 'purchase')$$, 'New, looked at sachets, bought nothing at all');
SELECT customer_data.add_segment('big_spenders', $$monetary > 1000 AND NOT happened(events, 'campaign_response')$$, 'Spent over 1000 net of refunds, never answered a campaign');
SELECT customer_data.add_segment('best_gone_quiet', $$monetary >= top_percent('monetary', 10, among => 'frequency > 0') AND NOT happened(events, 'purchase', last => '60 days')$$, 'Top tenth of buyers, nothing bought in 60 days');
SELECT customer_data.add_segment('birthday', $$is_anniversary(birth_date)$$, 'Birthday today');
SELECT customer_data.add_segment('outdoor_twice', $$event_sum(events, 'purchase[category=outdoor]', of => 'quantity', last => '1 year') >= 2$$, 'Two or more outdoor goods within a year');
SELECT customer_data.add_segment('cart_abandoned', $$unanswered(events, 'cart', 'purchase', same => 'product', last => '7 days')$$, 'Put into the cart, not ordered');

SELECT customer_data.add_journey('shop', description => 'From first look to regular customer');
SELECT customer_data.add_stage('shop', 'aware', $$happened(events, 'view|campaign')$$, 1);
SELECT customer_data.add_stage('shop', 'considering', $$happened(events, 'cart')$$, 2);
SELECT customer_data.add_stage('shop', 'buyer', $$happened(events, 'purchase')$$, 3);
SELECT customer_data.add_stage('shop', 'regular', $$event_count(events, 'purchase', last => '1 year') >= 4$$, 4);
