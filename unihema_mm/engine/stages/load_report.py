"""What the parts of a model start from, as a table."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from terminaltables import AsciiTable
from torch import nn
from transformers import PreTrainedModel

from unihema_mm.utils.checkpoint import OPTIONAL_WEIGHTS

from .label_spaces import LabelSpaces

INITIALISED = 'initialised'


class PartStart(NamedTuple):
    """Weights of one part of the model that come from the same place.

    Attributes:
        part: Top-level module, or member of one that holds several, such as 'tasks.seg'.
        source: Checkpoint file, None where the model initialises them.
        tensors: Number of parameters and buffers in the state dict.
        parameters: Number of trained or frozen values, buffers left out.
        pretrained: Where an initialised part has its weights from, such as 'torchvision://resnet50'.
    """

    part: str
    source: str | None
    tensors: int
    parameters: int
    pretrained: str | None = None


class IgnoredPart(NamedTuple):
    """Weights of a checkpoint that are not loaded.

    Attributes:
        source: Checkpoint file.
        part: As in :class:`PartStart`, of the checkpoint.
        tensors: Their number.
        covered: Whether the model has them from elsewhere; else it has no such weights.
    """

    source: str
    part: str
    tensors: int
    covered: bool


@dataclass(frozen=True)
class LoadReport:
    """What a model started from.

    Attributes:
        parts: In the order of the model.
        ignored: In the order of the starts.
        label_spaces: What the loaded outputs stand for, as the checkpoints tell.
    """

    parts: tuple[PartStart, ...]
    ignored: tuple[IgnoredPart, ...] = ()
    label_spaces: LabelSpaces = field(default_factory=dict)

    @property
    def loaded(self) -> int:
        """Number of tensors that come from a checkpoint."""
        return sum(row.tensors for row in self.parts if row.source is not None)

    def lines(self) -> list[str]:
        """Draw the table, and name below it what the checkpoints hold that the model has not."""
        rows = [['module', 'from', 'tensors', 'parameters']]
        for row in self.parts:
            pretrained = f' ({row.pretrained})' if row.pretrained else ''
            source = row.source or f'{INITIALISED}{pretrained}'
            rows.append([row.part, source, f'{row.tensors:,}', f'{row.parameters:,}'])
        totals = (sum(row.tensors for row in self.parts), sum(row.parameters for row in self.parts))
        rows.append(['total', f'{self.loaded:,} tensors loaded', *(f'{total:,}' for total in totals)])
        table = AsciiTable(rows)
        table.justify_columns = {2: 'right', 3: 'right'}
        table.inner_footing_row_border = True
        return [*table.table.splitlines(), *self._ignored_lines()]

    def to_json(self) -> dict:
        """Plain content for a JSON file."""
        return {
            'parts': [row._asdict() for row in self.parts],
            'ignored': [row._asdict() for row in self.ignored],
            'label_spaces': self.label_spaces,
        }

    def _ignored_lines(self) -> Iterator[str]:
        for source in dict.fromkeys(row.source for row in self.ignored if not row.covered):
            parts = [
                f'{row.part} ({row.tensors})'
                for row in self.ignored
                if row.source == source and not row.covered
            ]
            yield f'{source}: holds weights that this model has not, tensors of each: {", ".join(parts)}'


def part_of(model: nn.Module, name: str) -> str:
    """Part of the model that a weight is listed under, see :class:`PartStart`."""
    names = name.split('.')
    container = isinstance(getattr(model, names[0], None), nn.ModuleDict)
    return '.'.join(names[:2]) if container else names[0]


def ignored_parts(model: nn.Module, source: str, names: Mapping[str, bool]) -> list[IgnoredPart]:
    """Count what is not loaded by part.

    Args:
        model: Model without wrappers.
        source: Checkpoint file.
        names: Weight that is not loaded -> whether the model has it.
    """
    counts = Counter((part_of(model, name), covered) for name, covered in names.items())
    return [IgnoredPart(source, part, count, covered) for (part, covered), count in counts.items()]


def started_parts(model: nn.Module, sources: Mapping[str, str]) -> list[PartStart]:
    """Count by part where the weights of a model come from.

    Counters and checks that older files lack count where a file has them, weights with two names once.

    Args:
        model: Model without wrappers.
        sources: Weight -> checkpoint file, for those that come from one; either name of those with two.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    places = {id(parameters[name]): source for name, source in sources.items() if name in parameters}
    tensors: Counter = Counter()
    values: Counter = Counter()
    seen: set[int] = set()
    for name, value in model.state_dict().items():
        parameter = parameters.get(name)
        if id(parameter) in seen or (name.endswith(OPTIONAL_WEIGHTS) and name not in sources):
            continue
        if parameter is not None:
            seen.add(id(parameter))
        key = part_of(model, name), places.get(id(parameter), sources.get(name))
        tensors[key] += 1
        values[key] += 0 if parameter is None else value.numel()
    return [
        PartStart(part, source, count, values[part, source], None if source else _pretrained(model, part))
        for (part, source), count in tensors.items()
    ]


def _pretrained(model: nn.Module, part: str) -> str | None:
    """Checkpoint that a part loads when it initialises itself."""
    try:
        module = model.get_submodule(part)
    except AttributeError:  # a parameter of the model itself
        return None
    for inner in module.modules():
        config = getattr(inner, 'init_cfg', None)
        if isinstance(config, Mapping) and config.get('type') == 'Pretrained':
            return str(config.get('checkpoint'))
        if isinstance(inner, PreTrainedModel) and inner.name_or_path:
            return str(inner.name_or_path)
    return None
