import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0006_manual_entry_limit")]

    operations = [
        migrations.AddField(
            model_name="administration",
            name="materiality",
            field=models.DecimalField(
                blank=True,
                decimal_places=4,
                help_text="An acknowledged issue asks again when its amount moves by more than this. Empty: by anything.",
                max_digits=19,
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="materiality",
            ),
        ),
    ]
