"""What the tool says the converter takes is what the converter takes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.sync.convertible import HEAD, MAX_BYTES, refused


def deployed() -> ModuleType:
    """The converter's own module: it is deployed alone, and no room imports it."""
    file = Path(__file__).parents[3] / "components" / "image_app" / "converter_app" / "conversion.py"
    spec = importlib.util.spec_from_file_location("deployed_conversion", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


CONVERTER = deployed()
MAGIC = [b"\0" * at + magic for at, magic in CONVERTER._MAGIC]


def the_converter_refuses(head: bytes, size: int) -> bool:
    try:
        CONVERTER.check_image(head, size)
    except CONVERTER.PoisonUploadError:
        return True
    return False


@given(
    head=st.one_of(
        st.binary(max_size=HEAD), st.sampled_from(MAGIC), st.sampled_from(MAGIC).map(lambda m: m[:-1])
    ),
    size=st.one_of(st.sampled_from([0, 1, MAX_BYTES, MAX_BYTES + 1]), st.integers(0, 2 * MAX_BYTES)),
)
def test_both_say_the_same_of_any_upload(head: bytes, size: int) -> None:
    """ACT-3: an upload that the converter refuses is not waited for, one that it takes is never left out."""
    assert bool(refused(head, size)) is the_converter_refuses(head, size)


@pytest.mark.parametrize(
    ("head", "size", "said"),
    [
        (b"%PDF-1.7", 9, "not an image"),
        (b"", 0, "empty"),
        (b"\xff\xd8\xff", MAX_BYTES + 1, "268,435,457 bytes"),
    ],
)
def test_the_reason_is_said(head: bytes, size: int, said: str) -> None:
    """A person decides what becomes of such an upload."""
    assert said in refused(head, size)
