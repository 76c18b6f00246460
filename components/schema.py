"""What each setting may be: one table of keys, defaults, kinds and rules, and the error that names all that is wrong."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PROJECT = "standby"
REQUIRED = object()


class SettingsError(ValueError):
    """Every problem of a stack's settings at once. `problems`: one sentence each, with file and key."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  - {p}" for p in problems)
        file = problems[0].partition(":")[0] if problems else "the stack file"
        self.summary = f"{count} in the settings; nothing was changed\n{lines}"
        self.detail = "a footprint built from wrong settings fails on the day it is needed"
        self.fix = f"edit {file}, then: dr preview -s {file.removeprefix('Pulumi.').removesuffix('.yaml')}"
        super().__init__(f"{self.summary}\n  why it matters: {self.detail}\n  fix: {self.fix}")


Rule = Callable[[Any], str]
"""Returns "" when the value may be, else the words that follow the key ("must be …")."""


@dataclass(frozen=True)
class Field:
    """One setting. kind: int, str, list or dict. default REQUIRED: there is none."""

    kind: type
    default: Any
    rule: Rule


def _between(low: int, high: int, unit: str = "", why: str = "") -> Rule:
    words = f"must be between {low} and {high}{' ' + unit if unit else ''}{why}"
    return lambda v: "" if low <= v <= high else words


def _match(pattern: str, words: str) -> Rule:
    found = re.compile(pattern)
    return lambda v: "" if found.fullmatch(v) else f"must be {words}"


def _one_of(*allowed: str) -> Rule:
    return lambda v: "" if v in allowed else f"must be one of {', '.join(allowed)}"


LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_host = _match(rf"({LABEL}\.)+{LABEL}", "a host name such as lb.primary.example")
_label = _match(LABEL, "one DNS label such as api")
_path = _match(r"/[A-Za-z0-9._~/-]*", "a path that begins with /")
_bucket = _match(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "an S3 bucket's name")
_attribute = _match(r"[A-Za-z0-9_]{1,255}", "a key attribute's name: letters, digits and _")
_cosmos = _match(r"[^/\\#?]{0,254}[^/\\#? ]", "a Cosmos DB name without / \\ # ?")


def _apex(value: list[Any]) -> str:
    wrong = [str(v) for v in value if not _ipv4(v)]
    if wrong:
        return (
            f"must be static IPv4 addresses, not names ({', '.join(wrong)}): an apex cannot be a CNAME and a load "
            "balancer has no fixed address (use Global Accelerator, or an NLB with Elastic IPs)"
        )
    return "" if value else "must name at least one static address"


def _ipv4(value: Any) -> bool:
    try:
        ipaddress.IPv4Address(str(value))
    except ValueError:
        return False
    return True


def _zones(value: list[Any]) -> str:
    known = all(isinstance(v, str) for v in value) and value and set(value) <= {"1", "2", "3"}
    return "" if known and len(set(value)) == len(value) else 'must be different zones out of "1", "2", "3"'


def _image(value: dict[str, Any]) -> str:
    parts = {"publisher", "offer", "sku", "version"}
    texts = all(isinstance(v, str) and v for v in value.values())
    if texts and set(value) == {"id"} and value["id"].startswith("/subscriptions/"):
        return ""
    whole = set(value) == parts and texts
    return (
        ""
        if whole
        else f"must have exactly {', '.join(sorted(parts))}, as text, or id alone: a gallery image's ARM id"
    )


_INSIDE = tuple(
    ipaddress.IPv4Network(n)
    for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16")
)


def _ranges(value: list[Any]) -> str:
    wrong = []
    for item in value:
        try:
            network = ipaddress.IPv4Network(str(item))
        except ValueError:
            wrong.append(str(item))
            continue
        if network.prefixlen < 24 or any(
            network.subnet_of(inner) for inner in _INSIDE
        ):  # a door for people, not for a provider's customers
            wrong.append(str(item))
    return (
        f"must be public IPv4 ranges of people's networks, /24 or smaller ({', '.join(wrong)})"
        if wrong
        else ""
    )


def _emails(value: list[Any]) -> str:
    wrong = [str(v) for v in value if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(v))]
    return f"must be e-mail addresses ({', '.join(wrong)})" if wrong else ""


_DIGEST = r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}"
_CRON = r"([0-9*/,-]+ ){4}[0-9*/,-]+"


_TAG = re.compile(r"[^\W\d][^<>%&\\?/() ]{0,127}")
"""Tag names that every type of the footprint takes: storage accounts keep 128 characters, DNS zones refuse spaces,
parentheses and a leading digit (learn.microsoft.com/azure/azure-resource-manager/management/tag-resources)."""

_MOST_TAGS = 14
"""DNS zones take 15; one is kept for the program's own."""


def _tags(value: dict[str, Any]) -> str:
    if any(name.lower() in ("mode", "footprint") for name in value):  # names of tags have no case
        return (
            "must not hold mode or footprint: those tags are the program's own, on the resource group alone"
        )
    if len(value) > _MOST_TAGS or len({name.lower() for name in value}) < len(value):
        return f"must be at most {_MOST_TAGS} tags whose names differ in more than case"
    reserved = ("microsoft", "azure", "windows")
    bad = [
        name
        for name, text in value.items()
        if not _TAG.fullmatch(name)
        or name.lower().startswith(reserved)
        or not isinstance(text, str)
        or len(text) > 256
    ]
    return f"has tags Azure would refuse: {', '.join(bad)}" if bad else ""


_SECRET = r"https://[a-z0-9-]+\.vault\.azure\.net/secrets/[A-Za-z0-9-]+"  # noqa: S105 - a pattern, no secret


def _certificate(value: str) -> str:
    if not value or re.fullmatch(rf"{_SECRET}/?", value):
        return ""
    if re.fullmatch(rf"{_SECRET}/[^/]+/?", value):
        return "must not end in a version: the gateway follows renewals by the versionless id alone"
    return "must be a Key Vault secret id such as https://NAME.vault.azure.net/secrets/NAME"


def _ru(value: int) -> str:
    return "" if 400 <= value <= 1_000_000 and value % 100 == 0 else "must be RU/s from 400 in steps of 100"


def _people(value: dict[str, Any]) -> str:
    wrong = [
        who
        for who, given in value.items()
        if not isinstance(given, dict)
        or not isinstance(given.get("roles"), list)
        or ("publicKey" in given) == ("objectId" in given)
    ]
    return f"must give roles and either publicKey or objectId for {', '.join(wrong)}" if wrong else ""


def _channels(value: dict[str, Any]) -> str:
    wrong = [
        name
        for name, held in value.items()
        if name not in ("internal", "external")
        or not isinstance(held, list)
        or not all(isinstance(one, dict) and {"name", "url"} <= set(one) for one in held)
    ]
    return f"must map internal and external to lists of name and url ({', '.join(wrong)})" if wrong else ""


_IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
_NO_ADMINS = (
    "a actuser adm admin admin1 admin2 administrator aspnet backup console david guest john owner root server sql "
    "support support_388945a0 sys test test1 test2 test3 user user1 user2 user3 user4 user5 video"
)
"""Names that Azure refuses (learn.microsoft.com/azure/virtual-machines/linux/faq, and the API's own list)."""
_ADMIN = rf"(?!(?:{'|'.join(_NO_ADMINS.split())})$)[a-z_][a-z0-9_-]{{0,31}}"
_PREFIX = r"(?!.*(?:microsoft|windows))[a-z][a-z0-9]{2,10}"

FIELDS: dict[str, Field] = {
    "site": Field(str, "image-app", _one_of("image-app")),
    "mode": Field(str, REQUIRED, _one_of("standby", "active")),
    "location": Field(str, "brazilsouth", _match(r"[a-z]+[a-z0-9]*", "an Azure region such as brazilsouth")),
    "names.prefix": Field(str, REQUIRED, _match(_PREFIX, "3-11 lower-case letters and digits, without the reserved words microsoft and windows: storage accounts are named after it")),
    "dns.domain": Field(str, REQUIRED, _match(rf"(?=.{{4,200}}$)({LABEL}\.)+[a-z]{{2,63}}", "a domain such as demay.com")),
    "dns.ttl": Field(int, 60, _between(1, 300, "seconds", " (ACT-4: resolvers may keep the old answer that long)")),
    "dns.api": Field(str, "api", _label),
    "dns.site": Field(str, "www", _label),
    "dns.contingency": Field(str, "dr", _label),
    "primary.apexAddresses": Field(list, REQUIRED, _apex),
    "primary.apiHost": Field(str, REQUIRED, _host),
    "primary.siteHost": Field(str, REQUIRED, _host),
    "primary.healthPath": Field(str, "/health", _path),
    "api.instances": Field(int, 2, _between(2, 1000, "instances", " (ACT-3; the capacity of mode active)")),
    "api.vmSize": Field(str, "Standard_B2s", _match(r"(Standard|Basic)_[A-Za-z0-9_]+", "a VM size such as Standard_B2s")),
    "api.adminUser": Field(str, "standby", _match(_ADMIN, "a Linux user name that Azure allows (not root, admin, …)")),
    "api.sshPublicKey": Field(str, REQUIRED, _match(r"ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?", "an OpenSSH public key (ssh-ed25519 or ssh-rsa)")),
    "api.port": Field(int, 8080, _between(1, 65535)),
    "api.healthPath": Field(str, "/health", _path),
    "api.zones": Field(list, ["1", "2", "3"], _zones),
    "api.image": Field(dict, _IMAGE, _image),
    "api.artifact": Field(str, "image-app-api.tar.gz", _match(r"[A-Za-z0-9._-]{1,200}\.tar\.gz", "the name of a .tar.gz blob")),
    "api.artifactSha256": Field(str, "", _match(r"([0-9a-f]{64})?", "64 hexadecimal digits, or empty")),
    "database.throughputKind": Field(str, "manual", _one_of("manual", "autoscale")),
    "database.standbyThroughput": Field(int, 400, _ru),
    "database.activeThroughput": Field(int, 4000, _ru),
    "database.database": Field(str, "images", _cosmos),
    "database.container": Field(str, "fragments", _cosmos),
    "database.partitionKey": Field(str, "/imageId", _match(r"(/[A-Za-z0-9_]+)+", "a partition key path such as /imageId")),
    "gateway.standbyCapacity": Field(int, 0, _between(0, 100, "capacity units")),
    "gateway.activeCapacity": Field(int, 2, _between(0, 100, "capacity units")),
    "gateway.maxCapacity": Field(int, 10, _between(2, 125, "capacity units")),
    "gateway.certificateSecretId": Field(str, "", _certificate),
    "gateway.certificateName": Field(str, "wildcard", _match(r"[A-Za-z0-9-]{1,127}", "a certificate's name in the vault")),
    "profile": Field(str, "production", _one_of("production", "trial")),
    "network.operators": Field(list, [], _ranges),
    "monitoring.emails": Field(list, [], _emails),
    "monitoring.retentionDays": Field(int, 90, _between(30, 730, "days")),
    "sync.image": Field(str, REQUIRED, _match(_DIGEST, "an image by digest (NAME@sha256:64 hexadecimal digits), of a registry that is not in AWS")),
    "sync.schedule": Field(str, "0 3 * * *", _match(_CRON, "a cron expression of five fields, in UTC")),
    "sync.role": Field(str, "demay-dr-sync", _match(r"[\w+=,.@-]{1,64}", "an IAM role's name")),
    "gates.healthTimeout": Field(int, 900, _between(1, 7200, "seconds")),
    "gates.returnTimeout": Field(int, 300, _between(1, 7200, "seconds")),
    "gates.drainTimeout": Field(int, 1800, _between(1, 86400, "seconds")),
    "gates.quiet": Field(int, 120, _between(1, 3600, "seconds")),
    "gates.consecutive": Field(int, 5, _between(1, 100, "answers")),
    "source.region": Field(str, "us-east-1", _match(r"[a-z]{2}(-[a-z]+)+-[0-9]", "an AWS region such as us-east-1")),
    "source.siteBucket": Field(str, "demay-site", _bucket),
    "source.uploadsBucket": Field(str, "demay-uploads", _bucket),
    "source.exportBucket": Field(str, "demay-dr-exports", _bucket),
    "source.table": Field(str, "demay-images", _match(r"[A-Za-z0-9_.-]{3,255}", "a DynamoDB table's name")),
    "source.queue": Field(str, "demay-dr-uploads", _match(r"[A-Za-z0-9_-]{1,80}", "an SQS queue's name")),
    "source.partitionKey": Field(str, "imageId", _attribute),
    "source.sortKey": Field(str, "chunkIndex", _attribute),
    "tags": Field(dict, {}, _tags),
    # The runbooks' own (clouds.runbook.people, clouds.notify): checked here, and no part of the footprint.
    "people": Field(dict, {}, _people),
    "channels": Field(dict, {}, _channels),
}  # fmt: skip

_WORDS = {int: "a whole number", str: "text", list: "a list", dict: "a mapping"}


def checked(
    raw: Mapping[str, Any], file: str, problems: Sequence[str] = (), fields: Mapping[str, Field] = FIELDS
) -> dict[str, Any]:
    """Flat, valid values for every field. raw: keys without namespace, objects nested. Raises SettingsError.

    fields: those that this stack takes; the others are not asked for."""
    found, broken = _flatten(raw)
    wrong = [
        *problems,
        *(f"{file}: {PROJECT}:{k} must be a mapping (found {_shown(raw[k])})" for k in broken),
    ]
    wrong += [f"{file}: {PROJECT}:{k} is not a setting{meant(k)}" for k in found if k not in FIELDS]
    values: dict[str, Any] = {}
    for key, field in fields.items():
        value = found.get(key, field.default)
        where = f"{file}: {PROJECT}:{key}"
        if key.partition(".")[0] in broken:
            continue
        if value is REQUIRED or value is None:
            wrong.append(f"{where} is missing")
        elif not isinstance(value, field.kind) or isinstance(value, bool):
            wrong.append(f"{where} must be {_WORDS[field.kind]} (found {_shown(value)})")
        elif words := field.rule(value):
            wrong.append(f"{where} {words} (found {_shown(value)})")
        else:
            values[key] = value
    wrong += [f"{file}: {p}" for p in (*_own_mode(values, file), *_together(values))]
    if wrong:
        raise SettingsError(wrong)
    return values


def meant(key: str) -> str:
    """The words that name the nearest key, for one that is nearly right; else nothing."""
    groups = {name.partition(".")[0] for name in FIELDS}
    near = difflib.get_close_matches(key, [*FIELDS, *sorted(groups)], 1)
    return f"; did you mean {PROJECT}:{near[0]}?" if near else ""


def _shown(value: Any) -> str:
    """The value for an error: cut short, and never a private key that was pasted for a public one."""
    text = repr(value)
    if "PRIVATE KEY" in text:
        return "a private key, not shown"
    return text if len(text) <= 100 else f"{text[:80]}… {len(text)} characters"


def _flatten(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Values by dotted key, and the groups that are no mapping. An empty group is one without keys."""
    flat: dict[str, Any] = {}
    broken: list[str] = []
    groups = {k.partition(".")[0] for k in FIELDS if "." in k}
    for key, value in raw.items():
        if key in groups and isinstance(value, Mapping):
            flat.update({f"{key}.{inner}": v for inner, v in value.items()})
        elif key not in groups:
            flat[key] = value
        elif value is not None:
            broken.append(key)
    return flat, broken


def _own_mode(v: Mapping[str, Any], file: str) -> list[str]:
    """The stacks are called after their mode: a lost or copied mode line must not turn a failover into a rollback."""
    stack = file.removeprefix("Pulumi.").removesuffix(".yaml")
    if "mode" not in v or stack not in ("standby", "active") or v["mode"] == stack:
        return []
    return [f"{PROJECT}:mode must be {stack} in the stack of that name (found {v['mode']})"]


def _together(v: Mapping[str, Any]) -> list[str]:
    """Rules over several settings, on those that are valid by themselves."""
    out = _throughputs(v)
    for key in ("gateway.standbyCapacity", "gateway.activeCapacity"):
        if v.get(key, 0) > v.get("gateway.maxCapacity", 125):
            out.append(f"{PROJECT}:{key} must be <= gateway.maxCapacity (found {v[key]})")
    labels = [v[k] for k in ("dns.api", "dns.site", "dns.contingency") if k in v]
    if len(set(labels)) < len(labels):
        out.append(f"{PROJECT}:dns.api, site and contingency must differ (found {', '.join(labels)})")
    own = {f"{label}.{v.get('dns.domain')}" for label in labels}
    for key in ("primary.apiHost", "primary.siteHost"):
        if v.get(key) in own:
            out.append(f"{PROJECT}:{key} must not be a name that this zone points elsewhere (found {v[key]})")
    return out


def _throughputs(v: Mapping[str, Any]) -> list[str]:
    """Cosmos DB's floors (facts of the service: manual keeps a hundredth, autoscale a tenth of the highest ever)."""
    low, high = v.get("database.standbyThroughput"), v.get("database.activeThroughput")
    if not low or not high:
        return []
    autoscale = v.get("database.throughputKind") == "autoscale"
    part, key = (10 if autoscale else 100), f"{PROJECT}:database.standbyThroughput"
    out = []
    if low > high:
        out.append(f"{key} must be <= activeThroughput (found {low} > {high})")
    if low * part < high:
        out.append(
            f"{key} must be >= activeThroughput / {part} (found {low} < {high // part}): "
            "Cosmos DB keeps that floor for ever after"
        )
    if autoscale and (low < 1000 or low % 1000 or high % 1000):
        out.append(
            f"{key} and activeThroughput must be >= 1000 in steps of 1000 with autoscale (found {low}, {high})"
        )
    return out
