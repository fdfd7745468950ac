"""What this machine has for predictions, and what is wrong with it."""
