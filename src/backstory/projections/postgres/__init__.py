"""Read models in PostgreSQL: everything that is true of PostgreSQL alone."""
