"""A front door for tests: variants, credentials and limits as the seam has them."""

import boto3
from botocore.config import Config

from sagewire import _impl
from sagewire.local.workers import Workers
from sagewire.sigv4 import Credentials

REGION = "us-east-1"


class Door:
    """A running front door, with what the support code needs to know of a local endpoint.

    `variants` maps endpoints to variants: `{"e": {"A": (1.0, handler or container URLs)}}`.
    """

    region = REGION

    def __init__(self, variants, *, known=(("AKID", "SECRET", None, None, ["*"]),), **settings):
        endpoints = {}
        handlers = {}
        for name, named in variants.items():
            endpoints[name] = []
            for variant, (weight, target) in named.items():
                if callable(target):
                    handlers[name, variant] = target
                    endpoints[name].append((variant, weight, None))
                else:
                    endpoints[name].append((variant, weight, [address(url) for url in target]))
        values = {
            "lookup": False,
            "model_timeout": 10.0,
            "stream_timeout": 20.0,
            "session_seconds": 60.0,
            "max_body_bytes": 6_291_456,
            "queue": None,
            "ping_seconds": 0.0,
            **settings,
        }
        credentials = None if known is None else list(known)
        self.server = _impl.server.FrontDoor(
            endpoints, host="127.0.0.1", port=0, region=REGION, credentials=credentials, **values
        )
        self.url = f"http://127.0.0.1:{self.server.port}"
        self._clients = []
        self.credentials = Credentials("AKID", "SECRET")
        Workers(self.server, handlers).start()

    def client(self, access_key_id="AKID", secret="SECRET", **config):
        settings = {"retries": {"max_attempts": 0}, "read_timeout": 20, **config}
        made = boto3.client(
            "sagemaker-runtime",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret,
            config=Config(**settings),
        )
        self._clients.append(made)
        return made

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.server.stop(0.2)
        for client in self._clients:
            client.close()


def address(url):
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port), "/invocations"
