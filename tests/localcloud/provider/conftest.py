"""The served provider over a store that does not echo, called through its real gRPC door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from clouds.azure.arm import ArmError
from localcloud.provider import serve
from localcloud.provider.resources import Resources
from localcloud.provider.wire import to_plain, to_struct
from recovery.model import Json

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"


class Store:
    """ARM as far as the provider needs it: fills in, re-cases, drops what is write-only, says no on demand."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Json]] = {}
        self.writes: list[str] = []
        self.error: ArmError | None = None

    def get(self, id: str, api_version: str) -> dict[str, Json]:
        self._fail()
        try:
            return self.bodies[id.lower()]
        except KeyError:
            raise ArmError(404, "ResourceNotFound", f"{id} was not found") from None

    def put(self, id: str, body: Mapping[str, Json], api_version: str) -> dict[str, Json]:
        self.writes.append(id)
        self._fail()
        properties = {k: v for k, v in (body.get("properties") or {}).items() if k != "adminPassword"}
        found = {**body, "id": id.replace("resourceGroups", "resourcegroups"), "name": id.rsplit("/", 1)[-1]}
        self.bodies[id.lower()] = {**found, "properties": {**properties, "provisioningState": "Succeeded"}}
        return self.bodies[id.lower()]

    def patch(self, id: str, body: Mapping[str, Json], api_version: str) -> dict[str, Json]:
        self.writes.append(id)
        tags = self.bodies.setdefault(id.lower(), {"id": id, "properties": {"tags": {}}})["properties"][
            "tags"
        ]
        for key, value in body["properties"]["tags"].items():
            if body["operation"] == "Delete":
                tags.pop(key, None)
            else:
                tags[key] = value
        return self.bodies[id.lower()]

    def delete(self, id: str, api_version: str) -> None:
        self.writes.append(id)
        self.bodies.pop(id.lower(), None)

    def post(self, id: str, body: Any, api_version: str, *, idempotent: bool = False) -> dict[str, Json]:
        return self.get(id.removesuffix("/list"), api_version)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class Website:
    """The data plane's static website, by blob endpoint."""

    def __init__(self) -> None:
        self.sites: dict[str, dict[str, Json]] = {}

    def read(self, blob_endpoint: str) -> dict[str, Json]:
        return self.sites.get(blob_endpoint, {"enabled": False})

    def write(self, blob_endpoint: str, enabled: bool, index: str | None, error: str | None) -> None:
        self.sites[blob_endpoint] = {"enabled": enabled, "index": index, "error": error}


class Engine:
    """What the engine does with a resource, in plain data."""

    def __init__(self, stub: Any, store: Store, website: Website) -> None:
        self.stub, self.store, self.website = stub, store, website

    @staticmethod
    def urn(token: str) -> str:
        return f"urn:pulumi:standby::standby::standby:azure:Network${token}::one"

    def create(
        self, token: str, inputs: Mapping[str, Json], preview: bool = False
    ) -> tuple[str, dict[str, Json]]:
        request = pb.CreateRequest(urn=self.urn(token), properties=to_struct(inputs), preview=preview)
        answer = self.stub.Create(request)
        return answer.id, to_plain(answer.properties)

    def read(
        self, token: str, id: str, inputs: Mapping[str, Json], outputs: Mapping[str, Json]
    ) -> tuple[str, dict[str, Json], dict[str, Json]]:
        request = pb.ReadRequest(
            urn=self.urn(token), id=id, inputs=to_struct(inputs), properties=to_struct(outputs)
        )
        answer = self.stub.Read(request)
        return answer.id, to_plain(answer.inputs), to_plain(answer.properties)

    def diff(self, token: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Any:
        return self.stub.Diff(
            pb.DiffRequest(urn=self.urn(token), id="x", old_inputs=to_struct(old), news=to_struct(new))
        )

    def update(
        self,
        token: str,
        id: str,
        new: Mapping[str, Json],
        preview: bool = False,
        old: Mapping[str, Json] | None = None,
    ) -> dict[str, Json]:
        request = pb.UpdateRequest(
            urn=self.urn(token), id=id, news=to_struct(new), olds=to_struct(old or {}), preview=preview
        )
        return to_plain(self.stub.Update(request).properties)

    def delete(self, token: str, id: str, inputs: Mapping[str, Json]) -> None:
        request = pb.DeleteRequest(urn=self.urn(token), id=id, old_inputs=to_struct(inputs))
        self.stub.Delete(request)

    def check(self, token: str, inputs: Mapping[str, Json]) -> list[str]:
        answer = self.stub.Check(pb.CheckRequest(urn=self.urn(token), news=to_struct(inputs)))
        return [f.property for f in answer.failures]


@pytest.fixture
def engine() -> Iterator[Engine]:
    store, website = Store(), Website()
    served = serve(Resources(store, website, SUBSCRIPTION))
    with grpc.insecure_channel(f"127.0.0.1:{served.ports['azure-native']}") as channel:
        yield Engine(provider_pb2_grpc.ResourceProviderStub(channel), store, website)
    served.stop()
