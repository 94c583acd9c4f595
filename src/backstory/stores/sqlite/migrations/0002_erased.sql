-- How many events of each stream were erased? They were its oldest, so its revisions begin with this
-- number. What is missing from the log must add up to it: `verify` tells a gap from a fault by that.
CREATE TABLE erased (
    stream TEXT PRIMARY KEY,
    events INTEGER NOT NULL CHECK (events > 0)
) STRICT, WITHOUT ROWID;
