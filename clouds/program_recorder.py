"""The recording monitor: runs the project's program and keeps what it registers. Imports Pulumi; run it in a
child.

What only the cloud knows is answered with placeholders (`recovery.arm.placeholders`), so that `.apply` and
string joins in the program work and their results still say what they wait for. Facts about the mocks: pulumi
3.272.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_pulumi_func

from recovery.arm.catalogue import CATALOGUE, ArmType
from recovery.arm.placeholders import placeholder, stack_id
from recovery.aws.kinds import AWS
from recovery.errors import Failed
from recovery.model import REDACTED, Desired, Json
from recovery.trustlayer import kinds

_SIGNATURE = rpc._special_sig_key
_SECRET = rpc._special_secret_sig
GUARD_SECONDS = 20.0
"""How long the guard's own StackReference is held back until the program has exported its fingerprint."""

_PRINCIPAL = {"identity.principalId": "identity.principalId", "identity.tenantId": "identity.tenantId"}
_ENDPOINTS = {
    f"primaryEndpoints.{s}": f"properties.primaryEndpoints.{s}"
    for s in ("blob", "queue", "table", "file", "web", "dfs")
}

KNOWN_BY_THE_CLOUD: dict[str, dict[str, str]] = {
    # Pulumi type -> output path -> path in the ARM body
    "azure-native:network:PublicIPAddress": {
        "ipAddress": "properties.ipAddress", "dnsSettings.fqdn": "properties.dnsSettings.fqdn",
    },
    "azure-native:storage:StorageAccount": {**_ENDPOINTS, **_PRINCIPAL},
    "azure-native:cosmosdb:DatabaseAccount": {"documentEndpoint": "properties.documentEndpoint", **_PRINCIPAL},
    "azure-native:managedidentity:UserAssignedIdentity": {
        "principalId": "properties.principalId", "clientId": "properties.clientId", "tenantId": "properties.tenantId",
    },
    "azure-native:web:WebApp": {
        "defaultHostName": "properties.defaultHostName", "possibleOutboundIpAddresses": "properties.possibleOutboundIpAddresses",
        **_PRINCIPAL,
    },
    "azure-native:compute:VirtualMachineScaleSet": {"uniqueId": "properties.uniqueId", **_PRINCIPAL},
    "azure-native:network:ApplicationGateway": dict(_PRINCIPAL),
    "azure-native:eventgrid:SystemTopic": {"metricResourceId": "properties.metricResourceId", **_PRINCIPAL},
    "azure-native:applicationinsights:Component": {"connectionString": "properties.ConnectionString"},
    "azure-native:keyvault:Vault": {"properties.vaultUri": "properties.vaultUri"},
}  # fmt: skip
"""Outputs that a program may read. An output that is not here is unknown while recording, and an input made
of it is refused: add it here rather than compare half a resource."""


HANDED_OVER = ("syncPrincipal",)
"""Outputs of another stack that a program may read: only that stack's cloud knows them."""


class _NoCloud(mocks.Mocks):
    """Reached by reads and invokes only; registrations are answered by the recorder."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise LookupError(f"the program asks the cloud while it is only recorded: {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            other = str(args.inputs.get("name", "")).rpartition("/")[2]
            theirs = {name: placeholder(stack_id(other), name) for name in HANDED_OVER}
            told = {"footprint": _exported("footprint")} if other == pulumi.get_stack() else theirs
            return str(args.resource_id), {"name": args.name, "outputs": told, "secretOutputNames": []}
        raise LookupError(f"the program reads from the cloud while it is only recorded: {args.typ}")


def _exported(name: str) -> Json:
    """What the program itself exports as `name`: the guard compares the stack's last footprint with its own.

    Runs on a worker thread of the RPC; the export happens on the main one as soon as the program has run
    through.
    """
    until = time.monotonic() + GUARD_SECONDS
    while time.monotonic() < until:
        root = settings.get_root_resource()
        value = getattr(root, "outputs", {}).get(name)
        if isinstance(value, str):
            return value
        time.sleep(0.005)
    return rpc.UNKNOWN


class Recorder(mocks.MockMonitor):
    """Keeps every custom resource in the order of registration."""

    def __init__(self, root: Path, subscription: str) -> None:
        super().__init__(_NoCloud())
        self.root = root.resolve()
        self.subscription = subscription
        self.found: dict[str, Desired] = {}
        self.ids: dict[str, str] = {}
        self.problems: list[str] = []
        self.regions: dict[str, str] = {}  # of AWS's providers, by URN

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the name of the gRPC method)
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:providers:aws":
            self.regions[urn] = request.object["region"] if "region" in request.object.fields else ""
        if not request.custom or request.type.startswith("pulumi:"):
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if urn in self.found:
            self.problems.append(f"two resources share the URN {urn}")
        inputs = _plain(json_format.MessageToDict(request.object))
        inputs.pop("__provider", None)
        id = self._id(request, inputs)
        for path in _unknown_paths(inputs):
            self.problems.append(
                f"{request.name}: `{path}` is made of an output that the recorder does not know"
            )
        row = CATALOGUE.get(request.type)
        self.found[urn] = Desired(
            request.type,
            _arm_type(row, inputs) or kinds.type_of(request.type),
            id,
            inputs,
            self._options(request),
            self._source(request),
        )
        self.ids[urn] = id
        answer = struct_pb2.Struct()
        answer.CopyFrom(request.object)
        _answer(answer, request.type, id, row)
        made = AWS[request.type].made if request.type in AWS else ()
        for output in made:
            answer[output] = placeholder(id, output)
        own = placeholder(id, "id") if "id" in made else id
        return resource_pb2.RegisterResourceResponse(urn=urn, id=own, object=answer)

    def _id(self, request: Any, inputs: Mapping[str, Json]) -> str:
        if kinds.type_of(request.type):
            return kinds.id_of(
                request.type, inputs, self.regions.get(request.provider.rpartition("::")[0], "")
            )
        if request.type.startswith(("aws:", "kubernetes:")):
            self.problems.append(
                f"{request.name}: {request.type} is in no table of kinds (recovery/aws, recovery/trustlayer)"
            )
            return f"unknown:{request.name}"
        if not request.type.startswith("azure-native:"):
            return f"gate:{request.name}"
        row = CATALOGUE.get(request.type)
        if row is None:
            self.problems.append(f"{request.name}: {request.type} has no row in recovery/arm/catalogue.py")
            return f"unknown:{request.name}"
        try:
            return row.id(self.subscription, inputs)
        except KeyError as missing:
            self.problems.append(f"{request.name}: it has no explicit {missing}, so its id cannot be known")
            return f"unknown:{request.name}"

    def _options(self, request: Any) -> dict[str, Json]:
        depends = {self.ids[urn] for urn in request.dependencies if urn in self.ids}
        return {
            "name": request.name,
            "protect": bool(request.protect),
            "retainOnDelete": bool(request.retainOnDelete),
            "ignoreChanges": list(request.ignoreChanges),
            "dependsOn": [id for id in self.ids.values() if id in depends],
        }

    def _source(self, request: Any) -> str:
        position = request.sourcePosition
        if not position.uri:
            return ""
        text = position.uri.partition("://")[2].lstrip("/")
        path = Path("/") / text
        if position.uri.startswith("project://"):
            return f"{text}:{position.line}"
        try:
            return f"{path.relative_to(self.root)}:{position.line}"
        except ValueError:
            return f"{path.name}:{position.line}"


def _arm_type(row: ArmType | None, inputs: Mapping[str, Json]) -> str:
    if row is None:
        return ""
    return row.arm_type.format_map(inputs) if "{" in row.arm_type else row.arm_type


def _plain(value: Json) -> Json:
    """JSON as a person would write it: integral floats are ints, a secret is its marker."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return REDACTED
        return {key: _plain(value[key]) for key in sorted(value)}  # protobuf maps have no order
    if isinstance(value, list):
        return [_plain(child) for child in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _unknown_paths(value: Json, path: str = "") -> list[str]:
    if value == rpc.UNKNOWN:
        return [path]
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in _unknown_paths(v, f"{path}.{k}" if path else str(k))]
    if isinstance(value, list):
        return [p for i, v in enumerate(value) for p in _unknown_paths(v, f"{path}[{i}]")]
    return []


def _answer(answer: struct_pb2.Struct, type: str, id: str, row: ArmType | None) -> None:
    """The inputs, plus a placeholder for each output that only the cloud knows."""
    if row is not None:
        answer["name"] = id.rpartition("/")[2]
        answer["type"] = row.arm_type
    _identities_as_a_map(answer)
    for output, path in KNOWN_BY_THE_CLOUD.get(type, {}).items():
        *parents, last = output.split(".")
        target = answer
        for parent in parents:
            if parent not in target.fields or not target.fields[parent].HasField("struct_value"):
                target.fields[parent].struct_value.SetInParent()
            target = target.fields[parent].struct_value
        target[last] = placeholder(id, path)


def _identities_as_a_map(answer: struct_pb2.Struct) -> None:
    """`identity.userAssignedIdentities` goes in as a list of ids and comes out as a map keyed by them."""
    if "identity" not in answer.fields:
        return
    identity = answer.fields["identity"].struct_value
    given = identity.fields.get("userAssignedIdentities")
    if given is not None and given.HasField("list_value"):
        ids = [value.string_value for value in given.list_value.values]
        identity.fields["userAssignedIdentities"].Clear()
        identity["userAssignedIdentities"] = {id: {} for id in ids}


def _without_aliases(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    """azure-native registers 5-65 aliases a resource, which cost 1,000 resources 28 of 34 s and mean nothing here."""
    args.opts.aliases = []
    return pulumi.ResourceTransformationResult(args.props, args.opts)


def record(
    root: Path, stack: str, project: str, config: Mapping[str, str], secrets: list[str], subscription: str
) -> list[Desired]:
    """Run `root`/__main__.py under the recorder. Raises Failed naming every problem, or what the program raises."""
    recorder = Recorder(root, subscription)

    def program() -> None:
        pulumi.runtime.register_stack_transformation(_without_aliases)
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")

    async def run() -> None:
        settings.set_root_resource(None)  # type: ignore[arg-type]  # forgets the root of an earlier run
        pulumi.runtime.set_all_config(dict(config), secrets)
        mocks.set_mocks(
            _NoCloud(),
            project=project,
            stack=stack,
            preview=True,
            monitor=recorder,
            organization="organization",
        )
        await run_pulumi_func(program)

    before, here = list(sys.path), Path.cwd()
    sys.path.insert(0, str(root))
    os.chdir(root)
    try:
        asyncio.run(run())  # mocks and program share one event loop, or nothing resolves
    finally:
        sys.path[:] = before
        os.chdir(here)
    if recorder.problems:
        raise Failed(
            f"the program cannot be recorded: {'; '.join(recorder.problems)}",
            "a resource that is recorded by halves would be compared and applied by halves",
            "name every resource explicitly; outputs are listed in clouds/program_recorder.py, types in recovery/arm/catalogue.py",
        )
    return list(recorder.found.values())
