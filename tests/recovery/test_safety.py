"""The safety gate and the reading of Pulumi's plans (engines, safety gate; recovery/safety.py)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.engine import DIALS_ONLY, EventKind
from recovery.errors import Stopped
from recovery.model import Action, Plan, Step
from recovery.pulumi_events import parse_change, parse_event, parse_preview, three_parts
from recovery.safety import STACK_REFERENCE, check

URN = "urn:pulumi:active::standby::standby:azure:Network${type}::{name}"


def step(action: Action, type_: str = "azure-native:network:PublicIPAddress", name: str = "pip") -> Step:
    return Step(action, f"/subscriptions/s/{name}", type_, name)


steps = st.builds(
    step,
    st.sampled_from(list(Action)),
    st.sampled_from(["azure-native:dns:RecordSet", "pulumi-python:gates:HealthGate", STACK_REFERENCE]),
    st.text("abc", min_size=1, max_size=4),
)


@given(st.lists(steps), st.frozensets(st.sampled_from(list(Action))))
def test_nothing_passes_that_is_neither_harmless_nor_named(
    found: list[Step], extra: frozenset[Action]
) -> None:
    """design.md "Two stacks": only same, update and the read of a StackReference, unless a person names it."""
    plan, allow = Plan("active", "pulumi", tuple(found)), DIALS_ONLY | extra
    foreign = [
        s
        for s in found
        if s.action not in (Action.SAME, Action.UPDATE)
        and not (s.action is Action.READ and s.type == STACK_REFERENCE)
        and (s.action is Action.READ or s.action not in extra)
    ]
    if foreign:
        with pytest.raises(Stopped) as stopped:
            check(plan, allow)
        assert foreign[0].name in stopped.value.summary
        assert stopped.value.fix.startswith("dr ")
    else:
        check(plan, allow)


def test_a_create_on_the_active_stack_names_the_drift_check_not_the_first_build() -> None:
    with pytest.raises(Stopped) as stopped:
        check(Plan("active", "pulumi", (step(Action.CREATE), step(Action.UPDATE, name="vmss"))))
    assert "dr drift -s active" in stopped.value.fix
    assert "of 2 changes" in stopped.value.summary


def test_a_first_build_that_was_not_named_says_how_to_name_it() -> None:
    with pytest.raises(Stopped) as stopped:
        check(Plan("standby", "pulumi", (step(Action.CREATE),)))
    assert "--first-build" in stopped.value.fix


def test_a_delete_stays_stopped_when_only_creates_are_allowed() -> None:
    with pytest.raises(Stopped, match="destroys"):
        check(
            Plan("standby", "pulumi", (step(Action.CREATE), step(Action.DELETE))),
            DIALS_ONLY | {Action.CREATE},
        )


OPERATIONS = {
    "same": Action.SAME,
    "update": Action.UPDATE,
    "create": Action.CREATE,
    "import": Action.CREATE,
    "delete": Action.DELETE,
    "read": Action.READ,
    "replace": Action.REPLACE,
    "create-replacement": Action.REPLACE,
    "delete-replaced": Action.REPLACE,
    "an operation of a later engine": Action.REPLACE,
}


@pytest.mark.parametrize(("operation", "action"), OPERATIONS.items())
def test_each_operation_of_the_engine_becomes_the_action_that_the_gate_knows(
    operation: str, action: Action
) -> None:
    """An operation that is not known is taken for a replacement: unknown is never harmless."""
    urn = URN.format(type="azure-native:network:PublicIPAddress", name="pip")
    plan = parse_preview("active", {"steps": [{"op": operation, "urn": urn, "newState": {"id": "/x"}}]})
    assert [s.action for s in plan.steps] == [action]


def test_a_replacement_told_in_three_steps_is_one_step_of_the_plan() -> None:
    urn = URN.format(type="azure-native:network:PublicIPAddress", name="pip")
    digest = {
        "steps": [
            {"op": "refresh", "urn": urn},
            {"op": "create-replacement", "urn": urn, "detailedDiff": {"zones": {"kind": "update-replace"}}},
            {"op": "replace", "urn": urn, "detailedDiff": {"zones": {"kind": "update-replace"}}},
            {"op": "delete-replaced", "urn": urn, "oldState": {"id": "/x"}},
        ]
    }
    assert [s.action for s in parse_preview("active", digest).steps] == [Action.REPLACE]


def test_a_resource_deleted_and_created_again_is_not_hidden_by_its_first_step() -> None:
    urn = URN.format(type="azure-native:network:PublicIPAddress", name="pip")
    digest = {"steps": [{"op": "same", "urn": urn}, {"op": "delete", "urn": urn}]}
    assert [s.action for s in parse_preview("active", digest).steps] == [Action.DELETE]


def test_the_stack_itself_and_its_providers_are_no_steps() -> None:
    digest = {
        "steps": [
            {"op": "create", "urn": "urn:pulumi:standby::standby::pulumi:pulumi:Stack::standby-standby"},
            {
                "op": "create",
                "urn": "urn:pulumi:standby::standby::pulumi:providers:azure-native::default_3_29_0",
            },
        ]
    }
    assert parse_preview("standby", digest).steps == ()


def test_the_read_of_a_stack_reference_is_a_step_and_passes_and_any_other_read_does_not() -> None:
    urn = "urn:pulumi:active::standby::{}::own-stack"
    plans = [
        parse_preview("active", {"steps": [{"op": "read", "urn": urn.format(type_)}]})
        for type_ in (STACK_REFERENCE, "azure-native:network:PublicIPAddress")
    ]
    assert [[s.action for s in plan.steps] for plan in plans] == [[Action.READ]] * 2
    check(plans[0])
    with pytest.raises(Stopped):
        check(plans[1])


def test_a_plan_carries_id_name_own_type_and_paths() -> None:
    urn = URN.format(type="azure-native:compute:VirtualMachineScaleSet", name="api")
    raw = {
        "op": "update",
        "urn": urn,
        "newState": {},
        "oldState": {"id": "/vmss"},
        "detailedDiff": {"sku.capacity": {}},
    }
    (one,) = parse_preview("active", {"steps": [raw]}).steps
    assert one == Step(
        Action.UPDATE, "/vmss", "azure-native:compute:VirtualMachineScaleSet", "api", ("sku.capacity",)
    )


def test_events_say_what_started_ended_and_failed_and_keep_quiet_about_the_rest() -> None:
    urn = URN.format(type="azure-native:dns:RecordSet", name="api-record")
    metadata = {"op": "update", "urn": urn, "new": {"id": "/r"}}
    started, ended = {"resourcePreEvent": {"metadata": metadata}}, {"resOutputsEvent": {"metadata": metadata}}
    kinds = [event.kind for raw in (started, ended) if (event := parse_event(raw))]
    assert kinds == [EventKind.STARTED, EventKind.DONE]
    assert parse_event({"resourcePreEvent": {"metadata": {**metadata, "op": "refresh"}}}) is None
    assert parse_event({"summaryEvent": {}}) is None
    failed = parse_event(
        {"diagnosticEvent": {"severity": "error", "message": "<{%fg 1%}>no<{%reset%}>", "urn": urn}}
    )
    assert failed is not None
    assert (failed.kind, failed.text, failed.name) == (EventKind.FAILED, "no", "api-record")
    change = parse_change(ended)
    assert change is not None
    assert change[1].action is Action.UPDATE


@given(
    *[st.text("abc de:,.()/%", min_size=1, max_size=30).filter(lambda t: t.strip() == t) for _ in range(3)]
)
def test_an_error_of_ours_is_read_back_from_inside_a_traceback(summary: str, detail: str, fix: str) -> None:
    """The guard's and the gates' errors reach a person whole, through the language host and the engine."""
    error = Stopped(f"x {summary}", f"x {detail}", f"x {fix}")
    text = f"error: Program failed:\nTraceback (most recent call last):\n  File x\nrecovery.errors.Stopped: {error}\n\n"
    assert three_parts(text) == (f"x {summary}", f"x {detail}", f"x {fix}")
