"""`python -m tests.pulumi_cli.make_checkpoint VERSION`: keep a release's checkpoint in tests/data, for ever.

A fresh standby on a local cloud, exported, without what belongs to this machine or this moment. Run it once for
each release and commit the file; the test in test_checkpoints.py then refreshes it with every later program.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from clouds.azure.arm import Arm
from clouds.endpoints import load
from localcloud import start
from recovery.model import Json
from tests.pulumi_cli.conftest import ROOT, SCALE, Bench, clean_environment, copy_program

OF_THE_MOMENT = ("sourcePosition", "stackTrace", "created", "modified")


def scrubbed(state: dict[str, Json]) -> dict[str, Json]:
    """The export without paths, times and the passphrase's salt (a later import brings its own)."""
    state["deployment"].pop("secrets_providers", None)
    for resource in state["deployment"]["resources"]:
        for key in OF_THE_MOMENT:
            resource.pop(key, None)
    return state


def main(version: str) -> None:
    """Build, export, check that no key is in it, write."""
    with (
        tempfile.TemporaryDirectory() as folder,
        start(Path(folder) / "cloud", SCALE, with_parent=True) as cloud,
    ):
        environment = clean_environment(cloud.environment)
        bench = Bench(copy_program(Path(folder) / "project"), cloud, environment, Arm(load(environment)))
        for done in (
            bench.pulumi("stack", "init", "standby"),
            bench.pulumi("up", "-s", "standby", "--yes", "--skip-preview"),
            exported := bench.pulumi("stack", "export", "-s", "standby", "--show-secrets"),
        ):
            if done.code:
                raise SystemExit(done.said)
        text = json.dumps(scrubbed(json.loads(exported.out)), indent=1, ensure_ascii=False)
        endpoints = load(environment)
        if any(
            key and key in text
            for key in (endpoints.storage_key, endpoints.cosmos_key, endpoints.arm_token, folder)
        ):
            raise SystemExit("a key or a path of this machine is in the checkpoint: not written")
        (ROOT / f"tests/data/checkpoint-{version}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
