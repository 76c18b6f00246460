"""The real Pulumi CLI and a local cloud, once for the session; each test begins from a handed-over standby."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from clouds.azure.arm import Arm, ArmError
from clouds.azure.blobs import Blobs
from clouds.endpoints import load
from localcloud import LocalCloud, start
from recovery.arm.catalogue import CATALOGUE
from recovery.model import Json

ROOT = Path(__file__).resolve().parents[2]
SCALE = 600.0
MISSING = "the Pulumi CLI is not on PATH"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs the CLI; where it is missing each skips with that reason."""
    absent = shutil.which("pulumi") is None
    for item in items:
        if "tests/pulumi_cli/" in str(item.path):
            item.add_marker(pytest.mark.pulumi_cli)
            item.add_marker(pytest.mark.localcloud)
            item.add_marker(pytest.mark.timeout(1800))  # a busy machine is slow, not wrong
            if absent:
                item.add_marker(pytest.mark.skip(reason=MISSING))


@dataclass
class Ended:
    """A finished command."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass
class Bench:
    """A copy of the program's folder, a local cloud, and the two commands."""

    project: Path
    cloud: LocalCloud
    environment: dict[str, str]
    arm: Arm
    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *command: str, **environ: str) -> Ended:
        began = time.monotonic()
        done = subprocess.run(  # noqa: S603 - our own commands, no shell
            command,
            cwd=self.project,
            env={**self.environment, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def pulumi(self, *args: str, **environ: str) -> Ended:
        return self.run("pulumi", *args, "--non-interactive", "--color=never", **environ)

    def dr(self, *args: str, **environ: str) -> Ended:
        return self.run(sys.executable, "-m", "scripts.cli", *args, **environ)

    def begin(self, *args: str) -> subprocess.Popen[str]:
        """`dr ARGS`, left running."""
        command = [sys.executable, "-m", "scripts.cli", *args]
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            command,
            cwd=self.project,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # a shell's background job is told to ignore Ctrl-C, and what it starts inherits that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.begun.append(process)
        return process

    def end_what_was_begun(self) -> None:
        """A test that failed in the middle leaves nothing running for the next one."""
        for process in self.begun:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.communicate(timeout=120)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
        self.begun.clear()

    # -- the world as it is --------------------------------------------------------------------------------

    def exported(self, stack: str) -> dict[str, Any]:
        done = self.pulumi("stack", "export", "-s", stack)
        assert done.code == 0, done.said
        found: dict[str, Any] = json.loads(done.out)
        return found

    def live(self, token: str, name: str = "") -> dict[str, Json]:
        """The live body of the one resource of that type (and URN name) in the checkpoint."""
        for resource in self.exported("standby")["deployment"]["resources"]:
            if resource["type"] == token and resource["urn"].endswith(f"::{name}" if name else ""):
                return self.arm.get(resource["id"], CATALOGUE[token].api_version)
        raise AssertionError(f"no {token} {name} in the checkpoint")

    def id_of(self, token: str, name: str = "") -> str:
        return str(self.live(token, name)["id"])

    def dials(self) -> dict[str, Json]:
        """Every dial, read from the cloud."""
        gateway = self.live("azure-native:network:ApplicationGateway")["properties"]
        subscription = self.live("azure-native:eventgrid:SystemTopicEventSubscription")["properties"]
        container = self.id_of("azure-native:cosmosdb:SqlResourceSqlContainer")
        version = CATALOGUE["azure-native:cosmosdb:SqlResourceSqlContainer"].api_version
        throughput = self.arm.get(f"{container}/throughputSettings/default", version)["properties"][
            "resource"
        ]
        return {
            "capacity": self.live("azure-native:compute:VirtualMachineScaleSet")["sku"]["capacity"],
            "throughput": throughput["throughput"],
            "gateway": gateway["autoscaleConfiguration"]["minCapacity"],
            "filter": subscription["filter"]["subjectBeginsWith"],
            "mode": self.live("azure-native:resources:ResourceGroup")["tags"]["mode"],
            **{name: self.record(name) for name in ("apex", "api", "www")},
        }

    def record(self, name: str) -> Json:
        """Where a traffic record leads."""
        found = self.live("azure-native:dns:RecordSet", f"{name}-record")["properties"]
        lower = {key.lower(): value for key, value in found.items()}
        if lower.get("arecords"):
            return sorted(str(one["ipv4Address"]) for one in lower["arecords"])
        return str(lower["cnamerecord"]["cname"])

    def gates(self, since: float) -> list[tuple[str, str]]:
        """(gate, event) for every line of the gates' own log after the `since`-th."""
        path = Path(self.environment["DR_GATE_LOG"])
        lines = path.read_text().splitlines()[int(since) :] if path.exists() else []
        return [(str(one["gate"]).rpartition(":")[2], str(one["event"])) for one in map(json.loads, lines)]

    def gate_mark(self) -> int:
        path = Path(self.environment["DR_GATE_LOG"])
        return len(path.read_text().splitlines()) if path.exists() else 0

    def writes(self, since: int) -> list[str]:
        """``PUT /path`` of every write that Resource Manager saw after the `since`-th request."""
        seen = self.cloud.control("GET", f"requests?since={since}&door=arm")
        return [f"{r['method']} {r['path']}" for r in seen if r["method"] in ("PUT", "PATCH", "DELETE")]

    def request_mark(self) -> int:
        return max((int(r["n"]) for r in self.cloud.control("GET", "requests")), default=0)

    def publish(self) -> None:
        """The site's page, where the daily sync puts it: without it the gateway's site backend is not healthy."""
        account = self.live("azure-native:storage:StorageAccount", "storage-site")
        blobs = Blobs(account, self.arm.endpoints)
        blobs.put("$web", "index.html", b"<h1>demay</h1>", content_type="text/html")
        blobs.close()

    def lock_files(self, stack: str) -> list[Path]:
        backend = Path(urlsplit(self.environment["PULUMI_BACKEND_URL"]).path)
        return sorted((backend / ".pulumi/locks/organization/standby" / stack).glob("*.json"))

    def wait_for(self, what: Callable[[], object], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)


def copy_program(folder: Path) -> Path:
    """The program where a stack file may be written to (`stack init` writes its salt there)."""
    folder.mkdir(parents=True)
    for path in (*ROOT.glob("Pulumi*.yaml"), ROOT / "__main__.py"):
        shutil.copy(path, folder)
    for path in folder.glob("Pulumi.*.yaml"):  # a salt of somebody's own run is none of ours
        kept = [line for line in path.read_text().splitlines(True) if not line.startswith("encryptionsalt:")]
        path.write_text("".join(kept))
    for name in ("components", "recovery", "clouds", "scripts", "localcloud"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A standby built by a bare `pulumi up -s standby`, handed over, and a snapshot of both checkpoints."""
    base = tmp_path_factory.mktemp("pulumi-cli")
    project = copy_program(base / "project")
    cloud = start(base / "cloud", scale=SCALE, with_parent=True)
    environment = clean_environment(cloud.environment)
    bench = Bench(project, cloud, environment, Arm(load(environment)))
    try:
        for done in (
            bench.pulumi("stack", "init", "standby"),
            bench.pulumi("up", "-s", "standby", "--yes", "--skip-preview"),
            bench.dr("handover", "standby", "active"),
        ):
            assert done.code == 0, done.said
        bench.publish()
        shutil.copytree(base / "cloud/pulumi", base / "snapshot")
        for stack in ("standby", "active"):
            shutil.copy(project / f"Pulumi.{stack}.yaml", base / f"{stack}.yaml")
        yield bench
    finally:
        bench.end_what_was_begun()
        cloud.stop()


ENLARGED = """
from components.image_app import footprint as _footprint
from pulumi_azure_native import network as _network

_before = _footprint.Footprint._mode_tag

def _more(self, after):
    _network.NetworkSecurityGroup(
        "nsg-later", resource_group_name=self._place.group, network_security_group_name="nsg-later",
        location=self._place.location, opts=_footprint.kept(self),
    )
    _before(self, after)

_footprint.Footprint._mode_tag = _more
"""


def enlarge(bench: Bench) -> None:
    """A later program, which declares one resource more."""
    main = bench.project / "__main__.py"
    main.write_text(main.read_text().replace("import pulumi\n", f"import pulumi\n{ENLARGED}", 1))


def clean_environment(cloud: Mapping[str, str]) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "DR_", "ARM_"))}
    return {
        **own,
        **cloud,
        "NO_COLOR": "1",
        "PULUMI_HOME": str(Path(cloud["DR_HOME"]).parent / "pulumi-home"),
    }


@pytest.fixture
def ready(bench: Bench) -> Bench:
    """The bench with both checkpoints as handed over, no fault, a living primary, and the footprint on standby."""
    base = bench.project.parent
    bench.end_what_was_begun()
    bench.cloud.control("DELETE", "faults")
    bench.cloud.control("PUT", "primary", {"state": "up"})
    shutil.rmtree(base / "cloud/pulumi")
    shutil.copytree(base / "snapshot", base / "cloud/pulumi")
    shutil.rmtree(Path(bench.environment["DR_HOME"]) / "runs", ignore_errors=True)
    for path in (*ROOT.glob("Pulumi*.yaml"), ROOT / "__main__.py"):
        shutil.copy(path, bench.project)
    for stack in ("standby", "active"):
        shutil.copy(base / f"{stack}.yaml", bench.project / f"Pulumi.{stack}.yaml")
    try:
        seen = bench.dials()
        calm = seen["mode"] == "standby" and seen["capacity"] == 0  # half a switch has one and not the other
    except ArmError:
        calm = False
    if not calm:
        back = bench.pulumi("up", "-s", "standby", "--yes", "--skip-preview")
        assert back.code == 0, back.said
    return bench
