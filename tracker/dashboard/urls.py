"""The clinicians' pages."""

from django.urls import path

from tracker.dashboard import views

app_name = "dashboard"
urlpatterns = [
    path("", views.home, name="home"),
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
