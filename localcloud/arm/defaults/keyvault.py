"""Microsoft.KeyVault/vaults: RBAC, purge protection that nobody takes back, an address for its data plane."""

from __future__ import annotations

import re

from localcloud.arm.defaults.common import Body, Context, defaults, properties, start
from localcloud.arm.errors import bad_request
from localcloud.arm.ids import ArmPath


def vault(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A vault. Purge protection, once on, stays on; soft delete cannot be had without (Microsoft.KeyVault, 2024-11-01)."""
    if not re.fullmatch(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]", path.name):
        raise bad_request(f"The vault name '{path.name}' is invalid.", "VaultNameNotValid")
    body = start(path, given)
    before, props = properties(old), body["properties"]
    for needed in ("tenantId", "sku"):
        if not props.get(needed):
            raise bad_request(f"The parameter properties.{needed} is required.", "InvalidRequest")
    if before.get("enablePurgeProtection") and props.get("enablePurgeProtection") is not True:
        raise bad_request(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is '
            "an irreversible action."
        )
    days = props.get("softDeleteRetentionInDays")
    if old is not None and days is not None and days != before.get("softDeleteRetentionInDays"):
        raise bad_request(
            'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.'
        )
    defaults(
        props,
        {"accessPolicies": [], "enabledForDeployment": False, "enableSoftDelete": True, "softDeleteRetentionInDays": 90,
         "enableRbacAuthorization": False, "publicNetworkAccess": "Enabled"},
    )  # fmt: skip
    props.pop("createMode", None)
    props["vaultUri"] = context.vault_uri(path.name)
    props["provisioningState"] = "Succeeded"
    if before.get("privateEndpointConnections"):
        props["privateEndpointConnections"] = before["privateEndpointConnections"]
    body.setdefault("tags", {})
    return body


FILL = {"microsoft.keyvault/vaults": vault}
