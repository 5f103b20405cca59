"""Real people and administrations for tests."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from apps.core.models import Administration, Membership, User


class AdministrationFactory(DjangoModelFactory[Administration]):
    class Meta:
        model = Administration

    name = factory.Sequence("Clinic {}".format)
    country = "NL"
    currency = "EUR"
    time_zone = "Europe/Amsterdam"


class UserFactory(DjangoModelFactory[User]):
    """A person who signs in; without a ``password`` of their own only through ``force_login``."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence("person{}@clinic.example".format)
    full_name = factory.Sequence("Person {}".format)
    is_email_verified = True

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **fields: Any) -> User:
        return User.objects.create_user(fields.pop("email"), fields.pop("password", None), **fields)


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    administration = factory.SubFactory(AdministrationFactory)
    user = factory.SubFactory(UserFactory)
    role = Membership.Role.RECEPTIONIST


def member(administration: Administration, role: str, **person: Any) -> User:
    """Somebody with that role in ``administration``."""
    user: User = UserFactory(**person)
    MembershipFactory(administration=administration, user=user, role=role)
    return user


def operator(**person: Any) -> User:
    """A superuser without any membership."""
    user: User = UserFactory(is_superuser=True, role=User.Role.ADMIN, **person)
    return user
