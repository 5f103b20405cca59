from apps.issues.admin import issues

__all__ = ["issues"]
