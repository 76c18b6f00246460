"""The declared resources of site trustlayer as they are: AWS by token, Kubernetes by path, concurrently. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from clouds.aws import declared
from clouds.gates.flag import flagged
from clouds.reads import together
from clouds.trustlayer_site import NAMESPACE, WEST, Site
from recovery.aws.kinds import AWS
from recovery.drift.report import Live
from recovery.errors import DrError
from recovery.model import Desired, Json
from recovery.trustlayer.drift import FLAG_ID, strangers
from recovery.trustlayer.kinds import KUBERNETES, id_of

WATCHED = ("kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:CronJob", "kubernetes:networking.k8s.io/v1:NetworkPolicy",
           "kubernetes:policy/v1:PodDisruptionBudget", "kubernetes:core/v1:ResourceQuota")  # fmt: skip
"""Kinds of which every object of the namespace must be declared: one more could take traffic, or room."""


def read_live(site: Site, wanted: Sequence[Desired]) -> Live:
    """What is there. What could not be read is unknown, with the reason; it is neither equal nor missing."""
    known = [one for one in wanted if one.type in AWS or one.type in KUBERNETES]

    def one(resource: Desired) -> Mapping[str, Json] | None:
        if resource.type in KUBERNETES:
            meta = resource.inputs["metadata"]
            path = KUBERNETES[resource.type].path(str(meta.get("namespace", NAMESPACE)), str(meta["name"]))
            return site.cluster(WEST).get(path)
        return declared.standing(site, resource.type, resource.inputs)

    bodies, unknown = together({resource.id: partial(one, resource) for resource in known})
    if any(one.type.endswith(":TrafficFlag") for one in wanted):
        there = flagged(site)
        if there is None:
            unknown[FLAG_ID] = "the flag's public address does not answer"
        else:
            bodies[FLAG_ID] = {"present": there}
    others: dict[str, Mapping[str, Json]] = {}
    if any(one.type in KUBERNETES for one in known):
        for token in WATCHED:
            row = KUBERNETES[token]
            try:
                found = site.cluster(WEST).list(row.path(NAMESPACE))
            except DrError as error:
                unknown[f"/kubernetes/{WEST}/{row.api}/{row.kind}/{NAMESPACE}"] = error.summary
                continue
            # Lists leave kind and apiVersion out of their items.
            others |= {id_of(token, body): {**body, "kind": row.kind} for body in found}
    return Live(bodies, unknown, strangers([one.id for one in wanted], others))
