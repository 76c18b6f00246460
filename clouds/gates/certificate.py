"""VaultCertificate: the gateway's certificate exists. Its private key is never read.

A gateway with an HTTPS listener cannot be made before its certificate, and azure-native has no resource for
one. So the first up makes a self-signed one where there is none; readiness does not take that for a
certificate (READY-6), and `dr cert renew` replaces it by a real one, as a new version under the same name.
What is there is never overwritten here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clouds.azure.arm import ArmError
from clouds.azure.vaults import Certificate, Certificates
from clouds.gates.world import POLL_SECONDS, World, version
from recovery.errors import Failed, Stopped
from recovery.gates import UNKNOWN
from recovery.model import Json

KIND = "VaultCertificate"
PRESENT, ABSENT, OTHER, DISABLED = "present", "absent", "other-names", "disabled"
TIMEOUT_SECONDS = 900.0
"""Simulated: the deployer's own role on the vault may take ten minutes to work (Azure RBAC, troubleshooting)."""

NO_GATEWAY = "the gateway disables every HTTPS listener whose certificate it cannot read"


def _vault(props: Mapping[str, Json], world: World, timeout: float = 30.0) -> Certificates:
    body = world.arm.get(str(props.get("vaultId", "")), version("keyvault:Vault"))
    return Certificates(body, world.endpoints, timeout)


def _state(found: Certificate | None, props: Mapping[str, Json]) -> str:
    if found is None:
        return ABSENT
    if not found.enabled:
        return DISABLED
    names: Any = props.get("names") or []
    # ``*.demay.com`` among the wanted names must stand there as it is; a host may be covered by a wildcard.
    whole = all(n.lower() in {m.lower() for m in found.names} or found.covers(n) for n in map(str, names))
    return PRESENT if whole else OTHER


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: present, absent, disabled, other-names, or unknown with its reason."""
    try:
        found = _vault(props, world, timeout=2.5 * world.stretch).get(str(props.get("certificateName", "")))
    except ArmError as error:
        return {"observed": ABSENT if error.missing else UNKNOWN, "detail": str(error)}
    except ValueError as error:
        return {"observed": UNKNOWN, "detail": str(error)}
    return {"observed": _state(found, props)}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Anything but a present one. An unknown one differs: ensuring it again is harmless."""
    return bool(old.get("observed") != PRESENT)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Make a self-signed one where there is none, and wait until the vault shows it."""
    name, names = str(props.get("certificateName", "")), [str(n) for n in props.get("names") or []]
    limit = world.limit(float(props.get("timeoutSeconds", TIMEOUT_SECONDS)))
    started, asked, said = world.clock(), False, ""
    while True:
        try:
            vault = _vault(props, world)
            state = _state(vault.get(name), props)
            said = f"{name}: {state}"
            if state == PRESENT:
                world.log.write(KIND, "passed", said, waited=round(world.clock() - started, 3))
                return {"observed": PRESENT}
            if state in (OTHER, DISABLED):
                raise Stopped(
                    f"certificate {name} of {props.get('vaultId')} is {state} (wanted: {', '.join(names)})",
                    f"{NO_GATEWAY}, and a certificate that a person put there is not replaced by this program",
                    "dr cert renew    (or: dr cert import FILE)",
                )
            if not asked:
                vault.create(name, names)
                asked = True
                said = f"{name}: asked for"
            status, reason = vault.pending(name)
            if status in ("failed", "cancelled"):
                raise Failed(
                    f"the vault did not make certificate {name}: {status} {reason}",
                    NO_GATEWAY,
                    "dr cert renew",
                )
        except ArmError as error:
            # 403 while the deployer's role is young, no answer while its name is: both pass by themselves.
            said = str(error)
            if error.status not in (0, 401, 403, 404, 409, 429) and error.status < 500:
                raise Failed(
                    f"certificate {name} cannot be ensured: {error}", NO_GATEWAY, "dr doctor"
                ) from error
        except ValueError as error:
            said = str(error)
        waited = world.clock() - started
        if waited >= limit:
            world.log.write(KIND, "refused", said, waited=round(waited, 3))
            raise Stopped(
                f"after {waited:.0f} s there is no certificate {name}: {said}",
                NO_GATEWAY,
                "dr doctor    (a 403 means no Key Vault Certificates Officer), then run the same command again",
                retry=True,
            )
        world.log.write(KIND, "waiting", said, waited=round(waited, 3))
        world.pause(POLL_SECONDS)
