"""`extends`: a spec that builds on others, file over file."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from oscillo.spec.errors import Problem, SpecError
from oscillo.spec.source import Located, Origin, Source, SpecPath
from oscillo.spec.versions import migrate
from oscillo.spec.yaml_text import parse_yaml


def merge(base: Located | None, over: Located) -> Located:
    """Lay one value over another: mappings key by key, anything else (lists too) replaces what was there.

    A key written `~name` removes what the base has under `name`; a value given with it takes its place,
    unmerged.

    Raises:
        SpecError: with every `~name` that has nothing to remove.
    """
    problems: list[Problem] = []
    merged = _merge(base, over, (), problems)
    if problems:
        raise SpecError(problems)
    return merged


def _merge(base: Located | None, over: Located, path: SpecPath, problems: list[Problem]) -> Located:
    if not isinstance(over.value, dict):
        return over
    content = dict(base.value) if base is not None and isinstance(base.value, dict) else {}
    removals = {key: child for key, child in over.value.items() if key.startswith("~")}
    for key, child in removals.items():
        if key[1:] not in content:
            close = get_close_matches(key[1:], content, n=1)
            remedy = f"did you mean `~{close[0]}`?" if close else "nothing below has that key"
            problems.append(Problem.on_key(child.origin, (*path, key), f"no `{key[1:]}` to remove", remedy))
        content.pop(key[1:], None)
        if child.value is not None:
            content[key[1:]] = _merge(None, child, (*path, key[1:]), problems)
    for key, child in over.value.items():
        if key not in removals:
            content[key] = _merge(content.get(key), child, (*path, key), problems)
    return Located(content, over.origin)


def read_composed(name: str) -> tuple[Located, list[Source]]:
    """Read a file and all that it extends, and merge them.

    Returns:
        The merged mapping in the present version, and the sources in the order in which they were read.

    Raises:
        SpecError: files that cannot be read, are no mapping, extend themselves or one that does not exist.
    """
    sources: list[Source] = []
    return migrate(_read(name, sources, (), None)), sources


def _read(name: str, sources: list[Source], chain: tuple[Path, ...], asked: Origin | None) -> Located:
    file = Path(name).resolve()
    if file in chain:
        route = " -> ".join(step.name for step in (*chain[chain.index(file) :], file))
        raise SpecError([_complaint(asked, f"a spec cannot extend itself: {route}")])
    source = Source(name, _text(name, asked), file, rank=len(sources))
    sources.append(source)
    root = parse_yaml(source)
    if root is None or not isinstance(root.value, dict):
        found = "the file holds nothing" if root is None else "a spec is a mapping of keys to values"
        raise SpecError([Problem(found, (), source, 1, 1, "see `oscillo explain` for the keys")])
    extended = root.value.pop("extends", None)
    base: Located | None = None
    problems: list[Problem] = []
    for asking in _bases(extended):
        try:
            below = _read(_relative(asking.value, name), sources, (*chain, file), asking.origin)
            base = below if base is None else _joined(base, below)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return root if base is None else _joined(base, root)


def _joined(base: Located, over: Located) -> Located:
    """Lay one file over another as their version means it; of different versions, both are first brought up to date.

    Raises:
        SpecError: with every `~name` that has nothing to remove, or a version that cannot be.
    """
    stated = [root.value["version"].value for root in (base, over) if "version" in root.value]
    return merge(base, over) if len(set(map(repr, stated))) < 2 else merge(migrate(base), migrate(over))


def _bases(extended: Located | None) -> list[Located]:
    if extended is None:
        return []
    entries = extended.value if isinstance(extended.value, list) else [extended]
    wrong = [entry for entry in entries if not isinstance(entry.value, str)]
    if wrong:
        message, remedy = "takes a file name or a list of them", "write `extends: base.yaml`"
        raise SpecError(Problem.on_value(entry.origin, ("extends",), message, remedy) for entry in wrong)
    return entries


def _relative(base: str, name: str) -> str:
    return os.path.normpath(Path(name).parent / Path(base).expanduser())


def _text(name: str, asked: Origin | None) -> str:
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = [entry.name for entry in Path(name).parent.glob("*.y*ml")]
        close = get_close_matches(Path(name).name, beside, n=1)
        remedy = f"did you mean `{Path(name).with_name(close[0])}`?" if close else None
        raise SpecError([_complaint(asked, f"there is no file {name}", remedy)]) from None
    except OSError as error:
        raise SpecError([_complaint(asked, f"cannot read {name}: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise SpecError([_complaint(asked, f"{name} is not UTF-8 text (byte {error.start})")]) from None


def _complaint(asked: Origin | None, message: str, remedy: str | None = None) -> Problem:
    """A problem with a file as a whole: told at the `extends` that asked for it, if one did."""
    if asked is None:
        return Problem(message, suggestion=remedy)
    return Problem.on_value(asked, ("extends",), message, remedy)
