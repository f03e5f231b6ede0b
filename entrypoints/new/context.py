"""Write a context with one aggregate, and make the system know it."""

from pathlib import Path

from entrypoints.new.files import (
    Insertion,
    class_of,
    inserted,
    must_be_a_checkout,
    must_be_free,
    rendered,
    snake_of,
    write,
)

FILES = {
    "domain/{module}/__init__.py": "context.py.jinja",
    "domain/{module}/{aggregate}.py": "aggregate.py.jinja",
    "entrypoints/http/{module}.py": "blueprint.py.jinja",
    "tests/domain/test_{aggregate}.py": "test_aggregate.py.jinja",
    "tests/http/test_{module}.py": "test_blueprint.py.jinja",
}
PLACES = (
    Insertion(
        "domain/catalog.py",
        "from domain.webhooks.delivery import DeliveryEvent\n",
        "from domain.{module}.{aggregate} import {thing}Event\n",
    ),
    Insertion(
        "domain/catalog.py",
        "    **{{COMMANDS: NothingChanged}},\n",
        "    {module}={thing}Event,\n",
    ),
    Insertion(
        "application/executors.py",
        "from domain.members.member import Member,",
        "from domain.{module}.{aggregate} import (\n"
        "    {thing}, {thing}Command, {thing}Event, {aggregate}_decider\n)\n",
    ),
    Insertion(
        "application/executors.py",
        "MemberExecutor = ",
        "{thing}Executor = CommandExecutor[{thing}Command, {thing}, {thing}Event]\n",
    ),
    Insertion(
        "application/executors.py",
        "    deliveries: DeliveryExecutor\n",
        "    {plural}: {thing}Executor\n",
    ),
    Insertion(
        "application/executors.py",
        "        deliveries=on(",
        '        {plural}=on("{module}", {aggregate}_decider),\n',
    ),
    Insertion(
        "config/resources.py",
        "from entrypoints.http.moderation import",
        "from entrypoints.http.{module} import {module}_blueprint\n",
    ),
    Insertion(
        "config/resources.py",
        '            case "command:moderation":\n',
        '            case "command:{module}":\n'
        "                yield {module}_blueprint(executors.{plural}, requests)\n",
    ),
    Insertion(
        "entrypoints/nginx.py",
        '    ("query:cases", r"^(GET|HEAD) /v1/updates$"),\n',
        '    ("command:{module}", r"^[A-Z]+ /v1/{name}(/|$)"),\n',
    ),
    Insertion("setup.cfg", "cases | discussions", "{module} | "),
    Insertion(
        "tests/golden/events.py",
        "from domain.webhooks.delivery import (\n",
        "from domain.{module}.{aggregate} import {thing}Closed, {thing}Id, {thing}Opened\n",
    ),
    Insertion(
        "tests/golden/events.py",
        '    "commands.NothingChanged": ',
        '    "{module}.{thing}Opened": {thing}Opened({id}={thing}Id("x1"), at=AT),\n'
        '    "{module}.{thing}Closed": {thing}Closed({id}={thing}Id("x1"), at=AT),\n',
    ),
)


def write_context(root: Path, name: str, aggregate: str) -> list[Path]:
    """Write a context whose aggregate moderators open and close, and its tests.

    Both names are written like-this. Its log, relay, topic and command service follow from the
    catalogue, and its resources are at ``/v1/<name>``. Returns the paths of the new files and of
    the changed ones. Raises CannotWrite.
    """
    must_be_a_checkout(root)
    must_be_free(root, class_of(aggregate))
    values = {
        "name": name,
        "module": snake_of(class_of(name)),
        "thing": class_of(aggregate),
        "aggregate": snake_of(class_of(aggregate)),
        "words": aggregate.replace("-", " "),
    }
    values |= {"id": f"{values['aggregate']}_id", "plural": f"{values['aggregate']}s"}
    return write(root, rendered(root, FILES, values) | inserted(root, PLACES, values))
