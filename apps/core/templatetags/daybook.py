"""``{% load daybook %}``: amounts, dates and states as every page shows them."""

from django import template

from apps.core import display

register = template.Library()

register.filter("amount", display.amount)
register.filter("money", display.money)
register.filter("day", display.day)
register.filter("short_day", display.short_day)
register.filter("moment", display.moment)
register.filter("status", display.status)
