"""Evaluations of roads are written as JSON, Markdown, HTML and GeoPackage."""

import json
import re
import sqlite3
from contextlib import closing
from xml.etree import ElementTree as Xml

import geopandas
import pyogrio
import pytest
import shapely

from geoseg.errors import OutputError
from geoseg.evaluation.roads import evaluate_roads

TRUTH = [[(-200, 0), (0, 0), (200, 0)], [(0, 0), (0, 100)], [(150, 0), (150, 90)]]
FOUND = [[(-200, 1), (0, 1), (200, 1)], [(0, 1), (0, 101)], [(-100, 1), (-100, -50)]]


@pytest.fixture
def evaluation(write_roads):
    """One junction found, one missed, one false; a street missed and another false."""
    return evaluate_roads(write_roads(FOUND, "a.gpkg"), write_roads(TRUTH, "b.geojson", crs="EPSG:4326"))


def test_map_of_differences(evaluation, tmp_path):
    """Missed and false roads and junctions are in the reference's CRS, with geodesic lengths."""
    path = evaluation.write(tmp_path / "new" / "report")[-1]
    assert path.name == "differences.gpkg"
    missed, false, junctions = (pyogrio.read_dataframe(path, layer=layer) for layer in ("missed", "false", "junctions"))
    assert {frame.crs.to_epsg() for frame in (missed, false, junctions)} == {4326}
    # A street of 90 m is missed but for the 3 m where it leaves the other, which was found 1 m beside it.
    for frame, west, east, south, north in ((missed, 150, 150, 4, 90), (false, -100, -100, -50, -3)):
        (line,) = frame.to_crs(32633).geometry
        assert [*line.bounds] == pytest.approx(
            [500_000 + west, 5_400_000 + south, 500_000 + east, 5_400_000 + north], abs=0.1
        )
        assert frame.length_m.tolist() == pytest.approx([(north - south) / 0.9996], abs=0.01)
    rows = junctions.astype(object).where(junctions.notna(), None)[["status", "true_degree", "predicted_degree"]]
    assert rows.to_numpy().tolist() == [["found", 3, 3], ["missed", 3, None], ["false", None, 3]]
    assert junctions.offset_m[0] == pytest.approx(1, abs=0.01)


def test_map_across_the_antimeridian(tmp_path):
    """A road across 180° is not drawn around the Earth, whichever way its file counts longitudes."""
    for name, middle in (("true", 180), ("found", -180)):
        lines = [shapely.LineString([(middle - 0.002, lat), (middle + 0.002, lat)]) for lat in (10.0, 10.001)]
        shown = lines if name == "true" else lines[:1]
        geopandas.GeoDataFrame(geometry=shown, crs="EPSG:4326").to_file(tmp_path / f"{name}.gpkg")
    evaluation = evaluate_roads(tmp_path / "found.gpkg", tmp_path / "true.gpkg")
    (missed,) = pyogrio.read_dataframe(evaluation.write(tmp_path)[-1], layer="missed").geometry
    assert missed.length == pytest.approx(0.004, rel=1e-3)
    assert missed.bounds[1] == pytest.approx(10.001, abs=1e-6)


def test_every_layer_has_its_style(evaluation, tmp_path):
    """Each layer has a QGIS style, with junctions coloured by status; rewriting gives the same map."""
    path = evaluation.write(tmp_path)[-1]
    with closing(sqlite3.connect(path)) as database:
        styles = dict(database.execute("SELECT f_table_name, styleQML FROM layer_styles WHERE useAsDefault"))
    assert styles.keys() == {"missed", "false", "junctions"}
    values = {entry.get("value") for entry in Xml.fromstring(styles["junctions"]).iter("category")}
    assert values == {"found", "missed", "false"}
    colours = [re.search('line_color" v="(.*?)"', styles[name])[1] for name in ("missed", "false")]
    assert len(set(colours)) == 2
    before = path.read_bytes()
    assert evaluation.write(tmp_path, overwrite=True)[-1].read_bytes() == before


def test_nothing_to_show(write_roads, tmp_path):
    """The map of a perfect prediction has empty layers."""
    road = write_roads(TRUTH[:1], "a.gpkg")
    path = evaluate_roads(road, road).write(tmp_path / "report")[-1]
    assert [geopandas.read_file(path, layer=layer).shape[0] for layer in ("missed", "false", "junctions")] == [0, 0, 0]


def test_reports(evaluation, tmp_path):
    """JSON is the evaluation's; Markdown and HTML show the same scores, in tables with complete rows."""
    paths = evaluation.write(tmp_path)
    assert [path.name for path in paths[:3]] == ["evaluation.json", "evaluation.md", "evaluation.html"]
    document, markdown, page = (path.read_text() for path in paths[:3])
    assert json.loads(document) == evaluation.to_json()
    for score in ("apls_harmonic", "topo_f1", "quality", "relaxed_f1"):
        value = f"{getattr(evaluation.scores, score):.3f}"
        assert f"| {value} |" in markdown
        assert f"<td>{value}</td>" in page
    for block in (block for block in markdown.split("\n\n") if block.startswith("|")):
        assert len({line.count("|") for line in block.strip().splitlines()}) == 1


def test_pairs_have_a_map_each(write_roads, tmp_path):
    """Each of several pairs has a row in the report, and a map of its name."""
    for name in ("a", "b"):
        write_roads(FOUND, f"maps/{name}.gpkg")
        folder = write_roads(TRUTH, f"truth/{name}.gpkg").parent
    paths = evaluate_roads(tmp_path / "maps", folder).write(tmp_path / "report")
    assert [path.name for path in paths[3:]] == ["a_differences.gpkg", "b_differences.gpkg"]
    assert re.search(r"^\| b \| 0\.", paths[1].read_text(), re.MULTILINE)


def test_all_or_none(evaluation, tmp_path, monkeypatch):
    """Existing files are replaced only on request, and if one file cannot be written, none is."""
    (tmp_path / "differences.gpkg").touch()
    with pytest.raises(OutputError, match=r"differences\.gpkg exists"):
        evaluation.write(tmp_path)

    def full(differences, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("geoseg.evaluation.roads.result.write_differences", full)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
        evaluation.write(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir() if "evaluation" in path.name] == []
    assert (tmp_path / "differences.gpkg").stat().st_size == 0
