"""Give what is there its place in the new tables: claims for cover that was accepted, wallets that were spent from."""

from django.db import migrations

FILL = """
INSERT INTO billing_claim (id, administration_id, payer_id, bill_id, status, authorisation, submissions, reason, version,
                           created_at, source)
SELECT gen_random_uuid(), administration_id, payer_id, bill_id, 'DRAFT', '', 0, '', 1, min(taken_at), ''
FROM billing_payment WHERE payer_id IS NOT NULL
GROUP BY administration_id, payer_id, bill_id
ORDER BY min(taken_at);

UPDATE billing_payer SET method = 'HMO'
WHERE EXISTS (SELECT FROM billing_payment WHERE payer_id = billing_payer.id AND method = 'HMO');

ALTER TABLE billing_wallet DISABLE TRIGGER USER;
INSERT INTO billing_wallet (id, administration_id, patient_id, balance)
SELECT gen_random_uuid(), bill.administration_id, bill.patient_id, -sum(payment.amount)
FROM billing_payment payment JOIN billing_bill bill ON bill.id = payment.bill_id
WHERE payment.method = 'WALLET'
GROUP BY bill.administration_id, bill.patient_id;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE billing_wallet ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_the_whole_clinic")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
