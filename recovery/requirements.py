"""Every requirement of the two recovery plans, in one line each, and the command that shows it on the local cloud.

The plans' own texts are longer; these lines say what is checked. An id is *met* when its command shows it and a
test whose docstring carries the id fails when it is broken (`tests/test_requirements.py` looks for those tests).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Requirement:
    """id: as in the plans' numbering. what: what must hold. shown_by: a command on the local cloud that shows it."""

    id: str
    what: str
    shown_by: str


IMAGE_APP = (
    Requirement(
        "SYNC-1",
        "the static site goes S3 → `$web`, changed replaced, obsolete deleted; counts, bytes and pages proven",
        "dr sync site",
    ),
    Requirement(
        "SYNC-2",
        "uploads go private → private and are never deleted; the last ones' content hashes equal",
        "dr sync uploads",
    ),
    Requirement(
        "SYNC-3",
        "metadata go DynamoDB → Cosmos by export, conversion and bulk import; counts and a sample of hashes equal",
        "dr sync metadata",
    ),
    Requirement(
        "SYNC-4",
        "an alarm after two failed days running; logs and errors in Azure Monitor",
        "dr ready -s standby",
    ),
    Requirement(
        "SYNC-5",
        "the sync runs by itself every day, on a schedule that does not live in AWS",
        "dr desired -s standby",
    ),
    Requirement("READY-1", "the static site answers 200 from the Blob endpoint", "dr ready -s standby"),
    Requirement("READY-2", "Cosmos is up, reachable, read and written", "dr ready -s standby"),
    Requirement(
        "READY-3", "the converter is deployed, listed, and its trigger configured", "dr ready -s standby"
    ),
    Requirement(
        "READY-4",
        "the scale set is defined, its image and script available, its capacity exactly 0",
        "dr ready -s standby",
    ),
    Requirement(
        "READY-5", "the gateway is provisioned, operational and ready for backends", "dr ready -s standby"
    ),
    Requirement(
        "READY-6",
        "the wildcard certificate is valid > 30 days and bound to the gateway; else renewal begins",
        "dr cert status",
    ),
    Requirement("READY-7", "the contingency name points at the gateway", "dr ready -s standby"),
    Requirement(
        "READY-8",
        "a monthly report with each result; a failure's trail to its repair or its escalation",
        "dr ready -s standby --format html",
    ),
    Requirement(
        "ACT-1",
        "declaration: one message on all channels, the war room, a checkpoint before anything changes",
        "dr failover",
    ),
    Requirement(
        "ACT-2", "uploads blocked, final sync, ≥ 95 % confirmed or the right person decides", "dr failover"
    ),
    Requirement("ACT-3", "throughput, instances, backends and converter up, each seen to be", "dr failover"),
    Requirement(
        "ACT-4", "traffic moves only after health and the word; three resolvers see it", "dr failover"
    ),
    Requirement("VAL-1", "smoke: health, site, backends, names", "dr failover"),
    Requirement("VAL-2", "end to end: an uploaded image becomes documents that decode to it", "dr failover"),
    Requirement("VAL-3", "certificate, telemetry, throughput and uploads seen", "dr failover"),
    Requirement("BACK-1", "the way back is approved by two, on evidence that AWS is healthy", "dr rollback"),
    Requirement(
        "BACK-2",
        "what was written in Azure is in AWS, proven, before traffic returns",
        "dr sync all --reverse",
    ),
    Requirement("BACK-3", "the primary's endpoints answer 200", "dr rollback"),
    Requirement(
        "BACK-4", "names go back with a low TTL, and nothing breaks while resolvers converge", "make rehearse"
    ),
    Requirement("BACK-5", "capacity goes only when traffic has gone", "make rehearse"),
    Requirement("BACK-6", "post-rollback report within 24 h", "dr report"),
    Requirement("COMM-1", "internal alert, status updates with the next time", "dr announce --preview"),
    Requirement(
        "COMM-2",
        "three external milestones, approved by the CTO, recorded with their times",
        "dr announce --preview",
    ),
    Requirement("COMM-3", "stabilisation message; post-incident report within 48 h", "dr report"),
)

TRUSTLAYER = (
    Requirement("TL-1", "level 1: one component", "make rehearse-trustlayer"),
    Requirement("TL-2", "level 2: a service, database or API", "make rehearse-trustlayer"),
    Requirement("TL-3", "level 3: a zone", "make rehearse-trustlayer"),
    Requirement("TL-4", "level 4: the region", "make rehearse-trustlayer"),
    Requirement("TL-5", "level 5: total loss, restored from the dated backup", "make rehearse-trustlayer"),
    Requirement(
        "TL-6",
        "runbooks in one structure, Database Down among them",
        "dr runbook show trustlayer-database-down",
    ),
    Requirement("TL-7", "incident status document and channels with their frequencies", "dr recover"),
    Requirement("TL-8", "the plan of DR tests: due, done, with what result", "dr tests due"),
    Requirement("TL-9", "one pod killed on purpose, and its recovery verified", "dr chaos pod"),
)

ALL = IMAGE_APP + TRUSTLAYER
