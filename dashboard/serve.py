"""`python dashboard/serve.py`: `streamlit run dashboard/app.py`, options included, ready for its first visitor.

Streamlit runs nothing before somebody looks, who would then wait for the imports and for the first reading of a study.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

from streamlit.web import cli

# From then on what is still to be read is read while the server is up.
MOST_SECONDS = 5.0
# They warn of caches and of work without a visitor, which are meant.
WITHOUT_VISITOR = ("caching.cache_data_api", "scriptrunner_utils.script_run_context")


def main() -> None:
    """Read ahead, then serve; the command line is that of `streamlit run dashboard/app.py`."""
    for name in WITHOUT_VISITOR:
        logging.getLogger(f"streamlit.runtime.{name}").setLevel(logging.ERROR)
    reader = Thread(target=_read_ahead, daemon=True)
    reader.start()
    reader.join(MOST_SECONDS)
    sys.argv = ["streamlit", "run", str(Path(__file__).with_name("app.py")), *sys.argv[1:]]
    cli.main()


def _read_ahead() -> None:
    """Import what the first page needs, and compute what it opens on into the caches of all visitors."""
    from parts import deciding, picking, reading

    here = reading.ledger()
    names = here.studies()
    for name in names:
        with suppress(ValueError, OSError):  # the page says so in its place
            reading.status(str(here.root), name)
    if names:
        with suppress(ValueError, OSError):
            deciding.prepare(picking.first_of(names))


if __name__ == "__main__":
    main()
