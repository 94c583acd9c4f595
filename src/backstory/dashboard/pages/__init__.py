"""The pages: each asks `explore` for what it shows, and answers with a model and its frame."""
