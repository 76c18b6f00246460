"""Which values are secrets, or never come back from the service: neither compared nor printed.

By name, as Azure's specifications mark them (``x-ms-secret``), since a checker that has to be told each one
forgets one. What only *names* a secret (an id, a URI, a reference) is no secret and is compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from recovery.drift.normalizers import Keys, fold
from recovery.model import REDACTED, Json

_PASSWORD = re.compile(r"(password|passphrase|passwd|pwd)s?$")
_SECRET = re.compile(
    r"(secret|secret\w*value|secrettext|securevalue|connectionstrings?|customdata|userdata|pfxblob"
    r"|(pfx|apns|mpns|wns)certificate|certificate(data|value|key)|encodedcertificate|credential|credentialsbase64"
    r"|encrypted(value|credentials)|authorization|linkingauthcode|sasuri|sasurl|bitlockerkey|keytab|kubeconfig"
    r"|(^|access|refresh|sas|repository|registration|bearer|auth|security|personalaccess|verification|developer)token"
    r"|privatekeydata|operatorkeycode|secretresources|secretdeploymentvalues"
    r"|(account|access|shared|policy|primary|secondary|api|auth|authorization|authentication|storage|private|validation"
    r"|license|product|instrumentation|ingestion|workspace|symmetric|function|master|host|system|secret|sas|webhook"
    r"|application|subscription)key\d*)$"
)
_WHOLE = frozenset(
    {"protectedsettings", "protectedparameters", "secret", "secrets", "credentials", "customersecrets"}
)
"""Objects that are secret with everything below them, but for the names in them."""
_NAMES_A_SECRET = re.compile(
    r"(id|ids|uri|url|name|names|type|version|ref|reference|identifier|resourceid|kind)$"
)
_IN_TEXT = re.compile(r"(accountkey|sharedaccesskey|passwor[dt]|pwd|sig|secret)[\"'\\]*\s*[:=]", re.I)
_MASKED = re.compile(r"[*•]{3,}|^<?(hidden|redacted|masked)>?$|\(secret\)", re.I)


_SAYS_SO = frozenset({"issecret", "secure", "issecure", "isencrypted", "secured"})
_SWITCH = frozenset({"enabled", "disabled", "true", "false"})


def says_it_is_secret(element: Mapping[str, Json]) -> bool:
    """Whether an object says of itself that its `value` is a secret (task arguments, variables, parameters)."""
    return any(
        (value is True and fold(str(key)) in _SAYS_SO)
        or (fold(str(key)) == "type" and str(value).lower() in ("securestring", "secureobject"))
        for key, value in element.items()
    )


def is_switch(value: Json) -> bool:
    """A setting about passwords (``syncNtlmPasswords: Enabled``) is none."""
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in _SWITCH)


def is_password(keys: Keys, value: Json) -> bool:
    """A password: never compared, whatever the service answers."""
    return bool(keys) and isinstance(value, str) and bool(_PASSWORD.search(keys[-1])) and not is_switch(value)


def is_secret(keys: Keys, value: Json) -> bool:
    """A secret by its name or by what it lies in: compared only when the service answers it in the clear."""
    if not keys or not isinstance(value, str):
        return False
    if is_password(keys, value) or value == REDACTED:
        return True
    if _NAMES_A_SECRET.search(keys[-1]):
        return False
    if keys[-1] in ("data", "value") and any(
        re.search("certificates?$|connectionstring$|key$", k) for k in keys[:-1]
    ):
        return True
    return bool(_SECRET.search(keys[-1]) or _WHOLE.intersection(keys[:-1]))


def is_sensitive(keys: Keys, value: Json) -> bool:
    """Not to be printed: a secret, or a text that has one in it (a script, a connection string by another name)."""
    return is_secret(keys, value) or (isinstance(value, str) and bool(_IN_TEXT.search(value)))


def is_masked(value: Json) -> bool:
    """What services answer in place of a secret: nothing, stars, a word."""
    return value is None or value == "" or (isinstance(value, str) and bool(_MASKED.search(value)))


def masked(keys: Keys, value: Json) -> Json:
    """`value` fit to be printed: every secret in it replaced."""
    if isinstance(value, Mapping):
        return {key: masked((*keys, fold(str(key))), child) for key, child in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [masked(keys, child) for child in value]
    return REDACTED if is_sensitive(keys, value) and not is_switch(value) else value
