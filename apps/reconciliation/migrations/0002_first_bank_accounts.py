"""Books that were opened before there were bank accounts get the one that new books begin with."""

from django.db import migrations


def open_first(apps, schema_editor):
    BankAccount = apps.get_model("reconciliation", "BankAccount")
    Account = apps.get_model("ledger", "Account")
    journals = apps.get_model("ledger", "Journal").objects.filter(code="BNK", type="BANK", bank_account=None)
    for journal in journals.select_related("administration").iterator():
        administration = journal.administration
        account = Account.objects.filter(
            administration=administration, purpose="bank", control="", type__in=("ASSET", "LIABILITY")
        ).first()
        if account is None or BankAccount.objects.filter(administration=administration).exists():
            continue
        BankAccount.objects.create(
            administration=administration,
            journal=journal,
            account=account,
            name=journal.name,
            currency=administration.currency,
        )


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_the_bank")]

    operations = [migrations.RunPython(open_first, migrations.RunPython.noop)]
