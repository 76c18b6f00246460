"""`python -m localcloud.aws --fd N`: the server, seeded before it answers on the socket that it inherited."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from typing import Any

from localcloud.aws.door import Door
from localcloud.aws.seed import ACCOUNT, seed
from recovery.sync.source import Source


def main() -> int:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="a listening socket, inherited")
    parser.add_argument("--source", default="{}", help="names as JSON (recovery.sync.source)")
    given = parser.parse_args()
    os.environ.update(
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local-only",  # noqa: S106 - moto takes any
        AWS_EC2_METADATA_DISABLED="true",
    )
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    source = Source.of(json.loads(given.source))
    door = Door(DomainDispatcherApplication(create_backend_app), ACCOUNT, source.region)
    handler = _quiet(MotoRequestHandler)
    first = make_server("127.0.0.1", 0, door, threaded=True, request_handler=handler)
    threading.Thread(target=first.serve_forever, daemon=True).start()
    seed(source, f"http://127.0.0.1:{first.server_port}")
    first.shutdown()
    make_server("127.0.0.1", 0, door, threaded=True, request_handler=handler, fd=given.fd).serve_forever()
    return 0


def _quiet(handler: type[Any]) -> type[Any]:
    class Quiet(handler):  # type: ignore[misc]  # moto ships no types
        """HTTP/1.1, so that connections are kept, and no line a request: thousands come in a benchmark."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: each answer would wait for an ACK

        def log_request(self, *_: Any) -> None:
            return

    return Quiet


if __name__ == "__main__":
    sys.exit(main())
