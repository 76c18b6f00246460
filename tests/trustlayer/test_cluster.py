"""Our client and the zone's drain against a real control plane; kubectl, which nobody here wrote, confirms."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from clouds.kubernetes import deployment_path, pods_path
from clouds.kubernetes_effects import API, FRONTEND, cordon, on_zone, placed, replicas, until
from localcloud.trustlayer.binaries import cluster_path, kubectl_path
from localcloud.trustlayer.control_plane import ControlPlane
from localcloud.trustlayer.manifests import objects
from recovery.errors import Failed, Unobserved

WHY = "the Kubernetes control plane is not built (make cluster)"
pytestmark = [pytest.mark.skipif(not cluster_path().exists(), reason=WHY), pytest.mark.localcloud]
NS = "trustlayer"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with tempfile.TemporaryDirectory(prefix="dr-cluster-", ignore_cleanup_errors=True) as name:
        made = ControlPlane("us-east-1", Path(name) / "east", ("us-east-1a", "us-east-1b", "us-east-1c"))
        try:
            made.start()
            client = made.client()
            for path, body in objects("postgresql://nowhere/trustlayer", 4, 2, {}):
                client.create(path, body)
            assert not until(
                lambda: (
                    [] if len(client.list(pods_path(NS), fields="status.phase=Running")) == 6 else ["pods"]
                )
            )
            yield made
        finally:
            made.stop()


def _kubectl(plane: ControlPlane, *args: str) -> str:
    kubectl = str(kubectl_path()) if kubectl_path().exists() else shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl, neither of the cluster's build nor on PATH")
    command = [kubectl, "--kubeconfig", str(plane.kubeconfig), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command


def test_a_deployment_is_scaled_and_repointed_as_kubectl_would(plane: ControlPlane) -> None:
    """TL-2: kubectl scale and kubectl set env, by the API alone."""
    client = plane.client()
    client.scale(NS, FRONTEND, 3)
    client.set_env(NS, API, "api", {"DATABASE_URL": "postgresql://other/trustlayer"})
    assert replicas(client)[FRONTEND] == 3
    wanted = "{.spec.template.spec.containers[0].env[?(@.name=='DATABASE_URL')].value}"
    assert (
        _kubectl(plane, "get", "deployment", API, "-n", NS, "-o", f"jsonpath={wanted}")
        == "postgresql://other/trustlayer"
    )


def test_an_eviction_that_the_budget_forbids_is_not_taken_for_done(plane: ControlPlane) -> None:
    """No pod is Ready here (no process stands behind them), so the budget lets a Ready one alone go, and says so."""
    client = plane.client()
    pod = client.list(pods_path(NS), f"app={API}")[0]["metadata"]["name"]
    path = f"{pods_path(NS)}/{pod}/status"
    client.patch(
        path,
        {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        "application/strategic-merge-patch+json",
    )
    assert client.evict(NS, pod) is False
    assert client.get(f"{pods_path(NS)}/{pod}") is not None


def test_a_silent_zone_is_drained_and_its_pods_run_elsewhere(plane: ControlPlane) -> None:
    """TL-3, on nodes whose kubelets are stopped: the pods are let go of and placed in the other zones."""
    client, zone = plane.client(), "us-east-1b"
    plane.lose_zone(zone)

    def nodes() -> list[dict[str, object]]:
        return client.list("/api/v1/nodes", f"topology.kubernetes.io/zone={zone}")

    def still_ready() -> list[str]:
        return [
            str(n["metadata"]["name"])
            for n in nodes()
            if any(c["type"] == "Ready" and c["status"] == "True" for c in n["status"]["conditions"])
        ]  # type: ignore[index]

    assert not until(still_ready, 40)
    for node in nodes():
        cordon(client, node)
    for pod in placed(client, {str(n["metadata"]["name"]) for n in nodes()}):  # type: ignore[index]
        client.delete(f"{pods_path(NS)}/{pod}")
    assert not until(lambda: on_zone(client, zone)[0])
    assert on_zone(client, zone)[1] == []
    plane.regain_zone(zone)
    shown = _kubectl(
        plane,
        "get",
        "pods",
        "-n",
        NS,
        "-o",
        "jsonpath={range .items[?(@.status.phase=='Running')]}{.spec.nodeName}{'\\n'}{end}",
    )
    assert shown.split()
    assert not [line for line in shown.split() if zone in line]


def test_what_is_not_there_is_none_and_what_is_refused_is_said(plane: ControlPlane) -> None:
    """404 by name is an answer; a bad request is a failure with the server's own words."""
    client = plane.client()
    assert client.get(deployment_path(NS, "nobody")) is None
    with pytest.raises(Failed, match="Invalid value"):
        client.scale(NS, API, -1)


def test_a_silent_api_server_is_not_observed() -> None:
    """Unknown is a verdict."""
    import ssl

    from clouds.kubernetes import Cluster

    with pytest.raises(Unobserved, match="does not answer"):
        Cluster("gone", "https://127.0.0.1:9", "t", ssl.create_default_context()).list("/api/v1/nodes")


def test_server_side_apply_conflicts_with_another_manager_unless_it_may_win(plane: ControlPlane) -> None:
    """The stacks and the runbooks both set replicas: pulumi.com/patchForce is there for this (docs/adr/0010)."""
    client = plane.client()
    path = deployment_path(NS, FRONTEND)
    body = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": FRONTEND, "namespace": NS}, "spec": {"replicas": 1},
    }  # fmt: skip
    client.apply(path, body, "pulumi-kubernetes-x", force=True)
    _kubectl(plane, "scale", "deployment", FRONTEND, "-n", NS, "--replicas=2")
    with pytest.raises(Failed, match="conflict"):
        client.apply(path, {**body, "spec": {"replicas": 3}}, "pulumi-kubernetes-x", force=False)
    client.apply(path, {**body, "spec": {"replicas": 3}}, "pulumi-kubernetes-x", force=True)
    assert replicas(client)[FRONTEND] == 3
