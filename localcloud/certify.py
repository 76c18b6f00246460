"""A certificate that this cloud's clients trust, put where the program wants one: what `dr cert renew` does elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from clouds.azure.arm import Arm
from clouds.azure.vaults import Certificate
from clouds.certificate import Place, SiteCertificate
from localcloud import LocalCloud
from recovery.certificates import read
from recovery.model import Desired

DAYS = 90.0


def certify(
    cloud: LocalCloud, arm: Arm, wanted: Sequence[Desired], say: Callable[[str], None], days: float = DAYS
) -> Certificate:
    """Issue one by the local authority for the declared names, and import it as a new version.

    The program's first certificate signs itself, so that the gateway can be built; no client trusts it (READY-6,
    VAL-3). Raises BadInput where the program declares none, recovery.errors for what a cloud refuses.
    """
    place = Place.of(wanted)
    made = cloud.control("POST", "certificate", {"names": list(place.names), "days": days})
    offer = read(str(made["certificate"]).encode(), "", str(made["key"]).encode())
    return SiteCertificate(arm, place).put_in(offer, datetime.now(UTC), say, "local")
