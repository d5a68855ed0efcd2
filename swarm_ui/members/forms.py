"""What an owner types in to invite somebody."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel

from swarm_ui.accounts.people import clean_email
from swarm_ui.members.roster import ROLES


def _email(text: str) -> str:
    try:
        return clean_email(text)
    except ValueError:
        raise ValueError("This is no e-mail address.") from None


Role = Literal["viewer", "operator", "editor"]


class Invitation(BaseModel):
    email: Annotated[str, AfterValidator(_email)]
    role: Role


class NewRole(BaseModel):
    role: Role


assert tuple(ROLES) == Role.__args__  # type: ignore[attr-defined]
