"""Who applies which partition: leases with fencing tokens, shared out among processes."""
