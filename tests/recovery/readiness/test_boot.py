"""The init script that components/ writes is the one that readiness reads: what is fetched is what an instance fetches."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.image_app.cloud_init import Boot, cloud_init
from recovery.readiness.boot import boot, said
from recovery.readiness.model import UnseenError

DIGEST = hashlib.sha256(b"archive").hexdigest()


@pytest.mark.parametrize("sha256", ["", DIGEST])
def test_what_the_declared_script_fetches_is_read_from_it(sha256: str) -> None:
    """READY-4."""
    text = cloud_init(Boot("stdemayuploads", "api-2.tar.gz", sha256, 8080))
    found = boot(base64.b64encode(text.encode()).decode())
    assert (found.account, found.container, found.name, found.sha256) == (
        "stdemayuploads", "artifacts", "api-2.tar.gz", sha256,
    )  # fmt: skip
    assert found.script == hashlib.sha256(text.encode()).hexdigest()[:16]


@given(st.one_of(st.text(), st.binary().map(lambda b: base64.b64encode(b).decode())))
def test_anything_else_is_never_taken_for_a_script(text: str) -> None:
    with pytest.raises(UnseenError):
        boot(text)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (f"{DIGEST}  api.tar.gz\n".encode(), DIGEST),
        (DIGEST.encode(), DIGEST),
        (b"", ""),
        (b"<html>a proxy's page</html>", ""),
        (DIGEST[:-1].encode(), ""),
        (b"\xff\xfe", ""),
    ],
)
def test_a_digest_is_64_hexadecimal_digits_at_the_beginning_of_its_file(data: bytes, says: str) -> None:
    assert said(data) == says
