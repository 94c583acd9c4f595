-- Is it a file that notes what was erased? The first schema did not.
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'erased'
