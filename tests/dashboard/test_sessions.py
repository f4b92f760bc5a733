"""The sessions page: ending one of one's own sign-ins."""

import pytest

from tests.dashboard.conftest import NOW, sign_in
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.accounts.models import Session
from tracker.audit.models import AuditEvent


@pytest.mark.parametrize("by", ["page", "api"])
def test_ending_a_session_records_an_audit_event_of_the_patient_on_the_page_and_over_the_api(
    world, by, clock
):
    other = Phone(world.ada.user)
    reference = Session.objects.get(user=world.ada.user, device_id=other.device).reference

    if by == "page":
        assert sign_in(world.ada.user).post(f"/sessions/{reference}/end/").status_code == 302
    else:
        assert Phone(world.ada.user).call("DELETE", f"me/sessions/{reference}").status_code == 204

    assert not Session.objects.filter(reference=reference).exists()
    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.get(action="session.end")
    assert (event.actor, event.subject, event.patient, event.at) == (
        f"user/{world.ada.user_id}", f"session/{reference}", world.ada.pk, NOW,
    )  # fmt: skip


def test_a_session_of_somebody_else_cannot_be_ended_on_the_page_and_looks_missing(world, ben):
    Phone(world.ada.user)
    reference = Session.objects.get(user=world.ada.user).reference

    assert ben.post(f"/sessions/{reference}/end/").status_code == 404
    assert Session.objects.filter(reference=reference).exists()
