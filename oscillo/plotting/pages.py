"""Pages of one file: templates with everything they need written into them, and text that is always escaped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from oscillo.recording.atomic import replace_text

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")


def page_templates(*folders: Path) -> Environment:
    """Templates of a package, and behind them those that all pages have: colours and the player.

    What is put into a page is escaped. `{{ file("x.css") }}` puts in a file of the folders as it is.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    places = [*folders, _TEMPLATES]
    found = Environment(
        loader=FileSystemLoader(places),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def file(name: str) -> Markup:
        path = next(place / name for place in places if (place / name).is_file())
        return Markup(path.read_text(encoding="utf-8"))

    found.globals["file"] = file
    return found


def write_page(path: Path, environment: Environment, template: str, values: dict[str, Any]) -> Path:
    """Fill in a template and write the page in one step; an older one is untouched when that fails.

    Raises:
        OSError: when it cannot be written.
    """
    replace_text(path, environment.get_template(template).render(values))
    return path
