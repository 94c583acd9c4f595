-- Tell whoever listens that there is more to read. Nobody waits for the disk because of a hint.
SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, '')
