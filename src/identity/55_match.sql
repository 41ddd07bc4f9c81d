-- Identity, one record at a time: who is it, and why.

CREATE FUNCTION customer_data.probe(given text[], standard text[], except_record bigint DEFAULT NULL)
    RETURNS TABLE (record_id bigint, weight real)
    LANGUAGE c VOLATILE ROWS 20 AS 'MODULE_PATHNAME', 'cd_probe';
COMMENT ON FUNCTION customer_data.probe(text[], text[], bigint) IS 'The records most like these values with their weights, best first';

CREATE FUNCTION customer_data.explain_pair(given_a text[], standard_a text[], given_b text[], standard_b text[])
    RETURNS TABLE (comparison text, slot int, level int, condition text, weight real)
    LANGUAGE c VOLATILE STRICT ROWS 20 AS 'MODULE_PATHNAME', 'cd_explain_pair';
COMMENT ON FUNCTION customer_data.explain_pair(text[], text[], text[], text[]) IS 'What each comparison of two records adds to their weight';

CREATE FUNCTION customer_data.matching_slots() RETURNS TABLE (attribute text, slot int)
    LANGUAGE c VOLATILE ROWS 30 AS 'MODULE_PATHNAME', 'cd_matching_slots';
COMMENT ON FUNCTION customer_data.matching_slots() IS 'Which attributes are compared together';

CREATE FUNCTION customer_data.make_postings() RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_make_postings';
COMMENT ON FUNCTION customer_data.make_postings() IS 'Makes the posting lists of all records anew and answers how many records they hold; prepare_matching() does it safely';

CREATE FUNCTION customer_data.postings_made() RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_postings_made';
COMMENT ON FUNCTION customer_data.postings_made() IS 'Are there posting lists for the model in force';

CREATE FUNCTION customer_data.add_postings(record_id bigint, given text[], standard text[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_add_postings';
COMMENT ON FUNCTION customer_data.add_postings(bigint, text[], text[]) IS 'Adds the keys of a record that was written to the posting lists';

CREATE FUNCTION customer_data.prepare_matching() RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    PERFORM customer_data.lock_identity();
    RETURN customer_data.make_postings();
END
$$;
COMMENT ON FUNCTION customer_data.prepare_matching() IS 'Makes the posting lists that match_customer() and upsert_record() look in; a full run and their first use do so themselves';

CREATE FUNCTION customer_data.ensure_postings() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_data.postings_made() AND EXISTS (SELECT FROM customer_data.record_value) THEN
        IF current_setting('transaction_read_only')::boolean THEN
            RAISE EXCEPTION 'the posting lists for matching one record at a time have not been made'
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Run SELECT customer_data.prepare_matching(); once in a transaction that may write.';
        END IF;
        PERFORM customer_data.prepare_matching();
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.ensure_postings() IS 'Makes the posting lists for matching one record at a time where they are missing';

CREATE FUNCTION customer_data.match_values(given text[], standard text[], min_probability float8, max_results int)
    RETURNS TABLE (decision text, customer_id bigint, probability float8, weight real, source text, key text)
    LANGUAGE plpgsql VOLATILE ROWS 1
    SET search_path = customer_data, pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH best AS MATERIALIZED (
            SELECT DISTINCT ON (r.customer_id) r.customer_id, p.weight, r.source_id, r.key
            FROM customer_data.probe(match_values.given, match_values.standard) p
            JOIN customer_data.source_record r ON r.record_id = p.record_id
            JOIN customer_data.source s ON s.source_id = r.source_id
            -- who has a name is no company
            WHERE r.gone_at IS NULL AND (s.kind <> 'account' OR coalesce(match_values.given[1], match_values.given[2], match_values.given[4]) IS NULL)
            ORDER BY r.customer_id, p.weight DESC, r.record_id
        )
        SELECT CASE WHEN j.probability >= match_values.min_probability THEN 'match' ELSE 'review' END,
               j.customer_id, j.probability, j.weight, s.name, j.key
        FROM (SELECT b.*, 1.0 / (1.0 + power(2.0::float8, -b.weight::float8)) AS probability FROM best b) j
        JOIN customer_data.source s ON s.source_id = j.source_id
        WHERE j.probability >= least(0.1, match_values.min_probability)
        ORDER BY j.weight DESC, j.customer_id
        LIMIT greatest(match_values.max_results, 1);
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'none', NULL::bigint, NULL::float8, NULL::real, NULL::text, NULL::text;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.match_values(text[], text[], float8, int) IS 'match_customer() for values by attribute.ordinal';

CREATE FUNCTION customer_data.match_customer(attributes jsonb, min_probability float8 DEFAULT 0.9, max_results int DEFAULT 1, region text DEFAULT NULL)
    RETURNS TABLE (decision text, customer_id bigint, probability float8, weight real, source text, key text)
    LANGUAGE plpgsql VOLATILE ROWS 1
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    given text[] := customer_data.values_of(attributes, NULL);
BEGIN
    IF min_probability IS NULL OR min_probability NOT BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'min_probability is out of range: %', coalesce(min_probability::text, 'NULL')
            USING ERRCODE = 'numeric_value_out_of_range', HINT = 'Give a number from 0 to 1, such as 0.9.';
    END IF;
    PERFORM customer_data.ensure_postings();
    RETURN QUERY
        SELECT m.*
        FROM customer_data.standardize_values(given, customer_data.region_of(given[16], match_customer.region)) t,
             customer_data.match_values(given, t.standard, min_probability, max_results) m;
END
$$;
COMMENT ON FUNCTION customer_data.match_customer(jsonb, float8, int, text) IS 'Who is this? Answers match, review (at least one in ten) or none, always with a row, and which record is most like it; writes nothing';

CREATE FUNCTION customer_data.match_customers(relation text, mapping jsonb, key text DEFAULT NULL, min_probability float8 DEFAULT 0.9, region text DEFAULT NULL)
    RETURNS TABLE (row_key text, decision text, customer_id bigint, probability float8, weight real, source text, record_key text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, customer_data, public, pg_temp
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    item     text := customer_data.relation_item(relation);
    listed   text;
BEGIN
    PERFORM customer_data.check_mapping(item, mapping);
    IF key IS NOT NULL THEN
        PERFORM customer_data.declared_expression(item, key, 'key');
    END IF;
    IF EXISTS (SELECT FROM jsonb_object_keys(mapping) k WHERE NOT EXISTS (SELECT FROM customer_data.attribute a WHERE a.name = k)) THEN
        PERFORM customer_data.values_of(mapping, NULL);
    END IF;
    PERFORM customer_data.ensure_postings();
    SELECT string_agg(CASE WHEN m.value IS NULL THEN 'NULL' ELSE format(E'nullif((%s\n)::text, '''')', m.value) END, ', ' ORDER BY o)
    INTO listed
    FROM generate_series(1, (SELECT max(a.ordinal) FROM customer_data.attribute a WHERE mapping ? a.name)) AS o
    LEFT JOIN customer_data.attribute a ON a.ordinal = o
    LEFT JOIN jsonb_each_text(mapping) m ON m.key = a.name;
    RETURN QUERY EXECUTE format($query$
        SELECT q.row_key, m.decision, m.customer_id, m.probability, m.weight, m.source, m.key
        FROM (SELECT %s AS row_key, ARRAY[%s]::text[] AS given FROM %s) q
        CROSS JOIN LATERAL customer_data.standardize_values(q.given, customer_data.region_of(q.given[16], $1)) t
        CROSS JOIN LATERAL customer_data.match_values(q.given, t.standard, $2, 1) m
    $query$, coalesce(CASE WHEN key IS NOT NULL THEN format(E'(%s\n)::text', key) END, 'row_number() OVER ()::text'), listed, item)
    USING region, min_probability;
END
$$;
COMMENT ON FUNCTION customer_data.match_customers(text, jsonb, text, float8, text) IS 'match_customer() for each row of a staging table or query; key names the row in the answer, else it is numbered';

CREATE FUNCTION customer_data.match_words(record_a bigint, record_b bigint, weight float8) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    a        customer_data.source_record;
    b        customer_data.source_record;
    verdict  text;
    decided  customer_data.match_decision;
    named    text;
    through  text;
    too_many record;
    strength text := format('probability %s', round(customer_data.weight_probability(weight)::numeric, 4));
BEGIN
    SELECT r.* INTO a FROM customer_data.source_record r WHERE r.record_id = match_words.record_a;
    SELECT r.* INTO b FROM customer_data.source_record r WHERE r.record_id = match_words.record_b;
    verdict := CASE WHEN a.customer_id = b.customer_id THEN format('one customer (%s)', a.customer_id)
                    ELSE format('two customers (%s and %s)', a.customer_id, b.customer_id) END;
    SELECT d.* INTO decided FROM customer_data.match_decision d
    WHERE d.record_a = least(match_words.record_a, match_words.record_b) AND d.record_b = greatest(match_words.record_a, match_words.record_b);
    IF decided.decision IS NOT NULL THEN
        RETURN format('%s: %s decided %s on %s%s%s', verdict, decided.decided_by, replace(decided.decision, '_', ' '),
                      decided.decided_at::date, ', ' || decided.reason,
                      CASE WHEN decided.decision = 'must_link' AND a.customer_id <> b.customer_id THEN '; but who was decided cannot link would be joined by it' END);
    END IF;
    SELECT l.name INTO named
    FROM customer_data.identity_evidence e JOIN customer_data.identity_link l USING (link_id)
    WHERE (e.record_a = match_words.record_a AND e.record_b = match_words.record_b)
       OR (e.record_a = match_words.record_b AND e.record_b = match_words.record_a) LIMIT 1;
    IF a.customer_id = b.customer_id THEN
        IF named IS NOT NULL THEN
            RETURN format('%s: link %s names both', verdict, named);
        ELSIF weight > 0 THEN
            RETURN format('%s: their values agree, %s', verdict, strength);
        END IF;
        SELECT format('%s %s', s.name, r.key) INTO through
        FROM customer_data.match_link x
        JOIN customer_data.match_link y ON true
        CROSS JOIN LATERAL (SELECT CASE WHEN x.record_a = match_words.record_a THEN x.record_b ELSE x.record_a END AS id) n
        JOIN customer_data.source_record r ON r.record_id = n.id AND r.customer_id = a.customer_id
        JOIN customer_data.source s USING (source_id)
        WHERE match_words.record_a IN (x.record_a, x.record_b) AND match_words.record_b IN (y.record_a, y.record_b)
          AND n.id IN (y.record_a, y.record_b) AND n.id <> match_words.record_b AND least(x.weight, y.weight) > 0
        ORDER BY least(x.weight, y.weight) DESC LIMIT 1;
        IF through IS NULL THEN
            SELECT format('%s %s and %s %s, of which %s decided must link', sx.name, x.key, sy.name, y.key, d.decided_by) INTO through
            FROM customer_data.source_record x
            JOIN customer_data.match_decision d ON d.record_a = x.record_id AND d.decision = 'must_link'
            JOIN customer_data.source_record y ON y.record_id = d.record_b AND y.customer_id = a.customer_id
            JOIN customer_data.source sx ON sx.source_id = x.source_id
            JOIN customer_data.source sy ON sy.source_id = y.source_id
            WHERE x.customer_id = a.customer_id ORDER BY d.decided_at LIMIT 1;
        END IF;
        RETURN format('%s: not by these two alone (%s) but through %s', verdict, strength, coalesce(through, 'other records'));
    END IF;
    SELECT i.attribute, i.max_distinct INTO too_many
    FROM customer_data.source_record x
    JOIN customer_data.match_conflict c ON x.record_id IN (c.record_a, c.record_b) AND c.kind = 'join refused'
    JOIN customer_data.source_record y ON y.record_id IN (c.record_a, c.record_b) AND y.customer_id = b.customer_id
    JOIN customer_data.identifier i ON i.attribute = c.attribute
    WHERE x.customer_id = a.customer_id LIMIT 1;
    IF named IS NOT NULL THEN
        RETURN format('%s: link %s names both, but other evidence forbids it; resolve() may not have run since', verdict, named);
    ELSIF weight <= 0 THEN
        RETURN format('%s: too little agrees, %s', verdict, strength);
    ELSIF a.source_id = b.source_id AND (SELECT s.one_to_one FROM customer_data.source s WHERE s.source_id = a.source_id) THEN
        RETURN format('%s: alike (%s), but their source has no duplicates', verdict, strength);
    ELSIF (SELECT count(DISTINCT s.kind = 'account') FROM customer_data.source s WHERE s.source_id IN (a.source_id, b.source_id)) = 2 THEN
        RETURN format('%s: alike (%s), but one is a person and the other a company', verdict, strength);
    ELSIF too_many.attribute IS NOT NULL THEN
        RETURN format('%s: alike (%s), but one customer would have more values of %s than its limit, %s', verdict, strength, too_many.attribute, too_many.max_distinct);
    END IF;
    RETURN format('%s: alike (%s), but joining them would contradict their other records', verdict, strength);
END
$$;
COMMENT ON FUNCTION customer_data.match_words(bigint, bigint, float8) IS 'In words: are two records one customer, and what decided it';

CREATE FUNCTION customer_data.explain_match(source_a text, key_a text, source_b text, key_b text)
    RETURNS TABLE (attribute text, value_a text, value_b text, level text, similarity float8, weight real)
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    a customer_data.record_value;
    b customer_data.record_value;
    id_a bigint := customer_data.record_named(source_a, key_a);
    id_b bigint := customer_data.record_named(source_b, key_b);
BEGIN
    SELECT v.* INTO a FROM customer_data.record_value v WHERE v.record_id = id_a;
    SELECT v.* INTO b FROM customer_data.record_value v WHERE v.record_id = id_b;
    RETURN QUERY
        WITH line AS (
            SELECT e.*, row_number() OVER () AS line_no
            FROM customer_data.explain_pair(coalesce(a.given, '{}'), coalesce(a.standard, '{}'), coalesce(b.given, '{}'), coalesce(b.standard, '{}')) e
        ), slot AS MATERIALIZED (
            SELECT m.attribute, m.slot, x.ordinal FROM customer_data.matching_slots() m JOIN customer_data.attribute x ON x.name = m.attribute
        ), shown AS (
            -- The attribute itself where it is mapped, else those compared with it.
            SELECT l.line_no, l.comparison, l.condition, l.weight, l.slot,
                   coalesce((SELECT a.given[s.ordinal] FROM slot s WHERE s.slot = l.slot AND s.attribute = l.comparison),
                            (SELECT string_agg(a.given[s.ordinal], ' ' ORDER BY s.ordinal) FROM slot s WHERE s.slot = l.slot),
                            -- A mark of generation may stand in any part of a name.
                            (SELECT string_agg(a.given[s.ordinal], ' ' ORDER BY s.ordinal) FROM slot s
                             WHERE l.comparison = 'name_suffix' AND s.attribute IN ('full_name', 'given_name', 'middle_name', 'family_name'))) AS value_a,
                   coalesce((SELECT b.given[s.ordinal] FROM slot s WHERE s.slot = l.slot AND s.attribute = l.comparison),
                            (SELECT string_agg(b.given[s.ordinal], ' ' ORDER BY s.ordinal) FROM slot s WHERE s.slot = l.slot),
                            -- A mark of generation may stand in any part of a name.
                            (SELECT string_agg(b.given[s.ordinal], ' ' ORDER BY s.ordinal) FROM slot s
                             WHERE l.comparison = 'name_suffix' AND s.attribute IN ('full_name', 'given_name', 'middle_name', 'family_name'))) AS value_b,
                   -- Parts of a name are read from the whole where they are not given: its likeness is not theirs.
                   l.comparison NOT IN ('given_name', 'middle_name', 'family_name')
                   OR EXISTS (SELECT FROM slot s WHERE s.slot = l.slot AND s.attribute = l.comparison
                              AND a.given[s.ordinal] IS NOT NULL AND b.given[s.ordinal] IS NOT NULL) AS measurable
            FROM line l
            UNION ALL
            -- Fields that agree together tell less than the sum of each: what the model takes back, so that the lines add up.
            SELECT max(l.line_no) - 0.5, 'together', 'what these fields say in common counts once',
                   (sum(CASE l.comparison WHEN 'sum' THEN 1 ELSE -1 END * round(l.weight::numeric, 2)))::real, NULL, NULL, NULL, false
            FROM line l
            HAVING abs(sum(CASE l.comparison WHEN 'sum' THEN 1 ELSE -1 END * round(l.weight::numeric, 2))) >= 0.01
        )
        SELECT CASE s.comparison WHEN 'sum' THEN 'decision' ELSE s.comparison END, s.value_a, s.value_b,
               CASE s.comparison WHEN 'sum' THEN customer_data.match_words(id_a, id_b, s.weight) ELSE s.condition END,
               round((CASE WHEN s.slot IS NULL OR NOT s.measurable THEN NULL
                           WHEN s.comparison IN ('full_name', 'given_name', 'middle_name', 'family_name') THEN customer_data.name_similarity(s.value_a, s.value_b)
                           WHEN s.comparison = 'company' THEN customer_data.company_similarity(s.value_a, s.value_b)
                           WHEN s.comparison IN ('address', 'street') THEN customer_data.address_similarity(s.value_a, s.value_b)
                           ELSE customer_data.jaro_winkler(lower(s.value_a), lower(s.value_b)) END)::numeric, 3)::float8,
               round(s.weight::numeric, 2)::real
        FROM shown s ORDER BY s.line_no;
END
$$;
COMMENT ON FUNCTION customer_data.explain_match(text, text, text, text) IS 'Why two records are one customer or not: what each attribute adds, in bits, and in the last row the decision in words';

CREATE VIEW customer_data.match_review AS
    SELECT sa.name AS source_a, a.key AS key_a, sb.name AS source_b, b.key AS key_b,
           round(customer_data.weight_probability(l.weight)::numeric, 3)::float8 AS probability,
           a.customer_id = b.customer_id AS joined, a.customer_id AS customer_a, b.customer_id AS customer_b,
           va.given AS values_a, vb.given AS values_b
    FROM customer_data.match_link l
    JOIN customer_data.source_record a ON a.record_id = l.record_a
    JOIN customer_data.source_record b ON b.record_id = l.record_b
    JOIN customer_data.source sa ON sa.source_id = a.source_id
    JOIN customer_data.source sb ON sb.source_id = b.source_id
    JOIN customer_data.record_value va ON va.record_id = l.record_a
    JOIN customer_data.record_value vb ON vb.record_id = l.record_b
    WHERE a.gone_at IS NULL AND b.gone_at IS NULL
      -- Doubtful by itself, or judged otherwise by the company the two keep.
      AND (sa.kind = 'account') = (sb.kind = 'account')
      AND (abs(l.weight) < 3.2 OR (l.weight > 0) <> (a.customer_id = b.customer_id) AND abs(l.weight) < 8)
      AND NOT EXISTS (SELECT FROM customer_data.match_decision d WHERE d.record_a = l.record_a AND d.record_b = l.record_b)
    ORDER BY abs(l.weight), l.record_a, l.record_b;
COMMENT ON VIEW customer_data.match_review IS 'Pairs that a person should look at, the most doubtful first; decide_match() answers one';

CREATE VIEW customer_data.identity_conflict AS
    SELECT c.kind, c.attribute, sa.name AS source_a, a.key AS key_a, va.given[t.ordinal] AS value_a,
           sb.name AS source_b, b.key AS key_b, vb.given[t.ordinal] AS value_b,
           a.customer_id AS customer_a, b.customer_id AS customer_b, c.records, c.customers, c.at
    FROM customer_data.match_conflict c
    JOIN customer_data.source_record a ON a.record_id = c.record_a
    JOIN customer_data.source sa ON sa.source_id = a.source_id
    LEFT JOIN customer_data.source_record b ON b.record_id = c.record_b
    LEFT JOIN customer_data.source sb ON sb.source_id = b.source_id
    LEFT JOIN customer_data.attribute t ON t.name = c.attribute
    LEFT JOIN customer_data.record_value va ON va.record_id = c.record_a
    LEFT JOIN customer_data.record_value vb ON vb.record_id = c.record_b
    ORDER BY c.records DESC NULLS LAST, c.record_a, c.record_b;
COMMENT ON VIEW customer_data.identity_conflict IS 'Joins that the limit of an identifier or a one-to-one source refused, identifiers that gave way to better ones, and components of more than 500 records with the number of customers they were parted into';
COMMENT ON COLUMN customer_data.identity_conflict.kind IS 'join refused: too many values of the attribute; identifier gave way: too many, but an identifier of higher priority agrees; one to one: the source has no duplicates; decisions: a must_link that would join whom a cannot_link parts; giant component';

CREATE FUNCTION customer_data.decide_match(source_a text, key_a text, source_b text, key_b text, same boolean, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF same IS NULL THEN
        RAISE EXCEPTION 'same must be true or false' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'withdraw_decision() takes a decision back.';
    END IF;
    PERFORM customer_data.decide_pair(customer_data.record_named(source_a, key_a), customer_data.record_named(source_b, key_b),
                                      CASE WHEN same THEN 'must_link' ELSE 'cannot_link' END, reason);
END
$$;
COMMENT ON FUNCTION customer_data.decide_match(text, text, text, text, boolean, text) IS 'Answers a question of match_review: are two records one customer';
