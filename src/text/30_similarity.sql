-- How alike two names, companies or addresses are, 0 to 1.

CREATE FUNCTION customer_data.name_similarity(a text, b text) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'cd_name_similarity_sql';
COMMENT ON FUNCTION customer_data.name_similarity(text, text) IS
'similarity of two personal names, 0 to 1: tokens in any order, initials, short and foreign forms, particles, titles, swapped given and family names, other scripts; about 0.85 and above is usually the same name';

CREATE FUNCTION customer_data.company_similarity(a text, b text) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'cd_company_similarity_sql';
COMMENT ON FUNCTION customer_data.company_similarity(text, text) IS
'similarity of two company names, 0 to 1: the brand counts most, then trade and place, the legal form hardly; acronyms and other scripts are known';

CREATE FUNCTION customer_data.address_similarity(a text, b text) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'cd_address_similarity_sql';
COMMENT ON FUNCTION customer_data.address_similarity(text, text) IS
'similarity of two postal addresses, 0 to 1: numbers must agree, names may be spelled alike, parts only one of them has count little';
