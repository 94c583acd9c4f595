-- What does a recorded event look like? One larger than $1 comes without what it holds, and tells so
-- by a negative kind.
SELECT
    e.position, e.stream, e.revision, CASE WHEN e.size <= $1 THEN e.kind ELSE -e.kind END,
    CASE WHEN e.size <= $1 THEN json_send(e.data) END,
    CASE WHEN e.size <= $1 THEN json_send(e.metadata) END,
    uuid_send(e.id), e.recorded_us
FROM events AS e
