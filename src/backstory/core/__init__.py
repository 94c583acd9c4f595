"""The words of event sourcing: values, protocols and errors. No I/O; msgspec is all it knows."""
