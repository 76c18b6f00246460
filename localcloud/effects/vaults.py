"""Key Vault's data plane: certificates of real keys, made and imported as the service does it, served by name.

What is here: certificates (list, get, versions, create with the issuer Self, import, pending, contacts of nobody).
Private keys stay inside: a secret is answered with 403, as to an identity that may manage certificates alone.
Source: Key Vault REST reference, certificates, 7.4.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from localcloud.bus import Bus, ResourceChanged
from localcloud.data import proxy

Body = dict[str, Any]
TYPE = "microsoft.keyvault/vaults"
Allowed = Callable[[str, str, str], int]
"""(token, data action, vault's ARM id) -> 200, 401 or 403."""
_LONGEST = 1 << 20


@dataclass
class Version:
    """One version of a certificate. cer: DER. key: PEM, never answered."""

    name: str
    version: str
    cer: bytes
    key: bytes
    policy: Body
    created: int
    enabled: bool = True
    tags: Body = field(default_factory=dict)

    @property
    def x509(self) -> x509.Certificate:
        """The certificate."""
        return x509.load_der_x509_certificate(self.cer)


@dataclass
class Vault:
    """One vault: where it listens, and the versions of each certificate, oldest first."""

    name: str
    port: int
    runner: web.ServerRunner
    certificates: dict[str, list[Version]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """``properties.vaultUri``."""
        return f"http://127.0.0.1:{self.port}/"


class Vaults:
    """All vaults. A vault's port is bound when ARM fills its body; a deleted vault keeps it (soft delete)."""

    def __init__(self, bus: Bus, allowed: Allowed, guard: proxy.Guard = proxy.unguarded) -> None:
        """guard: stands before every vault's door (faults that were asked for)."""
        self._allowed, self._guard = allowed, guard
        self._ids: dict[str, str] = {}
        self._by_name: dict[str, Vault] = {}
        self._starting: set[asyncio.Task[None]] = set()
        self._gone: set[str] = set()
        bus.subscribe(self._changed)

    async def _changed(self, event: ResourceChanged) -> None:
        if event.arm_type == TYPE:
            name = event.id.rpartition("/")[2].lower()
            (self._gone.add if event.new is None else self._gone.discard)(name)
            self._ids[name] = event.id

    def uri(self, name: str) -> str:
        """The address of a vault's data plane, bound now."""
        if name.lower() not in self._by_name:
            from localcloud.data import children

            sock = children.listen()

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                return await self._serve(name.lower(), request)

            runner = web.ServerRunner(
                web.Server(proxy.guarded("vault", self._guard, handle), access_log=None), shutdown_timeout=1
            )
            self._by_name[name.lower()] = Vault(name, int(sock.getsockname()[1]), runner)

            async def run() -> None:
                await runner.setup()
                await web.SockSite(runner, sock).start()

            task = asyncio.get_running_loop().create_task(run())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
        return self._by_name[name.lower()].url

    def secret(self, secret_id: str) -> Version | None:
        """The newest enabled version behind a secret's id (``{vaultUri}secrets/NAME``), for the gateway alone."""
        for vault in self._by_name.values():
            if secret_id.startswith(vault.url) and vault.name.lower() not in self._gone:
                parts = secret_id.removeprefix(vault.url).strip("/").split("/")
                versions = vault.certificates.get(parts[1].lower(), []) if len(parts) > 1 else []
                return next((v for v in reversed(versions) if v.enabled), None)
        return None

    def scope(self, secret_id: str) -> str:
        """The ARM id of a secret's vault and the secret in it, as role assignments name it; "" for an unknown one."""
        for name, vault in self._by_name.items():
            if secret_id.startswith(vault.url):
                return f"{self._ids.get(name, '')}/{'/'.join(secret_id.removeprefix(vault.url).strip('/').split('/')[:2])}"
        return ""

    async def _serve(self, name: str, request: web.BaseRequest) -> web.StreamResponse:
        parts = [p for p in request.path.split("/") if p]
        verb = {"create": "create/action", "import": "import/action"}.get(parts[-1] if parts else "", "read")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        status = self._allowed(
            token, f"Microsoft.KeyVault/vaults/certificates/{verb}", self._ids.get(name, "")
        )
        if status == 401:
            challenge = (
                'Bearer authorization="https://login.windows.net/common", resource="https://vault.azure.net"'
            )
            return _error(
                401,
                "Unauthorized",
                "AKV10000: the request has no valid token.",
                {"WWW-Authenticate": challenge},
            )
        if status == 403:
            return _error(
                403,
                "Forbidden",
                "Caller is not authorized to perform action on resource.",
                inner="ForbiddenByRbac",
            )
        if "api-version" not in request.query:
            return _error(400, "BadParameter", "api-version must be specified")
        if name in self._gone:
            return _error(404, "VaultNotFound", "The vault is deleted.")
        vault = self._by_name[name]
        body = json.loads(await request.content.read(_LONGEST) or b"{}") if request.can_read_body else {}
        if parts[:1] == ["secrets"]:
            return _error(
                403, "Forbidden", "Caller is not authorized to perform action on resource: secrets/getSecret."
            )
        if parts[:1] != ["certificates"]:
            return _error(404, "NotFound", f"{request.path} is not served here")
        if len(parts) == 1:
            return web.json_response(
                {"value": [_item(vault, v[-1]) for v in vault.certificates.values()], "nextLink": None}
            )
        wanted, tail = parts[1].lower(), parts[2:]
        if request.method == "POST" and tail == ["create"]:
            return await self._create(vault, parts[1], body)
        if request.method == "POST" and tail == ["import"]:
            return _import(vault, parts[1], body)
        found = vault.certificates.get(wanted)
        if not found:
            return _error(
                404,
                "CertificateNotFound",
                f"A certificate with (name/id) {parts[1]} was not found in this key vault.",
            )
        if request.method == "GET" and tail == ["pending"]:
            return web.json_response(_pending(vault, found[-1]))
        if request.method == "GET" and tail == ["versions"]:
            return web.json_response({"value": [_item(vault, v) for v in found], "nextLink": None})
        if request.method == "GET" and len(tail) <= 1:
            chosen = [v for v in found if not tail or v.version == tail[0]]
            return (
                web.json_response(_bundle(vault, chosen[-1]))
                if chosen
                else _error(404, "CertificateNotFound", "no such version")
            )
        if request.method == "PATCH" and len(tail) <= 1:
            found[-1].enabled = bool((body.get("attributes") or {}).get("enabled", found[-1].enabled))
            return web.json_response(_bundle(vault, found[-1]))
        return _error(405, "MethodNotAllowed", "not served here")

    async def _create(self, vault: Vault, name: str, body: Body) -> web.Response:
        policy = body.get("policy") or {}
        issuer = (policy.get("issuer") or {}).get("name", "")
        if issuer != "Self":
            return _error(
                400, "BadParameter", f"the issuer {issuer or '(none)'} is not set up in this vault; Self is"
            )
        made = await asyncio.to_thread(_self_signed, name, policy)
        vault.certificates.setdefault(name.lower(), []).append(made)
        return web.json_response(_pending(vault, made), status=202)

    async def stop(self) -> None:
        """Close the ports."""
        for vault in self._by_name.values():
            await vault.runner.cleanup()


def _self_signed(name: str, policy: Body) -> Version:
    wanted = policy.get("x509_props") or {}
    names = (wanted.get("sans") or {}).get("dns_names") or []
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, str(wanted.get("subject", "CN=local")).removeprefix("CN="))]
    )
    key = rsa.generate_private_key(
        public_exponent=65537, key_size=int((policy.get("key_props") or {}).get("key_size") or 2048)
    )
    now = datetime.datetime.now(datetime.UTC)
    until = now + datetime.timedelta(days=30.4 * int(wanted.get("validity_months") or 12))
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=10)).not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    )  # fmt: skip
    made = builder.sign(key, hashes.SHA256())
    return _version(name, made.public_bytes(serialization.Encoding.DER), _pem(key), policy)


def _pem(key: Any) -> bytes:
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _version(name: str, cer: bytes, key: bytes, policy: Body) -> Version:
    created = int(datetime.datetime.now(datetime.UTC).timestamp())
    return Version(name, secrets.token_hex(16), cer, key, policy, created)


def _import(vault: Vault, name: str, body: Body) -> web.Response:
    """A PFX (base64) or a PEM with key and chain, as the service takes them."""
    text = str(body.get("value") or "")
    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_private_key(text.encode(), None)
            leaf = x509.load_pem_x509_certificates(text.encode())[0]
        else:
            password = str(body.get("pwd") or "").encode() or None
            loaded, found, _ = pkcs12.load_key_and_certificates(base64.b64decode(text), password)
            if loaded is None or found is None:
                raise ValueError("key and certificate are both needed")
            key, leaf = loaded, found
    except (ValueError, TypeError, IndexError) as exc:
        return _error(400, "BadParameter", f"The certificate cannot be imported: {exc}")
    policy = body.get("policy") or {"issuer": {"name": "Unknown"}}
    made = _version(name, leaf.public_bytes(serialization.Encoding.DER), _pem(key), policy)
    made.tags = {str(k): str(v) for k, v in (body.get("tags") or {}).items()}
    vault.certificates.setdefault(name.lower(), []).append(made)
    return web.json_response(_bundle(vault, made))


def _attributes(found: Version) -> Body:
    cert = found.x509
    return {
        "enabled": found.enabled, "nbf": int(cert.not_valid_before_utc.timestamp()),
        "exp": int(cert.not_valid_after_utc.timestamp()), "created": found.created, "updated": found.created,
        "recoveryLevel": "Recoverable+Purgeable",
    }  # fmt: skip


def _item(vault: Vault, found: Version) -> Body:
    thumb = (
        base64.urlsafe_b64encode(hashlib.sha1(found.cer, usedforsecurity=False).digest()).decode().rstrip("=")
    )
    return {
        "id": f"{vault.url}certificates/{found.name}/{found.version}",
        "x5t": thumb,
        "attributes": _attributes(found),
    }


def _bundle(vault: Vault, found: Version) -> Body:
    tail = f"{found.name}/{found.version}"
    return {
        **_item(vault, found), "kid": f"{vault.url}keys/{tail}", "sid": f"{vault.url}secrets/{tail}",
        "cer": base64.b64encode(found.cer).decode(), "tags": found.tags,
        "policy": {"id": f"{vault.url}certificates/{found.name}/policy", **found.policy},
    }  # fmt: skip


def _pending(vault: Vault, found: Version) -> Body:
    return {
        "id": f"{vault.url}certificates/{found.name}/pending", "issuer": {"name": "Self"}, "status": "completed",
        "cancellation_requested": False, "target": f"{vault.url}certificates/{found.name}",
    }  # fmt: skip


def _error(
    status: int, code: str, message: str, headers: dict[str, str] | None = None, inner: str = ""
) -> web.Response:
    error: Body = {"code": code, "message": message, **({"innererror": {"code": inner}} if inner else {})}
    return web.json_response({"error": error}, status=status, headers=headers)
