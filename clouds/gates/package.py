"""ConverterPackage: the converter's code on its Flex Consumption site (azure-native has no resource for it).

Flex ignores WEBSITE_RUN_FROM_PACKAGE (Azure-Functions#2558) and takes "one deploy": POST the zip to the
site's scm host, follow the deployment to its end, then wait until the function is listed: a deployment is
reported as done even when the host cannot load it. What is deployed is read back from the deployment's
`deployer`, which we set to the package's hash.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clouds.azure.arm import ArmError
from clouds.gates.world import POLL_SECONDS, World, version
from recovery.errors import BadInput, Failed, Stopped
from recovery.gates import UNKNOWN
from recovery.model import Json

KIND = "ConverterPackage"
MARK = "standby-"
TIMEOUT_SECONDS = 900.0
REQUEST_SECONDS = 60.0
"""Real seconds for the upload; the package is small, the remote build runs after the answer."""

NO_CODE = "without its code the converter converts nothing, and nobody would notice before a failover"
_FAILED, _DONE = 3, 4  # Kudu's DeployStatus
_LEFT_OUT = {"__pycache__", ".venv", ".git", ".pytest_cache", ".mypy_cache", "local.settings.json"}


def build_zip(folder: Path) -> bytes:
    """The folder as a zip whose bytes depend on names and contents alone.

    Sorted names, one fixed time, Unix permissions rw-r--r--: without them the host mounts a package that it
    cannot read, and loads no function without an error. Raises BadInput when the folder holds no host.json.
    """
    files = sorted(_files(folder), key=lambda path: path.relative_to(folder).as_posix())
    if not any(path.relative_to(folder).as_posix() == "host.json" for path in files):
        raise BadInput(
            f"{folder} holds no host.json",
            "the Functions host loads nothing from such a package, and reports no error",
            "point the converter's packagePath at the folder with host.json",
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not _LEFT_OUT.intersection(parts) and path.suffix != ".pyc":
            yield path


def _scm(props: Mapping[str, Json], world: World) -> str:
    """The scm host's URL: as the site itself names it, else Azure's rule for the name."""
    site_id = str(props.get("siteId", ""))
    body = world.arm.get(site_id, version("web:WebApp"))
    for state in (body.get("properties") or {}).get("hostNameSslStates") or []:
        if str(state.get("hostType", "")).lower() == "repository" and state.get("name"):
            host = str(state["name"])
            # Only a local cloud names a host with a port, and it speaks http.
            return f"{'http' if ':' in host else 'https'}://{host}"
    return f"https://{site_id.rsplit('/', 1)[-1]}.scm.azurewebsites.net"


def _token(world: World) -> str:
    if world.endpoints.arm_token is not None:
        return world.endpoints.arm_token
    from azure.identity import DefaultAzureCredential

    with DefaultAzureCredential() as credential:
        return credential.get_token(f"{world.endpoints.arm_url}/.default").token


def _call(world: World, method: str, url: str, content: bytes | None = None, timeout: float = 2.5) -> Any:
    """One request to the scm host: the httpx response. Raises httpx.HTTPError."""
    import httpx

    headers = {"Authorization": f"Bearer {_token(world)}"}
    if content is not None:
        headers["Content-Type"] = "application/zip"
    remote = url.startswith("https")  # a proxy of the operator's network does not know loopback
    patience = timeout * world.stretch
    return httpx.request(method, url, content=content, headers=headers, timeout=patience, trust_env=remote)


def _latest(scm: str, world: World) -> dict[str, Json] | None:
    """The latest deployment, None when there was none. Raises ValueError when neither can be said."""
    import httpx

    try:
        answer = _call(world, "GET", f"{scm}/api/deployments/latest")
    except httpx.HTTPError as error:
        raise ValueError(f"{scm}: {type(error).__name__}: {error}") from error
    if answer.status_code == 404:
        return None
    if answer.status_code >= 300:
        raise ValueError(f"{scm}/api/deployments/latest answered {answer.status_code}")
    body = answer.json()
    if not isinstance(body, dict):
        raise ValueError(f"{scm}/api/deployments/latest is not an object")
    return body


def _hash(latest: Mapping[str, Json] | None) -> str:
    """The hash of a finished deployment of ours; "" for none, an unfinished or a foreign one."""
    if latest is None or latest.get("status") != _DONE:
        return ""
    marks = [str(latest.get(key) or "") for key in ("deployer", "message")]
    return next((m.removeprefix(MARK) for m in marks if m.startswith(MARK)), "")


def _listed(props: Mapping[str, Json], world: World) -> bool:
    want = str(props.get("functionName", "")).lower()
    names = (
        str(f.get("name") or "").rsplit("/", 1)[-1].lower()
        for f in world.arm.list(f"{props.get('siteId', '')}/functions", version("web:WebApp"))
    )
    return want in names


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: the deployed package's hash, "" when none of ours is deployed or the function is not
    listed."""
    try:
        deployed = _hash(_latest(_scm(props, world), world))
        if deployed and not _listed(props, world):
            return {"observed": ""}
    except ArmError as error:
        return {"observed": "" if error.missing else UNKNOWN, "detail": str(error)}
    except ValueError as error:
        return {"observed": UNKNOWN, "detail": str(error)}
    return {"observed": deployed}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """By hash. An unknown one differs: deploying the same package again is harmless."""
    return bool(old.get("observed") != new.get("packageHash"))


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Deploy, follow to the end, wait until the function is listed."""
    import httpx

    want = str(props.get("packageHash", ""))
    limit = world.limit(float(props.get("timeoutSeconds", TIMEOUT_SECONDS)))
    started = world.clock()
    package = build_zip(world.root / str(props.get("packagePath", "")))
    try:
        scm = _scm(props, world)
        if _hash(_latest(scm, world)) != want:
            world.log.write(KIND, "observed", "another package, or none, is deployed", want=want)
            # Flex keeps `Deployer` with the deployment, the classic publish API `message`; each ignores the
            # other.
            mark = f"{MARK}{want}"
            url = f"{scm}/api/publish?RemoteBuild=true&Deployer={mark}&message={mark}"
            answer = _call(world, "POST", url, package, REQUEST_SECONDS)
            if answer.status_code not in (200, 202):
                raise Failed(
                    f"{scm} refused the package of {len(package)} bytes: "
                    f"{answer.status_code} {answer.text[:200]}",
                    NO_CODE,
                    "dr doctor    (a 401 or 403 means no right on the site), then run the same command again",
                )
    except (ArmError, ValueError, httpx.HTTPError) as error:
        raise Failed(
            f"the converter's package could not be deployed: {error}",
            NO_CODE,
            "run the same command again",
            retry=True,
        ) from error
    said = ""
    while True:
        try:
            latest = _latest(scm, world)
            if latest is not None and latest.get("status") == _FAILED:
                why = latest.get("status_text") or latest.get("message")
                raise Failed(
                    f"the deployment of the converter failed: {why}",
                    "the site may now run no code at all",
                    f"read {scm}/api/deployments/latest/log, mend the package, run the same command again",
                )
            listed = _hash(latest) == want and _listed(props, world)
            function = f"{props.get('functionName')} is {'' if listed else 'not '}listed"
            said = f"deployed: {_hash(latest) or 'nothing of ours'}; {function}"
        except (ArmError, ValueError) as error:
            listed, said = False, str(error)
        waited = world.clock() - started
        if listed:
            world.log.write(KIND, "passed", said, waited=round(waited, 3))
            return {"observed": want}
        if waited >= limit:
            world.log.write(KIND, "refused", said, waited=round(waited, 3))
            raise Stopped(
                f"after {waited:.0f} s the converter is not ready: {said}",
                "Event Grid refuses a subscription for a function that does not exist",
                "run the same command again",
                retry=True,
            )
        world.log.write(KIND, "waiting", said, waited=round(waited, 3))
        world.pause(POLL_SECONDS)
