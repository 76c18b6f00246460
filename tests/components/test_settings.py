"""Settings: what may be, what may not, and how it is said."""

from __future__ import annotations

import contextvars
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import settings as runtime

from clouds.program import stack_config
from components.schema import FIELDS, SettingsError
from components.settings import Direction, Mode, Settings, from_files, from_pulumi
from tests.components.bad_settings import BAD, GONE, MANY, MANY_WORDS, write
from tests.components.recording import ROOT

Read = Callable[[Path, str], Settings]


def through_pulumi(root: Path, stack: str) -> Settings:
    """As inside the program: the engine hands the same files over as text."""

    def inside() -> Settings:
        project, config, secrets = stack_config(root, stack)
        runtime.configure(runtime.Settings(project=project, stack=stack))
        pulumi.runtime.set_all_config(config, secrets)
        return from_pulumi()

    return contextvars.copy_context().run(inside)


WAYS = pytest.mark.parametrize("read", [from_files, through_pulumi], ids=["from_files", "from_pulumi"])


@WAYS
@pytest.mark.parametrize(("edits", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_gets_one_error_in_three_parts_with_file_and_key(
    tmp_path: Path, read: Read, edits: Mapping[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(write(tmp_path, edits), "standby")
    error = caught.value
    assert [p for p in error.problems if words in p], error.problems
    assert all(p.startswith("Pulumi.standby.yaml: ") for p in error.problems)
    assert "nothing was changed" in error.summary
    assert error.detail
    assert error.fix == "edit Pulumi.standby.yaml, then: dr preview -s standby"
    said = (
        str(error).strip().removeprefix("SettingsError: ")
    )  # inside Pulumi it is told as `dr` wants it: test_refusals.py
    assert said == f"{error.summary}\n  why it matters: {error.detail}\n  fix: {error.fix}"


@WAYS
def test_all_problems_are_reported_at_once(tmp_path: Path, read: Read) -> None:
    with pytest.raises(SettingsError) as caught:
        read(write(tmp_path, MANY), "standby")
    assert len(caught.value.problems) == len(MANY_WORDS)
    for words in MANY_WORDS:
        assert sum(words in problem for problem in caught.value.problems) == 1, words
    assert caught.value.summary.startswith(f"{len(MANY_WORDS)} problems in the settings")


@pytest.mark.parametrize("stack", list(Mode))
def test_both_ways_in_give_the_same_settings(stack: Mode) -> None:
    assert from_files(ROOT, stack) == through_pulumi(ROOT, stack)


@WAYS
def test_a_lost_mode_does_not_turn_a_failover_into_a_rollback(tmp_path: Path, read: Read) -> None:
    """Pulumi.yaml's default is standby: `pulumi up -s active` would otherwise switch the wrong way."""
    with pytest.raises(SettingsError, match="must be active in the stack of that name"):
        read(write(tmp_path, {"standby:mode": GONE}, "active"), "active")


@WAYS
def test_a_private_key_pasted_for_a_public_one_is_refused_and_not_repeated(
    tmp_path: Path, read: Read
) -> None:
    pasted = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary-71c3\n-----END OPENSSH PRIVATE KEY-----"
    with pytest.raises(SettingsError, match="must be an OpenSSH public key") as caught:
        read(write(tmp_path, {"api.sshPublicKey": pasted}), "standby")
    assert "canary-71c3" not in str(caught.value)


def test_a_long_value_is_cut_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        from_files(write(tmp_path, {"dns.domain": "x" * 5000}), "standby")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["config: [", "- a list", "config: seven", "\x00"])
def test_a_stack_file_that_is_no_mapping_is_one_problem(tmp_path: Path, text: str) -> None:
    write(tmp_path, {})
    (tmp_path / "Pulumi.standby.yaml").write_text(text)
    with pytest.raises(SettingsError, match=r"Pulumi\.standby\.yaml: "):
        from_files(tmp_path, "standby")


def test_a_stack_that_is_not_there_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        from_files(write(tmp_path, {}), "stanby")


def test_keys_without_a_namespace_are_the_projects_own(tmp_path: Path) -> None:
    """Pulumi takes them so."""
    config = yaml.safe_load((ROOT / "Pulumi.standby.yaml").read_text())["config"]
    write(tmp_path, {})
    bare = {key.removeprefix("standby:"): value for key, value in config.items()}
    (tmp_path / "Pulumi.standby.yaml").write_text(yaml.safe_dump({"config": bare}))
    assert from_files(tmp_path, "standby") == from_files(ROOT, "standby")


@WAYS
@pytest.mark.parametrize(
    "edits",
    [
        {"dns.ttl": 300},
        {"gateway.certificateSecretId": "https://kv-demay.vault.azure.net/secrets/wildcard"},
        {"database.throughputKind": "autoscale", "database.standbyThroughput": 1000},
        {"azure-native:location": "brazilsouth"},
        {"tags": {}},
        {"dns": {"domain": "demay.com"}},
    ],
    ids=["TTL 300", "versionless", "autoscale", "a provider's key", "no tags", "defaults below a group"],
)
def test_what_is_right_at_the_edge_is_taken(tmp_path: Path, read: Read, edits: Mapping[str, Any]) -> None:
    assert read(write(tmp_path, edits), "standby").mode is Mode.STANDBY


def test_the_dials_are_the_seeds_figures(site: Settings) -> None:
    """Nothing at rest, two instances and 4000 RU/s in a contingency; the data flows against the traffic."""
    standby, active = site.in_mode(Mode.STANDBY).dials, site.in_mode(Mode.ACTIVE).dials
    assert (standby.instances, standby.throughput, standby.traffic_to_azure) == (0, 400, False)
    assert (active.instances, active.throughput, active.traffic_to_azure) == (2, 4000, True)
    assert (standby.direction, active.direction) == (Direction.FORWARD, Direction.REVERSE)
    assert (standby.converter_listens, active.converter_listens) == (False, True)


# -- the stack files -----------------------------------------------------------------------------------------


def stack_files() -> dict[str, dict[str, Any]]:
    return {mode: yaml.safe_load((ROOT / f"Pulumi.{mode}.yaml").read_text()) for mode in Mode}


def test_the_stack_files_differ_in_the_mode_alone() -> None:
    """`encryptionsalt` and its like are Pulumi's own and no part of this (facts.md)."""
    standby, active = (stack_files()[mode]["config"] for mode in (Mode.STANDBY, Mode.ACTIVE))
    assert (standby.pop("standby:mode"), active.pop("standby:mode")) == ("standby", "active")
    assert standby == active


def test_no_secret_and_no_account_number_stands_in_a_stack_file() -> None:
    """Subscription, tenant and account ids come from the environment; secrets from nowhere."""
    guid = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    account = r"(?<![\w+/])\d{12}(?![\w+/])"
    secret = r"secure:|AccountKey=|PRIVATE KEY|AKIA[0-9A-Z]{16}|\bsig=|password"
    for name in ("Pulumi.yaml", "Pulumi.standby.yaml", "Pulumi.active.yaml"):
        text = (ROOT / name).read_text()
        assert re.findall(f"{guid}|{account}|{secret}", text, re.IGNORECASE) == [], name


def test_every_declared_key_has_a_default_a_type_and_a_description_and_is_a_setting() -> None:
    """A key without a default would be required in every stack, of every site (facts.md)."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert {k: sorted(v) for k, v in declared.items()} == {
        k: ["default", "description", "type"] for k in declared
    }
    groups = {f"standby:{key.partition('.')[0]}" for key in FIELDS}
    assert set(declared) == groups
