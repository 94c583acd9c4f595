"""Who may connect, and what they may do: certificates, users, and the roles they have."""
