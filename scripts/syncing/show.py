"""A sync as a person reads it: progress on stderr, figures and a verdict sentence on stdout."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from recovery.exit_codes import ExitCode

if TYPE_CHECKING:
    from clouds.sync.outcome import Outcome


def say(text: str) -> None:
    """Talk goes to stderr; stdout is for data."""
    print(text, file=sys.stderr, flush=True)


def show(outcomes: Sequence[Outcome], format: str) -> int:
    """Figures on stdout, a verdict sentence last; returns the worst exit code."""
    code = max((one.code for one in outcomes), key=_severity, default=ExitCode.CLEAN)
    if format == "json":
        print(
            json.dumps(
                {"flows": [one.to_json() for one in outcomes], "exitCode": int(code)},
                indent=1,
                ensure_ascii=False,
            )
        )
        return int(code)
    for one in outcomes:
        print("\n".join(lines(one)))
    words = {
        ExitCode.CLEAN: _clean(outcomes),
        ExitCode.FINDING: "It is not proven: see above.",
        ExitCode.STOPPED: "Deletions were refused: see above."
        + (
            " If they are meant: the same command with a higher --max-delete."
            if any("--max-delete" in one.refused for one in outcomes)
            else ""
        ),
    }
    print(words.get(code, "It failed: see above."))
    return int(code)


def _clean(outcomes: Sequence[Outcome]) -> str:
    if all(one.dry_run for one in outcomes):
        return "Nothing was changed (dry run)."
    if all(one.flow == "watch" for one in outcomes):
        return "What came was carried; the checkpoints are kept."
    if not any(one.counts for one in outcomes):
        return "It is proven."
    if not all(one.proofs for one in outcomes):
        return "It is carried, and not proven yet."
    return "It is carried and proven."


def _severity(code: ExitCode) -> int:
    return [
        ExitCode.CLEAN,
        ExitCode.FINDING,
        ExitCode.STOPPED,
        ExitCode.UNOBSERVED,
        ExitCode.USAGE,
        ExitCode.FAILED,
    ].index(code)


def lines(one: Outcome) -> list[str]:
    """An outcome as a person reads it."""
    counted = ", ".join(f"{v:,} {COUNTS.get(k, k)}" for k, v in one.counts.items() if v)
    what = (
        "nothing would be written; it would"
        if one.dry_run and one.would
        else "compared"
        if one.proofs
        else "nothing"
    )
    out = [f"{one.flow} ({one.direction}, {one.seconds:.1f} s): {counted or what}"]
    out += [f"  {text}" for text in one.would[:50]]
    out += [f"  and {len(one.would) - 50:,} more" for _ in one.would[50:51]]
    out += [f"  error: {text}" for text in one.errors[:20]]
    out += [f"  {one.refused}"] if one.refused else []
    out += [f"  divergence (in AWS alone; Azure never had it): {key}" for key in one.divergence[:20]]
    out += [
        f"  conflict (written on both sides, AWS's version kept aside): {key}" for key in one.conflicts[:20]
    ]
    if one.flow == "watch":
        out.append(f"  measured RPO (worst lag between a write and its copy): {one.data_age_seconds:.1f} s")
    for proof in one.proofs:
        word = "holds" if proof.holds else "DOES NOT HOLD"
        out.append(
            f"  proof {proof.name} at {proof.cut}: {word}; {proof.equal:,} of {proof.compared:,} looked at are equal "
            f"({proof.percent:.1f} % of {'all' if proof.compared == proof.population else 'a sample of'} "
            f"{proof.population:,} in the source), {proof.later:,} written later"
        )
        out += [f"    {text}" for text in notes(proof.notes)]
        out += [f"    {text}" for text in proof.differing[:10]]
    return out


COUNTS = {
    "sourceKeys": "in the source", "sourceBytes": "bytes there", "same": "equal already", "added": "new",
    "extra": "in the target alone", "copiedBytes": "bytes written", "pulled": "pulled by Azure itself",
    "overtaken": "newer in the target already", "vanished": "gone before they were read",
    "provenByLooking": "proven one by one", "requestUnits": "RU", "backlog": "from before the watch began",
    "items": "items", "objects": "objects",
}  # fmt: skip
"""Counts of a run record as a person says them; what is not here is a word already."""

_NOTES = (
    (("sourceCount", "sourceBytes", "targetCount", "targetBytes"),
     "counted: {sourceCount:,} ({sourceBytes:,} bytes) in the source, {targetCount:,} ({targetBytes:,} bytes) in the target"),
    (("sourceCount", "targetCount", "missing", "extra"),
     "counted: {sourceCount:,} in the source, {targetCount:,} in the target; {missing:,} missing there, {extra:,} there alone"),
    (("newestCompared", "newestEqual"), "the newest {newestCompared:,} read on both sides: {newestEqual:,} equal"),
    (("pages", "pagesFailed"), "{pages:,} pages asked for at the site's own endpoint: {pagesFailed:,} did not answer 200"),
)  # fmt: skip


def notes(found: Mapping[str, Any]) -> list[str]:
    """What a proof noted beside its figure, as sentences; what no sentence is for, by its name."""
    left, out = dict(found), []
    for names, sentence in _NOTES:
        if all(isinstance(left.get(name), int) for name in names):
            out.append(sentence.format(**{name: left.pop(name) for name in names}))
    return out + [f"{name}: {value}" for name, value in left.items() if value not in ([], "")]


class Bar:
    """Progress on stderr: what was judged and carried, the rate, the rest by the last run's size, how old the data is."""

    def __init__(self, flow: str, known: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} keys  {task.fields[said]}"),
            TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task(flow, total=known, said="")
        self._began = time.monotonic()

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def objects(self, now: Any) -> None:
        """clouds.objects.mover.Progress."""
        seconds = now.seconds or 1e-9
        said = (
            f"{now.copied:,} copied ({now.copied / seconds:,.0f}/s, {now.copied_bytes / seconds / 1e6:.1f} MB/s"
            f"{', pulled by Azure' if now.pulled else ''}), {now.error_count} errors, cut {seconds:.0f} s ago"
        )
        self._progress.update(self._task, completed=now.tally.source_keys, said=said)

    def figures(self, done: int, said: str) -> None:
        """A count and words."""
        seconds = time.monotonic() - self._began
        self._progress.update(
            self._task,
            completed=done,
            said=f"{done / (seconds or 1e-9):,.0f}/s, {said}, begun {seconds:.0f} s ago",
        )


class WatchLine:
    """One line on stderr that follows the lag; where stderr is no terminal, a line whenever something was carried."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.status import Status

        self._console = Console(stderr=True)
        self._status = Status("watching", console=self._console)
        self._shown = 0

    def __enter__(self) -> WatchLine:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def lag(self, items: Any, objects: Any) -> None:
        """clouds.sync.watching.Lag, of both."""
        said = (
            f"items {items.applied:,} (lag {items.last:.1f} s, worst {items.worst:.1f}), "
            f"objects {objects.applied:,} (lag {objects.last:.1f} s, worst {objects.worst:.1f})"
        )
        if self._console.is_terminal:
            self._status.update(said)
        elif items.applied + objects.applied != self._shown:
            self._shown = items.applied + objects.applied
            say(said)
