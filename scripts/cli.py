"""The `dr` command: a table of verbs, each imported only when it is asked for.

`dr --help` must answer at once at three in the morning, so nothing here imports Pulumi, a cloud SDK, or a verb.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence

from scripts.stopping import as_ctrl_c

VERBS: dict[str, tuple[str, str]] = {
    # verb: (module with `main(argv) -> int`, one-line help)
    "init": (
        "scripts.init",
        "make what must exist before the first up: state, key, image, federation, roles",
    ),
    "teardown": ("scripts.teardown", "the way out: delete the standby; data is kept unless it is named"),
    "up": ("scripts.up", "bring a stack's footprint to its mode: failover (active) or rollback (standby)"),
    "preview": ("scripts.preview", "show what an up would change; changes nothing"),
    "handover": ("scripts.handover", "copy the checkpoint of one stack to the other"),
    "resume": ("scripts.resume", "finish a run that was killed, after proving its owner dead"),
    "desired": ("scripts.desired", "print the desired state that the program declares"),
    "in-azure": ("scripts.in_azure", "run a command in the tool's own image inside the network"),
    "cert": ("scripts.cert", "the site's certificate: status, import, renewal by ACME through the zone"),
    "drift": ("scripts.drift", "say where reality has left the code"),
    "sync": ("scripts.sync", "carry the data between the clouds, prove it, watch it, freeze the primary"),
    "status": ("scripts.status", "who is live, by what evidence; locks and obligations"),
    "failover": ("scripts.failover", "the runbook failover: declare, sync, scale up, cut over, validate"),
    "rollback": ("scripts.rollback", "the runbook rollback: write back, prove, cut back, drain, scale down"),
    "approve": ("scripts.approve", "answer what a run asks, signed, from any machine"),
    "pause": ("scripts.pause", "hold a run: what is under way ends, nothing new begins"),
    "abort": ("scripts.abort", "stop a run and undo what it did"),
    "skip": ("scripts.skip", "leave out a step that may be left out, with the reason"),
    "runbook": ("scripts.runbook", "show a runbook for people, with its critical path and manual commands"),
    "ready": ("scripts.ready", "is the standby ready: every check by really doing it, with its fix"),
    "watchdog": (
        "scripts.watchdog",
        "the dead man's switch: an alarm for a scheduled run that did not happen",
    ),
    "doctor": (
        "scripts.doctor",
        "what is missing on this machine and in this account before anything else fails",
    ),
    "cost": ("scripts.cost", "what the standby costs a month, and an active day, from a dated price file"),
    "precheck": ("scripts.precheck", "could we fail over (or back) now, and how long would it take"),
    "announce": ("scripts.announce", "write a message to people; --preview shows it"),
    "report": ("scripts.report", "the post-incident or post-rollback report of a run"),
    "journal": ("scripts.journal", "verify or show the journal"),
    "assess": ("scripts.assess", "site trustlayer: which level of disaster it is, on what evidence"),
    "recover": ("scripts.recover", "site trustlayer: carry out the runbook of a level, 1 to 5"),
    "backup": ("scripts.backup", "site trustlayer: make, prove and list backups"),
    "chaos": ("scripts.chaos", "site trustlayer: one small harm on purpose, and its recovery"),
    "tests": ("scripts.tests_plan", "the plan of DR tests: what is due, run, record, report"),
    "local": ("scripts.local", "start, stop or inspect the local cloud"),
    "rehearse": ("scripts.rehearse", "run the whole story on the local cloud and write the report"),
}


def usage() -> str:
    """The overview that `dr`, `dr --help` and a misspelt verb print."""
    width = max(map(len, VERBS))
    rows = "\n".join(f"  {verb:<{width}}  {text}" for verb, (_, text) in VERBS.items())
    return (
        "Usage: dr VERB [OPTIONS]\n\nDisaster recovery as code: declare it, rehearse it, believe it.\n\n"
        f"{rows}\n\nExamples:\n  dr rehearse\n  dr drift -s standby\n  dr up -s active --engine direct\n\n"
        "`dr VERB --help` explains a verb, with examples."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code (recovery.exit_codes)."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if args[0] in ("-V", "--version"):
        from importlib.metadata import version

        print(version("standby"))
        return 0
    entry = VERBS.get(args[0])
    if entry is None:
        import difflib

        near = difflib.get_close_matches(args[0], VERBS, 1)
        hint = f" Did you mean `dr {near[0]}`?" if near else ""
        print(f"dr: there is no verb {args[0]!r}.{hint}\n\n{usage()}", file=sys.stderr)
        return 2
    from recovery.errors import DrError

    try:
        with as_ctrl_c(signal.SIGTERM):
            code: int = importlib.import_module(entry[0]).main(args[1:])
    except DrError as error:
        print(f"dr {args[0]}: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print(f"dr {args[0]}: stopped by Ctrl-C or SIGTERM", file=sys.stderr)
        return 4
    except Exception as error:
        # By name: importing it would cost every start what only this ending needs.
        if type(error).__name__ != "ArmError":
            raise
        from recovery.refused import azure_said_no

        refusal = azure_said_no(int(getattr(error, "status", 0)), str(error))
        print(f"dr {args[0]}: {refusal}", file=sys.stderr)
        return int(refusal.exit_code)
    return code


if __name__ == "__main__":
    sys.exit(main())
