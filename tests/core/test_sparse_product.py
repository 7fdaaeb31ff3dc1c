from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from oscillo.couplings import sparse_product as module
from oscillo.couplings.sparse_product import load, sparse_product

N = 12
load()


def links(seed: int, density: float) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], torch.Tensor]:
    """Weights, layout as `GraphCoupling` keeps it, and the dense matrix."""
    generator = torch.Generator().manual_seed(seed)
    there = torch.rand(N, N, generator=generator) < density
    dense = torch.where(there, torch.randn(N, N, generator=generator, dtype=torch.float64), 0.0)
    w = dense.to_sparse_csr()
    back = dense.T.contiguous().to_sparse_csr()
    position = torch.zeros(N, N, dtype=torch.int64)
    position[there] = torch.arange(int(there.sum()))
    order = position.T[there.T]
    layout = tuple(part.int() for part in (w.crow_indices(), w.col_indices(), back.crow_indices(), back.col_indices()))
    return w.values().clone(), (*layout, order), dense


@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.2, 1.0]), st.integers(1, 140))
def test_product_equals_the_dense_one(seed: int, density: float, columns: int) -> None:
    weights, layout, dense = links(seed, density)
    x = torch.randn(columns, N, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    expected = x @ dense.T
    by_columns, by_rows = sparse_product(weights, x, layout), sparse_product(weights, x.t().contiguous().t(), layout)
    assert_close(by_columns, expected)
    assert torch.equal(by_columns, by_rows)
    assert by_columns.is_contiguous() and (columns == 1 or by_rows.t().is_contiguous())
    single = sparse_product(weights.float(), x.float(), layout)
    assert single.dtype == torch.float32
    assert_close(single, expected.float(), rtol=1e-4, atol=1e-5)


@given(st.integers(0, 2**31), st.integers(2, 140))
def test_a_column_does_not_depend_on_those_beside_it(seed: int, columns: int) -> None:
    weights, layout, _ = links(seed, 0.5)
    x = torch.randn(columns, N, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    together = sparse_product(weights, x, layout)
    for column in (0, columns // 2, columns - 1):
        alone = sparse_product(weights, x[column : column + 1], layout)
        assert torch.equal(alone[0], together[column])


def test_gradients() -> None:
    weights, layout, _ = links(3, 0.4)
    x = torch.randn(5, N, dtype=torch.float64)
    inputs = (weights.requires_grad_(), x.requires_grad_())
    assert torch.autograd.gradcheck(lambda w, x: sparse_product(w, x, layout), inputs)


def test_it_is_our_own_where_there_is_a_compiler() -> None:
    assert load() == (shutil.which("g++") is not None and sys.platform == "linux")
    assert torch._C._dispatch_has_kernel_for_dispatch_key("oscillo::sparse_product", "CPU") == load()


def test_without_a_compiler_it_is_torchs_own() -> None:
    weights, layout, dense = links(4, 0.3)
    x = torch.randn(7, N, dtype=torch.float64)
    expected = x @ dense.T
    for laid in (x, x.t().contiguous().t()):
        found = module._by_torch(weights, laid, *layout[:2])
        assert_close(found, expected)
        assert found.stride() == laid.stride()


def test_no_compiler_is_looked_for_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "")
    assert not load.__wrapped__()


def test_a_compiler_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "false")
    monkeypatch.setenv("OSCILLO_CACHE", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"set CXX to another compiler.*false .* failed"):
        load.__wrapped__()


def test_a_few_nodes_with_most_of_the_links_do_not_change_the_sums() -> None:
    n, generator = 40000, torch.Generator().manual_seed(0)
    sources = torch.randint(n, (6 * n,), generator=generator)
    targets = torch.cat((torch.zeros(5 * n, dtype=torch.int64), torch.randint(n, (n,), generator=generator)))
    targets = targets.sort().values
    rows = torch.cat((torch.zeros(1, dtype=torch.int64), torch.bincount(targets, minlength=n).cumsum(0))).int()
    weights = torch.randn(6 * n, dtype=torch.float64, generator=generator)
    x = torch.randn(2, n, dtype=torch.float64, generator=generator)
    found = torch.ops.oscillo.sparse_product(weights, x, rows, sources.int())
    assert_close(found, torch.zeros(2, n, dtype=torch.float64).index_add(1, targets, weights * x[:, sources]))
