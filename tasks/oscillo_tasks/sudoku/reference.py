"""Settings and weights of AKOrN's released code, brought into our networks.

Miyato et al. 2025, "Artificial Kuramoto oscillatory neurons", and the code published with it, here "the reference".
What differs is the order of channels and a few conventions:

| | reference | here |
|---|---|---|
| channel of component k, oscillator o | o * n + k | k * oscillators + o |
| attention channel of head h, number c in the head | c * heads + h | h * d + half * d / 2 + pair, c = 2 pair + half |
| readout row of feature f, component k | f * n + k | k * features + f |
| frequency | the norm of two numbers, clockwise | one number, counter-clockwise |
| frequencies off | an identity is left behind | `frequency: {kind: identity}` |
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from oscillo.couplings import AttentionCouplingSpec, ConvolutionCouplingSpec, CouplingSpec
from oscillo.frequencies import FrequencySpec, IdentityFrequencySpec, PerOscillatorFrequencySpec, SharedFrequencySpec
from oscillo.integrators import ProjectedEulerSpec
from oscillo.manifolds import SphereSpec
from oscillo.network import NetworkSpec, OscillatorLayerSpec
from oscillo.network.readouts import NormReadoutSpec, ReadoutSpec, StateReadoutSpec
from oscillo.spec import Spec
from oscillo.stimuli import ConditionalStimulusSpec

Arrays = Mapping[str, Any]
"""A state_dict of the reference: tensors or numpy arrays by their keys."""


class ReferenceMismatch(ValueError):
    """Weights or settings are not those of the reference, or do not fit each other."""


class _Settings(Spec):
    n: int = Field(ge=1, description="Dimension of one oscillator.")
    ch: int = Field(ge=1, description="Channels.")
    ksize: int = Field(default=3, ge=1, description="Kernel size of the convolution.")
    heads: int = Field(default=8, ge=1, description="Attention heads.")
    apply_proj: bool = Field(default=True, description="Whether the force is projected to the tangent space.")


class LayerSettings(_Settings):
    """Settings of one Kuramoto layer, under the reference's names and with its defaults."""

    J: Literal["conv", "attn"] = Field(description="Connectivity.")
    gta: bool = Field(default=False, description="Whether the attention has position blocks.")
    hw: tuple[int, int] | None = Field(default=None, description="Grid of the position blocks; left out, the input's.")
    c_norm: Literal["gn", "sandb", "none"] | None = Field(default="gn", description="Normalisation of the stimulus.")
    use_omega: bool = Field(default=False, description="Whether there are frequencies.")
    global_omg: bool = Field(default=False, description="Whether all oscillators share one frequency.")
    init_omg: float = Field(default=1.0, description="Initial frequency, clockwise.")
    learn_omg: bool = Field(default=True, description="Whether frequencies are trained.")
    steps: int = Field(ge=0, description="Steps T.")
    step_size: float = Field(default=1.0, gt=0, description="Step size gamma.")


class SudokuSettings(_Settings):
    """Settings of the reference's Sudoku model, under its names and with its defaults."""

    L: int = Field(default=1, ge=1, description="Layers.")
    T: int = Field(default=16, ge=0, description="Steps of every layer.")
    gamma: float = Field(default=1.0, gt=0, description="Initial step size; the trained one is a weight.")
    J: Literal["conv", "attn"] = Field(default="attn", description="Connectivity.")
    gta: bool = Field(default=True, description="Whether the attention has position blocks.")
    hw: tuple[int, int] = Field(default=(9, 9), description="Grid of the position blocks.")
    c_norm: Literal["gn", "sandb", "none"] | None = Field(default=None, description="Normalisation of the stimulus.")
    use_omega: bool = Field(default=True, description="Whether there are frequencies.")
    global_omg: bool = Field(default=True, description="Whether all oscillators share one frequency.")
    init_omg: float = Field(default=0.1, description="Initial frequency, clockwise.")
    learn_omg: bool = Field(default=False, description="Whether frequencies are trained.")
    nl: bool = Field(default=True, description="Whether a residual network follows the norms of the readout.")

    @property
    def layer(self) -> LayerSettings:
        """Settings of each of its layers."""
        shared = self.model_dump(exclude={"L", "T", "gamma", "nl"})
        return LayerSettings(**shared, steps=self.T, step_size=self.gamma)


def sudoku_settings(weights: Arrays, declared: Mapping[str, Any] | None = None) -> SudokuSettings:
    """Settings of a Sudoku model: as declared, the others read off the keys and shapes of its weights.

    Not to be seen in weights, and the default where not declared: T, apply_proj, learn_omg, and heads without
    position blocks.

    Raises:
        ReferenceMismatch: when a key that the settings are read off is missing or has an impossible shape.
        pydantic.ValidationError: when a declared setting is unknown or has no sense.
    """
    shapes = {key: tuple(np.shape(value)) for key, value in weights.items()}
    try:
        seen = _seen(shapes)
    except KeyError as missing:
        raise ReferenceMismatch(f"the weights have no {missing}: they are not those of a SudokuAKOrN") from None
    except (IndexError, ValueError, ZeroDivisionError):
        raise ReferenceMismatch("the weights have shapes that no SudokuAKOrN has") from None
    return SudokuSettings(**{**seen, **(declared or {})})


def _seen(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    ch = shapes["embedding.weight"][1]
    coupling, norm, readout = "layers.0.0.connectivity.", "layers.0.0.c_norm.", "layers.0.1."
    omega = shapes.get("layers.0.0.omg.omg_param")
    blocks = [shape for key, shape in shapes.items() if key.startswith(f"{coupling}mat_")]
    seen: dict[str, Any] = {
        "n": shapes[f"{readout}0.invconv.weight"][0] // shapes[f"{readout}0.bias"][0],
        "ch": ch,
        "L": len({key.split(".")[1] for key in shapes if key.startswith("layers.")}),
        "use_omega": omega is not None,
        "global_omg": omega is None or len(omega) == 1,
        "c_norm": "gn" if f"{norm}weight" in shapes else "sandb" if f"{norm}scale" in shapes else None,
        "nl": any(key.startswith((f"{readout}1.", f"{readout}2.")) for key in shapes),
        "gta": bool(blocks),
    }
    if f"{coupling}weight" in shapes:
        return seen | {"J": "conv", "ksize": shapes[f"{coupling}weight"][-1]}
    if blocks:
        positions, pairs = blocks[0][:2]
        seen |= {"heads": ch // (2 * pairs), "hw": (isqrt(positions), isqrt(positions))}
    return seen


def layer_network(settings: LayerSettings, grid: tuple[int, int]) -> NetworkSpec:
    """A network of one layer, which gives its last state back.

    Args:
        settings: of the layer.
        grid: rows and columns of the inputs; the position blocks live on it unless `hw` says otherwise.
    """
    layer = _layer_spec(settings, StateReadoutSpec(), learn_step_size=False)
    return _checked(NetworkSpec(sites=list(settings.hw or grid), layers=[layer]))


def sudoku_network(settings: SudokuSettings) -> NetworkSpec:
    """The network between the digit embedding and the logits."""
    readout = NormReadoutSpec(channels=settings.ch, dimension=settings.n, residual=settings.nl)
    layer = _layer_spec(settings.layer, readout, learn_step_size=True)
    return _checked(NetworkSpec(sites=list(settings.hw), layers=[layer] * settings.L))


def _layer_spec(settings: LayerSettings, readout: ReadoutSpec, *, learn_step_size: bool) -> OscillatorLayerSpec:
    normalization = {"gn": "group", "sandb": "affine"}.get(settings.c_norm or "none", "none")
    return OscillatorLayerSpec(
        manifold=SphereSpec(dimension=settings.n),
        channels=settings.ch,
        frequency=_frequency_spec(settings),
        coupling=_coupling_spec(settings),
        stimulus=ConditionalStimulusSpec(normalization=normalization),  # pyright: ignore[reportArgumentType]
        integrator=ProjectedEulerSpec(
            steps=settings.steps,
            step_size=settings.step_size,
            learn_step_size=learn_step_size,
            project=settings.apply_proj,
        ),
        readout=readout,
    )


def _frequency_spec(settings: LayerSettings) -> FrequencySpec:
    if not settings.use_omega:
        return IdentityFrequencySpec()
    kind = SharedFrequencySpec if settings.global_omg else PerOscillatorFrequencySpec
    return kind(init=-abs(settings.init_omg), learn=settings.learn_omg)


def _coupling_spec(settings: LayerSettings) -> CouplingSpec:
    if settings.J == "conv":
        return ConvolutionCouplingSpec(kernel_size=settings.ksize)
    return AttentionCouplingSpec(heads=settings.heads, position="gta" if settings.gta else "none")


def _checked(network: NetworkSpec) -> NetworkSpec:
    problems = network.problems(network.resolve_sites(None))
    if problems:
        raise ReferenceMismatch("; ".join(problem[1] for problem in problems))
    return network


def channel_order(settings: _Settings) -> Tensor:
    """Reference channel of each of our channels, [channel]."""
    return torch.arange(settings.ch).view(-1, settings.n).T.flatten()


def attention_order(channels: int, heads: int) -> Tensor:
    """Reference channel of each of our channels within q, k, v or the attention's sum, [channel]."""
    size = channels // heads
    if size % 2:  # no pairs; only possible without position blocks
        return torch.arange(channels).view(size, heads).T.flatten()
    return torch.arange(channels).view(size // 2, 2, heads).permute(2, 1, 0).flatten()


def state_layout(maps: Tensor, n: int) -> Tensor:
    """Feature maps of the reference [..., channel, y, x] as states [..., y, x, component, oscillator]."""
    vectors = maps.unflatten(-3, (-1, n))
    return vectors.movedim((-4, -3), (-1, -2)).contiguous()


class _Taken:
    """A state_dict of the reference from which every key is taken once, with the shape it must have."""

    unused_by_reference = frozenset({"x0"})
    """Parameters that the reference holds and never reads."""

    def __init__(self, weights: Arrays) -> None:
        self._weights = weights
        self._left = set(weights) - self.unused_by_reference

    def take(self, key: str, *shape: int) -> Tensor:
        """The weight as float32."""
        if key not in self._weights:
            raise ReferenceMismatch(f"the weights lack the key {key}")
        found = tuple(np.shape(self._weights[key]))
        if found != shape:
            raise ReferenceMismatch(f"{key} has the shape {list(found)}, and the settings ask for {list(shape)}")
        self._left.discard(key)
        try:
            return torch.as_tensor(self._weights[key]).detach().to("cpu", torch.float32)
        except TypeError as error:
            raise ReferenceMismatch(f"{key} holds no numbers") from error

    def finish(self) -> None:
        """Refuse weights of which something is left."""
        if self._left:
            raise ReferenceMismatch(f"the settings have no place for the key(s) {', '.join(sorted(self._left))}")


def layer_weights(weights: Arrays, settings: LayerSettings, grid: tuple[int, int]) -> dict[str, Tensor]:
    """state_dict of the network that `layer_network` declares, from that of the reference's layer.

    Raises:
        ReferenceMismatch: naming the key that is missing, has another shape, or has no place.
    """
    taken = _Taken(weights)
    state = _layer(taken, "", settings, settings.hw or grid)
    state["integrator.step_size"] = torch.tensor(settings.step_size)
    taken.finish()
    return {f"layers.0.{key}": value for key, value in state.items()}


def sudoku_weights(weights: Arrays, settings: SudokuSettings) -> dict[str, Tensor]:
    """state_dict of a `SudokuModel` around the network that `sudoku_network` declares.

    The reference has one step size for all layers; every layer here gets a copy of it.

    Raises:
        ReferenceMismatch: naming the key that is missing, has another shape, or has no place.
    """
    taken, order = _Taken(weights), channel_order(settings)
    digits = digits_of(weights)
    state = {"embedding.weight": taken.take("embedding.weight", digits + 1, settings.ch)[:, order]}
    for number in range(settings.L):
        layer = _layer(taken, f"layers.{number}.0.", settings.layer, settings.hw)
        layer["integrator.step_size"] = taken.take("gamma", 1).reshape(())
        readout = _readout(taken, f"layers.{number}.1.", settings)
        layer |= {f"readout.{key}": value for key, value in readout.items()}
        state |= {f"network.layers.{number}.{key}": value for key, value in layer.items()}
    state["head.weight"] = taken.take("out.1.weight", digits, settings.ch, 1, 1)[:, order, 0, 0]
    state["head.bias"] = taken.take("out.1.bias", digits)
    taken.finish()
    return state


def digits_of(weights: Arrays) -> int:
    """Digits that a Sudoku model of the reference tells apart."""
    shape = np.shape(weights["out.1.bias"]) if "out.1.bias" in weights else ()
    if len(shape) != 1:
        raise ReferenceMismatch("the weights have no vector out.1.bias: they are not those of a SudokuAKOrN")
    return shape[0]


def _layer(taken: _Taken, prefix: str, settings: LayerSettings, grid: tuple[int, int]) -> dict[str, Tensor]:
    ch, n, order = settings.ch, settings.n, channel_order(settings)
    state: dict[str, Tensor] = {}
    if settings.use_omega:
        shape = (2,) if settings.global_omg else (ch // 2, 2)
        omega = -torch.linalg.vector_norm(taken.take(f"{prefix}omg.omg_param", *shape), dim=-1)
        # Pair p of the reference is plane p % (n / 2) of oscillator p // (n / 2).
        state["oscillators.frequency.omega"] = omega if settings.global_omg else omega.view(-1, n // 2).T.contiguous()
    if settings.c_norm in ("gn", "sandb"):
        scale = "weight" if settings.c_norm == "gn" else "scale"
        for ours, theirs in (("scale", scale), ("shift", "bias")):
            state[f"stimulus.{ours}"] = taken.take(f"{prefix}c_norm.{theirs}", ch)[order].view(n, -1)
    coupling = _convolution if settings.J == "conv" else _attention
    moved = coupling(taken, f"{prefix}connectivity.", settings, grid)
    return state | {f"oscillators.coupling.{key}": value for key, value in moved.items()}


def _convolution(taken: _Taken, prefix: str, settings: LayerSettings, grid: tuple[int, int]) -> dict[str, Tensor]:
    ch, size, order = settings.ch, settings.ksize, channel_order(settings)
    kernel = taken.take(f"{prefix}weight", ch, ch, size, size)
    return {"weight": kernel[order][:, order], "bias": taken.take(f"{prefix}bias", ch)[order]}


def _attention(taken: _Taken, prefix: str, settings: LayerSettings, grid: tuple[int, int]) -> dict[str, Tensor]:
    ch, heads = settings.ch, settings.heads
    order, within = channel_order(settings), attention_order(ch, heads)
    qkv = taken.take(f"{prefix}W_qkv.weight", 3 * ch, ch, 1, 1).view(3, ch, ch)
    out = taken.take(f"{prefix}W_o.weight", ch, ch, 1, 1)[..., 0, 0]
    state = {
        "qkv.weight": qkv[:, within][..., order].flatten(0, 1),
        "qkv.bias": taken.take(f"{prefix}W_qkv.bias", 3 * ch).view(3, ch)[:, within].flatten(),
        "out.weight": out[order][:, within],
        "out.bias": taken.take(f"{prefix}W_o.bias", ch)[order],
    }
    if settings.gta:
        rows, columns = grid
        shape = (rows * columns, ch // heads // 2, 2, 2)
        blocks = torch.stack([taken.take(f"{prefix}mat_{name}", *shape) for name in "qkvo"])
        state["position.blocks"] = blocks.unflatten(1, (rows, columns)).movedim(3, -1).contiguous()
    return state


def _readout(taken: _Taken, prefix: str, settings: SudokuSettings) -> dict[str, Tensor]:
    """Readout whose features stand in our channel order, as the next layer and the head take them."""
    ch, n, order = settings.ch, settings.n, channel_order(settings)
    weight = taken.take(f"{prefix}0.invconv.weight", n * ch, ch, 1, 1).view(ch, n, ch)
    bias = taken.take(f"{prefix}0.invconv.bias", n * ch).view(ch, n)
    state = {
        "map.weight": weight[order][..., order].transpose(0, 1).flatten(0, 1),
        "map.bias": bias[order].T.flatten(),
        "bias": taken.take(f"{prefix}0.bias", ch)[order],
    }
    if settings.nl:
        for number, name in enumerate(("1.fn.fn.0.fn.2", "1.fn.fn.1.fn.2", "2.fn.2")):
            linear = taken.take(f"{prefix}{name}.weight", ch, ch, 1, 1)[..., 0, 0]
            state[f"residual.{number}.weight"] = linear[order][:, order]
            state[f"residual.{number}.bias"] = taken.take(f"{prefix}{name}.bias", ch)[order]
    return state
