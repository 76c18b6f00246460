"""What the program declares that is no ARM resource of its own: the dynamic resources of
`components/gates.py`.

Gates observe and want nothing of the world, so they cannot drift. Five others can: the Cosmos throughput,
which ARM keeps in a child that azure-native 3.29 has no resource for; the converter's deployed package and
its listed function; the gateway's certificate, which lives in the vault's data plane; and, in AWS, what the
primary's bucket and table send.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from recovery.drift.compare import Difference, Kind
from recovery.model import Desired, Json

THROUGHPUT = "CosmosThroughput"
PACKAGE = "ConverterPackage"
CERTIFICATE = "VaultCertificate"
THROUGHPUT_TYPE = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/throughputSettings"
UNOBSERVED = "unknown"
OBSERVED = {"BucketEvents": "present", "TableStream": "ready"}
"""Stack source: of the primary's own bucket and table, what is observed when all is well (clouds/gates)."""


def kind(type: str) -> str | None:
    """``HealthGate`` for ``pulumi-python:gates:HealthGate``, None for anything that is not dynamic."""
    return type.rpartition(":")[2] if type.startswith("pulumi-python:") else None


def as_arm(desired: Desired) -> Desired | None:
    """The resource in the form in which it is compared, or None when it cannot drift (a gate).

    A throughput becomes the container's ``throughputSettings/default``; a package keeps its id and is
    compared by what `clouds.gates.read` observes. Everything else is returned as it is.
    """
    name = kind(desired.type)
    if name is None:
        return desired
    if name == THROUGHPUT:
        inputs = desired.inputs
        value = inputs.get("throughput")
        resource = (
            {"autoscaleSettings": {"maxThroughput": value}}
            if inputs.get("throughputKind") == "autoscale"
            else {"throughput": value}
        )
        id = f"{inputs.get('containerId', '')}/throughputSettings/default"
        return replace(
            desired, id=id, arm_type=THROUGHPUT_TYPE, inputs={"properties": {"resource": resource}}
        )
    if name == PACKAGE:
        inputs = {"observed": desired.inputs.get("packageHash")}
        function = desired.inputs.get("functionName")
        return replace(desired, inputs={**inputs, "function": function} if function else inputs)
    if name in OBSERVED:
        return replace(desired, inputs={"observed": OBSERVED[name]})
    if name == CERTIFICATE:
        return replace(desired, inputs={"certificate": "present"})
    return None


def throughput_kind(want: Desired, live: Mapping[str, Json]) -> list[Difference]:
    """A container asked for by hand-set RU/s that turned autoscale, which answers a `throughput` all the
    same.

    Source: Azure/arm-template-whatif#174 and #188. The two kinds cannot be switched through a PUT.
    """
    if not want.arm_type.lower().endswith("/throughputsettings"):
        return []
    wanted, resource = _resource(want.inputs), _resource(live)
    if wanted.get("throughput") and resource.get("autoscaleSettings"):
        return [Difference("properties.resource.throughputKind", "manual", "autoscale", Kind.CHANGED)]
    return []


def _resource(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The ``resource`` of a throughput's body, nested as ARM has it or flat."""
    inner = body.get("properties")
    resource = (inner if isinstance(inner, Mapping) else body).get("resource")
    return resource if isinstance(resource, Mapping) else {}
