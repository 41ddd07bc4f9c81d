-- portrait: the taxonomy of tags, and what keeps each customer's tags fresh.

CREATE TABLE customer_data.tag (
    tag_id integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    path text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('rule', 'metric', 'behaviour', 'affinity', 'text', 'risk', 'predicted', 'manual', 'imported')),
    expression text,
    result text NOT NULL CHECK (result IN ('boolean', 'double precision', 'customer_data.tagset')),
    half_life interval,
    valid_for interval,
    min_score double precision,
    exclusive_group text,
    branch text NOT NULL DEFAULT 'business' CHECK (branch IN ('base', 'business')),
    description text,
    owner regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    time_zone text NOT NULL DEFAULT current_setting('TimeZone'),
    weighing text CHECK (weighing IN ('share', 'tfidf', 'lift', 'lift_low')),
    prior double precision,
    top integer,
    uses text[] NOT NULL DEFAULT '{}',
    uses_tags text[] NOT NULL DEFAULT '{}',
    CHECK ((kind IN ('manual', 'imported')) = (expression IS NULL)),
    CHECK (weighing IS NULL OR prior >= 0 AND top > 0)
);
CREATE TRIGGER own_definition BEFORE INSERT OR UPDATE OF owner, expression, time_zone ON customer_data.tag
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_definition();
COMMENT ON TABLE customer_data.tag IS 'The taxonomy: what each tag means and where it comes from';
COMMENT ON COLUMN customer_data.tag.result IS 'What the expression gives: whether there is the tag, its score, or a tagset whose tags hang below the path';
COMMENT ON COLUMN customer_data.tag.half_life IS 'In which time a score halves; kept with each score';
COMMENT ON COLUMN customer_data.tag.valid_for IS 'How long a manual or imported tag holds after its time';
COMMENT ON COLUMN customer_data.tag.min_score IS 'Below this score there is no tag';
COMMENT ON COLUMN customer_data.tag.exclusive_group IS 'Of the tags of a group a customer has only the first, in order of definition';
COMMENT ON COLUMN customer_data.tag.branch IS 'base: common to all; business: of one line of business';
COMMENT ON COLUMN customer_data.tag.weighing IS 'How the counts that the expression gives become scores: share, tfidf, lift, lift_low; NULL: they are scores';
COMMENT ON COLUMN customer_data.tag.prior IS 'Observations that a score is shrunk by';
COMMENT ON COLUMN customer_data.tag.top IS 'So many values at most, those with the highest scores';
COMMENT ON COLUMN customer_data.tag.uses IS 'Columns of profile that the expression names';
COMMENT ON COLUMN customer_data.tag.uses_tags IS 'Paths and prefixes of tags that the expression asks for; *: it looks at all';
SELECT pg_catalog.pg_extension_config_dump('customer_data.tag', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.tag_tag_id_seq', '');

CREATE TABLE customer_data.given_tag (
    record_id bigint NOT NULL,
    path text NOT NULL,
    score real NOT NULL DEFAULT 1,
    at timestamptz NOT NULL DEFAULT now(),
    until timestamptz,
    note text,
    given_by regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    PRIMARY KEY (record_id, path)
);
COMMENT ON TABLE customer_data.given_tag IS 'Manual and imported tags, on source records, so that they follow them through merges and splits';
SELECT pg_catalog.pg_extension_config_dump('customer_data.given_tag', '');

CREATE TABLE customer_data.tag_state (
    tag_id integer PRIMARY KEY REFERENCES customer_data.tag (tag_id) ON DELETE CASCADE,
    restless boolean NOT NULL,
    refreshed_at timestamptz NOT NULL,
    evaluated bigint NOT NULL,
    error text,
    error_code text,
    error_customer bigint
);
COMMENT ON TABLE customer_data.tag_state IS 'The last refresh of each tag (derived); one without a row is evaluated for everyone';

CREATE TABLE customer_data.tag_due (
    tag_id integer NOT NULL REFERENCES customer_data.tag (tag_id) ON DELETE CASCADE,
    due timestamptz NOT NULL,
    customers customer_data.customer_set NOT NULL
);
CREATE INDEX ON customer_data.tag_due (due);
COMMENT ON TABLE customer_data.tag_due IS 'Derived: whose tag is to be looked at again from when on, though nothing new arrived; entries may be early';

CREATE TABLE customer_data.tag_population_state (
    tag_id integer PRIMARY KEY REFERENCES customer_data.tag (tag_id) ON DELETE CASCADE,
    customers bigint NOT NULL,
    everyone bigint NOT NULL,
    missed bigint NOT NULL,
    trained_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE customer_data.tag_population_state IS 'Derived: when the population that a tag is weighed against was last learned';
COMMENT ON COLUMN customer_data.tag_population_state.customers IS 'Customers with any value';
COMMENT ON COLUMN customer_data.tag_population_state.everyone IS 'Customers there were';
COMMENT ON COLUMN customer_data.tag_population_state.missed IS 'How many customers, at most, have a value that was left out for want of memory';

CREATE TABLE customer_data.tag_population (
    tag_id integer NOT NULL REFERENCES customer_data.tag_population_state (tag_id) ON DELETE CASCADE,
    label text NOT NULL,
    shown text,
    customers bigint NOT NULL,
    share double precision NOT NULL,
    PRIMARY KEY (tag_id, label)
);
COMMENT ON TABLE customer_data.tag_population IS 'Derived: how common each value is that a tag is weighed against; at most 100,000 a tag';
COMMENT ON COLUMN customer_data.tag_population.shown IS 'The form of a word that is written most';
COMMENT ON COLUMN customer_data.tag_population.share IS 'Mean share of the value among the counts of a customer';

CREATE TABLE customer_data.tag_count_by_day (
    day date NOT NULL,
    path text NOT NULL,
    customers bigint NOT NULL,
    PRIMARY KEY (day, path)
);
COMMENT ON TABLE customer_data.tag_count_by_day IS 'Derived: customers with each tag before the first refresh of each day; * is all customers';

CREATE FUNCTION customer_data.find_tag(path text) RETURNS customer_data.tag
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    found customer_data.tag;
BEGIN
    SELECT t.* INTO found FROM customer_data.tag t WHERE t.path = find_tag.path;
    IF found.path IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no tag "%s"', path),
            HINT = coalesce(customer_data.nearest_tags(path),
                            'Declare it with customer_data.add_tag(path, expression, kind).');
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_data.find_tag(text) IS 'A tag by path, or an error that names the nearest';

CREATE FUNCTION customer_data.tag_deciding(path text) RETURNS customer_data.tag
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    found customer_data.tag;
BEGIN
    SELECT t.* INTO found FROM customer_data.tag t
    WHERE t.path = tag_deciding.path OR t.result = 'customer_data.tagset' AND starts_with(tag_deciding.path, t.path || '.')
    ORDER BY length(t.path) DESC LIMIT 1;
    RETURN CASE WHEN found.path IS NULL THEN customer_data.find_tag(path) ELSE found END;
END
$$;
COMMENT ON FUNCTION customer_data.tag_deciding(text) IS 'The tag that decides about a path: that of the path, or one below which tags hang; or an error that names the nearest';

CREATE FUNCTION customer_data.gives_tag(path text, result text, asked text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN asked = '*' THEN true
                WHEN asked LIKE '%.*' THEN starts_with(path, left(asked, -1))
                                           OR result = 'customer_data.tagset' AND starts_with(left(asked, -1), path || '.')
                ELSE asked = path OR result = 'customer_data.tagset' AND starts_with(asked, path || '.') END;
COMMENT ON FUNCTION customer_data.gives_tag(text, text, text) IS 'May a tag of some path and result give what an expression asks for, a path or a prefix?';

CREATE FUNCTION customer_data.tag_requests() RETURNS TABLE (kind text, name text, path text)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT 'metric'::text, m.name, p FROM customer_data.metric m, unnest(m.uses_tags) p
    UNION ALL
    SELECT 'tag', t.path, p FROM customer_data.tag t, unnest(t.uses_tags) p
    UNION ALL
    SELECT c.room, coalesce(d.name, c.expression), n.name
    FROM customer_data.condition_need n JOIN customer_data.condition c USING (condition_id)
    LEFT JOIN customer_data.segment_definition d USING (condition_id)
    WHERE n.kind = 'tag'
    UNION ALL
    SELECT 'stage', format('%s of journey %s', s.name, j.name), p
    FROM customer_data.journey_stage s JOIN customer_data.journey_definition j USING (journey_id), unnest(s.uses_tags) p;
END
$$;
COMMENT ON FUNCTION customer_data.tag_requests() IS 'Which definitions ask for which tags, by path or prefix (*: all); behind the view tag_use';

CREATE FUNCTION customer_data.nearest_tags(path text) RETURNS text
    LANGUAGE sql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
    SELECT 'Did you mean ' || string_agg(format('"%s"', n.path), ' or ') || '?'
    FROM (SELECT t.path FROM customer_data.tag t
          WHERE customer_data.levenshtein(t.path, nearest_tags.path) <= least(3, greatest(2, length(nearest_tags.path) / 2))
          ORDER BY customer_data.levenshtein(t.path, nearest_tags.path), t.path LIMIT 2) n
$$;
COMMENT ON FUNCTION customer_data.nearest_tags(text) IS 'A hint with the paths of tags nearest to one that there is not, or NULL';

CREATE VIEW customer_data.tag_use AS
SELECT r.kind, r.name, r.path, n.known, CASE WHEN NOT n.known THEN customer_data.nearest_tags(r.path) END AS hint
FROM customer_data.tag_requests() r,
     LATERAL (SELECT r.path = '*' OR EXISTS (SELECT FROM customer_data.tag t WHERE customer_data.gives_tag(t.path, t.result, r.path))) n (known);
COMMENT ON VIEW customer_data.tag_use IS 'Which metrics, tags, segments and stages ask for which tags, and whether some definition gives them; of one that none gives, as after a slip of the pen, nobody is taken to have it';
COMMENT ON COLUMN customer_data.tag_use.path IS 'A path, a prefix, or * for all';

CREATE FUNCTION customer_data.note_unknown_tags(paths text[]) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    FOR unknown IN
        SELECT p FROM unnest(paths) p
        WHERE p <> '*' AND NOT EXISTS (SELECT FROM customer_data.tag t WHERE customer_data.gives_tag(t.path, t.result, p))
    LOOP
        RAISE NOTICE USING
            MESSAGE = format('no tag "%s" is defined', unknown),
            DETAIL = 'Until one is, nobody has it.',
            HINT = concat_ws(' ', customer_data.nearest_tags(unknown), 'The view customer_data.tag_use shows what asks for it.');
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.note_unknown_tags(text[]) IS 'Says which of some paths and prefixes of tags no definition gives';

CREATE FUNCTION customer_data.tag_depth() RETURNS TABLE (tag_id integer, turn integer, depth integer)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp SET jit = off SET work_mem = '4MB' AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM customer_data.tag t WHERE t.uses_tags <> '{}')
       AND NOT EXISTS (SELECT FROM customer_data.metric m WHERE m.uses_tags <> '{}') THEN
        RETURN QUERY SELECT t.tag_id, 0, 0 FROM customer_data.tag t;
        RETURN;
    END IF;
    RETURN QUERY
    WITH RECURSIVE uses AS MATERIALIZED (
        SELECT u.* FROM customer_data.definition_uses() u
        WHERE NOT starts_with(u.node, 'metric ') AND NOT starts_with(u.used, 'metric ')
    ), level AS (
        SELECT u.used AS node, 0 AS depth FROM uses u
        UNION
        SELECT u.node, l.depth + 1
        FROM level l JOIN uses u ON u.used = l.node
        WHERE l.depth < (SELECT count(*) FROM customer_data.tag)
    ), deepest AS (
        SELECT l.node, max(l.depth) AS depth FROM level l GROUP BY 1
    )
    SELECT t.tag_id, coalesce(n.turn, 0), coalesce(d.depth, 0)
    FROM customer_data.tag t
    CROSS JOIN LATERAL (SELECT coalesce('group ' || t.exclusive_group, 'tag ' || t.path) AS node) o
    LEFT JOIN deepest d ON d.node = o.node
    LEFT JOIN customer_data.definition_turns() n ON n.node = o.node;
END
$$;
COMMENT ON FUNCTION customer_data.tag_depth() IS 'In which turn and round of a refresh each tag is evaluated: after those that its expression asks for, given ones among them';

CREATE FUNCTION customer_data.tag_rounds() RETURNS TABLE (turn integer, depth integer, tag_ids integer[])
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    -- What was given is read in the first round, that of a group where the group is decided.
    RETURN QUERY
    SELECT d.turn, d.depth, coalesce(array_agg(d.tag_id ORDER BY d.tag_id) FILTER (WHERE d.tag_id > 0), '{}')
    FROM (SELECT l.turn, l.depth, l.tag_id FROM customer_data.tag_depth() l JOIN customer_data.tag t USING (tag_id)
          WHERE t.expression IS NOT NULL OR t.exclusive_group IS NOT NULL
          UNION ALL SELECT 0, 0, 0) d
    GROUP BY 1, 2 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION customer_data.tag_rounds() IS 'The tags that are evaluated together, in the order of a refresh';

CREATE FUNCTION customer_data.check_tag(kind text, expression text, half_life interval, valid_for interval) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    result regtype;
BEGIN
    -- What no tagset holds would stop the refresh of everybody's.
    PERFORM customer_data.set_tag('{}', 'a', 1, now(), half_life);
    IF kind IN ('manual', 'imported') THEN
        IF expression IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('a tag of kind %s has no expression', kind),
                HINT = 'Give it to customers with tag_customer() or import_tags().';
        END IF;
        RETURN CASE kind WHEN 'manual' THEN 'double precision' ELSE 'customer_data.tagset' END;
    END IF;
    IF expression IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('a tag of kind %s needs an expression', kind),
            HINT = 'Tags that people give are of kind manual.';
    END IF;
    result := (customer_data.check_expression(expression)).type;
    IF result IN ('integer'::regtype, 'bigint', 'smallint', 'real', 'numeric') THEN
        result := 'double precision';
    END IF;
    IF result NOT IN ('boolean'::regtype, 'double precision', 'customer_data.tagset'::regtype)
       OR kind = 'rule' AND result <> 'boolean'::regtype
       OR kind IN ('metric', 'behaviour', 'predicted') AND result <> 'double precision'::regtype
       OR kind IN ('affinity', 'text') AND result <> 'customer_data.tagset'::regtype THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
            MESSAGE = format('the expression of a tag of kind %s is of type %s where %s is expected', kind, result,
                             CASE WHEN kind = 'rule' THEN 'boolean' WHEN kind IN ('affinity', 'text') THEN 'tagset'
                                  WHEN kind = 'risk' THEN 'boolean or a number' ELSE 'a number' END),
            HINT = 'rule: boolean; metric, behaviour, predicted: a number; affinity, text: a tagset, as affinity(events, ''purchase'', ''category'') gives.';
    END IF;
    IF (kind = 'behaviour') <> (half_life IS NOT NULL) AND (kind = 'behaviour' OR result <> 'double precision'::regtype) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE kind WHEN 'behaviour' THEN 'a behaviour score needs a half-life'
                                ELSE format('a tag of kind %s takes no half-life here', kind) END,
            HINT = 'A decayed_sum() is kept by a tag of kind behaviour with half_life => the same; affinity() takes its own.';
    END IF;
    IF valid_for IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a tag of kind %s has no time from which it could be valid', kind),
            HINT = 'Write the time into the expression, as in happened(events, ''purchase'', last => ''90 days'').';
    END IF;
    RETURN CASE result WHEN 'customer_data.tagset'::regtype THEN 'customer_data.tagset' ELSE result::text END;
END
$$;
COMMENT ON FUNCTION customer_data.check_tag(text, text, interval, interval) IS 'Checks the parts of a tag''s definition against each other and answers the type of its result';

CREATE FUNCTION customer_data.check_min_score(min_score double precision) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    IF min_score = 'NaN' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'min_score must be a number', DETAIL = 'No score is above or below NaN.', HINT = 'Leave it out to have no least score.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.check_min_score(double precision) IS 'Refuses a least score that no score compares with';

CREATE FUNCTION customer_data.check_weighing(weighing text, result text, prior double precision, top integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    IF weighing IS NULL THEN
        RETURN;
    END IF;
    IF weighing NOT IN ('share', 'tfidf', 'lift', 'lift_low') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('there is no weighing "%s"', weighing),
            HINT = 'Weighings are share, tfidf, lift and lift_low.';
    END IF;
    IF result IS DISTINCT FROM 'customer_data.tagset' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'only counts can be weighed',
            HINT = 'Let the expression be value_counts(...) or word_counts(...), and the kind affinity or text.';
    END IF;
    IF prior IS NULL OR prior < 0 OR prior = 'infinity' OR prior = 'NaN' OR prior = 0 AND weighing IN ('lift', 'lift_low') OR top IS NULL OR top < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'prior must not be negative, above zero for a lift, and top must be positive';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.check_weighing(text, text, double precision, integer) IS 'Refuses a way of weighing that does not fit';

CREATE FUNCTION customer_data.learn_population(tag_id integer) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cd_learn_population';
COMMENT ON FUNCTION customer_data.learn_population(integer) IS 'Counts everybody''s values for a tag that is weighed against them; a part of train_tag()';

CREATE FUNCTION customer_data.train_tag(path text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    had customer_data.tag := customer_data.find_tag(path);
    learned bigint;
BEGIN
    IF had.weighing IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('tag "%s" is not weighed against a population', path);
    END IF;
    PERFORM customer_data.rebuild_profile();
    learned := customer_data.learn_population(had.tag_id);
    DELETE FROM customer_data.tag_state s WHERE s.tag_id = had.tag_id;
    RETURN learned;
END
$$;
COMMENT ON FUNCTION customer_data.train_tag(text) IS 'Learns anew the population that a tag is weighed against; the next refresh asks everyone. Answers the customers with any value';

CREATE FUNCTION customer_data.add_tag(path text, expression text DEFAULT NULL, kind text DEFAULT 'rule',
        half_life interval DEFAULT NULL, valid_for interval DEFAULT NULL, min_score double precision DEFAULT NULL,
        exclusive_group text DEFAULT NULL, branch text DEFAULT 'business', description text DEFAULT NULL,
        weighing text DEFAULT NULL, prior double precision DEFAULT 3, top integer DEFAULT 10) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    gives text;
    above text;
    checked record;
BEGIN
    IF path IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            MESSAGE = 'the path of a tag must not be NULL', HINT = 'Write labels joined by dots, as in industry.retail.fashion.';
    END IF;
    PERFORM customer_data.set_tag('{}', path);
    IF kind IS NULL OR kind NOT IN ('rule', 'metric', 'behaviour', 'affinity', 'text', 'risk', 'predicted', 'manual', 'imported') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('there is no kind of tag "%s"', kind),
            HINT = 'Kinds are rule, metric, behaviour, affinity, text, risk, predicted, manual, imported.';
    END IF;
    IF branch IS NULL OR branch NOT IN ('base', 'business') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('there is no branch "%s"', branch), HINT = 'Branches are base and business.';
    END IF;
    PERFORM customer_data.lock_portrait();
    IF EXISTS (SELECT FROM customer_data.tag t WHERE t.path = add_tag.path) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('tag "%s" exists already', path),
            HINT = format('Change it with SELECT customer_data.alter_tag(%L, expression => ...).', path);
    END IF;
    PERFORM customer_data.rebuild_profile();
    gives := customer_data.check_tag(kind, expression, half_life,
                                     CASE WHEN kind NOT IN ('manual', 'imported') THEN valid_for END);
    PERFORM customer_data.check_weighing(weighing, gives, prior, top);
    PERFORM customer_data.check_min_score(min_score);
    SELECT c.uses, c.tag_paths INTO checked FROM customer_data.check_expression(expression) c WHERE expression IS NOT NULL;
    -- What hangs below a path of a tagset belongs to that tag alone.
    SELECT t.path INTO above FROM customer_data.tag t
    WHERE t.result = 'customer_data.tagset' AND starts_with(add_tag.path, t.path || '.')
       OR gives = 'customer_data.tagset' AND starts_with(t.path, add_tag.path || '.') LIMIT 1;
    IF above IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('tags "%s" and "%s" would share tags below one path', path, above),
            HINT = 'Choose a path that is not below the other.';
    END IF;
    INSERT INTO customer_data.tag (path, kind, expression, result, half_life, valid_for, min_score,
                                   exclusive_group, branch, description, owner, time_zone, weighing, prior, top, uses, uses_tags)
    VALUES (path, kind, expression, gives, half_life, valid_for, min_score,
            exclusive_group, branch, description, quote_ident(current_user)::regrole, current_setting('TimeZone'),
            weighing, CASE WHEN weighing IS NOT NULL THEN prior END, CASE WHEN weighing IS NOT NULL THEN top END,
            coalesce(checked.uses, '{}'), coalesce(checked.tag_paths, '{}'));
    PERFORM customer_data.refuse_cycle('tag', path, coalesce('group ' || exclusive_group, 'tag ' || path));
    PERFORM customer_data.note_unknown_tags(checked.tag_paths);
    PERFORM customer_data.reset_tag_group(exclusive_group);
END
$$;
COMMENT ON FUNCTION customer_data.add_tag(text, text, text, interval, interval, double precision, text, text, text, text, double precision, integer) IS 'Declares a tag: a path and, unless people give it, the expression over profile that decides it';

CREATE FUNCTION customer_data.reset_tag_group(exclusive_group text) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    IF reset_tag_group.exclusive_group IS NOT NULL THEN
        DELETE FROM customer_data.tag_state s USING customer_data.tag t
        WHERE t.tag_id = s.tag_id AND t.exclusive_group = reset_tag_group.exclusive_group;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.reset_tag_group(text) IS 'Has all tags of a group decided anew at the next refresh';

CREATE FUNCTION customer_data.alter_tag(path text, expression text DEFAULT NULL, half_life interval DEFAULT NULL,
        min_score double precision DEFAULT NULL, description text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    had customer_data.tag;
    now_result text;
BEGIN
    PERFORM customer_data.lock_portrait();
    had := customer_data.find_tag(path);
    PERFORM customer_data.check_min_score(min_score);
    IF alter_tag.expression IS NOT NULL OR alter_tag.half_life IS NOT NULL OR alter_tag.min_score IS NOT NULL THEN
        now_result := customer_data.check_tag(had.kind, coalesce(alter_tag.expression, had.expression),
                                              coalesce(alter_tag.half_life, had.half_life), NULL);
        IF now_result <> had.result THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('the expression is of type %s where %s is expected', now_result, had.result),
                HINT = 'Drop the tag and add it anew.';
        END IF;
        UPDATE customer_data.tag t
        SET expression = coalesce(alter_tag.expression, t.expression),
            uses = coalesce((SELECT c.uses FROM customer_data.check_expression(alter_tag.expression) c WHERE alter_tag.expression IS NOT NULL), t.uses),
            uses_tags = coalesce((SELECT c.tag_paths FROM customer_data.check_expression(alter_tag.expression) c WHERE alter_tag.expression IS NOT NULL), t.uses_tags),
            half_life = coalesce(alter_tag.half_life, t.half_life),
            min_score = coalesce(alter_tag.min_score, t.min_score),
            owner = quote_ident(current_user)::regrole, time_zone = current_setting('TimeZone')
        WHERE t.tag_id = had.tag_id;
        PERFORM customer_data.refuse_cycle('tag', path, coalesce('group ' || had.exclusive_group, 'tag ' || path));
        IF alter_tag.expression IS NOT NULL THEN
            PERFORM customer_data.note_unknown_tags((SELECT t.uses_tags FROM customer_data.tag t WHERE t.tag_id = had.tag_id));
        END IF;
        DELETE FROM customer_data.tag_state s WHERE s.tag_id = had.tag_id;
        DELETE FROM customer_data.tag_population_state s WHERE s.tag_id = had.tag_id AND alter_tag.expression IS NOT NULL;
        PERFORM customer_data.reset_tag_group(had.exclusive_group);
    END IF;
    IF alter_tag.description IS NOT NULL THEN
        UPDATE customer_data.tag t SET description = alter_tag.description WHERE t.tag_id = had.tag_id;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.alter_tag(text, text, interval, double precision, text) IS 'Changes a tag''s definition; NULL leaves a part as it is';

CREATE FUNCTION customer_data.drop_tag(path text) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    had customer_data.tag;
    users text;
    without customer_data.customer_set;
BEGIN
    PERFORM customer_data.lock_portrait();
    had := customer_data.find_tag(path);
    -- Who asks for a branch that it lies in asks for whatever there is.
    SELECT string_agg(format('%s %s', u.kind, u.name), ', ' ORDER BY u.kind, u.name) INTO users
    FROM (SELECT DISTINCT u.kind, u.name FROM customer_data.tag_requests() u
          WHERE (u.path = had.path OR had.result = 'customer_data.tagset' AND starts_with(u.path, had.path || '.'))
            AND (u.kind, u.name) <> ('tag', had.path)) u;
    PERFORM customer_data.refuse_used('tag', path, users);
    LOCK TABLE customer_data.tag_due IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM customer_data.tag t WHERE t.tag_id = had.tag_id;
    DELETE FROM customer_data.given_tag g
    WHERE had.kind IN ('manual', 'imported') AND (g.path = had.path OR starts_with(g.path, had.path || '.'));
    WITH dropped AS (
        UPDATE customer_data.customer_tag c
        SET tags = customer_data.remove_tag(customer_data.remove_tag(c.tags, had.path), had.path || '.*')
        WHERE customer_data.tags_under(c.tags, had.path) OPERATOR(customer_data.<>) '{}'
           OR customer_data.tags_under(c.tags, had.path || '.*') OPERATOR(customer_data.<>) '{}'
              AND had.result = 'customer_data.tagset'
        RETURNING c.customer_id)
    SELECT customer_data.customer_set_agg(d.customer_id) INTO without FROM dropped d;
    PERFORM customer_data.touch('tag', without);
    PERFORM customer_data.index_tags(without, without, NULL);
    PERFORM customer_data.reset_tag_group(had.exclusive_group);
END
$$;
COMMENT ON FUNCTION customer_data.drop_tag(text) IS 'Drops a tag that nothing asks for, and takes it from all customers';

CREATE FUNCTION customer_data.tag_customer(customer_id bigint, path text, score double precision DEFAULT 1,
        at timestamptz DEFAULT now(), until timestamptz DEFAULT NULL, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    defined customer_data.tag;
    record bigint;
BEGIN
    defined := customer_data.tag_to_give(path);
    SELECT min(r.record_id) INTO record FROM customer_data.source_record r
    WHERE r.customer_id = tag_customer.customer_id AND r.gone_at IS NULL;
    IF record IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found',
            MESSAGE = format('there is no customer %s', coalesce(customer_id::text, 'NULL')),
            HINT = 'See customer_lineage() for an id that was merged away.';
    END IF;
    score := coalesce(score, 1);
    at := coalesce(at, now());
    until := CASE WHEN until = 'infinity' THEN NULL ELSE coalesce(until, at + defined.valid_for) END;
    -- What no tagset holds would stop the refresh of everybody's.
    PERFORM customer_data.set_tag('{}', path, score, at, NULL, until);
    INSERT INTO customer_data.given_tag (record_id, path, score, at, until, note, given_by)
    VALUES (record, path, score, at, until, note, quote_ident(current_user)::regrole)
    ON CONFLICT ON CONSTRAINT given_tag_pkey DO UPDATE
    SET score = excluded.score, at = excluded.at, until = excluded.until, note = excluded.note, given_by = excluded.given_by;
    PERFORM customer_data.touch('tag', ARRAY[tag_customer.customer_id]::customer_data.customer_set);
END
$$;
COMMENT ON FUNCTION customer_data.tag_customer(bigint, text, double precision, timestamptz, timestamptz, text) IS 'Gives a manual tag to a customer; it is there after the next refresh';

CREATE FUNCTION customer_data.tag_to_give(path text) RETURNS customer_data.tag
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    found customer_data.tag;
BEGIN
    SELECT t.* INTO found FROM customer_data.tag t
    WHERE t.path = tag_to_give.path OR t.kind = 'imported' AND starts_with(tag_to_give.path, t.path || '.')
    ORDER BY length(t.path) DESC LIMIT 1;
    IF found.path IS NULL THEN
        RETURN customer_data.find_tag(path);
    END IF;
    IF found.kind NOT IN ('manual', 'imported') THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('tag "%s" is decided by its expression', path),
            HINT = 'Only tags of kind manual and imported are given.';
    END IF;
    PERFORM customer_data.set_tag('{}', path);
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_data.tag_to_give(text) IS 'The definition of a tag that may be given to customers, or an error';

CREATE FUNCTION customer_data.untag_customer(customer_id bigint, path text) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    PERFORM customer_data.tag_to_give(path);
    DELETE FROM customer_data.given_tag g USING customer_data.source_record r
    WHERE r.record_id = g.record_id AND r.customer_id = untag_customer.customer_id AND g.path = untag_customer.path;
    PERFORM customer_data.touch('tag', ARRAY[untag_customer.customer_id]::customer_data.customer_set);
END
$$;
COMMENT ON FUNCTION customer_data.untag_customer(bigint, text) IS 'Takes a manual or imported tag from a customer';

CREATE FUNCTION customer_data.import_tags(query text, replace_path text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    given record;
    unknown text;
    imported bigint;
    gone customer_data.customer_set := '{}';
BEGIN
    SELECT array_agg(q.source) AS sources, array_agg(q.key) AS keys, array_agg(q.path) AS paths,
           array_agg(q.score) AS scores, array_agg(q.at) AS ats INTO given
    FROM customer_data.query_as(quote_ident(current_user)::regrole, current_setting('TimeZone'),
             'SELECT source::text, key::text, path::text, score::double precision, at::timestamptz FROM ('
             || regexp_replace(query, ';\s*$', '') || E'\n) AS q (source, key, path, score, at)')
         AS q (source text, key text, path text, score double precision, at timestamptz);
    SELECT p INTO unknown FROM (SELECT DISTINCT unnest(given.paths) AS p) d
    WHERE NOT EXISTS (SELECT FROM customer_data.tag t
                      WHERE t.kind = 'imported' AND (t.path = d.p OR starts_with(d.p, t.path || '.'))) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('"%s" does not lie below a tag of kind imported', unknown),
            HINT = 'Declare the branch first: SELECT customer_data.add_tag(''crm'', kind => ''imported'').';
    END IF;
    SELECT g.source INTO unknown FROM unnest(given.sources) g (source)
    WHERE NOT EXISTS (SELECT FROM customer_data.source s WHERE s.name = g.source) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('source "%s" does not exist', unknown),
            HINT = coalesce('Sources: ' || (SELECT string_agg(quote_literal(s.name), ', ' ORDER BY s.name) FROM customer_data.source s) || '.',
                            'Declare it with customer_data.add_source().');
    END IF;
    -- What no tagset holds would stop the refresh of everybody's.
    PERFORM customer_data.set_tag('{}', g.path, coalesce(g.score, 1), g.at, NULL, g.at + t.valid_for)
    FROM unnest(given.paths, given.scores, given.ats) g (path, score, at)
    JOIN customer_data.tag t ON t.kind = 'imported' AND (t.path = g.path OR starts_with(g.path, t.path || '.'));
    IF replace_path IS NOT NULL THEN
        PERFORM customer_data.tag_to_give(replace_path);
        WITH old AS (
            DELETE FROM customer_data.given_tag g
            WHERE g.path = replace_path OR starts_with(g.path, replace_path || '.')
            RETURNING g.record_id)
        SELECT customer_data.customer_set_agg(r.customer_id) INTO gone
        FROM old JOIN customer_data.source_record r USING (record_id);
    END IF;
    WITH rows AS (
        SELECT DISTINCT ON (r.record_id, g.path) r.record_id, r.customer_id, g.path, coalesce(g.score, 1) AS score,
               coalesce(g.at, now()) AS at
        FROM unnest(given.sources, given.keys, given.paths, given.scores, given.ats) g (source, key, path, score, at)
        JOIN customer_data.source s ON s.name = g.source
        JOIN customer_data.source_record r ON r.source_id = s.source_id AND r.key = g.key
        ORDER BY r.record_id, g.path, g.at DESC NULLS LAST
    ), put AS (
        INSERT INTO customer_data.given_tag AS old (record_id, path, score, at, until, given_by)
        SELECT r.record_id, r.path, r.score, r.at, r.at + t.valid_for, quote_ident(current_user)::regrole
        FROM rows r
        JOIN customer_data.tag t ON t.kind = 'imported' AND (t.path = r.path OR starts_with(r.path, t.path || '.'))
        ON CONFLICT (record_id, path) DO UPDATE
        SET score = excluded.score, at = excluded.at, until = excluded.until, given_by = excluded.given_by
    )
    SELECT count(*), gone | customer_data.customer_set_agg(r.customer_id) INTO imported, gone FROM rows r;
    PERFORM customer_data.touch('tag', gone);
    RETURN imported;
END
$$;
COMMENT ON FUNCTION customer_data.import_tags(text, text) IS 'Imports tags from a query that gives source, key, path, score and at; with replace_path what was imported below it before goes';

CREATE FUNCTION customer_data.evaluate_tags(tag_ids integer[], customers customer_data.customer_set[],
        given customer_data.customer_set, OUT evaluated bigint, OUT changed customer_data.customer_set,
        OUT gone customer_data.customer_set, OUT indexed boolean)
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_evaluate_tags';
COMMENT ON FUNCTION customer_data.evaluate_tags(integer[], customer_data.customer_set[], customer_data.customer_set) IS 'Evaluates tags, each for a set of customers (NULL: everyone), reads given tags anew for a set, and writes tagsets, errors and due moments; a part of refresh_tags()';

CREATE FUNCTION customer_data.bring_tags(rebuild boolean,
        OUT customers bigint, OUT evaluated bigint, OUT failed integer, OUT seconds double precision)
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp SET customer_data.recompute_past = off AS $$
DECLARE
    begun timestamptz := clock_timestamp();
    moved customer_data.customer_set;
    changed customer_data.customer_set := '{}';
    gone customer_data.customer_set := '{}';
    given customer_data.customer_set;
    due record;
    todo integer[];
    weighed boolean := EXISTS (SELECT FROM customer_data.tag t WHERE t.weighing IS NOT NULL);
    needs customer_data.customer_set[];
    done record;
    measured record;
    late boolean := EXISTS (SELECT FROM customer_data.metric m WHERE m.uses_tags <> '{}');
    late_due record;
    turn integer;
    room text;
    depth integer;
BEGIN
    customers := 0; evaluated := 0; failed := 0; seconds := 0;
    IF to_regclass('customer_data.customer') IS NULL OR to_regclass('customer_data.customer_tag') IS NULL THEN
        RETURN;
    END IF;
    -- One refresh at a time, of metrics first; readers are not kept waiting.
    IF late THEN
        LOCK TABLE customer_data.metric_due IN SHARE ROW EXCLUSIVE MODE;
        late_due := customer_data.take_due('metric', 
            (SELECT coalesce(array_agg(m.metric_id), '{}') FROM customer_data.metric_depth() m WHERE m.turn > 0));
    END IF;
    LOCK TABLE customer_data.tag_due IN SHARE ROW EXCLUSIVE MODE;
    -- What there is before the first refresh of a day is what the days before left.
    IF NOT EXISTS (SELECT FROM customer_data.tag_count_by_day d WHERE d.day = customer_data.as_of()::date) THEN
        INSERT INTO customer_data.tag_count_by_day (day, path, customers)
        SELECT customer_data.as_of()::date, n.path, n.customers FROM customer_data.tag_member_counts() n
        UNION ALL
        SELECT customer_data.as_of()::date, '*', coalesce((SELECT customer_data.cardinality(l.customers) FROM customer_data.tag_layer l WHERE l.layer = 0), 0);
        DELETE FROM customer_data.tag_count_by_day d WHERE d.day < customer_data.as_of()::date - 400;
    END IF;
    moved := customer_data.take_touched('tag');
    given := CASE WHEN rebuild THEN (SELECT customer_data.customer_set_agg(c.customer_id) FROM customer_data.customer c)
                  ELSE moved END;
    due := customer_data.take_due('tag', NULL);
    -- Metrics that ask for tags come between the tags they ask for and those that use them.
    FOR turn, room, depth, todo IN
        SELECT r.turn, 'tag', r.depth, r.tag_ids FROM customer_data.tag_rounds() r
        UNION ALL
        SELECT m.turn, 'metric', m.depth, array_agg(m.metric_id ORDER BY m.metric_id)
        FROM customer_data.metric_depth() m WHERE late AND m.turn > 0 GROUP BY 1, 3
        ORDER BY 1, 2, 3
    LOOP
        IF room = 'metric' THEN
            measured := customer_data.evaluate_metrics(todo,
                customer_data.whom_to_ask('metric', todo, NULL, moved, late_due.ids, late_due.customers, rebuild));
            evaluated := evaluated + measured.evaluated;
            moved := moved | measured.changed;
            CONTINUE;
        END IF;
        -- What tags are weighed against is learned when there is none yet, and
        -- anew when there are a fifth more or fewer customers.
        IF weighed THEN
            PERFORM customer_data.train_tag(t.path)
            FROM customer_data.tag t
            LEFT JOIN customer_data.tag_population_state p USING (tag_id)
            WHERE t.tag_id = ANY (todo) AND t.weighing IS NOT NULL
              AND (p.tag_id IS NULL
                   OR abs((SELECT count(*) FROM customer_data.customer) - p.everyone) > 0.2 * p.everyone);
        END IF;
        -- Whoever is asked about one tag of a group is asked about all of it.
        needs := customer_data.whom_to_ask('tag', todo,
            (SELECT array_agg(t.exclusive_group ORDER BY t.tag_id) FROM customer_data.tag t WHERE t.tag_id = ANY (todo)),
            moved, due.ids, due.customers, rebuild);
        done := customer_data.evaluate_tags(todo, coalesce(needs, '{}'), given);
        given := '{}';
        evaluated := evaluated + done.evaluated;
        moved := moved | done.changed;
        changed := changed | CASE WHEN done.indexed THEN '{}' ELSE done.changed END;
        gone := gone | done.gone;
    END LOOP;
    PERFORM customer_data.index_tags(CASE WHEN NOT rebuild THEN changed END, moved, gone);
    customers := customer_data.cardinality(moved);
    failed := (SELECT count(*) FROM customer_data.tag_state s WHERE s.error IS NOT NULL);
    PERFORM customer_data.touch('segment', moved);
    seconds := extract(epoch FROM clock_timestamp() - begun);
END
$$;
COMMENT ON FUNCTION customer_data.bring_tags(boolean) IS 'Does the work of refresh_tags() as of as_of(), which must not go back from one call to the next';

CREATE FUNCTION customer_data.refresh_tags(rebuild boolean DEFAULT false,
        OUT customers bigint, OUT evaluated bigint, OUT failed integer, OUT seconds double precision)
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    PERFORM customer_data.refuse_as_of('tags');
    PERFORM customer_data.refuse_unread_events();
    SELECT b.customers, b.evaluated, b.failed, b.seconds INTO customers, evaluated, failed, seconds
    FROM customer_data.bring_tags(rebuild) b;
END
$$;
COMMENT ON FUNCTION customer_data.refresh_tags(boolean) IS 'Brings tags up to date for customers whose data or metrics changed or whose tags expired, and hands those customers on to the segments';
