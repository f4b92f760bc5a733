"""The settings: a wrong value stops the start with one sentence, and an empty one is none."""

import base64
import os
import subprocess
import sys

import pytest

from tests.servers import ROOT

SHOW = (
    "from backend import settings as s;"
    " print(s.EMAIL_BACKEND.rsplit('.')[-2], s.EMAIL_USE_TLS, s.EMAIL_USE_SSL, s.MAIL_BY)"
)
SMTP = {"SMTP_HOST": "mail.example.org", "MAIL_FROM": "interlude@example.org", "MAIL_DIR": ""}
OTHER_KEY = base64.b64encode(bytes(32)).decode()


def start(**settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env=os.environ | settings, capture_output=True, text=True
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"MAIL_DIR": "", "SMTP_HOST": ""}, "name an SMTP server with SMTP_HOST, or"),
        (SMTP | {"SMTP_TLS": "ssl"}, "SMTP_TLS must be one of starttls, tls, none."),
        (SMTP | {"SMTP_TLS": "none"}, "SMTP_HOST must be localhost"),
        (SMTP | {"SMTP_USER": "interlude"}, "SMTP_USER and SMTP_PASSWORD belong together"),
        (SMTP | {"MAIL_FROM": ""}, "MAIL_FROM is not set"),
        ({"MASTER_KEYS_OLD": f"m1:{OTHER_KEY}"}, "MASTER_KEYS_OLD holds another key under m1"),
        ({"MASTER_KEYS_OLD": f":{OTHER_KEY}"}, "MASTER_KEYS_OLD must be id:key"),
        ({"MASTER_KEYS_OLD": f"m0:{OTHER_KEY},m0:{OTHER_KEY}"}, "with each id once"),
        ({"MASTER_KEY_FILE": "/dev/null/none"}, "MASTER_KEY_FILE cannot be read"),
        ({"MASTER_KEY_FILE": sys.executable}, "MASTER_KEY_FILE cannot be read (it is not text)"),
        ({"LOOKUP_KEY": ""}, "LOOKUP_KEY is not set"),
        ({"CORS_ALLOWED_ORIGINS": "*"}, "CORS_ALLOWED_ORIGINS must be origins"),
        ({"CORS_ALLOWED_ORIGINS": "https://app.example.org,http://app.example.org"}, "only of localhost"),
        ({"CORS_ALLOWED_ORIGINS": "https://app.example.org/"}, "without a path"),
        ({"SMTP_PORT": "mail"}, "SMTP_PORT must be a whole number"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(settings: dict[str, str], sentence: str):
    started = start(**settings)

    assert started.returncode == 1
    assert started.stdout == ""
    assert sentence in started.stderr
    assert len(started.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"MAIL_DIR": "mail", "SMTP_HOST": ""}, ["filebased", "True", "False", "folder"]),
        (SMTP, ["smtp", "True", "False", "smtp"]),
        (SMTP | {"SMTP_TLS": "tls"}, ["smtp", "False", "True", "smtp"]),
        (SMTP | {"SMTP_TLS": "none", "SMTP_HOST": "localhost"}, ["smtp", "False", "False", "smtp"]),
    ],
)
def test_mail_goes_by_smtp_as_said_or_to_the_folder_that_is_named(settings: dict[str, str], shown: list[str]):
    started = start(**settings)

    assert started.stdout.split() == shown, started.stderr


def test_an_empty_value_is_none_so_that_containers_may_pass_every_setting():
    started = start(MASTER_KEY_ID="", MASTER_KEYS_OLD="", SMTP_PORT="", PATIENT_STORAGE_MB="", DEBUG="")

    assert started.returncode == 0, started.stderr


@pytest.mark.parametrize(("value", "size"), [("", 15), ("4", 4)])
def test_the_web_process_has_a_connection_for_each_thread_unless_another_number_is_set(
    fresh_database, value: str, size: int
):
    show = "import backend.asgi; from backend import settings as s; print(s.DATABASES['default']['OPTIONS']['pool'])"

    told = subprocess.run(
        [sys.executable, "-c", show], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | fresh_database() | {"DATABASE_POOL": value},
    )  # fmt: skip

    assert f"'max_size': {size}," in told.stdout, told.stderr
