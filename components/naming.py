"""Physical names. Pure functions of settings; no name contains the mode, for both modes share every resource."""

from __future__ import annotations

import uuid
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Every physical name of site image-app. prefix: 3-11 lower-case letters and digits (storage accounts take 24)."""

    prefix: str

    @property
    def group(self) -> str:
        """Resource group."""
        return f"rg-{self.prefix}-dr"

    @property
    def cosmos(self) -> str:
        """Cosmos DB account (globally unique)."""
        return f"cosmos-{self.prefix}-dr"

    @property
    def function_app(self) -> str:
        """Function App of the converter (globally unique)."""
        return f"func-{self.prefix}-converter"

    @property
    def vault(self) -> str:
        """Key Vault (globally unique, 3-24 characters)."""
        return f"kv-{self.prefix}-dr"

    @property
    def registry(self) -> str:
        """The registry of the tool's own image, outside the footprint (`dr init` makes it): group and name."""
        return f"rg-{self.prefix}-ops/providers/Microsoft.ContainerRegistry/registries/cr{self.prefix}dr"

    def storage(self, purpose: str) -> str:
        """Storage account (globally unique, 3-24 lower-case letters and digits). purpose: site, uploads, host, journal."""
        return f"st{self.prefix}{purpose}"

    def of(self, kind: str, what: str = "") -> str:
        """Any other resource: Azure's usual abbreviation, the prefix, and what it is for."""
        return "-".join(part for part in (kind, self.prefix, what) if part)

    def role(self, *parts: str) -> str:
        """Role assignments are named by GUIDs: the same parts give the same one, in every program run."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join((self.prefix, *parts))))
