"""What leaves the product says nothing: no name, no clinic, no time, no word of health."""

import re
import uuid

import pytest
from django.core import mail

from tests import factories
from tracker.instruments import catalogue
from tracker.outbox import letters
from tracker.outbox.channels import CHANNELS, Email
from tracker.outbox.message_texts import TEXTS, MessageText
from tracker.outbox.models import Message

HEALTH = (
    "alert", "answer", "anxiety", "appointment", "attention", "care", "check-in", "clinic", "clinician",
    "crisis", "depress", "doctor", "dose", "dr", "drug", "esketamine", "gad", "harm", "health", "hospital",
    "infusion", "journal", "ketamine", "medic", "mental", "mood", "nurse", "opioid", "pain", "patient", "peg",
    "phq", "psych", "questionnaire", "safety", "score", "session", "suicid", "symptom", "taper", "team",
    "therap", "treatment", "urgent", "visit",
)  # fmt: skip
CODE = "2222-3333-4444-5555"
REFERENCE = uuid.UUID("0191d6a0-0000-7000-8000-00000000beef")


@pytest.fixture(params=sorted(TEXTS))
def sent(request, world: factories.World, settings) -> str:
    return leaving(request.param, world, settings)


def leaving(words: str, world: factories.World, settings) -> str:
    """One mail as it leaves, headers and all, without the address that it goes to."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.PUBLIC_URL = "https://app.invalid"
    message = Message(pk=REFERENCE, words=words)
    with_code = (letters.WORDS, letters.EMAIL_CODE, letters.EMAIL_UNDO)
    message.code = CODE if words in with_code else ""
    Email().send(world.ben.user.email, message)
    (sent,) = mail.outbox
    text = sent.message().as_string()
    assert world.ben.user.email in text
    # The day on which it was handed over is no secret; the time of a visit would be.
    return re.sub(r"(?m)^Date: .*\n", "", text.replace(world.ben.user.email, ""))


def test_a_message_text_holds_no_word_of_health(sent):
    words = set(re.findall(r"[a-z][a-z-]+", sent.lower()))
    instruments = {form.code for form in catalogue.all()}

    assert [word for word in words if word.startswith(HEALTH) or word in instruments] == []


def test_a_mail_that_says_too_much_would_be_seen(monkeypatch, world, settings):
    loose = MessageText(
        inbox="", channels=(), mail_subject="Your session", mail_body="Dr Ben at 14:30 {url} {reference}"
    )
    monkeypatch.setitem(TEXTS, "alert", loose)
    text = leaving("alert", world, settings)

    with pytest.raises(AssertionError):
        test_a_message_text_holds_no_word_of_health(text)
    with pytest.raises(AssertionError):
        test_a_message_text_holds_no_name_and_no_time(text, world)


def test_a_message_text_holds_no_name_and_no_time(sent, world):
    names = (world.clinic.name, world.ada.name, world.ben.name, world.dan.name, world.team.name)

    assert [name for name in names if re.search(rf"\b{name}\b", sent, re.IGNORECASE)] == []
    assert not re.search(r"\d{1,2}[:.]\d\d\b(?!\d)|\b20\d\d\b", sent.replace(str(REFERENCE), ""))


def test_a_mail_leads_to_the_sign_in_and_to_nothing_behind_it(sent):
    (link,) = re.findall(r"https?://\S+", sent)
    # A letter's opens the page that makes an account, or the one that takes it back.
    pages = {f"https://app.invalid/accounts/{page}/#{CODE}" for page in ("invitation/accept", "email/undo")}
    assert link in {"https://app.invalid", *pages}
    assert str(REFERENCE) in sent


def test_every_mail_is_the_same_but_for_its_reference_save_a_security_notice_an_invitation_and_a_code():
    mails = [(words.mail_subject, words.mail_body) for words in TEXTS.values()]

    subjects = {subject for subject, _ in mails}
    assert subjects == {"You have a new message", "A change to your account", "You are invited", "Your code"}
    assert len(set(mails)) == 5


@pytest.mark.parametrize("words", sorted(TEXTS))
def test_a_text_names_channels_that_there_are(words):
    assert TEXTS[words].channels
    assert set(TEXTS[words].channels) <= set(CHANNELS)
