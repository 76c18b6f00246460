"""The converter's package: the same bytes from the same folder, deployed once, and believed only when it is listed."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from clouds import gates
from clouds.gates.package import build_zip
from clouds.gates.world import World
from recovery.errors import BadInput, Failed, Stopped
from tests.clouds.gates.conftest import Service

SITE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/conv"
PROPS = {
    "siteId": SITE,
    "functionName": "convert",
    "packageHash": "abc123",
    "packagePath": "app",
    "timeoutSeconds": 60,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    (app / "__pycache__").mkdir(parents=True)
    (app / "host.json").write_text("{}")
    (app / "code.py").write_text("x = 1\n")
    (app / "__pycache__" / "code.pyc").write_bytes(b"junk")
    (app / "local.settings.json").write_text('{"secret": "canary"}')
    return app


def serve(service: Service, *, listed: bool = True, status: int = 4) -> None:
    """A Flex site whose scm door keeps what is published."""
    host = {"name": f"127.0.0.1:{service.port}", "hostType": "Repository"}
    service.on(
        "GET", SITE, 200, {"properties": {"hostNameSslStates": [{"name": "x", "hostType": "Standard"}, host]}}
    )
    functions = [{"name": "conv/convert"}] if listed else []
    service.on("GET", f"{SITE}/functions", 200, {"value": functions})

    def publish(_body: bytes) -> tuple[int, Any]:
        latest = {
            "id": "1",
            "status": status,
            "deployer": "standby-abc123",
            "status_text": "the host did not start",
        }
        service.on("GET", "/api/deployments/latest", 200, latest)
        return 202, "1"

    service.answers["POST", "/api/publish"] = publish


def test_the_same_folder_gives_the_same_bytes(folder: Path) -> None:
    first = build_zip(folder)
    os.utime(folder / "code.py", (1, 1))
    (folder / "code.py").chmod(0o600)
    assert build_zip(folder) == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.namelist() == ["code.py", "host.json"], "no caches, no local settings"
        assert {i.external_attr >> 16 for i in archive.infolist()} == {0o100644}


def test_a_folder_that_the_host_would_load_nothing_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"host\.json"):
        build_zip(tmp_path)


def test_a_package_is_deployed_and_its_hash_read_back(service: Service, world: World, folder: Path) -> None:
    """READY-3."""
    serve(service)
    before = gates.read("ConverterPackage", PROPS, world)
    assert before["observed"] == "", "no deployment yet"
    assert gates.differs("ConverterPackage", before, PROPS)
    assert gates.apply("ConverterPackage", PROPS, world)["observed"] == "abc123"
    after = gates.read("ConverterPackage", PROPS, world)
    assert not gates.differs("ConverterPackage", after, PROPS)
    sent = next(body for method, path, body in service.requests if path.startswith("/api/publish"))
    assert sent == build_zip(folder)


def test_the_same_package_is_not_deployed_twice(service: Service, world: World, folder: Path) -> None:
    serve(service)
    gates.apply("ConverterPackage", PROPS, world)
    gates.apply("ConverterPackage", PROPS, world)
    assert len(service.calls("POST", "/api/publish")) == 1


def test_a_deployment_that_the_host_does_not_load_is_not_done(
    service: Service, world: World, folder: Path
) -> None:
    """A deployment is reported as done even when no function is there."""
    serve(service, listed=False)
    with pytest.raises(Stopped, match="convert is not listed"):
        gates.apply("ConverterPackage", PROPS, world)
    assert gates.read("ConverterPackage", PROPS, world)["observed"] == ""


def test_a_failed_deployment_is_a_failure_with_its_reason(
    service: Service, world: World, folder: Path
) -> None:
    serve(service, status=3)
    with pytest.raises(Failed, match="the host did not start"):
        gates.apply("ConverterPackage", PROPS, world)


def test_somebody_elses_package_is_not_ours(service: Service, world: World) -> None:
    serve(service)
    service.on("GET", "/api/deployments/latest", 200, {"id": "9", "status": 4, "deployer": "someone"})
    seen = gates.read("ConverterPackage", PROPS, world)
    assert seen["observed"] == ""
    assert json.dumps(seen)


def test_an_scm_door_that_refuses_is_unknown(service: Service, world: World) -> None:
    serve(service)
    service.on("GET", "/api/deployments/latest", 403)
    assert gates.read("ConverterPackage", PROPS, world)["observed"] == "unknown"
