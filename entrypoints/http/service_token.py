"""The token by which the services of one system know each other."""

from hmac import compare_digest

from flask import request

from entrypoints.http.problems import refuse


def bears(token: str) -> bool:
    """Return whether the request bears the token."""
    given = request.headers.get("Authorization", "")
    return compare_digest(f"Bearer {token}".encode(), given.encode())


def must_bear(token: str) -> None:
    """Refuse a request that does not bear the token."""
    if not bears(token):
        needed = "Send the service token as a bearer token."
        refuse("not-signed-in", needed, **{"WWW-Authenticate": "Bearer"})
