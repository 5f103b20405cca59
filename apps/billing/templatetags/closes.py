"""``{% load closes %}``: amounts that may have to wait for the count of the drawers."""

from django import template

from apps.billing import blind

register = template.Library()

register.filter("seen", blind.amount)
register.filter("seen_money", blind.money)
