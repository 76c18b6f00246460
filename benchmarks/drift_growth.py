"""How a warm `dr drift` grows from 100 to 10,000 resources: time and memory, reads at 100 ms, drawn as a picture.

`python -m benchmarks.drift_growth --picture FILE` writes the picture (an SVG) as well; `--files [FILE]` measures (and draws)
the comparison alone.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks._ground import ROOT, Ran, dr, environment, run, slow_reads
from localcloud import start

SIZES = (100, 300, 1000, 3000, 10_000)
RUNS = 3
GROUP, PLACE = "rg-growth", "brazilsouth"
VERSIONS = {"dns": "2023-07-01-preview", "net": "2024-05-01"}
MOST_PER_RESOURCE = 2.0
"""Ten times the resources may cost at most twice ten times the time: growth stays near a straight line."""


def declared(subscription: str, n: int) -> dict[str, Any]:
    """The n-th resource as `dr desired` prints it: records of many zones and security groups, half and half."""
    base = f"/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Network"
    if n % 2:
        rules = [
            {"name": f"r{k}", "properties": {
                "priority": 100 + k, "access": "Allow", "direction": "Inbound", "protocol": "Tcp",
                "sourceAddressPrefix": "10.0.0.0/24", "sourcePortRange": "*",
                "destinationAddressPrefix": "*", "destinationPortRange": str(8000 + k)}}
            for k in range(3)
        ]  # fmt: skip
        inputs = {"location": PLACE, "tags": {"n": str(n)}, "properties": {"securityRules": rules}}
        arm_type, id = "Microsoft.Network/networkSecurityGroups", f"{base}/networkSecurityGroups/g{n}"
    else:
        zone = f"z{n // 400}.example.com"
        inputs = {"properties": {"TTL": 60, "TXTRecords": [{"value": [f"n{n}"]}]}}
        arm_type, id = "Microsoft.Network/dnsZones/TXT", f"{base}/dnsZones/{zone}/TXT/r{n}"
    return {"armType": arm_type, "id": id, "inputs": inputs}


def of_files(argv: Sequence[str]) -> int:
    """The comparison alone, of two files: what is ours of the time, with no cloud beside it."""
    found: list[tuple[int, float, float]] = []
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as base:
        folder = Path(base)
        environ = {**os.environ, "DR_HOME": base}
        for size in SIZES:
            resources = [declared("s", n) for n in range(size)]
            wanted = [*_zones_of(resources), *resources]
            bodies = [{**one["inputs"], "id": one["id"], "type": one["armType"]} for one in wanted]
            (folder / "d.json").write_text(json.dumps(wanted))
            (folder / "l.json").write_text(json.dumps(bodies))
            command = dr("drift", "--desired", str(folder / "d.json"), "--live", str(folder / "l.json"))
            found.append(_figure(size, [run(command, ROOT, environ) for _ in range(RUNS)]))
    if argv:
        Path(argv[0]).write_text(picture(found, "two files compared, without a cloud"))
    return 0


def main(argv: Sequence[str] = ()) -> int:
    """Measure each size on one cloud that grows with it."""
    if argv[:1] == ["--files"]:
        return of_files(argv[1:])
    from clouds.azure.arm import Arm, Patience
    from clouds.endpoints import load

    found: list[tuple[int, float, float]] = []
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as base:
        folder = Path(base)
        (folder / "Pulumi.yaml").write_text("name: standby\n")
        cloud = start(folder / "cloud", scale=600.0, with_parent=True, bare=True)
        environ = environment(cloud)
        arm = Arm(load(environ), patience=Patience(operation=360_000.0))
        try:
            subscription = environ["ARM_SUBSCRIPTION_ID"]
            group = f"/subscriptions/{subscription}/resourceGroups/{GROUP}"
            arm.put(group, {"location": PLACE}, "2024-03-01")
            made = 0
            for size in SIZES:
                _make(arm, group, subscription, made, size)
                made = size
                wanted = folder / "desired.json"
                resources = [declared(subscription, n) for n in range(size)]
                wanted.write_text(json.dumps([*_zones_of(resources), *resources]))
                slow_reads(cloud)
                ran = [run(dr("drift", "--desired", str(wanted)), folder, environ) for _ in range(RUNS)]
                slow_reads(cloud, 0.0)
                found.append(_figure(size, ran))
        finally:
            arm.close()
            cloud.stop()
    if argv[:1] == ["--picture"]:
        Path(argv[1]).write_text(picture(found))
        print(f"drawn: {argv[1]}")
    (first, least, _), (last, most, _) = found[0], found[-1]
    steeper = (most / least) / (last / first)
    print(f"{last / first:.0f}x the resources: {most / least:.1f}x the time")
    return int(steeper > MOST_PER_RESOURCE)


def _make(arm: Any, group: str, subscription: str, begin: int, end: int) -> None:
    zones = sorted({f"z{n // 400}.example.com" for n in range(begin, end, 2)})
    for zone in zones:
        arm.put(
            f"{group}/providers/Microsoft.Network/dnsZones/{zone}", {"location": "global"}, VERSIONS["dns"]
        )

    def put(n: int) -> None:
        one = declared(subscription, n)
        version = VERSIONS["dns" if "dnsZones" in one["armType"] else "net"]
        arm.put(one["id"], one["inputs"], version)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(begin, end)))


def _zones_of(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = sorted({one["id"].partition("/TXT/")[0] for one in resources if "/TXT/" in one["id"]})
    return [
        {"armType": "Microsoft.Network/dnsZones", "id": id, "inputs": {"location": "global"}} for id in ids
    ]


def _figure(size: int, ran: list[Ran]) -> tuple[int, float, float]:
    seconds = sorted(r.seconds for r in ran)[len(ran) // 2]
    memory = max(r.rss for r in ran)
    print(
        f"{size:>6} resources: {seconds:6.2f} s, {memory:5.0f} MB   {ran[-1].out.splitlines()[-1][:60] if ran[-1].out else ran[-1].err[-200:]}"
    )
    return size, seconds, memory


W, H, LEFT, RIGHT, TOP, BOTTOM = 760, 340, 64, 64, 64, 48
TIME, MEMORY = "#1b6fd0", "#d08a1e"


def picture(found: Sequence[tuple[int, float, float]], what: str = "every read taking 100 ms") -> str:
    """Both curves over the number of resources, all axes logarithmic, on a light card."""
    low, high = math.log10(found[0][0]), math.log10(found[-1][0])

    def x(size: float) -> float:
        return LEFT + (math.log10(size) - low) / (high - low) * (W - LEFT - RIGHT)

    def scale(values: Sequence[float]) -> tuple[float, float]:
        return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values) * 1.05))

    def y(value: float, ends: tuple[float, float]) -> float:
        return H - BOTTOM - (math.log10(value) - ends[0]) / (ends[1] - ends[0]) * (H - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" role="img" font-family="system-ui,-apple-system,Segoe UI,Roboto,sans-serif" font-size="13">',
        "<title>dr drift from 100 to 10,000 resources: seconds and peak memory</title>",
        f'<rect width="{W}" height="{H}" rx="12" fill="#fbfaf6"/>',
        f'<text x="{LEFT}" y="28" font-size="16" font-weight="600" fill="#1c2230"><tspan font-family="ui-monospace,Menlo,Consolas,monospace">dr drift</tspan>, {what}</text>',
        f'<text x="{LEFT}" y="48" fill="{TIME}">seconds (left)</text><text x="{W - RIGHT}" y="48" text-anchor="end" fill="{MEMORY}">peak memory, MB (right)</text>',
    ]
    for size in (100, 1000, 10_000):
        parts.append(
            f'<line x1="{x(size):.1f}" x2="{x(size):.1f}" y1="{TOP}" y2="{H - BOTTOM}" stroke="#e4e1d8"/>'
        )
        parts.append(
            f'<text x="{x(size):.1f}" y="{H - BOTTOM + 22}" text-anchor="middle" fill="#5c6577">{size:,}</text>'
        )
    parts.append(
        f'<text x="{(W + LEFT - RIGHT) / 2}" y="{H - 8}" text-anchor="middle" fill="#5c6577">resources</text>'
    )
    for place, colour, side in ((1, TIME, "left"), (2, MEMORY, "right")):
        values = [one[place] for one in found]
        ends = scale(values)
        for power in range(int(ends[0]), int(ends[1]) + 1):
            height = y(10**power, ends)
            anchor, at = ("end", LEFT - 10) if side == "left" else ("start", W - RIGHT + 10)
            if side == "left":
                parts.append(
                    f'<line x1="{LEFT}" x2="{W - RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="#e4e1d8"/>'
                )
            parts.append(
                f'<text x="{at}" y="{height + 4:.1f}" text-anchor="{anchor}" fill="{colour}">{10**power:g}</text>'
            )
        line = " ".join(f"{x(one[0]):.1f},{y(one[place], ends):.1f}" for one in found)
        dash = ' stroke-dasharray="5 4"' if place == 2 else ""
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.4" stroke-linejoin="round"{dash}/>'
        )
        for one in found:
            px, py = x(one[0]), y(one[place], ends)
            parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.6" fill="{colour}"/>')
            text = f"{one[place]:.1f} s" if place == 1 else f"{one[place]:.0f} MB"
            anchor = "start" if one is found[0] else "end" if one is found[-1] else "middle"
            parts.append(
                f'<text x="{px:.1f}" y="{py + (-10 if place == 1 else 20):.1f}" text-anchor="{anchor}" font-size="11.5" fill="{colour}">{text}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
