"""Asking containers how they are. Twin: rust/net/src/server/health.rs.

`GET /ping`, and 200 is well:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import http.client
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagewire._pure.server.container import Container

# How long a container may take for its answer: the contract's two seconds.
PATIENCE_SECONDS = 2.0
# A container that is not up yet is looked at more often, so that a start is not slow.
START_SECONDS = 0.25
# What is read of the answer.
LONGEST_ANSWER = 65_536


class Health:
    """Pings containers, each on a thread of its own, until `stop`."""

    def __init__(self, containers: "Iterable[Container]", every: float) -> None:
        self._every = every
        self._stopped = threading.Event()
        for container in containers:
            threading.Thread(
                target=self._watch, args=(container,), name="sagewire-ping", daemon=True
            ).start()

    def stop(self) -> None:
        """Ping no more."""
        self._stopped.set()

    def _watch(self, container: "Container") -> None:
        while not self._stopped.is_set():
            if _ping(container):
                container.answered_ping()
            else:
                container.missed_ping()
            every = self._every if container.healthy else min(self._every, START_SECONDS)
            self._stopped.wait(every)


def _ping(container: "Container") -> bool:
    connection = http.client.HTTPConnection(container.host, container.port, PATIENCE_SECONDS)
    try:
        connection.request("GET", container.path.removesuffix("invocations") + "ping")
        response = connection.getresponse()
        body = response.read(LONGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return response.status == 200 and len(body) <= LONGEST_ANSWER
