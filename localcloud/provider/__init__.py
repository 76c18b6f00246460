"""azure-native served from Python, for the real Pulumi engine to attach to (``PULUMI_DEBUG_PROVIDERS``).

Speaks the provider protocol on one side and ARM's HTTP on the other: the same two sides as the real plug-in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import Any

from clouds.endpoints import Endpoints


@dataclass
class Served:
    """Providers that are listening, by name. attach: the value for ``PULUMI_DEBUG_PROVIDERS``."""

    ports: Mapping[str, int]
    servers: Sequence[Any]

    @property
    def attach(self) -> str:
        """``azure-native:PORT,aws:PORT``."""
        return ",".join(f"{name}:{port}" for name, port in self.ports.items())

    def stop(self) -> None:
        """End all calls and close the ports."""
        for server in self.servers:
            server.stop(grace=None).wait()


def start(endpoints: Endpoints, port: int = 0) -> Served:
    """Serve the provider on loopback (port 0: a free one) against the cloud of `endpoints`."""
    from clouds.azure.arm import Arm
    from clouds.azure.static_website import BlobWebsite
    from localcloud.provider.asked import pause
    from localcloud.provider.resources import Resources

    return serve(Resources(Arm(endpoints, sleep=pause), BlobWebsite(endpoints), endpoints.subscription), port)


def serve(resources: Any, port: int = 0) -> Served:
    """Serve the provider over `resources` (tests bring a store of their own)."""
    import grpc
    from pulumi.runtime.proto import provider_pb2_grpc

    from localcloud.provider.service import AzureNative

    limit = 400 * 1024 * 1024  # the engine's own limit for a message
    options = [("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit)]
    server = grpc.server(futures.ThreadPoolExecutor(32), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AzureNative(resources), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return Served({"azure-native": bound}, [server])
