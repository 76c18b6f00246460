"""`dr in-azure`: the image is started by identity, its output streamed, its exit code returned, and removed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import localcloud
from clouds.azure.arm import Arm, ArmError, Patience
from clouds.azure.graph import Graph
from clouds.azure.inside import VERSION, Inside, Order
from clouds.azure.registry import Context
from clouds.endpoints import LOCAL_SUBSCRIPTION, Endpoints, load
from clouds.opening import Opening, Wishes
from recovery.errors import BadInput, Failed, Unobserved
from recovery.opening import Place
from scripts import in_azure

ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerInstance/containerGroups/ci"


class Scripted:
    """Answers for one group: a list of (state, log), each used once; an error is raised."""

    endpoints = Endpoints(scale=1000.0)

    def __init__(self, *turns: Any) -> None:
        self.turns, self.now, self.done = list(turns), ("", ""), list[str]()

    def get(self, id: str, version: str) -> dict[str, Any]:
        if id.endswith("/logs"):
            if isinstance(self.now[1], Exception):
                raise self.now[1]
            return {"content": self.now[1]}
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        self.now = turn
        code = {"exitCode": 3} if turn[0] == "Terminated" else {}
        view = {"currentState": {"state": turn[0], **code}}
        return {"properties": {"containers": [{"properties": {"instanceView": view}}]}}

    def post(self, id: str, body: Any, version: str) -> dict[str, Any]:
        self.done.append(id)
        return {}


def output(*turns: Any) -> tuple[str, int]:
    shown: list[str] = []
    inside = Inside(Scripted(*turns), shown.append, lambda text: None, sleep=lambda seconds: None)  # type: ignore[arg-type]
    code = inside.follow(ID, 1e9)
    return "".join(shown), code


def test_output_is_shown_once_as_it_grows_and_the_exit_code_is_the_commands_own() -> None:
    assert output(
        ("Waiting", ""), ("Running", "a\n"), ("Running", "a\nb\n"), ("Terminated", "a\nb\nc\n")
    ) == ("a\nb\nc\n", 3)


def test_output_whose_beginning_was_dropped_goes_on_where_it_was() -> None:
    long = "".join(f"line {i}\n" for i in range(100))
    assert output(("Running", long), ("Terminated", long[400:] + "end\n"))[0] == long + "end\n"


def test_a_lost_answer_is_no_end() -> None:
    lost = ArmError(0, "NoAnswer", "reset")
    assert output(("Running", "a"), lost, lost, ("Terminated", "ab")) == ("ab", 3)


def test_a_run_that_cannot_be_followed_is_unknown_and_says_how_to_go_on() -> None:
    with pytest.raises(Unobserved) as unseen:
        output(("Running", "a"), *[ArmError(0, "NoAnswer", "reset")] * 10)
    assert "dr in-azure --attach ci" in unseen.value.fix


def test_a_group_that_is_gone_is_not_taken_for_an_end() -> None:
    with pytest.raises(Unobserved):
        output(("Running", "a"), ArmError(404, "ResourceNotFound", "gone"))


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--limit", "x", "status"],
        ["--nonsense", "status"],
        ["--attach", "a", "status"],
        ["in-azure", "status"],
        ["rehearse"],
    ],
)
def test_a_command_line_that_makes_no_sense_runs_nothing(argv: list[str]) -> None:
    with pytest.raises(BadInput, match=r"."):
        in_azure._options(argv)


def test_what_follows_the_command_is_the_commands_own() -> None:
    assert in_azure._options(["--keep", "up", "-s", "active", "--yes"]) == (
        "",
        14400.0,
        True,
        ["up", "-s", "active", "--yes"],
    )


def test_no_secret_of_this_environment_is_passed() -> None:
    assert not [name for name in in_azure.PASSED if re_secret(name)]


def re_secret(name: str) -> bool:
    return any(word in name for word in ("KEY", "SECRET_", "PASS", "TOKEN"))


# -- on a local cloud that enforces roles --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localcloud.LocalCloud]:
    with localcloud.start(
        tmp_path_factory.mktemp("inside"), 3000.0, with_parent=True, bare=True, enforce_roles=True
    ) as cloud:
        yield cloud


class World:
    """Opened, with a footprint's group, network and an image."""

    def __init__(self, cloud: localcloud.LocalCloud) -> None:
        endpoints = load(cloud.environment)
        self.arm = Arm(endpoints, patience=Patience(attempts=1))
        self.place = place = Place(LOCAL_SUBSCRIPTION, f"p{uuid.uuid4().hex[:8]}", "brazilsouth")
        self.arm.put(place.footprint, {"location": "brazilsouth"}, "2024-03-01")
        context = Context({"Dockerfile": b"FROM scratch\n"}, "tag")
        opening = Opening(self.arm, Graph(endpoints), place, Wishes(), context, lambda text: None)
        opening.carry_out(opening.survey())
        self.image = opening.image
        vnet = f"{place.footprint}/providers/Microsoft.Network/virtualNetworks/v"
        delegation = {
            "name": "d",
            "properties": {"serviceName": "Microsoft.ContainerInstance/containerGroups"},
        }
        self.arm.put(vnet, {"location": "brazilsouth", "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [
                {"name": "tools", "properties": {"addressPrefix": "10.0.0.0/24", "delegations": [delegation]}},
                {"name": "other", "properties": {"addressPrefix": "10.0.1.0/24"}},
            ]}}, "2024-05-01")  # fmt: skip
        self.vnet = vnet
        self.identity = self.arm.get(place.tools, "2023-01-31")
        self.shown: list[str] = []
        self.inside = Inside(self.arm, self.shown.append, lambda text: None)

    def order(self, *command: str, subnet: str = "tools", image: str = "") -> Order:
        name = f"ci-{uuid.uuid4().hex[:6]}"
        return Order(
            f"{self.place.footprint}/providers/Microsoft.ContainerInstance/containerGroups/{name}", "brazilsouth",
            image or self.image, str(self.identity["id"]), str(self.identity["properties"]["clientId"]),
            f"{self.vnet}/subnets/{subnet}", command, {"NO_COLOR": "1"},
        )  # fmt: skip


@pytest.fixture(scope="module")
def world(strict: localcloud.LocalCloud) -> World:
    return World(strict)


def test_a_command_runs_as_the_tools_identity_and_its_code_comes_back(world: World) -> None:
    world.shown.clear()
    order = world.order("--version")
    world.inside.start(order)
    assert world.inside.follow(order.id, 1e6) == 0
    assert "".join(world.shown).strip()
    world.inside.remove(order.id)
    with pytest.raises(ArmError, match="ResourceNotFound"):
        world.arm.get(order.id, VERSION)


def test_a_command_that_fails_returns_its_own_code(world: World) -> None:
    order = world.order("no-such-verb")
    world.inside.start(order)
    assert world.inside.follow(order.id, 1e6) == 2
    assert "there is no verb" in "".join(world.shown)


def test_another_image_than_a_built_one_cannot_be_started(world: World) -> None:
    stranger = f"{world.place.registry_name}.azurecr.io/standby@sha256:{'0' * 64}"
    with pytest.raises(Exception, match="InaccessibleImage"):
        world.inside.start(world.order("--version", image=stranger))


def test_a_subnet_that_is_not_delegated_is_refused(world: World) -> None:
    with pytest.raises(Failed, match="InvalidSubnetDelegation"):
        world.inside.start(world.order("--version", subnet="other"))
