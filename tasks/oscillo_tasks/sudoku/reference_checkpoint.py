"""Checkpoints of AKOrN's released Sudoku training, turned into weights of our `SudokuModel`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from oscillo.network import NetworkSpec
from oscillo_tasks.sudoku.model import SudokuModel
from oscillo_tasks.sudoku.reference import (
    ReferenceMismatch,
    digits_of,
    sudoku_network,
    sudoku_settings,
    sudoku_weights,
)
from oscillo_tasks.sudoku.tensor_files import load_tensors


@dataclass(frozen=True)
class ImportSummary:
    """What was read and written.

    Attributes:
        source: which of the checkpoint's weights were taken: "ema_model", "online_model", "model_state_dict" or
            "state_dict".
        network: the network between digit embedding and logits.
        digits: digits the model tells apart.
        parameters: numbers in the written weights.
        out: the written file.
    """

    source: str
    network: NetworkSpec
    digits: int
    parameters: int
    out: Path


def import_checkpoint(path: str | Path, out: str | Path, *, steps: int = 16) -> ImportSummary:
    """Write the weights of a reference checkpoint as safetensors of a `SudokuModel`.

    Read are a plain state_dict, `{"model_state_dict": ...}`, and either with the `ema_model.` and `online_model.`
    prefixes of an averaging wrapper, of which the averaged weights are preferred. Dimension, channels, layers, heads
    and kind of frequency are read off the shapes. The file is read without running code from it.

    The metadata of the written file are strings: `network`, the `NetworkSpec` as JSON, and `digits`.
    `SudokuModel(network.build(sites), digits)` loads the weights strictly.

    Args:
        path: the checkpoint.
        out: file to write; its folder must exist.
        steps: steps of every layer, which a checkpoint does not hold.

    Raises:
        FileNotFoundError: when there is no checkpoint, or no folder to write to.
        ValueError: when there are no steps.
        ReferenceMismatch: when the file is no such checkpoint; the message names the file and the key.
    """
    path, out = Path(path), Path(out)
    if steps < 1:
        raise ValueError(f"a layer takes at least one step, and steps is {steps}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent} to write {out.name} to; make it first")
    try:
        weights, source = _weights(load_tensors(path))
        settings = sudoku_settings(weights, {"T": steps, "learn_omg": True})
        network, digits = sudoku_network(settings), digits_of(weights)
        model = SudokuModel(network.build(network.resolve_sites(None)), digits)
        model.load_state_dict(sudoku_weights(weights, settings))
    except ValueError as error:
        raise ReferenceMismatch(f"{path} is no checkpoint of AKOrN's Sudoku model: {error}") from error
    state = {key: value.detach().contiguous() for key, value in model.state_dict().items()}
    part = out.with_name(f"{out.name}.part")  # whoever finds `out` finds all of it
    save_file(state, part, {"network": network.model_dump_json(), "digits": json.dumps(digits)})
    part.replace(out)
    return ImportSummary(source, network, digits, sum(value.numel() for value in state.values()), out)


def _weights(content: Any) -> tuple[dict[str, Tensor], str]:
    """The model's state_dict within a checkpoint's content, and where it stood."""
    source = "state_dict"
    if isinstance(content, Mapping) and "model_state_dict" in content:
        content, source = content["model_state_dict"], "model_state_dict"
    if not isinstance(content, Mapping):
        raise ReferenceMismatch(f"it holds a {type(content).__name__} in place of named tensors")
    for wrapped in ("ema_model", "online_model"):
        prefix = f"{wrapped}."
        inner = {key.removeprefix(prefix): value for key, value in content.items() if str(key).startswith(prefix)}
        if inner:
            content, source = inner, wrapped
            break
    named = [isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()]
    strange = [str(key) for key, fits in zip(content, named, strict=True) if not fits]
    if strange:
        raise ReferenceMismatch(f"{', '.join(strange[:5])}: not tensors by name")
    return dict(content), source
