"""What one YAML scalar means once kubectl has turned it into JSON.

Owns: the rules by which `sigs.k8s.io/yaml` (its go-yaml v2 fork, YAML 1.1 with Go's number syntax) reads a scalar, and
the text it makes of a key that is not a string. Must never look at more than the one scalar: documents are
`manifest_yaml`'s.
"""

import math
import re
import struct

STR = "tag:yaml.org,2002:str"
_TYPES: dict[str, tuple[type, ...]] = {
    "tag:yaml.org,2002:bool": (bool,),
    "tag:yaml.org,2002:int": (int,),
    "tag:yaml.org,2002:float": (int, float),
    "tag:yaml.org,2002:null": (type(None),),
}
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_DOT_FLOAT = re.compile(r"\.[0-9](_?[0-9])*([eE][-+]?[0-9](_?[0-9])*)?", re.ASCII)
_BASES = {"x": 16, "o": 8, "b": 2}
_INT64 = 2**63
_LONGEST_INTEGER = 80
_GO_EXPONENTS = range(-4, 6)  # where Go's format 'g' writes no exponent

Scalar = str | bool | int | float | None


def resolve_plain(text: str) -> Scalar:
    """Value of an unquoted scalar without a tag.

    Args:
        text: the scalar as written, without quotes.

    Returns:
        The value as go-yaml has it, before it becomes JSON (`json_value`) or a key (`key_text`).
    """
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith("."):
        number = _go_float(text.replace("_", "")) if _DOT_FLOAT.fullmatch(text) else None
    elif text[0] in "+-0123456789":
        number = _number(text.replace("_", ""))
    else:
        number = None
    return text if number is None else number


def resolve_tagged(tag: str, text: str) -> Scalar:
    """Value of a scalar with an explicit core tag such as `!!float`.

    Args:
        tag: the long form, `tag:yaml.org,2002:float`; `!` means a string.
        text: the scalar as written.

    Raises:
        ValueError: the tag is none of str, bool, int, float, null, or the text is none of its values.
    """
    if tag in {STR, "!"}:
        return text
    short = tag.replace("tag:yaml.org,2002:", "!!")
    if tag not in _TYPES:
        message = f"the tag `{short}` has no meaning here: write the value without it"
        raise ValueError(message)
    value = resolve_plain(text)
    fits = isinstance(value, _TYPES[tag]) and not (isinstance(value, bool) and bool not in _TYPES[tag])
    if not fits:
        message = f"`{text}` is no {short.removeprefix('!!')}: write another value, or leave the tag `{short}` out"
        raise ValueError(message)
    return value


def json_value(value: Scalar) -> Scalar:
    """What a value is once it has been sent as JSON: whole floats below 2**63 are ints, JSON does not tell them apart.

    Raises:
        ValueError: NaN or infinite, which JSON cannot hold.
    """
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise ValueError("write a finite number: JSON, which Kubernetes stores, has neither NaN nor infinity")
    return int(value) if value.is_integer() and abs(value) < _INT64 else value


def key_text(key: Scalar) -> str:
    """Text of a mapping's key in JSON, where keys are strings: `true` for an unquoted `yes`, `8` for `010`.

    Raises:
        ValueError: the key is null or does not fit into 64 bits.
    """
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int) and -_INT64 <= key < _INT64:
        return str(key)
    if isinstance(key, float):
        return _go_float32_text(key)
    raise ValueError("a key must be a text or a number of at most 64 bits: put it in quotes")


def _number(plain: str) -> int | float | None:
    integer = _INTEGER.fullmatch(plain)
    value = _integer(integer[1], integer[2]) if integer else None
    if value is None and _FLOAT.fullmatch(plain):
        return _go_float(plain)
    return value


def _integer(sign: str, digits: str) -> int | None:
    # No number of 64 bits is that long, and Python refuses to convert more than 4,300 digits.
    if len(digits) > _LONGEST_INTEGER:
        return None
    marked = _BASES.get(digits[1:2].lower())
    value = int(digits[2:], marked) if marked else int(digits, 8 if digits.startswith("0") else 10)
    limit = _INT64 if sign == "-" else _INT64 - 1 if sign else 2 * _INT64 - 1
    if value > limit:
        return None
    return -value if sign == "-" else value


def _go_float(text: str) -> float | None:
    value = float(text)
    # Go's parser refuses what overflows, so there it stays a text.
    return value if math.isfinite(value) else None


def _go_float32_text(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    digits, exponent = _shortest_float32(value)
    sign = "-" if value < 0 else ""
    if exponent not in _GO_EXPONENTS:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{exponent:+03d}"
    return f"{sign}{_positional(digits, exponent)}"


def _shortest_float32(value: float) -> tuple[str, int]:
    try:
        single = struct.unpack("f", struct.pack("f", abs(value)))[0]
    except OverflowError:
        raise ValueError("a number as a key is too large: put it in quotes") from None
    for precision in range(9):
        text = f"{single:.{precision}e}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == single:
            break
    mantissa, _, exponent = text.partition("e")
    return mantissa.replace(".", "").rstrip("0") or "0", int(exponent)


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole, fraction = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole
