"""Exports are held to their manifests and checksums (SYNC-3)."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from recovery.sync.exported import BadExportError, change, checked, digest, manifest

FULL = {
    "exportArn": "a/export/1",
    "exportTime": "2026-01-05T03:00:00.5Z",
    "exportType": "FULL_EXPORT",
    "itemCount": 2,
}
FILE = {"dataFileS3Key": "p/data/x.json.gz", "itemCount": 2, "md5Checksum": "abc"}


def packed(head: dict[str, object], *files: dict[str, object]) -> tuple[bytes, bytes]:
    return json.dumps(head).encode(), "\n".join(map(json.dumps, files)).encode()


@pytest.mark.parametrize("spelling", ["base64", "hex"])
@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_data_with_its_own_checksum_passes_in_either_spelling(algorithm: str, spelling: str) -> None:
    """SYNC-3: the companion file holds it in Base64; the data files' ones too."""
    made = hashlib.new(algorithm, b"data", usedforsecurity=False)
    said = made.hexdigest() if spelling == "hex" else base64.b64encode(made.digest()).decode()
    assert checked("f", b"data", said + "\n") == b"data"


def test_damaged_data_never_passes() -> None:
    """SYNC-3: one changed byte."""
    with pytest.raises(BadExportError, match=r"f does not have"):
        checked("f", b"Data", hashlib.md5(b"data", usedforsecurity=False).hexdigest())


def test_a_manifest_whose_files_do_not_add_up_is_refused() -> None:
    """SYNC-3: a file is missing from the list."""
    with pytest.raises(BadExportError, match="hold 2 items, the summary says 3"):
        manifest(*packed(FULL | {"itemCount": 3}, FILE))


def test_a_deletion_is_carried_with_its_time_and_a_full_item_with_the_exports() -> None:
    """SYNC-3: deletes are carried; a full export says no times, so nothing in it is later than itself."""
    full = manifest(*packed(FULL, FILE))
    window = {
        "exportType": "INCREMENTAL_EXPORT",
        "exportFromTime": "2026-01-05T02:00:00Z",
        "exportToTime": "2026-01-05T03:00:00Z",
    }
    part = manifest(*packed(FULL | window, FILE))
    key = {"imageId": {"S": "a"}}
    gone = change(
        json.dumps({"Metadata": {"WriteTimestampMicros": {"N": "7"}}, "Keys": key}).encode(),
        part,
        ("imageId",),
    )
    kept = change(json.dumps({"Item": key | {"x": {"S": "y"}}}).encode(), full, ("imageId",))
    assert (gone.item, gone.at, part.full) == (None, 7, False)
    assert (kept.keys, kept.at, full.full) == (key, int(full.until * 1e6), True)


def test_a_streams_second_reaches_to_its_end() -> None:
    """A stream tells whole seconds: what came anywhere in that second is not taken for older than the second."""
    from recovery.sync.exported import Change

    assert Change({}, None, 5_000_000, coarse=True).latest == 5_999_999
    assert Change({}, None, 5_000_000).latest == 5_000_000


def test_a_digest_is_of_the_content_alone() -> None:
    """What the service and the sync add does not count; what a person wrote does."""
    bare = {"id": "1", "imageId": "a", "n": 1}
    assert digest(bare | {"_ts": 1, "_etag": "x", "$": {"at": 1}}) == digest(bare)
    assert digest(bare | {"n": 2}) != digest(bare)
    assert digest(bare | {"_own": 1}) != digest(bare)
