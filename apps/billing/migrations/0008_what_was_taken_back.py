"""Give what is there its place in the new columns: the currency of payouts, the settlement that another took back."""

from django.db import migrations

FILL = """
UPDATE billing_paystacksettlement settlement SET currency = administration.currency
FROM core_administration administration WHERE administration.id = settlement.administration_id;

ALTER TABLE billing_claimsettlement DISABLE TRIGGER USER;
UPDATE billing_claimsettlement back SET takes_back_id = original.id
FROM core_event event, billing_claimsettlement original
WHERE event.name = 'billing.settlement_taken_back' AND event.subject_id = back.id
  AND original.id = (event.facts ->> 'of')::uuid AND original.claim_id = back.claim_id AND back.amount < 0;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE billing_claimsettlement ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_advances")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
