"""What drawers, shifts, counts, cash movements and terminals' totals look like over HTTP."""

from typing import Any

from rest_framework import serializers

from apps.billing.models import (
    CashMovement,
    CountNote,
    Drawer,
    DrawerCount,
    Shift,
    TerminalBatch,
)
from apps.core.api import AmountField
from apps.core.money import ZERO
from apps.core.owned_api import OwnerSerializer, amount_input


class OwnedRowSerializer(serializers.ModelSerializer[Any]):
    """What every row has; ``day`` is the business date of its clinic day."""

    administration_id = serializers.UUIDField()
    currency = serializers.CharField(source="administration.currency")


class DrawerSerializer(OwnedRowSerializer):
    standard_float = AmountField()

    class Meta:
        model = Drawer
        fields = ("id", "administration_id", "code", "name", "standard_float", "currency", "is_active")


class DrawerFormSerializer(OwnerSerializer):
    code = serializers.CharField(max_length=32)
    name = serializers.CharField(max_length=100)
    standard_float = amount_input(required=False, default=ZERO, help_text="What stays in it overnight, for change.")


class DrawerChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100, required=False)
    standard_float = amount_input(required=False)
    is_active = serializers.BooleanField(required=False)


class ShiftSerializer(OwnedRowSerializer):
    """A shift. ``expected``, ``counted`` and ``difference`` are null until its count is final."""

    day = serializers.DateField(source="clinic_day.date")
    drawer_id = serializers.UUIDField()
    cashier_id = serializers.UUIDField(allow_null=True)
    opening_float = AmountField()
    retained = AmountField(allow_null=True, help_text="What the shift before left.")
    expected = AmountField(allow_null=True)
    counted = serializers.SerializerMethodField()
    difference = AmountField(allow_null=True)
    needs_second_count = serializers.SerializerMethodField()

    class Meta:
        model = Shift
        fields = (
            "id",
            "administration_id",
            "day",
            "drawer_id",
            "cashier_id",
            "opening_float",
            "retained",
            "currency",
            "opened_at",
            "closed_at",
            "needs_second_count",
            "expected",
            "counted",
            "difference",
        )

    def get_counted(self, shift: Any) -> str | None:
        count = AmountField(allow_null=True)
        count.bind("newest_total", self)
        return str(count.get_attribute(shift)) if shift.newest_is_final else None

    def get_needs_second_count(self, shift: Any) -> bool:
        return shift.newest_is_final is False


class ShiftFormSerializer(OwnerSerializer):
    drawer_id = serializers.UUIDField()
    cashier_id = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="You, when left out.")
    opening_float = amount_input(
        required=False, allow_null=True, default=None, help_text="What was left in the drawer, when left out."
    )


class PieceSerializer(serializers.Serializer[Any]):
    value = serializers.DecimalField(max_digits=12, decimal_places=4)
    count = serializers.IntegerField(min_value=0, max_value=1_000_000)


class PieceTextSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    count = serializers.IntegerField()


class CountedSerializer(serializers.Serializer[Any]):
    """What was counted: the notes and coins, a total alone, or both."""

    total = amount_input(required=False, allow_null=True, default=None)
    denominations = serializers.ListField(child=PieceSerializer(), required=False, default=list, max_length=100)


class CountFormSerializer(CountedSerializer):
    shift_id = serializers.UUIDField()


class HandOverSerializer(CountedSerializer):
    to = serializers.UUIDField(help_text="Whose shift begins with what was counted.")


class CountNoteSerializer(serializers.ModelSerializer[CountNote]):
    class Meta:
        model = CountNote
        fields = ("text", "by", "at")


class CountSerializer(OwnedRowSerializer):
    """A count. ``expected`` and ``difference`` are null until it is final."""

    day = serializers.DateField(source="clinic_day.date")
    shift_id = serializers.UUIDField()
    denominations = PieceTextSerializer(many=True)
    total = AmountField()
    expected = AmountField(allow_null=True)
    difference = AmountField(allow_null=True)
    needs_second_count = serializers.SerializerMethodField()
    notes = CountNoteSerializer(many=True)

    class Meta:
        model = DrawerCount
        fields = (
            "id",
            "administration_id",
            "day",
            "shift_id",
            "revision",
            "attempt",
            "denominations",
            "total",
            "currency",
            "is_final",
            "needs_second_count",
            "expected",
            "difference",
            "counted_by",
            "counted_at",
            "notes",
        )

    def get_needs_second_count(self, count: Any) -> bool:
        return not count.is_final and count.newest_attempt == count.attempt


class HandedOverSerializer(serializers.Serializer[Any]):
    count = CountSerializer()
    shift = ShiftSerializer(allow_null=True, help_text="The shift that began; null while a second count is needed.")


class NoteFormSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=10_000)


class CashMovementSerializer(OwnedRowSerializer):
    day = serializers.DateField(source="clinic_day.date")
    shift_id = serializers.UUIDField()
    number = serializers.CharField(source="__str__")
    amount = AmountField()
    account_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = CashMovement
        fields = (
            "id",
            "administration_id",
            "day",
            "shift_id",
            "number",
            "kind",
            "amount",
            "currency",
            "account_id",
            "after_count",
            "reason",
            "reference",
            "by",
            "at",
        )


class CashMovementFormSerializer(serializers.Serializer[Any]):
    shift_id = serializers.UUIDField()
    kind = serializers.ChoiceField(CashMovement.Kind.choices)
    amount = amount_input()
    account_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    reference = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)


class TerminalBatchSerializer(OwnedRowSerializer):
    day = serializers.DateField(source="clinic_day.date")
    total = AmountField()

    class Meta:
        model = TerminalBatch
        fields = (
            "id",
            "administration_id",
            "day",
            "terminal",
            "batch",
            "total",
            "currency",
            "payments_count",
            "by",
            "at",
        )


class TerminalBatchFormSerializer(OwnerSerializer):
    day = serializers.DateField()
    terminal = serializers.CharField(max_length=64)
    batch = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)
    total = amount_input()
    payments_count = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=1_000_000
    )
