"""How an architecture is chosen: the search methods and the baseline.

Importing any of its modules makes this package the attribute `search` of `nastransfer`, where the public function of
the same name is expected: so the package can be called as that function.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallableRoom(ModuleType):
    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """See `nastransfer.search.drive.search`."""
        from nastransfer.search.drive import search

        return search(*arguments, **settings)


sys.modules[__name__].__class__ = _CallableRoom
