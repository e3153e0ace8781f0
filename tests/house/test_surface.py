"""The public surface: exports, docstrings and their examples, twins, stubs."""

import ast
import doctest
import importlib
import inspect
from types import ModuleType

import pytest

import sagewire
from tests.house.sources import CAPABILITIES, PACKAGE, module_name, package_modules

PUBLIC = ["sagewire", "sagewire.auth", "sagewire.sigv4", "sagewire.headers", "sagewire.local"]
PUBLIC += ["sagewire.exceptions"]
NATIVE = pytest.mark.skipif(
    not list((PACKAGE / "_native").glob("_ext*.so")), reason="the extension is not built here"
)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_exist_and_are_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert inspect.getdoc(module)
    for public in getattr(module, "__all__", None) or _own_names(module):
        thing = getattr(module, public)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), f"{name}.{public} has no docstring"
            for method, value in vars(thing).items() if inspect.isclass(thing) else ():
                if not method.startswith("_") and inspect.isfunction(value):
                    assert inspect.getdoc(value), f"{name}.{public}.{method} has no docstring"


def _own_names(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def test_the_package_exports_what_it_lists() -> None:
    for name in sagewire.__all__:
        assert getattr(sagewire, name) is not None
    assert set(sagewire.__all__) <= set(dir(sagewire))


EXAMPLES = [
    module_name(path)
    for path in package_modules()
    if ">>> " in path.read_text("utf-8") and not module_name(path).startswith("sagewire._native")
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_docstring_examples_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0


@NATIVE
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_twins_have_the_same_names_and_signatures(capability: str) -> None:
    native = importlib.import_module(f"sagewire._native.{capability}")
    pure = importlib.import_module(f"sagewire._pure.{capability}")
    assert sorted(native.__all__) == sorted(pure.__all__)
    for name in native.__all__:
        _same_shape(f"{capability}.{name}", getattr(native, name), getattr(pure, name))


def _same_shape(name: str, native: object, pure: object) -> None:
    if not inspect.isclass(pure):
        assert _parameters(native) == _parameters(pure), name
        return
    # The native names are the seam; a pure class is also called by its own neighbours.
    for method in (method for method in dir(native) if not method.startswith("_")):
        if callable(getattr(native, method)):  # not an attribute, which a pure instance has
            here = getattr(pure, method)
            assert _parameters(getattr(native, method)) == _parameters(here), f"{name}.{method}"
    if _parameters(native):  # else only Rust makes one
        assert _parameters(native) == _parameters(pure), name


def _parameters(thing: object) -> list[tuple[str, object]]:
    signature = inspect.signature(thing)  # type: ignore[arg-type]
    return [
        (parameter.name, parameter.default)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]


@NATIVE
def test_the_stub_names_what_the_extension_has() -> None:
    extension = importlib.import_module("sagewire._native._ext")
    tree = ast.parse((PACKAGE / "_native" / "_ext.pyi").read_text("utf-8"))
    stubbed = {
        node.name
        for node in tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
    }
    assert stubbed == {name for name in vars(extension) if not name.startswith("_")}
