"""Shapes of what a person may send from a page."""

from datetime import date, datetime, timedelta
from typing import Any

from django import forms

from tracker.lib import days

FURTHEST = timedelta(days=366)


class CheckInForm(forms.Form):
    """When to speak with a patient: a day and a wall-clock time where the patient lives."""

    on = forms.DateField(label="Day", widget=forms.DateInput(attrs={"type": "date"}))
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

    def starts_at(self, zone: str) -> datetime:
        """Return the instant that was meant, in the patient's zone."""
        return days.instant(self.cleaned_data["on"], self.cleaned_data["time"], zone)
