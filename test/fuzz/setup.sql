-- \ir fuzz/setup.sql: makes fuzz_type(), from the driver that test/run built.
DO $$
BEGIN
    EXECUTE format('CREATE FUNCTION fuzz_type(type regtype, seeds text[], n int, seed int,
            OUT tried int, OUT valid int, OUT rejected int, OUT problems text[])
        LANGUAGE c AS %L, ''customer_data_fuzz_type''', current_setting('test.fuzz'));
END
$$;
