"""The shapes: a grant with its reason, an AWS statement, a role; and when a grant covers an action."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache


class Need(StrEnum):
    """Where a role is assigned."""

    GROUP = "the footprint's resource group"
    GROUP_OR_SUBSCRIPTION = "the footprint's resource group (the subscription until it exists)"
    SUBSCRIPTION = "the subscription"
    JOURNAL = "the journal's storage account"


@dataclass(frozen=True)
class Grant:
    """One allowed action and why the code needs it. action: Azure's name, `*` for any run of characters."""

    action: str
    why: str

    def covers(self, action: str) -> bool:
        """Does this grant allow the action? Names have no case."""
        return _pattern(self.action).fullmatch(action) is not None


@cache
def _pattern(action: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, action.split("*"))), re.IGNORECASE)


def covered(action: str, patterns: Iterable[str]) -> bool:
    """Is the action allowed by any of these patterns (the `actions` of a role definition)?"""
    return any(_pattern(one).fullmatch(action) for one in patterns)


@dataclass(frozen=True)
class Statement:
    """One statement of an AWS policy. resources: ARNs with {account}, {region} and the names of
    recovery.sync.source.Source in braces. condition: as in the policy, or nothing."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    why: str
    condition: tuple[tuple[str, str, str], ...] = ()
    """(operator, key, value), for example ("StringEquals", "aws:RequestedRegion", "{region}")."""


@dataclass(frozen=True)
class Role:
    """One role. key: as options name it; title: of its definition in Azure; who: the people or the process;
    verbs: the `dr` commands it serves; scope: where it is assigned; actions: of Resource Manager;
    data: of storage and Key Vault; documents: of Cosmos DB's own data plane; aws: the statements of its AWS policy.
    """

    key: str
    title: str
    who: str
    verbs: tuple[str, ...]
    scope: Need
    actions: tuple[Grant, ...]
    data: tuple[Grant, ...] = ()
    documents: tuple[Grant, ...] = ()
    aws: tuple[Statement, ...] = ()
    notes: tuple[str, ...] = field(default=())
    comes_with: tuple[str, ...] = ()
    """Roles by whose grant this one is granted too."""

    def may(self, action: str) -> bool:
        """May it do this on Resource Manager?"""
        return any(grant.covers(action) for grant in self.actions)

    def may_data(self, action: str) -> bool:
        """May it do this on a data plane?"""
        return any(grant.covers(action) for grant in (*self.data, *self.documents))
