"""The commit record: the root document of a store, which says what exists.

A zarr v3 root may carry the metadata of everything below it (consolidated metadata). It is one file
and is replaced in one step, so a reader that starts there sees all arrays as they were at one moment:
their shapes then, and none that were made later. Writers change arrays and chunks first and the record
last; what it does not list is not there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

import zarr

from oscillo.recording.atomic import PARTIAL, replace_text
from oscillo.recording.errors import StoreError

FORMAT_VERSION = 1
DOCUMENT = "zarr.json"
_NO_MEMBERS = {"kind": "inline", "must_understand": False, "metadata": {}}


@dataclass
class CommitRecord:
    """What a store holds as of its last commit.

    Attributes:
        attributes: of the root, such as `spec_sha256`.
        members: metadata document of every group and array, by path.
    """

    attributes: dict[str, Any]
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> CommitRecord:
        """Read the record of the store at `root`.

        Raises:
            StoreError: when there is none, or one that this version cannot read.
        """
        path = root / DOCUMENT
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            attributes, members = document["attributes"], document["consolidated_metadata"]["metadata"]
            version = attributes["format_version"]
        except OSError as error:
            raise StoreError(f"{root} is not a trajectory store: {error.strerror} ({path.name})") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is not the commit record of a trajectory store of oscillo") from error
        if version != FORMAT_VERSION:
            raise StoreError(
                f"{root} has format {version}, and this version of oscillo reads format {FORMAT_VERSION}; "
                f"it was written by oscillo {attributes.get('oscillo_version', 'of unknown version')}"
            )
        return cls(attributes, members)

    @classmethod
    def collect(cls, root: Path, attributes: dict[str, Any], arrays: list[str]) -> CommitRecord:
        """Read the documents of these arrays and of the groups above them, as they stand on disk now."""
        groups = {str(parent) for path in arrays for parent in PurePosixPath(path).parents} - {"."}
        members: dict[str, dict[str, Any]] = {}
        for path in sorted(groups | set(arrays), key=lambda path: (path.count("/"), path)):
            document = json.loads((root / path / DOCUMENT).read_text(encoding="utf-8"))
            if path in groups:
                document["consolidated_metadata"] = _NO_MEMBERS
            members[path] = document
        return cls(attributes, members)

    def write(self, root: Path) -> None:
        """Make this the state of the store, in one step.

        Raises:
            OSError: when it cannot be written; the record before it stands.
        """
        document = {
            "zarr_format": 3,
            "node_type": "group",
            "attributes": self.attributes,
            "consolidated_metadata": {**_NO_MEMBERS, "metadata": self.members},
        }
        replace_text(root / DOCUMENT, json.dumps(document, indent=1, allow_nan=False))

    @property
    def arrays(self) -> dict[str, dict[str, Any]]:
        """Documents of the arrays alone."""
        return {path: doc for path, doc in self.members.items() if doc["node_type"] == "array"}


def write_group(root: Path, path: str, attributes: Mapping[str, Any] | None = None) -> None:
    """Write the document of a group and of the groups above it that have none yet."""
    for parent in PurePosixPath(path).parents:
        if str(parent) != "." and not (root / parent / DOCUMENT).exists():
            write_group(root, str(parent))
    (root / path).mkdir(parents=True, exist_ok=True)
    document = {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes or {})}
    replace_text(root / path / DOCUMENT, json.dumps(document, indent=1, allow_nan=False))


def remove(folder: Path) -> None:
    """Remove a group or an array; for a reader it is gone as a whole before any of its chunks is."""
    if folder.exists():
        doomed = folder.with_name(f"{folder.name}.{uuid4().hex}{PARTIAL}")
        folder.rename(doomed)
        shutil.rmtree(doomed)


def restore(root: Path, record: CommitRecord) -> None:
    """Bring the files of a store back to its record, after its writer died or was told to go back.

    Removes what the record does not list, shortens arrays that had grown, and rewrites their documents.
    """
    for partial in list(root.rglob(f"*{PARTIAL}")):
        if partial.is_file():
            partial.unlink()
    for folder, folders, _ in os.walk(root):
        inside = PurePosixPath(Path(folder).relative_to(root).as_posix())
        if record.members.get(str(inside), {}).get("node_type") == "array":
            folders.clear()  # what lies below is chunks
        for name in [name for name in folders if str(inside / name) not in record.members]:
            remove(root / inside / name)
            folders.remove(name)
    for path, committed in record.members.items():
        _restore_document(root / path, committed)


def _restore_document(folder: Path, committed: dict[str, Any]) -> None:
    found = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    if committed["node_type"] == "group":
        committed = {key: value for key, value in committed.items() if key != "consolidated_metadata"}
    elif found["shape"] != committed["shape"]:
        zarr.open_array(str(folder), mode="r+").resize(tuple(committed["shape"]))
    if found != committed:
        replace_text(folder / DOCUMENT, json.dumps(committed, indent=1, allow_nan=False))
