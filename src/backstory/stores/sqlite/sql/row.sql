-- What does a recorded event look like?
SELECT
    e.position, s.name, e.revision, t.name,
    CAST(e.data AS BLOB), CAST(e.metadata AS BLOB), e.id, e.recorded_us
FROM events AS e
JOIN streams AS s ON s.id = e.stream
JOIN types AS t ON t.id = e.type
