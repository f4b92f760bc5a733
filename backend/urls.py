"""The URLs of the API, sign-in, the dashboard and the health pages."""

from django.urls import include, path

urlpatterns = [
    path("", include("tracker.api.urls")),
    path("accounts/", include("tracker.dashboard.accounts")),
    path("_allauth/", include("tracker.api.views.accounts")),
    path("", include("tracker.dashboard.urls")),
]

handler400 = "backend.errors.bad_request"
handler403 = "backend.errors.forbidden"
handler404 = "backend.errors.not_found"
handler500 = "backend.errors.server_error"
