"""One Kubernetes control plane on loopback: etcd, API server, controllers, scheduler, and kwok for the nodes of each zone."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from clouds.kubernetes import Cluster
from localcloud.ports import free_port
from localcloud.processes import die_with_parent
from localcloud.trustlayer.binaries import cluster_path
from recovery.errors import Failed
from recovery.model import Json

READY_SECONDS = 120.0
NODES_PER_ZONE = 2
GRACE = "8s"
"""After so long without a heartbeat a node is NotReady: local, so that a lost zone is seen in seconds."""

_STAGES = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-runs}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.podIP, operator: DoesNotExist}
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      - {lastTransitionTime: {{ $now | Quote }}, status: "True", type: Initialized}
      - {lastTransitionTime: {{ $now | Quote }}, status: "False", type: Ready}
      - {lastTransitionTime: {{ $now | Quote }}, status: "False", type: ContainersReady}
      containerStatuses:
      {{ range .spec.containers }}
      - image: {{ .image | Quote }}
        name: {{ .name | Quote }}
        ready: false
        restartCount: 0
        state: {running: {startedAt: {{ $now | Quote }}}}
      {{ end }}
      hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
      podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) | Quote }}
      phase: Running
      startTime: {{ $now | Quote }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-ends}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: Exists}
  next: {finalizers: {empty: true}, delete: true}
"""
"""kwok's own stages call a pod Ready at once; here it is Running, and Ready is for its process to earn."""


@dataclass
class ControlPlane:
    """One cluster. name: its context's name. zones: availability zones, with nodes in each."""

    name: str
    folder: Path
    zones: Sequence[str]
    port: int = field(default_factory=free_port)
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def kubeconfig(self) -> Path:
        """What kubectl takes."""
        return self.folder / "kubeconfig"

    def client(self) -> Cluster:
        """Our own client, by the same file."""
        return Cluster.from_kubeconfig(self.kubeconfig)

    def start(self, again: bool = False) -> None:
        """Bring it up, with its nodes Ready; again: with everything that was in it before. Raises Failed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if again:
            self.children.clear()  # the killed ones
        else:
            self._files()
        etcd, peer = free_port(), free_port()
        url = f"http://127.0.0.1:{etcd}"
        self._spawn(
            "etcd", f"--data-dir={self.folder / 'etcd'}", f"--listen-client-urls={url}", f"--advertise-client-urls={url}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}", "--unsafe-no-fsync", "--log-level=error",
        )  # fmt: skip
        self._spawn(
            "apiserver", f"--etcd-servers={url}", "--bind-address=127.0.0.1", f"--secure-port={self.port}",
            f"--cert-dir={self.folder / 'certs'}", f"--token-auth-file={self.folder / 'tokens'}", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={self.folder / 'sa.key'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}", "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            # kwok's nodes run nothing, so the admission of service account mounts would only add volumes.
            "--disable-admission-plugins=ServiceAccount", "--v=1",
        )  # fmt: skip
        client = self._answering()
        config = f"--kubeconfig={self.kubeconfig}"
        self._spawn(
            "manager", config, f"--service-account-private-key-file={self.folder / 'sa.key'}",
            "--use-service-account-credentials=true", "--leader-elect=false", f"--secure-port={free_port()}",
            "--bind-address=127.0.0.1", f"--cert-dir={self.folder / 'certs-manager'}", f"--node-monitor-grace-period={GRACE}",
            "--node-monitor-period=1s", "--kube-api-qps=200", "--kube-api-burst=300", "--v=1",
        )  # fmt: skip
        self._spawn(
            "scheduler", config, "--leader-elect=false", f"--secure-port={free_port()}", "--bind-address=127.0.0.1",
            f"--cert-dir={self.folder / 'certs-scheduler'}", "--v=1",
        )  # fmt: skip
        for zone in self.zones:
            for number in range(1, NODES_PER_ZONE + 1):
                client.create("/api/v1/nodes", _node(zone, number))
        for index, zone in enumerate(self.zones):
            self.start_zone(zone, index)
        self._until(lambda: all(ready(n) for n in client.list("/api/v1/nodes")), "its nodes are Ready")

    def start_zone(self, zone: str, index: int) -> None:
        """One kwok for the zone's nodes: the kubelets of that zone."""
        self._spawn(
            "kwok", f"--kubeconfig={self.kubeconfig}", f"--config={self.folder / 'stages.yaml'}",
            f"--manage-nodes-with-label-selector=topology.kubernetes.io/zone={zone}", f"--cidr=10.{20 + index}.0.0/24",
            "--node-ip=10.0.0.1", "--node-lease-duration-seconds=6", f"--node-port={free_port()}",
            "--server-address=127.0.0.1:0", name=f"kwok-{zone}",
        )  # fmt: skip

    def lose_zone(self, zone: str) -> None:
        """The zone's kubelets fall silent, as they do when its power fails."""
        self.children[f"kwok-{zone}"].send_signal(signal.SIGSTOP)

    def regain_zone(self, zone: str) -> None:
        """They speak again."""
        self.children[f"kwok-{zone}"].send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to everything: the region is gone."""
        for child in self.children.values():
            child.kill()
        for child in self.children.values():
            child.wait()

    stop = kill

    def _files(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        for name, content in (
            ("sa.key", secret),
            ("tokens", f"{self.token},admin,admin,system:masters\n".encode()),
        ):
            file = self.folder / name
            file.touch(0o600)
            file.write_bytes(content)
        (self.folder / "stages.yaml").write_text(_STAGES)
        server = f"https://127.0.0.1:{self.port}"
        self.kubeconfig.touch(0o600)
        # The API server makes its own certificate at its first start, and the file holds its issuer too.
        self.kubeconfig.write_text(f"""\
apiVersion: v1
kind: Config
current-context: {self.name}
clusters: [{{name: {self.name}, cluster: {{server: "{server}", certificate-authority: "{self.folder / "certs" / "apiserver.crt"}"}}}}]
users: [{{name: admin, user: {{token: "{self.token}"}}}}]
contexts: [{{name: {self.name}, context: {{cluster: {self.name}, user: admin, namespace: trustlayer}}}}]
""")

    def _spawn(self, part: str, *flags: str, name: str = "") -> None:
        parent = os.getpid()
        with (self.folder / f"{name or part}.log").open("ab") as sink:
            self.children[name or part] = subprocess.Popen(  # noqa: S603
                [cluster_path(), part, *flags], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                preexec_fn=lambda: die_with_parent(parent), env={**_environment(), "HOME": str(self.folder)},
            )  # fmt: skip

    def _answering(self) -> Cluster:
        certificate = self.folder / "certs" / "apiserver.crt"
        self._until(certificate.exists, "its API server made a certificate")
        client = self.client()
        self._until(client.healthy, "its API server is ready")
        return client

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not holds():
            dead = next((name for name, child in self.children.items() if child.poll() is not None), "")
            if dead or time.monotonic() > deadline:
                log = self.folder / f"{dead or 'apiserver'}.log"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-6:])
                why = f"{dead} ended" if dead else f"waited {READY_SECONDS:.0f} s"
                raise Failed(
                    f"cluster {self.name}: not so that {what} ({why}):\n{tail}",
                    "the site has no cluster",
                    f"less {log}",
                )
            time.sleep(0.1)


def ready(thing: Mapping[str, Json]) -> bool:
    """The Ready condition of a node or a pod."""
    conditions = thing.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _node(zone: str, number: int) -> dict[str, Json]:
    name = f"node-{zone}-{number}"
    room = {"cpu": "8", "memory": "32Gi", "pods": "40"}
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name, "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": zone[:-1],
                "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
            },
        },
        "status": {"allocatable": room, "capacity": room},
    }  # fmt: skip


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
