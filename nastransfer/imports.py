"""What is kept from being imported because it takes long and nobody here needs it."""

from __future__ import annotations

import sys
from types import ModuleType


def skip_address_grammar() -> None:
    """Before nbformat is imported (papermill and plotly do): a second less in every process.

    Its schema checker compiles a grammar of international addresses at import, for a format that notebooks do not
    use. From an empty module the import of that check fails, which the checker expects, and does without.
    """
    sys.modules.setdefault("rfc3987_syntax", ModuleType("rfc3987_syntax"))
