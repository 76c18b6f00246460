"""For each check, evidence that is as it must be; the tests break it."""

from __future__ import annotations

from typing import Any

ANSWERS = [
    {"who": who, "known": True, "values": ["203.0.113.10"], "reason": ""}
    for who in ("authority", "Google", "Cloudflare", "OpenDNS")
]
FLOWS = ("site", "uploads", "metadata")

GOOD: dict[str, dict[str, Any]] = {
    "site": {"stored": "ab", "bytes": 12, "answers": [{"where": "the Blob endpoint", "status": 200, "reason": "", "sha256": "ab"}]},
    "cosmos": {
        "provisioning": "Succeeded", "write": "", "read": "", "delete": "", "same": True, "gone": True,
        "container": "images/fragments", "ru": 12.0,
    },
    "converter": {
        "function": "convert_upload", "functions": [{"name": "convert_upload", "disabled": False}], "subscription": "Succeeded",
        "target": "/sites/f/functions/convert_upload", "listens": False, "documents": 0, "waited": 60.0,
    },
    "scale-set": {"provisioning": "Succeeded", "capacity": 0, "wanted": 0, "instances": 0, "size": "Standard_B2s"},
    "gateway": {"provisioning": "Succeeded", "operational": "Running", "rules": 2, "loose": [], "missing": [], "pools": ["api", "site"]},
    "certificate": {
        "listeners": 2, "days": 80.0, "wanted": ["demay.com", "*.demay.com"], "names": ["demay.com", "*.demay.com"],
        "trusted": True, "selfSigned": False, "why": "", "vault": "ab", "served": "ab",
    },
    "contingency-name": {
        "zone": "demay.com", "name": "dr.demay.com", "address": "203.0.113.10", "zoneServers": ["ns1.example", "ns2.example"],
        "parentServers": ["ns2.example", "ns1.example"], "answers": ANSWERS,
    },
    "data-age": {"flows": [{"flow": f, "found": True, "age": 3600.0} for f in FLOWS]},
    "proofs": {
        "flows": [
            {"flow": f, "found": True, "problem": "", "proofs": [{"name": f, "equal": 9, "compared": 9, "holds": True}]} for f in FLOWS
        ]
    },
    "documents": {"missing": [], "refused": [], "looked": 3, "total": 3},
    "drift": {"same": 38, "accepted": 0, "findings": []},
    "preview": {"engine": "direct", "stack": "active", "updates": ["api", "gateway"], "refused": []},
    "handover": {
        "resources": 38, "handedOver": True, "standbyPending": 0, "activePending": 0, "standbyStamp": "1-ab",
        "activeStamp": "1-ab", "absent": [], "gone": [],
    },
    "throughput": {"now": 400, "kind": "manual", "wantedKind": "manual", "target": 4000, "standby": 400, "instant": 10000, "floor": 400, "floorAfter": 400},
    "quota": {
        "size": "Standard_B2s", "location": "brazilsouth", "offered": True, "needed": 4, "restrictions": [],
        "usages": [{"name": "BS Family", "used": 0, "limit": 20}],
    },
    "image": {"found": True, "image": "Canonical ubuntu server", "location": "brazilsouth", "version": "24.04.1"},
    "boot": {
        "script": "ab", "wantedScript": "ab", "account": "st", "container": "artifacts", "name": "api.tar.gz", "known": True,
        "source": "api.tar.gz.sha256", "wanted": "cd", "sha256": "cd", "size": 12, "most": 1024, "there": True, "beside": True,
    },
    "artifact": {"deployed": "ab", "wanted": "ab"},
    "renewal": {"found": True, "issuer": "Unknown", "renews": "dr cert renew renews it by ACME"},
    "journal": {"records": 4, "damage": [], "open": "", "local": "", "remote": ""},
    "outside": {"places": [{"what": "state backend", "where": "azblob://state", "reason": ""}]},
    "approvers": {
        "roles": [{"role": r, "people": [f"{r}@demay"]} for r in ("Tech Lead", "CTO", "Incident Commander", "SRE")], "unprovable": [],
    },
    "channels": {
        "local": False,
        "channels": [
            {"audience": "internal", "name": "chat", "outbox": False, "reason": ""},
            {"audience": "external", "name": "status page", "outbox": False, "reason": ""},
        ],
    },
    "identities": {"checked": 3, "documents": 3, "lacking": [], "excess": []},
    "drill": {"found": True, "run": "failover-1", "outcome": "completed", "age": 86400.0},
    "recovery-time": {"found": True, "run": "failover-1", "seconds": 300.0, "scale": 1.0},
    "dead-man": {
        "alarms": [
            {"name": "Azure", "reason": "", "found": True, "enabled": True, "tells": ["ag"], "firing": False},
            {"name": "AWS", "reason": "", "found": True, "enabled": True, "tells": ["arn"], "firing": False},
        ]
    },
}  # fmt: skip

FOR_PEOPLE = {
    "site.answers.reason", "certificate.selfSigned", "certificate.why", "contingency-name.zone",
    "contingency-name.answers.reason", "drift.accepted", "preview.stack", "throughput.now", "outside.places.reason",
    "certificate.served", "quota.usages.name",
}  # fmt: skip
"""Evidence that a judge reads only when something else is wrong, or that is kept for people alone."""
