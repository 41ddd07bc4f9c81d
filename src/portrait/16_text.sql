-- portrait: words and topics of texts.

CREATE FUNCTION customer_data.word_counts(events customer_data.timeline, pattern customer_data.event_pattern, property text,
        config regconfig DEFAULT 'pg_catalog.simple', half_life interval DEFAULT NULL) RETURNS customer_data.tagset
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_word_counts';
COMMENT ON FUNCTION customer_data.word_counts(customer_data.timeline, customer_data.event_pattern, text, regconfig, interval) IS 'In how many texts of a property each word is found, as normal form.form written; Chinese, Japanese, Korean and Thai are split by ICU, the rest by a text search configuration';

CREATE FUNCTION customer_data.text_words(input text, config regconfig DEFAULT 'pg_catalog.simple') RETURNS customer_data.tagset
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_text_words';
COMMENT ON FUNCTION customer_data.text_words(text, regconfig) IS 'The words of a text, as normal form.form written';

CREATE TABLE customer_data.topic (
    name text PRIMARY KEY,
    keywords text[] NOT NULL,
    config regconfig NOT NULL,
    description text,
    owner regrole NOT NULL DEFAULT quote_ident(current_user)::regrole
);
COMMENT ON TABLE customer_data.topic IS 'Topics: named lists of keywords by which texts are tagged';
COMMENT ON COLUMN customer_data.topic.name IS 'A tag path; the topic''s tag hangs there below the tag that looks for it';
COMMENT ON COLUMN customer_data.topic.keywords IS 'Words and phrases; in Chinese, Japanese and Korean parts of the text, Traditional or Simplified';
COMMENT ON COLUMN customer_data.topic.config IS 'Text search configuration by which words are brought to their normal form';
SELECT pg_catalog.pg_extension_config_dump('customer_data.topic', '');

CREATE FUNCTION customer_data.check_keywords(keywords text[], config regconfig) RETURNS void
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_check_keywords';
COMMENT ON FUNCTION customer_data.check_keywords(text[], regconfig) IS 'Refuses keywords of which nothing is left to look for';

CREATE FUNCTION customer_data.topics(events customer_data.timeline, pattern customer_data.event_pattern, property text,
        half_life interval DEFAULT NULL, prior double precision DEFAULT 1, names text[] DEFAULT NULL) RETURNS customer_data.tagset
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_topics';
COMMENT ON FUNCTION customer_data.topics(customer_data.timeline, customer_data.event_pattern, text, interval, double precision, text[]) IS 'The share of a property''s texts that touch each topic, recent ones weighing more if there is a half-life, shrunk as if prior texts more touched none';

CREATE FUNCTION customer_data.text_topics(input text, names text[] DEFAULT NULL) RETURNS customer_data.tagset
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_text_topics';
COMMENT ON FUNCTION customer_data.text_topics(text, text[]) IS 'The topics a text touches';

CREATE FUNCTION customer_data.reset_topic_tags() RETURNS void
    LANGUAGE sql SET search_path = customer_data, pg_catalog, pg_temp AS $$
    DELETE FROM customer_data.tag_state s USING customer_data.tag t
    WHERE t.tag_id = s.tag_id AND t.expression ~ '\mtopics\s*\(|\mtext_topics\s*\(';
    DELETE FROM customer_data.metric_state s USING customer_data.metric m
    WHERE m.metric_id = s.metric_id AND m.expression ~ '\mtopics\s*\(|\mtext_topics\s*\(';
$$;
COMMENT ON FUNCTION customer_data.reset_topic_tags() IS 'Has the tags and metrics that look for topics asked of everyone at the next refresh';

CREATE FUNCTION customer_data.find_topic(name text) RETURNS customer_data.topic
    LANGUAGE plpgsql STABLE SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    found customer_data.topic;
BEGIN
    SELECT t.* INTO found FROM customer_data.topic t WHERE t.name = find_topic.name;
    IF found.name IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no topic "%s"', name),
            HINT = coalesce((SELECT 'Did you mean ' || string_agg(format('"%s"', n.name), ' or ') || '?'
                             FROM (SELECT t.name FROM customer_data.topic t
                                   WHERE customer_data.levenshtein(t.name, find_topic.name) <= 3
                                   ORDER BY customer_data.levenshtein(t.name, find_topic.name), t.name LIMIT 2) n),
                            'Declare it with customer_data.add_topic(name, keywords).');
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_data.find_topic(text) IS 'A topic by name, or an error that names the nearest';

CREATE FUNCTION customer_data.add_topic(name text, keywords text[], config regconfig DEFAULT 'pg_catalog.simple', description text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    PERFORM customer_data.set_tag('{}', name);
    PERFORM customer_data.check_keywords(coalesce(keywords, '{}'), config);
    IF EXISTS (SELECT FROM customer_data.topic t WHERE t.name = add_topic.name) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('topic "%s" exists already', name),
            HINT = format('Change it with SELECT customer_data.alter_topic(%L, keywords => ...).', name);
    END IF;
    INSERT INTO customer_data.topic (name, keywords, config, description, owner)
    VALUES (name, keywords, config, description, quote_ident(current_user)::regrole);
    PERFORM customer_data.reset_topic_tags();
END
$$;
COMMENT ON FUNCTION customer_data.add_topic(text, text[], regconfig, text) IS 'Declares a topic: a name and the keywords by which a text touches it';

CREATE FUNCTION customer_data.alter_topic(name text, keywords text[] DEFAULT NULL, config regconfig DEFAULT NULL, description text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
DECLARE
    had customer_data.topic;
BEGIN
    had := customer_data.find_topic(name);
    PERFORM customer_data.check_keywords(coalesce(alter_topic.keywords, had.keywords), coalesce(alter_topic.config, had.config));
    UPDATE customer_data.topic t
    SET keywords = coalesce(alter_topic.keywords, t.keywords), config = coalesce(alter_topic.config, t.config),
        description = coalesce(alter_topic.description, t.description)
    WHERE t.name = had.name;
    PERFORM customer_data.reset_topic_tags();
END
$$;
COMMENT ON FUNCTION customer_data.alter_topic(text, text[], regconfig, text) IS 'Changes a topic; NULL leaves a part as it is';

CREATE FUNCTION customer_data.drop_topic(name text) RETURNS void
    LANGUAGE plpgsql SET search_path = customer_data, pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM customer_data.topic t WHERE t.name = (customer_data.find_topic(drop_topic.name)).name;
    PERFORM customer_data.reset_topic_tags();
END
$$;
COMMENT ON FUNCTION customer_data.drop_topic(text) IS 'Drops a topic; its tags go at the next refresh';
