"""The two-stack lock: one finite, renewed lease on a blob of its own, which both stacks and both engines
take.

Pulumi's own lock is per stack and does not keep `standby` and `active` from running at once. A lease of 60 s
that a thread renews every 20 s is held exactly as long as its holder lives and can reach the cloud: a killed
run frees the lock by itself, a holder that cannot renew knows that it is no longer one. Source: Azure
Storage, Lease Blob (15-60 s or infinite; an expired lease may be taken by anyone; 409 LeaseAlreadyPresent
while held).

The blob's metadata says who holds it, for the one who is refused and for `dr resume`.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from clouds.azure.role_ready import fix_of
from recovery.errors import Failed, Stopped, Unobserved

BLOB = "locks/footprint"
LEASE_SECONDS = 60
RENEW_SECONDS = 20.0
MARGIN_SECONDS = 5.0
"""A lease not renewed for LEASE_SECONDS less this is treated as lost: clocks and requests take their time."""


@dataclass(frozen=True)
class Holder:
    """Who holds (or last held) the lock. started, ended: ISO 8601 UTC; ended "" while held or after a kill.

    process_started tells a process from a later one with the same pid. leased: the service says that the
    lease is in force now.
    """

    host: str = ""
    pid: int = 0
    process_started: str = ""
    person: str = ""
    command: str = ""
    started: str = ""
    ended: str = ""
    outcome: str = ""
    leased: bool = False

    @classmethod
    def me(cls, command: str = "", pid: int | None = None) -> Holder:
        """This process, this person, this host."""
        number = os.getpid() if pid is None else pid
        try:
            person = os.environ.get("DR_PERSON") or getpass.getuser()
        except (KeyError, OSError):  # a container may have no name for its user
            person = f"uid {os.getuid()}"
        line = command or " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        return cls(socket.gethostname(), number, process_started(number) or "", person, line, _now())

    def to_metadata(self) -> dict[str, str]:
        """As blob metadata: header values, so percent-encoded where they are not plain ASCII."""
        flat = {k: v for k, v in asdict(self).items() if k != "leased"}
        return {k: quote(str(v), safe=" /:;,.-_+=@()[]*'") for k, v in flat.items() if v not in ("", 0)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], leased: bool) -> Holder:
        """The inverse of `to_metadata`; unknown keys are left out, absent ones take their default."""
        texts = {str(k).lower(): unquote(v) for k, v in metadata.items()}
        known = {k: texts[k] for k in cls.__dataclass_fields__ if k in texts and k not in ("pid", "leased")}
        pid = texts.get("pid", "0")
        return cls(**known, leased=leased, pid=int(pid) if pid.isdigit() else 0)

    @property
    def here(self) -> bool:
        """Did it run on this host (so that `alive` can tell)?"""
        return self.host == socket.gethostname()

    def alive(self) -> bool | None:
        """Is that very process running? None when it ran on another host: from here nobody can say."""
        if not self.here or not self.pid:
            return None
        now = process_started(self.pid)
        return now is not None and (not self.process_started or now == self.process_started)

    def __str__(self) -> str:
        said = f"{self.person or 'someone'} on {self.host or 'an unknown host'} (process {self.pid or '?'})"
        return f"{said}, `{self.command or 'unknown command'}`, since {self.started or 'an unknown time'}"


def process_started(pid: int) -> str | None:
    """When process `pid` started, as an opaque text; None when there is none (a zombie counts as none)."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        # man 5 proc: state is field 3, starttime (ticks since boot) field 22; the boot id makes it unique.
        boot = Path("/proc/sys/kernel/random/boot_id")
        prefix = boot.read_text().strip()[:8] if boot.exists() else ""
        return None if fields[0] in ("Z", "X") else f"{prefix}-{fields[19]}"
    done = subprocess.run(  # noqa: S603 (a fixed program and a number)
        ["/bin/ps", "-o", "lstart=", "-p", str(int(pid))], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


@dataclass
class Lease:
    """The lock. A context manager: taken on entry, renewed in the background, released on exit.

    blob: an azure.storage.blob.BlobClient. on_lost: called once, from the renewing thread, when the lease is
    gone. `check()` belongs before every change.
    """

    blob: Any
    holder: Holder
    on_lost: Callable[[str], None] = lambda reason: None
    seconds: int = LEASE_SECONDS
    renew_every: float = RENEW_SECONDS
    margin: float = MARGIN_SECONDS
    clock: Callable[[], float] = time.monotonic
    _lease: Any = None
    _renewed: float = 0.0
    _lost: str = ""
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _outcome: str = "done"

    def acquire(self) -> Lease:
        """Take the lock. Raises Stopped when somebody holds it, Unobserved when the blob cannot be
        reached."""
        from azure.core.exceptions import AzureError, HttpResponseError

        asked = self.clock()
        try:
            _ensure(self.blob)
            self._lease = self.blob.acquire_lease(lease_duration=self.seconds)
        except HttpResponseError as error:
            if error.status_code == 409:
                raise refusal(self.blob) from error
            raise _unreachable(error) from error
        except AzureError as error:
            raise _unreachable(error) from error
        self._renewed = asked
        try:
            self.blob.set_blob_metadata(self.holder.to_metadata(), lease=self._lease)
        except AzureError as error:
            with contextlib.suppress(AzureError):
                self._lease.release()
            raise _unreachable(error) from error
        self._end.clear()
        self._thread = threading.Thread(target=self._renew, daemon=True, name="footprint-lease")
        self._thread.start()
        return self

    def check(self) -> None:
        """Raise Stopped when the lock is no longer surely ours. Call it before every change."""
        if not self._lost and self.clock() - self._renewed > self.seconds - self.margin:
            # Also after a laptop's sleep, when the renewing thread had no chance to notice.
            self._lose(f"it was last renewed {self.clock() - self._renewed:.0f} s ago")
        if self._lost:
            raise Stopped(
                f"the lock on the footprint was lost: {self._lost}",
                "another run may have taken it; two runs that change the same footprint undo each other",
                "dr status    (see who holds it; then run the same command again)",
                retry=True,
            )

    @property
    def lost(self) -> str:
        """Why the lock was lost; "" while it is held."""
        return self._lost

    def note(self, outcome: str) -> None:
        """What the release shall say of this run (`done`, `failed: …`)."""
        self._outcome = outcome

    def release(self) -> None:
        """Stop renewing, write the end into the metadata, give the lock back. Never raises for the
        network."""
        from azure.core.exceptions import AzureError

        self._end.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._lease is None:
            return
        if not self._lost:
            ended = replace(self.holder, ended=_now(), outcome=self._outcome)
            # A lease that cannot be released ends by itself within its seconds.
            with contextlib.suppress(AzureError):
                self.blob.set_blob_metadata(ended.to_metadata(), lease=self._lease)
            with contextlib.suppress(AzureError):
                self._lease.release()
        self._lease = None

    def __enter__(self) -> Lease:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is not None and self._outcome == "done":
            self.note(f"{kind.__name__}: {error}".splitlines()[0][:200])
        self.release()

    def _renew(self) -> None:
        from azure.core.exceptions import AzureError, HttpResponseError

        pause = self.renew_every
        while not self._end.wait(pause):
            asked = self.clock()
            try:
                self._lease.renew(timeout=max(1, int(self.renew_every)))
            except HttpResponseError as error:
                if error.status_code in (404, 409, 412):
                    return self._lose(
                        f"the service says {getattr(error, 'error_code', None) or error.status_code}"
                    )
                pause = self._after_failure(error)
            except AzureError as error:
                pause = self._after_failure(error)
            else:
                self._renewed, pause = asked, self.renew_every
            if self._lost:
                return None
        return None

    def _after_failure(self, error: Exception) -> float:
        if self.clock() - self._renewed > self.seconds - self.margin:
            self._lose(f"it could not be renewed in time ({error.__class__.__name__})")
        return min(self.renew_every, 2.0)

    def _lose(self, reason: str) -> None:
        if not self._lost:
            self._lost = reason
            self.on_lost(reason)


def read_holder(blob: Any) -> Holder | None:
    """Who holds, or last held, the lock; None when it was never taken. Raises Unobserved."""
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    try:
        found = blob.get_blob_properties()
    except ResourceNotFoundError:
        return None
    except AzureError as error:
        raise _unreachable(error) from error
    # `state` is leased, expired, broken or available; a broken lease may still have seconds to run.
    leased = str(found.lease.state) in ("leased", "breaking")
    metadata = dict(found.metadata or {})
    return Holder.from_metadata(metadata, leased) if metadata or leased else None


def refusal(blob: Any) -> Stopped:
    """The error for one who came second: who holds it, since when, and what to do."""
    try:
        holder = read_holder(blob)
    except Unobserved:
        holder = None
    if holder is None or holder.ended or not holder.command:
        who, fix = "someone who took it this very moment", "wait a moment, then run the same command again"
    elif holder.alive() is False:
        who = f"{holder}; that process is gone and its lock ends by itself within {LEASE_SECONDS} s"
        fix = "dr resume    (it finishes what was interrupted)"
    else:
        who = str(holder)
        fix = "wait until it ends (dr status shows it); if its process was killed: dr resume"
    return Stopped(
        f"the footprint is locked by {who}",
        "two runs at once, of whichever stack, would undo each other. Nothing was changed",
        fix,
        retry=True,
    )


def _ensure(blob: Any) -> None:
    from azure.core.exceptions import HttpResponseError, ResourceExistsError

    try:
        blob.upload_blob(b"", overwrite=False)
    except ResourceExistsError:
        return
    except HttpResponseError as error:
        if error.status_code != 412:  # 412: the blob is there and leased
            raise


def _unreachable(error: Exception) -> Unobserved:
    return Unobserved(
        f"the lock blob {BLOB} cannot be reached: {error}".splitlines()[0],
        "without the lock nobody can say whether another run is changing the footprint",
        fix_of(error, "dr status    (then run the same command again)"),
        retry=True,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def blob_client(blob_endpoint: str, container: str, storage_key: str | None, name: str = BLOB) -> Any:
    """The lock blob's client. blob_endpoint: the account's `primaryEndpoints.blob`, as ARM gives it.

    storage_key: an emulator's key; None means the signed-in identity.
    """
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.storage.blob import BlobClient

    credential: Any
    if storage_key is None:
        from azure.identity import DefaultAzureCredential

        credential = DefaultAzureCredential()
    else:
        credential = AzureNamedKeyCredential(account_name(blob_endpoint), storage_key)
    return BlobClient(
        blob_endpoint.rstrip("/"),
        container,
        name,
        credential=credential,
        retry_total=2,
        connection_timeout=5,
        read_timeout=10,
    )


def account_name(blob_endpoint: str) -> str:
    """The account in an endpoint: the host's first label, or the path where the host is an address
    (emulators)."""
    from urllib.parse import urlsplit

    parts = urlsplit(blob_endpoint)
    inside = parts.path.strip("/")
    return inside.split("/")[0] if inside else (parts.hostname or "").split(".")[0]


def footprint_blob(arm: Any, journal_id: str, storage_key: str | None) -> Any | None:
    """The lock blob of the footprint whose journal container has ARM id `journal_id`.

    None when account or container do not exist yet: before the first build there is no footprint to lock, and
    nothing but creation can happen to it. Raises Unobserved when that cannot be said.
    """
    from clouds.azure.arm import ArmError
    from recovery.arm.catalogue import CATALOGUE

    account_id, _, rest = journal_id.partition("/blobServices/")
    container = rest.rsplit("/", 1)[-1]
    try:
        account = arm.get(account_id, CATALOGUE["azure-native:storage:StorageAccount"].api_version)
        arm.get(journal_id, CATALOGUE["azure-native:storage:BlobContainer"].api_version)
    except ArmError as error:
        if error.missing:
            return None
        raise _unreachable(error) from error
    endpoint = ((account.get("properties") or {}).get("primaryEndpoints") or {}).get("blob")
    if not endpoint:
        raise Failed(
            f"{account_id} names no blob endpoint",
            "the lock and the journal live there",
            "dr drift -s standby",
        )
    return blob_client(str(endpoint), container, storage_key)


def for_command(
    blob: Any | None, argv: Sequence[str] = (), **options: Any
) -> contextlib.AbstractContextManager[Lease | None]:
    """The lock around one command; without a blob (first build) a context that holds nothing."""
    if blob is None:
        return contextlib.nullcontext(None)
    return Lease(blob, Holder.me(" ".join(argv)), **options)
