"""No address is taken that no mail can be sent to."""

import pytest
from django.core.mail import EmailMessage
from django.core.mail.message import sanitize_address
from django.test import Client

from tests import factories
from tests.api.test_sign_in import accept, enrolled
from tests.phone import Phone
from tracker.accounts import addresses
from tracker.accounts.models import User

UNMAILABLE = [
    "kim@\u3002.org",
    "x@a\u05d0b.org",
    "x@a\u2260b.org",
    "x@a..org",
    "x@-a.org",
    f"x@{'a' * 64}.org",
    f"x@{'ü' * 60}.org",
    f"x@{'üüüüü.' * 30}org",
    f"{'x' * 65}@example.org",
    '"a b"@example.org',
    '"\x01"@example.org',
    '"a\\"b"@example.org',
    "a.@example.org",
    ".a@example.org",
    "jörg@example.org",
    "a@b@example.org",
    "a@[127.0.0.1]",
    "a@127.0.0.1",
    "a@localhost",
    "a@example.123",
]
MAILABLE = [
    "ada@example.org",
    " Ada.Byron@Example.org ",
    "o'brien+diary@mail.example.co.uk",
    "ada@bücher.example",
    "ada@xn--bcher-kva.example",
    "ada@ex\uff41mple.org",
    "ada@example.xn--p1ai",
    "_@1.example",
]


@pytest.mark.parametrize("address", UNMAILABLE)
def test_an_address_that_no_mail_can_be_sent_to_is_taken_nowhere(world, client, address):
    phone = Phone(world.ada.user)

    refused = [
        accept(client, code=enrolled(world), email=address),
        phone.post("me/email", {"email": address}),
        phone.post("me/caregivers", {"name": "Kim", "categories": ["pain"], "email": address}),
    ]

    assert [answer.status_code for answer in refused] == [400] * 3
    assert {answer.json()["errors"][0]["pointer"] for answer in refused} == {"/email"}
    form = {"code": "2222-2222-2222-2222", "email": address, "password": factories.PASSWORD}
    page = Client().post("/accounts/invitation/", form)
    assert page.status_code == 422
    assert page.context["form"].errors.keys() == {"email"}


@pytest.mark.parametrize("address", MAILABLE)
def test_an_address_that_mail_can_be_sent_to_is_taken(world, client, address):
    assert accept(client, code=enrolled(world), email=address).status_code == 201
    assert User.objects.get(email=address).email == addresses.normal_form(address)


def test_a_message_can_be_made_for_every_domain_that_is_taken():
    """Every tenth character of the basic plane, between Latin letters and alone."""
    domains = [f"{side}{chr(point)}{side}.org" for point in range(0, 0x10000, 10) for side in ("a", "")]
    taken = [
        addresses.normal_form(f"x@{domain}") for domain in domains if addresses.is_mailable(f"x@{domain}")
    ]

    for address in taken:
        assert sanitize_address(address, "utf-8") == address
        EmailMessage(to=[address]).message()

    assert len(taken) > len(domains) / 2
