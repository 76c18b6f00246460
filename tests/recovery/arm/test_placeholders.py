"""Values that only the cloud knows."""

from __future__ import annotations

from recovery.arm.placeholders import Unresolved, placeholder, references, resolve

PIP = "/subscriptions/S/x"
LIVE = {PIP: {"properties": {"ipAddress": "203.0.113.10", "list": [{"n": 1}]}}}


def test_a_placeholder_alone_takes_the_propertys_own_type_and_inside_a_text_its_text() -> None:
    want = {
        "a": placeholder(PIP, "properties.list.0.n"),
        "b": [f"http://{placeholder(PIP, 'properties.IPADDRESS')}/"],
    }
    assert resolve(want, LIVE.get) == {"a": 1, "b": ["http://203.0.113.10/"]}


def test_what_cannot_be_resolved_is_never_taken_for_a_value() -> None:
    gone = resolve(f"http://{placeholder('/gone', 'x')}", LIVE.get)
    assert gone == Unresolved("/gone", "x")
    assert resolve(placeholder(PIP, "properties.nothing"), LIVE.get) == Unresolved(PIP, "properties.nothing")


def test_references_are_found_at_any_depth() -> None:
    assert list(references({"a": [{"b": f"x{placeholder(PIP, 'p.q')}y"}]})) == [(PIP, "p.q")]
