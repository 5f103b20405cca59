"""What gunicorn reads beside its command line: one format for every log, and where its processes count."""

import os
import shutil
import tempfile

from apps.core.logs import settings_for

logconfig_dict = settings_for(level=os.environ.get("LOG_LEVEL", "INFO"), form=os.environ.get("LOG_FORMAT", "json"))

# A folder of this master's own: what processes before it counted is not added up again.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="daybook-metrics-")


def on_exit(server):
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
