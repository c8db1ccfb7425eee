"""notify.toml, and secrets that show themselves nowhere."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess

import pytest

from pulsefront.errors import ConfigError, ToolMissing
from pulsefront.qc.alerts.notify import delivery
from pulsefront.qc.alerts.notify.delivery import deliver
from pulsefront.qc.alerts.notify.senders import sender_for
from pulsefront.qc.alerts.notify.settings import (
    TEMPLATE,
    AppriseChannel,
    NotifySettings,
    Secret,
    load_settings,
    read_secret,
)
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import alert_tables as tables
from servers import mail_server, web_server
from strategies_alerts import one_night, table_of

A = ("PET1", "block1")
HIDDEN = "streng-geheim-4711"

MAIL = """
[[email]]
name = "physics"
host = "127.0.0.1"
port = {port}
security = "{security}"
user = "qc"
password_file = "smtp.secret"
ca_file = "ca.pem"
sender = "qc@example.org"
recipients = ["ada@example.org"]
"""


def settings_of(folder, text):
    (folder / "notify.toml").write_text(text)
    return load_settings(folder / "notify.toml")


def test_template_tells_nobody_and_its_examples_are_valid(tmp_path):
    assert settings_of(tmp_path, TEMPLATE).channels == {}
    lines = [line.removeprefix("# ") for line in TEMPLATE.splitlines()]
    examples = [line for line in lines if line.startswith("[[") or " = " in line]
    found = settings_of(tmp_path, "\n".join(examples))
    assert set(found.channels) == {"physics", "tickets", "chat"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[email]]\nname = "a"\npassword = "x"', "unknown key"),
        ('[[webhook]]\nname = "a"', "one of url, url_env, url_file"),
        ('[[webhook]]\nname = "a"\nurl = "https://u:pw@h/x"', "does not belong in this file"),
        ('[[webhook]]\nname = "a"\nurl = "https://h/x?key=pw"', "does not belong in this file"),
        ('[[webhook]]\nname = "a"\nurl = "https://h"\n[[webhook]]\nname = "a"\nurl = "https://h"',
         "two channels have one name"),
        (MAIL.format(port=25, security="none"), "not sent without TLS"),
        ('[[email]]\nname = "a"\nhost = "h"\nuser = "u"\nsender = "s"\nrecipients = ["r"]',
         "needs password_env or password_file"),
    ],
)  # fmt: skip
def test_setting_that_does_not_fit_is_refused_without_showing_a_secret(tmp_path, text, problem):
    with pytest.raises(ConfigError, match=problem) as error:
        settings_of(tmp_path, text)
    assert "pw" not in str(error.value)


def test_secret_comes_from_the_environment_or_a_private_file(tmp_path, monkeypatch):
    monkeypatch.setenv("QC_PASSWORD", HIDDEN)
    assert read_secret("QC_PASSWORD", None, tmp_path).value == HIDDEN
    file = tmp_path / "secret"
    file.write_text(HIDDEN + "\n")
    file.chmod(0o600)
    found = read_secret("", tmp_path / "secret", tmp_path)
    assert found.value == HIDDEN
    assert HIDDEN not in f"{found!r} {found}"
    assert not read_secret("", None, tmp_path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_secret_that_others_can_read_is_refused(tmp_path, mode):
    file = tmp_path / "secret"
    file.write_text(HIDDEN)
    file.chmod(mode)
    with pytest.raises(ConfigError, match="can be read by others") as error:
        read_secret("", file, tmp_path)
    assert "chmod 600" in str(error.value)
    assert HIDDEN not in str(error.value)


def test_missing_secret_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("QC_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match="not set"):
        read_secret("QC_PASSWORD", None, tmp_path)
    with pytest.raises(ConfigError, match="no such file"):
        read_secret("", tmp_path / "none", tmp_path)


@pytest.fixture
def certificate(tmp_path):
    """A certificate for this machine in the folder of the test."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
         str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    return context


def secret_file(folder):
    (folder / "smtp.secret").write_text(HIDDEN)
    (folder / "smtp.secret").chmod(0o600)


def test_password_goes_over_tls_alone(tmp_path, certificate):
    secret_file(tmp_path)
    with mail_server(certificate) as mail, Store(tmp_path / "qc.db") as store:
        settings = settings_of(tmp_path, MAIL.format(port=mail.port, security="starttls"))
        one_night(store, 0, {A: 0.6}, notify=settings)
        assert deliver(store, settings).sent == 1
        assert len(mail.logins) == 1
    with mail_server() as plain, Store(tmp_path / "qc.db") as store:
        settings = settings_of(tmp_path, MAIL.format(port=plain.port, security="starttls"))
        one_night(store, 1, {A: 0.9}, notify=settings)
        done = deliver(store, settings, pause=lambda _: None)
        assert (done.sent, plain.logins) == (0, [])
        assert "STARTTLS" in done.problems[0]


def test_server_with_a_strange_certificate_gets_nothing(tmp_path, certificate):
    secret_file(tmp_path)
    with mail_server(certificate) as mail, Store(tmp_path / "qc.db") as store:
        text = MAIL.format(port=mail.port, security="starttls").replace('ca_file = "ca.pem"\n', "")
        settings = settings_of(tmp_path, text)
        one_night(store, 0, {A: 0.6}, notify=settings)
        done = deliver(store, settings, pause=lambda _: None)
        assert (done.sent, mail.logins) == (0, [])
        assert "certificate" in done.problems[0].lower()


def test_channel_whose_secret_is_missing_waits_and_the_others_go_on(tmp_path):
    (tmp_path / "ca.pem").touch()
    with web_server() as web, Store(tmp_path / "qc.db") as store:
        text = MAIL.format(port=25, security="starttls")
        text += f'\n[[webhook]]\nname = "tickets"\nurl = "{web.url}"\n'
        settings = settings_of(tmp_path, text)
        one_night(store, 0, {A: 0.6}, notify=settings)
        done = deliver(store, settings)
        assert (done.sent, done.waiting) == (1, 1)
        assert "smtp.secret" in done.problems[0]


def test_secret_address_is_in_no_error_and_nowhere_in_the_store(tmp_path, monkeypatch):
    with web_server() as web, Store(tmp_path / "qc.db") as store:
        monkeypatch.setenv("QC_URL", f"{web.url}/{HIDDEN}")
        settings = settings_of(tmp_path, '[[webhook]]\nname = "tickets"\nurl_env = "QC_URL"\n')
        one_night(store, 0, {A: 0.6}, notify=settings)
        web.answers = [404]
        done = deliver(store, settings)
        assert web.requests[0][0].endswith(HIDDEN)
        assert HIDDEN not in json.dumps(table_of(store, tables.message)) + str(done)
    assert HIDDEN.encode() not in (tmp_path / "qc.db").read_bytes()


def test_error_that_repeats_a_secret_is_cleaned():
    text = delivery._clean(OSError(f"no {HIDDEN} here\n{HIDDEN}"), (Secret(HIDDEN), Secret("")))
    assert text == "no *** here ***"


def test_token_is_not_sent_to_another_machine_without_tls(tmp_path, monkeypatch):
    monkeypatch.setenv("QC_TOKEN", HIDDEN)
    text = '[[webhook]]\nname = "a"\nurl = "http://h.example.org/x"\ntoken_env = "QC_TOKEN"\n'
    settings = settings_of(tmp_path, text)
    with pytest.raises(ConfigError, match="not sent without TLS"):
        sender_for(settings.webhook[0], tmp_path)


def test_apprise_that_is_not_installed_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    channel = AppriseChannel(name="chat", url_env="QC_URL")
    with pytest.raises(ToolMissing, match=r"pulsefront\[alerts\]"):
        sender_for(channel, tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what its plugins import
def test_service_that_apprise_knows_is_told(tmp_path, monkeypatch):
    pytest.importorskip("apprise")
    with web_server() as web, Store(tmp_path / "qc.db") as store:
        monkeypatch.setenv("QC_URL", f"json://127.0.0.1:{web.port}/{HIDDEN}")
        settings = NotifySettings(apprise=(AppriseChannel(name="chat", url_env="QC_URL"),))
        one_night(store, 0, {A: 0.6}, notify=settings)
        web.answers = [500, 500, 500]
        done = deliver(store, settings, pause=lambda _: None)
        assert (done.sent, done.waiting) == (0, 1)
        assert HIDDEN not in str(done)
        assert deliver(store, settings, clock=lambda: 4e9).sent == 1
        assert web.requests[-1][2]["title"] == "[pulsefront] opened: PET1 block1"
