-- Which refresh moved the customer, when and why, and the worker that ran it.
SELECT segment, change, at::timestamp(0), why FROM customer_data.segment_change
WHERE customer_id = :customer ORDER BY at DESC, segment LIMIT 3;
SELECT 'customer_data worker ' || pid AS worker, job, run_id, status, started_at::timestamp(0) AS started, duration, rows_changed
FROM customer_data.job_run ORDER BY started_at DESC LIMIT 3;
