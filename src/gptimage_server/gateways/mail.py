"""Mail: the port and its two ways out, the console and SMTP.

A message is text only: no images, no tracking, nothing that a reader's program would fetch. Essential mail
carries no promotion and no prompt (S18); its kind is part of it, so a test can hold every template to that.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Literal, Protocol, TextIO

from msgspec import Struct

from gptimage_core.clock import Instant
from gptimage_core.errors import GptimageError
from gptimage_server.settings import Settings

__all__ = ["ConsoleMail", "Letter", "Mail", "MailError", "SmtpMail", "mail_from_settings"]

_TIMEOUT = 20.0


class MailError(GptimageError):
    """The mail could not be handed over; nothing about its content is in the message."""


class Letter(Struct, frozen=True):
    """One message to one address. `kind` is `essential` or `product_updates` (S18, S19)."""

    to: str
    subject: str
    text: str
    kind: Literal["essential", "product_updates"] = "essential"


class Mail(Protocol):
    """Hands a letter over; raises `MailError` when that failed, and then nothing was sent."""

    async def send(self, letter: Letter, *, now: Instant) -> None: ...


class ConsoleMail:
    """Prints what would be mailed: the default, so that a first run needs no account anywhere."""

    def __init__(self, sender: str, out: TextIO | None = None) -> None:
        self._sender = sender
        self._out = out

    async def send(self, letter: Letter, *, now: Instant) -> None:
        line = "─" * 72
        head = f"From: {self._sender}\nTo: {letter.to}\nSubject: {letter.subject}\n"
        print(f"\n{line}\n{head}\n{letter.text}\n{line}\n", file=self._out or sys.stdout, flush=True)


class SmtpMail:
    """Hands letters to an SMTP server, one connection each, in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, letter: Letter, *, now: Instant) -> None:
        try:
            message = _message(self._settings.mail_from, letter, now)
            await asyncio.to_thread(self._hand_over, message)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            # The error's text may quote the address; only its type goes on. (A ValueError is a header that
            # would have carried a line break.)
            raise MailError(f"the mail server did not take the message ({type(error).__name__})") from None

    def _hand_over(self, message: EmailMessage) -> None:
        settings = self._settings
        context = ssl.create_default_context()
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.smtp_host, settings.smtp_port, timeout=_TIMEOUT, context=context
            )
        else:
            server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=_TIMEOUT)
        with server:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password)
            server.send_message(message)


def mail_from_settings(settings: Settings) -> Mail:
    return SmtpMail(settings) if settings.mail == "smtp" else ConsoleMail(settings.mail_from)


def _message(sender: str, letter: Letter, now: Instant) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = formatdate(now / 1_000_000, usegmt=True)
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].partition("@")[2] or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message
