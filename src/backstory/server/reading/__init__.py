"""What reads, subscriptions and persistent subscriptions share: pages, filters, links, the tail."""
