"""Where site trustlayer is: clusters, databases, buckets, endpoints, from one JSON file (DR_TRUSTLAYER)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clouds.kubernetes import Cluster
from clouds.postgres import Server
from recovery.errors import BadInput, Unobserved
from recovery.model import Json

EAST, WEST, NAMESPACE = "us-east-1", "us-west-2", "trustlayer"
FLAG = "active"
"""Key of the flag object in us-west-2: there, us-west-2 serves."""


@dataclass
class Site:
    """The site as the operator's file names it. body: that file."""

    body: Mapping[str, Json]
    path: Path | None = None
    _clusters: dict[str, Cluster] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str = "") -> Site:
        """By the file named, or by DR_TRUSTLAYER. Raises BadInput."""
        name = path or os.environ.get("DR_TRUSTLAYER", "")
        try:
            return cls(json.loads(Path(name).read_text()), Path(name))
        except (OSError, ValueError) as exc:
            raise BadInput(
                f"the site's file {name or '(DR_TRUSTLAYER is not set)'} cannot be read: {exc}",
                "clusters, databases and buckets are found through it",
                "make rehearse-trustlayer    (the local site), or set DR_TRUSTLAYER to your own file",
            ) from exc

    def server(self, name: str, dsn: str) -> Server:
        """A server by its address."""
        return Server(name, dsn)

    @property
    def databases(self) -> dict[str, Server]:
        """All servers by name."""
        return {name: self.server(name, one["dsn"]) for name, one in self.body["databases"].items()}

    def in_region(self, region: str, without_zone: str = "") -> dict[str, Server]:
        """The servers of a region, those of one zone left out."""
        rows = self.body["databases"]
        return {
            n: s
            for n, s in self.databases.items()
            if rows[n]["region"] == region and not (without_zone and rows[n]["zone"] == without_zone)
        }

    @property
    def replica(self) -> Server:
        """The cross-region read replica."""
        return self.databases[str(self.body["replica"])]

    @property
    def home(self) -> str:
        """The server that is primary in normal times: named in the file, else the primary region's first."""
        return str(self.body.get("home") or next(iter(self.in_region(EAST))))

    def replace_replica(self, name: str, dsn: str) -> None:
        """The cross-region replica is another one from now on; the site's file says so too, whole or not at all."""
        old = str(self.body["replica"])
        kept = {key: row for key, row in self.body["databases"].items() if key not in (old, name)}
        rows = {**kept, name: {**self.body["databases"][old], "dsn": dsn}}
        self.body = {**self.body, "databases": rows, "replica": name}
        if self.path is not None:
            fresh = self.path.with_suffix(".new")
            fresh.write_text(json.dumps(self.body, indent=1))
            fresh.replace(self.path)

    def cluster(self, region: str) -> Cluster:
        """A region's cluster. Raises Unobserved when its kubeconfig cannot be used because it was never reached."""
        if region not in self._clusters:
            try:
                self._clusters[region] = Cluster.from_kubeconfig(Path(self.body["clusters"][region]))
            except KeyError as exc:
                raise Unobserved(
                    f"no cluster is named for {region}",
                    "its pods cannot be looked at",
                    "name it in the site's file",
                ) from exc
        return self._clusters[region]

    def aws(self, service: str, region: str) -> Any:  # boto3 clients have no static type
        """A boto3 client that gives up soon: in a disaster an answer that does not come is an answer.

        Regional endpoints only (STS included), so that nothing waits for us-east-1.
        """
        import boto3
        from botocore.config import Config

        endpoints = self.body.get("aws", {})
        url = self.body.get("rds") if service == "rds" and self.body.get("rds") else endpoints.get(region)
        config = Config(
            connect_timeout=3,
            read_timeout=10,
            retries={"max_attempts": 2, "mode": "standard"},
            signature_version="s3v4" if service == "s3" else None,
        )
        local = {"aws_access_key_id": "local", "aws_secret_access_key": "local"} if url else {}
        return boto3.client(service, region_name=region, endpoint_url=url, config=config, **local)

    def failed_over(self) -> bool:
        """Does the flag say that us-west-2 serves? A missing flag, and one that nobody can ask for, mean no."""
        from clouds.gates.flag import flagged

        return flagged(self) is True

    @property
    def pg_bin(self) -> str:
        """Folder of pg_dump and psql; "" = PATH."""
        return str(self.body.get("pgBin", ""))
