"""The footprint that a run works on: what is declared, where it lives, and clients for it, opened when first asked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from clouds import gates
from clouds.azure.blobs import Blobs
from clouds.azure.documents import Documents
from clouds.gates.world import World
from clouds.program import desired
from recovery.arm.catalogue import CATALOGUE
from recovery.drift import dynamic
from recovery.errors import Failed
from recovery.model import Desired, Json
from recovery.runbook.path import ASSUMED_TTL
from recovery.traffic import Gateway

JOURNAL = "journal"


PATIENT = (30.0,)
"""One look of up to 30 times `gates.READ_SECONDS`."""


class Footprint:
    """One site's footprint. Raises recovery.errors wherever it cannot be told or seen."""

    def __init__(self, root: Path, environ: Mapping[str, str] = os.environ) -> None:
        self.root, self.environ = root, environ
        self.world = World.connect(environ=environ, root=root)
        self.endpoints = self.world.endpoints

    def desired(self, stack: str = "standby") -> Sequence[Desired]:
        """What the program declares for a stack (cached by content)."""
        return desired(self.root, stack, self.environ)

    @cached_property
    def _by_name(self) -> dict[str, Desired]:
        return {str(one.options.get("name")): one for one in self.desired()}

    def named(self, name: str) -> Desired:
        """A declared resource by its name in the program."""
        if name not in self._by_name:
            raise Failed(
                f"the program declares no {name}",
                "the run speaks to it",
                "dr desired -s standby",
            )
        return self._by_name[name]

    def of_type(self, token: str) -> Desired:
        """The one resource of a type."""
        for one in self.desired():
            if one.type == token:
                return one
        raise Failed(f"the program declares no {token}", "the run speaks to it", "dr desired -s standby")

    def body(self, one: Desired) -> dict[str, Json]:
        """Its live ARM body, now. Raises ArmError."""
        return self.world.arm.get(one.id, CATALOGUE[one.type].api_version)

    def props(self, kind: str, stack: str = "standby") -> Mapping[str, Json]:
        """A gate's declared properties in a stack."""
        for one in self.desired(stack):
            if dynamic.kind(one.type) == kind:
                return one.inputs
        raise Failed(f"the program declares no {kind}", "the run looks through it", f"dr desired -s {stack}")

    def look(self, kind: str, stack: str) -> dict[str, Json]:
        """What a gate sees now; never raises. A run can wait for what a preview cannot: the gateway's own answer
        about its backends takes up to a minute."""
        return gates.read(
            kind, self.props(kind, stack), stretches=PATIENT if kind == "HealthGate" else gates.STRETCHES
        )

    def gateway(self) -> Gateway | None:
        """Address and name of the gateway, None when they cannot be read."""
        from clouds.gates.edge import read_gateway

        found, _ = read_gateway(self.world.arm, str(self.props("ReturnGate").get("gatewayPublicIpId", "")))
        return found

    def names(self) -> list[str]:
        """The public names: the zone's apex first."""
        return [str(name) for name in self.props("DrainGate").get("names") or []]

    def ttl(self) -> int:
        """Seconds: the highest TTL that the program gives a traffic record."""
        records = (one for one in self.desired("active") if str(one.options.get("name")).endswith("-record"))
        return max((int(one.inputs["ttl"]) for one in records if "ttl" in one.inputs), default=ASSUMED_TTL)

    def primary(self) -> list[str]:
        """The primary's static addresses."""
        return [str(address) for address in self.props("ReturnGate").get("primaryAddresses") or []]

    def blobs(self, account: str) -> Blobs:
        """A storage account's blobs, by its name in the program (``storage-uploads``)."""
        return Blobs(self.body(self.named(account)), self.endpoints)

    def documents(self) -> Documents:
        """The converter's documents."""
        account = self.of_type("azure-native:cosmosdb:DatabaseAccount")
        _, _, database, _, container = str(self.props("CosmosThroughput")["containerId"]).rsplit("/", 4)
        return Documents(self.body(account), self.endpoints, database, container)

    def stack_of_dials(self, stack: str) -> dict[str, Json]:
        """Capacity and throughput as a stack declares them."""
        capacity = next(
            one.inputs["sku"]["capacity"]
            for one in self.desired(stack)
            if one.type == "azure-native:compute:VirtualMachineScaleSet"
        )
        return {
            "capacity": int(capacity),
            "throughput": int(self.props("CosmosThroughput", stack)["throughput"]),
        }
