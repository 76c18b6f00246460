"""Programs run under the project's own recorder, in this process: the whole footprint or one component alone.

A second recording costs 0.3 s once azure-native is imported, so each is made once a session (conftest.py).
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import runpy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks, settings
from pulumi.runtime.stack import run_pulumi_func

from clouds.program import stack_config
from clouds.program_recorder import Recorder
from components.image_app.common import Place
from components.settings import Mode, Settings
from recovery.model import Desired, Json

ROOT = Path(__file__).resolve().parents[2]
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-alone"


class OwnStack(mocks.Mocks):
    """Answers the guard's StackReference with the outputs that a hand-over left there."""

    def __init__(self, outputs: Mapping[str, Json]) -> None:
        self.outputs = dict(outputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise LookupError(f"no program of ours asks the cloud: {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        assert args.typ == "pulumi:pulumi:StackReference", args.typ
        return str(args.resource_id), {"name": args.name, "outputs": self.outputs, "secretOutputNames": []}


class Watcher(Recorder):
    """The project's recorder, which also keeps what it leaves out: components, URNs as asked for, stack outputs."""

    def __init__(self, outputs: Mapping[str, Json]) -> None:
        super().__init__(ROOT, SUBSCRIPTION)
        self.mocks = OwnStack(outputs)
        self.asked: list[str] = []
        self.waits: dict[str, list[str]] = {}
        self.exports: dict[str, Json] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the name of the gRPC method)
        urn = self.make_urn(request.parent, request.type, request.name)
        self.asked.append(urn)
        self.waits[request.name] = [u.rpartition("::")[2] for u in request.dependencies]
        return super().RegisterResource(request)

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 (the name of the gRPC method)
        """On a worker thread, where Pulumi's mocks make an event loop and never close it: here it is closed."""
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return super().ReadResource(request)  # type: ignore[no-untyped-call]  # Pulumi's mocks have no types
        finally:
            asyncio.set_event_loop(None)
            loop.close()


@dataclass(frozen=True)
class Recording:
    """What a program registered. resources: by the URN's last part. asked: every URN, twice when asked for twice.

    waits: name -> the names that the engine is told to finish first. exports: the stack's outputs.
    """

    resources: Mapping[str, Desired]
    urns: Mapping[str, Desired]
    asked: tuple[str, ...]
    waits: Mapping[str, list[str]]
    exports: Mapping[str, Json]
    problems: tuple[str, ...]

    def inputs(self, name: str) -> Any:
        """The declared inputs of one resource."""
        return self.resources[name].inputs

    def before(self, name: str) -> set[str]:
        """Everything that comes before it in the recorded graph, directly or not. Only custom resources count."""
        found: set[str] = set()
        todo = list(self.waits[name])
        while todo:
            one = todo.pop()
            if one not in found:
                found.add(one)
                todo += self.waits.get(one, [])
        return found

    def of(self, token: str) -> dict[str, Desired]:
        """The resources of one type, by name."""
        return {n: d for n, d in self.resources.items() if d.type == token}


def record(
    program: Callable[[], object], stack: str = "standby", outputs: Mapping[str, Json] | None = None
) -> Recording:
    """Run `program` as the project's own and return what it registered. Raises what it raises.

    outputs: what the stack's earlier outputs were, for the guard.
    """
    watcher = watch(program, stack, outputs)
    return Recording(
        {d.options["name"]: d for d in watcher.found.values()}, watcher.found, tuple(watcher.asked), watcher.waits,
        watcher.exports, tuple(watcher.problems),
    )  # fmt: skip


def watch(
    program: Callable[[], object],
    stack: str,
    outputs: Mapping[str, Json] | None,
    keep: Callable[[Watcher], None] = lambda watcher: None,
) -> Watcher:
    """As `record`; keep: is given the watcher before the program runs, for programs that fail."""
    watcher = Watcher(outputs or {})
    keep(watcher)
    project, config, secrets = stack_config(ROOT, stack)

    def whole_program() -> None:
        _strip_aliases()
        program()

    async def run() -> None:
        # A guard that stops ends every output that waits for it; the first is raised, the others are no news.
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        settings.set_root_resource(None)  # type: ignore[arg-type]  # forgets the root of an earlier run
        pulumi.runtime.set_all_config(dict(config), secrets)
        mocks.set_mocks(
            watcher.mocks, project=project, stack=stack, preview=True, monitor=watcher, organization="organization"
        )  # fmt: skip
        await run_pulumi_func(whole_program)
        for name, value in settings.get_root_resource().outputs.items():  # type: ignore[union-attr]  # the mocks made it
            watcher.exports[name] = await pulumi.Output.from_input(value).future()

    with _in_the_project():
        contextvars.copy_context().run(asyncio.run, run())
    return watcher


def _strip_aliases() -> None:
    """As the project's recorder does: 5-65 aliases a resource mean nothing here and cost most of the time."""

    def strip(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        args.opts.aliases = []
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    pulumi.runtime.register_stack_transformation(strip)


def main_program() -> None:
    """The project's `__main__.py` itself."""
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


def alone(build: Callable[[Place], object]) -> Recording:
    """One component by itself, in a resource group that it does not make."""

    def program() -> None:
        build(
            Place(pulumi.Output.from_input("rg-alone"), pulumi.Output.from_input(GROUP_ID), "brazilsouth", {"a": "b"})
        )  # fmt: skip

    return record(program)


def whole(site: Settings, outputs: Mapping[str, Json] | None = None) -> Recording:
    """The footprint from settings made by hand, exports included."""
    from components.image_app.footprint import Footprint

    def program() -> None:
        for name, value in Footprint(site).exports.items():
            pulumi.export(name, value)

    if site.active and outputs is None:  # as handed over by the same program
        outputs = {"footprint": whole(site.in_mode(Mode.STANDBY)).exports["footprint"]}
    return record(program, str(site.mode), outputs)


@contextmanager
def _in_the_project() -> Iterator[None]:
    here = Path.cwd()
    os.chdir(ROOT)
    try:
        yield
    finally:
        os.chdir(here)
