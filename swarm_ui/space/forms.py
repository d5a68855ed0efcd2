"""What has to be typed before a space is erased."""

from typing import Annotated

from pydantic import BaseModel, StringConstraints


class EraseForm(BaseModel):
    confirm: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""
