"""``manage.py demo people``, ``load``, ``diary`` and ``codes``: the demo clinic. All can be run again."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from tracker.demo import loading, people


class Command(BaseCommand):
    help = "Make the demo clinic's people, and fill it with the real diary and the simulated patients."

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        make = steps.add_parser("people", help="make clinics, staff and patients; write their sign-ins")
        load = steps.add_parser("load", help="load the records into a running server")
        alone = steps.add_parser(
            "diary", help="import the real diary alone, as a phone, into a running server"
        )
        codes = steps.add_parser("codes", help="print the codes of the demo staff's authenticator apps")
        codes.add_argument("who", nargs="?", default="", help="only of addresses that hold this")
        for step in (make, load, alone, codes):
            step.add_argument("--sign-ins", type=Path, required=True, help="the file of sign-ins")
        for step in (load, alone):
            step.add_argument("--url", required=True, help="address of the running server")
            step.add_argument("--patience", type=float, default=600, help="seconds to wait for an answer")

    def handle(self, *args: Any, step: str, **options: Any) -> None:
        if step == "people":
            made = people.prepare(options["sign_ins"], timezone.localdate())
            self.say(f"{len(made)} sign-ins in {options['sign_ins']}")
            return
        if step == "codes":
            self.codes(options["sign_ins"], options["who"])
            return
        # The two ways in do not wait for each other; the block ends when both have.
        with ThreadPoolExecutor(1) as beside:
            others = beside.submit(self.simulated) if step == "load" else None
            self.diary(options["url"], options["sign_ins"], options["patience"])
        if others:
            others.result()
        loading.take_old_alerts_of_diary(timezone.now())
        self.say("loaded")

    def say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()

    def codes(self, sign_ins: Path, who: str) -> None:
        now = int(time.time())
        for person in json.loads(sign_ins.read_text()):
            if who in person["email"] and person.get("authenticator"):
                secret = parse_qs(urlsplit(person["authenticator"]).query)["secret"][0]
                code = format_hotp_value(hotp_value(secret, now // 30))
                self.say(f"{code}  {person['email']}")
        self.stderr.write(f"They change in {30 - now % 30} s; each is good for one sign-in.")

    def simulated(self) -> None:
        try:
            loading.simulate_everybody(self.say, timezone.now())
        finally:
            connection.close()

    def diary(self, url: str, sign_ins: Path, patience: float) -> None:
        entry = next(item for item in json.loads(sign_ins.read_text()) if item["email"] == people.DIARY_EMAIL)
        try:
            loading.import_diary(url, entry["email"], entry["password"], self.say, patience_s=patience)
        except loading.RefusedError as problem:
            raise CommandError(f"{problem}. Run the command again: what arrived stays.") from None
