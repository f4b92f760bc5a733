"""The clinicians' pages."""

from django.urls import path

from tracker.dashboard import break_glass, care, clinic, roles, sessions, staff, treatment, views

app_name = "dashboard"
urlpatterns = [
    path("", views.home, name="home"),
    path("sessions/", sessions.own_sessions, name="sessions"),
    path("sessions/<uuid:reference>/end/", sessions.end_session, name="end_session"),
    path("patients/invite/", staff.invite_patient, name="invite_patient"),
    path("patients/invite/<uuid:patient_id>/", staff.invite_again, name="invite_again"),
    path("roles/", roles.own_roles, name="roles"),
    path("roles/<uuid:role_id>/", roles.choose_role, name="choose_role"),
    path("staff/", staff.staff, name="staff"),
    path("staff/approvals/", staff.approvals, name="approvals"),
    path("staff/approvals/<uuid:invitation_id>/approve/", staff.approve, name="approve"),
    path("staff/approvals/<uuid:invitation_id>/refuse/", staff.refuse, name="refuse"),
    path("staff/<uuid:member_id>/switch-off/", staff.switch_off, name="switch_off"),
    path("staff/<uuid:member_id>/forget-second-factor/", staff.forget_factor, name="forget_factor"),
    path("on-call/", clinic.on_call, name="on_call"),
    path("on-call/fallback-contact/", clinic.set_fallback_contact, name="set_fallback_contact"),
    path("on-call/duty-periods/", clinic.add_duty_period, name="add_duty_period"),
    path("on-call/duty-periods/<int:period_id>/end/", clinic.end_duty_period, name="end_duty_period"),
    path("emergency/", break_glass.open_record, name="emergency"),
    path("emergency/end/", break_glass.end, name="end_emergency"),
    path("emergency/log/", break_glass.log, name="emergency_log"),
    path("alerts/", views.open_alerts, name="alerts"),
    path("alerts/<uuid:alert_id>/answers/", views.alert_answers, name="alert_answers"),
    path("alerts/<uuid:alert_id>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("patients/discharged/", care.discharged, name="discharged"),
    path("patients/<uuid:patient_id>/", views.patient, name="patient"),
    path("patients/<uuid:patient_id>/sessions/", treatment.sessions, name="sessions_of_patient"),
    path("patients/<uuid:patient_id>/sessions/plan/", treatment.plan_session, name="plan_session"),
    path("patients/<uuid:patient_id>/sessions/<uuid:session_id>/", treatment.session, name="session"),
    path(
        "patients/<uuid:patient_id>/sessions/<uuid:session_id>/live/",
        treatment.session_live,
        name="session_live",
    ),
    path(
        "patients/<uuid:patient_id>/sessions/<uuid:session_id>/events/",
        treatment.add_events,
        name="session_events",
    ),
    path(
        "patients/<uuid:patient_id>/sessions/<uuid:session_id>/esketamine-form/",
        treatment.esketamine_form,
        name="esketamine_form",
    ),
    path("monitoring-limits/", treatment.monitoring_limits, name="monitoring_limits"),
    path("patients/<uuid:patient_id>/treatment-sessions/", care.record_session, name="record_session"),
    path("patients/<uuid:patient_id>/discharge/", care.discharge, name="discharge"),
    path("patients/<uuid:patient_id>/readmit/", care.readmit, name="readmit"),
    path("patients/<uuid:patient_id>/sign-in/disable/", care.disable_sign_in, name="disable_sign_in"),
    path("patients/<uuid:patient_id>/sign-in/recover/", care.recover_sign_in, name="recover_sign_in"),
    path("patients/<uuid:patient_id>/check-ins/", views.plan_check_in, name="plan_check_in"),
    path(
        "patients/<uuid:patient_id>/check-ins/<uuid:check_in_id>/cancel/",
        views.cancel_check_in,
        name="cancel_check_in",
    ),
]
