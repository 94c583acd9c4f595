-- What does a recorded event look like?
SELECT
    e.position, e.stream, e.revision, k.type,
    CAST(e.data AS BLOB), CAST(e.metadata AS BLOB), e.id, e.recorded_us
FROM events AS e
JOIN kinds AS k ON k.id = e.kind
