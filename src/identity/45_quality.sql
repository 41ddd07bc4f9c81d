-- Identity, the model edited by hand, and how good the answer is where the
-- truth is known.

CREATE FUNCTION customer_data.touch_match_model() RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$ UPDATE customer_data.match_model SET version = version + 1 $$;
COMMENT ON FUNCTION customer_data.touch_match_model() IS 'Tells every session that the matching model changed';

CREATE FUNCTION customer_data.alter_comparison(comparison text, level int, m float8 DEFAULT NULL, u float8 DEFAULT NULL,
                                               tf real DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM customer_data.comparison c WHERE c.comparison = alter_comparison.comparison) THEN
        RAISE EXCEPTION 'comparison "%" does not exist', comparison
            USING ERRCODE = 'undefined_object',
                  HINT = (SELECT format('Nearest: %s.', string_agg(quote_literal(n.comparison), ', '))
                          FROM (SELECT DISTINCT c.comparison, customer_data.levenshtein(c.comparison, alter_comparison.comparison) AS far
                                FROM customer_data.comparison c ORDER BY far, c.comparison LIMIT 3) n);
    END IF;
    IF NOT EXISTS (SELECT FROM customer_data.comparison c
                   WHERE c.comparison = alter_comparison.comparison AND c.level = alter_comparison.level) THEN
        RAISE EXCEPTION 'comparison "%" has no level %', comparison, level
            USING ERRCODE = 'undefined_object', HINT = 'SELECT * FROM customer_data.comparison lists the levels.';
    END IF;
    IF m <= 0 OR m >= 1 OR u <= 0 OR u >= 1 OR tf < 0 OR tf > 1 THEN
        RAISE EXCEPTION 'm and u must lie between 0 and 1, tf from 0 to 1'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('m is %s, u is %s, tf is %s.', coalesce(m::text, 'not given'), coalesce(u::text, 'not given'), coalesce(tf::text, 'not given'));
    END IF;
    INSERT INTO customer_data.comparison_override AS o (comparison, level, m, u, tf, tf_base, origin)
    VALUES (comparison, level, m, u, tf, -log(2.0, u::numeric), 'set')
    ON CONFLICT ON CONSTRAINT comparison_override_pkey DO UPDATE
    SET m = coalesce(EXCLUDED.m, o.m), u = coalesce(EXCLUDED.u, o.u), tf = coalesce(EXCLUDED.tf, o.tf),
        tf_base = coalesce(EXCLUDED.tf_base, o.tf_base), origin = 'set', changed_at = now(), changed_by = quote_ident(current_user)::regrole;
    PERFORM customer_data.touch_match_model();
END
$$;
COMMENT ON FUNCTION customer_data.alter_comparison(text, int, float8, float8, real) IS 'Sets m, u or tf of a level for good; training leaves it alone. Takes effect with resolve(rebuild => true)';

CREATE FUNCTION customer_data.reset_comparison(comparison text) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
    DELETE FROM customer_data.comparison_override o WHERE o.comparison = reset_comparison.comparison;
    SELECT customer_data.touch_match_model();
$$;
COMMENT ON FUNCTION customer_data.reset_comparison(text) IS 'Gives a comparison its shipped values back';

CREATE FUNCTION customer_data.alter_identifier(attribute text, weight real DEFAULT NULL, max_distinct int DEFAULT NULL,
                                               priority int DEFAULT NULL, blocked text DEFAULT NULL, enabled boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM customer_data.attribute a WHERE a.name = alter_identifier.attribute) THEN
        RAISE EXCEPTION 'attribute "%" does not exist', attribute
            USING ERRCODE = 'undefined_object',
                  HINT = (SELECT format('Nearest: %s.', string_agg(quote_literal(n.name), ', '))
                          FROM (SELECT a.name FROM customer_data.attribute a
                                ORDER BY customer_data.levenshtein(a.name, alter_identifier.attribute), a.name LIMIT 3) n);
    END IF;
    IF attribute IN ('full_name', 'given_name', 'middle_name', 'family_name', 'address', 'street', 'house_number', 'company') THEN
        RAISE EXCEPTION 'attribute "%" cannot be an identifier', attribute
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Names and addresses are compared word by word; many people share them.';
    END IF;
    IF blocked IS NOT NULL THEN
        PERFORM '' ~ blocked;
    END IF;
    INSERT INTO customer_data.identifier_override AS o (attribute, weight, max_distinct, priority, blocked, enabled)
    VALUES (attribute, weight, max_distinct, priority, blocked, enabled)
    ON CONFLICT ON CONSTRAINT identifier_override_pkey DO UPDATE
    SET weight = coalesce(EXCLUDED.weight, o.weight), max_distinct = coalesce(EXCLUDED.max_distinct, o.max_distinct),
        priority = coalesce(EXCLUDED.priority, o.priority), blocked = coalesce(EXCLUDED.blocked, o.blocked),
        enabled = EXCLUDED.enabled, changed_at = now(), changed_by = quote_ident(current_user)::regrole;
    PERFORM customer_data.touch_match_model();
END
$$;
COMMENT ON FUNCTION customer_data.alter_identifier(text, real, int, int, text, boolean) IS 'Makes an attribute an identifier, changes one, or with enabled => false makes it none. Takes effect with resolve(rebuild => true)';

CREATE FUNCTION customer_data.match_quality(truth text, source text DEFAULT 'source', key text DEFAULT 'key', entity text DEFAULT 'entity')
    RETURNS TABLE (part text, measure text, value float8, expected float8, pairs bigint)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, customer_data, public, pg_temp
    SET plan_cache_mode = force_custom_plan
    -- how many of the truth's rows are known cannot be foreseen: a nested loop over links would not end
    SET enable_nestloop = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH known AS MATERIALIZED (
            SELECT r.record_id, r.customer_id, t.%4$I::text AS entity, s.kind = 'account' AS account
            FROM %1$s AS t
            JOIN customer_data.source s ON s.name = t.%2$I::text
            JOIN customer_data.source_record r ON r.source_id = s.source_id AND r.key = t.%3$I::text
            WHERE r.gone_at IS NULL AND t.%4$I IS NOT NULL
        ), linked AS MATERIALIZED (
            SELECT l.weight, a.entity = b.entity AS same
            FROM customer_data.match_link l
            JOIN known a ON a.record_id = l.record_a
            JOIN known b ON b.record_id = l.record_b
            -- a person and a company are not one for being alike; written so that nobody joins by it: there are two kinds
            WHERE (a.account AND b.account) OR NOT (a.account OR b.account)
        ), total AS (
            SELECT coalesce(sum(n * (n - 1) / 2), 0)::float8 AS truly FROM (SELECT count(*) AS n FROM known GROUP BY entity) x
        ), customers AS (
            SELECT (SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n FROM known GROUP BY customer_id) x)::float8 AS said,
                   (SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n FROM known GROUP BY customer_id, entity) x)::float8 AS rightly
        ), scored AS (
            SELECT count(*) FILTER (WHERE weight > 0)::float8 AS said, count(*) FILTER (WHERE weight > 0 AND same)::float8 AS rightly,
                   count(*) FILTER (WHERE same)::float8 AS found
            FROM linked
        ), band AS (
            SELECT least(floor(customer_data.weight_probability(weight) * 10), 9)::int AS band, count(*) AS pairs,
                   avg(same::int)::float8 AS observed, avg(customer_data.weight_probability(weight)) AS predicted
            FROM linked GROUP BY 1
        )
        SELECT 'customers', m.measure, m.value, NULL::float8, m.pairs::bigint
        FROM customers, total, LATERAL (VALUES ('precision', rightly / nullif(said, 0), said), ('recall', rightly / nullif(truly, 0), truly),
                                               ('f1', 2 * rightly / nullif(said + truly, 0), rightly)) AS m(measure, value, pairs)
        UNION ALL
        SELECT 'pairs', m.measure, m.value, NULL, m.pairs::bigint
        FROM scored, total, LATERAL (VALUES ('precision', rightly / nullif(said, 0), said), ('recall', rightly / nullif(truly, 0), truly),
                                            ('f1', 2 * rightly / nullif(said + truly, 0), rightly)) AS m(measure, value, pairs)
        UNION ALL
        SELECT 'blocking', 'recall', found / nullif(truly, 0), NULL, found::bigint FROM scored, total
        UNION ALL
        SELECT * FROM (SELECT 'calibration', format('%%s to %%s', band * 0.1, (band + 1) * 0.1), observed, predicted, pairs
                       FROM band ORDER BY band) b
        $q$, CASE WHEN truth ~* '^\s*(select|with|values|table)\M' THEN '(' || truth || ')' ELSE truth END, source, key, entity);
END
$$;
COMMENT ON FUNCTION customer_data.match_quality(text, text, text, text) IS 'Precision, recall and F1 of customers and of pairs, the share of true pairs that blocking found, and predicted against observed probability in ten bands, by a relation (or query) that says which entity each source and key is';
