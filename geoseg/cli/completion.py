"""Shell completion: names of models and engines, and files where click does not know that one is expected."""

from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from geoseg.errors import BundleError


def complete_files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete a file name; click does so by itself only for parameters of type `click.Path`."""
    return [CompletionItem(incomplete, type="file")]


def complete_models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a model or bundle; if none matches, let the shell complete any file name."""
    from geoseg.models.shipped import SHIPPED, named_models, shipped_models

    names = dict.fromkeys(shipped_models(), SHIPPED)
    with suppress(BundleError):  # of the folder of added models; a message would break the line being typed
        names = {model.name: model.origin for model in named_models() if model.path is not None}
    found = [CompletionItem(name, help=origin) for name, origin in names.items() if name.startswith(incomplete)]
    folder = "" if "/" not in incomplete else incomplete.rpartition("/")[0] + "/"
    files = sorted(folder + path.name for path in Path(folder or ".").glob("*.keras"))
    found += [CompletionItem(file) for file in files if file.startswith(incomplete)]
    return found or complete_files(context, parameter, incomplete)  # bash shows names or files, not both


def complete_added(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of an added model."""
    from geoseg.models.added import added_models

    try:
        return [CompletionItem(name) for name in added_models() if name.startswith(incomplete)]
    except BundleError:
        return []


def complete_engines(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of an engine."""
    from geoseg.models.engines.registry import list_engines

    return [CompletionItem(name) for name in ("auto", *list_engines()) if name.startswith(incomplete)]
