"""Names and values of morphological attributes: shipped sets and the check of given ones.

Apart from :mod:`.attributes` so that data commands can read a set without waiting for torch.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import yaml

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

AttributeValues = dict[str, tuple[str, ...]]


def attribute_set_names() -> list[str]:
    """List the shipped attribute sets."""
    return sorted(Path(file.name).stem for file in _folder().iterdir() if file.name.endswith('.yaml'))


def load_attribute_values(name: str) -> AttributeValues:
    """Load a shipped attribute set.

    Args:
        name: ``'wbcatt'`` (11 attributes) or ``'leukemia_attri'`` (6 binary ones).

    Returns:
        Attribute name -> its values, in the order of the logits.

    Raises:
        InputError: There is no such set.
    """
    names = attribute_set_names()
    if name not in names:
        raise InputError(
            f'attribute set {name!r} is not known ({nearest_names(name, names)}); '
            'use one of these, or give the names and values themselves'
        )
    text = (_folder() / f'{name}.yaml').read_text(encoding='utf-8')
    return check_attribute_values(yaml.safe_load(text), name)


def check_attribute_values(attributes: object, where: str) -> AttributeValues:
    """Check the names and values of attributes.

    Args:
        attributes: What a file or a config holds.
        where: Its name, for messages.

    Returns:
        Attribute name -> its values.

    Raises:
        InputError: It is not a mapping of names to two or more different texts each.
    """
    if not isinstance(attributes, Mapping) or not attributes:
        raise InputError(f'{where}: is {attributes!r}; write attribute name: [value, value, ...]')
    for name, values in attributes.items():
        if not isinstance(name, str):
            raise InputError(f'{where}: attribute {name!r} is not a text; put it in quotes')
        if isinstance(values, str) or not isinstance(values, list | tuple):
            raise InputError(f'{where}: {name}: is {values!r}; write a list of two or more values')
        for value in values:
            if not isinstance(value, str):
                raise InputError(f"{where}: {name}: value {value!r} is not a text; put it in quotes ('yes')")
        if len(values) < 2 or len(set(values)) < len(values):
            raise InputError(f'{where}: {name}: is {list(values)}; list two or more values, each once')
    return {name: tuple(values) for name, values in attributes.items()}


def _folder():
    return resources.files(__package__) / 'attribute_sets'
