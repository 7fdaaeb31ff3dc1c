"""Components and tasks from elsewhere: installed packages, and Python files that a spec names."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
import warnings
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from oscillo.spec.document import Document
from oscillo.spec.errors import Problem, SpecError
from oscillo.spec.registry import note_broken
from oscillo.spec.source import Origin, SpecPath

GROUPS = ("oscillo.components", "oscillo.tasks")
"""Entry-point groups whose modules are imported, so that the kinds in them get registered."""

_tried: set[EntryPoint] = set()
_imported: dict[Path, str] = {}


@dataclass(frozen=True)
class PluginFile:
    """A Python file that a spec names, for provenance.

    Attributes:
        written: the entry as it stands in the spec.
        file: the file, absolute.
        text: its content.
        sha256: the hash of the content, in hexadecimal.
    """

    written: str
    file: Path
    text: str
    sha256: str


def load_plugins(document: Document | None = None) -> tuple[PluginFile, ...]:
    """Import installed plugins, then the files in the `plugins` list of a document, before it is validated.

    Every plugin is imported once per process; a file that has changed since is imported again, and its kinds
    replace the earlier ones. An installed plugin that fails gives a warning, and an error only to those who ask
    for a kind that is not there.

    Args:
        document: the spec; paths in it are relative to the file they are written in, and to the working directory
            when they come from the command line or from Python.

    Raises:
        SpecError: with every file that is missing or cannot be imported.
    """
    for group in GROUPS:
        for point in entry_points(group=group):
            if point not in _tried:
                _tried.add(point)
                _load_installed(point)
    return () if document is None else _load_files(document)


def _load_installed(point: EntryPoint) -> None:
    try:
        point.load()
    except Exception as error:
        distribution = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
        plugin, reason = f"the plugin {point.name!r}{distribution}", _reason(error)
        note_broken(plugin, reason)
        warnings.warn(f"could not load {plugin}: {reason}", stacklevel=3)


def _load_files(document: Document) -> tuple[PluginFile, ...]:
    entries = document.data.get("plugins") or []
    loaded: list[PluginFile] = []
    problems: list[Problem] = []
    if not isinstance(entries, list):
        at = document.origin(("plugins",))
        raise SpecError([Problem.on_value(at, ("plugins",), "takes a list of Python files, such as [./mine.py]")])
    for index, written in enumerate(entries):
        path: SpecPath = ("plugins", index)
        origin = document.origin(path)
        try:
            loaded.append(_load_file(written, origin))
        except _PluginFailure as failure:
            problems.append(Problem.on_value(origin, path, str(failure)))
    if problems:
        raise SpecError(problems)
    return tuple(loaded)


class _PluginFailure(Exception):
    """A plugin file that cannot be used; the text says why."""


def _load_file(written: object, origin: Origin) -> PluginFile:
    if not isinstance(written, str) or not written.endswith(".py"):
        raise _PluginFailure(f"{written!r} is not a Python file; write a path such as ./my_coupling.py")
    folder = origin.source.file.parent if origin.source.file else Path.cwd()
    file = (folder / Path(written).expanduser()).resolve()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise _PluginFailure(f"cannot read the plugin {file}: {reason}") from None
    digest = hashlib.sha256(text.encode()).hexdigest()
    if digest not in _imported.values():  # the copy that a run keeps beside its spec is the same plugin
        _import(file, text)
    _imported[file] = digest
    return PluginFile(written, file, text, digest)


def _import(file: Path, text: str) -> None:
    """Run a file as a module whose name depends on the path alone, so that a changed file replaces its kinds."""
    name = f"oscillo_plugin_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    previous = sys.modules.get(name)
    sys.modules[name] = module
    try:
        exec(compile(text, str(file), "exec"), module.__dict__)  # not the loader: its cache goes by whole seconds
    except Exception as error:
        del sys.modules[name]
        if previous is not None:
            sys.modules[name] = previous
        raise _PluginFailure(f"cannot import the plugin {file.name}: {_reason(error, file)}") from error


def _reason(error: Exception, file: Path | None = None) -> str:
    """The error in one line; for a file, with the line of it that failed."""
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if file and frame.filename == str(file)]
    return f"{text} (line {frames[-1].lineno})" if frames else text
