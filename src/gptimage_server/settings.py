"""Settings of the server, from the environment; every default runs on one machine without any account.

Each field is read from `GPTIMAGE_<FIELD>` in capitals, e.g. `GPTIMAGE_PORT=8080`. What cannot be read stops
the start with all reasons at once: a setting that is silently ignored is a setting that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gptimage_core.errors import GptimageError

__all__ = ["Settings", "SettingsError", "from_environment"]

PREFIX = "GPTIMAGE_"

Port = Annotated[int, Meta(ge=0, le=65535)]
Bytes = Annotated[int, Meta(ge=1024)]


class SettingsError(GptimageError):
    """The environment says something that cannot be meant; the server does not start."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where things lie and how the server is reached. Sizes in bytes, times in seconds.

    `home` holds what is kept. The key ring and the ledger of negative decisions lie in folders of their own,
    because a backup of the data must contain neither (X8; a destroyed key must stay destroyed).
    """

    environment: Literal["development", "production"] = "development"
    host: str = "127.0.0.1"
    port: Port = 8000
    origin: str = ""
    """The public address, e.g. `https://images.example`; empty means `http://host:port`."""

    trusted_proxies: str = ""
    """Comma-separated addresses whose `X-Forwarded-For` is believed; empty believes nobody."""

    policy: Path = Path("policies/gptimage")
    home: Path = Path("var")
    database: Path | None = None
    blobs: Path | None = None
    keyring: Path | None = None
    ledger: Path | None = None
    secret: Path | None = None

    mail: Literal["console", "smtp"] = "console"
    mail_from: str = "GPT Image <no-reply@gptimage.example>"
    smtp_host: str = "127.0.0.1"
    smtp_port: Port = 25
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_security: Literal["none", "starttls", "tls"] = "none"

    form_limit: Bytes = 256 * 1024
    upload_limit: Bytes = 24 * 1024 * 1024
    readers: Annotated[int, Meta(ge=1, le=64)] = 4

    links_per_email_hour: Annotated[int, Meta(ge=1)] = 5
    links_per_address_hour: Annotated[int, Meta(ge=1)] = 30
    starts_per_address_hour: Annotated[int, Meta(ge=1)] = 60

    @property
    def production(self) -> bool:
        return self.environment == "production"

    @property
    def address(self) -> str:
        """Scheme, host and port people use, without a slash at the end."""
        return self.origin.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def secure_cookies(self) -> bool:
        """Cookies carry `Secure` wherever the address is https; on a laptop's http they cannot."""
        return self.address.startswith("https://")

    @property
    def database_file(self) -> Path:
        return self.database or self.home / "data" / "gptimage.sqlite"

    @property
    def blob_folder(self) -> Path:
        return self.blobs or self.home / "blobs"

    @property
    def keyring_folder(self) -> Path:
        return self.keyring or self.home / "keys"

    @property
    def ledger_file(self) -> Path:
        return self.ledger or self.home / "ledger" / "negative.jsonl"

    @property
    def secret_file(self) -> Path:
        """32 random bytes that key look-up hashes and signed cookies; kept with the keys, not the data."""
        return self.secret or self.home / "secret" / "server.key"


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Settings from `GPTIMAGE_*`; raises `SettingsError` naming every variable that is unknown or wrong."""
    fields = {f.name: f for f in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name in sorted(environment):
        if not name.startswith(PREFIX):
            continue
        field = fields.get(name.removeprefix(PREFIX).lower())
        if field is None:
            wrong.append(f"`{name}` is not a setting; remove it or see docs for the names")
            continue
        try:
            values[field.name] = _value(field.type, environment[name])
        except msgspec.ValidationError as error:
            wrong.append(f"`{name}` cannot be `{environment[name]}`: {str(error).lower()}")
    if wrong:
        raise SettingsError("\n".join(wrong))
    return Settings(**values)


def _value(kind: Any, text: str) -> Any:
    if kind in (Path, Path | None):
        return Path(text)
    return msgspec.convert(text, kind, strict=False)
