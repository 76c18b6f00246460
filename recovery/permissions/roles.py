"""The roles. Least privilege: what the code calls, and nothing that it might."""

from __future__ import annotations

from recovery.errors import BadInput
from recovery.permissions import parts
from recovery.permissions.aws_statements import (
    ARMED,
    CONTINUOUS,
    FORWARD,
    FREEZE,
    IDENTIFY,
    REVERSE,
    TELL,
    TRIGGERS,
    WATCHED,
)
from recovery.permissions.model import Need, Role
from recovery.permissions.parts import grants

DEPLOYER = Role(
    "deployer", "Standby DR deployer", "who builds and changes the footprint (a person, or CI)",
    ("up", "preview", "handover", "drift", "desired", "resume", "doctor"), Need.GROUP_OR_SUBSCRIPTION,
    actions=(
        *parts.LOOK,
        *grants("the footprint is declared", *(f"{kind}/write" for kind in parts.kinds())),
        *grants("a throughput that refresh can read", "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/throughputSettings/write"),
        *grants("the converter's package is deployed", "Microsoft.Web/sites/publish/action"),
        *grants("a repaired footprint may need what Azure holds as two resources", "Microsoft.Network/dnsZones/CNAME/delete", "Microsoft.Network/dnsZones/A/delete"),
        *parts.JOIN, *parts.SIGNED_URLS,
    ),
    data=(*parts.BLOBS_READ, *parts.BLOBS_WRITE, *parts.CERTIFICATE_READ, *parts.CERTIFICATE_WRITE, *parts.STATE_KEY),
    notes=(
        "It may assign roles, so its own assignment carries a condition: only the roles that the program assigns.",
        "It deletes nothing but a record: every resource is protected, and the way out is the remover's.",
    ),
)  # fmt: skip

OPERATOR = Role(
    "operator", "Standby DR operator", "who fails over and back (Tech Lead, DevOps, SRE)",
    ("up", "preview", "handover", "drift", "status", "failover", "rollback", "resume", "pause", "abort", "skip", "sync", "precheck", "cert", "in-azure", "doctor"),
    Need.GROUP,
    actions=(
        *parts.LOOK, *parts.DIALS, *parts.DIAL_JOINS, *parts.CHALLENGE, *parts.SIGNED_URLS, *parts.RUN_INSIDE,
    ),
    data=(
        *parts.BLOBS_READ, *parts.BLOBS_WRITE, *parts.BLOBS_DELETE, *parts.CERTIFICATE_READ, *parts.CERTIFICATE_WRITE,
        *parts.STATE_KEY,
    ),
    documents=parts.DOCUMENTS,
    aws=(*IDENTIFY, *FORWARD, *TELL, *CONTINUOUS, *REVERSE, *FREEZE, *TRIGGERS, *ARMED, *WATCHED),
    notes=("It turns dials; it creates and deletes nothing that is declared.",),
)  # fmt: skip

SYNC = Role(
    "sync", "Standby DR sync job", "the scheduled and the continuous sync (a managed identity)",
    ("sync",), Need.GROUP,
    actions=(
        *parts.ASK,
        *grants(
            "where the data lives in Azure is asked, not guessed", "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Storage/storageAccounts/read", "Microsoft.DocumentDB/databaseAccounts/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        ),
        *grants("the import keeps to the container's budget", "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/throughputSettings/read"),
        *parts.SIGNED_URLS,
    ),
    data=(*parts.BLOBS_READ, *parts.BLOBS_WRITE, *parts.BLOBS_DELETE),
    documents=parts.DOCUMENTS,
    aws=(*IDENTIFY, *FORWARD, *TELL, *CONTINUOUS, *REVERSE),
    notes=("Its AWS role trusts the Azure identity's token; it holds no key (dr init, stack source).",),
)  # fmt: skip

READINESS = Role(
    "readiness", "Standby DR readiness", "the monthly validation (a schedule) and who looks",
    ("ready", "doctor", "drift", "status", "precheck", "cert"), Need.GROUP,
    actions=(
        *parts.LOOK, *parts.CHALLENGE,
        *grants("the dead man's switch fires or not", "Microsoft.AlertsManagement/alerts/read"),
    ),
    data=(*parts.BLOBS_READ, *parts.BLOBS_WRITE, *parts.BLOBS_DELETE, *parts.CERTIFICATE_READ, *parts.CERTIFICATE_WRITE),
    documents=parts.DOCUMENTS,
    aws=(*IDENTIFY, *WATCHED),
    notes=(
        "It writes its report, one probe document and one probe upload which it takes away again (READY-2, READY-3), and a certificate that is due (READY-6).",
        "Nothing that it may do moves traffic, capacity or data.",
    ),
)  # fmt: skip

APPROVER = Role(
    "approver", "Standby DR approver", "who approves (CTO, Tech Lead, Incident Commander), from any machine",
    ("approve", "status", "journal", "doctor"), Need.JOURNAL,
    actions=(
        *parts.ASK,
        *grants(
            "the journal's account is found", "Microsoft.Storage/storageAccounts/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        ),
    ),
    data=(*parts.BLOBS_READ, *parts.BLOBS_WRITE),
    notes=("It leaves signed words in the journal; what is done with them is the operator's run.",),
)  # fmt: skip

REMOVER = Role(
    "remover", "Standby DR remover", "who takes the standby down; assigned for the day, and taken away again",
    ("teardown", "doctor"), Need.GROUP,
    actions=(
        *parts.LOOK,
        *grants("the way out", *(f"{kind}/delete" for kind in parts.kinds() if kind != "Microsoft.Resources/tags")),
        *grants("a lock stands in the way of a deletion", "Microsoft.Authorization/locks/read", "Microsoft.Authorization/locks/delete"),
    ),
    data=(*parts.BLOBS_READ, *parts.BLOBS_WRITE),
    notes=("It makes and changes nothing: its only writes are the two-stack lock's.",),
)  # fmt: skip

LOOKER = Role(
    "looker", "Standby DR looker", "granted by itself with operator and readiness: what lies above every group",
    ("ready", "doctor", "precheck"), Need.SUBSCRIPTION,
    actions=parts.ABOVE,
    notes=("It reads figures of the region and who has which role; nothing of any resource.",),
    comes_with=("operator", "readiness"),
)  # fmt: skip

ROLES: tuple[Role, ...] = (DEPLOYER, OPERATOR, SYNC, READINESS, APPROVER, REMOVER, LOOKER)


def role(key: str) -> Role:
    """A role by its key. Raises BadInput with the keys there are."""
    for one in ROLES:
        if one.key == key:
            return one
    raise BadInput(
        f"there is no role {key!r} (known: {', '.join(r.key for r in ROLES)})",
        "a permission is given by name, never guessed",
        "less docs/permissions.md",
    )
