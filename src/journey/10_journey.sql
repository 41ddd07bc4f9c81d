-- Journeys: stages that customers pass through, each a condition over profile.

CREATE TABLE customer_data.journey_definition (
    journey_id  int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name <> ''),
    description text,
    model       text,
    version     int NOT NULL DEFAULT 1,
    owner       regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    time_zone   text NOT NULL DEFAULT current_setting('TimeZone'),
    added_at    timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER own_definition BEFORE INSERT OR UPDATE OF owner, time_zone ON customer_data.journey_definition
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_definition();
COMMENT ON TABLE customer_data.journey_definition IS 'Journeys; add_journey() writes it, the view journey shows it';
COMMENT ON COLUMN customer_data.journey_definition.version IS 'Counts changes of the stages; a refresh that finds another version than it walked last walks with everyone';
COMMENT ON COLUMN customer_data.journey_definition.owner IS 'The stages'' conditions are evaluated with the rights of this role';
SELECT pg_catalog.pg_extension_config_dump('customer_data.journey_definition', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.journey_definition_journey_id_seq', '');

CREATE TABLE customer_data.journey_stage (
    stage_id     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    journey_id   int NOT NULL REFERENCES customer_data.journey_definition ON DELETE CASCADE,
    name         text NOT NULL CHECK (name <> ''),
    label        text,
    position     int NOT NULL,
    condition    text NOT NULL,
    description  text,
    content      text[],
    minimum_stay interval,
    lapse        interval,
    as_today     text,
    segments     text[] NOT NULL DEFAULT '{}',
    uses         text[] NOT NULL DEFAULT '{}',
    uses_tags    text[] NOT NULL DEFAULT '{}',
    UNIQUE (journey_id, name),
    UNIQUE (journey_id, position) DEFERRABLE
);
CREATE FUNCTION customer_data.own_stage() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM customer_data.check_definer(TG_RELID, j.owner) FROM customer_data.journey_definition j WHERE j.journey_id = NEW.journey_id;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION customer_data.own_stage() IS 'Trigger: a stage''s condition runs as the owner of its journey, whom the writer could become';
CREATE TRIGGER own_stage BEFORE INSERT OR UPDATE OF journey_id, condition ON customer_data.journey_stage
    FOR EACH ROW EXECUTE FUNCTION customer_data.own_stage();
COMMENT ON TABLE customer_data.journey_stage IS 'The stages of journeys; add_stage() writes it';
COMMENT ON COLUMN customer_data.journey_stage.label IS 'The stage''s name in another language';
COMMENT ON COLUMN customer_data.journey_stage.position IS 'A customer is in the last stage whose condition holds';
COMMENT ON COLUMN customer_data.journey_stage.content IS 'Kinds of content that suit the stage';
COMMENT ON COLUMN customer_data.journey_stage.minimum_stay IS 'Whoever enters stays at least so long';
COMMENT ON COLUMN customer_data.journey_stage.lapse IS 'How long after its condition ceased to hold a customer falls back; 0: at once, NULL: never';
COMMENT ON COLUMN customer_data.journey_stage.as_today IS 'What the condition looks at that has no history, so that it counts as it is today at every moment; NULL: nothing, past stages are exact';
COMMENT ON COLUMN customer_data.journey_stage.segments IS 'Segments that the condition asks for';
COMMENT ON COLUMN customer_data.journey_stage.uses IS 'Columns of profile that the condition names';
COMMENT ON COLUMN customer_data.journey_stage.uses_tags IS 'Paths and prefixes of tags that the condition asks for; *: it looks at all';
SELECT pg_catalog.pg_extension_config_dump('customer_data.journey_stage', '');
SELECT pg_catalog.pg_extension_config_dump('customer_data.journey_stage_stage_id_seq', '');

CREATE TABLE customer_data.journey_state (
    journey_id   int PRIMARY KEY REFERENCES customer_data.journey_definition ON DELETE CASCADE,
    version      int NOT NULL,
    refreshed_at timestamptz,
    error        text,
    error_at     timestamptz,
    error_customer bigint
);
COMMENT ON TABLE customer_data.journey_state IS 'What became of each journey at the last refresh; derived';
COMMENT ON COLUMN customer_data.journey_state.refreshed_at IS 'Moment the stages are of; it stands still while the journey fails';
COMMENT ON COLUMN customer_data.journey_state.error_customer IS 'With whom it failed: until that passes or the stages change, nobody else is walked with';

-- No foreign keys here: to check each of millions of rows would cost more than
-- writing them, and a stage may be dropped while a refresh walks with it.
CREATE TABLE customer_data.stage_stay (
    journey_id  int NOT NULL,
    customer_id bigint NOT NULL,
    entered_at  timestamptz NOT NULL,
    left_at     timestamptz,
    stage_id    int NOT NULL,
    why         text,
    PRIMARY KEY (journey_id, customer_id, entered_at)
);
CREATE INDEX stage_stay_current ON customer_data.stage_stay (stage_id) WHERE left_at IS NULL;
COMMENT ON TABLE customer_data.stage_stay IS 'Every stay of every customer in a stage, back to the first thing known of them; derived, a refresh finds it all again';
COMMENT ON COLUMN customer_data.stage_stay.entered_at IS '-infinity: nothing is known of when';
COMMENT ON COLUMN customer_data.stage_stay.left_at IS 'NULL: still there';
COMMENT ON COLUMN customer_data.stage_stay.why IS 'Kind of the event that brought the customer in, or time';

CREATE TABLE customer_data.stage_member (
    stage_id int NOT NULL,
    chunk    int NOT NULL,
    members  customer_data.customer_set NOT NULL,
    PRIMARY KEY (stage_id, chunk)
);
COMMENT ON TABLE customer_data.stage_member IS 'Who is in each stage, as of the last refresh, in chunks of 65536 ids as in condition_member; derived';

CREATE TABLE customer_data.journey_due (
    journey_id int NOT NULL REFERENCES customer_data.journey_definition ON DELETE CASCADE,
    due        timestamptz NOT NULL,
    customers  customer_data.customer_set NOT NULL
);
CREATE INDEX journey_due_due ON customer_data.journey_due (due);
COMMENT ON TABLE customer_data.journey_due IS 'Customers whose stage may change at a moment though nothing new arrives; derived';

CREATE TABLE customer_data.journey_model (
    model       text NOT NULL,
    position    int NOT NULL,
    stage       text NOT NULL,
    label       text,
    condition   text NOT NULL,
    lapse       interval,
    description text,
    content     text[],
    PRIMARY KEY (model, position)
);
COMMENT ON TABLE customer_data.journey_model IS 'Ready-made journeys: add_journey(name, model) copies their stages, alter_stage() fits them to your kinds of events; seed';

CREATE FUNCTION customer_data.walk_journey(journey_id integer, customers customer_data.customer_set, compare boolean DEFAULT false,
        OUT what text, OUT customer_id bigint, OUT stage_id integer, OUT entered_at timestamptz,
        OUT left_at timestamptz, OUT why text, OUT due timestamptz, OUT members customer_data.customer_set, OUT message text, OUT place tid)
    RETURNS SETOF record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cd_walk_journey';
COMMENT ON FUNCTION customer_data.walk_journey(integer, customer_data.customer_set, boolean) IS 'The way of customers (NULL: everyone) through a journey up to as_of(): rows stay, due and error; compare: what of it differs from stage_stay, of which new stays are inserted and others are rows update and delete, who is in which stage, who changed, and who is gone; a part of walk_part()';

CREATE FUNCTION customer_data.journey_named(name text) RETURNS customer_data.journey_definition
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    answer customer_data.journey_definition;
    near   text;
BEGIN
    SELECT * INTO answer FROM customer_data.journey_definition j WHERE j.name = journey_named.name;
    IF NOT FOUND THEN
        SELECT string_agg(quote_literal(n.name), ', ') INTO near
        FROM (SELECT j.name FROM customer_data.journey_definition j
              ORDER BY customer_data.levenshtein(j.name, journey_named.name), j.name LIMIT 3) n;
        RAISE EXCEPTION 'journey "%" does not exist', name
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Journeys: ' || near || '.', 'Declare one with customer_data.add_journey().');
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION customer_data.journey_named(text) IS 'A journey by its name; a clear error where there is none';

-- Whoever changes a journey must be its owner: its conditions run as one role.
CREATE FUNCTION customer_data.own_journey(name text) RETURNS customer_data.journey_definition
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    j customer_data.journey_definition := customer_data.journey_named(name);
BEGIN
    IF j.owner <> quote_ident(current_user)::regrole THEN
        RAISE EXCEPTION 'journey "%" belongs to role %', name, j.owner
            USING ERRCODE = 'insufficient_privilege',
                  DETAIL = 'The conditions of its stages run with that role''s rights.',
                  HINT = format('SET ROLE %s;', j.owner);
    END IF;
    RETURN j;
END
$$;
COMMENT ON FUNCTION customer_data.own_journey(text) IS 'A journey that the current role may change';

CREATE FUNCTION customer_data.stage_named(journey text, stage text) RETURNS customer_data.journey_stage
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    j      customer_data.journey_definition := customer_data.journey_named(journey);
    answer customer_data.journey_stage;
BEGIN
    SELECT * INTO answer FROM customer_data.journey_stage s WHERE s.journey_id = j.journey_id AND s.name = stage;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'journey "%" has no stage "%"', journey, stage
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce((SELECT 'Stages: ' || string_agg(quote_literal(s.name), ', ' ORDER BY s.position) || '.'
                                   FROM customer_data.journey_stage s WHERE s.journey_id = j.journey_id),
                                  'It has none yet: declare one with customer_data.add_stage().');
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION customer_data.stage_named(text, text) IS 'A stage by its name; a clear error where there is none';

CREATE FUNCTION customer_data.refuse_asked_stage(journey text, stage text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    users text;
BEGIN
    SELECT string_agg(DISTINCT coalesce(quote_ident(d.name), 'population of a threshold'), ', ') INTO users
    FROM customer_data.condition_need n LEFT JOIN customer_data.segment_definition d USING (condition_id)
    WHERE n.kind = 'stage' AND n.name = journey AND n.stage = coalesce(refuse_asked_stage.stage, n.stage);
    IF users IS NOT NULL THEN
        RAISE EXCEPTION '% is still asked for', format(CASE WHEN stage IS NULL THEN 'journey "%s"' ELSE 'stage "%2$s" of journey "%1$s"' END, journey, stage)
            USING ERRCODE = 'dependent_objects_still_exist',
                  DETAIL = 'These segments use it: ' || users || '.',
                  HINT = 'Drop or alter them first.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.refuse_asked_stage(text, text) IS 'Refuses to drop or rename a stage, or a journey (NULL), that segments ask for';

CREATE FUNCTION customer_data.check_stage_condition(condition text, OUT as_today text, OUT segments text[], OUT uses text[], OUT uses_tags text[])
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    checked record := customer_data.check_condition(condition);
    missing text;
BEGIN
    IF checked.untracked IS NOT NULL THEN
        RAISE EXCEPTION 'the condition of a stage cannot use %', checked.untracked
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = 'A journey is walked through time, so it must be known when each answer changes.',
                  HINT = 'Use within_last(), older_than(), comparisons with as_of(), the functions on events; or make it a segment and write in_segment(customer_id, ''name'').';
    END IF;
    IF cardinality(checked.stages) > 0 THEN
        RAISE EXCEPTION 'the condition of a stage cannot ask for a stage'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = 'Stages are known only when their journey has been walked.',
                  HINT = 'Make it a segment and write in_segment(customer_id, ''name'').';
    END IF;
    SELECT s.name INTO missing FROM unnest(checked.segments) AS s(name)
    WHERE NOT EXISTS (SELECT FROM customer_data.segment_definition d WHERE d.name = s.name) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'segment "%" does not exist', missing
            USING ERRCODE = 'undefined_object', HINT = customer_data.nearest_segments(missing);
    END IF;
    IF cardinality(checked.metrics) > 0 THEN
        RAISE EXCEPTION 'the condition of a stage cannot compare with all customers'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = 'A journey is walked one customer at a time, through moments at which the others'' figures are not at hand.',
                  HINT = 'Make it a segment and write in_segment(customer_id, ''name'').';
    END IF;
    PERFORM customer_data.note_unknown_tags(checked.tags);
    segments := checked.segments;
    uses := checked.columns;
    uses_tags := checked.tags;
    as_today := (
        SELECT string_agg(x.what, ', ' ORDER BY x.what) FROM (
            SELECT format('segment %s', s.name) AS what FROM unnest(checked.segments) AS s(name)
            UNION ALL
            SELECT format('%s %s', coalesce(p.origin, 'attribute'), c.name)
            FROM unnest(checked.columns) AS c(name)
            LEFT JOIN customer_data.profile_column p ON p.name = c.name
            LEFT JOIN customer_data.metric m ON p.origin = 'metric' AND m.name = c.name
            WHERE c.name NOT IN ('customer_id', 'events', 'registered_at', 'birth_date')
              AND NOT coalesce(m.ready_made OR m.owner = quote_ident(current_user)::regrole, false)) x);
END
$$;
COMMENT ON FUNCTION customer_data.check_stage_condition(text) IS 'Refuses what cannot be the condition of a stage; answers what in it counts as it is today at every moment, and which segments, columns of profile and tags it asks for';

CREATE FUNCTION customer_data.check_stage_name(j customer_data.journey_definition, name text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(name, '') = '' THEN
        RAISE EXCEPTION 'a stage of journey "%" needs a name', j.name USING ERRCODE = 'invalid_name';
    END IF;
    IF EXISTS (SELECT FROM customer_data.journey_stage s WHERE s.journey_id = j.journey_id AND s.name = check_stage_name.name) THEN
        RAISE EXCEPTION 'journey "%" already has a stage "%"', j.name, name
            USING ERRCODE = 'duplicate_object', HINT = 'Change it with customer_data.alter_stage().';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_data.check_stage_name(customer_data.journey_definition, text) IS 'Refuses a name for a new stage of a journey, or a renamed one, that is none or taken';

CREATE FUNCTION customer_data.add_stage(journey text, stage text, condition text, place integer DEFAULT NULL,
        fall_back boolean DEFAULT true, minimum_stay interval DEFAULT NULL, lapse interval DEFAULT NULL,
        label text DEFAULT NULL, description text DEFAULT NULL, content text[] DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    j     customer_data.journey_definition := customer_data.own_journey(journey);
    today record;
BEGIN
    PERFORM customer_data.check_stage_name(j, stage);
    IF minimum_stay < interval '0' OR lapse < interval '0' THEN
        RAISE EXCEPTION 'minimum_stay and lapse must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    today := customer_data.check_stage_condition(condition);
    IF EXISTS (SELECT FROM customer_data.journey_stage s
               WHERE s.journey_id = j.journey_id AND s.position = add_stage.place) THEN
        UPDATE customer_data.journey_stage s SET position = s.position + 1
        WHERE s.journey_id = j.journey_id AND s.position >= add_stage.place;
    END IF;
    INSERT INTO customer_data.journey_stage (journey_id, name, label, position, condition, description, content, minimum_stay, lapse, as_today, segments, uses, uses_tags)
    VALUES (j.journey_id, stage, add_stage.label,
            coalesce(add_stage.place,
                     (SELECT coalesce(max(s.position), 0) + 1 FROM customer_data.journey_stage s WHERE s.journey_id = j.journey_id)),
            add_stage.condition, add_stage.description, add_stage.content, add_stage.minimum_stay,
            CASE WHEN fall_back THEN coalesce(add_stage.lapse, interval '0') ELSE add_stage.lapse END, today.as_today, today.segments, today.uses, today.uses_tags);
    UPDATE customer_data.journey_definition d SET version = d.version + 1 WHERE d.journey_id = j.journey_id;
    PERFORM customer_data.refuse_circle(d.condition_id) FROM customer_data.segment_definition d WHERE d.name = ANY (today.segments);
END
$$;
COMMENT ON FUNCTION customer_data.add_stage(text, text, text, integer, boolean, interval, interval, text, text, text[]) IS 'Adds a stage, at the end or at a position: a customer is in the last stage whose condition holds; fall_back => false keeps whoever reached it, lapse => span keeps them so long after its condition ceased';

CREATE FUNCTION customer_data.alter_stage(journey text, stage text, condition text DEFAULT NULL,
        minimum_stay interval DEFAULT NULL, lapse interval DEFAULT NULL, label text DEFAULT NULL,
        description text DEFAULT NULL, content text[] DEFAULT NULL, new_name text DEFAULT NULL,
        place integer DEFAULT NULL, fall_back boolean DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    j     customer_data.journey_definition := customer_data.own_journey(journey);
    had   customer_data.journey_stage := customer_data.stage_named(journey, stage);
    today record;
BEGIN
    IF minimum_stay < interval '0' OR lapse < interval '0' THEN
        RAISE EXCEPTION 'minimum_stay and lapse must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    today := customer_data.check_stage_condition(coalesce(alter_stage.condition, 'true'));
    IF new_name <> stage THEN
        PERFORM customer_data.refuse_asked_stage(journey, stage);
        PERFORM customer_data.check_stage_name(j, new_name);
    END IF;
    -- Whoever is at the place now, and all after it, move one on.
    IF place <> had.position THEN
        UPDATE customer_data.journey_stage s
        SET position = CASE WHEN s.stage_id = had.stage_id THEN alter_stage.place ELSE s.position + 1 END
        WHERE s.journey_id = j.journey_id AND (s.stage_id = had.stage_id OR s.position >= alter_stage.place
              AND EXISTS (SELECT FROM customer_data.journey_stage t WHERE t.journey_id = j.journey_id AND t.position = alter_stage.place));
    END IF;
    UPDATE customer_data.journey_stage s
    SET condition = coalesce(alter_stage.condition, s.condition),
        as_today = CASE WHEN alter_stage.condition IS NULL THEN s.as_today ELSE today.as_today END,
        segments = CASE WHEN alter_stage.condition IS NULL THEN s.segments ELSE today.segments END,
        uses = CASE WHEN alter_stage.condition IS NULL THEN s.uses ELSE today.uses END,
        uses_tags = CASE WHEN alter_stage.condition IS NULL THEN s.uses_tags ELSE today.uses_tags END,
        minimum_stay = coalesce(alter_stage.minimum_stay, s.minimum_stay),
        lapse = CASE WHEN fall_back THEN coalesce(alter_stage.lapse, s.lapse, '0')
                     WHEN NOT fall_back THEN alter_stage.lapse
                     ELSE coalesce(alter_stage.lapse, s.lapse) END,
        label = coalesce(alter_stage.label, s.label),
        description = coalesce(alter_stage.description, s.description),
        content = coalesce(alter_stage.content, s.content),
        name = coalesce(alter_stage.new_name, s.name)
    WHERE s.stage_id = had.stage_id;
    UPDATE customer_data.journey_definition d SET version = d.version + 1 WHERE d.journey_id = j.journey_id;
    PERFORM customer_data.refuse_circle(d.condition_id) FROM customer_data.segment_definition d WHERE d.name = ANY (today.segments);
END
$$;
COMMENT ON FUNCTION customer_data.alter_stage(text, text, text, interval, interval, text, text, text[], text, integer, boolean) IS 'Changes what is given of a stage, its place among the others and whether customers fall back from it too; the next refresh walks with everyone again';

CREATE FUNCTION customer_data.drop_stage(journey text, stage text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    j   customer_data.journey_definition := customer_data.own_journey(journey);
    had customer_data.journey_stage := customer_data.stage_named(journey, stage);
BEGIN
    PERFORM customer_data.refuse_asked_stage(journey, stage);
    DELETE FROM customer_data.journey_stage s WHERE s.stage_id = had.stage_id;
    UPDATE customer_data.journey_definition d SET version = d.version + 1 WHERE d.journey_id = j.journey_id;
END
$$;
COMMENT ON FUNCTION customer_data.drop_stage(text, text) IS 'Removes a stage from a journey; the next refresh walks without it';

CREATE FUNCTION customer_data.add_journey(name text, model text DEFAULT NULL, description text DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    m customer_data.journey_model;
BEGIN
    IF coalesce(name, '') = '' THEN
        RAISE EXCEPTION 'a journey needs a name' USING ERRCODE = 'invalid_name';
    END IF;
    IF EXISTS (SELECT FROM customer_data.journey_definition j WHERE j.name = add_journey.name) THEN
        RAISE EXCEPTION 'journey "%" already exists', name
            USING ERRCODE = 'duplicate_object', HINT = 'Drop it first, with customer_data.drop_journey().';
    END IF;
    IF model IS NOT NULL AND NOT EXISTS (SELECT FROM customer_data.journey_model jm WHERE jm.model = add_journey.model) THEN
        RAISE EXCEPTION 'there is no ready-made journey "%"', model
            USING ERRCODE = 'undefined_object',
                  HINT = (SELECT 'Ready-made: ' || string_agg(DISTINCT quote_literal(jm.model), ', ') || '.'
                          FROM customer_data.journey_model jm);
    END IF;
    INSERT INTO customer_data.journey_definition (name, description, model)
    VALUES (add_journey.name, add_journey.description, add_journey.model);
    FOR m IN SELECT * FROM customer_data.journey_model jm WHERE jm.model = add_journey.model ORDER BY jm.position LOOP
        PERFORM customer_data.add_stage(add_journey.name, m.stage, m.condition, m.position, fall_back => m.lapse IS NOT NULL,
                                        lapse => m.lapse, label => m.label, description => m.description, content => m.content);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_data.add_journey(text, text, text) IS 'Declares a journey, empty or with the stages of a ready-made model (journey_model)';

CREATE FUNCTION customer_data.drop_journey(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = customer_data, pg_catalog, pg_temp
AS $$
DECLARE
    j customer_data.journey_definition := customer_data.own_journey(name);
BEGIN
    PERFORM customer_data.refuse_asked_stage(name, NULL);
    DELETE FROM customer_data.stage_stay y WHERE y.journey_id = j.journey_id;
    DELETE FROM customer_data.journey_definition d WHERE d.journey_id = j.journey_id;
END
$$;
COMMENT ON FUNCTION customer_data.drop_journey(text) IS 'Drops a journey with its stages and its history';
