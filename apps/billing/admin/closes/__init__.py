"""The day close: "Does it tie out?" on one page of five steps; the lists of closes, clinic days and nightly closes."""

from apps.billing.admin.closes import days, page
from apps.billing.admin.closes.addresses import Status, day_link, newest
from apps.billing.admin.closes.buttons import BUTTONS

__all__ = ["BUTTONS", "Status", "day_link", "days", "newest", "page"]
