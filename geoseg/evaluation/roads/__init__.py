"""Compare road networks with the truth, and make networks whose truth is known."""
