"""Join skeleton pieces to a road graph, and tidy it."""
