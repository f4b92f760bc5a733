"""A right that is withdrawn stays withdrawn, whatever was under way in that moment: real transactions, interleaved."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from tests import factories
from tests.concurrency import run_concurrently, run_during
from tests.phone import Phone, token_of
from tests.rls_context import act_as, as_clinic
from tracker.access import break_glass, devices
from tracker.access.models import BreakGlassAccess, Caregiver, Consent, Device
from tracker.access.policy import EVERYTHING, Category
from tracker.access.principal import with_session
from tracker.accounts.models import AccountKind
from tracker.accounts.reauthentication import ReauthenticationRequired
from tracker.records.kinds.journal import JournalEntry


def signed_in(world: factories.World, ago: timedelta) -> Phone:
    """Ada's phone, on which she proved who she is so long ago."""
    with time_machine.travel(timezone.now() - ago):
        return Phone(world.ada.user)


def sharing(world: factories.World, *categories: Category, **more: Any) -> dict[str, Any]:
    named = [category.lower() for category in categories]
    return {"text_version": 1, "teams": [{"team": str(world.team.pk), "categories": named}]} | more


def shared(world: factories.World) -> frozenset[Category]:
    with as_clinic(world.clinic.pk):
        return Consent.objects.get(patient=world.ada, team=world.team).categories()


@pytest.mark.parametrize("minutes", [0, 6])
def test_a_withdrawn_consent_is_not_restored_by_a_phone_that_repeats_the_former_sharing(live, minutes):
    world = live.world
    phone = signed_in(world, timedelta(minutes=minutes))

    answer = run_during(
        lambda: factories.share(world.ada, world.team, [], timezone.now()),
        lambda: phone.call("PUT", "me/consents", sharing(world, *EVERYTHING)),
    )

    assert shared(world) == frozenset()
    assert (answer.status_code, answer.json()["code"]) == (409, "consents_changed")


@pytest.mark.parametrize("days", [None, 3])
def test_a_caregiver_whose_access_is_granted_twice_at_once_is_revoked_once_and_for_all(live, days):
    world, carl, at = live.world, factories.user("carl", AccountKind.CAREGIVER), timezone.now()
    ends_at = at + timedelta(days=days) if days else None

    def grant() -> Caregiver:
        return factories.caregiver(world.ada, carl, Category.PAIN, at=timezone.now(), ends_at=ends_at)

    grants = [run_during(grant, grant), *run_concurrently(grant, grant)]

    assert [made for made in grants if isinstance(made, Exception)] == []
    with as_clinic(world.clinic.pk):
        standing = Caregiver.objects.active(timezone.now()).filter(user=carl)
        assert standing.count() == 1


def test_a_retired_device_is_not_paired_again_by_a_sign_in_that_was_under_way(live):
    world = live.world
    phone, again = Phone(world.ada.user), Phone(world.ada.user, paired=False)

    def retire() -> None:
        principal = with_session(act_as(world.ada), authenticated_at=None, device_id=phone.device)
        devices.retire(principal=principal, device_id=phone.device, at=timezone.now())

    answer = run_during(retire, lambda: again.post("devices", {"id": str(phone.device), "label": ""}))

    assert (answer.status_code, answer.json()["code"]) == (409, "device_retired")
    assert phone.get("me").status_code == 401


def test_of_two_first_devices_paired_at_once_by_old_sign_ins_the_second_needs_reauthentication(live):
    world, at = live.world, timezone.now()

    def pair() -> uuid.UUID:
        key, device = token_of(world.ada.user), uuid.uuid4()
        old = with_session(act_as(world.ada), authenticated_at=at - timedelta(minutes=6), device_id=None)
        devices.pair(principal=old, session_key=key, device_id=device, label="", at=at)
        return device

    outcome = run_during(pair, transaction.atomic(pair))

    assert isinstance(outcome, ReauthenticationRequired)
    with as_clinic(world.clinic.pk):
        assert Device.objects.filter(patient=world.ada).count() == 1


@pytest.mark.parametrize("revision", [1, 2])
def test_a_page_that_is_shared_no_more_is_not_shared_by_a_phone_that_repeats_or_amends_it(live, revision):
    world = live.world
    first, second = Phone(world.ada.user), Phone(world.ada.user)
    page = factories.record("journal", {"text": "for you", "share": "entry"})
    first.push(page)
    unshared = page | {"revision": 2, "data": {"text": "for you", "share": "none"}}
    repeated = page | {"revision": revision}

    answer = run_during(lambda: first.push(unshared), lambda: second.push(repeated))

    assert answer.json()["results"][0]["status"] == {1: "replayed", 2: "conflict"}[revision]
    with transaction.atomic():
        act_as(world.ben)
        assert not JournalEntry.objects.exists()


def test_of_two_accesses_in_an_emergency_begun_at_once_one_is_open_and_none_after_the_end(live):
    world = live.world

    @transaction.atomic
    def start(patient_id: uuid.UUID) -> BreakGlassAccess:
        return break_glass.start(
            principal=act_as(world.cleo), patient_id=patient_id, reason="found unconscious", at=timezone.now()
        )

    def open_now() -> int:
        with as_clinic(world.clinic.pk):
            return BreakGlassAccess.objects.filter(user=world.cleo.user, ends_at__gt=timezone.now()).count()

    second = run_during(lambda: start(world.ada.pk), lambda: start(world.bea.pk))
    assert isinstance(second, BreakGlassAccess), second
    assert open_now() == 1

    with transaction.atomic():
        assert break_glass.end(principal=act_as(world.cleo), at=timezone.now()) == 1
    assert open_now() == 0
