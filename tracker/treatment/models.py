"""Treatment sessions, their events, the encrypted texts of these, and the clinic's limits of monitoring."""

import uuid
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from tracker.access.policy import Category
from tracker.access.rls import shared
from tracker.accounts.models import User
from tracker.audit.append_only import append_only
from tracker.clinics.models import ClinicOwned, PatientOwned, StaffMember
from tracker.clinics.rls import IS_OWN, patient_of_clinic, same_clinic
from tracker.keys.encrypted_table import encrypted_table
from tracker.keys.models import EncryptedText
from tracker.lib import rls
from tracker.lib.constraints import (
    all_or_none,
    code_or_null,
    one_of,
    one_of_or_null,
    ordered,
    sql_check,
    within,
)
from tracker.lib.table_constraints import CompositeForeignKey, NoOverlap, RowLevelSecurity
from tracker.lib.table_rights import APPEND_ONLY, TableRights
from tracker.records.value_sets import EFFECTS
from tracker.treatment import events, limits
from tracker.treatment.products import KetamineUnit, RateUnit, Route
from tracker.treatment.session_state import State

_SHARED = shared(Category.TREATMENT)
_STAFF = f"{rls.IS_CLINICAL} AND {_SHARED}"
_AT_HOME = f"{IS_OWN} AND setting = 'HOME'"
_EVENT_AT_HOME = f"""{IS_OWN} AND EXISTS (
    SELECT 1 FROM treatment_treatmentsession session
    WHERE session.id = session_id AND session.patient_id = {rls.OWN_PATIENT} AND session.setting = 'HOME'
)"""


def _readable() -> str:
    return f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {_SHARED})"


def _written_by(patient: str) -> str:
    return f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR ({_STAFF}) OR ({patient}))"


def _session_rows(patient: str) -> list[RowLevelSecurity | CompositeForeignKey]:
    """Rows are read by whom the patient shows treatment, and written by those who treat; at home by the patient."""
    written = _written_by(patient)
    return [
        patient_of_clinic(),
        RowLevelSecurity(
            name="%(class)s_rls", read=_readable(), insert=written, update=written, delete=rls.CLINIC_JOB
        ),
    ]


class TreatmentSessionQuerySet(models.QuerySet["TreatmentSession"]):
    """Treatment sessions, narrowed in words of the domain."""

    def dosed(self) -> Self:
        """Those in which a dose was given, and which were not entered in error."""
        return self.filter(first_dosed_at__isnull=False, is_in_error=False)

    def in_progress(self) -> Self:
        return self.filter(state__in=(State.CHECKED_IN, State.RUNNING))


class TreatmentSession(PatientOwned):
    """
    One administration of ketamine or esketamine: what its events come to (``treatment.session_state``).

    ``starts_at`` to ``ends_at`` is what was planned, the other instants are what took place. ``total_mg`` is NULL where
    a part of it is not known. ``revision`` counts its events, ``sequence`` is the patient's change that it was last
    part of.
    """

    db_rights = TableRights(fixed=("planned_by", "planned_at"))
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=12)
    is_in_error = models.BooleanField(default=False)
    setting = models.CharField(max_length=8)
    route = models.CharField(max_length=20)
    product = models.CharField(max_length=12)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    local_date = models.DateField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    first_dosed_at = models.DateTimeField(null=True)
    last_dosed_at = models.DateTimeField(null=True)
    total_mg = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    mg_per_kg = models.DecimalField(max_digits=8, decimal_places=4, null=True)
    close_due_at = models.DateTimeField(null=True)
    revision = models.IntegerField()
    sequence = models.BigIntegerField()
    planned_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    planned_at = models.DateTimeField()

    objects = TreatmentSessionQuerySet.as_manager()

    class Meta:
        constraints = [
            *_session_rows(_AT_HOME),
            one_of("state", State, name="session_state_is_known"),
            one_of("setting", events.Setting, name="session_setting_is_known"),
            one_of("route", Route, name="session_route_is_known"),
            models.UniqueConstraint(fields=["clinic_id", "patient", "id"], name="session_of_patient"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="session_ends_after_its_start"
            ),
            ordered("started_at", "ended_at", name="session_ended_after_it_started"),
            ordered("first_dosed_at", "last_dosed_at", name="session_doses_in_order"),
            all_or_none("first_dosed_at", "last_dosed_at", name="session_has_both_dose_times"),
            within("total_mg", 0, 100_000, name="session_total_up_to_100_g"),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(state__in=["CHECKED_IN", "RUNNING"]),
                name="session_one_at_a_time",
            ),
            NoOverlap(
                name="session_patient_is_free",
                columns=["patient_id"],
                span="tstzrange(starts_at, ends_at)",
                condition="state NOT IN ('CANCELLED', 'MISSED')",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "local_date"], name="session_by_day"),
            models.Index(fields=["patient", "sequence"], name="session_by_change"),
            models.Index(
                fields=["clinic_id", "close_due_at"],
                condition=Q(state="RUNNING", setting="HOME"),
                name="session_to_be_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"treatment-session/{self.pk}"


class SessionEvent(PatientOwned):
    """
    One event of a session (``treatment.events`` says which fields its kind has; all others are NULL). Never changed.

    ``recorded_at`` is the instant as sent, by the clock of the device; ``occurred_at`` the same by ours. ``place`` is
    its number within the session, in the order of receipt.
    """

    db_rights = APPEND_ONLY
    pk = models.CompositePrimaryKey("patient_id", "session_id", "id")
    session = models.ForeignKey(TreatmentSession, models.PROTECT, db_constraint=False, related_name="events")
    id = models.UUIDField()
    place = models.IntegerField()
    kind = models.CharField(max_length=20)
    recorded_at = models.DateTimeField()
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    staff = models.ForeignKey(StaffMember, models.PROTECT, null=True, related_name="+")
    device_id = models.UUIDField(null=True)
    fingerprint = models.BinaryField(max_length=32)
    replaces = models.UUIDField(null=True)
    target = models.UUIDField(null=True)

    starts_at = models.DateTimeField(null=True)
    minutes = models.IntegerField(null=True)
    route = models.CharField(max_length=20, null=True)  # noqa: DJ001 - NULL: not of this kind
    setting = models.CharField(max_length=8, null=True)  # noqa: DJ001
    planned_amount = models.FloatField(null=True)
    planned_unit = models.CharField(max_length=12, null=True)  # noqa: DJ001
    weight_kg = models.FloatField(null=True)
    measured_on = models.DateField(null=True)
    amount = models.FloatField(null=True)
    unit = models.CharField(max_length=12, null=True)  # noqa: DJ001
    given_as = models.CharField(max_length=12, null=True)  # noqa: DJ001
    mg_per_spray = models.FloatField(null=True)
    hold_minutes = models.SmallIntegerField(null=True)
    swallowed = models.BooleanField(null=True)
    change = models.CharField(max_length=8, null=True)  # noqa: DJ001
    rate = models.FloatField(null=True)
    rate_unit = models.CharField(max_length=20, null=True)  # noqa: DJ001
    systolic = models.SmallIntegerField(null=True)
    diastolic = models.SmallIntegerField(null=True)
    heart_rate = models.SmallIntegerField(null=True)
    respiratory_rate = models.SmallIntegerField(null=True)
    spo2 = models.SmallIntegerField(null=True)
    temperature_c = models.FloatField(null=True)
    decision = models.CharField(max_length=12, null=True)  # noqa: DJ001
    decided_by = models.ForeignKey(StaffMember, models.PROTECT, null=True, related_name="+")
    scale = models.CharField(max_length=24, null=True)  # noqa: DJ001
    answers = ArrayField(models.SmallIntegerField(), null=True)
    total = models.SmallIntegerField(null=True)
    moaas = models.SmallIntegerField(null=True)
    effect = models.CharField(max_length=40, null=True)  # noqa: DJ001
    severity = models.SmallIntegerField(null=True)
    serious = models.BooleanField(null=True)
    measure_taken = models.CharField(max_length=20, null=True)  # noqa: DJ001
    staff_member = models.ForeignKey(StaffMember, models.PROTECT, null=True, related_name="+")
    staff_role = models.CharField(max_length=16, null=True)  # noqa: DJ001
    presence = models.CharField(max_length=8, null=True)  # noqa: DJ001
    escort = models.CharField(max_length=12, null=True)  # noqa: DJ001
    item = models.CharField(max_length=32, null=True)  # noqa: DJ001
    is_met = models.BooleanField(null=True)
    discharge = models.CharField(max_length=16, null=True)  # noqa: DJ001
    cause = models.CharField(max_length=20, null=True)  # noqa: DJ001

    class Meta:
        constraints = [
            *_session_rows(_EVENT_AT_HOME),
            *append_only(),
            models.UniqueConstraint(
                fields=["clinic_id", "patient", "session", "id"], name="session_event_of_patient"
            ),
            same_clinic("staff_id", "clinics_staffmember"),
            same_clinic("staff_member_id", "clinics_staffmember"),
            same_clinic("decided_by_id", "clinics_staffmember"),
            CompositeForeignKey(
                name="session_event_of_session",
                columns=("clinic_id", "patient_id", "session_id"),
                to_table="treatment_treatmentsession",
                to_columns=("clinic_id", "patient_id", "id"),
            ),
            CompositeForeignKey(
                name="session_event_replaces_one_of_its_session",
                columns=("clinic_id", "patient_id", "session_id", "replaces"),
                to_table="treatment_sessionevent",
                to_columns=("clinic_id", "patient_id", "session_id", "id"),
            ),
            CompositeForeignKey(
                name="session_event_is_about_one_of_its_session",
                columns=("clinic_id", "patient_id", "session_id", "target"),
                to_table="treatment_sessionevent",
                to_columns=("clinic_id", "patient_id", "session_id", "id"),
            ),
            models.UniqueConstraint(
                fields=["patient", "session", "place"], name="session_event_in_one_place"
            ),
            models.UniqueConstraint(
                fields=["patient", "session", "replaces"], name="session_event_is_replaced_once"
            ),
            models.UniqueConstraint(
                fields=["patient", "session", "target"],
                condition=Q(kind="retract"),
                name="session_event_is_retracted_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=list(events.KINDS)), name="session_event_kind_is_known"
            ),
            *(
                sql_check(
                    f"kind <> '{kind}' OR num_nonnulls({', '.join(columns)}) = 0",
                    name=f"session_event_{kind}_has_its_own_fields",
                )
                for kind, columns in events.other_columns().items()
            ),
            *(
                sql_check(
                    f"kind <> '{kind}' OR num_nulls({', '.join(columns)}) = 0",
                    name=f"session_event_{kind}_is_whole",
                )
                for kind, columns in events.required_columns().items()
                if columns
            ),
            within("minutes", 5, 10_080, name="session_plan_5_minutes_to_a_week"),
            one_of_or_null("route", Route, name="session_event_route_is_known"),
            one_of_or_null("setting", events.Setting, name="session_event_setting_is_known"),
            within("planned_amount", 0.001, 5000, name="session_planned_dose_up_to_5000"),
            all_or_none("planned_amount", "planned_unit", name="session_planned_dose_has_a_unit"),
            one_of_or_null("planned_unit", KetamineUnit, name="session_planned_unit_is_known"),
            within("weight_kg", 20, 400, name="session_weight_20_to_400_kg"),
            within("amount", 0.001, 5000, name="session_dose_up_to_5000"),
            one_of_or_null("unit", KetamineUnit, name="session_dose_unit_is_known"),
            one_of_or_null("given_as", events.GivenAs, name="session_dose_given_as_is_known"),
            within("mg_per_spray", 0.1, 200, name="session_spray_0_1_to_200_mg"),
            sql_check(
                "kind <> 'dose' OR (unit = 'SPRAY') = (mg_per_spray IS NOT NULL)",
                name="session_spray_has_strength",
            ),
            within("hold_minutes", 0, 120, name="session_held_up_to_2_hours"),
            one_of_or_null("change", events.InfusionChange, name="session_infusion_change_is_known"),
            within("rate", 0, 2000, name="session_rate_up_to_2000"),
            all_or_none("rate", "rate_unit", name="session_rate_has_a_unit"),
            one_of_or_null("rate_unit", RateUnit, name="session_rate_unit_is_known"),
            within("systolic", 40, 300, name="session_systolic_40_to_300"),
            within("diastolic", 20, 200, name="session_diastolic_20_to_200"),
            all_or_none("systolic", "diastolic", name="session_pressure_has_both_values"),
            models.CheckConstraint(
                condition=Q(systolic__isnull=True) | Q(systolic__gt=F("diastolic")),
                name="session_systolic_above_diastolic",
            ),
            within("heart_rate", 20, 300, name="session_heart_rate_20_to_300"),
            within("respiratory_rate", 3, 80, name="session_respiratory_rate_3_to_80"),
            within("spo2", 50, 100, name="session_spo2_50_to_100"),
            within("temperature_c", 30, 45, name="session_temperature_30_to_45"),
            sql_check(
                f"kind <> 'vitals' OR num_nonnulls({', '.join(events.SIGNS)}) > 0",
                name="session_vitals_have_a_value",
            ),
            one_of_or_null("decision", events.PressureDecision, name="session_decision_is_known"),
            one_of_or_null("scale", events.DissociationScale, name="session_scale_is_known"),
            sql_check(
                "kind <> 'dissociation' OR CASE scale WHEN 'SESSION_DISSOCIATION_5'"
                " THEN cardinality(answers) = 5 AND total IS NULL ELSE answers IS NULL AND total IS NOT NULL END",
                name="session_dissociation_has_answers_or_total",
            ),
            sql_check("0 <= ALL (answers) AND 4 >= ALL (answers)", name="session_answers_0_to_4"),
            sql_check(
                "total IS NULL OR total BETWEEN 0 AND CASE scale WHEN 'CADSS_6' THEN 24 ELSE 92 END",
                name="session_total_of_the_scale",
            ),
            within("moaas", 0, 5, name="session_moaas_0_to_5"),
            code_or_null("effect", EFFECTS, name="session_effect_is_known"),
            within("severity", 1, 3, name="session_severity_1_to_3"),
            one_of_or_null("measure_taken", events.MeasureTaken, name="session_measure_is_known"),
            one_of_or_null("staff_role", events.StaffRole, name="session_staff_role_is_known"),
            one_of_or_null("presence", events.Presence, name="session_presence_is_known"),
            one_of_or_null("escort", events.Escort, name="session_escort_is_known"),
            one_of_or_null("item", events.ChecklistItem, name="session_item_is_known"),
            one_of_or_null("discharge", events.Discharge, name="session_discharge_is_known"),
            one_of_or_null("cause", events.Cause, name="session_cause_is_known"),
        ]
        indexes = [
            models.Index(fields=["session", "place"], name="session_event_in_order"),
        ]

    def __str__(self) -> str:
        return f"session-event/{self.id}"


class SessionText(EncryptedText):
    """The encrypted text of one event: a note, or the reason of a decision."""

    pk = models.CompositePrimaryKey("patient_id", "session_id", "event_id")
    session_id = models.UUIDField()
    event_id = models.UUIDField()

    KEY_FIELDS = ("session_id", "event_id")

    class Meta(EncryptedText.Meta):
        constraints = [*_session_rows(_EVENT_AT_HOME), *encrypted_table()]


class MonitoringLimits(ClinicOwned):
    """
    The clinic's limits of monitoring (``treatment.limits``), as somebody set them. The newest row counts.

    ``observation_minutes`` maps routes to minutes; a route that is not there has the project's default.
    """

    db_rights = APPEND_ONLY
    id = models.BigAutoField(primary_key=True)
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    pre_dose_systolic = models.SmallIntegerField()
    pre_dose_diastolic = models.SmallIntegerField()
    recheck_minutes = models.SmallIntegerField()
    crisis_systolic = models.SmallIntegerField()
    crisis_diastolic = models.SmallIntegerField()
    spo2_prompt = models.SmallIntegerField()
    spo2_emergency = models.SmallIntegerField()
    heart_rate_low = models.SmallIntegerField()
    heart_rate_high = models.SmallIntegerField()
    respiratory_rate_low = models.SmallIntegerField()
    moaas_awake = models.SmallIntegerField()
    pressure_above_baseline = models.SmallIntegerField()
    dissociation_above_baseline = models.SmallIntegerField()
    weight_days = models.SmallIntegerField()
    capacity_hours = models.SmallIntegerField()
    close_hours = models.SmallIntegerField()
    observation_minutes = models.JSONField(default=dict)

    class Meta:
        constraints = [
            rls.clinic_jobs_write(),
            *append_only(),
            *(
                within(name, low, high, name=f"monitoring_limit_{name}_{low}_to_{high}")
                for name, (low, high) in limits.BOUNDS.items()
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{upper}__gt": F(lower)}), name=f"monitoring_{upper}_above_{lower}"
                )
                for lower, upper in limits.ORDERED
            ),
        ]
        indexes = [models.Index(fields=["clinic_id", "id"], name="monitoring_limits_newest")]

    def __str__(self) -> str:
        return f"monitoring-limits/{self.pk}"
