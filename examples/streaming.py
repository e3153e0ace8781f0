"""Stream a model's answer: a handler that yields tokens, and the four ways to read them.

Everything runs on this machine: a local endpoint signs, frames and streams as the service does.
"""

import json
import time

import sagewire
from sagewire.local import LocalEndpoint

WORDS = ["The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"]


def model(_request):
    """Answer as models behind a chat API do: a server-sent event for each token."""
    for word in WORDS:
        time.sleep(0.01)  # a model thinks
        yield f"data: {json.dumps({'token': word})}\n\n".encode()
    yield b"data: [DONE]\n\n"


def table(request):
    """Answer with a line of JSON for each line of the request."""
    for line in request.body.splitlines():
        yield json.dumps({"row": line.decode(), "length": len(line)}).encode() + b"\n"


with LocalEndpoint({"chat": model, "table": table}) as endpoint:
    client = sagewire.client(
        "sagemaker-runtime",
        region_name=endpoint.region,
        endpoint_url=endpoint.url,
        credentials=endpoint.credentials,
    )

    def stream(name, body):
        """Open a stream: its parts come as the model makes them."""
        return client.invoke_endpoint_with_response_stream(EndpointName=name, Body=body)["Body"]

    # Tokens: each as soon as it is there; `data: [DONE]` ends the loop.
    tokens = [event.json()["token"] for event in stream("chat", b"{}").iter_sse()]
    print("tokens:", " ".join(tokens))
    assert tokens == WORDS

    # JSON Lines: a value a line, wherever the parts are cut.
    rows = list(stream("table", b"a,b\nc,d,e").iter_json())
    print("rows:", rows)
    assert rows == [{"row": "a,b", "length": 3}, {"row": "c,d,e", "length": 5}]

    # Lines and bytes, for whatever else is in there.
    assert len(list(stream("table", b"1\n2\n3").iter_lines())) == 3
    assert b"".join(stream("chat", b"{}").iter_bytes()).endswith(b"data: [DONE]\n\n")

    # boto3's events, as any boto3 program reads them.
    for event in stream("table", b"a,b"):
        print("event:", event["PayloadPart"]["Bytes"])
