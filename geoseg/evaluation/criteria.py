"""Options for an evaluation."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypedDict

from geoseg.errors import UsageError

from .class_mapping import ClassMapping
from .counts import Rules
from .tolerance import Distance

PROTOCOLS = ("isprs", "isprs-no-clutter")
"""The ISPRS 2D semantic labelling contest: classes eroded by a disc of 3 pixels, with and without the clutter class."""
_ISPRS_EROSION = Distance(value=3)


class CriteriaOptions(TypedDict, total=False):
    """Fields of `Criteria` as optional keywords of public calls."""

    ignore: Collection[int | str]
    erode: Distance | float | str
    relax: Distance | float | str
    protocol: str | None
    coding: str | None
    single: str | None
    bootstrap: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """Options for one evaluation: see `evaluate`."""

    ignore: Collection[int | str] = ()
    erode: Distance | float | str = 0.0
    relax: Distance | float | str = 3.0
    protocol: str | None = None
    coding: str | None = None
    single: str | None = None
    bootstrap: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("erode", "relax"):
            object.__setattr__(self, name, Distance.parse(getattr(self, name)))
        ignore = (self.ignore,) if isinstance(self.ignore, str) else tuple(self.ignore)
        object.__setattr__(self, "ignore", ignore)
        if self.bootstrap < 0:
            raise UsageError(f"`bootstrap` must be 0 or more resamples, got {self.bootstrap}.")
        if self.seed and not self.bootstrap:
            raise UsageError("`seed` has no effect without `bootstrap`; add that, or leave it out.")
        if self.protocol is None:
            return
        if self.protocol not in PROTOCOLS:
            raise UsageError(f"protocol {self.protocol!r} is unknown; choose one of {', '.join(PROTOCOLS)}.")
        if Distance.parse(self.erode).value:
            raise UsageError(f"protocol {self.protocol} sets the erosion; leave `erode` out.")
        object.__setattr__(self, "erode", _ISPRS_EROSION)

    @property
    def in_metres(self) -> bool:
        """Whether a distance is in metres, so that pixels need a size."""
        return any(Distance.parse(distance).unit == "m" for distance in (self.erode, self.relax))

    def rules(self, mapping: ClassMapping, gsd_m: tuple[float, float] | None) -> Rules:
        """Return the rules for an image whose pixels have `gsd_m` metres down a column and along a row.

        UsageError if distances are in metres and it is None, as for an image without a georeference.
        """
        return Rules(
            classes=mapping.classes,
            ignored=mapping.ignored | self._clutter(mapping),
            erode=Distance.parse(self.erode).pixels(gsd_m),
            relax=Distance.parse(self.relax).pixels(gsd_m),
            unknown=mapping.unknown,
        )

    def exclusions(self) -> str:
        """Name the options that exclude reference pixels; empty without any."""
        options = [f"`ignore={[*self.ignore]}`"] if self.ignore else []
        if self.protocol is not None:
            options.append(f"`protocol='{self.protocol}'`")
        elif Distance.parse(self.erode).value:
            options.append(f"`erode='{self.erode}'`")
        return " and ".join(options)

    def _clutter(self, mapping: ClassMapping) -> set[int]:
        if self.protocol != "isprs-no-clutter":
            return set()
        clutter = {i for i, name in enumerate(mapping.names or ()) if name.lower().startswith("clutter")}
        if not clutter:
            raise UsageError("no class is called clutter; use `protocol='isprs'`, and `ignore` to exclude a class.")
        return clutter
