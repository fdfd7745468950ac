from pathlib import Path

import pytest

from geoseg.errors import OutputError, UsageError
from geoseg.files import check_outputs
from geoseg.vectors.targets import name_targets


@pytest.mark.parametrize(
    ("output", "formats", "files"),
    [
        ("out/a.gpkg", (), ["a.gpkg"]),
        ("maps/scene.gpkg", (), ["scene.gpkg"]),
        ("a.GeoJSON", (), ["a.qml", "a.GeoJSON"]),
        ("a.gpkg", ("gpkg", "geojson"), ["a.qml", "a.gpkg", "a.geojson"]),
        ("a.2024", ("parquet", "flatgeobuf"), ["a.2024.qml", "a.2024.parquet", "a.2024.fgb"]),
    ],
)
def test_names(output, formats, files):
    """The ending names a format, `formats` name more, all with one stem; a GeoPackage alone needs no style file."""
    found = name_targets(output, formats, "maps/scene.tif")
    assert [path.name for path in found.files] == files
    assert {path.parent for path in found.files} == {Path(output).parent}


@pytest.mark.parametrize(
    ("output", "formats", "message"),
    [
        ("areas", (), r"areas has no known ending \(.geojson, .gpkg, .fgb, .parquet\); add one, or give `formats`"),
        ("areas.shp", (), "areas.shp has no known ending"),
        ("areas", ("shapefile",), "format 'shapefile' is unknown; choose from geojson"),
        ("maps/scene.gpkg", ("geojson",), "scene.qml is the style of scene.tif; choose another `output` name"),
        ("..", ("gpkg",), "is not a file name"),
    ],
)
def test_refused_names(output, formats, message):
    """Missing and unknown formats, and the name of the raster's own style, are refused."""
    with pytest.raises(UsageError, match=message):
        name_targets(output, formats, "maps/scene.tif")


def test_existing_files(tmp_path):
    """An existing file is replaced only with `overwrite`, a folder never."""
    wanted = name_targets(tmp_path / "a.gpkg", ["geojson"], "scene.tif")
    check_outputs(wanted.files, overwrite=False)
    (tmp_path / "a.geojson").touch()
    with pytest.raises(
        OutputError, match=r"a\.geojson exists; choose another name, or replace it with `overwrite=True`"
    ):
        check_outputs(wanted.files, overwrite=False)
    check_outputs(wanted.files, overwrite=True)
    (tmp_path / "a.qml").mkdir()
    with pytest.raises(OutputError, match=r"a\.qml is a folder"):
        check_outputs(wanted.files, overwrite=True)
    with pytest.raises(OutputError, match="is not a folder; create it first"):
        check_outputs(name_targets(tmp_path / "none" / "a.gpkg", (), "scene.tif").files, overwrite=True)
