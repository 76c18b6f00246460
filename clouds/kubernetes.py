"""A Kubernetes cluster through its REST API: get, list, patch, evict; what kubectl does, without kubectl.

Credentials come from a kubeconfig: a bearer token, or a command that prints one (`exec`, as `aws eks get-token`).
"""

from __future__ import annotations

import importlib
import json
import os
import ssl
import subprocess
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from recovery.errors import BadInput, Failed, Unobserved
from recovery.model import Json

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Cluster:
    """One cluster. name: its context. Every call raises Unobserved when the API server does not answer within
    `timeout` seconds, and Failed when it refuses; 404 is None where a thing is asked for by name."""

    def __init__(
        self, name: str, server: str, token: str, trust: ssl.SSLContext, timeout: float = 5.0
    ) -> None:
        self.name = name
        self._http = httpx.Client(
            base_url=server,
            headers={"Authorization": f"Bearer {token}"},
            verify=trust,
            timeout=timeout,
            trust_env=False,
        )
        # Clients are made where they are needed and forgotten: their connections are closed with them.
        weakref.finalize(self, self._http.close)

    @classmethod
    def from_kubeconfig(cls, path: Path, context: str = "", timeout: float = 5.0) -> Cluster:
        """By a kubeconfig's context (the current one when empty). Raises BadInput when it cannot be used."""
        yaml = importlib.import_module("yaml")  # comes with pulumi; its types do not
        try:
            config = yaml.safe_load(path.read_text())
            chosen = context or config["current-context"]
            pair = _named(config["contexts"], chosen)["context"]
            cluster = _named(config["clusters"], pair["cluster"])["cluster"]
            user = _named(config["users"], pair["user"])["user"]
            trust = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
            return cls(chosen, cluster["server"], _token(user), trust, timeout)
        except (OSError, KeyError, TypeError, StopIteration, ssl.SSLError, yaml.YAMLError) as exc:
            raise BadInput(
                f"the kubeconfig {path} cannot be used: {type(exc).__name__}: {exc}",
                "the cluster cannot be reached without it",
                f"kubectl --kubeconfig {path} config view",
            ) from exc

    def healthy(self) -> bool:
        """Does the API server call itself ready?"""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str) -> dict[str, Json] | None:
        """One object; None when there is none."""
        answer = self._call("GET", path)
        return None if answer.status_code == 404 else self._good(answer)

    def list(self, path: str, labels: str = "", fields: str = "") -> list[dict[str, Json]]:
        """All objects of a collection, page by page. labels, fields: selectors."""
        query = {"limit": "500"}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        found: list[dict[str, Json]] = []
        while True:
            page = self._good(self._call("GET", path, params=query))
            found += page["items"]
            mark = page["metadata"].get("continue")
            if not mark:
                return found
            query["continue"] = mark

    def create(self, path: str, body: Mapping[str, Json]) -> dict[str, Json]:
        """A new object; the one that is there already where there is one of that name."""
        answer = self._call(
            "POST", path, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        if answer.status_code == 409:
            return self.get(f"{path}/{body['metadata']['name']}") or dict(body)
        return self._good(answer)

    def patch(self, path: str, body: Mapping[str, Json], kind: str = MERGE) -> dict[str, Json]:
        """Change an object."""
        return self._good(self._call("PATCH", path, content=json.dumps(body), headers={"Content-Type": kind}))

    def apply(self, path: str, body: Mapping[str, Json], manager: str, *, force: bool) -> dict[str, Json]:
        """Server-side apply: create, or change what `manager` sets. Without force, a field that another manager set
        to another value is a conflict, which raises Failed."""
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        return self._good(self._call("PATCH", path, params=query, content=json.dumps(body), headers=headers))

    def delete(self, path: str, grace: int | None = None) -> None:
        """Delete an object; none is as good. grace: seconds."""
        query = {} if grace is None else {"gracePeriodSeconds": str(grace)}
        answer = self._call("DELETE", path, params=query)
        if answer.status_code != 404:
            self._good(answer)

    def evict(self, namespace: str, pod: str) -> bool:
        """Ask for a pod's eviction. False: its disruption budget does not allow it now."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
        answer = self._call(
            "POST", path, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        if answer.status_code in (404, 429):
            return answer.status_code == 404
        self._good(answer)
        return True

    def scale(self, namespace: str, deployment: str, replicas: int) -> None:
        """Set a deployment's replicas (its scale subresource alone)."""
        self.patch(f"{deployment_path(namespace, deployment)}/scale", {"spec": {"replicas": replicas}})

    def restart(self, namespace: str, deployment: str) -> None:
        """A rolling restart, by the annotation that `kubectl rollout restart` sets."""
        stamp = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat(timespec="seconds")}
        self.patch(
            deployment_path(namespace, deployment),
            {"spec": {"template": {"metadata": {"annotations": stamp}}}},
        )

    def set_env(self, namespace: str, deployment: str, container: str, values: Mapping[str, str]) -> None:
        """Set environment variables of a container; a change rolls the deployment out anew."""
        env = [{"name": key, "value": value} for key, value in values.items()]
        spec = {"template": {"spec": {"containers": [{"name": container, "env": env}]}}}
        self.patch(deployment_path(namespace, deployment), {"spec": spec}, STRATEGIC)

    def _call(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **more)
        except httpx.HTTPError as exc:
            raise Unobserved(
                f"the API server of {self.name} does not answer {method} {path}: {type(exc).__name__}",
                "what runs in the cluster cannot be known or changed",
                f"kubectl --context {self.name} get --raw /readyz",
                retry=True,
            ) from exc

    def _good(self, answer: httpx.Response) -> dict[str, Json]:
        if answer.is_success:
            return dict(answer.json())
        try:
            said = str(answer.json().get("message", ""))
        except ValueError:
            said = answer.text[:200]
        raise Failed(
            f"{self.name} refused {answer.request.method} {answer.request.url.path}: {answer.status_code} {said}",
            "the cluster is not as the step needs it",
            f"kubectl --context {self.name} auth whoami",
            retry=answer.status_code in (409, 429, 500, 503),
        )


def deployment_path(namespace: str, name: str) -> str:
    """A deployment's path in the API."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def pods_path(namespace: str) -> str:
    """A namespace's pods."""
    return f"/api/v1/namespaces/{namespace}/pods"


def _named(entries: list[dict[str, Json]], name: str) -> dict[str, Json]:
    return next(entry for entry in entries if entry["name"] == name)


def _token(user: Mapping[str, Json]) -> str:
    if "token" in user:
        return str(user["token"])
    wanted = user["exec"]
    env = {**os.environ, **{one["name"]: one["value"] for one in wanted.get("env") or []}}
    done = subprocess.run(  # noqa: S603  the operator's own kubeconfig names the command
        [wanted["command"], *(wanted.get("args") or [])],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        timeout=30,
    )
    if done.returncode:
        raise KeyError(f"{wanted['command']} ended {done.returncode}")
    return str(json.loads(done.stdout)["status"]["token"])
