"""Many scenes as one job: inputs, manifest, events."""
