"""pulumi-aws and pulumi-kubernetes served from Python, for the real Pulumi engine to attach to (``PULUMI_DEBUG_PROVIDERS``).

One speaks to AWS's own API (moto here), the other to a real Kubernetes API server by server-side apply, as the real
plug-ins do. What they do not model they refuse in Check, before anything is changed: types that are not in
`recovery.trustlayer.kinds`, and a Deployment whose rollout would have to be waited for.
"""
# ruff: noqa: N802 - the method names are those of the protocol

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from clouds.aws import declared
from clouds.trustlayer_site import NAMESPACE, WEST, Site
from localcloud.aws import writes
from localcloud.provider.differences import refreshed
from localcloud.provider.service import AzureNative, diff_response, token_of
from localcloud.provider.wire import to_plain, to_struct
from recovery.aws.kinds import AWS
from recovery.errors import DrError
from recovery.model import Json
from recovery.trustlayer.kinds import KUBERNETES, object_id

Request = Any  # generated messages carry no types of their own
VERSIONS = {"aws": "7.51.1", "kubernetes": "4.34.2"}
"""The releases of the SDKs that the program pins."""


class Cloud(Protocol):
    """One side of the world, by token. Raises DrError, ValueError, or the SDK's own error."""

    def refuses(self, token: str, inputs: Mapping[str, Json]) -> list[tuple[str, str]]: ...
    def fixed(self, token: str) -> Sequence[str]: ...
    def read(self, token: str, id: str) -> dict[str, Json] | None: ...
    def importable(self, token: str, now: Mapping[str, Json]) -> dict[str, Json]: ...
    def write(self, token: str, id: str, urn: str, inputs: Mapping[str, Json]) -> str: ...
    def delete(self, token: str, id: str) -> None: ...


@dataclass
class AwsCloud:
    """AWS, both regions: a type's region is written in its kind."""

    site: Site

    def refuses(self, token: str, inputs: Mapping[str, Json]) -> list[tuple[str, str]]:
        """(property, why) of what cannot be done."""
        if token not in AWS:
            return [("", f"{token} is not modelled (recovery/aws/kinds.py lists what is)")]
        return [
            (key, f"{token} needs an explicit {key}") for key in AWS[token].name if inputs.get(key) is None
        ]

    def fixed(self, token: str) -> Sequence[str]:
        """Inputs whose change is a replacement."""
        return tuple(AWS[token].fixed)

    def read(self, token: str, id: str) -> dict[str, Json] | None:
        """As it is."""
        return declared.read(self.site, token, id)

    def importable(self, token: str, now: Mapping[str, Json]) -> dict[str, Json]:
        """What of the live resource may stand as inputs."""
        only_out = {"arn", "status", "id", "zoneId"} if token != "aws:route53/record:Record" else {"id"}  # noqa: S105
        return {key: value for key, value in now.items() if key not in only_out and value is not None}

    def write(self, token: str, id: str, urn: str, inputs: Mapping[str, Json]) -> str:
        """Create or update; the id."""
        return writes.write(self.site, token, id, inputs)

    def delete(self, token: str, id: str) -> None:
        """Take it away."""
        writes.delete(token, id)


@dataclass
class KubernetesCloud:
    """us-west-2's cluster, by server-side apply: field managers and conflicts are the API server's own."""

    site: Site

    def refuses(self, token: str, inputs: Mapping[str, Json]) -> list[tuple[str, str]]:
        """(property, why) of what cannot be done."""
        if token not in KUBERNETES:
            return [("", f"{token} is not modelled (recovery/trustlayer/kinds.py lists what is)")]
        meta = inputs.get("metadata") or {}
        if not meta.get("name"):
            return [("metadata.name", f"{token} needs an explicit name")]
        skip = (meta.get("annotations") or {}).get("pulumi.com/skipAwait")
        if token.endswith(":Deployment") and skip != "true":
            return [("metadata.annotations", "this provider waits for no rollout: pulumi.com/skipAwait")]
        return []

    def fixed(self, token: str) -> Sequence[str]:
        """Inputs whose change is a replacement."""
        return KUBERNETES[token].fixed

    def read(self, token: str, id: str) -> dict[str, Json] | None:
        """As it is, without the API server's own book of who set what."""
        namespace, _, name = id.rpartition("/")
        body = self.site.cluster(WEST).get(KUBERNETES[token].path(namespace or NAMESPACE, name))
        if body is not None:
            body["metadata"].pop("managedFields", None)
        return body

    def importable(self, token: str, now: Mapping[str, Json]) -> dict[str, Json]:
        """What of the live object may stand as inputs."""
        return {key: now[key] for key in ("apiVersion", "kind", "metadata", "spec") if key in now}

    def write(self, token: str, id: str, urn: str, inputs: Mapping[str, Json]) -> str:
        """Apply; another manager's field with another value is a conflict, unless the object says that we win."""
        namespace, _, name = object_id(inputs).rpartition("/")
        notes = (inputs["metadata"].get("annotations") or {}).get("pulumi.com/patchForce")
        manager = f"pulumi-kubernetes-{hashlib.sha256(urn.rpartition('::')[2].encode()).hexdigest()[:8]}"
        row = KUBERNETES[token]
        body = {**inputs, "apiVersion": row.api, "kind": row.kind}
        path = row.path(namespace or NAMESPACE, name)
        self.site.cluster(WEST).apply(path, body, manager, force=notes == "true")
        return object_id(inputs)

    def delete(self, token: str, id: str) -> None:
        """Delete it."""
        namespace, _, name = id.rpartition("/")
        self.site.cluster(WEST).delete(KUBERNETES[token].path(namespace or NAMESPACE, name))


class Provider(AzureNative):
    """The served provider: azure-native's handshake, another cloud behind it. It keeps no state of its own."""

    def __init__(self, name: str, cloud: Cloud) -> None:
        self.name, self.cloud = name, cloud

    def GetPluginInfo(self, request: Request, context: grpc.ServicerContext) -> Request:
        return plugin_pb2.PluginInfo(version=VERSIONS[self.name])

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


@dataclass
class Served:
    """The two providers, listening. attach: the value for ``PULUMI_DEBUG_PROVIDERS``."""

    ports: Mapping[str, int]
    servers: Sequence[Any]

    @property
    def attach(self) -> str:
        """``aws:PORT,kubernetes:PORT``."""
        return ",".join(f"{name}:{port}" for name, port in self.ports.items())

    def stop(self) -> None:
        """End all calls and close the ports."""
        for server in self.servers:
            server.stop(grace=None).wait()


def serve(site: Site) -> Served:
    """Serve both on free ports of loopback, against this site."""
    ports, servers = {}, []
    clouds: dict[str, Cloud] = {"aws": AwsCloud(site), "kubernetes": KubernetesCloud(site)}
    for name, cloud in clouds.items():
        server = grpc.server(futures.ThreadPoolExecutor(16))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(name, cloud), server)
        ports[name] = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
    return Served(ports, servers)
