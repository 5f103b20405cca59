"""The forms of the closing page."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.forms import AdministrationForm
from apps.periods.reports.checklist import Checklist

LOCK = _("LOCK")  # what is typed


def _notes(label: Any, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=10_000, widget=forms.Textarea(attrs={"rows": 2}), **options)


class ReviewForm(AdministrationForm):
    notes = _notes(_("Notes"), required=False)


class AcknowledgeForm(AdministrationForm):
    """The warnings that nobody acknowledged yet, as the last run found them."""

    issues = forms.MultipleChoiceField(label=_("Warnings"), widget=forms.CheckboxSelectMultiple)
    notes = _notes(_("Why they may stay"), required=False)

    def __init__(self, *args: Any, found: Checklist, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        left = found.verdict.unacknowledged if found.verdict else ()
        self.fields["issues"].choices = [(str(issue.pk), str(issue.title)) for issue in left]  # type: ignore[attr-defined]


class FinalizeForm(AdministrationForm):
    notes = _notes(_("Notes"), required=False)


class LockForm(AdministrationForm):
    word = forms.CharField(
        label=_("Type the word LOCK"), max_length=20, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    notes = _notes(_("Notes"), required=False)

    def clean_word(self) -> str:
        typed: str = self.cleaned_data["word"].strip().upper()
        if typed not in ("LOCK", str(LOCK)):
            raise ValidationError(_("The word is LOCK. Nothing is locked yet."))
        return typed


class ReopenForm(AdministrationForm):
    reason = _notes(_("Why"))
