"""The road graph: joined from the blocks, then tidied."""
