"""Probes of what fails on the day: drift, the failover's preview, throughput, quota, image, package, boot, journal, places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from clouds.readiness.world import ReadyWorld
from recovery.model import Action, Json
from recovery.readiness.boot import boot as what_boots
from recovery.readiness.boot import said
from recovery.readiness.model import UnseenError

Evidence = dict[str, Json]
HIDDEN = "observed"
"""The path under which drift reports the converter's package, which has a check of its own (artifact)."""


def drift(world: ReadyWorld) -> Evidence:
    """Everything declared against everything live, with this machine's baseline where there is one."""
    from clouds import baselines
    from clouds.azure.live import read_live
    from recovery.drift import report

    wanted = world.at.desired(world.stack)
    known = baselines.load(world.root, world.stack, world.environ)
    result = report.check(wanted, read_live(_real(world), wanted), known, world.stack)
    rows = [
        {"id": f.id, "path": f.path, "verdict": str(f.verdict), "severity": str(f.severity), "reason": f.reason,
         "source": f.source, "fix": f.fix}
        for f in result.findings
        if f.path != HIDDEN
    ]  # fmt: skip
    return {"same": result.same, "accepted": result.accepted, "findings": rows}


def _real(world: ReadyWorld) -> Any:
    """Resource Manager's own client (the gates' port names less than `read_live` needs)."""
    return world.at.world.arm


def preview(world: ReadyWorld) -> Evidence:
    """The preview of the other mode, and what the safety gate says to it."""
    from recovery.safety import check

    if world.preview is None:
        raise UnseenError("no engine was given to make a preview with")
    other = "active" if world.stack == "standby" else "standby"
    plan = world.preview(other)
    refused = []
    try:
        check(plan)
    except Exception as error:
        if not hasattr(error, "summary"):
            raise
        refused = [f"{s.action} {s.name}" for s in plan.changes if s.action is not Action.UPDATE] or [
            str(error.summary)
        ]
    updates = [s.name for s in plan.changes if s.action is Action.UPDATE]
    return {"engine": plan.engine, "stack": other, "updates": updates, "refused": refused}


def throughput(world: ReadyWorld) -> Evidence:
    """The container's RU/s, its limits, and what both modes want of it."""
    from recovery.gates import parse_throughput, throughput_floor

    low, high = (world.at.props("CosmosThroughput", s) for s in ("standby", "active"))
    now = parse_throughput(
        world.get(f"{low['containerId']}/throughputSettings/default", "cosmosdb:SqlResourceSqlContainer")
    )
    if now.floor is None or now.instant_max is None:
        raise UnseenError("the service tells neither the container's floor nor its instant maximum")
    target = int(high["throughput"])
    return {
        "now": now.throughput, "kind": now.kind, "wantedKind": str(high["throughputKind"]), "target": target,
        "standby": int(low["throughput"]), "instant": now.instant_max, "floor": now.floor,
        "floorAfter": throughput_floor(now.kind, 0.0, max(target, now.throughput)),
    }  # fmt: skip


def quota(world: ReadyWorld) -> Evidence:
    """Is the size offered here without restriction, and do its cores fit into the family's and the region's quota?"""
    arm = world.at.world.arm
    declared = world.at.of_type("azure-native:compute:VirtualMachineScaleSet")
    size, count = str(declared.inputs["sku"]["name"]), int(world.at.stack_of_dials("active")["capacity"])
    running = int(world.body(declared)["sku"]["capacity"])
    location = str(declared.inputs["location"]).replace(" ", "").lower()
    compute = f"/subscriptions/{world.endpoints.subscription}/providers/Microsoft.Compute"
    skus = [
        sku
        for sku in arm.list(f"{compute}/skus?$filter=location eq '{location}'", "2021-07-01")
        if str(sku.get("name")).lower() == size.lower()
        and location in [str(x).lower() for x in sku["locations"]]
    ]
    if not skus:
        return {"size": size, "location": location, "offered": False}
    capabilities = {str(c["name"]): str(c["value"]) for c in skus[0]["capabilities"]}
    family = str(skus[0]["family"])
    usages = arm.list(f"{compute}/locations/{location}/usages", "2024-11-01")
    rows = [
        {"name": str(u["name"]["localizedValue"]), "used": int(u["currentValue"]), "limit": int(u["limit"])}
        for u in usages
        if str(u["name"]["value"]).lower() in (family.lower(), "cores")
    ]
    return {
        "size": size, "location": location, "offered": True, "family": family, "usages": rows,
        "needed": max(0, count - running) * int(capabilities["vCPUs"]),
        "restrictions": [str(r.get("reasonCode") or r.get("type")) for r in skus[0]["restrictions"]],
    }  # fmt: skip


def image(world: ReadyWorld) -> Evidence:
    """The image of the scale set's own model, asked for where it would be taken from."""
    from clouds.azure.arm import ArmError

    declared = world.at.of_type("azure-native:compute:VirtualMachineScaleSet")
    reference = world.body(declared)["properties"]["virtualMachineProfile"]["storageProfile"][
        "imageReference"
    ]
    location = str(declared.inputs["location"]).replace(" ", "").lower()
    arm = world.at.world.arm
    if reference.get("id"):
        name = str(reference["id"]).partition("/providers/")[2]
        try:
            body = arm.get(str(reference["id"]), "2024-03-03")
        except ArmError as error:
            if error.missing:
                return {"found": False, "image": name, "location": location}
            raise
        state = str(body["properties"]["provisioningState"])
        return {"found": state == "Succeeded", "image": name, "location": location, "version": state}
    publisher, offer, sku, wanted = (str(reference[k]) for k in ("publisher", "offer", "sku", "version"))
    path = (
        f"/subscriptions/{world.endpoints.subscription}/providers/Microsoft.Compute/locations/{location}"
        f"/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"
    )
    shown: Evidence = {"image": f"{publisher} {offer} {sku}", "location": location}
    try:
        listed = arm.list(path, "2024-11-01")
    except ArmError as error:
        if error.missing:
            return shown | {"found": False}
        raise
    versions = [str(one["name"]) for one in listed]
    found = bool(versions) if wanted == "latest" else wanted in versions
    newest = max(versions, key=lambda v: [int(n) for n in re.findall(r"\d+", v)], default="")
    return shown | {"found": found, "version": newest if wanted == "latest" else wanted}


def artifact(world: ReadyWorld) -> Evidence:
    """The converter's package as it is deployed."""
    from clouds import gates

    props = world.at.props("ConverterPackage")
    seen = gates.read("ConverterPackage", props, world.at.world)
    if seen.get("observed") == "unknown":
        raise UnseenError(f"the deployed package: {seen.get('detail')}")
    return {"deployed": str(seen["observed"]), "wanted": str(props["packageHash"])}


MOST_BYTES, DIGEST_BYTES = 512 << 20, 4096
"""Of the archive that is fetched, and of the file beside it."""


def boot(world: ReadyWorld) -> Evidence:
    """What an instance does first: the script that it is given (by its tag: Azure never shows the script again), and the
    archive and the digest that this script fetches, fetched from the same account."""
    declared = world.at.of_type("azure-native:compute:VirtualMachineScaleSet")
    wanted = what_boots(str(declared.inputs["virtualMachineProfile"]["osProfile"].get("customData") or ""))
    found: Evidence = {
        "script": str((world.body(declared).get("tags") or {}).get("cloud-init") or ""), "wantedScript": wanted.script,
        "account": wanted.account, "container": wanted.container, "name": wanted.name, "known": False, "most": MOST_BYTES,
        "source": "the program" if wanted.sha256 else f"{wanted.name}.sha256", "wanted": wanted.sha256, "size": 0,
        "sha256": "", "there": False, "beside": bool(wanted.sha256),
    }  # fmt: skip
    account = next(
        (
            str(one.options["name"])
            for one in world.at.desired(world.stack)
            if one.type == "azure-native:storage:StorageAccount"
            and one.id.rpartition("/")[2] == wanted.account
        ),
        "",
    )
    if not account:
        return found
    with closing(world.at.blobs(account)) as blobs:
        archive = blobs.fetch(wanted.container, wanted.name, MOST_BYTES)
        if archive is not None:
            found |= {"there": True, "size": archive.size, "sha256": archive.sha256}
        if not wanted.sha256:
            beside = blobs.fetch(wanted.container, f"{wanted.name}.sha256", DIGEST_BYTES, DIGEST_BYTES)
            found |= {"beside": beside is not None, "wanted": said(beside.head) if beside else ""}
    return found | {"known": True}


def journal(world: ReadyWorld) -> Evidence:
    """Chain and head; then a record really appended here and one really written in the container."""
    from clouds import journal_place
    from clouds.runbook.runs import unfinished
    from recovery.errors import DrError
    from recovery.journal.chain import Kind

    checked = journal_place.read(world.root, world.environ)
    open_one = unfinished(checked.records)
    found: Evidence = {
        "records": len(checked.records), "damage": [str(one) for one in checked.findings],
        "open": open_one.id if open_one else "", "local": "", "remote": "",
    }  # fmt: skip
    if checked.findings:
        return found
    shared = journal_place.SharedJournal(*journal_place.paths(world.root, world.environ))
    try:
        shared.append(Kind.NOTE, world.run, {"what": "readiness", "stack": world.stack})
    except DrError as error:
        found["local"] = error.summary
    finally:
        shared.rest()
    from clouds.readiness import kept

    kept.begin(world)
    return found


def outside(world: ReadyWorld) -> Evidence:
    """Where state, secrets, registry and the tool's image are, by what this shell and the program say."""
    import importlib

    environ: Mapping[str, str] = world.environ
    rows: list[Json] = []
    backend = environ.get("PULUMI_BACKEND_URL", "")
    rows.append({"what": "state backend", "where": backend, "reason": "PULUMI_BACKEND_URL is not set"})
    yaml = importlib.import_module("yaml")  # comes with pulumi; its types do not
    for stack in ("standby", "active"):
        file = Path(world.root) / f"Pulumi.{stack}.yaml"
        provider = str((yaml.safe_load(file.read_text()) or {}).get("secretsprovider") or "passphrase")
        rows.append({"what": f"secrets provider of {stack}", "where": provider, "reason": ""})
    for one in world.at.desired(world.stack):
        for container in _containers(one.inputs):
            rows.append({"what": f"image of {one.options.get('name')}", "where": container, "reason": ""})
    return {"places": rows}


def _containers(inputs: Mapping[str, Json]) -> list[str]:
    """The container images that a resource names (Container Apps and their jobs)."""
    template = inputs.get("template")
    held = template.get("containers") if isinstance(template, Mapping) else None
    return [str(one["image"]) for one in held or [] if isinstance(one, Mapping) and one.get("image")]
