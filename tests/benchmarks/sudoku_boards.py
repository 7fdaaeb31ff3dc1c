"""How long 10,000 boards of 31-42 givens take to make; hard boards and checking beside it."""

from __future__ import annotations

import json
import time

from oscillo_tasks.sudoku.boards import check_boards, generate


def main() -> None:
    """Print the timings and, last, one JSON line."""
    start = time.perf_counter()
    easy = generate(10_000, (31, 42), seed=0)
    seconds = time.perf_counter() - start
    print(f"10,000 boards of 31-42 givens: {seconds:.1f} s, {easy.branching.mean():.1%} branching")
    start = time.perf_counter()
    hard = generate(1_000, (22, 34), seed=0, split="hard")
    print(f"1,000 boards of 22-34 givens: {time.perf_counter() - start:.1f} s, {hard.branching.mean():.1%} branching")
    start = time.perf_counter()
    check_boards(easy.puzzles, easy.solutions, easy.block)
    print(f"10,000 boards checked: {time.perf_counter() - start:.1f} s")
    print(json.dumps({"name": "sudoku_boards_10k", "value": round(seconds, 2), "unit": "s"}))


if __name__ == "__main__":
    main()
