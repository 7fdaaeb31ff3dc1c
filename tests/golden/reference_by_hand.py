"""AKOrN's layer and Sudoku model a second time: slow, in float64, in the reference's own layout.

Written from the description of the reference alone, with loops where our code has tensor operations, and sharing
nothing with it. Feature maps are [sample, channel, y, x]; oscillator o is the channels o * n .. o * n + n - 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

Weights = dict[str, np.ndarray]
Settings = dict[str, Any]

LAYER_DEFAULTS: Settings = {
    "ksize": 3, "gta": False, "c_norm": "gn", "use_omega": False, "init_omg": 1.0, "global_omg": False, "heads": 8,
    "apply_proj": True, "step_size": 1.0,
}  # fmt: skip
SUDOKU_DEFAULTS: Settings = {
    "L": 1, "T": 16, "J": "attn", "use_omega": True, "global_omg": True, "init_omg": 0.1, "heads": 8, "nl": True,
    "gta": True, "c_norm": None, "ksize": 3, "apply_proj": True, "hw": [9, 9],
}  # fmt: skip


def uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """PyTorch's default start of a linear map."""
    return rng.uniform(-1, 1, shape) / np.sqrt(fan_in)


def random_layer(settings: Settings, rng: np.random.Generator, prefix: str = "") -> Weights:
    """Weights of one layer."""
    s = LAYER_DEFAULTS | settings
    ch, w = s["ch"], {}
    if s["use_omega"]:
        shape = (2,) if s["global_omg"] else (ch // 2, 2)
        w["omg.omg_param"] = s["init_omg"] / np.sqrt(2) * rng.uniform(-1.5, 1.5, shape)
    if s["c_norm"] in ("gn", "sandb"):
        w["c_norm.weight" if s["c_norm"] == "gn" else "c_norm.scale"] = rng.uniform(0.5, 1.5, ch)
        w["c_norm.bias"] = rng.normal(size=ch) * 0.3
    if s["J"] == "conv":
        k = s["ksize"]
        w["connectivity.weight"] = uniform(rng, (ch, ch, k, k), ch * k * k)
        w["connectivity.bias"] = uniform(rng, (ch,), ch)
    else:
        w["connectivity.W_qkv.weight"] = 2 * uniform(rng, (3 * ch, ch, 1, 1), ch)
        w["connectivity.W_qkv.bias"] = uniform(rng, (3 * ch,), ch)
        w["connectivity.W_o.weight"] = 2 * uniform(rng, (ch, ch, 1, 1), ch)
        w["connectivity.W_o.bias"] = uniform(rng, (ch,), ch)
        if s["gta"]:
            rows, columns = s["hw"]
            for name in "qkvo":
                shape = (rows * columns, ch // s["heads"] // 2, 2, 2)
                w[f"connectivity.mat_{name}"] = np.eye(2) + 0.7 * rng.normal(size=shape)
    return {prefix + key: value.astype(np.float32) for key, value in w.items()}


def random_sudoku(settings: Settings, rng: np.random.Generator) -> Weights:
    """Weights of a Sudoku model."""
    s = SUDOKU_DEFAULTS | settings
    ch, n = s["ch"], s["n"]
    w: Weights = {
        "gamma": rng.uniform(0.5, 1.1, 1),
        "x0": rng.normal(size=(1, ch, *s["hw"])),
        "embedding.weight": rng.normal(size=(10, ch)),
    }
    for number in range(s["L"]):
        w |= random_layer(s, rng, f"layers.{number}.0.")
        at = f"layers.{number}.1."
        w[f"{at}0.invconv.weight"] = uniform(rng, (ch * n, ch, 1, 1), ch)
        w[f"{at}0.invconv.bias"] = uniform(rng, (ch * n,), ch)
        w[f"{at}0.bias"] = rng.normal(size=ch) * 0.3
        for name in ("1.fn.fn.0.fn.2", "1.fn.fn.1.fn.2", "2.fn.2") if s["nl"] else ():
            w[f"{at}{name}.weight"] = uniform(rng, (ch, ch, 1, 1), ch)
            w[f"{at}{name}.bias"] = uniform(rng, (ch,), ch)
    w["out.1.weight"], w["out.1.bias"] = uniform(rng, (9, ch, 1, 1), ch), uniform(rng, (9,), ch)
    return {key: value.astype(np.float32) for key, value in w.items()}


def unit(x: np.ndarray, n: int) -> np.ndarray:
    """Every oscillator's vector divided by its length."""
    v = x.reshape(len(x), -1, n, *x.shape[2:])
    return (v / np.maximum(np.sqrt((v**2).sum(2, keepdims=True)), 1e-12)).reshape(x.shape)


def normalise(w: Weights, s: Settings, c: np.ndarray) -> np.ndarray:
    """The stimulus as the layer uses it."""
    if s["c_norm"] not in ("gn", "sandb"):
        return c
    if s["c_norm"] == "gn":
        c = c.copy()
        for sample in c:
            for o in range(s["ch"] // s["n"]):
                group = sample[o * s["n"] : (o + 1) * s["n"]]
                group[...] = (group - group.mean()) / np.sqrt(group.var() + 1e-5)
    scale = w["c_norm.weight" if s["c_norm"] == "gn" else "c_norm.scale"]
    return c * scale[:, None, None] + w["c_norm.bias"][:, None, None]


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A convolution of size one."""
    return np.einsum("oc,bchw->bohw", weight[:, :, 0, 0], x) + bias[:, None, None]


def convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A convolution with zeros around the grid."""
    size = kernel.shape[-1]
    pad, (rows, columns) = size // 2, x.shape[2:]
    wide = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    y = np.zeros_like(x) + bias[:, None, None]
    for i in range(size):
        for j in range(size):
            y += np.einsum("oc,bchw->bohw", kernel[:, :, i, j], wide[:, :, i : i + rows, j : j + columns])
    return y


def resize(mats: np.ndarray, hw: tuple[int, int], grid: tuple[int, int]) -> np.ndarray:
    """Blocks [position, pair, 2, 2] bilinearly interpolated to another grid, corners not aligned."""
    image, out = mats.reshape(*hw, *mats.shape[1:]), np.empty((*grid, *mats.shape[1:]))

    def around(i: int, new: int, old: int) -> tuple[int, int, float]:
        at = max((i + 0.5) * old / new - 0.5, 0.0)
        low = min(int(at), old - 1)
        return low, min(low + 1, old - 1), at - low

    for i in range(grid[0]):
        top, bottom, a = around(i, grid[0], hw[0])
        for j in range(grid[1]):
            left, right, b = around(j, grid[1], hw[1])
            upper = (1 - b) * image[top, left] + b * image[top, right]
            lower = (1 - b) * image[bottom, left] + b * image[bottom, right]
            out[i, j] = (1 - a) * upper + a * lower
    return out.reshape(-1, *mats.shape[1:])


def turn(mats: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Blocks [position, pair, 2, 2] applied to consecutive pairs of v [position, channel of the head]."""
    return np.einsum("tpij,tpj->tpi", mats, v.reshape(len(v), -1, 2)).reshape(v.shape)


def attend(w: Weights, s: Settings, x: np.ndarray) -> np.ndarray:
    """Self-attention with interleaved heads."""
    samples, ch, rows, columns = x.shape
    heads, at = s["heads"], "connectivity."
    qkv = linear(x, w[f"{at}W_qkv.weight"], w[f"{at}W_qkv.bias"])
    mats = {}
    if s["gta"]:
        mats = {name: resize(w[f"{at}mat_{name}"], tuple(s["hw"]), (rows, columns)) for name in "qkvo"}
    mixed = np.empty_like(x)
    for b in range(samples):
        for h in range(heads):
            parts = dict(
                zip("qkv", (part[h::heads].reshape(ch // heads, -1).T for part in np.split(qkv[b], 3)), strict=True)
            )
            if mats:
                parts = {name: turn(mats[name], v) for name, v in parts.items()}
            score = parts["q"] @ parts["k"].T / np.sqrt(ch / heads)
            weight = np.exp(score - score.max(1, keepdims=True))
            o = weight / weight.sum(1, keepdims=True) @ parts["v"]
            o = turn(mats["o"], o) if mats else o
            mixed[b, h::heads] = o.T.reshape(-1, rows, columns)
    return linear(mixed, w[f"{at}W_o.weight"], w[f"{at}W_o.bias"])


def rotate(w: Weights, s: Settings, x: np.ndarray) -> np.ndarray:
    """Omega x: clockwise in each pair of channels, and x itself where frequencies are off."""
    if not s["use_omega"]:
        return x
    omega = np.sqrt((w["omg.omg_param"] ** 2).sum(-1))
    out = np.empty_like(x)
    for p in range(s["ch"] // 2):
        rate = omega if s["global_omg"] else omega[p]
        out[:, 2 * p], out[:, 2 * p + 1] = rate * x[:, 2 * p + 1], -rate * x[:, 2 * p]
    return out


def run_layer(
    weights: Weights, settings: Settings, x: np.ndarray, c: np.ndarray, steps: int, gamma: float
) -> tuple[np.ndarray, np.ndarray]:
    """States [step, sample, channel, y, x] and energies [step + 1, sample]."""
    s = LAYER_DEFAULTS | settings
    w = {key: value.astype(np.float64) for key, value in weights.items()}
    n = s["n"]
    c, x = normalise(w, s, c.astype(np.float64)), unit(x.astype(np.float64), n)
    states, energies = [], [np.zeros(len(x))]
    for _ in range(steps):
        convolution = s["J"] == "conv"
        y = convolve(x, w["connectivity.weight"], w["connectivity.bias"]) if convolution else attend(w, s, x)
        y = y + c
        energies.append(-(x * y).sum((1, 2, 3)))
        force = y
        if s["apply_proj"]:
            along = (x * y).reshape(len(x), -1, n, *x.shape[2:]).sum(2, keepdims=True)
            force = y - (along * x.reshape(len(x), -1, n, *x.shape[2:])).reshape(x.shape)
        x = unit(x + gamma * (rotate(w, s, x) + force), n)
        states.append(x)
    return np.stack(states), np.stack(energies)


def readout(w: Weights, x: np.ndarray) -> np.ndarray:
    """Norms of linear maps, and the residual network behind them."""
    z = linear(x, w["0.invconv.weight"], w["0.invconv.bias"])
    m = np.sqrt((z.reshape(len(z), len(w["0.bias"]), -1, *z.shape[2:]) ** 2).sum(2)) + w["0.bias"][:, None, None]
    if "2.fn.2.weight" not in w:
        return m
    r = m
    for name in ("1.fn.fn.0.fn.2", "1.fn.fn.1.fn.2"):
        r = linear(np.maximum(r, 0), w[f"{name}.weight"], w[f"{name}.bias"])
    return linear(np.maximum(m + r, 0), w["2.fn.2.weight"], w["2.fn.2.bias"])


def below(weights: Weights, prefix: str) -> Weights:
    """Weights below a prefix, in float64."""
    return {key.removeprefix(prefix): v.astype(np.float64) for key, v in weights.items() if key.startswith(prefix)}


def layer_case(settings: Settings, seed: int) -> Weights:
    """Arrays of one layer case."""
    rng = np.random.default_rng(seed)
    weights = random_layer(settings, rng)
    x0, c = rng.normal(size=(2, *settings["shape"])).astype(np.float32)
    gamma = (LAYER_DEFAULTS | settings)["step_size"]
    states, energies = run_layer(weights, settings, x0, c, settings["steps"], gamma)
    arrays = {"x0": x0, "c": c, "states": states, "energies": energies}
    return arrays | {f"weights/{key}": value for key, value in weights.items()}


def sudoku_case(settings: Settings, seed: int, boards: int = 2, grid: tuple[int, int] = (9, 9)) -> Weights:
    """Arrays of one Sudoku case."""
    rng, s = np.random.default_rng(seed), SUDOKU_DEFAULTS | settings
    weights = random_sudoku(settings, rng)
    givens = rng.integers(0, 10, (boards, *grid)) * (rng.uniform(size=(boards, *grid)) < 0.4)
    noise = rng.normal(size=(boards, s["ch"], *grid)).astype(np.float32)
    arrays = {"givens": givens, "x0_noise": noise}
    c = weights["embedding.weight"][givens].transpose(0, 3, 1, 2).astype(np.float64)
    x = np.where(givens[:, None] > 0, c, noise)
    for number in range(s["L"]):
        layer, gamma = below(weights, f"layers.{number}.0."), float(weights["gamma"][0])
        states, arrays[f"layer{number}/energies"] = run_layer(layer, s, x, c, s["T"], gamma)
        x = arrays[f"layer{number}/states_last"] = states[-1]
        c = readout(below(weights, f"layers.{number}.1."), x)
    head = below(weights, "out.1.")
    arrays["logits"] = linear(np.maximum(c, 0), head["weight"], head["bias"]).transpose(0, 2, 3, 1)
    return arrays | {f"weights/{key}": value for key, value in weights.items()}


def write(folder: Path, cases: dict[str, tuple[Settings, Weights]]) -> list[str]:
    """Write npz and JSON files of some cases; their paths."""
    arrays = {
        f"{name}/{key}": value.astype(np.float32) if value.dtype.kind == "f" else value
        for name, (_, case) in cases.items()
        for key, value in case.items()
    }
    np.savez(folder / "arrays.npz", **arrays)  # pyright: ignore[reportArgumentType]
    (folder / "settings.json").write_text(json.dumps({name: settings for name, (settings, _) in cases.items()}))
    return [str(folder / "arrays.npz"), str(folder / "settings.json")]
