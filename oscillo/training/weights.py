"""Weights as files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn


def save_weights(weights: Mapping[str, Tensor], path: Path, facts: Mapping[str, str]) -> None:
    """Write weights as safetensors with facts in their metadata, whole or not at all.

    The same weights and facts give the same bytes.
    """
    # Copies, because the format has no word for tensors that share memory, as tied weights do.
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in weights.items()
    }
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(_with_metadata(save(tensors), facts))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _with_metadata(content: bytes, facts: Mapping[str, str]) -> bytes:
    """Safetensors with metadata in the order given; the library writes them in another order every time."""
    length = int.from_bytes(content[:8], "little")
    header = {"__metadata__": dict(facts), **json.loads(content[8 : 8 + length])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors behind it start at a multiple of 8
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def load_weights(model: nn.Module, path: Path) -> None:
    """Take up weights from a file.

    Raises:
        ValueError: when the file cannot be read or belongs to another network.
    """
    try:
        weights = load_file(path)
    except Exception as error:
        raise ValueError(f"{path} cannot be read as weights: {error}") from error
    own = model.state_dict()
    wrong = [f"{name} is missing" for name in own if name not in weights]
    wrong += [f"{name} is not in this network" for name in weights if name not in own]
    wrong += [
        f"{name} is {_shape(weights[name])} there and {_shape(value)} here"
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    if wrong:
        shown = "; ".join(wrong[:4]) + (f"; and {len(wrong) - 4} more" if len(wrong) > 4 else "")
        raise ValueError(f"{path} holds the weights of another network: {shown}")
    model.load_state_dict(weights)


def _shape(value: Tensor) -> str:
    return " x ".join(map(str, value.shape)) or "a single number"
