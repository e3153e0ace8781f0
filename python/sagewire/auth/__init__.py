"""SigV4 for other HTTP clients: httpx, requests and aiohttp sign their requests with these.

    httpx.Client(auth=HttpxAuth(region="us-east-1"))
    requests.post(url, data=b"1,2", auth=RequestsAuth(region="us-east-1"))
    aiohttp.ClientSession(middlewares=[AiohttpAuth(region="us-east-1")])

Each signs the request that is made, never one that a redirect makes of it: what answers with a
redirect is not the service, and whoever it points to is not meant. None of the three clients is
imported before its class is asked for.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.auth.aiohttp import AiohttpAuth
    from sagewire.auth.httpx import HttpxAuth
    from sagewire.auth.requests import RequestsAuth

__all__ = ["AiohttpAuth", "HttpxAuth", "RequestsAuth"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    home = importlib.import_module(f"{__name__}.{name.removesuffix('Auth').lower()}")
    value: object = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
