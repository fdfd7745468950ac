import json

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geoseg.roads import Road, RoadTotals, write_geojson


def road(line, length_m=12.3456):
    return Road(line=np.array(line, float), length_m=length_m, width_m=7.04)


def test_file_is_read_as_lines_in_lonlat(tmp_path):
    """Another library reads the lines where reprojection puts them, to 7 decimals, with rounded properties."""
    lines = [[(500_000, 5_500_000), (500_100, 5_500_050)], [(500_100, 5_500_050), (500_200, 5_500_000)]]
    path = tmp_path / "roads.geojson"
    totals = write_geojson((road(line) for line in lines), path, "EPSG:32632")
    assert totals == RoadTotals(count=2, length_km=pytest.approx(0.0246912))
    found = gpd.read_file(path)
    expected = gpd.GeoSeries(shapely.linestrings(lines), crs=32632).to_crs(4326)
    assert found.crs == "EPSG:4326"
    assert found.geometry.geom_equals_exact(expected, 0.51e-7).all()
    assert found["id"].tolist() == [1, 2]
    assert found["length_m"].tolist() == [12.35, 12.35]
    assert found["width_m"].tolist() == [7.0, 7.0]
    positions = np.concatenate(
        [feature["geometry"]["coordinates"] for feature in json.loads(path.read_text())["features"]]
    )
    np.testing.assert_array_equal(positions, np.round(positions, 7))


def test_empty_network_is_a_valid_collection(tmp_path):
    """No roads make a FeatureCollection without features."""
    path = tmp_path / "none.geojson"
    assert write_geojson([], path, "EPSG:32632") == RoadTotals(count=0, length_km=0)
    assert json.loads(path.read_text()) == {"type": "FeatureCollection", "features": []}


@pytest.mark.parametrize("shift", [0, 360])
def test_line_is_cut_at_the_antimeridian(tmp_path, shift):
    """A line across ±180° becomes two that meet there, and keeps the length of the whole (RFC 7946, 3.1.9)."""
    line = [(179.999, 10.0), (180.001 if shift else -179.999, 10.002)]
    path = tmp_path / "roads.geojson"
    write_geojson([road(line, 313.2)], path, "OGC:CRS84")
    feature = json.loads(path.read_text())["features"][0]
    assert feature["geometry"] == {
        "type": "MultiLineString",
        "coordinates": [[[179.999, 10.0], [180.0, 10.001]], [[-180.0, 10.001], [-179.999, 10.002]]],
    }
    assert feature["properties"]["length_m"] == 313.2


@pytest.mark.parametrize("west_to_east", [True, False])
def test_line_that_turns_back_at_the_antimeridian(tmp_path, west_to_east):
    """Two passes make three parts in either direction, none of them longer than a hemisphere."""
    line = [(179.9, 0.0), (180.1, 0.0), (179.9, 0.2)] if west_to_east else [(180.1, 0.0), (179.9, 0.0), (180.1, 0.2)]
    path = tmp_path / "roads.geojson"
    write_geojson([road(line)], path, "OGC:CRS84")
    geometry = json.loads(path.read_text())["features"][0]["geometry"]
    assert len(geometry["coordinates"]) == 3
    for part in geometry["coordinates"]:
        assert np.ptp(np.array(part)[:, 0]) <= 0.1 + 1e-9
    assert sum(shapely.LineString(part).length for part in geometry["coordinates"]) == pytest.approx(
        shapely.LineString(line).length
    )


def test_line_that_ends_on_the_antimeridian_is_whole(tmp_path):
    """A part without length is not written."""
    path = tmp_path / "roads.geojson"
    write_geojson([road([(179.9, 0), (180, 0)]), road([(180, 0), (180.1, 0)])], path, "OGC:CRS84")
    kinds = [feature["geometry"]["type"] for feature in json.loads(path.read_text())["features"]]
    assert kinds == ["LineString", "LineString"]


def test_roads_are_consumed_as_a_stream(tmp_path):
    """Features reach the file while roads are still being made."""
    path = tmp_path / "roads.geojson"
    sizes = []

    def endless():
        for number in range(20_000):
            if number % 5000 == 4999:
                sizes.append(path.stat().st_size)
            yield road([(number, 0), (number, 5)])

    write_geojson(endless(), path, "EPSG:32632")
    assert sizes[0] < sizes[1] < sizes[2] < sizes[3]
