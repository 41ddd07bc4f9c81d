-- \ir include/seed.sql: :seed is that of TEST_SEED, else what the test has set, else drawn; it is printed and random() begins with it.
\if :{?seed}
\else
SELECT (random() * 1e9)::int AS seed \gset
\endif
SELECT coalesce(nullif(current_setting('test.seed', true), ''), :'seed') AS seed \gset
SELECT diag('seed ' || :seed) FROM setseed((:seed % 1000) / 1000.0);
