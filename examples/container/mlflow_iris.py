"""A model server that was not written here, MLflow's, as a SageMaker endpoint on this machine.

MLflow's scoring server speaks SageMaker's container contract: `GET /ping`, `POST /invocations`. A
local endpoint stands before it as the service would: it verifies signatures, strips headers, and
turns the server's refusals into `ModelError`.

    pip install sagewire mlflow-skinny fastapi uvicorn pandas scikit-learn skops
    python examples/container/mlflow_iris.py
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import mlflow.sklearn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import sagewire
from sagewire.local import LocalEndpoint


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def scoring_server(model: pathlib.Path):
    """Run MLflow's server for a saved model, and wait until it is well."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model)]
    command += ["--port", str(port), "--env-manager", "local"]
    # It starts uvicorn by name.
    path = os.pathsep.join((str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", "")))
    with subprocess.Popen(
        command,
        env={**os.environ, "PATH": path},
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
                    sys.exit("the scoring server has ended")
                time.sleep(0.1)
            yield url
        finally:
            # It has children of its own.
            os.killpg(process.pid, signal.SIGTERM)


data = load_iris()
train_rows, rows, train_labels, labels = train_test_split(
    data.data, data.target, test_size=0.3, random_state=7
)
model = LogisticRegression(max_iter=1000).fit(train_rows, train_labels)

with tempfile.TemporaryDirectory() as folder:
    saved = pathlib.Path(folder, "model")
    mlflow.sklearn.save_model(model, saved, pip_requirements=["scikit-learn"])
    with scoring_server(saved) as url, LocalEndpoint({"iris": url}) as endpoint:
        client = sagewire.client(**endpoint.client_arguments)
        header = ",".join(f"x{number}" for number in range(rows.shape[1]))
        table = "\n".join([header, *(",".join(map(str, row)) for row in rows)])
        response = client.invoke_endpoint(EndpointName="iris", Body=table, ContentType="text/csv")
        predictions = json.loads(response["Body"].read())["predictions"]
        assert predictions == [int(label) for label in model.predict(rows)]
        right = sum(int(y) == p for y, p in zip(labels, predictions, strict=True))
        print(f"{len(rows)} held-out rows, accuracy {right / len(rows):.3f}")

        # What the server refuses is the caller's ModelError.
        try:
            client.invoke_endpoint(EndpointName="iris", Body=table, ContentType="text/html")
        except client.exceptions.ModelError as error:
            print(f"text/html: {error.original_status_code}, {error.original_message[:40]}...")
