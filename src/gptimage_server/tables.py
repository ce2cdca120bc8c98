"""Every table of the server, with what each column holds.

A tag names the policy's category of a column; what has no tag stops the start (S6). Ids are random and
opaque. Instants are microseconds UTC. A deletion sets `keep_ended`; from then on nobody reads the row but the
undo and the sweep. The tables are made by `migrations`, which a test holds against this module.
"""

from __future__ import annotations

from typing import Any

from piccolo.columns import BigInt, Boolean, ForeignKey, Integer, OnDelete, OnUpdate, Text, Varchar
from piccolo.columns.indexes import IndexMethod
from piccolo.table import Table

from gptimage_core.adapters.piccolo.tags import (
    category,
    collected_under,
    fact,
    keep_ended,
    recorded,
    subject,
    tenant,
    via,
)

__all__ = [
    "ACCEPTED",
    "TABLES",
    "Acceptance",
    "Account",
    "AgeBlock",
    "CreditAccount",
    "Entry",
    "Export",
    "Image",
    "Job",
    "ModelEvent",
    "NoticeShown",
    "Reference",
    "Request",
    "RequestLine",
    "SecurityEvent",
    "Session",
    "SignInLink",
    "Transfer",
]

_ID = 40
_HASH = 64


def _key() -> Varchar:
    return Varchar(length=_ID, primary_key=True, default="")


def _owner() -> Varchar:
    return subject(Varchar(length=_ID, index=True, index_method=IndexMethod.btree))


def _link(table: type[Table]) -> ForeignKey[Any]:
    """To a row that is decided apart from this one: neither goes along when the other is deleted."""
    return ForeignKey(table, index=True, on_delete=OnDelete.no_action, on_update=OnUpdate.no_action)


def _blob(**options: Any) -> Varchar:
    """A blob's name: random and opaque, so that an erasure finds the blob when its key is destroyed."""
    return category("identifier", Varchar(length=_ID, **options))


class Account(Table, tablename="accounts"):
    """A person; the key is the subject's id too. The address is sealed, and found by a keyed hash."""

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    email = category("account_email", Text())
    email_hash = category("account_record", Varchar(length=_HASH, index=True))
    state = category("account_record", Varchar(length=20, default="active"))
    age_outcome = category("age_outcome", Varchar(length=20))
    country = category("country", Varchar(length=2, null=True, default=None))


class SignInLink(Table, tablename="sign_in_links"):
    """A mailed link: only the hash of its token. Address and country travel sealed inside the token (S3)."""

    id = _key()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    collected_under = collected_under(Integer())
    token_hash = category("sign_in_link", Varchar(length=_HASH, index=True))
    expires_at = category("sign_in_link", BigInt())
    used_at = category("sign_in_link", BigInt(null=True, default=None))


class Session(Table, tablename="sessions"):
    """A signed-in browser or program: the hash of its token, and since when."""

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    token_hash = category("session", Varchar(length=_HASH, index=True))
    signed_in_at = category("session", BigInt())
    expires_at = category("session", BigInt())


class AgeBlock(Table, tablename="age_blocks"):
    """Somebody was turned away at the age gate: a keyed hash of a random cookie, and nothing else (S40)."""

    id = _key()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    collected_under = collected_under(Integer())
    key_hash = category("age_block", Varchar(length=_HASH, index=True))


class Acceptance(Table, tablename="acceptances"):
    """The terms were accepted; this switches no consent (S1, X13)."""

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    terms = category("acceptance_record", Varchar(length=40))


class NoticeShown(Table, tablename="notices_shown"):
    """The notice was shown: which version, by its digest. No consent either (X13)."""

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    policy_version = category("acceptance_record", Integer())
    policy_digest = category("acceptance_record", Varchar(length=80))


class Image(Table, tablename="images"):
    """What somebody asked for, and what came of it. The id is the scope of the item's key."""

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    prompt = category("prompt", Text())
    size = category("generation_parameters", Varchar(length=20))
    seed = category("generation_parameters", BigInt())
    style = category("generation_parameters", Varchar(length=40))
    model = category("generation_parameters", Varchar(length=80))
    made_from_upload = fact("made_from_upload", category("generation_parameters", Boolean(default=False)))
    picture = _blob(null=True, default=None)
    thumbnail = _blob(null=True, default=None)
    media_type = category("generated_image", Text(null=True, default=None))
    picture_sha256 = category("generated_image", Text(null=True, default=None))


class Reference(Table, tablename="reference_images"):
    """A reference image, re-encoded; its name and its metadata went no further than the upload."""

    id = _key()
    image = via(ForeignKey(Image, index=True))
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    blob = _blob()
    media_type = category("reference_image", Text())
    blob_sha256 = category("reference_image", Text())


class Job(Table, tablename="jobs"):
    """The making of one image: ids and progress only; the access is decided again when it starts."""

    id = _key()
    owner = _owner()
    image = _link(Image)
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    state = category("job_state", Varchar(length=20, default="waiting"))
    progress = category("job_state", Integer(default=0))
    cost = category("job_state", Integer())
    attempts = category("job_state", Integer(default=0))
    fault = category("job_state", Varchar(length=60, null=True, default=None))
    started_at = category("job_state", BigInt(null=True, default=None))
    ended_at = category("job_state", BigInt(null=True, default=None))


class CreditAccount(Table, tablename="credit_accounts"):
    """A side of a person's books: `granted`, `available`, `held`, `spent`; they sum to zero."""

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    kind = category("credit_ledger", Varchar(length=20))
    balance = category("credit_ledger", BigInt(default=0))


class Transfer(Table, tablename="credit_transfers"):
    """Credits moved once; the id comes from the reason, so a second try is the same transfer."""

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    reason = category("credit_ledger", Varchar(length=20))
    about = category("credit_ledger", Varchar(length=_ID))
    amount = category("credit_ledger", BigInt())


class Entry(Table, tablename="credit_entries"):
    """A line of a transfer: so much on that account. The entries of a transfer sum to zero."""

    id = _key()
    owner = _owner()
    transfer = _link(Transfer)
    account = _link(CreditAccount)
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    amount = category("credit_ledger", BigInt())


class Export(Table, tablename="exports"):
    """An archive of everything held about a person, for some days; `archive` says where it lies.

    It is sealed under the person's key; `summary` (JSON: size, SHA-256, counts, instant) says what is in it.
    """

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    archive = _blob()
    summary = category("export_archive", Text())


class Request(Table, tablename="requests"):
    """What somebody asked of us, when it is due and how it was answered (S39)."""

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    kind = category("request_record", Varchar(length=40))
    due_at = category("request_record", BigInt())
    answered_at = category("request_record", BigInt(null=True, default=None))
    answer = category("request_record", Varchar(length=40, null=True, default=None))


class RequestLine(Table, tablename="request_log"):
    """A request: exactly timestamp, IP address, user agent, route, response status, request id (S8)."""

    request_id = _key()
    tenant = tenant(Varchar(length=_ID))
    timestamp = recorded(BigInt(index=True))
    collected_under = collected_under(Integer())
    ip_address = category("request_log", Varchar(length=64))
    user_agent = category("request_log", Text())
    route = category("request_log", Varchar(length=200))
    response_status = category("request_log", Integer())


class ModelEvent(Table, tablename="model_events"):
    """Which model ran, how long it took, whether it succeeded (S10); nobody is named."""

    id = _key()
    tenant = tenant(Varchar(length=_ID))
    timestamp = recorded(BigInt(index=True))
    collected_under = collected_under(Integer())
    job = category("model_event", Varchar(length=_ID))
    model = category("model_event", Varchar(length=80))
    duration_ms = category("model_event", Integer())
    outcome = category("model_event", Varchar(length=20))


class SecurityEvent(Table, tablename="security_events"):
    """A sign-in, a sign-out, a refused link; for security only (S15)."""

    id = _key()
    owner = _owner()
    tenant = tenant(Varchar(length=_ID))
    recorded = recorded(BigInt())
    keep_ended = keep_ended(BigInt(null=True))
    collected_under = collected_under(Integer())
    kind = category("security_event", Varchar(length=40))
    ip_address = category("security_event", Varchar(length=64))


TABLES: tuple[type[Table], ...] = (
    Account,
    SignInLink,
    Session,
    AgeBlock,
    Acceptance,
    NoticeShown,
    Image,
    Reference,
    Job,
    CreditAccount,
    Transfer,
    Entry,
    Export,
    Request,
    RequestLine,
    ModelEvent,
    SecurityEvent,
)
"""In the order in which they can be made."""

ACCEPTED: dict[str, str] = {
    "unique:accounts.accounts_one_address": "one account per address: the hash is keyed, and only who proved "
    "the address by its mailed link makes an account for it",
}
"""What the lints of the schema find, and why it stays; `datamap.lock` shows it to counsel."""
