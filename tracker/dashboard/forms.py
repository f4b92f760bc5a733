"""Shapes of what a person may send from a page."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from tracker.accounts import addresses, passwords
from tracker.clinics.models import Role
from tracker.dashboard.session_text import LIMIT_LABELS
from tracker.lib import days, strict_text
from tracker.treatment import limits
from tracker.treatment.events import PlanEvent, Setting
from tracker.treatment.products import ROUTES, KetamineUnit, Route, unit_label

FURTHEST = timedelta(days=366)


def _name() -> forms.CharField:
    """The name of a person, as the API takes it too."""
    message = "Leave out line breaks and characters that cannot be seen."
    return forms.CharField(
        label="Name", max_length=120, validators=[RegexValidator(strict_text.NAME_PATTERN, message)]
    )


def _day(label: str) -> forms.DateField:
    """A day, as browsers send it: Django would also guess which of 03/04 is the month."""
    return forms.DateField(
        label=label, input_formats=["%Y-%m-%d"], widget=forms.DateInput(attrs={"type": "date"})
    )


class CheckInForm(forms.Form):
    """When to speak with a patient: a day and a local time where the patient lives."""

    on = _day("Day")
    time = forms.TimeField(label="Time", widget=forms.TimeInput(attrs={"type": "time"}))
    minutes = forms.IntegerField(label="Minutes", min_value=5, max_value=240, initial=20)

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        """``today`` is the patient's local day."""
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_on(self) -> date:
        """Refuse a day that can only be a slip, or that no clock can reach."""
        on: date = self.cleaned_data["on"]
        if on < self.today:
            raise forms.ValidationError("That time has passed where the patient lives.")
        if on > self.today + FURTHEST:
            raise forms.ValidationError("That is too far ahead: at most a year.")
        return on

    def starts_at(self, time_zone: str) -> datetime:
        """Return the instant that was meant, in the patient's zone."""
        return days.instant(self.cleaned_data["on"], self.cleaned_data["time"], time_zone)


class TreatmentSessionForm(forms.Form):
    """A treatment session that has taken place: when where the patient lives, by which route, how much in mg."""

    on = _day("Day")
    time = forms.TimeField(label="Time", widget=forms.TimeInput(attrs={"type": "time"}))
    route = forms.ChoiceField(
        label="Route", choices=[(str(code), rule.label) for code, rule in ROUTES.items()]
    )
    dose_mg = forms.DecimalField(label="Dose in mg", min_value=0.01, max_value=2000, decimal_places=2)

    def clean_on(self) -> date:
        """Refuse a day that no clock can reach."""
        on: date = self.cleaned_data["on"]
        if not date(1970, 1, 2) <= on <= date(2199, 1, 1):
            raise forms.ValidationError("That is no day of a treatment session.")
        return on

    def starts_at(self, time_zone: str) -> datetime:
        """Return the instant that was meant, in the patient's zone."""
        return days.instant(self.cleaned_data["on"], self.cleaned_data["time"], time_zone)


_ROUTES = [(str(code), rule.label) for code, rule in ROUTES.items()]


class PlanSessionForm(forms.Form):
    """A treatment session to be planned: when where the patient lives, how long, by which route, where, how much."""

    on = _day("Day")
    time = forms.TimeField(label="Time", widget=forms.TimeInput(attrs={"type": "time"}))
    minutes = forms.IntegerField(label="Minutes", min_value=5, max_value=10_080)
    route = forms.ChoiceField(label="Route", choices=_ROUTES)
    setting = forms.ChoiceField(label="Where", choices=[("CLINIC", "in the clinic"), ("HOME", "at home")])
    amount = forms.FloatField(label="Planned dose", min_value=0.001, max_value=5000, required=False)
    unit = forms.ChoiceField(
        label="Unit",
        choices=[("", "none"), *((str(unit), unit_label(unit)) for unit in KetamineUnit)],
        required=False,
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        """``today`` is the patient's local day."""
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_on(self) -> date:
        """Refuse a day that can only be a slip."""
        on: date = self.cleaned_data["on"]
        if abs(on - self.today) > FURTHEST:
            raise forms.ValidationError("That is too far away: at most a year.")
        return on

    def clean(self) -> dict[str, Any]:
        """A planned dose has both amount and unit."""
        if (self.cleaned_data.get("amount") is None) != (not self.cleaned_data.get("unit")):
            self.add_error("unit", "A planned dose has an amount and a unit.")
        return self.cleaned_data

    def plan(self, time_zone: str, at: datetime) -> PlanEvent:
        """Return the plan that was meant, in the patient's zone."""
        asked = self.cleaned_data
        dose = (
            {"planned_amount": asked["amount"], "planned_unit": KetamineUnit(asked["unit"])}
            if asked["unit"]
            else {}
        )
        return PlanEvent(
            id=uuid4(), kind="plan", at=at, starts_at=days.instant(asked["on"], asked["time"], time_zone),
            minutes=asked["minutes"], route=Route(asked["route"]), setting=Setting(asked["setting"]), **dose,
        )  # fmt: skip


class MonitoringLimitsForm(forms.Form):
    """The clinic's limits of monitoring, each within what a clinic may choose."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (low, high) in limits.BOUNDS.items():
            self.fields[name] = forms.IntegerField(
                label=LIMIT_LABELS[name], min_value=low, max_value=high, help_text=f"{low} to {high}"
            )
        for route in Route:
            low = limits.SHORTEST_OBSERVATION.get(route, limits.OBSERVATION_BOUNDS[0])
            high = limits.OBSERVATION_BOUNDS[1]
            self.fields[f"observation_{route.lower()}"] = forms.IntegerField(
                label=f"Observation after {ROUTES[route].label}, minutes", min_value=low, max_value=high,
                help_text=f"{low} to {high}",
            )  # fmt: skip

    @staticmethod
    def values_of(current: limits.Limits) -> dict[str, int]:
        """Return the limits that count, as the form's initial values."""
        own = {name: getattr(current, name) for name in limits.BOUNDS}
        return own | {f"observation_{route.lower()}": current.observation(route) for route in Route}

    def limits(self) -> limits.Limits:
        """Return the limits that were entered."""
        asked = self.cleaned_data
        return limits.Limits(
            **{name: asked[name] for name in limits.BOUNDS},
            observation_minutes={route: asked[f"observation_{route.lower()}"] for route in Route},
        )


class FallbackContactForm(forms.Form):
    """Who is asked about an alert when nobody else answers for it."""

    member = forms.TypedChoiceField(label="Fallback contact", coerce=UUID)

    def __init__(self, *args: Any, members: Iterable[tuple[UUID, str]], **kwargs: Any) -> None:
        """``members`` are the clinical staff of the clinic."""
        super().__init__(*args, **kwargs)
        self.fields["member"].choices = list(members)  # type: ignore[attr-defined]


class DutyPeriodForm(forms.Form):
    """Who answers for alerts, for one team or the whole clinic, from when to when on the clinic's clock."""

    member = forms.TypedChoiceField(label="Who", coerce=UUID)
    team = forms.TypedChoiceField(label="For", coerce=UUID, required=False, empty_value=None)
    starts_on = _day("Starts on")
    starts_time = forms.TimeField(label="Starts at", widget=forms.TimeInput(attrs={"type": "time"}))
    ends_on = _day("Ends on")
    ends_time = forms.TimeField(label="Ends at", widget=forms.TimeInput(attrs={"type": "time"}))

    def __init__(
        self,
        *args: Any,
        members: Iterable[tuple[UUID, str]],
        teams: Iterable[tuple[UUID, str]],
        **kwargs: Any,
    ) -> None:
        """``members`` are the clinical staff, ``teams`` the care teams of the clinic."""
        super().__init__(*args, **kwargs)
        self.fields["member"].choices = list(members)  # type: ignore[attr-defined]
        self.fields["team"].choices = [("", "the whole clinic"), *teams]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse days that no clock can reach."""
        for name in ("starts_on", "ends_on"):
            on = self.cleaned_data.get(name)
            if on and not date(2000, 1, 1) <= on <= date(2199, 1, 1):
                self.add_error(name, "That day cannot be meant.")
        return self.cleaned_data

    def period(self, time_zone: str) -> tuple[datetime, datetime]:
        """Return start and end as instants, in the clinic's zone."""
        asked = self.cleaned_data
        return (
            days.instant(asked["starts_on"], asked["starts_time"], time_zone),
            days.instant(asked["ends_on"], asked["ends_time"], time_zone),
        )


class EnrolForm(forms.Form):
    """A patient to be: who, born when, living in which zone, looked after by whom."""

    name = _name()
    birth_date = _day("Date of birth")
    time_zone = forms.ChoiceField(label="Lives in")
    team = forms.TypedChoiceField(label="Care team", coerce=UUID)

    def __init__(
        self, *args: Any, teams: Iterable[tuple[UUID, str]], time_zone: str, today: date, **kwargs: Any
    ) -> None:
        """``teams`` are those that the principal may enrol into; ``time_zone`` is the clinic's."""
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["team"].choices = list(teams)  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = [(name, name) for name in sorted(days.names())]  # type: ignore[attr-defined]
        self.fields["time_zone"].initial = time_zone

    def clean_birth_date(self) -> date:
        """Refuse a date that can only be a slip."""
        birth_date: date = self.cleaned_data["birth_date"]
        if not date(1900, 1, 1) <= birth_date <= self.today:
            raise forms.ValidationError("That is no date of birth.")
        return birth_date


class StaffForm(forms.Form):
    """A colleague to be: who, as what, on which team."""

    name = _name()
    role = forms.ChoiceField(label="Role", choices=Role.choices)
    team = forms.TypedChoiceField(label="Care team", coerce=UUID, required=False, empty_value=None)

    def __init__(self, *args: Any, teams: Iterable[tuple[UUID, str]], **kwargs: Any) -> None:
        """``teams`` are those of the clinic."""
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = [("", "none"), *teams]  # type: ignore[attr-defined]


class RecoverSignInForm(forms.Form):
    """When the account had the address that is the patient's, where it was changed lately."""

    address_at = forms.DateTimeField(required=False)


class UndoEmailForm(forms.Form):
    """The code by which a former address takes the account back."""

    code = forms.CharField(label="Code", max_length=60)


class AcceptForm(forms.Form):
    """Invitation of a member of staff, accepted: the code, and the account to make."""

    code = forms.CharField(label="Code", max_length=40)
    email = forms.EmailField(label="E-mail address", max_length=254)
    password = forms.CharField(label="New password", max_length=1000, strip=False)

    def __init__(self, *args: Any, has_account: bool = False, **kwargs: Any) -> None:
        """``has_account``: the code alone is asked of who has signed in."""
        super().__init__(*args, **kwargs)
        if has_account:
            del self.fields["email"], self.fields["password"]

    def clean_email(self) -> str:
        """Refuse one that no mail can be sent to."""
        email: str = self.cleaned_data["email"]
        if not addresses.is_mailable(email):
            raise ValidationError("Enter a valid email address.", code="invalid")
        return email

    def clean_password(self) -> str:
        """Refuse one that is too short or too common."""
        password: str = self.cleaned_data["password"]
        validate_password(passwords.normal_form(password))
        return password


class EmergencyForm(forms.Form):
    """Whose record is to be opened in an emergency, and why."""

    name = forms.CharField(label="Name of the patient", max_length=120)
    birth_date = _day("Day of birth")
    reason = forms.CharField(
        label="Why it cannot wait",
        min_length=10,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"min_length": "Say in a few words why: the patient reads it."},
    )

    patient_id: UUID

    def about(self, patient_id: UUID) -> None:
        """Ask for the reason alone: who came from an alert need not know the name and the day of birth."""
        self.patient_id = patient_id
        del self.fields["name"], self.fields["birth_date"]
