-- Which events are filed under a category that is not theirs?
SELECT e.position
FROM events AS e
JOIN kinds AS k ON k.id = e.kind
WHERE k.category <> CASE instr(e.stream, '-')
    WHEN 0 THEN e.stream ELSE substr(e.stream, 1, instr(e.stream, '-') - 1) END
LIMIT 100
