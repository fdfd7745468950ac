"""`geoseg models add`, `remove` and `registry`: models by URL."""

from pathlib import Path

import click

from .completion import complete_added, complete_files
from .values import parse_size


@click.command("add")
@click.argument("source", metavar="URL|FILE", shell_complete=complete_files)
@click.option(
    "--name", "names", multiple=True, metavar="NAME",
    help="Model of a registry to add, repeatable (default: all); or new name of a bundle (default: that in its card).",
)  # fmt: skip
@click.option("--sha256", metavar="HEX", help="Expected checksum of a bundle; a registry lists those of its models.")
@click.option(
    "--max-size", type=parse_size, default="1GB", show_default=True, metavar="SIZE",
    help="Largest file to download.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace models of the same names.")
def add(source: str, *, names: tuple[str, ...], sha256: str | None, max_size: int, overwrite: bool) -> None:
    """Add the models of a registry, or a .keras bundle, to use them by name: `-m NAME`.

    URL|FILE is a registry or a bundle, on a web server (http or https) or on disk. Bundles are copied to
    ~/.local/share/geoseg/models, or to the folder named by the environment variable GEOSEG_MODELS. An interrupted
    download resumes if its checksum is known. No other command downloads models.

    \b
    geoseg models add https://models.example.org/registry.json
    geoseg models add https://models.example.org/city.keras --name city --sha256 9f2c…
    """
    from geoseg.models.export.markdown import describe_gsd
    from geoseg.models.registry.add import add_models

    from .console import status

    with status("looking") as show:
        for found in add_models(
            source,
            names=names,
            sha256=sha256,
            max_size=max_size,
            overwrite=overwrite,
            report=lambda name, done, total: show(f"downloading {name} ({_share(done, total)})"),
        ):
            model, card = found.model, found.card
            click.echo(model.name)
            words = [
                f"{', '.join(card.legend.names)} at {describe_gsd(card)} from {', '.join(card.bands)}",
                f"license {card.provenance.get('license') or 'unknown'}",
            ]
            if not found.new:
                words.append("was added before")
            elif not model.verified:
                words.append(f"SHA-256 {model.sha256}, not compared with any")
            click.echo(f"  {card.name} {card.version}: {'; '.join(words)}", err=True)


@click.command("remove")
@click.argument("name", shell_complete=complete_added)
def remove(name: str) -> None:
    """Remove an added model."""
    from geoseg.models.registry.folder import remove_model

    remove_model(name)


@click.command("registry")
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--url-prefix", default="", metavar="URL",
    help="Prefix of the bundles' URLs.  [default: relative to the registry]",
)  # fmt: skip
def registry(bundles: tuple[Path, ...], *, url_prefix: str) -> None:
    """Print a registry of bundles; users add its models with `geoseg models add URL`.

    \b
    geoseg models registry city.keras > registry.json
    """
    from geoseg.models.registry.document import make_registry

    click.echo(make_registry(bundles, url_prefix=url_prefix))


def _share(done: int, total: int | None) -> str:
    return f"{done / 1e6:.1f} MB" if total is None else f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"
