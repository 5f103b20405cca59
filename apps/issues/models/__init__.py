from apps.issues.models.issues import Issue, Sighting
from apps.issues.models.runs import ValidationRun

__all__ = ["Issue", "Sighting", "ValidationRun"]
