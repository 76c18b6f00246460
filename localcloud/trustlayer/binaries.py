"""The real programs that the local site needs: where they are, and how the cluster's one is built once.

`make cluster` (python -m localcloud.trustlayer.binaries) builds it; nothing else does, because it takes minutes.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from recovery.errors import Failed

SOURCE = Path(__file__).parent / "cluster"
CACHE = Path(__file__).parent.parent.parent / ".venv" / "cluster"
PARTS = ("postgres", "initdb", "pg_basebackup", "pg_rewind", "pg_dump", "psql", "pg_ctl")
BUILD_FIX = "make cluster    (needs Go 1.24 or newer; 4 to 8 CPU minutes, once)"


def cluster_path() -> Path:
    """Where the control plane's binary is, or would be: its name is the hash of its source."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((SOURCE / name).read_bytes())
    return CACHE / f"cluster-{digest.hexdigest()[:12]}"


def kubectl_path() -> Path:
    """kubectl of the same build: a link to the one binary, which is upstream's command when it is called by that name."""
    return CACHE / "kubectl"


def build() -> Path:
    """Build the control plane's binary if it is not there. Raises Failed with Go's last words."""
    target = cluster_path()
    if target.exists():
        _link(target)
        return target
    go = shutil.which("go")
    if go is None:
        raise Failed(
            "go is not on PATH",
            "the Kubernetes control plane is built from its public source",
            "install Go 1.24 or newer, then: make cluster",
        )
    CACHE.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(f".{os.getpid()}")
    command = [go, "build", "-p", "2", "-trimpath", "-ldflags", "-s -w", "-o", str(fresh), "."]
    done = subprocess.run(  # noqa: S603  our own module, by the go on PATH
        command, cwd=SOURCE, env={**os.environ, "CGO_ENABLED": "0"}, preexec_fn=lambda: os.nice(15) and None,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-10:])
        raise Failed(
            f"go build ended {done.returncode}:\n{tail}",
            "the cluster cannot be started without it",
            f"cd {SOURCE} && go build .",
        )
    fresh.replace(target)
    _link(target)
    return target


def _link(target: Path) -> None:
    fresh = kubectl_path().with_suffix(f".{os.getpid()}")
    fresh.symlink_to(target.name)
    fresh.replace(kubectl_path())


def missing() -> str:
    """Why the local site cannot run here, in words; "" when it can. Tests skip with it."""
    if not cluster_path().exists():
        return "the Kubernetes control plane is not built: " + (
            "make cluster" if shutil.which("go") else "go is not on PATH"
        )
    return postgres_missing()


def postgres_missing() -> str:
    """Why PostgreSQL cannot run here; "" when it can."""
    try:
        postgres_bin()
    except Failed as error:
        return error.summary
    return ""


@functools.cache
def server_user() -> str | None:
    """The user that PostgreSQL runs as: it refuses root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise Failed(
        "no user postgres or nobody exists", "PostgreSQL refuses to run as root", "run as an ordinary user"
    )


@functools.cache
def postgres_bin() -> Path:
    """The folder with PostgreSQL's programs: the pinned package's, else the newest of the system's. Raises Failed."""
    found: list[Path] = []
    spec = find_spec("pgserver")
    if spec is not None and spec.origin:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    system = Path("/usr/lib/postgresql")
    if system.is_dir():
        found += sorted(
            system.glob("*/bin"), key=lambda p: -int(p.parent.name) if p.parent.name.isdigit() else 0
        )
    for folder in found:
        if all((folder / name).exists() for name in PARTS) and _runs(folder / "postgres"):
            return folder
    raise Failed(
        "no PostgreSQL that this user may run was found",
        "the database of the site is a real one, with real replication",
        "pip install pgserver    (or: apt-get install postgresql)",
    )


def _runs(program: Path) -> bool:
    """A checkout below a closed home folder cannot be read by the user that the server runs as."""
    try:
        done = subprocess.run([program, "--version"], user=server_user(), capture_output=True, check=False)  # noqa: S603
    except OSError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    try:
        print(build())
    except Failed as error:
        sys.exit(str(error))
