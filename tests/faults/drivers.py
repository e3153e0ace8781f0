"""What turns a client in the fault matrix. Another driver needs the same four methods."""

import sagewire
from tests.support.awaited import awaited

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}


class Blocking:
    """The synchronous client."""

    name = "blocking"

    def open(self, url, **arguments):
        """Make a client for an endpoint."""
        return sagewire.client(**KEYS, endpoint_url=url, **arguments)

    def call(self, client, operation, deadline, body=None):
        """Make one call and read all that it gives: bytes, or what was read and then the error.

        Returns `(data, None)` or `(None, error)`. A result that is not wanted is dropped as a
        program would drop it.
        """
        view = client if deadline is None else client.with_options(timeout=deadline)
        try:
            if operation == "invoke_endpoint_async":
                given = {"InputLocation": "s3://b/k"} if body is None else {"Body": body}
                result = view.invoke_endpoint_async(EndpointName="ep", **given)
                return result["OutputLocation"].encode(), None
            result = getattr(view, operation)(EndpointName="ep", Body=body or b"{}")
            answer = result["Body"]
            if operation == "invoke_endpoint":
                return answer.read(), None
            return b"".join(event["PayloadPart"]["Bytes"] for event in answer), None
        except Exception as error:
            # Its traceback would hold on to the body, and so to the connection.
            return None, error.with_traceback(None)

    def pool(self, client):
        """Return how many connections are open, busy and idle, and how many calls wait."""
        pool = client.pool
        return pool.open, pool.busy, pool.idle, pool.waiting

    def close(self, client):
        """Drop the client."""
        client.close()


class Awaited(Blocking):
    """The asyncio client, on a loop of its own."""

    name = "asyncio"

    def open(self, url, **arguments):
        return awaited(**KEYS, endpoint_url=url, **arguments)

    def close(self, client):
        client.__exit__()


DRIVERS = [Blocking(), Awaited()]
