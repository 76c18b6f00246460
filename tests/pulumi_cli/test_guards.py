"""What stops a run before it does harm (issue 3, "Must hold, with the real Pulumi CLI")."""

from __future__ import annotations

import pytest

from recovery.arm.catalogue import CATALOGUE
from tests.pulumi_cli.conftest import Bench


@pytest.fixture
def forgotten(ready: Bench) -> Bench:
    """The stack `active` as if it had never been handed over."""
    gone = ready.pulumi("stack", "rm", "active", "--force", "--yes", "--preserve-config")
    assert gone.code == 0, gone.said
    made = ready.pulumi("stack", "init", "active")
    assert made.code == 0, made.said
    return ready


def test_a_stack_that_was_never_handed_over_is_stopped_by_the_program_before_anything_is_created(
    forgotten: Bench,
) -> None:
    """design.md "The program guards itself": a bare `pulumi up -s active` creates nothing and names the way out."""
    mark = forgotten.request_mark()
    refused = forgotten.pulumi("up", "-s", "active", "--yes", "--skip-preview")
    assert refused.code != 0, refused.said
    assert "dr handover standby active" in refused.said
    assert forgotten.writes(mark) == []
    by_dr = forgotten.dr("up", "-s", "active", "--yes")
    assert by_dr.code == 4, by_dr.said
    assert "dr handover standby active" in by_dr.err
    assert forgotten.writes(mark) == []


def test_a_stack_handed_over_from_an_older_footprint_is_stopped(ready: Bench) -> None:
    """The stamp is the program's own fingerprint: settings without the mode, and a footprint version."""
    over = ready.dr("handover", "standby", "active")
    assert over.code == 0, over.said
    settings = ready.project / "Pulumi.active.yaml"
    text = settings.read_text()
    changed = text.replace("ttl: 60", "ttl: 120")
    assert changed != text
    settings.write_text(changed)
    mark = ready.request_mark()
    refused = ready.pulumi("up", "-s", "active", "--yes", "--skip-preview")
    assert refused.code != 0, refused.said
    assert "dr handover standby active" in refused.said
    assert ready.writes(mark) == []


def test_the_safety_gate_stops_an_up_that_would_create_and_the_named_exception_lets_it_pass(
    ready: Bench,
) -> None:
    """A resource deleted by hand is not quietly built anew during a switch."""
    record = ready.id_of("azure-native:dns:RecordSet", "www-record")
    ready.arm.delete(record, CATALOGUE["azure-native:dns:RecordSet"].api_version)
    mark = ready.request_mark()
    refused = ready.dr("up", "-s", "standby", "--yes")
    assert refused.code == 4, refused.said
    assert "RecordSet www-record" in refused.err
    assert ready.writes(mark) == []
    repaired = ready.dr("up", "-s", "standby", "--yes", "--allow", "create")
    assert repaired.code == 0, repaired.said


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("up", "-s", "stanby"), "stanby"),
        (("up", "-s", "active", "--engine", "terraform"), "terraform"),
        (("up", "-s", "active", "--allow", "everything"), "everything"),
        (("handover", "standby", "standby"), "standby to standby"),
    ],
)
def test_bad_input_gets_one_clear_error_and_changes_nothing(
    ready: Bench, args: tuple[str, ...], word: str
) -> None:
    mark = ready.request_mark()
    refused = ready.dr(*args)
    assert refused.code == 2, refused.said
    assert word in refused.err
    assert "fix:" in refused.err
    assert ready.writes(mark) == []
