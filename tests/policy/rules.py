"""The policy: what must hold of every stack's desired state, each rule with its source and a way to break it.

MCSB: Microsoft cloud security benchmark v1; CIS: Microsoft Azure Foundations 3.0.0; CIS AWS: AWS Foundations 3.0.0.
`check` yields one sentence a violation. `spoil` changes a sound stack so that the rule must speak: a rule that cannot
fail is none.
"""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from recovery.model import Desired

AZURE = ("standby", "active")
Inputs = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """One stack as declared. tags: the settings' own."""

    name: str
    resources: tuple[Desired, ...]
    tags: Mapping[str, str] = field(default_factory=dict)

    def of(self, *tokens: str) -> list[Desired]:
        """By type, without ``azure-native:``."""
        return [d for d in self.resources if d.type.removeprefix("azure-native:") in tokens]

    def spoiled(self, token: str, edit: Callable[[Inputs], object], name: str = "") -> Stack:
        """A copy in which the first resource of a type (and name) is changed."""
        found: list[Desired] = []
        done = False
        for one in self.resources:
            hit = one.type.removeprefix("azure-native:") == token and (
                not name or one.options["name"] == name
            )
            if hit and not done:
                inputs = copy.deepcopy(dict(one.inputs))
                edit(inputs)
                one, done = replace(one, inputs=inputs), True
            found.append(one)
        assert done, f"{self.name} has no {token} {name}"
        return replace(self, resources=tuple(found))

    def without(self, name: str) -> Stack:
        """A copy without one resource."""
        return replace(self, resources=tuple(d for d in self.resources if d.options["name"] != name))

    def renamed(self, name: str, other: str) -> Stack:
        """A copy in which one resource has another id."""
        return replace(
            self,
            resources=tuple(
                replace(d, id=f"{d.id}-{other}") if d.options["name"] == name else d for d in self.resources
            ),
        )


@dataclass(frozen=True)
class Rule:
    """One rule. stacks: which it holds for."""

    key: str
    source: str
    check: Callable[[Stack], Iterator[str]]
    spoil: Callable[[Stack], Stack]
    stacks: Sequence[str] = AZURE


def name(one: Desired) -> str:
    return str(one.options["name"])


def wants(
    token: str, path: str, *allowed: Any, unless: Sequence[str] = ()
) -> Callable[[Stack], Iterator[str]]:
    """Every resource of a type has one of these values at a dotted path. unless: names that are the exception."""

    def check(stack: Stack) -> Iterator[str]:
        for one in stack.of(token):
            value = at(one.inputs, path)
            if name(one) not in unless and value not in allowed:
                yield f"{name(one)}: {path} is {value!r}, not {' or '.join(map(repr, allowed))}"

    return check


def at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = (
            value.get(part)
            if isinstance(value, Mapping)
            else value[int(part)]
            if isinstance(value, list)
            else None
        )
    return value


def put(path: str, new: Any) -> Callable[[Inputs], object]:
    """An edit: a value at a dotted path."""

    def edit(inputs: Inputs) -> None:
        *parents, last = path.split(".")
        target: Any = inputs
        for part in parents:
            target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
        if isinstance(target, list):
            target[int(last)] = new
        else:
            target[last] = new

    return edit


def spoil(token: str, path: str, new: Any, called: str = "") -> Callable[[Stack], Stack]:
    return lambda stack: stack.spoiled(token, put(path, new), called)


# -- rules that need more than a value -----------------------------------------------------------------------


def no_open_port(stack: Stack) -> Iterator[str]:
    everyone = {"internet", "*", "0.0.0.0/0", "any"}
    for one in stack.of("network:NetworkSecurityGroup"):
        for rule in one.inputs.get("securityRules") or []:
            if (
                rule["access"] != "Allow"
                or rule["direction"] != "Inbound"
                or rule["sourceAddressPrefix"].lower() not in everyone
            ):
                continue
            ports = rule.get("destinationPortRanges") or [rule.get("destinationPortRange")]
            if name(one) != "nsg-gateway" or set(ports) != {"80", "443"}:
                yield f"{name(one)}: {rule['name']} lets everyone in on {', '.join(map(str, ports))}"


def every_group_denies_the_rest(stack: Stack) -> Iterator[str]:
    for one in stack.of("network:NetworkSecurityGroup"):
        inbound = [r for r in one.inputs.get("securityRules") or [] if r["direction"] == "Inbound"]
        last = max(inbound, key=lambda r: r["priority"], default=None)
        if last is None or (last["access"], last["sourceAddressPrefix"], last["protocol"]) != (
            "Deny",
            "*",
            "*",
        ):
            yield f"{name(one)}: it does not end in a denial of everything"


def every_subnet_is_guarded(stack: Stack) -> Iterator[str]:
    for one in stack.of("network:VirtualNetwork"):
        for subnet in one.inputs["subnets"]:
            if not (subnet.get("networkSecurityGroup") or {}).get("id"):
                yield f"{name(one)}: subnet {subnet['name']} has no security group"


def plain_http_only_redirects(stack: Stack) -> Iterator[str]:
    for one in stack.of("network:ApplicationGateway"):
        rules = {r["httpListener"]["id"].rpartition("/")[2]: r for r in one.inputs["requestRoutingRules"]}
        for listener in one.inputs["httpListeners"]:
            if listener["protocol"] == "Http" and "redirectConfiguration" not in rules[listener["name"]]:
                yield f"{name(one)}: listener {listener['name']} serves over plain HTTP"


LOGS = (
    "network:ApplicationGateway", "network:NetworkSecurityGroup", "network:VirtualNetwork", "network:PublicIPAddress",
    "keyvault:Vault", "cosmosdb:DatabaseAccount", "storage:BlobServiceProperties", "web:WebApp", "eventgrid:SystemTopic",
    "app:ManagedEnvironment", "operationalinsights:Workspace",
)  # fmt: skip


def everything_logs(stack: Stack) -> Iterator[str]:
    told = {d.inputs["resourceUri"].lower(): d for d in stack.of("monitor:DiagnosticSetting")}
    for one in stack.of(*LOGS):
        setting = told.get(one.id.lower())
        logs = (setting.inputs.get("logs") or []) if setting else []
        if setting is None or not setting.inputs.get("workspaceId"):
            yield f"{name(one)}: its logs go nowhere"
        elif not any(g.get("categoryGroup") == "allLogs" and g.get("enabled") for g in logs):
            yield f"{name(one)}: not all of its logs are kept"


UNTAGGED = (
    "resources:", "authorization:", "SqlResource", "storage:Blob", "storage:ManagementPolicy", "StaticWebsite",
    "web:WebAppApplicationSettings", "EventSubscription", "dns:RecordSet", "DnsZoneGroup", "monitor:DiagnosticSetting",
)  # fmt: skip
"""Types that take no tags (the group's are the mode tag's)."""


def everything_is_tagged(stack: Stack) -> Iterator[str]:
    for one in stack.resources:
        if not one.type.startswith("azure-native:") or any(part in one.type for part in UNTAGGED):
            continue
        missing = [k for k, v in stack.tags.items() if (one.inputs.get("tags") or {}).get(k) != v]
        if missing:
            yield f"{name(one)}: it lacks the tags {', '.join(missing)}"


TOO_MUCH = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}


def roles_are_narrow(stack: Stack) -> Iterator[str]:
    for one in stack.of("authorization:RoleAssignment"):
        role = TOO_MUCH.get(one.inputs["roleDefinitionId"].rpartition("/")[2])
        if role:
            yield f"{name(one)}: it gives {role}"
        if one.inputs["scope"].lower().count("/providers/") == 0:
            yield f"{name(one)}: its scope is a whole group or subscription ({one.inputs['scope']})"


def no_name_holds_the_mode(stack: Stack) -> Iterator[str]:
    for one in stack.resources:
        own = one.id.rpartition("/")[2] if one.type.startswith("azure-native:") else name(one)
        if re.search(r"active|standby", f"{own} {name(one)}", re.I):
            yield f"{name(one)}: named after a mode ({own})"


def nothing_of_aws(stack: Stack) -> Iterator[str]:
    for one in stack.resources:
        if one.type.startswith(("aws:", "pulumi:providers:aws")):
            yield f"{name(one)}: {one.type} would be read by the refresh of a failover"
        for host in re.findall(r"[\w.-]+\.amazonaws\.com", json.dumps(one.inputs)):
            yield f"{name(one)}: it needs {host}"


BOOT_HOSTS = re.compile(r"169\.254\.169\.254|storage\.azure\.com|[a-z0-9]{3,24}\.blob\.core\.windows\.net")
FETCHERS = re.compile(r"\b(apt|apt-get|snap|yum|dnf|pip3?|npm|curl|wget|git|docker)\s+[a-z-]", re.I)


def nothing_is_fetched_at_boot(stack: Stack) -> Iterator[str]:
    for one in stack.of("compute:VirtualMachineScaleSet"):
        profile = one.inputs["virtualMachineProfile"]
        text = base64.b64decode(profile["osProfile"]["customData"]).decode()
        document = yaml.safe_load(text)  # what is written down and run; the rest of a document is its keys
        files = [base64.b64decode(f["content"]).decode() for f in document.get("write_files") or []]
        whole = "\n".join([*files, *(" ".join(c) for c in document.get("runcmd") or [])])
        for host in re.findall(r"https?://([^/\s\"']+)", whole):
            if not BOOT_HOSTS.fullmatch(host):
                yield f"{name(one)}: its boot asks {host}"
        for found in FETCHERS.finditer(whole):
            yield f"{name(one)}: its boot runs {found[0]!r}"
        if document.get("packages") or document.get("package_update") or document.get("package_upgrade"):
            yield f"{name(one)}: its boot installs packages"
        for extension in (profile.get("extensionProfile") or {}).get("extensions") or []:
            if extension["type"] != "ApplicationHealthLinux":
                yield f"{name(one)}: extension {extension['type']} may fetch anything"


def images_by_digest(stack: Stack) -> Iterator[str]:
    for one in stack.of("app:Job", "app:ContainerApp"):
        for container in one.inputs["template"]["containers"]:
            if not re.search(r"@sha256:[0-9a-f]{64}$", container["image"]):
                yield f"{name(one)}: {container['image']} may be another one tomorrow"
            elif re.search(r"amazonaws|docker\.io|ghcr\.io|mcr\.microsoft", container["image"]):
                yield f"{name(one)}: {container['image']} is not from the project's own registry"


def no_address_of_its_own(stack: Stack) -> Iterator[str]:
    for one in stack.of("compute:VirtualMachineScaleSet"):
        profile = one.inputs["virtualMachineProfile"]["networkProfile"]
        for nic in profile["networkInterfaceConfigurations"]:
            for ip in nic["ipConfigurations"]:
                if ip.get("publicIPAddressConfiguration"):
                    yield f"{name(one)}: its instances have public addresses"


def private_or_named_people(stack: Stack) -> Iterator[str]:
    for one in stack.of("cosmosdb:DatabaseAccount"):
        if one.inputs.get("publicNetworkAccess") != "Disabled" and not one.inputs.get("ipRules"):
            yield f"{name(one)}: anyone may knock at the database"
    for one in stack.of("keyvault:Vault"):
        if at(one.inputs, "properties.networkAcls.defaultAction") != "Deny":
            yield f"{name(one)}: anyone may knock at the vault"
    reached = {
        c["privateLinkServiceId"]
        for d in stack.of("network:PrivateEndpoint")
        for c in d.inputs["privateLinkServiceConnections"]
    }
    for one in stack.of("cosmosdb:DatabaseAccount", "keyvault:Vault"):
        if one.id not in reached:
            yield f"{name(one)}: it has no private endpoint"


def everything_is_kept(stack: Stack) -> Iterator[str]:
    for one in stack.resources:
        if one.type.startswith("pulumi:"):
            continue
        if not (one.options.get("protect") and one.options.get("retainOnDelete")):
            yield f"{name(one)}: it can be deleted by a slip"


def unprotected(stack: Stack) -> Stack:
    first, *rest = [d for d in stack.resources if not d.type.startswith("pulumi:")]
    return replace(stack, resources=(replace(first, options={**first.options, "protect": False}), *rest))


def no_statement_takes_everything(stack: Stack) -> Iterator[str]:
    for one in stack.resources:
        if one.type not in ("aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy"):
            continue
        for statement in json.loads(one.inputs["policy"])["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            wild = [a for a in actions if a == "*" or a.endswith(":*")]
            if wild:
                yield f"{name(one)}: {statement.get('Sid')} allows {', '.join(wild)}"
            free = {"sts:GetCallerIdentity"} | (
                {"cloudwatch:PutMetricData"} if statement.get("Condition") else set()
            )
            if statement["Resource"] in ("*", ["*"]) and not set(actions) <= free:
                yield f"{name(one)}: {statement.get('Sid')} reaches every resource"


BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def buckets_are_private(stack: Stack) -> Iterator[str]:
    shut = {d.inputs["bucket"] for d in stack.of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
            if all(d.inputs.get(k) is True for k in BLOCKS)}  # fmt: skip
    encrypted = {d.inputs["bucket"] for d in stack.resources if "ServerSideEncryption" in d.type}
    versioned = {d.inputs["bucket"] for d in stack.resources if "BucketVersioning" in d.type}
    safe = {
        d.inputs["bucket"]
        for d in stack.of("aws:s3/bucketPolicy:BucketPolicy")
        if "aws:SecureTransport" in d.inputs["policy"]
    }
    for one in stack.of("aws:s3/bucket:Bucket"):
        for words, found in (
            ("public", shut),
            ("unencrypted", encrypted),
            ("without versions", versioned),
            ("open to plain HTTP", safe),
        ):
            if one.inputs["bucket"] not in found:
                yield f"{name(one)}: it may be {words}"


def trust_is_narrow(stack: Stack) -> Iterator[str]:
    for one in stack.of("aws:iam/role:Role"):
        for statement in json.loads(one.inputs["assumeRolePolicy"])["Statement"]:
            tests = (statement.get("Condition") or {}).get("StringEquals") or {}
            if not (any(k.endswith(":aud") for k in tests) and any(k.endswith(":sub") for k in tests)):
                yield f"{name(one)}: whoever has a token of that issuer takes it"


def takes_everything(stack: Stack) -> Stack:
    def edit(inputs: Inputs) -> None:
        inputs["policy"] = json.dumps(
            {
                "Statement": [
                    {"Sid": "All", "Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::b"]}
                ]
            }
        )

    return stack.spoiled("aws:iam/rolePolicy:RolePolicy", edit)


def trusts_anybody(stack: Stack) -> Stack:
    def edit(inputs: Inputs) -> None:
        inputs["assumeRolePolicy"] = inputs["assumeRolePolicy"].replace(":sub", ":iss")

    return stack.spoiled("aws:iam/role:Role", edit)


def add_role_at_the_group(stack: Stack) -> Stack:
    return stack.spoiled(
        "authorization:RoleAssignment", lambda i: i.update(scope=i["scope"].partition("/providers/")[0])
    )


def boot_with(line: str) -> Callable[[Stack], Stack]:
    def edit(inputs: Inputs) -> None:
        system = inputs["virtualMachineProfile"]["osProfile"]
        text = base64.b64decode(system["customData"]).decode() + f"  - [sh, -c, {json.dumps(line)}]\n"
        system["customData"] = base64.b64encode(text.encode()).decode()

    return lambda stack: stack.spoiled("compute:VirtualMachineScaleSet", edit)
