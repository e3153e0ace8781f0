"""Install the one wheel of a folder into a fresh environment, and use it there."""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

PROGRAM = """
import sagewire
from sagewire.local import LocalEndpoint

assert sagewire.implementation == "native", sagewire.implementation
with LocalEndpoint({"echo": lambda request: request.body}) as endpoint:
    client = sagewire.client(
        "sagemaker-runtime",
        region_name=endpoint.region,
        endpoint_url=endpoint.url,
        credentials=endpoint.credentials,
    )
    answer = client.invoke_endpoint(EndpointName="echo", Body=b"hello")
    assert answer["Body"].read() == b"hello", answer
print("the wheel answers:", sagewire.__version__, sagewire.implementation)
"""


def main() -> None:
    """Try the wheel; ends with an error if there is not exactly one, or if it does not work."""
    (wheel,) = Path(sys.argv[1]).glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "sagewire/py.typed",
        "sagewire/_native/_ext.pyi",
        "sagewire/_native/_ext.abi3.so",
    ):
        assert wanted in names, f"{wheel.name} lacks {wanted}"  # noqa: S101 - a check is the purpose
    assert not any(name.startswith("tests/") for name in names)  # noqa: S101 - as above
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")  # noqa: T201 - the tool's output
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        install = [python, "-m", "pip", "install", "--quiet", "--no-index", wheel.resolve()]
        subprocess.run(install, check=True)  # noqa: S603 - our own command
        subprocess.run([python, "-I", "-c", PROGRAM], check=True, cwd=folder)  # noqa: S603


main()
