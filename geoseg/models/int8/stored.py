"""The 8-bit form of a network in its bundle: the two files of an OpenVINO graph, beside what Keras reads."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import BundleError, UsageError
from geoseg.models.archive import DAMAGED, open_archive, read_member, read_members, reason
from geoseg.models.bundle import MEMBER, Card

GRAPH, WEIGHTS = "int8/network.xml", "int8/network.bin"
"""Members of the archive."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """An OpenVINO graph.

    From `pixels` `(tiles, bands, side, side)`, 0–255, to `probabilities` `(tiles, classes, side, side)`.
    """

    graph: bytes
    """XML."""
    weights: bytes


def read_form(bundle: Path) -> Form:
    """Read the 8-bit form of a bundle; raises UsageError if it has none, BundleError if it is damaged."""
    try:
        graph, weights = read_members(bundle, GRAPH, WEIGHTS)
    except KeyError:
        raise UsageError(f"{bundle} has no 8-bit form; make one with `geoseg models quantize`.") from None
    except DAMAGED as error:
        raise damaged(bundle, error) from error
    return Form(graph=graph, weights=weights)


def write_form(bundle: Path, form: Form, card: Card, path: Path) -> None:
    """Write a copy of `bundle` with `form` and `card` in place of its own to `path`."""
    own = {
        GRAPH: form.graph,
        WEIGHTS: form.weights,
        MEMBER: json.dumps(card.to_json(), indent=2).encode(),
    }
    with open_archive(bundle) as source:
        members = {info: read_member(source, info.filename) for info in source.infolist() if info.filename not in own}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for info, content in members.items():
            target.writestr(info, content)  # compressed or not, as it was
        for name, content in own.items():
            target.writestr(name, content, compresslevel=9)


def damaged(bundle: Path, error: Exception) -> BundleError:
    """Return the error for an 8-bit form that cannot be used."""
    return BundleError(
        f"the 8-bit form in {bundle} cannot be read ({reason(error)}); make it again with `geoseg models quantize`."
    )
