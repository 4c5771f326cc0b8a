"""A YAML file read into a pydantic model, with every error at once: line, key, what is wrong, what to write instead.

Two things happen here and nothing else: the file's text becomes data (:func:`read`), and what the model says of the
data becomes sentences (:func:`explain`). Scalars follow YAML 1.2, as editors do: ``no`` and ``2026-01-01`` are text,
``0123`` keeps its zero, ``12:30`` is no number. Nothing but the file is touched: no environment, no network.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

Location = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_TAGS = frozenset(_TAG + name for name in ("str", "seq", "map"))
_TAGGED = "has a tag (`!…`)."
_LONGEST_ECHO = 60

_SECRET_KEY = re.compile(
    r"(^|[_-])(password|passwd|pwd|passphrase|secret|token|api_?key|access_?key|private_?key|credentials?|"
    r"mot_?de_?passe|mdp)($|[_-])",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/\s@]*:[^/\s@]+@"  # a URL with a password
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"  # an AWS access key
    r"|^[A-Za-z0-9+/]{43}=$"  # 32 bytes in base64: a key of ours
    r"|^[0-9a-fA-F]{64}$",
    re.IGNORECASE,
)
_TAKE_OUT = (
    "take it out, and change it, as it has been in a file that many read. Put it into an Airflow connection "
    "(Admin, Connections) and name that here: `connection: my_connection`."
)


@dataclass(frozen=True, order=True)
class Problem:
    """One error of a file. ``line`` counts from 1; ``key`` is a path such as ``centres[1].agreement.ends``, empty where
    the file as a whole is meant."""

    file: str
    line: int
    key: str
    message: str
    remedy: str

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        return f"{self.file}:{self.line}:{key} {self.message}\n    To do: {self.remedy}"


@dataclass(frozen=True)
class Document:
    """A file's data, and where each key of it stands."""

    file: str
    data: object
    root: yaml.Node

    def line(self, location: Location) -> int:
        """The line (from 1) of the deepest key of ``location`` that the file has."""
        node, line = self.root, _line(self.root)
        for part in location:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line

    def problem(self, location: Location, message: str, remedy: str) -> Problem:
        """A problem at one place of this file."""
        return Problem(self.file, self.line(location), dotted(location), message, remedy)


def read(path: Path) -> tuple[Document | None, list[Problem]]:
    """The data of a YAML file, and what is wrong with it as YAML: syntax, a key given twice, a secret in clear.

    The document is None where the file could not be read as one mapping at all. Never raises for what the file holds.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return None, [
            Problem(str(path), line, "", "is not written in UTF-8.", "in your editor choose: save with encoding UTF-8.")
        ]
    except OSError as error:
        reason = error.strerror or "unknown reason"
        return None, [
            Problem(str(path), 1, "", f"cannot be read: {reason}.", "check the name, and that Collecte may read it.")
        ]
    return _parse(text, str(path))


def explain(document: Document, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """What pydantic found, in plain sentences with an example each."""
    details = [d for d in error.errors(include_url=False) if d["type"] != "contradictions" and not is_secret(d["loc"])]
    guesses = {
        d["loc"]: guess for d in details if d["type"] == "extra_forbidden" and (guess := _meant(model, d["loc"]))
    }
    meant = {(*location[:-1], guess) for location, guess in guesses.items()}
    return [
        _sentence(document, model, detail, guesses.get(detail["loc"]))
        for detail in details
        # A key that is missing because it is misspelt is one mistake, not two; a list is not empty because its entries
        # are wrong.
        if not (detail["type"] == "missing" and detail["loc"] in meant)
        and not (detail["type"] == "too_short" and detail["input"])
    ]


def wrong(message: str, remedy: str, at: str = "") -> PydanticCustomError:
    """An error for a validator to raise: what is wrong, what to do; ``at``: the key, below the validator's own."""
    return PydanticCustomError("ours", "{message}", {"message": message, "remedy": remedy, "at": at})


def dotted(location: Location) -> str:
    """``centres[1].agreement.ends`` for ``("centres", 1, "agreement", "ends")``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


# --- text to data


class _Loader(yaml.CSafeLoader):
    """YAML 1.2's core schema on the C parser, and merge keys (``<<``)."""


#: Scalars that are no text: their form in YAML 1.2, and the characters that they begin with.
_FORMS = {
    _TAG + "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    _TAG + "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    _TAG + "int": (r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    _TAG + "float": (r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    _TAG + "merge": (r"<<", ["<"]),
}

_Loader.yaml_implicit_resolvers = {}
for _tag, (_regex, _first) in _FORMS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_regex})$"), _first)


def _parse(text: str, file: str) -> tuple[Document | None, list[Problem]]:
    loader = _Loader(text)
    problems: list[Problem] = []
    try:
        root = loader.get_single_node()
        if root is None:
            return None, [Problem(file, 1, "", "is empty.", "copy include/challenges/demo.yaml and change it.")]
        problems += _of_nodes(root, file, (), set())
        if not isinstance(root, yaml.MappingNode):
            message, remedy = "holds no keys at its top level.", "start each line with a key, as in `id: my-challenge`."
            return None, [*problems, Problem(file, _line(root), "", message, remedy)]
        if any(problem.message == _TAGGED for problem in problems):
            return None, problems
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        return None, problems or [_syntax(error, file)]
    except yaml.reader.ReaderError:
        return None, [Problem(file, 1, "", "holds a character that no text has.", "retype the file in a text editor.")]
    except RecursionError:
        return None, [Problem(file, 1, "", "is nested too deeply.", "compare it with include/challenges/demo.yaml.")]
    finally:
        loader.dispose()
    return Document(file, data, root), problems


_SYNTAX = (
    (
        "cannot start any token",
        "a character stands here that cannot begin a value; often it is a tab, or one of % @ `",
        'indent with spaces, and put a text that starts with such a character into quotes: name: "@home".',
    ),
    (
        "mapping values are not allowed",
        "there is a second colon in this line, or this line is indented too far",
        'put a text with a colon into quotes: fr: "Cancer du col: lames".',
    ),
    (
        "could not find expected ':'",
        "a key without its colon stands in this line or in the one before",
        "write the key, a colon and a space: `id: arvel`.",
    ),
    (
        "did not find expected",
        "the indentation or a bracket of the lines before does not fit",
        "indent keys of one block equally, with two spaces for each level, and close each bracket and quote.",
    ),
    (
        "unexpected end of stream",
        "a quote or bracket is opened and never closed",
        "close it at the end of its text.",
    ),
    (
        "expected a single document",
        "a second document starts here (`---`)",
        "keep one challenge in a file; remove the line `---`.",
    ),
    ("undefined alias", "this alias (`*…`) has no anchor", "define it above with `&name`, or write the value out."),
)


def _syntax(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    said = f"{error.context or ''} {error.problem or ''}"
    message, remedy = next(
        ((message, remedy) for phrase, message, remedy in _SYNTAX if phrase in said),
        ("this is no YAML", "compare the line, and the one before it, with include/challenges/demo.yaml."),
    )
    return Problem(file, mark.line + 1 if mark else 1, "", f"{message}.", remedy)


def _of_nodes(node: yaml.Node, file: str, location: Location, seen: set[int]) -> Iterator[Problem]:
    """Keys given twice, secrets and tags, wherever they stand; an alias is looked at once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if not _is_plain(node):
        yield Problem(file, _line(node), dotted(location), _TAGGED, "remove the tag; write a plain value.")
    if isinstance(node, yaml.MappingNode):
        yield from _of_mapping(node, file, location, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _of_nodes(item, file, (*location, index), seen)
    elif isinstance(node, yaml.ScalarNode) and _SECRET_VALUE.search(node.value):
        yield Problem(file, _line(node), dotted(location), "holds a secret in clear.", _TAKE_OUT)


def _of_mapping(node: yaml.MappingNode, file: str, location: Location, seen: set[int]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for key, value in node.value:
        name = str(key.value)
        here = (*location, name)
        if name in first and name != "<<":
            message = f"is given twice; it stands in line {first[name]} already."
            yield Problem(file, _line(key), dotted(here), message, "keep one of the two.")
        first.setdefault(name, _line(key))
        if not _is_plain(key):
            yield Problem(file, _line(key), dotted(location), _TAGGED, "remove the tag; write a plain key.")
        if _SECRET_KEY.search(name):
            yield Problem(file, _line(key), dotted(here), "is a secret, and this file holds none.", _TAKE_OUT)
        else:
            yield from _of_nodes(value, file, here, seen)


def _is_plain(node: yaml.Node) -> bool:
    """Whether a node says by its form what it is, not by a tag (``!!int x``, ``!python/name``)."""
    if node.tag in _FORMS:
        return isinstance(node, yaml.ScalarNode) and bool(re.fullmatch(_FORMS[node.tag][0], node.value))
    return node.tag in _TAGS


def is_secret(location: Location) -> bool:
    """Whether a key by its name holds a secret: :func:`read` has said so, and nothing else is to be said of it."""
    return any(isinstance(part, str) and _SECRET_KEY.search(part) for part in location)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # The last one wins, as it does in the data (merged keys come first).
        for key, value in reversed(node.value):
            if key.value == part:
                return _line(key), value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return _line(item), item
    return None


# --- data to sentences


def _sentence(document: Document, model: type[BaseModel], detail: ErrorDetails, guess: str | None) -> Problem:
    location = detail["loc"]
    context = detail.get("ctx", {})
    if detail["type"] == "ours":
        below = (part for part in str(context["at"]).split(".") if part)
        location = (*location, *(int(part) if part.isdigit() else part for part in below))
        return document.problem(location, _ended(context["message"]), _ended(context["remedy"]))
    if detail["type"] == "extra_forbidden":
        return document.problem(location, "is not known here.", _unknown(model, location, guess))
    words = _Words(detail["input"], context, _example(model, location), _hint(model, location))
    message, remedy = _SENTENCES.get(detail["type"], _other)(words)
    return document.problem(location, _ended(message), _ended(remedy))


@dataclass(frozen=True)
class _Words:
    value: object
    context: Mapping[str, Any]
    example: str
    hint: str

    @property
    def shown(self) -> str:
        """The value as it stands in the file, if it is short and no secret."""
        text = str(self.value)
        if isinstance(self.value, (dict, list)) or len(text) > _LONGEST_ECHO or _SECRET_VALUE.search(text):
            return "this value"
        return f"`{text}`"

    @property
    def type(self) -> str:
        if isinstance(self.value, bool):
            return "true or false"
        return next((name for kinds, name in _TYPE_NAMES if isinstance(self.value, kinds)), "empty")


_TYPE_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((int, float), "a number"),
    (str, "text"),
    (dict, "a block of keys"),
    (list, "a list"),
)


def _text(words: _Words) -> tuple[str, str]:
    message = f"must be text, and is {words.type}"
    if isinstance(words.value, (int, float)):
        value = str(words.value).lower() if isinstance(words.value, bool) else words.value
        return message, f'put it into quotes: "{value}"'
    return message, f"write it behind the colon, as in {words.example}"


def _form(words: _Words) -> tuple[str, str]:
    if not str(words.value).strip():
        return _empty(words)
    hint = f" ({words.hint.rstrip('.')})" if words.hint else ""
    return f"{words.shown} has not the form that it must have{hint}", f"write it as in {words.example}"


def _word(words: _Words) -> tuple[str, str]:
    allowed = re.findall(r"'([^']+)'", str(words.context.get("expected", "")))
    near = difflib.get_close_matches(str(words.value), allowed, n=1)
    did_you_mean = f"did you mean {near[0]}? " if near else ""
    return f"{words.shown} is none of the words that may stand here", f"{did_you_mean}use one of: {', '.join(allowed)}"


def _date(words: _Words) -> tuple[str, str]:
    return f"{words.shown} is no day of the calendar", f"write year, month, day, as in {words.example}"


def _whole(words: _Words) -> tuple[str, str]:
    kind = "a number with a fraction" if isinstance(words.value, float) else words.type
    return f"must be a whole number, and is {kind}", f"write digits alone, as in {words.example}"


def _number(words: _Words) -> tuple[str, str]:
    return f"must be a number, and is {words.type}", f"write it as in {words.example}"


def _least(words: _Words) -> tuple[str, str]:
    return f"{words.shown} is too small", f"write {words.context['ge']} or more"


def _most(words: _Words) -> tuple[str, str]:
    return f"{words.shown} is too large", f"write {words.context['le']} or less"


def _missing(words: _Words) -> tuple[str, str]:
    hint = f" {words.hint}" if words.hint else ""
    return "is missing", f"add {words.example}.{hint}"


def _empty(words: _Words) -> tuple[str, str]:
    return "is empty", f"fill it, as in {words.example}"


def _block(words: _Words) -> tuple[str, str]:
    return f"must be a block of keys, and is {words.type}", f"below it, indented by two spaces, write {words.example}"


def _list(words: _Words) -> tuple[str, str]:
    return f"must be a list, and is {words.type}", f"use brackets, or a dash before each entry: {words.example}"


def _boolean(words: _Words) -> tuple[str, str]:
    return f"must be true or false, and is {words.type}", "write true or false, without quotes"


def _too_many(words: _Words) -> tuple[str, str]:
    return "has too many entries", f"write it as in {words.example}"


def _not_text(words: _Words) -> tuple[str, str]:
    return "a key must be text", "put the key into quotes"


def _other(words: _Words) -> tuple[str, str]:
    return f"{words.shown} cannot stand here", f"write it as in {words.example}; docs/challenge.md says what it means"


_SENTENCES: Mapping[str, Callable[[_Words], tuple[str, str]]] = {
    "missing": _missing,
    "string_type": _text,
    "path_type": _text,
    "string_pattern_mismatch": _form,
    "string_too_short": _empty,
    "literal_error": _word,
    "date_type": _date,
    "date_parsing": _date,
    "date_from_datetime_parsing": _date,
    "date_from_datetime_inexact": _date,
    "int_type": _whole,
    "int_parsing": _whole,
    "int_from_float": _whole,
    "float_type": _number,
    "float_parsing": _number,
    "finite_number": _number,
    "greater_than_equal": _least,
    "less_than_equal": _most,
    "too_short": _empty,
    "too_long": _too_many,
    "model_type": _block,
    "model_attributes_type": _block,
    "dict_type": _block,
    "tuple_type": _list,
    "list_type": _list,
    "bool_type": _boolean,
    "bool_parsing": _boolean,
    "invalid_key": _not_text,
}


def _unknown(model: type[BaseModel], location: Location, guess: str | None) -> str:
    known = _fields(_at(model, location[:-1]))
    if guess:
        return f"did you mean `{guess}`?"
    return f"remove it; what may stand here: {', '.join(known)}." if known else "remove it."


def _meant(model: type[BaseModel], location: Location) -> str | None:
    near = difflib.get_close_matches(str(location[-1]).lower(), _fields(_at(model, location[:-1])), n=1)
    return near[0] if near else None


def _hint(model: type[BaseModel], location: Location) -> str:
    field = _field(model, location)
    return (field.description or "") if field else ""


def _example(model: type[BaseModel], location: Location) -> str:
    """How the value at ``location`` may look, with its key where it has one."""
    field = _field(model, location)
    if field is None:
        return "include/challenges/demo.yaml"
    key = next(part for part in reversed(location) if isinstance(part, str))
    if field.examples:
        return f"`{key}: {field.examples[0]}`"
    inner = _model_in(field.annotation)
    if inner is None:
        return "include/challenges/demo.yaml"
    required = [name for name, each in inner.model_fields.items() if each.is_required()] or list(inner.model_fields)
    return f"`{key}` with its keys {', '.join(required)} (see include/challenges/demo.yaml)"


def _field(model: type[BaseModel], location: Location) -> FieldInfo | None:
    names = [part for part in location if isinstance(part, str)]
    holder = _at(model, tuple(names[:-1]))
    return holder.model_fields.get(names[-1]) if holder and names else None


def _at(model: type[BaseModel], location: Iterable[str | int]) -> type[BaseModel] | None:
    """The model that describes what stands at ``location``."""
    here: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str):
            field = here.model_fields.get(part) if here else None
            here = _model_in(field.annotation) if field else None
    return here


def _fields(model: type[BaseModel] | None) -> list[str]:
    return list(model.model_fields) if model else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model in ``Model``, ``Model | None``, ``tuple[Model, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return next((found for each in inner if (found := _model_in(each))), None)


def _ended(text: object) -> str:
    said = str(text)
    return said if said.endswith((".", "?", "!")) else f"{said}."
