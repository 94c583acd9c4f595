-- How does a stream end for good, and how is erased what nobody may read any more?

-- How many events of each stream were erased? They were its oldest, so its revisions begin with this
-- number. What is missing from the log must add up to it: `verify` tells a gap from a fault by that.
CREATE TABLE erased (
    stream text COLLATE "C" PRIMARY KEY,
    events bigint NOT NULL CHECK (events > 0)
);

-- May a fact be changed? Only by being erased, in the function below.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    IF tg_op = 'DELETE' AND tg_table_name = 'events'
        AND current_setting('backstory.erasing', true) = 'on'
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'what is in % is a fact: it is never updated or deleted', tg_table_name
        USING ERRCODE = 'restrict_violation';
END
$$;

-- What becomes of a tombstone for this stream? `wanted` as in `append_each`. Answers where it stands;
-- for one that is refused no position, and the revision the stream is at. No revision is larger than
-- that of a tombstone, so an append behind it fails by itself: its revision is out of range.
CREATE FUNCTION tombstone(
    of_stream text,
    wanted bigint,
    event_id uuid,
    at_us bigint,
    OUT revision bigint,
    OUT "position" bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT
AS $$
DECLARE
    last constant bigint := 9223372036854775807;
    latest_us bigint;
    head bigint;
    kind integer;
BEGIN
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM FROM store FOR UPDATE;
    SELECT max(e.revision) INTO revision FROM events AS e WHERE e.stream = of_stream;
    IF revision = last
        OR (wanted >= 0 AND revision IS DISTINCT FROM wanted)
        OR (wanted = -1 AND revision IS NOT NULL)
        OR (wanted = -3 AND revision IS NULL)
    THEN
        RETURN;
    END IF;
    SELECT e.position, e.recorded_us INTO head, latest_us
    FROM events AS e ORDER BY e.position DESC LIMIT 1;
    at_us := greatest(
        latest_us, coalesce(at_us, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    );
    kind := (numbers_of(ARRAY[split_part(of_stream, '-', 1)], ARRAY['$streamDeleted']))[1];
    revision := last;
    position := coalesce(head, 0) + 1;
    INSERT INTO events (position, revision, recorded_us, kind, size, id, stream, data, metadata)
    VALUES (position, last, at_us, kind, 4, event_id, of_stream, '{}', '{}');
END
$$;

-- How many events of this stream are erased, those before a revision, though never its last one?
CREATE FUNCTION erase(of_stream text, before bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT
AS $$
DECLARE
    gone bigint;
BEGIN
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM FROM store FOR UPDATE;
    PERFORM set_config('backstory.erasing', 'on', true);
    DELETE FROM events AS e
    WHERE e.stream = of_stream AND e.revision < before
        AND e.revision < (SELECT max(l.revision) FROM events AS l WHERE l.stream = of_stream);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('backstory.erasing', '', true);
    IF gone > 0 THEN
        INSERT INTO erased AS r (stream, events) VALUES (of_stream, gone)
        ON CONFLICT (stream) DO UPDATE SET events = r.events + excluded.events;
    END IF;
    RETURN gone;
END
$$;

REVOKE ALL ON FUNCTION tombstone, erase FROM PUBLIC;
