"""The dashboard on a study of 10,000 runs, in a real browser: until it shows the decision, and until a filter answers.

Every round has a server of its own, which reads ahead before it answers (`start`). `first`: the first visitor then,
`again`: the next one. A filter is measured from the choice to the table's new number of rows.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from playwright.sync_api import Browser, Page, sync_playwright

from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.plan import Task
from nastransfer.study.records import record_bytes
from tests.browser.pages import page_at, wait_until_drawn
from tests.browser.serving import FLAGS, find_chromium, served
from tests.report.made_study import made_study

ROUNDS, FILTERS = 5, 5
RUNS = 10_000
DECIDED = ".nt-table:has-text('P(best)')"
WAIT = 60_000


def run() -> dict[str, Any]:
    """Milliseconds; nothing where there is no browser."""
    if find_chromium() is None:
        print("no Chromium here")
        return {}
    with tempfile.TemporaryDirectory(prefix="nastransfer-bench-") as folder, sync_playwright() as playwright:
        write_made(Path(folder) / "runs")
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, seconds in a_round(browser, Path(folder)):
                times.setdefault(name, []).append(1e3 * seconds)
        browser.close()
    first = next(iter(times))
    return {name: row(values, first, times[first]) for name, values in times.items()}


def row(values: list[float], base: str, compared: list[float]) -> dict[str, Any]:
    """A row as the other benchmarks have them."""
    return {
        "n": len(values),
        "median_ms": round(statistics.median(values), 1),
        "min_ms": round(min(values), 1),
        "max_ms": round(max(values), 1),
        "compared_with": base,
        "ratio": round(statistics.median(values) / statistics.median(compared), 3),
    }


def a_round(browser: Browser, folder: Path) -> Iterator[tuple[str, float]]:
    """What was measured and its seconds, with a server of its own."""
    began = time.perf_counter()
    with served(folder / "runs", folder) as address:
        start = time.perf_counter() - began
        for visitor in ("first", "again"):
            started = time.perf_counter()
            with page_at(browser, address) as page:
                page.wait_for_selector("[data-testid=stMain] h1", timeout=WAIT)
                yield f"the page's title, {visitor}", time.perf_counter() - started
                page.wait_for_selector(DECIDED, timeout=WAIT)
                yield f"the decision, {visitor}", time.perf_counter() - started
                wait_until_drawn(page)
                yield f"the whole overview, {visitor}", time.perf_counter() - started
        with page_at(browser, f"{address}runs") as page:
            wait_until_drawn(page)
            yield from filters(page)
        yield "the server's start", start


def filters(page: Page) -> Iterator[tuple[str, float]]:
    """Choosing one method after the other."""
    counted = page.get_by_text(re.compile(r"of [\d,]+ runs"))
    for place in range(FILTERS):
        before = counted.inner_text()
        page.get_by_role("combobox", name="Method").click()
        option = page.get_by_role("option").nth(place % 2 + 1)
        option.wait_for()
        started = time.perf_counter()
        option.click()
        page.wait_for_function(
            "before => [...document.querySelectorAll('[data-testid=stMarkdown]')]"
            ".some(one => / of [0-9,]+ runs/.test(one.innerText) && one.innerText.trim() !== before)",
            arg=before,
            timeout=WAIT,
            polling=20,
        )
        yield "a filter of the runs", time.perf_counter() - started
        wait_until_drawn(page)


def write_made(runs: Path) -> StudyRecords:
    """A finished study with its plan, as a runner leaves it, without waiting for the disk each time."""
    frame = made_study(searches=38, genotypes=100, cells=(40,))
    assert frame.height >= RUNS
    records = Ledger(runs).study("made")
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    rows = [{name: value for name, value in row.items() if value is not None} for row in frame.to_dicts()]
    tasks = [planned(number, row) for number, row in enumerate(rows)]
    records.write_plan(tasks)
    for number, (task, row) in enumerate(zip(tasks, rows, strict=True)):
        labels = {name: value for name, value in row.items() if name in texts}
        for name in ("run", "study", "origin"):
            labels.pop(name, None)
        numbers = {name: value for name, value in row.items() if name not in texts}
        about = {"task_id": task.id, "result_key": task.id, "linked_to": None, "finished_at": 1e9 + number}
        folder = records.task_folder(task) / f"{number:08x}"
        folder.mkdir(parents=True)
        (folder / "result.json").write_bytes(record_bytes({**about, "labels": labels, "numbers": numbers}))
    records.save_index()
    return records


def planned(number: int, row: dict[str, Any]) -> Task:
    """A task as it would be planned, as far as the pages look at it."""
    target = {"target": {"dataset": row["target"]}} if "target" in row else {}
    feeds = tuple(row.get("feeds", "").split(","))
    return Task(
        f"{number:012x}", row["kind"], f"{row['method']}-{number}", {"seed": 2, **target}, feeds=feeds
    )
