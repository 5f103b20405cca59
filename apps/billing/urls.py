"""Addresses of billing below /api/v1/billing/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
