"""Train a small model, serve it as a SageMaker endpoint on this machine, and invoke it.

The calls are signed, verified, filtered and streamed as they are in AWS; no account is needed.
"""

import json
import time

import boto3
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import sagewire
from sagewire.local import LocalEndpoint, Request

data = load_iris()
train_rows, rows, train_labels, labels = train_test_split(
    data.data, data.target, test_size=0.3, random_state=7
)
model = LogisticRegression(max_iter=1000).fit(train_rows, train_labels)


def predict(request: Request) -> tuple[bytes, str]:
    """Answer as a model's container does: CSV rows in, JSON out."""
    table = np.loadtxt(request.body.decode().splitlines(), delimiter=",", ndmin=2)
    answer = {"predictions": [str(data.target_names[i]) for i in model.predict(table)]}
    return json.dumps(answer).encode(), "application/json"


with LocalEndpoint({"iris": predict}) as endpoint:
    answers = {}
    for package in (sagewire, boto3):
        client = package.client("sagemaker-runtime", **endpoint.client_arguments)
        answers[package.__name__] = predictions = []
        micros = []
        for row in rows:
            started = time.thread_time_ns()  # the client's CPU: the endpoint has its own threads
            response = client.invoke_endpoint(
                EndpointName="iris",
                Body=",".join(str(value) for value in row),
                ContentType="text/csv",
                Accept="application/json",
                CustomAttributes="trace=quickstart",
                InferenceId="quickstart-1",
            )
            predictions += json.loads(response["Body"].read())["predictions"]
            micros.append((time.thread_time_ns() - started) / 1000)
        right = sum(data.target_names[y] == p for y, p in zip(labels, predictions, strict=True))
        print(f"{package.__name__:9} {len(rows)} held-out rows, e.g. {', '.join(predictions[:4])}")
        print(f"{'':9} accuracy {right / len(rows):.3f}, ", end="")
        print(f"variant {response['InvokedProductionVariant']}, ", end="")
        print(f"{sorted(micros)[len(micros) // 2]:.0f} us of client CPU per call (median)")

assert answers["sagewire"] == answers["boto3"]
print("Both clients got the same answers.")
