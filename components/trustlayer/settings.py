"""The settings of site trustlayer: typed, validated, all problems at once. Keys below `standby:` of its three stacks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.schema import PROJECT, REQUIRED, Field, SettingsError
from components.settings import Mode

PRIMARY, RECOVERY = "us-east-1", "us-west-2"
FOOTPRINT_VERSION = 2
"""Raised when resources come, go or change their names: a checkpoint of another version is not handed over."""
STACKS = ("trustlayer-global", "trustlayer-standby", "trustlayer-active")


def _any(_: Any) -> str:
    return ""


def _least(count: int) -> Any:
    return lambda v: "" if v >= count else f"must be >= {count}"


FIELDS: dict[str, Field] = {
    "domain": Field(str, REQUIRED, lambda v: "" if "." in v else "must be a domain such as trustlayer.exemplo.com"),
    "prefix": Field(str, "trustlayer", lambda v: "" if v.replace("-", "").isalnum() and v.islower() else "must be lower-case letters, digits and hyphens"),
    "kubeContext": Field(str, REQUIRED, _any),
    "apiImage": Field(str, REQUIRED, lambda v: "" if "@sha256:" in v or ":" in v else "must name a tag or a digest"),
    "frontendImage": Field(str, REQUIRED, lambda v: "" if ":" in v else "must name a tag or a digest"),
    "toolImage": Field(str, REQUIRED, lambda v: "" if ":" in v else "must name a tag or a digest"),
    "api": Field(int, 5, _least(2)),
    "frontend": Field(int, 3, _least(1)),
    "replica": Field(str, "trustlayer-dr-replica", _any),
    "replicaSource": Field(str, REQUIRED, lambda v: "" if v.startswith("arn:aws:rds:us-east-1:") else "must be the ARN of the primary in us-east-1"),
    "replicaKey": Field(str, REQUIRED, lambda v: "" if v.startswith("arn:aws:kms:us-west-2:") else "must be the ARN of a key in us-west-2: an encrypted replica across regions needs one there"),
    "replicaClass": Field(str, "db.m6g.large", lambda v: "" if v.startswith("db.") else "must be an instance class such as db.m6g.large"),
    "sourceBackups": Field(str, "trustlayer-backups", _any),
    "primaryHost": Field(str, REQUIRED, _any),
    "recoveryHost": Field(str, REQUIRED, _any),
    "ttl": Field(int, 60, lambda v: "" if 1 <= v <= 300 else "must be between 1 and 300 seconds"),
    "oidcProvider": Field(str, REQUIRED, lambda v: "" if "/" in v and "://" not in v else "must be the us-west-2 cluster's issuer without https://"),
    "backupSchedule": Field(str, "0 2 * * *", lambda v: "" if len(v.split()) == 5 else "must be a cron expression of five fields, in UTC"),
    "lockDays": Field(int, 35, _least(1)),
    "gateTimeout": Field(int, 900, _least(1)),
}  # fmt: skip


@dataclass(frozen=True)
class Dials:
    """Everything that a mode changes in us-west-2: replicas, and the traffic flag. Promotion is no dial: it is
    one-way, and a runbook's (`dr recover --level 4`)."""

    api: int
    frontend: int
    flag: bool


@dataclass(frozen=True)
class Trustlayer:
    """The site. mode None: stack trustlayer-global, which has none."""

    mode: Mode | None
    values: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    @property
    def account(self) -> str:
        """The AWS account, from the primary's ARN."""
        return str(self["replicaSource"]).split(":")[4]

    @property
    def backup_role(self) -> str:
        """The role that the nightly backup job takes, by the cluster's own identity: no key lies anywhere."""
        return f"arn:aws:iam::{self.account}:role/{self['prefix']}-backup-job"

    @property
    def fingerprint(self) -> str:
        """The mode stacks' stamp: what names their resources, and the list's version. Sizes and images are no part."""
        named = {key: self[key] for key in ("prefix", "kubeContext", "replica")}
        digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
        return f"trustlayer-{FOOTPRINT_VERSION}-{digest[:16]}"

    @property
    def dials(self) -> Dials:
        """What the mode wants."""
        if self.mode is Mode.ACTIVE:
            return Dials(self["api"], self["frontend"], True)
        return Dials(0, 0, False)


def build(stack: str, raw: Mapping[str, Any]) -> Trustlayer:
    """The settings of a stack. raw: the mapping ``standby:trustlayer`` of its file. Raises SettingsError."""
    where = f"Pulumi.{stack}.yaml: {PROJECT}:trustlayer"
    wrong = [f"{where}.{key} is not a setting" for key in raw if key not in FIELDS]
    values: dict[str, Any] = {}
    for key, field in FIELDS.items():
        value = raw.get(key, field.default)
        if value is REQUIRED:
            wrong.append(f"{where}.{key} is missing")
        elif not isinstance(value, field.kind) or isinstance(value, bool):
            wrong.append(f"{where}.{key} must be {field.kind.__name__} (found {value!r})")
        elif words := field.rule(value):
            wrong.append(f"{where}.{key} {words} (found {value!r})")
        else:
            values[key] = value
    if stack not in STACKS:
        wrong.append(f"Pulumi.{stack}.yaml: a stack of site trustlayer is one of {', '.join(STACKS)}")
    if wrong:
        raise SettingsError(wrong)
    name = stack.removeprefix("trustlayer-")
    return Trustlayer(None if name == "global" else Mode(name), values)
