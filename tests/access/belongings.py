"""What is whose: the ids by which a route names it, and the marks that only those who may see it ever meet."""

import uuid
from datetime import timedelta
from typing import Any

from tests import factor, make
from tests.phone import Phone
from tracker.access.principal import load_principal
from tracker.accounts.models import Session, User
from tracker.alerts.models import Alert
from tracker.clinics.models import Patient, StaffMember
from tracker.lib import rls
from tracker.outbox import actions as outbox
from tracker.outbox.models import Channel, Message
from tracker.progress import actions as progress
from tracker.progress.models import Summary
from tracker.reminders import actions as reminders

NOW = make.MONDAY + timedelta(hours=1)
# Numbers that nobody else has: each patient's own dose.
DOSES = {"ada": 41739.125, "nan": 52847.375, "deb": 63951.625, "bea": 74063.875, "gus": 85179.125}
Thing = dict[str, str]
IDS = (
    "patient", "team", "clinic", "pain", "daily", "dose_id", "page", "shared", "answers", "alert", "check_in",
    "summary", "device", "session", "message", "passkey", "caregiver", "member", "user", "waiting",
)  # fmt: skip


def nothing() -> Thing:
    """Ids of everything, and none of them exists."""
    made = {name: str(uuid.uuid4()) for name in IDS} | {"passkey": "987654321"}
    return made | {"name": "Nobodyvqz", "birth_date": "1990-01-01"}


def belongings(patient: Patient, name: str, phone: Phone | None, by: StaffMember | None) -> Thing:
    """A patient's record, full of marks. Who has no phone has not come in yet, and has none."""
    thing = {"patient": str(patient.pk), "name": patient.name, "birth_date": str(patient.birth_date)}
    if phone is None or by is None:
        return {"waiting": str(patient.pk), "name": patient.name}
    thing |= {"team": str(patient.care_team_id), "clinic": str(patient.clinic_id)}
    thing |= _records(name, phone) | _derived(patient, by)
    thing |= {"device": str(phone.device)}
    assert patient.user
    return thing | own_things(patient.user, phone) | {"message": _message(patient.clinic_id, patient.user)}


def own_things(person: StaffMember | User, phone: Phone) -> Thing:
    """What everybody has who signs in: an account, a session, a passkey; staff a message too."""
    user = person.user if isinstance(person, StaffMember) else person
    session = Session.objects.filter(user=user).latest("began_at")
    key = factor.add_passkey(user)
    thing = {"user": str(user.pk), "email": user.email, "session": str(session.reference)}
    thing |= {"passkey": str(key.pk)}
    if isinstance(person, StaffMember):
        thing |= {"member": str(person.pk), "name": person.name}
        thing |= {"message": _message(person.clinic_id, user)}
    return thing


def _records(name: str, phone: Phone) -> Thing:
    sent: dict[str, dict[str, Any]] = {
        "pain": make.pain(6),
        "daily": make.daily(mood=4, pain_avg=5),
        "dose_id": make.record(
            "medication_use",
            {"medication": "sertraline", "outcome": "taken", "dose_value": DOSES[name], "dose_unit": "mg"},
        ),
        "page": make.record("journal", {"text": f"privatevqz{name}", "share": "none"}),
        "shared": make.record("journal", {"text": f"sharedvqz{name}", "share": "entry"}),
        "answers": make.phq9([1, 1, 1, 1, 1, 1, 1, 1, 2]),
    }
    answer = phone.push(*sent.values())
    assert {row["status"] for row in answer.json()["results"]} == {"stored"}, answer.content
    rls.reset()
    return {kind: record["id"] for kind, record in sent.items()}


def _derived(patient: Patient, by: StaffMember) -> Thing:
    progress.refresh(clinic_id=patient.clinic_id, patient_id=patient.pk, at=NOW)
    planned = reminders.plan_check_in(
        principal=load_principal(by.user_id, NOW), patient=patient, starts_at=NOW + timedelta(days=2), minutes=20,
        at=NOW,
    )  # fmt: skip
    rls.reset()
    with rls.as_patient(patient.clinic_id, patient.pk):
        return {
            "check_in": str(planned.pk),
            "alert": str(Alert.objects.get(patient=patient).pk),
            "summary": str(Summary.objects.filter(patient=patient).latest("week_start").pk),
        }


def _message(clinic_id: uuid.UUID, user: User) -> str:
    with rls.as_clinic(clinic_id):
        outbox.enqueue(
            clinic_id=clinic_id, recipients=[user.pk], words="check-in", subject="check_in/1",
            key=f"own/{user.pk}", due_at=NOW,
        )  # fmt: skip
        own = Message.objects.filter(recipient=user, subject="check_in/1", channel=Channel.INBOX)
        own.update(sent_at=NOW)
        return str(own.get().pk)
