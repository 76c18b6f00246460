"""Probes of READY-1 to READY-5: the site is fetched, a document written, an event sent, the scale set and gateway read."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import Any

from clouds.azure.data_plane import endpoint_of
from clouds.readiness.world import ReadyWorld
from clouds.runbook.checks import MARK, PIXEL
from recovery.model import Json
from recovery.readiness.judges.seed import UNREADABLE
from recovery.readiness.model import UnseenError

Evidence = dict[str, Json]
QUIET_SECONDS = 60.0
"""Simulated seconds in which a muted converter must do nothing: an event is delivered within ten (local cloud's table,
p95), and a cold start takes less than half a minute."""

LEAST_QUIET = 2.0
"""Real seconds: a local function is a process that has to start."""


def site(world: ReadyWorld) -> Evidence:
    """READY-1: index.html from the account's own endpoint, against the blob itself."""
    account = world.named("storage-site")
    with closing(world.at.blobs("storage-site")) as blobs:
        stored = blobs.get("$web", "index.html")
    url = f"{endpoint_of(account, 'primaryEndpoints', 'web').rstrip('/')}/index.html"
    return {
        "stored": hashlib.sha256(stored).hexdigest() if stored is not None else "",
        "bytes": len(stored or b""),
        "answers": [fetched("the Blob endpoint", url)],
    }


def fetched(where: str, url: str, timeout: float = 10.0) -> Evidence:
    """One GET as a row: status 0 and the reason where no answer could be had."""
    import httpx

    try:
        answer = httpx.get(url, timeout=timeout, follow_redirects=False, trust_env=url.startswith("https"))
    except (httpx.HTTPError, OSError) as error:
        return {
            "where": where,
            "url": url,
            "status": 0,
            "reason": f"{type(error).__name__}: {error}",
            "sha256": "",
        }
    digest = hashlib.sha256(answer.content).hexdigest()
    return {"where": where, "url": url, "status": answer.status_code, "reason": "", "sha256": digest}


def cosmos(world: ReadyWorld) -> Evidence:
    """READY-2: a marked document written, read back, deleted, and looked for once more."""
    from azure.cosmos import CosmosClient
    from azure.cosmos.exceptions import CosmosHttpResponseError

    account = world.body(world.at.of_type("azure-native:cosmosdb:DatabaseAccount"))
    _, _, database, _, name = str(world.at.props("CosmosThroughput")["containerId"]).rsplit("/", 4)
    key = world.at.named("cosmos-container").inputs["resource"]["partitionKey"]["paths"][0].lstrip("/")
    credential: Any = world.endpoints.cosmos_key
    if not credential:
        from azure.identity import DefaultAzureCredential

        credential = DefaultAzureCredential()
    document = {"id": f"{MARK}{world.run}".replace("/", ":"), key: f"{MARK}{world.run}", "probe": world.run}
    charge = 0.0

    def hook(headers: Any, _: object = None) -> None:
        nonlocal charge
        charge += float(headers.get("x-ms-request-charge", 0))

    client = CosmosClient(endpoint_of(account, "documentEndpoint"), credential=credential, retry_total=1,
                          connection_timeout=5, timeout=20)  # fmt: skip
    found: Evidence = {"provisioning": str(account["properties"].get("provisioningState")), "write": "", "read": "",
                       "delete": "", "same": False, "gone": False, "container": f"{database}/{name}"}  # fmt: skip
    container = client.get_database_client(database).get_container_client(name)
    with closing_client(client):
        try:
            container.upsert_item(dict(document), response_hook=hook)
        except CosmosHttpResponseError as error:
            return found | {"write": refusal(error)}
        try:
            back = container.read_item(document["id"], partition_key=document[key], response_hook=hook)
            found["same"] = {k: back.get(k) for k in document} == document
        except CosmosHttpResponseError as error:
            found["read"] = refusal(error)
        finally:
            try:
                container.delete_item(document["id"], partition_key=document[key], response_hook=hook)
            except CosmosHttpResponseError as error:
                found["delete"] = refusal(error)
        query = container.query_items("SELECT c.id FROM c WHERE c.id = @id", partition_key=document[key],
                                      parameters=[{"name": "@id", "value": document["id"]}])  # fmt: skip
        found["gone"] = not list(query)
    return found | {"ru": charge}


class closing_client:  # noqa: N801 (reads as contextlib.closing does)
    """azure-cosmos closes through its context manager's exit alone."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __enter__(self) -> Any:
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.__exit__(None, None, None)


def refusal(error: Any) -> str:
    """The service's own no, in words. Raises UnseenError where it is none (denied, throttled, no answer, garbage)."""
    status = int(error.status_code or 0)
    words = " ".join(str(error.message or error).split())[:160]
    if status in UNREADABLE or status >= 500 or status < 400:
        raise UnseenError(f"Cosmos DB answered {status or 'nothing'}: {words}") from error
    return f"answered {status} {words}"


def converter(world: ReadyWorld) -> Evidence:
    """READY-3: the function listed, its subscription, and a marked upload that a muted converter must leave alone."""
    package = world.at.props("ConverterPackage", "standby")
    site_id, name = str(package["siteId"]), str(package["functionName"])
    listed = world.at.world.arm.list(f"{site_id}/functions", _version("web:WebApp"))
    wanted = next(
        d for d in world.at.desired(world.stack) if d.type.endswith(":SystemTopicEventSubscription")
    )
    subscription = world.body(wanted)["properties"]
    target = ((subscription.get("destination") or {}).get("properties") or {}).get("resourceId")
    if target is None:  # delivered with an identity, the destination stands one level deeper
        delivered = (subscription.get("deliveryWithResourceIdentity") or {}).get("destination") or {}
        target = (delivered.get("properties") or {}).get("resourceId")
    filter_ = (wanted.inputs.get("filter") or {}).get("subjectBeginsWith", "")
    blob = f"{MARK}ready-{world.run}.png"
    with closing(world.at.blobs("storage-uploads")) as blobs:
        documents = world.at.documents()
        try:
            blobs.put("uploads", blob, PIXEL + world.run.encode(), content_type="image/png")
            waited = world.wait(QUIET_SECONDS, LEAST_QUIET)
            made = documents.partition(blob)
            for one in made:
                documents.delete(str(one["id"]), blob)
        finally:
            blobs.delete("uploads", blob)
    return {
        "function": name,
        "functions": [
            {"name": str(one["properties"]["name"]), "disabled": bool(one["properties"].get("isDisabled"))}
            for one in listed
        ],
        "subscription": str(subscription.get("provisioningState") or ""), "target": str(target or ""),
        "listens": str(filter_).rstrip("/").endswith("/blobs"), "documents": len(made), "waited": round(waited, 1),
    }  # fmt: skip


def scale_set(world: ReadyWorld) -> Evidence:
    """READY-4: the definition and the instances, each asked for."""
    declared = world.at.of_type("azure-native:compute:VirtualMachineScaleSet")
    body = world.body(declared)
    instances = world.at.world.arm.list(
        f"{declared.id}/virtualMachines", _version("compute:VirtualMachineScaleSet")
    )
    return {
        "provisioning": str(body["properties"]["provisioningState"]), "capacity": int(body["sku"]["capacity"]),
        "size": str(body["sku"]["name"]), "instances": len(instances),
        "wanted": int(world.at.stack_of_dials(world.stack)["capacity"]),
    }  # fmt: skip


def gateway(world: ReadyWorld) -> Evidence:
    """READY-5: states, and whether each rule leads from a listener to a pool (or a redirect) that exists."""
    properties = world.body(world.at.of_type("azure-native:network:ApplicationGateway"))["properties"]
    gate = world.at.props("HealthGate", "active")
    held = {c: {str(i["name"]).lower() for i in properties.get(c) or []}
            for c in ("backendAddressPools", "httpListeners", "backendHttpSettingsCollection", "redirectConfigurations")}  # fmt: skip
    needed = {str(gate["apiPool"]), str(gate["sitePool"])}
    loose = []
    for rule in properties.get("requestRoutingRules") or []:
        inside = rule["properties"]
        leads = [
            (c, inside[k]["id"].rpartition("/")[2].lower())
            for c, k in (
                ("httpListeners", "httpListener"), ("backendAddressPools", "backendAddressPool"),
                ("backendHttpSettingsCollection", "backendHttpSettings"), ("redirectConfigurations", "redirectConfiguration"),
            )
            if inside.get(k)
        ]  # fmt: skip
        if len(leads) < 2 or any(name not in held[c] for c, name in leads):
            loose.append(str(rule["name"]))
    return {
        "provisioning": str(properties["provisioningState"]), "operational": str(properties["operationalState"]),
        "rules": len(properties.get("requestRoutingRules") or []), "loose": loose,
        "missing": sorted(f"pool {n}" for n in needed if n.lower() not in held["backendAddressPools"]),
        "pools": sorted(needed),
    }  # fmt: skip


def _version(token: str) -> str:
    from clouds.gates.world import version

    return version(token)
