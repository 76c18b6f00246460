"""What the region offers: sizes with their restrictions, cores in each family's quota, marketplace images.

Constants that `/_local/offers` changes. Shapes: Compute Resource SKUs 2021-07-01, Usage and Virtual Machine Images
2024-11-01. Nothing here makes an allocation fail: it is what readiness asks before the day.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from localcloud.arm.door import Call, Door, Handler
from localcloud.arm.errors import ArmError
from localcloud.effects.scale_sets import ScaleSets

SIZES: dict[str, tuple[str, int]] = {
    "Standard_B2s": ("standardBSFamily", 2), "Standard_B2ms": ("standardBSFamily", 2),
    "Standard_D2s_v5": ("standardDSv5Family", 2), "Standard_D4s_v5": ("standardDSv5Family", 4),
    "Standard_D2as_v5": ("standardDASv5Family", 2),
}  # fmt: skip
"""size -> (quota family, vCPUs), as Azure's size pages say."""

LABELS = {
    "cores": "Total Regional vCPUs", "standardBSFamily": "Standard BS Family vCPUs",
    "standardDSv5Family": "Standard DSv5 Family vCPUs", "standardDASv5Family": "Standard DASv5 Family vCPUs",
}  # fmt: skip
LIMIT = 20
IMAGES = {
    ("canonical", "ubuntu-24_04-lts", "server"): ["24.04.202509030", "24.04.202510110", "24.04.202511120"]
}
LOCATIONS = ("westeurope", "brazilsouth", "eastus")


class Offers:
    """Quotas by family, restrictions by size, image versions."""

    def __init__(self, scale_sets: ScaleSets) -> None:
        self._scale_sets = scale_sets
        self.limits = dict.fromkeys(LABELS, LIMIT)
        self.restrictions: dict[str, str] = {}
        self.images = {key: list(versions) for key, versions in IMAGES.items()}

    async def control(self, request: web.Request) -> web.StreamResponse:
        """GET, and PUT ``{"limits": {family: cores}, "restrictions": {size: reason}, "images": {"p/o/s": [versions]}}``."""
        if request.method == "PUT":
            given: dict[str, Any] = await request.json()
            self.limits |= {k: int(v) for k, v in given.get("limits", {}).items()}
            self.restrictions |= {k: str(v) for k, v in given.get("restrictions", {}).items()}
            self.restrictions = {k: v for k, v in self.restrictions.items() if v}
            for name, versions in given.get("images", {}).items():
                publisher, offer, sku = name.lower().split("/")
                self.images[publisher, offer, sku] = list(versions)
        return web.json_response(
            {"limits": self.limits, "restrictions": self.restrictions,
             "images": {"/".join(k): v for k, v in self.images.items()}}
        )  # fmt: skip

    def handlers(self) -> dict[tuple[str, str], Handler]:
        """The addresses, to be added to the ARM door's special ones."""
        return {
            ("GET", "microsoft.compute/locations/usages"): self._usages,
            ("GET", "microsoft.compute/skus"): self._skus,
            (
                "GET",
                "microsoft.compute/locations/publishers/artifacttypes/offers/skus/versions",
            ): self._versions,
        }

    async def _usages(self, door: Door, call: Call) -> web.Response:
        used = sum(2 for _, one in self._scale_sets.everything() if one.state != "stopping")
        return door.page(
            call,
            [
                {"unit": "Count", "currentValue": used, "limit": self.limits[v], "name": {"value": v, "localizedValue": text}}
                for v, text in LABELS.items()
            ],
        )  # fmt: skip

    async def _skus(self, door: Door, call: Call) -> web.Response:
        wanted = call.query.get("$filter", "").rpartition(" ")[2].strip("'").lower()
        rows = []
        for place in LOCATIONS if not wanted else [one for one in LOCATIONS if one == wanted]:
            for name, (family, cores) in SIZES.items():
                reason = self.restrictions.get(name)
                barred = {"type": "Location", "values": [place], "reasonCode": reason}
                rows.append(
                    {"resourceType": "virtualMachines", "name": name, "tier": "Standard", "size": name.partition("_")[2],
                     "family": family, "locations": [place], "restrictions": [barred] if reason else [],
                     "capabilities": [{"name": "vCPUs", "value": str(cores)}]}
                )  # fmt: skip
        return door.page(call, rows)

    async def _versions(self, door: Door, call: Call) -> web.Response:
        location, publisher, _, offer, sku = (name.lower() for name in call.path.names[:5])
        found = self.images.get((publisher, offer, sku))
        if found is None:
            raise ArmError(
                404, "NotFound", f"Artifact: VMImage was not found: {publisher} {offer} {sku} in {location}."
            )
        # The service answers a plain array here, not a page.
        return web.json_response(
            [
                {"location": location, "name": version, "id": f"{call.path.text}/{version}"}
                for version in found
            ]
        )
