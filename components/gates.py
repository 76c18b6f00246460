"""Dynamic resources: what azure-native cannot read, and the gates that hold the order of a switch.

Module and class names are frozen: checkpoints pickle the provider classes by reference (docs/adr, gates observe).
The providers are stateless, take no arguments and read every property with a default, because new code meets old
checkpoints. They import `clouds.gates` inside the methods: the program itself never touches the world.
A gate's state is what it observes, never the mode: an echoed mode fires on the first switch alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult


class _Provider(ResourceProvider):
    """The five methods, over the three functions of clouds.gates. kind: the gate's name there."""

    kind = ""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Creating is passing the gate too: a lost state must not be a way round it."""
        from clouds import gates

        return CreateResult(f"gate:{self.kind}", gates.apply(self.kind, props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What is observed now."""
        from clouds import gates

        return ReadResult(id_, gates.read(self.kind, props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Observed against wanted."""
        from clouds import gates

        return DiffResult(changes=gates.differs(self.kind, _olds, _news))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Wait for, or bring about, what is wanted; raise with the figures when it does not come."""
        from clouds import gates

        return UpdateResult(gates.apply(self.kind, _news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """A gate is no thing in the cloud: forgetting it deletes nothing."""


class CosmosThroughputProvider(_Provider):
    """`throughputSettings/default` of a container: azure-native has no resource for it (pulumi-azure-native#1787)."""

    kind = "CosmosThroughput"


class HealthGateProvider(_Provider):
    """Holds the traffic records until exactly N API backends and the site backend are healthy (ACT-4)."""

    kind = "HealthGate"


class ReturnGateProvider(_Provider):
    """Holds the way back until the primary answers (BACK-3)."""

    kind = "ReturnGate"


class DrainGateProvider(_Provider):
    """Holds the scale-down until traffic has left (BACK-5), and its last writes with it (BACK-2)."""

    kind = "DrainGate"


class DirectionFenceProvider(_Provider):
    """Stops the data's way from AWS to Azure before the traffic records move (ACT-3)."""

    kind = "DirectionFence"


class ConverterPackageProvider(_Provider):
    """The converter's deployed code, by hash: Flex Consumption has no resource for it (READY-3)."""

    kind = "ConverterPackage"


class VaultCertificateProvider(_Provider):
    """The gateway's certificate, by name: certificates are data plane, and azure-native has no resource for them."""

    kind = "VaultCertificate"


class TableStreamProvider(_Provider):
    """The primary's table: stream and recovery on, what it has already untouched."""

    kind = "TableStream"


class BucketEventsProvider(_Provider):
    """The primary's bucket: our queue among whatever it tells already."""

    kind = "BucketEvents"


class SiteGateProvider(_Provider):
    """Site trustlayer: holds the traffic flag until us-west-2's api pods are Ready and its database takes a write (TL-4)."""

    kind = "SiteGate"


class TrafficFlagProvider(_Provider):
    """Site trustlayer: the flag object in us-west-2 that the inverted health check reads (TL-4)."""

    kind = "TrafficFlag"


Props = Mapping[str, Any]


class CosmosThroughput(Resource, module="gates", name="CosmosThroughput"):
    """props: containerId, throughput (RU/s), throughputKind (manual or autoscale)."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(CosmosThroughputProvider(), name, dict(props), opts)


class HealthGate(Resource, module="gates", name="HealthGate"):
    """props: want (healthy or any), gatewayId, apiPool, sitePool, instances, timeoutSeconds."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(HealthGateProvider(), name, dict(props), opts)


class ReturnGate(Resource, module="gates", name="ReturnGate"):
    """props: want (clear or any), zoneId, records, primaryAddresses, primaryHosts, gatewayPublicIpId, journalAccountId,
    consecutive, timeoutSeconds."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ReturnGateProvider(), name, dict(props), opts)


class DrainGate(Resource, module="gates", name="DrainGate"):
    """props: want (drained or any), gatewayId, gatewayPublicIpId, scaleSetId, names, journalAccountId, quietSeconds,
    timeoutSeconds."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(DrainGateProvider(), name, dict(props), opts)


class DirectionFence(Resource, module="gates", name="DirectionFence"):
    """props: want (fenced or any), journalAccountId."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(DirectionFenceProvider(), name, dict(props), opts)


class ConverterPackage(Resource, module="gates", name="ConverterPackage"):
    """props: siteId, functionName, packageHash, packagePath."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ConverterPackageProvider(), name, dict(props), opts)


class SiteGate(Resource, module="gates", name="SiteGate"):
    """props: want (ready, returned or any), api (pods), timeoutSeconds."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(SiteGateProvider(), name, dict(props), opts)


class VaultCertificate(Resource, module="gates", name="VaultCertificate"):
    """props: vaultId, certificateName, names (apex and wildcard). The private key is nobody's business here."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(VaultCertificateProvider(), name, dict(props), opts)


class TrafficFlag(Resource, module="gates", name="TrafficFlag"):
    """props: want (set, missing or any), timeoutSeconds."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TrafficFlagProvider(), name, dict(props), opts)


class TableStream(Resource, module="gates", name="TableStream"):
    """Stack source. props: table, region."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TableStreamProvider(), name, dict(props), opts)


class BucketEvents(Resource, module="gates", name="BucketEvents"):
    """Stack source. props: bucket, queueArn, region."""

    def __init__(self, name: str, props: Props, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(BucketEventsProvider(), name, dict(props), opts)
