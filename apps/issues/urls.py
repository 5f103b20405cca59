"""Addresses of issues, under those of the accountant."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
