"""The CLI as a child process, its locks and our records of runs (engines, `dr resume`).

The child here is a small program of the test's own: what is tried is the pipe, the signal and the words, not Pulumi.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from clouds.azure.lease import process_started
from clouds.pulumi_cli import Killed, PulumiCli, failure
from clouds.pulumi_engine import PulumiEngine
from clouds.pulumi_locks import ask_locks, read_locks
from clouds.run_records import RunRecord, unfinished
from recovery.engine import DIALS_ONLY
from recovery.errors import BadInput, DrError, Failed, Stopped, Unobserved
from recovery.model import Action
from recovery.ownership import Life


def child(folder: Path, body: str) -> PulumiCli:
    """A `pulumi` on a PATH of its own that runs `body`."""
    program = folder / "pulumi"
    program.write_text(f"#!{sys.executable}\nimport os, signal, sys, time\n{body}\n")
    program.chmod(0o755)
    return PulumiCli(folder, {"PATH": f"{folder}:{os.environ['PATH']}"})


def test_without_the_cli_the_error_names_the_engine_that_needs_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as missing:
        PulumiCli(tmp_path, {"PATH": str(tmp_path)}).run("version")
    assert "--engine direct" in missing.value.fix


def test_a_secret_goes_in_by_a_pipe_and_lines_come_out_as_they_are_written(tmp_path: Path) -> None:
    cli = child(tmp_path, "print(sys.stdin.read().upper(), flush=True)")
    assert cli.run("stack", "import", stdin="canary").out == "CANARY\n"
    assert [path.name for path in tmp_path.iterdir()] == ["pulumi"]


TRACKED = "# ours\nconfig:\n  standby:mode: standby # the only key that differs\n"
SALTED = "config: {'standby:mode': standby}\nencryptionsalt: v1:a=:v1:b\n"
"""The same as the real CLI writes it: anew, with the salt at the end."""


@pytest.mark.parametrize(
    ("fallback", "written", "stays"),
    [
        ("true", SALTED, True),
        ("true", SALTED.replace("standby}", "active}"), False),  # somebody's `pulumi config set`
        ("true", "\t: no yaml", False),
        ("", SALTED, False),  # no local cloud: the salt is needed
        ("false", SALTED, False),
    ],
)
def test_on_a_local_cloud_the_stack_file_stays_as_it_is_tracked(
    tmp_path: Path, fallback: str, written: str, stays: bool
) -> None:
    file = tmp_path / "Pulumi.standby.yaml"
    file.write_text(TRACKED)
    file.chmod(0o640)
    cli = child(tmp_path, f"open('Pulumi.standby.yaml', 'w').write({written!r}); sys.exit(3)")
    done = cli.with_environ(PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER=fallback).attempt("preview")
    assert done.code == 3
    assert file.read_text() == (TRACKED if stays else written)
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Pulumi.standby.yaml", "pulumi"]


def test_a_child_that_ends_without_reading_its_input_is_judged_by_its_exit_code(tmp_path: Path) -> None:
    cli = child(tmp_path, "sys.stderr.write('error: no stack named x'); sys.exit(255)")
    with pytest.raises(BadInput):
        cli.run("stack", "import", stdin="x" * 1_000_000)


def test_ctrl_c_is_passed_on_once_and_the_engine_may_finish(tmp_path: Path) -> None:
    """One SIGINT, then patience: the engine writes its checkpoint and gives its lock back."""
    body = (
        "seen = []\n"
        "signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('up', flush=True)\n"
        "while not seen: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        f"open({str(tmp_path / 'saved')!r}, 'w').write(str(len(seen)))"
    )
    cli = child(tmp_path, body)

    def started(line: str) -> None:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        cli.stream(["up"], started)
    assert (tmp_path / "saved").read_text() == "1"


def test_an_error_of_the_watcher_interrupts_the_engine_before_it_is_raised(tmp_path: Path) -> None:
    body = (
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(0))\n"
        "print('started', flush=True)\n"
        "while True: print('more ' * 2000, flush=True); time.sleep(0.01)"
    )
    pids: list[int] = []

    def refuse(line: str) -> None:
        raise Stopped("no", "because", "dr status")

    with pytest.raises(Stopped):
        child(tmp_path, body).stream(["up"], refuse, on_start=pids.append)
    assert process_started(pids[0]) is None


def test_a_killed_cli_names_resume_and_leaves_no_child_that_holds_its_pipes(tmp_path: Path) -> None:
    with pytest.raises(Killed) as killed:
        child(tmp_path, "os.fork() or time.sleep(60)\nos.kill(os.getpid(), signal.SIGKILL)").run("up")
    assert killed.value.fix == "dr resume"


SAID: list[tuple[str, type[DrError], str]] = [
    ("error: the stack is currently locked by 1 lock(s). Either wait\n  file:///x.json: created by ops@host (pid 7) at T",
     Stopped, "dr resume"),
    ("error: incorrect passphrase", BadInput, "DR_TARGET_PASSPHRASE"),
    ("error: no stack named 'active' found", BadInput, "dr handover standby active"),
    ("error: unable to open bucket azblob://x", Unobserved, "--engine direct"),
    ("ApplicationGatewayKeyVaultSecretException: Forbidden. If role assignments were changed recently, please observe "
     "propagation time.", Stopped, "the same command again"),
    ("error: preview failed\nTraceback (most recent call last):\nValueError: odd\n\n", Failed, "pulumi up"),
    ("X: no health\n  why it matters: users\n  fix: dr status\n", Stopped, "dr status"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "kind", "fix"), SAID, ids=lambda v: str(v)[:20])
def test_what_the_cli_says_becomes_an_error_in_three_parts(said: str, kind: type[DrError], fix: str) -> None:
    error = failure(["up"], said)
    assert type(error) is kind
    assert fix in error.fix


REPLACED = """\
error: unable to replace resource "urn:pulumi:standby::standby::standby:azure:Footprint$standby:azure:Api$azure-native:compute:VirtualMachineScaleSet::api"
as it is currently marked for protection. To unprotect the resource, remove the `protect` flag from the resource
error: preview failed
"""
INTERRUPTED = """\
Traceback (most recent call last):
  File "selectors.py", line 468, in select
KeyboardInterrupt
During handling of the above exception, another exception occurred:
Traceback (most recent call last):
KeyboardInterrupt
"""
"""The program's own end when the engine stops it, as the CLI 3.260 prints it after its error."""


def test_a_protected_resource_that_would_be_replaced_is_named() -> None:
    stop = failure(["preview"], REPLACED + INTERRUPTED)
    assert isinstance(stop, Stopped)
    assert stop.summary.startswith("VirtualMachineScaleSet api would be replaced")


def test_the_programs_own_interruption_is_not_what_failed() -> None:
    assert "boom" in failure(["preview"], "error: boom\nerror: preview failed\n" + INTERRUPTED).summary


def test_a_preview_that_protection_ends_is_a_plan_with_the_replacement_in_it(tmp_path: Path) -> None:
    """What the safety gate refuses by name; any other failed preview is a failure."""
    urn = "urn:pulumi:standby::standby::azure-native:compute:VirtualMachineScaleSet::api"
    digest = {"steps": [{"op": "replace", "urn": urn, "diffReasons": ["zones"]}],
              "diagnostics": [{"message": REPLACED, "severity": "error"}]}  # fmt: skip
    plan = PulumiEngine(
        tmp_path, cli=child(tmp_path, f"print({json.dumps(json.dumps(digest))}); sys.exit(255)")
    ).preview("standby")
    assert [(s.action, s.name, s.paths) for s in plan.changes] == [(Action.REPLACE, "api", ("zones",))]
    digest["diagnostics"] = [{"message": "error: boom", "severity": "error"}]
    with pytest.raises(Failed, match="boom"):
        PulumiEngine(
            tmp_path, cli=child(tmp_path, f"print({json.dumps(json.dumps(digest))}); sys.exit(255)")
        ).preview("standby")


def test_the_last_words_of_a_traceback_are_its_exception() -> None:
    assert "ValueError: odd" in failure(["up"], SAID[5][0]).summary


def lock(folder: Path, pid: int, host: str, taken: str) -> Life:
    path = folder / ".pulumi/locks/organization/standby/active"
    path.mkdir(parents=True, exist_ok=True)
    (path / "0.json").write_text(
        json.dumps({"pid": pid, "username": "ops", "hostname": host, "timestamp": taken})
    )
    found = read_locks("active", "standby", {"PULUMI_BACKEND_URL": f"file://{folder}"})
    assert found is not None
    return found[0].owner().life


def test_a_lock_says_whether_its_owner_lives(tmp_path: Path) -> None:
    """A process that began after the lock was taken only inherited the number."""
    here = socket.gethostname()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    now = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime())
    assert lock(tmp_path, os.getpid(), here, now) is Life.ALIVE
    assert lock(tmp_path, ended.pid, here, now) is Life.DEAD
    assert lock(tmp_path, os.getpid(), "elsewhere", now) is Life.ELSEWHERE
    assert lock(tmp_path, os.getpid(), here, "2001-01-01T00:00:00Z") is Life.DEAD
    assert read_locks("active", "standby", {"PULUMI_BACKEND_URL": "azblob://state"}) is None


LOCKED = """error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.
  azblob://state/.pulumi/locks/organization/standby/active/0.json: created by ops@elsewhere (pid 4242) at 2026-11-22T04:05:35Z"""


def test_in_a_bucket_the_lock_is_read_from_the_clis_own_words(tmp_path: Path) -> None:
    """azblob://, s3://: nobody looks into the bucket, the CLI says whose lock it is."""
    (found,) = ask_locks(child(tmp_path, f"print({LOCKED!r}, file=sys.stderr); sys.exit(255)"), "active")
    assert (found.pid, found.host, found.person) == (4242, "elsewhere", "ops")
    assert found.owner().life is Life.ELSEWHERE


@pytest.mark.parametrize(
    "said",
    [
        "",
        "error: no resource named 'urn:x' found",
        "error: Resource to refresh 'urn:x' could not be found in the stack.",
    ],
)
def test_a_stack_that_nobody_holds_has_no_lock(tmp_path: Path, said: str) -> None:
    body = f"print({said!r}, file=sys.stderr); sys.exit({255 if said else 0})"
    assert ask_locks(child(tmp_path, body), "active") == []


@pytest.mark.parametrize(
    "said",
    [
        "error: [409] Conflict: Another update is currently in progress.",
        "error: unable to open bucket azblob://state: no credentials",
        "panic: runtime error",
    ],
)
def test_a_lock_that_cannot_be_seen_is_unknown_and_never_none(tmp_path: Path, said: str) -> None:
    with pytest.raises(Unobserved) as blind:
        ask_locks(child(tmp_path, f"print({said!r}, file=sys.stderr); sys.exit(255)"), "active")
    assert blind.value.fix


def test_a_run_is_on_disk_before_it_begins_and_unfinished_until_it_has_ended(tmp_path: Path) -> None:
    record = RunRecord.begin(
        tmp_path, stack="active", engine="pulumi", command=["dr", "up"], exclude=["**-record"]
    )
    record.cli_started(os.getpid())
    (found,) = unfinished(tmp_path, "active")
    assert found.data["cli"]["processStarted"] == process_started(os.getpid())
    assert unfinished(tmp_path, "standby") == []
    (tmp_path / "20010101T000000-active-x.json").write_text("")  # cut off before its first byte was safe
    record.end("done")
    assert unfinished(tmp_path) == []
    assert json.loads(record.path.read_text())["exclude"] == ["**-record"]


def digest(*steps: tuple[str, str, str]) -> str:
    """`pulumi preview --json` of (operation, type, name)."""
    urn = "urn:pulumi:active::standby::standby:azure:Footprint${}::{}"
    return json.dumps({"steps": [{"op": op, "urn": urn.format(type_, name)} for op, type_, name in steps]})


def begins(op: str, type_: str, name: str) -> str:
    """A line of `pulumi up --json`: an operation begins."""
    urn = f"urn:pulumi:active::standby::standby:azure:Footprint${type_}::{name}"
    return json.dumps({"resourcePreEvent": {"metadata": {"op": op, "urn": urn}}})


VMSS, IDENTITY = (
    "azure-native:compute:VirtualMachineScaleSet",
    "azure-native:managedidentity:UserAssignedIdentity",
)


def engine(folder: Path, planned: str, told: str = "") -> PulumiEngine:
    """An engine over a `pulumi` that answers a preview and tells an up, and notes how it was called."""
    body = (
        "open('calls', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"if sys.argv[1] == 'preview':\n    open(sys.argv[sys.argv.index('--save-plan') + 1], 'w').write('x')\n    print({planned!r})\n"
        f"else:\n    print({told!r}, flush=True)\n"
    )
    return PulumiEngine(folder, cli=child(folder, body))


@pytest.mark.parametrize(
    ("steps", "held"),
    [
        ((("update", VMSS, "api"), ("same", IDENTITY, "identity-api")), True),
        ((("update", VMSS, "api"), ("update", IDENTITY, "identity-api")), False),
        ((("create", VMSS, "api"),), False),
    ],
    ids=["a switch", "an identity is updated", "a create"],
)
def test_a_switch_is_held_by_a_saved_plan_and_nothing_by_one_that_would_be_refused_for_ever(
    tmp_path: Path, steps: tuple[tuple[str, str, str], ...], held: bool
) -> None:
    """docs/adr, the plan that was shown."""
    own = engine(tmp_path, digest(*steps))
    own.preview("active")
    own.apply("active", on_event=lambda event: None)
    _, call = (tmp_path / "calls").read_text().splitlines()
    assert ("--plan" in call) == held
    own.apply("active", on_event=lambda event: None)
    assert "--plan" not in (tmp_path / "calls").read_text().splitlines()[-1], "a plan is used once"


def test_an_operation_that_was_not_shown_is_not_let_begin(tmp_path: Path) -> None:
    """Also where no saved plan can hold the engine: an update is allowed, but nobody was shown this one."""
    own = engine(tmp_path, digest(("create", VMSS, "api")), begins("update", IDENTITY, "identity-api"))
    allow = DIALS_ONLY | {Action.CREATE}
    own.preview("active")
    with pytest.raises(Stopped, match="identity-api"):
        own.apply("active", allow=allow, on_event=lambda event: None)


def test_a_saved_plan_that_reality_has_left_is_a_stop_that_names_the_resource() -> None:
    urn = "urn:pulumi:active::standby::standby:azure:Footprint$azure-native:network:NetworkSecurityGroup::nsg-api"
    stop = failure(
        ("up",), f"error: resource {urn} violates plan: properties changed: =~securityRules[{{[{{x}}]}}]"
    )
    assert isinstance(stop, Stopped)
    assert "nsg-api is no longer as it was" in stop.summary
    assert "securityRules" in stop.summary
