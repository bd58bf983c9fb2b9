"""Classes and attributes of cells as numbers."""

from collections.abc import Mapping, Sequence

from unihema_mm.structures.attributes import MISSING, AttributeSchema
from unihema_mm.utils.palette import colour_blind_palette

from ..label_space import as_class_names, make_label_space, nearest_label

FILE = 'file'


class CellLabelsMixin:
    """The label space of classes and the schema of attributes, before :class:`SmearRecordsMixin`.

    ``metainfo`` gets ``classes``, ``palette`` and, where there is a schema, ``attributes`` (name -> values).
    Each record gets ``annotated``, the labels that the file annotates, where the label space holds more: what
    the others are is unknown there, not absent. So with RBC and burr cell in the label space, a box that a
    file calls RBC is no evidence against a burr cell, and one that it calls burr cell is none against RBC.
    A label that a file reaches through finer classes alone counts as annotated, whether or not these are all.

    Args:
        classes: Label space shared by several sets, by default the classes of the file.
        ancestors: Whether a class that ``classes`` lacks takes the label of its nearest ancestor there, see
            :func:`~unihema_mm.datasets.label_space.nearest_label`; else it is an error.
        attributes: Schema of attributes as :meth:`AttributeSchema.build` takes it; ``'file'`` for
            ``info.attributes`` of the file, none where it has none; ``None`` to read no attributes.
        other_attributes: Whether the attributes of the file are others than ``attributes`` and are passed
            over, so that all cells are without.
        metainfo: ``metainfo['classes']`` is not needed; if given, it must equal the names in the file.
        **kwargs: Arguments of the next class.

    Attributes:
        cat2label: Category id of the file -> label.
        attribute_schema (AttributeSchema, optional): The schema.
        annotated_attributes (dict[str, list[str]], optional): Class -> the attributes of which one of its
            cells has a value, for classes with any; ``None`` without a schema.
    """

    def __init__(
        self,
        *args,
        classes: Sequence[str] | None = None,
        ancestors: bool = False,
        attributes: str | Mapping | Sequence | None = FILE,
        other_attributes: bool = False,
        metainfo: dict | None = None,
        **kwargs,
    ) -> None:
        self.shared_classes = None if classes is None else as_class_names(classes, 'classes')
        self.declared_classes = None
        if metainfo and 'classes' in metainfo:
            self.declared_classes = as_class_names(metainfo['classes'], 'metainfo.classes')
        self.ancestors = ancestors
        self._attributes = attributes
        self._other_attributes = other_attributes
        self.attribute_schema: AttributeSchema | None = None
        self._annotated: set[tuple[int, str]] = set()  # label and attribute
        super().__init__(*args, metainfo=metainfo, **kwargs)

    @property
    def annotated_attributes(self) -> dict[str, list[str]] | None:
        """See the class."""
        if self.attribute_schema is None:
            return None
        found: dict[str, list[str]] = {}
        for label, name in sorted(self._annotated):
            found.setdefault(self._metainfo['classes'][label], []).append(name)
        return found

    def _set_up(self, document: dict, info: dict) -> None:
        super()._set_up(document, info)
        self._metainfo['classes'], self.cat2label = make_label_space(
            document['categories'], self.ann_file, self.declared_classes, self.shared_classes, self.ancestors
        )
        self._metainfo.setdefault('palette', colour_blind_palette(len(self._metainfo['classes'])))
        self.attribute_schema = self._make_schema(info)
        if self.attribute_schema is not None:
            self._metainfo['attributes'] = self.attribute_schema.attributes

    def _common(self, image: dict) -> dict:
        record = super()._common(image)
        labels = set(self.cat2label.values())
        if len(labels) < len(self._metainfo['classes']):
            record['annotated'] = tuple(sorted(labels))
        return record

    def _label_of(self, name: str) -> int | None:
        """Label of a class; ``None`` where the label space has none for it."""
        classes = self._metainfo['classes']
        label = nearest_label(name, classes, self.ancestors)
        return None if label is None else classes.index(label)

    def _encode_attributes(self, values: object, label: int, where: str) -> list[int]:
        """Attributes of one cell of a class, -1 where not annotated; an empty list without a schema."""
        if self.attribute_schema is None:
            return []
        if not values or self._other_attributes:
            return [MISSING] * len(self.attribute_schema)
        if not isinstance(values, dict):
            mend = 'write an object of attribute name and value'
            raise self._error(where, 'attributes', f'is {values!r}', mend)
        encoded = self.attribute_schema.encode(values, f'{self.ann_file}: {where}').tolist()
        self._annotated.update((label, name) for name in values)
        return encoded

    def _make_schema(self, info: dict) -> AttributeSchema | None:
        if self._attributes == FILE:
            declared = info.get('attributes')
            return AttributeSchema(declared, f'{self.ann_file}: info.attributes') if declared else None
        return None if self._attributes is None else AttributeSchema.build(self._attributes)
