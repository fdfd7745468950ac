"""Options of a geoseg command as parameters of an algorithm, and their values as arguments."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qgis.core import (
    QgsProcessingException,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from ..texts import split_at_commas


@dataclass(frozen=True)
class Option:
    """An option of a command. A field left empty is not passed to the command, which then uses its default."""

    name: str
    """Name of the parameter, in capitals."""
    flag: str
    """Option of the command, such as `--gsd`."""
    label: str
    """Label in the dialog."""
    help: str = ""
    """Tooltip of the field."""
    advanced: bool = False
    """Whether the dialog hides it at first."""

    def definition(self) -> QgsProcessingParameterDefinition:
        """Return the parameter; its help names the option, since error messages do."""
        made = self._parameter()
        made.setHelp(f"{self.help} ({self.flag})".strip())
        if self.advanced:
            made.setFlags(made.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
        return made

    def arguments(self, value: Any) -> list[str]:  # noqa: ANN401 - of any parameter
        """Return the arguments for the value of the parameter."""
        return [] if value is None or value == "" else [f"{self.flag}={value}"]

    def _parameter(self) -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterString(self.name, self.label, optional=True)


class Text(Option):
    """A text that is passed to the command unchanged."""


@dataclass(frozen=True)
class Texts(Option):
    """Comma-separated texts for a repeatable option; commas within brackets or quotes do not separate."""

    def arguments(self, value: Any) -> list[str]:  # noqa: ANN401
        """Return the option once for each text."""
        return [f"{self.flag}={part}" for part in split_at_commas(value or "")]


@dataclass(frozen=True)
class Number(Option):
    """A number."""

    low: float = 0.0
    high: float = 1e9
    default: float | None = None
    integer: bool = False

    def _parameter(self) -> QgsProcessingParameterDefinition:
        kind = QgsProcessingParameterNumber.Integer if self.integer else QgsProcessingParameterNumber.Double
        return QgsProcessingParameterNumber(
            self.name,
            self.label,
            type=kind,
            defaultValue=self.default,
            optional=self.default is None,
            minValue=self.low,
            maxValue=self.high,
        )

    def arguments(self, value: Any) -> list[str]:  # noqa: ANN401
        """Return the option with all digits of its number."""
        return super().arguments(value if value is None else int(value) if self.integer else float(value))


@dataclass(frozen=True)
class Flag(Option):
    """A tick box; a `flag` that begins with `--no-` is passed if the box is not ticked."""

    def _parameter(self) -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterBoolean(self.name, self.label, defaultValue=self._is_negative)

    def arguments(self, value: Any) -> list[str]:  # noqa: ANN401
        """Return the flag if it applies."""
        ticked = self._is_negative if value is None else bool(value)
        return [self.flag] if ticked != self._is_negative else []

    @property
    def _is_negative(self) -> bool:
        return self.flag.startswith("--no-")


@dataclass(frozen=True)
class Choice(Option):
    """One of several values."""

    choices: tuple[str, ...] = ()
    default: str = ""

    def _parameter(self) -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterEnum(
            self.name, self.label, options=list(self.choices), defaultValue=self.default, usesStaticStrings=True
        )


@dataclass(frozen=True)
class File(Option):
    """An existing file."""

    extension: str = ""

    def _parameter(self) -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterFile(self.name, self.label, extension=self.extension, optional=True)


@dataclass(frozen=True)
class More(Option):
    """Other options, as typed on the command line."""

    def arguments(self, value: Any) -> list[str]:  # noqa: ANN401
        """Return the words; quotation marks group words."""
        try:
            return shlex.split(value or "")
        except ValueError as error:
            raise QgsProcessingException(f"{self.label}: {value!r} has an unmatched quotation mark.") from error


OVERWRITE = Flag("OVERWRITE", "--overwrite", "Replace existing results")
MODEL = (
    Choice(
        "MODEL",
        "--model",
        "Model",
        "Shipped with geoseg: aerial maps buildings, land, roads, vegetation and water; roads maps roads only.",
        choices=("aerial", "roads"),
        default="aerial",
    ),
    File("BUNDLE", "--model", "Your own model instead (.keras)", extension="keras"),
)


def more(command: str) -> More:
    """Return the field for all other options of a command."""
    return More(
        "MORE",
        f"geoseg {command} --help",
        "Other options",
        "As on the command line; the command's help lists them.",
        advanced=True,
    )


def arguments_of(options: tuple[Option, ...], values: Mapping[str, Any]) -> list[str]:
    """Return all options as arguments of the command.

    A model file replaces the shipped model; without roads, their format is left out.
    """
    unused = {"MODEL": values.get("BUNDLE"), "FORMAT": values.get("ROADS") is False}
    given = {**values, **{name: None for name, is_unused in unused.items() if is_unused}}
    return [word for option in options for word in option.arguments(given.get(option.name))]
