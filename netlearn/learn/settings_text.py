"""Settings as the directives that say them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from math import isinf

from netlearn.learn.settings import DIRECTIVES, Settings, settings_of
from netlearn.learn.trained import Trained
from netlearn.netlist.directive_text import quoted_word, with_directive
from netlearn.netlist.directives import read_directive
from netlearn.netlist.netlist import Netlist
from netlearn.options import Directive, Option, options_of


def directive_texts(settings: Settings) -> tuple[dict[str, list[str]], list[str]]:
    """The text of every directive that is not at its default, by name, and what no text can say.

    Each is what follows ``*@name`` in a netlist and what a setting of ``train`` takes, so that the
    settings come back from it. Objects of the user's own classes cannot be said; they are listed.
    """
    default = Settings()
    texts: dict[str, list[str]] = {}
    unsaid: list[str] = []
    for name, directive in DIRECTIVES.items():
        value = getattr(settings, name)
        if value is None or value == getattr(default, name):
            continue
        try:
            texts[name] = list(lines_of(directive, value))
        except TypeError:
            unsaid.append(f"{name}: {value!r}")
    return texts, unsaid


def with_classes(netlist: Netlist, settings: Settings, classes: tuple[str, ...]) -> Netlist:
    """A copy that says the order of the classes, where the netlist lists the outputs but not the classes."""
    places = settings.places
    if not classes or "classes" in places or "output" not in places:
        return netlist
    texts, _ = directive_texts(Settings(classes=classes))
    return with_directive(netlist, "classes", texts["classes"][0]) if "classes" in texts else netlist


def settings_from(texts: Mapping[str, Sequence[str]]) -> Settings:
    """The settings that such texts say. Raises OptionError."""
    return settings_of(read_directive(f"{name} {text}", DIRECTIVES) for name, lines in texts.items() for text in lines)


def lines_of(directive: Directive, value: object) -> Iterator[str]:
    """What follows ``*@name`` for a setting, a line each. Raises TypeError for an object that no text gives."""
    if directive.kinds:
        kind = next((name for name, cls in directive.kinds.items() if type(value) is cls), None)
        if kind is None:
            raise TypeError
        yield " ".join([kind, *_options(value)])
    elif directive.name == "goal":
        assert isinstance(value, tuple)
        for goal in value:
            yield " ".join([_word(goal.probe), *_options(goal)])
    elif directive.name in ("tolerance", "rating"):
        assert isinstance(value, tuple)
        for entry in value:
            yield " ".join([*map(_word, entry.words), *_options(entry)])
    elif directive.name == "train":
        assert isinstance(value, tuple)
        for entry in value:
            assert isinstance(entry, Trained)
            yield " ".join([_word(entry.pattern), *_options(entry)])
    elif isinstance(value, tuple):
        yield " ".join(map(_word, value))
    elif isinstance(value, Mapping):
        yield " ".join(f"{name}={','.join(map(_number, _listed(entry)))}" for name, entry in value.items())
    else:
        yield " ".join([*_words(value), *_options(value)])


def _words(value: object) -> Iterator[str]:
    """The positional words: fields that are no options."""
    for entry in fields(value):  # type: ignore[arg-type]
        word = getattr(value, entry.name)
        if "help" not in entry.metadata and isinstance(word, str):
            yield _word(word)


def _options(value: object) -> Iterator[str]:
    for option in options_of(type(value)):
        given = getattr(value, option.name)
        if given != option.default:
            yield f"{option.name}={_option(option, given)}"


def _option(option: Option, value: object) -> str:
    if value is None:
        return option.absent
    if isinstance(value, tuple):
        return ",".join(_option(option, each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        return _number(value)
    if not isinstance(value, str):
        raise TypeError
    return _word(value)


def _number(value: float) -> str:
    if isinstance(value, float) and isinf(value):
        raise TypeError
    return repr(value)


def _word(text: str) -> str:
    word = quoted_word(text)
    if word is None:
        raise TypeError
    return word


def _listed(value: object) -> Iterable[float]:
    return value if isinstance(value, tuple | list) else (value,)
