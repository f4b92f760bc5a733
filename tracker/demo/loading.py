"""Filling the demo clinic: the real diary over HTTP, the simulated patients through ingest. Twice is once."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.db import transaction

from tracker.access.principal import Principal, load_principal
from tracker.accounts.models import User
from tracker.alerts import acknowledgement
from tracker.alerts.models import Alert
from tracker.clinics.models import Patient
from tracker.demo import clinic_work, diary, people, simulate, treatment_sessions
from tracker.sync import ingest, receipts
from tracker.sync.batch import BatchKey

Say = Callable[[str], None]
# The phone is no part of the product: it shows what the protocol asks of an app, and tests use it too.
PHONE = settings.BASE_DIR / "examples" / "reference_phone.py"
# Alerts older than this have been taken by a clinician; the newest stand open.
STILL_OPEN = timedelta(days=7)


class RefusedError(Exception):
    """The phone could not bring the diary in; running it again goes on where it stopped."""


def import_diary(url: str, email: str, password: str, say: Say, *, patience_s: float = 600) -> None:
    """
    Push the real diary to a running server as a phone would: with the reference phone, as a program of its own.

    Safe to stop at any point and to run again: what arrived before is replayed.

    :raises RefusedError: if the server will not take a record, or gives no answer for ``patience_s`` seconds.
    """
    if not PHONE.exists():
        raise RefusedError("the reference phone is not part of this installation: clone the repository")
    rows, mapping = diary.load()
    lines = "".join(json.dumps(record) + "\n" for record in diary.records(rows, mapping))
    with TemporaryDirectory() as folder:
        options = {
            "--url": url, "--email": email, "--device": str(diary.DEVICE), "--patience": str(patience_s),
            "--ledger": str(Path(folder) / "ledger.sqlite"),
        }  # fmt: skip
        command = [
            sys.executable,
            str(PHONE),
            *(part for pair in options.items() for part in pair),
            "add",
            "sync",
        ]
        environment = {"PHONE_PASSWORD": password, "PATH": os.environ.get("PATH", "")}
        ended = subprocess.run(
            command, input=lines, env=environment, capture_output=True, text=True, check=False
        )
    if ended.returncode:
        raise RefusedError(next(iter(ended.stderr.splitlines()), "the phone stopped without a word"))
    say(f"real diary: {ended.stdout.strip()}")


def simulate_everybody(say: Say, now: datetime) -> None:
    """Put six months of every simulated patient through ingest."""
    everybody = simulate.everybody()
    for n, who in enumerate(everybody, start=1):
        if _simulate(who, now):
            say(f"simulated patients: {n} of {len(everybody)}")


def _enter(email: str, at: datetime) -> Principal:
    return load_principal(User.objects.get(email=email).pk, at)


def _clinician_of(who: simulate.Simulated) -> str:
    return f"{'ben' if who.number < 20 else 'cleo'}@{simulate.HOST}"


def _simulate(who: simulate.Simulated, now: datetime) -> bool:
    """Load one patient; return whether there was anything to do. The last week's receipt says it was done."""
    with transaction.atomic():
        principal = _enter(who.email, now)
        enrolled_on = Patient.objects.get(pk=principal.own_patient_id).enrolled_on
        if receipts.exists(principal, _sent(who, simulate.WEEKS - 1)):
            return False
    treatment_sessions.load(who, _clinician_of(who), enrolled_on, now)
    for week, batch in enumerate(simulate.weeks(who, enrolled_on)):
        with transaction.atomic():
            at = simulate.sent_at(who, enrolled_on, week)
            receipt = ingest.apply_batch(
                principal=_enter(who.email, at), sent=_sent(who, week), items=batch, at=at
            )
        # Taken before the next one comes, or that one would join it.
        if receipt.alerted:
            _take_old_alerts(who, now)
    _take_old_alerts(who, now)
    clinic_work.after_loading(who, _clinician_of(who), now)
    return True


def _sent(who: simulate.Simulated, week: int) -> BatchKey:
    return BatchKey(uuid.UUID(who.id("device")), f"demo-week-{week:02d}")


@transaction.atomic
def _take_old_alerts(who: simulate.Simulated, now: datetime) -> None:
    """A clinician took the alerts of the past at the time; only new ones stand open."""
    principal = _enter(_clinician_of(who), now)
    for alert in Alert.objects.open().filter(
        patient_id=clinic_work.patient_id_of(who, principal), raised_at__lt=now - STILL_OPEN
    ):
        acknowledgement.acknowledge(
            alert_id=alert.pk, principal=principal, at=alert.raised_at + timedelta(minutes=9)
        )


def take_old_alerts_of_diary(now: datetime) -> None:
    """The diary is of 2012: what it raised was looked at long ago."""
    with transaction.atomic():
        principal = _enter(f"ben@{simulate.HOST}", now)
        old = Alert.objects.open().filter(patient__user__email=people.DIARY_EMAIL, is_historical=True)
        for alert in old:
            acknowledgement.acknowledge(alert_id=alert.pk, principal=principal, at=now)
