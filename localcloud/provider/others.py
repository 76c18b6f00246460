"""Providers of other clouds than Azure, served from Python: azure-native's handshake, another cloud behind it.

What a cloud does not model it refuses in Check, before anything is changed.
"""
# ruff: noqa: N802 - the method names are those of the protocol

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent import futures
from typing import Any, Protocol

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from localcloud.provider import Served
from localcloud.provider.differences import refreshed
from localcloud.provider.service import AzureNative, diff_response, token_of
from localcloud.provider.wire import to_plain, to_struct
from recovery.errors import DrError
from recovery.model import Json

Request = Any  # generated messages carry no types of their own
VERSIONS = {"aws": "7.51.1", "kubernetes": "4.34.2"}
"""The releases of the SDKs that the program pins."""


class Cloud(Protocol):
    """One side of the world, by token. Raises DrError, ValueError, or the SDK's own error."""

    def configure(self, args: Mapping[str, Json]) -> None: ...
    def refuses(self, token: str, inputs: Mapping[str, Json]) -> list[tuple[str, str]]: ...
    def fixed(self, token: str) -> Sequence[str]: ...
    def read(self, token: str, id: str) -> dict[str, Json] | None: ...
    def importable(self, token: str, now: Mapping[str, Json]) -> dict[str, Json]: ...
    def write(self, token: str, id: str, urn: str, inputs: Mapping[str, Json]) -> str: ...
    def delete(self, token: str, id: str) -> None: ...


class Provider(AzureNative):
    """A served provider over one of them. It keeps no state of its own."""

    def __init__(self, name: str, cloud: Cloud) -> None:
        self.name, self.cloud = name, cloud

    def GetPluginInfo(self, request: Request, context: grpc.ServicerContext) -> Request:
        return plugin_pb2.PluginInfo(version=VERSIONS[self.name])

    def Configure(self, request: Request, context: grpc.ServicerContext) -> Request:
        self.cloud.configure(to_plain(request.args))
        return pb.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Request, context: grpc.ServicerContext) -> Request:
        token = token_of(request.urn)
        wrong = self.cloud.refuses(token, to_plain(request.news))
        failures = [pb.CheckFailure(property=path, reason=why) for path, why in wrong]
        return pb.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Request, context: grpc.ServicerContext) -> Request:
        fixed = self.cloud.fixed(token_of(request.urn))

        def replaces(path: str) -> bool:
            return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in fixed)

        return diff_response(to_plain(request.old_inputs), to_plain(request.news), replaces)

    def Create(self, request: Request, context: grpc.ServicerContext) -> Request:
        token, inputs = token_of(request.urn), to_plain(request.properties)
        if request.preview:
            return pb.CreateResponse(properties=to_struct(inputs))
        id = self._write(context, token, "", request.urn, inputs)
        return pb.CreateResponse(id=id, properties=to_struct(self._outputs(context, token, id, inputs)))

    def Read(self, request: Request, context: grpc.ServicerContext) -> Request:
        token, before = token_of(request.urn), to_plain(request.properties)
        now = self._read(context, token, request.id)
        if now is None:
            return pb.ReadResponse(id="")  # gone: a refresh drops it from the state
        whole = {**{k: v for k, v in before.items() if k not in now}, **now}
        given = to_plain(request.inputs)
        # An import has nothing but the id: what can be read is what is declared.
        inputs = refreshed(given, before, whole) if given or before else self.cloud.importable(token, now)
        return pb.ReadResponse(id=request.id, properties=to_struct(whole), inputs=to_struct(inputs))

    def Update(self, request: Request, context: grpc.ServicerContext) -> Request:
        token, news = token_of(request.urn), to_plain(request.news)
        if request.preview:
            return pb.UpdateResponse(properties=to_struct({**to_plain(request.olds), **news}))
        id = self._write(context, token, request.id, request.urn, news)
        return pb.UpdateResponse(properties=to_struct(self._outputs(context, token, id, news)))

    def Delete(self, request: Request, context: grpc.ServicerContext) -> Request:
        self._guarded(context, lambda: self.cloud.delete(token_of(request.urn), request.id))
        return empty_pb2.Empty()

    def _write(
        self, context: grpc.ServicerContext, token: str, id: str, urn: str, inputs: Mapping[str, Json]
    ) -> str:
        return str(self._guarded(context, lambda: self.cloud.write(token, id, urn, inputs)))

    def _read(self, context: grpc.ServicerContext, token: str, id: str) -> dict[str, Json] | None:
        found: dict[str, Json] | None = self._guarded(context, lambda: self.cloud.read(token, id))
        return found

    def _outputs(
        self, context: grpc.ServicerContext, token: str, id: str, inputs: Mapping[str, Json]
    ) -> dict[str, Json]:
        return {**inputs, **(self._read(context, token, id) or {})}

    def _guarded(self, context: grpc.ServicerContext, work: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return work()
        except DrError as error:
            context.abort(grpc.StatusCode.UNKNOWN, error.summary)
        except (BotoCoreError, ClientError, ValueError, KeyError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")


def serve(clouds: Mapping[str, Cloud]) -> Served:
    """Serve each on a free port of loopback."""
    ports, servers = {}, []
    for name, cloud in clouds.items():
        server = grpc.server(futures.ThreadPoolExecutor(16))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(name, cloud), server)
        ports[name] = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
    return Served(ports, servers)
