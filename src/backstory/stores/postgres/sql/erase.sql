-- How many events of this stream are erased?
SELECT erase($1, $2)
