"""What ARM can be asked about the effects: instances of a scale set, a gateway's metrics, quota and SKUs."""

from __future__ import annotations

import datetime
import re
from typing import Any

from aiohttp import web

from localcloud.arm.door import Call, Door, Handler
from localcloud.arm.errors import ArmError, bad_request
from localcloud.durations import Clock
from localcloud.effects.gateways import Gateways
from localcloud.effects.scale_sets import Instance, ScaleSets

_STATES = {
    "creating": ("Creating", "PowerState/starting", "VM starting"),
    "running": ("Succeeded", "PowerState/running", "VM running"),
    "stopping": ("Deleting", "PowerState/stopping", "VM stopping"),
    "failed": ("Failed", "PowerState/stopped", "VM stopped"),
}


def _view(instance: Instance) -> dict[str, Any]:
    provisioning, power, text = _STATES[instance.state]
    return {
        "statuses": [
            {
                "code": f"ProvisioningState/{provisioning.lower()}",
                "level": "Info",
                "displayStatus": provisioning,
            },
            {"code": power, "level": "Info", "displayStatus": text},
        ]
    }


def _machine(scale_set: dict[str, Any], instance: Instance, *, view: bool) -> dict[str, Any]:
    # Compute writes the group's name in capitals in the ids of instances.
    where = re.sub(r"(?<=/resourceGroups/)[^/]+", lambda m: m[0].upper(), scale_set["id"])
    body: dict[str, Any] = {
        "name": f"{scale_set['name']}_{instance.number}",
        "id": f"{where}/virtualMachines/{instance.number}",
        "type": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
        "location": scale_set["location"],
        "instanceId": str(instance.number),
        "sku": {k: scale_set["sku"].get(k) for k in ("name", "tier")},
        "properties": {
            "latestModelApplied": True,
            "vmId": instance.vm_id,
            "provisioningState": _STATES[instance.state][0],
        },
    }
    if view:
        body["properties"]["instanceView"] = _view(instance)
    return body


def handlers(scale_sets: ScaleSets, gateways: Gateways, clock: Clock) -> dict[tuple[str, str], Handler]:
    """The addresses, to be added to the ARM door's special ones."""

    async def machines(door: Door, call: Call) -> web.Response:
        parent = call.path.parent
        if parent is None:
            raise bad_request("An instance needs a scale set.")
        owner = door.service.entry(parent)
        view = "instanceview" in call.query.get("$expand", "").lower()
        found = scale_sets.instances(owner.path.text)
        if call.path.is_collection:
            return door.page(call, [_machine(owner.body, i, view=view) for i in found])
        for instance in found:
            if str(instance.number) == call.path.name:
                return web.json_response(_machine(owner.body, instance, view=view))
        raise ArmError(404, "NotFound", f"The VM instance '{call.path.name}' was not found.")

    async def machine_view(door: Door, call: Call) -> web.Response:
        parent = call.path.parent
        for instance in scale_sets.instances(parent.parent.text if parent and parent.parent else ""):
            if parent and str(instance.number) == parent.name:
                return web.json_response(_view(instance))
        raise ArmError(404, "NotFound", "The VM instance was not found.")

    async def set_view(door: Door, call: Call) -> web.Response:
        parent = call.path.parent
        owner = door.service.entry(parent) if parent else None
        counts: dict[str, int] = {}
        for instance in scale_sets.instances(owner.path.text if owner else ""):
            code = f"ProvisioningState/{_STATES[instance.state][0].lower()}"
            counts[code] = counts.get(code, 0) + 1
        state = owner.body["properties"]["provisioningState"] if owner else "Succeeded"
        return web.json_response(
            {
                "virtualMachine": {"statusesSummary": [{"code": c, "count": n} for c, n in counts.items()]},
                "statuses": [
                    {"code": f"ProvisioningState/{state.lower()}", "level": "Info", "displayStatus": state}
                ],
            }
        )

    async def metrics(door: Door, call: Call) -> web.Response:
        from localcloud.arm.ids import parse

        owner = door.service.entry(parse(call.path.scope))
        if owner.type != "microsoft.network/applicationgateways":
            raise bad_request(f"Metrics of {owner.body['type']} are not modelled.")
        start, end = _timespan(call.query.get("timespan", ""), clock)
        width = clock.real(_interval(call.query.get("interval", "PT1M")))
        names = [n.strip() for n in call.query.get("metricnames", "TotalRequests").split(",")]
        values = [_metric(owner.body["id"], n, start, end, width) for n in names]
        return web.json_response(
            {
                "cost": 0,
                "timespan": f"{_iso(start)}/{_iso(end)}",
                "interval": call.query.get("interval", "PT1M"),
                "namespace": "Microsoft.Network/applicationGateways",
                "resourceregion": owner.body["location"],
                "value": values,
            }
        )

    def _metric(resource: str, name: str, start: float, end: float, width: float) -> dict[str, Any]:
        known = {
            "totalrequests": ("TotalRequests", "Total Requests"),
            "failedrequests": ("FailedRequests", "Failed Requests"),
        }
        if name.lower() not in known:
            raise bad_request(f"Failed to find metric configuration for metric: {name}.")
        value, label = known[name.lower()]
        buckets: dict[int, int] = {}
        for moment in gateways.count(resource, start, end, failed=name.lower() == "failedrequests"):
            at = int((moment - start) / width)
            buckets[at] = buckets.get(at, 0) + 1
        # A gateway without traffic sends no points at all.
        data = [
            {"timeStamp": _iso(start + at * width), "total": float(n)} for at, n in sorted(buckets.items())
        ]
        return {
            "id": f"{resource}/providers/Microsoft.Insights/metrics/{value}",
            "type": "Microsoft.Insights/metrics",
            "name": {"value": value, "localizedValue": label},
            "displayDescription": label,
            "unit": "Count",
            "timeseries": [{"metadatavalues": [], "data": data}] if data else [],
            "errorCode": "Success",
        }

    machine = "microsoft.compute/virtualmachinescalesets/virtualmachines"
    return {
        ("GET", machine): machines,
        ("GET", f"{machine}/instanceview"): machine_view,
        ("GET", "microsoft.compute/virtualmachinescalesets/instanceview"): set_view,
        ("GET", "microsoft.insights/metrics"): metrics,
    }


def _iso(moment: float) -> str:
    text = datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _timespan(text: str, clock: Clock) -> tuple[float, float]:
    if not text:
        end = datetime.datetime.now(datetime.UTC).timestamp()
        return end - clock.real(3600), end
    try:
        start, end_at = (
            datetime.datetime.fromisoformat(t.strip().replace(" ", "+")) for t in text.split("/")
        )
        return start.timestamp(), end_at.timestamp()
    except ValueError:
        raise bad_request(f"The timespan '{text}' is not valid: start/end in ISO 8601.") from None


def _interval(text: str) -> float:
    found = re.fullmatch(r"PT(\d+)([MH])", text.upper())
    if not found:
        raise bad_request(f"The interval '{text}' is not one of PT1M ... PT24H.")
    return float(found[1]) * (60 if found[2] == "M" else 3600)
