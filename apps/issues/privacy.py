"""What becomes of the words that this app keeps, when a person is erased."""

from apps.core.privacy import Fate

FIELDS: dict[str, dict[str, Fate]] = {}
