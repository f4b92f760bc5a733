"""What is whose: the ids by which a route names it, and the markers that only those who may see it ever meet."""

import uuid
from datetime import timedelta
from typing import Any

from tests import authenticator, factories
from tests.phone import Phone
from tests.rls_context import as_clinic, as_user
from tracker.accounts.models import Session, User
from tracker.alerts.models import Alert
from tracker.clinics.models import DutyPeriod, Invitation, Patient, Role, StaffMember
from tracker.lib import rls
from tracker.outbox import actions as outbox
from tracker.outbox.channels import INBOX
from tracker.outbox.models import Message
from tracker.progress import actions as progress
from tracker.progress import summaries
from tracker.reminders import actions as reminders
from tracker.reminders.models import CheckIn
from tracker.treatment import actions as treatment
from tracker.treatment import events

NOW = factories.MONDAY + timedelta(hours=1)
# Numbers that nobody else has: each patient's own dose.
DOSES = {"ada": 41739.125, "nan": 52847.375, "deb": 63951.625, "bea": 74063.875, "gus": 85179.125}
Resource = dict[str, str]
IDS = (
    "patient", "team", "clinic", "pain", "daily", "dose_id", "page", "shared", "answers", "alert", "check_in",
    "summary", "device", "session", "message", "passkey", "caregiver", "member", "user", "waiting",
    "duty", "role", "newcomer", "treatment_session",
)  # fmt: skip


def missing_resource() -> Resource:
    """Ids of everything, and none of them exists."""
    made = {name: str(uuid.uuid4()) for name in IDS} | {"passkey": "987654321", "duty": "987654321"}
    return made | {"name": "Nobodyvqz", "birth_date": "1990-01-01"}


def patient_resources(patient: Patient, name: str, phone: Phone | None, by: StaffMember | None) -> Resource:
    """A patient's record, full of marks. Who has no phone has not come in yet, and has none."""
    resource = {"patient": str(patient.pk), "name": patient.name, "birth_date": str(patient.birth_date)}
    if phone is None or by is None:
        return {"waiting": str(patient.pk), "name": patient.name, "newcomer": _newcomer(patient)}
    resource |= {"team": str(patient.care_team_id), "clinic": str(patient.clinic_id)}
    resource |= _records(name, phone) | _derived(patient, by)
    resource |= {"device": str(phone.device), "role": str(patient.pk)}
    assert patient.user
    return (
        resource
        | account_resources(patient.user, phone)
        | {"message": _message(patient.clinic_id, patient.user)}
    )


def account_resources(person: StaffMember | User, phone: Phone) -> Resource:
    """What everybody has who signs in: an account, a session, a passkey; staff a message too."""
    user = person.user if isinstance(person, StaffMember) else person
    session = Session.objects.filter(user=user).latest("began_at")
    key = authenticator.add_passkey(user)
    resource = {"user": str(user.pk), "email": user.email, "session": str(session.reference)}
    resource |= {"passkey": str(key.pk)}
    if isinstance(person, StaffMember):
        resource |= {"member": str(person.pk), "name": person.name, "role": str(person.pk)}
        resource |= {"message": _message(person.clinic_id, user), "duty": _duty(person)}
    return resource


def _newcomer(patient: Patient) -> str:
    """An invitation by the clinic's administrator that somebody has taken, and that nobody has approved."""
    with as_clinic(patient.clinic_id):
        inviter = StaffMember.objects.filter(clinic_id=patient.clinic_id).order_by("role").first()
        assert inviter
        return str(
            Invitation.objects.create(
                clinic_id=patient.clinic_id, code=uuid.uuid4().bytes * 2, invited_by_id=inviter.user_id,
                role=Role.CLINICIAN, name="Newvqz", made_at=NOW, expires_at=NOW + timedelta(days=7), used_at=NOW,
                used_by=factories.user("newvqz"),
            ).pk
        )  # fmt: skip


def _duty(person: StaffMember) -> str:
    """A duty period that has not begun: nobody is asked because of it yet."""
    starts_at = NOW + timedelta(days=30)
    with as_clinic(person.clinic_id):
        period = DutyPeriod.objects.create(
            clinic_id=person.clinic_id,
            staff_member=person,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(days=1),
        )
    return str(period.pk)


def _records(name: str, phone: Phone) -> Resource:
    sent: dict[str, dict[str, Any]] = {
        "pain": factories.pain(6),
        "daily": factories.daily(mood=4, pain_avg=5),
        "dose_id": factories.record(
            "medication_use",
            {"medication": "sertraline", "outcome": "taken", "dose_value": DOSES[name], "dose_unit": "mg"},
        ),
        "page": factories.record("journal", {"text": f"privatevqz{name}", "share": "none"}),
        "shared": factories.record("journal", {"text": f"sharedvqz{name}", "share": "entry"}),
        "answers": factories.phq9([1, 1, 1, 1, 1, 1, 1, 1, 2]),
    }
    answer = phone.push(*sent.values())
    assert {row["status"] for row in answer.json()["results"]} == {"stored"}, answer.content
    return {kind: record["id"] for kind, record in sent.items()}


def _derived(patient: Patient, by: StaffMember) -> Resource:
    progress.refresh(clinic_id=patient.clinic_id, patient_id=patient.pk, at=NOW)
    # After those of the others: a clinician has one at a time.
    with as_clinic(patient.clinic_id):
        starts_at = NOW + timedelta(days=2, hours=CheckIn.objects.filter(clinic_id=patient.clinic_id).count())
    session_id = uuid.uuid4()
    plan = {"kind": "plan", "id": str(uuid.uuid4()), "at": NOW.isoformat(), "starts_at": NOW.isoformat()}
    with as_user(by, NOW) as principal:
        treatment.plan_session(
            principal=principal, patient=patient, session_id=session_id, sent_at=NOW, at=NOW,
            plan=events.PlanEvent.model_validate(plan | {"route": "troche", "setting": "home"}),
        )  # fmt: skip
        planned = reminders.plan_check_in(
            principal=principal, patient=patient, starts_at=starts_at, minutes=20, at=NOW
        )
    with rls.as_patient(patient.clinic_id, patient.pk):
        return {
            "check_in": str(planned.pk),
            "treatment_session": str(session_id),
            "alert": str(Alert.objects.get(patient=patient).pk),
            "summary": str(summaries.newest(patient.pk, limit=1)[0].id),
        }


def _message(clinic_id: uuid.UUID, user: User) -> str:
    with as_clinic(clinic_id):
        outbox.enqueue(
            clinic_id=clinic_id, recipients=[user.pk], words="check-in", subject="check_in/1",
            key=f"own/{user.pk}", due_at=NOW,
        )  # fmt: skip
        own = Message.objects.filter(recipient=user, subject="check_in/1", channel=INBOX)
        own.update(sent_at=NOW)
        return str(own.get().pk)
