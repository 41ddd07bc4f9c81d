-- Segments that are asked for most, with parameters to fill in.

CREATE TABLE customer_data.segment_template (
    name        text PRIMARY KEY,
    condition   text NOT NULL,
    parameters  jsonb NOT NULL DEFAULT '{}',
    description text NOT NULL
);
COMMENT ON TABLE customer_data.segment_template IS 'Ready-made segments: add_segment_from(template) fills in {parameters}; seed';
COMMENT ON COLUMN customer_data.segment_template.parameters IS 'Names and default values of what stands in braces in the condition';

INSERT INTO customer_data.segment_template (name, condition, parameters, description) VALUES
('new', $$within_last(customer_since, '{days} days')$$, '{"days": 7}', 'Became known within the last days'),
('welcome', $$within_last(customer_since, '{days} days') AND NOT happened(events, 'purchase')$$, '{"days": 14}', 'New, and has not bought yet'),
('active', $$happened(events, '{kinds}', last => '{days} days')$$, '{"days": 30, "kinds": "view | cart | purchase | login"}', 'Did something lately'),
('big spenders never in a campaign', $$monetary > {amount} AND NOT happened(events, 'campaign_response')$$, '{"amount": 1000}', 'Spent much, net of refunds, and never answered a campaign'),
('top percent gone quiet', $$monetary >= top_percent('monetary', {percent}, among => 'frequency > 0') AND NOT happened(events, 'purchase', last => '{days} days')$$, '{"percent": 10, "days": 60}', 'The best buyers that stopped buying'),
('birthday', $$is_anniversary(birth_date, before => {before})$$, '{"before": 0}', 'Birthday today, or so many days ahead'),
('category repeat buyers', $$event_count(events, 'purchase[category={category}]', last => '{days} days') >= {times}$$, '{"category": "outdoor", "days": 365, "times": 2}', 'Bought from one category again'),
('cart abandoned', $$unanswered(events, 'cart', 'purchase', same => 'product', after => '{hours} hours', last => '{days} days')$$, '{"hours": 1, "days": 7}', 'Put something into the cart and did not order it'),
('browse abandoned', $$event_count(events, 'view', last => '{days} days') >= {views} AND NOT happened(events, 'cart | purchase', last => '{days} days')$$, '{"days": 7, "views": 3}', 'Looked several times and took nothing'),
('at risk', $$frequency >= {purchases} AND recency > {days}$$, '{"purchases": 2, "days": 90}', 'Used to buy and has stopped'),
('won back', $$happened(events, 'purchase', last => '{days} days') AND event_count(events, 'purchase') > event_count(events, 'purchase', last => '{days} days') AND NOT happened(events, 'purchase', since => event_first(events, 'purchase', last => '{days} days') - interval '{silence} days', until => event_first(events, 'purchase', last => '{days} days'))$$, '{"days": 30, "silence": 180}', 'Bought again after a long silence'),
('discount only', $$happened(events, 'purchase') AND NOT happened(events, 'purchase[!{property}]')$$, '{"property": "coupon"}', 'Never bought without a coupon'),
('full price only', $$happened(events, 'purchase') AND NOT happened(events, 'purchase[{property}]')$$, '{"property": "coupon"}', 'Never used a coupon'),
('one and done', $$event_count(events, 'purchase') = 1 AND older_than(last_purchase_at, '{days} days')$$, '{"days": 60}', 'Bought once, some time ago'),
('multi-channel', $$event_distinct(events, 'purchase', '{property}') >= {channels}$$, '{"property": "channel", "channels": 2}', 'Buys in more than one channel'),
('reviewers', $$happened(events, 'review', last => '{days} days')$$, '{"days": 365}', 'Wrote a review'),
('referrers', $$happened(events, 'referral | share')$$, '{}', 'Brought or told others'),
('high return rate', $$frequency >= {purchases} AND return_rate >= {rate}$$, '{"purchases": 3, "rate": 0.5}', 'Sends much of it back'),
('contact-fatigued', $$event_count(events, 'campaign_contact', last => '{days} days') >= {contacts} AND NOT happened(events, 'campaign_response', last => '{days} days')$$, '{"days": 30, "contacts": 4}', 'Was written to often and did not answer'),
('VIP', $$monetary >= top_percent('monetary', {percent}) AND frequency >= {purchases}$$, '{"percent": 5, "purchases": 3}', 'The best customers');

CREATE FUNCTION customer_data.add_segment_from(template text, name text DEFAULT NULL, parameters jsonb DEFAULT '{}', priority integer DEFAULT 0)
    RETURNS text LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    t         customer_data.segment_template;
    condition text;
    p         record;
    unknown   text;
BEGIN
    SELECT * INTO t FROM customer_data.segment_template s WHERE s.name = template;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no segment template "%"', template
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name, parameters, description FROM customer_data.segment_template;';
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(coalesce(parameters, '{}')) k WHERE NOT t.parameters ? k LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'template "%" has no parameter "%"', template, unknown
            USING ERRCODE = 'undefined_parameter',
                  HINT = coalesce((SELECT 'It has: ' || string_agg(k, ', ') || '.' FROM jsonb_object_keys(t.parameters) k), 'It has none.');
    END IF;
    condition := t.condition;
    FOR p IN SELECT * FROM jsonb_each_text(t.parameters || coalesce(parameters, '{}')) LOOP
        IF jsonb_typeof(t.parameters -> p.key) = 'number' AND p.value !~ '^[0-9]+(\.[0-9]+)?$' THEN
            RAISE EXCEPTION 'parameter "%" must be a number that is not negative, not "%"', p.key, p.value
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF p.value IS NULL THEN
            RAISE EXCEPTION 'parameter "%" must not be null', p.key
                USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave it out to have what the template has.';
        END IF;
        -- In an event pattern, what a property equals is a word, or quoted.
        condition := replace(condition, '={' || p.key || '}', '=' || replace(
            CASE WHEN p.value ~ '^([[:alnum:]_.-]+|''.*'')$' THEN p.value ELSE quote_literal(p.value) END, '''', ''''''));
        condition := replace(condition, '{' || p.key || '}', replace(p.value, '''', ''''''));
    END LOOP;
    PERFORM customer_data.add_segment(coalesce(add_segment_from.name, t.name), condition, t.description, add_segment_from.priority);
    RETURN condition;
END
$$;
COMMENT ON FUNCTION customer_data.add_segment_from(text, text, jsonb, integer) IS 'Adds a ready-made segment with parameters of your own; answers its condition, which alter_segment() can change like any other';
