"""The clinicians' pages."""

from django.urls import path

from tracker.dashboard import emergency, people, sign_in, views

app_name = "dashboard"
urlpatterns = [
    path("", views.home, name="home"),
    path("sessions/", sign_in.own_sessions, name="sessions"),
    path("sessions/<uuid:reference>/end/", sign_in.end_session, name="end_session"),
    path("patients/invite/", people.invite_patient, name="invite_patient"),
    path("patients/invite/<uuid:patient_id>/", people.invite_again, name="invite_again"),
    path("staff/", people.staff, name="staff"),
    path("staff/<uuid:member_id>/switch-off/", people.switch_off, name="switch_off"),
    path("staff/<uuid:member_id>/forget-second-factor/", people.forget_factor, name="forget_factor"),
    path("emergency/", emergency.open_record, name="emergency"),
    path("emergency/end/", emergency.end, name="end_emergency"),
    path("emergency/log/", emergency.log, name="emergency_log"),
    path("alerts/", views.open_alerts, name="alerts"),
    path("alerts/<uuid:alert_id>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("patients/<uuid:patient_id>/", views.patient, name="patient"),
    path("patients/<uuid:patient_id>/check-ins/", views.plan_check_in, name="plan_check_in"),
    path(
        "patients/<uuid:patient_id>/check-ins/<uuid:check_in_id>/cancel/",
        views.cancel_check_in,
        name="cancel_check_in",
    ),
]
