"""The routes of the API."""

from typing import Any

from django.urls import path, register_converter

from tracker.api.views import (
    access_log,
    alerts,
    break_glass,
    catalogue,
    check_ins,
    consent,
    devices,
    docs,
    email,
    health,
    invitations,
    me,
    medications,
    messages,
    monitoring_limits,
    observations,
    patient_sign_in,
    records,
    roles,
    sessions,
    summaries,
    sync,
    treatment,
)


class Code:
    """A code or version of the catalogue, in a path."""

    regex = r"[A-Za-z0-9][A-Za-z0-9.\-]{0,63}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Code, "code")

V1 = "api/v1/"
# Read by everybody; what these views would answer to OPTIONS, the page cannot draw.
OPEN: dict[str, Any] = {
    "authentication_classes": [],
    "permission_classes": [],
    "http_method_names": ["get", "head"],
}
urlpatterns = [
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("health/safety", health.safety, name="safety"),
    path(V1 + "access-log", access_log.AccessLog.as_view(), name="access-log"),
    path(V1 + "me/access-log", access_log.OwnAccessLog.as_view(), name="own-access-log"),
    path(V1 + "me", me.Me.as_view(), name="me"),
    path(V1 + "me/email", email.OwnEmail.as_view(), name="own-email"),
    path(V1 + "me/email/confirm", email.OwnEmailConfirmation.as_view(), name="own-email-confirm"),
    path(V1 + "me/versions", me.OwnProfileVersions.as_view(), name="own-profile-versions"),
    path(V1 + "me/consents", consent.MyConsents.as_view(), name="consents"),
    path(V1 + "invitations/accept", invitations.AcceptInvitation.as_view(), name="accept-invitation"),
    path(V1 + "me/sessions", sessions.Sessions.as_view(), name="sessions"),
    path(V1 + "me/sessions/<uuid:reference>", sessions.OneSession.as_view(), name="session"),
    path(V1 + "me/roles", roles.Roles.as_view(), name="roles"),
    path(V1 + "me/roles/<uuid:role_id>", roles.OneRole.as_view(), name="role"),
    path(V1 + "devices", devices.Devices.as_view(), name="devices"),
    path(V1 + "devices/<uuid:device_id>", devices.OneDevice.as_view(), name="device"),
    path(V1 + "patients/<uuid:patient_id>/sign-in", patient_sign_in.PatientSignIn.as_view(), name="sign-in"),
    path(V1 + "me/caregivers", consent.Caregivers.as_view(), name="caregivers"),
    path(V1 + "me/caregivers/<uuid:caregiver_id>", consent.OneCaregiver.as_view(), name="caregiver"),
    path(V1 + "break-glass", break_glass.BreakGlassAPIView.as_view(), name="break-glass"),
    path(V1 + "messages", messages.Messages.as_view(), name="messages"),
    path(V1 + "messages/<uuid:message_id>/read", messages.OneMessage.as_view(), name="message-read"),
    path(V1 + "sessions", treatment.TreatmentSessions.as_view(), name="treatment-sessions"),
    path(
        V1 + "sessions/<uuid:session_id>", treatment.OneTreatmentSession.as_view(), name="treatment-session"
    ),
    path(
        V1 + "sessions/<uuid:session_id>/events",
        treatment.SessionEvents.as_view(),
        name="treatment-session-events",
    ),
    path(V1 + "monitoring-limits", monitoring_limits.Limits.as_view(), name="monitoring-limits"),
    path(V1 + "sync/push", sync.Push.as_view(), name="push"),
    path(V1 + "sync/pull", sync.Pull.as_view(), name="pull"),
    path(V1 + "records", records.Records.as_view(), name="records"),
    path(V1 + "records/<uuid:record_id>", records.OneRecord.as_view(), name="record"),
    path(V1 + "records/<uuid:record_id>/history", records.History.as_view(), name="record-history"),
    path(V1 + "measures", catalogue.Measures.as_view(), name="measures"),
    path(V1 + "medications", medications.Medications.as_view(), name="medications"),
    path(V1 + "instruments", catalogue.Instruments.as_view(), name="instruments"),
    path(
        V1 + "instruments/<code:instrument>/<code:version>",
        catalogue.OneInstrument.as_view(),
        name="instrument",
    ),
    path(
        V1 + "instruments/<code:instrument>/<code:version>/fhir",
        catalogue.OneQuestionnaire.as_view(),
        name="questionnaire",
    ),
    path(V1 + "observations", observations.Observations.as_view(), name="observations"),
    path(V1 + "observations/daily", observations.DailyObservations.as_view(), name="observations-daily"),
    path(V1 + "summaries", summaries.Summaries.as_view(), name="summaries"),
    path(V1 + "summaries/<uuid:summary_id>", summaries.OneSummary.as_view(), name="summary"),
    path(V1 + "alerts", alerts.Alerts.as_view(), name="alerts"),
    path(V1 + "alerts/<uuid:alert_id>/answers", alerts.Answers.as_view(), name="alert-answers"),
    path(V1 + "alerts/<uuid:alert_id>/acknowledge", alerts.Acknowledge.as_view(), name="acknowledge-alert"),
    path(V1 + "check-ins", check_ins.CheckIns.as_view(), name="check_ins"),
    path(V1 + "check-ins/<uuid:check_in_id>", check_ins.OneCheckIn.as_view(), name="check_in"),
    path(
        V1 + "schema",
        docs.Schema.as_view(**OPEN),
        name="schema",
    ),
    path(V1 + "schema/accounts", docs.AccountSchema.as_view(**OPEN), name="account-schema"),
    path(
        V1 + "docs",
        docs.Docs.as_view(url_name="schema", **OPEN),
        name="docs",
    ),
]
