-- Identity, the matching engine: links between records and their clusters.

CREATE FUNCTION customer_data.match_pairs(changed bigint[], OUT pairs bigint, OUT links bigint)
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_match_pairs';
COMMENT ON FUNCTION customer_data.match_pairs(bigint[]) IS 'Scores the candidate pairs of changed records (NULL: all) and replaces their links in match_link; makes the model when none fits';

CREATE FUNCTION customer_data.cluster_records(affected bigint[]) RETURNS TABLE (record_id bigint, cluster_no bigint)
    LANGUAGE c VOLATILE ROWS 10000 AS 'MODULE_PATHNAME', 'cd_cluster_records';
COMMENT ON FUNCTION customer_data.cluster_records(bigint[]) IS 'Clusters of all records that links join with the affected ones (NULL: of all); a cluster is named by its lowest record';

CREATE FUNCTION customer_data.train_matching(learn boolean DEFAULT true) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_train_matching';
COMMENT ON FUNCTION customer_data.train_matching(boolean) IS 'Counts frequencies anew and learns m and u from the records, without labels; learn => false keeps the shipped m. Takes effect with resolve(rebuild => true)';
