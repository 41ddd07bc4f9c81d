-- Which worker moved the customer, when and why.
SELECT segment, change, at::timestamp(0), why FROM customer_data.segment_change
WHERE customer_id = :customer ORDER BY at DESC LIMIT 3;
SELECT run_id, job, started::timestamp(0), status, worker FROM customer_data.job_run ORDER BY started DESC LIMIT 3;
