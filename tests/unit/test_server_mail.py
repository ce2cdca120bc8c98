"""Mail by SMTP, against a real receiving server in this process."""

from __future__ import annotations

import asyncio
import socket
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from tests.support.server import JSON, NOON, make_app, visit

from gptimage_server.gateways.mail import Letter, MailError, SmtpMail
from gptimage_server.settings import Settings

ADULT = {"day": 4, "month": 2, "year": 1990, "country": "NL"}


class Inbox:
    """Keeps what arrives; refuses addresses at `refused.example`."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _o: Any) -> str:
        if address.endswith("refused.example"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.messages.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return "250 OK"


@pytest.fixture
def post_office() -> Any:
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield inbox, port
    finally:
        controller.stop()


def test_a_letter_arrives_as_text_and_nothing_else(post_office: Any) -> None:
    """S18: one part, plain text, no header that tracks; the date is the clock's, not the machine's."""
    inbox, port = post_office
    mail = SmtpMail(Settings(mail="smtp", smtp_port=port))
    asyncio.run(mail.send(Letter(to="ada@example.org", subject="Hello ✓", text="Grüße\n"), now=NOON))
    [(recipients, message)] = inbox.messages
    assert recipients == ["ada@example.org"]
    assert message["Subject"] == "Hello ✓"
    assert message["Date"] == "Thu, 01 Oct 2026 12:00:00 +0000"
    assert not message.is_multipart()
    assert message.get_content_type() == "text/plain"
    assert message.get_content().strip() == "Grüße"
    assert "Auto-Submitted" in message


def test_a_letter_that_is_refused_raises_without_the_address(post_office: Any) -> None:
    """The error names what happened and not who it was for."""
    _, port = post_office
    mail = SmtpMail(Settings(mail="smtp", smtp_port=port))
    with pytest.raises(MailError) as caught:
        asyncio.run(mail.send(Letter(to="x@refused.example", subject="a", text="b"), now=NOON))
    assert "refused.example" not in str(caught.value)


def test_a_mail_server_that_is_away_is_a_503_and_another_try_works(tmp_path: Path, post_office: Any) -> None:
    """Somebody who asks for a link is told that it was not sent; nobody is told whether they are known."""
    inbox, port = post_office
    app = make_app(tmp_path, mail="smtp", smtp_port=port)

    async def walk() -> None:
        async with visit(app) as client:
            await client.post("/start", json=ADULT)
            reply = await client.post("/signin", json={"email": "x@refused.example"}, headers=JSON)
            assert reply.status_code == 503
            reply = await client.post("/signin", json={"email": "ada@example.org"})
            assert reply.status_code == 202

    asyncio.run(walk())
    [(recipients, message)] = inbox.messages
    assert recipients == ["ada@example.org"]
    assert "/link/" in message.get_content()


def test_a_line_break_never_becomes_a_header(post_office: Any) -> None:
    """Whatever gets past the address check does not get past the message."""
    inbox, port = post_office
    mail = SmtpMail(Settings(mail="smtp", smtp_port=port))
    with pytest.raises(MailError, match="ValueError"):
        asyncio.run(mail.send(Letter(to="a@b.example\r\nBcc: c@d.example", subject="a", text="b"), now=NOON))
    assert inbox.messages == []
