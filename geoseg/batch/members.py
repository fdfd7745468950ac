"""Scenes of a batch, and their keys in its manifest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from geoseg.errors import GeosegError, MismatchError, SceneError, UsageError
from geoseg.files import direct
from geoseg.models.texts import without_secrets
from geoseg.prediction.naming import name_results
from geoseg.prediction.plan import Plan
from geoseg.rasters.opening.open import legible, on_disk
from geoseg.rasters.sources.servers import on_server
from geoseg.rasters.stac import Asset, place_of

from .manifest import Output


@dataclass(frozen=True, kw_only=True)
class Member:
    """A scene of the batch."""

    source: str | Asset
    key: str
    """Identifies the scene in the manifest."""
    name: str
    """Name of its results."""
    planned: Plan | GeosegError | None = None
    """None before it is planned, and after it failed."""
    earlier: tuple[Output, ...] = ()
    """Results of an earlier batch that have changed since and are made again."""
    overwrite: bool = False

    def sentence(self, error: GeosegError) -> str:
        """Return an error of this scene as text, without the secrets of its URL."""
        place = place_of(self.source)
        return legible(str(error).replace(place, without_secrets(place)))

    @property
    def may_succeed(self) -> bool:
        """Whether another attempt may succeed: not if the scene itself was refused, or does not exist.

        A read error of a server or disk may not occur again.
        """
        place = place_of(self.source)
        match self.planned:
            case SceneError(__cause__=cause):
                return cause is not None and (on_disk(place) or on_server(place) or place.startswith("/vsi"))
            case MismatchError():
                return False
        return True


def name_members(inputs: Sequence[str | Asset], template: str) -> list[Member]:
    """Name the scenes and their keys: path or URL, without the URL's secrets, which may differ in another run."""
    places = [place_of(each) for each in inputs]
    keys = [legible(without_secrets(direct(each) if on_disk(each) else each)) for each in places]
    repeated = {key for key, count in Counter(keys).items() if count > 1}
    names = map(legible, name_results(inputs, template))
    members = []
    for source, place, key, named in zip(inputs, places, keys, names, strict=True):
        # Scenes may differ only in the query of their URLs.
        mark = f"#{sha256(place.encode()).hexdigest()[:8]}" if key in repeated else ""
        members.append(Member(source=source, key=key + mark, name=named))
    if len({member.key for member in members}) < len(members):
        raise UsageError(f"{min(repeated)} is given several times; give it once.")
    return members
