"""The commit record: the root document of a store, which says what exists.

A zarr v3 root may carry the metadata of everything below it (consolidated metadata). It is one object
and is replaced in one step, so a reader that starts there sees all arrays as they were at one moment:
their shapes then, and none that were made later. Writers change blocks first and the record last; what
it does not list is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from oscillo.recording.blocks import BlockLayout
from oscillo.recording.errors import StoreError
from oscillo.recording.store_files import DOCUMENT, StoreFiles, files_at

FORMAT_VERSION = 2
"""What this version writes: 1 had no shards, and other groups."""

READABLE_VERSIONS = (1, 2)

STAGED = "staged"
"""Attribute of a group on disk that is not finished: a writer that comes later may go on with it."""

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
    def read(cls, store: StoreFiles | Path | str) -> CommitRecord:
        """Read the record of a store.

        Args:
            store: its files, folder or URL.

        Raises:
            StoreError: when there is none, or one that this version cannot read.
        """
        files = files_at(store) if isinstance(store, Path | str) else store
        try:
            text = files.get(DOCUMENT)
        except OSError as error:
            raise StoreError(f"{files.root} is not a trajectory store: {error.strerror} ({DOCUMENT})") from error
        if text is None:
            raise StoreError(f"{files.root} is not a trajectory store: there is no {DOCUMENT}")
        try:
            document = json.loads(text)
            attributes, members = document["attributes"], document["consolidated_metadata"]["metadata"]
            version = attributes["format_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{files.root}/{DOCUMENT} is not the commit record of a trajectory store of oscillo"
            ) from error
        if version not in READABLE_VERSIONS:
            raise StoreError(
                f"{files.root} has format {version}, and this version of oscillo reads formats "
                f"{', '.join(map(str, READABLE_VERSIONS))}; "
                f"it was written by oscillo {attributes.get('oscillo_version', 'of unknown version')}"
            )
        return cls(attributes, members)

    @classmethod
    def of(
        cls, attributes: dict[str, Any], groups: Mapping[str, Mapping[str, Any]], arrays: Mapping[str, dict[str, Any]]
    ) -> CommitRecord:
        """The record that lists these arrays, by path, and the groups above them with their attributes."""
        above = {str(parent) for path in arrays for parent in PurePosixPath(path).parents} - {"."}
        found = {path: group_document(groups.get(path, {})) for path in above}
        members = {path: {**document, "consolidated_metadata": _NO_MEMBERS} for path, document in found.items()} | dict(
            arrays
        )
        return cls(attributes, {path: members[path] for path in sorted(members, key=lambda p: (p.count("/"), p))})

    def write(self, files: StoreFiles) -> None:
        """Make this the state of the store, in one step.

        Raises:
            OSError: when it cannot be written; the record before it stands.
        """
        members = {**_NO_MEMBERS, "metadata": self.members}
        put_document(files, "", {**group_document(self.attributes), "consolidated_metadata": members})

    @property
    def arrays(self) -> dict[str, dict[str, Any]]:
        """Documents of the arrays alone."""
        return {path: doc for path, doc in self.members.items() if doc["node_type"] == "array"}

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """Attributes of the groups."""
        return {path: doc["attributes"] for path, doc in self.members.items() if doc["node_type"] == "group"}


def group_document(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}


def document_key(path: str) -> str:
    """Key of the document of a group or array."""
    return f"{path}/{DOCUMENT}".lstrip("/")


def put_document(files: StoreFiles, path: str, document: Mapping[str, Any]) -> None:
    """Write the document of a group or array.

    Raises:
        OSError: when it cannot be written.
    """
    text = json.dumps(document, indent=1, allow_nan=False)
    files.put(document_key(path), [text.encode("utf-8")])


def get_document(files: StoreFiles, path: str) -> dict[str, Any] | None:
    """Read the document of a group or array; None where there is none."""
    text = files.get(document_key(path))
    return None if text is None else json.loads(text)


def holds(files: StoreFiles, group: str, attributes: Mapping[str, Any], arrays: Mapping[str, dict[str, Any]]) -> bool:
    """Whether a group on disk has these attributes and arrays, by path, and no others."""
    found = {key.removesuffix(f"/{DOCUMENT}") for key in files.keys(group) if key.endswith(f"/{DOCUMENT}")}
    wanted = {**arrays, group: json.loads(json.dumps(group_document(attributes)))}
    return found == set(wanted) and all(get_document(files, path) == wanted[path] for path in wanted)


def restore(files: StoreFiles, record: CommitRecord) -> set[str]:
    """Bring the objects of a store back to its record, after its writer died or was told to go back.

    Removes what the record does not list, blocks beyond the ends of arrays included, and rewrites the documents of what
    it does list. Groups that were staged are left as they are.

    Returns:
        Paths of the staged groups.
    """
    documents, blocks = _listed(files)
    found = {path: get_document(files, path) or {} for path in documents}
    staged = {p for p, doc in found.items() if p not in record.members and doc.get("attributes", {}).get(STAGED)}
    kept = staged | {str(parent) for path in staged for parent in PurePosixPath(path).parents} | set(record.members)
    for path in sorted({*found, *blocks}, key=lambda path: path.count("/")):
        if path not in kept and not (path in found and str(PurePosixPath(path).parent) in staged):
            files.remove(path)
    for path, committed in record.members.items():
        wanted = {key: value for key, value in committed.items() if key != "consolidated_metadata"}
        if committed["node_type"] == "array":
            remove_beyond(files, path, wanted, blocks.get(path, []))
        if found.get(path) != wanted:
            put_document(files, path, wanted)
    return staged


def remove_beyond(files: StoreFiles, path: str, document: Mapping[str, Any], blocks: list[str]) -> None:
    """Remove the blocks of an array that lie beyond its ends.

    Args:
        files: of the store.
        path: of the array.
        document: of the array.
        blocks: keys of those on disk.
    """
    lengths = [-(-n // block) for n, block in zip(document["shape"], BlockLayout.of(document).block, strict=True)]
    for key in blocks:
        index = key.removeprefix(f"{path}/").split("/")[1:]
        if any(int(number) >= length for number, length in zip(index, lengths, strict=True)):
            files.remove(key)


def _listed(files: StoreFiles) -> tuple[list[str], dict[str, list[str]]]:
    """Paths of what has a document, and keys of blocks by the path of their array."""
    documents, blocks = [], {}
    for key in files.keys():
        parent, _, name = key.rpartition("/")
        array, block, _ = key.rpartition("/c")
        if name == DOCUMENT:
            documents += [parent] if parent else []
        elif block:
            blocks.setdefault(array, []).append(key)
    return documents, blocks
