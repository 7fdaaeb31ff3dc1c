"""Write the generated parts of the documentation: `make docs`. With `--check`, only say which are out of date.

- `docs/spec.md`: everything below the mark, from the models of the spec. What stands above it is written by hand.
- `docs/pairs.md`: the tables below the mark, from trying every pair of kinds.
- pages with `<!-- file: examples/my_coupling.py -->` before a Python block: the block, from that file.

Only what oscillo itself registers is described, whatever else is installed beside it.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import entry_points
from pathlib import Path

from oscillo.runspec import RunSpec
from oscillo.spec import spec_reference
from oscillo.spec.plugins import GROUPS
from oscillo.testing.pairs import markdown, tables

DOCS = Path(__file__).parent
MARK = "<!-- Everything below is written by docs/generate.py. -->\n"
INCLUDED = re.compile(r"(?P<mark><!-- file: (?P<file>\S+) -->\n)```python\n.*?^```$", re.MULTILINE | re.DOTALL)


def register_own_kinds() -> None:
    """Import the tasks and components of this project, and of no other that is installed."""
    for group in GROUPS:
        for point in entry_points(group=group):
            if point.dist is not None and point.dist.name == "oscillo":
                point.load()


def with_reference(page: str) -> str:
    """The page of the spec with a fresh reference below its mark."""
    preface, mark, _ = page.partition(MARK)
    if not mark:
        raise ValueError(f"docs/spec.md has lost the line {MARK.strip()}")
    return f"{preface}{MARK}\n{without_tags(spec_reference(RunSpec))}"


def with_pairs(page: str) -> str:
    """The page of pairs with fresh tables below its mark."""
    return page.partition(MARK)[0] + MARK + "\n" + markdown(tables())


def without_tags(text: str) -> str:
    """Markdown in which `<name>` outside of code is no HTML tag."""
    parts = text.split("`")
    return "`".join(part.replace("<", "&lt;") if place % 2 == 0 else part for place, part in enumerate(parts))


def with_files(page: str) -> str:
    """The page with the present text of every file it shows."""

    def block(found: re.Match[str]) -> str:
        return f"{found['mark']}```python\n{(DOCS / found['file']).read_text(encoding='utf-8')}```"

    return INCLUDED.sub(block, page)


def main(check: bool) -> int:
    """Write what is out of date, or with `check` only name it; 1 when something was to be named."""
    register_own_kinds()
    stale = []
    for path in sorted(DOCS.glob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = {"spec.md": with_reference, "pairs.md": with_pairs}.get(path.name, with_files)(before)
        if after == before:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(after, encoding="utf-8")
    for name in stale:
        print(f"docs/{name} {'is out of date: make docs' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
