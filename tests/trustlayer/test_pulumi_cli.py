"""The three stacks by the real Pulumi CLI, against a real Kubernetes API server, real PostgreSQL, and moto for AWS.

The providers are served from Python (`localcloud.trustlayer.provider`); kubectl and psql confirm what the CLI did.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clouds.trustlayer_site import WEST, Site
from localcloud.trustlayer.binaries import kubectl_path, missing, postgres_bin
from localcloud.trustlayer.start import LocalSite, start
from tests.pulumi_cli.conftest import MISSING, Ended, clean_environment, copy_program

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "the local site runs here"),
    pytest.mark.skipif(shutil.which("pulumi") is None, reason=MISSING),
    pytest.mark.pulumi_cli,
    pytest.mark.localcloud,
    pytest.mark.timeout(1800),
]
STANDBY, ACTIVE, GLOBAL = "trustlayer-standby", "trustlayer-active", "trustlayer-global"


@dataclass
class Bench:
    """A copy of the program, a running local site, and the commands."""

    project: Path
    local: LocalSite
    environment: dict[str, str]

    def run(self, *command: str) -> Ended:
        done = subprocess.run(  # noqa: S603 - our own commands, no shell
            command, cwd=self.project, env=self.environment, capture_output=True, text=True, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr, 0.0)

    def pulumi(self, *args: str) -> Ended:
        return self.run("pulumi", *args, "--non-interactive", "--color=never")

    def up(self, stack: str) -> Ended:
        return self.pulumi("up", "-s", stack, "--yes", "--skip-preview")

    def clean(self, stack: str) -> None:
        for _ in range(5):  # on a loaded machine a gate may see nothing within its three seconds, and says so
            done = self.pulumi("preview", "-s", stack, "--expect-no-changes", "--diff")
            if "nothing was seen within" not in done.said:
                break
        assert done.code == 0, done.said

    def dr(self, *args: str, yes: bool = False) -> Ended:
        done = subprocess.run(  # noqa: S603 - our own commands, no shell
            [sys.executable, "-m", "scripts.cli", *args], cwd=self.project, env=self.environment,
            input="yes\n" * 9 if yes else "", capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr, 0.0)

    def kubectl(self, *args: str) -> str:
        config = self.local.body["clusters"][WEST]
        done = self.run(str(kubectl_path()), "--kubeconfig", config, "-n", "trustlayer", *args)
        assert done.code == 0, done.said
        return done.out.strip()

    def psql(self, text: str) -> str:
        url = self.local.body["databases"][self.local.body["replica"]]["dsn"]
        done = self.run(str(postgres_bin() / "psql"), "-XAtc", text, url)
        assert done.code == 0, done.said
        return done.out.strip()

    def flag(self) -> bool:
        s3 = Site(self.local.body).aws("s3", WEST)
        return "active" in [
            e["Key"] for e in s3.list_objects_v2(Bucket="trustlayer-flags").get("Contents", [])
        ]

    def drift(self, stack: str) -> tuple[int, list[dict[str, Any]]]:
        done = self.dr("drift", "-s", stack, "--format", "json")
        return done.code, json.loads(done.out)["findings"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    # The database's user must reach its folder, and pytest's own are closed to it.
    folder = Path(tempfile.mkdtemp(prefix="dr-trustlayer-"))
    project = copy_program(tmp_path_factory.mktemp("trustlayer-cli") / "project")
    with start(folder, scale=600.0, stacks=True) as local:
        environment = clean_environment(local.environment)
        made = Bench(project, local, environment)
        for stack in (STANDBY, GLOBAL):
            done = made.pulumi("stack", "init", stack)
            assert done.code == 0, done.said
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def test_the_stacks_by_the_real_cli_from_nothing_to_a_lost_region(bench: Bench) -> None:
    """TL-4. One story, because each state is the next one's beginning (and building it costs most)."""
    # Nothing is there: the global parts, then the standby, by bare commands.
    for stack in (STANDBY, GLOBAL):
        built = bench.up(stack)
        assert built.code == 0, built.said
        bench.clean(stack)
    assert bench.kubectl("get", "deployments", "-o", "jsonpath={.items[*].spec.replicas}") == "0 0"
    assert bench.kubectl("get", "cronjob", "nightly-backup", "-o", "jsonpath={.spec.schedule}") == "0 2 * * *"
    assert bench.psql("SELECT pg_is_in_recovery()") == "t"

    # Drift: clean; then somebody changes three things and adds one, and the next up mends what is declared.
    assert bench.drift(STANDBY) == (0, [])
    assert bench.drift(GLOBAL) == (0, [])
    bench.kubectl("scale", "deployment", "trustlayer-frontend", "--replicas=2")
    bench.kubectl("delete", "poddisruptionbudget", "trustlayer-api")
    bench.kubectl("create", "quota", "somebodys", "--hard=pods=1")
    s3 = Site(bench.local.body).aws("s3", WEST)
    s3.delete_bucket_policy(Bucket="trustlayer-flags")
    code, findings = bench.drift(STANDBY)
    assert code == 3
    assert {(f["id"].rpartition("/")[2], f["verdict"], f["path"]) for f in findings} == {
        ("trustlayer-frontend", "~", "spec.replicas"),
        ("trustlayer-api", "missing", ""),
        ("somebodys", "unmanaged", ""),
        ("trustlayer-flags", "missing", ""),
    }
    bench.kubectl("delete", "quota", "somebodys")
    mended = bench.up(STANDBY)
    assert mended.code == 0, mended.said
    assert bench.drift(STANDBY) == (0, [])

    # Never handed over: stopped before anything is created.
    assert bench.pulumi("stack", "init", ACTIVE).code == 0
    refused = bench.up(ACTIVE)
    assert refused.code != 0
    assert "dr handover trustlayer-standby trustlayer-active" in refused.said
    over = bench.dr("handover", STANDBY, ACTIVE)
    assert over.code == 0, over.said

    # Unpromoted: the pods come, the gate stops, the flag is not written, and level 4 is named.
    stopped = bench.up(ACTIVE)
    assert stopped.code != 0
    assert "dr recover --level 4" in stopped.said
    assert not bench.flag()
    assert bench.psql("SELECT pg_is_in_recovery()") == "t"

    # Every us-east-1 endpoint refuses: the runbook promotes, and then the CLI's own up goes through.
    bench.local.happen("lose-region")
    recovered = bench.dr("recover", "--level", "4", yes=True)
    assert recovered.code == 0, recovered.said
    up = bench.up(ACTIVE)
    assert up.code == 0, up.said
    bench.clean(ACTIVE)
    assert bench.flag()
    assert bench.psql("SELECT pg_is_in_recovery()") == "f"
    ready = bench.kubectl("get", "deployment", "trustlayer-api", "-o", "jsonpath={.status.readyReplicas}")
    assert ready == "5"

    # A deployment of `standby` in the middle of the contingency is stopped, and changes nothing.
    early = bench.up(STANDBY)
    assert early.code != 0
    assert "dr recover --back 4" in early.said
    assert bench.flag()
    assert bench.kubectl("get", "deployment", "trustlayer-api", "-o", "jsonpath={.spec.replicas}") == "5"

    # Drift says who serves; a flag that the mode does not want is the worst of it.
    code, findings = bench.drift(STANDBY)
    assert code == 3
    assert findings[0]["severity"] == "critical"
    assert any(f["id"].endswith("/flags/active") and f["have"] is True for f in findings)

    # us-east-1 returns: the failback by runbook, then the standby by the CLI again.
    bench.local.happen("regain-region")
    returned = bench.dr("recover", "--back", "4", yes=True)
    assert returned.code == 0, returned.said
    assert not bench.flag()
    fresh = f"{bench.local.body['replica']}"
    assert fresh == "trustlayer-dr-replica-g2"
    assert bench.psql("SELECT pg_is_in_recovery()") == "t"
    for path in bench.project.glob("Pulumi.trustlayer-*.yaml"):
        path.write_text(path.read_text().replace("replica: trustlayer-dr-replica\n", f"replica: {fresh}\n"))
    parent = "urn:pulumi:trustlayer-standby::standby::standby:trustlayer:Regional::trustlayer"
    provider = (
        "urn:pulumi:trustlayer-standby::standby::standby:trustlayer:Regional$pulumi:providers:aws::us-west-2"
    )
    taken = bench.pulumi(
        "import", "aws:rds/instance:Instance", fresh, fresh, "-s", STANDBY, "--yes", "--skip-preview", "--generate-code=false",
        "--protect=false", "--parent", f"site={parent}", "--provider", f"west={provider}",
    )  # fmt: skip
    assert taken.code == 0, taken.said
    home = bench.up(STANDBY)
    assert home.code == 0, home.said
    bench.clean(STANDBY)
    assert bench.kubectl("get", "deployments", "-o", "jsonpath={.items[*].spec.replicas}") == "0 0"
    assert bench.drift(STANDBY) == (0, [])
