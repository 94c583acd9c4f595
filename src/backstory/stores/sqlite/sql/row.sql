-- What does a recorded event look like?
SELECT
    e.position, e.stream, e.revision, t.name,
    CAST(e.data AS BLOB), CAST(e.metadata AS BLOB), e.id, e.recorded_us
FROM events AS e
JOIN types AS t ON t.id = e.type
