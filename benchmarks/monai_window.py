"""MONAI's sliding window over a scene, with an exported network in ONNX Runtime; run by `predict.py`.

Needs monai, torch, onnxruntime and rasterio, not geoseg. Prints seconds and peak memory as JSON. Tuned: no gradients,
window weights made once, scores added up in buffers of rows as tiles come, ONNX Runtime without spinning threads.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import rasterio
import torch
from monai.data.utils import compute_importance_map
from monai.inferers.utils import sliding_window_inference

TILE, OVERLAP = 512, 128


def main() -> None:
    """Read the scene, score it, and write a class raster."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scene", type=Path)
    parser.add_argument("network", type=Path, help="written by `geoseg models export`")
    options = parser.parse_args()
    settings = onnxruntime.SessionOptions()
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(options.network, settings, providers=["CPUExecutionProvider"])

    def score(tiles: torch.Tensor) -> torch.Tensor:
        (scores,) = session.run(None, {"pixels": tiles.numpy()})
        return torch.from_numpy(scores)

    score(torch.zeros(1, 3, TILE, TILE))
    started = time.perf_counter()
    with rasterio.open(options.scene) as source, torch.inference_mode():
        pixels = torch.from_numpy(source.read().astype(np.float32))[None]
        scores = sliding_window_inference(
            pixels,
            roi_size=(TILE, TILE),
            sw_batch_size=1,
            predictor=score,
            overlap=OVERLAP / TILE,
            mode="gaussian",
            padding_mode="reflect",
            roi_weight_map=compute_importance_map((TILE, TILE), mode="gaussian", dtype=torch.float32),
            buffer_steps=1,
            buffer_dim=0,
        )
        classes = scores.argmax(dim=1).to(torch.uint8).numpy()
        with tempfile.TemporaryDirectory() as folder:
            profile = source.profile | {"count": 1, "nodata": 255}
            with rasterio.open(Path(folder) / "classes.tif", "w", **profile) as target:
                target.write(classes)
    seconds = time.perf_counter() - started
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "peak": int(peak.split()[1]) * 1024}))


if __name__ == "__main__":
    main()
