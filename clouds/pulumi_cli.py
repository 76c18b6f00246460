"""The Pulumi CLI as a child process: found on PATH, fed by pipes, interrupted politely.

A plain child rather than the Automation API, for three reasons that were tried. `import_stack` writes the
plaintext state into a temporary file and leaves it there when the import fails; its event log is a file too;
and a child of our own can be given Ctrl-C the way the engine wants it (one SIGINT, then patience), so that
Pulumi's lock is given back. Nothing here passes ``--show-secrets`` to a command whose output lands in a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from clouds import stack_files
from recovery.errors import BadInput, DrError, Failed, Stopped, Unobserved
from recovery.model import Json
from recovery.pulumi_events import plain, three_parts

PROJECT = "standby"


class Killed(Failed):
    """The CLI was ended by a signal: its lock and its pending operations are still there."""


@dataclass(frozen=True)
class Completed:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class PulumiCli:
    """The CLI for one project folder. environ: what it sees beside this process's own environment."""

    root: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    program: str = "pulumi"

    def path(self) -> str:
        """Where the CLI is. Raises BadInput when it is not on PATH."""
        found = shutil.which(self.program, path=self.environment()["PATH"])
        if found is None:
            raise BadInput(
                "the Pulumi CLI is not on PATH",
                "--engine pulumi runs the real CLI; without it only the direct engine can work",
                "repeat the command with --engine direct    (or install it: pulumi.com/docs/install)",
            )
        return found

    def environment(self) -> dict[str, str]:
        """The child's environment."""
        own = {
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "NO_COLOR": "1",
            "PATH": os.environ.get("PATH", os.defpath),
        }
        return {**own, **os.environ, **self.environ}

    def with_environ(self, **environ: str) -> PulumiCli:
        """The same CLI that sees some more variables."""
        return PulumiCli(self.root, {**self.environ, **environ}, self.program)

    def run(self, *args: str, stdin: str | None = None) -> Completed:
        """Run to the end, everything in memory. Raises Failed in three parts when it fails."""
        done = self.attempt(*args, stdin=stdin)
        if done.code != 0:
            raise failure(args, done.err or done.out)
        return done

    def attempt(self, *args: str, stdin: str | None = None) -> Completed:
        """Run to the end; the caller looks at the code. Ctrl-C goes to the engine once, then we wait for it."""
        lines: list[str] = []
        code, err = self.stream(args, lines.append, stdin=stdin)
        return Completed(code, "".join(lines), err)

    def stream(
        self,
        args: Sequence[str],
        on_line: Callable[[str], None],
        *,
        stdin: str | None = None,
        on_start: Callable[[int], None] = lambda pid: None,
    ) -> tuple[int, str]:
        """Run, hand over each line of stdout as it comes, return (exit code, stderr).

        on_start gets the CLI's pid. On Ctrl-C the engine gets one SIGINT: it finishes what is in flight,
        writes the checkpoint and gives its lock back; KeyboardInterrupt is raised when it has ended. A second
        Ctrl-C makes it stop at once.
        """
        with stack_files.kept(self.root, self.environment()):
            return self._stream(args, on_line, stdin, on_start)

    def _stream(
        self,
        args: Sequence[str],
        on_line: Callable[[str], None],
        stdin: str | None,
        on_start: Callable[[int], None],
    ) -> tuple[int, str]:
        command = [self.path(), *args, "--non-interactive", "--color=never"]
        process = subprocess.Popen(  # noqa: S603 - a fixed program; arguments are a list, no shell
            command,
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # else a terminal's Ctrl-C reaches engine and providers at the same time
        )
        on_start(process.pid)
        errors: list[str] = []
        assert process.stdout is not None  # noqa: S101 - a pipe, above
        assert process.stderr is not None  # noqa: S101 - a pipe, above
        side = [threading.Thread(target=lambda p: errors.extend(p), args=(process.stderr,), daemon=True)]
        side.append(threading.Thread(target=_bury, args=(process,), daemon=True))
        if stdin is not None:
            side.append(threading.Thread(target=_feed, args=(process, stdin), daemon=True))
        for thread in side:
            thread.start()
        try:
            interrupted = _watch(process, process.stdout, on_line)
        finally:
            for thread in side:
                thread.join()
            process.stdout.close()
            process.stderr.close()
        if interrupted:
            raise KeyboardInterrupt
        if process.returncode < 0:
            raise Killed(
                f"the Pulumi CLI was killed (signal {-process.returncode}) during `pulumi {args[0]}`",
                "what it was doing may be half done, and its lock is still on the stack",
                "dr resume",
            )
        return process.returncode, "".join(errors)

    # -- questions -----------------------------------------------------------------------------------------

    def stacks(self) -> list[str]:
        """The names of the project's stacks."""
        listed = json.loads(self.run("stack", "ls", "--json").out or "[]")
        return [str(s["name"]).rpartition("/")[2] for s in listed]

    def export(self, stack: str, *, show_secrets: bool = False) -> dict[str, Json]:
        """The stack's checkpoint, through a pipe. With secrets it must not be written anywhere."""
        extra = ("--show-secrets",) if show_secrets else ()
        out: dict[str, Json] = json.loads(self.run("stack", "export", "-s", stack, *extra).out)
        return out


def _watch(process: subprocess.Popen[str], stdout: IO[str], on_line: Callable[[str], None]) -> bool:
    """Hand over each line until the child has ended; was Ctrl-C pressed meanwhile?"""
    interrupted = False
    while True:
        try:
            for line in iter(stdout.readline, ""):
                on_line(line)
            process.wait()
            return interrupted
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            interrupted = True
        except BaseException:  # the watcher's own error: the engine must not run on unwatched
            process.send_signal(signal.SIGINT)
            stdout.read()  # drained, or it could not end
            process.wait()
            raise


def _feed(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    with contextlib.suppress(BrokenPipeError):  # it ended without reading; its exit code says why
        process.stdin.write(text)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def _bury(process: subprocess.Popen[str]) -> None:
    """After a killed CLI, end what it started (language host, providers): it may hold our pipes open."""
    if process.wait() < 0:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def failure(args: Sequence[str], text: str) -> DrError:
    """The error for a failed command: our own three parts where the text holds them, else what is known."""
    said = plain(text).strip()
    ours = three_parts(said)
    if ours:
        return (BadInput if "SettingsError: " in said else Stopped)(*ours)
    for known, make in _KNOWN:
        if known in said:
            return make(said)
    command = "pulumi " + " ".join(a for a in args if not a.startswith("--event"))
    return Failed(
        f"`{command}` failed: {_last_words(said)}",
        "the stack is in the state that the last finished operation left",
        f"{command}    (run it by hand to see everything)",
    )


def _locked(said: str) -> DrError:
    owner = next((line.strip() for line in said.splitlines() if "created by" in line), "")
    return Stopped(
        f"Pulumi's own lock on the stack is held: {owner.rpartition(': ')[2] or 'by an unknown owner'}",
        "another run is changing this stack, or one was killed and left its lock",
        "dr status    (who?); if that run is dead: dr resume",
    )


def _moved(said: str) -> DrError:
    line = next((line for line in said.splitlines() if "violates plan" in line), "")
    name = line.partition(" violates plan")[0].rpartition("::")[2]
    what = line.partition("violates plan: ")[2].partition("[{")[0].strip()
    return Stopped(
        f"{name or 'a resource'} is no longer as it was when the plan was shown ({what[:160]})",
        "only what was shown and confirmed is done; what came before it in the order is done already",
        "run the same command again: it makes and shows a new plan",
        retry=True,
    )


def _passphrase(said: str) -> DrError:
    return BadInput(
        "the passphrase does not open the stack's secrets",
        "every checkpoint holds encrypted values; without the right passphrase nothing can be read or handed over",
        "export PULUMI_CONFIG_PASSPHRASE=…    (for the target of a hand-over: DR_TARGET_PASSPHRASE=…)",
    )


def _no_stack(said: str) -> DrError:
    return BadInput(
        f"the stack does not exist: {_last_words(said)}",
        "there is no checkpoint to work from",
        "pulumi stack ls    (then: pulumi stack init standby, or dr handover standby active)",
    )


def _config(said: str) -> DrError:
    """The CLI holds the stack file against the types in Pulumi.yaml before it runs the program."""
    return BadInput(
        f"1 problem in the settings; nothing was changed\n  - {_last_words(said).rpartition('config: ')[2]}",
        "a footprint built from wrong settings fails on the day it is needed",
        "edit the stack's Pulumi.*.yaml, then: dr desired -s standby    (names every problem at once)",
    )


def _young_role(said: str) -> DrError:
    return Stopped(
        "the gateway's identity cannot read its certificate yet: its role on the vault was assigned minutes ago",
        "Azure lets a fresh role work after up to 10 minutes; everything that was made stays, nothing is half done",
        "the same command again, in some minutes    (it goes on from here; a 403 that stays: dr doctor)",
        retry=True,
    )


def _protected(said: str) -> DrError:
    line = next((line for line in said.splitlines() if "unable to " in line and "urn:pulumi:" in line), "")
    verb = "deleted" if "unable to delete" in line else "replaced"
    kind, _, name = line.partition('"')[2].rstrip('"').rpartition("::")
    return Stopped(
        f"{kind.rpartition(':')[2] or 'a resource'} {name} would be {verb}; it is protected, and nothing of it was changed",
        "what it holds would be gone, and whatever refers to it would lead nowhere: Azure fixes some properties at creation",
        "dr preview -s standby    (names the property; take the change back, or build another resource beside this one)",
    )


def _backend(said: str) -> DrError:
    return Unobserved(
        f"the state backend cannot be reached: {_last_words(said)}",
        "without the checkpoint the pulumi engine does not know what exists",
        "repeat the command with --engine direct    (it needs no state)",
    )


PROTECTED = "currently marked for protection"
"""Pulumi's words when a step would replace or delete what `protect` holds (pkg/engine, CLI 3.260)."""

_KNOWN: tuple[tuple[str, Callable[[str], DrError]], ...] = (
    ("the stack is currently locked", _locked),
    ("observe propagation time", _young_role),
    ("violates plan", _moved),
    (PROTECTED, _protected),
    ("incorrect passphrase", _passphrase),
    ("passphrase must be set", _passphrase),
    ("no stack named", _no_stack),
    ("validating stack config", _config),
    ("unable to open bucket", _backend),
    ("problem logging in", _backend),
)


def _last_words(said: str) -> str:
    """The line that says most: the exception at the end of a traceback, else the last error. When the engine stops, it
    interrupts the program: that traceback says nothing."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    lines = [line for line in lines if line not in _EMPTY_WORDS] or lines
    errors = [line for line in lines if line.startswith("error:")]
    if any(line.startswith("Traceback") for line in lines) and lines[-1] != "KeyboardInterrupt":
        errors = []
    return (errors or lines or ["it said nothing"])[-1][:400]


_EMPTY_WORDS = frozenset({"error: update failed", "error: preview failed", "update failed", "preview failed"})


def json_lines(lines: Sequence[str]) -> Iterator[Mapping[str, Json]]:
    """The objects among `lines`; anything else (a stray print of the program) is skipped."""
    for line in lines:
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue
