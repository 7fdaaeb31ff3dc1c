"""What is wrong with a spec, where it stands, and what would mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from oscillo.spec.source import Origin, Source, SpecPath, dotted

if TYPE_CHECKING:
    from oscillo.spec.document import Document


class SpecProblem(NamedTuple):
    """A problem that component code found in its own declaration; without file or line.

    `path` is relative to the component that reports it; whoever holds the component puts its own
    place in front (`under`).
    """

    path: SpecPath
    message: str
    remedy: str | None = None

    def under(self, *prefix: str | int) -> SpecProblem:
        """The same problem, seen from further up."""
        return self._replace(path=(*prefix, *self.path))


class LocatedError(ValueError):
    """What a validator of a whole mapping raises when one value in it is wrong.

    Args:
        message: what is wrong, in one line without a full stop.
        path: the keys that lead from the mapping to the value.
    """

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path: SpecPath = path


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a spec.

    Attributes:
        message: what is wrong, in one line without a full stop.
        path: the keys that lead there.
        source: the text it stands in; None when it came from no text.
        line, column: position in that text, from 1; 0 where unknown.
        suggestion: what would mend it, such as "did you mean `heads`?".
    """

    message: str
    path: SpecPath = ()
    source: Source | None = None
    line: int = 0
    column: int = 0
    suggestion: str | None = None

    @classmethod
    def on_key(cls, origin: Origin, path: SpecPath, message: str, suggestion: str | None = None) -> Problem:
        """A problem that points at a key."""
        return cls(message, path, origin.source, *origin.key, suggestion)

    @classmethod
    def on_value(cls, origin: Origin, path: SpecPath, message: str, suggestion: str | None = None) -> Problem:
        """A problem that points at a value, or at its key when the value starts on a later line."""
        at_key = origin.key_line and origin.key_line < origin.line
        return cls(message, path, origin.source, *(origin.key if at_key else origin.value), suggestion)

    @property
    def where(self) -> str:
        """File, line and column, or the words that name the override or mapping; empty without a source."""
        if self.source is None:
            return ""
        return f"{self.source.name}:{self.line}:{self.column}" if self.source.file and self.line else self.source.name

    @property
    def source_line(self) -> str:
        """The line of the source that the problem stands in."""
        return self.source.line(self.line) if self.source else ""

    @property
    def excerpt(self) -> str:
        """The source line with a caret below the place; empty when there is no text."""
        text = self.source_line
        if not text.strip():
            return ""
        margin = "".join(c if c == "\t" else " " for c in text[: self.column - 1])
        return f"    {text}\n    {margin}^"

    def __str__(self) -> str:
        head = ": ".join(part for part in (self._head(), self.message) if part)
        text = f"{head}; {self.suggestion}" if self.suggestion else head
        return f"{text}\n{self.excerpt}" if self.excerpt else text

    def _head(self) -> str:
        between = " " if self.source and self.source.file else ": "
        return between.join(part for part in (self.where, dotted(self.path)) if part)

    def _order(self) -> tuple:
        source = (self.source.rank, self.source.name) if self.source else (-1, "")
        return (*source, self.line, self.column, dotted(self.path), self.message)


class SpecError(ValueError):
    """Everything that is wrong with a spec, in the order of the text."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: list[Problem] = sorted(problems, key=Problem._order)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    @classmethod
    def at(
        cls, document: Document | None, problems: Iterable[SpecProblem | tuple[SpecPath, str, str | None]]
    ) -> SpecError:
        """Problems found after validation (heads that do not divide channels) with their places in the text.

        Args:
            document: what the spec was read from; None for one made in Python (problems have paths alone).
            problems: path from the root of the spec, message and remedy of each.
        """
        found = [SpecProblem(*problem) for problem in problems]
        if document is None:
            return cls(Problem(message, path, suggestion=remedy) for path, message, remedy in found)
        return cls(Problem.on_value(document.origin(path), path, message, remedy) for path, message, remedy in found)
