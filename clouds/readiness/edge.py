"""Probes of READY-6 and READY-7: a TLS handshake as a client makes it, and DNS asked at parent, authority, resolvers."""

from __future__ import annotations

import hashlib
import socket
import ssl
from typing import Any

from clouds.azure.arm import ArmError
from clouds.dns_resolvers import DnsAnswer, ask, ask_all, delegation
from clouds.endpoints import Resolver
from clouds.readiness.world import ReadyWorld
from recovery.model import Json
from recovery.readiness.model import UnseenError

Evidence = dict[str, Json]
HANDSHAKE_SECONDS = 5.0
DNS_SECONDS = 3.0


def certificate(world: ReadyWorld) -> Evidence:
    """READY-6: the certificate that the gateway serves, verified against the roots that clients have."""
    properties = world.body(world.at.of_type("azure-native:network:ApplicationGateway"))["properties"]
    listeners = [one for one in properties.get("httpListeners") or []
                 if str(one["properties"].get("protocol")).lower() == "https"]  # fmt: skip
    if not listeners:
        return {"listeners": 0}
    zone = str(world.at.named("dr-name").inputs["zoneName"])
    host = f"{world.at.named('dr-name').inputs['relativeRecordSetName']}.{zone}"
    der, why = handshake(world, world.gateway_address(), host)
    return {
        "listeners": len(listeners), "host": host, "wanted": [zone, f"*.{zone}"], "trusted": not why, "why": why,
        **described(der, world), "served": fingerprint(der), "vault": in_vault(world),
    }  # fmt: skip


def handshake(world: ReadyWorld, address: str, host: str) -> tuple[bytes, str]:
    """(the certificate in DER, why a client would refuse it or ""). Raises UnseenError where no handshake ends.

    Twice where it is refused: once as a client does, once only to look at what was shown.
    """
    target = world.endpoints.dial_tls(address)
    strict = ssl.create_default_context(cafile=world.endpoints.ca_file)
    try:
        return _shown(target, host, strict), ""
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message or str(error)
    except (OSError, ValueError) as error:  # refused, reset, timed out, something that is not TLS
        raise UnseenError(
            f"no TLS handshake with {host} at {address}: {type(error).__name__}: {error}"
        ) from error
    loose = ssl.create_default_context()
    loose.check_hostname, loose.verify_mode = False, ssl.CERT_NONE
    try:
        return _shown(target, host, loose), why
    except (OSError, ValueError) as error:
        raise UnseenError(f"no TLS handshake with {host} at {address}: {error}") from error


def _shown(target: tuple[str, int], host: str, context: ssl.SSLContext) -> bytes:
    with (
        socket.create_connection(target, timeout=HANDSHAKE_SECONDS) as raw,
        context.wrap_socket(raw, server_hostname=host) as wrapped,
    ):
        der = wrapped.getpeercert(binary_form=True)
    if not der:
        raise ValueError("the server showed no certificate")
    return der


def described(der: bytes, world: ReadyWorld) -> Evidence:
    """Days left, names, and whether it signed itself. Raises UnseenError for what is no certificate."""
    from cryptography import x509

    try:
        found = x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise UnseenError(f"what the gateway showed is no certificate: {error}") from error
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        hosts = []
    left = (found.not_valid_after_utc - world.now()).total_seconds() / 86400
    return {
        "days": round(left, 2), "names": list(hosts), "selfSigned": found.issuer == found.subject,
        "expires": found.not_valid_after_utc.isoformat(),
    }  # fmt: skip


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate."""
    return hashlib.sha256(der).hexdigest()


def in_vault(world: ReadyWorld) -> str:
    """Fingerprint of the newest version in the vault; "" where the program declares none. Raises UnseenError."""
    import base64

    declared = vault_certificate(world)
    if declared is None:
        return ""
    vault, name = declared
    try:
        return fingerprint(base64.b64decode(str(vault.call("GET", f"certificates/{name}")["cer"])))
    except (ArmError, KeyError, ValueError) as error:
        raise UnseenError(f"the vault's certificate {name}: {error}") from error


def vault_certificate(world: ReadyWorld) -> tuple[Any, str] | None:
    """(the vault's client, the certificate's name), None where the program declares none."""
    from recovery.drift import dynamic

    for one in world.at.desired("standby"):
        if dynamic.kind(one.type) == "VaultCertificate":
            from clouds.azure.vaults import Certificates

            body = world.get(str(one.inputs["vaultId"]), "keyvault:Vault")
            return Certificates(body, world.endpoints, timeout=5.0), str(one.inputs["certificateName"])
    return None


def contingency_name(world: ReadyWorld) -> Evidence:
    """READY-7: who the parent delegates to, and what the authority and each resolver answer."""
    record = world.at.named("dr-name").inputs
    zone = str(record["zoneName"])
    name = f"{record['relativeRecordSetName']}.{zone}"
    declared = world.body(world.at.of_type("azure-native:dns:Zone"))["properties"]["nameServers"]
    servers = [str(one).rstrip(".").lower() for one in declared]
    address = world.gateway_address()
    endpoints = world.endpoints
    parent = delegation(zone, endpoints.parent, endpoints.resolvers, DNS_SECONDS)
    if not parent.known:
        raise UnseenError(f"the parent zone of {zone}: {parent.reason}")
    authority = endpoints.authority or _first(servers, endpoints.resolvers)
    heard = [ask(name, "A", authority, DNS_SECONDS), *ask_all([name], "A", endpoints.resolvers, DNS_SECONDS)]
    return {
        "zone": zone, "name": name, "address": address, "zoneServers": servers,
        "parentServers": [v.lower() for v in parent.values], "answers": [_row(one) for one in heard],
    }  # fmt: skip


def _first(servers: list[str], resolvers: tuple[Resolver, ...]) -> Resolver:
    """A name server of the zone as something to ask: its address comes from a resolver."""
    for server in servers:
        for resolver in resolvers:
            found = ask(server, "A", resolver, DNS_SECONDS)
            if found.known and found.values:
                return Resolver(f"authority {server}", found.values[0])
    raise UnseenError(f"no resolver knows where {', '.join(servers)} are")


def _row(answer: DnsAnswer) -> Evidence:
    return {
        "who": answer.resolver,
        "known": answer.known,
        "values": list(answer.values),
        "reason": answer.reason,
    }
