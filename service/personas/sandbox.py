"""Where the template of a prompt is rendered: it reaches no class and no file, it says the same each time, and it comes to an end.

Jinja's sandbox keeps a template from what Python could reach, but bounds neither its time nor its memory, and a loop within loops would
hold up the thread that writes all exchanges. So a rendering has a budget: each turn of a loop and each call costs a step, and a text or
list that is made costs its length. What a single operation may do within its bounds remains: a few megabytes, a few tenths of a second.
"""

import math
import re
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any

from jinja2 import StrictUndefined, Template, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

LONGEST_PROMPT = 100_000
"""Characters that a prompt may have, and items of any list within its template."""

_MOST_STEPS = 100_000
_LARGEST_NUMBER = 1_000_000
_LARGEST_PRODUCT = 10_000_000
_GLOBALS = ("dict", "range")
_REMOVED_FILTERS = {"random", "format"}
"""`random` varies, and `format`, like % and .format, has its widths within a text, where nobody can bound them."""

_ADDRESS = re.compile(r" at 0x[0-9a-f]+>")
_SIZED = (str, list, tuple, dict, range)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        # Not optimized: what is computed while compiling would be paid from nobody's budget.
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False, optimized=False)
        self.globals = {name: self.globals[name] for name in _GLOBALS}
        self.filters = {name: self._bound(function) for name, function in self.filters.items() if name not in _REMOVED_FILTERS}
        self._account = threading.local()

    def open_account(self) -> None:
        """Begin a rendering of this thread."""
        self._account.left = _MOST_STEPS

    def step(self) -> None:
        """Pay for one turn of a loop, or one call of a macro."""
        self._pay(1)

    def join(self, *parts: Any) -> str:
        """What `~` does."""
        return str(self._made("".join(str(part) for part in parts)))

    def call(self, context: Context, called: Any, /, *arguments: Any, **named: Any) -> Any:
        self._afford(getattr(called, "__self__", None), *arguments, *named.values())
        return self._made(super().call(context, called, *arguments, **named))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise SecurityError(f"{operator} is not allowed here")
        self._afford(left, right)
        if operator == "*":
            self._afford(*(range(side) if isinstance(side, int) else side for side in (left, right)))
        return self._made(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        if super().wrap_str_format(value) is not None:
            raise SecurityError("format is not allowed here")
        return None

    def _bound(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)  # Also of Jinja's mark that a filter wants the context.
        def bounded(*arguments: Any, **named: Any) -> Any:
            self._afford(*arguments, *named.values())
            return self._made(function(*arguments, **named))

        return bounded

    def _afford(self, *values: Any) -> None:
        """Refuse what could make something huge out of these values; pay for reading them."""
        sizes = [len(value) for value in values if isinstance(value, _SIZED)]
        numbers = [value for value in values if isinstance(value, int)]
        if any(abs(number) > _LARGEST_NUMBER for number in numbers) or math.prod(filter(None, sizes)) > _LARGEST_PRODUCT:
            raise SecurityError("this would become too large")
        self._pay(1 + sum(sizes))

    def _made(self, value: Any) -> Any:
        if isinstance(value, _SIZED):
            if len(value) > LONGEST_PROMPT:
                raise SecurityError("this would become too large")
            self._pay(len(value))
        return value

    def _pay(self, steps: int) -> None:
        self._account.left -= steps
        if self._account.left < 0:
            raise SecurityError(f"the template does not come to its end within {_MOST_STEPS} steps")


class _Toll(NodeTransformer):
    """Puts the environment's `step` before every body that may be run many times, and its `join` in the place of `~`."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  # named after Jinja's class
        return self._charged(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802  # likewise
        return self._charged(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802  # likewise
        return self._charged(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  # likewise
        self.generic_visit(node)
        return _call("join", node.nodes, node.lineno)

    def _charged(self, node: nodes.For | nodes.Macro | nodes.CallBlock) -> nodes.Node:
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(_call("step", [], node.lineno), lineno=node.lineno))
        return node


def _call(name: str, arguments: list[nodes.Expr], line: int) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None, lineno=line)


_environment = _Environment()


def render(template: str, values: Mapping[str, Any]) -> str:
    """Render a template with these variables; raise whatever Jinja raises, and `SecurityError` for what is not allowed."""
    compiled = _compile(template)
    _environment.open_account()
    pieces: list[str] = []
    length = 0
    for piece in compiled.generate(values):
        pieces.append(piece)
        length += len(piece)
        if length > LONGEST_PROMPT:
            raise SecurityError(f"the prompt is longer than {LONGEST_PROMPT} characters")
    text = "".join(pieces)
    if _ADDRESS.search(text):
        raise SecurityError("the prompt shows a place in the machine's memory, which is another one each time")
    return text


@lru_cache(maxsize=256)
def _compile(template: str) -> Template:
    return _environment.from_string(_Toll().visit(_environment.parse(template)))
