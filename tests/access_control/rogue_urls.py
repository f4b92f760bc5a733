"""The product's routes, and one more of which nobody has said who may use it."""

from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("", include("backend.urls")),
    path("planted/<uuid:patient_id>", lambda request: HttpResponse()),
]
