"""The road graph: joined from blocks, then tidied."""
