"""The desired state: what the program declares for a stack, collected without engine or CLI, and cached.

The cache is what makes the break-glass path work: with it neither Pulumi nor its packages need to be
importable.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from clouds.endpoints import load
from recovery.errors import BadInput, DrError, Failed, Stopped
from recovery.model import Desired, Json

PACKAGES = ("pulumi", "pulumi-azure-native")
_ABSENT = "absent"
_KEPT = 4
_OWN = (
    "clouds/program.py",
    "clouds/program_recorder.py",
    "recovery/arm/catalogue.py",
    "recovery/arm/placeholders.py",
    "recovery/aws/kinds.py",
    "recovery/trustlayer/kinds.py",
)
_HERE = Path(__file__).resolve().parent.parent


def project_root() -> Path:
    """The folder with Pulumi.yaml: the current one or the nearest above it, else the one this code lies in."""
    for folder in (Path.cwd(), *Path.cwd().parents, _HERE):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    raise BadInput(
        "there is no Pulumi.yaml here or above",
        "without the program nobody knows what is wanted",
        "cd to the project",
    )


def desired(root: Path, stack: str, environ: Mapping[str, str] = os.environ) -> list[Desired]:
    """What the program declares for `stack`, from the cache when neither it nor its packages have changed.

    environ: DR_ENDPOINTS or ARM_SUBSCRIPTION_ID (the ids' subscription), DR_HOME (the cache). Raises BadInput
    for an unknown stack or a missing subscription, Failed when the program does not run.
    """
    subscription = load(environ).subscription or environ.get("ARM_SUBSCRIPTION_ID", "")
    if not subscription and not stack.startswith("trustlayer-"):
        raise BadInput(
            "no subscription is named",
            "every id of the footprint has it in it",
            "export ARM_SUBSCRIPTION_ID=…",
        )
    if not (root / f"Pulumi.{stack}.yaml").is_file():
        known = ", ".join(sorted(p.name.split(".")[1] for p in root.glob("Pulumi.*.yaml"))) or "none"
        raise BadInput(
            f"there is no stack {stack!r} (no Pulumi.{stack}.yaml; there are: {known})",
            "a misspelt stack has no desired state",
            "dr desired -s standby",
        )
    home = Path(environ.get("DR_HOME") or root / ".dr") / "cache"
    taken = " ".join(
        environ.get(name, "") for name in ("AWS_ACCOUNT_ID", "DR_FEDERATION_AUDIENCE", "ARM_TENANT_ID")
    )
    program, packages = _program_hash(root, stack, f"{subscription} {taken}"), _package_hash()
    exact = home / f"desired-{stack}-{program}-{packages}.json"
    found = _cached(exact)
    if found is None and _version(PACKAGES[0]) == _ABSENT:
        older = (_cached(path) for path in sorted(home.glob(f"desired-{stack}-{program}-*.json")))
        found = next((state for state in older if state is not None), None)
    if found is None:
        found = _in_a_child(root, stack, subscription, environ)
        _keep(exact, stack, found)
    return found


def collect(root: Path, stack: str, subscription: str) -> list[Desired]:
    """Run the program in this process (it imports Pulumi, which takes seconds) and return what it declares.

    Raises what the program raises; recovery.errors for what the recorder finds wrong.
    """
    from clouds.program_recorder import record

    project, config, secrets = stack_config(root, stack)
    before = os.environ.get("ARM_SUBSCRIPTION_ID")
    os.environ["ARM_SUBSCRIPTION_ID"] = subscription
    try:
        return record(root.resolve(), stack, project, config, secrets, subscription)
    finally:
        if before is None:
            del os.environ["ARM_SUBSCRIPTION_ID"]
        else:
            os.environ["ARM_SUBSCRIPTION_ID"] = before


def stack_config(root: Path, stack: str) -> tuple[str, dict[str, str], list[str]]:
    """Project name, configuration as the engine would hand it over (defaults of Pulumi.yaml below the stack's
    own values, everything as text), and the keys of secrets (whose values are not readable here)."""
    yaml = importlib.import_module("yaml")  # comes with pulumi; its types do not
    try:
        project = yaml.safe_load((root / "Pulumi.yaml").read_text())
        own = yaml.safe_load((root / f"Pulumi.{stack}.yaml").read_text()) or {}
    except (OSError, yaml.YAMLError) as exc:
        raise BadInput(
            f"the configuration of stack {stack} cannot be read: {exc}",
            "without it nobody knows what is wanted",
            f"ls -l {root}/Pulumi*.yaml",
        ) from exc
    name = str(project["name"])
    config: dict[str, str] = {}
    secrets: list[str] = []
    for key, declared in (project.get("config") or {}).items():
        default = declared.get("default", declared.get("value")) if isinstance(declared, dict) else declared
        if default is not None:
            config[_qualified(name, key)] = _text(default)
    for key, value in (own.get("config") or {}).items():
        if isinstance(value, dict) and set(value) == {"secure"}:
            secrets.append(_qualified(name, key))
            value = "(secret)"
        config[_qualified(name, key)] = _text(value)
    return name, config, secrets


def _qualified(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# -- the cache -----------------------------------------------------------------------------------------------


def _files(root: Path, stack: str) -> Iterator[Path]:
    yield from (root / name for name in ("__main__.py", "Pulumi.yaml", f"Pulumi.{stack}.yaml"))
    # Code and data alike: the converter's package hash is part of the desired state.
    yield from sorted(
        p for p in (root / "components").rglob("*") if p.is_file() and "__pycache__" not in p.parts
    )
    yield from (_HERE / name for name in _OWN)


def _program_hash(root: Path, stack: str, subscription: str) -> str:
    digest = hashlib.sha256(subscription.encode())
    for path in _files(root, stack):
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"\0{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:20]


def _package_hash() -> str:
    text = " ".join([sys.version.split()[0], *(f"{name}={_version(name)}" for name in PACKAGES)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return _ABSENT


def from_json(raw: Sequence[Mapping[str, Json]]) -> list[Desired]:
    """The inverse of `Desired.to_json`, for a list."""
    return [
        Desired(d["type"], d["armType"], d["id"], d["inputs"], d.get("options") or {}, d.get("source") or "")
        for d in raw
    ]


def _cached(path: Path) -> list[Desired] | None:
    try:
        return from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a torn or foreign file is no cache: collect again


def _keep(path: Path, stack: str, state: list[Desired]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps([d.to_json() for d in state]))
    draft.replace(path)
    by_age = sorted(
        path.parent.glob(f"desired-{stack}-*.json"), key=lambda p: p.stat().st_mtime, reverse=True
    )
    for old in by_age[_KEPT:]:
        old.unlink(missing_ok=True)


# -- the child -----------------------------------------------------------------------------------------------


def _in_a_child(root: Path, stack: str, subscription: str, environ: Mapping[str, str]) -> list[Desired]:
    """Collect in a process of its own: Pulumi's runtime is global to a process, slow to import and large."""
    places = [str(_HERE), *([environ["PYTHONPATH"]] if environ.get("PYTHONPATH") else [])]
    done = subprocess.run(  # noqa: S603 (our own interpreter and module, no shell)
        [sys.executable, "-m", "clouds.program", str(root), stack, subscription],
        env={**environ, "PYTHONPATH": os.pathsep.join(places)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        answer = json.loads(done.stdout.rpartition("\n")[2])
    except ValueError:
        answer = {
            "error": [
                done.stderr.strip()[-2000:] or f"the recorder ended with code {done.returncode}",
                "",
                "",
            ]
        }
    if "error" in answer:
        summary, detail, fix = answer["error"]
        refused = {"BadInput": BadInput, "Stopped": Stopped}.get(answer.get("kind", ""))
        if refused:
            raise refused(summary, detail, fix)
        raise Failed(
            f"the program does not run for stack {stack}: {summary}",
            detail or "without it nobody knows what is wanted",
            fix or f"correct the program or Pulumi.{stack}.yaml, then: dr desired -s {stack}",
        )
    return from_json(answer["resources"])


def main(argv: Sequence[str]) -> int:
    """``python -m clouds.program ROOT STACK SUBSCRIPTION``: one line of JSON, the resources or the error."""
    root, stack, subscription = argv
    try:
        answer: dict[str, Json] = {
            "resources": [d.to_json() for d in collect(Path(root), stack, subscription)]
        }
    except DrError as error:
        kind = type(error).__name__
        answer = {"error": [error.summary, error.detail, error.fix], "kind": kind}
    except Exception as error:  # noqa: BLE001 (whatever the program raises is shown to the person, by the parent)
        answer = _raised(error)
    sys.stdout.write("\n" + json.dumps(answer))
    return 0 if "resources" in answer else 1


def _raised(error: Exception) -> dict[str, Json]:
    """The program's own three-part errors keep their parts (no room may import its classes): a wrong value is bad
    input, its guard stops."""
    parts = [str(getattr(error, part, "")) for part in ("summary", "detail", "fix")]
    if all(parts):
        return {"error": parts, "kind": "BadInput" if isinstance(error, ValueError) else "Stopped"}
    return {"error": [f"{type(error).__name__}: {error}", "", ""]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
