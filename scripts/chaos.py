"""`dr chaos pod | zone | database | network`: one small harm on purpose, its recovery, /healthz all the time (TL-9)."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.errors import BadInput, Failed, Stopped
from recovery.trustlayer.levels import Level, assess
from scripts.command import run

if TYPE_CHECKING:
    from clouds.kubernetes import Cluster
    from clouds.trustlayer_site import Site

MOST = {"pod": 0.2, "zone": 0.2, "database": 0.8, "network": 0.2}
"""Harm -> share of failed probes at which it is given up, where nobody says otherwise."""
WINDOW = 100
"""Probes that the share is of: ten seconds."""
POLICY = "dr-chaos"


def main(argv: Sequence[str]) -> int:
    """The verb."""
    return run(command, argv, "chaos")


def command(
    what: Annotated[
        str,
        typer.Argument(
            help="pod: delete a random pod. zone: cordon and drain a zone, then give it back. database: delete the primary's pod. network: cut one API pod off by a network policy, then let it back."
        ),
    ],
    zone: Annotated[str, typer.Option(help="zone: which.")] = "us-east-1c",
    seconds: Annotated[float, typer.Option(help="Recovery must be complete within this.", min=1)] = 120.0,
    most_errors: Annotated[
        float | None,
        typer.Option(
            help="Stop condition: share of failed probes of /healthz in the last 10 s, 0 to 1 (default 0.2; database 0.8: its clients meet the restart).",
            min=0,
            max=1,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Choose the same pod again (0: by chance).")] = 0,
    site: Annotated[str, typer.Option(help="The site's file (default: DR_TRUSTLAYER).")] = "",
) -> int:
    """Do one harm on purpose while /healthz is asked all the time; give up and mend when too much fails.

    It does not begin on a site that is not well. Exit codes: 0 recovered, 1 not, 4 not begun or stopped.

    Example: dr chaos pod
    """
    from clouds.trustlayer_effects import observe
    from clouds.trustlayer_site import Site

    if what not in MOST:
        raise BadInput(
            f"there is no {what!r} to break", "nothing was done", f"dr chaos {', or: dr chaos '.join(MOST)}"
        )
    most = MOST[what] if most_errors is None else most_errors
    where = Site.load(site)
    before = assess(observe(where))
    if before.level is not Level.NONE:
        raise Stopped(
            f"not begun: {before.sentence}",
            "a test on a site that is not well is an incident",
            before.command,
        )
    probe = Probe(where)
    probe.start()
    try:
        chance = random.Random(seed or None)  # noqa: S311 - any pod will do
        if what == "zone":
            return _zone(where, zone, probe, seconds, most)
        if what == "database":
            return _database(where, probe, seconds, most)
        if what == "network":
            return _network(where, probe, seconds, most, chance)
        return _pod(where, probe, seconds, most, chance)
    finally:
        probe.stop()


class Probe:
    """Asks the public /healthz all the time."""

    def __init__(self, site: Site) -> None:
        self.edge, self.asked, self.failed = str(site.body["edge"]), 0, 0
        self.last: deque[bool] = deque(maxlen=WINDOW)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._end.set()
        self._thread.join(10)

    @property
    def share(self) -> float:
        """Failed probes of the last ones, 0 to 1; nothing while there are too few to say."""
        return sum(self.last) / WINDOW if self.last else 0.0

    def _run(self) -> None:
        from clouds.kubernetes_effects import public

        while not self._end.wait(0.1):
            status = public(self.edge)[0]
            self.asked += 1
            self.failed += status != 200
            self.last.append(status != 200)


def _pod(site: Site, probe: Probe, seconds: float, most: float, chance: random.Random) -> int:
    from clouds.kubernetes import pods_path
    from clouds.kubernetes_effects import API, FRONTEND
    from clouds.trustlayer_site import EAST, NAMESPACE, WEST

    cluster = site.cluster(WEST if site.failed_over() else EAST)
    pods = sorted(
        p["metadata"]["name"] for p in cluster.list(pods_path(NAMESPACE), f"app in ({API},{FRONTEND})")
    )
    if not pods:
        raise Stopped("not begun: there is no pod", "nothing would be tested", "dr assess")
    victim = chance.choice(pods)
    print(f"deleting {victim}")
    cluster.delete(f"{pods_path(NAMESPACE)}/{victim}", 0)
    return _wait(cluster, probe, seconds, most)


def _zone(site: Site, zone: str, probe: Probe, seconds: float, most: float) -> int:
    from clouds.kubernetes_effects import API, FRONTEND, cordon, placed
    from clouds.trustlayer_effects import effects
    from clouds.trustlayer_site import EAST, NAMESPACE

    cluster = site.cluster(EAST)
    nodes = cluster.list("/api/v1/nodes", f"topology.kubernetes.io/zone={zone}")
    if not nodes:
        raise BadInput(
            f"{zone} has no node",
            "nothing would be tested",
            "kubectl get nodes -L topology.kubernetes.io/zone",
        )

    def give_back() -> None:
        effects(site)["zone.uncordon"]({"zone": zone}, None)  # type: ignore[arg-type]  # it asks nothing of its call

    print(f"draining {zone}")
    try:
        for node in nodes:
            cordon(cluster, node)
        deadline = time.monotonic() + seconds
        while left := [
            p
            for p in placed(cluster, {n["metadata"]["name"] for n in nodes})
            if p.startswith((API, FRONTEND))
        ]:
            for pod in left:
                cluster.evict(NAMESPACE, pod)  # a budget may say not yet: asked again
            _stop_condition(probe, most)
            if time.monotonic() > deadline:
                raise Failed(
                    f"{len(left)} pods are left on {zone}",
                    "their budgets do not let them go",
                    "kubectl get pdb -n trustlayer",
                )
            time.sleep(0.3)
        return _wait(cluster, probe, seconds, most)
    finally:
        give_back()


def _database(site: Site, probe: Probe, seconds: float, most: float) -> int:
    """The primary's pod is deleted; the same server comes back with its data, and takes a write."""
    from clouds.kubernetes import pods_path
    from clouds.postgres import newest_primary
    from clouds.trustlayer_site import EAST, NAMESPACE
    from recovery.errors import DrError

    primary = newest_primary(site.in_region(EAST).values())
    if primary is None or site.failed_over():
        raise Stopped(
            "not begun: no database of us-east-1 is the primary", "nothing would be tested", "dr assess"
        )
    cluster = site.cluster(EAST)
    pods = cluster.list(pods_path(NAMESPACE), f"app=trustlayer-db,instance={primary.name}")
    if not pods:
        raise Stopped(f"not begun: {primary.name} has no pod", "nothing would be tested", "dr assess")
    print(f"deleting {pods[0]['metadata']['name']}, the pod of the primary {primary.name}")
    cluster.delete(f"{pods_path(NAMESPACE)}/{pods[0]['metadata']['name']}", 0)
    began, why = time.monotonic(), "it was not asked"
    while True:
        time.sleep(0.3)
        _stop_condition(probe, most)
        try:
            if not primary.in_recovery():
                primary.write()
                break
            why = f"{primary.name} came back as a replica"
        except DrError as error:
            why = error.summary
        if time.monotonic() - began > seconds:
            raise Failed(
                f"not recovered after {seconds:.0f} s: {why}",
                "the database does not heal by itself",
                "dr recover --level 2",
            )
    return _wait(cluster, probe, seconds, most)


def _network(site: Site, probe: Probe, seconds: float, most: float, chance: random.Random) -> int:
    """One API pod is cut off by a network policy; the others must carry the load. The policy is always taken away."""
    from clouds.kubernetes import pods_path
    from clouds.kubernetes_effects import API, ready
    from clouds.trustlayer_site import EAST, NAMESPACE, WEST

    cluster = site.cluster(WEST if site.failed_over() else EAST)
    pods = [p for p in cluster.list(pods_path(NAMESPACE), f"app={API}") if ready(p)]
    if len(pods) < 2:
        raise Stopped(
            f"not begun: {len(pods)} pods of {API} are Ready",
            "with one of them cut off nobody would serve",
            "dr assess",
        )
    victim = chance.choice(sorted(pods, key=lambda p: str(p["metadata"]["name"])))["metadata"]["name"]
    policies = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"
    body = {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": POLICY},
        "spec": {"podSelector": {"matchLabels": {POLICY: "cut-off"}}, "policyTypes": ["Ingress", "Egress"]},
    }  # fmt: skip
    print(f"cutting {victim} off the network")
    try:
        cluster.patch(f"{pods_path(NAMESPACE)}/{victim}", {"metadata": {"labels": {POLICY: "cut-off"}}})
        cluster.create(policies, body)
        began = time.monotonic()
        while time.monotonic() - began < min(seconds, 15.0):
            _stop_condition(probe, most)
            time.sleep(0.3)
    finally:
        cluster.delete(f"{policies}/{POLICY}")
        if cluster.get(f"{pods_path(NAMESPACE)}/{victim}") is not None:
            cluster.patch(f"{pods_path(NAMESPACE)}/{victim}", {"metadata": {"labels": {POLICY: None}}})
    return _wait(cluster, probe, seconds, most)


def _wait(cluster: Cluster, probe: Probe, seconds: float, most: float) -> int:
    from clouds.kubernetes_effects import missing

    began = time.monotonic()
    time.sleep(1.0)  # the controllers have to see it first
    while short := missing(cluster):
        _stop_condition(probe, most)
        if time.monotonic() - began > seconds:
            raise Failed(
                f"not recovered after {seconds:.0f} s: {'; '.join(short)}",
                "the site does not heal by itself",
                "dr recover --level 1",
            )
        time.sleep(0.3)
    print(
        f"Recovered after {time.monotonic() - began:.1f} s; {probe.failed} of {probe.asked} probes of /healthz failed."
    )
    return 0


def _stop_condition(probe: Probe, most: float) -> None:
    if probe.share > most:
        raise Stopped(
            f"stopped: {sum(probe.last)} of the last {len(probe.last)} probes of /healthz failed (at most {most:.0%} of {WINDOW})",
            "the test hurts users",
            "dr assess",
        )
