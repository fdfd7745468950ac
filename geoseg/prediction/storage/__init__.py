"""Where the finished parts of a scene are kept until its results are written."""
