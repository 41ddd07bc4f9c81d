-- portrait: expressions over a row of profile, checked and tried by hand.

CREATE FUNCTION customer_data.check_expression(expression text, wanted regtype DEFAULT NULL,
        OUT type regtype, OUT columns text[], OUT restless boolean, OUT uses text[], OUT tag_paths text[])
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'cd_check_expression';
COMMENT ON FUNCTION customer_data.check_expression(text, regtype) IS 'Parses an expression over a row of profile and says its type, the columns it reads, whether it is restless (its use of time or of tables cannot be followed, so that each refresh asks it of everyone), the columns its text names, and the tags it asks for';

CREATE FUNCTION customer_data.try_expression(expression text, customers customer_data.customer_set DEFAULT NULL,
        owner regrole DEFAULT NULL, time_zone text DEFAULT NULL,
        OUT customer_id bigint, OUT value text, OUT valid_until timestamptz) RETURNS SETOF record
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'cd_try_expression';
COMMENT ON FUNCTION customer_data.try_expression(text, customer_data.customer_set, regrole, text) IS 'The value of an expression for each customer (of a set), and until when it holds if nothing new arrives; run as the current user, or as an owner that the user could become';
