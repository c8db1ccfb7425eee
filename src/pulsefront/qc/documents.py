"""What is saved as JSON and read back: frozen, with a schema, refused by file and field."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Document"]


class Document(BaseModel):
    """Base of saved results: frozen, unknown keys refused, no NaN or infinity.

    Texts are kept as they are: names of tests and units come from logs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values in the order of the fields, without those never set."""
        return self.model_dump(mode="json", exclude_unset=True)
