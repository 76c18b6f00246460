"""pulumi-aws as the local cloud serves it: reading by `clouds.aws.declared`, writing by `localcloud.aws.writes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clouds.aws import declared
from localcloud.aws import writes
from recovery.aws.kinds import AWS
from recovery.model import Json


@dataclass
class AwsCloud:
    """AWS, both regions of site trustlayer: a type's region is written in its kind."""

    account: declared.Account
    region: str = ""

    def configure(self, args: Mapping[str, Json]) -> None:
        """What the program's provider is told changes nothing: two of them share this one."""

    def refuses(self, token: str, inputs: Mapping[str, Json]) -> list[tuple[str, str]]:
        """(property, why) of what cannot be done."""
        if token not in AWS:
            return [("", f"{token} is not modelled (recovery/aws/kinds.py lists what is)")]
        return [
            (key, f"{token} needs an explicit {key}") for key in AWS[token].name if inputs.get(key) is None
        ]

    def fixed(self, token: str) -> Sequence[str]:
        """Inputs whose change is a replacement."""
        return tuple(AWS[token].fixed)

    def read(self, token: str, id: str) -> dict[str, Json] | None:
        """As it is."""
        return declared.read(self.account, token, id, self.region)

    def importable(self, token: str, now: Mapping[str, Json]) -> dict[str, Json]:
        """What of the live resource may stand as inputs."""
        only_out = {"arn", "status", "id", "zoneId"} if token != "aws:route53/record:Record" else {"id"}  # noqa: S105
        return {key: value for key, value in now.items() if key not in only_out and value is not None}

    def write(self, token: str, id: str, urn: str, inputs: Mapping[str, Json]) -> str:
        """Create or update; the id."""
        return writes.write(self.account, token, id, inputs, self.region)

    def delete(self, token: str, id: str) -> None:
        """Take it away."""
        writes.delete(token, id)


@dataclass
class OneRegion(AwsCloud):
    """AWS of site image-app: everything is where the program's one provider says."""

    def configure(self, args: Mapping[str, Json]) -> None:
        """Take the region over."""
        self.region = str(args.get("region") or self.region)
