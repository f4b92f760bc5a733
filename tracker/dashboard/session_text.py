"""Treatment sessions in words: states, what is due, missing or unusual, and each event as a line. Pure."""

from collections.abc import Mapping
from enum import StrEnum

from tracker.dashboard import formatting
from tracker.lib.formatting import joined, number
from tracker.treatment import events, products
from tracker.treatment.discharge import Missing
from tracker.treatment.esketamine_form import FormField
from tracker.treatment.flags import Flag
from tracker.treatment.monitoring import DueStatus, Point, Pressure
from tracker.treatment.session_state import State

# Where the code with blanks for its underscores would not do.
_WORDS: Mapping[StrEnum, str] = {
    Pressure.MISSING: "No blood pressure was entered before the dose.",
    Pressure.WITHIN_LIMITS: "Blood pressure before the dose is within the clinic's limits.",
    Pressure.RECHECK_DUE: "Blood pressure is above the clinic's limit: measure it again before a dose.",
    Pressure.DECISION_DUE: "Blood pressure is still above the clinic's limit: a dose takes a decision, with a reason.",
    Pressure.PROCEED: "Blood pressure is above the clinic's limit, and it was decided to go on.",
    Pressure.WITHHELD: "Blood pressure is above the clinic's limit, and it was decided to give no dose.",
    Point.BEFORE_DOSE: "vital signs before the dose",
    Point.PRESSURE_RECHECK: "blood pressure again",
    Point.DURING_INFUSION: "vital signs",
    Point.AFTER_DOSE: "vital signs",
    Point.BEFORE_DISCHARGE: "vital signs before leaving",
    Point.CLOSE: "the session to be closed",
    Missing.NO_DOSE: "no dose was given",
    Missing.INFUSION_RUNS: "an infusion is running",
    Missing.TOO_EARLY: "the time of observation is not over",
    Missing.PRESSURE_MISSING: "no blood pressure since the last dose",
    Missing.PRESSURE_RAISED: "blood pressure is above what it was before the dose",
    Missing.OXYGEN_LOW: "oxygen saturation is low",
    Missing.DISSOCIATION_MISSING: "no dissociation check since the last dose",
    Missing.DISSOCIATION_RAISED: "dissociation is not back to what it was before the dose",
    Missing.SEDATION_MISSING: "sedation was not looked at since the last dose",
    Missing.SEDATED: "still sedated",
    Missing.ADVERSE_EVENT_OPEN: "a severe adverse event is not over",
    Missing.NOT_STEADY: "walking steadily is not confirmed",
    Missing.NOT_ORIENTED: "being oriented is not confirmed",
    Missing.NO_INSTRUCTIONS: "instructions are not given",
    Missing.NO_ESCORT: "the escort is not there",
    FormField.PRESSURE_AT_40: "blood pressure at about 40 minutes",
    FormField.OBSERVED_TWO_HOURS: "two hours of observation",
    FormField.MEDICINES_BESIDE: "medicines taken beside",
    FormField.SUPERVISED_BY: "who supervised",
    FormField.CLOSED: "the end of the session",
    FormField.DOSE: "the dose in mg",
    FormField.PRESSURE_BEFORE: "blood pressure before the dose",
    FormField.PRESSURE_BEFORE_LEAVING: "blood pressure before leaving",
    Flag.DOSE_WITHOUT_PRESSURE: "A dose was given without a blood pressure before it.",
    Flag.DOSE_WITHOUT_DECISION: "A dose was given on a raised blood pressure without a decision.",
    Flag.DOSE_ABOVE_PLAN: "More was given than was planned.",
    Flag.DOSE_AND_RATE_DIFFER: "The dose that was entered and the rates of the infusion differ by more than a tenth.",
    Flag.DOSE_NOT_WHOLE_DEVICES: "The dose is no whole number of devices of 28 mg.",
    Flag.WEIGHT_MISSING: "A dose per kg has no weight: its mg are not known.",
    Flag.WEIGHT_OUTDATED: "A dose per kg is counted with an old weight.",
    Flag.WEIGHT_UNUSUAL: "The weight is unusual: look again.",
    Flag.PRESSURE_CRISIS: "Blood pressure at or above the limit of a hypertensive crisis.",
    Flag.OXYGEN_LOW: "Low oxygen saturation.",
    Flag.OXYGEN_VERY_LOW: "Very low oxygen saturation.",
    Flag.HEART_RATE_UNUSUAL: "Heart rate outside the clinic's limits.",
    Flag.RESPIRATORY_RATE_LOW: "Low respiratory rate.",
    Flag.UNRESPONSIVE: "Did not respond, or to touch alone.",
    Flag.SERIOUS_ADVERSE_EVENT: "Serious adverse event.",
    Flag.LEFT_AGAINST_ADVICE: "The patient left against advice.",
    Flag.NOT_MONITORED: "Recorded afterwards, without the series of observations.",
    Flag.ENTERED_LATE: "Entered more than 30 minutes later.",
    Flag.AFTER_CLOSING: "Observed after the session was closed.",
    Flag.CLOCK_CORRECTED: "The clock of the device was wrong; the time is corrected.",
    Flag.DOSE_AFTER_READINESS: "A dose was entered after the patient was found ready to leave.",
    Flag.INFUSION_WITHOUT_AMOUNT: "An infusion has neither rates from its start nor a dose as its whole.",
    Flag.SITTER_MISSING: "Nobody confirmed that a sober adult was there.",
    State.CHECKED_IN: "here, not begun",
    State.MISSED: "did not come",
    events.ChecklistItem.FASTING: "Fasting as instructed",
    events.ChecklistItem.NO_CONTRAINDICATION: "No new contraindication",
    events.ChecklistItem.NOT_DRIVING: "Will not drive until tomorrow",
    events.ChecklistItem.SITTER_PRESENT: "A sober adult is there",
    events.ChecklistItem.PHONE_AT_HAND: "A telephone is at hand",
    events.ChecklistItem.WALKS_STEADILY: "Walks steadily",
    events.ChecklistItem.ORIENTED: "Oriented",
    events.ChecklistItem.INSTRUCTIONS_GIVEN: "Instructions given",
    events.ChecklistItem.TOOK_BENZODIAZEPINE: "Took a benzodiazepine",
    events.ChecklistItem.TOOK_OTHER_CNS_DEPRESSANT: "Took another CNS depressant",
    events.ChecklistItem.TOOK_PSYCHOSTIMULANT: "Took a psychostimulant",
    events.ChecklistItem.TOOK_MAOI: "Took an MAO inhibitor",
    events.DissociationScale.SESSION_DISSOCIATION_5: "project's own check, not a validated scale",
    events.DissociationScale.CADSS_6: "CADSS-6",
    events.DissociationScale.CADSS: "CADSS",
    events.Escort.PRESENT: "here",
    events.Discharge.READY: "ready to leave",
    events.Discharge.NOT_MONITORED: "recorded afterwards",
}
MOAAS = {
    5: "Awake: responds to the name at once",
    4: "Lethargic response to the name",
    3: "Responds only when called loudly",
    2: "Responds only to mild prodding",
    1: "Responds only to a painful squeeze",
    0: "No response",
}
SEVERITY = {1: "mild", 2: "moderate", 3: "severe"}


def words(code: StrEnum | None) -> str:
    """Return a code in words."""
    if code is None:
        return ""
    return _WORDS.get(code, code.lower().replace("_", " "))


def due(point: Point, minutes: int | None) -> str:
    """Return what is due: ``vital signs, 40 minutes after the dose``."""
    return joined(words(point), f"{minutes} minutes after the dose" if minutes else "")


def line(event: events.Event, staff: Mapping[str, str]) -> str:
    """Return an event as a line of the timeline; ``staff`` are the names of members of staff by id."""
    if isinstance(event, events.PlanEvent):
        amount = ""
        if event.planned_unit is not None:
            unit = products.unit_label(products.KetamineUnit(event.planned_unit))
            amount = f"{number(event.planned_amount or 0, 3)} {unit}"
        return f"Planned: {joined(products.route_label(event.route), amount, words(events.Setting(event.setting)))}"
    if isinstance(event, events.WeightEvent):
        return f"Weight {number(event.weight_kg, 2)} kg, measured on {formatting.day(event.measured_on)}"
    if isinstance(event, events.DoseEvent):
        unit = products.unit_label(products.KetamineUnit(event.unit))
        held = "" if event.hold_minutes is None else f"held {event.hold_minutes} min"
        swallowed = "" if event.swallowed is None else "swallowed" if event.swallowed else "spat out"
        whole = "whole of the infusion" if event.given_as == events.GivenAs.INFUSION else ""
        return f"Dose {joined(f'{number(event.amount, 3)} {unit}', whole, held, swallowed)}"
    if isinstance(event, events.InfusionEvent):
        rate = (
            ""
            if event.rate_unit is None
            else f"{number(event.rate or 0, 3)} {products.unit_label(products.RateUnit(event.rate_unit))}"
        )
        done = {"START": "Infusion started", "RATE": "Infusion rate changed", "STOP": "Infusion stopped"}
        return joined(done[event.change], rate)
    if isinstance(event, events.VitalSignsEvent):
        return _signs(event)
    if isinstance(event, events.DissociationEvent):
        scale = events.DissociationScale(event.scale)
        return f"Dissociation {event.sum} of {events.HIGHEST_TOTAL[scale]} ({words(scale)})"
    if isinstance(event, events.SedationEvent):
        return f"Sedation MOAA/S {event.moaas}: {MOAAS[event.moaas]}"
    if isinstance(event, events.AdverseEventEvent):
        serious = "serious" if event.serious else ""
        taken = "" if event.measure_taken is None else words(events.MeasureTaken(event.measure_taken))
        effect = str(event.effect).replace("_", " ")
        return f"Adverse event: {joined(f'{effect} ({SEVERITY[event.severity]})', serious, taken)}"
    if isinstance(event, events.StaffEvent):
        name = staff.get(str(event.staff_member), "somebody")
        return (
            f"{name} ({words(events.StaffRole(event.staff_role))}) {words(events.Presence(event.presence))}"
        )
    if isinstance(event, events.EscortEvent):
        return f"Escort: {words(events.Escort(event.escort))}"
    if isinstance(event, events.ChecklistEvent):
        return f"{words(events.ChecklistItem(event.item))}: {'yes' if event.is_met else 'no'}"
    if isinstance(event, events.PressureDecisionEvent):
        by = staff.get(str(event.decided_by), "")
        decided = {"PROCEED": "go on", "RECHECK": "measure again", "WITHHOLD": "no dose"}[event.decision]
        return f"Raised blood pressure: {joined(decided, f'decided by {by}' if by else '')}"
    if isinstance(event, events.CompleteEvent):
        return f"Closed: {words(events.Discharge(event.discharge))}"
    if isinstance(event, events.CancelEvent | events.MissEvent):
        said = "Cancelled" if isinstance(event, events.CancelEvent) else "Did not come"
        return f"{said}: {words(events.Cause(event.cause))}"
    return _PLAIN[event.kind]


_PLAIN = {
    "check_in": "Arrived",
    "start": "Session begun",
    "note": "Note",
    "adverse_event_end": "Adverse event is over",
    "reopen": "Opened again",
    "retract": "An entry was retracted",
    "form_submitted": "Monitoring form handed in",
}


def _signs(event: events.VitalSignsEvent) -> str:
    pressure = "" if event.systolic is None else f"{event.systolic}/{event.diastolic} mmHg"
    others = [
        f"{name} {number(value, 1)} {unit}"
        for name, value, unit in (
            ("heart rate", event.heart_rate, "/min"),
            ("breathing", event.respiratory_rate, "/min"),
            ("SpO2", event.spo2, "%"),
            ("temperature", event.temperature_c, "°C"),
        )
        if value is not None
    ]
    return joined(pressure, *others)


STATUS_WORDS = {
    DueStatus.DONE: "done",
    DueStatus.MISSED: "missed",
    DueStatus.OVERDUE: "overdue",
    DueStatus.DUE: "due now",
    DueStatus.PLANNED: "planned",
}

LIMIT_LABELS = {
    "pre_dose_systolic": "Highest systolic before a dose, mmHg",
    "pre_dose_diastolic": "Highest diastolic before a dose, mmHg",
    "recheck_minutes": "Measure again after, minutes",
    "crisis_systolic": "Hypertensive crisis from systolic, mmHg",
    "crisis_diastolic": "Hypertensive crisis from diastolic, mmHg",
    "spo2_prompt": "Low oxygen saturation below, %",
    "spo2_emergency": "Very low oxygen saturation below, %",
    "heart_rate_low": "Lowest heart rate, per minute",
    "heart_rate_high": "Highest heart rate, per minute",
    "respiratory_rate_low": "Lowest respiratory rate, per minute",
    "moaas_awake": "Awake from MOAA/S",
    "pressure_above_baseline": "Above the pressure before the dose at discharge, mmHg",
    "dissociation_above_baseline": "Above the dissociation before the dose at discharge, points",
    "weight_days": "A weight is old after, days",
    "capacity_hours": "No questionnaire counts after a dose for, hours",
    "close_hours": "A session at home is closed within, hours",
}
