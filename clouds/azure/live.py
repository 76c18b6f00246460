"""What is really there: the live bodies of what was declared, read as few times as ARM allows.

One LIST per type and group where LIST carries every property, else one GET each, plus the named extra reads;
all of them at once. Whatever cannot be read becomes an unknown with its reason: a denied, throttled or
timed-out read is never a missing resource (only the service's own "not found" is).
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from clouds.azure import resource_graph, static_website
from clouds.azure.arm import Arm, ArmError
from recovery.arm.catalogue import CATALOGUE
from recovery.drift import dynamic, unmanaged
from recovery.drift.normalizers import canonical_id
from recovery.drift.report import Live
from recovery.model import Desired, Json

__all__ = ["Live", "read_live"]

THREADS = 48
"""Concurrent reads. ARM's bucket holds 250 and refills at 25 a second for each subscription and principal."""

RESOURCES_VERSION = "2021-04-01"
PAGE = 1000
"""Resources of a group in one answer: pages come one after the other, and this list is the longest."""

_BY_LIST = re.compile(
    r"microsoft\.network/(virtualnetworks|networksecuritygroups|publicipaddresses|applicationgateways|dnszones(/\w+)?)"
    r"|microsoft\.compute/virtualmachinescalesets"
    r"|microsoft\.documentdb/databaseaccounts(/sqldatabases(/containers)?)?"
    r"|microsoft\.storage/storageaccounts|microsoft\.web/serverfarms"
    r"|microsoft\.eventgrid/systemtopics(/eventsubscriptions)?|microsoft\.managedidentity/userassignedidentities"
)
"""Types whose LIST answers what GET answers. Not sites (LIST omits siteConfig, Azure/azure-cli#21548), blob
containers and services (LIST has a shorter form), role assignments (their LIST has another scope)."""

_VERSIONS = {row.arm_type.lower(): row.api_version for row in CATALOGUE.values()}
_PARENTS = re.compile(r"(/subscriptions/[^/]+/resourcegroups/[^/]+)(/|$)", re.I)


def read_live(arm: Arm, wanted: Sequence[Desired], *, discover: bool = False) -> Live:
    """Read everything that `wanted` declares, and what else lies in its resource groups.

    Dynamic resources are read where their state is (`recovery.drift.dynamic`). discover: ask Resource Graph
    too, which knows what no LIST of ours shows (records of other types, what carries our tags elsewhere); what
    it names is asked of Resource Manager before it is called unmanaged. Never raises for a read that failed:
    see `Live.unknown`.
    """
    forms = [(d, form) for d in wanted if (form := dynamic.as_arm(d)) is not None]
    return _Reader(arm, discover=discover).read(forms)


class _Reader:
    def __init__(self, arm: Arm, *, discover: bool) -> None:
        self.arm = arm
        self.discover = discover
        self.bodies: dict[str, Mapping[str, Json]] = {}
        self.unknown: dict[str, str] = {}
        self.others: list[Mapping[str, Json]] = []
        self.named: list[dict[str, Json]] = []

    def read(self, wanted: list[tuple[Desired, Desired]]) -> Live:
        lists: dict[tuple[str, str], list[Desired]] = defaultdict(list)
        single: list[tuple[Desired, Desired]] = []
        for declared, form in wanted:
            version = api_version(form)
            if version and _BY_LIST.fullmatch(form.arm_type.lower()):
                lists[(form.id.rpartition("/")[0], version)].append(form)
            else:
                single.append((declared, form))
        # An assignment may lie on a resource of another group (the registry): that group is not the footprint's.
        own = [form for _, form in wanted if not form.arm_type.lower().startswith("microsoft.authorization/")]
        groups = sorted({m[1] for form in own if (m := _PARENTS.match(form.id))}, key=str.lower)
        with ThreadPoolExecutor(THREADS) as pool:
            # What takes several questions in turn comes first: the others are done meanwhile.
            slow = [pair for pair in single if _in_turns(*pair)]
            quick = [pair for pair in single if not _in_turns(*pair)]
            jobs: list[Callable[[], None]] = [
                *(partial(self._single, declared, form) for declared, form in slow),
                *(partial(self._list, path, version, forms) for (path, version), forms in lists.items()),
                *(partial(self._single, declared, form) for declared, form in quick),
                *(partial(self._group, group) for group in groups),
            ]
            if self.discover and groups:
                jobs.insert(0, partial(self._graph, groups, _own_tags(form for _, form in wanted)))
            for done in [pool.submit(job) for job in jobs]:
                done.result()
            ids = [form.id for _, form in wanted]
            seen = {canonical_id(str(body.get("id") or "")) for body in self.others}
            # What `dr init` made (state, key, registry) carries our tags in a group of its own, and is not drift.
            beside = {_group_of(form.id) for _, form in wanted} - {"", *map(canonical_id, groups)}
            news = [
                row
                for row in unmanaged.strangers(self.named, ids)
                if canonical_id(str(row["id"])) not in seen and _group_of(str(row["id"])) not in beside
            ]
            for done in [pool.submit(self._confirm, row, groups) for row in news]:
                done.result()
        return Live(self.bodies, self.unknown, unmanaged.strangers(self.others, ids))

    def _list(self, path: str, version: str, forms: list[Desired]) -> None:
        try:
            items = self.arm.list(path, version)
        except ArmError as error:
            for form in forms:
                if error.missing:  # the parent or the group is not there, says the service
                    continue
                self.unknown[form.id] = _reason(error)
            return
        found = {canonical_id(str(item.get("id") or "")): item for item in items}
        self.others += items
        for form in forms:
            body = found.get(canonical_id(form.id))
            if body is not None:
                self.bodies[form.id] = body
            else:
                # Lists may lag behind; "missing" is said by a GET alone.
                self._get(form, version)

    def _single(self, declared: Desired, form: Desired) -> None:
        kind = dynamic.kind(declared.type)
        if kind in (dynamic.PACKAGE, dynamic.CERTIFICATE):
            self._observed(kind, declared, form)
            return
        if static_website.is_website(form.id):
            self._try(form.id, lambda: static_website.get(self.arm, form.id))
            return
        version = api_version(form)
        if version is None:
            self.unknown[form.id] = f"no API version is known for {form.arm_type or form.type}"
        elif form.arm_type.lower() == "microsoft.web/sites/config":
            # Settings are secrets to Azure: a GET answers nothing, the `list` action answers them.
            self._try(form.id, lambda: self.arm.post(f"{form.id}/list", None, version, idempotent=True))
        elif form.arm_type.lower() == "microsoft.web/sites":
            self._try(form.id, lambda: self._site(form, version))
        else:
            self._get(form, version)

    def _observed(self, kind: str, declared: Desired, form: Desired) -> None:
        """What only the data plane says: the deployed package and its function, the vault's certificate."""
        from clouds import gates
        from clouds.gates.log import GateLog, log_path
        from clouds.gates.world import World

        # The cloud that is read, whatever the environment names.
        world = World(self.arm.endpoints, self.arm, GateLog(log_path(os.environ)))
        with ThreadPoolExecutor(1) as beside:
            listed = beside.submit(self._function, declared) if kind == dynamic.PACKAGE else None
            seen = gates.read(kind, declared.inputs, world)
        if seen.get("observed") == dynamic.UNOBSERVED:
            self.unknown[form.id] = str(seen.get("detail") or "it could not be observed")
        elif listed is None:
            self.bodies[form.id] = {"certificate": seen.get("observed")}
        else:
            self._try(form.id, lambda: {**seen, "function": listed.result()})

    def _function(self, declared: Desired) -> str | None:
        """The declared function's name where the site lists it and it is not disabled."""
        version = CATALOGUE["azure-native:web:WebApp"].api_version
        for found in self.arm.list(f"{declared.inputs.get('siteId', '')}/functions", version):
            name = str(found.get("name") or "").rpartition("/")[2]
            off = (found.get("properties") or {}).get("isDisabled") is True
            if name.lower() == str(declared.inputs.get("functionName", "")).lower():
                return "disabled" if off else name
        return None

    def _get(self, form: Desired, version: str) -> None:
        self._try(form.id, lambda: self.arm.get(form.id, version))

    def _try(self, id: str, read: Callable[[], dict[str, Json]]) -> None:
        try:
            body = read()
        except ArmError as error:
            if not error.missing:
                self.unknown[id] = _reason(error)
            return
        if not body:
            self.unknown[id] = "the service answered nothing"
            return
        self.bodies[id] = body

    def _site(self, form: Desired, version: str) -> dict[str, Json]:
        """A site's body leaves most of siteConfig null; ``config/web`` and the settings' `list` have it."""
        body = self.arm.get(form.id, version)
        config = form.inputs.get("siteConfig") or (form.inputs.get("properties") or {}).get("siteConfig")
        if not config:
            return body
        with ThreadPoolExecutor(1) as beside:
            wants = "appSettings" in config
            settings = beside.submit(self._settings, form.id, version) if wants else None
            merged = dict(self.arm.get(f"{form.id}/config/web", version).get("properties") or {})
            if settings is not None:
                merged["appSettings"] = settings.result()
        return {**body, "properties": {**(body.get("properties") or {}), "siteConfig": merged}}

    def _settings(self, site: str, version: str) -> list[dict[str, Json]]:
        settings = self.arm.post(f"{site}/config/appsettings/list", None, version, idempotent=True)
        return [{"name": name, "value": value} for name, value in (settings.get("properties") or {}).items()]

    def _group(self, group: str) -> None:
        """Everything that ARM knows in a resource group (children are not in this list: their LISTs show them)."""
        try:
            self.others += self._all_of(group)
        except ArmError as error:
            if not error.missing:
                self.unknown[f"{group}/resources"] = f"what else is in the group: {_reason(error)}"

    def _all_of(self, group: str) -> list[dict[str, Json]]:
        """A group's own list. Raises ArmError."""
        return self.arm.list(f"{group}/resources?$top={PAGE}", RESOURCES_VERSION)

    def _graph(self, groups: list[str], tags: Mapping[str, str]) -> None:
        """What Resource Graph names. Without it the LISTs still speak, but not of everything."""
        names = [group.rpartition("/")[2] for group in groups]
        subscription = groups[0].split("/")[2]
        try:
            self.named = [
                row for row in resource_graph.discover(self.arm, subscription, names, tags) if row.get("id")
            ]
        except ArmError as error:
            self.unknown[f"{groups[0]}/resourceGraph"] = f"what nobody declared: {_reason(error)}"

    def _confirm(self, row: Mapping[str, Json], groups: list[str]) -> None:
        """Resource Graph is a copy: only what Resource Manager knows too is there.

        A type whose API version is known is read by itself; any other is looked for in its group's own list,
        which was read anyway for our groups.
        """
        id = str(row["id"])
        version = _version_of(unmanaged.type_of(row))
        try:
            if version:
                self.others.append(self.arm.get(id, version))
                return
            group = _PARENTS.match(id)
            if group is None or canonical_id(group[1]) in {canonical_id(g) for g in groups}:
                return  # that list is fresh, and does not have it
            self.others += [
                i for i in self._all_of(group[1]) if canonical_id(str(i.get("id") or "")) == canonical_id(id)
            ]
        except ArmError as error:
            if not error.missing:
                self.unknown[id] = f"Resource Graph names it, and nobody declared it: {_reason(error)}"


def _in_turns(declared: Desired, form: Desired) -> bool:
    """Does reading this take several requests, one after the other?"""
    return (
        dynamic.kind(declared.type) in (dynamic.PACKAGE, dynamic.CERTIFICATE)
        or static_website.is_website(form.id)
        or form.arm_type.lower() == "microsoft.web/sites"
    )


def _group_of(id: str) -> str:
    """The resource group that an id lies in, in canonical form; "" above groups."""
    found = _PARENTS.match(id)
    return canonical_id(found[1]) if found else ""


def _own_tags(forms: Iterable[Desired]) -> dict[str, str]:
    """The tags that every tagged declared resource carries: what marks a resource as ours, wherever it lies."""
    tagged = [
        {str(k): v for k, v in tags.items() if isinstance(v, str)}
        for form in forms
        if isinstance(tags := form.inputs.get("tags"), Mapping) and tags
    ]
    if len(tagged) < 2:
        return {}
    first, *rest = tagged
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in rest)}


def api_version(wanted: Desired) -> str | None:
    """The API version a resource is read with: its catalogue row's, or its closest ancestor type's."""
    row = CATALOGUE.get(wanted.type)
    if row is not None:
        return row.api_version
    return _version_of(wanted.arm_type)


def _version_of(arm_type: str) -> str | None:
    parts = arm_type.lower().split("/")
    for length in range(len(parts), 1, -1):
        version = _VERSIONS.get("/".join(parts[:length]))
        if version:
            return version
    return None


def _reason(error: ArmError) -> str:
    what = {401: "not signed in (401)", 403: "denied (403)", 429: "throttled (429)", 0: "no answer"}
    return f"{what.get(error.status, str(error.status))} {error.code}: {error.message}"
