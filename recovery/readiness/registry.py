"""Every check, as data: what it proves, how grave it is, what mends it, and the fault that it alone finds.

The README's table and the tests' table of faults are made from this one.
"""

from __future__ import annotations

from recovery.model import Severity
from recovery.readiness.judges import data, day, people, seed
from recovery.readiness.model import Check

C, H, M = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM

CHECKS: tuple[Check, ...] = (
    Check(
        "site", "READY-1", C, "static site",
        "index.html answers 200 at the Blob endpoint, byte for byte the one in `$web`",
        "dr sync site", "index.html deleted from `$web`", seed.site, asks=("arm", "blob", "web"),
    ),
    Check(
        "cosmos", "READY-2", C, "Cosmos DB",
        "a marked document is written, read back, deleted and gone",
        "dr doctor    (then: az cosmosdb show -n ACCOUNT -g GROUP)", "reads do not find what was written", seed.cosmos,
        asks=("arm", "cosmos"),
    ),
    Check(
        "converter", "READY-3", C, "converter",
        "the function is listed, its subscription stands, and a probe upload is left alone (muted)",
        "dr up -s standby", "a forgotten second subscription wakes the muted converter", seed.converter, 60.0,
        asks=("arm", "blob", "cosmos"),
    ),
    Check(
        "scale-set", "READY-4", C, "scale set", "defined, and exactly 0 instances exist",
        "dr up -s standby", "somebody started an instance by hand", seed.scale_set, asks=("arm",),
    ),
    Check(
        "gateway", "READY-5", C, "application gateway",
        "provisioned, running, every rule leads from a listener to a pool",
        "dr up -s standby    (a failed update is repaired by the same update)", "an update of the gateway failed half-way",
        seed.gateway, asks=("arm",),
    ),
    Check(
        "certificate", "READY-6", C, "certificate",
        "a TLS handshake as a client makes it: trusted chain, apex and wildcard named, more than 30 days, the vault's own",
        "dr cert renew", "the certificate ends in 20 days", seed.certificate, asks=("arm", "tls", "vault"),
    ),
    Check(
        "contingency-name", "READY-7", C, "contingency name",
        "the parent delegates to Azure DNS; authority and three resolvers answer the gateway's address",
        "dr up -s standby", "the registrar delegates the zone elsewhere", seed.contingency_name, asks=("arm", "dns"),
    ),
    Check(
        "data-age", "SYNC-5", C, "age of the data", "the newest run of each flow is younger than the RPO",
        "dr sync all", "no run for three days", data.age, asks=("arm", "blob"),
    ),
    Check(
        "proofs", "SYNC-1..3", C, "proofs of the last run", "every proof of the newest run of each flow holds",
        "dr sync all", "the last run's proof of the uploads does not hold", data.proofs, asks=("arm", "blob"),
    ),
    Check(
        "documents", "ACT-3", H, "documents of uploads",
        "the newest uploads all have documents that decode to them",
        "dr sync reconcile", "an upload whose document was deleted", data.documents, 60.0, asks=("arm", "blob", "cosmos"),
    ),
    Check(
        "drift", "DRIFT", C, "drift", "nothing differs from the program that an activation would meet",
        "dr drift -s standby", "a security rule that the program does not know", day.drift, 60.0, asks=("arm", "blob"),
    ),
    Check(
        "preview", "ACT-3", C, "preview of the failover",
        "the failover's own preview holds updates and nothing else",
        "dr preview -s active", "the two settings files differ in more than the mode: one record is in the plan of the failover alone", day.preview, 120.0, asks=("arm",),
    ),
    Check(
        "handover", "ACT-3", C, "hand-over", "the stack active knows the footprint as it is",
        "dr handover standby active", "the footprint changed after the last hand-over", day.handover, asks=("backend",),
    ),
    Check(
        "throughput", "ACT-3", C, "throughput",
        "the failover's RU/s are reachable at once, and the floor allows the way back",
        "dr drift -s standby    (raise standby:database to the floor, or migrate the container)",
        "the floor has risen above what standby wants", day.throughput, asks=("arm",),
    ),
    Check(
        "quota", "ACT-3", C, "compute quota", "the cores fit into every quota, and the size is offered without restriction",
        "az quota update --resource-name FAMILY --scope SCOPE --limit-object value=N", "the family's quota was cut",
        day.quota, asks=("arm",),
    ),
    Check(
        "image", "READY-4", C, "image", "the image that instances boot from is there, in this region",
        "az vm image list --publisher Canonical --all -l LOCATION", "the image was withdrawn", day.image, asks=("arm",),
    ),
    Check(
        "boot", "READY-4", C, "what an instance boots",
        "instances are given the declared init script; the archive that it fetches is fetched from the storage account and has its digest",
        "dr up -s standby", "the API's archive was replaced by another one", day.boot, 60.0, asks=("arm", "blob"),
    ),
    Check(
        "artifact", "READY-4", H, "converter's package", "the converter's deployed package is that of the program",
        "dr up -s standby", "another package was deployed by hand", day.artifact, asks=("arm", "scm"),
    ),
    Check(
        "renewal", "READY-6", H, "renewal", "the certificate renews itself, or `dr cert renew` can",
        "dr cert renew", "nothing renews the certificate", people.renewal, asks=("arm", "vault"),
    ),
    Check(
        "journal", "ACT-1", C, "journal",
        "chain and head intact, no run open, a record really written here and in Azure",
        "dr journal verify", "a line of the journal was edited", day.journal, asks=("arm", "blob"),
    ),
    Check(
        "outside", "ACT-1", C, "nothing of ours in AWS",
        "state backend, secrets provider and images live outside the cloud that may fail",
        "pulumi stack export -s standby | pulumi stack import -s standby    (after: pulumi login azblob://CONTAINER)",
        "the secrets provider is a KMS key in AWS", day.outside, asks=("environment",),
    ),
    Check(
        "approvers", "ACT-1", C, "approvers", "each role has somebody, two roles are two people, every word can be proven",
        "edit standby:people in Pulumi.standby.yaml and Pulumi.active.yaml", "nobody is CTO any more", people.approvers,
        asks=("settings",),
    ),
    Check(
        "channels", "COMM-1", H, "channels", "each channel's server answers",
        "edit standby:channels in Pulumi.standby.yaml and Pulumi.active.yaml", "the chat's server is gone",
        people.channels, asks=("settings", "channels"),
    ),
    Check(
        "identities", "ACT-1", H, "identities",
        "each identity holds what the program gives it in Azure, and on the documents whoever needs them holds it; nothing beside that",
        "dr up -s standby", "the API's identity was made Owner", people.identities, asks=("arm",),
    ),
    Check(
        "drill", "TL-8", M, "last drill", "a drill ended well within a year",
        "dr failover --drill", "the last drill was aborted", people.drill, asks=("journal",),
    ),
    Check(
        "recovery-time", "GOALS", M, "measured recovery time", "the last drill took no longer than the goal",
        "dr report    (of the last drill: which step took the time?)", "the last drill took 40 minutes",
        people.recovery_time, asks=("journal",),
    ),
    Check(
        "dead-man", "SYNC-4", H, "dead man's switch", "the alarms for a run that did not happen are armed, told to somebody, quiet",
        "dr watchdog arm", "the alarm was switched off", people.watched, asks=("arm", "aws"),
    ),
)  # fmt: skip


def named(ids: list[str]) -> tuple[Check, ...]:
    """The checks with these ids, or with this requirement. Raises KeyError with the first that there is not."""
    found: list[Check] = []
    for wanted in ids:
        hits = [c for c in CHECKS if wanted in (c.id, c.requirement)]
        if not hits:
            raise KeyError(wanted)
        found += hits
    return tuple(dict.fromkeys(found))


def table() -> str:
    """The README's table."""
    rows = "".join(
        f"| `{c.id}` | {c.requirement} | {c.severity} | {c.proves} | {c.fault} |\n" for c in CHECKS
    )
    return f"| check | requirement | severity | what `ready` proves | a fault that it alone finds |\n|---|---|---|---|---|\n{rows}"
