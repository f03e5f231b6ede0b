"""Values as texts without special characters, whose order is that of the values."""

import struct
from math import isnan

from adapters.read_models.indexing import Scalar

LONGEST_TEXT = 30_000
"""Bytes. Engines do not index longer values."""

_NONE, _NUMBER, _TEXT = "0", "1", "2"
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_FLOAT, _BITS = struct.Struct(">d"), struct.Struct(">Q")


def encoded(value: Scalar) -> str:
    """Return the text. None sorts first, then numbers, then texts. Raises ValueError."""
    if value is None:
        return _NONE
    if isinstance(value, str):
        return _TEXT + encoded_text(value)
    return f"{_NUMBER}{_ordered(number(value)):016x}"


def decoded(text: str) -> Scalar:
    """Return the value of an encoded text. Numbers become floats."""
    match text[0]:
        case "0":
            return None
        case "1":
            return _number(int(text[1:], 16))
        case _:
            return decoded_text(text[1:])


def encoded_text(text: str) -> str:
    """Return a text in hexadecimal digits. Raises ValueError if it is too long for an index."""
    code = text.encode()
    if len(code) > LONGEST_TEXT:
        raise ValueError(f"a value to sort and filter by has at most {LONGEST_TEXT} bytes")
    return code.hex()


def decoded_text(code: str) -> str:
    return bytes.fromhex(code).decode()


def number(value: float) -> float:
    """Return the number as a float. Raises ValueError if it has no place in an order."""
    try:
        converted = float(value)
    except OverflowError as error:
        raise ValueError("a number is too large to be stored") from error
    if isnan(converted):
        raise ValueError("NaN has no place in an order")
    return converted or 0.0


def _ordered(value: float) -> int:
    """Return the bits of a float, changed so that they are ordered as it is."""
    bits: int = _BITS.unpack(_FLOAT.pack(value))[0]
    return bits ^ _ALL if bits & _SIGN else bits | _SIGN


def _number(ordered: int) -> float:
    bits = ordered ^ _SIGN if ordered & _SIGN else ordered ^ _ALL
    value: float = _FLOAT.unpack(_BITS.pack(bits))[0]
    return value
