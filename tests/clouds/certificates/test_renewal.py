"""READY-6: renewal is real ACME DNS-01 through the zone, against a real ACME server (pebble) and a real name server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

import localcloud
from clouds.acme_dns import obtain
from clouds.azure.arm import Arm, ArmError
from clouds.azure.challenge import Challenge
from clouds.certificate import Place, SiteCertificate, trusted_roots
from clouds.endpoints import load
from recovery.certificates import Offer, problems
from recovery.errors import Failed, Stopped, Unobserved
from tests.clouds.certificates.pebble import NEEDED, Pebble, running
from tests.localcloud.azure import Azure

DOMAIN = "demay.test"
NAMES = (DOMAIN, f"*.{DOMAIN}")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localcloud.LocalCloud]:
    with localcloud.start(tmp_path_factory.mktemp("acme"), 3000.0, with_parent=True, bare=True) as started:
        yield started


@pytest.fixture(scope="module")
def pebble(cloud: localcloud.LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    authority = load(cloud.environment).authority
    assert authority is not None
    with running(tmp_path_factory.mktemp("pebble"), f"{authority.address}:{authority.port}") as server:
        yield server


class World:
    """A zone and a vault on the local cloud."""

    def __init__(self, cloud: localcloud.LocalCloud) -> None:
        self.azure = Azure(cloud)
        self.azure.make_group()
        self.arm = Arm(load(cloud.environment))
        self.zone = str(
            self.azure.put(f"Microsoft.Network/dnsZones/{DOMAIN}", {"location": "global", "properties": {}})[
                "id"
            ]
        )
        self.vault = str(self.azure.put("Microsoft.KeyVault/vaults/kv-acme", {
            "location": "westeurope",
            "properties": {"tenantId": "t", "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True},
        })["id"])  # fmt: skip
        self.said: list[str] = []
        self.challenge = Challenge(self.arm, self.zone, self.said.append)
        self.site = SiteCertificate(self.arm, Place(self.vault, "site", NAMES, "", ""))

    def challenge_record(self) -> list[str] | None:
        try:
            body = self.arm.get(f"{self.zone}/TXT/_acme-challenge", "2018-05-01")
        except ArmError as error:
            if not error.missing:
                raise
            return None
        return [one["value"][0] for one in body["properties"]["TXTRecords"]]


@pytest.fixture
def world(cloud: localcloud.LocalCloud) -> Iterator[World]:
    made = World(cloud)
    yield made
    cloud.control("DELETE", "faults")
    made.azure.drop_group()
    made.azure.close()


def _obtain(world: World, pebble: Pebble) -> Offer:
    return obtain(
        NAMES,
        world.challenge.answered,
        directory=pebble.directory,
        ca_file=pebble.ca_file,
        say=world.said.append,
    )


@NEEDED
def test_apex_and_wildcard_are_proven_through_the_zone_and_the_vault_gets_a_new_version(
    world: World, pebble: Pebble
) -> None:
    """READY-6: real ACME DNS-01, the new version under the same name; the challenge is taken away again."""
    world.site.vault().create("site", NAMES)
    before = world.site.vault().get("site")
    offer = _obtain(world, pebble)
    now = datetime.now(UTC)
    assert problems(offer, NAMES, now, trusted_roots([pebble.root()])) == []
    made = world.site.put_in(offer, now, world.said.append)
    assert before is not None and before.self_signed and not made.self_signed
    assert set(made.names) == set(NAMES) and made.version != before.version
    assert made.secret_id.rpartition("/")[0] == before.secret_id.rpartition("/")[0], (
        "the gateway's versionless id moved"
    )
    assert world.challenge_record() is None
    assert any("authorities answer" in text for text in world.said)


@NEEDED
def test_a_certificate_that_no_browser_trusts_is_told_from_one_that_it_does(
    world: World, pebble: Pebble
) -> None:
    wrong = problems(_obtain(world, pebble), NAMES, datetime.now(UTC), trusted_roots())
    assert len(wrong) == 1 and "nobody trusts" in wrong[0]


@NEEDED
def test_a_challenge_that_the_ca_does_not_find_fails_in_the_cas_words_and_is_cleaned_up(
    world: World, pebble: Pebble
) -> None:
    @contextmanager
    def wrong(values: object) -> Iterator[None]:
        with world.challenge.answered(["not", "these"]):
            yield

    with pytest.raises(Failed, match="did not accept the challenge") as failed:
        obtain(NAMES, wrong, directory=pebble.directory, ca_file=pebble.ca_file)
    assert DOMAIN in failed.value.summary
    assert world.challenge_record() is None


def test_what_stood_at_the_challenges_name_is_put_back_also_when_the_ca_fails(world: World) -> None:
    body = {"properties": {"TTL": 300, "TXTRecords": [{"value": ["somebody else's"]}]}}
    world.arm.put(f"{world.zone}/TXT/_acme-challenge", body, "2018-05-01")
    seen: list[list[str] | None] = []

    def ca() -> None:
        with world.challenge.answered(["ours"]):
            seen.append(world.challenge_record())
            raise RuntimeError("the CA has gone")

    with pytest.raises(RuntimeError):
        ca()
    assert seen == [["ours"]]
    assert world.challenge_record() == ["somebody else's"]


def test_authorities_that_never_follow_stop_it_before_the_ca_is_asked(
    world: World, cloud: localcloud.LocalCloud
) -> None:
    """A failed try counts against a limit of the CA's, so nothing is asked before every authority answers."""
    other = Challenge(world.arm, world.zone.replace(DOMAIN, DOMAIN), world.said.append)
    other.name = f"_elsewhere.{DOMAIN}"
    with pytest.raises(Stopped, match="authorities do not give the challenge"), other.answered(["x"]):
        raise AssertionError("the CA was asked")
    assert world.challenge_record() is None


def test_a_directory_that_does_not_answer_changes_nothing(world: World, tmp_path: Path) -> None:
    @contextmanager
    def never(values: object) -> Iterator[None]:
        raise AssertionError("the zone was touched")
        yield

    with pytest.raises(Failed, match=r"127\.0\.0\.1:9"):
        obtain(NAMES, never, directory="https://127.0.0.1:9/dir")


def test_the_vaults_refusal_is_told_and_no_key_stands_in_it(
    world: World, cloud: localcloud.LocalCloud
) -> None:
    from tests.recovery.test_certificates import authority, issued

    root = authority("root")
    offer = issued(root, NAMES)
    world.site.vault()
    world.azure.send("DELETE", world.vault)
    with pytest.raises((Failed, Unobserved)) as refused:
        world.site.put_in(offer, datetime.now(UTC), world.said.append)
    assert "PRIVATE" not in str(refused.value) and "value" not in str(refused.value)


def test_an_imported_certificate_is_read_back_by_its_public_part(world: World) -> None:
    from tests.recovery.test_certificates import authority, issued

    offer = issued(authority("root"), NAMES)
    made = world.site.put_in(offer, datetime.now(UTC), world.said.append)
    seen = world.site.look(datetime.now(UTC))
    assert made.expires == offer.leaf.not_valid_after_utc and seen.newest == made
    assert seen.bound is None and seen.served is None, (
        "there is no gateway here, and that is not known to be fine"
    )
    assert isinstance(offer.leaf, x509.Certificate) and "PRIVATE" not in repr(offer)
