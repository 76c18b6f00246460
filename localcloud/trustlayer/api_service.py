"""The API of the local site: a real small service that writes to PostgreSQL. One process a Running api pod.

``POST /rows {"id", "value"}`` answers 201 only when the commit was acknowledged; ``GET /rows/ID``; ``GET /healthz``
answers from a query. Environment: PORT, DATABASE_URL, POD. Started by its path, so that it imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg

QUERY_SECONDS = 3.0


class Database:
    """One connection, opened anew after an error. Serialised: the service is small."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._unsure = False

    def ask(self, text: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement in its own transaction. Raises psycopg.Error when it was not acknowledged."""
        with self._lock:
            connection = self._connection or self._open()
            self._unsure = False
            # A commit that waits for a synchronous standby has no timeout of its own: it is cancelled from here.
            watch = threading.Timer(QUERY_SECONDS, connection.cancel_safe)
            watch.start()
            try:
                cursor = connection.execute(text, values)
                rows = cursor.fetchall() if cursor.description else []
            except psycopg.Error:
                connection.close()
                self._connection = None
                raise
            finally:
                watch.cancel()
            if self._unsure:
                raise psycopg.OperationalError("committed here, not acknowledged by a synchronous standby")
            return rows

    def _open(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.url, autocommit=True, connect_timeout=2, prepare_threshold=None)
        connection.add_notice_handler(self._notice)
        self._connection = connection
        return connection

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        # PostgreSQL answers a cancelled wait for a standby with success and a warning: to a client that is no success.
        if "synchronous replication" in (notice.message_primary or ""):
            self._unsure = True


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    database: Database
    pod = os.environ.get("POD", "")

    def do_GET(self) -> None:
        """Health, or a row."""
        if self.path == "/livez":  # the process alone: a database that is down restarts no pod
            self._send(200, {"status": "alive"})
        elif self.path == "/healthz":
            self._answer(self._health)
        elif self.path.startswith("/rows/"):
            self._answer(self._row)
        else:
            self._send(404, {"error": "no such path"})

    def do_POST(self) -> None:
        """Write a row."""
        self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(self._write)

    def _answer(self, work: Any) -> None:
        try:
            self._send(*work())
        except psycopg.Error as error:
            self._send(503, {"error": str(error).strip()[:200]})

    def _health(self) -> tuple[int, dict[str, Any]]:
        replica = self.database.ask(
            "SELECT pg_is_in_recovery() FROM (SELECT count(*) FROM (SELECT 1 FROM profiles LIMIT 1) p) q"
        )[0][0]
        return 200, {"status": "healthy", "database": "replica" if replica else "primary"}

    def _row(self) -> tuple[int, dict[str, Any]]:
        rows = self.database.ask(
            "SELECT id, value FROM profiles WHERE id = %s", (self.path.removeprefix("/rows/"),)
        )
        return (200, {"id": rows[0][0], "value": rows[0][1]}) if rows else (404, {"error": "no such row"})

    def _write(self) -> tuple[int, dict[str, Any]]:
        row = json.loads(self._body)
        # Which server took it is part of the answer, so that a client can tell two primaries from one.
        by = self.database.ask(
            "INSERT INTO profiles (id, value) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET value = excluded.value"
            " RETURNING inet_server_port()",
            (str(row["id"]), str(row["value"])),
        )
        return 201, {"id": row["id"], "by": by[0][0]}

    def _send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Pod", self.pod)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """The edge keeps the log of requests."""


class Server(ThreadingHTTPServer):
    """Requests in threads of their own."""

    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until SIGTERM."""
    Handler.database = Database(os.environ["DATABASE_URL"])
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever(0.1)


if __name__ == "__main__":
    main()
