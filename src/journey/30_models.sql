-- Ready-made journeys. Their conditions speak of kinds of events that most
-- shops and sites record (view, search, download, cart, purchase, login, use,
-- review, share, referral, campaign_response, signup); alter_stage() fits them
-- to yours. A stage with lapse NULL is kept once it is reached.

INSERT INTO customer_data.journey_model (model, position, stage, label, condition, lapse, description, content) VALUES
    ('adoption', 1, 'need', '需求', 'true', '0',
     'does not look for anything of ours yet', '{trend,problem,story}'),
    ('adoption', 2, 'research', '研究', $$happened(events, 'view | search | download', last => '90 days')$$, '0',
     'looks for ways to solve it', '{guide,"white paper",webinar}'),
    ('adoption', 3, 'decide', '決定', $$happened(events, 'cart | quote | compare | trial', last => '30 days')$$, '0',
     'compares and chooses', '{comparison,"case study",price,demonstration}'),
    ('adoption', 4, 'adopt', '採用', $$happened(events, 'purchase')$$, NULL,
     'has bought and begins', '{"getting started",training,checklist}'),
    ('adoption', 5, 'use', '使用', $$happened(events, 'purchase') AND (event_count(events, 'use | login', last => '30 days') >= 3 OR event_count(events, 'purchase', last => '180 days') >= 2)$$, '30 days',
     'uses it as a matter of course', '{tips,updates,add-ons}'),
    ('adoption', 6, 'recommend', '建議', $$happened(events, 'review[value>=4] | share | referral', last => '365 days')$$, '0',
     'tells others', '{"referral programme",community,"reference story"}'),

    ('advocacy', 1, 'awareness', '認知', 'true', '0', 'has heard of us', '{brand,trend}'),
    ('advocacy', 2, 'consideration', '考慮', $$event_count(events, 'view | search | download', last => '60 days') >= 2 OR happened(events, 'cart', last => '30 days')$$, '0',
     'comes back to look', '{guide,comparison}'),
    ('advocacy', 3, 'purchase', '購買', $$happened(events, 'purchase')$$, NULL, 'has bought once', '{"getting started",service}'),
    ('advocacy', 4, 'retention', '留存', $$event_count(events, 'purchase', last => '365 days') >= 2$$, '0', 'buys again', '{tips,loyalty}'),
    ('advocacy', 5, 'advocacy', '擁護', $$happened(events, 'review[value>=4] | share | referral', last => '365 days')$$, '0', 'speaks for us', '{community,referral}'),

    ('aarrr', 1, 'acquisition', '獲取', 'true', '0', 'came to us', '{landing page}'),
    ('aarrr', 2, 'activation', '激活', $$happened(events, 'signup | login | cart | download')$$, NULL, 'had a first good experience', '{onboarding}'),
    ('aarrr', 3, 'retention', '留存', $$event_days(events, '*', last => '30 days') >= 3$$, '30 days', 'comes back', '{news,tips}'),
    ('aarrr', 4, 'revenue', '變現', $$happened(events, 'purchase')$$, NULL, 'has paid', '{offers,upgrades}'),
    ('aarrr', 5, 'referral', '推薦', $$happened(events, 'share | referral')$$, NULL, 'brings others', '{referral programme}'),

    ('activity', 1, 'new', '新客', 'true', '0', 'not a buyer yet, or a new one', '{welcome}'),
    ('activity', 2, 'active', '活躍', $$happened(events, 'purchase', last => '90 days') AND event_count(events, 'purchase') >= 2$$, '0', 'bought again within 90 days', '{cross-sell,loyalty}'),
    ('activity', 3, 'at risk', '流失預警', $$happened(events, 'purchase') AND NOT happened(events, 'purchase', last => '90 days') AND happened(events, 'purchase', last => '180 days')$$, '0', 'nothing for 90 days', '{reminder,survey}'),
    ('activity', 4, 'dormant', '沉睡', $$happened(events, 'purchase') AND NOT happened(events, 'purchase', last => '180 days')$$, '0', 'nothing for 180 days', '{win-back}'),
    ('activity', 5, 'resurrected', '喚醒', $$event_count(events, 'purchase', last => '90 days') >= 1 AND event_count(events, 'purchase') > event_count(events, 'purchase', last => '90 days') AND NOT happened(events, 'purchase', since => event_first(events, 'purchase', last => '90 days') - interval '180 days', until => event_first(events, 'purchase', last => '90 days'))$$, '0', 'came back after 180 days of silence', '{thank-you,"what is new"}');
