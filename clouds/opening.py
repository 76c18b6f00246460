"""`dr init` on the real side: what is there, and the steps carried out. Every one is harmless when done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clouds.azure.arm import Arm, ArmError
from clouds.azure.graph import Graph
from clouds.azure.registry import Context, Registry
from clouds.azure.role_ready import RoleReady
from recovery import opening
from recovery.errors import Failed, Unobserved
from recovery.model import Json
from recovery.opening import VERSIONS, Change, Place, Step, Thing
from recovery.permissions import ROLES, Need, azure, role

ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
"""AcrPull (learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers)."""
ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True)
class Wishes:
    """What was asked for. grants: (role, object id, kind). assignable: GUIDs of roles that the program assigns.
    federation, image: whether these parts are wanted. ci: subject of CI's own token, or nothing."""

    grants: Sequence[tuple[str, str, str]] = ()
    assignable: Sequence[str] = ()
    federation: bool = True
    image: bool = True
    ci: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


class Opening:
    """Looks, then does. context: the image's sources."""

    def __init__(
        self,
        arm: Arm,
        graph: Graph,
        place: Place,
        wishes: Wishes,
        context: Context,
        say: Callable[[str], None],
    ) -> None:
        self._arm, self._graph, self._place, self._wishes, self._context, self._say = (
            arm, graph, place, wishes, context, say,
        )  # fmt: skip
        self.registry = Registry(arm, place.registry, say)
        self.image, self.audience = "", ""

    # -- looking -----------------------------------------------------------------------------------------------

    def survey(self) -> list[Step]:
        """Every step, in order, with what it would do. Changes nothing."""
        place = self._place
        steps = [self._providers()]
        wanted = opening.things(place, self._wishes.tags, self._arm.endpoints.tenant)
        steps += [opening.compare(thing, self._look(thing.id, thing.version)) for thing in wanted]
        steps += self._definitions()
        if self._wishes.image:
            self.image = self.registry.find(self._context.tag) or ""
            change = Change.SAME if self.image else Change.MAKE
            steps.append(
                Step(
                    change,
                    "image",
                    f"image standby:{self._context.tag}",
                    "built in Azure from these sources",
                    self.image,
                )
            )
        if self._wishes.federation:
            steps += self._federation()
        steps += [self._pull(), *self._grants()]
        return steps

    def _look(self, id: str, version: str) -> dict[str, Json] | None:
        try:
            return self._arm.get(id, version)
        except ArmError as error:
            if error.missing:
                return None
            raise Unobserved(
                f"{id} cannot be read: {error}", "what exists already cannot be told from what does not",
                "dr init    (as somebody who may read the subscription)", retry=error.status != 403,
            ) from error  # fmt: skip

    def _providers(self) -> Step:
        """One line for all of them."""
        missing = []
        for name in opening.NAMESPACES:
            body = self._look(
                f"/subscriptions/{self._place.subscription}/providers/{name}", VERSIONS["providers"]
            )
            if str((body or {}).get("registrationState")) != "Registered":
                missing.append(name)
        return Step(
            Change.MAKE if missing else Change.SAME, "providers", f"{len(opening.NAMESPACES)} resource providers",
            "a subscription refuses what it never registered", f"to register: {', '.join(missing)}" if missing else "",
            tuple(missing),
        )  # fmt: skip

    def _definitions(self) -> list[Step]:
        found = []
        for one in ROLES:
            id = azure.definition_id(self._place.subscription, one)
            thing = Thing(id, VERSIONS["roles"], azure.definition(self._place.subscription, one), one.who)
            step = opening.compare(thing, self._look(id, thing.version))
            found.append(Step(step.change, step.key, f"role {one.key}", one.who, step.detail, thing))
        return found

    def _federation(self) -> list[Step]:
        name, why = self._place.application, "its token is what AWS accepts: no key of AWS is kept anywhere"
        app = self._graph.application(name)
        self.audience = str(
            (app or {}).get("identifierUris", [""])[0] if (app or {}).get("identifierUris") else ""
        )
        whole = app is not None and self._graph.has_principal(str(app["appId"])) and bool(self.audience)
        detail = self.audience or ("its service principal or identifier is missing" if app else "")
        steps = [
            Step(
                Change.SAME if whole else Change.MEND if app else Change.MAKE,
                "application",
                f"application {name!r}",
                why,
                detail,
            )
        ]
        if self._wishes.ci:
            have = app is not None and any(
                c.get("subject") == self._wishes.ci for c in self._graph.credentials(str(app["id"]))
            )
            steps.append(
                Step(
                    Change.SAME if have else Change.MAKE,
                    "ci",
                    f"federated credential for {self._wishes.ci}",
                    "CI signs in with its own token",
                )
            )
        return steps

    def _grants(self) -> list[Step]:
        steps = []
        for key, principal, kind in _with_companions((*self._wishes.grants, *self._own_grants())):
            for scope in self._scopes(key):
                definition = azure.definition_id(self._place.subscription, role(key))
                id = _assignment_id(scope, principal, definition)
                found = self._look(id, VERSIONS["roles"])
                only = self._wishes.assignable if key == "deployer" else ()
                body = azure.assignment(definition, principal, kind, only)
                now = str(((found or {}).get("properties") or {}).get("condition") or "")
                same = found is not None and now == str(body["properties"].get("condition") or "")
                change = Change.SAME if same else Change.MEND if found else Change.MAKE
                steps.append(
                    Step(
                        change,
                        id,
                        f"grant {key} to {principal}",
                        f"at {scope}",
                        payload=Thing(id, VERSIONS["roles"], body, ""),
                    )
                )
            steps += self._on_documents(key, principal)
            steps += self._narrow(key, principal)
        return steps

    def _on_documents(self, key: str, principal: str) -> list[Step]:
        """Cosmos DB asks its own assignments and no role of Azure's. That of the sync's identity is the program's."""
        account = self._place.documents
        if not role(key).documents or key == "sync" or self._look(account, VERSIONS["documents"]) is None:
            return []
        id, body = azure.on_documents(account, principal)
        return [
            Step(
                Change.SAME if self._look(id, VERSIONS["documents"]) else Change.MAKE,
                id,
                f"grant {key} to {principal}",
                f"on the documents of {account.rpartition('/')[2]}",
                payload=Thing(id, VERSIONS["documents"], body, ""),
            )
        ]

    def _narrow(self, key: str, principal: str) -> list[Step]:
        """Where the footprint's group exists, the deployer's first grant, on the whole subscription, is taken back."""
        if (
            role(key).scope is not Need.GROUP_OR_SUBSCRIPTION
            or self._look(self._place.footprint, VERSIONS["group"]) is None
        ):
            return []
        subscription = f"/subscriptions/{self._place.subscription}"
        id = _assignment_id(subscription, principal, azure.definition_id(self._place.subscription, role(key)))
        if self._look(id, VERSIONS["roles"]) is None:
            return []
        return [
            Step(
                Change.MEND,
                "narrow",
                f"take back {key} of {principal}",
                f"at {subscription}: the group is enough now",
                payload=id,
            )
        ]

    def _own_grants(self) -> list[tuple[str, str, str]]:
        """What the project's own identities need, once they exist and there is a footprint to work on: that of
        `dr in-azure` operates, that of the sync's workloads finds where the data lives."""
        if self._look(self._place.footprint, VERSIONS["group"]) is None:
            return []
        found = []
        for key, identity in (("operator", self._place.tools), ("sync", self._place.sync)):
            body = self._look(identity, VERSIONS["identity"])
            principal = str(((body or {}).get("properties") or {}).get("principalId") or "")
            if principal:
                found.append((key, principal, "ServicePrincipal"))
        return found

    def _pull(self) -> Step:
        """The tools' identity may pull the image."""
        body = self._look(self._place.tools, VERSIONS["identity"])
        principal = str(((body or {}).get("properties") or {}).get("principalId") or "")
        what = f"grant AcrPull to {self._place.tools.rpartition('/')[2]}"
        if not principal:
            return Step(Change.MAKE, "pull", what, "the image is pulled by identity")
        thing = self._pull_thing(principal)
        found = self._look(thing.id, thing.version)
        return Step(Change.SAME if found else Change.MAKE, "pull", what, "the image is pulled by identity")

    def _pull_thing(self, principal: str) -> Thing:
        definition = f"/subscriptions/{self._place.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ACR_PULL}"
        id = _assignment_id(self._place.registry, principal, definition)
        return Thing(id, VERSIONS["roles"], azure.assignment(definition, principal, "ServicePrincipal"), "")

    def _scopes(self, key: str) -> list[str]:
        place, one = self._place, role(key)
        exists = self._look(place.footprint, VERSIONS["group"]) is not None
        subscription = f"/subscriptions/{place.subscription}"
        if one.scope is Need.SUBSCRIPTION:
            return [subscription]
        if one.scope is Need.JOURNAL:
            account = f"{place.footprint}/providers/Microsoft.Storage/storageAccounts/st{place.prefix}journal"
            scopes = [account] if exists and self._look(account, VERSIONS["storage"]) else []
        elif exists:
            scopes = [place.footprint]
        else:
            scopes = [subscription] if one.scope is Need.GROUP_OR_SUBSCRIPTION else []
        if not scopes:
            self._say(
                f"{key} is granted on {one.scope}, which does not exist yet: run dr init again after the first up"
            )
            return []
        # State and its key live in the group of their own; who runs the program needs both.
        return [
            *scopes,
            *([place.group] if key not in ("approver", "sync") and subscription not in scopes else []),
        ]

    # -- doing -------------------------------------------------------------------------------------------------

    def carry_out(self, steps: Sequence[Step]) -> None:
        """Every step that is not `=`, in order. Raises Failed at the first that fails; doing it again goes on."""
        for step in steps:
            if step.change is Change.SAME:
                continue
            self._say(f"  {step.change} {step.what}")
            try:
                self._one(step)
            except ArmError as error:
                raise Failed(
                    f"{step.what} could not be made: {error}", "what comes after it was not begun; what was done stays",
                    "dr init    (it goes on where this one stopped)", retry=True,
                ) from error  # fmt: skip

    def _one(self, step: Step) -> None:
        thing = step.payload
        if isinstance(thing, Thing):
            # A fresh identity is not known everywhere at once (PrincipalNotFound), nor a fresh Owner allowed.
            RoleReady(self._arm.endpoints.scale, say=self._say)(
                step.what, lambda: self._arm.put(thing.id, thing.body, thing.version)
            )
        elif step.key == "providers":
            for name in step.payload:
                self._register(name)
        elif step.key == "image":
            self.image = self.registry.build(self._context, self._place.subscription)
            self._say(f"  the image is {self.image}")
        elif step.key == "application":
            self._make_application()
        elif step.key == "narrow":
            self._arm.delete(str(step.payload), VERSIONS["roles"])
        elif step.key == "pull":
            body = self._arm.get(self._place.tools, VERSIONS["identity"])
            granted = self._pull_thing(str(body["properties"]["principalId"]))
            self._arm.put(granted.id, granted.body, granted.version)
        elif step.key == "ci":
            app: Any = self._graph.application(self._place.application)
            self._graph.make_credential(str(app["id"]), "ci", ISSUER, self._wishes.ci)

    def _register(self, name: str) -> None:
        id = f"/subscriptions/{self._place.subscription}/providers/{name}"
        self._arm.post(f"{id}/register", None, VERSIONS["providers"], idempotent=True)

    def _make_application(self) -> None:
        graph, name = self._graph, self._place.application
        app = graph.application(name)
        if app is None or not app.get("identifierUris"):
            app = graph.make_application(name) if app is None else graph.name_application(app)
        if not graph.has_principal(str(app["appId"])):
            graph.make_principal(str(app["appId"]))
        self.audience = str(app["identifierUris"][0])


def _with_companions(grants: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The grants, and those that come with them."""
    found = list(grants)
    for key, principal, kind in grants:
        found += [(one.key, principal, kind) for one in ROLES if key in one.comes_with]
    return list(dict.fromkeys(found))


def _assignment_id(scope: str, principal: str, definition: str) -> str:
    name = azure.assignment_name(scope, principal, definition)
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
