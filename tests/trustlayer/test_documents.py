"""The runbook documents (TL-6) are the data's."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.trustlayer.documents import all_documents

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
PARTS = (
    "## Classification",
    "## Symptoms",
    "## Diagnosis",
    "## Resolution",
    "## Verification",
    "## Escalation",
    "## Post-mortem",
)


@pytest.mark.parametrize("name", sorted(all_documents()))
def test_a_committed_document_says_what_the_data_says(name: str) -> None:
    """A person follows the file at three in the morning: it must not be last month's."""
    assert (FOLDER / name).read_text() == all_documents()[name], "run: python -m scripts.trustlayer.documents"


@pytest.mark.parametrize("name", sorted(all_documents()))
def test_a_document_has_the_structures_parts_in_order(name: str) -> None:
    """TL-6."""
    places = [all_documents()[name].index(part) for part in PARTS]
    assert places == sorted(places)


def test_database_down_has_three_options_and_its_own_escalation() -> None:
    """TL-6: restart, fail over, restore; 5, 15, 30 min."""
    text = all_documents()["trustlayer-database-down.md"]
    for wanted in (
        "Option A: restart",
        "Option B: fail over",
        "Option C: restore",
        "5 min: SRE On-Call",
        "15 min: Database Admin",
        "30 min: Engineering Lead",
    ):
        assert wanted in text
