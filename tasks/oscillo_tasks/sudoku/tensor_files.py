"""Files of `torch.save`, read without running code from them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import torch


class TensorFileError(ValueError):
    """A file that tensors cannot be read from; the message says why and what helps, and leaves the name out."""


def load_tensors(path: Path) -> Any:
    """What is in a file of `torch.save`; tensors are mapped instead of read where its format allows that.

    No code in the file is run: it may hold tensors, numbers and text, in lists and mappings, and nothing else.

    Raises:
        TensorFileError: when it holds something else, is truncated or is of another kind.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # the unpickler raises whatever the bytes make of it
        # torch's own message advises to run the code, and therefore does not stay in the chain.
        raise TensorFileError(_reason(error)) from None


def _reason(error: Exception) -> str:
    if named := re.search(r"GLOBAL (\S+)", str(error)):
        return (
            f"it holds {named[1]}, which only code in the file could make, and none is run; save tensors alone where "
            "the file was written, as in torch.save(model.state_dict(), FILE)"
        )
    return (
        "it is truncated, or no file of torch.save with tensors alone; fetch it again, or save it again where it was "
        "written, as in torch.save(model.state_dict(), FILE)"
    )
