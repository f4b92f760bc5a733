"""
PHQ-9 in a renderer that no one here wrote: the LHC-Forms of the U.S. National Library of Medicine (npm
``lforms``). It is fetched once into var/, is no part of the product, and answers from loopback only.
"""

import base64
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect, sync_playwright

from tests import factories
from tests.instruments import r4
from tests.phone import Phone
from tests.servers import ROOT
from tracker.instruments import catalogue
from tracker.lib import rls
from tracker.records.kinds.questionnaire import Score

RENDERER = "lforms@40.1.3"
SHA512 = "WLruTm+BcVnafC0rSAQ3/cNqhxvclBUxyBG68aub/uha2NaK9H8ZZcEXTTuORuGzzCt0wa7fvhuieZtcDIdPzQ=="
CHROMIUM = "/usr/bin/chromium"
# A page that comes late on a busy machine is no wrong page.
expect.set_options(timeout=20_000)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAGE = """<!doctype html><meta charset="utf-8"><title>A renderer</title>
<link rel="stylesheet" href="dist/lforms/webcomponent/styles.css">
<div id="form"></div>
<script src="dist/lforms/webcomponent/assets/lib/zone.min.js"></script>
<script src="dist/lforms/webcomponent/runtime.js"></script>
<script src="dist/lforms/webcomponent/polyfills.js"></script>
<script src="dist/lforms/webcomponent/main.js"></script>
<script src="dist/lforms/fhir/R4/lformsFHIR.min.js"></script>
"""


def fetch(into: Path) -> None:
    """Let npm fetch the one package, without what it would be built from, and unpack it."""
    if not shutil.which("npm"):
        pytest.fail("This test shows PHQ-9 in a public renderer, which npm fetches: install node and npm.")
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as folder:
        ran = subprocess.run(
            ["npm", "pack", RENDERER, "--silent", "--ignore-scripts"],
            cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        packed = [*Path(folder).glob("*.tgz")]
        if ran.returncode or len(packed) != 1:
            pytest.fail(f"npm could not fetch {RENDERER}; is its registry in reach? {ran.stderr[-300:]}")
        digest = hashlib.sha512(packed[0].read_bytes()).digest()
        assert base64.b64encode(digest).decode() == SHA512, f"{RENDERER} is not what it was"
        with tarfile.open(packed[0]) as archive:
            archive.extractall(folder, filter="data")
        unpacked = Path(folder) / "package"
        (unpacked / "page.html").write_text(PAGE, encoding="utf-8")
        unpacked.rename(into)


@pytest.fixture(scope="module")
def renderer() -> Path:
    folder = ROOT / "var" / "renderer" / RENDERER
    if not folder.exists():
        fetch(folder)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """What it serves is nobody's news."""


@contextmanager
def opened(renderer: Path) -> Iterator[Page]:
    """An empty page of the renderer. Django's database is out of reach while it is open."""
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(renderer))) as server,
        sync_playwright() as playwright,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/page.html")
        try:
            yield page
        finally:
            browser.close()
            server.shutdown()


def answer(page: Page, link_id: str, label: str) -> None:
    """Choose an answer as a person does: open the list, click on it."""
    field = page.locator(f'[id="{link_id}/1"]')
    field.click()
    # The list numbers its answers: "2:  Several days".
    page.locator("#completionOptions li").filter(has_text=re.compile(rf":\s*{label}$")).click()
    expect(field).to_have_value(re.compile(rf"^{label} ?$"))


def filled_in(renderer: Path, resource: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """The response that the renderer makes when a person has read every item and chosen these answers."""
    faults: list[str] = []
    with opened(renderer) as page:
        page.on("pageerror", lambda problem: faults.append(str(problem)))
        page.evaluate("given => LForms.Util.addFormToPage(given, 'form', {fhirVersion: 'R4'})", resource)
        for item in resource["item"]:
            expect(page.get_by_text(item["text"]).first).to_be_visible()
        for link_id, label in labels.items():
            answer(page, link_id, label)
        # The renderer takes an answer into its data a moment after the field shows it.
        page.wait_for_function(
            "count => LForms.Util.getFormFHIRData('QuestionnaireResponse', 'R4').item"
            ".filter(item => (item.answer || []).length).length >= count",
            arg=len(labels),
        )
        response = page.evaluate("() => LForms.Util.getFormFHIRData('QuestionnaireResponse', 'R4')")
    assert faults == []
    assert isinstance(response, dict)
    return response


def test_phq_9_is_shown_filled_in_and_scored(world, renderer):
    form = catalogue.get("phq-9", "1999")
    phone = Phone(world.ada.user)
    often = ["Not at all", "Several days", "More than half the days", "Nearly every day"]
    chosen = dict(zip(form.scored, [1, 2, 3, 0, 1, 2, 3, 0, 1], strict=True))
    labels = {link_id: often[value] for link_id, value in chosen.items()} | {"/69722-7": "Very difficult"}

    resource = phone.get("instruments/phq-9/1999/fhir").json()
    with connection.cursor() as cursor:
        # The browser may take longer on a busy machine than a transaction may idle.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    answers = r4.answers(resource, filled_in(renderer, resource, labels))
    sent = factories.phq9()
    sent["data"]["answers"] = answers
    reply = phone.push(sent).json()

    assert answers == chosen | {"/69722-7": 2}
    assert (reply["results"][0]["status"], bool(reply["guidance"])) == ("stored", True)
    with rls.as_patient(world.clinic.pk, world.ada.pk):
        score = Score.objects.get()
    assert (score.value, score.band, score.answered) == (13, "moderate", 9)
