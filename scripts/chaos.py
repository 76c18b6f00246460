"""`dr chaos pod | zone`: do one small harm on purpose, wait for recovery, verify /healthz (TL-9)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.errors import BadInput, Failed, Stopped
from recovery.trustlayer.levels import Level, assess
from scripts.command import run

if TYPE_CHECKING:
    from clouds.kubernetes import Cluster
    from clouds.trustlayer_site import Site


def main(argv: Sequence[str]) -> int:
    """The verb."""
    return run(command, argv, "chaos")


def command(
    what: Annotated[
        str,
        typer.Argument(help="pod: delete a random pod. zone: cordon and drain a zone, then give it back."),
    ],
    zone: Annotated[str, typer.Option(help="zone: which.")] = "us-east-1c",
    seconds: Annotated[float, typer.Option(help="Recovery must be complete within this.", min=1)] = 120.0,
    most_errors: Annotated[
        float, typer.Option(help="Stop condition: share of failed probes of /healthz, 0 to 1.", min=0, max=1)
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Choose the same pod again (0: by chance).")] = 0,
    site: Annotated[str, typer.Option(help="The site's file (default: DR_TRUSTLAYER).")] = "",
) -> int:
    """Do one harm on purpose while /healthz is asked all the time; give up and mend when too much fails.

    It does not begin on a site that is not well. Exit codes: 0 recovered, 1 not, 4 not begun or stopped.

    Example: dr chaos pod
    """
    from clouds.trustlayer_effects import observe
    from clouds.trustlayer_site import Site

    if what not in ("pod", "zone"):
        raise BadInput(
            f"there is no {what!r} to break", "nothing was done", "dr chaos pod, or: dr chaos zone"
        )
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
        if what == "zone":
            return _zone(where, zone, probe, seconds, most_errors)
        chance = random.Random(seed or None)  # noqa: S311 - any pod will do
        return _pod(where, probe, seconds, most_errors, chance)
    finally:
        probe.stop()


class Probe:
    """Asks the public /healthz all the time."""

    def __init__(self, site: Site) -> None:
        self.edge, self.asked, self.failed = str(site.body["edge"]), 0, 0
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
        """Failed probes of all, 0 to 1."""
        return self.failed / self.asked if self.asked else 0.0

    def _run(self) -> None:
        from clouds.kubernetes_effects import public

        while not self._end.wait(0.1):
            status = public(self.edge)[0]
            self.asked += 1
            self.failed += status != 200


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
    if probe.asked >= 10 and probe.share > most:
        raise Stopped(
            f"stopped: {probe.share:.0%} of {probe.asked} probes of /healthz failed (at most {most:.0%})",
            "the test hurts users",
            "dr assess",
        )
