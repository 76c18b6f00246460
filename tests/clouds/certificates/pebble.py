"""A real ACME server for tests: pebble, which asks a name server of ours for the challenges."""

from __future__ import annotations

import datetime
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PROGRAM = "pebble"
NEEDED = pytest.mark.skipif(
    shutil.which(PROGRAM) is None,
    reason="no pebble on PATH (go install github.com/letsencrypt/pebble/v2/cmd/pebble@latest)",
)


@dataclass(frozen=True)
class Pebble:
    """directory: its ACME address. ca_file: what its own TLS is checked against. management: where its roots are."""

    directory: str
    ca_file: Path
    management: str

    def root(self) -> bytes:
        """The root of the certificates that it issues, PEM."""
        return httpx.get(f"{self.management}/roots/0", verify=False, trust_env=False).content  # noqa: S501  its own TLS, on loopback


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _own_tls(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    cert, private = folder / "tls.pem", folder / "tls.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert, private


@contextmanager
def running(folder: Path, name_server: str) -> Iterator[Pebble]:
    """Start it, asking `name_server` (host:port) for every name; ended with the block."""
    cert, key = _own_tls(folder)
    listen, management = _free(), _free()
    config = {"pebble": {
        "listenAddress": f"127.0.0.1:{listen}", "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(cert), "privateKey": str(key), "httpPort": _free(), "tlsPort": _free(),
        "ocspResponderURL": "", "externalAccountBindingRequired": False,
        "profiles": {"default": {"description": "ours", "validityPeriod": 90 * 86400}},
    }}  # fmt: skip
    file = folder / "pebble.json"
    file.write_text(json.dumps(config))
    with (folder / "pebble.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  a program of the machine's, our arguments
            [str(shutil.which(PROGRAM)), "-config", str(file), "-dnsserver", name_server],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
        )  # fmt: skip
        try:
            _await(listen, process, folder / "pebble.log")
            yield Pebble(f"https://localhost:{listen}/dir", cert, f"https://localhost:{management}")
        finally:
            process.terminate()
            process.wait(10)


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(f"pebble does not listen:\n{log.read_text()}")
