"""One HTTP question to one public address, as the public would ask it: unknown is an answer, an exception is
not.

The address is dialled through `Endpoints.dial`, so a documentation address reaches the local server that
stands for it. The Host header (and, over TLS, the server name that the certificate is checked against) is the
public name.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clouds.endpoints import Endpoints


@dataclass(frozen=True)
class Question:
    """GET `path` of `host` at the public `address`."""

    address: str
    host: str
    path: str = "/"


@dataclass(frozen=True)
class Answer:
    """What came back. status None: no HTTP answer could be had, and `reason` says why. seconds: how long it
    took."""

    question: Question
    status: int | None
    reason: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Exactly 200: a redirect or an error page is not health."""
        return self.status == 200

    def __str__(self) -> str:
        said = self.status if self.status is not None else f"no answer ({self.reason})"
        return f"{self.question.host}{self.question.path} at {self.question.address}: {said}"


def probe(question: Question, endpoints: Endpoints, timeout: float = 2.0) -> Answer:
    """Ask once. timeout: real seconds for the whole exchange. Never raises for anything the network does.

    https on port 443 against the public Internet; plain http where the address is mapped to a local port (the
    local cloud's edge speaks http).
    """
    import httpx

    local = question.address in endpoints.edge
    host, port = endpoints.dial(question.address, 443)
    literal = f"[{host}]" if ":" in host else host
    url = f"{'http' if local else 'https'}://{literal}:{port}{question.path}"
    started = time.monotonic()
    try:
        # trust_env off: a proxy of the operator's network would answer for itself, not for the address asked.
        with httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client:
            response = client.get(
                url, headers={"Host": question.host}, extensions={"sni_hostname": question.host}
            )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return Answer(question, None, reason, time.monotonic() - started)
    return Answer(question, response.status_code, "", time.monotonic() - started)


def probe_all(questions: Sequence[Question], endpoints: Endpoints, timeout: float = 2.0) -> list[Answer]:
    """Ask all at the same time; answers in the questions' order."""
    if not questions:
        return []
    with ThreadPoolExecutor(min(16, len(questions)), thread_name_prefix="probe") as pool:
        return list(pool.map(lambda q: probe(q, endpoints, timeout), questions))
