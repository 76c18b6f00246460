"""What a person gets wrong in a stack file: one row a mistake, with the words that name it.

edits: dotted setting (or a full key with its namespace) -> value; GONE takes it away. words: said of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.components.recording import ROOT

GONE = object()
VERSIONED = "https://kv-demay.vault.azure.net/secrets/wildcard/0123456789abcdef0123456789abcdef"

BAD: list[tuple[str, Mapping[str, Any], str]] = [
    # missing
    ("no domain", {"dns.domain": GONE}, "standby:dns.domain is missing"),
    ("no dns at all", {"dns": GONE}, "standby:dns.domain is missing"),
    ("an empty group", {"dns": None}, "standby:dns.domain is missing"),
    ("no apex addresses", {"primary.apexAddresses": GONE}, "standby:primary.apexAddresses is missing"),
    ("an empty list of addresses", {"primary.apexAddresses": []}, "at least one static address"),
    ("no prefix", {"names.prefix": GONE}, "standby:names.prefix is missing"),
    ("no ssh key", {"api.sshPublicKey": GONE}, "standby:api.sshPublicKey is missing"),
    ("a value left empty", {"dns.ttl": None}, "standby:dns.ttl is missing"),
    # misspelt
    ("a misspelt setting", {"dns.tll": 60}, "standby:dns.tll is not a setting; did you mean standby:dns.ttl?"),
    ("a misspelt group", {"standby:databse": {}}, "standby:databse is not a setting; did you mean standby:database?"),
    ("a misspelt mode key", {"standby:mod": "standby"}, "did you mean standby:mode?"),
    ("a misspelt namespace", {"standy:location": "eastus2"}, "read by nobody"),
    ("a misspelt namespace, hinted", {"standy:location": "eastus2"}, "did you mean standby:location?"),
    ("a setting that never was", {"api.colour": "red"}, "standby:api.colour is not a setting"),
    ("a misspelt mode", {"standby:mode": "stand-by"}, "standby:mode must be one of standby, active"),
    ("the other stack's mode", {"standby:mode": "active"}, "must be standby in the stack of that name (found active)"),
    ("a misspelt kind", {"database.throughputKind": "autoscaled"}, "must be one of manual, autoscale"),
    ("another site", {"standby:site": "image-ap"}, "must be one of image-app"),
    # wrong types
    ("text for a number", {"dns.ttl": "sixty"}, "standby:dns.ttl must be a whole number (found 'sixty')"),
    ("a quoted number", {"dns.ttl": "60"}, "standby:dns.ttl must be a whole number"),
    ("half a number", {"api.instances": 2.5}, "standby:api.instances must be a whole number"),
    ("yes for a number", {"api.instances": True}, "standby:api.instances must be a whole number"),
    ("a number for text", {"names.prefix": 12345}, "standby:names.prefix must be text"),
    ("one address for a list", {"primary.apexAddresses": "192.0.2.10"}, "primary.apexAddresses must be a list"),
    ("a list for a group", {"dns": ["demay.com"]}, "standby:dns must be a mapping"),
    ("text for a group", {"api": "two"}, "standby:api must be a mapping (found 'two')"),
    ("a mapping for text", {"standby:location": {"a": 1}}, "standby:location must be text"),
    ("numbers for zones", {"api.zones": [1, 2]}, 'must be different zones out of "1", "2", "3"'),
    ("lists for zones", {"api.zones": [["1"]]}, "must be different zones"),
    ("an image without a version", {"api.image": {"publisher": "a", "offer": "b", "sku": "c"}}, "must have exactly"),
    ("a number for a tag", {"tags": {"cost": 5}}, "tags Azure would refuse: cost"),
    # figures
    ("capacity below zero", {"api.instances": -1}, "api.instances must be between 2 and 1000 instances"),
    ("one instance", {"api.instances": 1}, "api.instances must be between 2"),
    ("gateway below zero", {"gateway.standbyCapacity": -1}, "must be between 0 and 100 capacity units"),
    ("gateway above its maximum", {"gateway.activeCapacity": 11}, "must be <= gateway.maxCapacity (found 11)"),
    ("a TTL above 300", {"dns.ttl": 301}, "must be between 1 and 300 seconds"),
    ("a TTL of nothing", {"dns.ttl": 0}, "must be between 1 and 300 seconds"),
    ("RU/s below the service's floor", {"database.standbyThroughput": 300}, "must be RU/s from 400"),
    ("RU/s in no step", {"database.activeThroughput": 4050}, "in steps of 100"),
    ("RU/s below zero", {"database.activeThroughput": -400}, "must be RU/s from 400"),
    ("modes the wrong way round", {"database.activeThroughput": 400, "database.standbyThroughput": 800}, "must be <= activeThroughput"),
    ("no way back for Cosmos", {"database.activeThroughput": 50000}, "activeThroughput / 100 (found 400 < 500)"),
    ("autoscale below its floor", {"database.throughputKind": "autoscale"}, ">= 1000 in steps of 1000"),
    ("autoscale, no way back", {"database.throughputKind": "autoscale", "database.standbyThroughput": 1000, "database.activeThroughput": 20000}, "/ 10 (found 1000 < 2000)"),
    ("a port that is none", {"api.port": 70000}, "must be between 1 and 65535"),
    ("no patience", {"gates.healthTimeout": 0}, "must be between 1 and 7200 seconds"),
    # names, addresses, ids
    ("a load balancer's name as apex", {"primary.apexAddresses": ["lb-1.elb.amazonaws.com"]}, "must be static IPv4 addresses, not names (lb-1.elb.amazonaws.com)"),
    ("half an address", {"primary.apexAddresses": ["192.0.2"]}, "not names (192.0.2)"),
    ("an IPv6 apex", {"primary.apexAddresses": ["2001:db8::1"]}, "must be static IPv4 addresses"),
    ("an address as CNAME target", {"primary.apiHost": "192.0.2.10 "}, "must be a host name"),
    ("a CNAME to itself", {"primary.apiHost": "api.demay.com"}, "must not be a name that this zone points elsewhere"),
    ("a certificate with a version", {"gateway.certificateSecretId": VERSIONED}, "must not end in a version"),
    ("a certificate that is none", {"gateway.certificateSecretId": "wildcard"}, "must be a Key Vault secret id"),
    ("a prefix with a hyphen", {"names.prefix": "de-may"}, "3-11 lower-case letters and digits"),
    ("a prefix in capitals", {"names.prefix": "Demay"}, "3-11 lower-case letters and digits"),
    ("a prefix too long for storage", {"names.prefix": "demayrecovery"}, "3-11 lower-case letters and digits"),
    ("a reserved word as prefix", {"names.prefix": "windows1"}, "reserved words microsoft and windows"),
    ("a user Azure refuses", {"api.adminUser": "root"}, "must be a Linux user name that Azure allows"),
    ("another user Azure refuses", {"api.adminUser": "user1"}, "must be a Linux user name that Azure allows"),
    ("a region with a space", {"standby:location": "Brazil South"}, "must be an Azure region"),
    ("a domain without a dot", {"dns.domain": "demay"}, "must be a domain"),
    ("a label with a dot", {"dns.api": "api.v1"}, "must be one DNS label"),
    ("two names alike", {"dns.site": "api"}, "api, site and contingency must differ"),
    ("a container with a slash", {"database.container": "a/b"}, "must be a Cosmos DB name"),
    ("a partition key without a slash", {"database.partitionKey": "imageId"}, "must be a partition key path"),
    ("a path without a slash", {"api.healthPath": "health"}, "must be a path that begins with /"),
    ("zones twice", {"api.zones": ["1", "1"]}, "must be different zones"),
    ("a tag Azure refuses", {"tags": {"a<b": "c"}}, "tags Azure would refuse: a<b"),
    ("a tag that DNS zones refuse", {"tags": {"cost centre": "c"}}, "tags Azure would refuse: cost centre"),
    ("a reserved tag", {"tags": {"Microsoft-x": "c"}}, "tags Azure would refuse: Microsoft-x"),
    ("the program's own tag", {"tags": {"Mode": "active"}}, "must not hold mode or footprint"),
    ("tags that differ in case", {"tags": {"Cost": "1", "cost": "2"}}, "names differ in more than case"),
    ("too many tags", {"tags": {f"t{n}": "x" for n in range(15)}}, "must be at most 14 tags"),
]  # fmt: skip

MANY: dict[str, Any] = {
    "dns.ttl": 900, "api.instances": -1, "dns.domain": GONE, "names.prefix": "De", "primary.apexAddresses": ["lb.example"],
    "gateway.certificateSecretId": VERSIONED, "api.colour": "red",
}  # fmt: skip
MANY_WORDS = (
    "dns.ttl must be between", "api.instances must be between", "dns.domain is missing", "names.prefix must be",
    "not names (lb.example)", "must not end in a version", "api.colour is not a setting",
)  # fmt: skip


def write(folder: Path, edits: Mapping[str, Any], stack: str = "standby") -> Path:
    """A folder with the project's Pulumi.yaml and the stack's file, edited."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    path = folder / f"Pulumi.{stack}.yaml"
    document = yaml.safe_load((ROOT / path.name).read_text())
    for key, value in edits.items():
        holder, last = _place(document["config"], key)
        if value is GONE:
            del holder[last]
        else:
            holder[last] = value
    path.write_text(yaml.safe_dump({"config": document["config"]}, sort_keys=False))
    return folder


def _place(config: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    if ":" in key:
        return config, key
    group, dot, name = key.partition(".")
    return (config[f"standby:{group}"], name) if dot else (config, f"standby:{key}")
