"""Where events live. Every store speaks `backstory.core.store.EventStore` and passes its suite."""
