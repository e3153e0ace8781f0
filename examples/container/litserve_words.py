"""A model server that was not written here, LitServe, streaming through a local endpoint.

The model continues a text word by word. LitServe sends each word as a chunk; the local endpoint
turns each chunk into a `PayloadPart` of the response stream.

    pip install sagewire boto3 litserve
    python examples/container/litserve_words.py
"""

import collections
import contextlib
import itertools
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
import litserve

from sagewire.local import LocalEndpoint

WORDS = 12
SECONDS_A_WORD = 0.05


class Continuation(litserve.LitAPI):
    """A model of which word follows which, learnt from a page of documentation."""

    def setup(self, _device):
        words = statistics.__doc__.split()
        self.followers = collections.defaultdict(list)
        for word, follower in itertools.pairwise(words):
            self.followers[word].append(follower)

    def decode_request(self, request):
        return request["text"].split()[-1]

    def predict(self, word):
        chance = random.Random(7)
        for _ in range(WORDS):
            word = chance.choice(self.followers.get(word) or list(self.followers))
            time.sleep(SECONDS_A_WORD)
            yield word

    def encode_response(self, output):
        for word in output:
            yield {"word": word}


def serve(port):
    api = Continuation(stream=True, api_path="/invocations")
    server = litserve.LitServer(
        api, accelerator="cpu", healthcheck_path="/ping", track_requests=False
    )
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")


@contextlib.contextmanager
def model_server():
    """Run this file as the model server, and wait until it is well."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, __file__, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                with contextlib.suppress(urllib.error.URLError):
                    urllib.request.urlopen(f"{url}/ping", timeout=1)
                    break
                if process.poll() is not None:
                    sys.exit("the model server has ended")
                time.sleep(0.1)
            yield url
        finally:
            # Its workers are processes of their own, which outlive it otherwise.
            os.killpg(process.pid, signal.SIGKILL)


def main():
    with model_server() as url, LocalEndpoint({"words": url}) as endpoint:
        client = boto3.client("sagemaker-runtime", **endpoint.client_arguments)
        response = client.invoke_endpoint_with_response_stream(
            EndpointName="words",
            Body=json.dumps({"text": "the mean"}),
            ContentType="application/json",
        )
        words, moments = [], []
        for event in response["Body"]:
            line = event["PayloadPart"]["Bytes"]
            words.append(json.loads(line)["word"])
            moments.append(time.monotonic())
        print(f"the mean {' '.join(words)} ...")
        streamed = moments[-1] - moments[0] > SECONDS_A_WORD * WORDS / 2
        print(f"{len(words)} parts, {'one by one' if streamed else 'all at once'}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(int(sys.argv[1]))
    else:
        main()
