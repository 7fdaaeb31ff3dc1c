"""One evaluation of phase oscillators against the product it needs: graphs of 1e4 to 1e7 links, and a dense matrix.

With `--device cuda` on a GPU; there the numbers of interest are links per second and the share of copy bandwidth.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

import oscillo
from oscillo.oscillators import Oscillators

DEGREE = 8
BYTES_OF_A_LINK = 16
"""Index, weight, cosine and sine of a neighbour, in 32 bits each: what has to be read for it at least."""


def rings(nodes: int) -> sparse.csr_array:
    """A graph of four random rings through all nodes: eight neighbours each."""
    random = np.random.default_rng(0)
    columns = np.empty((nodes, DEGREE), np.int32)
    for ring in range(DEGREE // 2):
        order = random.permutation(nodes).astype(np.int32)
        columns[order, 2 * ring], columns[order, 2 * ring + 1] = np.roll(order, 1), np.roll(order, -1)
    rows = np.repeat(np.arange(nodes, dtype=np.int32), DEGREE)
    matrix = sparse.csr_array((np.ones(DEGREE * nodes, np.float32), (rows, columns.ravel())), shape=(nodes, nodes))
    matrix.sum_duplicates()
    return matrix


def phases(n: int, coupling: dict, device: str) -> Oscillators:
    """Phase oscillators with that coupling, in float32."""
    layer = {
        "manifold": {"kind": "circle"}, "oscillators": n, "frequency": {"kind": "drawn", "seed": 1},
        "coupling": coupling, "stimulus": {"kind": "none"}, "readout": {"kind": "state"},
    }  # fmt: skip
    network = oscillo.build({"sites": [], "layers": [layer]}).requires_grad_(False).to(device)
    return network.layers[0].oscillators  # pyright: ignore


def finish() -> None:
    """Wait for what was asked of a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def bandwidth(device: str) -> float:
    """Bytes per second that copying reads and writes."""
    source = torch.zeros(64 * 2**20, device=device)
    target = torch.empty_like(source)
    seconds = in_turn({"copy": lambda: target.copy_(source)}, 5)["copy"]
    return 2 * source.nbytes / statistics.median(seconds)


def in_turn(works: dict[str, Callable[[], object]], rounds: int, least: float = 0.02) -> dict[str, list[float]]:
    """Seconds of each, round by round; short ones are repeated until they take some time."""
    repeats = {}
    for name, work in works.items():
        for _ in range(3):
            work()
        finish()
        began = time.perf_counter()
        work()
        finish()
        repeats[name] = max(1, int(least / max(1e-7, time.perf_counter() - began)))
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began = time.perf_counter()
            for _ in range(repeats[name]):
                work()
            finish()
            found[name].append((time.perf_counter() - began) / repeats[name])
    return found


def told(name: str, times: dict[str, list[float]], base: str) -> dict[str, float]:
    """Print the medians, and give each one's ratio to the base: the median over rounds."""
    medians = {key: statistics.median(values) for key, values in times.items()}
    print(f"{name}: " + ", ".join(f"{key} {value * 1e3:.4g} ms" for key, value in medians.items()))
    pairs = {key: zip(values, times[base], strict=True) for key, values in times.items() if key != base}
    return {key: statistics.median(own / other for own, other in both) for key, both in pairs.items()}


@torch.no_grad()
def graph(links: int, rounds: int, device: str) -> dict[str, float]:
    """One evaluation on a graph, uncompiled and compiled, against PyTorch's CSR product of two columns."""
    n = links // DEGREE
    matrix = rings(n)
    file = Path(tempfile.mkdtemp()) / "graph.npz"
    sparse.save_npz(file, sparse.csr_matrix(matrix))
    oscillators = phases(n, {"kind": "graph", "file": str(file), "strength": 0.1}, device)
    state = {"x": torch.rand(1, 1, n, device=device) * 6 - 3}
    with warnings.catch_warnings(action="ignore"):
        places = torch.from_numpy(matrix.indptr), torch.from_numpy(matrix.indices)
        csr = torch.sparse_csr_tensor(*places, torch.from_numpy(matrix.data), (n, n)).to(device)
    columns = torch.randn(n, 2, device=device)
    compiled = torch.compile(oscillators.evaluate, dynamic=False)
    works = {
        "product": lambda: csr @ columns, "uncompiled": lambda: oscillators.evaluate(state),
        "compiled": lambda: compiled(state),
    }  # fmt: skip
    times = in_turn(works, rounds)
    ratios = told(f"{links:.0e} links", times, "product")
    each = statistics.median(times["compiled"]) / matrix.nnz
    share = BYTES_OF_A_LINK / each / bandwidth(device)
    told_ratios = {key: round(value, 2) for key, value in ratios.items()}
    print(f"  compiled {each * 1e9:.3g} ns per link, {1 / each:.3g} links per second, {share:.0%} of copy bandwidth")
    print(f"  over the product: {told_ratios}")
    return {"compiled": ratios["compiled"], "each": each * 1e9, "share": share}


@torch.no_grad()
def dense(n: int, rounds: int, device: str) -> float:
    """One evaluation with a dense matrix against two products of it with a vector."""
    oscillators = phases(n, {"kind": "dense", "seed": 2}, device)
    weights, vector = oscillators.coupling.weights, torch.randn(n, device=device)  # pyright: ignore
    state = {"x": torch.rand(1, 1, n, device=device) * 6 - 3}
    works = {
        "two products": lambda: (weights @ vector, weights @ vector), "evaluation": lambda: oscillators.evaluate(state),
    }  # fmt: skip
    return told(f"dense, {n} oscillators", in_turn(works, rounds), "two products")["evaluation"]


def main() -> None:
    """Print the timings and, last, the JSON lines."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--largest", type=float, default=1e7, help="links of the largest graph")
    arguments.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    asked = arguments.parse_args()
    found = [("dense_evaluation", dense(1000, asked.rounds, asked.device), "x two products")]
    each, shares = {}, {}
    for links in (10**4, 10**5, 10**6, 10**7):
        if links <= asked.largest:
            result = graph(links, asked.rounds, asked.device)
            each[links], shares[links] = result["each"], result["share"]
            found.append((f"graph_evaluation_1e{round(np.log10(links))}", result["compiled"], "x CSR product"))
    found += [(f"graph_link_1e{round(np.log10(links))}", value, "ns per link") for links, value in each.items()]
    found += [(f"graph_bandwidth_1e{round(np.log10(n))}", share, "of copy bandwidth") for n, share in shares.items()]
    for name, value, unit in found:
        print(json.dumps({"name": name, "value": round(value, 3), "unit": unit}))


if __name__ == "__main__":
    main()
