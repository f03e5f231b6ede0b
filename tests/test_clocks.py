"""No test depends on when its module was imported: midnight may have passed since."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLOCKS = {"datetime.now", "datetime.utcnow", "date.today", "time.time"}


def read_at_import(node: ast.AST) -> Iterator[int]:
    """Yield the lines that read a clock outside functions, default values included."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            parts: list[ast.AST] = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        case ast.Call() if ast.unparse(node.func) in CLOCKS:
            yield node.lineno
            return
        case _:
            parts = list(ast.iter_child_nodes(node))
    for part in parts:
        yield from read_at_import(part)


def test_no_module_of_the_tests_reads_a_clock_when_it_is_imported() -> None:
    found = {
        f"{file.relative_to(ROOT)}:{line}"
        for file in (ROOT / "tests").rglob("*.py")
        if "node_modules" not in file.parts
        for line in read_at_import(ast.parse(file.read_text()))
    }
    assert found == set()


@pytest.mark.parametrize(
    "source",
    ["NOW = datetime.now(UTC)", "class A:\n  at = 1 + time.time()", "def f(x=date.today()): ..."],
)
def test_it_would_be_found(source: str) -> None:
    assert len([*read_at_import(ast.parse(source))]) == 1


def test_what_a_function_reads_is_read_in_time() -> None:
    assert [*read_at_import(ast.parse("def f(): return time.time()"))] == []
