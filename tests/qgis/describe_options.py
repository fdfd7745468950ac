"""Print the options of all algorithms, with the commands that they belong to and their defaults."""

from geoseg_qgis.algorithms import ALGORITHMS
from geoseg_qgis.algorithms.options import Choice, Flag, More, Number, Texts
from session import answer


def describe(option):
    kind = type(option)
    default = option.default if kind in (Choice, Number) else None
    return {
        "flag": option.flag, "kind": kind.__name__, "default": default, "choices": getattr(option, "choices", ()),
        "repeats": kind is Texts, "is_flag": kind is Flag, "advanced": option.advanced,
        "label": option.label if kind is Flag or default is not None else f"{option.label} [optional]",
    }  # fmt: skip


answer(
    {
        each.ID: {
            "command": list(getattr(each, "COMMAND", ()) or [each.ID]),
            "options": [describe(option) for option in each.OPTIONS if not isinstance(option, More)],
        }
        for each in ALGORITHMS
    }
)
