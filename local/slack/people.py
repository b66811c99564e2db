"""Who and what is in the workspace."""

from __future__ import annotations

import re
from dataclasses import dataclass

TEAM_ID = "T0LOCAL"
TEAM_NAME = "Local"
TEAM_DOMAIN = "local"
APP_ID = "A0SEALPOINT"
APP_NAME = "Sealpoint"
BOT_ID = "B0SEALPOINT"
BOT_USER_ID = "U0SEALPOINT"


@dataclass(frozen=True)
class User:
    """A person.

    Parameters
    ----------
    name
        What is shown; the handle is made from it.
    """

    id: str
    name: str
    email: str

    @property
    def handle(self) -> str:
        return re.sub(r"[^a-z0-9._-]+", ".", self.name.lower()).strip(".") or self.id.lower()


@dataclass(frozen=True)
class Channel:
    """A channel.

    Parameters
    ----------
    app_is_member
        Whether the app was invited: it can post only where it was.
    archived
        An archived channel takes no messages.
    members
        The ids of the users in it; everyone by default.
    """

    id: str
    name: str
    app_is_member: bool = True
    archived: bool = False
    members: tuple[str, ...] | None = None

    def has_member(self, user_id: str) -> bool:
        return self.members is None or user_id in self.members


@dataclass(frozen=True)
class UserGroup:
    """A group that can be mentioned, with the ids of its users."""

    id: str
    handle: str
    users: tuple[str, ...] | list[str] = ()
