"""What kubelets do, for the pods of one cluster: one real process for each Running pod, and its readiness.

An api pod is an API process, a db pod a PostgreSQL server; a process that ends while its pod stands is started
again, as a kubelet restarts a container. The pod's Ready condition is what the process's own /healthz (or query) says.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from clouds.kubernetes import Cluster, pods_path
from localcloud.ports import free_port
from localcloud.processes import die_with_parent
from localcloud.trustlayer.control_plane import ready
from localcloud.trustlayer.postgres import Instance
from recovery.errors import DrError
from recovery.model import Json

NAMESPACE = "trustlayer"
LOOK_SECONDS = 0.4
API = Path(__file__).parent / "api_service.py"


@dataclass
class Held:
    """One pod's process. port: where it answers (0: a pod that has no process, which is ready at once)."""

    pod: str
    app: str
    zone: str
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    instance: Instance | None = None
    ready: bool = False
    told: bool = False
    cut: bool = False
    started: float = field(default_factory=time.monotonic)


class Agent:
    """Runs in a thread of its own from `start` to `stop`. instances: PostgreSQL servers by their pods' `instance`."""

    def __init__(self, cluster: Cluster, instances: Mapping[str, Instance], logs: Path) -> None:
        self.cluster, self.instances, self.logs = cluster, dict(instances), logs
        self.held: dict[str, Held] = {}
        self.lost: set[str] = set()
        """Zones whose kubelets are silent."""
        self.broken: set[str] = set()
        """Database instances whose volume is gone: their server does not start."""
        self.zones: dict[str, str] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._pool = ThreadPoolExecutor(12)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and kill every process."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(10)
        with self._lock:
            for uid in list(self.held):
                self._drop(uid)

    def backends(self) -> list[Held]:
        """The API processes that are ready now."""
        return [
            held
            for held in list(self.held.values())
            if held.ready and held.port and held.app == "trustlayer-api"
        ]

    def lose_zone(self, zone: str) -> None:
        """All processes of the zone are killed, and nothing is reported from there any more."""
        with self._lock:
            self.lost.add(zone)
            for uid, held in list(self.held.items()):
                if held.zone == zone:
                    self._drop(uid)

    def regain_zone(self, zone: str) -> None:
        """The zone's kubelets work again."""
        self.lost.discard(zone)

    def _run(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            # The API server may be gone for a while; what runs goes on running, as it does under a real kubelet.
            with contextlib.suppress(DrError):
                self._look()

    def _look(self) -> None:
        pods = self.cluster.list(pods_path(NAMESPACE))
        if not self.zones:
            labels = {
                n["metadata"]["name"]: n["metadata"].get("labels", {})
                for n in self.cluster.list("/api/v1/nodes")
            }
            self.zones = {
                name: label.get("topology.kubernetes.io/zone", "") for name, label in labels.items()
            }
        with self._lock:
            wanted = {pod["metadata"]["uid"]: pod for pod in pods if self._runs(pod)}
            for uid in set(self.held) - set(wanted):
                self._drop(uid)
            fresh = [uid for uid in wanted if uid not in self.held]
            for uid in fresh:
                self._take(uid, wanted[uid])
            held = [(self.held[uid], wanted[uid]) for uid in wanted]
            self._isolate(wanted)
        list(self._pool.map(lambda pair: self._tend(*pair), held))

    def _isolate(self, wanted: Mapping[str, Mapping[str, Json]]) -> None:
        """What a network plugin does for a policy that lets nothing in or out: here the pod's process neither hears
        nor answers, because it stands still. Policies with rules are not modelled (docs/local-cloud.md)."""
        path = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"
        chosen = [
            p["spec"].get("podSelector", {}).get("matchLabels") or {}
            for p in self.cluster.list(path)
            if {"Ingress", "Egress"} <= set(p["spec"].get("policyTypes") or [])
            and not p["spec"].get("ingress")
            and not p["spec"].get("egress")
        ]
        for uid, pod in wanted.items():
            labels, held = pod["metadata"].get("labels", {}), self.held[uid]
            cut = any(one and one.items() <= labels.items() for one in chosen)
            if held.process is not None and held.process.poll() is None and cut != held.cut:
                held.process.send_signal(signal.SIGSTOP if cut else signal.SIGCONT)
                held.cut = cut

    def _runs(self, pod: Mapping[str, Json]) -> bool:
        zone = self.zones.get(pod["spec"].get("nodeName", ""), "")
        gone = "deletionTimestamp" in pod["metadata"] or zone in self.lost
        return pod["status"].get("phase") == "Running" and bool(pod["status"].get("podIP")) and not gone

    def _take(self, uid: str, pod: Mapping[str, Json]) -> None:
        labels = pod["metadata"].get("labels", {})
        held = Held(
            pod["metadata"]["name"], labels.get("app", ""), self.zones.get(pod["spec"]["nodeName"], "")
        )
        if held.app == "trustlayer-api":
            held.port = free_port()
        elif held.app == "trustlayer-db":
            held.instance = self.instances.get(labels.get("instance", ""))
        self.held[uid] = held

    def _drop(self, uid: str) -> None:
        held = self.held.pop(uid)
        held.ready = False
        if held.process is not None:
            if held.zone not in self.lost:
                held.process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    held.process.wait(0.5)
            held.process.kill()
            held.process.wait()
        if held.instance is not None:
            held.instance.kill()

    def _tend(self, held: Held, pod: Mapping[str, Json]) -> None:
        """Start the pod's process if it does not run, probe it, and tell the API server what changed."""
        if held.instance is not None:
            if not held.instance.alive and held.instance.name not in self.broken:
                with contextlib.suppress(DrError):  # the next look tries again, as a kubelet would
                    env = self._env(pod["spec"]["containers"][0])
                    held.instance.rejoin(env.get("FOLLOW", ""), env.get("GENERATION", ""))
                    held.instance.start()
            good = held.instance.alive and held.instance.sql("SELECT 1") == "1"
        elif held.port:
            if held.process is None or held.process.poll() is not None:
                self._spawn(held, pod)
            good = _healthy(held.port)
        else:
            good = True
        if held.zone in self.lost:
            return
        held.ready = good
        if good != ready(pod):
            self._tell(held, good)

    def _spawn(self, held: Held, pod: Mapping[str, Json]) -> None:
        env = self._env(pod["spec"]["containers"][0])
        if "DATABASE_URL" not in env:
            return  # its secret is not there: a kubelet would not start the container either
        parent = os.getpid()
        with (self.logs / "api.log").open("ab") as sink:
            held.process = subprocess.Popen(  # noqa: S603
                [sys.executable, str(API)], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                env={**os.environ, **env, "PORT": str(held.port), "POD": held.pod},
                preexec_fn=lambda: die_with_parent_of_any_thread(parent),
            )  # fmt: skip

    def _env(self, container: Mapping[str, Json]) -> dict[str, str]:
        """The container's environment: whole secrets first, its own values over them."""
        out: dict[str, str] = {}
        for one in container.get("envFrom") or []:
            name = (one.get("secretRef") or {}).get("name")
            found = self.cluster.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}") if name else None
            for key, value in ((found or {}).get("data") or {}).items():
                out[key] = base64.b64decode(value).decode()
        return {**out, **{one["name"]: str(one.get("value", "")) for one in container.get("env") or []}}

    def _tell(self, held: Held, good: bool) -> None:
        word = "True" if good else "False"
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [
            {"type": kind, "status": word, "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")
        ]
        with contextlib.suppress(DrError):  # the pod may be gone meanwhile
            path = f"{pods_path(NAMESPACE)}/{held.pod}/status"
            self.cluster.patch(
                path, {"status": {"conditions": conditions}}, "application/strategic-merge-patch+json"
            )


def die_with_parent_of_any_thread(parent: int) -> None:
    """A child that must not outlive the server. The kernel's signal comes when the *thread* that forked ends, and
    the pool's threads live as long as the server."""
    die_with_parent(parent)


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
