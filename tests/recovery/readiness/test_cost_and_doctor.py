"""What is not known to cost something is unknown and never 0; which permissions of a role are lacking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.model import Desired
from recovery.permissions import ROLES, role
from recovery.permissions.model import Role
from recovery.readiness import cost
from recovery.readiness.doctor import MISSING, OK, UNKNOWN, Answer, exit_of, lacking, sentence

FILE: dict[str, Any] = json.loads((Path(cost.__file__).parent / "prices.json").read_text())


def made(kind: str, id: str, **inputs: Any) -> Desired:
    return Desired(
        f"azure-native:x:{kind.rpartition('/')[2]}", kind, id, {"location": "brazilsouth", **inputs}
    )


def footprint(minimum: int, ru: int, kind: str = "manual") -> list[Desired]:
    return [
        made(
            "Microsoft.Network/applicationGateways",
            "gw",
            sku={"name": "WAF_v2"},
            autoscaleConfiguration={"minCapacity": minimum},
        ),
        Desired("pulumi-python:gates:CosmosThroughput", "", "t", {"throughput": ru, "throughputKind": kind}),
        made("Microsoft.KeyVault/vaults", "kv"),
        made("Microsoft.Authorization/roleAssignments", "role"),
    ]


def test_the_bill_adds_up_by_hand() -> None:
    """730 hours of 0.443 and of 4 x 0.008; a day of 0.443, of 20 units at 0.0144 and of 40 x 0.008."""
    bill = cost.bill(footprint(0, 400), footprint(2, 4000), FILE)
    assert bill.month == pytest.approx(730 * (0.443 + 4 * 0.008))
    assert bill.day == pytest.approx(24 * (0.443 + 20 * 0.0144 + 40 * 0.008))


def test_what_no_price_is_known_for_is_counted_and_makes_the_sum_a_lower_bound() -> None:
    bill = cost.bill(footprint(0, 400), footprint(2, 4000), FILE)
    assert bill.unknown == (("Microsoft.KeyVault/vaults", 1),)
    assert "at least" in bill.sentence.lower()
    assert bill.to_json()["lowerBound"] is True


def test_without_its_price_a_line_is_unknown_and_never_nothing() -> None:
    bill = cost.bill(footprint(0, 400), footprint(2, 4000), {**FILE, "prices": []})
    assert bill.lines == ()
    assert {kind for kind, _ in bill.unknown} >= {"Cosmos DB throughput", "application gateway waf-v2"}


def test_autoscale_costs_half_as_much_again_and_idles_at_a_tenth() -> None:
    (line,) = [
        one
        for one in cost.bill(footprint(0, 1000, "autoscale"), footprint(2, 4000, "autoscale"), FILE).lines
        if "Cosmos" in one.what
    ]
    assert line.month == pytest.approx(730 * 10 * 0.008 * 1.5 * 0.1)


def test_another_regions_prices_say_so() -> None:
    assert "not of brazilsouth" in cost.bill(footprint(0, 400), footprint(2, 4000), FILE).sentence


def test_every_price_has_a_source_and_a_date_and_one_without_is_refused() -> None:
    assert all(one.source and one.as_of for one in cost.prices(FILE).values())
    for missing in ("source", "asOf", "price"):
        row = {k: v for k, v in FILE["prices"][0].items() if k != missing}
        with pytest.raises(BadInput):
            cost.prices({"prices": [row]})


EVERYTHING = {"actions": ["*"], "notActions": [], "dataActions": ["*"], "notDataActions": []}


@pytest.mark.parametrize("one", ROLES, ids=lambda one: one.key)
def test_an_owner_lacks_nothing_and_nobody_lacks_everything(one: Role) -> None:
    assert lacking(one, [EVERYTHING]) == []
    assert len(lacking(one, [])) == len(one.actions) + len(one.data)


def test_not_actions_take_away_from_their_own_entry_alone() -> None:
    """Azure RBAC: NotActions is no deny rule; another role may give the same action."""
    operator = role("operator")
    taken = {**EVERYTHING, "notActions": ["Microsoft.Network/applicationGateways/write"]}
    assert [a for a, _ in lacking(operator, [taken])] == ["Microsoft.Network/applicationGateways/write"]
    giver = {"actions": ["microsoft.network/applicationgateways/*"]}
    assert lacking(operator, [taken, giver]) == []


def test_doctors_verdict() -> None:
    good, bad, blind = (Answer("g", says, says, "", "mend it") for says in (OK, MISSING, UNKNOWN))
    assert exit_of([good]) is ExitCode.CLEAN
    assert exit_of([good, blind]) is ExitCode.UNOBSERVED
    assert exit_of([blind, bad]) is ExitCode.FINDING
    assert exit_of([]) is ExitCode.UNOBSERVED
    assert "mend it" in sentence([good, bad])
