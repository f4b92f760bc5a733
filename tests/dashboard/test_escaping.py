"""Escaping: a name that somebody chose is never markup in a clinician's session."""

from datetime import timedelta

import pytest

from tests import factories
from tests.dashboard.conftest import NOW, sign_in
from tests.rls_context import as_clinic, as_user
from tracker.access import break_glass
from tracker.clinics.models import CareTeam, Clinic, Patient, Role, StaffMember, TeamMembership

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def hostile_names(world, clock):
    """Everybody and everything that has a name is called by a script; Ben is on two teams, so teams are shown."""
    here = world.clinic
    with as_clinic(here.pk):
        second_team = Patient.objects.get(pk=world.bea.pk).care_team
        TeamMembership.objects.create(
            clinic_id=here.pk, team=second_team, staff_member=world.ben, starts_at=factories.LONG_AGO
        )
        for model in (Patient, StaffMember, CareTeam):
            for row in model.objects.filter(clinic_id=here.pk):
                model.objects.filter(pk=row.pk).update(name=SCRIPT + row.name)
    Clinic.objects.filter(pk=here.pk).update(name=SCRIPT)
    return world


@pytest.mark.parametrize(
    ("who", "page"),
    [
        ("ben", "/"),
        ("ben", "/patients/{ada}/"),
        ("ben", "/patients/invite/"),
        ("ben", "/emergency/"),
        ("eve", "/staff/"),
        ("officer", "/emergency/log/"),
    ],
)
def test_a_script_in_a_name_is_escaped_on_every_page_that_shows_names(hostile_names, send, who, page):
    world = hostile_names
    send(world.ada, factories.phq9([1, 1, 1, 1, 1, 1, 1, 1, 2], recorded_at=NOW.isoformat()))
    officer = factories.staff(world.clinic, "officer", Role.PRIVACY_OFFICER)
    with as_user(world.cleo, NOW - timedelta(minutes=5)) as cleo:
        break_glass.start(
            principal=cleo,
            patient_id=world.ada.pk,
            reason=SCRIPT + " found unconscious",
            at=NOW - timedelta(minutes=5),
        )
    person = {"ben": world.ben, "eve": world.eve, "officer": officer}[who]

    answer = sign_in(person.user).get(page.format(ada=world.ada.pk))

    assert answer.status_code == 200
    assert SCRIPT not in answer.content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.content.decode()
