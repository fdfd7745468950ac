"""Check what this machine has for predictions, and report what is wrong with it."""
