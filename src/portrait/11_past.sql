-- portrait: metrics and tags at another moment than now.

CREATE FUNCTION customer_data.past_support(internal) RETURNS internal
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'cd_past_support';
COMMENT ON FUNCTION customer_data.past_support(internal) IS 'Planner support: without customer_data.as_of the stored value stands for the call';

CREATE FUNCTION customer_data.metric_as_of(name text, customer_id bigint, stored anyelement) RETURNS anyelement
    LANGUAGE c STABLE PARALLEL SAFE COST 100 SUPPORT customer_data.past_support AS 'MODULE_PATHNAME', 'cd_metric_as_of';
COMMENT ON FUNCTION customer_data.metric_as_of(text, bigint, anyelement) IS 'The stored value of a metric, or, while customer_data.as_of is set, its value computed as of then; a part of the view profile';

CREATE FUNCTION customer_data.tags_as_of(customer_id bigint, stored customer_data.tagset) RETURNS customer_data.tagset
    LANGUAGE c STABLE PARALLEL SAFE COST 100 SUPPORT customer_data.past_support AS 'MODULE_PATHNAME', 'cd_tags_as_of';
COMMENT ON FUNCTION customer_data.tags_as_of(bigint, customer_data.tagset) IS 'The stored tags, or, while customer_data.as_of is set, those computed as of then; a part of the view profile';

CREATE FUNCTION customer_data.profile_expression(made_of customer_data.profile_column) RETURNS text
    LANGUAGE sql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
    SELECT CASE (made_of).origin
               WHEN 'metric' THEN format('customer_data.metric_as_of(%L::text, c.customer_id, %s)', (made_of).name, (made_of).expression)
               WHEN 'tag' THEN format('customer_data.tags_as_of(c.customer_id, %s)', (made_of).expression)
               ELSE (made_of).expression END
$$;
COMMENT ON FUNCTION customer_data.profile_expression(customer_data.profile_column) IS 'A column of profile as the view has it: metrics and tags follow customer_data.as_of';

CREATE FUNCTION customer_data.recomputes_past() RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_recomputes_past_sql';
COMMENT ON FUNCTION customer_data.recomputes_past() IS 'Is customer_data.as_of set to another moment than now, so that profile computes metrics and tags as of then?';

CREATE FUNCTION customer_data.tags_relation() RETURNS text
    LANGUAGE sql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
    SELECT CASE WHEN customer_data.recomputes_past() THEN '(SELECT customer_id, tags FROM customer_data.profile WHERE customer_data.tag_count(tags) > 0)'
                ELSE 'customer_data.customer_tag' END
$$;
COMMENT ON FUNCTION customer_data.tags_relation() IS 'Where a query finds customer_id and tags of all customers who have any, as of as_of()';
