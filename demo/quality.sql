-- Pairwise precision, recall and F1 of the customers against the truth kept aside.
WITH answer AS MATERIALIZED (
    SELECT t.person, r.customer_id
    FROM truth.person t
    JOIN customer_data.source s ON s.name = t.source
    JOIN customer_data.source_record r ON r.source_id = s.source_id AND r.key = t.key
), pairs AS (
    SELECT (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM answer GROUP BY person) x) AS truly,
           (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM answer GROUP BY customer_id) x) AS joined,
           (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM answer GROUP BY person, customer_id) x) AS rightly
)
SELECT :seed AS seed, (SELECT count(*) FROM answer) AS records, (SELECT count(DISTINCT customer_id) FROM answer) AS customers,
       (SELECT count(DISTINCT person) FROM answer) AS people,
       round(rightly / nullif(joined, 0), 4) AS precision, round(rightly / nullif(truly, 0), 4) AS recall,
       round(2 * rightly / nullif(joined + truly, 0), 4) AS f1
FROM pairs;
