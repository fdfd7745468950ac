"""PROJ's database that cannot be used is named; the CRS of a file is not reported as missing, nor lost in results."""

from pathlib import Path

import pytest
from processes import finish, one_sentence, shipped
from pyproj.exceptions import ProjError
from rasterio.errors import CRSError

from geoseg.errors import GeosegError
from geoseg.rasters.proj_database import VARIABLES, refuse_broken_database

SAMPLE = Path(__file__).parents[2] / "sample_rasters" / "suburb.tif"


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("command", [("info",), ("resize", "--scale", ".5")], ids=["info", "resize"])
def test_another_programs_folder(tmp_path, command, variable):
    """Variables that other installers set for all programs are to be unset, whatever a command needs the CRS for."""
    results = [] if command == ("info",) else [str(tmp_path / "half.tif")]
    code, text = finish(shipped(*command, SAMPLE, *results), **{variable: str(tmp_path)})
    assert code == 1
    one_sentence(text, "GDAL cannot use PROJ's database", "Cannot find proj.db", f"unset {variable} ({tmp_path})")
    assert list(tmp_path.iterdir()) == []


def test_a_server_of_grids_that_cannot_be_reached(tmp_path):
    """PROJ_NETWORK, as conda sets it, does not keep a machine without a network from writing coordinates in degrees."""
    classes, made = SAMPLE.with_name("suburb_classes.tif"), []
    closed = {"PROJ_NETWORK_ENDPOINT": "http://127.0.0.1:9"}
    for number, network in enumerate(("OFF", "ON")):
        target = tmp_path / f"{number}.geojson"
        code, text = finish(shipped("polygons", classes, "-o", target), PROJ_NETWORK=network, **closed)
        assert code == 0, text
        made.append(target.read_bytes())
    one_sentence(text, "PROJ is to download grids (PROJ_NETWORK), and cannot", "127.0.0.1:9")
    assert made[0] == made[1]


def test_too_little_memory(monkeypatch):
    """SQLite's lack of memory is reported as that, not as a faulty installation."""

    def without_memory(*_arguments):
        raise ProjError("proj_create: SQLite error on SELECT name FROM metadata: out of memory")

    monkeypatch.setattr("pyproj.Transformer.from_crs", without_memory)
    with pytest.raises(MemoryError, match="for PROJ's database"):
        refuse_broken_database()


def test_packages_without_their_database(monkeypatch):
    """Where no variable is set, the package that lacks its database is to be installed again."""

    def without(*_arguments):
        raise CRSError("The EPSG code is unknown. PROJ: Cannot find proj.db.")

    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("rasterio.warp.transform", without)
    with pytest.raises(GeosegError, match=r"\(The EPSG .* Cannot find proj.db\); install rasterio again\.$"):
        refuse_broken_database()
