"""Schemas that several routes share. Each other one stands beside its view; records are in ``records.kinds``."""

from typing import Annotated

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from tracker.accounts import addresses
from tracker.api.consent_schemas import Consents
from tracker.api.record_schemas import HeldRecord
from tracker.clinics.models import Role
from tracker.lib import codes
from tracker.lib.strict_model import code_from
from tracker.lib.strict_text import STORABLE

# A member of staff in one of the roles of a clinic, a patient, or a caregiver.
UserRole = code_from("UserRole", codes.all_to_wire((*Role.values, "PATIENT", "CAREGIVER")))


def _email(text: str) -> str:
    """An address that sign-in takes and mail can be sent to, without the blanks that keyboards write at its ends."""
    try:
        validate_email(text.strip())
    except ValidationError:
        raise PydanticCustomError("bad_format", "must be an e-mail address") from None
    if not addresses.is_mailable(text):
        raise PydanticCustomError("bad_format", "must be an e-mail address")
    return text.strip()


Email = Annotated[
    str,
    Field(max_length=254, pattern=r"^\s*[^\s@]+@[^\s@]+\.[^\s@]+\s*$"),
    STORABLE,
    AfterValidator(_email),
]


class FieldProblem(BaseModel):
    """
    What is wrong with one field, or with one query parameter or header.

    ``pointer`` is the place in the body (RFC 6901), ``parameter`` the name of the parameter or header.
    """

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Guidance(BaseModel):
    """
    What to show at once when an answer raised an alert, and beside any other refused write of a patient or caregiver.

    It never says that somebody is watching.
    """

    crisis_text: str
    disclaimer: str


class Problem(BaseModel):
    """
    RFC 9457, with a stable ``code`` (``docs/errors.md``) and the fields that could not be taken.

    ``guidance`` comes with every refusal of a write, but for those of staff, and with every 503, there in words that
    hold everywhere: the clinic's own text is better. ``alerted`` says whether an answer in what was refused raised an
    alert.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldProblem] = []
    guidance: Guidance | None = None
    alerted: bool | None = None


class RecordConflict(Problem):
    """``server`` is our copy of the record, where another version is held."""

    server: HeldRecord | None = None


class ConsentConflict(Problem):
    """``server`` is what is shared now, where it was changed meanwhile."""

    server: Consents | None = None
