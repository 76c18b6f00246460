"""The client: writes rows through the public name, reads them back, and remembers what was acknowledged."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

WORKERS = 8
PAUSE = 0.02


@dataclass(frozen=True)
class Seen:
    """One request. at: seconds of the client's clock when it began. status 0: no answer."""

    at: float
    kind: str
    row: str
    status: int
    seconds: float
    region: str
    by: int = 0
    """Port of the database that acknowledged a write."""


@dataclass
class Client:
    """Runs from `start` to `stop` in threads of its own. edge: URL of the public name."""

    edge: str
    seen: list[Seen] = field(default_factory=list)
    acknowledged: dict[str, float] = field(default_factory=dict)
    """Row id -> when its write was acknowledged, in the client's clock."""
    wrong: list[str] = field(default_factory=list)
    """Rows that were read back with another value than was written."""
    _end: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    began: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Begin."""
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(WORKERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the requests under way."""
        self._end.set()
        for thread in self._threads:
            thread.join(20)

    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def failed(self, start: float, end: float) -> int:
        """Requests that began in this stretch and got no good answer."""
        return sum(1 for one in list(self.seen) if start <= one.at < end and not 200 <= one.status < 300)

    def made(self, start: float, end: float) -> int:
        """Requests that began in this stretch."""
        return sum(1 for one in list(self.seen) if start <= one.at < end)

    def refused_after(self, since: float) -> float:
        """When the first write that got no good answer began after this moment; the moment itself where none did."""
        return min(
            (one.at for one in list(self.seen)
             if one.kind == "write" and one.at >= since and not 200 <= one.status < 300),
            default=since,
        )  # fmt: skip

    def told_by_two(self, start: float, end: float) -> list[str]:
        """In a stretch with one change of primaries at most: writes that another than the newest primary acknowledged
        although they began after its first acknowledgement. Two servers took writes at once."""
        writes = sorted(
            (one for one in list(self.seen) if one.by and start <= one.at < end), key=lambda o: o.at
        )
        if not writes:
            return []
        newest = writes[-1].by
        since = min(one.at + one.seconds for one in writes if one.by == newest)
        return [
            f"row {one.row} by port {one.by} after {newest}"
            for one in writes
            if one.by != newest and one.at > since
        ]

    def good_again(self, after: float) -> float | None:
        """When the first write after the last failed one since `after` was acknowledged; None: not yet."""
        writes = [one for one in list(self.seen) if one.at >= after and one.kind == "write"]
        bad = [one.at for one in writes if not 200 <= one.status < 300]
        since = max(bad, default=after)
        return next(
            (
                one.at + one.seconds
                for one in sorted(writes, key=lambda o: o.at)
                if one.at > since and 200 <= one.status < 300
            ),
            None,
        )

    def _work(self, number: int) -> None:
        count, last = 0, ""
        while not self._end.wait(PAUSE):
            count += 1
            row = f"{number}-{count}"
            status, _ = self._ask("write", row, "POST", "/rows", json.dumps({"id": row, "value": f"v{row}"}))
            if status == 201:
                with self._lock:
                    self.acknowledged[row] = self.now()
                last = row
            if last and count % 5 == 0:
                status, body = self._ask("read", last, "GET", f"/rows/{last}", None)
                if status == 200 and json.loads(body).get("value") != f"v{last}":
                    self.wrong.append(last)

    def _ask(self, kind: str, row: str, method: str, path: str, body: str | None) -> tuple[int, str]:
        began = self.now()
        connection = http.client.HTTPConnection(urlsplit(self.edge).netloc, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            status, region, text = answer.status, answer.headers.get("X-Region", ""), answer.read().decode()
        except (OSError, http.client.HTTPException):
            status, region, text = 0, "", ""
        finally:
            connection.close()
        with self._lock:
            by = int(json.loads(text).get("by") or 0) if status == 201 else 0
            self.seen.append(Seen(began, kind, row, status, self.now() - began, region, by))
        return status, text
