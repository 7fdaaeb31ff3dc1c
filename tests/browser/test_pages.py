"""Pages in a browser: nothing asked of the network, nothing on the console, a player that plays, keys that work."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import oscillo
from oscillo.reporting import write_comparison, write_report

pytestmark = pytest.mark.browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on the path")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        # Without a sandbox, which needs rights that containers do not give.
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page that is looked at, with all that it asked for and complained about."""

    def __init__(self, browser: Any, path: Path, **looks: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **looks})
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_timeout(100)

    def picture(self, selector: str | None = None) -> np.ndarray:
        shot = self.page.locator(selector).screenshot() if selector else self.page.screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)

    def sizes(self) -> list[tuple[float, float]]:
        """Width and height of the two pictures of the player."""
        boxes = [self.page.locator(f"{place} canvas").bounding_box() for place in (".player-main", ".player-side")]
        return [(box["width"], box["height"]) for box in boxes]

    def focused(self) -> str:
        return self.page.evaluate("document.activeElement.outerHTML.slice(0, 80)")


@pytest.fixture(scope="module", params=["kuramoto", "waves", "two_layers"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import reported_runs

    runs = tmp_path_factory.mktemp("runs")
    made: dict[str, Any] = {
        "kuramoto": reported_runs.kuramoto, "waves": reported_runs.waves, "two_layers": reported_runs.two_layers,
    }  # fmt: skip
    return write_report(made[request.param](runs).path)


def test_a_page_asks_for_nothing_and_complains_of_nothing(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    visit.page.click("[data-theme-button]")
    visit.page.click("[data-play]")
    visit.page.wait_for_timeout(300)
    assert visit.complaints == []
    assert [url for url in visit.asked if not url.startswith("data:")] == [report.as_uri()]


def test_a_page_is_read_in_the_light_and_in_the_dark(browser: Any, report: Path) -> None:
    light, dark = (Visit(browser, report, color_scheme=scheme) for scheme in ("light", "dark"))
    assert light.picture().mean() > 200 > 80 > dark.picture().mean()
    for visit in (light, dark):
        assert visit.picture().std() > 10
        assert visit.picture(".player-main").std() > 10
    dark.page.click("[data-theme-button]")
    dark.page.wait_for_timeout(100)
    assert dark.picture().mean() > 200


def test_the_player_moves_by_keys_and_by_its_slider(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    seen = [visit.picture(".player-stage")]
    visit.page.focus("[data-player]")
    for key in ("Home", "ArrowRight", "ArrowRight", "End", "ArrowUp"):
        visit.page.keyboard.press(key)
        visit.page.wait_for_timeout(50)
        seen.append(visit.picture(".player-stage"))
    assert all((now != before).any() for before, now in pairwise(seen[:5]))
    many = visit.page.evaluate("+document.querySelector('[data-sample]').max") > 0
    assert (seen[5] != seen[4]).any() == many
    visit.page.locator("[data-time]").fill("0")
    visit.page.wait_for_timeout(50)
    assert (visit.picture(".player-stage") != seen[5]).any()


def test_space_plays_and_pauses(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    visit.page.focus("[data-player]")
    visit.page.keyboard.press(" ")
    visit.page.wait_for_timeout(400)
    assert visit.page.text_content("[data-play]") == "Pause"
    visit.page.keyboard.press(" ")
    stopped = visit.page.input_value("[data-time]")
    visit.page.wait_for_timeout(300)
    assert visit.page.text_content("[data-play]") == "Play"
    assert visit.page.input_value("[data-time]") == stopped


def test_the_keyboard_goes_through_the_page_in_order(browser: Any, report: Path) -> None:
    visit = Visit(browser, report)
    order = []
    for _ in range(40):
        visit.page.keyboard.press("Tab")
        order.append(visit.focused())
    wanted = ['class="skip"', "data-theme-button", 'href="#numbers"', 'class="player"', "data-play", "data-time="]
    places = [next(number for number, html in enumerate(order) if part in html) for part in wanted]
    assert places[0] == 0 and places == sorted(places)
    visit.page.focus("[data-play]")
    assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_a_layer_can_be_chosen(browser: Any, tmp_path: Path) -> None:
    import reported_runs

    visit = Visit(browser, write_report(reported_runs.two_layers(tmp_path).path))
    before = visit.picture(".player-main")
    visit.page.locator("[data-layer]").fill("1")
    visit.page.wait_for_timeout(50)
    assert (visit.picture(".player-main") != before).any()
    assert visit.page.text_content("[data-layer-out]") == "1"
    assert visit.page.is_hidden("[data-row=scene]")


def test_a_page_fits_a_phone(browser: Any, report: Path) -> None:
    visit = Visit(browser, report, viewport={"width": 390, "height": 800})
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390


def test_drawing_leaves_the_places_of_the_pictures_as_they_are(browser: Any, report: Path) -> None:
    visit = Visit(browser, report, device_scale_factor=1.5)
    sizes = visit.sizes()
    for key in ("Home", "End", "Home", "End"):
        visit.page.focus("[data-player]")
        visit.page.keyboard.press(key)
        visit.page.wait_for_timeout(30)
    assert visit.sizes() == sizes
    (width, height), (_, beside) = sizes
    assert width == pytest.approx(height, abs=1) and beside == pytest.approx(height, abs=1)


def test_runs_side_by_side(browser: Any, tmp_path: Path) -> None:
    import reported_runs

    runs: list[oscillo.Run] = [reported_runs.kuramoto(tmp_path), reported_runs.waves(tmp_path)]
    visit = Visit(browser, write_comparison([run.path for run in runs], tmp_path / "comparison.html"))
    assert visit.complaints == [] and visit.page.locator("svg .line").count() == 2
