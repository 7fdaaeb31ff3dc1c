"""What the documentation says can be typed in, runs; its links lead somewhere; its generated parts are fresh."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from documents import PAGES, ROOT, Block, anchors, blocks, links, name_of
from oscillo_tasks.sudoku.solver import SHIPPED

import oscillo
from oscillo.cli import app
from oscillo.spec import registry

QUICK = """\
version: 2
extends: {spec}
task:
  train: {{boards: 64}}
  evaluations:
    - {{name: id, boards: 20, givens: [5, 10], seed: 2}}
    - {{name: id_32, boards: 20, givens: [5, 10], seed: 2, steps: 32}}
training: {{steps: 12, batch_size: 16, log_every: 2, validate_every: 6, validation_samples: 8}}
recording: {{samples: 4}}
device: cpu
compile: off
threads: 1
"""
"""The small spec with less of everything: the documentation's commands, done in seconds."""


def furnished(folder: Path) -> Path:
    """A folder that looks like a checkout to whoever types the documentation's commands into it."""
    (folder / "specs").mkdir()
    (folder / "specs/sudoku_4x4.yaml").write_text(QUICK.format(spec=ROOT / "specs/sudoku_4x4.yaml"))
    for spec in (ROOT / "specs").glob("*.yaml"):
        if not (folder / "specs" / spec.name).exists():
            (folder / "specs" / spec.name).symlink_to(spec)
    (folder / "specs/data").symlink_to(ROOT / "specs/data")
    (folder / "docs").symlink_to(ROOT / "docs")
    return folder


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Boards are not kept among the user's own, figures have no screen, `oscillo` is found, processes are modest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSCILLO_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("MPLBACKEND", "Agg")
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory, surroundings: None) -> Path:
    """A furnished folder with one finished run of the small spec."""
    folder = furnished(tmp_path_factory.mktemp("checkout"))
    oscillo.run(folder / "specs/sudoku_4x4.yaml", runs=folder / "runs")
    return folder


@pytest.fixture
def own_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kinds, modules and paths that a page adds are gone when it ends."""
    monkeypatch.setattr(registry, "_kinds", {role: dict(kinds) for role, kinds in registry._kinds.items()})
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)
    yield
    for name in set(sys.modules) - modules:
        if "." not in name:
            del sys.modules[name]


def runnable(page: Path, *languages: str, slow: bool) -> list[Block]:
    """Blocks of a page that run here and now."""
    return [
        block
        for block in blocks(page)
        if block.runs and block.language in languages
        and (slow or block.how != "slow") and (block.how != "shipped" or SHIPPED.is_file())
    ]  # fmt: skip


def pages_with(*languages: str, slow: bool) -> list[Any]:
    return [pytest.param(page, id=name_of(page)) for page in PAGES if runnable(page, *languages, slow=slow)]


@pytest.mark.parametrize("page", pages_with("python", slow=False))
def test_python_runs_as_written(page: Path, checkout: Path, own_world: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in runnable(page, "python", slow=False):
        block.execute(names)


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with("bash", slow=True))
def test_a_page_runs_from_top_to_bottom(
    page: Path, tmp_path: Path, own_world: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(furnished(tmp_path))
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in runnable(page, "python", "bash", slow=True):
        if block.language == "python":
            block.execute(names)
            continue
        done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", block.code], capture_output=True, text=True)
        assert done.returncode == 0, f"{name_of(page)}:{block.line}\n{done.stdout}{done.stderr}"


@pytest.mark.skipif(not SHIPPED.is_file(), reason="this checkout has no shipped weights")
def test_shipped_weights_are_shown_at_work() -> None:
    assert any(block.how == "shipped" for block in blocks(ROOT / "README.md"))


def commands(page: Path, program: str) -> list[tuple[int, list[str]]]:
    """Calls of a program in the shell blocks of a page: line and arguments, up to what the shell does with them."""
    found = []
    for block in blocks(page):
        if block.language != "bash":
            continue
        for number, line in enumerate(block.code.replace("\\\n", "  ").splitlines(), start=block.line):
            words = shlex.split(line, comments=True)
            if words and words[0] == program:
                end = next(
                    (place for place, word in enumerate(words) if word in ("|", "||", ">", "&&", ";")), len(words)
                )
                found.append((number, words[1:end]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_have_the_arguments_they_are_shown_with(page: Path) -> None:
    group = typer.main.get_command(app)
    for line, arguments in commands(page, "oscillo"):
        verb = group.commands.get(arguments[0])  # pyright: ignore[reportAttributeAccessIssue]
        assert verb is not None, f"{name_of(page)}:{line}: there is no `oscillo {arguments[0]}`"
        verb.make_context(f"{name_of(page)}:{line}: oscillo {arguments[0]}", arguments[1:])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_targets_of_make_are_there(page: Path) -> None:
    known = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line, arguments in commands(page, "make"):
        targets = [word for word in arguments if "=" not in word]
        assert set(targets) <= set(known), f"{name_of(page)}:{line}: make has {', '.join(known)}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name_of(page)} links to {target}"
        assert not anchor or anchor in anchors(file), f"{name_of(page)} links to {target}: there is no such heading"


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs/generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
