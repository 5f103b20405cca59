"""Seals: a chain of hashes over what never changes, whose head and count are printed where nobody can change them."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import laws
from apps.core.models import Owned, User
from apps.ledger import triggers
from apps.ledger.models.entries import JournalEntry
from apps.ledger.models.keys import administration_of_many


class Seal(Owned):
    """A link of the chain: ``head`` covers ``previous_head`` and everything sealed here; all of it is counted."""

    number = models.PositiveIntegerField(_("number"), editable=False)
    head = models.CharField(_("head"), max_length=64, help_text="SHA-256, in hexadecimal.")
    previous_head = models.CharField(_("previous head"), max_length=64, blank=True)
    entries = models.PositiveIntegerField(_("entries sealed so far"))
    documents = models.PositiveIntegerField(_("documents sealed so far"), default=0, db_default=0)
    reason = models.CharField(_("reason"), max_length=40)
    made_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("made by"))

    class Meta:
        ordering = ("-number",)
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        constraints = (
            laws.owned("seal"),
            models.UniqueConstraint(fields=["administration", "number"], name="seal_number"),
        )
        triggers = (
            triggers.seal_append_only,
            *laws.numbered("'seal'"),
            triggers.seal_chained,
            laws.no_truncate(),
        )

    @property
    def rows(self) -> int:
        """The count that is printed beside the head: entries and documents."""
        return self.entries + self.documents

    def __str__(self) -> str:
        return f"{self.number}: {self.head[:12]}"


class SealedEntry(Owned):
    """The hash of one posted entry with its lines, and its place in the seal.

    Free text counts by ``text_hash``, a hash salted with ``salt``: a text that is erased takes its salt along, and what
    was sealed still proves.
    """

    administration = administration_of_many()
    seal = models.ForeignKey(Seal, on_delete=models.PROTECT, related_name="sealed_entries")
    entry = models.OneToOneField(JournalEntry, on_delete=models.PROTECT, related_name="sealed")
    position = models.PositiveIntegerField()
    hash = models.BinaryField(max_length=32)
    salt = models.BinaryField(max_length=16)
    text_hash = models.BinaryField(max_length=32)

    class Meta:
        ordering = ("seal", "position")
        constraints = (
            *laws.same_administration("sealed_entry", "seal", "entry"),
            models.UniqueConstraint(fields=["seal", "position"], name="sealed_entry_position"),
        )
        triggers = (triggers.sealed_entry_append_only, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.seal_id}/{self.position}"


class SealedDocument(Owned):
    """The hash of a document that is no entry: a bill with its lines, a payment, a count, the report of a day.

    ``kind`` is the label of its model, which stands above the ledger. Text counts as in an entry; a person who is
    erased takes the salt along.
    """

    administration = administration_of_many()
    seal = models.ForeignKey(Seal, on_delete=models.PROTECT, related_name="sealed_documents")
    kind = models.CharField(max_length=60)
    document_id = models.UUIDField()
    position = models.PositiveIntegerField()
    hash = models.BinaryField(max_length=32)
    salt = models.BinaryField(max_length=16)
    text_hash = models.BinaryField(max_length=32)

    class Meta:
        ordering = ("seal", "position")
        constraints = (
            *laws.same_administration("sealed_document", "seal"),
            models.UniqueConstraint(fields=["document_id", "kind"], name="document_sealed_once"),
            models.UniqueConstraint(fields=["seal", "position"], name="sealed_document_position"),
        )
        triggers = (triggers.sealed_document_append_only, laws.no_truncate())

    def __str__(self) -> str:
        return f"{self.seal_id}/{self.position}"
