"""Opaque texts, encrypted with AES-SIV (RFC 5297): without a nonce, equal ones look alike."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from application.ports.opaque_texts import NotWrittenHere


class SivTexts:
    """Texts as base64 for URLs, without padding, encrypted with a 256-bit key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def write(self, content: bytes, purpose: str) -> str:
        encrypted = self._cipher.encrypt(content, [purpose.encode()])
        return urlsafe_b64encode(encrypted).decode().rstrip("=")

    def read(self, text: str, purpose: str) -> bytes:
        try:
            encrypted = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return self._cipher.decrypt(encrypted, [purpose.encode()])
        except (ValueError, InvalidTag) as error:
            raise NotWrittenHere from error
