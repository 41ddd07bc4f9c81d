-- An update that takes long and locks what the workers read: test 610 runs it.
COMMENT ON VIEW customer_data.job IS 'changed';
LOCK TABLE customer_data.job_state;
SELECT pg_sleep(3);
