"""What a client's settings mean to the transport: a pool's arguments, for either driver."""

from sagewire.exceptions import HTTPClientError, InvalidProxiesConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire._impl import transport
    from sagewire.client.settings import Settings
    from sagewire.endpoints import Origin
    from sagewire.proxies import ProxyRoute

# More idle connections than any process can hold open.
NO_LIMIT = 1_000_000


def pool_arguments(origin: "Origin", settings: "Settings") -> "dict[str, Any]":
    """Return the keyword arguments of the transport's pool.

    Raises boto3's error for files of `proxies_config` that cannot be used.
    """
    from sagewire._impl import transport

    config = settings.config
    tls = proxy = None
    if origin.scheme == "https":
        paths = _paths(config.client_cert)
        tls = transport.TlsSettings(settings.verify, settings.ca_bundle, *paths)
    if settings.proxy is not None:
        proxy = _proxy(settings.proxy, origin, settings)
    most = config.max_pool_connections
    return {
        "scheme": origin.scheme,
        "host": origin.host,
        "port": origin.port,
        # As in urllib3, no positive number means no limit.
        "max_idle": min(most, NO_LIMIT) if most > 0 else NO_LIMIT,
        "connect_timeout": config.connect_timeout,
        "read_timeout": config.read_timeout,
        "tls": tls,
        "tcp_keepalive": bool(config.tcp_keepalive),
        "proxy": proxy,
    }


def _proxy(route: "ProxyRoute", origin: "Origin", settings: "Settings") -> "transport.Proxy":
    from sagewire._impl import transport

    tls = None
    if route.ca_bundle is not None or route.client_cert is not None:
        tls = transport.TlsSettings(True, route.ca_bundle, *_paths(route.client_cert))
        try:
            tls.load()
        except ValueError as error:
            wrong = InvalidProxiesConfigError(error=str(error))
            raise HTTPClientError(error=wrong) from error
    elif route.scheme == "https":
        # Without settings of its own, a proxy is trusted as the endpoint is: boto3's rule, which
        # leaves it unverified on the way to a plain endpoint.
        verify = settings.verify and origin.scheme == "https"
        tls = transport.TlsSettings(verify, settings.ca_bundle if verify else None, None, None)
    return transport.Proxy(
        route.url,
        route.host,
        route.port,
        route.tunnel,
        route.authorization,
        tls if route.scheme == "https" else None,
    )


def _paths(client_cert: "Any") -> "tuple[str | None, str | None]":
    """Return the paths of a client's certificate and key, of what boto3 takes for the two."""
    if client_cert is None:
        return None, None
    if isinstance(client_cert, (tuple, list)):
        certificate, key = client_cert
        return certificate, key
    return client_cert, None
