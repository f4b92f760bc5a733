"""The test of the matrix: checks are removed one by one, and it must see each of them missing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from tests.access import id_injection
from tests.access.actors import Scenario
from tests.access.checks import Checker
from tests.access.client import Ask
from tests.access.requests import few
from tests.rls_context import as_clinic
from tracker.access import policy
from tracker.access.chart import open_chart
from tracker.access.models import Device
from tracker.api.exceptions import _CODE_OF
from tracker.api.views import base, me
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient
from tracker.lib import rls
from tracker.lib.error_codes import CODES
from tracker.outbox import actions as outbox


def of(scenario: Scenario, route: str, *who: str) -> Iterator[Ask]:
    """The part of the matrix about one route and these actors."""
    return (ask for ask in few(scenario) if ask.route == route and ask.actor.name in who)


def test_a_chart_that_opens_to_everybody_is_seen(scenario, monkeypatch):
    def open_to_all(principal, patient_id, **_):
        """No check of team and consent, and the database's own net taken down with it."""
        clinic_id = Patient.objects.values_list("clinic_id", flat=True).filter(pk=patient_id).first()
        rls._apply(["", str(clinic_id or principal.clinic_id), *[""] * (len(rls.SETTINGS) - 3), "clinic"])
        patient = Patient.objects.filter(pk=patient_id).first()
        if patient is None:
            raise NotFoundOrHidden
        return patient

    monkeypatch.setattr(base, "open_chart", open_to_all)

    checker = Checker(scenario).check(of(scenario, "api/v1/records", "cleo"))

    assert any(line.startswith("status 200, not 404") and "about ada" in line for line in checker.wrong)
    assert any(line.startswith("leak of sharedvqzada") for line in checker.wrong)
    assert any(line.startswith("somebody else's and a missing one differ") for line in checker.wrong)


def test_an_administrator_who_may_read_records_is_seen(scenario, monkeypatch):
    given = policy._BY_ROLE["ADMINISTRATOR"] | {policy.Action.READ_RECORDS}
    monkeypatch.setattr(policy, "_BY_ROLE", {**policy._BY_ROLE, "ADMINISTRATOR": given})

    checker = Checker(scenario).check(of(scenario, "api/v1/records", "eve"))

    assert any("not 403: eve: GET /api/v1/records" in line for line in checker.wrong)


def test_a_refusal_that_names_the_missing_is_seen(scenario, monkeypatch):
    """Forbidden where it exists, missing where it does not: nothing is read, and yet it is told."""
    known = open_chart

    def telling(principal, patient_id, **more):
        with as_clinic(principal.clinic_id):
            exists = Patient.objects.filter(pk=patient_id).exists()
        if exists and patient_id not in principal.patients:
            raise PermissionError
        return known(principal, patient_id, **more)

    monkeypatch.setattr(base, "open_chart", telling)
    monkeypatch.setitem(CODES, "forbidden", replace(CODES["not_found"], code="forbidden"))
    monkeypatch.setitem(_CODE_OF, PermissionError, "forbidden")

    checker = Checker(scenario).check(of(scenario, "api/v1/records", "cleo"))

    assert checker.wrong
    assert all(line.startswith("somebody else's and a missing one differ") for line in checker.wrong)


def test_a_header_that_is_believed_is_seen(scenario, monkeypatch):
    known = base.principal_of

    def believing(request):
        principal = known(request)
        return replace(principal, name=request.headers.get("X-User", principal.name))

    monkeypatch.setattr(me, "principal_of", believing)

    checker = id_injection.check_injection(Checker(scenario), ("cleo",), of="api/v1/me")

    assert any(line.startswith("id injection changed") for line in checker.wrong)


def test_a_write_to_somebody_elses_record_is_seen(scenario, monkeypatch):
    """A route that answers as it should, and dates a patient's phone back beside it."""
    known = outbox.mark_read

    def meddling(**more):
        ada = scenario.patients["ada"]
        with rls.as_patient(ada.clinic_id, ada.pk):
            Device.objects.filter(patient=ada).update(paired_at=timezone.now() - timedelta(days=900))
        return known(**more)

    monkeypatch.setattr(outbox, "mark_read", meddling)

    checker = Checker(scenario).check(of(scenario, "api/v1/messages/<uuid:message_id>/read", "cleo"))

    assert any(line.startswith("the record of ada was changed") for line in checker.wrong)
