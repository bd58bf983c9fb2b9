"""What the outputs of a model stand for: the names of classes, and of attributes and their values."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from unihema_mm.structures.attributes import AttributeSchema
from unihema_mm.utils.errors import InputError

# Part of the model -> {'classes': names}, or {'attributes': {name: values}, 'annotated': {class: names of the
# attributes that cells of it have}}; plain types for a checkpoint.
LabelSpaces = dict[str, dict[str, Any]]

KEY = 'label_spaces'  # in ``meta`` of a checkpoint
ANNOTATED = 'annotated'
_BOX_HEADS = re.compile(r'(bbox|mask)_head(\.\d+)?$')
_OBJECTS = 'objects'  # the features that come from the box head


def find_label_spaces(
    model: nn.Module, datasets: Iterable[Dataset], trained: Iterable[Dataset] = ()
) -> LabelSpaces:
    """Tell for each part of a model whose outputs stand for names, which these are.

    Classes are in the metainfo of data sets: of one whose tasks have classes of their own they are
    those of these tasks, of another those of the box head. Attributes are in the model itself; for which
    classes they are annotated, is counted in the data sets that their tasks are trained with.

    Args:
        model: Model without wrappers.
        datasets: Data sets without wrappers.
        trained: Those of them that the run is trained with.

    Returns:
        Dotted name of the part, such as ``'bbox_head.cls_branches'`` -> its names. A part whose classes no
        data set tells is not in it.

    Raises:
        InputError: Two data sets name the classes of one part differently.
    """
    spaces: LabelSpaces = {
        name: {'attributes': {key: list(values) for key, values in module.schema.attributes.items()}}
        for name, module in model.named_modules()
        if isinstance(getattr(module, 'schema', None), AttributeSchema)
    }
    for dataset in trained:
        for part in _attribute_parts(spaces, getattr(dataset, 'tasks', ())):
            annotated = getattr(dataset, 'annotated_attributes', None)
            if annotated is not None:
                spaces[part][ANNOTATED] = _united(spaces[part].get(ANNOTATED, {}), annotated)
    for dataset in datasets:
        classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
        if classes is None:
            continue
        for part in _class_parts(model, getattr(dataset, 'tasks', ())):
            known = spaces.setdefault(part, {'classes': list(classes)})
            difference = first_difference(known, {'classes': list(classes)})
            if difference is not None:
                raise InputError(
                    f'{getattr(dataset, "ann_file", None) or type(dataset).__name__}: its classes are not '
                    f'those of the other data sets of {part}: {difference.replace("here", "in the others")}; '
                    'give all of them the same classes=[...]'
                )
    return spaces


def stored_label_spaces(checkpoint: Mapping) -> LabelSpaces:
    """Label spaces that a checkpoint tells, none where it is of another program."""
    meta = checkpoint.get('meta')
    spaces = meta.get(KEY) if isinstance(meta, Mapping) else None
    if not isinstance(spaces, Mapping):
        return {}
    return {part: dict(space) for part, space in spaces.items() if isinstance(space, Mapping)}


def merge_label_spaces(earlier: LabelSpaces, later: LabelSpaces) -> LabelSpaces:
    """Label spaces of a run that begins with the weights of another.

    Args:
        earlier: Those of the weights it begins with.
        later: Its own, which count where both tell a part; but an attribute that was annotated for a class
            earlier stays so.

    Returns:
        Those of all parts.
    """
    merged = {**earlier, **later}
    for part in later:
        tables = [spaces[part][ANNOTATED] for spaces in (earlier, later) if ANNOTATED in spaces.get(part, {})]
        if tables:
            merged[part] = {**later[part], ANNOTATED: _united(*tables)}
    return merged


def label_difference(part: str, ours: LabelSpaces, checkpoint: Mapping) -> str | None:
    """Compare the names of one part with those that a checkpoint was trained with.

    A checkpoint without label spaces, as mmdet writes it, may name the classes of its data sets in
    ``dataset_meta``, but not what they are for. It differs where those of the same number are all different.

    Args:
        part: Dotted name of the part.
        ours: Label spaces of the run.
        checkpoint: Whole checkpoint.

    Returns:
        The first difference in words; None where there is none, or either of the two tells no names.
    """
    if part not in ours:
        return None
    stored = stored_label_spaces(checkpoint)
    if stored:
        return first_difference(ours[part], stored[part]) if part in stored else None
    if 'classes' not in ours[part]:
        return None
    fitting = [names for names in _dataset_classes(checkpoint) if len(names) == len(ours[part]['classes'])]
    differences = [first_difference(ours[part], {'classes': names}) for names in fitting]
    return None if not differences or None in differences else differences[0]


def first_difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    """Say where two label spaces of a part differ first, None where they do not.

    Args:
        ours: ``{'classes': names}`` or ``{'attributes': {name: values}}`` of the run.
        theirs: The other.
    """
    for number, (one, other) in enumerate(zip_longest(_outputs(ours), _outputs(theirs))):
        if one != other:
            return f'output {number} is {one or "absent"} here and {other or "absent"} there'
    return None


def _outputs(space: Mapping[str, Any]) -> list[str]:
    """What each output stands for, in order."""
    classes = [f'class {name!r}' for name in space.get('classes', ())]
    values = [(name, value) for name, values in space.get('attributes', {}).items() for value in values]
    return classes + [f'attribute {name!r} {value!r}' for name, value in values]


def _attribute_parts(spaces: LabelSpaces, keys: Sequence[str]) -> Iterator[str]:
    """Parts that predict the attributes of these tasks."""
    prefixes = tuple(f'tasks.{key}.' for key in keys)
    yield from (part for part, space in spaces.items() if 'attributes' in space and part.startswith(prefixes))


def _united(*tables: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Class -> attributes that one of the tables names."""
    united: dict[str, dict[str, None]] = {}
    for table in tables:
        for name, attributes in table.items():
            united.setdefault(name, {}).update(dict.fromkeys(attributes))
    return {name: list(attributes) for name, attributes in united.items()}


def _class_parts(model: nn.Module, keys: Sequence[str]) -> Iterator[str]:
    """Parts whose outputs are the classes of a data set of these tasks."""
    tasks = getattr(model, 'tasks', None)
    if not isinstance(tasks, nn.ModuleDict):
        yield from _object_parts(model)
        return
    chosen = {key: tasks[key] for key in keys or tuple(tasks)[:1] if key in tasks}
    own = [key for key, task in chosen.items() if hasattr(task, 'num_classes')]
    for key in own:
        heads = [name for name, module in chosen[key].named_children() if hasattr(module, 'num_classes')]
        yield from (f'tasks.{key}.{name}' for name in heads)
        if not heads:
            yield f'tasks.{key}'
    if not own and any(_OBJECTS in getattr(task, 'reads', ()) for task in chosen.values()):
        yield from _object_parts(model)


def _object_parts(model: nn.Module) -> Iterator[str]:
    for name, module in model.named_modules():
        if not isinstance(getattr(module, 'num_classes', None), int):
            continue
        if name == 'dn_query_generator':
            yield name
        elif _BOX_HEADS.search(name):
            yield f'{name}.cls_branches' if hasattr(module, 'cls_branches') else name


def _dataset_classes(checkpoint: Mapping) -> list[list[str]]:
    """Classes of all data sets that mmengine's ``dataset_meta``, or the ``CLASSES`` of mmdet 2, name."""
    meta = checkpoint.get('meta')
    if not isinstance(meta, Mapping):
        return []
    found = meta.get('dataset_meta')
    found = found if isinstance(found, Mapping) else {}
    sets = found.get('sets')
    parts = [found, *(sets.values() if isinstance(sets, Mapping) else ())]
    named = [part.get('classes') for part in parts if isinstance(part, Mapping)] + [meta.get('CLASSES')]
    return [list(names) for names in named if isinstance(names, list | tuple)]
