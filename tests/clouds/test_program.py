"""The recorder on a small program of its own (the real program's graph is tested with the components)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from clouds.program import desired, stack_config
from recovery.arm.placeholders import references
from recovery.errors import BadInput, Failed
from recovery.model import Desired

PROJECT = """\
name: small
runtime: python
config:
  location: {type: string, default: brazilsouth}
  sizes: {type: object, default: {api: 2}}
"""

PROGRAM = """\
import pulumi
from pulumi.dynamic import Resource, ResourceProvider
from pulumi_azure_native import dns, network, storage

config = pulumi.Config()
active = config.require("mode") == "active"
assert config.require_object("sizes") == {"api": 2}


def stamp(outputs):
    if active and outputs.get("footprint") != "f1":
        raise RuntimeError("never handed over")
    return "1"


own = pulumi.StackReference(f"organization/{pulumi.get_project()}/{pulumi.get_stack()}")
guard = pulumi.Output.from_input(own.outputs).apply(stamp)


class Gate(Resource, name="HealthGate"):
    def __init__(self, name, props, opts=None):
        super().__init__(ResourceProvider(), name, props, opts)


address = network.PublicIPAddress(
    "address", resource_group_name="rg", public_ip_address_name="gw", tags={"guard": guard},
    idle_timeout_in_minutes=4.0, location=config.require("location"),
    opts=pulumi.ResourceOptions(protect=True, retain_on_delete=True, ignore_changes=["tags"]),
)
site = storage.StorageAccount(
    "site", resource_group_name="rg", account_name="site", kind="StorageV2", sku={"name": "Standard_LRS"},
)
dns.RecordSet(
    "www-record", resource_group_name="rg", zone_name="demay.com", record_type="CNAME", relative_record_set_name="www",
    ttl=60, cname_record={"cname": pulumi.Output.concat(address.ip_address, ".example.com")},
    metadata={"web": site.primary_endpoints.apply(lambda e: e.web), "secret": pulumi.Output.secret("canary-9f3c")},
    opts=pulumi.ResourceOptions(depends_on=[site]),
)
Gate("health", {"want": "healthy", "gatewayId": address.id})
pulumi.export("footprint", "f1")
"""


def make(root: Path, program: str = PROGRAM) -> Path:
    root.mkdir(exist_ok=True)
    (root / "Pulumi.yaml").write_text(PROJECT)
    for stack in ("standby", "active"):
        (root / f"Pulumi.{stack}.yaml").write_text(f"config:\n  small:mode: {stack}\n")
    (root / "__main__.py").write_text(program)
    return root


def environ(root: Path) -> dict[str, str]:
    return {"ARM_SUBSCRIPTION_ID": "SUB", "DR_HOME": str(root / "home"), "PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, Desired]:
    return {d.options["name"]: d for d in desired(project, "active", environ(project))}


def test_every_resource_is_there_with_its_arm_id_and_its_line(found: dict[str, Desired]) -> None:
    assert set(found) == {"address", "site", "www-record", "health"}
    record = found["www-record"]
    assert (
        record.id
        == "/subscriptions/SUB/resourceGroups/rg/providers/Microsoft.Network/dnsZones/demay.com/CNAME/www"
    )
    assert record.arm_type == "Microsoft.Network/dnsZones/CNAME"
    assert record.source.startswith("__main__.py:")


def test_inputs_are_plain_json_with_ints_as_ints(found: dict[str, Desired]) -> None:
    inputs = found["address"].inputs
    assert (inputs["idleTimeoutInMinutes"], inputs["tags"]) == (4, {"guard": "1"})
    assert isinstance(inputs["idleTimeoutInMinutes"], int)


def test_a_secret_is_in_no_input_and_in_no_cached_file(found: dict[str, Desired], project: Path) -> None:
    assert found["www-record"].inputs["metadata"]["secret"] == "(secret)"
    kept = list((project / "home").rglob("*.json"))
    assert kept
    assert not [path for path in kept if "canary-9f3c" in path.read_text()]


def test_what_only_the_cloud_knows_is_a_placeholder_inside_the_text(found: dict[str, Desired]) -> None:
    record = found["www-record"]
    assert sorted(references(dict(record.inputs))) == sorted(
        [(found["address"].id, "properties.ipAddress"), (found["site"].id, "properties.primaryEndpoints.web")]
    )
    assert record.inputs["cnameRecord"]["cname"].endswith("⟧.example.com")


def test_options_and_dependencies_are_kept_as_ids(found: dict[str, Desired]) -> None:
    assert found["address"].options["protect"] is True
    assert found["address"].options["retainOnDelete"] is True
    assert found["address"].options["ignoreChanges"] == ["tags"]
    assert set(found["www-record"].options["dependsOn"]) == {found["address"].id, found["site"].id}


def test_a_dynamic_resource_keeps_its_kind_and_loses_its_pickled_provider(found: dict[str, Desired]) -> None:
    gate = found["health"]
    assert gate.type.startswith("pulumi-python:")
    assert gate.type.endswith(":HealthGate")
    assert (gate.id, gate.arm_type) == ("gate:health", "")
    assert gate.inputs == {"want": "healthy", "gatewayId": found["address"].id}


def test_the_cache_answers_without_importing_pulumi(found: dict[str, Desired], project: Path) -> None:
    assert found
    code = (
        "import sys, pathlib\nfrom clouds.program import desired\n"
        f"n = len(desired(pathlib.Path({str(project)!r}), 'active', {environ(project)!r}))\n"
        "print(n, sorted(m for m in sys.modules if m.split('.')[0] in ('pulumi', 'pulumi_azure_native', 'grpc')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 (ours)
    assert done.stdout.strip() == "4 []"


def test_a_changed_program_is_collected_again(
    found: dict[str, Desired], project: Path, tmp_path: Path
) -> None:
    assert found
    other = make(tmp_path / "other", "import pulumi\npulumi.export('footprint', 'f1')\n")
    kept = environ(project)
    assert desired(other, "active", kept) == []


def test_a_torn_cache_file_is_no_cache(tmp_path: Path) -> None:
    root = make(tmp_path / "p", "pass\n")
    assert desired(root, "standby", environ(root)) == []
    [kept] = (root / "home" / "cache").glob("*.json")
    kept.write_text('[{"type"')
    assert desired(root, "standby", environ(root)) == []
    assert json.loads(kept.read_text()) == []


NAMELESS = """\
from pulumi_azure_native import network
network.PublicIPAddress("a", resource_group_name="rg")
"""
TWICE = """\
from pulumi_azure_native import network
for _ in range(2):
    network.PublicIPAddress("a", resource_group_name="rg", public_ip_address_name="a")
"""
UNHEARD = """\
import pulumi
class Odd(pulumi.CustomResource):
    def __init__(self):
        super().__init__("azure-native:odd:Thing", "odd", {})
Odd()
"""
UNKNOWN = """\
from pulumi_azure_native import network
a = network.PublicIPAddress("a", resource_group_name="rg", public_ip_address_name="a")
network.PublicIPAddress("b", resource_group_name="rg", public_ip_address_name="b", tags={"x":
a.resource_guid})
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (NAMELESS, "publicIpAddressName"),
        (TWICE, "share the URN"),
        (UNHEARD, r"catalogue\.py"),
        (UNKNOWN, r"b: `tags\.x`"),
        ("raise ValueError('settings are wrong')\n", "settings are wrong"),
    ],
)
def test_a_program_that_cannot_be_recorded_whole_is_refused_by_name(
    tmp_path: Path, program: str, said: str
) -> None:
    root = make(tmp_path / "p", program)
    with pytest.raises(Failed, match=said):
        desired(root, "standby", environ(root))


def test_the_guard_still_stops_a_program_with_another_footprint(tmp_path: Path) -> None:
    root = make(tmp_path / "p", PROGRAM.replace('export("footprint", "f1")', 'export("footprint", "f2")'))
    with pytest.raises(Failed, match="never handed over"):
        desired(root, "active", environ(root))


def test_a_misspelt_stack_or_no_subscription_is_bad_input(project: Path) -> None:
    with pytest.raises(BadInput, match=r"there are: active, standby"):
        desired(project, "actve", environ(project))
    with pytest.raises(BadInput, match="no subscription"):
        desired(project, "active", {})


def test_configuration_is_defaults_below_the_stacks_own_values(project: Path) -> None:
    name, config, secrets = stack_config(project, "active")
    assert (name, secrets) == ("small", [])
    assert config == {"small:location": "brazilsouth", "small:sizes": '{"api": 2}', "small:mode": "active"}
