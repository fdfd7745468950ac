"""Note rasters whose class names or nodata value contradict the classes that they are compared as."""

from collections.abc import Iterator

from rasterio.io import DatasetReader

from geoseg.models.legend import NODATA
from geoseg.rasters.classes.altered_ids import describe_alteration, find_alteration
from geoseg.rasters.classes.labels import hidden_value, nodata_hides
from geoseg.rasters.classes.names import class_names_of, contradictions, describe_contradiction

from .class_mapping import ClassMapping, Codes


def note_hidden_class(reference: DatasetReader, name: str, mapping: ClassMapping) -> Iterator[str]:
    """Note a reference, called `name`, whose nodata value stands for a class."""
    codes = mapping.reference
    hidden = hidden_value(reference, coloured=codes.coloured)
    number = NODATA if hidden is None else codes.ids.get(hidden.code, NODATA)
    if hidden is not None and number != NODATA and number not in mapping.ignored:
        meant = "" if mapping.names is None else mapping.names[number]
        yield nodata_hides(name, hidden.nodata, meant)


def note_alteration(raster: DatasetReader, name: str, codes: Codes) -> Iterator[str]:
    """Note a raster, called `name`, whose ids may be wrong."""
    found = None if codes.coloured else find_alteration(raster)
    if found is not None:
        yield describe_alteration(name, found)


def note_other_names(raster: DatasetReader, name: str, mapping: ClassMapping, codes: Codes) -> Iterator[str]:
    """Note a raster, called `name`, that names its ids otherwise than the classes that they are compared as."""
    if codes.coloured or mapping.names is None:
        return
    meant = {
        value: (mapping.names[number],)
        for value, number in codes.ids.items()
        if number < len(mapping.names) and number not in mapping.ignored
    }
    found = contradictions(class_names_of(raster), meant, mapping.names, mapped=codes.coding is not None)
    if found:
        yield describe_contradiction(name, found)


def note_names_of_two(predicted: DatasetReader, reference: DatasetReader) -> Iterator[str]:
    """Note two rasters without a legend that name the same id differently."""
    meant = {value: (name.strip(),) for value, name in class_names_of(predicted).items()}
    found = contradictions(class_names_of(reference), meant, ())
    if found:
        yield describe_contradiction("the reference", found)
