-- portrait: why a customer has a tag, how tags are spread, what sets a segment apart.

CREATE FUNCTION customer_data.tag_coverage(OUT path text, OUT kind text, OUT customers bigint, OUT share double precision,
        OUT change bigint, OUT mean_score double precision, OUT refreshed_at timestamptz, OUT error text, OUT description text)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 100 SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    everyone bigint;
BEGIN
    IF to_regclass('customer_data.customer') IS NOT NULL THEN
        SELECT count(*) INTO everyone FROM customer_data.customer;
    END IF;
    RETURN QUERY
    WITH n AS MATERIALIZED (SELECT * FROM customer_data.tag_member_counts(scored => true))
    SELECT coalesce(n.path, t.path), t.kind, coalesce(n.customers, 0),
           CASE WHEN everyone > 0 THEN coalesce(n.customers, 0)::double precision / everyone END,
           CASE WHEN EXISTS (SELECT FROM customer_data.tag_count_by_day l WHERE l.day <= customer_data.as_of()::date) THEN coalesce(n.customers, 0) - coalesce(d.customers, 0) END,
           n.score / nullif(n.customers, 0), w.refreshed_at, w.error, t.description
    FROM n
    FULL JOIN (SELECT u.path AS found, d.* FROM customer_data.tag d
               LEFT JOIN n u
                 ON u.path = d.path OR d.result = 'customer_data.tagset' AND starts_with(u.path, d.path || '.')) t
      ON t.found = n.path
    LEFT JOIN customer_data.tag_state w USING (tag_id)
    LEFT JOIN customer_data.tag_count_by_day d
      ON d.path = coalesce(n.path, t.path) AND d.day = (SELECT max(l.day) FROM customer_data.tag_count_by_day l WHERE l.day <= customer_data.as_of()::date)
    ORDER BY 1;
END
$$;
COMMENT ON FUNCTION customer_data.tag_coverage() IS 'Each tag: how many customers have it now, their share, the change since the day before, mean score, last refresh, error';

CREATE VIEW customer_data.tag_coverage AS SELECT * FROM customer_data.tag_coverage();
COMMENT ON VIEW customer_data.tag_coverage IS 'Each tag: how many customers have it now, their share, the change since the day before, mean score, last refresh, error';

CREATE FUNCTION customer_data.explain_tag(customer_id bigint, path text)
    RETURNS TABLE (part text, what text, value text)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    defined customer_data.tag;
    all_tags customer_data.tagset;
    has customer_data.tagset;
    row_of jsonb;
    history customer_data.timeline;
    asked record;
    half_life double precision;
    outranked text;
BEGIN
    IF to_regclass('customer_data.customer') IS NOT NULL THEN
        PERFORM FROM customer_data.customer c WHERE c.customer_id = explain_tag.customer_id;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found', MESSAGE = format('there is no customer %s', coalesce(explain_tag.customer_id::text, 'NULL'));
    END IF;
    defined := customer_data.tag_deciding(explain_tag.path);
    SELECT p.tags INTO all_tags FROM customer_data.profile p WHERE p.customer_id = explain_tag.customer_id;
    has := customer_data.tags_under(coalesce(all_tags, '{}'), explain_tag.path);

    RETURN QUERY SELECT 'tag', explain_tag.path,
        CASE WHEN has OPERATOR(customer_data.=) '{}' THEN 'not there'
             WHEN NOT customer_data.has_tag(has, explain_tag.path) THEN 'expired'
             ELSE 'there' END;
    RETURN QUERY
    SELECT 'score', format('%s as of %s', round(g.score::numeric, 4), to_char(g.at, 'YYYY-MM-DD HH24:MI')), round(g.score_now::numeric, 4)::text || ' now'
    FROM customer_data.tags(has) g WHERE g.at IS NOT NULL
    UNION ALL SELECT 'score', 'score', round(g.score_now::numeric, 4)::text FROM customer_data.tags(has) g WHERE g.at IS NULL AND g.score <> 1
    UNION ALL SELECT 'decay', 'halves every', g.half_life::text FROM customer_data.tags(has) g WHERE g.half_life IS NOT NULL
    UNION ALL SELECT 'expiry', 'holds until', to_char(g.until, 'YYYY-MM-DD HH24:MI') FROM customer_data.tags(has) g WHERE g.until IS NOT NULL;

    IF defined.exclusive_group IS NOT NULL THEN
        SELECT string_agg(t.path, ', ' ORDER BY t.tag_id) INTO outranked
        FROM customer_data.tag t
        WHERE t.exclusive_group = defined.exclusive_group AND t.tag_id < defined.tag_id
          AND (customer_data.has_tag(all_tags, t.path) OR t.result = 'customer_data.tagset' AND customer_data.has_tag(all_tags, t.path || '.*'));
        RETURN QUERY SELECT 'group', 'first of group ' || defined.exclusive_group, coalesce(outranked || ' comes before', 'nothing comes before');
    END IF;
    IF defined.expression IS NULL THEN
        RETURN QUERY
        SELECT 'given', format('by %s at %s', n.given_by, to_char(n.at, 'YYYY-MM-DD HH24:MI')), coalesce(n.note, '')
        FROM customer_data.given_tag n JOIN customer_data.source_record r USING (record_id)
        WHERE r.customer_id = explain_tag.customer_id AND n.path = explain_tag.path ORDER BY n.at;
        RETURN;
    END IF;

    RETURN QUERY SELECT 'rule', defined.kind || coalesce(', at least ' || defined.min_score, ''), defined.expression;
    RETURN QUERY SELECT 'rule', 'gives now', coalesce(CASE defined.result WHEN 'double precision' THEN round(t.value::numeric, 4)::text ELSE t.value END, 'NULL')
                 FROM customer_data.try_expression(defined.expression, ARRAY[explain_tag.customer_id]::customer_data.customer_set,
                                                   defined.owner, defined.time_zone) t;
    -- What the rule looks at.
    SELECT to_jsonb(p) - 'events', p.events INTO row_of, history
    FROM customer_data.profile p WHERE p.customer_id = explain_tag.customer_id;
    RETURN QUERY
    SELECT 'input', u.name, coalesce(row_of ->> u.name, 'NULL')
    FROM unnest(defined.uses) u(name)
    WHERE u.name <> 'events';
    -- What each question about events answers; the rule makes its result of these.
    FOR asked IN
        SELECT DISTINCT ON (m[1]) m[1] AS call, m[2] AS function, replace(m[3], '''''', '''') AS pattern, m[4] AS more
        FROM regexp_matches(defined.expression,
                            '((event_[a-z]+|happened|decayed_sum|affinity|favourite|value_counts|word_counts|topics|unanswered)\s*\(\s*events\s*,\s*''((?:[^'']|'''')*)''(?:((?:[^()'']|''(?:[^'']|'''')*'')*)\))?)', 'g') m
    LOOP
        RETURN QUERY
        SELECT 'input', asked.call, coalesce(CASE WHEN t.value ~ '^-?\d+\.\d+(e[-+]\d+)?$' THEN round(t.value::numeric, 4)::text ELSE t.value END, 'NULL')
        FROM customer_data.try_expression(asked.call, ARRAY[explain_tag.customer_id]::customer_data.customer_set, defined.owner, defined.time_zone) t
        WHERE asked.call <> defined.expression AND asked.more IS NOT NULL;
        -- A decayed sum of events is what they add one by one.
        half_life := NULL;
        IF asked.function = 'decayed_sum' THEN
            SELECT extract(epoch FROM h - date_trunc('month', h)) + (extract(year FROM h) * 12 + extract(month FROM h)) * 30 * 86400 INTO half_life
            FROM (SELECT (regexp_match(asked.more, '^\s*,\s*(?:half_life\s*=>\s*)?''([^'']*)''(?:::interval)?\s*$'))[1]::interval) i (h);
        END IF;
        RETURN QUERY
        WITH counted AS (
            SELECT e.*, row_number() OVER (ORDER BY e.at DESC) AS place, 2 ^ (-extract(epoch FROM customer_data.as_of() - e.at)::double precision / half_life) AS adds
            FROM customer_data.events(history) e
            WHERE e.at <= customer_data.as_of() AND customer_data.event_matches(asked.pattern::customer_data.event_pattern, e.kind, e.value, e.quantity, e.event_id, e.properties)
        )
        (SELECT 'event', asked.pattern, format('%s %s%s%s', to_char(e.at, 'YYYY-MM-DD HH24:MI'), e.kind, coalesce(' ' || e.value, ''),
                                        CASE WHEN e.properties <> '{}' THEN ' ' || CASE WHEN length(e.properties::text) > 120 THEN left(e.properties::text, 119) || '…' ELSE e.properties::text END ELSE '' END)
                || coalesce(' adds ' || round(e.adds::numeric, 4), '')
         FROM counted e WHERE e.place <= 5 ORDER BY e.place)
        UNION ALL
        SELECT 'event', asked.pattern, format('%s earlier', count(*)) || coalesce(' add ' || round(sum(e.adds)::numeric, 4), '')
        FROM counted e WHERE e.place > 5 HAVING count(*) > 0;
        -- A share of events is that of those with the value among all that have one.
        IF asked.function = 'affinity' AND asked.call = defined.expression AND explain_tag.path <> defined.path THEN
            RETURN QUERY
            SELECT 'count', 'observations',
                   format('%s of %s', trim_scale(round(coalesce(max(g.score) FILTER (WHERE defined.path || '.' || g.path = explain_tag.path), 0)::numeric, 4)),
                          trim_scale(round(sum(g.score)::numeric, 4)))
            FROM customer_data.try_expression(regexp_replace(regexp_replace(asked.call, '^affinity', 'value_counts'), ',\s*(?:prior|top)\s*=>\s*[^,)]*', '', 'g'),
                                              ARRAY[explain_tag.customer_id]::customer_data.customer_set, defined.owner, defined.time_zone) t,
                 customer_data.tags(t.value::customer_data.tagset) g;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.explain_tag(bigint, text) IS 'Why a customer has a tag or not: its score, decay and rule, what the rule looks at and what that answers, the latest events it counts and what each adds to a decayed sum';

CREATE FUNCTION customer_data.explain_weighing(customer_id bigint, path text)
    RETURNS TABLE (tag text, count double precision, share double precision, customers bigint, population_share double precision,
                   tfidf double precision, lift double precision, lift_low double precision, lift_high double precision)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    defined customer_data.tag := customer_data.tag_deciding(explain_weighing.path);
    counts customer_data.tagset;
    everyone double precision;
BEGIN
    IF defined.weighing IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('tag "%s" is not weighed against a population', explain_weighing.path),
            HINT = 'See explain_tag().';
    END IF;
    SELECT t.value::customer_data.tagset INTO counts
    FROM customer_data.try_expression(defined.expression, ARRAY[explain_weighing.customer_id]::customer_data.customer_set,
                                      defined.owner, defined.time_zone) t;
    everyone := (SELECT s.customers FROM customer_data.tag_population_state s WHERE s.tag_id = defined.tag_id);
    RETURN QUERY
    SELECT format('%s.%s', defined.path, coalesce(p.shown, n.shown, n.label)), n.n, n.n / (n.total + defined.prior), p.customers, p.share,
           n.n / (n.total + defined.prior) * ln((1 + everyone) / (1 + p.customers)),
           l.lift, l.lift / exp(1.959964 / sqrt(n.n + defined.prior)), l.lift * exp(1.959964 / sqrt(n.n + defined.prior))
    FROM (SELECT split_part(g.path, '.', 1) AS label, max(nullif(split_part(g.path, '.', 2), '')) AS shown,
                 sum(g.score::double precision) AS n, sum(sum(g.score::double precision)) OVER () AS total
          FROM customer_data.tags(counts) g GROUP BY 1) n
    LEFT JOIN customer_data.tag_population p ON p.tag_id = defined.tag_id AND p.label = n.label
    CROSS JOIN LATERAL (SELECT (n.n + defined.prior) / nullif(n.total * coalesce(p.share, 0) + defined.prior, 0)) l (lift)
    WHERE explain_weighing.path IN (defined.path, format('%s.%s', defined.path, coalesce(p.shown, n.shown, n.label)))
    ORDER BY CASE defined.weighing WHEN 'tfidf' THEN n.n / (n.total + defined.prior) * ln((1 + everyone) / (1 + p.customers))
                                   WHEN 'share' THEN n.n ELSE l.lift END DESC NULLS LAST, 1;
END
$$;
COMMENT ON FUNCTION customer_data.explain_weighing(bigint, text) IS 'What the scores of a weighed tag rest on: the customer''s counts, how common each value is, and the score by each way of weighing';

CREATE FUNCTION customer_data.share_interval(hits bigint, trials bigint, OUT low double precision, OUT high double precision)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    -- Wilson's interval, 95 percent
    SELECT CASE WHEN n > 0 THEN greatest(0, (p + z2 / (2 * n) - 1.959964 * sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)) END,
           CASE WHEN n > 0 THEN least(1, (p + z2 / (2 * n) + 1.959964 * sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)) END
    FROM (SELECT $1 / n, n, 1.959964::double precision * 1.959964 FROM (SELECT nullif($2, 0)::double precision) t(n)) v(p, n, z2)
$$;
COMMENT ON FUNCTION customer_data.share_interval(bigint, bigint) IS 'Wilson''s 95 percent confidence interval of a share; NULL without trials';

CREATE FUNCTION customer_data.tgi(members customer_data.customer_set, base customer_data.customer_set DEFAULT NULL)
    RETURNS TABLE (path text, customers bigint, share double precision, base_customers bigint, base_share double precision,
                   tgi double precision, low double precision, high double precision)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    counts customer_data.tagset;
    base_counts customer_data.tagset;
    n bigint;
    base_n bigint;
BEGIN
    SELECT count(*) FILTER (WHERE c.customer_id <@ members), count(*) INTO n, base_n
    FROM customer_data.customer c WHERE base IS NULL OR c.customer_id <@ base;
    EXECUTE format('SELECT customer_data.tag_counts(t.tags) FILTER (WHERE t.customer_id <@ $1), customer_data.tag_counts(t.tags)
                    FROM %s t WHERE $2 IS NULL OR t.customer_id <@ $2', customer_data.tags_relation())
    INTO counts, base_counts USING members, base;
    RETURN QUERY
    SELECT b.path, coalesce(s.score, 0)::bigint, coalesce(s.score, 0)::double precision / nullif(n, 0),
           b.score::bigint, b.score::double precision / base_n,
           100 * (coalesce(s.score, 0)::double precision / nullif(n, 0)) / (b.score::double precision / base_n),
           100 * i.low / (b.score::double precision / base_n), 100 * i.high / (b.score::double precision / base_n)
    FROM customer_data.tags(coalesce(base_counts, '{}')) b
    LEFT JOIN customer_data.tags(coalesce(counts, '{}')) s ON s.path = b.path
    CROSS JOIN LATERAL customer_data.share_interval(coalesce(s.score, 0)::bigint, n) i
    ORDER BY 6 DESC NULLS LAST, 1;
END
$$;
COMMENT ON FUNCTION customer_data.tgi(customer_data.customer_set, customer_data.customer_set) IS 'Target group index of each tag: its share in a set of customers, divided by its share in a base (everyone), times 100, with a 95 percent interval';

CREATE FUNCTION customer_data.segment_tgi(name text)
    RETURNS TABLE (path text, customers bigint, share double precision, base_customers bigint, base_share double precision,
                   tgi double precision, low double precision, high double precision)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM customer_data.tgi(customer_data.segment_members(name));
END
$$;
COMMENT ON FUNCTION customer_data.segment_tgi(text) IS 'Target group index of each tag in a segment against everyone';

CREATE FUNCTION customer_data.profile_difference(a customer_data.customer_set, b customer_data.customer_set)
    RETURNS TABLE (kind text, name text, value text, customers_a bigint, share_a double precision, customers_b bigint, share_b double precision,
                   mean_a double precision, mean_b double precision, median_a double precision, median_b double precision)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    c record;
    number text;
    dated boolean;
    n_a double precision := nullif(customer_data.cardinality(a), 0);
    n_b double precision := nullif(customer_data.cardinality(b), 0);
BEGIN
    FOR c IN
        SELECT p.name, p.origin, p.type::regtype AS type FROM customer_data.profile_column p
        WHERE p.origin IN ('attribute', 'metric') ORDER BY p.origin, p.position
    LOOP
        number := CASE WHEN c.type IN ('double precision'::regtype, 'integer', 'bigint', 'smallint', 'real', 'numeric') THEN format('p.%I::double precision', c.name)
                       WHEN c.type = 'interval'::regtype THEN format('extract(epoch FROM p.%I)::double precision / 86400', c.name) END;
        IF number IS NOT NULL THEN
            RETURN QUERY EXECUTE format(
                'SELECT %L::text, %L::text, NULL::text, count(v) FILTER (WHERE in_a), count(v) FILTER (WHERE in_a) / $3,
                        count(v) FILTER (WHERE in_b), count(v) FILTER (WHERE in_b) / $4,
                        avg(v) FILTER (WHERE in_a), avg(v) FILTER (WHERE in_b),
                        percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FILTER (WHERE in_a),
                        percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FILTER (WHERE in_b)
                 FROM (SELECT %s AS v, p.customer_id <@ $1 AS in_a, p.customer_id <@ $2 AS in_b
                       FROM customer_data.profile p WHERE p.customer_id <@ ($1 | $2)) r', c.origin, c.name, number)
            USING a, b, n_a, n_b;
        ELSIF c.type <> 'customer_data.timeline'::regtype THEN
            -- Dates by year, in order; everything else by its most frequent values.
            dated := c.type IN ('date'::regtype, 'timestamp', 'timestamptz');
            RETURN QUERY EXECUTE format(
                'SELECT %L::text, %L::text, v, count(*) FILTER (WHERE in_a), count(*) FILTER (WHERE in_a) / $3,
                        count(*) FILTER (WHERE in_b), count(*) FILTER (WHERE in_b) / $4,
                        NULL::double precision, NULL::double precision, NULL::double precision, NULL::double precision
                 FROM (SELECT %s AS v, p.customer_id <@ $1 AS in_a, p.customer_id <@ $2 AS in_b
                       FROM customer_data.profile p WHERE p.customer_id <@ ($1 | $2)) r
                 WHERE v IS NOT NULL GROUP BY v HAVING %s', c.origin, c.name,
                CASE WHEN dated THEN format('extract(year FROM p.%I)::text', c.name) ELSE format('p.%I::text', c.name) END,
                CASE WHEN dated THEN 'true ORDER BY v::double precision' ELSE 'count(*) > 1 ORDER BY count(*) DESC, v LIMIT 10' END)
            USING a, b, n_a, n_b;
        END IF;
    END LOOP;
    RETURN QUERY
    SELECT 'tag', t.path, NULL::text, t.customers, t.share, u.customers, u.share,
           NULL::double precision, NULL::double precision, NULL::double precision, NULL::double precision
    FROM customer_data.tgi(a) t JOIN customer_data.tgi(b) u USING (path)
    WHERE t.customers > 0 OR u.customers > 0
    ORDER BY abs(coalesce(t.share, 0) - coalesce(u.share, 0)) DESC, t.path;
END
$$;
COMMENT ON FUNCTION customer_data.profile_difference(customer_data.customer_set, customer_data.customer_set) IS 'Two sets of customers beside each other on every attribute, metric and tag, ready for a chart';

CREATE FUNCTION customer_data.segment_profile(a text, b text)
    RETURNS TABLE (kind text, name text, value text, customers_a bigint, share_a double precision, customers_b bigint, share_b double precision,
                   mean_a double precision, mean_b double precision, median_a double precision, median_b double precision)
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM customer_data.profile_difference(customer_data.segment_members(a), customer_data.segment_members(b));
END
$$;
COMMENT ON FUNCTION customer_data.segment_profile(text, text) IS 'Two segments beside each other on every attribute, metric and tag, ready for a chart';

CREATE FUNCTION customer_data.tag_weights(members customer_data.customer_set, paths text DEFAULT '*') RETURNS customer_data.tagset
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    weights customer_data.tagset;
BEGIN
    -- Log of how much likelier a member has the tag than anybody else, smoothed.
    EXECUTE format($weigh$
        SELECT customer_data.tagset_agg(b.path,
                   ln((coalesce(s.score, 0) + 0.5) / (c.n + 1) / ((b.score - coalesce(s.score, 0) + 0.5) / (c.others + 1))), NULL, NULL, NULL)
        FROM (SELECT customer_data.tag_counts(customer_data.tags_under(t.tags, $2)) FILTER (WHERE t.customer_id <@ $1) AS counts,
                     customer_data.tag_counts(customer_data.tags_under(t.tags, $2)) AS base_counts,
                     count(*) FILTER (WHERE t.customer_id <@ $1)::double precision AS n,
                     count(*) FILTER (WHERE NOT t.customer_id <@ $1)::double precision AS others
              FROM %s t) c
        CROSS JOIN LATERAL customer_data.tags(c.base_counts) b
        LEFT JOIN LATERAL customer_data.tags(coalesce(c.counts, '{}')) s ON s.path = b.path
    $weigh$, customer_data.tags_relation()) INTO weights USING members, paths;
    RETURN weights;
END
$$;
COMMENT ON FUNCTION customer_data.tag_weights(customer_data.customer_set, text) IS 'What each tag says for being like the members of a set: log of the ratio of its shares among them and among others';

CREATE FUNCTION customer_data.lookalikes(members customer_data.customer_set, n integer, paths text DEFAULT '*')
    RETURNS TABLE (customer_id bigint, score double precision, lift double precision, lift_low double precision, lift_high double precision)
    LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    held customer_data.customer_set;
    weights customer_data.tagset;
    found bigint;
    looked bigint;
    all_held bigint;
    everyone bigint;
    i record;
BEGIN
    IF n IS NULL OR n < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'n must be positive';
    END IF;
    -- Nobody is like nobody.
    IF customer_data.cardinality(members) = 0 THEN
        RETURN;
    END IF;
    -- A fifth of the members is held back: how many of them are found among
    -- the n best says how much better than chance the ranking is.
    SELECT customer_data.customer_set_agg(m) INTO held FROM customer_data.members(members) m WHERE abs(hashint8(m) % 5) = 0;
    weights := coalesce(customer_data.tag_weights(members - held, paths), '{}');
    EXECUTE format('SELECT count(*) FILTER (WHERE r.is_held), count(*)
                    FROM (SELECT t.customer_id <@ $1 AS is_held
                          FROM %s t
                          WHERE NOT t.customer_id <@ ($2 - $1)
                          ORDER BY customer_data.dot_product(customer_data.tag_presence(t.tags), $3) DESC, t.customer_id LIMIT $4) r',
                   customer_data.tags_relation())
    INTO found, looked USING held, members, weights, n;
    SELECT count(*) FILTER (WHERE c.customer_id <@ held), count(*) INTO all_held, everyone
    FROM customer_data.customer c WHERE NOT c.customer_id <@ (members - held);
    i := customer_data.share_interval(found, looked);
    weights := coalesce(customer_data.tag_weights(members, paths), '{}');
    RETURN QUERY EXECUTE format('SELECT t.customer_id, customer_data.dot_product(customer_data.tag_presence(t.tags), $2), $4, $5, $6
                                 FROM %s t
                                 WHERE NOT t.customer_id <@ $1
                                 ORDER BY 2 DESC, 1 LIMIT $3', customer_data.tags_relation())
    USING members, weights, n,
          (found::double precision / nullif(looked, 0)) / nullif(all_held::double precision / nullif(everyone, 0), 0),
          i.low / nullif(all_held::double precision / nullif(everyone, 0), 0),
          i.high / nullif(all_held::double precision / nullif(everyone, 0), 0);
END
$$;
COMMENT ON FUNCTION customer_data.lookalikes(customer_data.customer_set, integer, text) IS 'The n customers most like the members of a set by their tags, and the lift of that ranking measured on members held back';

CREATE FUNCTION customer_data.lookalike(name text, n integer DEFAULT 100, paths text DEFAULT '*')
    RETURNS TABLE (customer_id bigint, score double precision, lift double precision, lift_low double precision, lift_high double precision)
    LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM customer_data.lookalikes(customer_data.segment_members(name), n, paths);
END
$$;
COMMENT ON FUNCTION customer_data.lookalike(text, integer, text) IS 'The n customers most like the members of a segment by their tags below a prefix, and the lift of that ranking measured on members held back';
