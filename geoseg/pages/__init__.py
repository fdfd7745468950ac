"""The frame of all HTML reports, and pictures in it: pages of one file that load nothing."""
