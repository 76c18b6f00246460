"""Talks to a running local cloud's own control door, found through its state folder."""

from __future__ import annotations

import json
from pathlib import Path

from recovery.errors import Unobserved
from recovery.model import Json


def known(folder: Path) -> dict[str, Json] | None:
    """What `endpoints.json` in the state folder says; None when there is none (or it is half written)."""
    try:
        found: dict[str, Json] = json.loads((folder / "endpoints.json").read_text())
    except (OSError, ValueError):
        return None
    return found


def call(folder: Path, method: str, name: str, timeout: float = 5.0) -> dict[str, Json]:
    """One call to `/_local/NAME`. timeout: real seconds. Raises Unobserved when there is no good answer."""
    import httpx

    endpoints = known(folder) or {}
    url = str(endpoints.get("control_url") or "").rstrip("/")
    token = {"Authorization": f"Bearer {endpoints.get('arm_token')}"}
    try:
        # trust_env off: a proxy of the operator's network has no way to this machine's loopback.
        reply = httpx.request(method, f"{url}/{name}", headers=token, timeout=timeout, trust_env=False)
        reply.raise_for_status()
        answer: dict[str, Json] = reply.json() if reply.content else {}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Unobserved(
            f"the local cloud in {folder} does not answer: {error}",
            "it may be gone, or busy",
            f"dr local down --state {folder} --forget && dr local up",
            retry=True,
        ) from error
    return answer


def status(folder: Path) -> dict[str, Json] | None:
    """What its parts say, or None when none answers there."""
    if known(folder) is None:
        return None
    try:
        return call(folder, "GET", "status")
    except Unobserved:
        return None
