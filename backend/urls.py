"""Three doors and a health page."""

from django.urls import include, path

urlpatterns = [
    path("", include("tracker.api.urls")),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("", include("tracker.dashboard.urls")),
]
