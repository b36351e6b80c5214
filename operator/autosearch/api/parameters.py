"""What is searched: named parameters and the values each may take.

Owns: the five kinds of parameter and the text of their values. A value's text is made from its declared kind, never
from how JSON happens to spell it: an API server stores 1.0 as 1, and a script with `type=int` refuses `5.0`.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from autosearch.api.base import Int, Model, Number, Scalar, is_finite, not_exactly_one

Scale = Literal["Linear", "Log"]
Kind = Literal["float", "int", "discrete", "categorical", "boolean"]
KINDS: tuple[Kind, ...] = ("float", "int", "discrete", "categorical", "boolean")
# The contract's own flags (research: contract.md 2.1): a parameter of such a name would be given twice.
RESERVED_NAMES = frozenset(
    {
        "train_dir",
        "test_dir",
        "output_dir",
        "job_id",
        "trial_id",
        "metric",
        "data_sampling_scale",
        "resume_checkpoint_path",
        "perturb_interval",
    }
)
_SAFE_INT = 2**53


def _not_reserved(name: str) -> str:
    if name in RESERVED_NAMES:
        raise ValueError("is a flag of the contract itself; choose another name")
    return name


ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=63), AfterValidator(_not_reserved)]


class FloatRange(Model):
    """A real number between two ends, both included.

    Attributes:
        min: lower end.
        max: upper end, greater than `min`.
        scale: `Linear`, or `Log` for quantities such as learning rates (then `min` is greater than 0).
        step: distance between neighbours, counted from `min`; only with `Linear`.
    """

    min: float
    max: float
    scale: Scale = "Linear"
    step: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_range(self.min, self.max, self.scale, self.step, least="greater than 0")
        return self


class IntRange(Model):
    """A whole number between two ends, both included.

    Attributes:
        min: lower end.
        max: upper end, greater than `min`.
        scale: `Linear`, or `Log` for quantities such as layer widths (then `min` is 1 or more).
        step: distance between neighbours, counted from `min`; only with `Linear`; absent: 1.
    """

    min: Annotated[Int, Field(ge=-_SAFE_INT, le=_SAFE_INT)]
    max: Annotated[Int, Field(ge=-_SAFE_INT, le=_SAFE_INT)]
    scale: Scale = "Linear"
    step: Annotated[Int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_range(self.min, self.max, self.scale, self.step, least="1 or more")
        return self


def _check_range(low: float, high: float, scale: Scale, step: float | None, *, least: str) -> None:
    wrong = []
    if low >= high:
        wrong.append(f"`min` ({low!r}) must be less than `max` ({high!r})")
    elif not is_finite(high - low):
        wrong.append(f"`max` - `min` must be a finite number, found {low!r} and {high!r}; use a narrower range")
    if scale == "Log" and low <= 0:
        wrong.append(f"with `scale: Log`, `min` must be {least}, found {low!r}; use `scale: Linear` for a range with 0")
    if scale == "Log" and step is not None:
        wrong.append("`step` must not be used with `scale: Log`; leave out one of the two")
    elif step is not None and low < high:
        wrong += _wrong_step(high - low, step)
    if wrong:
        # One message a line: `loading` makes a problem of each.
        raise ValueError("\n".join(wrong))


def _wrong_step(width: float, step: float) -> list[str]:
    if step > width:
        return [f"`step` ({step!r}) must not be greater than `max` - `min` ({width!r})"]
    if is_finite(width) and width / step > _SAFE_INT:
        return [f"`step` ({step!r}) must be greater, it gives more than 2^53 values; leave it out for all of them"]
    return []


class Discrete(Model):
    """Numbers in increasing order; neighbours are similar. The script sees whole ones as integers.

    Attributes:
        values: all that may be tried, in increasing order, each once.
    """

    values: Annotated[list[Number], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(a >= b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise ValueError("`values` must be in increasing order, each once")
        return self


class Categorical(Model):
    """Strings without an order.

    Attributes:
        choices: all that may be tried, each once; numbers in quotes are strings too.
    """

    choices: Annotated[list[Annotated[str, Field(max_length=253)]], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.choices)) != len(self.choices):
            raise ValueError("`choices` must not hold a string twice")
        return self


class Boolean(Model):
    """True or False, which is also the text that the script sees."""


Domain = FloatRange | IntRange | Discrete | Categorical | Boolean


class Parameter(Model):
    """One searched parameter: a name, and exactly one of the five kinds of values.

    Attributes:
        name: passed to the script as `--name=value`; letters, digits and underscores.
    """

    name: ParameterName
    float_: FloatRange | None = Field(default=None, alias="float")
    int_: IntRange | None = Field(default=None, alias="int")
    discrete: Discrete | None = None
    categorical: Categorical | None = None
    boolean: Boolean | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        wrong = not_exactly_one(KINDS, [kind for kind in KINDS if self._domain_of(kind) is not None])
        if wrong:
            raise ValueError(wrong)
        return self

    def _domain_of(self, kind: Kind) -> Domain | None:
        domain: Domain | None = getattr(self, f"{kind}_" if kind in ("float", "int") else kind)
        return domain

    @property
    def kind(self) -> Kind:
        """The kind of values, as written in the manifest."""
        return next(kind for kind in KINDS if self._domain_of(kind) is not None)

    @property
    def domain(self) -> Domain:
        """The one kind of values that is given."""
        return next(domain for kind in KINDS if (domain := self._domain_of(kind)) is not None)


def value_count(parameter: Parameter) -> int | None:
    """Give how many values a parameter may take; None for a continuous range."""
    domain = parameter.domain
    if isinstance(domain, Boolean):
        return 2
    if isinstance(domain, Categorical):
        return len(domain.choices)
    if isinstance(domain, Discrete):
        return len(domain.values)
    if isinstance(domain, IntRange):
        return (domain.max - domain.min) // (domain.step or 1) + 1
    # A float's last step may fall short of `max` by a rounding error.
    return None if domain.step is None else int((domain.max - domain.min) / domain.step + 1e-9) + 1


def canonical_value(parameter: Parameter, value: Scalar) -> Scalar:
    """Give `value` the Python type of its declared kind, whatever JSON made of it.

    Raises:
        ValueError: the value is not one of the parameter's kind; the text says what is.
    """
    domain = parameter.domain
    if isinstance(domain, Boolean):
        return _expect(value, isinstance(value, bool), "true or false")
    if isinstance(domain, Categorical):
        return _expect(value, value in domain.choices and isinstance(value, str), f"one of {', '.join(domain.choices)}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
        return _expect(value, False, "a finite number")
    if isinstance(domain, FloatRange):
        return float(value)
    whole = float(value).is_integer()
    if isinstance(domain, IntRange):
        return int(_expect(value, whole, "a whole number"))
    return int(value) if whole else float(value)


def _expect(value: Scalar, ok: bool, wanted: str) -> Scalar:
    if not ok:
        raise ValueError(f"must be {wanted}, found {value!r}")
    return value


def value_text(parameter: Parameter, value: Scalar) -> str:
    """Write a value as the script's flag has it: `1e-05`, `5`, `rbf`, `True`."""
    canonical = canonical_value(parameter, value)
    return canonical if isinstance(canonical, str) else repr(canonical)


def contains(parameter: Parameter, value: Scalar) -> bool:
    """Say whether a value may be tried: of the right type and inside the declared bounds."""
    try:
        canonical = canonical_value(parameter, value)
    except ValueError:
        return False
    domain = parameter.domain
    if isinstance(domain, FloatRange | IntRange):
        number = float(canonical)
        return domain.min <= number <= domain.max and _on_step(domain, number)
    return not isinstance(domain, Discrete) or canonical in domain.values


def _on_step(domain: FloatRange | IntRange, value: float) -> bool:
    if domain.step is None:
        return True
    steps = (value - domain.min) / domain.step
    return abs(steps - round(steps)) < 1e-6  # noqa: PLR2004 - a float's step is never hit exactly
