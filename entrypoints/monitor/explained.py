"""Read from a form who intervenes and why."""

from flask import g, request

from application.use_cases.operations.intervene import Explanation
from domain.actors import Actor


def explanation() -> Explanation:
    """Return it. Who signed in cannot give another name."""
    operator: Actor = g.operator
    name = operator.pseudonym if operator.member_id else request.form.get("operator", "")
    return Explanation(operator=name, reason=request.form.get("reason", ""), by=operator)
