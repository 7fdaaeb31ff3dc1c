"""A run as an archive of numpy arrays."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import xarray as xr
from numpy.lib import format as npy

from oscillo.recording.exporting import Export, Written, is_text, rows

ATTRIBUTES = "attributes"
"""Entry of the archive that says what the others are, as JSON."""


def write_npz(export: Export, target: Path, written: Written) -> None:
    """Write every variable and coordinate as an entry `group/name`, for `numpy.load` and without pickles.

    The entry `attributes` is a JSON text: `json.loads(str(archive["attributes"]))` has dimensions and attributes of
    each entry (`arrays`), of each group (`groups`) and of the run (`run`), and the `spec`.
    """
    told = {
        f"{path}/{name}": {"dims": list(map(str, variable.dims)), "attributes": variable.attrs}
        for path, dataset in export.groups.items()
        for name, variable in dataset.variables.items()
    }
    groups = {path: dataset.attrs for path, dataset in export.groups.items()}
    about = {"run": export.attributes, "spec": export.spec, "groups": groups, "arrays": told}
    with ZipFile(target, "w") as archive:
        for path, dataset in export.groups.items():
            for name, variable in dataset.variables.items():
                _write(archive, f"{path}/{name}", variable, written)
        _write(archive, ATTRIBUTES, xr.Variable((), np.array(json.dumps(about, default=_plain))), lambda count: None)


def _write(archive: ZipFile, key: str, variable: xr.Variable, written: Written) -> None:
    if is_text(variable):
        variable = xr.Variable(variable.dims, np.array(variable.values.tolist(), dtype=str).reshape(variable.shape))
    header = {"descr": npy.dtype_to_descr(variable.dtype), "fortran_order": False, "shape": variable.shape}
    with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
        npy.write_array_header_2_0(file, header)  # pyright: ignore[reportArgumentType]
        for values in rows(variable, written):
            file.write(values.tobytes())


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)
