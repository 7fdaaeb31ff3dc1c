"""Pages of the documentation, and the code in them.

A block that runs has `<!-- run -->` on the line before it; `<!-- run: slow -->` is for those that take long, and
`<!-- run: shipped -->` for those that need the weights that come with the project.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "tasks/oscillo_tasks/sudoku/README.md",
]  # fmt: skip

_BLOCK = re.compile(
    r"^(?:<!-- run(?:: (?P<how>slow|shipped))?(?P<run>) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    """Of its first line of code."""
    language: str
    code: str
    runs: bool
    how: str
    """`slow`, `shipped` or nothing."""

    def execute(self, names: dict[str, Any]) -> None:
        """Run Python code among these names; a traceback points into the page."""
        exec(compile("\n" * (self.line - 1) + self.code, str(self.page), "exec"), names)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page, text.count("\n", 0, found.start("code")) + 1, found["language"], found["code"],
            found["run"] is not None, found["how"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]  # fmt: skip


def prose(page: Path) -> str:
    """The text of a page without its code."""
    return re.sub(r"`[^`\n]+`", "", re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S))


def links(page: Path) -> list[str]:
    """Targets of the links and pictures of a page that lie in this project."""
    return [target for target in _LINK.findall(prose(page)) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Names under which the headings of a page can be linked to."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(text)}
