"""A small ARM client for tests: raw answers, and bodies of the footprint's types as Azure's own clients send them."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import httpx

import localcloud
from clouds.endpoints import LOCAL_SUBSCRIPTION, Endpoints, load

Body = dict[str, Any]
_numbers = itertools.count(1)
VERSIONS = {
    "microsoft.network": "2024-05-01",
    "microsoft.compute": "2024-11-01",
    "microsoft.documentdb": "2025-10-15",
    "microsoft.storage": "2024-01-01",
    "microsoft.web": "2025-05-01",
    "microsoft.eventgrid": "2025-02-15",
    "microsoft.managedidentity": "2023-01-31",
    "microsoft.authorization": "2022-04-01",
    "microsoft.operationalinsights": "2023-09-01",
}


def until(look: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something to become true; fails with what was looked for when it does not."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Azure:
    """Requests to one local cloud, in one resource group."""

    def __init__(self, cloud: localcloud.LocalCloud) -> None:
        self.cloud = cloud
        self.endpoints: Endpoints = load({"DR_ENDPOINTS": str(cloud.endpoints_file)})
        self.http = httpx.Client(
            base_url=cloud.url,
            headers={"Authorization": f"Bearer {cloud.token}"},
            timeout=20,
            trust_env=False,
        )
        self.number = next(_numbers)
        self.group_name = f"rg-Test-{self.number}"
        self.group = f"/subscriptions/{LOCAL_SUBSCRIPTION}/resourceGroups/{self.group_name}"

    def close(self) -> None:
        self.http.close()

    def id(self, rest: str) -> str:
        """``Microsoft.X/type/name`` in the group."""
        return f"{self.group}/providers/{rest}"

    def send(
        self, method: str, path: str, body: Any = None, *, version: str | None = "", **more: Any
    ) -> httpx.Response:
        """One request. path: an id, or what follows ``providers/`` in the group."""
        full = path if path.startswith("/") else self.id(path)
        if version == "":
            space = (
                full.lower().rpartition("/providers/")[2].partition("/")[0]
                if "/providers/" in full.lower()
                else ""
            )
            version = VERSIONS.get(space, "2024-03-01")
        query = {**({"api-version": version} if version else {}), **more.pop("query", {})}
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json", **more.pop("headers", {})}
        return self.http.request(method, full, params=query, content=content, headers=headers, **more)

    def wait(self, answer: httpx.Response) -> Body:
        """Poll an accepted change to its end; returns the operation's last body ({} when it was done at once)."""
        url = answer.headers.get("Azure-AsyncOperation")
        if url is None and answer.status_code == 202:
            result = answer
            while result.status_code == 202:
                time.sleep(0.02)
                result = self.http.get(result.headers.get("Location", answer.headers["Location"]))
            return {"status": "Succeeded", "result": result.json() if result.content else None}
        if url is None:
            return {}
        deadline = time.monotonic() + 30
        while True:
            body: Body = self.http.get(url).json()
            if body["status"] != "InProgress":
                return body
            assert time.monotonic() < deadline, f"{url} is still {body}"
            time.sleep(0.02)

    def put(self, path: str, body: Body) -> Body:
        """Create or replace, wait, and return what GET shows then."""
        answer = self.send("PUT", path, body)
        assert answer.status_code < 300, answer.text
        ended = self.wait(answer)
        assert ended.get("status", "Succeeded") == "Succeeded", ended
        return self.get(path)

    def get(self, path: str) -> Body:
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        found: Body = answer.json()
        return found

    def list(self, path: str) -> list[Body]:
        """All pages."""
        answer = self.send("GET", path)
        items: list[Body] = []
        while True:
            assert answer.status_code == 200, answer.text
            items += answer.json()["value"]
            link = answer.json().get("nextLink")
            if not link:
                return items
            answer = self.http.get(link)

    def make_group(self) -> None:
        answer = self.send("PUT", self.group, {"location": "westeurope", "tags": {"mode": "standby"}})
        assert answer.status_code == 201, answer.text

    def drop_group(self) -> None:
        self.wait(self.send("DELETE", self.group))

    # -- the footprint's bodies ----------------------------------------------------------------------------

    def network(self) -> str:
        """A virtual network with two subnets; its id."""
        return str(self.put("Microsoft.Network/virtualNetworks/vnet", {
            "location": "westeurope",
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.20.0.0/16"]},
                "subnets": [
                    {"name": "gateway", "properties": {"addressPrefix": "10.20.0.0/24"}},
                    {"name": "api", "properties": {"addressPrefix": "10.20.1.0/24"}},
                ],
            },
        })["id"])  # fmt: skip

    def public_address(self, name: str = "pip") -> Body:
        """A standard static public address with a label."""
        return self.put(
            f"Microsoft.Network/publicIPAddresses/{name}",
            {
                "location": "westeurope",
                "sku": {"name": "Standard"},
                "properties": {
                    "publicIPAllocationMethod": "Static",
                    "dnsSettings": {"domainNameLabel": f"demay-{self.number}"},
                },
            },
        )

    def gateway_body(self, vnet: str, address: str, site: str = "127.0.0.1:9") -> Body:
        """A gateway: api.* and the apex to the scale set's pool, www.* to the site."""
        own = self.id("Microsoft.Network/applicationGateways/agw")

        def ref(collection: str, name: str) -> Body:
            return {"id": f"{own}/{collection}/{name}"}

        def listener(name: str, host: str | None) -> Body:
            props: Body = {
                "frontendIPConfiguration": ref("frontendIPConfigurations", "public"),
                "frontendPort": ref("frontendPorts", "http"), "protocol": "Http",
            }  # fmt: skip
            return {"name": name, "properties": {**props, **({"hostName": host} if host else {})}}

        def rule(name: str, priority: int, pool: str, settings: str) -> Body:
            return {"name": name, "properties": {
                "ruleType": "Basic", "priority": priority, "httpListener": ref("httpListeners", name),
                "backendAddressPool": ref("backendAddressPools", pool),
                "backendHttpSettings": ref("backendHttpSettingsCollection", settings),
            }}  # fmt: skip

        return {
            "location": "westeurope",
            "properties": {
                "sku": {"name": "Standard_v2", "tier": "Standard_v2"},
                "autoscaleConfiguration": {"minCapacity": 0, "maxCapacity": 2},
                "gatewayIPConfigurations": [
                    {"name": "ip", "properties": {"subnet": {"id": f"{vnet}/subnets/gateway"}}}
                ],
                "frontendIPConfigurations": [
                    {"name": "public", "properties": {"publicIPAddress": {"id": address}}}
                ],
                "frontendPorts": [{"name": "http", "properties": {"port": 80}}],
                "backendAddressPools": [
                    {"name": "api"},
                    {"name": "site", "properties": {"backendAddresses": [{"fqdn": site}]}},
                ],
                "backendHttpSettingsCollection": [
                    {
                        "name": "api",
                        "properties": {
                            "port": 80,
                            "protocol": "Http",
                            "probe": ref("probes", "api"),
                            "requestTimeout": 30,
                        },
                    },
                    {
                        "name": "site",
                        "properties": {
                            "port": 80,
                            "protocol": "Http",
                            "pickHostNameFromBackendAddress": True,
                        },
                    },
                ],
                "probes": [
                    {
                        "name": "api",
                        "properties": {
                            "protocol": "Http",
                            "path": "/health",
                            "host": "api.demay.test",
                            "interval": 30,
                            "timeout": 30,
                            "unhealthyThreshold": 3,
                            "match": {"statusCodes": ["200"]},
                        },
                    }
                ],
                "httpListeners": [
                    listener("api", "api.demay.test"),
                    listener("apex", None),
                    listener("www", "www.demay.test"),
                ],
                "requestRoutingRules": [
                    rule("api", 10, "api", "api"),
                    rule("apex", 20, "api", "api"),
                    rule("www", 30, "site", "site"),
                ],
            },
        }

    def scale_set_body(self, vnet: str, capacity: int) -> Body:
        """A scale set whose instances join the gateway's api pool."""
        pool = self.id("Microsoft.Network/applicationGateways/agw/backendAddressPools/api")
        return {
            "location": "westeurope",
            "sku": {"name": "Standard_B2s", "capacity": capacity},
            "properties": {
                "upgradePolicy": {"mode": "Manual"},
                "virtualMachineProfile": {
                    "osProfile": {
                        "computerNamePrefix": "api",
                        "adminUsername": "demay",
                        "adminPassword": "canary-Passw0rd",
                        "customData": "Y2FuYXJ5",
                        "linuxConfiguration": {"disablePasswordAuthentication": False},
                    },
                    "storageProfile": {
                        "imageReference": {
                            "publisher": "Canonical",
                            "offer": "ubuntu-24_04-lts",
                            "sku": "server",
                            "version": "latest",
                        }
                    },
                    "networkProfile": {
                        "networkInterfaceConfigurations": [
                            {
                                "name": "nic",
                                "properties": {
                                    "primary": True,
                                    "ipConfigurations": [
                                        {
                                            "name": "ip",
                                            "properties": {
                                                "subnet": {"id": f"{vnet}/subnets/api"},
                                                "applicationGatewayBackendAddressPools": [{"id": pool}],
                                            },
                                        }
                                    ],
                                },
                            }
                        ]
                    },
                },
            },
        }
