"""`dr teardown`: lists first, keeps data unless it is named, refuses while the standby is needed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clouds.teardown import without
from recovery.errors import BadInput, Stopped, Unobserved
from recovery.model import Desired
from recovery.teardown import DATA, Doomed, check_names, data_of, delegated, plan, refuse
from recovery.traffic import Live

G = "/subscriptions/s/resourceGroups/rg"
P = f"{G}/providers"


def one(name: str, kind: str, tail: str, **inputs: Any) -> Desired:
    after = inputs.pop("after", [])
    return Desired(
        f"t:{name}", kind, f"{P}/{tail}" if tail else G, inputs, {"name": name, "dependsOn": after}
    )


PIP = f"{P}/Microsoft.Network/publicIPAddresses/pip"
ZONE = f"{P}/Microsoft.Network/dnsZones/z"
WANTED = (
    one("group", "Microsoft.Resources/resourceGroups", ""),
    one("public-ip", "Microsoft.Network/publicIPAddresses", "Microsoft.Network/publicIPAddresses/pip"),
    one("gateway", "Microsoft.Network/applicationGateways", "Microsoft.Network/applicationGateways/g", after=[PIP]),
    one("zone", "Microsoft.Network/dnsZones", "Microsoft.Network/dnsZones/z"),
    one("dr-name", "Microsoft.Network/dnsZones/A", "Microsoft.Network/dnsZones/z/A/dr", target=f"⟦{PIP}#properties.ipAddress⟧"),
    one("apex-record", "Microsoft.Network/dnsZones/A", "Microsoft.Network/dnsZones/z/A/@", target="192.0.2.1"),
    one("storage-uploads", "Microsoft.Storage/storageAccounts", "Microsoft.Storage/storageAccounts/u"),
    one("container-uploads", "Microsoft.Storage/storageAccounts/blobServices/containers", "Microsoft.Storage/storageAccounts/u/blobServices/default/containers/uploads"),
    one("storage-new", "Microsoft.Storage/storageAccounts", "Microsoft.Storage/storageAccounts/n"),
    one("role", "Microsoft.Authorization/roleAssignments", "Microsoft.Storage/storageAccounts/u/providers/Microsoft.Authorization/roleAssignments/r"),
    one("cosmos", "Microsoft.DocumentDB/databaseAccounts", "Microsoft.DocumentDB/databaseAccounts/c"),
    one("cosmos-role", "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments", "Microsoft.DocumentDB/databaseAccounts/c/sqlRoleAssignments/r"),
)  # fmt: skip
ALL = [d.id for d in WANTED]


def names(doomed: list[Doomed], go: bool) -> list[str]:
    return [str(d.resource.options["name"]) for d in doomed if d.go is go]


def test_data_is_kept_unless_it_is_named_and_the_group_with_it() -> None:
    doomed = plan(WANTED, ALL, frozenset())
    assert names(doomed, False) == ["cosmos", "storage-new", "storage-uploads", "zone", "group"]
    assert set(names(doomed, True)) == {"gateway", "public-ip", "role", "cosmos-role", "dr-name"}


def test_what_was_made_last_goes_first() -> None:
    order = names(plan(WANTED, ALL, frozenset()), True)
    assert order.index("gateway") < order.index("public-ip")


def test_a_link_goes_before_the_network_and_the_zone_that_it_joins() -> None:
    zone, vnet = (
        one("pz", "Microsoft.Network/privateDnsZones", "Microsoft.Network/privateDnsZones/z"),
        one("vnet", "Microsoft.Network/virtualNetworks", "Microsoft.Network/virtualNetworks/v"),
    )
    link = one(
        "link",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        "Microsoft.Network/privateDnsZones/z/virtualNetworkLinks/v",
        after=[vnet.id],
    )
    wanted = [WANTED[0], zone, vnet, link]
    assert names(plan(wanted, [d.id for d in wanted], frozenset()), True)[0] == "link"


def test_nothing_is_left_that_points_at_what_is_gone() -> None:
    """A released address can be a stranger's tomorrow; an assignment of a deleted identity blocks a rebuild."""
    going = names(plan(WANTED, ALL, frozenset()), True)
    assert "dr-name" in going and "apex-record" not in going
    assert {"role", "cosmos-role"} <= set(going)


def test_everything_named_takes_the_group_too_and_last() -> None:
    doomed = plan(WANTED, ALL, frozenset({"uploads", "documents", "zone", "new"}))
    assert names(doomed, False) == [] and names(doomed, True)[-1] == "group"


def test_an_account_that_nobody_described_is_data_under_its_own_name() -> None:
    assert data_of(WANTED[8])[0] == "new"
    assert check_names(["new"], WANTED) == {"new"}
    with pytest.raises(BadInput, match="uplods"):
        check_names(["uplods"], WANTED)


@given(st.sets(st.sampled_from(ALL)), st.sets(st.sampled_from([*DATA, "new"])))
def test_whatever_exists_and_whatever_is_named_no_unnamed_data_goes(
    exists: set[str], named: set[str]
) -> None:
    doomed = plan(WANTED, exists, frozenset(named))
    for resource in doomed:
        if resource.go:
            key = data_of(resource.resource)[0]
            assert not key or key in named
            if resource.resource.arm_type == "Microsoft.Resources/resourceGroups":
                assert all(data_of(d)[0] in {"", *named} for d in WANTED if d.id in exists)
    assert {d.resource.id for d in doomed} <= exists


@pytest.mark.parametrize(
    ("live", "direction", "owed", "error"),
    [
        (Live.AZURE, "forward", [], Stopped),
        (Live.MOVING, "forward", [], Stopped),
        (Live.UNKNOWN, "forward", [], Unobserved),
        (Live.PRIMARY, "reverse", [], Stopped),
        (Live.PRIMARY, "unknown", [], Unobserved),
        (Live.PRIMARY, "off", ["freeze uploads"], Stopped),
        (Live.PRIMARY, "forward", [], None),
        (Live.PRIMARY, "none", [], None),
        (Live.NOWHERE, "off", [], None),
    ],
)
def test_the_standby_stays_while_it_serves_or_holds_what_the_primary_has_not(
    live: Live, direction: str, owed: list[str], error: type[Exception] | None
) -> None:
    if error is None:
        refuse(live, direction, owed)
    else:
        with pytest.raises(error, match=r"nothing was deleted"):
            refuse(live, direction, owed)


def test_a_zone_to_which_the_parent_still_delegates_stays() -> None:
    with pytest.raises(Stopped, match="registrar"):
        delegated(["NS1.azure.example."], ["ns1.azure.example"])
    with pytest.raises(Unobserved):
        delegated(None, ["ns1.azure.example"])
    delegated(["ns.elsewhere.example"], ["ns1.azure.example"])


def _export() -> dict[str, Any]:
    def resource(name: str, id: str, *after: str) -> dict[str, Any]:
        return {
            "urn": name,
            "id": id,
            "dependencies": list(after),
            "propertyDependencies": {"x": list(after)},
        }

    return {"version": 3, "deployment": {"secrets_providers": {"type": "p"}, "resources": [
        resource("stack", ""), resource("vnet", f"{P}/Microsoft.Network/virtualNetworks/v"),
        resource("account", f"{P}/Microsoft.Storage/storageAccounts/u"),
        resource("gate", "gate-1", "vnet", "account"),
    ]}}  # fmt: skip


def test_the_checkpoint_forgets_what_is_gone_and_nothing_depends_on_it_any_more() -> None:
    left = without(_export(), [f"{P.upper()}/MICROSOFT.NETWORK/virtualNetworks/v"])["deployment"]["resources"]
    assert [r["urn"] for r in left] == ["stack", "account", "gate"]
    assert left[-1]["dependencies"] == ["account"] and left[-1]["propertyDependencies"] == {"x": ["account"]}


def test_a_checkpoint_without_anything_of_azure_is_empty() -> None:
    left = without(
        _export(), [f"{P}/Microsoft.Network/virtualNetworks/v", f"{P}/Microsoft.Storage/storageAccounts/u"]
    )
    assert left["deployment"]["resources"] == [] and left["deployment"]["secrets_providers"] == {"type": "p"}
