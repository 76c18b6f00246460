"""For every check, a fault that it alone finds: the report says not ready and names it, and the fix makes it ready again.

The README's table is made from the same registry. One local cloud for all of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clouds import gates
from clouds.azure.arm import ArmError
from clouds.gates import package
from clouds.readiness import day
from clouds.watchdog import ALARM
from recovery.permissions import azure, role
from recovery.readiness.boot import Boot
from recovery.readiness.boot import boot as read_boot
from recovery.readiness.model import Verdict
from recovery.readiness.registry import CHECKS
from tests.clouds.readiness.standing import IMAGE, Standing

pytestmark = pytest.mark.localcloud
Mend = Callable[[], Any]


def site(s: Standing, _tmp: Path) -> Mend:
    held = s._world().at.blobs("storage-site")
    page = held.get("$web", "index.html")
    assert page is not None
    held.delete("$web", "index.html")
    return lambda: held.put("$web", "index.html", page, content_type="text/html")


def cosmos(s: Standing, _tmp: Path) -> Mend:
    body = {"code": "NotFound", "message": "Entity with the specified id does not exist in the system."}
    return s.fault(door="cosmos", method="GET", path="docs/.dr-probe", status=404, body=body)


def converter(s: Standing, _tmp: Path) -> Mend:
    ours = s.one("eventgrid:SystemTopicEventSubscription")
    body = s.body(ours)
    body["properties"]["filter"]["subjectBeginsWith"] = "/blobServices/default/containers/uploads/blobs/"
    id = f"{ours.id.rpartition('/')[0]}/forgotten"
    s.put(ours, body, id)
    return lambda: s.arm.delete(id, "2025-02-15")


def scale_set(s: Standing, _tmp: Path) -> Mend:
    ours = s.one("compute:VirtualMachineScaleSet")

    def capacity(count: int) -> None:
        sku = s.body(ours)["sku"]
        s.arm.patch(ours.id, {"sku": {**sku, "capacity": count}}, "2024-11-01")

    def mend() -> None:
        capacity(0)
        while s.arm.list(f"{ours.id}/virtualMachines", "2024-11-01"):
            pass  # each look takes its time; a stopping instance is gone within a second here

    capacity(1)
    return mend


def gateway(s: Standing, _tmp: Path) -> Mend:
    ours = s.one("network:ApplicationGateway")
    body = s.body(ours)
    mended = s.fault(door="arm", method="PUT", path="applicationGateways", operation="Failed", times=1)
    with pytest.raises(ArmError):
        s.put(ours, body)
    mended()
    return lambda: s.put(ours, body)


def certificate(s: Standing, _tmp: Path) -> Mend:
    s.certify(20)
    return lambda: s.certify(90)


def contingency_name(s: Standing, _tmp: Path) -> Mend:
    s.cloud.control("PUT", "delegations", {"demay.com": ["ns1.parked.example"]})
    return lambda: s.cloud.control("PUT", "delegations", {"demay.com": None})


def data_age(s: Standing, _tmp: Path) -> Mend:
    s.record("uploads", age=timedelta(days=3))
    return lambda: s.record("uploads")


def proofs(s: Standing, _tmp: Path) -> Mend:
    s.record("uploads", holds=False)
    return lambda: s.record("uploads")


def documents(s: Standing, _tmp: Path) -> Mend:
    held = s.documents
    (document,) = held.partition(IMAGE)
    held.delete(document["id"], IMAGE)
    kept = {k: v for k, v in document.items() if k == "$" or not k.startswith("_")}
    return lambda: held.upsert(kept)


def drift(s: Standing, _tmp: Path) -> Mend:
    ours = s.one("network:NetworkSecurityGroup")
    body = s.body(ours)
    rule = {"name": "let-me-in", "properties": {
        "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "priority": 4000, "sourceAddressPrefix": "*",
        "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "22",
    }}  # fmt: skip
    s.put(
        ours,
        {
            **body,
            "properties": {
                **body["properties"],
                "securityRules": [*body["properties"]["securityRules"], rule],
            },
        },
    )
    return lambda: s.put(ours, body)


def preview(s: Standing, _tmp: Path) -> Mend:
    file = s.root / "Pulumi.active.yaml"
    text = file.read_text()
    file.write_text(text.replace("contingency: dr", "contingency: emergency"))
    return lambda: file.write_text(text)


def handover(s: Standing, _tmp: Path) -> Mend:
    file = s.checkpoint_file("active")
    text = file.read_text()
    raw = json.loads(text)
    raw["checkpoint"]["latest"]["resources"].pop()
    file.write_text(json.dumps(raw))
    return lambda: file.write_text(text)


def throughput(s: Standing, _tmp: Path) -> Mend:
    id = f"{s._world().at.props('CosmosThroughput')['containerId']}/throughputSettings/default"
    body = s.arm.get(id, "2025-10-15")
    body["properties"]["resource"]["minimumThroughput"] = "1000"
    return s.fault(door="arm", method="GET", path="throughputSettings/default", status=200, body=body)


def quota(s: Standing, _tmp: Path) -> Mend:
    s.cloud.control("PUT", "offers", {"limits": {"standardBSFamily": 2}})
    return lambda: s.cloud.control("PUT", "offers", {"limits": {"standardBSFamily": 20}})


def image(s: Standing, _tmp: Path) -> Mend:
    name = "canonical/ubuntu-24_04-lts/server"
    versions = s.cloud.control("GET", "offers")["images"][name]
    s.cloud.control("PUT", "offers", {"images": {name: []}})
    return lambda: s.cloud.control("PUT", "offers", {"images": {name: versions}})


def _archive(s: Standing) -> tuple[Any, Boot]:
    profile = s.one("compute:VirtualMachineScaleSet").inputs["virtualMachineProfile"]
    return s._world().at.blobs("storage-uploads"), read_boot(profile["osProfile"]["customData"])


def _instead(s: Standing, beside: str, data: bytes | None) -> Mend:
    """Other bytes (None: none) in place of the archive, or of the file beside it."""
    held, place = _archive(s)
    name = place.name + beside
    good = held.get(place.container, name)
    assert good is not None
    if data is None:
        held.delete(place.container, name)
    else:
        held.put(place.container, name, data)
    return lambda: held.put(place.container, name, good)


def boot(s: Standing, _tmp: Path) -> Mend:
    return _instead(s, "", b"another archive")


def boot_gone(s: Standing, _tmp: Path) -> Mend:
    return _instead(s, "", None)


def boot_unchecked(s: Standing, _tmp: Path) -> Mend:
    return _instead(s, ".sha256", None)


def boot_wordless(s: Standing, _tmp: Path) -> Mend:
    return _instead(s, ".sha256", b"the digest is in the release notes\n")


def boot_other_script(s: Standing, _tmp: Path) -> Mend:
    """As after an update by hand: Azure shows no script, the tag says which one it is."""
    ours = s.one("compute:VirtualMachineScaleSet")
    tags = s.body(ours)["tags"]
    s.arm.patch(ours.id, {"tags": {**tags, "cloud-init": "0123456789abcdef"}}, "2024-11-01")
    return lambda: s.arm.patch(ours.id, {"tags": tags}, "2024-11-01")


def artifact(s: Standing, _tmp: Path) -> Mend:
    world = s._world().at
    props = world.props("ConverterPackage")
    scm = package._scm(props, world.world)
    data = package.build_zip(s.root / str(props["packagePath"]))
    answer = package._call(world.world, "POST", f"{scm}/api/publish?type=zip&deployer=by-hand", data, 60)
    assert answer.status_code < 300
    site = str(props["siteId"])
    while not s.arm.list(f"{site}/functions", "2025-05-01"):
        time.sleep(0.1)  # the host reads its new package

    def mend() -> None:
        with s.shell():
            gates.apply("ConverterPackage", props, world.world)

    return mend


def renewal(s: Standing, _tmp: Path) -> Mend:
    s.certify(90, renewal="")
    return lambda: s.certify(90)


def journal(s: Standing, _tmp: Path) -> Mend:
    back = s.kept_journal()
    from clouds.journal_place import paths

    file, _ = paths(s.root, s.environ)
    lines = file.read_bytes().splitlines(keepends=True)
    # When it happened, and nothing that another check reads: which record is the last depends on the tests before.
    record = json.loads(lines[-1])
    record["at"] = f"{record['at'][:-2]}{(int(record['at'][-2]) + 1) % 10}Z"
    lines[-1] = json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() + b"\n"
    file.write_bytes(b"".join(lines))
    return back


def outside(s: Standing, tmp: Path) -> Mend:
    s.other_settings(tmp / "settings", lambda text: f"secretsprovider: awskms://alias/standby\n{text}")
    return lambda: setattr(s, "settings", None)


def approvers(s: Standing, tmp: Path) -> Mend:
    key = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    people = {"ana@demay.com": ["Tech Lead"], "rui@demay.com": ["Incident Commander"]}
    held = json.dumps({who: {"roles": roles, "publicKey": key} for who, roles in people.items()})
    s.other_settings(
        tmp / "settings",
        lambda text: f"{text}\n  standby:people: {held}\n" if "standby:site: image-app" in text else text,
    )
    return lambda: setattr(s, "settings", None)


def channels(s: Standing, tmp: Path) -> Mend:
    held = json.dumps({"internal": [{"name": "chat", "url": "json://127.0.0.1:9/"}], "external": []})
    s.other_settings(
        tmp / "settings",
        lambda text: f"{text}\n  standby:channels: {held}\n" if "standby:site: image-app" in text else text,
    )
    return lambda: setattr(s, "settings", None)


def identities(s: Standing, _tmp: Path) -> Mend:
    identity = s.body(s.one("managedidentity:UserAssignedIdentity", "identity-api"))
    group = s.one("resources:ResourceGroup").id
    id = f"{group}/providers/Microsoft.Authorization/roleAssignments/11111111-2222-4333-8444-555555555555"
    owner = f"{group.partition('/resourceGroups')[0]}/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    s.arm.put(id, {"properties": {"principalId": identity["properties"]["principalId"], "principalType": "ServicePrincipal",
                                  "roleDefinitionId": owner}}, "2022-04-01")  # fmt: skip
    return lambda: s.arm.delete(id, "2022-04-01")


SQL = "2025-10-15"


def _documents_role(s: Standing, principal: str, definition: str = azure.COSMOS_CONTRIBUTOR) -> Mend:
    account = s.one("cosmosdb:DatabaseAccount").id
    id = f"{account}/sqlRoleAssignments/22222222-2222-4333-8444-555555555555"
    s.arm.put(id, {"properties": {
        "principalId": principal, "scope": account, "roleDefinitionId": f"{account}/sqlRoleDefinitions/{definition}",
    }}, SQL)  # fmt: skip
    return lambda: s.arm.delete(id, SQL)


def identities_stranger(s: Standing, _tmp: Path) -> Mend:
    return _documents_role(s, "99999999-2222-4333-8444-555555555555")


def identities_gateway(s: Standing, _tmp: Path) -> Mend:
    """One of ours, that has nothing to do with documents."""
    body = s.body(s.one("managedidentity:UserAssignedIdentity", "identity-gateway"))
    return _documents_role(s, str(body["properties"]["principalId"]), "00000000-0000-0000-0000-000000000001")


OLGA = "77777777-2222-4333-8444-555555555555"


def identities_operator(s: Standing, _tmp: Path) -> Mend:
    """An operator in Azure's plane who may not read a document; mended as `dr init --grant` does."""
    definition = azure.definition_id(s.endpoints.subscription, role("operator"))
    group = s.one("resources:ResourceGroup").id
    s.arm.put(definition, azure.definition(s.endpoints.subscription, role("operator")), azure.API_VERSION)
    id = f"{group}/providers/Microsoft.Authorization/roleAssignments/{azure.assignment_name(group, OLGA, definition)}"
    s.arm.put(id, azure.assignment(definition, OLGA), azure.API_VERSION)
    return lambda: s.arm.put(*azure.on_documents(s.one("cosmosdb:DatabaseAccount").id, OLGA), SQL)


def identities_left(s: Standing, _tmp: Path) -> Mend:
    """She is no operator any more, and what she had on the documents was forgotten."""
    definition = azure.definition_id(s.endpoints.subscription, role("operator"))
    group = s.one("resources:ResourceGroup").id
    s.arm.delete(
        f"{group}/providers/Microsoft.Authorization/roleAssignments/{azure.assignment_name(group, OLGA, definition)}",
        azure.API_VERSION,
    )
    id, body = azure.on_documents(s.one("cosmosdb:DatabaseAccount").id, OLGA)
    s.arm.put(id, body, SQL)
    return lambda: s.arm.delete(id, SQL)


def drill(s: Standing, _tmp: Path) -> Mend:
    s.drill("failover-2", end="aborted")
    return lambda: s.drill("failover-3")


def recovery_time(s: Standing, _tmp: Path) -> Mend:
    s.drill("failover-4", minutes=40)
    return lambda: s.drill("failover-5")


def dead_man(s: Standing, _tmp: Path) -> Mend:
    aws = s.world.aws("cloudwatch")
    aws.disable_alarm_actions(AlarmNames=[ALARM])
    return lambda: aws.enable_alarm_actions(AlarmNames=[ALARM])


FAULTS: dict[str, Callable[[Standing, Path], Mend]] = {
    "site": site, "cosmos": cosmos, "converter": converter, "scale-set": scale_set, "gateway": gateway,
    "certificate": certificate, "contingency-name": contingency_name, "data-age": data_age, "proofs": proofs,
    "documents": documents, "drift": drift, "preview": preview, "handover": handover, "throughput": throughput,
    "quota": quota, "image": image, "boot": boot, "artifact": artifact, "renewal": renewal, "journal": journal, "outside": outside,
    "approvers": approvers, "channels": channels, "identities": identities, "drill": drill,
    "recovery-time": recovery_time, "dead-man": dead_man,
}  # fmt: skip


def test_every_check_has_its_fault() -> None:
    assert list(FAULTS) == [check.id for check in CHECKS]


def test_every_check_is_ready_on_a_standing_cloud(standing: Standing) -> None:
    results = standing.ask()
    assert {id: r.sentence for id, r in results.items() if r.verdict is not Verdict.READY} == {}


MORE: dict[str, tuple[str, Callable[[Standing, Path], Mend], str]] = {
    "no archive": ("boot", boot_gone, "az storage blob upload"),
    "no digest": ("boot", boot_unchecked, "sha256sum"),
    "a digest that is none": ("boot", boot_wordless, "sha256sum"),
    "another init script": ("boot", boot_other_script, "dr up -s standby"),
    "a stranger on the documents": (
        "identities",
        identities_stranger,
        "az cosmosdb sql role assignment delete",
    ),
    "an identity of ours with too much": (
        "identities",
        identities_gateway,
        "az cosmosdb sql role assignment delete",
    ),
    "an operator without documents": ("identities", identities_operator, f"dr init --grant operator={OLGA}"),
    "an operator who left": ("identities", identities_left, "az cosmosdb sql role assignment delete"),
}
"""Further faults of checks that can fail in several ways: the check, what breaks it, what the fix begins with."""


@pytest.mark.parametrize("what", MORE)
def test_each_way_in_which_a_check_can_fail_is_its_own_finding_with_its_own_fix(
    standing: Standing, tmp_path: Path, what: str
) -> None:
    """READY-4, ACT-1: found by that check alone."""
    id, fault, fix = MORE[what]
    mend = fault(standing, tmp_path)
    try:
        results = standing.ask()
    finally:
        mend()
    found = {one: r.sentence for one, r in results.items() if r.verdict is not Verdict.READY}
    assert set(found) == {id}, found
    assert results[id].verdict is Verdict.NOT_READY
    assert results[id].fix.startswith(fix)
    again = standing.ask(id)[id]
    assert again.verdict is Verdict.READY, again.sentence


@pytest.mark.parametrize("id", FAULTS)
def test_the_fault_is_found_by_its_check_alone_and_the_fix_makes_it_ready(
    standing: Standing, tmp_path: Path, id: str
) -> None:
    """READY-1 to READY-7, SYNC-4, and what fails on the day."""
    mend = FAULTS[id](standing, tmp_path)
    try:
        results = standing.ask()
    finally:
        mend()
    found = {one: r.sentence for one, r in results.items() if r.verdict is not Verdict.READY}
    assert set(found) == {id}, found
    assert results[id].verdict is Verdict.NOT_READY
    assert results[id].fix
    again = standing.ask(id)[id]
    assert again.verdict is Verdict.READY, again.sentence


def test_nothing_of_an_archive_above_the_bound_is_fetched_and_that_is_unknown(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """READY-4: bounded in size; what was not fetched is never called right."""
    away = standing.fault(
        door="blob", method="GET", path=r"\.tar\.gz$", status=403, code="AuthorizationFailure"
    )
    try:
        fetched = standing.ask("boot")["boot"]
        monkeypatch.setattr(day, "MOST_BYTES", 100)
        large = standing.ask("boot")["boot"]
    finally:
        away()
    assert (fetched.verdict, large.verdict) == (Verdict.UNKNOWN, Verdict.UNKNOWN)
    assert "403" in fetched.sentence, "the door refuses whoever fetches it"
    assert "more than the 100" in large.sentence
