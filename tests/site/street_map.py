"""A file in the format PMTiles 3: the whole world is land."""

import struct
from pathlib import Path

UNCOMPRESSED, VECTOR = 1, 1
EXTENT = 4096
HEADER = 127
TILES = 5


def write_street_map(path: Path, most_zoom: int = 1) -> Path:
    """Write a street map. All tiles of its first two zooms are a square of the layer "earth"."""
    tile, metadata = _tile(), b"{}"
    directory = bytes([1, 0, TILES]) + _varint(len(tile)) + bytes([1])
    parts = (directory, metadata, b"", tile)
    places, offset = b"", HEADER
    for part in parts:
        places += struct.pack("<QQ", offset, len(part))
        offset += len(part)
    counts = struct.pack("<QQQ", TILES, 1, 1)
    kinds = bytes([1, UNCOMPRESSED, UNCOMPRESSED, VECTOR, 0, most_zoom])
    bounds = struct.pack("<iiiiBii", -1800000000, -850000000, 1800000000, 850000000, 0, 0, 0)
    path.write_bytes(b"PMTiles\x03" + places + counts + kinds + bounds + b"".join(parts))
    return path


def _tile() -> bytes:
    """A vector tile: a move to the corner, three lines, and the end of the polygon."""
    steps = [9, 0, 0, 26, 2 * EXTENT, 0, 0, 2 * EXTENT, 2 * EXTENT - 1, 0, 15]
    geometry = b"".join(map(_varint, steps))
    feature = bytes([0x18, 3]) + _field(4, geometry)
    layer = _field(1, b"earth") + _field(2, feature) + bytes([0x28]) + _varint(EXTENT)
    return _field(3, layer + bytes([0x78, 2]))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
