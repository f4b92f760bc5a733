"""The function that sets the row-security context: the file is what is installed, and its bits are the policy's."""

import re
from pathlib import Path

from django.db import connection

from tracker.access import migrations, policy
from tracker.lib import rls

FILE = Path(migrations.__file__).resolve().parents[1] / "sql" / "set_context.sql"


def statement() -> str:
    """The file without the comment that it begins with."""
    return re.sub(r"\A(--[^\n]*\n)+", "", FILE.read_text())


def test_the_installed_function_is_the_one_in_the_file(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('access_set_context'::regproc)")
        (installed,) = cursor.fetchone()

    assert installed == statement()


def test_the_function_runs_with_the_callers_rights(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosecdef FROM pg_proc WHERE oid = 'access_set_context'::regproc")

        assert cursor.fetchone() == (False,)


def test_the_bits_of_the_function_are_the_categories_in_the_policys_order():
    categories = [str(category) for category in policy.Category]
    bits = [2**place for place in range(len(categories))]
    text = statement()
    lists = re.findall(r"set_config\('app\.(\w+)', [^\n]*FILTER \(WHERE bits & (\d+) > 0\)", text)
    of_team = re.findall(r"(\d+) \* coalesce\(c\.(\w+), false\)::int", text)
    of_caregiver = re.findall(r"(\d+) \* \('(\w+)' = ANY \(g\.categories\)\)::int", text)

    assert lists == [
        *((name.lower(), str(bit)) for name, bit in zip(categories, bits, strict=True)),
        ("writable", str(2 * 2 ** len(bits))),
    ]
    assert of_team == [(str(bit), name.lower()) for name, bit in zip(categories, bits, strict=True)]
    assert of_caregiver == [(str(bit), name) for name, bit in zip(categories, bits, strict=True)]
    assert f"ARRAY[{sum(bits)}]" in text
    assert f"THEN {2 ** len(bits)} ELSE 0" in text
    assert f"{2 * 2 ** len(bits)} * (g.writes_since IS NOT NULL)::int" in text
    assert ("patients", *map(str.lower, categories)) == rls.LISTS


def test_the_function_that_applies_consent_knows_every_category():
    text = (FILE.parent / "apply_consent_change.sql").read_text()
    inserted = re.findall(r"NEW\.given AND NEW\.category = '(\w+)'", text)
    updated = re.findall(
        r"(\w+) = CASE NEW\.category WHEN '(\w+)' THEN NEW\.given ELSE former\.(\w+) END", text
    )
    categories = [str(category) for category in policy.Category]

    assert inserted == categories
    assert updated == [(name.lower(), name, name.lower()) for name in categories]


def test_the_function_forgets_every_setting_of_the_context_before_it_looks():
    forgotten = re.findall(r"set_config\('app\.(\w+)', '', true\)", statement().partition("RETURN;")[0])

    assert ["person", *forgotten] == list(rls.SETTINGS)
