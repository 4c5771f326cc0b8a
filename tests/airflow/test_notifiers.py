"""Mails out of Airflow, over a real SMTP server: what is said of a failure, and what is not."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from airflow.exceptions import AirflowException
from airflow.sdk import DAG

from collecte.errors import Bug, NeedsPerson, Retry
from collecte_airflow import notifiers
from collecte_airflow.failures import SILENT, XCOM_KEY, Failure, failure_of, press_for, tell_failure
from collecte_airflow.tasks import Unexpected, wall
from demo.mail import Folder, mails
from demo.servers import free_ports

SECRET = "MARCHEMALLE^Odilon"
PAGE = """What it does.

| red task | what it means | press |
|---|---|---|
| find | the drop refuses us | *Clear* |
| unpack, harvest, group | a full disk | *Clear*: it resumes |
| accept | call somebody | nothing |
"""


class Refusing(Folder):
    """Answers each recipient with one code."""

    def __init__(self, folder: Path, answer: str) -> None:
        super().__init__(folder)
        self._answer = answer

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._answer


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Folder], None]]:
    """Start a mail server, and make it the one that is configured."""
    with ExitStack() as ended:

        def start(handler: Folder) -> None:
            (port,) = free_ports(1)
            server = Controller(handler, "127.0.0.1", port, enable_SMTPUTF8=True)
            server.start()
            ended.callback(server.stop)
            _configure(monkeypatch, port)

        yield start


def _configure(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("COLLECTE_SMTP", "post")
    extras = "disable_ssl=true&disable_tls=true&from_email=collecte%40demo.example&timeout=5"
    monkeypatch.setenv("AIRFLOW_CONN_POST", f"smtp://127.0.0.1:{port}/?{extras}")


@pytest.fixture
def box(tmp_path: Path, serve: Callable[[Folder], None]) -> Path:
    """A configured mail server; what it was given lies in this folder."""
    folder = tmp_path / "mails"
    serve(Folder(folder))
    return folder


def _body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain", "html"))
    assert part is not None
    return str(part.get_content())


def test_a_mail_reaches_each_recipient_as_it_was_written(box: Path) -> None:
    notifiers.send(("a@demo.example", "b@demo.example"), "Dépôt d0001\nreçu", "Bonjour,\n3 < 4 {{ 7 * 6 }}\n")

    (mail,) = mails(box)
    assert [address.addr_spec for address in mail["to"].addresses] == ["a@demo.example", "b@demo.example"]
    assert mail["subject"] == "Dépôt d0001 reçu"
    assert mail["from"] == "collecte@demo.example"
    assert "Bonjour,\n3 &lt; 4 {{ 7 * 6 }}" in _body(mail), "no line is lost, and nothing is taken for a template"


def test_without_a_mail_server_the_log_says_so_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("COLLECTE_SMTP", raising=False)

    notifiers.send(("a@demo.example",), "subject", "text")

    assert "No mail server is configured (COLLECTE_SMTP)" in caplog.text


@pytest.mark.parametrize(
    ("answer", "error"), [("550 5.1.1 <a@demo.example> unknown here", NeedsPerson), ("451 4.7.1 later", Retry)]
)
def test_the_servers_answer_decides_whether_to_come_again_and_its_words_stay_there(
    tmp_path: Path, serve: Callable[[Folder], None], answer: str, error: type[Exception]
) -> None:
    serve(Refusing(tmp_path, answer))

    with pytest.raises(error) as caught:
        notifiers.send(("a@demo.example",), "subject", "text")

    assert "unknown here" not in str(caught.value)
    assert "a@demo.example" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_server_that_is_not_there_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _configure(monkeypatch, 1)

    with pytest.raises(Retry, match="does not take the mail now"):
        notifiers.send(("a@demo.example",), "subject", "text")


def test_a_connection_that_is_not_there_needs_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTE_SMTP", "absent")

    with pytest.raises(NeedsPerson, match="To do: correct absent"):
        notifiers.send(("a@demo.example",), "subject", "text")


@pytest.mark.parametrize(
    ("error", "what", "to_do"),
    [
        (NeedsPerson("The key is refused.", "install ours."), "The key is refused.", "Install ours."),
        (Retry("Connection lost."), "Connection lost. It was tried again several times.", "Wait until"),
        (Bug("a sum is wrong"), "A fault of Collecte: a sum is wrong.", "Report it"),
        (AirflowException(SECRET), "The task was stopped by airflow", "Look at its log."),
        (ValueError(SECRET), "The task was stopped by builtins.ValueError.", "Look at its log."),
    ],
)
def test_each_kind_of_error_is_one_sentence_and_what_to_do(error: Exception, what: str, to_do: str) -> None:
    said = dict(failure_of(error, "*Clear*").sentences)

    assert said["What happened"].startswith(what)
    assert said["To do"].startswith(to_do)
    assert said["Press"] == "Clear."
    assert SECRET not in str(said)


def test_of_a_librarys_error_its_class_and_place_are_told_and_not_its_text() -> None:
    with pytest.raises(Unexpected) as caught, wall():
        int(SECRET)

    failure = failure_of(caught.value, "")

    assert "builtins.ValueError" in failure.what
    assert SECRET not in failure.what


@pytest.mark.parametrize("path", ["/srv/landing/MARCHEMALLE/x.dcm", "file:///srv/landing/a", "/run/secrets/keys.json"])
def test_no_path_leaves_in_a_mail(path: str) -> None:
    failure = failure_of(NeedsPerson(f"The file {path} cannot be read.", f"look at {path}, then at a/b."), "")

    assert path not in f"{failure.what} {failure.to_do}"
    assert "(a path: see the log)" in failure.what
    assert failure.to_do.endswith("then at a/b.")


def test_what_to_press_stands_in_the_page_of_the_dag() -> None:
    assert Failure("", "", press_for(PAGE, "find")).sentences == [("Press", "Clear.")]
    assert press_for(PAGE, "harvest") == "*Clear*: it resumes"
    assert press_for(PAGE, "accept") == "nothing"
    assert press_for(PAGE, "other").startswith("Clear.")
    assert press_for(None, "other").startswith("Clear.")


def test_each_error_is_logged_in_lines_that_the_page_shows_whole(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NeedsPerson), wall():
        raise NeedsPerson("It happened. " * 12, "do this. " * 12)

    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("What happened: It happened.")
    assert any(line.startswith("To do: Do this.") for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_task_that_said_nothing_is_told_of_all_the_same() -> None:
    assert [heading for heading, _ in SILENT.sentences] == ["What happened", "To do", "Press"]


@dataclass
class Told:
    """A task as its callback sees it: what it keeps for its page."""

    dag_id: str = "collect__demo__arvel"
    run_id: str = "manual__1"
    task_id: str = "harvest"
    map_index: int = 2
    rendered_map_index: str = "d0001 · shard 3/12"
    kept: dict[str, object] = field(default_factory=dict)

    def xcom_push(self, key: str, value: object) -> None:
        self.kept[key] = value


def _tell(error: BaseException | None) -> Told:
    told = Told()
    tell_failure({"exception": error, "ti": told, "dag": DAG("collect__demo__arvel", schedule=None, doc_md=PAGE)})
    return told


def test_a_failure_goes_to_those_on_call_and_names_delivery_and_shard(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTE_ON_CALL", "a@demo.example, b@demo.example")
    told = _tell(NeedsPerson("The disk is full.", "make room."))

    (mail,) = mails(box)
    assert [address.addr_spec for address in mail["to"].addresses] == ["a@demo.example", "b@demo.example"]
    assert mail["subject"] == "collect__demo__arvel: harvest failed · d0001 · shard 3/12"
    assert "Press: Clear: it resumes." in _body(mail)
    assert "/dags/collect__demo__arvel/runs/manual__1/tasks/harvest/mapped/2/plugin/what-to-press" in _body(mail)
    assert told.kept[XCOM_KEY] == {"what": "The disk is full.", "to_do": "make room.", "press": "*Clear*: it resumes"}


def test_a_mail_that_cannot_be_sent_hides_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _configure(monkeypatch, 1)
    monkeypatch.setenv("COLLECTE_ON_CALL", "a@demo.example")

    told = _tell(NeedsPerson("The disk is full.", "make room."))

    assert XCOM_KEY in told.kept
    assert "The mail of this failure could not be sent: The mail server of post" in caplog.text


def test_where_nobody_is_on_call_the_log_says_so(
    box: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("COLLECTE_ON_CALL", raising=False)
    caplog.set_level("INFO")

    assert XCOM_KEY in _tell(Bug("a sum is wrong")).kept
    assert mails(box) == []
    assert "Nobody is on call" in caplog.text


@pytest.mark.parametrize("error", [None, SystemExit(1)])
def test_a_task_that_is_being_ended_leaves_the_telling_to_its_dag(
    box: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException | None
) -> None:
    monkeypatch.setenv("COLLECTE_ON_CALL", "a@demo.example")

    assert _tell(error).kept == {}
    assert mails(box) == []
