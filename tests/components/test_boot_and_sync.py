"""What runs by itself: an instance's first boot, the sync's workloads, the alerts. Each by itself, in both modes."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from pulumi_azure_native import managedidentity

from components.image_app.cloud_init import Boot, cloud_init
from components.image_app.common import Place
from components.image_app.monitoring import Metric, Monitoring, MonitoringArgs
from components.image_app.sync_job import Sync, SyncArgs
from components.settings import Mode, Settings
from tests.components.recording import Recording, alone


def installer(boot: bytes) -> str:
    """The script that a boot writes down and runs."""
    written = {
        f["path"]: base64.b64decode(f["content"]).decode() for f in yaml.safe_load(boot)["write_files"]
    }
    return written["/usr/local/sbin/install-api.py"]


def test_an_instance_fetches_its_artifact_from_azure_alone_and_checks_it(site: Settings) -> None:
    """Nothing is downloaded from elsewhere at boot; what has another digest is not started."""
    pinned = cloud_init(Boot("stdemayuploads", "api.tar.gz", "a" * 64, 8080))
    document = yaml.safe_load(pinned)
    assert (document["package_update"], document["package_upgrade"]) == (False, False)
    assert document["runcmd"] == [["python3", "/usr/local/sbin/install-api.py"]]
    script = installer(pinned.encode())
    compile(script, "install-api.py", "exec")
    hosts = set(re.findall(r"https?://([^/\"]+)", script))
    assert hosts == {"169.254.169.254", "storage.azure.com", "stdemayuploads.blob.core.windows.net"}
    assert f'wanted = "{"a" * 64}" or' in script
    assert 'wanted = "" or get(url + ".sha256"' in installer(
        cloud_init(Boot("st", "api.tar.gz", "", 8080)).encode()
    )


@pytest.mark.parametrize("tampered", [False, True])
def test_the_installer_unpacks_what_has_the_right_digest_and_refuses_the_rest(
    tmp_path: Path, tampered: bool
) -> None:
    """The script itself, run against a small identity service and blob store of this machine."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as packed:
        entry = tarfile.TarInfo("bin/start")
        entry.size = 2
        packed.addfile(entry, io.BytesIO(b"ok"))
    blob = data.getvalue()
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path.partition("?")[0], self.headers.get("Authorization", "")))
            digest = hashlib.sha256(blob + b"x" * tampered).hexdigest()
            body = {"/token": b'{"access_token": "t-1"}', "/artifacts/api.tar.gz": blob}.get(
                self.path.partition("?")[0], digest.encode()
            )
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_address[1]}"
    script = installer(cloud_init(Boot("st", "api.tar.gz", "", 8080)).encode())
    script = script.replace("http://169.254.169.254/metadata/identity/oauth2/token", f"{here}/token")
    script = script.replace("https://st.blob.core.windows.net", here).replace(
        "/opt/image-app", str(tmp_path / "home")
    )
    script = script.replace('["systemctl", "enable", "--now", "image-app-api"]', '["true"]')
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    server.shutdown()
    server.server_close()
    assert ("/artifacts/api.tar.gz", "Bearer t-1") in seen
    assert (done.returncode != 0) is tampered, done.stderr
    assert (tmp_path / "home" / "bin" / "start").is_file() is not tampered
    assert ("is not started" in done.stderr) is tampered


def sync(site: Settings, mode: Mode) -> Recording:
    """The sync's workloads in a mode."""

    def build(place: Place) -> None:
        identity = managedidentity.UserAssignedIdentity(
            "identity", resource_group_name="rg-alone", resource_name_="id"
        )
        args = SyncArgs(
            place,
            site.names,
            site.sync,
            identity,
            "subnet-1",
            "/registry",
            {"uploads": "/container-1"},
            {"cosmos": "/cosmos"},
            {"uploads": "/account"},
            {"A": "b"},
        )
        Sync("sync", args).workloads(site.in_mode(mode).dials.direction, [])

    return alone(build)


def test_the_sync_runs_daily_by_azures_clock_from_an_image_by_digest(site: Settings, mode: Mode) -> None:
    """SYNC-5: the schedule does not live in AWS; the direction is a dial; least privilege, no key."""
    found = sync(site, mode)
    job, watch = found.inputs("sync-daily"), found.inputs("sync-watch")
    schedule = job["configuration"]["scheduleTriggerConfig"]
    assert (
        schedule["cronExpression"],
        schedule["parallelism"],
        job["configuration"]["replicaRetryLimit"],
    ) == ("0 3 * * *", 1, 0)
    for one in (job, watch):
        [container] = one["template"]["containers"]
        assert "@sha256:" in container["image"]
        assert {e["name"] for e in container["env"]} == {"A", "AZURE_CLIENT_ID"}
        assert not any("secretRef" in e for e in container["env"])
        [registry] = one["configuration"]["registries"]
        assert registry["identity"] == found.resources["identity"].id
        assert "passwordSecretRef" not in registry
        assert "ingress" not in one["configuration"]
    reverse = mode is Mode.ACTIVE
    assert job["template"]["containers"][0]["args"] == ["sync", "all", *(["--reverse"] if reverse else [])]
    assert watch["template"]["scale"] == {"minReplicas": 0 if reverse else 1, "maxReplicas": 1}
    scopes = {n: d.inputs["scope"] for n, d in found.of("azure-native:authorization:RoleAssignment").items()}
    assert scopes == {
        "sync-pulls-image": "/registry", "sync-writes-uploads": "/container-1", "sync-finds-cosmos": "/cosmos",
        "sync-signs-uploads": "/account",
    }  # fmt: skip


def test_monitoring_tells_people_of_what_would_spoil_a_failover(site: Settings) -> None:
    """SYNC-4: logs in Azure Monitor; the alerts of the footprint, each with its reason and somebody to tell."""
    wanted = replace(site.monitoring, emails=("ops@demay.com",))

    def build(place: Place) -> None:
        made = Monitoring("monitoring", MonitoringArgs(place, site.names, wanted))
        made.watch({"vault": "/vault", "nsg": "/nsg"}, frozenset({"vault"}))
        made.alert(
            "throttled",
            "why",
            "/cosmos",
            Metric("ns", "TotalRequests", "Count", 10, 2, {"StatusCode": "429"}),
        )
        made.query("sync-missed", "why", "T | where x", fewer=True, window="P1D")

    found = alone(build)
    assert found.inputs("insights")["disableLocalAuth"] is True
    assert found.inputs("logs")["features"]["disableLocalAuth"] is True
    assert found.inputs("people")["emailReceivers"][0]["emailAddress"] == "ops@demay.com"
    assert "metrics" in found.inputs("diagnostics-vault")
    assert "metrics" not in found.inputs("diagnostics-nsg")
    [criterion] = found.inputs("alert-throttled")["criteria"]["allOf"]
    assert criterion["dimensions"] == [{"name": "StatusCode", "operator": "Include", "values": ["429"]}]
    [condition] = found.inputs("alert-sync-missed")["criteria"]["allOf"]
    assert (condition["operator"], condition["threshold"]) == ("LessThan", 1)


def test_the_workloads_are_protected_and_kept(site: Settings, mode: Mode) -> None:
    held = {n: d.options for n, d in sync(site, mode).resources.items() if n != "identity"}
    assert [n for n, o in held.items() if not (o["protect"] and o["retainOnDelete"])] == []
