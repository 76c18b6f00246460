"""Objects, S3 -> Blob, streamed, against rclone: versitygw -> a fresh, unmodified Azurite for each run, interleaved.

The GOALS row of the requirements: <= 1.25x rclone's time for 2,000 x 20 KB, <= 1.0x for 20 x 20 MB (medians); a later
run asks only for what changed; memory flat at a million keys (on generated listings).
Run: python -m benchmarks objects   (needs rclone and versitygw on PATH; --runs 5)
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clouds.objects.blob import BlobStore
from clouds.objects.mover import move
from clouds.objects.s3 import S3Store
from recovery.sync.evidence import Fingerprint
from recovery.sync.march import Entry, Tally, march
from recovery.sync.policies import UPLOADS, Deletions, acts

USER, PASSWORD = "bench", "benchbench"  # of a server that lives for minutes on loopback
GOALS = {"2,000 x 20 KB": (2000, 20_000, 1.25), "20 x 20 MB": (20, 20_000_000, 1.0)}
MEMORY_MB = 20.0


def main(argv: list[str] | None = None) -> int:
    """Print the figures; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args(argv)
    for peer in ("rclone", "versitygw"):
        if shutil.which(peer) is None:
            raise ImportError(f"{peer} is not on PATH", name=peer)
    missed = 0
    said = _said("rclone", "version")
    version = said.split()[1]
    print(
        f"ours against rclone {version} (--transfers 16 --checkers 16 --fast-list --checksum), {given.runs} interleaved runs"
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _versitygw(Path(folder)) as s3_url:
        for name, (count, size, goal) in GOALS.items():
            bucket = f"b{count}"
            _fill(s3_url, bucket, count, size)
            ours: list[float] = []
            theirs: list[float] = []
            for _ in range(given.runs):
                with _azurite(Path(folder)) as (blob_url, key):
                    ours.append(asyncio.run(_ours(s3_url, bucket, blob_url, key, count)))
                with _azurite(Path(folder)) as (blob_url, key):
                    theirs.append(_rclone(Path(folder), s3_url, bucket, blob_url, key))
            ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
            ok = ratio <= goal
            missed += not ok
            print(
                f"  {name}: {statistics.median(ours):.2f} s, rclone {statistics.median(theirs):.2f} s, "
                f"ratio {ratio:.2f} (goal <= {goal}) {'met' if ok else 'MISSED'}"
            )
    print("  (versitygw 1.8 for S3; a fresh, unmodified Azurite for each run; both sides streamed)")
    peak = _memory(1_000_000)
    missed += peak > MEMORY_MB
    print(
        f"  memory of the march over 1,000,000 generated keys: {peak * 1000:,.0f} KB at its peak, ten thousand keys {_memory(10_000) * 1000:,.0f} KB (flat: <= {MEMORY_MB:g} MB)"
    )
    return int(missed > 0)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - the peer


def _memory(keys: int) -> float:
    def listing() -> Iterator[Entry]:
        for number in range(keys):
            yield Entry(f"k{number:09}", Fingerprint(20_000, "0" * 32, checksums={"md5": "0" * 32}), 1.0)

    tracemalloc.start()
    for _ in acts(march(listing(), listing()), UPLOADS, Tally(), Deletions()):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


async def _ours(s3_url: str, bucket: str, blob_url: str, key: str, count: int) -> float:
    from azure.storage.blob import ContainerClient, generate_container_sas
    from botocore.credentials import ReadOnlyCredentials

    container = ContainerClient(blob_url, "bench", credential=_credential(key))
    container.create_container()
    sas = generate_container_sas(
        "benchaccount", "bench", account_key=key, permission="racwdl", expiry="2099-01-01T00:00:00Z"
    )
    source, target = (
        S3Store(_s3(s3_url), bucket, credentials=lambda: ReadOnlyCredentials(USER, PASSWORD, None)),
        BlobStore(container, lambda: sas),
    )
    began = time.perf_counter()
    done = await move(source, target, UPLOADS, fence=lambda: None)
    taken = time.perf_counter() - began
    await source.close()
    await target.close()
    if not done.complete or done.copied != count:
        raise RuntimeError(f"{done.copied} of {count} copied: {done.errors[:3]}")
    return taken


def _rclone(folder: Path, s3_url: str, bucket: str, blob_url: str, key: str) -> float:
    config = folder / "rclone.conf"
    config.write_text(
        f"[s3]\ntype=s3\nprovider=Other\naccess_key_id={USER}\nsecret_access_key={PASSWORD}\nendpoint={s3_url}\n"
        f"force_path_style=true\n[az]\ntype=azureblob\naccount=benchaccount\nkey={key}\nendpoint={blob_url}\n"
    )
    command = [
        "rclone",
        "--config",
        str(config),
        "copy",
        "--transfers",
        "16",
        "--checkers",
        "16",
        "--fast-list",
        "--checksum",
    ]
    began = time.perf_counter()
    subprocess.run([*command, f"s3:{bucket}", "az:bench"], check=True, capture_output=True)  # noqa: S603 - the peer
    return time.perf_counter() - began


def _s3(url: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, max_pool_connections=64)
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=USER,
        aws_secret_access_key=PASSWORD,
        config=config,
    )


def _fill(url: str, bucket: str, count: int, size: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    s3 = _s3(url)
    s3.create_bucket(Bucket=bucket)
    data = secrets.token_bytes(size)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda n: s3.put_object(Bucket=bucket, Key=f"d{n % 10}/o{n:06}", Body=data), range(count)
            )
        )


def _credential(key: str) -> Any:
    from azure.core.credentials import AzureNamedKeyCredential

    return AzureNamedKeyCredential("benchaccount", key)


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start")


@contextlib.contextmanager
def _running(command: list[str], port: int, env: dict[str, str]) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **env}, stdout=quiet, stderr=quiet)  # noqa: S603 - the benchmark's own
    try:
        _wait(port, process)
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _versitygw(folder: Path) -> Iterator[str]:
    data, port = folder / "s3", _port()
    data.mkdir()
    command = ["versitygw", "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(data)]
    with _running(command, port, {"ROOT_ACCESS_KEY": USER, "ROOT_SECRET_KEY": PASSWORD}):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _azurite(folder: Path) -> Iterator[tuple[str, str]]:
    from localcloud.data.node_parts import ensure

    node, ports = ensure(), [_port() for _ in range(3)]
    key, state = base64.b64encode(secrets.token_bytes(64)).decode(), folder / f"az-{ports[0]}"
    command = [
        str(node.node), str(node.azurite), "--location", str(state), "--skipApiVersionCheck", "--silent", "--disableTelemetry",
        *(part for name, port in zip(("blob", "queue", "table"), ports, strict=True) for part in (f"--{name}Host", "127.0.0.1", f"--{name}Port", str(port))),
    ]  # fmt: skip
    with _running(command, ports[0], {"AZURITE_ACCOUNTS": f"benchaccount:{key}"}):
        yield f"http://127.0.0.1:{ports[0]}/benchaccount", key
    shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
