"""The real world of a rehearsal: a local cloud of its own, and the functions that `dr up` and `dr drift` are made of."""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from clouds.azure.arm import Arm, ArmError
from clouds.azure.blobs import Blobs
from clouds.azure.documents import Documents
from clouds.azure.live import read_live
from clouds.checkpoint import hand_over
from clouds.endpoints import load
from clouds.program import desired, project_root
from clouds.pulumi_cli import PulumiCli
from clouds.stack_files import PULUMIS_OWN
from recovery import chunks
from recovery.arm.catalogue import CATALOGUE
from recovery.drift import report as drift_report
from recovery.engine import DIALS_ONLY, Event, EventKind
from recovery.errors import BadInput, Failed
from recovery.model import Action, Desired, Json, Plan
from recovery.report.model import Part
from scripts import switch
from scripts.rehearsal.recorder import Recorder
from scripts.rehearsal.show import Show
from scripts.rehearsal.world import Checked, Converted

CAPACITY, THROUGHPUT = "Scale set capacity", "Cosmos RU/s"


def choose(engine: str) -> str:
    """The engine by name; auto is pulumi where its CLI is on PATH. Raises BadInput when pulumi is asked for and absent."""
    if engine == "direct":
        return engine
    try:
        PulumiCli(Path()).path()
    except BadInput:
        if engine == "pulumi":
            raise
        return "direct"
    return "pulumi"


class _Aside(io.TextIOBase):
    """Takes what the verbs' functions say on stderr and shows it beside the step, so that the spinner stays whole."""

    def __init__(self, show: Show) -> None:
        self._show = show

    def write(self, text: str) -> int:
        if text.strip():
            self._show.event(Event(EventKind.MESSAGE, name=text.strip()))
        return len(text)


class LocalWorld:
    """The world of scripts.rehearsal.world, on a local cloud that is up and whose environment is in force."""

    def __init__(self, engine: str, show: Show, root: Path) -> None:
        self.engine_name = engine
        self.show = show
        self.root = root
        self.endpoints = load()
        self.arm = Arm(self.endpoints)

    def close(self) -> None:
        """Close the connections."""
        self.arm.close()

    def aside(self) -> contextlib.AbstractContextManager[object]:
        """What is said on stderr meanwhile is shown beside the step under way."""
        return contextlib.redirect_stderr(_Aside(self.show))

    def durations(self, percentile: str) -> None:
        """Ask the local cloud's own control for it."""
        body = json.dumps({"percentile": percentile}).encode()
        headers = {"Authorization": f"Bearer {self.endpoints.arm_token}", "Content-Type": "application/json"}
        request = urllib.request.Request(  # noqa: S310 (loopback, from the endpoints file)
            f"{self.endpoints.control_url}/durations", body, headers, method="PUT"
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10):
            pass

    # -- the program -----------------------------------------------------------------------------------

    def desired(self, stack: str) -> Sequence[Desired]:
        """What the program declares."""
        return desired(self.root, stack, os.environ)

    def _one(self, token: str, ending: str = "") -> Desired:
        """The declared resource of a type, by the end of its id where there are several."""
        found = [d for d in self.desired("standby") if d.type == token and d.id.lower().endswith(ending)]
        if not found:
            raise Failed(
                f"the program declares no {token} whose id ends in {ending!r}",
                "the rehearsal speaks to it",
                "dr desired -s standby",
            )
        return found[0]

    def _body(self, one: Desired) -> dict[str, Json]:
        return self.arm.get(one.id, CATALOGUE[one.type].api_version)

    # -- engines ---------------------------------------------------------------------------------------

    def build(self, on_event: Callable[[Event], None]) -> Plan:
        """`dr up -s standby --first-build`."""
        return self.up("standby", on_event, create=True)

    def certify(self) -> None:
        """`dr local certify`."""
        from localcloud import running
        from localcloud.certify import certify

        cloud = running(Path(os.environ["DR_ENDPOINTS"]).parent)
        if cloud is None:
            raise Failed("the local cloud is gone", "it issues the certificate", "dr rehearse")
        certify(cloud, self.arm, self.desired("standby"), lambda text: None)

    def up(self, stack: str, on_event: Callable[[Event], None], create: bool = False) -> Plan:
        """`dr up -s STACK`: lock, up through the safety gate, hand-over."""
        allow = DIALS_ONLY | ({Action.CREATE} if create else frozenset())
        with contextlib.redirect_stderr(_Aside(self.show)), switch.FootprintLock(self.root, stack) as lock:

            def watch(event: Event) -> None:
                on_event(event)
                lock.saw(event)

            engine = switch.make_engine(self.engine_name, self.root, before_change=lock.check)
            if engine.name == "pulumi":
                cli = PulumiCli(self.root)
                if stack not in cli.stacks():
                    cli.run("stack", "init", stack)
            # No preview: nobody is asked here, and the safety gate looks at every operation as it begins.
            plan = engine.apply(stack, allow=allow, on_event=watch)
            if engine.name == "pulumi":
                hand_over(PulumiCli(self.root), stack, switch.other(stack), refresh=False)
        return plan

    # -- drift -----------------------------------------------------------------------------------------

    def drift(self, stack: str) -> Checked:
        """`dr drift -s STACK`."""
        wanted = self.desired(stack)
        seen = drift_report.check(wanted, read_live(self.arm, wanted), None, stack)
        compared = len(wanted) - seen.skipped
        return Checked(seen.findings, compared, seen.complete)

    def delete(self, id: str) -> None:
        """What `az resource delete --ids` does."""
        arm_type = id.rpartition("/providers/")[2]
        namespace, *rest = arm_type.split("/")
        kind = "/".join((namespace, *rest[0::2])).lower()
        version = next(row.api_version for row in CATALOGUE.values() if row.arm_type.lower() == kind)
        self.arm.delete(id, version)

    # -- the photograph --------------------------------------------------------------------------------

    def _uploads(self) -> tuple[Desired, Desired]:
        """The uploads container and its account."""
        container = self._one("azure-native:storage:BlobContainer", "/containers/uploads")
        account = next(
            d for d in self.desired("standby")
            if d.type.endswith(":StorageAccount") and container.id.lower().startswith(d.id.lower() + "/")
        )  # fmt: skip
        return container, account

    def upload(self, name: str, data: bytes) -> None:
        """Put it into the uploads container, as the application does."""
        container, account = self._uploads()
        blobs = Blobs(self._body(account), self.endpoints)
        try:
            blobs.put(str(container.inputs["containerName"]), name, data, content_type="image/jpeg")
        finally:
            blobs.close()

    def converted(self, name: str) -> Converted | None:
        """Its documents, put together again; None while that cannot be done."""
        account = self._one("azure-native:cosmosdb:DatabaseAccount")
        throughput = next(d for d in self.desired("standby") if d.type.endswith(":CosmosThroughput"))
        _, _, database, _, container = str(throughput.inputs["containerId"]).rsplit("/", 4)
        found = Documents(self._body(account), self.endpoints, database, container).partition(name)
        try:
            return Converted(chunks.assemble(found), len(found))
        except chunks.IncompleteError:
            return None

    # -- what is shown ---------------------------------------------------------------------------------

    def dials(self) -> dict[str, Callable[[], float | None]]:
        """Read through Resource Manager, as everyone sees them."""
        scale_set = self._one("azure-native:compute:VirtualMachineScaleSet")
        throughput = next(d for d in self.desired("standby") if d.type.endswith(":CosmosThroughput"))
        version = CATALOGUE["azure-native:cosmosdb:SqlResourceSqlContainer"].api_version
        settings = f"{throughput.inputs['containerId']}/throughputSettings/default"

        def capacity() -> float | None:
            return _number(lambda: self._body(scale_set), "sku", "capacity")

        def units() -> float | None:
            return _number(lambda: self.arm.get(settings, version), "properties", "resource", "throughput")

        return {CAPACITY: capacity, THROUGHPUT: units}

    def parts(self) -> list[Part]:
        """Engines, servers and libraries, with versions."""
        found = [
            Part("Python", platform.python_version(), "this process, the local cloud, the API's instances")
        ]
        if self.engine_name == "pulumi":
            version = PulumiCli(self.root).run("version").out.strip().lstrip("v")
            found.insert(0, Part("Pulumi CLI", version, "plans and applies the program"))
        else:
            found.insert(
                0,
                Part("direct engine", metadata.version("standby"), "plans and applies without CLI or state"),
            )
        for name, role in (
            ("pulumi", "runs the program"),
            ("pulumi-azure-native", "declares the resources"),
            ("azure-functions", "runs the converter's code"),
        ):
            found.append(Part(name, metadata.version(name), role))
        return [*found, *node_parts()]


def node_parts() -> list[Part]:
    """Azurite and the Cosmos server, by their own package files, and the Node that runs them."""
    from localcloud.data import node_parts as installed

    there = installed.ensure()
    said = subprocess.run([str(there.node), "--version"], capture_output=True, text=True, check=False)  # noqa: S603 (a program of ours)
    found = [Part("Node", said.stdout.strip().lstrip("v"), "runs the two servers below")]
    for package, role in (("azurite", "blobs and queues"), ("@vercel/cosmosdb-server", "documents")):
        file = there.home / "node_modules" / package / "package.json"
        found.append(Part(package, str(json.loads(file.read_text())["version"]), role))
    return found


def _number(read: Callable[[], Mapping[str, Json]], *path: str) -> float | None:
    try:
        value: Json = read()
    except ArmError:
        return None
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def _own_copy(root: Path, copy: Path) -> Path:
    """The program in a folder of its own: `pulumi stack init` writes into the stack file, and a person's stays as it is."""
    copy.mkdir()
    own = tuple(f"{key}:" for key in PULUMIS_OWN)
    for file in root.glob("Pulumi*.yaml"):
        lines = file.read_text().splitlines(keepends=True)
        (copy / file.name).write_text("".join(line for line in lines if not line.startswith(own)))
    shutil.copy(root / "__main__.py", copy)
    shutil.copytree(root / "components", copy / "components", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("clouds", "recovery"):
        (copy / name).symlink_to(root / name, target_is_directory=True)
    # Pulumi.yaml names .venv; the environment that runs this is the one that has everything.
    (copy / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return copy


def _share_cache(root: Path, home: Path) -> None:
    """The desired state is cached by content alone and holds no live value: one cache serves every rehearsal."""
    shared = Path(os.environ.get("DR_HOME") or root / ".dr") / "cache"
    shared.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "cache").exists():
        (home / "cache").symlink_to(shared.absolute(), target_is_directory=True)


@contextmanager
def open_world(engine: str, state: Path, scale: float, record: Recorder) -> Iterator[LocalWorld]:
    """Start a local cloud in `state`, put its environment in force, and stop it whatever happens."""
    import localcloud

    with localcloud.start(state, scale, with_parent=True) as cloud:
        _share_cache(project_root(), Path(cloud.environment["DR_HOME"]))
        os.environ.update(cloud.environment)
        record.gate_log = Path(os.environ["DR_GATE_LOG"])
        world = LocalWorld(engine, record.show, _own_copy(project_root(), state / "project"))
        record.show.say(f"the local cloud is up after {record.clock():.1f} s")
        try:
            yield world
        finally:
            record.stop_polling()
            world.close()
