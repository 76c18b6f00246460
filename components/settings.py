"""Typed, validated settings: read once, frozen, passed down. The one place that reads configuration.

Two ways in: `from_pulumi()` inside the program, `from_files()` for `dr`, which checks the files before any engine starts.
Both report every problem at once, each with file and key, and change nothing.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.naming import Names
from components.schema import PROJECT, SettingsError, checked, meant

if TYPE_CHECKING:
    from components.image_app.source.settings import SourceSide

CONVERTER = Path(__file__).parent / "image_app" / "converter_app"


class Mode(StrEnum):
    """Which of the two desired modes of the one footprint."""

    STANDBY = "standby"
    ACTIVE = "active"


class Profile(StrEnum):
    """production: what is kept cannot be taken back. trial: purge protection and retention stay off, to be thrown away."""

    PRODUCTION = "production"
    TRIAL = "trial"


class Direction(StrEnum):
    """Which way the data should flow (the journal decides whether it does)."""

    FORWARD = "forward"
    REVERSE = "reverse"


@dataclass(frozen=True)
class Dials:
    """Everything that a mode changes. Nothing else may depend on the mode (design: two stacks, one footprint).

    instances: VMSS capacity. throughput: RU/s. gateway_minimum: capacity units. converter_listens: False mutes it.
    traffic_to_azure: where the public records point. direction: of the data. tag: on the resource group alone.
    """

    instances: int
    throughput: int
    gateway_minimum: int
    converter_listens: bool
    traffic_to_azure: bool
    direction: Direction
    tag: str


@dataclass(frozen=True)
class Dns:
    """domain: the zone. ttl: seconds. api, site, contingency: labels below the domain."""

    domain: str
    ttl: int
    api: str
    site: str
    contingency: str


@dataclass(frozen=True)
class Primary:
    """The AWS side as the public sees it: static apex addresses, CNAME targets, the health path of the API."""

    apex_addresses: tuple[str, ...]
    api_host: str
    site_host: str
    health_path: str


@dataclass(frozen=True)
class Image:
    """A marketplace image, or by `id` one of our own from a gallery (then the rest is empty)."""

    publisher: str = ""
    offer: str = ""
    sku: str = ""
    version: str = ""
    id: str = ""


@dataclass(frozen=True)
class Api:
    """The API's scale set. instances: in mode active. port: of the API on each instance. artifact: the blob that an
    instance installs; artifact_sha256: its digest, "" for the one that lies beside it."""

    instances: int
    vm_size: str
    admin_user: str
    ssh_public_key: str
    port: int
    health_path: str
    zones: tuple[str, ...]
    image: Image
    artifact: str
    artifact_sha256: str


@dataclass(frozen=True)
class Database:
    """Cosmos DB. Throughputs in RU/s; the kind is one in both modes (ARM cannot switch manual and autoscale)."""

    throughput_kind: str
    standby_throughput: int
    active_throughput: int
    database: str
    container: str
    partition_key: str


@dataclass(frozen=True)
class Gateway:
    """Application Gateway: minimum capacity units in each mode, the maximum, its certificate: by name in our own vault,
    or by a versionless secret id in another one."""

    standby_capacity: int
    active_capacity: int
    max_capacity: int
    certificate_secret_id: str
    certificate_name: str


@dataclass(frozen=True)
class Gates:
    """Limits of the gates, in seconds, and how many answers of the primary in a row count as up."""

    health_timeout: int
    return_timeout: int
    drain_timeout: int
    quiet: int
    consecutive: int


@dataclass(frozen=True)
class Monitoring:
    """emails: who is told. retention_days: of the logs."""

    emails: tuple[str, ...]
    retention_days: int


@dataclass(frozen=True)
class Sync:
    """The sync's own workloads. image: by digest. schedule: cron, UTC. role: what it becomes in AWS."""

    image: str
    schedule: str
    role: str


@dataclass(frozen=True)
class Source:
    """The primary's data, by its names in AWS: what the sync reads and, in reverse, writes."""

    region: str
    site_bucket: str
    uploads_bucket: str
    export_bucket: str
    table: str
    queue: str
    partition_key: str
    sort_key: str


@dataclass(frozen=True)
class Settings:
    """All of a stack's settings. Cannot be built from invalid input."""

    site: str
    mode: Mode
    location: str
    names: Names
    dns: Dns
    primary: Primary
    api: Api
    database: Database
    gateway: Gateway
    gates: Gates
    source: Source
    profile: Profile
    operators: tuple[str, ...]
    monitoring: Monitoring
    sync: Sync
    tags: tuple[tuple[str, str], ...]
    package_hash: str
    aws_account: str = ""
    audience: str = ""
    """Where the sync goes and what its token is for, from the environment (AWS_ACCOUNT_ID, DR_FEDERATION_AUDIENCE, in
    the file that dr init writes): no account number stands in a stack file. No part of the stamp: a shell without them
    must not stop a failover."""

    @property
    def active(self) -> bool:
        """Is this the active mode?"""
        return self.mode is Mode.ACTIVE

    @property
    def dials(self) -> Dials:
        """What the mode wants of each dial."""
        if self.active:
            return Dials(
                instances=self.api.instances, throughput=self.database.active_throughput,
                gateway_minimum=self.gateway.active_capacity, converter_listens=True, traffic_to_azure=True,
                direction=Direction.REVERSE, tag="active",
            )  # fmt: skip
        return Dials(
            instances=0, throughput=self.database.standby_throughput,
            gateway_minimum=self.gateway.standby_capacity, converter_listens=False, traffic_to_azure=False,
            direction=Direction.FORWARD, tag="standby",
        )  # fmt: skip

    @property
    def identity(self) -> Mapping[str, Any]:
        """The settings that say *which* footprint this is: what is named by them, and what cannot change in place.

        Everything else may change at any time, in either mode: the next up of either stack simply brings it there.
        """
        return {
            "site": self.site, "location": self.location, "names": asdict(self.names),
            "records": [self.dns.domain, self.dns.api, self.dns.site, self.dns.contingency],
            "database": [self.database.database, self.database.container, self.database.partition_key],
            "throughputKind": self.database.throughput_kind, "certificate": self.gateway.certificate_name,
        }  # fmt: skip

    def in_mode(self, mode: Mode) -> Settings:
        """The same footprint in the other mode."""
        return replace(self, mode=mode)


def from_pulumi() -> Settings:
    """The settings of the stack that Pulumi runs. Raises SettingsError with every problem."""
    import pulumi
    from pulumi.runtime.config import CONFIG

    from components.refused import RefusedSettingsError

    config = {k: _parsed(v) for k, v in CONFIG.get().items()}
    try:
        return _from_config(config, f"Pulumi.{pulumi.get_stack()}.yaml")
    except SettingsError as wrong:
        raise RefusedSettingsError(wrong.problems) from None


def source_side() -> SourceSide:
    """The settings of stack `source`, as Pulumi runs it. Raises SettingsError with every problem."""
    import pulumi
    from pulumi.runtime.config import CONFIG

    from components.image_app.source.settings import build as side
    from components.refused import RefusedSettingsError

    raw = {k.partition(":")[2]: _parsed(v) for k, v in CONFIG.get().items() if k.startswith(f"{PROJECT}:")}
    try:
        return side(raw, os.environ, f"Pulumi.{pulumi.get_stack()}.yaml")
    except SettingsError as wrong:
        raise RefusedSettingsError(wrong.problems) from None


def from_files(root: Path, stack: str) -> Settings:
    """The same from the stack's file and the project's declared defaults. Raises SettingsError."""
    yaml = importlib.import_module("yaml")  # comes with pulumi; its types do not
    name, documents = f"Pulumi.{stack}.yaml", []
    for file in ("Pulumi.yaml", name):
        try:
            document = yaml.safe_load((root / file).read_text()) or {}
        except (OSError, ValueError, yaml.YAMLError) as exc:
            raise SettingsError([f"{name}: cannot be read ({exc})"]) from exc
        config = (document.get("config") or {}) if isinstance(document, dict) else None
        if not isinstance(config, dict):
            raise SettingsError([f"{name}: config must be a mapping"])
        documents.append({str(k) if ":" in str(k) else f"{PROJECT}:{k}": v for k, v in config.items()})
    declared, own = documents
    defaults = {k: v.get("default") if isinstance(v, dict) else v for k, v in declared.items()}
    merged = {k: v for k, v in {**defaults, **own}.items() if v is not None or k in own}
    # The engine hands objects over as JSON, whose keys are text: the same here.
    return _from_config(json.loads(json.dumps(merged, default=str)), name)


def _from_config(config: Mapping[str, Any], file: str) -> Settings:
    """config: by full key. A key of a namespace that nobody reads is a misspelt one, and its default would be taken."""
    foreign = [
        f"{file}: {key} is read by nobody: a key begins with {PROJECT}: or a provider's name{meant(key.partition(':')[2])}"
        for key in config
        if key.partition(":")[0] not in (PROJECT, *_PROVIDERS)
    ]
    raw = {k.partition(":")[2]: v for k, v in config.items() if k.startswith(f"{PROJECT}:")}
    return replace(
        build(checked(raw, file, foreign)), aws_account=_account(file), audience=os.environ.get("DR_FEDERATION_AUDIENCE", "")
    )  # fmt: skip


def _account(file: str) -> str:
    found = os.environ.get("AWS_ACCOUNT_ID", "")
    if found and not re.fullmatch(r"\d{12}", found):
        raise SettingsError(
            [f"{file}: AWS_ACCOUNT_ID in the environment must be twelve digits (found {found!r})"]
        )
    return found


_PROVIDERS = ("azure-native", "aws", "kubernetes", "pulumi")


def _parsed(value: str) -> Any:
    """Pulumi hands values over as text: JSON for objects and numbers, plain for the rest."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def build(v: Mapping[str, Any]) -> Settings:
    """Settings from checked, flat values (components.schema.checked)."""
    return Settings(
        site=v["site"], mode=Mode(v["mode"]), location=v["location"], names=Names(v["names.prefix"]),
        dns=Dns(v["dns.domain"], v["dns.ttl"], v["dns.api"], v["dns.site"], v["dns.contingency"]),
        primary=Primary(
            tuple(v["primary.apexAddresses"]), v["primary.apiHost"], v["primary.siteHost"], v["primary.healthPath"]
        ),
        api=Api(
            v["api.instances"], v["api.vmSize"], v["api.adminUser"], v["api.sshPublicKey"], v["api.port"],
            v["api.healthPath"], tuple(v["api.zones"]), Image(**v["api.image"]), v["api.artifact"],
            v["api.artifactSha256"],
        ),
        database=Database(
            v["database.throughputKind"], v["database.standbyThroughput"], v["database.activeThroughput"],
            v["database.database"], v["database.container"], v["database.partitionKey"],
        ),
        gateway=Gateway(
            v["gateway.standbyCapacity"], v["gateway.activeCapacity"], v["gateway.maxCapacity"],
            v["gateway.certificateSecretId"], v["gateway.certificateName"],
        ),
        gates=Gates(
            v["gates.healthTimeout"], v["gates.returnTimeout"], v["gates.drainTimeout"], v["gates.quiet"],
            v["gates.consecutive"],
        ),
        source=Source(
            v["source.region"], v["source.siteBucket"], v["source.uploadsBucket"], v["source.exportBucket"],
            v["source.table"], v["source.queue"], v["source.partitionKey"], v["source.sortKey"],
        ),
        profile=Profile(v["profile"]), operators=tuple(v["network.operators"]),
        monitoring=Monitoring(tuple(v["monitoring.emails"]), v["monitoring.retentionDays"]),
        sync=Sync(v["sync.image"], v["sync.schedule"], v["sync.role"]),
        tags=tuple(sorted(v["tags"].items())),
        package_hash=package_hash(CONVERTER),
    )  # fmt: skip


def package_hash(folder: Path) -> str:
    """SHA-256 over names and contents of the converter's code (first 16 hex digits), the same on every machine."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
