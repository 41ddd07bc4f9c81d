-- portrait: the index by tag, which answers tag queries for all customers.

CREATE TABLE customer_data.tag_layer (
    layer integer PRIMARY KEY,
    customers customer_data.customer_set NOT NULL
);
ALTER TABLE customer_data.tag_layer ALTER customers SET STORAGE EXTERNAL;
COMMENT ON TABLE customer_data.tag_layer IS 'Derived: layers of the index by tag; each says all there is to say of some customers, and replaces what earlier ones say of them. Layer 0 is all customers';

CREATE TABLE customer_data.tag_posting (
    path text COLLATE "C" NOT NULL,
    layer integer NOT NULL,
    part integer NOT NULL,
    members customer_data.customer_set NOT NULL,
    scores bytea,
    moving customer_data.customer_set,
    times bytea,
    holds_until timestamptz,
    PRIMARY KEY (path, layer, part)
);
ALTER TABLE customer_data.tag_posting ALTER members SET STORAGE EXTERNAL, ALTER scores SET STORAGE EXTERNAL,
    ALTER moving SET STORAGE EXTERNAL, ALTER times SET STORAGE EXTERNAL;
COMMENT ON TABLE customer_data.tag_posting IS 'Derived: the index by tag; customers with each path, part by part, as refresh_tags() left them';
COMMENT ON COLUMN customer_data.tag_posting.members IS 'Customers with the tag';
COMMENT ON COLUMN customer_data.tag_posting.scores IS 'Their scores in the same order, as bytes of hundredths or in single precision; NULL: all are 1';
COMMENT ON COLUMN customer_data.tag_posting.moving IS 'Those whose tag decays or expires, if some do; NULL: all, where there are times, else none';
COMMENT ON COLUMN customer_data.tag_posting.times IS 'Its times, in the same order';
COMMENT ON COLUMN customer_data.tag_posting.holds_until IS 'Until then none of the tags expires';

CREATE FUNCTION customer_data.index_tags(changed customer_data.customer_set, seen customer_data.customer_set, gone customer_data.customer_set) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_index_tags';
COMMENT ON FUNCTION customer_data.index_tags(customer_data.customer_set, customer_data.customer_set, customer_data.customer_set) IS 'Brings the index by tag in line with customer_tag, where the tags of some customers changed, or makes it anew (NULL); the customers are those of the last time and those seen (NULL: all there are), without those gone. A part of refresh_tags(); answers for how many customers it was written';

CREATE FUNCTION customer_data.rebuild_tag_index() RETURNS bigint
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    -- Before the first source there are no customers, and nothing to index.
    IF to_regclass('customer_data.customer_tag') IS NULL THEN
        RETURN 0;
    END IF;
    LOCK TABLE customer_data.tag_due IN SHARE ROW EXCLUSIVE MODE;
    RETURN customer_data.index_tags(NULL, NULL, NULL);
END
$$;
COMMENT ON FUNCTION customer_data.rebuild_tag_index() IS 'Makes the index by tag anew from customer_tag; needed only after that was changed by hand';

CREATE FUNCTION customer_data.tag_members(query customer_data.tag_query) RETURNS customer_data.customer_set
    LANGUAGE c STABLE STRICT COST 1000 AS 'MODULE_PATHNAME', 'cd_tag_members';
COMMENT ON FUNCTION customer_data.tag_members(customer_data.tag_query) IS 'The customers whose tags satisfy a query: the tags of the last refresh, decayed and expired as of as_of(); while customer_data.as_of is set, the tags of then';

CREATE FUNCTION customer_data.tag_posting_counts(among customer_data.customer_set, paths text, scored boolean)
    RETURNS TABLE (path text, customers bigint, score double precision)
    LANGUAGE c STABLE ROWS 1000 AS 'MODULE_PATHNAME', 'cd_tag_posting_counts';
COMMENT ON FUNCTION customer_data.tag_posting_counts(customer_data.customer_set, text, boolean) IS 'Row by row of the index by tag, how many customers (of a set) have the tag now, and the sum of their scores; a part of tag_member_counts()';

CREATE FUNCTION customer_data.tag_member_counts(among customer_data.customer_set DEFAULT NULL, paths text DEFAULT '*', scored boolean DEFAULT false)
    RETURNS TABLE (path text, customers bigint, score double precision)
    LANGUAGE plpgsql STABLE ROWS 300 SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    IF NOT customer_data.recomputes_past() AND EXISTS (SELECT FROM customer_data.tag_layer l WHERE l.layer > 0) THEN
        RETURN QUERY
        SELECT c.path, sum(c.customers)::bigint, sum(c.score)
        FROM customer_data.tag_posting_counts(among, paths, scored) c GROUP BY 1 HAVING sum(c.customers) > 0;
    ELSIF to_regclass('customer_data.customer_tag') IS NOT NULL THEN
        -- No refresh has written the index yet, or another moment is asked about.
        RETURN QUERY EXECUTE format($counts$
            SELECT n.path, n.score::bigint, CASE WHEN $3 THEN s.score::double precision END
            FROM (SELECT customer_data.tag_counts(customer_data.tags_under(c.tags, $2)) AS counts, customer_data.tagset_sum(customer_data.tags_under(c.tags, $2)) AS sums
                  FROM %s c WHERE $1 IS NULL OR c.customer_id <@ $1) t,
                 customer_data.tags(t.counts) n LEFT JOIN LATERAL customer_data.tags(t.sums) s ON s.path = n.path
        $counts$, customer_data.tags_relation()) USING among, paths, scored;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.tag_member_counts(customer_data.customer_set, text, boolean) IS 'How many customers (of a set) have each tag (below a prefix) as of as_of(), and, if wanted, the sum of their scores';
