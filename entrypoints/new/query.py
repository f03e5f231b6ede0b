"""Write a query service."""

from pathlib import Path

from entrypoints.new.files import (
    class_of,
    must_be_a_checkout,
    must_be_free,
    rendered,
    snake_of,
    write,
)

FILES = {
    "application/queries/{module}.py": "query.py.jinja",
    "tests/application/test_{module}.py": "test_query.py.jinja",
}


def write_query(root: Path, name: str, document: str = "", question: str = "") -> list[Path]:
    """Write a query service about public cases, and its test. Return their paths below ``root``.

    ``name`` is written like-this. ``document`` is the name of the class of its documents, the
    service's class without its plural by default. Raises CannotWrite.
    """
    must_be_a_checkout(root)
    service = class_of(name)
    document = document or _singular(service)
    for taken in (service, document):
        must_be_free(root, taken)
    values = {
        "name": name,
        "module": name.replace("-", "_"),
        "service": service,
        "document": document,
        "function": snake_of(document),
        "question": question or f"Which public cases are {name.replace('-', ' ')}?",
    }
    return write(root, rendered(root, FILES, values))


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else f"{name}Document"
