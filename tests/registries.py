"""What tests of registries share: adding models, and finding none."""

from geoseg.models.registry.add import add_models


def add(*arguments, **choices):
    """Add models, and list them."""
    return list(add_models(*arguments, **choices))


def nothing_added(models):
    """Whether there is no model, nor anything that could be taken for one."""
    return not [path for path in models.rglob("*.keras") if ".downloads" not in path.parts] and not [
        *models.rglob("*.json")
    ]
