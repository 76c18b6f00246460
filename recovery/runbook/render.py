"""A runbook for people: Markdown with everything a person needs without the tool, and its graph as DOT."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from recovery.runbook.path import critical_path, median, p95, verdict
from recovery.runbook.steps import Approval, Runbook, Step


def markdown(book: Runbook) -> str:
    """The whole runbook. The same data gives the same text, so that CI can compare it with the file."""
    return "\n".join(_markdown(book)) + "\n"


def dot(book: Runbook) -> str:
    """The graph: what needs what; the critical path bold, irreversible steps with a double border."""
    path = critical_path(book).steps
    edges_on = set(pairwise(path))
    lines = [f"digraph {_quoted(book.id)} {{", "  rankdir=LR; node [shape=box, fontname=sans];"]
    for step in book.steps:
        style = ["peripheries=2"] if step.irreversible else []
        style += ["penwidth=3"] if step.id in path else []
        style += ["style=dashed"] if step.best_effort else []
        label = f"{step.id}\\n{step.role}\\n{step.budget.median:g} / {step.budget.p95:g} s"
        lines.append(f"  {_quoted(step.id)} [{', '.join([f'label={_quoted(label)}', *style])}];")
        for need in step.needs:
            bold = " [penwidth=3]" if (need, step.id) in edges_on else ""
            lines.append(f"  {_quoted(need)} -> {_quoted(step.id)}{bold};")
    return "\n".join([*lines, "}"]) + "\n"


def _markdown(book: Runbook) -> Iterator[str]:
    path = critical_path(book)
    yield f"# {book.title}"
    yield ""
    yield f"Runbook `{book.id}`. Generated from its data by `dr runbook show {book.id}`; change the data, not this file."
    yield ""
    yield verdict(book)
    yield ""
    yield f"Critical path: {' → '.join(f'`{id}`' for id in path.steps)}"
    yield ""
    yield "| step | role | after | median | p95 | approval |"
    yield "|---|---|---|---|---|---|"
    for step in book.steps:
        mark = "**" if step.id in path.steps else ""
        after = ", ".join(step.needs) or "the start"
        who = approvers(step.approval) if step.approval else ""
        yield f"| {mark}{step.id}{mark} | {step.role} | {after} | {median(step):g} s | {p95(step):g} s | {who} |"
    part = ""
    for step in book.steps:
        if step.part != part:
            part = step.part
            yield ""
            yield f"## {part}"
        yield from _step(step)


def approvers(approval: Approval) -> str:
    """Who must say yes, in words."""
    if approval.rule:
        return f"as the figure of `{approval.rule}` decides: Incident Commander from 90 %, CTO below or when unknown"
    return " or ".join(" and ".join(sorted(roles)) for roles in approval.any_of)


def _step(step: Step) -> Iterator[str]:
    yield ""
    yield f"### {step.id}: {step.title}"
    yield ""
    after = ", ".join(f"`{need}`" for need in step.needs) or "the start"
    yield f"{step.role} · {', '.join(step.requirements)} · {step.budget.median:g} s (p95 {step.budget.p95:g} s) · after {after}"
    yield ""
    if step.approval is not None:
        yield f"- **Approval** ({approvers(step.approval)}): “{step.approval.sentence}”"
    for name, effect in (
        ("check", step.check), ("guard", step.guard), ("do", step.do), ("verify", step.verify), ("undo", step.undo),
    ):  # fmt: skip
        if effect is not None:
            yield f"- {name}: `{effect}`"
    for held, text in (
        (step.irreversible, "**Irreversible:** there is no undo."),
        (step.proves_health, "Cannot be skipped: traffic moves on its word alone."),
        (step.best_effort, "Best effort: its failure holds nothing up."),
        (bool(step.owed), f"If AWS cannot be reached it is owed: {step.owed}."),
    ):
        if held:
            yield f"- {text}"
    if step.manual:
        yield ""
        yield "By hand:"
        yield ""
        yield "```sh"
        yield from step.manual
        yield "```"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
