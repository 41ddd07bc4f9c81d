-- pg_temp.random_query(leaves): a tag query over the paths p.a to q.i and what lies below.
CREATE FUNCTION pg_temp.random_query(leaves int) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN random() < 0.3 THEN CASE WHEN random() < 0.3 THEN '!' ELSE '' END || '(' || string_agg(leaf, CASE WHEN random() < 0.5 THEN ' & ' ELSE ' | ' END) || ') & p.a'
                ELSE string_agg(leaf, CASE WHEN random() < 0.5 THEN ' & ' ELSE ' | ' END) END
    FROM (SELECT CASE WHEN random() < 0.25 THEN '!' ELSE '' END
              || CASE WHEN random() < 0.2 THEN (ARRAY['*', 'p.*', 'q.*', 'p.a.*', 'z.*'])[1 + floor(random() * 5)]
                      ELSE CASE WHEN random() < 0.5 THEN 'p' ELSE 'q' END || '.' || chr(97 + (random() * 8)::int) || CASE WHEN random() < 0.3 THEN '.z' ELSE '' END END
              || CASE WHEN random() < 0.5 THEN (ARRAY['>', '>=', '<', '<=', '='])[1 + floor(random() * 5)] || (ARRAY['0.5', '1', '0', '-0.3', '2.25', '7.25', '0.3', '0.85', '2', '0.7', '100'])[1 + floor(random() * 11)] ELSE '' END AS leaf
          FROM generate_series(1, leaves)) l
$$;
