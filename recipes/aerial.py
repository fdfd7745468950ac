"""Train the aerial model that geoseg ships: `python recipes/aerial.py DATA`, on the imagery `recipes/aerial.md` names.

A run is a folder with `weights.weights.h5` (the latest averaged weights, the state a stopped run goes on from) and, at
the end of every `--save-every` steps, `aerial.keras`, a complete bundle.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
from augment import batches
from imagery import ALLOWED, massachusetts_roads, mbrsc_dubai, rendered

from geoseg.models.bundle import Card, Scaling, save_bundle
from geoseg.models.legend import AERIAL
from geoseg.models.losses import MarginalCrossEntropy
from geoseg.models.presets import DEFAULT_PRESET, build_preset
from geoseg.tiling import prefetch

SIDE, BATCH, WIDTH = 256, 8, 16
SHARES = (0.35, 0.4, 0.25)
"""Crops from MBRSC Dubai, Massachusetts Roads and the renderer."""
LABEL_WEIGHTS = (1.0, 1.0, 3.0, 1.0, 1.0, 1.0, 0.0)
"""Roads are the thinnest class, and the one that is traced; ignored labels bear no loss anyway."""


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with mbrsc_dubai/ and massachusetts_roads/")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/aerial"))
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--peak-rate", type=float, default=1e-3)
    parser.add_argument("--save-every", type=int, default=250)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--init", type=Path, help="weights to start from")
    parser.add_argument("--rendered", type=int, default=160, help="number of rendered scenes")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    train(options)


def train(options: argparse.Namespace) -> None:
    """Train with mixed bfloat16, AdamW, a warmed-up cosine schedule and averaged weights."""
    keras.utils.set_random_seed(options.seed)
    pools = [
        list(mbrsc_dubai(options.data / "mbrsc_dubai", validation=False)),
        list(massachusetts_roads(options.data / "massachusetts_roads", validation=False)),
        list(rendered(range(1000, 1000 + options.rendered))),
    ]
    print([f"{len(pool)} images, {sum(item.labels.size for item in pool) / 1e6:.0f} Mpx" for pool in pools], flush=True)

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    network = build_preset(DEFAULT_PRESET, bands=3, classes=len(AERIAL), width=WIDTH)
    keras.mixed_precision.set_global_policy("float32")
    if options.init is not None:
        network.load_weights(options.init)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5, options.steps, warmup_target=options.peak_rate, warmup_steps=min(200, options.steps // 10)
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0, use_ema=True, ema_momentum=0.997)
    loss = MarginalCrossEntropy(ALLOWED, classes=len(AERIAL), weights=LABEL_WEIGHTS)
    network.compile(optimizer=optimizer, loss=loss, jit_compile=False)

    crops = prefetch(batches(pools, SHARES, side=SIDE, size=BATCH, seed=options.seed), 4)
    losses, started = [], time.perf_counter()
    for step in range(1, options.steps + 1):
        losses.append(float(network.train_on_batch(*next(crops))))
        if step % 50 == 0:
            pace = (time.perf_counter() - started) / step
            print(f"step {step} loss {np.mean(losses[-50:]):.4f} {pace:.2f} s a step", flush=True)
        if step % options.save_every == 0 or step == options.steps:
            save(network, [next(crops)[0] for _ in range(60)], options.output, step)
    crops.close()


def save(network: keras.Model, images: list[np.ndarray], folder: Path, step: int) -> None:
    """Save the averaged weights with normalisation statistics of their own, as weights and as a bundle in float32."""
    current = network.get_weights()
    network.optimizer.finalize_variable_values(network.trainable_variables)
    for batch in images:
        network(batch, training=True)  # the moving statistics belong to the weights of the last step: measure them anew
    shipped = build_preset(DEFAULT_PRESET, bands=3, classes=len(AERIAL), width=WIDTH)
    shipped.set_weights(network.get_weights())
    shipped.save_weights(folder / "weights.weights.h5")
    save_bundle(shipped, card(step), folder / "aerial.keras")
    network.set_weights(current)


def card(steps: int) -> Card:
    """The bundle's card; `recipes/aerial.md` has it in prose, with the measured scores."""
    return Card(
        name="aerial",
        version="0.1.0",
        bands=("red", "green", "blue"),
        scaling={"uint8": Scaling()},
        gsd_m=1.0,
        tile=512,
        overlap=128,
        window="hann",
        multiple=16,
        legend=AERIAL,
        provenance={
            "preset": DEFAULT_PRESET,
            "width": WIDTH,
            "steps": steps,
            "license": "Apache-2.0",
            "attribution": (
                "MBRSC Dubai aerial imagery, Humans in the Loop (CC0 1.0); Massachusetts Roads, V. Mnih: "
                "imagery MassGIS (public domain), labels from OpenStreetMap contributors (ODbL)"
            ),
        },
    )


if __name__ == "__main__":
    main()
