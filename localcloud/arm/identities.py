"""Who calls: tokens and the principals they stand for, as Entra would issue them.

The local cloud's own token is the subscription's Owner. Every other principal (a person, a managed identity, a
service principal) has a token of its own, and may do what its role assignments in force allow.
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Principal:
    """One identity. object_id: what role assignments name. kind: User, ServicePrincipal. owner: may do everything."""

    object_id: str
    name: str
    kind: str = "User"
    owner: bool = False


@dataclass
class Identities:
    """The principals of one local cloud, by token. owner_token: the one in endpoints.json."""

    owner_token: str
    _by_token: dict[str, Principal] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    OWNER = Principal("00000000-0000-4000-8000-00000000000a", "owner@local", owner=True)

    def who(self, token: str) -> Principal | None:
        """The principal of a token, None for one that nobody was given."""
        found: Principal | None = None
        if hmac.compare_digest(token.encode(), self.owner_token.encode()):
            found = self.OWNER
        for known, principal in self._by_token.items():
            if hmac.compare_digest(token.encode(), known.encode()):
                found = principal
        return found

    def sign_in(self, name: str, object_id: str = "", kind: str = "User") -> tuple[Principal, str]:
        """A principal and its token; the same name (or object id) is the same principal, with the same token."""
        key = (object_id or name).lower()
        if key not in self._names:
            made = Principal(object_id or str(uuid.uuid4()), name, kind)
            token = secrets.token_urlsafe(24)
            self._by_token[token], self._names[key] = made, token
            self._names[made.object_id.lower()] = token
        token = self._names[key]
        return self._by_token[token], token

    def all(self) -> list[Principal]:
        """Everybody but the Owner."""
        return list(self._by_token.values())
