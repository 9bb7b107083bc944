"""Metrics for Prometheus, by a route of the application's framework.

They reveal how busy a service is, so serve them only to your monitoring, for example on a port of their own::

    from sentri.prometheus import asgi_metrics

    metrics = FastAPI()
    metrics.add_route("/metrics", asgi_metrics(auth))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from .tables import PROMETHEUS_CONTENT_TYPE

#: The content type of the text format of Prometheus.
CONTENT_TYPE = PROMETHEUS_CONTENT_TYPE


class MetricsSource(Protocol):
    """An auth object of either mode, which has counts."""

    def metrics_text(self) -> str:
        """The text format of Prometheus."""
        ...


def asgi_metrics(auth: MetricsSource) -> Callable[[Any], Awaitable[Any]]:
    """An endpoint for FastAPI and Starlette: ``app.add_route("/metrics", asgi_metrics(auth))``."""
    from starlette.responses import Response

    async def metrics(request: Any) -> Any:
        return Response(auth.metrics_text(), headers={"content-type": CONTENT_TYPE})

    return metrics


def flask_metrics(auth: MetricsSource) -> Callable[[], Any]:
    """A view for Flask: ``app.add_url_rule("/metrics", "metrics", flask_metrics(auth))``."""

    def metrics() -> Any:
        return auth.metrics_text(), 200, {"Content-Type": CONTENT_TYPE}

    return metrics


def django_metrics(auth: MetricsSource) -> Callable[[Any], Any]:
    """A view for Django: ``path("metrics", django_metrics(auth))``."""
    from django.http import HttpResponse

    def metrics(request: Any) -> Any:
        return HttpResponse(auth.metrics_text(), content_type=CONTENT_TYPE)

    return metrics
