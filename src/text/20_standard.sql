-- Standard forms of values. Immutable, NULL in NULL out, unless said otherwise.

CREATE FUNCTION customer_data.normalize_name(name text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_normalize_name_sql';
COMMENT ON FUNCTION customer_data.normalize_name(text) IS
'a personal name in lower case without accents, punctuation, titles and forms of address; "Family, Given" turned; Han as Simplified without spaces';

CREATE FUNCTION customer_data.normalize_company(name text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_normalize_company_sql';
COMMENT ON FUNCTION customer_data.normalize_company(text) IS
'a company name folded and without its legal forms (GmbH, S.A. de C.V., 有限公司, 株式会社, ...)';

CREATE FUNCTION customer_data.company_parts(name text, OUT place text, OUT brand text, OUT trade text, OUT legal_form text)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_company_parts_sql';
COMMENT ON FUNCTION customer_data.company_parts(text) IS
'place, brand, trade and legal form of a company name, folded: 武汉 | 海明智业 | 电子商务 | 有限公司';

CREATE FUNCTION customer_data.normalize_address(address text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_normalize_address_sql';
COMMENT ON FUNCTION customer_data.normalize_address(text) IS
'a postal address folded, with kinds of streets, directions and units in one form each and numerals as digits';

CREATE FUNCTION customer_data.fingerprint(value text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_fingerprint_sql';
COMMENT ON FUNCTION customer_data.fingerprint(text) IS
'the folded words of a text, sorted, each once: texts that differ in case, accents, punctuation or order of words have the same fingerprint';

CREATE FUNCTION customer_data.ngram_fingerprint(value text, n int DEFAULT 2) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_ngram_fingerprint_sql';
COMMENT ON FUNCTION customer_data.ngram_fingerprint(text, int) IS
'the n-grams of the folded letters and digits of a text, sorted, each once, joined';

CREATE FUNCTION customer_data.romanize(value text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_romanize_sql';
COMMENT ON FUNCTION customer_data.romanize(text) IS
'a text in Latin letters; a Chinese name as a name, family name first: 諸葛曉雯 is Zhuge Xiaowen';

CREATE FUNCTION customer_data.phonetic_key(name text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_phonetic_key_sql';
COMMENT ON FUNCTION customer_data.phonetic_key(text) IS
'a key by sound, word by word, of a name in any script: names that sound alike have the same key';

CREATE FUNCTION customer_data.email_key(email text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_email_key_sql';
COMMENT ON FUNCTION customer_data.email_key(text) IS
'the mailbox an address leads to: lower case, domain by IDNA, dots and +suffix of gmail.com dropped; NULL if it is no address. For matching, not for writing to';

CREATE FUNCTION customer_data.is_email(email text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_is_email_sql';
COMMENT ON FUNCTION customer_data.is_email(text) IS 'has the text the form of an e-mail address';

CREATE FUNCTION customer_data.phone_e164(phone text, region text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_phone_e164_sql';
COMMENT ON FUNCTION customer_data.phone_e164(text, text) IS
'a phone number in international form, as dialled in a region (ISO 3166 code, or empty for international numbers only); NULL if it cannot be one';

CREATE FUNCTION customer_data.is_phone(phone text, region text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_is_phone_sql';
COMMENT ON FUNCTION customer_data.is_phone(text, text) IS
'is the text a phone number of a range in use, dialled in a region, and no placeholder';

CREATE FUNCTION customer_data.standardize(attribute text, value text, region text DEFAULT NULL,
	OUT standard text, OUT issue text)
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_standardize_sql';
COMMENT ON FUNCTION customer_data.standardize(text, text, text) IS
'standard form of a value of a well-known attribute (any other name is folded), and what is wrong or doubtful about it. A NULL standard cannot be compared. Stable: dates after as_of() are in the future';

CREATE FUNCTION customer_data.standardize_record(attributes text[], given text[], region text DEFAULT NULL,
	OUT standard text[], OUT issue smallint[])
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_standardize_record_sql';
COMMENT ON FUNCTION customer_data.standardize_record(text[], text[], text) IS
'standardize() for all values of a record by position; issues as numbers (see issue_name), NULL if there is none';

CREATE FUNCTION customer_data.issue_name(issue smallint) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_issue_name_sql';
COMMENT ON FUNCTION customer_data.issue_name(smallint) IS 'the name of an issue by its number; NULL for 0';

CREATE FUNCTION customer_data.text_versions(OUT icu text, OUT libphonenumber text, OUT rules int)
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cd_text_versions_sql';
COMMENT ON FUNCTION customer_data.text_versions() IS
'versions of the libraries and rules that standard forms depend on; libphonenumber is NULL where it is not installed';
