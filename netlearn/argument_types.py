"""Arguments of public functions, checked where they come in, by the types that the functions declare."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, wraps
from inspect import Parameter, signature, unwrap
from numbers import Integral, Real
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from netlearn.atomic import Destination
from netlearn.errors import OptionError

F = TypeVar("F", bound=Callable[..., Any])


def checked(function: F) -> F:
    """The function, which then raises OptionError for an argument of another type than it declares.

    What it declares as Any, as object, or as a class that it checks by itself (a Netlist, a Solver, a graph of a
    library that is not installed) may be anything, and so may keywords that are settings.
    """
    parameters = signature(function)

    @wraps(function)
    def checking(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = parameters.bind(*args, **kwargs)
        except TypeError:
            # Python says best itself what is missing or too much.
            return function(*args, **kwargs)
        given = bound.arguments
        for name, kind in kinds_of(function).items():
            if name not in given:
                continue
            if parameters.parameters[name].kind is Parameter.VAR_KEYWORD:
                given[name] = {keyword: _right(keyword, value, kind) for keyword, value in given[name].items()}
            elif parameters.parameters[name].kind is Parameter.VAR_POSITIONAL and _is_one_list(given[name], kind):
                raise OptionError(f"'{name}' are given one by one, not in a list", hint=f"{function.__name__}(*{name})")
            else:
                given[name] = _right(name, given[name], kind)
        return function(*bound.args, **bound.kwargs)

    return cast(F, checking)


def _is_one_list(given: tuple[Any, ...], kind: ArgumentKind) -> bool:
    """Whether what was to be given one by one came in a list."""
    return len(given) == 1 and isinstance(given[0], list | tuple) and kind.has(tuple(given[0]))


def _right(name: str, value: Any, kind: ArgumentKind) -> Any:
    if not kind.has(value):
        raise OptionError(f"'{name}' must be {kind.noun}, not {value!r:.80}")
    return _plain(value)


def _plain(value: Any) -> Any:
    """Numbers of numpy and others as Python's own, which is what functions look for."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim):
        return value.item()
    if isinstance(value, Decimal):
        return float(value)
    # Not their subclasses, such as named tuples, which may take something else to be made.
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


def _is_number(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return not value.ndim and value.dtype.kind in "iuf"
    return not isinstance(value, bool) and isinstance(value, Real | Decimal)


@dataclass(frozen=True)
class ArgumentKind:
    """What an argument may be: in words, and whether a value is that."""

    noun: str
    has: Callable[[Any], bool]


_SIMPLE: Mapping[Any, ArgumentKind] = {
    NoneType: ArgumentKind("None", lambda value: value is None),
    bool: ArgumentKind("True or False", lambda value: isinstance(value, bool | np.bool_)),
    int: ArgumentKind("a whole number", lambda value: isinstance(value, Integral) and not isinstance(value, bool)),
    # NaN is one: functions, which know their limits, refuse it with them.
    float: ArgumentKind("a number", _is_number),
    str: ArgumentKind("a text", lambda value: isinstance(value, str)),
    os.PathLike: ArgumentKind("a path", lambda value: isinstance(value, os.PathLike)),
    Destination: ArgumentKind("a path", lambda value: isinstance(value, Destination)),
    Callable: ArgumentKind("a function", callable),
    # Schedulers' clients look like one, and are none by descent.
    Executor: ArgumentKind("an executor", lambda value: callable(getattr(value, "submit", None))),
}


@cache
def kinds_of(function: Callable[..., Any]) -> Mapping[str, ArgumentKind]:
    """What can be said of the parameters of a function, by their names; of further keywords it is said of each."""
    found: dict[str, ArgumentKind] = {}
    for name, parameter in signature(function).parameters.items():
        kind = _kind_of(_hint(function, name))
        if kind is not None:
            found[name] = _several(kind) if parameter.kind is Parameter.VAR_POSITIONAL else kind
    return found


def _hint(function: Callable[..., Any], name: str) -> Any:
    # One by one, as a type that is imported for type checkers alone is unknown here.
    alone = SimpleNamespace(__annotations__={name: function.__annotations__.get(name, Any)})
    try:
        return get_type_hints(alone, unwrap(function).__globals__)[name]
    except NameError:
        return Any


def _kind_of(hint: Any) -> ArgumentKind | None:
    """What a type is in words, and what has it; None where nothing can be said."""
    origin = get_origin(hint) or hint
    if origin in (Union, UnionType):
        members = [_kind_of(each) for each in get_args(hint)]
        kinds = [each for each in members if each is not None]
        if len(kinds) < len(members):
            return None
        nouns = list(dict.fromkeys(each.noun for each in kinds))
        if "a path" in nouns and "a text" in nouns:
            nouns.remove("a text")
        return ArgumentKind(" or ".join(nouns), lambda value: any(each.has(value) for each in kinds))
    if origin is Literal:
        # Which of them the function says by itself, with the one that may be meant.
        return _SIMPLE[str]
    if origin in (Iterable, Sequence):
        return _several(_kind_of(get_args(hint)[0]))
    if origin is Mapping:
        return _mapping(*map(_kind_of, get_args(hint)))
    return _SIMPLE.get(origin)


def _several(member: ArgumentKind | None) -> ArgumentKind:
    def has(value: Any) -> bool:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            return False
        # What can be gone through but once is left to the function.
        return member is None or not isinstance(value, Collection) or all(map(member.has, value))

    return ArgumentKind("a list" if member is None else f"a list of {_plural(member)}", has)


def _mapping(key: ArgumentKind | None, member: ArgumentKind | None) -> ArgumentKind:
    def has(value: Any) -> bool:
        # A Series of pandas is none by descent.
        if not (isinstance(value, Mapping) or (hasattr(value, "keys") and hasattr(value, "items"))):
            return False
        pairs = list(value.items())
        return all((key is None or key.has(k)) and (member is None or member.has(v)) for k, v in pairs)

    if key is None or member is None:
        return ArgumentKind("a mapping", has)
    return ArgumentKind(f"a mapping of {_plural(key)} to {_plural(member)}", has)


def _plural(kind: ArgumentKind) -> str:
    return " or ".join(noun if noun == "None" else f"{noun.removeprefix('a ')}s" for noun in kind.noun.split(" or "))
