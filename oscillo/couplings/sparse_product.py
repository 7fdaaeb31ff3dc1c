"""Sparse products W x of any number of columns, with gradients, compiled or not.

On the CPU the product runs in C (`sparse_product.c`, compiled once and kept in a cache), which reads every link once
for all columns; without a C compiler, and on other devices, it is PyTorch's own.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch import library as operators

_SOURCE = Path(__file__).with_suffix(".c")
_FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-fopenmp", "-shared", "-fPIC")
"""Without contraction: a sum that is fused in one loop and not in another would make results depend on the batch."""


def sparse_product(weights: Tensor, x: Tensor, links: tuple[Tensor, ...]) -> Tensor:
    """W x for every column of x, [column, n], in memory as x is: column by column, or row by row.

    Args:
        weights: values of W in the order of its links, [link].
        x: [column, n].
        links: row pointers [n + 1] and columns [link] of W, those of its transpose, all int32, and where the
            transpose's values stand among the weights, int64 [link].
    """
    if torch.is_grad_enabled() and (weights.requires_grad or x.requires_grad):
        return _Product.apply(weights, x, *links)  # pyright: ignore[reportReturnType]
    return torch.ops.oscillo.sparse_product(weights, x, links[0], links[1])


class _Product(torch.autograd.Function):
    """W x, with the transpose's layout at hand for the gradient."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, x: Tensor, rows: Tensor, columns: Tensor, *transpose: Tensor) -> Tensor:
        ctx.save_for_backward(weights, x, rows, columns, *transpose)
        return torch.ops.oscillo.sparse_product(weights, x, rows, columns)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        weights, x, rows, columns, rows_back, columns_back, back = ctx.saved_tensors
        of_x = of_weights = None
        if ctx.needs_input_grad[1]:
            of_x = torch.ops.oscillo.sparse_product(weights[back], gradient, rows_back, columns_back)
        if ctx.needs_input_grad[0]:
            of_weights = (gradient[:, targets(rows)] * x[:, columns]).sum(0)
        return of_weights, of_x, None, None, None, None, None


def targets(rows: Tensor) -> Tensor:
    """Row number of each entry, int64 [link], from row pointers."""
    return torch.repeat_interleave(torch.arange(len(rows) - 1, device=rows.device), rows.diff())


@cache
def library() -> ctypes.CDLL | None:
    """The product in C; None where there is no C compiler.

    Raises:
        RuntimeError: when there is a compiler and it fails.
    """
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("gcc", "clang", "cc")), None)
    if compiler is None or not _SOURCE.is_file():
        return None
    key = hashlib.sha256("|".join((_SOURCE.read_text(), compiler, *_FLAGS, _processor())).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("OSCILLO_CACHE") or Path.home() / ".cache" / "oscillo") / "compiled"
    built = folder / f"sparse_product-{key}.so"
    if not built.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = built.with_suffix(f".{os.getpid()}")
        command = [*compiler.split(), *_FLAGS, "-o", str(fresh), str(_SOURCE)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {found.stderr.strip()[:500]}")
        fresh.replace(built)
    loaded = ctypes.CDLL(str(built))
    sizes = [ctypes.c_int64] * 2
    for product in (loaded.product_float, loaded.product_double):
        product.argtypes, product.restype = [*sizes, *[ctypes.c_void_p] * 5, ctypes.c_int], None
    for turn in (loaded.product_float_turn, loaded.product_double_turn):
        turn.argtypes, turn.restype = [*sizes, *[ctypes.c_void_p] * 2, ctypes.c_int, ctypes.c_int], None
    return loaded


def _processor() -> str:
    """What the machine's code is made for; a cache may be shared between machines."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _on_cpu(weights: Tensor, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    built = library()
    if built is None or x.dtype not in (torch.float32, torch.float64) or rows.dtype != torch.int32:
        return _by_torch(weights, x, rows, columns)
    columns_of, threads = x.shape[0], torch.get_num_threads()
    single = x.dtype == torch.float32
    product, turn = (built.product_float, built.product_float_turn) if single else (
        built.product_double, built.product_double_turn
    )  # fmt: skip
    n, by_rows = x.shape[1], _by_rows(x)
    packed = x
    if not by_rows:
        x = x.contiguous()
        packed = x.new_empty(n * columns_of)
        turn(n, columns_of, x.data_ptr(), packed.data_ptr(), 0, threads)
    y = packed.new_empty((n, columns_of))
    product(
        n, columns_of, rows.data_ptr(), columns.data_ptr(), weights.data_ptr(), packed.data_ptr(), y.data_ptr(), threads
    )
    if by_rows:
        return y.t()
    out = torch.empty_like(x)
    turn(n, columns_of, y.data_ptr(), out.data_ptr(), 1, threads)
    return out


def _by_rows(x: Tensor) -> bool:
    """Whether all columns of a row lie together; a single column lies as well one way as the other."""
    return x.stride() == (1, x.shape[0]) and x.shape[0] > 1


def _by_torch(weights: Tensor, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    count = x.shape[1]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        y = torch.sparse_csr_tensor(rows, columns, weights, (count, count), check_invariants=False) @ x.t()
    return y.t() if _by_rows(x) else y.t().contiguous()


_LIBRARY = operators.Library("oscillo", "FRAGMENT")
_LIBRARY.define("sparse_product(Tensor weights, Tensor x, Tensor rows, Tensor columns) -> Tensor")
_LIBRARY.impl("sparse_product", _on_cpu, "CPU")
_LIBRARY.impl("sparse_product", _by_torch, "CUDA")


@operators.register_fake("oscillo::sparse_product")
def _(weights: Tensor, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return x.new_empty(x.shape[::-1]).t() if _by_rows(x) else x.new_empty(x.shape)
