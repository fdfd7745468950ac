"""`python -m geoseg` is the command line."""

from geoseg.cli import main

if __name__ == "__main__":
    main(prog_name="geoseg")
