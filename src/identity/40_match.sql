-- Identity, the matching engine: links between records and their clusters.

CREATE FUNCTION customer_data.match_pairs(changed bigint[], OUT pairs bigint, OUT links bigint)
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_match_pairs';
COMMENT ON FUNCTION customer_data.match_pairs(bigint[]) IS 'Scores the candidate pairs of changed records (NULL: all) and replaces their links in match_link; makes the model when none fits';

CREATE FUNCTION customer_data.cluster_records(affected bigint[]) RETURNS TABLE (record_id bigint, cluster_no bigint, held_by bigint)
    LANGUAGE c VOLATILE ROWS 10000 AS 'MODULE_PATHNAME', 'cd_cluster_records';
COMMENT ON FUNCTION customer_data.cluster_records(bigint[]) IS 'Clusters of all records that links join with the affected ones (NULL: of all); a cluster is named by its lowest record; held_by is the customer that a record has, negative where it has none yet';

CREATE FUNCTION customer_data.learn_matching(learn boolean, truth text) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_learn_matching';
COMMENT ON FUNCTION customer_data.learn_matching(boolean, text) IS 'Part of train_matching(); truth is a query of record and entity';

CREATE FUNCTION customer_data.train_matching(learn boolean DEFAULT true, truth text DEFAULT NULL, source text DEFAULT 'source',
                                             key text DEFAULT 'key', entity text DEFAULT 'entity') RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, customer_data, public, pg_temp
AS $$
BEGIN
    PERFORM customer_data.learn_matching(coalesce(train_matching.learn, true), CASE WHEN truth <> '' THEN format($q$
        SELECT r.record_id, t.%4$I::text AS entity
        FROM %1$s AS t
        JOIN customer_data.source s ON s.name = t.%2$I::text
        JOIN customer_data.source_record r ON r.source_id = s.source_id AND r.key = t.%3$I::text
        WHERE r.gone_at IS NULL
        $q$, CASE WHEN truth ~* '^\s*(select|with|values|table)\M' THEN '(' || truth || ')' ELSE truth END, source, key, entity) END);
END
$$;
COMMENT ON FUNCTION customer_data.train_matching(boolean, text, text, text, text) IS 'Counts frequencies anew and learns m and u from the records; learn => false keeps the shipped m. Needs no labels: decisions about pairs, and a relation (or query) that says which entity some records are, make it better. Takes effect with resolve(rebuild => true)';
