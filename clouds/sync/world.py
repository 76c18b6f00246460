"""One site's data on both sides: stores, table, documents, journal. Opened from the declared resources and settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from clouds.azure.arm import Arm, ArmError
from clouds.azure.role_ready import fix_of
from clouds.endpoints import Endpoints, load
from clouds.objects.blob import BlobStore
from clouds.objects.container import container_client, open_container
from clouds.objects.s3 import S3Store
from clouds.program import desired
from clouds.sync.names import source_names
from recovery.arm.catalogue import CATALOGUE
from recovery.errors import Unobserved
from recovery.model import Desired, Json
from recovery.sync.ids import Keys

SITE, UPLOADS, JOURNAL, STAGING = "$web", "uploads", "journal", "staging"


class SyncWorld:
    """Everything is opened when first asked for. Raises Unobserved where Azure cannot say where something is."""

    def __init__(
        self,
        root: Path,
        stack: str = "standby",
        environ: Mapping[str, str] = os.environ,
        declared: Sequence[Desired] | None = None,
    ) -> None:
        """declared: the footprint, where it is known already (default: the program is asked)."""
        self.root, self.environ = root, environ
        self.endpoints: Endpoints = load(environ)
        self.source = source_names(root, stack)
        self.keys = Keys(self.source.partitionKey, self.source.sortKey, chunks=True)
        self._desired = {
            str(d.options.get("name")): d
            for d in (desired(root, stack, environ) if declared is None else declared)
        }
        self._arm = Arm(self.endpoints)
        self._bodies: dict[str, dict[str, Json]] = {}

    @property
    def home(self) -> Path:
        """DR_HOME, else ``.dr`` in the project."""
        home = self.environ.get("DR_HOME")
        return Path(home) if home else self.root / ".dr"

    def close(self) -> None:
        """Close the connection to Resource Manager."""
        self._arm.close()

    # -- Azure -------------------------------------------------------------------------------------------------

    def body(self, name: str) -> dict[str, Json]:
        """The live ARM body of a declared resource, by its name in the program."""
        if name not in self._bodies:
            one = self._desired[name]
            try:
                self._bodies[name] = self._arm.get(one.id, CATALOGUE[one.type].api_version)
            except ArmError as error:
                raise Unobserved(
                    f"{name} cannot be read: {error}", "the data's place in Azure is not known without it",
                    fix_of(error, "dr status    (has the standby been built? dr up -s standby --first-build)"), retry=True,
                ) from error  # fmt: skip
        return self._bodies[name]

    def blobs(self, container: str) -> BlobStore:
        """The container of that name, in the account that holds it."""
        account = {SITE: "storage-site", JOURNAL: "storage-journal"}.get(container, "storage-uploads")
        return open_container(self.body(account), container, self.endpoints)

    @cached_property
    def journal(self) -> Any:
        """The journal container's SDK client."""
        return container_client(self.body("storage-journal"), JOURNAL, self.endpoints)

    @property
    def site_url(self) -> str:
        """The static site's own endpoint."""
        return str(self.body("storage-site")["properties"]["primaryEndpoints"]["web"])

    @property
    def container_id(self) -> str:
        """ARM id of the Cosmos container."""
        throughput = next(d for d in self._desired.values() if d.type.endswith(":CosmosThroughput"))
        return str(throughput.inputs["containerId"])

    @property
    def cosmos(self) -> tuple[str, str, str]:
        """(document endpoint, database, container)."""
        account = next(
            n for n, d in self._desired.items() if d.type == "azure-native:cosmosdb:DatabaseAccount"
        )
        parts = self.container_id.split("/")
        return str(self.body(account)["properties"]["documentEndpoint"]), parts[-3], parts[-1]

    def throughput(self) -> int:
        """RU/s that the container has now (an autoscale container's maximum). Raises Unobserved."""
        version = CATALOGUE["azure-native:cosmosdb:SqlResourceSqlContainer"].api_version
        try:
            body = self._arm.get(f"{self.container_id}/throughputSettings/default", version)
        except ArmError as error:
            raise Unobserved(
                f"the container's RU/s cannot be read: {error}", "an import that does not know its budget is throttled",
                "dr status", retry=True,
            ) from error  # fmt: skip
        resource = body["properties"]["resource"]
        auto = (resource.get("autoscaleSettings") or {}).get("maxThroughput")
        return int(auto or resource["throughput"])

    # -- AWS ---------------------------------------------------------------------------------------------------

    def aws(self, service: str) -> Any:
        """boto3's client of a service in the source's region."""
        from clouds.aws.session import client

        return client(service, self.source.region, self.endpoints.aws_url)

    def bucket(self, name: str) -> S3Store:
        """A bucket as a Store."""
        from functools import partial

        from clouds.aws.session import credentials

        return S3Store(self.aws("s3"), name, credentials=partial(credentials, self.endpoints.aws_url))
