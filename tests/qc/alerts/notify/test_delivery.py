"""Messages: each change told once, tried again where it was not accepted, never twice."""

from __future__ import annotations

import itertools
import multiprocessing

import pytest

from pulsefront.qc.alerts import acts
from pulsefront.qc.alerts.notify.delivery import deliver
from pulsefront.qc.alerts.notify.settings import EmailChannel, NotifySettings, WebhookChannel
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import StoreLocked, locked
from pulsefront.qc.store.tables import alert_tables as tables
from servers import mail_server, web_server
from strategies_alerts import instant, one_night, table_of

A, B = ("PET1", "block1"), ("SPECT1", "")


@pytest.fixture
def mail():
    with mail_server() as server:
        yield server


@pytest.fixture
def web():
    with web_server() as server:
        yield server


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        yield opened


def by_mail(server, *recipients, **more):
    channel = EmailChannel(
        name="physics", host="127.0.0.1", port=server.port, security="none",
        sender="qc@example.org", recipients=recipients or ("ada@example.org",),
        **more,
    )  # fmt: skip
    return NotifySettings(email=(channel,), page_url="https://qc.example.org/night.html")


def by_web(server, **more):
    return NotifySettings(webhook=(WebhookChannel(name="tickets", url=server.url, **more),))


class Clock:
    """A clock that moves when somebody waits."""

    def __init__(self, now=1_800_000_000):
        self.now = now
        self.waited = []

    def __call__(self):
        return self.now

    def pause(self, seconds):
        self.waited.append(seconds)
        self.now += seconds


def send(store, settings, clock=None):
    clock = clock or Clock()
    return deliver(store, settings, clock=clock, pause=clock.pause)


def states(store):
    return [row["state"] for row in table_of(store, tables.message)]


def test_nobody_is_told_unless_it_is_wanted(store):
    one_night(store, 0, {A: 0.6})
    assert states(store) == []


def test_each_change_is_told_once_to_each_recipient(store, mail):
    settings = by_mail(mail, "ada@example.org", "ben@example.org")
    one_night(store, 0, {A: 0.6, B: 0.7}, notify=settings)
    assert send(store, settings).sent == 4
    one_night(store, 1, {A: 0.6, B: 0.9}, notify=settings)
    assert send(store, settings).sent == 2
    assert send(store, settings).sent == 0
    told = sorted((to, message["Subject"]) for to, message in mail.accepted)
    assert told == [
        (to, f"[pulsefront] {what}")
        for to in ("ada@example.org", "ben@example.org")
        for what in (
            "opened: PET1 block1",
            "opened: SPECT1 whole unit",
            "updated: SPECT1 whole unit",
        )
    ]
    _, message = mail.accepted[0]
    text = message.get_content()
    assert "Probability of failure: 0.600 (0.500 to 0.700), threshold 0.500" in text
    assert "Because: gain drifting" in text
    assert "pulsefront qc alerts ack 1" in text
    assert "Page: https://qc.example.org/night.html" in text
    assert len({m["Message-ID"] for _, m in mail.accepted}) == 6


def test_messages_about_one_alert_are_one_thread(store, mail):
    settings = by_mail(mail)
    one_night(store, 0, {A: 0.6}, notify=settings)
    one_night(store, 1, {A: 0.9}, notify=settings)
    send(store, settings)
    assert len({m["References"] for _, m in mail.accepted}) == 1


def test_repeated_night_tells_nothing_again(store, mail):
    settings = by_mail(mail, digest="daily")
    for _ in range(3):
        one_night(store, 0, {A: 0.6}, notify=settings)
        send(store, settings)
    subjects = [m["Subject"] for _, m in mail.accepted]
    assert subjects == ["[pulsefront] opened: PET1 block1",
                        "[pulsefront] 1 alerts not closed, 2024-10-03"]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        (("connect", "drop"), "waiting"),
        (("connect", "421 busy"), "waiting"),
        (("ehlo", "drop"), "waiting"),
        (("mail", "451 later"), "waiting"),
        (("rcpt", "450 greylisted"), "waiting"),
        (("rcpt", "550 no such user"), "refused"),
        (("data", "drop"), "waiting"),
        (("half", "drop"), "waiting"),
        (("body", "452 no room"), "waiting"),
        (("body", "554 spam"), "refused"),
        (("body", "drop"), "doubtful"),
    ],
)
def test_what_becomes_of_a_message_at_each_fault(store, mail, fault, left):
    """Fail at one place three times, as often as one job tries."""
    settings = by_mail(mail)
    one_night(store, 0, {A: 0.6}, notify=settings)
    mail.faults = [fault] * 3
    done = send(store, settings)
    if fault[0] == "half":  # the rest may lie in a buffer: either way it is not told twice
        assert states(store)[0] in {"waiting", "doubtful"}
        return
    assert states(store) == [left]
    assert len(done.problems) == 1
    mail.faults = []
    later = Clock(1_800_000_000 + 7 * 3600)
    assert send(store, settings, later).sent == (1 if left == "waiting" else 0)
    assert len(mail.accepted) == (0 if left == "refused" else 1)


def test_fault_that_passes_is_not_noticed_by_anybody(store, mail):
    settings = by_mail(mail)
    one_night(store, 0, {A: 0.6}, notify=settings)
    mail.faults = [("connect", "drop"), ("mail", "451 later")]
    clock = Clock()
    done = send(store, settings, clock)
    assert (done.sent, done.problems, clock.waited) == (1, [], [2.0, 10.0])
    assert len(mail.accepted) == 1


def test_pauses_between_jobs_grow_to_six_hours_and_end_after_a_week(store, mail):
    settings = by_mail(mail)
    one_night(store, 0, {A: 0.6}, notify=settings)
    clock, tried = Clock(), []
    for _ in range(2000):
        mail.faults = [("mail", "451 later")] * 3
        before = len(clock.waited)
        send(store, settings, clock)
        if len(clock.waited) > before:
            tried.append(clock.now)
        if states(store) == ["refused"]:
            break
        clock.now += 600
    hours = [(b - a) / 3600 for a, b in itertools.pairwise(tried)]
    assert hours[0] < 0.2
    assert all(b >= a - 0.2 for a, b in itertools.pairwise(hours))
    assert 6.0 <= max(hours) < 6.3
    assert 7 * 24 <= (tried[-1] - tried[0]) / 3600 < 8 * 24
    assert mail.accepted == []


def test_clock_that_was_set_back_keeps_no_message_waiting(store, mail):
    settings = by_mail(mail)
    one_night(store, 0, {A: 0.6}, notify=settings)
    mail.faults = [("connect", "drop")] * 3
    send(store, settings, Clock(1_900_000_000))
    assert send(store, settings, Clock(1_800_000_000)).sent == 1


def test_one_recipient_that_does_not_exist_keeps_nobody_else_from_being_told(store, mail):
    settings = by_mail(mail, "gone@example.org", "ben@example.org")
    one_night(store, 0, {A: 0.6}, notify=settings)
    mail.faults = [("rcpt", "550 no such user")]
    assert send(store, settings).sent == 1
    assert [to for to, _ in mail.accepted] == ["ben@example.org"]


def test_doubtful_message_is_mentioned_by_the_next_one_and_not_sent_again(store, mail):
    settings = by_mail(mail)
    one_night(store, 0, {A: 0.6}, notify=settings)
    mail.faults = [("body", "drop")]
    done = send(store, settings)
    assert "may have arrived or not" in done.problems[0]
    one_night(store, 1, {A: 0.9}, notify=settings)
    one_night(store, 2, {A: 0.6}, notify=settings)
    send(store, settings)
    texts = [m.get_content() for _, m in mail.accepted]
    mentions = ["- [pulsefront] opened: PET1 block1" in text for text in texts]
    assert mentions == [False, True, False]
    assert states(store) == ["mentioned", "sent", "sent"]


def deliver_and_be_killed(path, settings):
    with Store(path) as store:
        deliver(store, settings)


@pytest.mark.parametrize("place", ["connect", "mail", "data", "body"])
def test_job_killed_while_it_sends_tells_nothing_twice(store, tmp_path, mail, place):
    settings = by_mail(mail)
    one_night(store, 0, {A: 0.6, B: 0.7}, notify=settings)
    mail.faults = [(place, "stall")]
    context = multiprocessing.get_context("fork")
    process = context.Process(target=deliver_and_be_killed, args=(tmp_path / "qc.db", settings))
    process.start()
    assert mail.stalled.wait(20)
    process.kill()
    process.join()
    done = send(store, settings)
    subjects = [m["Subject"] for _, m in mail.accepted]
    assert sorted(subjects) == ["[pulsefront] opened: PET1 block1",
                                "[pulsefront] opened: SPECT1 whole unit"]  # fmt: skip
    # Handed over and not confirmed: the server has it, but nobody here can know.
    assert len(done.problems) == (1 if place == "body" else 0)
    assert states(store)[0] == ("mentioned" if place == "body" else "sent")


def test_two_jobs_do_not_send_at_once_and_a_night_does_not_wait_for_them(store, mail):
    settings = by_mail(mail)
    with locked(store.url, purpose="messages"):
        one_night(store, 0, {A: 0.6}, notify=settings)
        with pytest.raises(StoreLocked):
            send(store, settings)
    with locked(store.url):
        assert send(store, settings).sent == 1


def test_snoozed_and_serviced_alerts_are_not_told_of(store, mail):
    settings = by_mail(mail)
    one_night(store, 0, {A: 0.6, B: 0.6}, notify=settings)
    acts.snooze(store, 1, until_s=instant(4), who="Ada", why="x")
    one_night(store, 1, {A: 0.9, B: float("nan")}, notify=settings)
    one_night(store, 4, {A: 0.9, B: float("nan")}, notify=settings)
    send(store, settings)
    assert [m["Subject"] for _, m in mail.accepted] == [
        "[pulsefront] opened: PET1 block1",
        "[pulsefront] opened: SPECT1 whole unit",
        "[pulsefront] woken: PET1 block1",
    ]


def test_channel_tells_what_and_of_which_sites_it_is_to(store, mail):
    settings = by_mail(mail, tell=("closed",), sites=("P",))
    for night, score in enumerate([0.6, 0.1, 0.1, 0.1]):
        one_night(store, night, {A: score, B: score}, notify=settings)
    send(store, settings)
    assert [m["Subject"] for _, m in mail.accepted] == ["[pulsefront] closed: PET1 block1"]


def test_flood_of_changes_is_told_in_one_message_beyond_twenty(store, mail):
    settings = by_mail(mail).model_copy(update={"most_per_night": 5})
    one_night(store, 0, {("PET1", f"b{k:02d}"): 0.6 for k in range(30)}, notify=settings)
    assert send(store, settings).sent == 6
    last = mail.accepted[-1][1]
    assert last["Subject"] == "[pulsefront] 25 more changes of alerts, 2024-10-03"
    assert last.get_content().count("- opened: PET1 b") == 25


def test_weekly_digest_comes_once_a_week_and_lists_what_is_not_closed(store, mail):
    settings = by_mail(mail, tell=(), digest="weekly")
    for night in range(14):
        one_night(store, night, {A: 0.6, B: 0.7}, notify=settings)
        send(store, settings)
    assert len(mail.accepted) == 2
    lines = mail.accepted[0][1].get_content().splitlines()
    assert lines[0] == "2 alerts are not closed as of 2024-10-06."
    assert "SPECT1 whole unit, probability 0.700" in lines[1]  # the highest risk first


def test_names_out_of_logs_break_neither_header_nor_text(store, mail):
    hostile = "PET1\r\nBcc: all@example.org\x1b[2J <script>"
    settings = by_mail(mail)
    one_night(store, 0, {(hostile, "=cmd|' /C calc'!A0"): 0.6}, notify=settings, reasons="a\nb.\n.")
    assert send(store, settings).sent == 1
    _, message = mail.accepted[0]
    assert message["Bcc"] is None
    assert "\x1b" not in message.get_content() + message["Subject"]
    assert "Because: a b. ." in message.get_content()


def test_webhook_gets_facts_and_a_key_that_names_the_message(store, web, monkeypatch):
    variable = "QC_TOKEN"
    monkeypatch.setenv(variable, "geheim")
    settings = by_web(web, token_env=variable)
    one_night(store, 0, {A: 0.6}, notify=settings)
    assert send(store, settings).sent == 1
    path, headers, content = web.requests[0]
    assert path == "/hook"
    assert headers["Authorization"] == "Bearer geheim"
    assert headers["Idempotency-Key"] == content["key"]
    facts = {
        "kind": "opened", "unit_id": "PET1", "component_id": "block1", "site": "P",
        "as_of": "2024-10-03", "state": "open", "alert_id": 1, "probability": 0.6,
    }  # fmt: skip
    assert {name: content[name] for name in facts} == facts


@pytest.mark.parametrize(
    ("answer", "idempotent", "left", "requests"),
    [
        (503, False, "waiting", 3),
        (429, False, "waiting", 3),
        (404, False, "refused", 1),
        (301, False, "refused", 1),
        ("drop", False, "doubtful", 1),
        ("drop", True, "waiting", 3),
    ],
)
def test_what_becomes_of_a_request_at_each_answer(store, web, answer, idempotent, left, requests):
    settings = by_web(web, idempotent=idempotent)
    one_night(store, 0, {A: 0.6}, notify=settings)
    web.answers = [answer] * 3
    send(store, settings)
    assert states(store) == [left]
    assert len(web.requests) == requests
    later = Clock(1_800_000_000 + 7 * 3600)
    assert send(store, settings, later).sent == (1 if left == "waiting" else 0)
    assert len({headers["Idempotency-Key"] for _, headers, _ in web.requests}) == 1


def test_server_that_is_not_there_lets_messages_wait(store):
    settings = NotifySettings(webhook=(WebhookChannel(name="x", url="http://127.0.0.1:9/"),))
    one_night(store, 0, {A: 0.6}, notify=settings)
    done = send(store, settings)
    assert (done.sent, done.waiting) == (0, 1)
    assert "refused" in done.problems[0]


def test_channel_that_is_gone_is_named_and_its_messages_stay(store, mail):
    one_night(store, 0, {A: 0.6}, notify=by_mail(mail))
    done = send(store, NotifySettings())
    assert done.problems == ["channel physics: 1 messages wait, and it is gone"]
    assert states(store) == ["waiting"]
