"""Following the log: projections keep read models in step with it, each event exactly once."""
