"""azure-native as the engine sees it: the provider protocol, answered from ARM.

It declares that it takes no secrets and no output values, so the engine strips both and marks again what was
secret; it never changes anything when asked for a preview; and what only the cloud knows is left out of a
preview's answer, which the Python SDK takes for unknown.
"""
# ruff: noqa: N802 - the method names are those of the protocol

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from clouds.azure.arm import ArmError
from localcloud.provider.asked import asked_by
from localcloud.provider.create_only import is_create_only
from localcloud.provider.differences import Change, Difference, differences, refreshed
from localcloud.provider.resources import ALWAYS_THERE, Resources, foreseen
from localcloud.provider.wire import to_plain, to_struct
from recovery.model import Json

VERSION = "3.29.0"
"""The release whose types and API versions are served (the SDK pins it in pulumi-plugin.json)."""

STABLE = frozenset({"name", "location"})
"""Outputs that a preview of an update keeps; all others that are no inputs are unknown (provider.go, Update)."""

Request = Any  # generated messages carry no types of their own

_KINDS = {
    (Change.ADD, False): pb.PropertyDiff.ADD,
    (Change.ADD, True): pb.PropertyDiff.ADD_REPLACE,
    (Change.DELETE, False): pb.PropertyDiff.DELETE,
    (Change.DELETE, True): pb.PropertyDiff.DELETE_REPLACE,
    (Change.UPDATE, False): pb.PropertyDiff.UPDATE,
    (Change.UPDATE, True): pb.PropertyDiff.UPDATE_REPLACE,
}


def token_of(urn: str) -> str:
    """``azure-native:network:PublicIPAddress`` from a URN (versioned module names lose the version)."""
    return urn.split("::")[2].rpartition("$")[2]


class AzureNative(provider_pb2_grpc.ResourceProviderServicer):
    """The served provider. One instance answers many engines; it keeps no state of its own."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    # -- what the engine asks before it uses an attached provider ------------------------------------------

    def Handshake(self, request: Request, context: grpc.ServicerContext) -> Request:
        return pb.ProviderHandshakeResponse()

    def Attach(self, request: Request, context: grpc.ServicerContext) -> Request:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Request, context: grpc.ServicerContext) -> Request:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Request, context: grpc.ServicerContext) -> Request:
        return pb.GetSchemaResponse(schema="{}")

    def CheckConfig(self, request: Request, context: grpc.ServicerContext) -> Request:
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Request, context: grpc.ServicerContext) -> Request:
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    def Configure(self, request: Request, context: grpc.ServicerContext) -> Request:
        return pb.ConfigureResponse(supportsPreview=True)

    def Cancel(self, request: Request, context: grpc.ServicerContext) -> Request:
        return empty_pb2.Empty()

    def Invoke(self, request: Request, context: grpc.ServicerContext) -> Request:
        return pb.InvokeResponse()

    # -- one resource --------------------------------------------------------------------------------------

    def Check(self, request: Request, context: grpc.ServicerContext) -> Request:
        token, news = token_of(request.urn), to_plain(request.news)
        required = self._resources.required(token)
        if required is None:
            reason = f"{token} is not modelled by the local cloud (recovery/arm/catalogue.py lists what is)"
            return pb.CheckResponse(
                inputs=request.news, failures=[pb.CheckFailure(property="", reason=reason)]
            )
        failures = [
            pb.CheckFailure(property=name, reason=f"{token} needs an explicit {name}")
            for name in required
            if not news.get(name)
        ]
        return pb.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Request, context: grpc.ServicerContext) -> Request:
        token = token_of(request.urn)
        return diff_response(
            to_plain(request.old_inputs), to_plain(request.news), lambda path: is_create_only(token, path)
        )

    def Create(self, request: Request, context: grpc.ServicerContext) -> Request:
        token, inputs = token_of(request.urn), to_plain(request.properties)
        if request.preview:
            return pb.CreateResponse(properties=to_struct(foreseen(token, inputs)))
        id = self._resources.id(token, inputs)
        try:
            if token not in ALWAYS_THERE and self._resources.read(token, id) is not None:
                message = f"cannot create already existing resource '{id}'"
                context.abort(grpc.StatusCode.ALREADY_EXISTS, message)
            with asked_by(context):
                outputs = self._resources.write(token, id, inputs)
        except ArmError as error:
            self._half_created(context, token, id, inputs, error)
            raise AssertionError("unreachable: _half_created aborts") from error
        return pb.CreateResponse(id=id, properties=to_struct(outputs))

    def Read(self, request: Request, context: grpc.ServicerContext) -> Request:
        token = token_of(request.urn)
        try:
            now = self._resources.read(token, request.id)
        except ArmError as error:
            _abort(context, error)
        if now is None:
            return pb.ReadResponse(id="")  # gone: a refresh drops it from the state
        if not request.inputs.fields and not request.properties.fields:  # an import, or Resource.get
            inputs = {**self._resources.inputs_of(token, request.id), **_importable(now)}
        else:
            inputs = refreshed(to_plain(request.inputs), to_plain(request.properties), now)
        return pb.ReadResponse(id=request.id, properties=to_struct(now), inputs=to_struct(inputs))

    def Update(self, request: Request, context: grpc.ServicerContext) -> Request:
        token, news = token_of(request.urn), to_plain(request.news)
        if request.preview:
            stable = {k: v for k, v in to_plain(request.olds).items() if k in STABLE}
            return pb.UpdateResponse(properties=to_struct({**foreseen(token, news), **stable}))
        try:
            with asked_by(context):
                outputs = self._resources.write(token, request.id, news)
        except ArmError as error:
            _abort(context, error)
        return pb.UpdateResponse(properties=to_struct(outputs))

    def Delete(self, request: Request, context: grpc.ServicerContext) -> Request:
        try:
            self._resources.delete(token_of(request.urn), request.id, to_plain(request.old_inputs))
        except ArmError as error:
            _abort(context, error)
        return empty_pb2.Empty()

    def _half_created(
        self,
        context: grpc.ServicerContext,
        token: str,
        id: str,
        inputs: Mapping[str, Json],
        error: ArmError,
    ) -> None:
        """Fail; a resource that came to exist all the same is handed to the engine first.

        So the next up goes on from there instead of meeting "already existing" (ErrorResourceInitFailed in
        provider.proto).
        """
        try:
            outputs = self._resources.read(token, id)
        except ArmError:
            outputs = None  # unreadable too: the first error is what the person needs
        if outputs is None:
            _abort(context, error)
        detail = any_pb2.Any()
        detail.Pack(
            pb.ErrorResourceInitFailed(
                id=id, properties=to_struct(outputs or {}), inputs=to_struct(inputs), reasons=[str(error)]
            )
        )
        status = status_pb2.Status(
            code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[detail]
        )
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, str(error))


def diff_response(
    old: Mapping[str, Json], new: Mapping[str, Json], replaces: Callable[[str], bool]
) -> Request:
    """A provider's answer to Diff. replaces: whether a change at this path needs a new resource."""
    found = differences(old, new)
    fresh = [d for d in found if replaces(d.path)]
    return pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if found else pb.DiffResponse.DIFF_NONE,
        diffs=_roots(found),
        replaces=_roots(fresh),
        deleteBeforeReplace=bool(fresh),  # explicit names: the old one must go first
        hasDetailedDiff=True,
        detailedDiff={
            d.path: pb.PropertyDiff(kind=_KINDS[d.change, d in fresh], inputDiff=True) for d in found
        },
    )


def _roots(found: list[Difference]) -> list[str]:
    return list(dict.fromkeys(d.root for d in found))


def _importable(outputs: Mapping[str, Json]) -> dict[str, Json]:
    """Outputs that may stand as inputs of an imported resource: all but what only the service writes."""
    only_out = {"id", "name", "type", "etag", "provisioningState", "azureApiVersion", "systemData"}
    return {k: v for k, v in outputs.items() if k not in only_out}


def _abort(context: grpc.ServicerContext, error: ArmError) -> None:
    status = getattr(error, "status", 0)
    code = grpc.StatusCode.UNAVAILABLE if status in (0, 429, 503) else grpc.StatusCode.UNKNOWN
    context.abort(code, f'Code="{error.code}" Message="{error.message}"')
