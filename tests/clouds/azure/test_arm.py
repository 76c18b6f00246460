"""The ARM client against a real HTTP server: retries as the service says, and no half-finished success."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clouds.azure.arm import Arm, ArmError
from clouds.azure.role_ready import fix_of
from tests.clouds.azure.http_script import Answer, Cloud, cloud, error

ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.X/y/z"
V = "2024-01-01"


@pytest.fixture
def az() -> Iterator[Cloud]:
    with cloud() as served:
        yield served


@pytest.fixture
def arm(az: Cloud) -> Iterator[Arm]:
    client = az.arm()
    yield client
    client.close()


def test_a_throttled_request_waits_as_long_as_the_service_says_scaled(az: Cloud, arm: Arm) -> None:
    az.on(f"GET {ID}", error(429, "TooManyRequests", Retry_After="7"), Answer(body={"id": ID}))
    assert arm.get(ID, V) == {"id": ID}
    assert az.slept == [0.7]


@pytest.mark.parametrize(
    "answer", [error(500, "Internal"), error(503, "Busy"), Answer(hang_up=True)], ids=repr
)
def test_a_passing_fault_is_retried(az: Cloud, arm: Arm, answer: Answer) -> None:
    az.on(f"GET {ID}", answer, Answer(body={"id": ID}))
    assert arm.get(ID, V) == {"id": ID}


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (error(429, "TooManyRequests", Retry_After="1"), 429, "TooManyRequests"),
        (error(500, "Internal"), 500, "Internal"),
        (Answer(hang_up=True), 0, "NoAnswer"),
        (Answer(502, "<html>bad gateway</html>"), 502, "Http502"),
        (Answer(200, "<html>login</html>"), 200, "UnreadableAnswer"),
        (Answer(200, ["not an object"]), 200, "UnreadableAnswer"),
    ],
    ids=str,
)
def test_a_lasting_fault_ends_as_an_error_that_is_not_missing(
    az: Cloud, arm: Arm, answer: Answer, status: int, code: str
) -> None:
    az.on(f"GET {ID}", answer)
    with pytest.raises(ArmError) as caught:
        arm.get(ID, V)
    assert (caught.value.status, caught.value.code, caught.value.missing) == (status, code, False)
    assert len(az.seen) <= 3


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (error(404, "ResourceNotFound"), True),
        (error(404, "ResourceGroupNotFound"), True),
        (error(404, "ContainerNotFound"), True),
        (error(404, "SubscriptionNotFound"), False),
        (Answer(404, "<html>proxy</html>"), False),
        (error(403, "AuthorizationFailed"), False),
    ],
    ids=str,
)
def test_only_the_services_own_not_found_means_missing(
    az: Cloud, arm: Arm, answer: Answer, missing: bool
) -> None:
    az.on(f"GET {ID}", answer)
    with pytest.raises(ArmError) as caught:
        arm.get(ID, V)
    assert caught.value.missing is missing
    assert len(az.seen) == 1


def test_a_put_waits_for_its_operation_and_returns_the_body_as_it_is_then(az: Cloud, arm: Arm) -> None:
    az.on(f"PUT {ID}", Answer(201, {"id": ID}, {"Azure-AsyncOperation": "{url}/op", "Retry-After": "3"}))
    az.on(
        "GET /op",
        Answer(body={"status": "InProgress"}),
        error(500, "Internal"),
        Answer(body={"status": "Succeeded"}),
    )
    az.on(
        f"GET {ID}",
        Answer(body={"id": ID, "properties": {"provisioningState": "Updating"}}),
        Answer(body={"id": ID}),
    )
    assert arm.put(ID, {"a": 1}, V) == {"id": ID}
    assert az.slept[0] == 0.3


def test_an_operation_that_fails_is_an_error_with_the_services_reason(az: Cloud, arm: Arm) -> None:
    az.on(f"PUT {ID}", Answer(202, None, {"Azure-AsyncOperation": "{url}/op"}))
    az.on(
        "GET /op",
        Answer(body={"status": "Failed", "error": {"code": "SkuNotAvailable", "message": "no B2s"}}),
    )
    with pytest.raises(ArmError, match="no B2s") as caught:
        arm.put(ID, {}, V)
    assert caught.value.code == "SkuNotAvailable"


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
def test_a_resource_that_ends_in_a_failed_state_is_no_success(az: Cloud, arm: Arm, state: str) -> None:
    az.on(f"PUT {ID}", Answer(200, {"id": ID, "properties": {"provisioningState": state}}))
    with pytest.raises(ArmError, match=state):
        arm.put(ID, {}, V)


def test_an_operation_that_cannot_be_followed_is_unfinished_and_not_done(az: Cloud, arm: Arm) -> None:
    az.on(f"PUT {ID}", Answer(202, None, {"Location": "{url}/op"}))
    az.on("GET /op", error(403, "AuthorizationFailed"))
    with pytest.raises(ArmError) as caught:
        arm.put(ID, {}, V)
    assert caught.value.unfinished


def test_an_operation_without_end_is_given_up_as_unfinished(az: Cloud) -> None:
    arm = az.arm(operation=0.0)
    az.on(f"PUT {ID}", Answer(202, None, {"Azure-AsyncOperation": "{url}/op"}))
    az.on("GET /op", Answer(body={"status": "InProgress"}))
    with pytest.raises(ArmError, match="half-changed") as caught:
        arm.put(ID, {}, V)
    arm.close()
    assert caught.value.unfinished


def test_a_list_follows_every_page_and_fails_as_a_whole(az: Cloud, arm: Arm) -> None:
    az.on("GET /l", Answer(body={"value": [{"id": 1}], "nextLink": "{url}/l2"}))
    az.on("GET /l2", Answer(body={"value": [{"id": 2}]}))
    assert arm.list("/l", V) == [{"id": 1}, {"id": 2}]
    az.on("GET /l2", error(403, "AuthorizationFailed"))
    with pytest.raises(ArmError):
        arm.list("/l", V)
    az.on("GET /l2", Answer(body={"value": [], "nextLink": "{url}/l2"}))
    with pytest.raises(ArmError, match="circle"):
        arm.list("/l", V)


def test_a_delete_of_what_is_gone_is_done(az: Cloud, arm: Arm) -> None:
    arm.delete(ID, V)
    az.on(f"DELETE {ID}", Answer(202, None, {"Location": "{url}/op"}))
    arm.delete(ID, V)
    assert az.seen[-1] == f"GET {ID}"


def test_a_lost_answer_to_an_action_is_repeated_only_when_the_action_is_idempotent(
    az: Cloud, arm: Arm
) -> None:
    az.on(f"POST {ID}/list", Answer(hang_up=True), Answer(body={"properties": {}}))
    assert arm.post(f"{ID}/list", None, V, idempotent=True) == {"properties": {}}
    az.on(f"POST {ID}/start", Answer(hang_up=True), Answer())
    with pytest.raises(ArmError):
        arm.post(f"{ID}/start", None, V)


def test_the_next_pages_token_is_in_no_message(az: Cloud, arm: Arm) -> None:
    az.on("GET /l", error(500, "Internal"))
    with pytest.raises(ArmError) as caught:
        arm.get(f"{az.url}/l?token=canary", V)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (ArmError(403, "AuthorizationFailed", "may not"), "dr doctor"),
        (ArmError(404, "ResourceNotFound", "not there"), "dr status"),
        (ArmError(0, "NoAnswer", "timed out"), "dr status"),
        (ValueError("garbage"), "dr status"),
    ],
)
def test_a_denial_leads_to_the_roles_and_anything_else_does_not(error: Exception, fix: str) -> None:
    """ACT-1: the first command after a grant is often denied; that is no reason to build the standby again."""
    assert fix_of(error, "dr status").startswith(fix)
