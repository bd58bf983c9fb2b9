"""Schema of morphological attributes: between names and values, labels and logits."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from .attribute_values import check_attribute_values, load_attribute_values

MISSING = -1


class AttributeSchema:
    """Which attributes a cell may have, and which values each may take.

    An attribute is a choice of one of its values. Labels are indices of values, ``-1`` where a cell is not
    annotated. Logits are flat and attribute-major: those of the first attribute's values come first.

    Args:
        attributes (Mapping[str, Sequence[str]]): Attribute name -> two or more values, in the order of the
            logits.
        name (str): Name of the schema, for messages.

    Attributes:
        attributes (dict[str, tuple[str, ...]]): As given.
        names (tuple[str, ...]): The A attribute names.
        slices (tuple[slice, ...]): Place of each attribute in the flat logits.
        num_logits (int): Number of values of all attributes.

    Raises:
        InputError: ``attributes`` is malformed.

    Examples:
        >>> schema = AttributeSchema({'size': ['small', 'big'], 'colour': ['pink', 'red', 'nil']})
        >>> schema.encode({'colour': 'red'})
        tensor([-1,  1])
        >>> schema.decode(torch.tensor([-1, 1]))
        {'colour': 'red'}
    """

    def __init__(self, attributes: Mapping[str, Sequence[str]], name: str = 'attributes') -> None:
        self.name = name
        self.attributes = check_attribute_values(attributes, name)
        self.names = tuple(self.attributes)
        bounds = accumulate(map(len, self.attributes.values()), initial=0)
        self.slices = tuple(slice(*pair) for pair in pairwise(bounds))
        self.num_logits = self.slices[-1].stop

    @classmethod
    def build(cls, source: str | Mapping[str, Sequence[str]] | Sequence) -> 'AttributeSchema':
        """Make a schema from what a config holds.

        Args:
            source: Name of a shipped set (``'wbcatt'``, ``'leukemia_attri'``), names and values, or a list of
                these, whose attributes follow one another.

        Returns:
            AttributeSchema: The schema.

        Raises:
            InputError: A set is unknown or malformed, or two of a list give one attribute different values.
        """
        if isinstance(source, str):
            return cls(load_attribute_values(source), source)
        if not isinstance(source, list | tuple):
            return cls(source)
        parts = [cls.build(part) for part in source]
        merged = {}
        for part in parts:
            for name, values in part.attributes.items():
                if merged.setdefault(name, values) != values:
                    raise InputError(
                        f'{part.name}: {name}: has the values {list(values)}, '
                        f'but {list(merged[name])} in a set before; '
                        'rename one of the two attributes'
                    )
        return cls(merged, '+'.join(part.name for part in parts))

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.attributes!r}, name={self.name!r})'

    def check(self, attributes: Mapping[str, Sequence[str]] | None) -> None:
        """Check that labels of a data set mean what those of this schema mean.

        Args:
            attributes (Mapping[str, Sequence[str]], optional): Attributes of the data set.

        Raises:
            InputError: They differ, in names, values or order, or there are none.
        """
        found = {name: tuple(values) for name, values in (attributes or {}).items()}
        if list(found.items()) != list(self.attributes.items()):
            raise InputError(
                f'attributes of the data are {found or "absent"}, those of the model {self.attributes} '
                f'({self.name}); give the dataset the schema of the model: attributes={self.name!r}'
            )

    def encode(
        self, values: Mapping[str, str] | Sequence[Mapping[str, str]], where: str | None = None
    ) -> Tensor:
        """Turn annotated values into labels.

        Args:
            values (Mapping[str, str] | Sequence[Mapping[str, str]]): Attribute name -> value of a cell, or a
                list of these; an absent name means not annotated.
            where (str, optional): File and record, for messages. Defaults to the name of the schema.

        Returns:
            Tensor: int64, (A,) for a cell, (n, A) for a list of n cells; ``-1`` is not annotated.

        Raises:
            InputError: A name or a value is not in the schema.
        """
        if not isinstance(values, Mapping):
            rows = [self.encode(cell, where) for cell in values]
            return torch.stack(rows) if rows else torch.empty(0, len(self), dtype=torch.long)
        labels = dict.fromkeys(self.names, MISSING)
        for name, value in values.items():
            labels[name] = self._label(name, value, where or self.name)
        return torch.tensor(list(labels.values()))

    def decode(self, predictions: Tensor) -> dict[str, str] | list[dict[str, str]]:
        """Name the values of labels or of the largest logits.

        Args:
            predictions (Tensor): Labels, integer, (A,) or (n, A); or logits, floating, (num_logits,) or
                (n, num_logits).

        Returns:
            dict[str, str] | list[dict[str, str]]: Attribute name -> value without the missing ones, of one
            cell or of each.

        Raises:
            ValueError: The shape or a label does not fit the schema.
        """
        labels = self.best(predictions) if predictions.is_floating_point() else predictions
        self._check_width(labels, len(self), 'labels')
        if labels.dim() > 1:
            return [self.decode(row) for row in labels]
        result = {}
        for (name, values), label in zip(self.attributes.items(), labels.tolist(), strict=True):
            if not MISSING <= label < len(values):
                raise ValueError(f'{self.name}: {name}: label {label} is not in [-1, {len(values)})')
            if label != MISSING:
                result[name] = values[label]
        return result

    def split(self, logits: Tensor) -> tuple[Tensor, ...]:
        """Cut flat logits (..., num_logits) into one (..., number of values) per attribute."""
        self._check_width(logits, self.num_logits, 'logits')
        return tuple(logits[..., place] for place in self.slices)

    def best(self, logits: Tensor) -> Tensor:
        """Labels int64 (..., A) of the largest logit of each attribute, from (..., num_logits)."""
        return torch.stack([part.argmax(dim=-1) for part in self.split(logits)], dim=-1)

    def _label(self, name: str, value: str, where: str) -> int:
        if name not in self.attributes:
            raise InputError(
                f'{where}: attribute {name!r} is not in the schema ({nearest_names(str(name), self.names)}); '
                'correct the name, or add it to the schema'
            )
        known = self.attributes[name]
        if value not in known:
            raise InputError(
                f'{where}: {name}: {value!r} is not a value of it ({nearest_names(str(value), known)}); '
                'correct the value, or leave it out where it is not annotated'
            )
        return known.index(value)

    def _check_width(self, tensor: Tensor, width: int, what: str) -> None:
        if tensor.shape[-1] != width:
            raise ValueError(
                f'{self.name}: {what} of shape {tuple(tensor.shape)} must have {width} on the last axis'
            )
