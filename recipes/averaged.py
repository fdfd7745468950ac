"""Average the weights of a bundle with those at the end of a run that started from it, and calibrate the result.

    python recipes/averaged.py RECIPE DATA BEFORE RUN SHARE OUT

SHARE is that of the run's weights, as they were averaged during training. Normalisation statistics are measured anew.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import h5py
import numpy as np

from geoseg.models.backend import start_keras
from geoseg.models.saved_network import load_network
from geoseg.training.data.dataset import open_data
from geoseg.training.recipe.load import load_recipe
from geoseg.training.recipe.resolve import resolve

start_keras()

from geoseg.training import build  # noqa: E402 - started quietly
from geoseg.training.finish import finish  # noqa: E402
from geoseg.training.run.cpu_layers import use_cpu_layers  # noqa: E402
from geoseg.training.run.neural_network import build_shipped, build_trained, copy_weights, measure_statistics  # noqa: E402
from geoseg.training.run.run_folder import RunFolder, read_history, write_history  # noqa: E402


def main() -> None:
    """Write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("data", type=Path, help="the recipe's root")
    parser.add_argument("before", type=Path)
    parser.add_argument("run", type=Path, help="folder of the run, with its checkpoints")
    parser.add_argument("share", type=float)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    run = resolve(load_recipe(options.recipe, [f"root={options.data}"]))
    trained = use_cpu_layers(build_trained(run.network, run.card, precision="float32"))
    with h5py.File(RunFolder(path=options.run).backup / "latest.weights.h5") as file:
        # The optimizer has its count of steps, and a rate that follows the clock, before the averages and two moments.
        kept, weights = file["optimizer/vars"], trained.trainable_variables
        for number, weight in enumerate(weights, len(kept) - 3 * len(weights)):
            weight.assign(kept[str(number)][...])
    network = build_shipped(run.network, run.card)
    earlier = copy_weights(load_network(options.before))
    network.set_weights(
        [
            np.asarray((1 - options.share) * old + options.share * new, np.float32)
            for old, new in zip(earlier, copy_weights(trained), strict=True)
        ]
    )
    data = open_data(run)
    augmenter = build.build_augmenter(run)
    pixels = run.schedule.batch * run.schedule.window**2
    batches = build.build_batches(run, data, augmenter, resident=False)
    measure_statistics(network, build.draw_calibration_images(batches, augmenter, pixels))
    batches.close()
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(path=Path(place) / "run")
        shutil.copytree(options.run, folder.path, ignore=shutil.ignore_patterns("backup"))
        write_history(folder.history, read_history(folder.history)[-1:])
        network.save_weights(folder.best)
        _, calibration = finish(run, data, folder)
        shutil.copy(folder.bundle(run.card.name), options.output)
    print(calibration)


if __name__ == "__main__":
    main()
