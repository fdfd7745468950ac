"""Round and compress the weights of a `.keras` archive, still readable by Keras."""

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from .archive import WEIGHTS

MANTISSA_BITS = 23
"""Bits in the mantissa of a float32; keeping all leaves weights unchanged."""


def compact_archive(path: Path, *, mantissa_bits: int) -> None:
    """Round the weights of the `.keras` archive at `path` and store them compressed.

    HDF5 groups bytes of equal significance before compressing them, so bits cleared by rounding cost nothing: 10 bits,
    the mantissa of a float16, halve the file. Unlike float16, the weights keep their range.
    """
    if not 1 <= mantissa_bits <= MANTISSA_BITS:
        raise ValueError(f"`mantissa_bits` must be 1 to {MANTISSA_BITS}, not {mantissa_bits}.")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    compacted = io.BytesIO()
    with h5py.File(io.BytesIO(members[WEIGHTS]), "r") as source, h5py.File(compacted, "w") as target:
        _copy_rounded(source, target, mantissa_bits)
    members[WEIGHTS] = compacted.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            # Keras seeks in the weights, which is slow in a compressed member.
            archive.writestr(name, content, zipfile.ZIP_STORED if name == WEIGHTS else zipfile.ZIP_DEFLATED)


def rounded(values: npt.NDArray[np.float32], mantissa_bits: int) -> npt.NDArray[np.float32]:
    """Round to the nearest float32 with `mantissa_bits` bits of mantissa, ties to even."""
    dropped = MANTISSA_BITS - mantissa_bits
    if dropped == 0:
        return values
    bits = np.ascontiguousarray(values).view(np.uint32)
    half = np.uint32((1 << (dropped - 1)) - 1) + ((bits >> np.uint32(dropped)) & np.uint32(1))
    return ((bits + half) & np.uint32(0xFFFFFFFF << dropped & 0xFFFFFFFF)).view(np.float32)


def _copy_rounded(source: h5py.Group, target: h5py.Group, mantissa_bits: int) -> None:
    target.attrs.update(source.attrs)
    for name, entry in source.items():
        if isinstance(entry, h5py.Group):
            _copy_rounded(entry, target.create_group(name), mantissa_bits)
            continue
        values = rounded(entry[()], mantissa_bits) if entry.dtype == np.float32 else entry[()]
        # The index of a compressed array is as large as a small array.
        filters = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if values.size >= 2048 else {}
        target.create_dataset(name, data=values, **filters).attrs.update(entry.attrs)
