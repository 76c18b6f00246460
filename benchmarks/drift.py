"""`dr drift` against `pulumi preview` with refresh: same local cloud, reads at 100 ms, one run.

Warm: the desired state is cached. Cold: it is not, so the program runs once. Where the CLI is missing the ratio
is left out with that reason; it is never taken from another run.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._ground import (
    Ran,
    a_large_program,
    dr,
    environment,
    has_pulumi,
    pulumi,
    run,
    slow_reads,
    the_program,
)
from benchmarks._large import MIX
from localcloud import LocalCloud, start

LARGE = 1000
GOALS = {"footprint": 10.0, "large": 30.0}
SCALES = {"footprint": 600.0, "large": 60.0}
"""Simulated seconds a real second: the large program has nothing slow to build, and its names stay in resolvers' caches."""
MOST_MEMORY = 300.0  # MB at 1,000 resources
WARM_RUNS = 5


@dataclass
class Side:
    """One program on one local cloud."""

    name: str
    folder: Path
    cloud: LocalCloud
    environ: dict[str, str]

    def dr(self, *args: str) -> Ran:
        return run(dr(*args), self.folder, self.environ)

    def pulumi(self, *args: str) -> Ran:
        return run(pulumi(*args), self.folder, self.environ)


def main(argv: Sequence[str] = ()) -> int:
    """Both sizes, one after the other, each on a cloud of its own."""
    print(f"large: {MIX}")
    missed = 0
    for name in ("footprint", "large"):
        with tempfile.TemporaryDirectory(prefix="bench-drift-") as base:
            cloud = start(Path(base) / "cloud", scale=SCALES[name], with_parent=True)
            try:
                folder = Path(base) / "project"
                made = the_program(folder) if name == "footprint" else a_large_program(folder, LARGE)
                missed += _measure(Side(name, made, cloud, environment(cloud)))
            finally:
                cloud.stop()
    return int(missed > 0)


def _measure(side: Side) -> int:
    built = _build(side)
    if built.code != 0:
        print(f"{side.name}: could not be built\n{built.out[-2000:]}{built.err[-2000:]}")
        return 1
    slow_reads(side.cloud)
    cache = Path(side.environ["DR_HOME"]) / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    cold = side.dr("drift", "-s", "standby")
    warm: list[Ran] = []
    previews: list[Ran] = []
    for turn in range(WARM_RUNS):  # interleaved, so that a busy moment of the machine meets both
        warm.append(side.dr("drift", "-s", "standby"))
        if has_pulumi() and turn < (2 if side.name == "footprint" else 1):
            previews.append(side.pulumi("preview", "-s", "standby", "--expect-no-changes"))
    middle = statistics.median(r.seconds for r in warm)
    memory = max(r.rss for r in warm)
    print(f"{side.name}: {warm[-1].out.splitlines()[-1]}")
    print(
        f"{side.name}: warm {middle:.2f} s (median of {len(warm)}), cold {cold.seconds:.2f} s, {memory:.0f} MB at most"
    )
    missed = _ratio(side, middle, cold.seconds, previews)
    if any(r.code not in (0,) for r in [cold, *warm]):
        print(
            f"{side.name}: missed: a clean footprint was not called clean (exit {warm[-1].code})\n{warm[-1].out[-1500:]}{warm[-1].err[-500:]}"
        )
        missed += 1
    missed += _changed_behind_its_back(side)
    if side.name == "large" and memory > MOST_MEMORY:
        print(f"large: missed: {memory:.0f} MB, goal {MOST_MEMORY:.0f} MB")
        missed += 1
    return missed


def _build(side: Side) -> Ran:
    if not has_pulumi():
        return side.dr("up", "-s", "standby", "--engine", "direct", "--first-build", "--yes")
    done = side.pulumi("stack", "init", "standby")
    return done if done.code else side.pulumi("up", "-s", "standby", "--yes", "--skip-preview")


def _ratio(side: Side, warm: float, cold: float, previews: list[Ran]) -> int:
    goal = GOALS[side.name]
    if not previews:
        print(f"{side.name}: no ratio: the Pulumi CLI is not on PATH")
        return 0
    theirs = statistics.median(r.seconds for r in previews)
    clean = "" if all(r.code == 0 for r in previews) else f" (it exited {previews[-1].code})"
    print(
        f"{side.name}: pulumi preview with refresh {theirs:.1f} s{clean}: warm {theirs / warm:.1f}x as fast "
        f"(goal {goal:.0f}x), cold {theirs / cold:.1f}x"
    )
    if theirs / warm < goal:
        print(f"{side.name}: missed: the goal is {goal:.0f}x")
        return 1
    return 0


def _changed_behind_its_back(side: Side) -> int:
    """One value changed in the store is one finding."""
    from clouds.azure.arm import Arm
    from clouds.endpoints import load

    group = "rg-demay-dr" if side.name == "footprint" else "rg-large"
    arm = Arm(load(side.environ))
    version = "2024-05-01"
    base = f"/subscriptions/{side.environ['ARM_SUBSCRIPTION_ID']}/resourceGroups/{group}"
    try:
        nets = arm.list(f"{base}/providers/Microsoft.Network/networkSecurityGroups", version)
        body = nets[-1]
        rule = body["properties"]["securityRules"][0]["properties"]
        rule["access"] = "Deny" if rule["access"] == "Allow" else "Allow"
        arm.put(body["id"], {k: body[k] for k in ("location", "tags", "properties") if body.get(k)}, version)
    finally:
        arm.close()
    found = side.dr("drift", "-s", "standby")
    good = found.code == 3 and "access" in found.out and "1 changed" in found.out
    print(f"{side.name}: one rule changed behind its back: {found.out.splitlines()[-1]}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
