"""The user of a request, with all attributes that Django, its templates and REST framework require of a user."""

from __future__ import annotations

from typing import Any, Optional

from .types import User


class DjangoUser(User):
    """A user whom ``protect()`` admitted. Django's admin and permissions grant nothing to it: ``authorize()`` and
    ``permit()`` check roles."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False
    is_superuser = False
    #: Rows of Django's tables that an application may go through.
    groups: tuple[Any, ...] = ()
    user_permissions: tuple[Any, ...] = ()

    @property
    def pk(self) -> str:
        return self.id

    @property
    def username(self) -> str:
        """The id, since names may change."""
        return self.id

    def get_username(self) -> str:
        return self.id

    def __str__(self) -> str:
        return self.id

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        return set()

    get_user_permissions = get_group_permissions = get_all_permissions

    def has_perm(self, perm: str, obj: Optional[Any] = None) -> bool:
        return False

    def has_perms(self, perm_list: Any, obj: Optional[Any] = None) -> bool:
        return not list(perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return False
