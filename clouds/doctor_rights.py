"""What whoever asks may do: the grants of its role against what Azure and Cosmos DB's own plane say, and what mends a denial."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from clouds.azure.arm import Arm, ArmError
from clouds.endpoints import Endpoints
from recovery.arm.catalogue import CATALOGUE
from recovery.model import Desired, Json
from recovery.permissions import ROLES, Need, Role
from recovery.permissions.azure import COSMOS_CONTRIBUTOR
from recovery.permissions.parts import STATE_KEY
from recovery.readiness.doctor import MISSING, OK, UNKNOWN, Answer, lacking

OPS = "-ops"
"""How the name of the group ends that holds state, key and image (recovery.opening.Place)."""


class Rights:
    """The questions about one role (docs/permissions.md), for the identity whose token `arm` sends."""

    def __init__(self, arm: Arm, endpoints: Endpoints, environ: Mapping[str, str], wanted: Role) -> None:
        self.arm, self.endpoints, self.environ, self.role = arm, endpoints, environ, wanted

    @cached_property
    def me(self) -> str:
        """Object id of whoever asks, "" where it cannot be told."""
        if self.environ.get("DR_OBJECT_ID") or self.endpoints.arm_token is not None:
            return self.environ.get("DR_OBJECT_ID", "")
        return whose_token(f"{self.endpoints.arm_url}/.default")

    def mend(self, error: ArmError | None = None) -> str:
        """What mends a denial: the role. Anything else that Azure did not answer: signing in."""
        if error is not None and error.status != 403:
            return "az login"
        who = self.me or "OBJECT_ID"
        return f"dr init --grant {self.role.key}={who}    (as the subscription's Owner; it works some minutes later)"

    def asked(self, declared: list[Desired]) -> list[Answer]:
        """Each grant of the role, and of the one that comes with it, against what Azure says that this identity may do."""
        answers = []
        for one in (self.role, *(r for r in ROLES if self.role.key in r.comes_with)):
            for scopes in self._scopes(one, declared):
                answers += self._granted(one, scopes)
        return answers + self._documents(declared)

    def _scopes(self, one: Role, declared: list[Desired]) -> list[list[str]]:
        """Where it is asked for: each a list of which the first that exists is taken."""
        subscription = f"/subscriptions/{self.endpoints.subscription}"
        group = next((d.id for d in declared if d.type == "azure-native:resources:ResourceGroup"), "")
        if one.scope is Need.SUBSCRIPTION:
            return [[subscription]]
        if one.scope is Need.JOURNAL:
            return [[d.id for d in declared if d.options.get("name") == "storage-journal"]]
        places = [[s for s in (group, subscription) if s]]
        if {g.action for g in STATE_KEY} <= {g.action for g in one.data} and group.endswith("-dr"):
            places.append(
                [f"{group.removesuffix('-dr')}-ops"]
            )  # state and key (dr init): there only where it was run
        return places

    def _granted(self, one: Role, scopes: Sequence[str]) -> list[Answer]:
        """Permissions - List at the first of these scopes that exists."""
        for scope in scopes:
            try:
                entries = self.arm.list(
                    f"{scope}/providers/Microsoft.Authorization/permissions", "2022-04-01"
                )
            except ArmError as error:
                if error.missing:
                    continue  # before the first up the subscription is asked
                says = (
                    MISSING if error.status == 403 else UNKNOWN
                )  # not even this may be asked: the role is not there
                return [
                    Answer(
                        "permissions",
                        f"role {one.key} at {_last(scope)}",
                        says,
                        brief(error),
                        self.mend(error),
                    )
                ]
            lacked = lacking(one, entries)
            fix, total = self.mend(), len(one.actions) + len(one.data)
            head = Answer("permissions", f"role {one.key} (docs/permissions.md)", MISSING if lacked else OK,
                          f"{total - len(lacked)} of {total} granted at {_last(scope)}", fix if lacked else "")  # fmt: skip
            return [head, *(Answer("permissions", action, MISSING, why, fix) for action, why in lacked)]
        question = f"role {one.key}"
        if not self.endpoints.subscription:
            return [
                Answer(
                    "permissions", question, UNKNOWN, "no scope to ask at", "export ARM_SUBSCRIPTION_ID=..."
                )
            ]
        if scopes and scopes[0].endswith(OPS):
            return []  # nobody has made a state backend: there is nothing to open
        return [Answer("permissions", question, OK, "there is nothing to ask at before the first up")]

    def _documents(self, declared: list[Desired]) -> list[Answer]:
        """Cosmos DB's own plane, which asks no role of Azure's: is there an assignment for this identity?"""
        account = next((d for d in declared if d.type == "azure-native:cosmosdb:DatabaseAccount"), None)
        if account is None or not self.role.documents:
            return []
        question = f"role {self.role.key}: documents (Cosmos DB's own plane)"
        version = CATALOGUE["azure-native:cosmosdb:SqlResourceSqlRoleAssignment"].api_version
        try:
            self.arm.get(account.id, CATALOGUE[account.type].api_version)
            listed = self.arm.list(f"{account.id}/sqlRoleAssignments", version)
        except ArmError as error:
            if error.missing:
                return [Answer("permissions", question, OK, "after the first up")]
            return [Answer("permissions", question, UNKNOWN, brief(error), self.mend(error))]
        held = [one["properties"] for one in listed]
        mine = {
            str(p["roleDefinitionId"]).rpartition("/")[2]
            for p in held
            if self.me and str(p["principalId"]).lower() == self.me.lower()
        }
        if COSMOS_CONTRIBUTOR in mine:
            return [Answer("permissions", question, OK, "its data contributor is assigned")]
        if not self.me and self.endpoints.cosmos_key:
            return [Answer("permissions", question, OK, "the local cloud's key opens them for its Owner")]
        detail = f"none of its {len(held)} assignments names object id {self.me or '(unknown)'}"
        if self.me and self.endpoints.cosmos_key:  # no groups of people in a local cloud
            return [Answer("permissions", question, MISSING, detail, self.mend())]
        return [
            Answer(
                "permissions",
                question,
                UNKNOWN,
                f"{detail}; a group may",
                f"{self.mend()}, or by really doing it: dr ready --check cosmos",
            )
        ]


def whose_token(scope: str) -> str:
    """Object id in the token that Azure gives us (`oid`), "" where there is none to be had or to be read."""
    from azure.core.exceptions import AzureError
    from azure.identity import DefaultAzureCredential

    try:
        body = DefaultAzureCredential().get_token(scope).token.split(".")[1]
        found: Json = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(found.get("oid") or "")
    except (AzureError, ValueError, IndexError, AttributeError):
        return ""


def _last(scope: str) -> str:
    return scope.rpartition("/")[2] if scope.count("/") > 2 else "the subscription"


_ACTION = re.compile(r"action '([^']+)'")


def brief(error: ArmError) -> str:
    """One line: for a denial the action that was denied."""
    action = _ACTION.search(error.message)
    if error.status == 403 and action:
        return f"403: this identity may not do {action[1]} there"
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:199]}…"
