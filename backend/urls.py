"""Three doors and a health page."""

from django.urls import include, path

urlpatterns = [
    path("", include("tracker.api.urls")),
    path("accounts/", include("tracker.dashboard.accounts")),
    path("_allauth/", include("tracker.api.accounts")),
    path("", include("tracker.dashboard.urls")),
]

handler400 = "backend.errors.bad_request"
handler403 = "backend.errors.forbidden"
handler404 = "backend.errors.not_found"
handler500 = "backend.errors.broken"
