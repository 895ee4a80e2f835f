"""The command table: every command declares its forms, parameter ranges and maximum time once.

    QSSLCLOSE = Command("+QSSLCLOSE", Family.SSL, "1.6.5", test="(0-11),(0-65535)")

    @QSSLCLOSE.write(CLIENT_ID, Int("close_timeout", 0, 65535, default=10))
    def close(m, client_id, close_timeout): ...

A form that is not declared answers ERROR (spec 0.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from .results import AtError, CmeError, PlainError, TcpipError
from .syntax import Call, Form, LineError, Param, parse_parameters

if TYPE_CHECKING:
    from .core import Module


class Family(Enum):
    """Decides how a wrong parameter is reported (spec 2.4)."""

    GENERAL = "general"  # ERROR
    TCPIP = "tcpip"  # ERROR, 552 in AT+QIGETERROR
    SSL = "ssl"  # the same
    FILE = "file"  # +CME ERROR: 400
    MQTT = "mqtt"  # ERROR, whatever AT+CMEE and traits say (spec 4.4)
    HTTP = "http"  # +CME ERROR: 730 (spec 4.5)


_REQUIRED: Any = object()


@dataclass(frozen=True)
class Field:
    """One declared parameter. Without a default it must be given."""

    name: str
    default: Any = field(default=_REQUIRED, kw_only=True)
    secret: bool = field(default=False, kw_only=True)

    @property
    def required(self) -> bool:
        """Whether a call without it is refused."""
        return self.default is _REQUIRED

    def value(self, param: Param, quoted_numbers: bool) -> Any:
        """The parameter's value; raises ValueError if it is out of range or of the wrong kind."""
        raise NotImplementedError

    def checked(self, command: Command, module: Module, param: Param) -> Any:
        """The value, for a parameter whose kind depends on another one; raises AtError."""
        try:
            return self.value(param, module.traits.quoted_numbers)
        except ValueError:
            raise command.parameter_error(module) from None


@dataclass(frozen=True)
class Int(Field):
    """A bare decimal number in `low`..`high`."""

    low: int
    high: int

    def value(self, param: Param, quoted_numbers: bool) -> int:
        if param.quoted and not quoted_numbers:
            raise ValueError(f"{self.name} is a number")
        digits = param.text
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 10:
            raise ValueError(f"{self.name} is not a decimal number")
        number = int(digits)
        if not self.low <= number <= self.high:
            raise ValueError(f"{self.name} is outside {self.low}-{self.high}")
        return number


@dataclass(frozen=True)
class OneOf(Field):
    """A bare number out of a list."""

    choices: tuple[int, ...]

    def value(self, param: Param, quoted_numbers: bool) -> int:
        whole = Int(self.name, min(self.choices), max(self.choices))
        number = whole.value(param, quoted_numbers)
        if number not in self.choices:
            raise ValueError(f"{self.name} is not one of {self.choices}")
        return number


@dataclass(frozen=True)
class Text(Field):
    """A quoted string of at most `longest` characters."""

    longest: int

    def value(self, param: Param, quoted_numbers: bool) -> str:
        if not param.quoted:
            raise ValueError(f"{self.name} is a string")
        if len(param.text) > self.longest:
            raise ValueError(f"{self.name} is longer than {self.longest}")
        return param.text


@dataclass(frozen=True)
class Choice(Field):
    """A quoted word out of a list, compared without case; its value is the list's spelling."""

    choices: tuple[str, ...]

    def value(self, param: Param, quoted_numbers: bool) -> str:
        if not param.quoted:
            raise ValueError(f"{self.name} is a string")
        for choice in self.choices:
            if choice.lower() == param.text.lower():
                return choice
        raise ValueError(f"{self.name} is not one of {self.choices}")


@dataclass(frozen=True)
class AsWritten(Field):
    """Anything, as written: for parameters whose kind depends on another one."""

    def value(self, param: Param, quoted_numbers: bool) -> Param:
        return param


Handler = Callable[..., Any]


@dataclass
class Command:
    """One row of the command table; creating it registers it."""

    name: str
    family: Family
    section: str
    test: str | None = None  # text after "+NAME: "; "" is a bare OK; None is ERROR
    tests_as: dict[str, str] = field(default_factory=dict)  # by trait test_forms
    max_time: float = 0.3  # the documented maximum time to the final result code, s
    answer: tuple[str, ...] = ()  # what the information response holds, by the parameters' names
    sets_error: bool = True  # whether AT+QIGETERROR follows this command
    error_trait: str = "parameter_error"  # how a GENERAL command reports a wrong parameter
    handlers: dict[Form, tuple[Handler, tuple[Field, ...]]] = field(default_factory=dict)
    secret_after: tuple[str, ...] = ()  # first parameters whose followers no trace may show
    repeated: tuple[Field, ...] = ()  # of the write form: may follow again and again

    def __post_init__(self) -> None:
        if self.name in COMMANDS:
            raise ValueError(f"{self.name} is declared twice")
        COMMANDS[self.name] = self

    def read(self, handler: Handler) -> Handler:
        """Declare the read form."""
        self.handlers[Form.READ] = (handler, ())
        return handler

    def execute(self, handler: Handler) -> Handler:
        """Declare the execution form."""
        self.handlers[Form.EXECUTE] = (handler, ())
        return handler

    def execute_with(self, *fields: Field) -> Callable[[Handler], Handler]:
        """Declare the execution form of a basic command with a number (`ATE0`)."""

        def declare(handler: Handler) -> Handler:
            self.handlers[Form.EXECUTE] = (handler, fields)
            return handler

        return declare

    def read_with(self, *fields: Field) -> Callable[[Handler], Handler]:
        """Declare the read form of a basic command with a number (`ATS3?`)."""

        def declare(handler: Handler) -> Handler:
            self.handlers[Form.READ] = (handler, fields)
            return handler

        return declare

    def tests(self, handler: Handler) -> Handler:
        """Declare a test form that is computed."""
        self.handlers[Form.TEST] = (handler, ())
        return handler

    def write(
        self, *fields: Field, repeated: tuple[Field, ...] = ()
    ) -> Callable[[Handler], Handler]:
        """Declare the write form, its parameters, and the group that may be repeated after them."""
        self.repeated = repeated

        def declare(handler: Handler) -> Handler:
            self.handlers[Form.WRITE] = (handler, fields)
            return handler

        return declare

    def parameter_error(self, module: Module) -> AtError:
        """How this command's family reports a malformed or out-of-range parameter."""
        if self.family in (Family.SSL, Family.TCPIP):
            return TcpipError(552)
        if self.family is Family.FILE:
            return CmeError(400)
        if self.family is Family.HTTP:
            return CmeError(730)
        if self.family is Family.MQTT:
            return PlainError()
        numbered = getattr(module.traits, self.error_trait) == "numbered"
        return CmeError(3) if numbered else PlainError()

    def run(self, module: Module, call: Call) -> Any:
        """Start the called form. Returns what its handler returns; raises AtError."""
        if call.form is Form.TEST and Form.TEST not in self.handlers:
            if self.test is None:
                raise PlainError
            return self._test_line(module)
        if call.form not in self.handlers:
            raise PlainError
        handler = self.handlers[call.form][0]
        return handler(module, *self.values(self._fields(call), call.params, module))

    def _fields(self, call: Call) -> tuple[Field, ...]:
        """The parameters of the called form, with as many repetitions as the call has begun."""
        fields = self.handlers.get(call.form, (None, ()))[1]
        more = len(call.params) - len(fields)
        if call.form is Form.WRITE and self.repeated and more > 0:
            fields += self.repeated * -(-more // len(self.repeated))
        return fields

    def _test_line(self, module: Module) -> Iterator[str]:
        text = self.tests_as.get(module.traits.test_forms, self.test)
        if text:
            yield f"{self.name}: {text}"

    def values(
        self, fields: tuple[Field, ...], params: tuple[Param | None, ...], module: Module
    ) -> Iterator[Any]:
        """The values of `params`, one for each of `fields`; raises AtError."""
        quoted_numbers = module.traits.quoted_numbers
        if len(params) > len(fields):
            raise self.parameter_error(module)
        for i, declared in enumerate(fields):
            param = params[i] if i < len(params) else None
            if param is None:
                if declared.required:
                    raise self.parameter_error(module)
                yield declared.default
                continue
            try:
                yield declared.value(param, quoted_numbers)
            except ValueError:
                raise self.parameter_error(module) from None

    def _is_secret(self, at: int, call: Call, fields: tuple[Field, ...]) -> bool:
        """Whether a trace may not show a parameter of the call."""
        first = call.params[0]
        if at and first is not None and first.text.lower() in self.secret_after:
            return True
        return at >= len(fields) or fields[at].secret

    def shown(self, call: Call) -> str:
        """The call as it may appear in a trace: secret parameters are masked."""
        fields = self._fields(call)
        words = [
            _shown(param, secret=self._is_secret(i, call, fields))
            for i, param in enumerate(call.params)
        ]
        if self.name == "S" and call.form is Form.WRITE:
            return f"S{'='.join(words)}"
        if self.name[0] != "+":
            return self.name + "".join(words) + ("?" if call.form is Form.READ else "")
        return self.name + call.form.value + ",".join(words)

    def shown_answer(self, form: Form, text: str) -> str:
        """A line of the information response as it may appear in a trace: the same parameters are masked there. Where a
        command has a secret and does not say what its response holds, all of it is.
        """
        secrets = {
            each.name for _, fields in self.handlers.values() for each in fields if each.secret
        }
        if form is Form.TEST or not (secrets or self.secret_after):
            return text
        head = f"{self.name}: "
        try:
            params = parse_parameters(text.removeprefix(head))
        except LineError:
            params = ()
        first = params[0] if params else None
        if self.secret_after:
            listed = first is not None and first.text.lower() in self.secret_after
            return f"{head}{_shown(first, secret=False)},***" if listed else text
        if len(params) != len(self.answer):
            return f"{head}***"
        words = zip(params, self.answer, strict=True)
        return head + ",".join(_shown(param, secret=name in secrets) for param, name in words)


def _shown(param: Param | None, secret: bool) -> str:
    if param is None:
        return ""
    text = "***" if secret and param.text else param.text
    return f'"{text}"' if param.quoted else text


COMMANDS: dict[str, Command] = {}
