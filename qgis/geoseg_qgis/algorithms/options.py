"""Options of a geoseg command as parameters of an algorithm, and back."""

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
    """An option of a command. What the user leaves empty is not given to the command, which has its own default."""

    name: str
    """Of the parameter, in capitals."""
    flag: str
    """Of the command, such as `--gsd`."""
    label: str
    """In the dialog."""
    help: str = ""
    """Tooltip of the field."""
    advanced: bool = False
    """Whether the dialog hides it at first."""

    def definition(self) -> QgsProcessingParameterDefinition:
        """Return the parameter; its help names the option, since sentences of errors do."""
        made = self._parameter()
        made.setHelp(f"{self.help} ({self.flag})".strip())
        if self.advanced:
            made.setFlags(made.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
        return made

    def arguments(self, value: Any) -> list[str]:  # noqa: ANN401 - of any parameter
        """Return the option as given to the command, for the value of its parameter."""
        return [] if value is None or value == "" else [f"{self.flag}={value}"]

    def _parameter(self) -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterString(self.name, self.label, optional=True)


class Text(Option):
    """A text that the command reads itself."""


@dataclass(frozen=True)
class Texts(Option):
    """Texts with commas between them, for an option that is repeated; those within brackets and quotes are theirs."""

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
    """A box to tick; a `flag` that begins with `--no-` is given if the box is not ticked."""

    def _parameter(self) -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterBoolean(self.name, self.label, defaultValue=self._is_negative)

    def arguments(self, value: Any) -> list[str]:  # noqa: ANN401
        """Return the flag if it is to be given."""
        ticked = self._is_negative if value is None else bool(value)
        return [self.flag] if ticked != self._is_negative else []

    @property
    def _is_negative(self) -> bool:
        return self.flag.startswith("--no-")


@dataclass(frozen=True)
class Choice(Option):
    """One of several words."""

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
    """Other options, as one would type them."""

    def arguments(self, value: Any) -> list[str]:  # noqa: ANN401
        """Return the words; quotation marks keep words together."""
        try:
            return shlex.split(value or "")
        except ValueError as error:
            raise QgsProcessingException(f"{self.label}: {value!r} has a quotation mark too many.") from error


OVERWRITE = Flag("OVERWRITE", "--overwrite", "Replace existing results")
MODEL = (
    Choice(
        "MODEL",
        "--model",
        "Model",
        "A model that comes with geoseg: aerial maps buildings, land, roads, vegetation and water; roads only roads.",
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
        "As typed on a command line; the command's help lists them.",
        advanced=True,
    )


def arguments_of(options: tuple[Option, ...], values: Mapping[str, Any]) -> list[str]:
    """Return all options as given to the command.

    Your own model replaces the choice of one that comes with geoseg, and without roads there is no format of them.
    """
    unused = {"MODEL": values.get("BUNDLE"), "FORMAT": values.get("ROADS") is False}
    given = {**values, **{name: None for name, is_unused in unused.items() if is_unused}}
    return [word for option in options for word in option.arguments(given.get(option.name))]
