"""A process that runs probes of libraries and writes what they find, a line of JSON each."""

import json
import os
import sys
from dataclasses import asdict

from .findings import guarded
from .libraries import NEEDED, PROBES


def main(names: list[str]) -> None:
    """Run probes by name; the line before a probe's findings names it, and an empty finding ends them."""
    # What libraries print must not mix with the findings.
    with os.fdopen(os.dup(1), "w") as output:
        os.dup2(2, 1)
        for name in names:
            topic, check = PROBES[name]
            print(json.dumps({"begin": name}), file=output, flush=True)
            for finding in guarded(topic, name, check, needed=name in NEEDED):
                print(json.dumps({"finding": asdict(finding)}), file=output, flush=True)
            print(json.dumps({"end": name}), file=output, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
