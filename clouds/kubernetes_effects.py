"""What the runbooks of site trustlayer do in the clusters: pods, zones, the API's deployment, the public /healthz."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import httpx

from clouds.kubernetes import Cluster, deployment_path, pods_path
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen
from clouds.trustlayer_site import EAST, NAMESPACE, WEST, Site
from recovery.model import Json

API, FRONTEND = "trustlayer-api", "trustlayer-frontend"
RUNNING = {API: 5, FRONTEND: 3}
"""Pods of the site in normal times, where nobody says otherwise."""
WAIT_SECONDS = 45.0
"""Real seconds that one effect waits for pods: a step tries again by itself."""
_OUT = "node.kubernetes.io/out-of-service"


def effects(site: Site) -> dict[str, Handler]:
    """Effect kind -> function, for this site."""

    def region(args: Mapping[str, Json], call: Call) -> Cluster:
        if args.get("region") == "east":
            return site.cluster(EAST)
        # After a failover to us-west-2, levels 1 and 5 recover there.
        return site.cluster(WEST if args.get("region") == "dr" or site.failed_over() else EAST)

    def described(args: Mapping[str, Json], call: Call) -> Outcome:
        pods = region(args, call).list(pods_path(NAMESPACE))
        bad = [pod for pod in pods if not ready(pod)]
        shown = {
            p["metadata"]["name"]: f"{p['status'].get('phase')} on {p['spec'].get('nodeName', 'no node')}"
            for p in bad
        }
        return ok(pods=len(pods), notReady=shown)

    def all_ready(args: Mapping[str, Json], call: Call) -> Outcome:
        short = missing(region(args, call))
        return seen(not short, call, "; ".join(short), short=short)

    def reschedule(args: Mapping[str, Json], call: Call) -> Outcome:
        cluster = region(args, call)
        gone = [
            p["metadata"]["name"]
            for p in cluster.list(pods_path(NAMESPACE), f"app in ({API},{FRONTEND})")
            if not ready(p)
        ]
        for name in gone:
            cluster.delete(f"{pods_path(NAMESPACE)}/{name}", 0)
        return ok(deleted=gone)

    def pods_ready(args: Mapping[str, Json], call: Call) -> Outcome:
        cluster = region(args, call)
        short = until(lambda: missing(cluster))
        return failed("; ".join(short)) if short else ok(pods=spread(cluster))

    def drained(args: Mapping[str, Json], call: Call) -> Outcome:
        left, schedulable = on_zone(region(args, call), args["zone"])
        return seen(
            not left and not schedulable,
            call,
            f"{len(left)} pods are left, {len(schedulable)} nodes take new ones",
            left=left,
        )

    def drain(args: Mapping[str, Json], call: Call) -> Outcome:
        cluster, zone = region(args, call), str(args["zone"])
        nodes = cluster.list("/api/v1/nodes", f"topology.kubernetes.io/zone={zone}")
        for node in nodes:
            cordon(cluster, node)
        refused: list[str] = []
        for pod in placed(cluster, {n["metadata"]["name"] for n in nodes if ready(n)}):
            if not cluster.evict(NAMESPACE, pod):
                refused.append(pod)
        for pod in placed(cluster, {n["metadata"]["name"] for n in nodes if not ready(n)}):
            cluster.delete(
                f"{pods_path(NAMESPACE)}/{pod}"
            )  # nobody is there to evict it: a budget would hold up its return
        left = until(lambda: on_zone(cluster, zone)[0])
        return failed(f"left on {zone}: {', '.join(left)}", refused=refused) if left else ok(nodes=len(nodes))

    def uncordon(args: Mapping[str, Json], call: Call) -> Outcome:
        cluster = region(args, call)
        for node in cluster.list("/api/v1/nodes", f"topology.kubernetes.io/zone={args['zone']}"):
            taints = [
                t
                for t in node["spec"].get("taints") or []
                if t["key"] != _OUT and t["key"] != "node.kubernetes.io/unschedulable"
            ]
            cluster.patch(
                f"/api/v1/nodes/{node['metadata']['name']}",
                {"spec": {"unschedulable": None, "taints": taints or None}},
            )
        return ok()

    def candidate(call: Call) -> str:
        return str(call.state.of("choose").evidence.get("candidate", ""))

    def points(args: Mapping[str, Json], call: Call) -> Outcome:
        chosen = candidate(call)
        wanted = site.databases[chosen].dsn if chosen else ""
        have = database_url(region(args, call))
        return seen(
            bool(wanted) and have == wanted,
            call,
            f"DATABASE_URL does not name {chosen or 'the chosen server (none)'}",
            candidate=chosen,
        )

    def repoint(args: Mapping[str, Json], call: Call) -> Outcome:
        chosen = candidate(call)
        if not chosen:
            return failed("no replica was chosen")
        region(args, call).set_env(NAMESPACE, API, "api", {"DATABASE_URL": site.databases[chosen].dsn})
        return ok(database=chosen)

    def started(args: Mapping[str, Json], call: Call) -> Outcome:
        if call.state.of("repoint").evidence.get("database"):
            return ok(restart="not needed: the new DATABASE_URL rolled it out")
        body = region(args, call).get(deployment_path(NAMESPACE, API)) or {}
        wanted = int(body.get("spec", {}).get("replicas", 0))
        have = int(body.get("status", {}).get("readyReplicas") or 0)
        return seen(
            bool(wanted) and have >= wanted, call, f"{have} of {wanted} api pods are Ready", ready=have
        )

    def restart(args: Mapping[str, Json], call: Call) -> Outcome:
        region(args, call).restart(NAMESPACE, API)
        return ok(restarted=API)

    def scaled(args: Mapping[str, Json], call: Call) -> Outcome:
        have = replicas(region(args, call))
        return seen(
            have.get(API, 0) >= int(args["api"]),
            call,
            f"{API} has {have.get(API, 0)} replicas",
            replicas=have,
        )

    def scale(args: Mapping[str, Json], call: Call) -> Outcome:
        region(args, call).scale(NAMESPACE, API, int(args["api"]))
        return ok()

    def dr_scaled(args: Mapping[str, Json], call: Call) -> Outcome:
        have = replicas(site.cluster(WEST))
        return seen(
            all(have.get(n, 0) >= count for n, count in RUNNING.items()),
            call,
            f"replicas are {have}",
            replicas=have,
        )

    def dr_resting(args: Mapping[str, Json], call: Call) -> Outcome:
        have = replicas(site.cluster(WEST))
        return seen(not any(have.values()), call, f"replicas are {have}", replicas=have)

    def dr_scale(args: Mapping[str, Json], call: Call) -> Outcome:
        for name, count in ((FRONTEND, args["frontend"]), (API, args["api"])):
            site.cluster(WEST).scale(NAMESPACE, name, int(count))
        return ok()

    def dr_gate(args: Mapping[str, Json], call: Call) -> Outcome:
        status = (site.cluster(WEST).get(deployment_path(NAMESPACE, API)) or {}).get("status", {})
        count = int(status.get("readyReplicas") or 0)
        if count < int(args["api"]):
            return failed(f"{count} of {args['api']} api pods are Ready in {WEST}")
        site.replica.write()
        return ok(ready=count, write="accepted")

    def stopped(args: Mapping[str, Json], call: Call) -> Outcome:
        pods = region(args, call).list(pods_path(NAMESPACE), f"app in ({API},{FRONTEND})")
        return seen(not pods, call, f"{len(pods)} pods still run", pods=len(pods))

    def stop(args: Mapping[str, Json], call: Call) -> Outcome:
        for name in RUNNING:
            region(args, call).scale(NAMESPACE, name, 0)
        return ok()

    def begin(args: Mapping[str, Json], call: Call) -> Outcome:
        for name in RUNNING:
            region(args, call).scale(NAMESPACE, name, 3)  # the seed's full restore starts three of each
        return ok()

    def healthz(args: Mapping[str, Json], call: Call) -> Outcome:
        status, where = public(str(site.body["edge"]))
        wanted = args.get("region")
        good = status == 200 and (not wanted or where == wanted)
        return seen(
            good, call, f"/healthz answers {status} from {where or 'nobody'}", status=status, region=where
        )

    def lead(args: Mapping[str, Json], call: Call) -> Outcome:
        wanted, limit = str(args["region"]), time.monotonic() + WAIT_SECONDS
        while True:
            answers = [public(str(site.body["edge"]))[1] for _ in range(9)]
            if all(answer == wanted for answer in answers):
                return ok(answers=len(answers))
            if time.monotonic() > limit:
                return failed(f"{answers.count(wanted)} of {len(answers)} answers came from {wanted}")
            time.sleep(0.3)

    return {
        "pods.describe": described, "pods.all_ready": all_ready, "pods.reschedule": reschedule, "pods.ready": pods_ready,
        "zone.drained": drained, "zone.drain": drain, "zone.uncordon": uncordon, "api.points": points, "api.repoint": repoint,
        "api.started": started, "api.restart": restart,
        "api.scaled": scaled, "api.scale": scale, "dr.scaled": dr_scaled, "dr.scale": dr_scale, "dr.resting": dr_resting, "dr.gate": dr_gate,
        "site.stopped": stopped, "site.stop": stop, "site.start": begin, "site.healthz": healthz, "names.lead": lead,
    }  # fmt: skip


def ready(thing: Mapping[str, Json]) -> bool:
    """A node's or a pod's Ready condition."""
    return any(
        c["type"] == "Ready" and c["status"] == "True"
        for c in thing.get("status", {}).get("conditions") or []
    )


def missing(cluster: Cluster) -> list[str]:
    """What the two deployments lack to be rolled out and Ready, in words."""
    out = []
    for name in (API, FRONTEND):
        body = cluster.get(deployment_path(NAMESPACE, name))
        if body is None:
            out.append(f"{name} does not exist")
            continue
        wanted, status = int(body["spec"].get("replicas", 1)), body.get("status", {})
        have = {key: int(status.get(key) or 0) for key in ("updatedReplicas", "readyReplicas", "replicas")}
        if int(status.get("observedGeneration") or 0) < int(body["metadata"]["generation"]):
            out.append(f"{name} was changed and not looked at yet")
        elif set(have.values()) != {wanted}:
            out.append(
                f"{name}: {have['readyReplicas']} of {wanted} pods Ready, {have['updatedReplicas']} of the newest kind, {have['replicas']} in all"
            )
    return out


def replicas(cluster: Cluster) -> dict[str, int]:
    """Wanted replicas of each deployment."""
    found = cluster.list(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")
    return {one["metadata"]["name"]: int(one["spec"].get("replicas", 1)) for one in found}


def database_url(cluster: Cluster) -> str:
    """The API's DATABASE_URL."""
    body = cluster.get(deployment_path(NAMESPACE, API)) or {
        "spec": {"template": {"spec": {"containers": []}}}
    }
    env = [one for c in body["spec"]["template"]["spec"]["containers"] for one in c.get("env") or []]
    return next((str(one.get("value", "")) for one in env if one["name"] == "DATABASE_URL"), "")


def spread(cluster: Cluster) -> dict[str, int]:
    """Zone -> running pods of the API."""
    zones = {
        n["metadata"]["name"]: n["metadata"]["labels"].get("topology.kubernetes.io/zone", "")
        for n in cluster.list("/api/v1/nodes")
    }
    out: dict[str, int] = {}
    for pod in cluster.list(pods_path(NAMESPACE), f"app={API}"):
        zone = zones.get(pod["spec"].get("nodeName", ""), "")
        out[zone] = out.get(zone, 0) + 1
    return out


def placed(cluster: Cluster, nodes: set[str]) -> list[str]:
    """Names of the pods on these nodes that a drain takes away: not a DaemonSet's, and not on their way out."""
    return [
        pod["metadata"]["name"]
        for pod in cluster.list(pods_path(NAMESPACE))
        if pod["spec"].get("nodeName") in nodes
        and "deletionTimestamp" not in pod["metadata"]
        and not any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences") or [])
    ]


def on_zone(cluster: Cluster, zone: str) -> tuple[list[str], list[str]]:
    """Pods that a drain of the zone has not taken away, and its nodes that still take new ones."""
    nodes = cluster.list("/api/v1/nodes", f"topology.kubernetes.io/zone={zone}")
    open_ = [n["metadata"]["name"] for n in nodes if not n["spec"].get("unschedulable")]
    return placed(cluster, {n["metadata"]["name"] for n in nodes}), open_


def cordon(cluster: Cluster, node: Mapping[str, Json]) -> None:
    """No new pods; on a node whose kubelet is silent also the word that it is shut down, so that the control plane
    lets go of its pods (kubernetes.io: non-graceful node shutdown)."""
    spec: dict[str, Json] = {"unschedulable": True}
    if not ready(node):
        taints = [t for t in node["spec"].get("taints") or [] if t["key"] != _OUT]
        spec["taints"] = [*taints, {"key": _OUT, "value": "nodeshutdown", "effect": "NoExecute"}]
    cluster.patch(f"/api/v1/nodes/{node['metadata']['name']}", {"spec": spec})


def until(left: Callable[[], list[str]], seconds: float = WAIT_SECONDS) -> list[str]:
    """What is left to happen, after waiting for nothing to be left."""
    deadline = time.monotonic() + seconds
    while (found := left()) and time.monotonic() < deadline:
        time.sleep(0.25)
    return found


def public(edge: str) -> tuple[int, str]:
    """Status of the public /healthz (0: no answer) and the region that answered."""
    try:
        answer = httpx.get(f"{edge}/healthz", timeout=8, trust_env=False)
    except httpx.HTTPError:
        return 0, ""
    return answer.status_code, answer.headers.get("X-Region", "")
