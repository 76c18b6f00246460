"""pulumi-aws and pulumi-kubernetes of site trustlayer, for the real Pulumi engine to attach to.

One speaks to AWS's own API (moto here), the other to a real Kubernetes API server by server-side apply, as the real
plug-ins do. What they do not model they refuse in Check, before anything is changed: types that are in no table of
kinds, and a Deployment whose rollout would have to be waited for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clouds.trustlayer_site import NAMESPACE, WEST, Site
from localcloud.aws.provider import AwsCloud
from localcloud.provider import Served, others
from recovery.model import Json
from recovery.trustlayer.kinds import KUBERNETES, object_id


@dataclass
class KubernetesCloud:
    """us-west-2's cluster, by server-side apply: field managers and conflicts are the API server's own."""

    site: Site

    def configure(self, args: Mapping[str, Json]) -> None:
        """Nothing to take over: there is one cluster."""

    def refuses(self, token: str, inputs: Mapping[str, Json]) -> list[tuple[str, str]]:
        """(property, why) of what cannot be done."""
        if token not in KUBERNETES:
            return [("", f"{token} is not modelled (recovery/trustlayer/kinds.py lists what is)")]
        meta = inputs.get("metadata") or {}
        if not meta.get("name"):
            return [("metadata.name", f"{token} needs an explicit name")]
        skip = (meta.get("annotations") or {}).get("pulumi.com/skipAwait")
        if token.endswith(":Deployment") and skip != "true":
            return [("metadata.annotations", "this provider waits for no rollout: pulumi.com/skipAwait")]
        return []

    def fixed(self, token: str) -> Sequence[str]:
        """Inputs whose change is a replacement."""
        return KUBERNETES[token].fixed

    def read(self, token: str, id: str) -> dict[str, Json] | None:
        """As it is, without the API server's own book of who set what."""
        namespace, _, name = id.rpartition("/")
        body = self.site.cluster(WEST).get(KUBERNETES[token].path(namespace or NAMESPACE, name))
        if body is not None:
            body["metadata"].pop("managedFields", None)
        return body

    def importable(self, token: str, now: Mapping[str, Json]) -> dict[str, Json]:
        """What of the live object may stand as inputs."""
        return {key: now[key] for key in ("apiVersion", "kind", "metadata", "spec") if key in now}

    def write(self, token: str, id: str, urn: str, inputs: Mapping[str, Json]) -> str:
        """Apply; another manager's field with another value is a conflict, unless the object says that we win."""
        namespace, _, name = object_id(inputs).rpartition("/")
        notes = (inputs["metadata"].get("annotations") or {}).get("pulumi.com/patchForce")
        manager = f"pulumi-kubernetes-{hashlib.sha256(urn.rpartition('::')[2].encode()).hexdigest()[:8]}"
        row = KUBERNETES[token]
        body = {**inputs, "apiVersion": row.api, "kind": row.kind}
        path = row.path(namespace or NAMESPACE, name)
        self.site.cluster(WEST).apply(path, body, manager, force=notes == "true")
        return object_id(inputs)

    def delete(self, token: str, id: str) -> None:
        """Delete it."""
        namespace, _, name = id.rpartition("/")
        self.site.cluster(WEST).delete(KUBERNETES[token].path(namespace or NAMESPACE, name))


def serve(site: Site) -> Served:
    """Serve both on free ports of loopback, against this site."""
    return others.serve({"aws": AwsCloud(site), "kubernetes": KubernetesCloud(site)})
