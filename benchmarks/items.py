"""DynamoDB item -> Cosmos document, bytes to bytes, one core, against json + TypeDeserializer + json.dumps.

The GOALS row of the requirements: >= 2.5x at 3 KB and at 48 KB, for an item as the plan describes it (`chunk`).
Beside it an item with many small attributes of every type (`mixed`), where less of the work is parsing. Interleaved rounds, the median of their ratios.
Run: python benchmarks/items.py [--seconds 4]   (needs boto3)
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from recovery.sync.ids import Keys
from recovery.sync.items import convert_line, to_item

KEYS = Keys("imageId", "chunkIndex")
GOAL = 2.5


def chunk(number: int, size: int) -> dict[str, Any]:
    """What the seeds say an item holds: ids, timestamps, an index, a Base64 fragment."""
    made: dict[str, Any] = {
        "imageId": {"S": f"uploads/{number:08}.jpg"},
        "chunkIndex": {"N": str(number % 7)},
        "createdAt": {"S": "2026-01-05T03:00:00.123456Z"},
        "updatedAt": {"N": str(1767582000 + number)},
    }
    return padded(made, number, size)


def mixed(number: int, size: int) -> dict[str, Any]:
    """The same with nested attributes of every kind."""
    dice = random.Random(number)  # noqa: S311 - test data
    made: dict[str, Any] = {
        "imageId": {"S": f"uploads/{number:08}.jpg"},
        "chunkIndex": {"N": str(number % 7)},
        "createdAt": {"S": "2026-01-05T03:00:00.123456Z"},
        "updatedAt": {"N": str(1767582000 + number)},
        "exif": {"M": {
            "iso": {"N": "200"}, "aperture": {"N": "2.8"}, "flash": {"BOOL": False}, "lens": {"NULL": True},
            "gps": {"L": [{"N": f"{dice.uniform(-90, 90):.6f}"}, {"N": f"{dice.uniform(-180, 180):.6f}"}]},
        }},
        "labels": {"SS": ["cat", "window", "winter"]},
        "exact": {"N": "12345678901234567890.123456789"},
    }  # fmt: skip
    return padded(made, number, size)


def padded(made: dict[str, Any], number: int, size: int) -> dict[str, Any]:
    """The item with a Base64 fragment that brings its line to about `size` bytes."""
    dice = random.Random(number)  # noqa: S311 - test data
    rest = size - len(json.dumps({"Item": made})) - 20
    made["content"] = {"S": base64.b64encode(dice.randbytes(rest * 3 // 4)).decode()}
    return made


def peer() -> Callable[[bytes], bytes]:
    """The usual way: the standard library's JSON and the AWS SDK's deserializer."""
    from boto3.dynamodb.types import TypeDeserializer

    deserialize = TypeDeserializer().deserialize

    def plain(value: Any) -> Any:
        return (
            sorted(value) if isinstance(value, set) else str(value)
        )  # sets, Decimal: json.dumps has no form

    def convert(line: bytes) -> bytes:
        values = {name: deserialize(typed) for name, typed in json.loads(line)["Item"].items()}
        return json.dumps(values, default=plain).encode()

    return convert


def rate(function: Callable[[bytes], Any], lines: list[bytes], seconds: float) -> float:
    """Items a second of processor time, so that a busy machine slows neither side."""
    done, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for line in lines:
            function(line)
        done += len(lines)
    return done / spent


def main(argv: list[str] | None = None) -> int:
    """Print one row a shape and size; exit 1 when a chunk's ratio is below the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="per size and side, in all")
    seconds = parser.parse_args(argv).seconds
    rounds = 21
    theirs = peer()
    print(
        f"DynamoDB item -> Cosmos document, bytes to bytes, one core; peer: json + boto3 {version('boto3')}"
    )
    worst = float("inf")
    for shape, size in ((chunk, 3_000), (chunk, 48_000), (mixed, 3_000), (mixed, 48_000)):
        items = [shape(number, size) for number in range(64)]
        lines = [json.dumps({"Item": one}, separators=(",", ":")).encode() for one in items]
        for one, line in zip(items, lines, strict=True):
            document = json.loads(convert_line(line, KEYS).body)
            if to_item(document) != one:
                sys.exit(f"not reversible: {one['imageId']}")
        pairs = [
            (
                rate(lambda line: convert_line(line, KEYS), lines, seconds / rounds),
                rate(theirs, lines, seconds / rounds),
            )
            for _ in range(rounds)
        ]
        ours, peers = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        if shape is chunk:
            worst = min(worst, ratio)
        mean = sum(map(len, lines)) / len(lines)
        print(
            f"  {shape.__name__:5} {mean / 1000:5.1f} KB  ours {ours:8.0f}/s ({ours * mean / 1e6:6.0f} MB/s)  peer {peers:7.0f}/s  "
            f"{ratio:5.2f}x" + (f"  (goal {GOAL}x)" if shape is chunk else "")
        )
    return 0 if worst >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
