"""Addresses of periods, VAT and evidence, under those of the accountant."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
