"""The page of a run: whole, closed in itself, escaped, and about the right things, whatever state the run is in."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from reported_runs import SPEC, Page, by_hand, two_layers

import oscillo
from oscillo.recording import TrajectoryStore, write_datasets
from oscillo.reporting import leave_report, write_comparison, write_report

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)> & \"quoted\""


def page_of(path: Path, out: Path) -> Page:
    page = Page(write_report(path, out).read_text())
    assert not page.open and not page.wrong
    return page


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "page.html"


def test_pages_are_whole_small_and_need_no_network(kuramoto: oscillo.Run, waves: oscillo.Run, out: Path) -> None:
    for run in (kuramoto, waves):
        page = page_of(run.path, out)
        assert out.stat().st_size < 5_000_000
        assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|import\(", out.read_text())
        for tag, attributes in page.elements:
            assert tag not in ("link", "iframe", "object", "embed"), tag
            assert (attributes.get("src") or "data:").startswith("data:")
            assert (attributes.get("href") or "#").startswith("#")
        policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
        assert policy and policy.startswith("default-src 'none'")


def test_every_section_link_has_its_place_and_every_table_its_headings(kuramoto: oscillo.Run, out: Path) -> None:
    page = page_of(kuramoto.path, out)
    links = [a["href"] for tag, a in page.elements if tag == "a"]
    assert {str(link).removeprefix("#") for link in links} <= page.ids()
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") > 1 and tags.count("caption") >= 1
    assert all(a.get("scope") for tag, a in page.elements if tag == "th")
    assert all(a.get("alt") for tag, a in page.elements if tag == "img")
    assert all(a.get("aria-label") for tag, a in page.elements if a.get("role") == "img")


def test_members_stand_beside_theory(kuramoto: oscillo.Run, out: Path) -> None:
    text = page_of(kuramoto.path, out).text
    assert "strength 0.5" in text and "strength 8" in text
    assert "theory: 0 " in text  # below the onset, 1.596
    assert "theory is for infinitely many oscillators, here are 12" in text


def test_hostile_texts_are_shown_and_not_run(runs: Path, out: Path) -> None:
    run = two_layers(runs, label=HOSTILE)
    (run.sources / "invented.yaml").write_text(f"{SPEC}# {HOSTILE}\n")
    run.set_state("failed", HOSTILE)
    page = page_of(run.path, out)
    assert out.read_text().count("alert('x')") == 0
    assert "onerror" not in {name for _, attributes in page.elements for name in attributes}
    assert page.player["scenes"][0]["trace"]["label"] == HOSTILE
    assert HOSTILE.replace("  ", " ") in page.text


def test_a_failed_run_says_why_and_how_to_go_on(runs: Path, out: Path) -> None:
    run = by_hand(runs, "failed", "the loss is not finite at step 12")
    text = page_of(run.path, out).text
    assert "the loss is not finite at step 12" in text
    assert f"oscillo resume {run.path}" in text


def test_a_killed_run_is_told_from_one_that_goes_on(runs: Path, out: Path) -> None:
    run = by_hand(runs, "running", metrics={"train/loss": 0.25})
    killed = page_of(run.path, out)
    assert "This run was interrupted" in killed.text and "oscillo resume" in killed.text and "0.25" in killed.text
    with run.locked():
        live = page_of(run.path, out)
    assert "This run goes on" in live.text and f"oscillo report {run.path}" in live.text


def test_a_run_without_anything_has_a_page(runs: Path, out: Path) -> None:
    page = page_of(by_hand(runs, "interrupted", "Ctrl-C").path, out)
    assert "There are no numbers yet" in page.text and "Ctrl-C" in page.text
    assert page.ids() >= {"numbers", "spec", "provenance", "again"}
    assert not page.ids() & {"oscillators", "curves", "energies", "figures"}


def test_layers_and_samples_can_be_chosen(runs: Path, out: Path) -> None:
    scenes = page_of(two_layers(runs).path, out).player["scenes"]
    assert [(scene["name"], scene["layer"]) for scene in scenes] == [("id", 0), ("id", 1)]
    assert scenes[0]["labels"] == ["sample 0, right", "sample 1, wrong", "sample 2, right"]
    assert scenes[0]["trace"]["values"][1] == [-1.0, -2.0, -3.0, -4.0, -5.0]


def test_a_sample_that_has_left_is_grey(runs: Path, out: Path) -> None:
    shown = page_of(two_layers(runs, lost=True).path, out).player["scenes"][0]
    pixels = np.frombuffer(base64.b64decode(shown["pixels"]), np.uint8).reshape(3, 5, -1)
    assert (pixels[0, 2:] == 128).all() and not (pixels[0, 1] == 128).all() and not (pixels[1, 4] == 128).all()


def test_the_answer_to_a_question_has_its_tables(runs: Path, out: Path) -> None:
    asked = {"kind": "sweep", "points": 6}
    run = by_hand(runs, metrics={"critical_coupling": 1.75}, question=asked)
    means = np.array([[0.0, 0.5], [1.0, 2.0], [4.0, 8.0]])
    found = xr.Dataset(
        {"order_parameter_mean": (("strength", "seed"), means), "steps": (("strength", "seed"), np.full((3, 2), 7))},
        coords={"strength": [1.0, 2.0, 3.0], "seed": [0, 1]},
    )
    with TrajectoryStore(run.data) as store:
        write_datasets(store, {"sweep": found})
    page = page_of(run.path, out)
    assert "1.75 critical coupling" in page.text and "points 6" in page.text
    assert "1 0.25 2 1.5 3 6" in page.text and "Means over seed." in page.text
    assert "The same in all rows: steps 7." in page.text
    assert "oscillators" not in page.ids()


def test_a_spec_that_cannot_be_read_is_told(runs: Path, out: Path) -> None:
    run = by_hand(runs, spec=SPEC.replace("kind: sudoku", "kind: of_another_house"))
    assert "of_another_house" in page_of(run.path, out).text
    assert "cannot be read" in page_of(run.path, out).text


def test_a_report_that_cannot_be_written_is_one_line(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = by_hand(runs)
    run.metrics.write_text("not JSON\n")
    leave_report(run.path)
    told = capsys.readouterr().out.strip()
    assert told.startswith("the report could not be written: MetricsError") and "\n" not in told
    assert not run.report.exists()
    run.metrics.unlink()
    leave_report(run.path)
    assert run.report.is_file()


def test_runs_side_by_side(kuramoto: oscillo.Run, waves: oscillo.Run, runs: Path, out: Path) -> None:
    first = by_hand(runs, metrics={"train/loss": 0.5, "id/board_accuracy": 0.25})
    second = by_hand(
        runs, metrics={"train/loss": 0.125, "id/board_accuracy": 0.75}, spec=SPEC.replace("steps: 20", "steps: 80")
    )
    page = Page(write_comparison([first.path, second.path], out).read_text())
    assert not page.open and not page.wrong
    assert "training.steps" in page.text.replace(" ", ".") and "25 % 75 %" in page.text
    assert "channels" not in page.text  # the same in both
    other = Page(write_comparison([kuramoto.path, waves.path], out).read_text())
    assert not other.wrong and "network.sites" in other.text
