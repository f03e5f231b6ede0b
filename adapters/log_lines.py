"""Application logs: one JSON object per line, without personal data."""

import logging
import traceback

import structlog

from application.security import FIELD_NAMES
from application.security import logger as security_logger


def add_correlation(
    logger: structlog.typing.WrappedLogger, name: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add the correlation id of the request or event that is handled.

    Security events have none: it would tell in which commit, and so on whom, power was used.
    """
    if line["_record"].name == security_logger.name:
        return line
    return structlog.contextvars.merge_contextvars(logger, name, line)


def tell_what_broke(
    _: structlog.typing.WrappedLogger, __: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace an exception by the types and tracebacks of it and its causes.

    Messages are left out, because they can contain personal data: a store names the pseudonym that
    is taken, and a parser quotes the text.
    """
    found = line.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else found
    causes = []
    while isinstance(error, BaseException):
        causes.append(type(error).__qualname__)
        causes += [line.strip() for line in traceback.format_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    if causes:
        line["exception"] = "\n".join(causes)
    return line


def log_as_json(level: str) -> None:
    """Write all logs to standard error as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        add_correlation,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=["correlation_id", *FIELD_NAMES]),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        tell_what_broke,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("amqp", "kombu", "pymongo", "google", "urllib3", "_granian"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))
