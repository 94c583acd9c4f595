"""Between the messages of EventStoreDB and our events."""
