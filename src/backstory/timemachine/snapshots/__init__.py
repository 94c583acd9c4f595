"""Snapshots of all read models of an application, which no database engine owns."""
