"""Where results go, and how: made in a work folder, then renamed, so that a path holds all of a file or none."""

from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import OutputError
from geoseg.planning import Plan


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files of one prediction; None for what is not asked for."""

    work: Path
    """Folder of the journal and of files in the making."""
    classes: Path
    """Class raster (Cloud Optimized GeoTIFF)."""
    style: Path
    """QGIS style of the class raster."""
    confidence: Path | None
    """Probability of the winning class (Cloud Optimized GeoTIFF)."""
    probabilities: Path | None
    """Probability of every class (Cloud Optimized GeoTIFF)."""
    roads: Path | None
    """Road network (GeoJSON)."""
    road_style: Path | None
    """QGIS style of the road network."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are asked for; the class raster last, so that its presence means that all are there."""
        wanted = (self.roads, self.road_style, self.confidence, self.probabilities, self.style, self.classes)
        return tuple(path for path in wanted if path is not None)

    def making(self, path: Path) -> Path:
        """Name in the work folder under which a file is made."""
        return self.work / f"made_{path.name}"

    def publish(self) -> None:
        """Move all files, complete by now, to their final names, with the sidecars that GDAL wrote for them."""
        for path in self.files:
            sidecar = path.with_name(f"{path.name}.aux.xml")
            made = self.making(sidecar)
            if made.exists():
                made.replace(sidecar)
            else:
                sidecar.unlink(missing_ok=True)  # of a result that is being replaced
            self.making(path).replace(path)


def outputs(plan: Plan, folder: Path, *, overwrite: bool) -> Outputs:
    """Name the files of a prediction in `folder`, which is made if need be.

    Raises
    ------
    OutputError
        If one of them exists and `overwrite` is not set, or the folder cannot be made.
    """
    settings, stem = plan.settings, plan.scene.stem
    roads = settings.roads and plan.card.legend.road is not None
    files = Outputs(
        work=folder / f".{stem}.geoseg",
        classes=folder / f"{stem}_classes.tif",
        style=folder / f"{stem}_classes.qml",
        confidence=folder / f"{stem}_confidence.tif" if settings.confidence else None,
        probabilities=folder / f"{stem}_probabilities.tif" if settings.probabilities else None,
        roads=folder / f"{stem}_roads.geojson" if roads else None,
        road_style=folder / f"{stem}_roads.qml" if roads else None,
    )
    existing = [path for path in files.files if path.exists()]
    if existing and not overwrite:
        raise OutputError(f"{existing[-1]} exists; choose another folder with -o, or replace it with --overwrite.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"folder {folder} cannot be made ({error.strerror}).") from error
    return files
