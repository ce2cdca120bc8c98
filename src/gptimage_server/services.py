"""What a handler may use: one small typed container, made once by the composition root (`wiring`).

A feature takes `services: Services` and nothing else from outside; tests make one with real parts in a
temporary folder.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from gptimage_core.clock import Clock, Instant, Span
from gptimage_server.gateways.mail import Mail
from gptimage_server.limits import Limits
from gptimage_server.secrets import Secrets
from gptimage_server.settings import Settings

if TYPE_CHECKING:
    from gptimage_core.adapters.piccolo.engine import GovernedSQLite
    from gptimage_core.adapters.piccolo.transactions import Transaction
    from gptimage_core.guard.guard import Guard
    from gptimage_core.policy.timeline import Timeline, Version
    from gptimage_core.registry import Registry
    from gptimage_core.sharing.egress import Egress
    from gptimage_core.store.database import Database
    from gptimage_core.store.ledger import NegativeLedger
    from gptimage_core.vault.blobs import SealedBlobs
    from gptimage_core.vault.vault import Vault

__all__ = ["Services"]


class Services:
    """The parts of a running server. `now()` is the only way a handler learns the time.

    A plain class, since Litestar would take a dataclass apart to check a handler's argument.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        guard: Guard,
        database: Database,
        engine: GovernedSQLite,
        egress: Egress,
        vault: Vault,
        blobs: SealedBlobs,
        ledger: NegativeLedger,
        registry: Registry,
        mail: Mail,
        secrets: Secrets,
        limits: Limits | None = None,
        closing: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.guard = guard
        self.database = database
        self.egress = egress
        self._engine = engine
        self.vault = vault
        self.blobs = blobs
        self.ledger = ledger
        self.registry = registry
        self.mail = mail
        self.secrets = secrets
        self.limits = limits or Limits()
        self._closing = tuple(closing)

    async def close(self) -> None:
        """Close what the wiring opened, in its order; called once, when the app ends."""
        for close in self._closing:
            await close()

    def transaction(self) -> Transaction:
        """`async with services.transaction():` one write transaction over the tables, inside one access."""
        return self._engine.transaction()

    def now(self) -> Instant:
        return self.clock.now()

    @property
    def timeline(self) -> Timeline:
        """The policy's versions, as the guard decides by them."""
        return self.guard.compiled.timeline

    def adopt(self, timeline: Timeline) -> None:
        """Go on with another timeline, in every part that decides; raises `PolicyError` and changes nothing
        where the guard refuses it."""
        self.egress.adopt(self.guard.adopt(timeline))

    def version(self) -> Version:
        """The policy version that is in effect now (S44)."""
        return self.timeline.at(self.now())

    def span(self, setting: str) -> Span:
        """A length of time the policy settles, e.g. `span("mailed_link_life")`; `KeyError` if it has none."""
        span = self.version().document.setting[setting].span
        if span is None:
            raise KeyError(f"setting `{setting}` of the policy is not a length of time")
        return span

    def count(self, setting: str) -> int:
        """A number the policy settles, e.g. `count("minimum_age")`."""
        count = self.version().document.setting[setting].count
        if count is None:
            raise KeyError(f"setting `{setting}` of the policy is not a number")
        return count
