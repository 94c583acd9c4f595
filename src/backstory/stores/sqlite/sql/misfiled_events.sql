-- Which events are filed under a category or type that is not theirs?
SELECT e.position
FROM events AS e
JOIN streams AS s ON s.id = e.stream
JOIN kinds AS k ON k.id = e.kind
WHERE k.type <> e.type
   OR k.category <> CASE instr(s.name, '-')
       WHEN 0 THEN s.name ELSE substr(s.name, 1, instr(s.name, '-') - 1) END
LIMIT 100
