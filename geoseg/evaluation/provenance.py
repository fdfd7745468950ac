"""What an evaluation is of, and against what: without it, scores are of nothing."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Inference:
    """How a model was run on images."""

    bundle: str
    """Path of the model's bundle."""
    tta: str
    """Orientations that were averaged."""
    bands: tuple[int, ...] | None
    """Numbers of the images' bands; None where they were found by themselves."""
    image_gsd_m: float
    """Metres per pixel that images without a georeference were taken to have."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What was evaluated."""

    prediction: str
    """Where the class rasters are, as they were named; of a model, where its images are."""
    truth: str
    """Where the truth is, as it was named."""
    models: tuple[str, ...] = ()
    """Name and version of the models that made the predictions; empty where the rasters do not say."""
    inference: Inference | None = None
    """None where the predictions were there already."""

    def sentence(self) -> str:
        """The subject in a sentence."""
        if self.inference is None:
            makers = f" (made by {', '.join(self.models)})" if self.models else ""
            return f"{self.prediction}{makers} against {self.truth}."
        run = self.inference
        bands = "" if run.bands is None else f", bands {','.join(map(str, run.bands))}"
        return (
            f"Model {', '.join(self.models)} ({run.bundle}; tta {run.tta}{bands}; images without a georeference at "
            f"{run.image_gsd_m:g} m) on {self.prediction} against {self.truth}."
        )

    def made_by(self, model: str | None) -> "Subject":
        """The same, with one more model, unless it is named already."""
        return self if model is None or model in self.models else replace(self, models=(*self.models, model))
