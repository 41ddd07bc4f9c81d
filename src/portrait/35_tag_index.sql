-- portrait: the index by tag, which answers tag queries for all customers.

CREATE TABLE customer_data.tag_layer (
    layer integer PRIMARY KEY,
    customers customer_data.customer_set NOT NULL
);
ALTER TABLE customer_data.tag_layer ALTER customers SET STORAGE EXTERNAL;
COMMENT ON TABLE customer_data.tag_layer IS 'Derived: layers of the index by tag; each says all there is to say of some customers, and replaces what earlier ones say of them';

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
COMMENT ON COLUMN customer_data.tag_posting.moving IS 'Those whose tag decays or expires';
COMMENT ON COLUMN customer_data.tag_posting.times IS 'Its times, in the same order';
COMMENT ON COLUMN customer_data.tag_posting.holds_until IS 'Until then none of the tags expires';

CREATE FUNCTION customer_data.index_tags(changed customer_data.customer_set) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_index_tags';
COMMENT ON FUNCTION customer_data.index_tags(customer_data.customer_set) IS 'Brings the index by tag in line with customer_tag, where the tags of these customers changed, or makes it anew (NULL); a part of refresh_tags(). Answers for how many customers it was written';

CREATE FUNCTION customer_data.rebuild_tag_index() RETURNS bigint
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE customer_data.tag_due IN SHARE ROW EXCLUSIVE MODE;
    RETURN customer_data.index_tags(NULL);
END
$$;
COMMENT ON FUNCTION customer_data.rebuild_tag_index() IS 'Makes the index by tag anew from customer_tag; needed only after that was changed by hand';

CREATE FUNCTION customer_data.tag_members(query customer_data.tag_query) RETURNS customer_data.customer_set
    LANGUAGE c STABLE STRICT COST 1000 AS 'MODULE_PATHNAME', 'cd_tag_members';
COMMENT ON FUNCTION customer_data.tag_members(customer_data.tag_query) IS 'The customers whose tags satisfy a query: the tags of the last refresh, decayed and expired as of as_of(); while customer_data.as_of is set, the tags of then';
