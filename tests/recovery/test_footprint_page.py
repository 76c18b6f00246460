"""docs/footprint.md is the program's own page: whole, up to date, and unable to leave a resource out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.footprint.page import differences, page
from recovery.footprint.why import why
from recovery.model import Desired
from scripts import readme

RECORD = Desired(
    "azure-native:dns:RecordSet",
    "",
    "/z/a",
    {"ttl": 60, "to": ["1"]},
    {"name": "apex-record"},
    "components/image_app/dns.py:1",
)


def test_the_page_is_the_one_that_the_program_makes_now() -> None:
    """Generated, and checked. Mend it with: make readme."""
    assert readme.FOOTPRINT.read_text(encoding="utf-8") == readme.footprint()


def test_a_resource_without_a_reason_is_refused() -> None:
    stranger = replace(RECORD, options={"name": "nobody-knows-why"})
    with pytest.raises(LookupError, match="nobody-knows-why"):
        page([stranger], [stranger])
    with pytest.raises(LookupError, match="0 sentences"):
        why("")


def test_a_dial_is_whatever_differs_between_the_modes() -> None:
    other = replace(RECORD, inputs={"ttl": 60, "to": ["2"]})
    assert list(differences(RECORD.inputs, other.inputs)) == [("to[0]", "1", "2")]
    shown = page([RECORD], [other])
    assert "| apex-record | `to[0]` | `1` | `2` |" in shown
    assert "1 resources, the same in both modes; 1 of them carry a dial" in shown
