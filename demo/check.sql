-- The same segments by plain SQL over the raw tables: shares nothing with the
-- conditions but the answer to "which rows are one customer". One row a
-- segment: members by both ways and how many customers differ.
WITH who AS MATERIALIZED (
    SELECT s.name AS source, r.key, r.customer_id
    FROM customer_data.source_record r JOIN customer_data.source s USING (source_id)
), asked AS (
    SELECT max(refreshed_at) AS at FROM customer_data.segment
), line AS MATERIALIZED (
    SELECT w.customer_id, o.* FROM shop.order_line o JOIN who w ON w.source = 'shop' AND w.key = o.account_id, asked
    WHERE o.ordered_at <= asked.at
), cart AS MATERIALIZED (
    SELECT w.customer_id, c.* FROM shop.cart_item c JOIN who w ON w.source = 'shop' AND w.key = c.account_id, asked
    WHERE c.added_at <= asked.at
), look AS MATERIALIZED (
    SELECT w.customer_id, v.* FROM web.page_view v JOIN who w ON w.source = 'web' AND w.key = v.visitor_id, asked
    WHERE v.viewed_at <= asked.at
), registered AS (
    SELECT customer_id, min(at) AS at FROM (
        SELECT w.customer_id, a.registered_at AS at FROM shop.account a JOIN who w ON w.source = 'shop' AND w.key = a.account_id
        UNION ALL
        SELECT w.customer_id, c.created_at FROM crm.contact c JOIN who w ON w.source = 'crm' AND w.key = c.contact_id) x
    GROUP BY customer_id
), fresh AS (
    SELECT customer_id FROM registered, asked
    WHERE registered.at > asked.at - interval '7 days' AND registered.at <= asked.at
), spent AS (
    SELECT customer_id, sum(CASE kind WHEN 'purchase' THEN amount ELSE -amount END) AS net,
           count(*) FILTER (WHERE kind = 'purchase') AS purchases,
           max(ordered_at) FILTER (WHERE kind = 'purchase') AS last_purchase
    FROM line GROUP BY customer_id
), answered AS (
    SELECT DISTINCT w.customer_id FROM crm.campaign_contact c JOIN who w ON w.source = 'crm' AND w.key = c.contact_id, asked
    WHERE c.answered_at <= asked.at
), tenth AS (
    -- The value of the last customer still inside the top tenth of all buyers; ties are inside.
    SELECT net AS threshold FROM (SELECT net, row_number() OVER (ORDER BY net DESC) AS place, count(*) OVER () AS n
                                  FROM spent WHERE purchases > 0) x
    WHERE place = ceil(n * 0.10)
), plain (name, customer_id) AS (
    SELECT 'new', customer_id FROM fresh
    UNION ALL
    SELECT DISTINCT 'sachet_browsers', f.customer_id FROM fresh f JOIN look ON look.customer_id = f.customer_id AND look.category = 'sachet'
    WHERE NOT EXISTS (SELECT FROM line l WHERE l.customer_id = f.customer_id AND l.kind = 'purchase' AND l.category = 'sachet')
    UNION ALL
    SELECT DISTINCT 'sachet_browsers_bought_nothing', f.customer_id FROM fresh f JOIN look ON look.customer_id = f.customer_id AND look.category = 'sachet'
    WHERE NOT EXISTS (SELECT FROM line l WHERE l.customer_id = f.customer_id AND l.kind = 'purchase')
    UNION ALL
    SELECT 'big_spenders', customer_id FROM spent
    WHERE net > 1000 AND customer_id NOT IN (SELECT customer_id FROM answered)
    UNION ALL
    SELECT 'best_gone_quiet', customer_id FROM spent, tenth, asked
    WHERE net >= threshold AND NOT coalesce(last_purchase > asked.at - interval '60 days', false)
    UNION ALL
    SELECT 'birthday', c.customer_id FROM customer_data.customer c, asked
    WHERE to_char(c.birth_date, 'MMDD') = to_char(asked.at, 'MMDD')
       OR (to_char(c.birth_date, 'MMDD') = '0229' AND to_char(asked.at, 'MMDD') = '0228'
           AND to_char(asked.at + interval '1 day', 'MMDD') = '0301')
    UNION ALL
    SELECT 'outdoor_twice', customer_id FROM line, asked
    WHERE kind = 'purchase' AND category = 'outdoor' AND ordered_at > asked.at - interval '1 year'
    GROUP BY customer_id HAVING sum(quantity) >= 2
    UNION ALL
    SELECT DISTINCT 'cart_abandoned', c.customer_id FROM cart c, asked
    WHERE c.added_at > asked.at - interval '7 days'
      AND NOT EXISTS (SELECT FROM line l WHERE l.customer_id = c.customer_id AND l.kind = 'purchase'
                      AND l.product = c.product AND l.ordered_at >= c.added_at)
), ours AS (
    SELECT s.name, m AS customer_id FROM customer_data.segment s, customer_data.members(customer_data.segment_members(s.name)) m
    WHERE s.name IN (SELECT name FROM plain)
       OR s.name IN ('new', 'sachet_browsers', 'sachet_browsers_bought_nothing', 'big_spenders', 'best_gone_quiet', 'birthday', 'outdoor_twice', 'cart_abandoned')
)
SELECT coalesce(o.name, p.name) AS segment, count(o.customer_id) AS members, count(p.customer_id) AS by_plain_sql,
       count(*) FILTER (WHERE o.customer_id IS NULL OR p.customer_id IS NULL) AS different
FROM ours o FULL JOIN plain p ON p.name = o.name AND p.customer_id = o.customer_id
GROUP BY 1 ORDER BY 1;
