"""`geoseg models`: the bundles that are shipped and the presets that can be trained."""

import click


@click.command("models")
def command() -> None:
    """List the shipped models and the network presets."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from geoseg.models.bundle import read_card
    from geoseg.models.presets import PRESETS
    from geoseg.shipped import shipped_models

    def table(title: str, *columns: str) -> Table:
        return Table(
            *columns, title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0)
        )

    shipped = table("shipped models", "model", "GSD", "bands", "classes", "size")
    for name, path in shipped_models().items():
        card = read_card(path)
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        shipped.add_row(name, f"{card.gsd_m:g} m", ", ".join(card.bands), ", ".join(card.legend.names), size)
    presets = table("network presets", "preset", "depth", "block", "skip", "encoder", "paper")
    for name, preset in PRESETS.items():
        presets.add_row(name, str(preset.depth), preset.block, preset.skip, preset.encoder or "", preset.paper)
    console = Console()
    if not console.is_terminal:
        console.width = 100  # a pipe has no width, and rich would fold rows at 80 columns
    console.print(shipped)
    console.print()
    console.print(presets)
