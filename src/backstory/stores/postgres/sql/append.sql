-- What becomes of this append to one stream?
SELECT revision, position FROM append($1, $2, $3, $4, $5, $6, $7, $8, NULL)
