"""An Application Gateway's body read as a routing table. Pure: body in, answer out."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any


@dataclass(frozen=True)
class Target:
    """Where a request goes: a pool's id, the HTTP settings, the probe (bodies), or a redirect."""

    listener: str
    pool: Mapping[str, Json]
    settings: Mapping[str, Json]
    probe: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Redirect:
    """A redirection that the gateway answers itself."""

    status: int
    url: str


_REDIRECT = {"permanent": 301, "found": 302, "seeother": 303, "temporary": 307}


class Table:
    """The routes of one gateway."""

    def __init__(self, body: Mapping[str, Json]) -> None:
        self.id = str(body["id"])
        self._props = body["properties"]
        self._items: dict[str, Mapping[str, Json]] = {
            str(i["id"]).lower(): i
            for c in self._props.values()
            if isinstance(c, list)
            for i in c
            if "id" in i
        }

    def _item(self, reference: Json) -> Mapping[str, Json]:
        return self._items.get(str((reference or {}).get("id", "")).lower(), {})

    def addresses(self) -> set[str]:
        """Ids (lower case) of the public addresses that the gateway listens on."""
        return {
            str((f["properties"].get("publicIPAddress") or {}).get("id", "")).lower()
            for f in self._props["frontendIPConfigurations"]
        }

    def certificates(self) -> list[str]:
        """Key Vault secret ids of the certificates that the HTTPS listeners name, in the listeners' order."""
        named = [
            self._item(i["properties"].get("sslCertificate")).get("properties", {}).get("keyVaultSecretId")
            for i in self._props["httpListeners"]
            if self._https(i["properties"])
        ]
        return [str(one) for one in named if one]

    @property
    def secure(self) -> bool:
        """Whether it has an HTTPS listener."""
        return any(self._https(item["properties"]) for item in self._props["httpListeners"])

    @staticmethod
    def _https(props: Mapping[str, Json]) -> bool:
        return str(props.get("protocol", "Http")).lower() == "https"

    def route(self, host: str, path: str, *, secure: bool | None = None) -> Target | Redirect | None:
        """The target of a request for `host` (without port): host names first, then the listener without one.

        secure: whether the request came over TLS; None: as if by the best door that the gateway has. None as the
        answer: no listener takes it (the gateway answers 404).
        """
        wanted = self.secure if secure is None else secure
        listeners = [i for i in self._props["httpListeners"] if self._https(i["properties"]) is wanted]
        found = [(self._rank(item["properties"], host), item) for item in listeners]
        takers = sorted((pair for pair in found if pair[0] is not None), key=lambda pair: pair[0] or 0)
        for _, listener in takers:
            rules = [
                r["properties"]
                for r in self._props["requestRoutingRules"]
                if self._item(r["properties"].get("httpListener")).get("id") == listener["id"]
            ]
            for rule in sorted(rules, key=lambda r: r.get("priority") or 20_000):
                target = self._target(str(listener["name"]), rule, host, path)
                if target is not None:
                    return target
        return None

    @staticmethod
    def _rank(props: Mapping[str, Json], host: str) -> int | None:
        names = [n for n in (props.get("hostName"), *(props.get("hostNames") or [])) if n]
        if not names:
            return 2
        if any(n.lower() == host.lower() for n in names):
            return 0
        return 1 if any(fnmatch.fnmatch(host.lower(), n.lower()) for n in names) else None

    def _target(
        self, listener: str, rule: Mapping[str, Json], host: str, path: str
    ) -> Target | Redirect | None:
        if rule.get("redirectConfiguration"):
            redirect = self._item(rule["redirectConfiguration"]).get("properties") or {}
            base = str(redirect.get("targetUrl") or f"https://{host}")
            where, _, query = path.partition("?")
            tail = where if redirect.get("includePath") else ""
            if query and redirect.get("includeQueryString"):
                tail += f"?{query}"
            return Redirect(_REDIRECT.get(str(redirect.get("redirectType", "")).lower(), 302), base + tail)
        pool, settings = rule.get("backendAddressPool"), rule.get("backendHttpSettings")
        if rule.get("urlPathMap"):
            paths = self._item(rule["urlPathMap"]).get("properties") or {}
            pool, settings = paths.get("defaultBackendAddressPool"), paths.get("defaultBackendHttpSettings")
            for entry in paths.get("pathRules") or []:
                props = entry.get("properties") or {}
                if any(fnmatch.fnmatch(path.split("?")[0], p) for p in props.get("paths") or []):
                    pool, settings = props.get("backendAddressPool"), props.get("backendHttpSettings")
                    break
        return self._make(listener, self._item(pool), self._item(settings))

    def _make(self, listener: str, pool: Mapping[str, Json], settings: Mapping[str, Json]) -> Target | None:
        if not pool or not settings:
            return None
        return Target(listener, pool, settings, self._item(settings["properties"].get("probe")))

    def targets(self) -> list[Target]:
        """Every (pool, settings) pair that a rule uses: what is probed and shown in backend health."""
        found: dict[tuple[str, str], Target] = {}
        for rule in self._props["requestRoutingRules"]:
            props = rule["properties"]
            pairs = [(props.get("backendAddressPool"), props.get("backendHttpSettings"))]
            paths = self._item(props.get("urlPathMap")).get("properties") or {}
            pairs.append((paths.get("defaultBackendAddressPool"), paths.get("defaultBackendHttpSettings")))
            for entry in paths.get("pathRules") or []:
                inner = entry.get("properties") or {}
                pairs.append((inner.get("backendAddressPool"), inner.get("backendHttpSettings")))
            for pool, settings in pairs:
                made = self._make("", self._item(pool), self._item(settings))
                if made is not None:
                    found.setdefault((str(made.pool["id"]), str(made.settings["id"])), made)
        return list(found.values())


def backend_host(target: Target, address: str) -> str | None:
    """The Host header that the settings want: their own, the backend's, or None for the client's."""
    props = target.settings["properties"]
    if props.get("pickHostNameFromBackendAddress"):
        return address
    return props.get("hostName") or None


def probe_host(target: Target, address: str) -> str:
    """The Host header of the health probe."""
    props = target.probe.get("properties") or {}
    if props.get("pickHostNameFromBackendHttpSettings") or not props.get("host"):
        return backend_host(target, address) or "127.0.0.1"
    return str(props["host"])


def accepts(target: Target, status: int) -> bool:
    """Whether the probe takes this status as healthy (default 200-399)."""
    codes = ((target.probe.get("properties") or {}).get("match") or {}).get("statusCodes") or ["200-399"]
    for code in codes:
        low, _, high = str(code).partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False
