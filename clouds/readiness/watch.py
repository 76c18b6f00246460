"""The dead man's switch and the certificate's renewal, as the two clouds say them.

The switch: every scheduled run that ends writes a heartbeat, and only while the monthly check is not overdue. Two days
without one raise an alarm in both clouds: in Azure a log search rule over the journal account's own log of writes
(made through azure-mgmt-monitor), in AWS a CloudWatch alarm that treats missing data as breaching (SYNC-4).
"""

from __future__ import annotations

from typing import Any

from clouds.readiness.world import ReadyWorld
from recovery.model import Json

Evidence = dict[str, Json]


def alarms(world: ReadyWorld) -> Evidence:
    """Both alarms: there, enabled, told to somebody, quiet."""
    from clouds import watchdog

    return {"alarms": [watchdog.azure_state(world), watchdog.aws_state(world)]}


def renewal(world: ReadyWorld) -> Evidence:
    """The certificate's policy in the vault: its issuer, and what renews it."""
    from clouds.azure.arm import ArmError
    from clouds.readiness.edge import vault_certificate
    from recovery.readiness.model import UnseenError

    declared = vault_certificate(world)
    if declared is None:
        return {"found": False}
    vault, name = declared
    try:
        bundle: dict[str, Any] = vault.call("GET", f"certificates/{name}")
    except ArmError as error:
        if error.status == 404 and error.code == "CertificateNotFound":
            return {"found": False}
        raise UnseenError(f"the vault's certificate {name}: {error}") from error
    policy = bundle["policy"]
    issuer = str((policy.get("issuer") or {}).get("name") or "Unknown")
    return {"found": True, "issuer": issuer, "renews": _renews(policy, issuer, bundle)}


RENEWED_BY_VAULT = ("digicert", "globalsign")
"""The authorities that Key Vault itself asks for a new version (Key Vault, certificate creation methods)."""

RENEWAL_TAG = "renewal"
"""Tag of a version that `dr cert renew` obtained by ACME, and so can obtain again (clouds.certificate)."""


def _renews(policy: dict[str, Any], issuer: str, bundle: dict[str, Any]) -> str:
    """Who renews it, in words; "" when nobody does."""
    automatic = any(
        (one.get("action") or {}).get("action_type") == "AutoRenew"
        for one in policy.get("lifetime_actions") or []
    )
    if automatic and issuer.lower() in RENEWED_BY_VAULT:
        return "the vault renews it with its authority"
    if (bundle.get("tags") or {}).get(RENEWAL_TAG) == "acme":
        return "dr cert renew renews it by ACME (weekly, by the schedule)"
    return ""
