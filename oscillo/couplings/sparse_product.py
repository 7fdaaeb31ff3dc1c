"""Sparse products W x of any number of columns, with gradients, compiled or not.

On the CPU the product is our own (`sparse_product.cpp`, compiled once and kept in a cache), which reads every link
once for all columns; without a C++ compiler, and on other devices, it is PyTorch's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch import library as operators
from torch.autograd import forward_ad

_SOURCE = Path(__file__).with_suffix(".cpp")
_FLAGS = ("-std=c++20", "-O3", "-march=native", "-ffp-contract=off", "-fopenmp", "-shared", "-fPIC")


def sparse_product(weights: Tensor, x: Tensor, links: tuple[Tensor, ...]) -> Tensor:
    """W x for every column of x, [column, n], in memory as x is: column by column, or row by row.

    Args:
        weights: values of W in the order of its links, [link].
        x: [column, n].
        links: row pointers [n + 1] and columns [link] of W, those of its transpose, all int32, and where the
            transpose's values stand among the weights, int64 [link].
    """
    learned = torch.is_grad_enabled() and (weights.requires_grad or x.requires_grad)
    # An operator that is not PyTorch's own would drop the tangents of forward-mode differentiation without a word.
    if learned or (not torch.compiler.is_compiling() and forward_ad._current_level >= 0):
        return _Product.apply(weights, x, *links)  # pyright: ignore[reportReturnType]
    return torch.ops.oscillo.sparse_product(weights, x, links[0], links[1])


class _Product(torch.autograd.Function):
    """W x, with the transpose's layout at hand for the gradient; forward mode pushes tangents through the product."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, x: Tensor, rows: Tensor, columns: Tensor, *transpose: Tensor) -> Tensor:
        ctx.save_for_backward(weights, x, rows, columns, *transpose)
        ctx.save_for_forward(weights, x, rows, columns)
        return torch.ops.oscillo.sparse_product(weights, x, rows, columns)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor | None:
        weights, x, rows, columns = ctx.saved_tensors
        of_weights, of_x = tangents[:2]
        product = torch.ops.oscillo.sparse_product
        by_x = None if of_x is None else product(weights, of_x, rows, columns)
        by_weights = None if of_weights is None else product(of_weights, x, rows, columns)
        return by_x if by_weights is None else by_weights if by_x is None else by_x + by_weights

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
def load() -> bool:
    """Have the CPU's products computed by our own code, compiled on first use and kept in a cache.

    Returns:
        Whether they are; without a C++ compiler, and where there is no Linux, they are PyTorch's.

    Raises:
        RuntimeError: when there is a compiler and it fails.
    """
    compiler = os.environ.get("CXX", shutil.which("g++"))
    if not compiler or sys.platform != "linux":
        return False
    torch_at = Path(torch.__file__).parent
    abi = f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"
    headers = (f"-I{torch_at / 'include'}", f"-I{torch_at / 'include' / 'torch' / 'csrc' / 'api' / 'include'}")
    command = [*compiler.split(), *_FLAGS, abi, *headers]
    key = hashlib.sha256("|".join((_SOURCE.read_text(), *command, torch.__version__, _processor())).encode())
    folder = Path(os.environ.get("OSCILLO_CACHE") or Path.home() / ".cache" / "oscillo") / "compiled"
    built = folder / f"sparse_product-{key.hexdigest()[:16]}.so"
    if not built.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = built.with_suffix(f".{os.getpid()}")
        command += ["-o", str(fresh), str(_SOURCE), f"-L{torch_at / 'lib'}", "-ltorch_cpu", "-lc10"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode:
            raise RuntimeError(
                "set CXX to another compiler, or to nothing for PyTorch's slower products: "
                f"{' '.join(command)} failed: {found.stderr.strip()[:500]}"
            )
        fresh.replace(built)
    torch.ops.load_library(built)
    return True


def _processor() -> str:
    """What the machine's code is made for; a cache may be shared between machines."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _by_rows(x: Tensor) -> bool:
    """Whether all columns of a row lie together; a single column lies as well one way as the other."""
    return x.stride() == (1, x.shape[0]) and x.shape[0] > 1


def _by_torch(weights: Tensor, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    count = x.shape[1]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        y = torch.sparse_csr_tensor(rows, columns, weights, (count, count), check_invariants=False) @ x.t()
    return y.t() if _by_rows(x) else y.t().contiguous()


operators.define("oscillo::sparse_product", "(Tensor weights, Tensor x, Tensor rows, Tensor columns) -> Tensor")
operators.impl("oscillo::sparse_product", "default", _by_torch)


@operators.register_fake("oscillo::sparse_product")
def _(weights: Tensor, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return x.new_empty(x.shape[::-1]).t() if _by_rows(x) else x.new_empty(x.shape)
