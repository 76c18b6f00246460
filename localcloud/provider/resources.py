"""How the provider touches one resource: ARM, an action of ARM (app settings), or the data plane ($web).

azure-native itself treats the last two by hand, for the same reason: they have no PUT and GET of their own
that carry what is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from clouds.azure.arm import ArmError
from clouds.azure.static_website import blob_endpoint
from recovery.arm.catalogue import CATALOGUE, ArmType
from recovery.arm.shape import to_body, to_outputs
from recovery.model import Json

APP_SETTINGS = "azure-native:web:WebAppApplicationSettings"
STATIC_WEBSITE = "azure-native:storage:StorageAccountStaticWebsite"
TAGS = "azure-native:resources:TagAtScope"

ALWAYS_THERE = frozenset(
    {APP_SETTINGS, STATIC_WEBSITE, TAGS, "azure-native:storage:BlobServiceProperties"}
)  # fmt: skip
"""Singletons that come with their parent: azure-native's Create does not refuse them for existing."""


class Cloud(Protocol):
    """The part of `clouds.azure.arm.Arm` that the provider uses."""

    def get(self, id: str, api_version: str) -> dict[str, Json]: ...
    def put(self, id: str, body: Mapping[str, Json], api_version: str) -> dict[str, Json]: ...
    def patch(self, id: str, body: Mapping[str, Json], api_version: str) -> dict[str, Json]: ...
    def delete(self, id: str, api_version: str) -> None: ...
    def post(
        self, id: str, body: Mapping[str, Json] | None, api_version: str, *, idempotent: bool = False
    ) -> dict[str, Json]: ...


class Website(Protocol):
    """The static website of a storage account: blob endpoint -> {enabled, index, error}."""

    def read(self, blob_endpoint: str) -> dict[str, Json]: ...
    def write(self, blob_endpoint: str, enabled: bool, index: str | None, error: str | None) -> None: ...


class Resources:
    """Create, read, update and delete by Pulumi token. Every method raises ArmError as the service says."""

    def __init__(self, cloud: Cloud, website: Website, subscription: str) -> None:
        self._cloud = cloud
        self._website = website
        self._subscription = subscription

    @staticmethod
    def required(token: str) -> tuple[str, ...] | None:
        """The inputs without which there is no id; None for a type that is not modelled here."""
        row = CATALOGUE.get(token)
        return row.path_keys if row else None

    def id(self, token: str, inputs: Mapping[str, Json]) -> str:
        """The resource's id."""
        return _row(token).id(self._subscription, inputs)

    def inputs_of(self, token: str, id: str) -> dict[str, Json]:
        """The path keys of `id`, as inputs (an import has nothing else)."""
        template = _row(token).path
        have = [part for part in id.split("/") if part]
        want = [part for part in template.split("/") if part]
        offset = 2 if have[:1] == ["subscriptions"] and want[:1] == ["resourceGroups"] else 0
        if want[:1] == ["{scope}"]:
            return {"scope": "/" + "/".join(have[: len(have) - 4]), "roleAssignmentName": have[-1]}
        pairs = zip(want, have[offset:], strict=False)
        return {key[1:-1]: value for key, value in pairs if key.startswith("{")}

    def read(self, token: str, id: str) -> dict[str, Json] | None:
        """The outputs of the live resource, or None where the service says that it does not exist."""
        try:
            if token == STATIC_WEBSITE:
                return self._read_website(id)
            row = _row(token)
            if token == APP_SETTINGS:
                body = self._cloud.post(f"{id}/list", None, row.api_version, idempotent=True)
            else:
                body = self._cloud.get(id, row.api_version)
        except ArmError as error:
            if error.missing:
                return None
            raise
        return _outputs(token, row, body)

    def write(self, token: str, id: str, inputs: Mapping[str, Json]) -> dict[str, Json]:
        """Create or update; the outputs afterwards."""
        if token == STATIC_WEBSITE:
            self._write_website(id, True, inputs.get("indexDocument"), inputs.get("error404Document"))
            return self._read_website(id) or {}
        row, wanted = _row(token), to_body(token, inputs)
        if token == TAGS:  # merged, as azure-native does it: tags that others set stay
            body = self._cloud.patch(id, {**wanted, "operation": "Merge"}, row.api_version)
        else:
            body = self._cloud.put(id, wanted, row.api_version)
        return _outputs(token, row, body)

    def delete(self, token: str, id: str, inputs: Mapping[str, Json]) -> None:
        """Delete; a singleton that comes with its parent is emptied instead (tags: of our own ones)."""
        if token == STATIC_WEBSITE:
            self._write_website(id, False, None, None)
        elif token == TAGS:
            body = {**to_body(token, inputs), "operation": "Delete"}
            self._cloud.patch(id, body, _row(token).api_version)
        elif token == APP_SETTINGS:
            self._cloud.put(id, {"properties": {}}, _row(token).api_version)
        elif token not in ALWAYS_THERE:
            self._cloud.delete(id, _row(token).api_version)

    def _read_website(self, id: str) -> dict[str, Json] | None:
        site = self._website.read(blob_endpoint(self._cloud, id))
        if not site.get("enabled"):
            return None
        found = {"indexDocument": site.get("index"), "error404Document": site.get("error")}
        return {"containerName": "$web", **{k: v for k, v in found.items() if v}}

    def _write_website(self, id: str, enabled: bool, index: str | None, error: str | None) -> None:
        self._website.write(blob_endpoint(self._cloud, id), enabled, index, error)


def foreseen(token: str, inputs: Mapping[str, Json]) -> dict[str, Json]:
    """What a preview can say of the outputs: the inputs in the outputs' shape, and nothing that only ARM knows."""
    if token == STATIC_WEBSITE:
        return dict(inputs)
    return to_outputs(token, to_body(token, inputs))


def _row(token: str) -> ArmType:
    return CATALOGUE[token]


def _outputs(token: str, row: ArmType, body: Mapping[str, Json]) -> dict[str, Json]:
    return {**to_outputs(token, body), "azureApiVersion": row.api_version}
