"""The converter's own rules: chunks, ids, and which upload may overwrite which."""

from __future__ import annotations

import ast
import importlib.util
import io
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.chunks import IncompleteError, assemble, chunk_id

APP = Path(__file__).parents[2] / "components" / "image_app" / "converter_app"


def load(name: str) -> ModuleType:
    """A module of the deployable package, which is no package of ours."""
    spec = importlib.util.spec_from_file_location(name, APP / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


conversion = load("conversion")
JPEG = b"\xff\xd8\xff\xe0"


class Store:
    """conversion.Documents in memory; `before` is called ahead of every write (for another run to step in)."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.writes = 0
        self.before: Callable[[], None] = lambda: None

    def _store(self, document: dict[str, Any]) -> None:
        self.writes += 1
        self.items[document["imageId"], document["id"]] = {**document, "_etag": f"e{self.writes}"}

    def read(self, image_id: str, document_id: str) -> dict[str, Any] | None:
        return self.items.get((image_id, document_id))

    def create(self, document: dict[str, Any]) -> bool:
        self.before()
        if (document["imageId"], document["id"]) in self.items:
            return False
        self._store(document)
        return True

    def replace(self, document: dict[str, Any], etag: str) -> bool:
        self.before()
        present = self.items.get((document["imageId"], document["id"]))
        if present is None or present["_etag"] != etag:
            return False
        self._store(document)
        return True

    def delete(self, image_id: str, document_id: str, etag: str) -> bool:
        self.before()
        present = self.items.get((image_id, document_id))
        if present is None or present["_etag"] != etag:
            return False
        self.writes += 1
        del self.items[image_id, document_id]
        return True

    def headers(self, image_id: str) -> list[dict[str, Any]]:
        return [dict(v) for (i, _), v in self.items.items() if i == image_id]


def upload(data: bytes, version: int, name: str = "a.jpg", second: int | None = None) -> Any:
    at = f"2026-11-22T00:00:{(version if second is None else second):02d}Z"
    return conversion.Upload(name, f"0x{version}", at, at, "image/jpeg", len(data), sha256(data).hexdigest())


def run(
    store: Store, data: bytes, version: int, per_chunk: int = 10, current: int | None = None, **more: Any
) -> int:
    made: int = conversion.convert(
        store, upload(data, version, **more), io.BytesIO(data), per_chunk, lambda: current in (None, version)
    )
    return made


@settings(deadline=None)
@given(data=st.binary(min_size=1, max_size=300), per_chunk=st.integers(1, 64), name=st.text(min_size=1))
def test_the_documents_of_an_upload_assemble_to_its_bytes(data: bytes, per_chunk: int, name: str) -> None:
    """VAL-2: content that decodes to the image, for any bytes, chunk size and name."""
    store = Store()
    count = run(store, data, 1, per_chunk, name=name)
    found = store.headers(name)
    assert len(found) == count == -(-len(data) // per_chunk)
    assert assemble(reversed(found)) == data


@settings(deadline=None)
@given(name=st.text(min_size=1, max_size=1024), index=st.integers(0, 999_999))
def test_ids_are_deterministic_and_legal_for_any_blob_name(name: str, index: int) -> None:
    """Cosmos forbids / \\ ? # in ids and more than 1023 bytes; readers know the same rule."""
    made = conversion.document_id(name, index)
    assert made == conversion.document_id(name, index) == chunk_id(name, index)
    assert len(made.encode()) <= 1023
    assert not set("/\\?#") & set(made)


def test_a_chunk_at_the_limit_stays_below_the_item_limit() -> None:
    """An item may have 2 MB: Base64 of the largest chunk and the longest name must fit."""
    import json

    data = bytes(conversion.MAX_CHUNK_BYTES)
    document = next(conversion.chunks(upload(data, 1, name="é" * 1024), io.BytesIO(data), len(data)))
    assert len(json.dumps(document)) < 2 * 1024 * 1024


def test_converting_again_writes_nothing() -> None:
    """Event Grid delivers at least once: a second delivery must change nothing."""
    store = Store()
    run(store, b"x" * 35, 1)
    before = (dict(store.items), store.writes)
    run(store, b"x" * 35, 1)
    assert (store.items, store.writes) == before


def test_a_shorter_new_version_leaves_no_chunk_of_the_old_one() -> None:
    """Left-over chunks would make the image unreadable."""
    store = Store()
    run(store, b"x" * 95, 1)
    run(store, b"y" * 15, 2)
    assert assemble(store.headers("a.jpg")) == b"y" * 15


def test_an_event_that_comes_late_never_overwrites_a_newer_upload() -> None:
    """A write carries its source's time and never overwrites a newer one (design: directions and fencing)."""
    store = Store()
    run(store, b"new" * 5, 2)
    before = dict(store.items)
    with pytest.raises(conversion.StaleError):
        run(store, b"old" * 30, 1)
    assert store.items == before


def test_between_two_uploads_in_the_same_second_the_blob_decides() -> None:
    """Blob times have whole seconds."""
    store = Store()
    run(store, b"first" * 9, 1, second=7, current=2)
    run(store, b"second", 2, second=7, current=2)
    with pytest.raises(conversion.StaleError):
        run(store, b"first" * 9, 1, second=7, current=2)
    assert assemble(store.headers("a.jpg")) == b"second"


@settings(max_examples=200, deadline=None)
@given(at=st.integers(1, 40), old=st.integers(1, 90), new=st.integers(1, 90))
def test_two_runs_at_once_end_in_the_newer_upload_whole(at: int, old: int, new: int) -> None:
    """Wherever the newer upload's run cuts into the older one's, its documents alone are there in the end."""
    store = Store()
    before, after = b"o" * old, b"n" * new
    step = 0

    def cut_in() -> None:
        nonlocal step
        step += 1
        if step == at:
            store.before = lambda: None
            run(store, after, 2)

    store.before = cut_in
    try:
        run(store, before, 1)
    except conversion.StaleError:
        assert step >= at
    if step < at:
        run(store, after, 2)
    assert assemble(store.headers("a.jpg")) == after


@pytest.mark.parametrize(
    ("head", "size"),
    [(b"", 0), (b"#!/bin/sh\n", 10), (b"<svg", 4), (JPEG, 300 * 1024 * 1024)],
    ids=["empty", "script", "text", "too large"],
)
def test_what_is_no_image_is_poison(head: bytes, size: int) -> None:
    """Poison messages are dead-lettered, so the function must fail on them."""
    with pytest.raises(conversion.PoisonUploadError):
        conversion.check_image(head, size)


@pytest.mark.parametrize("text", ["0", "-1", "1400001"])
def test_a_chunk_size_that_cannot_work_is_refused(text: str) -> None:
    """A chunk above the limit would make items that Cosmos refuses."""
    with pytest.raises(ValueError, match="CHUNK_BYTES"):
        conversion.chunk_bytes(text)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.pop(1), "missing: \\[1\\]"),
        (lambda d: d.append(dict(d[0])), "twice"),
        (lambda d: d[2].update(sourceEtag="other"), "different uploads"),
        (lambda d: d[0].update(content="AAAAAAAAAAAAAA=="), "SHA-256"),
        (lambda d: d[0].update(content="!"), "Base64"),
        (lambda d: d[0].update(content=""), "bytes"),
        (lambda d: d[0].update(chunkIndex="0"), "chunkIndex"),
        (lambda d: d.clear(), "no documents"),
    ],
    ids=["missing", "double", "mixed", "damaged", "not base64", "short", "odd index", "none"],
)
def test_documents_that_are_not_one_whole_image_are_refused(
    change: Callable[[list[dict[str, Any]]], None], says: str
) -> None:
    """VAL-2 and the repair after unmuting: incomplete documents must be found."""
    store = Store()
    run(store, b"z" * 30, 1)
    found = store.headers("a.jpg")
    change(found)
    with pytest.raises(IncompleteError, match=says):
        assemble(found)


def test_the_package_imports_nothing_of_ours() -> None:
    """It is deployed alone: nothing of this project is there when it runs."""
    ours = {"components", "recovery", "clouds", "scripts", "localcloud"}
    for file in APP.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {n.partition(".")[0] for n in names} & ours, file.name


@pytest.mark.parametrize(
    ("url", "want"),
    [
        ("https://st.blob.core.windows.net/uploads/a/b%20c%23.jpg", ("uploads", "a/b c#.jpg")),
        ("https://evil.example/uploads/a.jpg", None),
        ("https://st.blob.core.windows.net.evil.example/uploads/a.jpg", None),
    ],
)
def test_only_the_uploads_account_is_read(url: str, want: tuple[str, str] | None) -> None:
    """An event names a URL: the converter's credentials must not follow it elsewhere."""
    app = load("function_app")
    if want:
        assert app.blob_of(url, "https://st.blob.core.windows.net/") == want
    else:
        with pytest.raises(ValueError, match="own account"):
            app.blob_of(url, "https://st.blob.core.windows.net/")
