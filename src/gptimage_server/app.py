"""The composition root: settings become services, services become an application.

uvicorn --factory gptimage_server.app:from_env        or        gptimage serve run
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar, Router
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig

from gptimage_core.clock import Clock, SystemClock
from gptimage_server.features.accounts.routes import router as accounts
from gptimage_server.features.accounts.sweep import begin as sweep_accounts
from gptimage_server.features.billing.routes import router as billing
from gptimage_server.features.images.deletion import begin as finish_deletions
from gptimage_server.features.images.jobs import begin as run_jobs
from gptimage_server.features.images.routes import router as images
from gptimage_server.features.notice.routes import router as notice
from gptimage_server.features.privacy.deletion import begin as finish_accounts
from gptimage_server.features.privacy.routes import router as privacy
from gptimage_server.policy import begin as watch_policy
from gptimage_server.services import Services
from gptimage_server.settings import Settings, from_environment
from gptimage_server.web import errors
from gptimage_server.web.pages import STATIC, environment
from gptimage_server.web.requestlog import RequestLog, keep_in
from gptimage_server.web.security import harden, refuse_other_sites
from gptimage_server.web.visitor import provide_member, provide_person, provide_services, provide_visitor

__all__ = ["BACKGROUND", "ROUTERS", "Background", "build_app", "create_app", "from_env"]

ROUTERS: tuple[Router, ...] = (accounts, notice, images, billing, privacy)
"""One a feature; a new feature adds its router here and nothing else."""

Background = Callable[[Services], Awaitable[Callable[[], Awaitable[None]]]]
BACKGROUND: tuple[Background, ...] = (
    watch_policy,
    sweep_accounts,
    run_jobs,
    finish_deletions,
    finish_accounts,
)
"""What runs beside the requests (jobs, sweeps): called at the start, gives what stops it at the end."""

_STATIC_LIFE = 365 * 86_400


def create_app(settings: Settings, *, clock: Clock | None = None) -> Litestar:
    """The whole server on real parts; raises before it serves anything it must not serve (S2, S6)."""
    from gptimage_server.wiring import wire  # the core's parts are only needed to make services

    return build_app(wire(settings, clock or SystemClock()))


def from_env() -> Litestar:
    """`create_app` with the settings of the environment, for `uvicorn --factory`."""
    return create_app(from_environment(os.environ))


def build_app(services: Services) -> Litestar:
    """An application over services that exist already."""
    log = RequestLog(keep_in(services), services.clock)
    static = create_static_files_router(
        path="/static",
        directories=[STATIC],
        cache_control=CacheControlHeader(public=True, max_age=_STATIC_LIFE, immutable=True),
    )
    return Litestar(
        route_handlers=[*ROUTERS, static],
        dependencies={
            "services": Provide(provide_services, sync_to_thread=False),
            "visitor": Provide(provide_visitor),
            "person": Provide(provide_person),
            "member": Provide(provide_member),
        },
        state=State({"services": services, "request_log": log}),
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment(services))),
        exception_handlers=errors.handlers,
        before_request=refuse_other_sites,
        before_send=[harden, log.note],
        lifespan=[_life(services, log)],
        request_max_body_size=services.settings.form_limit,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _life(services: Services, log: RequestLog) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        log.start()
        stops = [await begin(services) for begin in BACKGROUND]
        try:
            yield
        finally:
            # First what makes new work, then what records it, then what it is recorded in.
            for stop in reversed(stops):
                await stop()
            await log.stop()
            await services.close()

    return life
