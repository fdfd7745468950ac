"""Turn light into pixel values: integration, blur, noise, haze and the vendor's tone curve."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .canvas import OVERSAMPLING
from .scene_styles import Style, draw

_AIRLIGHT = np.array([0.45, 0.7, 1.0, 0.15], np.float32)


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A camera and its exposure: values drawn from the ranges of the same names in `Style`, and gains."""

    blur_px: float
    sharpening: float
    noise: float
    haze: float
    brightness: float
    contrast: float
    saturation: float
    balance: tuple[float, ...]
    """Gain of each band."""


def draw_sensor(rng: np.random.Generator, style: Style) -> Sensor:
    """Draw a camera and its exposure."""
    gains = 1.0 + rng.normal(0.0, 0.05, 4)
    return Sensor(
        blur_px=draw(rng, style.blur_px),
        sharpening=draw(rng, style.sharpening),
        noise=draw(rng, style.noise),
        haze=draw(rng, style.haze),
        brightness=draw(rng, style.brightness),
        contrast=draw(rng, style.contrast),
        saturation=draw(rng, style.saturation),
        balance=tuple(gains.tolist()),
    )


def integrate(rng: np.random.Generator, light: npt.NDArray[np.float32], sensor: Sensor) -> npt.NDArray[np.float32]:
    """Integrate light (4, height, width) into noisy pixels (4, height/2, width/2)."""
    step = OVERSAMPLING
    pixels = sum(light[:, i::step, j::step] for i in range(step) for j in range(step)) / np.float32(step * step)
    pixels = pixels * np.array(sensor.balance, np.float32)[:, None, None] + (sensor.haze * _AIRLIGHT)[:, None, None]
    soft = np.empty_like(pixels)
    for band in range(4):
        soft[band] = ndimage.gaussian_filter(pixels[band], sensor.blur_px, truncate=3.0)
        if sensor.sharpening > 0.0:
            softer = ndimage.gaussian_filter(soft[band], 1.0, truncate=2.0)
            soft[band] += np.float32(sensor.sharpening) * (soft[band] - softer)
    np.maximum(soft, np.float32(0.0), out=soft)
    # shot noise grows with the square root of light: after the square-root tone curve it is uniform
    grain = rng.standard_normal(soft.shape, dtype=np.float32)
    spread = np.float32(sensor.noise / 128.0) * (np.sqrt(soft * np.float32(0.25)) + np.float32(0.03))
    return np.asarray(np.maximum(soft + grain * spread, np.float32(0.0)), np.float32)


def expose(pixels: npt.NDArray[np.float32], sensor: Sensor) -> npt.NDArray[np.uint8]:
    """Turn linear light (4, height, width) into an image (height, width, 4)."""
    # a square root as tone curve: unlike a power, it is rounded exactly on every processor
    grey = np.sqrt(pixels)
    mean = float(grey[:3].mean(dtype=np.float64))
    gain = np.clip(sensor.brightness / max(mean * 255.0, 1e-3), 0.55, 1.6)
    level = np.float32(mean * gain * 255.0)
    visible = grey[:3].mean(axis=0)
    image = np.empty((*grey.shape[1:], 4), np.uint8)
    for band in range(4):
        tone = grey[band]
        if band < 3:
            tone = visible + (tone - visible) * np.float32(sensor.saturation)
        value = tone * np.float32(gain * 255.0)
        value = level + (value - level) * np.float32(sensor.contrast)
        image[..., band] = np.clip(value + np.float32(0.5), 0.0, 255.0).astype(np.uint8)
    return image
