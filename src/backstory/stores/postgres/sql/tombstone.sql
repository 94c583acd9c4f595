-- What becomes of this tombstone?
SELECT revision, position FROM tombstone($1, $2, $3, $4)
