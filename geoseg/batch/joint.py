"""One stretch for all scenes of a batch, and for those that are added to it later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from geoseg.errors import MismatchError
from geoseg.messages import warn
from geoseg.models.bundle import Card
from geoseg.models.texts import without_secrets
from geoseg.prediction.inputs.imagery import Imagery
from geoseg.prediction.plan import Plan
from geoseg.prediction.prepare import Prepared
from geoseg.prediction.settings import Settings
from geoseg.sentences import join_words

from .manifest import Joint, Manifest
from .members import Member

_MOST_NAMED = 3
"""Maximum number of scenes to name in a message."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Basis of a stretch that all scenes of a batch share."""

    of: str
    """See `Joint`."""
    values: str | None = None
    """Kind of values of the scenes that are done, if the stretch is theirs; None if it is new."""

    def check(self, plan: Plan) -> None:
        """Raise MismatchError if a scene's values are not of the same kind as those of the scenes that are done."""
        found = _kind_of(plan)
        if self.values not in (None, found):
            raise MismatchError(
                f"{without_secrets(plan.scene.source)} holds {found} values and the scenes that are done {self.values} "
                "values; they cannot share a stretch. Choose another `folder` for it."
            )

    def joint(self, plan: Plan) -> Joint:
        """Return the record of the stretch for a scene."""
        return Joint(stretch=str(plan.stretch), of=self.of, values=_kind_of(plan))


def share_stretch(
    prepared: Prepared, members: Sequence[Member], manifest: Manifest, *, overwrite: bool
) -> tuple[Prepared, Shared | None]:
    """Replace `joint` by the stretch of the scenes that are done, so that these stay valid, or else by a new one.

    Only a stretch of the same bands and nodata values is taken over. A GeosegWarning reports that it applies to new
    scenes, or that scenes that are done have another one. Returns None for `Shared` if `stretch` is not `joint`, or if
    no scene could be measured.
    """
    if prepared.settings.stretch != "joint":
        return prepared, None
    of = _measured(prepared.card, prepared.settings)
    joints = [(record.ended, record.joint) for record in manifest.done.values() if record.joint is not None]
    known = [(ended, joint) for ended, joint in joints if joint.of == of]
    folder = manifest.path.parent
    if overwrite or not known:
        if joints and not overwrite:
            warn(
                f"`stretch='joint'` is measured again, of {of}: that of the scenes that are done in {folder} is of "
                f"{join_words(sorted({joint.of for _, joint in joints}))}."
            )
        pooled = prepared.pool_stretch([member.source for member in members])
        return pooled, None if pooled.settings.stretch == "joint" else Shared(of=of)
    _, kept = max(known, key=lambda each: each[0])
    if new := [member.name for member in members if member.key not in manifest.done]:
        named = join_words(new) if len(new) <= _MOST_NAMED else f"{len(new)} others"
        warn(
            f"`stretch='joint'` stays that of the scenes that are done in {folder}, {kept.stretch}, also for {named}; "
            "to measure it over all scenes and make all maps again, add `overwrite=True`."
        )
    settings = replace(prepared.settings, stretch=kept.stretch)
    return replace(prepared, settings=settings), Shared(of=of, values=kept.values)


def _measured(card: Card, settings: Settings) -> str:
    """Describe the basis of a stretch: the bands, and the values left out."""
    numbers = "" if settings.bands is None else f" {', '.join(map(str, settings.bands))} as"
    without = (
        "" if not settings.nodata_values else f" without {', '.join(f'{each:g}' for each in settings.nodata_values)}"
    )
    return f"bands{numbers} {', '.join(card.bands)}{without}"


def _kind_of(plan: Plan) -> str:
    return Imagery(raster=plan.scene, bands=plan.bands, validity=plan.validity).kind
