"""The policy over the desired state of every stack: it holds, and each of its rules can fail."""

from __future__ import annotations

import pytest

from components.settings import from_files
from tests.components.recording import ROOT, main_program, record
from tests.policy.clusters import RULES as TRUSTLAYER
from tests.policy.rules import AZURE, Rule, Stack
from tests.policy.table import RULES as IMAGE_APP

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # pulumi-aws imports its own deprecated modules
ENVIRONMENT = {
    "AWS_ACCOUNT_ID": "000000000000", "ARM_TENANT_ID": "00000000-0000-4000-8000-000000000002",
    "DR_FEDERATION_AUDIENCE": "api://app-1",
}  # fmt: skip
"""What dr init's file holds."""

RULES = (*IMAGE_APP, *TRUSTLAYER)
CASES = [pytest.param(rule, stack, id=f"{rule.key} [{stack}]") for rule in RULES for stack in rule.stacks]


@pytest.fixture(scope="session")
def stacks() -> dict[str, Stack]:
    """Every stack that a rule speaks of, recorded once."""
    found: dict[str, Stack] = {}
    handed_over = {False: {"syncPrincipal": "principal-1"}, True: dict[str, str]()}
    for name in sorted(
        {stack for rule in RULES for stack in rule.stacks}, reverse=True
    ):  # standby before active
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in ENVIRONMENT.items():
                patch.setenv(variable, value)
            other_site = name.startswith("trustlayer-")
            recorded = record(main_program, name, handed_over[other_site])
        tags: dict[str, str] = {}
        if "footprint" in recorded.exports:
            handed_over[other_site]["footprint"] = recorded.exports["footprint"]
        if name in AZURE:
            tags = dict(from_files(ROOT, name).tags)
        found[name] = Stack(name, tuple(recorded.resources.values()), tags)
    return found


@pytest.mark.parametrize(("rule", "name"), CASES)
def test_the_rule_holds(rule: Rule, name: str, stacks: dict[str, Stack]) -> None:
    assert list(rule.check(stacks[name])) == [], rule.source


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_the_rule_can_fail(rule: Rule, stacks: dict[str, Stack]) -> None:
    """What breaks it is found, and found in one place."""
    spoiled = rule.spoil(stacks[rule.stacks[0]])
    assert len(list(rule.check(spoiled))) == 1


def test_every_rule_has_a_name_of_its_own_and_a_source() -> None:
    assert len({rule.key for rule in RULES}) == len(RULES)
    assert [rule.key for rule in RULES if not rule.source] == []
