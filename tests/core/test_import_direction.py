from __future__ import annotations

from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "pyproject.toml"
KEPT, BROKEN = 0, 1


def test_imports_run_one_way(capsys: pytest.CaptureFixture[str]) -> None:
    found = lint_imports(config_filename=str(SETTINGS), no_cache=True)
    assert found == KEPT, capsys.readouterr().out


def test_a_wrong_direction_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reverse = tmp_path / "reverse.toml"
    reverse.write_text(
        "[tool.importlinter]\nroot_packages = ['oscillo']\n[[tool.importlinter.contracts]]\n"
        "name = 'upside down'\ntype = 'layers'\nlayers = ['oscillo.oscillators', 'oscillo.network']\n"
    )
    assert lint_imports(config_filename=str(reverse), no_cache=True) == BROKEN
    assert "oscillo.network is not allowed to import oscillo.oscillators" in capsys.readouterr().out
