"""ACME's DNS-01 challenge in the zone: the TXT values put there, seen at the authorities, taken away again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from clouds.azure.arm import Arm, ArmError
from clouds.dns_resolvers import ask, ask_all
from clouds.endpoints import Resolver
from recovery.arm.catalogue import CATALOGUE
from recovery.errors import Failed, Stopped
from recovery.model import Json

LABEL = "_acme-challenge"
LIMIT = 600.0
"""Simulated seconds until every authority answers; Azure DNS takes about a minute."""
_VERSION = CATALOGUE["azure-native:dns:RecordSet"].api_version


class Challenge:
    """The record set of one zone. zone: its ARM id."""

    def __init__(
        self,
        arm: Arm,
        zone: str,
        say: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._arm, self._zone, self._say, self._sleep = arm, zone, say, sleep
        self._id = f"{zone}/TXT/{LABEL}"
        self.name = f"{LABEL}.{zone.rpartition('/')[2]}"

    @contextmanager
    def answered(self, values: Sequence[str]) -> Iterator[None]:
        """The values stand in the zone and every authority gives them; what stood there before is put back after.

        Raises Failed when the zone refuses, Stopped when the authorities do not follow in time.
        """
        before = self._look()
        body: dict[str, Json] = {"properties": {"TTL": 60, "TXTRecords": [{"value": [v]} for v in values]}}
        try:
            self._arm.put(self._id, body, _VERSION)
            self._say(f"{self.name}: {len(values)} values are in the zone")
            self._wait(values)
            yield
        except ArmError as error:
            raise Failed(
                f"the challenge could not be put into the zone: {error}", "without it nobody proves that the domain is ours",
                "dr doctor    (Microsoft.Network/dnsZones/TXT/write), then: dr cert renew", retry=True,
            ) from error  # fmt: skip
        finally:
            self._restore(before)

    def _look(self) -> dict[str, Json] | None:
        try:
            return self._arm.get(self._id, _VERSION)
        except ArmError as error:
            if error.missing or error.status == 404:
                return None
            raise Failed(
                f"the zone's challenge record cannot be read: {error}", "what stands there must be put back afterwards",
                "dr doctor", retry=True,
            ) from error  # fmt: skip

    def _restore(self, before: dict[str, Json] | None) -> None:
        try:
            if before is None:
                self._arm.delete(self._id, _VERSION)
            else:
                properties = before.get("properties") or {}
                kept = {"TTL": properties.get("TTL", 60), "TXTRecords": properties.get("TXTRecords") or []}
                self._arm.put(self._id, {"properties": kept}, _VERSION)
        except (
            ArmError
        ) as error:  # a left-over challenge harms nobody, and must not hide how the renewal ended
            self._say(f"{self.name} could not be cleaned up: {error} (the next renewal overwrites it)")

    def _wait(self, values: Sequence[str]) -> None:
        servers = self._authorities()
        scale = self._arm.endpoints.scale
        deadline, wanted = time.monotonic() + LIMIT / scale, set(values)
        while True:
            answers = [ask(self.name, "TXT", server) for server in servers]
            late = [a for a in answers if not a.known or not wanted <= {v.strip('"') for v in a.values}]
            if not late:
                self._say(f"{self.name}: {len(servers)} authorities answer")
                return
            if time.monotonic() > deadline:
                raise Stopped(
                    f"after {LIMIT:.0f} s {len(late)} of {len(servers)} authorities do not give the challenge: {late[0]}",
                    "the CA asks them, and a failed try counts against a limit of the CA's",
                    "dr status    (is the zone delegated to Azure?), then: dr cert renew", retry=True,
                )  # fmt: skip
            self._sleep(max(0.05, 5 / scale))

    def _authorities(self) -> list[Resolver]:
        endpoints = self._arm.endpoints
        if endpoints.authority is not None:
            return [endpoints.authority]
        names = (self._arm.get(self._zone, _VERSION).get("properties") or {}).get("nameServers") or []
        found = {
            address: str(answer.name)
            for answer in ask_all([str(n).rstrip(".") for n in names], "A", endpoints.resolvers[:1])
            for address in answer.values
        }
        if not found:
            raise Stopped(
                f"no name server of the zone could be found ({', '.join(map(str, names)) or 'none named'})",
                "the challenge must be seen there before the CA asks", "dr status", retry=True,
            )  # fmt: skip
        return [Resolver(name, address) for address, name in found.items()]
