"""Warnings, and the user's own names of temporary files."""

from pathlib import Path

import pytest
from standins import warned

import geoseg
from geoseg.errors import SceneError
from geoseg.messages import known_as, report_once, warn


def test_all_warnings_come_from_here():
    """No other module issues warnings itself: they could name a temporary file."""
    package = Path(geoseg.__file__).parent
    issuing = [path for path in package.rglob("*.py") if "warnings.warn(" in path.read_text(encoding="utf-8")]
    assert issuing == [package / "messages.py"]


def test_own_names():
    """A temporary file is called by the user's own name, in warnings and in errors, however deep; not afterwards."""
    with known_as("scene.zip", made="scene.tif"), known_as("scene.tif", made="/tmp/scene.vrt"):
        with warned(r"^scene\.zip is wide\.$"):
            warn("/tmp/scene.vrt is wide.")
        with warned(r"^other\.vrt is wide\.$"):
            warn("other.vrt is wide.")
    with warned(r"^/tmp/scene\.vrt is wide\.$"):
        warn("/tmp/scene.vrt is wide.")
    with pytest.raises(SceneError, match=r"^scene\.tif is empty\.$"), known_as("scene.tif", made="/tmp/scene.vrt"):
        raise SceneError("/tmp/scene.vrt is empty.")


def test_a_sentence_for_many_images():
    """The same of several images is one warning, which counts the others."""
    found = [("bands", "a.tif has 4 bands."), ("bands", "b.tif has 4 bands."), ("bands", "c.tif has 4 bands.")]
    with warned(r"^a\.tif has 4 bands\. The same holds for 2 more images\.$"):
        report_once(found)
    with warned(r"^a\.tif has 4 bands\. The same holds for 1 more image\.$"):
        report_once(found[:2])
    with warned(r"^a\.tif has 4 bands\.$", r"^b\.tif has no data\.$"):
        report_once([found[0], ("data", "b.tif has no data.")])
