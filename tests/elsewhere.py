"""Preloaded by workers of Dask that share no folder with the client: opening, making or renaming files there fails."""

import os
import sys

_APART = os.environ["GEOSEG_TEST_APART"]


def _refuse(event, arguments):
    if event in {"open", "os.mkdir", "os.rename", "os.listdir", "os.scandir", "os.remove"}:
        for path in arguments[:2]:
            if isinstance(path, str) and path.startswith(_APART):
                raise PermissionError(13, "a worker of this test shares no folder with the client", path)


sys.addaudithook(_refuse)
