"""Damage files and documents at random, the same for the same seed."""

import json
from random import Random

_VALUES = (
    *(None, True, -1, 0, 1, 3, 1.5, 10**6, 2**31, 2**63, 10**400, float("inf"), float("nan"), "", "x", "é" * 300),
    *([], {}, [1, 2], {"a": 1}, [[]], "\0", "../..", "/etc/passwd", "<b>", "\x1b[2J", [0] * 1000),
)
_BYTES = (
    b"",
    b"\0",
    b"\xff" * 4,
    b"\0\0\0\x80",
    b"\xff\xff\xff\x7f",
    b"<",
    b"/etc/passwd",
    b"../",
    b"1e999",
    b"{",
    b'"',
)


def damage_bytes(random: Random, content: bytes) -> bytes:
    """Change, cut out, repeat, insert or cut off a few bytes."""
    found = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5, 30))):
        place = random.randrange(len(found) + 1)
        length = random.choice((1, 2, 4, 8, 100))
        match random.randrange(6):
            case 0 | 1:
                found[place : place + 1] = bytes([random.randrange(256)])
            case 2:
                found[place : place + length] = random.choice(_BYTES)
            case 3:
                found[place:place] = random.choice(_BYTES)
            case 4:
                found[place:place] = found[place : place + length]
            case 5:
                found[place : place + 4] = random.randrange(2**32).to_bytes(4, "little")
    return bytes(found[: random.randrange(len(found) + 1)] if random.random() < 0.05 else found)


def damage_value(random: Random, value):
    """Replace, remove or add a part of a JSON value."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        changed = {**value, key: damage_value(random, value[key])}
        match random.randrange(12):
            case 0:
                del changed[key]
            case 1:
                changed[random.choice((key + "x", "", "é", "\0"))] = changed.pop(key)
        return changed
    if isinstance(value, list) and value and random.random() < 0.9:
        place = random.randrange(len(value))
        return [*value[:place], damage_value(random, value[place]), *value[place + random.choice((0, 1, 1, 1)) :]]
    return random.choice(_VALUES)


def damage_json(random: Random, document) -> bytes:
    """Damage the values of a document, or now and then its text."""
    for _ in range(random.choice((1, 1, 2, 4))):
        document = damage_value(random, document)
    text = json.dumps(document).encode()
    return damage_bytes(random, text) if random.random() < 0.1 else text
