"""kill -9 at random moments of a fortnight: nothing lost, nothing doubled, the same end."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from pulsefront.qc.alerts.notify.delivery import deliver
from pulsefront.qc.alerts.notify.settings import EmailChannel, NotifySettings
from pulsefront.qc.nightly.job import Models, mend_outputs, nights_due, score_nights
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from servers import mail_server
from strategies_qc import DAY

NIGHTS = 14


def job(site, upto_s, port):
    """Run the whole job: nights that are due, files, messages."""
    channel = EmailChannel(
        name="physics", host="127.0.0.1", port=port, security="none", sender="qc@example.org",
        recipients=("ada@example.org",), digest="weekly",
    )  # fmt: skip
    notify = NotifySettings(email=(channel,))
    with Store(site.db) as store:
        due = nights_due(store, upto_s)
        mend_outputs(store, site.out)
        nights = score_nights(
            store, Models(site.model, None), due, site.out,
            false_alerts_per_unit_year=6.0, notify=notify,
        )  # fmt: skip
        for _ in nights:
            pass
        deliver(store, notify, pause=lambda _: None)


def left_behind(site):
    """Return files and tables, without the time of the clock and what only doubt can change."""
    found = {
        path.name: path.read_bytes()
        for path in site.out.iterdir()
        if not path.name.startswith(".")  # what a kill left of a file that was being written
    }
    hidden = ["made_at", "tried_at", "next_at", "first_tried_at", "state", "error", "attempts"]
    with Store(site.db) as store:
        for table in (schema.score, *tables.ALERT_TABLES):
            keep_state = table.name in {"alert", "alert_change"}
            drop = [name for name in hidden if not (name == "state" and keep_state)]
            frame = store.frame(table).drop(columns=drop, errors="ignore")
            found[table.name] = frame.to_csv()
        states = Counter(store.frame(tables.message)["state"])
    return found, states


def fortnight(site, mail, kills, seed):
    """Run the job every night; each run is killed at a random moment with some probability."""
    context = multiprocessing.get_context("fork")
    random = np.random.default_rng(seed)
    done, begin = 0, time.monotonic()
    job(site, site.last_s - NIGHTS * DAY, mail.port)
    lasted = time.monotonic() - begin
    for night in range(NIGHTS - 1, -1, -1):
        upto_s = site.last_s - night * DAY
        for _ in range(random.poisson(kills / NIGHTS)):
            process = context.Process(target=job, args=(site, upto_s, mail.port))
            process.start()
            time.sleep(random.uniform(0.0, 1.5 * lasted))
            process.kill()
            process.join()
            done += 1
        if random.random() < 0.7 or night == 0:  # else the night is left to the next job
            job(site, upto_s, mail.port)
    return done


@pytest.mark.parametrize(
    ("kills", "seed"),
    [(6, 1), pytest.param(140, 2, marks=pytest.mark.slow)],
)
def test_fortnight_of_killed_jobs_ends_like_an_undisturbed_one(site, tmp_path, kills, seed):
    whole = SimpleNamespace(**{**vars(site), "db": tmp_path / "whole.db", "out": tmp_path / "w"})
    whole.db.write_bytes(site.db.read_bytes())
    with mail_server() as mail:
        for night in range(NIGHTS, -1, -1):
            job(whole, whole.last_s - night * DAY, mail.port)
        undisturbed = Counter(message["Message-ID"] for _, message in mail.accepted)
    expected, states = left_behind(whole)
    assert set(states) == {"sent"}
    assert set(undisturbed.values()) == {1}
    assert len(undisturbed) > 5
    with mail_server() as mail:
        done = fortnight(site, mail, kills, seed)
        told = Counter(message["Message-ID"] for _, message in mail.accepted)
    assert done >= kills // 2
    found, states = left_behind(site)
    assert found.keys() == expected.keys()
    for name, content in expected.items():
        assert found[name] == content, name
    # Nothing is told twice; what was not told for certain is known to be in doubt.
    assert set(told.values()) == {1}
    assert set(told) <= set(undisturbed)
    assert len(set(undisturbed) - set(told)) <= states["doubtful"] + states["mentioned"]
    assert states["sent"] + states["doubtful"] + states["mentioned"] == len(undisturbed)
