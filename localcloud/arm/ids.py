"""ARM paths: taken apart without regard to case, put together in the case that ARM shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from localcloud.arm.errors import ArmError
from recovery.arm.catalogue import CATALOGUE

_CANONICAL: dict[str, str] = {}  # lower-case type segment path -> as ARM writes it
for _row in CATALOGUE.values():
    _CANONICAL[_row.arm_type.lower()] = _row.arm_type
for _known in (
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
    "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/throughputSettings",
    "Microsoft.Network/networkSecurityGroups/securityRules",
    "Microsoft.Network/virtualNetworks/subnets",
    "Microsoft.Network/dnsZones/recordsets",
    "Microsoft.Web/sites/functions",
    "Microsoft.Insights/metrics",
):
    _CANONICAL[_known.lower()] = _known


@dataclass(frozen=True)
class ArmPath:
    """A path below management.azure.com, taken apart.

    group: resource group name as given, None above groups. scope: the prefix before the last ``/providers/``.
    namespace "" means a subscription, a group, or one of their own collections (then `types` holds
    ``resourceGroups`` or ``resources``). A collection has one type more than names.
    """

    subscription: str
    group: str | None
    scope: str
    namespace: str
    types: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def is_collection(self) -> bool:
        """Whether the path names a list (or an action, for POST)."""
        return len(self.types) > len(self.names)

    @cached_property
    def type(self) -> str:
        """``Microsoft.Network/virtualNetworks``; the case of the catalogue where it knows the type."""
        written = "/".join((self.namespace, *self.types))
        known = _CANONICAL.get(written.lower())
        if known is None:
            head, _, last = written.rpartition("/")
            parent = _CANONICAL.get(head.lower())
            known = f"{parent}/{last}" if parent else written
        return known

    @cached_property
    def key(self) -> str:
        """The id in lower case: what the store files it under."""
        return self.text.lower()

    @cached_property
    def text(self) -> str:
        """The id, types in the catalogue's case, names as given."""
        if not self.namespace:
            own = "".join(f"/{t}/{n}" for t, n in zip(self.types, self.names, strict=False))
            return f"{self.scope}{own}"
        namespace, *types = self.type.split("/")
        pairs = "".join(f"/{t}/{n}" for t, n in zip(types, self.names, strict=False))
        tail = f"/{types[-1]}" if self.is_collection else ""
        return f"{self.scope}/providers/{namespace}{pairs}{tail}"

    @property
    def name(self) -> str:
        """The last name."""
        return self.names[-1]

    @property
    def parent(self) -> ArmPath | None:
        """The resource that this one is a child of; None for a top-level resource."""
        if not self.namespace or len(self.types) < 2:
            return None
        names = self.names if self.is_collection else self.names[:-1]
        return ArmPath(self.subscription, self.group, self.scope, self.namespace, self.types[:-1], names)

    @property
    def printed(self) -> str:
        """As error messages print it: ``Microsoft.Network/virtualNetworks/vnet-x``."""
        namespace, *types = self.type.split("/")
        pairs = "/".join(f"{t}/{n}" for t, n in zip(types, self.names, strict=False))
        return f"{namespace}/{pairs}"

    def child(self, kind: str, name: str) -> ArmPath:
        """A child resource of this one."""
        return ArmPath(
            self.subscription,
            self.group,
            self.scope,
            self.namespace,
            (*self.types, kind),
            (*self.names, name),
        )


def parse(path: str) -> ArmPath:
    """Take a path apart. Raises ArmError 404 for what ARM would not route."""
    parts = [p for p in path.split("/") if p]
    lower = [p.lower() for p in parts]
    if not parts or lower[0] != "subscriptions" or len(parts) < 2:
        raise ArmError(404, "InvalidResourceType", f"The path '{path}' is not served here.")
    subscription, group = parts[1], None
    base = f"/subscriptions/{subscription}"
    at = 2
    if len(parts) > 2 and lower[2] == "resourcegroups":
        if len(parts) == 3:
            return ArmPath(subscription, None, base, "", ("resourceGroups",), ())
        group, at = parts[3], 4
    here = f"{base}/resourceGroups/{group}" if group else base
    if len(parts) == at:
        if group:
            return ArmPath(subscription, group, base, "", ("resourceGroups",), (group,))
        return ArmPath(subscription, None, base, "", (), ())
    if lower[at:] == ["resources"]:
        return ArmPath(subscription, group, here, "", ("resources",), ())
    marks = [i for i, p in enumerate(lower) if p == "providers" and i >= at]
    if not marks or marks[0] != at or len(parts) < marks[-1] + 3:
        raise ArmError(404, "InvalidResourceType", f"The path '{path}' is not served here.")
    last = marks[-1]
    scope = here if last == at else parse("/".join(parts[:last])).text
    tail = parts[last + 2 :]
    return ArmPath(subscription, group, scope, parts[last + 1], tuple(tail[0::2]), tuple(tail[1::2]))
