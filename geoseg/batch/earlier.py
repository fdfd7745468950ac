"""Report results of earlier batches that keep scenes from being predicted."""

from collections.abc import Iterator, Sequence

from geoseg.prediction.plan import Plan

from .manifest import Manifest
from .members import Member


def note_others(waiting: Sequence[Member], manifest: Manifest) -> Iterator[str]:
    """Yield a sentence on scenes done with other settings, and one on results of other scenes with the same names."""
    planned = [each for each in waiting if isinstance(each.planned, Plan) and not each.overwrite]
    found = [
        member.name
        for member in planned
        if not member.earlier and (record := manifest.done.get(member.key)) is not None and record.name == member.name
    ]
    if found:
        which = f"{len(found)} scenes are" if len(found) > 1 else f"{found[0]} is"
        first = f", the first is {found[0]}" if len(found) > 1 else ""
        yield (
            f"{which} done with other settings, another model or version, or an input that was changed "
            f"since{first}; `overwrite=True` replaces the results."
        )
    others = [
        f"the results of {member.name} are those of {record.scene}"
        for member in planned
        if (record := manifest.written_for(member.name)) is not None and record.scene != member.key
    ]
    if others:
        more = f", and so with {len(others) - 1} more" if len(others) > 1 else ""
        yield (
            f"{others[0]}{more}; if scenes were only moved, `overwrite=True` makes them again, else choose another "
            "`folder`."
        )
