"""Results as plain JSON values."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from .tolerance import Distance


def to_plain(value: Any) -> Any:  # noqa: ANN401, PLR0911 - one line for each kind of value
    """Convert dataclasses, arrays and tuples to dicts, lists and numbers, and NaN to None."""
    match value:
        case Distance():
            return str(value)
        case Mapping():
            return {key: to_plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [to_plain(entry) for entry in value]
        case np.ndarray():
            return to_plain(value.tolist())
        case float() if math.isnan(value):
            return None
    if is_dataclass(value):
        return {entry.name: to_plain(getattr(value, entry.name)) for entry in fields(value)}
    return value
