"""What `dr drift` compares: the program or a file, with the cloud or a file; the baseline, the acceptances."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from recovery.drift import accepted, files
from recovery.drift import baseline as baselines
from recovery.errors import BadInput
from recovery.model import Json
from scripts import switch

if TYPE_CHECKING:
    from recovery.drift.report import Live
    from recovery.model import Desired

ACCEPTED = "accepted-drift.yaml"
"""In the project's root, beside the stack files: reviewed like code."""

LARGEST = 256 * 2**20
"""Bytes of a file that is read. Ten thousand resources are some 30 MB."""


def read(stack: str, desired: Path | None, live: Path | None) -> tuple[list[Desired], Live]:
    """What is declared and what is there."""
    wanted = (
        files.parse_desired(json_of(desired, "the desired state"), str(desired))
        if desired
        else _program(stack)
    )
    if live:
        return wanted, files.parse_live(json_of(live, "the live state"), wanted, str(live))
    if stack.startswith("trustlayer-"):
        from clouds.trustlayer_live import read_live as read_site
        from clouds.trustlayer_site import Site

        return wanted, read_site(Site.load(), wanted)
    from clouds.endpoints import load

    endpoints = load()
    if stack == switch.SOURCE:
        from clouds.aws import source_live

        return wanted, source_live.read_live(
            source_live.Account(endpoints),
            wanted,
            lambda of: source_live.sync_principal(endpoints, _program(of), of),
        )
    from clouds.azure.arm import Arm
    from clouds.azure.live import read_live
    from clouds.public_names import beside

    arm = Arm(endpoints)
    try:
        return beside(wanted, endpoints.resolvers, lambda: read_live(arm, wanted, discover=True))
    finally:
        arm.close()


def _program(stack: str) -> list[Desired]:
    from clouds.program import desired, project_root

    return desired(project_root(), stack, os.environ)


def baseline_path(stack: str) -> Path:
    """Where this stack's baseline is kept."""
    from clouds.baselines import path_of
    from clouds.program import project_root

    return path_of(project_root(), stack)


def baseline(named: Path | None, stack: str, *, from_file: bool) -> baselines.Baseline | None:
    """The baseline to apply. Files from elsewhere are compared as they are: only a named one is applied to them."""
    if named:
        return baselines.parse(json_of(named, "a baseline"))
    if from_file or not (path := baseline_path(stack)).exists():
        return None
    return baselines.parse(json_of(path, "a baseline"))


def acceptances(named: Path | None, today: date, *, from_file: bool) -> list[accepted.Acceptance]:
    """What people have agreed to live with, from the named file, else from the project's own where it has one."""
    path = named or (None if from_file else _own())
    if path is None:
        return []
    import yaml

    try:
        raw = yaml.safe_load(_text(path, "the list of accepted differences"))
    except (yaml.YAMLError, RecursionError) as exc:
        raise BadInput(
            f"{path} cannot be read as YAML: {exc}",
            "with it unread, what was agreed would be reported, or what was not would be accepted",
            f"$EDITOR {path}",
        ) from exc
    return accepted.parse(raw, str(path), today)


def _own() -> Path | None:
    from clouds.program import project_root

    path = project_root() / ACCEPTED
    return path if path.exists() else None


def json_of(path: Path, what: str) -> Json:
    """A file's JSON. Raises BadInput in three parts."""
    try:
        return json.loads(_text(path, what), parse_constant=_no_json)
    except (ValueError, RecursionError) as exc:
        raise BadInput(
            f"{path} cannot be read as JSON: {exc}",
            "without it there is nothing to compare",
            f"ls -l {path}",
        ) from exc


def _text(path: Path, what: str) -> str:
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise BadInput(
                f"{path} has {size / 2**20:,.0f} MiB; at most {LARGEST // 2**20} are read",
                "larger files than any footprint's are broken or hostile",
                f"give {what}, split by resource group",
            )
        return path.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(
            f"{path} cannot be read as {what}: {exc}",
            "without it there is nothing to compare",
            f"ls -l {path}",
        ) from exc


def _no_json(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value")
