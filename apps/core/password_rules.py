"""The rules of passwords that Django's validators do not bring."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LONGEST = 128  # a longer one would only cost time (OWASP ASVS 6.2.9: at least 64 must be taken)


class LetterAndDigit:
    """At least one letter (A-Z, a-z) and one digit (0-9)."""

    def validate(self, password: str, user: Any = None) -> None:
        if not re.search("[A-Za-z]", password):
            raise ValidationError(_("The password needs at least one letter."), code="password_no_letter")
        if not re.search("[0-9]", password):
            raise ValidationError(_("The password needs at least one digit."), code="password_no_digit")

    def get_help_text(self) -> str:
        return _("Your password needs at least one letter and one digit.")
