"""The event store: codec, personal-data keys, group-commit writer, loading, snapshots."""
