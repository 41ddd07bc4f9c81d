-- Where everybody stands in the journey.
SELECT stage, count(*) AS customers, repeat('█', (40.0 * count(*) / max(count(*)) OVER ())::int) AS bar
FROM customer_data.stage_history WHERE journey = 'shop' AND left_at IS NULL
GROUP BY stage ORDER BY count(*) DESC;
