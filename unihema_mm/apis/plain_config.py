"""Configs of published models, read without running them."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.config import Config

from unihema_mm.engine.portable_config import HERE
from unihema_mm.utils.errors import InputError


def read_plain_config(path: Path) -> Config:
    """Read a config file that holds nothing but values, as a published model has it.

    A config in Python is a program: mmengine runs it. That of a model from others is read here instead, by
    its syntax tree.

    Args:
        path: Config file; ``{{ fileDirname }}`` in its texts becomes its folder.

    Raises:
        InputError: It is absent or holds more than ``name = value`` with texts, numbers, lists, tuples and
            ``dict(key=value)``.
    """
    try:
        tree = ast.parse(path.read_text(encoding='utf-8'))
        values = dict(_assignment(node) for node in tree.body)
    except OSError as error:
        raise InputError(f'{path}: config cannot be read ({error.strerror})') from None
    except (SyntaxError, ValueError) as error:
        raise InputError(
            f'{path}: is not the config of a published model, which holds values only ({error}); '
            'publish it with tools/model_converters/publish.py'
        ) from None
    folder = str(path.resolve().parent)
    return Config(_in_texts(values, lambda text: text.replace(HERE, folder)), filename=str(path))


def _assignment(node: ast.stmt) -> tuple[str, Any]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, _value(value)
    raise ValueError(f'line {node.lineno}: {type(node).__name__}')


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.Call(func=ast.Name(id='dict'), args=[], keywords=pairs) if all(pair.arg for pair in pairs):
            return {pair.arg: _value(pair.value) for pair in pairs}
    raise ValueError(f'line {node.lineno}: {type(node).__name__}')


def _in_texts(node: Any, change: Callable[[str], str]) -> Any:
    if isinstance(node, dict):
        return {key: _in_texts(value, change) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_in_texts(value, change) for value in node)
    return change(node) if isinstance(node, str) else node
