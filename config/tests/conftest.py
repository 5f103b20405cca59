from config.tests.test_permission_matrix import world

__all__ = ["world"]  # two clinics with the same things in them
